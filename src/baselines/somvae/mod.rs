//! SOM-VAE (Fortuin, Hüser, Locatello, Strathmann & Rätsch, ICLR 2019) for static images, as a [`Method`].
//!
//! An autoencoder whose codes are represented by the nearest embeddings of a grid; embeddings and codes are
//! drawn towards each other, and so are the embedding's neighbours. The transition terms are for time series
//! and not here. Despite the name nothing is sampled. Networks, batches and rates are those of the authors'
//! code: see [`SomVaeSettings::paper`].

mod convolution;
mod model;
mod network;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Kind, Tensor};

use crate::evaluation::{self, PostClusters};
use crate::nn::Precision;
use crate::nn::adam::{AdamOptions, EpsilonForm};
use crate::random::Seed;
use crate::runs::checkpoint::Progress;
use crate::som::Grid;
use crate::train::{
    Context, Driven, Error, Event, Finished, Member, Method, Runs, TrainingData, Trial, Work,
    drive, one_by_one, settings, time_of_step,
};

pub use model::SomVae;
pub use network::SomVaeArchitecture;

/// All settings of a SOM-VAE run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SomVaeSettings {
    /// Convolutional or dense.
    pub architecture: SomVaeArchitecture,
    /// Filters of each convolution but the last.
    pub filters: i64,
    /// Widths of the hidden layers of a dense encoder; the decoders mirror them.
    pub hidden: Vec<i64>,
    /// Features of a code.
    pub latent: i64,
    /// Rows and columns of the map.
    pub map: Grid,
    /// Weight of the distance between codes and embeddings.
    pub alpha: f64,
    /// Weight of the SOM term.
    pub beta: f64,
    /// Rows of a batch.
    pub batch: i64,
    /// Optimisation steps.
    pub iterations: u64,
    /// The optimiser, at the start.
    pub adam: AdamOptions,
    /// The learning rate is multiplied by this ..
    pub decay: f64,
    /// .. after every so many iterations.
    pub decay_interval: u64,
    /// Only so many rows, the first ones, are trained on; all if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training_rows: Option<i64>,
    /// Of the rows after those, so many are for validation; all of them if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_rows: Option<i64>,
    /// Groups of the prototypes.
    pub post_clusters: PostClusters,
}

impl SomVaeSettings {
    /// The settings of the authors' code for MNIST: convolutions with 256 filters, 64 latent features, an
    /// 8 x 8 map, alpha 1, beta 0.9, batches of 32, 20 epochs of 45 000 rows (1406 batches each), Adam at
    /// 5e-4 with TensorFlow's epsilon. The rate falls by a tenth every 500 iterations: the code says 1000
    /// steps, but its counter advances twice an iteration. So do the powers of Adam's betas there, which
    /// both of its optimisers share: its bias correction runs out in half as many iterations as ours.
    /// Validation is on the next 10 000 rows; the authors' loader sets the first 5000 of all aside.
    #[must_use]
    pub fn paper() -> Self {
        Self {
            architecture: SomVaeArchitecture::Convolutional,
            filters: 256,
            hidden: vec![256, 128],
            latent: 64,
            map: Grid {
                rows: 8,
                columns: 8,
            },
            alpha: 1.0,
            beta: 0.9,
            batch: 32,
            iterations: 20 * (45_000 / 32),
            adam: AdamOptions {
                learning_rate: 5e-4,
                beta1: 0.9,
                beta2: 0.999,
                epsilon: 1e-8,
                epsilon_form: EpsilonForm::Keras,
            },
            decay: 0.9,
            decay_interval: 500,
            training_rows: Some(45_000),
            validation_rows: Some(10_000),
            post_clusters: PostClusters::Classes,
        }
    }

    /// The learning rate of an iteration.
    fn learning_rate(&self, iteration: u64) -> f64 {
        let falls = iteration / self.decay_interval;
        self.adam.learning_rate * self.decay.powi(i32::try_from(falls).unwrap_or(i32::MAX))
    }

    /// The settings as a run's identity holds them.
    #[must_use]
    pub fn to_value(&self) -> Value {
        // A plain struct of numbers and names always has a JSON form.
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// Reads and checks settings.
    ///
    /// # Errors
    /// If a field is missing, unknown or makes no sense; the message names it.
    pub fn read(value: &Value) -> Result<Self, Error> {
        let settings: Self = settings::read("SOM-VAE", value)?;
        let checked = settings.check();
        checked.map_err(|reason| Error::Settings(format!("SOM-VAE settings: {reason}")))?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), String> {
        let sizes = [self.filters, self.latent, self.batch];
        let rows = [self.training_rows, self.validation_rows].map(|rows| rows.unwrap_or(1));
        let mut all = sizes.iter().chain(&self.hidden).chain(&rows);
        if all.any(|&size| size < 1) {
            return Err("widths, filters, batch size and rows must be at least 1".to_owned());
        }
        if self.map.units() == 0 {
            return Err("the map has no units: both sides must be at least 1".to_owned());
        }
        if self.iterations == 0 || self.decay_interval == 0 {
            return Err("iterations and decay interval must be at least 1".to_owned());
        }
        for (name, value) in [("alpha", self.alpha), ("beta", self.beta)] {
            if !(0.0..=f64::from(f32::MAX)).contains(&value) {
                return Err(format!("{name} must be 0 or positive, not {value}"));
            }
        }
        if self.decay <= 0.0 {
            return Err(format!("the decay must be positive, not {}", self.decay));
        }
        self.adam.check()
    }
}

/// SOM-VAE as a method. Its metrics are those of [`evaluation::assess`] on all rows, whether trained on or
/// not, `reconstruction_loss` and `prototype_spread`; and, where rows are held out for validation, those of
/// the map on them, with `validation.` before their names.
#[derive(Debug)]
pub struct SomVaeMethod;

impl Method for SomVaeMethod {
    fn id(&self) -> &'static str {
        "som-vae"
    }

    fn version(&self) -> u32 {
        // Other rounding each time. 2: shorter convolutions, shared reconstructions; 3: minimal filtering; 4: of
        // five results at once.
        4
    }

    fn shape(&self, settings: &Value) -> Result<Option<String>, Error> {
        // Autograd's graph is of one model.
        SomVaeSettings::read(settings).map(|_| None)
    }

    fn can_round(&self) -> bool {
        false
    }

    fn calibrate(&self, settings: &Value, trial: &Trial) -> Result<Work, Error> {
        let settings = SomVaeSettings::read(settings)?;
        let sample = settings.batch.min(trial.rows);
        let data = Tensor::rand([sample, trial.dims], (Kind::Float, trial.device));
        let mut model = SomVae::new(&settings, Seed(0), &data)?;
        // Codes of an untrained encoder are so close that one unit would win them all, and a single image be
        // decoded for it.
        model.place_embeddings(&data);
        let step = time_of_step(&mut model)?;
        // Forward passes of the encoder and one decoder over all rows: a quarter of a step, or a little more.
        let per_row = step.as_secs_f64() / settings.batch as f64 / 3.7;
        Ok(Work {
            iterations: settings.iterations,
            per_iteration: step,
            fixed: Duration::from_secs_f64(per_row * trial.rows as f64 + 0.05),
        })
    }

    fn run(&self, cohort: &[Member], context: &Context) -> Result<Option<Runs>, Error> {
        one_by_one(cohort, |member| fit(member, context))
    }
}

fn fit(member: &Member, context: &Context) -> Result<Option<Finished>, Error> {
    let settings = SomVaeSettings::read(&member.settings)?;
    let context = &Context {
        precision: Precision::Exact,
        ..*context
    };
    let mut model = SomVae::new(&settings, member.seed, &context.data.features)?;
    let driven = drive(&mut model, std::slice::from_ref(member), context)?;
    let Driven::Finished(progress) = driven else {
        return Ok(None);
    };
    context.observer.notify(&Event::Advanced {
        worker: context.worker,
        fraction: 1.0,
        detail: "evaluating",
    });
    let progress = progress.into_iter().next();
    let run =
        progress.map(|progress| finish(&model, &settings, member.seed, context.data, progress));
    run.transpose()
}

fn finish(
    model: &SomVae,
    settings: &SomVaeSettings,
    seed: Seed,
    data: &TrainingData,
    progress: Progress,
) -> Result<Finished, Error> {
    let clock = Instant::now();
    let metrics = if progress.diverged.is_none() && model.is_finite() {
        assess(model, settings, seed, data)?
    } else {
        None
    };
    let measured = metrics.map(|metrics| (metrics, model.weights()));
    Ok(Finished::trained(progress, measured, clock.elapsed()))
}

fn assess(
    model: &SomVae,
    settings: &SomVaeSettings,
    seed: Seed,
    data: &TrainingData,
) -> Result<Option<BTreeMap<String, f64>>, Error> {
    let codes = model.encode(&data.features);
    let loss = model.reconstruction_loss(&data.features, &codes);
    if !loss.is_finite() {
        return Ok(None);
    }
    let (prototypes, groups) = (model.prototypes(), settings.post_clusters);
    let labels = data.labels.as_ref();
    let Some(mut metrics) = evaluation::assess(&codes, &prototypes, labels, groups, seed)? else {
        return Ok(None);
    };
    metrics.insert("reconstruction_loss".to_owned(), loss);
    let spread = evaluation::spread(&model.decoded_prototypes());
    metrics.insert("prototype_spread".to_owned(), spread);
    let start = settings.training_rows.unwrap_or(i64::MAX).min(data.rows());
    let count = settings.validation_rows.unwrap_or(i64::MAX);
    let end = start.saturating_add(count).min(data.rows());
    if start < end {
        let held = data.between(start, end);
        let codes = codes.narrow(0, start, end - start);
        let found = evaluation::assess(&codes, &prototypes, held.labels.as_ref(), groups, seed)?;
        let of_rows = found
            .into_iter()
            .flatten()
            .filter(|(name, _)| name != "groups_found");
        metrics.extend(of_rows.map(|(name, value)| (format!("validation.{name}"), value)));
    }
    Ok(Some(metrics))
}

#[cfg(test)]
mod tests;
