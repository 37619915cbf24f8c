//! What stored runs come to, and what a replication makes of them.

use std::fmt;

use serde::Serialize;

use super::{Profile, Protocol};
use crate::claims::{self, Conditions, Summary};
use crate::plot::{Figure, Run};
use crate::report::{Comparison, Table};
use crate::runs::checkpoint::{self, Named};
use crate::runs::{Outcome, Record, Store};
use crate::words::count;

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

    /// The runs that came to their end, in the order of seeds.
    pub fn completed(&self) -> impl Iterator<Item = &Record> {
        let records = self.records.iter();
        records.filter(|record| record.outcome == Outcome::Completed)
    }
}

/// A run as figures draw it: its value of a metric, and how it ended.
#[must_use]
pub fn drawn(record: &Record, metric: &str) -> Run {
    match (record.outcome, record.metric(metric)) {
        (Outcome::Diverged { .. }, _) => Run::Diverged,
        (Outcome::Completed, None) => Run::Undefined,
        (Outcome::Completed, Some(value)) if record.is_collapsed() => Run::Collapsed(value),
        (Outcome::Completed, Some(value)) => Run::Value(value),
    }
}

fn summary(records: &[Record], metric: &str) -> Summary {
    Summary::of(records.iter().map(|record| record.metric(metric)))
}

/// How much of a plan is stored. A run of several variants is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Runs of the plan.
    pub planned: usize,
    /// Those of them that are not stored.
    pub missing: usize,
    /// Runs that are stored, seeds beyond the plan among them.
    pub stored: usize,
}

impl fmt::Display for Coverage {
    /// `78 of 80 planned runs stored, 3 beyond the plan`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let there = self.planned - self.missing;
        write!(
            f,
            "{there} of {} stored",
            count(self.planned, "planned run")
        )?;
        match self.stored - there {
            0 => Ok(()),
            more => write!(f, ", {more} beyond the plan"),
        }
    }
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
    /// The runs as claims see them.
    #[must_use]
    pub fn runs(&self) -> claims::Results {
        claims::Results::of_records(self.variants.iter().flat_map(|variant| {
            let records = variant.records.iter();
            records.map(|record| (variant.id.as_str(), record))
        }))
    }

    /// How many runs there are.
    #[must_use]
    pub fn stored(&self) -> usize {
        let variants = self.variants.iter();
        variants.map(|variant| variant.records.len()).sum()
    }

    /// How much of a protocol they are.
    #[must_use]
    pub fn coverage(&self, protocol: &Protocol) -> Coverage {
        let repeated = protocol.repeated();
        let own = self
            .variants
            .iter()
            .zip(repeated)
            .filter(|(_, again)| !again);
        let (mut planned, mut missing, mut stored) = (0, 0, 0);
        for (variant, _) in own {
            let seeds = variant.records.iter().map(|record| record.identity.seed.0);
            let there = seeds.filter(|seed| *seed < protocol.seeds).count();
            planned += protocol.seeds as usize;
            missing += protocol.seeds as usize - there;
            stored += variant.records.len();
        }
        Coverage {
            planned,
            missing,
            stored,
        }
    }

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

/// Figures of what runs keep beside their records.
#[derive(Debug, Default)]
pub struct Pictures {
    /// By name, e.g. `fig1`.
    pub figures: Vec<(String, Figure)>,
    /// Runs that there are no pictures of because the store lacks their weights, e.g. `mnist/dec, seed 0`.
    pub lacking: Vec<String>,
}

impl Pictures {
    /// The run of a variant that is drawn, and what it keeps, by name: of the runs that came to their end and whose
    /// weights are stored the one with the lowest seed, so that nobody's choice gets in. `None`, which is noted, if
    /// the store has records alone; and if there is no run.
    ///
    /// # Errors
    /// If what it keeps cannot be read.
    pub fn lowest_seed<'a>(
        &mut self,
        store: &Store,
        variant: &'a VariantRecords,
    ) -> Result<Option<(&'a Record, Named)>, crate::runs::Error> {
        for record in variant.completed() {
            if let Some((kept, _)) = checkpoint::load(&store.weights(&record.key))? {
                return Ok(Some((record, kept)));
            }
        }
        if let Some(lowest) = variant.completed().next() {
            self.lack(&variant.id, lowest);
        }
        Ok(None)
    }

    /// What a run keeps, by name; `None`, which is noted, if the store has its record alone.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn kept(
        &mut self,
        store: &Store,
        variant: &str,
        record: &Record,
    ) -> Result<Option<Named>, crate::runs::Error> {
        let kept = checkpoint::load(&store.weights(&record.key))?;
        if kept.is_none() {
            self.lack(variant, record);
        }
        Ok(kept.map(|(tensors, _)| tensors))
    }

    fn lack(&mut self, variant: &str, record: &Record) {
        let seed = record.identity.seed;
        self.lacking.push(format!("{variant}, seed {seed}"));
    }

    /// One more figure.
    pub fn add(&mut self, name: impl Into<String>, figure: Figure) {
        self.figures.push((name.into(), figure));
    }
}
