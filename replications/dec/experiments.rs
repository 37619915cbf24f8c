//! The four experiments on DEC. Their variants are in `variants`, what is shown of them in `shown`.

use super::recipes::Recipes;
use super::{Dec, published, shown};
use crate::baselines::{KMeansBaseline, KMeansSettings};
use crate::claims::Published;
use crate::replication::{
    BadSetting, Changes, Effect, Pictures, Presentation, Profile, Protocol, Replication, Results,
    Setting, Variant,
};
use crate::runs::{Record, Store};

/// One of the experiments. They share their runs where these are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Experiment {
    /// `dec`: with pretraining, beside its baselines, on all data sets.
    Dec,
    /// `dec-random-init`: from an encoder that is not trained.
    RandomInit,
    /// `dec-update-rules`: published gradients, explicit descent, the report's code with both signs.
    UpdateRules,
    /// `dec-curves`: divergence and accuracy on the way.
    Curves,
}

const SETTINGS: &[Setting] = &[
    Setting {
        name: "data",
        placeholder: "LIST",
        help: "Data sets to run on: mnist, mnist-750 (750 of its images alone), fashion-mnist, usps, reuters10k",
        choices: &[],
        effect: Effect::Selects,
    },
    Setting {
        name: "first-input",
        placeholder: "KIND",
        help: "The first layer's input in layer-wise training: clean (code) or corrupted (paper)",
        choices: &["clean", "corrupted"],
        effect: Effect::Alters,
    },
];

/// The data set that a variant is trained on.
fn data_of(id: &str, profile: Profile) -> &'static str {
    match (profile, id.split('/').next()) {
        (Profile::Smoke, _) => "digits",
        (_, Some("fashion-mnist")) => "fashion-mnist",
        (_, Some("usps")) => "usps",
        (_, Some("reuters10k")) => "reuters10k",
        _ => "mnist",
    }
}

/// The data sets that k-means on the features is run on beside DEC, with their classes.
const BASELINES: [(&str, usize); 3] = [
    ("mnist/k-means", 10),
    ("usps/k-means", 10),
    ("reuters10k/k-means", 4),
];

/// What `--data` may name: `mnist` includes the variants on 750 of its images.
const DATA: [&str; 5] = ["mnist", "mnist-750", "fashion-mnist", "usps", "reuters10k"];

fn chosen_data(changes: &Changes) -> Result<Option<Vec<String>>, BadSetting> {
    let expected = "expected names out of mnist, mnist-750, fashion-mnist, usps, reuters10k, separated by commas";
    let Some(names) = changes.list::<String>("data", expected)? else {
        return Ok(None);
    };
    match names.iter().find(|name| !DATA.contains(&name.as_str())) {
        Some(wrong) => Err(BadSetting::new("data", wrong, expected)),
        None => Ok(Some(names)),
    }
}

impl Replication for Experiment {
    fn id(&self) -> &'static str {
        match self {
            Self::Dec => "dec",
            Self::RandomInit => "dec-random-init",
            Self::UpdateRules => "dec-update-rules",
            Self::Curves => "dec-curves",
        }
    }

    fn summary(&self) -> &'static str {
        match self {
            Self::Dec => {
                "DEC and IDEC from a stacked autoencoder, beside k-means and DEC-keras' recipe"
            }
            Self::RandomInit => {
                "DEC from an encoder that was not trained: does accuracy stay near 20 %?"
            }
            Self::UpdateRules => {
                "DEC by published gradients, by explicit descent, and as a report coded it, with both signs"
            }
            Self::Curves => "DEC: divergence and accuracy from refresh to refresh",
        }
    }

    fn description(&self) -> &'static str {
        match self {
            Self::Dec => include_str!("dec.md"),
            Self::RandomInit => include_str!("random_init.md"),
            Self::UpdateRules => include_str!("update_rules.md"),
            Self::Curves => include_str!("curves.md"),
        }
    }

    fn published(&self) -> Result<Published, crate::claims::Error> {
        published()
    }

    fn settings(&self) -> &'static [Setting] {
        SETTINGS
    }

    fn protocol(&self, profile: Profile, changes: &Changes) -> Result<Protocol, BadSetting> {
        let recipes = Recipes::new(profile, changes);
        let wanted = chosen_data(changes)?;
        let is_wanted = |id: &str| {
            let data = data_of(id, Profile::Paper);
            let own = id.split('/').next().unwrap_or(data);
            let shown = profile == Profile::Paper || data == "mnist";
            let chosen = |names: &Vec<String>| names.iter().any(|name| name == data || name == own);
            wanted.as_ref().map_or(shown, chosen)
        };
        let mut variants = Vec::new();
        if *self == Self::Dec {
            for (id, clusters) in BASELINES.into_iter().filter(|(id, _)| is_wanted(id)) {
                let mut settings = KMeansSettings::new(clusters);
                settings.restarts = match profile {
                    Profile::Paper => 20,
                    Profile::Quick => 2,
                    Profile::Smoke => 5,
                };
                variants.push(Variant {
                    id: id.to_owned(),
                    method: &KMeansBaseline,
                    settings: settings.to_value(),
                    data: data_of(id, profile),
                });
            }
        }
        let own = self.variants(&recipes).into_iter();
        variants.extend(
            own.filter(|(id, _)| is_wanted(id))
                .map(|(id, settings)| Variant {
                    id: id.to_owned(),
                    method: &Dec,
                    settings: recipes.fitted(settings).to_value(),
                    data: data_of(id, profile),
                }),
        );
        Ok(Protocol {
            variants,
            seeds: match profile {
                Profile::Smoke => 2,
                Profile::Quick => 1,
                Profile::Paper => 10,
            },
        })
    }

    fn headline(&self, record: &Record) -> String {
        shown::headline(record)
    }

    fn present(&self, results: &Results) -> Result<Presentation, crate::Error> {
        let published = published()?;
        let comparisons = shown::comparisons(self.id(), results, &published);
        let mut figures = Vec::new();
        for (name, bars) in shown::bars(self.id(), results, &published) {
            figures.push((name, bars.draw()?));
        }
        for (name, curves) in shown::curves(self.id(), results) {
            figures.push((name, curves.draw()?));
        }
        Ok(Presentation {
            caption: shown::caption(results),
            comparisons,
            figures,
            ..Presentation::default()
        })
    }

    fn pictures(&self, results: &Results, store: &Store) -> Result<Pictures, crate::Error> {
        shown::pictures(results, store)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;

    const ALL: [Experiment; 4] = [
        Experiment::Dec,
        Experiment::RandomInit,
        Experiment::UpdateRules,
        Experiment::Curves,
    ];

    #[test]
    fn every_profile_has_settings_that_can_be_read() {
        for experiment in ALL {
            for profile in Profile::ALL {
                let protocol = experiment.protocol(profile, &Changes::default()).unwrap();
                let ids: BTreeSet<&String> = protocol.variants.iter().map(|one| &one.id).collect();
                assert_eq!(ids.len(), protocol.variants.len());
                for variant in &protocol.variants {
                    assert!(
                        variant.method.shape(&variant.settings).is_ok(),
                        "{}",
                        variant.id
                    );
                }
            }
        }
    }

    #[test]
    fn every_published_value_and_claim_has_its_variant() {
        let published = published().unwrap();
        for value in &published.values {
            let experiment = ALL
                .iter()
                .find(|one| one.id() == value.replication)
                .unwrap();
            let protocol = experiment
                .protocol(Profile::Paper, &Changes::default())
                .unwrap();
            let mut variants = protocol.variants.iter();
            assert!(
                variants.any(|variant| variant.id == value.variant),
                "{value:?}"
            );
        }
    }

    /// One pretraining for all variants of the paper's recipe, another for DEC-keras'.
    #[test]
    fn variants_share_their_pretraining() {
        let protocol = Experiment::Dec
            .protocol(Profile::Paper, &Changes::default())
            .unwrap();
        let mut parts = BTreeSet::new();
        for variant in protocol
            .variants
            .iter()
            .filter(|one| one.id.starts_with("mnist/"))
        {
            for need in variant.method.needs(&variant.settings).unwrap() {
                parts.insert(need.settings.to_string());
            }
        }
        assert_eq!(parts.len(), 2);
    }

    #[test]
    fn experiments_share_runs() {
        let identity = |experiment: Experiment, id: &str| {
            let protocol = experiment
                .protocol(Profile::Paper, &Changes::default())
                .unwrap();
            let found = protocol
                .variants
                .into_iter()
                .find(|one| one.id == id)
                .unwrap();
            found.settings
        };
        let expected = identity(Experiment::Dec, "mnist/dec");
        for other in [
            Experiment::RandomInit,
            Experiment::UpdateRules,
            Experiment::Curves,
        ] {
            assert_eq!(identity(other, "mnist/dec"), expected);
        }
    }

    #[test]
    fn a_data_set_that_there_is_not_is_refused_by_name() {
        let changes: Changes =
            std::iter::once(("data".to_owned(), "mnist,cifar".to_owned())).collect();
        let error = Experiment::Dec
            .protocol(Profile::Paper, &changes)
            .err()
            .unwrap();
        assert!(error.to_string().starts_with("--data cifar"), "{error}");
    }

    #[test]
    fn the_small_variants_can_be_run_alone() {
        let ids = |data: &str| -> Vec<String> {
            let changes = std::iter::once(("data".to_owned(), data.to_owned())).collect();
            let protocol = Experiment::UpdateRules.protocol(Profile::Paper, &changes);
            let variants = protocol.unwrap().variants.into_iter();
            variants.map(|variant| variant.id).collect()
        };
        let (small, all) = (ids("mnist-750"), ids("mnist"));
        assert_eq!((small.len(), all.len()), (6, 10));
        assert!(small.iter().all(|id| id.starts_with("mnist-750/")));
        assert!(small.iter().all(|id| all.contains(id)));
    }
}
