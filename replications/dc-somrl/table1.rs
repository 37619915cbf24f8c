//! `dc-somrl`: Table 1 with all three methods trained, and both figures. What is run; what is shown of it is in
//! `shown`.

use super::changes::{ITERATIONS, SHARED, data_set, iterations, settings};
use super::{DcSomrl, published, sensitivity, shown};
use crate::baselines::{
    KMeansBaseline, KMeansSettings, SomVaeArchitecture, SomVaeMethod, SomVaeSettings,
};
use crate::claims::Published;
use crate::replication::{
    BadSetting, Changes, Effect, Pictures, Presentation, Profile, Protocol, Replication, Results,
    Setting, Variant,
};
use crate::replications::desom;
use crate::runs::{Record, Store};

/// DC-SOMRL, DESOM, SOM-VAE and k-means on MNIST.
#[derive(Debug)]
pub struct Table1;

const SOM_VAE: Setting = Setting {
    name: "som-vae",
    placeholder: "KIND",
    help: "Networks of SOM-VAE: its authors' convolutions, or dense layers, in hours less",
    choices: &["convolutional", "dense"],
    effect: Effect::Alters,
};

static SETTINGS: [Setting; SHARED.len() + 2] = {
    let mut all = [SOM_VAE; SHARED.len() + 2];
    let mut place = 0;
    while place < SHARED.len() {
        all[place] = SHARED[place];
        place += 1;
    }
    all[place] = ITERATIONS;
    all
};

/// The iterations that Table 1 is said to be of.
const TABLE: u64 = 1000;

impl Table1 {
    fn som_vae(profile: Profile, changes: &Changes) -> Result<SomVaeSettings, BadSetting> {
        let mut settings = SomVaeSettings::paper();
        if profile != Profile::Paper {
            settings.architecture = SomVaeArchitecture::Dense;
        }
        if profile == Profile::Smoke {
            settings.training_rows = Some(1400);
            settings.validation_rows = None;
        }
        changes.choose("som-vae", &mut settings.architecture)?;
        Ok(settings)
    }
}

impl Replication for Table1 {
    fn id(&self) -> &'static str {
        "dc-somrl"
    }

    fn summary(&self) -> &'static str {
        "DC-SOMRL beside DESOM, SOM-VAE and k-means on MNIST: Table 1, its prototypes and their connections"
    }

    fn description(&self) -> &'static str {
        include_str!("table1.md")
    }

    fn published(&self) -> Result<Published, crate::claims::Error> {
        published()
    }

    fn settings(&self) -> &'static [Setting] {
        &SETTINGS
    }

    fn protocol(&self, profile: Profile, changes: &Changes) -> Result<Protocol, BadSetting> {
        let ours = settings(profile, changes)?;
        let som_vae = Self::som_vae(profile, changes)?;
        let mut desom = desom::Settings::paper();
        if profile == Profile::Smoke {
            desom.hidden.clone_from(&ours.hidden);
            desom.batch = ours.batch;
        }
        let table = iterations(changes)?.unwrap_or(match profile {
            Profile::Smoke => ours.iterations,
            Profile::Quick | Profile::Paper => TABLE,
        });
        let mut kmeans = KMeansSettings::new(ours.map.nodes as usize);
        if profile == Profile::Quick {
            kmeans.restarts = 2;
        }
        let data = data_set(profile);
        let variant = |id: &str, method: &'static dyn crate::train::Method, settings| Variant {
            id: id.to_owned(),
            method,
            settings,
            data,
        };
        let short = |settings: &desom::Settings| desom::Settings {
            iterations: table,
            ..settings.clone()
        };
        let short_vae = SomVaeSettings {
            iterations: table,
            ..som_vae.clone()
        };
        // Its own budget, and what a search found, are what the shorter profiles save.
        let is_paper = profile == Profile::Paper;
        let usual = settings(profile, &Changes::default())?;
        let searched = sensitivity::chosen(&ours, &usual).filter(|_| is_paper);
        let own_budget = |variant: Variant| is_paper.then_some(variant);
        let (desom_1000, vae_1000) = (short(&desom).to_value(), short_vae.to_value());
        let variants = [
            Some(variant("dc-somrl", &DcSomrl, ours.to_value())),
            searched.map(|found| variant("dc-somrl-searched", &DcSomrl, found.to_value())),
            Some(variant("desom-1000", &desom::Desom, desom_1000)),
            own_budget(variant("desom", &desom::Desom, desom.to_value())),
            Some(variant("som-vae-1000", &SomVaeMethod, vae_1000)),
            own_budget(variant("som-vae", &SomVaeMethod, som_vae.to_value())),
            Some(variant("k-means", &KMeansBaseline, kmeans.to_value())),
        ];
        let variants = variants.into_iter().flatten().collect();
        Ok(Protocol {
            variants,
            seeds: match profile {
                Profile::Smoke => 3,
                Profile::Quick => 2,
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
        Ok(Presentation {
            caption: shown::caption(results),
            comparisons,
            figures: vec![(
                "table1".to_owned(),
                shown::figure(self.id(), results, &published).draw()?,
            )],
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
    use super::*;

    fn variants(profile: Profile, changes: &[(&str, &str)]) -> Vec<Variant> {
        let pairs = changes.iter();
        let changes = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Table1
            .protocol(profile, &changes.collect())
            .unwrap()
            .variants
    }

    #[test]
    fn every_variant_s_settings_are_understood_by_its_method() {
        for profile in Profile::ALL {
            for variant in variants(profile, &[]) {
                let shape = variant.method.shape(&variant.settings);
                assert!(shape.is_ok(), "{}", variant.id);
            }
        }
    }

    #[test]
    fn every_published_value_belongs_to_a_variant() {
        let variants = variants(Profile::Paper, &[]);
        let published = published().unwrap();
        assert_eq!(published.values.len(), 8);
        for value in &published.values {
            assert_eq!(value.replication, Table1.id());
            assert!(variants.iter().any(|variant| variant.id == value.variant));
        }
    }

    #[test]
    fn desom_at_its_own_budget_is_a_run_of_the_gamma_sweep() {
        let none = Changes::default();
        let sweep = desom::Gamma.protocol(Profile::Paper, &none).unwrap();
        let mut of_sweep = sweep.variants.iter();
        let of_sweep = of_sweep.find(|one| one.id == "gamma=0.001").unwrap();
        let ours = variants(Profile::Paper, &[]);
        let ours = ours.iter().find(|one| one.id == "desom").unwrap();
        assert_eq!(of_sweep.settings, ours.settings);
    }

    #[test]
    fn the_first_choices_are_the_protocol_and_others_are_not() {
        let values = |changes: &[(&str, &str)]| -> Vec<_> {
            let variants = variants(Profile::Paper, changes).into_iter();
            variants.map(|variant| variant.settings).collect()
        };
        let plain = values(&[]);
        for setting in Table1.settings() {
            for (index, choice) in setting.choices.iter().enumerate() {
                let changed = values(&[(setting.name, choice)]);
                assert_eq!(changed == plain, index == 0, "{} {choice}", setting.name);
            }
        }
    }

    #[test]
    fn wrong_values_are_named_with_their_option() {
        for (name, value, words) in [
            ("threshold", "1.5", "the threshold must be"),
            ("rate", "much", "expected a number"),
            ("nodes", "0", "nodes must be"),
            ("epsilon", "0", "epsilon must be"),
            ("connection", "-1", "the connection must be"),
            ("neighbour-rate", "2", "the neighbours' rate must be"),
            ("training-rows", "0", "rows must be"),
            ("training-rows", "70001", "mnist has 70000 rows"),
            ("adam", "sgd", "pytorch"),
            ("iterations", "0", "expected a whole number"),
            ("relevance", "none", "as-coded"),
        ] {
            let changes: Changes = std::iter::once((name.to_owned(), value.to_owned())).collect();
            let error = Table1.protocol(Profile::Quick, &changes).err().unwrap();
            let message = error.to_string();
            assert!(
                message.starts_with(&format!("--{name}")) && message.contains(words),
                "{message}"
            );
        }
    }
}
