//! The SOM loss alone, by Adam, on the features or on an autoencoder's codes, as a [`Method`]: the
//! `kerasom` and `AE+kerasom` rows of benchmarks.
//!
//! Loss `1/B sum_i sum_k h(b_i, k) |x_i - m_k|^2` as in [`crate::som::loss`], with the data in place of the
//! codes and the prototypes as all there is to train.

mod map;

use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Kind, Tensor};

use super::space::{self, Entered, Space, evaluation_time};
use crate::evaluation::PostClusters;
use crate::nn::Precision;
use crate::nn::adam::AdamOptions;
use crate::pretraining::AutoencoderSettings;
use crate::random::Seed;
use crate::runs::checkpoint::Progress;
use crate::som::{Decay, Grid, Horizon, MapDistance, Neighbourhood, Temperature};
use crate::train::{
    Context, Driven, Error, Event, Finished, Member, Method, Need, Observer as _, Runs, Stage,
    Trial, Work, drive, one_by_one, settings, time_of_step,
};

pub use map::Map;

/// The baseline's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KerasomSettings {
    /// Rows and columns of the map.
    pub map: Grid,
    /// Rows of a batch; the last one of a pass may be shorter.
    pub batch: i64,
    /// Optimisation steps.
    pub iterations: u64,
    /// The neighbourhood's radius over training.
    pub temperature: Temperature,
    /// The neighbourhood function.
    pub neighbourhood: Neighbourhood,
    /// How distances on the map are counted.
    pub map_distance: MapDistance,
    /// The optimiser.
    pub adam: AdamOptions,
    /// Groups of the prototypes.
    pub post_clusters: PostClusters,
    /// The autoencoder whose codes the map is trained on; none for [`Kerasom::ON_FEATURES`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<AutoencoderSettings>,
}

impl KerasomSettings {
    /// The settings of the DESOM papers: an 8 x 8 map, 10 000 batches of 256, temperatures 10 to 0.1, Adam
    /// with Keras' defaults.
    #[must_use]
    pub fn paper() -> Self {
        Self {
            map: Grid {
                rows: 8,
                columns: 8,
            },
            batch: 256,
            iterations: 10_000,
            temperature: Temperature {
                start: 10.0,
                end: 0.1,
                decay: Decay::Exponential,
                horizon: Horizon::LastIteration,
            },
            neighbourhood: Neighbourhood::Gaussian,
            map_distance: MapDistance::Manhattan,
            adam: AdamOptions::keras(),
            post_clusters: PostClusters::Classes,
            encoder: None,
        }
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
        let settings: Self = settings::read("kerasom", value)?;
        settings
            .check()
            .map_err(|reason| Error::Settings(format!("kerasom settings: {reason}")))?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), String> {
        if self.map.units() == 0 {
            return Err("the map has no units: both sides must be at least 1".to_owned());
        }
        if self.batch < 1 || self.iterations < 1 {
            return Err("the batch size and the iterations must be at least 1".to_owned());
        }
        self.temperature.check()?;
        self.adam.check()
    }
}

/// A map trained with the SOM loss alone.
#[derive(Debug)]
pub struct Kerasom {
    on_codes: bool,
}

impl Kerasom {
    /// On the features.
    pub const ON_FEATURES: Self = Self { on_codes: false };
    /// On the codes of an autoencoder that is trained first.
    pub const ON_CODES: Self = Self { on_codes: true };

    fn read(&self, value: &Value) -> Result<KerasomSettings, Error> {
        let settings = KerasomSettings::read(value)?;
        space::check_encoder(self.id(), self.on_codes, settings.encoder.as_ref())?;
        Ok(settings)
    }

    fn fit(&self, member: &Member, context: &Context) -> Result<Option<Finished>, Error> {
        let settings = self.read(&member.settings)?;
        let encoder = settings.encoder.as_ref();
        let space = match space::enter(encoder, member, space::SHARE, context)? {
            Entered::Space(space) => space,
            Entered::Diverged => return Ok(Some(Finished::untrained())),
            Entered::Interrupted => return Ok(None),
        };
        let stage = Stage::new(context.observer, space.behind, 1.0);
        let context = &Context {
            observer: &stage,
            // The map itself never rounds.
            precision: Precision::Exact,
            ..*context
        };
        let mut map = Map::new(&settings, member.seed, &space.codes)?;
        let driven = drive(&mut map, std::slice::from_ref(member), context)?;
        let Driven::Finished(progress) = driven else {
            return Ok(None);
        };
        stage.notify(&Event::Advanced {
            worker: context.worker,
            fraction: 1.0,
            detail: "evaluating",
        });
        let progress = progress.into_iter().next();
        let run = progress.map(|progress| finish(&map, &space, member, context, progress));
        run.transpose()
    }
}

impl Method for Kerasom {
    fn id(&self) -> &'static str {
        if self.on_codes {
            "ae+kerasom"
        } else {
            "kerasom"
        }
    }

    fn version(&self) -> u32 {
        // 2: the quality of the map, and classes by unit.
        2
    }

    fn shape(&self, settings: &Value) -> Result<Option<String>, Error> {
        // A step is a few small products: on a GPU it is over before the next is sent there.
        self.read(settings).map(|_| None)
    }

    fn can_round(&self) -> bool {
        // The autoencoder does; the map never.
        self.on_codes
    }

    fn needs(&self, settings: &Value) -> Result<Vec<Need>, Error> {
        let encoder = self.read(settings)?.encoder;
        Ok(encoder.iter().map(AutoencoderSettings::need).collect())
    }

    fn calibrate(&self, settings: &Value, trial: &Trial) -> Result<Work, Error> {
        let settings = self.read(settings)?;
        let units = settings.map.units() as i64;
        let sample = settings.batch.max(units).min(trial.rows);
        let dims = settings
            .encoder
            .as_ref()
            .map_or(trial.dims, |encoder| encoder.latent);
        let data = Tensor::rand([sample, dims], (Kind::Float, trial.device));
        let mut map = Map::new(&settings, Seed(0), &data)?;
        Ok(Work {
            iterations: settings.iterations,
            per_iteration: time_of_step(&mut map)?,
            fixed: evaluation_time(&data, &map.prototypes, trial.rows),
        })
    }

    fn run(&self, cohort: &[Member], context: &Context) -> Result<Option<Runs>, Error> {
        one_by_one(cohort, |member| self.fit(member, context))
    }
}

fn finish(
    map: &Map,
    space: &Space,
    member: &Member,
    context: &Context,
    progress: Progress,
) -> Result<Finished, Error> {
    let clock = Instant::now();
    let metrics = if progress.diverged.is_none() && map.is_finite() {
        let settings = &map.settings;
        let (grid, groups) = (settings.map, settings.post_clusters);
        space.assess(&map.prototypes, grid, groups, member, context)?
    } else {
        None
    };
    let measured = metrics.map(|metrics| (metrics, space.weights(&map.prototypes, context)));
    Ok(Finished::trained(progress, measured, clock.elapsed()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn senseless_settings_are_named() {
        let refused = |change: fn(&mut KerasomSettings)| {
            let mut settings = KerasomSettings::paper();
            change(&mut settings);
            Kerasom::ON_FEATURES
                .shape(&settings.to_value())
                .unwrap_err()
                .to_string()
        };
        for (message, name) in [
            (refused(|s| s.map.rows = 0), "the map has no units"),
            (refused(|s| s.batch = 0), "batch size"),
            (refused(|s| s.temperature.end = 0.0), "end temperature"),
            (
                refused(|s| s.adam.learning_rate = f64::NAN),
                "adam.learning_rate: must be a finite",
            ),
            (refused(|s| s.adam.beta2 = 1.0), "beta2"),
        ] {
            assert!(
                message.contains("kerasom") && message.contains(name),
                "{message}"
            );
        }
    }
}
