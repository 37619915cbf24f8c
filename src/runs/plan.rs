//! What would be run, and why.

use std::time::Duration;

use serde::Serialize;

use super::identity::{Identity, Key};
use super::schedule::{self, Estimate};

/// Why a run is, or is not, to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Reason {
    /// Its record is in the store.
    Cached,
    /// A checkpoint was left behind.
    Resume {
        /// Iterations done.
        at: u64,
        /// Iterations in all.
        of: u64,
    },
    /// It is the run of another variant too, which stands before it in the plan: done once, it counts for both.
    SameAs {
        /// That variant.
        variant: String,
    },
    /// Nothing like it is in the store.
    New,
    /// A record exists for other bytes of the same data set.
    DataChanged,
    /// A record exists for another version of the method.
    AlgorithmChanged {
        /// The recorded version.
        from: u32,
        /// The program's version.
        to: u32,
    },
    /// A record and weights exist of a version that trained alike: only the evaluation is to be done.
    EvaluationChanged {
        /// The recorded version.
        from: u32,
        /// The program's version.
        to: u32,
    },
    /// Its record or its weights are damaged; they are kept under other names when it is done again.
    Damaged {
        /// What is wrong with them.
        message: String,
    },
    /// Its record is there but cannot be read; it is left alone.
    Unreadable {
        /// What is wrong with it.
        message: String,
    },
    /// The last attempt ended with an error.
    FailedBefore {
        /// Its text.
        message: String,
    },
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cached => f.write_str("cached"),
            Self::Resume { at, of } => write!(f, "resume at {at}/{of}"),
            Self::SameAs { variant } => write!(f, "same run as {variant}"),
            Self::New => f.write_str("new"),
            Self::DataChanged => f.write_str("data changed"),
            Self::AlgorithmChanged { from, to } => write!(f, "algorithm v{from} -> v{to}"),
            Self::EvaluationChanged { from, to } => {
                write!(f, "evaluation v{from} -> v{to}, trained before")
            }
            Self::Damaged { message } => {
                write!(f, "damaged, to be redone: {}", first_line(message))
            }
            Self::Unreadable { message } => write!(f, "unreadable: {}", first_line(message)),
            Self::FailedBefore { message } => {
                write!(f, "failed before: {}", first_line(message))
            }
        }
    }
}

fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

impl Reason {
    /// Whether the run is to be carried out.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        !matches!(
            self,
            Self::Cached | Self::SameAs { .. } | Self::Unreadable { .. }
        )
    }
}

/// One run of a plan.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedRun {
    /// Its key.
    pub key: Key,
    /// The variant's id, e.g. `gamma=0.001`.
    pub variant: String,
    /// What the result depends on.
    pub identity: Identity,
    /// Why it is to be done.
    pub reason: Reason,
    /// How long one worker will need for what is left of it.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub estimate: Option<Estimate>,
}

// The signature is serde's.
#[allow(clippy::ref_option)]
fn seconds<S: serde::Serializer>(estimate: &Option<Estimate>, to: S) -> Result<S::Ok, S::Error> {
    let time = estimate.as_ref().map(|estimate| estimate.time);
    time.map(|time| time.as_secs_f64()).serialize(to)
}

impl PlannedRun {
    /// How long one worker will need, if that was measured.
    #[must_use]
    pub fn time(&self) -> Option<Duration> {
        self.estimate.as_ref().map(|estimate| estimate.time)
    }
}

/// The runs of a replication and what is to be done for each.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The replication's id.
    pub replication: String,
    /// All its runs, variant by variant.
    pub runs: Vec<PlannedRun>,
}

impl Plan {
    /// The runs that are to be carried out.
    pub fn pending(&self) -> impl Iterator<Item = &PlannedRun> {
        self.runs.iter().filter(|run| run.reason.is_pending())
    }

    /// How long the pending runs take when `workers` share them; `None` unless all are estimated.
    #[must_use]
    pub fn estimate(&self, workers: usize) -> Option<Duration> {
        let runs = self.pending().map(|run| run.estimate.clone());
        let runs = runs.collect::<Option<_>>();
        runs.map(|runs| schedule::makespan(runs, workers))
    }
}
