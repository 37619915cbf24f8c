//! What a replication is: one experiment of a paper, as the harness sees it.

mod gathering;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::claims::{self, Conditions, Judgement, Published, Seeds, Summary, Test};
use crate::nn::Precision;
use crate::plot::Figure;
use crate::random::Seed;
use crate::report::{Comparison, Table};
use crate::runs::identity::SCHEMA;
use crate::runs::{Identity, Record, Store};
use crate::train::Method;

pub use gathering::gather;

/// How much of a protocol is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Embedded data, under 20 seconds on two cores: does everything work?
    Smoke,
    /// The real data set, under 6 minutes on two cores: a first honest look.
    Quick,
    /// The full protocol of the paper.
    Paper,
}

impl Profile {
    /// All of them, the shortest first.
    pub const ALL: [Self; 3] = [Self::Smoke, Self::Quick, Self::Paper];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Quick => "quick",
            Self::Paper => "paper",
        }
    }

    /// What tables and figures made from its runs have to say; `None` for the full protocol.
    #[must_use]
    pub fn note(self) -> Option<String> {
        match self {
            Self::Paper => None,
            Self::Quick => {
                Some("quick profile, shortened training: no verdict on the paper".to_owned())
            }
            Self::Smoke => {
                Some("smoke profile, small network, other data: no verdict on the paper".to_owned())
            }
        }
    }
}

/// A setting of a replication that its users may change.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The option's name without dashes, e.g. `gammas`.
    pub name: &'static str,
    /// What stands for its value in the help, e.g. `LIST`.
    pub placeholder: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
    /// The values it can have, the protocol's own first; empty if they are checked elsewhere.
    pub choices: &'static [&'static str],
    /// What another value means for the results.
    pub effect: Effect,
}

/// What changing a setting means for the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Fewer or other variants, each as in the protocol.
    Selects,
    /// Another experiment: its results are kept apart, say what was changed, and allow no verdict.
    Alters,
}

/// The settings that the user has changed, as text by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Changes(BTreeMap<String, String>);

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--{name} {value}: {reason}")]
pub struct BadSetting {
    /// The option's name.
    pub name: String,
    /// What was given.
    pub value: String,
    /// What is wrong with it and what would be right.
    pub reason: String,
}

impl FromIterator<(String, String)> for Changes {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(pairs: T) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl Changes {
    /// The changes but for the one named.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let mut others = self.clone();
        others.0.remove(name);
        others
    }

    /// The changes of one effect, by name; a change to the protocol's own choice is none.
    #[must_use]
    pub fn with_effect(&self, effect: Effect, settings: &[Setting]) -> Vec<(String, String)> {
        let altering = settings.iter().filter(|setting| setting.effect == effect);
        altering
            .filter_map(|setting| {
                let value = self.text(setting.name)?;
                let same = setting.choices.first() == Some(&value);
                (!same).then(|| (setting.name.to_owned(), value.to_owned()))
            })
            .collect()
    }

    /// The text given for a setting.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A setting's value, parsed; `None` if the user left it alone.
    ///
    /// # Errors
    /// If the text is not a value of this kind; `expected` says what would be.
    pub fn parsed<T: std::str::FromStr>(
        &self,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, BadSetting> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let value = text
            .trim()
            .parse()
            .map_err(|_| BadSetting::new(name, text, expected));
        value.map(Some)
    }

    /// A setting's values, separated by commas.
    ///
    /// # Errors
    /// As [`Changes::parsed`], for each of them.
    pub fn list<T: std::str::FromStr>(
        &self,
        name: &str,
        expected: &str,
    ) -> Result<Option<Vec<T>>, BadSetting> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let values = text.split(',').map(|item| {
            item.trim()
                .parse()
                .map_err(|_| BadSetting::new(name, item, expected))
        });
        values.collect::<Result<_, _>>().map(Some)
    }

    /// A setting whose value is one of the names that `T` serialises to.
    ///
    /// # Errors
    /// If it is another one; the message lists them as serde does.
    pub fn choice<T: serde::de::DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<T>, BadSetting> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        serde_json::from_value(Value::from(text))
            .map(Some)
            .map_err(|error| BadSetting::new(name, text, &error.to_string()))
    }
}

impl BadSetting {
    /// A complaint about the value of the option `name`.
    #[must_use]
    pub fn new(name: &str, value: &str, reason: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: value.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

/// One setting of an experiment, to be run with several seeds.
#[derive(Clone)]
pub struct Variant {
    /// Its id within the replication, e.g. `gamma=0.001`.
    pub id: String,
    /// What does the work.
    pub method: &'static dyn Method,
    /// The method's settings, all of them.
    pub settings: Value,
    /// The id of the data set that it is trained on.
    pub data: &'static str,
}

impl Variant {
    /// What one run of it depends on, its data set's hash among it. Methods that know one precision only get the exact one.
    #[must_use]
    pub fn identity(&self, data_sha256: &str, seed: Seed, precision: Precision) -> Identity {
        Identity {
            schema: SCHEMA,
            method: self.method.id().to_owned(),
            algorithm: self.method.version(),
            settings: self.settings.clone(),
            data: self.data.to_owned(),
            data_sha256: data_sha256.to_owned(),
            seed,
            precision: if self.method.can_round() {
                precision
            } else {
                Precision::Exact
            },
        }
    }
}

/// What a profile of a replication comes to: variants, and the number of seeds.
#[derive(Clone)]
pub struct Protocol {
    /// The variants, baselines included.
    pub variants: Vec<Variant>,
    /// Seeds for each variant unless the user says otherwise: 0, 1, ..
    pub seeds: u64,
}

impl Protocol {
    /// The ids of the variants' data sets, each once, in the order in which they come.
    #[must_use]
    pub fn data_sets(&self) -> Vec<&'static str> {
        let mut ids = Vec::new();
        for variant in &self.variants {
            if !ids.contains(&variant.data) {
                ids.push(variant.data);
            }
        }
        ids
    }

    /// The data sets' titles, separated by commas.
    ///
    /// # Errors
    /// If one is unknown.
    pub fn data_title(&self) -> Result<String, crate::data::Error> {
        let catalogue = crate::data::catalogue()?;
        let titles = self.data_sets().into_iter();
        let titles = titles.map(|id| Ok(catalogue.entry(id)?.title.as_str()));
        Ok(titles
            .collect::<Result<Vec<_>, crate::data::Error>>()?
            .join(", "))
    }
}

/// The records of one variant.
#[derive(Debug, Clone)]
pub struct VariantRecords {
    /// The variant's id.
    pub id: String,
    /// Seeds of the plan; those without a record are not done yet, or failed.
    pub planned: usize,
    /// One for each seed that is done, in the order of seeds.
    pub records: Vec<Record>,
}

impl VariantRecords {
    /// What the runs have of a metric.
    #[must_use]
    pub fn summary(&self, metric: &str) -> Summary {
        summary(&self.records, metric)
    }
}

fn summary(records: &[Record], metric: &str) -> Summary {
    Summary::of(records.iter().map(|record| record.metric(metric)))
}

/// What there is to present.
#[derive(Debug, Clone)]
pub struct Results {
    /// The profile that was run.
    pub profile: Profile,
    /// What was changed in its protocol, by name.
    pub altered: Vec<(String, String)>,
    /// The data sets' titles.
    pub data_title: String,
    /// The variants, in the protocol's order.
    pub variants: Vec<VariantRecords>,
}

impl Results {
    /// Whether a setting differs from the protocol.
    #[must_use]
    pub fn is_altered(&self, setting: &str) -> bool {
        self.altered.iter().any(|(name, _)| name == setting)
    }

    /// What tables and figures have to say of where they come from; `None` for the full protocol.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        let altered: Vec<String> = self
            .altered
            .iter()
            .map(|(name, value)| format!("{name} = {value}"))
            .collect();
        match (self.profile.note(), altered.is_empty()) {
            (note, true) => note,
            (None, false) => Some(format!(
                "changed: {}; no verdict on the paper",
                altered.join(", ")
            )),
            (Some(note), false) => Some(format!("changed: {}; {note}", altered.join(", "))),
        }
    }

    /// What was run, as far as it decides whether there can be verdicts.
    #[must_use]
    pub fn conditions(&self) -> Conditions {
        Conditions {
            profile: self.profile.name().to_owned(),
            altered: self.altered.clone(),
        }
    }

    /// The records of a variant; empty if there are none.
    #[must_use]
    pub fn records(&self, variant: &str) -> &[Record] {
        let found = self.variants.iter().find(|entry| entry.id == variant);
        found.map_or(&[], |entry| &entry.records)
    }

    /// What a variant's runs have of a metric; nothing if there are none.
    #[must_use]
    pub fn summary(&self, variant: &str, metric: &str) -> Summary {
        summary(self.records(variant), metric)
    }

    /// What to know when reading the table of results: whose values these are, then `words`, a line for each of
    /// `lines`, and the profile's note.
    #[must_use]
    pub fn caption(&self, words: &str, lines: impl IntoIterator<Item = String>) -> String {
        let mut caption = format!(
            "{}; mean \u{b1} standard deviation (divisor n - 1) over n runs.\n{words}",
            self.data_title
        );
        for line in lines.into_iter().chain(self.note()) {
            caption.push('\n');
            caption += &line;
        }
        caption
    }
}

/// What a replication shows of its results.
#[derive(Debug, Default)]
pub struct Presentation {
    /// Our values beside the paper's.
    pub comparisons: Vec<Comparison>,
    /// What to know when reading them.
    pub caption: String,
    /// Figures by name, e.g. `fig1`.
    pub figures: Vec<(String, Figure)>,
    /// What follows from them, as tables to read: effects paired by seed, say.
    pub further: Vec<Table>,
    /// Further tables by file name, written beside the figures of a run: those that a paper's own code
    /// writes, say.
    pub tables: Vec<(String, Vec<u8>)>,
}

/// One experiment of a paper.
pub trait Replication: Sync {
    /// Its name on the command line, e.g. `desom-gamma`.
    fn id(&self) -> &'static str;

    /// What it answers, in one line.
    fn summary(&self) -> &'static str;

    /// How it is done and what to know before believing it, in a few paragraphs.
    fn description(&self) -> &'static str;

    /// The published values and where they are from.
    ///
    /// # Errors
    /// If `paper.toml` is wrong; the message names file, line and key.
    fn published(&self) -> Result<Published, crate::claims::Error>;

    /// What users may change.
    fn settings(&self) -> &'static [Setting];

    /// The variants of a profile with the user's changes.
    ///
    /// # Errors
    /// If a change cannot be used.
    fn protocol(&self, profile: Profile, changes: &Changes) -> Result<Protocol, BadSetting>;

    /// The main result of one run in a few words, for progress lines.
    fn headline(&self, record: &Record) -> String;

    /// Tables and figures.
    ///
    /// # Errors
    /// If a figure cannot be drawn or the published values are wrong.
    fn present(&self, results: &Results) -> Result<Presentation, crate::Error>;

    /// Further figures, of what runs keep in a store beside their records: codes, images. None unless
    /// said otherwise.
    ///
    /// # Errors
    /// If a figure cannot be drawn or what was kept cannot be read.
    fn pictures(
        &self,
        results: &Results,
        store: &Store,
    ) -> Result<Vec<(String, Figure)>, crate::Error> {
        let _ = (results, store);
        Ok(Vec::new())
    }
}

/// The verdicts on a replication's claims, in the order of its paper's file. Whether there can be any,
/// the results' profile and changes decide; where there cannot, all are *not tested* and say why.
///
/// # Errors
/// If `paper.toml` is wrong; the message names file, line and key.
pub fn judge(
    replication: &dyn Replication,
    results: &Results,
) -> Result<Vec<Judgement>, claims::Error> {
    let published = replication.published()?;
    // Of the protocol, not of the user's choice: seeds added one by one are no plan. A protocol without changes
    // has nothing that could be refused.
    let protocol = replication.protocol(results.profile, &Changes::default());
    let planned = protocol.map_or(0, |protocol| protocol.seeds as usize);
    let fingerprints = published.fingerprints(replication.id());
    let variants = results.variants.iter();
    let runs = claims::Results::of_records(variants.flat_map(|variant| {
        let records = variant.records.iter();
        records.map(|record| (variant.id.as_str(), record))
    }));
    let claims: Vec<_> = published.claims_of(replication.id()).collect();
    let judgements = claims::judge(
        &published,
        claims.iter().copied(),
        &runs,
        &results.conditions(),
    );
    let judged = claims.into_iter().zip(judgements);
    let aged = judged.map(|(claim, judgement)| {
        let used = results.variants.iter().filter(|variant| {
            let mut groups = judgement.findings.iter().flat_map(|one| &one.ours);
            groups.any(|group| group.variant == variant.id)
        });
        let used: Vec<_> = used.collect();
        let today = fingerprints.get(claim.id.as_str()).map_or("", |one| one);
        let older = claims::made_before(
            claim,
            today,
            &fingerprints,
            used.iter().flat_map(|variant| &variant.records),
        );
        let judgement = judgement.with_older_runs(older);
        match used.iter().map(|variant| variant.records.len()).min() {
            Some(done) => judgement.with_seeds(Seeds { done, planned }),
            None => judgement,
        }
    });
    Ok(aged.collect())
}

/// The judgement of a claim that no replication tests.
#[must_use]
pub fn untested(claim: &claims::Claim) -> Judgement {
    let reason = match &claim.test {
        Test::Qualitative(test) => format!("to be looked at: {}", test.look),
        _ => format!("its experiment, {}, does not exist yet", *claim.replication),
    };
    claims::not_tested(claim, &reason)
}
