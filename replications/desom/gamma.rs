//! `desom-gamma`: the weight of the SOM loss, Fig. 1 of the additional material. What is run; what is
//! shown of it is in `gamma_shown`.

use super::gamma_shown::{self as shown, CLASSES_CLUSTERS, MANY_CLUSTERS};
use super::{Desom, Settings, published};
use crate::baselines::{KMeansBaseline, KMeansSettings};
use crate::claims::Published;
use crate::nn::adam::MAX_STEPS;
use crate::replication::{
    BadSetting, Changes, Effect, Presentation, Profile, Protocol, Replication, Results, Setting,
    Variant,
};
use crate::runs::Record;

/// The sweep over gamma.
#[derive(Debug)]
pub struct Gamma;

const GAMMAS: [f64; 6] = [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0];

const SETTINGS: &[Setting] = &[
    Setting {
        name: "gammas",
        placeholder: "LIST",
        help: "Weights of the SOM loss to run, e.g. 0.001,10",
        choices: &[],
        effect: Effect::Selects,
    },
    Setting {
        name: "iterations",
        placeholder: "N",
        help: "Optimisation steps of each run (paper: 10000)",
        choices: &[],
        effect: Effect::Alters,
    },
    Setting {
        name: "map-distance",
        placeholder: "KIND",
        help: "Distance on the map: as the paper says, or as the authors' code computes it",
        choices: &["manhattan", "as-coded"],
        effect: Effect::Alters,
    },
    Setting {
        name: "neighbourhood",
        placeholder: "KIND",
        help: "Neighbourhood function",
        choices: &["gaussian", "window"],
        effect: Effect::Alters,
    },
    Setting {
        name: "decay",
        placeholder: "KIND",
        help: "How the temperature falls",
        choices: &["exponential", "linear", "constant"],
        effect: Effect::Alters,
    },
    Setting {
        name: "horizon",
        placeholder: "KIND",
        help: "What the schedule divides by: iterations - 1 (code) or iterations (paper)",
        choices: &["last-iteration", "iterations"],
        effect: Effect::Alters,
    },
    Setting {
        name: "gamma-scale",
        placeholder: "KIND",
        help: "Reconstruction loss that gamma stands beside: mean over features (code) or sum (paper)",
        choices: &["mean", "sum"],
        effect: Effect::Alters,
    },
    Setting {
        name: "post-clusters",
        placeholder: "KIND",
        help: "Groups of prototypes for the accuracy: classes (paper) or the largest label (code)",
        choices: &["classes", "largest-label"],
        effect: Effect::Alters,
    },
    Setting {
        name: "epsilon-form",
        placeholder: "KIND",
        help: "Where Adam adds epsilon: before (keras) or after (pytorch) bias correction",
        choices: &["keras", "pytorch"],
        effect: Effect::Alters,
    },
    PROTOTYPE_START,
];

/// Where the prototypes start.
pub(super) const PROTOTYPE_START: Setting = Setting {
    name: "prototype-start",
    placeholder: "KIND",
    help: "Prototypes start at the codes of random rows, at a classic SOM of all codes, or at random values as \
           a layer's weights",
    choices: &["sample", "som", "glorot"],
    effect: Effect::Alters,
};

fn variant_id(gamma: f64) -> String {
    format!("gamma={gamma}")
}

/// The settings of a profile, gamma aside.
pub(super) fn settings(profile: Profile, changes: &Changes) -> Result<Settings, BadSetting> {
    let mut settings = Settings::paper();
    match profile {
        Profile::Paper => {}
        Profile::Quick => settings.iterations = 600,
        Profile::Smoke => {
            settings.hidden = vec![100, 100, 400];
            settings.batch = 128;
            settings.iterations = 400;
        }
    }
    settings.iterations = changes
        .count("iterations", MAX_STEPS)?
        .unwrap_or(settings.iterations);
    changes.choose("map-distance", &mut settings.map_distance)?;
    changes.choose("neighbourhood", &mut settings.neighbourhood)?;
    changes.choose("decay", &mut settings.temperature.decay)?;
    changes.choose("horizon", &mut settings.temperature.horizon)?;
    changes.choose("gamma-scale", &mut settings.gamma_scale)?;
    changes.choose("post-clusters", &mut settings.post_clusters)?;
    changes.choose("epsilon-form", &mut settings.adam.epsilon_form)?;
    changes.choose("prototype-start", &mut settings.prototype_start)?;
    Ok(settings)
}

fn gammas(changes: &Changes) -> Result<Vec<f64>, BadSetting> {
    let expected = "expected positive numbers separated by commas, e.g. 0.001,10";
    let mut gammas = changes
        .list("gammas", expected)?
        .unwrap_or_else(|| GAMMAS.to_vec());
    if let Some(wrong) = gammas.iter().find(|gamma| !(1e-30..=1e30).contains(*gamma)) {
        // A logarithmic axis has no place for 0, DESOM without a SOM is another experiment, and
        // beyond these bounds a 32-bit float is 0 or infinite.
        return Err(BadSetting::new("gammas", &wrong.to_string(), expected));
    }
    gammas.sort_by(f64::total_cmp);
    gammas.dedup();
    Ok(gammas)
}

impl Replication for Gamma {
    fn id(&self) -> &'static str {
        "desom-gamma"
    }

    fn summary(&self) -> &'static str {
        "DESOM on MNIST: how the weight gamma of the SOM loss changes accuracy, purity, NMI and ARI"
    }

    fn description(&self) -> &'static str {
        include_str!("gamma.md")
    }

    fn published(&self) -> Result<Published, crate::claims::Error> {
        published()
    }

    fn settings(&self) -> &'static [Setting] {
        SETTINGS
    }

    fn protocol(&self, profile: Profile, changes: &Changes) -> Result<Protocol, BadSetting> {
        let shared = settings(profile, changes)?;
        let (data, classes) = match profile {
            Profile::Smoke => ("digits", 10),
            Profile::Quick | Profile::Paper => ("mnist", 10),
        };
        let mut variants = Vec::new();
        for gamma in gammas(changes)? {
            let settings = Settings {
                gamma,
                ..shared.clone()
            };
            variants.push(Variant {
                id: variant_id(gamma),
                method: &Desom,
                settings: settings.to_value(),
                data,
            });
        }
        for (id, clusters) in [
            (MANY_CLUSTERS, shared.map.units()),
            (CLASSES_CLUSTERS, classes),
        ] {
            let mut baseline = KMeansSettings::new(clusters);
            if profile == Profile::Quick {
                baseline.restarts = 2;
            }
            variants.push(Variant {
                id: id.to_owned(),
                method: &KMeansBaseline,
                settings: baseline.to_value(),
                data,
            });
        }
        let seeds = match profile {
            Profile::Smoke => 3,
            Profile::Quick => 2,
            Profile::Paper => 10,
        };
        Ok(Protocol { variants, seeds })
    }

    fn headline(&self, record: &Record) -> String {
        shown::headline(record)
    }

    fn present(&self, results: &Results) -> Result<Presentation, crate::Error> {
        let published = published()?;
        Ok(Presentation {
            comparisons: shown::comparisons(self.id(), results, &published),
            caption: shown::caption(results),
            figures: vec![(
                "fig1".to_owned(),
                shown::figure(self.id(), results, &published).draw()?,
            )],
            ..Presentation::default()
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::shown::gamma_of;
    use super::*;
    use crate::metrics::Metric;

    #[test]
    fn every_published_value_belongs_to_a_variant_and_a_metric() {
        let variants = Gamma
            .protocol(Profile::Paper, &Changes::default())
            .unwrap()
            .variants;
        let values = published().unwrap().values.into_iter();
        let values: Vec<_> = values
            .filter(|value| value.replication == Gamma.id())
            .collect();
        assert_eq!(values.len(), 27);
        for value in values {
            assert!(
                variants.iter().any(|variant| variant.id == value.variant),
                "{value:?}"
            );
            let metric = value.metric.rsplit('.').next().unwrap();
            assert!(Metric::from_id(metric).is_some(), "{value:?}");
            assert_eq!(
                value.metric.contains('.'),
                gamma_of(&value.variant).is_some()
            );
        }
    }

    #[test]
    fn gammas_that_are_no_weights_are_refused_by_name() {
        for text in [
            "nan", "inf", "-inf", "-1", "0", "1e31", "1e-31", "1e999", "", "ten",
        ] {
            let changes: Changes =
                std::iter::once(("gammas".to_owned(), format!("0.001,{text}"))).collect();
            let error = Gamma.protocol(Profile::Paper, &changes).err().unwrap();
            let message = error.to_string();
            assert!(message.starts_with("--gammas"), "{message}");
            assert!(message.contains("expected positive numbers"), "{message}");
        }
    }

    #[test]
    fn every_choice_is_understood_and_the_first_is_the_protocol() {
        let plain = settings(Profile::Paper, &Changes::default()).unwrap();
        for setting in SETTINGS {
            for (index, choice) in setting.choices.iter().enumerate() {
                let changes: Changes =
                    std::iter::once((setting.name.to_owned(), (*choice).to_owned())).collect();
                let changed = settings(Profile::Paper, &changes).unwrap();
                assert_eq!(changed == plain, index == 0, "{} {choice}", setting.name);
                assert_eq!(
                    changes.with_effect(Effect::Alters, SETTINGS).is_empty(),
                    index == 0
                );
            }
        }
    }

    #[test]
    fn the_paper_profile_is_the_paper_s_protocol() {
        let protocol = Gamma.protocol(Profile::Paper, &Changes::default()).unwrap();
        assert_eq!((protocol.data_sets(), protocol.seeds), (vec!["mnist"], 10));
        let ids: Vec<&str> = protocol
            .variants
            .iter()
            .map(|variant| variant.id.as_str())
            .collect();
        assert_eq!(
            ids,
            [
                "gamma=0.0001",
                "gamma=0.001",
                "gamma=0.01",
                "gamma=0.1",
                "gamma=1",
                "gamma=10",
                "k-means-64",
                "k-means-classes"
            ]
        );
        let settings = Settings::read(&protocol.variants[1].settings).unwrap();
        assert_eq!(settings, Settings::paper());
    }
}
