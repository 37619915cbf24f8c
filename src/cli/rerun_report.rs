//! What `replicate rerun` says: a run beside its record.

use std::fmt;

use serde::Serialize;

use crate::data::Digest;
use crate::report::Table;
use crate::runs::record::{Curves, Outcome};
use crate::runs::{Error, Record, checkpoint};
use crate::train::Finished;

/// One thing beside the settings that bits may depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Circumstance {
    /// What it is, e.g. `threads`.
    pub name: &'static str,
    /// As the record has it.
    pub recorded: String,
    /// As it is now.
    pub now: String,
}

/// A metric then and now; `None` where undefined or absent.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Pair {
    metric: String,
    recorded: Option<f64>,
    now: Option<f64>,
    /// Now less recorded.
    difference: Option<f64>,
    same: bool,
}

/// A run done again, beside its record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rerun {
    key: String,
    variant: String,
    seed: u64,
    /// Whether outcome, metrics, curves and weights are the same to the last bit.
    pub identical: bool,
    recorded_outcome: Outcome,
    outcome: Outcome,
    metrics: Vec<Pair>,
    /// The iteration at which the losses first differ.
    curves_differ_at: Option<u64>,
    weights_identical: bool,
    /// What is not as it was when the record was made.
    circumstances: Vec<Circumstance>,
    seconds: f64,
}

/// Compares a run with its record; `circumstances` are all there are, equal ones included.
///
/// # Errors
/// If the weights cannot be represented.
pub fn compare(
    record: &Record,
    run: &Finished,
    mut circumstances: Vec<Circumstance>,
) -> Result<Rerun, Error> {
    circumstances.retain(|circumstance| circumstance.recorded != circumstance.now);
    let names = record.metrics.keys().chain(run.metrics.keys());
    let mut names: Vec<&String> = names.collect();
    names.sort();
    names.dedup();
    let metrics: Vec<Pair> = names
        .into_iter()
        .map(|name| {
            let recorded = record.metric(name);
            let now = run
                .metrics
                .get(name)
                .copied()
                .filter(|value| value.is_finite());
            let there = record.metrics.contains_key(name) == run.metrics.contains_key(name);
            Pair {
                metric: name.clone(),
                recorded,
                now,
                difference: recorded.zip(now).map(|(recorded, now)| now - recorded),
                same: there && recorded.map(f64::to_bits) == now.map(f64::to_bits),
            }
        })
        .collect();
    let weights = if run.weights.is_empty() {
        None
    } else {
        let bytes = checkpoint::encode("the weights".as_ref(), &run.weights, None)?;
        Some(Digest::of(&bytes).to_string())
    };
    let mut curves = run.curves.clone();
    // Records of before have no closely followed start.
    if record.curves.start.is_none() {
        curves.start = None;
    }
    let curves_differ_at = match (&record.curves.start, &curves.start) {
        (Some(recorded), Some(now)) => first_difference(recorded, now),
        _ => None,
    };
    let curves_differ_at = curves_differ_at.or_else(|| first_difference(&record.curves, &curves));
    let weights_identical = weights == record.weights_sha256;
    Ok(Rerun {
        key: record.key.as_str().to_owned(),
        variant: record.variant.clone(),
        seed: record.identity.seed.0,
        identical: record.outcome == run.outcome
            && metrics.iter().all(|pair| pair.same)
            && curves_differ_at.is_none()
            && weights_identical,
        recorded_outcome: record.outcome,
        outcome: run.outcome,
        metrics,
        curves_differ_at,
        weights_identical,
        circumstances,
        seconds: (run.training + run.evaluation).as_secs_f64(),
    })
}

/// The first iteration at which two curves are not the same.
fn first_difference(recorded: &Curves, now: &Curves) -> Option<u64> {
    if recorded == now {
        return None;
    }
    let points = recorded.iteration.len().max(now.iteration.len());
    let at = |curves: &Curves, point: usize| {
        let values = curves.values.iter();
        let values = values.map(|(name, values)| (name.clone(), values.get(point).copied()));
        (
            curves.iteration.get(point).copied(),
            values.collect::<Vec<_>>(),
        )
    };
    let first = (0..points).find(|&point| at(recorded, point) != at(now, point));
    let first = first.and_then(|point| at(recorded, point).0.or(at(now, point).0));
    // Curves of no points can still have different names.
    Some(first.unwrap_or(0))
}

fn value(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| value.to_string())
}

fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Completed => "completed".to_owned(),
        Outcome::Diverged { iteration } => format!("diverged at iteration {iteration}"),
    }
}

impl fmt::Display for Rerun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = self.key.get(..16).unwrap_or(&self.key);
        let name = format!("{} seed {} (run {short})", self.variant, self.seed);
        if self.identical {
            writeln!(
                f,
                "{name}: identical bits (outcome, {} metrics, curves, weights)",
                self.metrics.len()
            )?;
            return self.fmt_circumstances(f, "although these were not as recorded");
        }
        writeln!(f, "{name}: not the recorded bits\n")?;
        if self.recorded_outcome != self.outcome {
            writeln!(
                f,
                "outcome: recorded {}, now {}",
                outcome(self.recorded_outcome),
                outcome(self.outcome)
            )?;
        }
        let differing: Vec<&Pair> = self.metrics.iter().filter(|pair| !pair.same).collect();
        let mut table = Table {
            head: ["metric", "recorded", "now", "difference"]
                .map(str::to_owned)
                .to_vec(),
            caption: format!(
                "{} of {} metrics differ",
                differing.len(),
                self.metrics.len()
            ),
            ..Table::default()
        };
        for pair in differing {
            table.rows.push(vec![
                pair.metric.clone(),
                value(pair.recorded),
                value(pair.now),
                pair.difference
                    .map_or("-".to_owned(), |value| format!("{value:+.1e}")),
            ]);
        }
        writeln!(f, "{table}")?;
        match self.curves_differ_at {
            None => writeln!(f, "curves:  identical")?,
            Some(iteration) => writeln!(f, "curves:  differ from iteration {iteration} on")?,
        }
        let weights = if self.weights_identical {
            "identical"
        } else {
            "differ"
        };
        writeln!(f, "weights: {weights}")?;
        if self.circumstances.is_empty() {
            return writeln!(
                f,
                "\nNothing that the record says of how it was made is different here. Either the record \
                 was altered, or the program was, without a new version of the method."
            );
        }
        self.fmt_circumstances(f, "the likely cause is among what is not as recorded")
    }
}

impl Rerun {
    fn fmt_circumstances(&self, f: &mut fmt::Formatter<'_>, title: &str) -> fmt::Result {
        if self.circumstances.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n{title}:")?;
        for Circumstance {
            name,
            recorded,
            now,
        } in &self.circumstances
        {
            writeln!(f, "    {name}: recorded {recorded}, now {now}")?;
        }
        if self
            .circumstances
            .iter()
            .any(|c| c.name == "matrix kernels")
            && !self.identical
        {
            writeln!(
                f,
                "Set MKL_CBWR to the recorded matrix kernels, if this processor has them."
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curves(points: &[(u64, Option<f64>)]) -> Curves {
        let mut curves = Curves {
            iteration: points.iter().map(|point| point.0).collect(),
            ..Curves::default()
        };
        let values = points.iter().map(|point| point.1).collect();
        curves.values.insert("loss".to_owned(), values);
        curves
    }

    #[test]
    fn the_first_difference_of_curves_is_found() {
        let recorded = curves(&[(1, Some(0.5)), (5, Some(0.25)), (9, None)]);
        assert_eq!(first_difference(&recorded, &recorded), None);
        for (now, expected) in [
            (
                curves(&[(1, Some(0.5)), (5, Some(0.250_000_1)), (9, None)]),
                5,
            ),
            (
                curves(&[(1, Some(0.5)), (5, Some(0.25)), (9, Some(1.0))]),
                9,
            ),
            (curves(&[(1, Some(0.5)), (5, Some(0.25))]), 9),
            (curves(&[]), 1),
            (Curves::default(), 1),
        ] {
            assert_eq!(first_difference(&recorded, &now), Some(expected));
            assert_eq!(first_difference(&now, &recorded), Some(expected));
        }
        assert_eq!(first_difference(&curves(&[]), &Curves::default()), Some(0));
    }
}
