//! A cohort of DESOM models and its training step.
//!
//! Autoencoder, `D-500-500-2000-10` in the papers, with a SOM on the codes, trained together on
//! `MSE(x, decode(encode(x))) + gamma * mean_i sum_k w_ik |z_i - m_k|^2` by Adam, one optimiser
//! state for network and prototypes. The models of a cohort see the same batches; they differ in
//! gamma and seed.

use std::collections::HashMap;
use std::ops::ControlFlow;

use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

use super::{BatchOrder, PrototypeStart, Settings};
use crate::nn::initial::glorot_uniform;
use crate::nn::{Adam, Layout, Network, Parameters, Precision, Segment, Slot, Step, state};
use crate::random::{self, Seed};
use crate::runs::checkpoint::Named;
use crate::som::online::{Lengths, Order, Spread};
use crate::som::{OnlineSom, SomLoss};
use crate::train::batches::Batches;
use crate::train::{Error, Trainable};

/// Losses are noted after each of so many first steps: what the first of them do to a pretrained
/// autoencoder is one of the paper's statements.
pub(super) const FOLLOWED_CLOSELY: u64 = 500;

/// What the losses of the last step are computed from.
#[derive(Debug)]
struct LastStep {
    /// The batch, `[batch, D]`.
    x: Tensor,
    /// The SOM's term without gamma, `[models]`.
    som_loss: Tensor,
}

/// DESOM models that differ in gamma and seed only.
#[derive(Debug)]
pub struct DesomCohort {
    settings: Settings,
    precision: Precision,
    network: Network,
    prototypes: Slot,
    map: Segment,
    /// `[models, units, latent]`
    prototype_gradient: Tensor,
    parameters: Parameters,
    adam: Adam,
    som: SomLoss,
    /// `[units, units]`
    squared_distances: Tensor,
    /// `[rows, D]`
    data: Tensor,
    /// By batch size: the usual one, and that of the last batch of an epoch.
    steps_by_batch_size: HashMap<i64, Step>,
    last: Option<LastStep>,
    /// Those of the first seed, where they are shuffled.
    batches: Batches,
}

impl DesomCohort {
    /// Untrained models on `data` `[rows, D]`: weights from each seed's stream `"weights"`,
    /// prototypes from its stream `"prototypes"`: the codes of distinct random rows, trained on as a
    /// classic map if the settings say so, or random values.
    ///
    /// `settings` are those of the first model; the others' differ in gamma at most.
    ///
    /// # Errors
    /// If the data has fewer rows than the map has units, if the architecture does not fit the data or
    /// the precision, or if several models are to have shuffled batches, which are each seed's own.
    pub fn new(
        settings: &Settings,
        members: &[(f64, Seed)],
        data: &Tensor,
        device: Device,
        precision: Precision,
    ) -> Result<Self, Error> {
        Self::begin(settings, members, &[], data, device, precision)
    }

    /// As [`DesomCohort::new`], with pretrained autoencoders: their weights by name, one for each model.
    ///
    /// # Errors
    /// As [`DesomCohort::new`], and if weights are not those of this network.
    pub fn begin(
        settings: &Settings,
        members: &[(f64, Seed)],
        pretrained: &[Named],
        data: &Tensor,
        device: Device,
        precision: Precision,
    ) -> Result<Self, Error> {
        let rows = settings
            .training_rows
            .unwrap_or(i64::MAX)
            .min(data.size()[0]);
        let data = data.narrow(0, 0, rows);
        let dims = data.size()[1];
        let units = settings.map.units();
        if (rows as usize) < units {
            return Err(Error::Settings(format!(
                "a map of {units} units needs at least as many rows of data, not {rows}"
            )));
        }
        if settings.batch_order == BatchOrder::Shuffled && members.len() > 1 {
            return Err(Error::Settings(format!(
                "shuffled batches are each run's own: {} models cannot share them",
                members.len()
            )));
        }
        let mut layout = Layout::default();
        let network = settings.shape().network(dims, &mut layout);
        let network = network.map_err(Error::Settings)?;
        network.check(precision, device).map_err(Error::Settings)?;
        let map = layout.segment();
        let prototypes = layout.add("som.prototypes", &[units as i64, settings.latent]);
        let parameters = Parameters::zeros(layout, members.len() as i64, device);
        let gammas: Vec<f64> = members.iter().map(|(gamma, _)| *gamma).collect();
        for (model, (_, seed)) in (0..).zip(members) {
            network.initialise(&parameters, model, &mut random::stream(*seed, "weights"));
            if let Some(weights) = pretrained.get(model as usize) {
                state::set_weights(&parameters, model, weights).map_err(Error::Settings)?;
            }
            let encode = |rows: &Tensor| network.encode(&parameters, model, rows);
            let mut stream = random::stream(*seed, "prototypes");
            let start = match settings.prototype_start {
                PrototypeStart::Sample => encode(&sample(&mut stream, &data, units)),
                PrototypeStart::Som => {
                    let codes = encode(&sample(&mut stream, &data, units));
                    let chunks = data.split(network.rows_at_once(), 0);
                    let all: Vec<Tensor> = chunks.iter().map(encode).collect();
                    organised(settings, &codes, &Tensor::cat(&all, 0))
                }
                PrototypeStart::Glorot => {
                    glorot_uniform(&mut stream, units as i64, settings.latent).to_device(device)
                }
            };
            parameters.value(prototypes).select(0, model).copy_(&start);
        }
        let squared = settings.map.squared_distances(settings.map_distance);
        let side = units as i64;
        let first: Vec<Seed> = members.iter().map(|(_, seed)| *seed).take(1).collect();
        Ok(Self {
            adam: Adam::new(settings.adam, &parameters.values),
            som: SomLoss::new(&gammas, device),
            squared_distances: Tensor::from_slice(&squared)
                .view([side, side])
                .to_device(device),
            data,
            steps_by_batch_size: HashMap::new(),
            last: None,
            batches: Batches::new(
                rows,
                settings.batch,
                settings.batch_order.into(),
                &first,
                BatchOrder::PURPOSE,
            ),
            settings: settings.clone(),
            precision,
            network,
            prototype_gradient: parameters.value(prototypes).zeros_like(),
            prototypes,
            map,
            parameters,
        })
    }

    /// Puts trained weights into a model, all of its own, by name. What else a run keeps is passed over.
    ///
    /// # Errors
    /// If one is missing or has another shape; the message says which.
    pub fn set_weights(&self, model: i64, weights: &Named) -> Result<(), Error> {
        let mut own = Vec::new();
        for (name, _) in self.parameters.layout().slots() {
            let found = weights.get_key_value(name);
            own.push(found.ok_or_else(|| {
                Error::Settings(format!("the weights of this run have no {name}"))
            })?);
        }
        state::set_weights(&self.parameters, model, own).map_err(Error::Settings)
    }

    /// The network, e.g. to encode with.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The parameters of all models.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The prototypes of one model, `[units, latent]`.
    pub fn prototypes(&self, model: i64) -> Tensor {
        self.parameters.value(self.prototypes).select(0, model)
    }

    /// Whether all that changes from step to step is finite in one model. Parameters can be while the
    /// optimiser's second moment is not: then nothing moves any more, and no loss shows it.
    #[must_use]
    pub fn is_finite(&self, model: i64) -> bool {
        state::is_finite(&self.parameters, &self.adam, model)
    }

    /// The batch at an iteration, `[batch, D]`; the last one of an epoch is shorter, never empty.
    fn batch(&mut self, iteration: u64) -> Tensor {
        self.batches.at(iteration, &self.data).of(&self.data)
    }
}

impl Trainable for DesomCohort {
    fn iterations(&self) -> u64 {
        self.settings.iterations
    }

    fn step(&mut self, iteration: u64) -> Result<(), Error> {
        let x = self.batch(iteration);
        let rows = x.size()[0];
        let temperature = self
            .settings
            .temperature
            .at(iteration, self.settings.iterations);
        let weights = self
            .settings
            .neighbourhood
            .weights(&self.squared_distances, temperature);
        let (network, parameters) = (&self.network, &self.parameters);
        let (latent, precision) = (self.settings.latent, self.precision);
        let step = self.steps_by_batch_size.entry(rows);
        let step = step.or_insert_with(|| Step::new(network, parameters, rows, latent, precision));
        self.adam.next_step();
        let adam = &self.adam;
        let mut update = |segment: Segment, gradient: &Tensor| {
            adam.update(&parameters.values, parameters.range(segment), gradient)
        };
        step.forward(parameters, &x);
        step.backward_decoder(&x, &mut update)?;
        let som_loss = if iteration.is_multiple_of(self.settings.update_interval) {
            self.som.loss_and_gradients(
                &step.code(),
                &parameters.value(self.prototypes),
                &weights,
                &step.code_delta(),
                &self.prototype_gradient,
            )
        } else {
            // A neighbourhood of 0. Adam is told, and moves the prototypes by their momentum.
            let _ = self.prototype_gradient.zero_();
            Tensor::zeros([parameters.models()], (Kind::Float, x.device()))
        };
        update(self.map, &self.prototype_gradient.view([-1]))?;
        step.backward_encoder(parameters, &x, &mut update)?;
        self.last = Some(LastStep { x, som_loss });
        Ok(())
    }

    fn losses(&self) -> Vec<(&'static str, Vec<f64>)> {
        let Some(last) = &self.last else {
            return Vec::new();
        };
        let step = &self.steps_by_batch_size[&last.x.size()[0]];
        let reconstruction = step.reconstruction_losses(&last.x);
        vec![
            ("reconstruction", reconstruction),
            ("som", to_vec(&last.som_loss)),
        ]
    }

    fn state(&self, model: usize) -> Vec<(String, Tensor)> {
        state::state(&self.parameters, &self.adam, model)
    }

    fn restore(&mut self, model: usize, iteration: u64, stored: &Named) -> Result<(), String> {
        state::restore(&self.parameters, &mut self.adam, model, iteration, stored)
    }

    fn followed_closely(&self) -> u64 {
        FOLLOWED_CLOSELY
    }
}

/// Distinct random rows, `[count, D]`.
fn sample(stream: &mut ChaCha8Rng, data: &Tensor, count: usize) -> Tensor {
    let chosen = random::distinct_indices(stream, data.size()[0] as usize, count);
    let chosen: Vec<i64> = chosen.into_iter().map(|row| row as i64).collect();
    data.index_select(0, &Tensor::from_slice(&chosen).to_device(data.device()))
}

/// Prototypes trained as a classic online map on the codes of all rows, once, row after row: radius from
/// one less than the map's shorter side, rate from 0.5, both falling to a third, in the form of `MiniSom`
/// at the time of the authors' code. They start at `prototypes`; the code starts at random, which an
/// epoch of so many samples forgets.
fn organised(settings: &Settings, prototypes: &Tensor, codes: &Tensor) -> Tensor {
    let som = OnlineSom {
        map: settings.map,
        updates: codes.size()[0] as u64,
        learning_rate: 0.5,
        sigma: settings
            .map
            .rows
            .min(settings.map.columns)
            .saturating_sub(1) as f64,
        spread: Spread::TwoPi,
        lengths: Lengths::Free,
        order: Order::Sequential,
        ends: None,
    };
    // Nothing is drawn: the order is the data's.
    let mut rng = random::stream(Seed(0), "unused");
    let go_on = &mut |_| ControlFlow::Continue(());
    let trained = som.train(codes, prototypes, &mut rng, go_on);
    trained.map_or_else(
        || prototypes.shallow_clone(),
        |trained| trained.to_device(codes.device()),
    )
}

fn to_vec(tensor: &Tensor) -> Vec<f64> {
    let tensor = tensor.to_device(Device::Cpu).to_kind(Kind::Double);
    tensor
        .iter::<f64>()
        .map(Iterator::collect)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::som::Grid;

    #[test]
    fn prototypes_start_at_codes_or_as_the_weights_of_a_layer() {
        let prototypes = |start| {
            let settings = Settings {
                hidden: vec![5, 4, 6],
                latent: 2,
                batch: 8,
                prototype_start: start,
                ..Settings::paper()
            };
            let data =
                crate::nn::initial::glorot_uniform(&mut random::stream(Seed(9), "data"), 100, 30);
            let members = [(0.001, Seed(4)), (0.001, Seed(5))];
            let exact = Precision::Exact;
            let cohort = DesomCohort::new(&settings, &members, &data, Device::Cpu, exact).unwrap();
            let codes = cohort.network.encode(&cohort.parameters, 0, &data);
            (cohort.prototypes(0), cohort.prototypes(1), codes)
        };
        let (glorot, other, _) = prototypes(PrototypeStart::Glorot);
        assert_ne!(glorot, other);
        let limit = (6.0_f64 / (64.0 + 2.0)).sqrt();
        let most = glorot.abs().max().double_value(&[]);
        assert!((0.9 * limit..=limit).contains(&most), "{most}");
        let (sampled, _, codes) = prototypes(PrototypeStart::Sample);
        let distances = Tensor::cdist(&sampled, &codes, 2.0, None::<i64>);
        let furthest = distances.amin([1], false).max().double_value(&[]);
        assert!(furthest < 1e-4, "{furthest}");
    }

    fn cohort(order: BatchOrder, seeds: &[u64]) -> Result<DesomCohort, Error> {
        let settings = Settings {
            hidden: vec![5, 4, 6],
            latent: 2,
            batch: 8,
            map: Grid {
                rows: 2,
                columns: 2,
            },
            batch_order: order,
            ..Settings::paper()
        };
        let data = Tensor::arange(60, (Kind::Float, Device::Cpu)).view([20, 3]);
        let members: Vec<(f64, Seed)> = seeds.iter().map(|&seed| (0.001, Seed(seed))).collect();
        DesomCohort::new(&settings, &members, &data, Device::Cpu, Precision::Exact)
    }

    /// The first values of the rows of an epoch of three batches.
    fn epoch(cohort: &mut DesomCohort, epoch: u64) -> Vec<f32> {
        let batches = (0..3).map(|batch| cohort.batch(3 * epoch + batch));
        let batches: Vec<Tensor> = batches.collect();
        let sizes: Vec<i64> = batches.iter().map(|batch| batch.size()[0]).collect();
        assert_eq!(sizes, [8, 8, 4]);
        Vec::try_from(Tensor::cat(&batches, 0).select(1, 0)).unwrap()
    }

    #[test]
    fn a_shuffled_epoch_has_every_row_once_in_an_order_of_its_own() {
        let in_file: Vec<f32> = (0..20_u8).map(|row| 3.0 * f32::from(row)).collect();
        let mut plain = cohort(BatchOrder::File, &[1, 2]).unwrap();
        assert_eq!(epoch(&mut plain, 0), in_file);
        let mut shuffled = cohort(BatchOrder::Shuffled, &[1]).unwrap();
        let [first, second] = [0, 1].map(|number| epoch(&mut shuffled, number));
        assert!(first != second && first != in_file);
        for order in [&first, &second] {
            let mut sorted = order.clone();
            sorted.sort_by(f32::total_cmp);
            assert_eq!(sorted, in_file);
        }
        // Going back, as a resumed run may, gives the same; another seed does not.
        assert_eq!(epoch(&mut shuffled, 0), first);
        let mut other = cohort(BatchOrder::Shuffled, &[2]).unwrap();
        assert_ne!(epoch(&mut other, 0), first);
    }

    #[test]
    fn models_cannot_share_shuffled_batches() {
        let error = cohort(BatchOrder::Shuffled, &[1, 2]).err().unwrap();
        assert!(error.to_string().contains("each run's own"), "{error}");
    }
}
