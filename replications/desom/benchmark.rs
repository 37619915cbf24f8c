//! `desom-benchmark`: Tables 2 and 3 of the ESANN paper. What is run; what is shown of it is in
//! `benchmark_shown`.

use super::benchmark_shown as shown;
use super::pretrain::{AUTOENCODERS, autoencoder_seed};
use super::{Desom, Settings, published};
use crate::baselines::{
    KMeansBaseline, KMeansSettings, Kerasom, KerasomSettings, MiniSom, MiniSomSettings,
    SomVaeArchitecture, SomVaeMethod, SomVaeSettings,
};
use crate::claims::Published;
use crate::data;
use crate::nn::adam::MAX_STEPS;
use crate::pretraining::AutoencoderSettings;
use crate::random::Seed;
use crate::replication::{
    BadSetting, Changes, Effect, Presentation, Profile, Protocol, Replication, Results, Setting,
    Variant,
};
use crate::runs::Record;
use crate::som::online::{Lengths, Order, Spread};
use crate::som::{Grid, OnlineSom};

/// All methods on all data sets.
#[derive(Debug)]
pub struct Benchmark;

/// The data sets of the paper, by id.
const DATA: [&str; 4] = ["mnist", "fashion-mnist", "usps", "reuters10k"];
/// The one that is part of the program.
const EMBEDDED: [&str; 1] = ["digits"];
/// The methods, as in the ids of variants.
const METHODS: [&str; 9] = [
    "k-means-64",
    "k-means-classes",
    "minisom",
    "kerasom",
    "ae+minisom",
    "ae+kerasom",
    "som-vae",
    "desom",
    "desom-classes",
];
/// The data sets that SOM-VAE is run on: images, as its convolutions need them.
const SOM_VAE_DATA: [&str; 3] = ["mnist", "fashion-mnist", "digits"];

const SETTINGS: &[Setting] = &[
    Setting {
        name: "data",
        placeholder: "LIST",
        help: "Data sets to run on: mnist, fashion-mnist, usps, reuters10k",
        choices: &[],
        effect: Effect::Selects,
    },
    Setting {
        name: "methods",
        placeholder: "LIST",
        help: "Methods to run: k-means-64, k-means-classes, minisom, kerasom, ae+minisom, \
               ae+kerasom, som-vae, desom, desom-classes",
        choices: &[],
        effect: Effect::Selects,
    },
    Setting {
        name: "iterations",
        placeholder: "N",
        help: "Optimisation steps of kerasom and DESOM (paper: 10000)",
        choices: &[],
        effect: Effect::Alters,
    },
    Setting {
        name: "pretrain-epochs",
        placeholder: "N",
        help: "Passes of the autoencoder that ae+ methods begin with (paper: 200)",
        choices: &[],
        effect: Effect::Alters,
    },
    AUTOENCODERS,
    Setting {
        name: "som-vae",
        placeholder: "KIND",
        help: "Networks of SOM-VAE: its authors' convolutions, or dense layers, in hours less",
        choices: &["convolutional", "dense"],
        effect: Effect::Alters,
    },
    Setting {
        name: "minisom-updates",
        placeholder: "N",
        help: "Samples shown to minisom (assumed: 10000)",
        choices: &[],
        effect: Effect::Alters,
    },
    Setting {
        name: "minisom-sigma",
        placeholder: "RADIUS",
        help: "Radius that minisom begins with (assumed: 1, the package's default)",
        choices: &[],
        effect: Effect::Alters,
    },
    Setting {
        name: "minisom-form",
        placeholder: "YEAR",
        help: "The package's algorithm: of 2018, without unit lengths (2019), without the extra pi (2021)",
        choices: &["2018", "2019", "2021"],
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
        name: "post-clusters",
        placeholder: "KIND",
        help: "Groups of prototypes for the accuracy: classes (paper) or the largest label (code)",
        choices: &["classes", "largest-label"],
        effect: Effect::Alters,
    },
];

/// What the variants of a profile have in common.
struct Shared {
    desom: Settings,
    epochs: u64,
    autoencoder_seed: Option<Seed>,
    som: OnlineSom,
    som_vae: SomVaeSettings,
}

impl Shared {
    fn new(profile: Profile, changes: &Changes) -> Result<Self, BadSetting> {
        let mut desom = Settings::paper();
        let mut epochs = 200;
        match profile {
            Profile::Paper => {}
            Profile::Quick => {
                desom.iterations = 400;
                epochs = 1;
            }
            Profile::Smoke => {
                desom.hidden = vec![100, 100, 400];
                desom.batch = 128;
                desom.iterations = 300;
                epochs = 10;
            }
        }
        let count = |name| changes.count(name, MAX_STEPS);
        desom.iterations = count("iterations")?.unwrap_or(desom.iterations);
        epochs = count("pretrain-epochs")?.unwrap_or(epochs);
        changes.choose("map-distance", &mut desom.map_distance)?;
        changes.choose("post-clusters", &mut desom.post_clusters)?;
        let expected = "expected a radius from 0 to 1000";
        let sigma = changes.parsed("minisom-sigma", expected)?.unwrap_or(1.0);
        if !(0.0..=1000.0).contains(&sigma) {
            return Err(BadSetting::new(
                "minisom-sigma",
                &sigma.to_string(),
                expected,
            ));
        }
        let (lengths, spread) = match changes.text("minisom-form") {
            None | Some("2018") => (Lengths::Unit, Spread::TwoPi),
            Some("2019") => (Lengths::Free, Spread::TwoPi),
            Some("2021") => (Lengths::Free, Spread::Two),
            Some(other) => {
                let expected = "expected 2018, 2019 or 2021";
                return Err(BadSetting::new("minisom-form", other, expected));
            }
        };
        Ok(Self {
            som_vae: som_vae(profile, changes)?,
            som: OnlineSom {
                map: desom.map,
                updates: count("minisom-updates")?.unwrap_or(10_000),
                learning_rate: 0.5,
                sigma,
                spread,
                lengths,
                order: Order::Random,
                ends: None,
            },
            desom,
            epochs,
            autoencoder_seed: autoencoder_seed(changes)?,
        })
    }

    fn variant(&self, data: &'static str, method: &'static str, profile: Profile) -> Variant {
        let classes = data::catalogue().and_then(|known| known.entry(data));
        // All of them are in the catalogue: a test looks.
        let classes = classes.map_or(10, |entry| entry.classes);
        let desom = &self.desom;
        let encoder = method.starts_with("ae+").then(|| AutoencoderSettings {
            architecture: desom.architecture,
            batch_norm: desom.batch_norm,
            hidden: desom.hidden.clone(),
            latent: desom.latent,
            batch: desom.batch,
            epochs: self.epochs,
            adam: desom.adam,
            rows: None,
            seed: self.autoencoder_seed,
        });
        let kmeans = |clusters| {
            let mut settings = KMeansSettings::new(clusters);
            if profile == Profile::Quick {
                settings.restarts = 2;
            }
            settings.to_value()
        };
        let (method_, settings): (&'static dyn crate::train::Method, _) = match method {
            "k-means-64" => (&KMeansBaseline, kmeans(desom.map.units())),
            "k-means-classes" => (&KMeansBaseline, kmeans(classes)),
            "minisom" | "ae+minisom" => {
                let settings = MiniSomSettings {
                    som: self.som,
                    post_clusters: desom.post_clusters,
                    encoder: encoder.clone(),
                };
                let som: &'static MiniSom = match encoder {
                    Some(_) => &MiniSom::ON_CODES,
                    None => &MiniSom::ON_FEATURES,
                };
                (som, settings.to_value())
            }
            "kerasom" | "ae+kerasom" => {
                let settings = KerasomSettings {
                    map: desom.map,
                    batch: desom.batch,
                    iterations: desom.iterations,
                    map_distance: desom.map_distance,
                    post_clusters: desom.post_clusters,
                    encoder: encoder.clone(),
                    ..KerasomSettings::paper()
                };
                let som: &'static Kerasom = match encoder {
                    Some(_) => &Kerasom::ON_CODES,
                    None => &Kerasom::ON_FEATURES,
                };
                (som, settings.to_value())
            }
            "som-vae" => {
                let settings = SomVaeSettings {
                    post_clusters: desom.post_clusters,
                    ..self.som_vae.clone()
                };
                (&SomVaeMethod, settings.to_value())
            }
            "desom-classes" => {
                let map = Grid {
                    rows: classes,
                    columns: 1,
                };
                let settings = Settings {
                    map,
                    ..desom.clone()
                };
                (&Desom, settings.to_value())
            }
            _ => (&Desom, desom.to_value()),
        };
        Variant {
            id: format!("{data}/{method}"),
            method: method_,
            settings,
            data,
        }
    }
}

/// The settings of SOM-VAE: its authors' in the paper profile, dense and shorter in the others.
fn som_vae(profile: Profile, changes: &Changes) -> Result<SomVaeSettings, BadSetting> {
    let mut settings = SomVaeSettings::paper();
    if profile != Profile::Paper {
        settings.architecture = SomVaeArchitecture::Dense;
        settings.iterations = 1000;
    }
    if profile == Profile::Smoke {
        settings.iterations = 300;
        settings.training_rows = Some(1400);
        settings.validation_rows = None;
    }
    changes.choose("som-vae", &mut settings.architecture)?;
    Ok(settings)
}

/// Those of `known` that the user names, in their order there; all of `usual` if nobody names any.
fn chosen(
    changes: &Changes,
    name: &str,
    known: &[&'static str],
    usual: &[&'static str],
) -> Result<Vec<&'static str>, BadSetting> {
    let Some(named) = changes.list::<String>(name, "")? else {
        return Ok(usual.to_vec());
    };
    if let Some(wrong) = named.iter().find(|one| !known.contains(&one.as_str())) {
        let reason = format!("in this profile there are {}", known.join(", "));
        return Err(BadSetting::new(name, wrong, &reason));
    }
    let named = |one: &&&str| named.iter().any(|other| other == **one);
    Ok(known.iter().filter(named).copied().collect())
}

impl Replication for Benchmark {
    fn id(&self) -> &'static str {
        "desom-benchmark"
    }

    fn summary(&self) -> &'static str {
        "DESOM beside k-means, SOMs on the data, and SOMs on codes, on four data sets"
    }

    fn description(&self) -> &'static str {
        include_str!("benchmark.md")
    }

    fn published(&self) -> Result<Published, crate::claims::Error> {
        published()
    }

    fn settings(&self) -> &'static [Setting] {
        SETTINGS
    }

    fn protocol(&self, profile: Profile, changes: &Changes) -> Result<Protocol, BadSetting> {
        let shared = Shared::new(profile, changes)?;
        let (known, usual): (&[_], &[_]) = match profile {
            Profile::Smoke => (&EMBEDDED, &EMBEDDED),
            Profile::Quick => (&DATA, &DATA[..2]),
            Profile::Paper => (&DATA, &DATA),
        };
        let mut variants = Vec::new();
        for data in chosen(changes, "data", known, usual)? {
            for method in chosen(changes, "methods", &METHODS, &METHODS)? {
                if method == "som-vae" && !SOM_VAE_DATA.contains(&data) {
                    continue;
                }
                variants.push(shared.variant(data, method, profile));
            }
        }
        let seeds = match profile {
            Profile::Smoke | Profile::Quick => 2,
            Profile::Paper => 10,
        };
        Ok(Protocol { variants, seeds })
    }

    fn headline(&self, record: &Record) -> String {
        shown::headline(record)
    }

    fn present(&self, results: &Results) -> Result<Presentation, crate::Error> {
        let published = published()?;
        let comparisons = shown::comparisons(self.id(), results, &published);
        let figure = shown::figure(self.id(), results, &published);
        let figures = figure.map(|figure| Ok(("table2".to_owned(), figure.draw()?)));
        Ok(Presentation {
            caption: shown::caption(results, &comparisons),
            comparisons,
            figures: figures.into_iter().collect::<Result<_, crate::Error>>()?,
            tables: shown::tables(results)?,
            ..Presentation::default()
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn variants(profile: Profile, changes: &[(&str, &str)]) -> Vec<Variant> {
        let pairs = changes.iter();
        let changes = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let changes: Changes = changes.collect();
        Benchmark.protocol(profile, &changes).unwrap().variants
    }

    #[test]
    fn every_variant_s_settings_are_understood_by_its_method() {
        for profile in Profile::ALL {
            for variant in variants(profile, &[]) {
                assert!(
                    variant.method.shape(&variant.settings).is_ok(),
                    "{}",
                    variant.id
                );
                let entry = data::catalogue().unwrap().entry(variant.data).unwrap();
                if variant.id.ends_with("k-means-classes") {
                    assert_eq!(variant.settings["clusters"], entry.classes);
                }
                let needs = variant.method.needs(&variant.settings).unwrap();
                assert_eq!(needs.len(), usize::from(variant.id.contains("/ae+")));
            }
        }
        assert_eq!(variants(Profile::Paper, &[]).len(), 34);
    }

    #[test]
    fn methods_that_the_figure_has_no_place_for_have_no_figure() {
        let results = |variant: &str| Results {
            profile: Profile::Smoke,
            altered: Vec::new(),
            data_title: String::new(),
            variants: vec![crate::replication::VariantRecords {
                id: variant.to_owned(),
                planned: 1,
                records: Vec::new(),
            }],
        };
        let figures = |variant| Benchmark.present(&results(variant)).unwrap().figures.len();
        assert_eq!(figures("usps/desom-classes"), 0);
        assert_eq!(figures("mnist/desom"), 1);
    }

    #[test]
    fn every_published_value_belongs_to_a_variant() {
        let variants = variants(Profile::Paper, &[]);
        let published = published().unwrap();
        let values = published.values.iter();
        let values: Vec<_> = values
            .filter(|value| value.replication == Benchmark.id())
            .collect();
        // Table 2: 6 methods, 3 data sets, 2 metrics; SOM-VAE on two data sets. Table 3: 3, 3, 1.
        assert_eq!(values.len(), 36 + 4 + 9);
        for value in values {
            assert!(
                variants.iter().any(|variant| variant.id == value.variant),
                "{value:?}"
            );
        }
    }

    #[test]
    fn data_sets_and_methods_can_be_chosen() {
        let chosen = variants(
            Profile::Quick,
            &[("data", "usps, mnist"), ("methods", "desom,kerasom")],
        );
        let ids: Vec<&str> = chosen.iter().map(|variant| variant.id.as_str()).collect();
        assert_eq!(
            ids,
            ["mnist/kerasom", "mnist/desom", "usps/kerasom", "usps/desom"]
        );
        for (name, value) in [
            ("data", "minst"),
            ("methods", "som"),
            ("minisom-form", "2017"),
        ] {
            let changes: Changes = std::iter::once((name.to_owned(), value.to_owned())).collect();
            let error = Benchmark.protocol(Profile::Quick, &changes).err().unwrap();
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("--{name} {value}: "))
            );
        }
    }

    #[test]
    fn the_first_choices_are_the_protocol() {
        let values = |variants: Vec<Variant>| -> Vec<_> {
            variants
                .into_iter()
                .map(|variant| variant.settings)
                .collect()
        };
        let plain = values(variants(Profile::Paper, &[]));
        for setting in SETTINGS {
            for (index, choice) in setting.choices.iter().enumerate() {
                let changed = values(variants(Profile::Paper, &[(setting.name, choice)]));
                assert_eq!(changed == plain, index == 0, "{} {choice}", setting.name);
            }
        }
    }
}
