//! The autoencoder that DEC begins with, as a part that all runs of a seed share: greedy layer-wise
//! denoising, then all layers together; or one of the two; or none. Parts of several seeds are trained as a
//! cohort.

mod training;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use tch::{Kind, Tensor};
pub(super) use training::Training;

use super::rows;
use super::settings::Start;
use crate::device::TrainingProducts;
use crate::nn::state;
use crate::random::Seed;
use crate::runs::checkpoint::Progress;
use crate::train::{
    Context, Driven, Error, Event, Finished, Member, Need, Part, Trial, Work, drive, time_of_step,
};

/// The kind of part.
#[derive(Debug)]
pub struct DecPretraining;

impl Start {
    /// This, as what a run begins with.
    #[must_use]
    pub fn need(&self) -> Need {
        Need {
            part: &DecPretraining,
            // A plain struct of numbers and names always has a JSON form.
            settings: serde_json::to_value(self).unwrap_or(Value::Null),
            seed: None,
        }
    }
}

impl Part for DecPretraining {
    fn id(&self) -> &'static str {
        "dec-autoencoder"
    }

    fn label(&self) -> &'static str {
        "pretraining"
    }

    fn version(&self) -> u32 {
        1
    }

    fn calibrate(&self, settings: &Value, trial: &Trial) -> Result<Work, Error> {
        let start = Start::read(settings)?;
        let recipe = &start.pretraining;
        let rows = start.rows(trial.rows);
        let step = time_of_whole(&start, recipe.batch.min(rows), trial)?;
        let data = Tensor::zeros([1, trial.dims], (Kind::Float, trial.device));
        let whole = Training::new(&start, &[Seed(0)], &data, trial.precision);
        let rows = recipe.rows.unwrap_or(rows).min(rows);
        let (iterations, work) = whole.work(rows);
        Ok(Work {
            iterations,
            per_iteration: step.mul_f64(work / iterations.max(1) as f64),
            fixed: step.mul_f64(rows as f64 / recipe.batch as f64 / 3.0),
        })
    }

    fn train(&self, cohort: &[Member], context: &Context) -> Result<Option<Vec<Finished>>, Error> {
        let Some(first) = cohort.first() else {
            return Ok(Some(Vec::new()));
        };
        let start = Start::read(&first.settings)?;
        let seeds: Vec<Seed> = cohort.iter().map(|member| member.seed).collect();
        let features = rows::features(&rows::rows_of_each(&start, &seeds, context.data)?);
        let mut training = Training::new(&start, &seeds, &features, context.precision);
        let Driven::Finished(progress) = drive(&mut training, cohort, context)? else {
            return Ok(None);
        };
        context.observer.notify(&Event::Advanced {
            worker: context.worker,
            fraction: 1.0,
            detail: "evaluating",
        });
        let parts = (0..).zip(progress);
        let parts = parts.map(|(model, progress)| finish(&training, model, progress));
        Ok(Some(parts.collect()))
    }
}

/// What one model of a training came to.
fn finish(training: &Training, model: i64, progress: Progress) -> Finished {
    let clock = Instant::now();
    let loss = training.loss(model);
    let measured = (progress.diverged.is_none() && loss.is_finite()).then(|| {
        let mut weights = state::weights(&training.model.parameters, model);
        // Their places are taken later.
        weights.retain(|(name, _)| name != "dec.centroids");
        let metrics = BTreeMap::from([("reconstruction_loss".to_owned(), loss)]);
        (metrics, weights)
    });
    Finished::trained(progress, measured, clock.elapsed())
}

/// How long a step of the whole autoencoder takes on this thread, in batches of `batch`, for all models of
/// the trial together.
pub(super) fn time_of_whole(start: &Start, batch: i64, trial: &Trial) -> Result<Duration, Error> {
    let data = Tensor::rand([batch, trial.dims], (Kind::Float, trial.device));
    let mut start = start.clone();
    start.pretraining.layer_wise = None;
    start.pretraining.batch = batch;
    let seeds: Vec<Seed> = (0..trial.models as u64).map(Seed).collect();
    let mut training = Training::new(&start, &seeds, &data, trial.precision);
    let _products = TrainingProducts::set(trial.precision, trial.device)?;
    time_of_step(&mut training)
}
