//! Stored runs as claims see them.

use super::results::{Ending, Results, Run};
use crate::runs::{Outcome, Record};

impl Results {
    /// Records with the ids that their variants have now.
    pub fn of_records<'a>(records: impl IntoIterator<Item = (&'a str, &'a Record)>) -> Self {
        let runs = records.into_iter().map(|(variant, record)| Run {
            variant: variant.to_owned(),
            seed: record.identity.seed.0,
            data: Some(record.identity.data.clone()),
            ending: ending(record),
            values: record.metrics.clone(),
        });
        Self {
            runs: runs.collect(),
        }
    }
}

fn ending(record: &Record) -> Ending {
    match record.outcome {
        Outcome::Diverged { .. } => Ending::Diverged,
        Outcome::Completed if record.is_collapsed() => Ending::Collapsed,
        Outcome::Completed => Ending::Completed,
    }
}
