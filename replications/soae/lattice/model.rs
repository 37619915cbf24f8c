//! A SOM, or SOAE on a lattice, under training.

use tch::{Device, Kind, Tensor};

use super::kernel::{draw, weigh};
use super::{LatticeSettings, Learning, Nodes};
use crate::nn::adam::AdamOptions;
use crate::nn::slices::{on_cpu, ordered_sum, slice_mut};
use crate::nn::state;
use crate::random::{self, Seed};
use crate::replications::soae::chain::Chain;
use crate::replications::soae::settings::falling;
use crate::runs::checkpoint::Named;
use crate::som::{Grid, nearest, online};
use crate::train::{Error, Trainable};

/// What the prototypes are called in checkpoints and among the weights.
pub(super) const PROTOTYPES: &str = "som.prototypes";

/// G: what a node decodes into.
enum Decoder {
    /// An image for each node, `[nodes, D]`.
    Table(Tensor),
    /// A network of the nodes' coordinates, `[nodes, 2]`.
    Network(Box<Chain>, Tensor),
}

/// Lattice, decoder, and what they are trained on.
pub(super) struct Map {
    pub(super) settings: LatticeSettings,
    seed: Seed,
    decoder: Decoder,
    /// `[rows, D]`; on the CPU for a table.
    data: Tensor,
    /// Of the last iteration.
    losses: Vec<(&'static str, f64)>,
}

/// Rows and columns of the nodes, from -1 to 1, `[nodes, 2]`.
fn coordinates(map: Grid) -> Tensor {
    let scaled =
        |place: usize, length: usize| (2.0 * place as f64 / (length - 1) as f64 - 1.0) as f32;
    let nodes = (0..map.units()).flat_map(|node| {
        let (row, column) = (node / map.columns, node % map.columns);
        [scaled(row, map.rows), scaled(column, map.columns)]
    });
    Tensor::from_slice(&nodes.collect::<Vec<_>>()).view([-1, 2])
}

impl Map {
    /// A fresh one for `data` `[rows, D]`, all of which is trained on. A table begins with random rows, as the
    /// SOM does.
    pub fn new(settings: &LatticeSettings, seed: Seed, data: &Tensor) -> Self {
        let decoder = match &settings.learning {
            Learning::Som { rate } | Learning::Table { rate, .. } => {
                let mut rng = random::stream(seed, "prototypes");
                Decoder::Table(settings.online(*rate).random_rows(&on_cpu(data), &mut rng))
            }
            Learning::Network { hidden } => {
                let ends = (2, data.size()[1]);
                let inner = hidden.iter().copied();
                let widths: Vec<i64> = std::iter::once(ends.0)
                    .chain(inner)
                    .chain([ends.1])
                    .collect();
                let chain = Chain::new("decoder", &widths, AdamOptions::keras(), data.device());
                chain.initialise(&mut random::stream(seed, "decoder"));
                let nodes = coordinates(settings.map).to_device(data.device());
                Decoder::Network(Box::new(chain), nodes)
            }
        };
        let data = match &decoder {
            Decoder::Table(_) => on_cpu(data),
            Decoder::Network(..) => data.shallow_clone(),
        };
        Self {
            settings: settings.clone(),
            seed,
            decoder,
            data,
            losses: Vec::new(),
        }
    }

    /// What the nodes decode into, `[nodes, D]`, on the CPU.
    pub fn prototypes(&self) -> Tensor {
        match &self.decoder {
            Decoder::Table(table) => table.shallow_clone(),
            Decoder::Network(chain, nodes) => on_cpu(&chain.apply(nodes)),
        }
    }

    /// What a run keeps: the prototypes, and the network where there is one.
    pub fn weights(&self) -> Vec<(String, Tensor)> {
        let mut all = vec![(PROTOTYPES.to_owned(), self.prototypes())];
        if let Decoder::Network(chain, _) = &self.decoder {
            all.extend(state::weights(&chain.parameters, 0));
        }
        all
    }

    pub fn is_finite(&self) -> bool {
        match &self.decoder {
            Decoder::Table(table) => table.isfinite().all().int64_value(&[]) != 0,
            Decoder::Network(chain, _) => chain.is_finite(),
        }
    }

    /// Updates of a table, one row after the other; gives the mean squared distance of the rows from their
    /// winners. All ways of learning see the same rows in the same order.
    fn table_step(&mut self, iteration: u64) -> f64 {
        let Decoder::Table(table) = &mut self.decoder else {
            return f64::NAN;
        };
        let settings = &self.settings;
        let limit = self.data.size()[0] as usize;
        let mut rows = random::stream(self.seed, &format!("iteration {iteration}"));
        let next_row = &mut |_| random::index(&mut rows, limit);
        let first = iteration * settings.batch;
        let updates = first..first + settings.batch;
        let (rate, kernel, nodes) = match settings.learning {
            Learning::Table {
                rate,
                kernel,
                nodes,
            } => (rate, kernel, nodes),
            Learning::Som { rate } => {
                let som = settings.online(rate);
                return som.run_updates(&self.data, table, updates, next_row);
            }
            Learning::Network { .. } => return f64::NAN,
        };
        let mut draws = random::stream(self.seed, &format!("nodes {iteration}"));
        let (map, sigma, all) = (settings.map, settings.sigma, settings.updates());
        let mut rates_of = |winner: usize, t: u64, rates: &mut [f32]| {
            let (rate, sigma) = (falling(rate, t, all), falling(sigma, t, all));
            match nodes {
                Nodes::All => weigh(map, winner, (rate, sigma), kernel, rates),
                Nodes::Drawn => {
                    rates.fill(0.0);
                    rates[draw(map, winner, sigma, &mut draws)] = rate as f32;
                }
            }
        };
        let lengths = online::Lengths::Free;
        online::run_updates(&self.data, table, updates, lengths, next_row, &mut rates_of)
    }

    /// A step of the network: `z` drawn about the best matching node of each row of a batch, then Adam on the
    /// mean squared error of G(z). Gives the mean squared errors at the best matching nodes and at those drawn.
    fn network_step(&mut self, iteration: u64) -> Result<[f64; 2], Error> {
        let sigma = self.sigma(iteration);
        let Decoder::Network(chain, nodes) = &mut self.decoder else {
            return Ok([f64::NAN; 2]);
        };
        let (device, limit) = (self.data.device(), self.data.size()[0] as usize);
        let mut rng = random::stream(self.seed, &format!("iteration {iteration}"));
        let rows = (0..self.settings.batch).map(|_| random::index(&mut rng, limit) as i64);
        let rows = Tensor::from_slice(&rows.collect::<Vec<_>>()).to_device(device);
        let rows = self.data.index_select(0, &rows);
        let decoded = chain.forward(nodes);
        let images = &decoded[decoded.len() - 1];
        let winners = nearest(&rows, images);
        let mut draws = random::stream(self.seed, &format!("nodes {iteration}"));
        let drawn: Vec<i64> = winners
            .iter()
            .map(|&winner| draw(self.settings.map, winner as usize, sigma, &mut draws) as i64)
            .collect();
        let winners: Vec<i64> = winners.into_iter().map(i64::from).collect();
        let difference = |nodes: &[i64]| {
            let nodes = Tensor::from_slice(nodes).to_device(device);
            images.index_select(0, &nodes) - &rows
        };
        let of_drawn = difference(&drawn);
        let count = rows.numel() as f64;
        let error = |difference: &Tensor| {
            let squares = difference.square().sum_dim_intlist(1, false, Kind::Double);
            ordered_sum(&squares) / count
        };
        let errors = [error(&difference(&winners)), error(&of_drawn)];
        // A node's gradient is the sum over the rows that drew it: a product, because sums by index may be
        // added in any order.
        let mut who = Tensor::zeros(
            [drawn.len() as i64, nodes.size()[0]],
            (Kind::Float, Device::Cpu),
        );
        let width = nodes.size()[0] as usize;
        for (line, &node) in slice_mut(&mut who).chunks_exact_mut(width).zip(&drawn) {
            line[node as usize] = 1.0;
        }
        let who = who.to_device(device);
        let delta = who.tr().f_mm(&(of_drawn * (2.0 / count)))?;
        chain.learn(&decoded, &delta, false)?;
        Ok(errors)
    }

    /// Width of the kernel at the end of an iteration's updates; of a network, whose batch has one width, at
    /// the iteration.
    fn sigma(&self, iteration: u64) -> f64 {
        let settings = &self.settings;
        if let Learning::Network { .. } = settings.learning {
            return falling(settings.sigma, iteration, settings.iterations);
        }
        let last = (iteration + 1) * settings.batch - 1;
        falling(settings.sigma, last, settings.updates())
    }
}

impl Trainable for Map {
    fn iterations(&self) -> u64 {
        self.settings.iterations
    }

    fn step(&mut self, iteration: u64) -> Result<(), Error> {
        let sigma = self.sigma(iteration);
        let mut losses = match self.decoder {
            Decoder::Table(_) => {
                let squares = self.table_step(iteration);
                vec![("error", squares / self.data.size()[1] as f64)]
            }
            Decoder::Network(..) => {
                let [error, wake] = self.network_step(iteration)?;
                vec![("error", error), ("wake", wake)]
            }
        };
        losses.push(("sigma", sigma));
        self.losses = losses;
        Ok(())
    }

    fn losses(&self) -> Vec<(&'static str, Vec<f64>)> {
        let losses = self.losses.iter();
        losses.map(|&(name, loss)| (name, vec![loss])).collect()
    }

    fn state(&self, _: usize) -> Vec<(String, Tensor)> {
        match &self.decoder {
            Decoder::Table(table) => vec![(PROTOTYPES.to_owned(), table.copy())],
            Decoder::Network(chain, _) => chain.state(),
        }
    }

    fn restore(&mut self, _: usize, iteration: u64, stored: &Named) -> Result<(), String> {
        match &mut self.decoder {
            Decoder::Network(chain, _) => chain.restore(iteration, stored),
            Decoder::Table(table) => {
                let found = stored.get(PROTOTYPES);
                let found = found.ok_or_else(|| format!("{PROTOTYPES} is missing"))?;
                if found.size() != table.size() {
                    return Err(format!(
                        "{PROTOTYPES} has the shape {:?}, this map needs {:?}",
                        found.size(),
                        table.size()
                    ));
                }
                table.copy_(found);
                Ok(())
            }
        }
    }
}
