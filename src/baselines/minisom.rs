//! The classic online map on the features or on an autoencoder's codes, as a [`Method`]: the `minisom`
//! and `AE+minisom` rows of benchmarks. The algorithm is [`OnlineSom`].

use std::ops::ControlFlow;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

use super::space::{self, Entered, evaluation_time};
use crate::evaluation::PostClusters;
use crate::pretraining::AutoencoderSettings;
use crate::random::{self, Seed};
use crate::runs::Outcome;
use crate::runs::record::Curves;
use crate::som::OnlineSom;
use crate::train::{
    Context, Error, Event, Finished, Member, Method, Need, Observer as _, Runs, Stage, Trial, Work,
    one_by_one, settings,
};

/// The baseline's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MiniSomSettings {
    /// The map and its training.
    pub som: OnlineSom,
    /// Groups of the prototypes.
    pub post_clusters: PostClusters,
    /// The autoencoder whose codes the map is trained on; none for [`MiniSom::ON_FEATURES`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<AutoencoderSettings>,
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
            return Err(
                "MiniSom settings: the map has no units, both sides must be at least 1".to_owned(),
            );
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
        if let Some(ends) = som.ends {
            let fits = |first: f64, last: f64| last > 0.0 && last <= first;
            if !(fits(som.learning_rate, ends.learning_rate) && fits(som.sigma, ends.sigma)) {
                return Err(
                    "MiniSom settings: ends must be above 0 and at most what they fall from"
                        .to_owned(),
                );
            }
        }
        Ok(())
    }
}

/// The classic online map.
#[derive(Debug)]
pub struct MiniSom {
    on_codes: bool,
}

impl MiniSom {
    /// On the features.
    pub const ON_FEATURES: Self = Self { on_codes: false };
    /// On the codes of an autoencoder that is trained first.
    pub const ON_CODES: Self = Self { on_codes: true };

    fn read(&self, value: &Value) -> Result<MiniSomSettings, Error> {
        let settings = MiniSomSettings::read(value)?;
        space::check_encoder(self.id(), self.on_codes, settings.encoder.as_ref())?;
        Ok(settings)
    }
}

/// Updates that are timed for an estimate.
const TRIAL_UPDATES: u64 = 300;

impl Method for MiniSom {
    fn id(&self) -> &'static str {
        if self.on_codes {
            "ae+minisom"
        } else {
            "minisom"
        }
    }

    fn version(&self) -> u32 {
        // 2: the quality of the map, and classes by unit. 3: updates in blocks, so other rounding.
        3
    }

    fn shape(&self, settings: &Value) -> Result<Option<String>, Error> {
        // One sample after another: there is nothing that runs could share.
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
        let rows = trial.rows.min(1000);
        let dims = settings
            .encoder
            .as_ref()
            .map_or(trial.dims, |encoder| encoder.latent);
        let data = Tensor::rand([rows, dims], (Kind::Float, Device::Cpu));
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
        // Seconds of work, kept in no checkpoint: it starts again.
        one_by_one(cohort, |member| self.fit(member, context))
    }
}

impl MiniSom {
    fn fit(&self, member: &Member, context: &Context) -> Result<Option<Finished>, Error> {
        let settings = self.read(&member.settings)?;
        let encoder = settings.encoder.as_ref();
        let space = match space::enter(encoder, member, space::SHARE, context)? {
            Entered::Space(space) => space,
            Entered::Diverged => return Ok(Some(Finished::untrained())),
            Entered::Interrupted => return Ok(None),
        };
        let clock = Instant::now();
        let stage = Stage::new(context.observer, space.behind, 1.0);
        let codes = &space.codes;
        let mut stream = random::stream(member.seed, "prototypes");
        let start = settings.som.random_rows(codes, &mut stream);
        let mut follow = |fraction: f64| {
            let percent = 100.0 * fraction;
            stage.notify(&Event::Advanced {
                worker: context.worker,
                fraction,
                detail: &format!("{percent:.0} % of {} updates", settings.som.updates),
            });
            if context.is_interrupted() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let mut order = random::stream(member.seed, "order");
        let trained = settings.som.train(codes, &start, &mut order, &mut follow);
        let Some(prototypes) = trained else {
            return Ok(None);
        };
        let training = clock.elapsed();
        let prototypes = prototypes.to_device(codes.device());
        let (map, groups) = (settings.som.map, settings.post_clusters);
        let metrics = space.assess(&prototypes, map, groups, member, context)?;
        let outcome = match metrics {
            Some(_) => Outcome::Completed,
            None => Outcome::Diverged {
                iteration: settings.som.updates,
            },
        };
        Ok(Some(Finished {
            outcome,
            metrics: metrics.unwrap_or_default(),
            curves: Curves::default(),
            weights: space.weights(&prototypes, context),
            training,
            evaluation: clock.elapsed().saturating_sub(training),
            resumed: 0,
            makers: Vec::new(),
        }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::som::{Grid, online};

    fn settings() -> MiniSomSettings {
        MiniSomSettings {
            som: OnlineSom {
                map: Grid {
                    rows: 2,
                    columns: 3,
                },
                updates: 100,
                learning_rate: 0.5,
                sigma: 1.0,
                spread: online::Spread::Two,
                lengths: online::Lengths::Free,
                order: online::Order::Random,
                ends: None,
            },
            post_clusters: PostClusters::Classes,
            encoder: None,
        }
    }

    #[test]
    fn senseless_settings_are_named() {
        let refused = |change: fn(&mut MiniSomSettings)| {
            let mut settings = settings();
            change(&mut settings);
            let error = MiniSom::ON_FEATURES.shape(&settings.to_value());
            error.unwrap_err().to_string()
        };
        for (message, name) in [
            (refused(|s| s.som.map.rows = 0), "the map has no units"),
            (refused(|s| s.som.updates = 0), "at least one update"),
            (refused(|s| s.som.learning_rate = 1.5), "learning rate"),
            (refused(|s| s.som.sigma = -1.0), "sigma"),
            (
                refused(|s| {
                    s.som.ends = Some(online::Ends {
                        learning_rate: 0.6,
                        sigma: 0.5,
                    });
                }),
                "ends must be above 0 and at most",
            ),
            (
                refused(|s| s.som.sigma = f64::NAN),
                "som.sigma: must be a finite",
            ),
        ] {
            assert!(
                message.contains("MiniSom") && message.contains(name),
                "{message}"
            );
        }
    }

    #[test]
    fn codes_need_an_encoder_and_features_none() {
        let error = MiniSom::ON_CODES.shape(&settings().to_value()).unwrap_err();
        assert_eq!(error.to_string(), "ae+minisom settings: encoder is missing");
        assert!(
            MiniSom::ON_FEATURES
                .needs(&settings().to_value())
                .unwrap()
                .is_empty()
        );
    }
}
