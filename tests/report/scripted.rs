//! A replication that trains nothing, with names that try to break out of every format, and stores of
//! records written by hand.

use std::collections::BTreeMap;

use replicate::claims::{Error as ClaimsError, Published, Summary};
use replicate::data;
use replicate::nn::Precision;
use replicate::plot::{Panel, Point, Run, Scale, Sweep};
use replicate::random::Seed;
use replicate::replication::{
    BadSetting, Changes, Presentation, Profile, Protocol, Replication, Results, Setting, Variant,
};
use replicate::report::{Comparison, Endings, Table};
use replicate::runs::identity::SCHEMA;
use replicate::runs::{Identity, Outcome, Record, Store};
use replicate::train::{Context, Error, Member, Method, Runs, Trial, Work};
use serde_json::{Value, json};

/// Breaks HTML, Markdown tables, LaTeX and CSV wherever it is not escaped.
pub const HOSTILE: &str = "<script>alert(\"x\")</script> & 50 % a_b | c";

/// Spreads of ten runs around their mean, in standard deviations: mean 0, standard deviation 1.
const SPREAD: [f64; 10] = [-1.5, -1.1, -0.7, -0.4, -0.1, 0.1, 0.4, 0.7, 1.1, 1.5];

struct NeverRun;

impl Method for NeverRun {
    fn id(&self) -> &'static str {
        "never-run"
    }

    fn version(&self) -> u32 {
        1
    }

    fn shape(&self, _: &Value) -> Result<Option<String>, Error> {
        Ok(None)
    }

    fn can_round(&self) -> bool {
        false
    }

    fn calibrate(&self, _: &Value, _: &Trial) -> Result<Work, Error> {
        Err(Error::Settings("reports train nothing".to_owned()))
    }

    fn run(&self, _: &[Member], _: &Context) -> Result<Option<Runs>, Error> {
        Err(Error::Settings("reports train nothing".to_owned()))
    }
}

/// See the module.
pub struct Scripted;

const VARIANTS: [&str; 5] = ["good", "bad", "few", "lossy", HOSTILE];

impl Replication for Scripted {
    fn id(&self) -> &'static str {
        "scripted"
    }

    fn summary(&self) -> &'static str {
        "Does <this> & that hold"
    }

    fn description(&self) -> &'static str {
        ""
    }

    fn published(&self) -> Result<Published, ClaimsError> {
        Published::parse("scripted.toml", include_str!("scripted.toml"))
    }

    fn settings(&self) -> &'static [Setting] {
        &[]
    }

    fn protocol(&self, profile: Profile, _: &Changes) -> Result<Protocol, BadSetting> {
        let variants = VARIANTS.iter().map(|id| Variant {
            id: (*id).to_owned(),
            method: &NeverRun,
            settings: json!({"variant": id, "profile": profile.name()}),
            data: "digits",
        });
        Ok(Protocol {
            variants: variants.collect(),
            seeds: 10,
        })
    }

    fn headline(&self, _: &Record) -> String {
        String::new()
    }

    fn present(&self, results: &Results) -> Result<Presentation, replicate::Error> {
        let published = self.published()?;
        let summary = |variant: &str| {
            let records = results.records(variant).iter();
            Summary::of(records.map(|record| record.metric("purity")))
        };
        let comparisons = VARIANTS.iter().map(|variant| Comparison {
            title: "purity".to_owned(),
            variant: (*variant).to_owned(),
            metric: "purity".to_owned(),
            ours: summary(variant),
            endings: Endings::default(),
            published: published.value("scripted", variant, "purity").cloned(),
        });
        let points = VARIANTS.iter().enumerate().map(|(place, variant)| {
            let ours = summary(variant);
            Point {
                x: place as f64,
                mean: ours.mean.unwrap_or(f64::NAN),
                sd: ours.sd,
                runs: ours.values.into_iter().map(Run::Value).collect(),
            }
        });
        let printed = VARIANTS.iter().enumerate().filter_map(|(place, variant)| {
            let value = published.value("scripted", variant, "purity")?;
            Some(Point {
                x: place as f64,
                mean: value.mean,
                sd: value.sample_sd(),
                runs: Vec::new(),
            })
        });
        let sweep = Sweep {
            title: "Scripted <runs>".to_owned(),
            parameter: "variant".to_owned(),
            scale: Scale::Category(
                VARIANTS
                    .iter()
                    .map(|id| id.chars().take(8).collect())
                    .collect(),
            ),
            panels: vec![Panel {
                metric: "purity".to_owned(),
                higher_is_better: true,
                range: (0.0, 1.0),
                ours: points.filter(|point| point.mean.is_finite()).collect(),
                published: printed.collect(),
                baselines: Vec::new(),
            }],
            caption: "A caption.".to_owned(),
            note: results.note(),
        };
        Ok(Presentation {
            comparisons: comparisons.collect(),
            caption: "Mean over <runs>\nof a | b.".to_owned(),
            figures: vec![("fig1".to_owned(), sweep.draw()?)],
            further: vec![Table {
                caption: "Paired <by> seed & run.".to_owned(),
                head: vec!["a | b".to_owned(), "effect_1".to_owned()],
                rows: vec![vec!["x < y & z".to_owned(), "-0.125".to_owned()]],
            }],
            tables: Vec::new(),
        })
    }
}

/// A record of a variant of any replication. `metrics` empty means that it diverged.
pub fn record(
    replication: &dyn Replication,
    profile: Profile,
    variant: &str,
    seed: u64,
    metrics: &BTreeMap<String, Option<f64>>,
) -> Record {
    let protocol = replication.protocol(profile, &Changes::default()).unwrap();
    let mut variants = protocol.variants.iter();
    let known = variants.find(|known| known.id == variant).unwrap();
    let identity = Identity {
        schema: SCHEMA,
        method: known.method.id().to_owned(),
        algorithm: known.method.version(),
        settings: known.settings.clone(),
        data: known.data.to_owned(),
        data_sha256: data::dataset_sha256(known.data).unwrap(),
        seed: Seed(seed),
        precision: Precision::Exact,
    };
    let outcome = if metrics.is_empty() {
        Outcome::Diverged { iteration: 7 }
    } else {
        Outcome::Completed
    };
    // From JSON: what a record may also hold does not matter here.
    let record = json!({
        "schema": SCHEMA,
        "key": identity.key(),
        "identity": identity,
        "variant": variant,
        "outcome": outcome,
        "metrics": metrics,
        "curves": {"iteration": []},
        "weights_sha256": null,
        "provenance": {
            "program": "0.1.0",
            "libtorch": "2.11.0",
            "device": "cpu",
            "device_name": "AMD EPYC <Zen 4> & co",
            "matrix_kernels": "AVX512,STRICT",
            "products": "float32",
            "threads": 1,
            "cohort": 1,
            "host": "secret-host",
            "system": "linux x86_64",
            "started": "2026-11-23T10:00:00Z",
            "finished": "2026-11-23T10:05:00Z",
            "training_seconds": 290.25 + seed as f64,
            "evaluation_seconds": 2.5,
            "resumed": 0,
        },
    });
    serde_json::from_value(record).unwrap()
}

/// Ten values around a mean.
pub fn values(mean: f64, sd: f64) -> impl Iterator<Item = (u64, f64)> {
    let spread = SPREAD.into_iter().enumerate();
    // So that paired differences spread too.
    spread.map(move |(seed, z)| ((seed as u64 * 7 + 3) % 10, mean + sd * z))
}

fn metrics(purity: f64, units: f64) -> BTreeMap<String, Option<f64>> {
    BTreeMap::from([
        ("purity".to_owned(), Some(purity)),
        ("undefined".to_owned(), None),
        ("units_used".to_owned(), Some(units)),
    ])
}

/// All records of the scripted replication under a profile.
pub fn records(profile: Profile) -> Vec<Record> {
    let make = |variant: &str, seed, metrics| record(&Scripted, profile, variant, seed, &metrics);
    let mut records = Vec::new();
    for (seed, value) in values(0.80, 0.01) {
        records.push(make("good", seed, metrics(value, 64.0)));
    }
    for (seed, value) in values(0.60, 0.01) {
        records.push(make("bad", seed, metrics(value, 64.0)));
    }
    for (seed, value) in values(0.70, 0.02).filter(|(seed, _)| *seed < 3) {
        records.push(make("few", seed, metrics(value, 64.0)));
    }
    for (seed, value) in values(0.50, 0.02) {
        let lost = seed < 3;
        let metrics = if lost {
            BTreeMap::new()
        } else {
            metrics(value, if seed == 4 { 1.0 } else { 60.0 })
        };
        records.push(make("lossy", seed, metrics));
    }
    for (seed, value) in values(0.40, 0.01) {
        records.push(make(HOSTILE, seed, metrics(value, 64.0)));
    }
    records
}

/// A store that holds records.
pub fn store(folder: &std::path::Path, records: &[Record]) -> Store {
    let store = Store::new(folder);
    for record in records {
        store.write_record(record).unwrap();
    }
    store
}
