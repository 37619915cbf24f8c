//! The classic online map on the features or on an autoencoder's codes, as a [`Method`]: the `minisom`
//! rows of benchmarks. The algorithm is [`OnlineSom`].

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

use crate::evaluation::{self, PostClusters};
use crate::random::{self, Seed};
use crate::runs::Outcome;
use crate::runs::record::Curves;
use crate::som::OnlineSom;
use crate::train::{Context, Error, Event, Finished, Member, Method, Runs, Trial, Work, settings};

/// The baseline's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MiniSomSettings {
    /// The map and its training.
    pub som: OnlineSom,
    /// Groups of the prototypes.
    pub post_clusters: PostClusters,
}

impl MiniSomSettings {
    /// The settings as a run's identity holds them.
    #[must_use]
    pub fn to_value(&self) -> Value {
        // A plain struct of numbers and names always has a JSON form.
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    fn read(value: &Value) -> Result<Self, Error> {
        let settings: Self = settings::read("MiniSom", value)?;
        settings.check().map_err(Error::Settings)?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), String> {
        let som = &self.som;
        if som.map.units() == 0 {
            return Err("the map has no units: both sides must be at least 1".to_owned());
        }
        if som.updates == 0 {
            return Err("MiniSom settings: at least one update is needed".to_owned());
        }
        if !(som.learning_rate > 0.0 && som.learning_rate <= 1.0) {
            return Err(format!(
                "MiniSom settings: the learning rate must be above 0 and at most 1, not {}",
                som.learning_rate
            ));
        }
        if !(0.0..=1e6).contains(&som.sigma) {
            return Err(format!(
                "MiniSom settings: sigma must be 0 to 1e6, not {}",
                som.sigma
            ));
        }
        Ok(())
    }
}

/// The classic online map.
#[derive(Debug)]
pub struct MiniSom;

/// Updates that are timed for an estimate.
const TRIAL_UPDATES: u64 = 300;

impl Method for MiniSom {
    fn id(&self) -> &'static str {
        "minisom"
    }

    fn version(&self) -> u32 {
        1
    }

    fn shape(&self, settings: &Value) -> Result<Option<String>, Error> {
        // One sample after another: there is nothing that runs could share.
        MiniSomSettings::read(settings).map(|_| None)
    }

    fn can_round(&self) -> bool {
        false
    }

    fn calibrate(&self, settings: &Value, trial: &Trial) -> Result<Work, Error> {
        let settings = MiniSomSettings::read(settings)?;
        let rows = trial.rows.min(1000);
        let data = Tensor::rand([rows, trial.dims], (Kind::Float, Device::Cpu));
        let short = OnlineSom {
            updates: TRIAL_UPDATES,
            ..settings.som
        };
        let mut rng = random::stream(Seed(0), "calibration");
        let start = short.random_rows(&data, &mut rng);
        let clock = Instant::now();
        let _ = short.train(&data, &start, &mut rng, &mut |_| ControlFlow::Continue(()));
        let update = clock.elapsed() / TRIAL_UPDATES as u32;
        Ok(Work {
            iterations: settings.som.updates,
            per_iteration: update,
            fixed: evaluation_time(&data, &start, trial.rows),
        })
    }

    fn run(&self, cohort: &[Member], context: &Context) -> Result<Option<Runs>, Error> {
        let mut runs = Runs::with_capacity(cohort.len());
        for member in cohort {
            match fit(member, context) {
                Ok(Some(finished)) => runs.push(Ok(finished)),
                // Seconds of work, kept in no checkpoint: it starts again.
                Ok(None) => return Ok(None),
                Err(error) => runs.push(Err(error)),
            }
        }
        Ok(Some(runs))
    }
}

/// How long it takes to evaluate a map on `rows` rows, from a search among a few.
pub(super) fn evaluation_time(sample: &Tensor, prototypes: &Tensor, rows: i64) -> Duration {
    let clock = Instant::now();
    let _ = crate::som::nearest(sample, prototypes);
    // Units and groups are searched for, and labels counted.
    clock
        .elapsed()
        .mul_f64(2.5 * rows as f64 / sample.size()[0] as f64)
        + Duration::from_millis(20)
}

fn fit(member: &Member, context: &Context) -> Result<Option<Finished>, Error> {
    let settings = MiniSomSettings::read(&member.settings)?;
    let clock = Instant::now();
    let codes = context.data.features.shallow_clone();
    let start = settings
        .som
        .random_rows(&codes, &mut random::stream(member.seed, "prototypes"));
    let mut follow = |fraction: f64| {
        context.observer.notify(&Event::Advanced {
            worker: context.worker,
            fraction,
            detail: &format!(
                "{:.0} % of {} updates",
                100.0 * fraction,
                settings.som.updates
            ),
        });
        if context.is_interrupted() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let mut order = random::stream(member.seed, "order");
    let Some(prototypes) = settings.som.train(&codes, &start, &mut order, &mut follow) else {
        return Ok(None);
    };
    let training = clock.elapsed();
    let prototypes = prototypes.to_device(codes.device());
    let (labels, groups) = (context.data.labels.as_ref(), settings.post_clusters);
    let metrics = evaluation::assess(&codes, &prototypes, labels, groups, member.seed)?;
    let outcome = match metrics {
        Some(_) => Outcome::Completed,
        None => Outcome::Diverged {
            iteration: settings.som.updates,
        },
    };
    let mut metrics: BTreeMap<String, f64> = metrics.unwrap_or_default();
    if outcome == Outcome::Completed {
        let spread = evaluation::spread(&prototypes);
        metrics.insert("prototype_spread".to_owned(), spread);
    }
    Ok(Some(Finished {
        outcome,
        metrics,
        curves: Curves::default(),
        weights: vec![("som.prototypes".to_owned(), prototypes)],
        training,
        evaluation: clock.elapsed().saturating_sub(training),
        resumed: 0,
    }))
}
