//! `desom-pretrain`: does pretraining the autoencoder help? Fig. 2 of the additional material. What is
//! run; what is shown of it is in `pretrain_shown`.

use super::pretrain_shown as shown;
use super::{Desom, Pretraining, Settings, gamma, gamma_shown, published};
use crate::claims::Published;
use crate::data;
use crate::random::Seed;
use crate::replication::{
    BadSetting, Changes, Effect, Presentation, Profile, Protocol, Replication, Results, Setting,
    Variant,
};
use crate::runs::Record;

/// With and without pretraining.
#[derive(Debug)]
pub struct Pretrain;

/// The variants.
pub(super) const PLAIN: &str = "not-pretrained";
pub(super) const PRETRAINED: &str = "pretrained";

const SETTINGS: &[Setting] = &[
    Setting {
        name: "iterations",
        placeholder: "N",
        help: "Optimisation steps of the joint training (paper: 10000)",
        choices: &[],
        effect: Effect::Alters,
    },
    Setting {
        name: "epochs",
        placeholder: "N",
        help: "Passes over the data that the autoencoder is pretrained for (paper: 200)",
        choices: &[],
        effect: Effect::Alters,
    },
    AUTOENCODERS,
    gamma::PROTOTYPE_START,
    Setting {
        name: "update-interval",
        placeholder: "N",
        help: "The SOM's term is there in every N-th step of the joint training (paper: 1)",
        choices: &[],
        effect: Effect::Alters,
    },
    Setting {
        name: "validation",
        placeholder: "ROWS",
        help: "Rows held out: split (the data set's own test rows), or a part of all, e.g. 0.2",
        choices: &[],
        effect: Effect::Alters,
    },
];

/// Whether all runs begin with one pretrained autoencoder.
pub(super) const AUTOENCODERS: Setting = Setting {
    name: "autoencoders",
    placeholder: "HOW-MANY",
    help: "Pretrained autoencoders: one that all runs begin with, as the authors' script has it, or one \
           for each seed",
    choices: &["one", "each"],
    effect: Effect::Alters,
};

/// The seed that autoencoders are pretrained from, if it is not each run's own.
///
/// The authors' benchmark script loads one file of weights, of an autoencoder after 200 epochs, in all its
/// runs on a data set.
pub(super) fn autoencoder_seed(changes: &Changes) -> Result<Option<Seed>, BadSetting> {
    match changes.text(AUTOENCODERS.name) {
        None | Some("one") => Ok(Some(Seed(0))),
        Some("each") => Ok(None),
        Some(other) => {
            let expected = "expected one or each";
            Err(BadSetting::new(AUTOENCODERS.name, other, expected))
        }
    }
}

/// The settings of a profile without pretraining: those of `desom-gamma` at gamma = 0.001, so that one
/// run serves both.
fn plain(profile: Profile, changes: &Changes, data: &str) -> Result<Settings, BadSetting> {
    let mut settings = gamma::settings(profile, changes)?;
    settings.update_interval = changes
        .count("update-interval", 1_000_000)?
        .unwrap_or(settings.update_interval);
    settings.training_rows = training_rows(changes, data)?;
    Ok(settings)
}

/// How many of a data set's rows are trained on; all if nothing is said.
fn training_rows(changes: &Changes, data: &str) -> Result<Option<i64>, BadSetting> {
    let Some(text) = changes.text("validation") else {
        return Ok(None);
    };
    let bad = |reason: &str| BadSetting::new("validation", text, reason);
    let catalogue = data::catalogue().map_err(|error| bad(&error.to_string()))?;
    let entry = catalogue
        .entry(data)
        .map_err(|error| bad(&error.to_string()))?;
    if text == "split" {
        if entry.test_rows == 0 {
            return Err(bad(&format!(
                "{} has no test rows of its own: give a part, e.g. 0.2",
                entry.title
            )));
        }
        return Ok(Some(entry.train_rows as i64));
    }
    let part: Option<f64> = text
        .trim()
        .parse()
        .ok()
        .filter(|part| (0.01..=0.9).contains(part));
    let part = part.ok_or_else(|| bad("expected split, or a part from 0.01 to 0.9"))?;
    Ok(Some(
        entry.rows() as i64 - (part * entry.rows() as f64).round() as i64,
    ))
}

fn epochs(profile: Profile, changes: &Changes) -> Result<u64, BadSetting> {
    let default = match profile {
        Profile::Paper => 200,
        Profile::Quick | Profile::Smoke => 20,
    };
    Ok(changes.count("epochs", 10_000)?.unwrap_or(default))
}

impl Replication for Pretrain {
    fn id(&self) -> &'static str {
        "desom-pretrain"
    }

    fn summary(&self) -> &'static str {
        "DESOM on MNIST: whether pretraining the autoencoder helps, and what it does to the losses"
    }

    fn description(&self) -> &'static str {
        include_str!("pretrain.md")
    }

    fn published(&self) -> Result<Published, crate::claims::Error> {
        published()
    }

    fn settings(&self) -> &'static [Setting] {
        SETTINGS
    }

    fn protocol(&self, profile: Profile, changes: &Changes) -> Result<Protocol, BadSetting> {
        let data = match profile {
            Profile::Smoke => "digits",
            Profile::Quick | Profile::Paper => "mnist",
        };
        let plain = plain(profile, changes, data)?;
        let pretrained = Settings {
            pretraining: Some(Pretraining {
                epochs: epochs(profile, changes)?,
                seed: autoencoder_seed(changes)?,
            }),
            ..plain.clone()
        };
        let variants = [(PLAIN, plain), (PRETRAINED, pretrained)].map(|(id, settings)| Variant {
            id: id.to_owned(),
            method: &Desom,
            settings: settings.to_value(),
            data,
        });
        Ok(Protocol {
            variants: variants.into(),
            seeds: match profile {
                Profile::Smoke => 3,
                Profile::Quick => 2,
                Profile::Paper => 10,
            },
        })
    }

    fn headline(&self, record: &Record) -> String {
        gamma_shown::headline(record)
    }

    fn present(&self, results: &Results) -> Result<Presentation, crate::Error> {
        let published = published()?;
        let bars = shown::bars(self.id(), results, &published).draw()?;
        let mut figures = vec![("fig2".to_owned(), bars)];
        if let Some(start) = shown::joint_start(results) {
            figures.push(("joint-start".to_owned(), start.draw()?));
        }
        Ok(Presentation {
            comparisons: shown::comparisons(self.id(), results, &published),
            caption: shown::caption(results),
            figures,
            ..Presentation::default()
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::metrics::Metric;
    use crate::replications::desom::PrototypeStart;

    fn settings_of(profile: Profile, changes: &[(&str, &str)]) -> Result<Vec<Settings>, String> {
        let changes = changes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let protocol = Pretrain
            .protocol(profile, &changes.collect())
            .map_err(|error| error.to_string())?;
        let variants = protocol.variants.iter();
        Ok(variants
            .map(|variant| Settings::read(&variant.settings).unwrap())
            .collect())
    }

    #[test]
    fn the_plain_variant_is_a_run_of_the_gamma_sweep() {
        for profile in Profile::ALL {
            let none = Changes::default();
            let sweep = super::super::Gamma.protocol(profile, &none).unwrap();
            let of_sweep = sweep
                .variants
                .iter()
                .find(|variant| variant.id == "gamma=0.001");
            let ours = Pretrain.protocol(profile, &none).unwrap();
            assert_eq!(of_sweep.unwrap().settings, ours.variants[0].settings);
            assert_eq!(
                (sweep.seeds, of_sweep.unwrap().data),
                (ours.seeds, ours.variants[0].data)
            );
        }
    }

    #[test]
    fn the_paper_profile_is_the_paper_s_protocol() {
        let settings = settings_of(Profile::Paper, &[]).unwrap();
        assert_eq!(settings[0], Settings::paper());
        let pretrained = |seed| Settings {
            pretraining: Some(Pretraining { epochs: 200, seed }),
            ..Settings::paper()
        };
        assert_eq!(settings[1], pretrained(Some(Seed(0))));
        let each = settings_of(Profile::Paper, &[("autoencoders", "each")]).unwrap();
        assert_eq!((&each[0], &each[1]), (&settings[0], &pretrained(None)));
    }

    #[test]
    fn every_published_value_belongs_to_a_variant_and_a_metric() {
        let values = published().unwrap().values.into_iter();
        let values: Vec<_> = values
            .filter(|value| value.replication == Pretrain.id())
            .collect();
        assert_eq!(values.len(), 8);
        for value in values {
            assert!(
                [PLAIN, PRETRAINED].contains(&value.variant.as_str()),
                "{value:?}"
            );
            let metric = value.metric.rsplit('.').next().unwrap();
            assert!(Metric::from_id(metric).is_some(), "{value:?}");
        }
    }

    #[test]
    fn rows_are_held_out_by_split_or_by_part() {
        let rows = |validation: &str, profile| {
            let settings = settings_of(profile, &[("validation", validation)]);
            settings.map(|settings| {
                assert_eq!(settings[0].training_rows, settings[1].training_rows);
                settings[1].training_rows.unwrap()
            })
        };
        assert_eq!(rows("split", Profile::Paper), Ok(60_000));
        assert_eq!(rows("0.25", Profile::Paper), Ok(52_500));
        for wrong in ["true", "0", "1", "-0.5", "nan", ""] {
            let message = rows(wrong, Profile::Quick).unwrap_err();
            assert!(
                message.contains("--validation") && message.contains("split"),
                "{message}"
            );
        }
    }

    #[test]
    fn settings_that_make_no_sense_are_named() {
        for (name, value) in [
            ("epochs", "0"),
            ("epochs", "x"),
            ("update-interval", "0"),
            ("autoencoders", "two"),
        ] {
            let message = settings_of(Profile::Quick, &[(name, value)]).unwrap_err();
            assert!(
                message.starts_with(&format!("--{name} {value}")),
                "{message}"
            );
        }
        let message = settings_of(Profile::Quick, &[("prototype-start", "pca")]).unwrap_err();
        assert!(message.contains("sample"), "{message}");
        let changed = settings_of(Profile::Quick, &[("prototype-start", "som")]).unwrap();
        assert_eq!(changed[0].prototype_start, PrototypeStart::Som);
    }
}
