//! The SOM and SOAE on a lattice as a method: training one map and evaluating it on held-out rows.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use tch::{Kind, Tensor};

use super::evaluation::evaluate;
use super::model::Map;
use super::{LatticeSettings, Learning};
use crate::device::TrainingProducts;
use crate::nn::Precision;
use crate::random::Seed;
use crate::replications::soae::latent;
use crate::runs::Outcome;
use crate::train::{
    Context, Driven, Error, Event, Finished, Member, Method, Runs, Trial, Work, drive, time_of_step,
};

/// The classic SOM, and SOAE on a lattice: [`Learning`] says which.
#[derive(Debug)]
pub struct LatticeSom;

/// Rows that are shown one after the other to measure how long one takes.
const TRIAL_ROWS: u64 = 64;

impl Method for LatticeSom {
    fn id(&self) -> &'static str {
        "lattice-som"
    }

    fn version(&self) -> u32 {
        1
    }

    fn shape(&self, settings: &Value) -> Result<Option<String>, Error> {
        // One map at a time: rows follow one another, or batches are a run's own.
        LatticeSettings::read(settings).map(|_| None)
    }

    fn can_round(&self) -> bool {
        false
    }

    fn calibrate(&self, settings: &Value, trial: &Trial) -> Result<Work, Error> {
        let settings = LatticeSettings::read(settings)?;
        let is_network = matches!(settings.learning, Learning::Network { .. });
        let short = LatticeSettings {
            batch: if is_network {
                settings.batch
            } else {
                settings.batch.min(TRIAL_ROWS)
            },
            ..settings.clone()
        };
        let rows = trial.rows.min(1000);
        let data = Tensor::rand([rows, trial.dims], (Kind::Float, trial.device));
        let mut map = Map::new(&short, Seed(0), &data);
        let _products = TrainingProducts::set(Precision::Exact, trial.device)?;
        let step = time_of_step(&mut map)?;
        let clock = Instant::now();
        let _ = crate::som::nearest(&data, &map.prototypes());
        let search = clock.elapsed().as_secs_f64() / rows as f64;
        let ranked = settings.held_out.min(latent::SAMPLING.limit as i64) as f64;
        Ok(Work {
            iterations: settings.iterations,
            per_iteration: step.mul_f64(settings.batch as f64 / short.batch as f64),
            // Held-out rows are searched for several times, then compared with one another twice.
            fixed: Duration::from_secs_f64(
                6.0 * search * settings.held_out as f64 + ranked * ranked * 1e-6 + 0.1,
            ),
        })
    }

    fn run(&self, cohort: &[Member], context: &Context) -> Result<Option<Runs>, Error> {
        let mut runs = Runs::with_capacity(cohort.len());
        for member in cohort {
            match train(member, context) {
                Ok(Some(finished)) => runs.push(Ok(finished)),
                Ok(None) => return Ok(None),
                Err(error) => runs.push(Err(error)),
            }
        }
        Ok(Some(runs))
    }
}

fn train(member: &Member, context: &Context) -> Result<Option<Finished>, Error> {
    let settings = LatticeSettings::read(&member.settings)?;
    let data = context.data;
    let trained_on = data.rows() - settings.held_out;
    if trained_on < 1 {
        return Err(Error::Settings(format!(
            "lattice settings: held_out is {} of {} rows, none is left to train on",
            settings.held_out,
            data.rows()
        )));
    }
    let rows = data
        .features
        .narrow(0, 0, trained_on)
        .to_device(context.device);
    let mut map = Map::new(&settings, member.seed, &rows);
    let driven = drive(&mut map, std::slice::from_ref(member), context)?;
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
    let held_out = data.between(trained_on, data.rows());
    let evaluated = if progress.diverged.is_none() && map.is_finite() {
        evaluate(&settings, &map.prototypes(), member.seed, &held_out)?
    } else {
        None
    };
    let mut run = Finished {
        outcome: Outcome::Completed,
        metrics: BTreeMap::new(),
        curves: progress.curves,
        weights: Vec::new(),
        training: progress.elapsed,
        evaluation: Duration::ZERO,
        resumed: progress.resumed,
    };
    if let Some((metrics, kept)) = evaluated {
        run.metrics = metrics;
        run.weights = map.weights();
        run.weights.extend(kept);
    } else {
        let iteration = progress.diverged.unwrap_or(progress.iteration);
        run.outcome = Outcome::Diverged { iteration };
    }
    run.evaluation = clock.elapsed();
    Ok(Some(run))
}
