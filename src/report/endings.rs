//! How the runs behind a table ended, counted and in words.

use serde::Serialize;

use crate::replication::{Results, VariantRecords};
use crate::runs::{Outcome, Record};

/// How many of a variant's runs ended in a way that a reader has to know of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Endings {
    /// Runs of the plan, done or not.
    pub planned: usize,
    /// Runs that diverged: they have no value of any metric.
    pub diverged: usize,
    /// Runs that ended on a degenerate solution: their values count like any others.
    pub collapsed: usize,
}

impl Endings {
    /// Of a variant.
    #[must_use]
    pub fn of(variant: &VariantRecords) -> Self {
        let diverged = |run: &&Record| run.outcome != Outcome::Completed;
        let runs = variant.records.iter();
        Self {
            planned: variant.planned,
            diverged: runs.clone().filter(diverged).count(),
            collapsed: runs.filter(|run| run.is_collapsed()).count(),
        }
    }
}

/// What is not as it should be with the runs, a sentence for each way; `collapsed` says how a run that collapsed
/// ended, e.g. `Collapsed onto a single unit`.
#[must_use]
pub fn told(results: &Results, collapsed: &str) -> Vec<String> {
    let variants = results.variants.iter();
    let all: Vec<_> = variants
        .map(|variant| (variant, Endings::of(variant)))
        .collect();
    let of_stored = |count: fn(&Endings) -> usize| {
        let counts = all.iter();
        counts.map(move |(variant, endings)| {
            (variant.id.as_str(), count(endings), variant.records.len())
        })
    };
    let missing = all.iter().map(|(variant, endings)| {
        let missing = endings.planned.saturating_sub(variant.records.len());
        (variant.id.as_str(), missing, endings.planned)
    });
    [
        sentence(collapsed, of_stored(|endings| endings.collapsed)),
        sentence(
            "Diverged, so without values",
            of_stored(|endings| endings.diverged),
        ),
        sentence("Missing, not done yet or failed", missing),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// `Missing: 9 of 10 runs of a, b; 3 of 10 of c.`, from variants' ids, how many of their runs are to be told of, and how
/// many there are; nothing if none are. Variants with equal counts stand together, and are not named if they are all.
pub fn sentence<'a>(
    what: &str,
    counts: impl Iterator<Item = (&'a str, usize, usize)>,
) -> Option<String> {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    let mut variants = 0;
    for (id, count, all) in counts {
        variants += 1;
        if count == 0 {
            continue;
        }
        let share = format!("{count} of {all}");
        match groups.iter_mut().find(|group| group.0 == share) {
            Some(group) => group.1.push(id),
            None => groups.push((share, vec![id])),
        }
    }
    let mut parts = Vec::new();
    for (place, (share, ids)) in groups.iter().enumerate() {
        let runs = if place == 0 { " runs" } else { "" };
        let whose = if ids.len() == variants && variants > 1 {
            "each variant".to_owned()
        } else {
            ids.join(", ")
        };
        parts.push(format!("{share}{runs} of {whose}"));
    }
    (!parts.is_empty()).then(|| format!("{what}: {}.", parts.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_with_equal_counts_stand_together() {
        let said = |counts: &[(&str, usize, usize)]| {
            sentence("Missing", counts.iter().map(|&(id, n, all)| (id, n, all)))
        };
        assert_eq!(said(&[("a", 0, 3), ("b", 0, 3)]), None);
        assert_eq!(
            said(&[("a", 2, 3), ("b", 1, 3), ("c", 2, 3), ("d", 0, 3)]).as_deref(),
            Some("Missing: 2 of 3 runs of a, c; 1 of 3 of b.")
        );
        assert_eq!(
            said(&[("a", 9, 10), ("b", 9, 10)]).as_deref(),
            Some("Missing: 9 of 10 runs of each variant.")
        );
        assert_eq!(
            said(&[("a", 1, 1)]).as_deref(),
            Some("Missing: 1 of 1 runs of a.")
        );
    }
}
