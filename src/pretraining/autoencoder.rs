//! An autoencoder trained end to end on the mean squared error, as a [`Part`].
//!
//! As in the authors' code of DESOM (Keras' `fit`): Adam in Keras' form, mini-batches in a new random
//! order every epoch, the last short batch used. The order of epoch `e` is drawn from the stream
//! `"pretraining order e"` of the seed, so that resuming needs no state of a generator; the initial weights
//! come from the stream `"weights"`, so that a run which begins with the part is the one that begins
//! without it, trained further.
//!
//! Parts of several seeds are trained as a cohort, each with an order of its own.

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
use crate::runs::checkpoint::{Named, Progress};
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
    /// The seed that it is trained from, the same for all runs that begin with it; each run's own if
    /// nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<Seed>,
}

impl AutoencoderSettings {
    /// This, as what a run begins with.
    #[must_use]
    pub fn need(&self) -> Need {
        // The part has its seed beside its settings: one that is of the run's own seed is the same part.
        let settings = Self {
            seed: None,
            ..self.clone()
        };
        Need {
            part: &AutoencoderPretraining,
            // A plain struct of numbers and names always has a JSON form.
            settings: serde_json::to_value(settings).unwrap_or(Value::Null),
            seed: self.seed,
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
        settings.adam.check().map_err(Error::Settings)?;
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
        let seeds: Vec<Seed> = (0..trial.models as u64).map(Seed).collect();
        let mut model = Pretraining::new(&settings, &seeds, &data, trial.precision)?;
        let _products = TrainingProducts::set(trial.precision, trial.device)?;
        let step = time_of_step(&mut model)?;
        // A forward pass over all rows at the end: a third of a step.
        let per_row = step.as_secs_f64() / settings.batch as f64 / 3.0;
        Ok(Work {
            iterations: settings.iterations(trial.rows),
            per_iteration: step,
            fixed: Duration::from_secs_f64(per_row * trial.rows as f64)
                + Duration::from_millis(50) * trial.models as u32,
        })
    }

    fn train(&self, cohort: &[Member], context: &Context) -> Result<Option<Vec<Finished>>, Error> {
        let Some(first) = cohort.first() else {
            return Ok(Some(Vec::new()));
        };
        let settings = AutoencoderSettings::read(&first.settings)?;
        let seeds: Vec<Seed> = cohort.iter().map(|member| member.seed).collect();
        let data = &context.data.features;
        let mut models = Pretraining::new(&settings, &seeds, data, context.precision)?;
        let Driven::Finished(progress) = drive(&mut models, cohort, context)? else {
            return Ok(None);
        };
        context.observer.notify(&Event::Advanced {
            worker: context.worker,
            fraction: 1.0,
            detail: "evaluating",
        });
        let parts = (0..).zip(progress);
        let parts = parts.map(|(model, progress)| finish(&models, model, progress));
        Ok(Some(parts.collect()))
    }
}

/// What one of the models came to.
fn finish(models: &Pretraining, model: i64, progress: Progress) -> Finished {
    let clock = Instant::now();
    let loss = models.loss_of_all(model);
    let is_finite = state::is_finite(&models.parameters, &models.adam, model) && loss.is_finite();
    let measured = (progress.diverged.is_none() && is_finite).then(|| {
        let metrics = BTreeMap::from([("reconstruction_loss".to_owned(), loss)]);
        (metrics, state::weights(&models.parameters, model))
    });
    Finished::trained(progress, measured, clock.elapsed())
}

/// The buffers for batches of one size.
#[derive(Debug)]
struct Batch {
    step: Step,
    /// The rows of the step, copied together, `[models, batch, D]`.
    rows: Tensor,
}

/// Autoencoders under training.
#[derive(Debug)]
struct Pretraining {
    settings: AutoencoderSettings,
    /// Of each model.
    seeds: Vec<Seed>,
    precision: Precision,
    network: Network,
    parameters: Parameters,
    adam: Adam,
    /// `[rows, D]`, only what is trained on.
    data: Tensor,
    /// The orders of an epoch, `[models, rows]`.
    orders: Option<(u64, Tensor)>,
    /// By their size: the usual one, and that of the last batch of an epoch.
    batches: HashMap<i64, Batch>,
    last: Option<i64>,
}

impl Pretraining {
    fn new(
        settings: &AutoencoderSettings,
        seeds: &[Seed],
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
        let parameters = Parameters::zeros(layout, seeds.len() as i64, data.device());
        for (model, seed) in (0..).zip(seeds) {
            network.initialise(&parameters, model, &mut random::stream(*seed, "weights"));
        }
        Ok(Self {
            adam: Adam::new(settings.adam, &parameters.values),
            settings: settings.clone(),
            seeds: seeds.to_vec(),
            precision,
            network,
            parameters,
            data,
            orders: None,
            batches: HashMap::new(),
            last: None,
        })
    }

    /// The rows of the batch at an iteration, by number, in the order of its epoch: `[models, batch]`.
    fn chosen(&mut self, iteration: u64) -> Tensor {
        let rows = self.data.size()[0];
        let batch = self.settings.batch.min(rows);
        let per_epoch = (rows as u64).div_ceil(batch as u64);
        let (epoch, position) = (iteration / per_epoch, (iteration % per_epoch) as i64);
        let orders = match &self.orders {
            Some((known, orders)) if *known == epoch => orders.shallow_clone(),
            _ => {
                let seeds = self.seeds.iter();
                let orders: Vec<i64> = seeds
                    .flat_map(|seed| order(*seed, epoch, rows as usize))
                    .collect();
                let orders = Tensor::from_slice(&orders).view([-1, rows]);
                let orders = orders.to_device(self.data.device());
                self.orders = Some((epoch, orders.shallow_clone()));
                orders
            }
        };
        let start = position * batch;
        orders.narrow(1, start, batch.min(rows - start))
    }

    /// The mean squared error of one model over all rows and features.
    fn loss_of_all(&self, model: i64) -> f64 {
        let mut sum = 0.0;
        for rows in self.data.split(self.network.rows_at_once(), 0) {
            let code = self.network.encode(&self.parameters, model, &rows);
            let error = self.network.decode(&self.parameters, model, &code) - rows;
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
        let rows = chosen.size()[1];
        let (network, parameters) = (&self.network, &self.parameters);
        let (precision, data, latent) = (self.precision, &self.data, self.settings.latent);
        let batch = self.batches.entry(rows).or_insert_with(|| Batch {
            step: Step::new(network, parameters, rows, latent, precision),
            rows: Tensor::zeros(
                [parameters.models(), rows, data.size()[1]],
                (Kind::Float, data.device()),
            ),
        });
        let flat = batch.rows.view([-1, data.size()[1]]);
        let _ = data.f_index_select_out(&flat, 0, &chosen.reshape([-1]))?;
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
mod tests;
