//! A SOM-VAE under training.
//!
//! With codes `z_e`, their nearest embeddings `z_q`, the reconstructions of both, and `N` the embedding
//! itself and its four neighbours on the grid, the loss for static images is
//!
//! ```text
//! mean (x - x_q)^2 + mean (x - x_e)^2 + alpha mean (z_e - z_q)^2 + beta mean_N (sg[z_e] - e)^2
//! ```
//!
//! with means over batch and features, and over the five places of `N` in the last term. As in the authors'
//! code a place beyond the border holds zeros: it adds a constant and no gradient, and the mean is over five
//! places everywhere. Nothing is copied straight through: the encoder learns from the reconstruction of its
//! own codes and from the third term, whose gradient goes both ways.

use std::collections::HashMap;

use tch::{Device, Kind, Tensor};

use super::SomVaeSettings;
use super::network::{Network, Plan};
use crate::nn::slices::ordered_sum;
use crate::nn::tape::Threads;
use crate::nn::{Adam, Layout, Parameters, Segment, Slot, state};
use crate::random::{self, Seed};
use crate::runs::checkpoint::Named;
use crate::som::{Grid, nearest};
use crate::train::{Error, Trainable};

/// Names of the loss's terms, in order.
const TERMS: [&str; 4] = ["reconstruction_q", "reconstruction_e", "commitment", "som"];
/// Rows that are encoded at once where there are many: convolutions take 4 MB for each, and as many as a batch has of
/// rows take memory that is there already.
const AT_ONCE: i64 = 32;

/// One model.
#[derive(Debug)]
pub struct SomVae {
    settings: SomVaeSettings,
    seed: Seed,
    network: Network,
    segment: Segment,
    parameters: Parameters,
    /// Views of the parameters that autograd knows.
    leaves: Vec<(Slot, Tensor)>,
    /// Laid out as the parameters are.
    gradient: Tensor,
    adam: Adam,
    /// `[rows, D]`, only what is trained on.
    data: Tensor,
    /// `[units, 5]`: each unit and its neighbours; the number of units where there is none.
    grid_neighbours: Tensor,
    /// The order of an epoch, `[rows]`.
    order: Option<(u64, Tensor)>,
    /// The terms of the last step's loss.
    last: Option<[Tensor; 4]>,
}

impl SomVae {
    /// An untrained model on the first rows of `data` `[rows, D]`, as many as the settings say; weights
    /// from the seed's stream `"weights"`.
    ///
    /// # Errors
    /// If the architecture does not fit the data.
    pub fn new(settings: &SomVaeSettings, seed: Seed, data: &Tensor) -> Result<Self, Error> {
        let rows = settings.training_rows.unwrap_or(i64::MAX);
        let data = data.narrow(0, 0, rows.min(data.size()[0]));
        let mut layout = Layout::default();
        let segment = layout.segment();
        let plan = Plan {
            architecture: settings.architecture,
            filters: settings.filters,
            hidden: &settings.hidden,
            latent: settings.latent,
            units: settings.map.units() as i64,
        };
        let network = Network::new(plan, data.size()[1], &mut layout).map_err(Error::Settings)?;
        let parameters = Parameters::zeros(layout, 1, data.device());
        network.initialise(&parameters, &mut random::stream(seed, "weights"));
        let leaf = |slot: Slot| {
            let view = parameters.value(slot).select(0, 0);
            (slot, view.data().set_requires_grad(true))
        };
        let leaves = parameters.layout().slots().map(|(_, slot)| leaf(slot));
        Ok(Self {
            leaves: leaves.collect(),
            gradient: parameters.values.zeros_like(),
            adam: Adam::new(settings.adam, &parameters.values),
            grid_neighbours: grid_neighbours(settings.map).to_device(data.device()),
            settings: settings.clone(),
            seed,
            network,
            segment,
            parameters,
            data,
            order: None,
            last: None,
        })
    }

    /// The rows of the batch at an iteration, by number: a new order every epoch, from the seed's streams
    /// `"order 0"`, `"order 1"`, ..; what is left at its end and fills no batch is not used.
    fn chosen(&mut self, iteration: u64) -> Tensor {
        let rows = self.data.size()[0];
        let batch = self.settings.batch.min(rows);
        let per_epoch = (rows / batch) as u64;
        let (epoch, position) = (iteration / per_epoch, (iteration % per_epoch) as i64);
        let order = match &self.order {
            Some((known, order)) if *known == epoch => order.shallow_clone(),
            _ => {
                let mut stream = random::stream(self.seed, &format!("order {epoch}"));
                let order = random::distinct_indices(&mut stream, rows as usize, rows as usize);
                let order: Vec<i64> = order.into_iter().map(|row| row as i64).collect();
                let order = Tensor::from_slice(&order).to_device(self.data.device());
                self.order = Some((epoch, order.shallow_clone()));
                order
            }
        };
        order.narrow(0, position * batch, batch)
    }

    /// The terms of the loss on `x` `[batch, D]`, unweighted.
    fn terms(&self, part: &dyn Fn(Slot) -> Tensor, x: &Tensor) -> [Tensor; 4] {
        let embeddings = part(self.network.embeddings);
        let code = self.network.encode(part, x);
        let winners: Vec<i64> = nearest(&code.detach(), &embeddings.detach())
            .into_iter()
            .map(i64::from)
            .collect();
        // Rows of one winner share its reconstruction, which is made once and handed out by a product.
        let mut distinct = winners.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let tensor = |units: &[i64]| Tensor::from_slice(units).to_device(x.device());
        let (winners, distinct) = (tensor(&winners), tensor(&distinct));
        let who = winners.unsqueeze(1).eq_tensor(&distinct.unsqueeze(0));
        let who = who.to_kind(x.kind());
        let chosen = embeddings.index_select(0, &distinct);
        let decoded = who.mm(&self.network.decode_quantised(part, &chosen));
        let quantised = who.mm(&chosen);
        let mean = |difference: Tensor| difference.square().mean(Kind::Float);
        let latent = self.settings.latent;
        let none = Tensor::zeros([1, latent], (Kind::Float, x.device()));
        let around = Tensor::cat(&[&embeddings, &none], 0);
        let neighbours = self.grid_neighbours.index_select(0, &winners).view([-1]);
        let around = around.index_select(0, &neighbours).view([-1, 5, latent]);
        [
            mean(decoded - x),
            mean(self.network.decode(part, &code) - x),
            mean(&code - &quantised),
            mean(code.detach().unsqueeze(1) - around),
        ]
    }

    fn loss(&self, [quantised, direct, commitment, som]: &[Tensor; 4]) -> Tensor {
        quantised + direct + commitment * self.settings.alpha + som * self.settings.beta
    }

    /// Its parameters.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Puts embeddings on the codes of `rows` `[n, D]`, as far as both go, so that each row has a winner of its
    /// own, as in a map that is trained.
    pub fn place_embeddings(&mut self, rows: &Tensor) {
        let codes = self.encode(rows);
        let embeddings = self.prototypes();
        let count = codes.size()[0].min(embeddings.size()[0]);
        let mut places = embeddings.narrow(0, 0, count);
        places.copy_(&codes.narrow(0, 0, count));
    }

    fn trained(&self, slot: Slot) -> Tensor {
        self.parameters.value(slot).select(0, 0)
    }

    /// Codes of `rows` `[rows, D]`, part by part.
    pub fn encode(&self, rows: &Tensor) -> Tensor {
        let _no_graph = tch::no_grad_guard();
        let part = |slot| self.trained(slot);
        let parts = rows.split(AT_ONCE, 0).into_iter();
        let codes = parts.map(|rows| self.network.encode(&part, &rows));
        Tensor::cat(&codes.collect::<Vec<_>>(), 0)
    }

    /// The embeddings, `[units, latent]`.
    pub fn prototypes(&self) -> Tensor {
        self.trained(self.network.embeddings)
    }

    /// The embeddings as rows of the data, `[units, D]`.
    pub fn decoded_prototypes(&self) -> Tensor {
        let _no_graph = tch::no_grad_guard();
        let part = |slot| self.trained(slot);
        self.network.decode_quantised(&part, &self.prototypes())
    }

    /// Mean squared error of the codes' reconstructions over `rows` and features.
    #[must_use]
    pub fn reconstruction_loss(&self, rows: &Tensor, codes: &Tensor) -> f64 {
        let _no_graph = tch::no_grad_guard();
        let part = |slot| self.trained(slot);
        let pairs = rows
            .split(AT_ONCE, 0)
            .into_iter()
            .zip(codes.split(AT_ONCE, 0));
        let sums = pairs.map(|(rows, codes)| {
            let error = (self.network.decode(&part, &codes) - rows).square();
            ordered_sum(&error.sum_dim_intlist(-1, false, Kind::Double))
        });
        sums.sum::<f64>() / rows.numel() as f64
    }

    /// The parameters by name.
    pub(super) fn weights(&self) -> Vec<(String, Tensor)> {
        state::weights(&self.parameters, 0)
    }

    /// Whether all that changes from step to step is finite.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        state::is_finite(&self.parameters, &self.adam, 0)
    }
}

/// For each unit of the map itself and its neighbours below, above, to the right and to the left; the
/// number of units stands for none. `[units, 5]`
fn grid_neighbours(map: Grid) -> Tensor {
    let (rows, columns) = (map.rows as i64, map.columns as i64);
    let mut neighbours = Vec::with_capacity(5 * map.units());
    for row in 0..rows {
        for column in 0..columns {
            for (down, right) in [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)] {
                let (row, column) = (row + down, column + right);
                let inside = (0..rows).contains(&row) && (0..columns).contains(&column);
                neighbours.push(if inside {
                    row * columns + column
                } else {
                    rows * columns
                });
            }
        }
    }
    Tensor::from_slice(&neighbours).view([-1, 5])
}

impl Trainable for SomVae {
    fn iterations(&self) -> u64 {
        self.settings.iterations
    }

    fn step(&mut self, iteration: u64) -> Result<(), Error> {
        // Autograd adds up gradients thread by thread: one thread, the same bits everywhere.
        let _threads = Threads::limit(self.data.device() == Device::Cpu);
        let chosen = self.chosen(iteration);
        let x = self.data.f_index_select(0, &chosen)?;
        let leaves: HashMap<Slot, &Tensor> = self
            .leaves
            .iter()
            .map(|(slot, leaf)| (*slot, leaf))
            .collect();
        let all: Vec<&Tensor> = self.leaves.iter().map(|(_, leaf)| leaf).collect();
        // Elsewhere no graph is wanted, so that it is switched off there.
        let (terms, gradients) = tch::with_grad(|| {
            let terms = self.terms(&|slot| leaves[&slot].shallow_clone(), &x);
            let gradients = Tensor::f_run_backward(&[self.loss(&terms)], &all, false, false);
            gradients.map(|gradients| (terms, gradients))
        })?;
        for ((slot, _), gradient) in self.leaves.iter().zip(&gradients) {
            let part = self.parameters.part_of_segment(&self.gradient, *slot);
            part.select(0, 0).copy_(gradient);
        }
        self.adam
            .set_learning_rate(self.settings.learning_rate(iteration));
        self.adam.next_step();
        let range = self.parameters.range(self.segment);
        let gradient = self
            .gradient
            .narrow(0, range.start, range.end - range.start);
        self.adam
            .update(&self.parameters.values, range, &gradient)?;
        self.last = Some(terms.map(|term| term.detach()));
        Ok(())
    }

    fn losses(&self) -> Vec<(&'static str, Vec<f64>)> {
        let terms = self.last.iter().flatten().zip(TERMS);
        terms
            .map(|(term, name)| (name, vec![term.double_value(&[])]))
            .collect()
    }

    fn state(&self, model: usize) -> Vec<(String, Tensor)> {
        state::state(&self.parameters, &self.adam, model)
    }

    fn restore(&mut self, model: usize, iteration: u64, stored: &Named) -> Result<(), String> {
        state::restore(&self.parameters, &mut self.adam, model, iteration, stored)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::super::SomVaeArchitecture;
    use super::*;

    fn settings(architecture: SomVaeArchitecture) -> SomVaeSettings {
        SomVaeSettings {
            architecture,
            filters: 3,
            hidden: vec![12, 8],
            latent: 4,
            map: Grid {
                rows: 2,
                columns: 3,
            },
            batch: 7,
            iterations: 12,
            decay_interval: 4,
            ..SomVaeSettings::paper()
        }
    }

    fn data(rows: i64, dims: i64) -> Tensor {
        random::uniform(3, &[rows, dims])
    }

    fn model(architecture: SomVaeArchitecture, dims: i64) -> SomVae {
        SomVae::new(&settings(architecture), Seed(1), &data(30, dims)).unwrap()
    }

    #[test]
    fn neighbours_are_those_of_the_grid() {
        let map = Grid {
            rows: 2,
            columns: 3,
        };
        let neighbours = Vec::<i64>::try_from(grid_neighbours(map).view([-1])).unwrap();
        // 0 1 2
        // 3 4 5
        assert_eq!(neighbours[..5], [0, 3, 6, 1, 6]);
        assert_eq!(neighbours[20..25], [4, 6, 1, 5, 3]);
    }

    /// The loss written out in plain loops of doubles.
    #[test]
    fn the_loss_is_that_of_a_plain_computation() {
        let model = model(SomVaeArchitecture::Dense, 6);
        let x = data(5, 6);
        let part = |slot| model.trained(slot);
        let terms = model.terms(&part, &x).map(|term| term.double_value(&[]));
        let rows = |t: &Tensor| -> Vec<Vec<f64>> { t.to_kind(Kind::Double).try_into().unwrap() };
        let (code, embeddings) = (rows(&model.encode(&x)), rows(&model.prototypes()));
        let direct = rows(&model.network.decode(&part, &model.encode(&x)));
        let decoded = rows(&model.decoded_prototypes());
        let square =
            |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum() };
        let mut expected = [0.0; 4];
        for (row, (z, x)) in code.iter().zip(rows(&x)).enumerate() {
            let distance = |unit: &usize| square(z, &embeddings[*unit]);
            let unit = (0..6)
                .min_by(|a, b| distance(a).total_cmp(&distance(b)))
                .unwrap();
            expected[0] += square(&decoded[unit], &x) / 30.0;
            expected[1] += square(&direct[row], &x) / 30.0;
            expected[2] += distance(&unit) / 20.0;
            let zeros = [0.0; 4];
            let (r, c) = (unit as i64 / 3, unit as i64 % 3);
            for (r, c) in [(r, c), (r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)] {
                let inside = (0..2).contains(&r) && (0..3).contains(&c);
                let other = if inside {
                    &embeddings[(3 * r + c) as usize]
                } else {
                    zeros.as_slice()
                };
                expected[3] += square(z, other) / 100.0;
            }
        }
        for (found, expected) in terms.iter().zip(expected) {
            assert!(
                (found - expected).abs() < 1e-5 * expected.max(0.01),
                "{found} {expected}"
            );
        }
    }

    #[test]
    fn gradients_reach_what_the_paper_says_they_do() {
        let model = model(SomVaeArchitecture::Dense, 6);
        let leaves: HashMap<Slot, &Tensor> = model
            .leaves
            .iter()
            .map(|(slot, leaf)| (*slot, leaf))
            .collect();
        let terms = model.terms(&|slot| leaves[&slot].shallow_clone(), &data(9, 6));
        let all: Vec<&Tensor> = model.leaves.iter().map(|(_, leaf)| leaf).collect();
        // Which halves each term has a gradient for: encoder, quantised decoder, direct decoder, embeddings.
        let halves = ["encoder", "decoder.quantised", "decoder.direct", "som"];
        for (term, reached) in terms.iter().zip([
            [false, true, false, true],
            [true, false, true, false],
            [true, false, false, true],
            [false, false, false, true],
        ]) {
            // What a term does not depend on has no gradient: a term of 0 times all makes it zeros.
            let zero = all.iter().fold(Tensor::from(0.0_f32), |sum, leaf| {
                sum + leaf.sum(Kind::Float) * 0.0
            });
            let gradients = Tensor::run_backward(&[term + zero], &all, true, false);
            for (half, reached) in halves.into_iter().zip(reached) {
                let named = model.parameters.layout().slots().zip(&gradients);
                let found = named
                    .filter(|((name, _), _)| name.starts_with(half))
                    .any(|(_, gradient)| gradient.abs().max().double_value(&[]) > 0.0);
                assert_eq!(found, reached, "{half}");
            }
        }
    }

    #[test]
    fn convolutions_keep_sizes_and_training_lowers_the_loss() {
        let mut model = SomVae::new(
            &SomVaeSettings {
                iterations: 40,
                ..settings(SomVaeArchitecture::Convolutional)
            },
            Seed(1),
            &data(14, 784),
        )
        .unwrap();
        assert_eq!(model.encode(&data(3, 784)).size(), [3, 4]);
        assert_eq!(model.decoded_prototypes().size(), [6, 784]);
        let sum = |model: &SomVae| {
            model
                .losses()
                .iter()
                .map(|(_, value)| value[0])
                .sum::<f64>()
        };
        model.step(0).unwrap();
        let first = sum(&model);
        (1..40).for_each(|step| model.step(step).unwrap());
        assert!(sum(&model) < 0.95 * first, "{first} {}", sum(&model));
        let refused = SomVae::new(
            &settings(SomVaeArchitecture::Convolutional),
            Seed(1),
            &data(9, 64),
        );
        assert!(refused.unwrap_err().to_string().contains("28 x 28"));
    }

    #[test]
    fn a_restored_model_goes_on_to_the_same_bits() {
        let fresh = || model(SomVaeArchitecture::Dense, 6);
        let mut whole = fresh();
        (0..12).for_each(|step| whole.step(step).unwrap());
        for cut in [1, 4, 9] {
            let mut first = fresh();
            (0..cut).for_each(|step| first.step(step).unwrap());
            let stored: Named = first.state(0).into_iter().collect();
            let mut second = fresh();
            second.restore(0, cut, &stored).unwrap();
            (cut..12).for_each(|step| second.step(step).unwrap());
            assert_eq!(second.parameters.values, whole.parameters.values, "{cut}");
            assert_eq!(second.adam.second, whole.adam.second, "{cut}");
        }
    }

    #[test]
    fn an_epoch_shows_each_row_at_most_once() {
        let mut model = model(SomVaeArchitecture::Dense, 6);
        // 30 rows in batches of 7: four batches, two rows are left over.
        let mut epoch = |start: u64| -> Vec<i64> {
            let batches: Vec<Tensor> = (start..start + 4).map(|step| model.chosen(step)).collect();
            let mut rows = Vec::<i64>::try_from(Tensor::cat(&batches, 0)).unwrap();
            rows.sort_unstable();
            rows
        };
        let (first, second) = (epoch(0), epoch(4));
        for rows in [&first, &second] {
            assert_eq!(rows.len(), 28);
            assert!(rows.windows(2).all(|pair| pair[0] < pair[1]));
        }
        assert_ne!(first, second);
    }
}
