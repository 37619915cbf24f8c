//! Our runs, as far as claims need them.

use std::collections::{BTreeMap, BTreeSet};

use super::Quantity;
use super::words::list;

/// More names help nobody.
const MOST_NAMES: usize = 12;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    /// Trained to the end.
    #[default]
    Completed,
    /// Trained to the end, on a degenerate solution: its values count like any others.
    Collapsed,
    /// A loss was not a finite number: there is nothing to measure.
    Diverged,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Run {
    /// The variant's id.
    pub variant: String,
    /// Its seed.
    pub seed: u64,
    /// The data set, where there are several.
    pub data: Option<String>,
    /// How it ended.
    pub ending: Ending,
    /// Values by metric; `None` where undefined.
    pub values: BTreeMap<String, Option<f64>>,
}

/// All runs of an experiment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Results {
    /// In any order.
    pub runs: Vec<Run>,
}

/// What there is of one quantity.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Sample {
    /// Defined values in the order of seeds.
    pub(super) values: Vec<(u64, f64)>,
    /// Runs that diverged.
    pub(super) diverged: usize,
    /// Runs that ended, but for which the metric is undefined.
    pub(super) undefined: usize,
    /// Runs that are marked as collapsed; their values are among the others.
    pub(super) collapsed: usize,
}

impl Sample {
    pub(super) fn numbers(&self) -> Vec<f64> {
        self.values.iter().map(|&(_, value)| value).collect()
    }

    /// Runs, with and without a value.
    pub(super) fn runs(&self) -> usize {
        self.values.len() + self.without_value()
    }

    pub(super) fn without_value(&self) -> usize {
        self.diverged + self.undefined
    }

    pub(super) fn at(&self, seed: u64) -> Option<f64> {
        let place = self.values.binary_search_by_key(&seed, |&(seed, _)| seed);
        place.ok().map(|place| self.values[place].1)
    }
}

/// Seeds with a value in every sample, in order.
pub(super) fn common_seeds(samples: &[Sample]) -> Vec<u64> {
    let Some((first, others)) = samples.split_first() else {
        return Vec::new();
    };
    let seeds = first.values.iter().map(|&(seed, _)| seed);
    seeds
        .filter(|&seed| others.iter().all(|other| other.at(seed).is_some()))
        .collect()
}

impl Results {
    /// The runs of a quantity.
    ///
    /// # Errors
    /// In words, if there are none or none has the metric.
    pub(super) fn sample(&self, quantity: &Quantity) -> Result<Sample, String> {
        let data = |run: &&Run| quantity.data.is_none() || run.data == quantity.data;
        let runs = self.runs.iter().filter(data);
        let mut runs: Vec<&Run> = runs.filter(|run| run.variant == quantity.variant).collect();
        if runs.is_empty() {
            let on = quantity.data.as_ref().map(|data| format!(" on {data}"));
            return Err(format!(
                "there are no runs of {}{}",
                quantity.variant,
                on.unwrap_or_default()
            ));
        }
        if quantity.data.is_none() {
            let sets: BTreeSet<_> = runs.iter().map(|run| &run.data).collect();
            if sets.len() > 1 {
                return Err(format!(
                    "runs of {} are on {} data sets; the claim has to name one (data = ..)",
                    quantity.variant,
                    sets.len()
                ));
            }
        }
        runs.sort_by_key(|run| run.seed);
        let mut sample = Sample::default();
        // Runs that diverged name no metrics: where all did, the name cannot be checked.
        let mut known = runs.iter().all(|run| run.ending == Ending::Diverged);
        for run in runs {
            known |= run.values.contains_key(&quantity.metric);
            let value = run.values.get(&quantity.metric).copied().flatten();
            match (run.ending, value.filter(|value| value.is_finite())) {
                (Ending::Diverged, _) => sample.diverged += 1,
                (_, Some(value)) => sample.values.push((run.seed, value)),
                (_, None) => sample.undefined += 1,
            }
            sample.collapsed += usize::from(run.ending == Ending::Collapsed);
        }
        if known {
            Ok(sample)
        } else {
            let here = self.runs.iter();
            let here = here.filter(|run| run.variant == quantity.variant);
            let names: BTreeSet<&String> = here.flat_map(|run| run.values.keys()).collect();
            let names: Vec<&String> = names.into_iter().collect();
            Err(format!(
                "no run of {} has the metric {}{}",
                quantity.variant,
                quantity.metric,
                match names.len() {
                    0 => String::new(),
                    1..=MOST_NAMES => format!("; they have {}", list(&names)),
                    more => format!("; they have {more} others"),
                }
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn run(seed: u64, ending: Ending, value: Option<f64>) -> Run {
        Run {
            variant: "v".into(),
            seed,
            ending,
            values: BTreeMap::from([("m".to_owned(), value)]),
            ..Run::default()
        }
    }

    fn quantity(variant: &str, metric: &str) -> Quantity {
        Quantity {
            variant: variant.into(),
            metric: metric.into(),
            data: None,
        }
    }

    #[test]
    fn runs_without_a_value_are_counted() {
        let mut lost = run(3, Ending::Diverged, None);
        lost.values.clear();
        let results = Results {
            runs: vec![
                run(2, Ending::Collapsed, Some(0.1)),
                lost,
                run(1, Ending::Completed, Some(0.7)),
                run(0, Ending::Completed, Some(f64::NAN)),
            ],
        };
        let sample = results.sample(&quantity("v", "m")).unwrap();
        assert_eq!(sample.values, [(1, 0.7), (2, 0.1)]);
        assert_eq!(
            (sample.diverged, sample.undefined, sample.collapsed),
            (1, 1, 1)
        );
        assert_eq!(sample.runs(), 4);
        assert!(
            results
                .sample(&quantity("w", "m"))
                .unwrap_err()
                .contains("no runs of w")
        );
    }

    #[test]
    fn data_sets_are_not_mixed() {
        let mut other = run(0, Ending::Completed, Some(0.5));
        other.data = Some("digits".into());
        let results = Results {
            runs: vec![run(0, Ending::Completed, Some(0.7)), other],
        };
        assert!(
            results
                .sample(&quantity("v", "m"))
                .unwrap_err()
                .contains("2 data sets")
        );
        let mut on_digits = quantity("v", "m");
        on_digits.data = Some("digits".into());
        assert_eq!(results.sample(&on_digits).unwrap().values, [(0, 0.5)]);
    }
}
