//! The SOM and SOAE on a lattice as a method: training one map and evaluating it on held-out rows.

use std::time::{Duration, Instant};

use serde_json::Value;
use tch::{Kind, Tensor};

use super::model::Map;
use super::{LatticeSettings, Learning};
use crate::device::TrainingProducts;
use crate::nn::Precision;
use crate::random::Seed;
use crate::replications::soae::{held_out, latent};
use crate::train::{
    Context, Error, Finished, Member, Method, Runs, Trial, Work, one_by_one, time_of_step,
};

/// The classic SOM, and SOAE on a lattice: [`Learning`] says which.
#[derive(Debug)]
pub struct LatticeSom;

/// Rows that are shown one after the other to measure how long one takes.
const TRIAL_ROWS: u64 = 256;

impl Method for LatticeSom {
    fn id(&self) -> &'static str {
        "lattice-som"
    }

    fn version(&self) -> u32 {
        // 2: a table's updates in blocks, so other rounding.
        2
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
        one_by_one(cohort, |member| train(member, context))
    }
}

fn train(member: &Member, context: &Context) -> Result<Option<Finished>, Error> {
    let settings = LatticeSettings::read(&member.settings)?;
    held_out::train(member, context, settings.held_out, |rows| {
        Map::new(&settings, member.seed, rows)
    })
}
