//! An autoencoder trained end to end on the mean squared error, as a [`Part`].
//!
//! As in the authors' code of DESOM (Keras' `fit`): Adam in Keras' form, mini-batches in a new random
//! order every epoch, the last short batch used. The order of epoch `e` is drawn from the stream
//! `"pretraining order e"` of the seed, so that resuming needs no state of a generator; the initial weights
//! come from the stream `"weights"`, so that a run which begins with the part is the one that begins
//! without it, trained further.
//!
//! A part is one model. On a CPU that is what runs are in any case. On a GPU the parts of a cohort are
//! trained one after the other, because models whose batches differ cannot share them.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Kind, Tensor};

use crate::device::TrainingProducts;
use crate::nn::adam::AdamOptions;
use crate::nn::slices::ordered_sum;
use crate::nn::{
    Adam, Architecture, Layout, Network, Parameters, Precision, Segment, Shape, Step, state,
};
use crate::random::{self, Seed};
use crate::runs::Outcome;
use crate::runs::checkpoint::Named;
use crate::train::{
    Context, Driven, Error, Event, Finished, Member, Need, Part, Trainable, Trial, Work, drive,
    settings, time_of_step,
};

/// All that a pretrained autoencoder depends on beside data and seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoencoderSettings {
    /// Dense or convolutional.
    #[serde(default, skip_serializing_if = "Architecture::is_default")]
    pub architecture: Architecture,
    /// Batch normalisation after each hidden activation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub batch_norm: bool,
    /// Widths of the encoder's hidden layers, or filters of its three convolutions; the decoder
    /// mirrors them.
    pub hidden: Vec<i64>,
    /// Latent features.
    pub latent: i64,
    /// Rows of a batch; the last one of an epoch may be shorter.
    pub batch: i64,
    /// Passes over the data.
    pub epochs: u64,
    /// The optimiser.
    pub adam: AdamOptions,
    /// Only so many rows, the first ones, are trained on; all of them if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<i64>,
}

impl AutoencoderSettings {
    /// This, as what a run begins with.
    #[must_use]
    pub fn need(&self) -> Need {
        Need {
            part: &AutoencoderPretraining,
            // A plain struct of numbers and names always has a JSON form.
            settings: serde_json::to_value(self).unwrap_or(Value::Null),
        }
    }

    /// Reads and checks settings.
    ///
    /// # Errors
    /// If a field is missing, unknown or makes no sense; the message names it.
    pub fn read(value: &Value) -> Result<Self, Error> {
        let settings: Self = settings::read("autoencoder", value)?;
        let widths = settings.hidden.iter().chain([&settings.latent]);
        let rows = settings.rows.unwrap_or(1);
        if widths
            .chain([&settings.batch, &rows])
            .any(|&width| width < 1)
        {
            return Err(Error::Settings(
                "layer widths, batch size and rows of an autoencoder must be at least 1".to_owned(),
            ));
        }
        if settings.epochs == 0 {
            return Err(Error::Settings("at least one epoch is needed".to_owned()));
        }
        Ok(settings)
    }

    /// Steps of the whole training on data of `rows` rows.
    #[must_use]
    pub fn iterations(&self, rows: i64) -> u64 {
        let rows = self.rows.unwrap_or(rows).min(rows).max(1) as u64;
        self.epochs
            .saturating_mul(rows.div_ceil(self.batch.max(1) as u64))
    }

    /// What the autoencoder is built from.
    #[must_use]
    pub fn shape(&self) -> Shape<'_> {
        Shape {
            architecture: self.architecture,
            batch_norm: self.batch_norm,
            hidden: &self.hidden,
            latent: self.latent,
        }
    }
}

/// Autoencoders trained end to end. The weights of one are named `encoder.0.weight`,
/// `encoder.0.bias`, .., `decoder.0.weight`, .. as [`crate::nn::Autoencoder`] names them; its metric is
/// `reconstruction_loss`, the mean squared error over all rows it was trained on and all features.
#[derive(Debug)]
pub struct AutoencoderPretraining;

impl Part for AutoencoderPretraining {
    fn id(&self) -> &'static str {
        "autoencoder"
    }

    fn label(&self) -> &'static str {
        "pretraining"
    }

    fn version(&self) -> u32 {
        1
    }

    fn calibrate(&self, settings: &Value, trial: &Trial) -> Result<Work, Error> {
        let settings = AutoencoderSettings::read(settings)?;
        let sample = settings.batch.min(trial.rows);
        let data = Tensor::rand([sample, trial.dims], (Kind::Float, trial.device));
        let mut model = Pretraining::new(&settings, Seed(0), &data, trial.precision)?;
        let _products = TrainingProducts::set(trial.precision, trial.device)?;
        let step = time_of_step(&mut model)?;
        // A forward pass over all rows at the end: a third of a step.
        let per_row = step.as_secs_f64() / settings.batch as f64 / 3.0;
        Ok(Work {
            iterations: settings.iterations(trial.rows),
            per_iteration: step,
            fixed: Duration::from_secs_f64(per_row * trial.rows as f64 + 0.05),
        })
    }

    fn train(&self, member: &Member, context: &Context) -> Result<Option<Finished>, Error> {
        let settings = AutoencoderSettings::read(&member.settings)?;
        let data = &context.data.features;
        let mut model = Pretraining::new(&settings, member.seed, data, context.precision)?;
        let driven = drive(&mut model, std::slice::from_ref(member), context)?;
        let Driven::Finished(progress) = driven else {
            return Ok(None);
        };
        let Some(progress) = progress.into_iter().next() else {
            return Ok(None);
        };
        context.observer.notify(&Event::Advanced {
            worker: context.worker,
            fraction: 1.0,
            detail: "evaluating",
        });
        let clock = Instant::now();
        let loss = model.loss_of_all();
        let is_finite = state::is_finite(&model.parameters, &model.adam, 0) && loss.is_finite();
        let mut part = Finished {
            outcome: Outcome::Completed,
            metrics: BTreeMap::new(),
            curves: progress.curves,
            weights: Vec::new(),
            training: progress.elapsed,
            evaluation: clock.elapsed(),
            resumed: progress.resumed,
        };
        if progress.diverged.is_some() || !is_finite {
            let iteration = progress.diverged.unwrap_or(progress.iteration);
            part.outcome = Outcome::Diverged { iteration };
        } else {
            part.metrics.insert("reconstruction_loss".to_owned(), loss);
            part.weights = state::weights(&model.parameters, 0);
        }
        Ok(Some(part))
    }
}

/// The buffers for batches of one size.
#[derive(Debug)]
struct Batch {
    step: Step,
    /// The rows of the step, copied together, `[batch, D]`.
    rows: Tensor,
}

/// An autoencoder under training.
#[derive(Debug)]
struct Pretraining {
    settings: AutoencoderSettings,
    seed: Seed,
    precision: Precision,
    network: Network,
    parameters: Parameters,
    adam: Adam,
    /// `[rows, D]`, only what is trained on.
    data: Tensor,
    /// The order of an epoch, `[rows]`.
    order: Option<(u64, Tensor)>,
    /// By their size: the usual one, and that of the last batch of an epoch.
    batches: HashMap<i64, Batch>,
    last: Option<i64>,
}

impl Pretraining {
    fn new(
        settings: &AutoencoderSettings,
        seed: Seed,
        data: &Tensor,
        precision: Precision,
    ) -> Result<Self, Error> {
        let rows = settings.rows.unwrap_or(i64::MAX).min(data.size()[0]);
        let data = data.narrow(0, 0, rows);
        let mut layout = Layout::default();
        let network = settings.shape().network(data.size()[1], &mut layout);
        let network = network.map_err(Error::Settings)?;
        network
            .check(precision, data.device())
            .map_err(Error::Settings)?;
        let parameters = Parameters::zeros(layout, 1, data.device());
        network.initialise(&parameters, 0, &mut random::stream(seed, "weights"));
        Ok(Self {
            adam: Adam::new(settings.adam, &parameters.values),
            settings: settings.clone(),
            seed,
            precision,
            network,
            parameters,
            data,
            order: None,
            batches: HashMap::new(),
            last: None,
        })
    }

    /// The rows of the batch at an iteration, by number, in the order of its epoch.
    fn chosen(&mut self, iteration: u64) -> Tensor {
        let rows = self.data.size()[0];
        let batch = self.settings.batch.min(rows);
        let per_epoch = (rows as u64).div_ceil(batch as u64);
        let (epoch, position) = (iteration / per_epoch, (iteration % per_epoch) as i64);
        let order = match &self.order {
            Some((known, order)) if *known == epoch => order.shallow_clone(),
            _ => {
                let order = order(self.seed, epoch, rows as usize);
                let order = Tensor::from_slice(&order).to_device(self.data.device());
                self.order = Some((epoch, order.shallow_clone()));
                order
            }
        };
        let start = position * batch;
        order.narrow(0, start, batch.min(rows - start))
    }

    /// The mean squared error over all rows and features.
    fn loss_of_all(&self) -> f64 {
        let mut sum = 0.0;
        for rows in self.data.split(self.network.rows_at_once(), 0) {
            let code = self.network.encode(&self.parameters, 0, &rows);
            let error = self.network.decode(&self.parameters, 0, &code) - rows;
            let errors = error.square().sum_dim_intlist(-1, false, Kind::Double);
            sum += ordered_sum(&errors);
        }
        sum / self.data.numel() as f64
    }
}

/// The order of the rows in an epoch: a permutation of `0..rows`.
fn order(seed: Seed, epoch: u64, rows: usize) -> Vec<i64> {
    let mut stream = random::stream(seed, &format!("pretraining order {epoch}"));
    let order = random::distinct_indices(&mut stream, rows, rows);
    order.into_iter().map(|row| row as i64).collect()
}

impl Trainable for Pretraining {
    fn iterations(&self) -> u64 {
        self.settings.iterations(self.data.size()[0])
    }

    fn step(&mut self, iteration: u64) -> Result<(), Error> {
        let chosen = self.chosen(iteration);
        let rows = chosen.size()[0];
        let (network, parameters) = (&self.network, &self.parameters);
        let (precision, data, latent) = (self.precision, &self.data, self.settings.latent);
        let batch = self.batches.entry(rows).or_insert_with(|| Batch {
            step: Step::new(network, parameters, rows, latent, precision),
            rows: Tensor::zeros([rows, data.size()[1]], (Kind::Float, data.device())),
        });
        let _ = data.f_index_select_out(&batch.rows, 0, &chosen)?;
        self.adam.next_step();
        let adam = &self.adam;
        let mut update = |segment: Segment, gradient: &Tensor| {
            adam.update(&parameters.values, parameters.range(segment), gradient)
        };
        batch.step.forward(parameters, &batch.rows);
        batch.step.backward_decoder(&batch.rows, &mut update)?;
        batch
            .step
            .backward_encoder(parameters, &batch.rows, &mut update)?;
        self.last = Some(rows);
        Ok(())
    }

    fn losses(&self) -> Vec<(&'static str, Vec<f64>)> {
        let last = self.last.and_then(|rows| self.batches.get(&rows));
        let losses = last.map(|batch| batch.step.reconstruction_losses(&batch.rows));
        losses.map_or(Vec::new(), |losses| vec![("reconstruction", losses)])
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
    #![allow(clippy::unwrap_used)]
    use std::path::PathBuf;
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::train::observer::Silent;
    use crate::train::{InMemory, TrainingData};

    fn settings() -> AutoencoderSettings {
        AutoencoderSettings {
            architecture: Architecture::Dense,
            batch_norm: false,
            hidden: vec![16, 12],
            latent: 3,
            batch: 8,
            epochs: 5,
            adam: AdamOptions::keras(),
            rows: None,
        }
    }

    fn data() -> Tensor {
        let draws =
            crate::nn::initial::glorot_uniform(&mut random::stream(Seed(9), "data"), 30, 10);
        draws.abs() * 2.0
    }

    fn fresh(settings: &AutoencoderSettings) -> Pretraining {
        Pretraining::new(settings, Seed(1), &data(), Precision::Exact).unwrap()
    }

    #[test]
    fn every_epoch_has_an_order_of_its_own_with_each_row_once() {
        let orders: Vec<Vec<i64>> = (0..4).map(|epoch| order(Seed(1), epoch, 100)).collect();
        for (epoch, order) in orders.iter().enumerate() {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..100).collect::<Vec<i64>>());
            assert!(!orders[..epoch].contains(order));
        }
        assert_eq!(orders[2], order(Seed(1), 2, 100));
        assert_ne!(orders[2], order(Seed(2), 2, 100));
    }

    #[test]
    fn an_epoch_has_its_short_batch_at_the_end() {
        let mut model = fresh(&settings());
        assert_eq!(model.iterations(), 5 * 4);
        for epoch in 0..2 {
            let batches: Vec<Tensor> = (0..4).map(|step| model.chosen(4 * epoch + step)).collect();
            let sizes: Vec<i64> = batches.iter().map(|batch| batch.size()[0]).collect();
            assert_eq!(sizes, [8, 8, 8, 6]);
            let expected = order(Seed(1), epoch, 30);
            assert_eq!(Tensor::cat(&batches, 0), Tensor::from_slice(&expected));
        }
    }

    #[test]
    fn a_step_is_that_of_a_pass_over_the_chosen_rows() {
        let mut model = fresh(&settings());
        let other = fresh(&settings());
        let chosen = model.chosen(0);
        model.step(0).unwrap();
        let rows = data().index_select(0, &chosen);
        let (parameters, mut adam) = (&other.parameters, other.adam);
        let mut step = Step::new(&other.network, parameters, 8, 3, Precision::Exact);
        adam.next_step();
        let mut update = |segment: Segment, gradient: &Tensor| {
            adam.update(&parameters.values, parameters.range(segment), gradient)
        };
        step.forward(parameters, &rows);
        let loss = step.reconstruction_losses(&rows);
        step.backward_decoder(&rows, &mut update).unwrap();
        step.backward_encoder(parameters, &rows, &mut update)
            .unwrap();
        assert_eq!(parameters.values, model.parameters.values);
        assert_eq!(model.losses(), [("reconstruction", loss)]);
    }

    #[test]
    fn one_that_is_resumed_in_the_middle_of_an_epoch_ends_the_same() {
        let mut whole = fresh(&settings());
        for step in 0..whole.iterations() {
            whole.step(step).unwrap();
        }
        for cut in [1, 6, 8, 19] {
            let mut first = fresh(&settings());
            (0..cut).for_each(|step| first.step(step).unwrap());
            let stored: Named = first.state(0).into_iter().collect();
            let mut second = fresh(&settings());
            second.restore(0, cut, &stored).unwrap();
            (cut..20).for_each(|step| second.step(step).unwrap());
            assert_eq!(second.parameters.values, whole.parameters.values, "{cut}");
            assert_eq!(second.adam.second, whole.adam.second, "{cut}");
        }
    }

    #[test]
    fn the_rows_that_are_held_out_are_not_seen() {
        let held = AutoencoderSettings {
            rows: Some(20),
            ..settings()
        };
        let mut model = fresh(&held);
        let mut other = Pretraining::new(
            &settings(),
            Seed(1),
            &data().narrow(0, 0, 20),
            Precision::Exact,
        )
        .unwrap();
        assert_eq!((model.iterations(), other.iterations()), (15, 15));
        for step in 0..15 {
            model.step(step).unwrap();
            other.step(step).unwrap();
        }
        assert_eq!(model.parameters.values, other.parameters.values);
    }

    #[test]
    fn training_lowers_the_loss_and_a_diverged_one_has_no_weights() {
        let data = TrainingData::new(data(), None).unwrap();
        let (go_on, parts) = (AtomicBool::new(false), InMemory::default());
        let context = Context {
            data: &data,
            device: tch::Device::Cpu,
            precision: Precision::Exact,
            interrupted: &go_on,
            checkpoint_interval: Duration::MAX,
            observer: &Silent,
            parts: &parts,
            worker: 0,
        };
        let train = |settings: &AutoencoderSettings| {
            let member = Member {
                settings: settings.need().settings,
                seed: Seed(1),
                checkpoint: PathBuf::new(),
            };
            let part = AutoencoderPretraining.train(&member, &context);
            part.unwrap().unwrap()
        };
        let before = fresh(&settings()).loss_of_all();
        let longer = AutoencoderSettings {
            epochs: 100,
            ..settings()
        };
        let part = train(&longer);
        assert!(part.metrics["reconstruction_loss"] < 0.5 * before);
        let names: Vec<&str> = part.weights.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.len(), 12);
        assert_eq!(
            (names[0], names[11]),
            ("encoder.0.weight", "decoder.2.bias")
        );
        let mut wild = settings();
        wild.adam.learning_rate = 1e30;
        let part = train(&wild);
        assert!(matches!(part.outcome, Outcome::Diverged { .. }));
        assert!(part.weights.is_empty() && part.metrics.is_empty());
    }
}
