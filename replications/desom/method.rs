//! DESOM as a [`Method`]: train a cohort, evaluate each model as the paper does.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use tch::{Kind, Tensor};

use super::{DesomCohort, Settings};
use crate::device::TrainingProducts;
use crate::evaluation;
use crate::nn::slices::ordered_sum;
use crate::random::Seed;
use crate::runs::Outcome;
use crate::runs::checkpoint::Progress;
use crate::train::{
    Context, Driven, Error, Event, Finished, Member, Method, Runs, TrainingData, Trial, Work,
    drive, time_of_step,
};

/// Joint training of autoencoder and SOM.
#[derive(Debug)]
pub struct Desom;

/// Rows that are encoded at once during evaluation: bounds its memory.
const CHUNK: i64 = 4096;

impl Method for Desom {
    fn id(&self) -> &'static str {
        "desom"
    }

    fn version(&self) -> u32 {
        1
    }

    fn shape(&self, settings: &Value) -> Result<Option<String>, Error> {
        let settings = Settings {
            gamma: 0.0,
            ..Settings::read(settings)?
        };
        Ok(Some(settings.to_value().to_string()))
    }

    fn can_round(&self) -> bool {
        true
    }

    fn calibrate(&self, settings: &Value, trial: &Trial) -> Result<Work, Error> {
        let settings = Settings::read(settings)?;
        let units = settings.map.units() as i64;
        let sample = settings.batch.max(units).min(trial.rows);
        let data = Tensor::rand([sample, trial.dims], (Kind::Float, trial.device));
        let members = vec![(settings.gamma, Seed(0)); trial.models];
        let mut model =
            DesomCohort::new(&settings, &members, &data, trial.device, trial.precision)?;
        let _products = TrainingProducts::set(trial.precision, trial.device)?;
        let step = time_of_step(&mut model)?;
        // The evaluation is a forward pass over all rows: a third of a step.
        let per_row = step.as_secs_f64() / settings.batch as f64 / 3.0;
        Ok(Work {
            iterations: settings.iterations,
            per_iteration: step,
            fixed: Duration::from_secs_f64(per_row * trial.rows as f64 + 0.05),
        })
    }

    fn run(&self, cohort: &[Member], context: &Context) -> Result<Option<Runs>, Error> {
        let settings: Vec<Settings> = cohort
            .iter()
            .map(|member| Settings::read(&member.settings))
            .collect::<Result<_, _>>()?;
        let Some(first) = settings.first() else {
            return Ok(Some(Runs::new()));
        };
        let data = context.data;
        let members: Vec<(f64, Seed)> = settings
            .iter()
            .zip(cohort)
            .map(|(settings, member)| (settings.effective_gamma(data.dims()), member.seed))
            .collect();
        let mut models = DesomCohort::new(
            first,
            &members,
            &data.features,
            context.device,
            context.precision,
        )?;
        let Driven::Finished(progress) = drive(&mut models, cohort, context)? else {
            return Ok(None);
        };
        let mut runs = Runs::with_capacity(cohort.len());
        for (index, progress) in progress.into_iter().enumerate() {
            context.observer.notify(&Event::Advanced {
                worker: context.worker,
                fraction: 1.0,
                detail: "evaluating",
            });
            let seed = cohort[index].seed;
            runs.push(finish(&models, index as i64, first, seed, data, progress));
        }
        Ok(Some(runs))
    }
}

fn finish(
    models: &DesomCohort,
    model: i64,
    settings: &Settings,
    seed: Seed,
    data: &TrainingData,
    progress: Progress,
) -> Result<Finished, Error> {
    let clock = Instant::now();
    let mut run = Finished {
        outcome: Outcome::Completed,
        metrics: BTreeMap::new(),
        curves: progress.curves,
        weights: Vec::new(),
        training: progress.elapsed,
        evaluation: Duration::ZERO,
        resumed: progress.resumed,
    };
    // The last update of all is seen by no loss, but by what follows.
    let metrics = if progress.diverged.is_none() && models.is_finite(model) {
        assess(models, model, settings, seed, data)?
    } else {
        None
    };
    let Some(metrics) = metrics else {
        let iteration = progress.diverged.unwrap_or(progress.iteration);
        run.outcome = Outcome::Diverged { iteration };
        return Ok(run);
    };
    run.metrics = metrics;
    let parameters = models.parameters();
    let weights = parameters.layout().slots().map(|(name, slot)| {
        let value = parameters.value(slot).select(0, model);
        (name.to_owned(), value)
    });
    run.weights = weights.collect();
    run.evaluation = clock.elapsed();
    Ok(run)
}

/// All metrics of a trained model on all rows of the data: those of its map, see [`evaluation::assess`],
/// and
///
/// - `reconstruction_loss`: mean squared error over rows and features;
/// - `prototype_spread`: mean over the features of the standard deviation over the decoded
///   prototypes, 0 for a map collapsed to a point.
///
/// `None` if codes, reconstructions or distances are beyond 32-bit floats: there is nothing to measure
/// then.
fn assess(
    models: &DesomCohort,
    model: i64,
    settings: &Settings,
    seed: Seed,
    data: &TrainingData,
) -> Result<Option<BTreeMap<String, f64>>, Error> {
    let (network, parameters) = (models.network(), models.parameters());
    let mut codes = Vec::new();
    let mut squared_error = 0.0;
    for start in (0..data.rows()).step_by(CHUNK as usize) {
        let rows = CHUNK.min(data.rows() - start);
        let x = data.features.narrow(0, start, rows);
        let code = network.encode(parameters, model, &x);
        let error = (network.decode(parameters, model, &code) - x).square();
        squared_error += ordered_sum(&error.sum_dim_intlist(-1, false, Kind::Double));
        codes.push(code);
    }
    if !squared_error.is_finite() {
        return Ok(None);
    }
    let codes = Tensor::cat(&codes, 0);
    let prototypes = models.prototypes(model);
    let (labels, groups) = (data.labels.as_ref(), settings.post_clusters);
    let Some(mut metrics) = evaluation::assess(&codes, &prototypes, labels, groups, seed)? else {
        return Ok(None);
    };
    let decoded = network.decode(parameters, model, &prototypes);
    let spread = evaluation::spread(&decoded);
    metrics.insert("prototype_spread".to_owned(), spread);
    let values = (data.rows() * data.dims()) as f64;
    metrics.insert("reconstruction_loss".to_owned(), squared_error / values);
    Ok(Some(metrics))
}
