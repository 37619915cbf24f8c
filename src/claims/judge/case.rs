//! One claim with the runs it is tested on.

use super::super::fewest::comparisons;
use super::super::results::Sample;
use super::super::verdict::{Finding, Group, Verdict};
use super::super::words::count;
use super::super::{Better, Claim, Published, Quantity, Results};
use super::together::Corrections;
use super::{AGAINST, FOR};
use crate::metrics::{self, described};
use crate::som::quality::{CLASS_SCATTER, MAP};
use crate::statistics::closeness::MIN_RUNS;
use crate::statistics::power::Further;

/// Squares of larger values, and their sums, are not finite.
const LARGEST: f64 = 1e150;
/// The largest share of runs without a value that a claim about values bears.
const WITHOUT_VALUE: f64 = 0.1;

/// What every test is given.
pub(super) struct Case<'a> {
    pub claim: &'a Claim,
    pub published: &'a Published,
    pub results: &'a Results,
    /// How many more seeds would decide depends on them; the verdict is corrected afterwards.
    pub corrections: Corrections,
}

impl Case<'_> {
    /// What the p values for and against the claim are held against, when it is asked how many more seeds it takes:
    /// as Holm corrects the smallest of them.
    pub(super) fn levels(&self) -> (f64, f64) {
        let comparisons = comparisons(&self.claim.test).max(1) as f64;
        let Corrections { in_favour, against } = self.corrections;
        (FOR / in_favour, AGAINST / against / comparisons)
    }

    pub(super) fn quantity(&self, variant: &str, metric: &str) -> Quantity {
        Quantity {
            variant: variant.to_owned(),
            metric: metric.to_owned(),
            data: self.claim.data.clone(),
        }
    }

    /// The runs of a metric of a variant, if they allow a test of values.
    pub(super) fn sample(
        &self,
        label: &str,
        variant: &str,
        metric: &str,
    ) -> Result<Sample, Box<Finding>> {
        let found = self.results.sample(&self.quantity(variant, metric));
        let impossible = |reason: String| {
            let words = format!("{label}: not tested, {reason}.");
            let verdict = Verdict::NotTested { reason };
            Box::new(Finding::new(label.to_owned(), verdict, words))
        };
        let sample = found.map_err(impossible)?;
        let is_large = |&(_, value): &(u64, f64)| value.abs() > LARGEST;
        if sample.values.iter().any(is_large) {
            return Err(impossible(format!(
                "{metric} of {variant} is beyond {LARGEST:e}, too large to be squared"
            )));
        }
        let short = |more_seeds, words: String| {
            let verdict = Verdict::Inconclusive { more_seeds };
            Box::new(Finding {
                ours: vec![Group::of(variant, metric, &sample)],
                ..Finding::new(label.to_owned(), verdict, words)
            })
        };
        let (lost, runs) = (sample.without_value(), sample.runs());
        let n = sample.values.len();
        if lost as f64 > WITHOUT_VALUE * runs as f64 {
            // If all that follow have a value; at the rate so far none would do.
            let needed = (lost as f64 / WITHOUT_VALUE).ceil() as usize;
            let left = if n == 0 {
                "nothing is left to test"
            } else {
                "what is left is a selection, and its mean is not the method's"
            };
            return Err(short(
                Further::AtLeast(needed.saturating_sub(runs).max(1) as u32),
                format!(
                    "{label}: {lost} of {} of {variant} have no value ({} diverged); {left}.",
                    count(runs, "run"),
                    sample.diverged
                ),
            ));
        }
        if n < MIN_RUNS as usize {
            return Err(short(
                Further::AtLeast(MIN_RUNS - n as u32),
                format!(
                    "{label}: {} of {variant}; fewer than {MIN_RUNS} decide nothing.",
                    count(n, "run")
                ),
            ));
        }
        Ok(sample)
    }

    /// What there is of each of these (variant, metric), whether or not it allows a test.
    pub(super) fn groups(&self, compared: [(&str, &str); 2]) -> Vec<Group> {
        let groups = compared.into_iter().filter_map(|(variant, metric)| {
            let sample = self.results.sample(&self.quantity(variant, metric)).ok()?;
            Some(Group::of(variant, metric, &sample))
        });
        groups.collect()
    }

    /// The runs of a metric of several variants. A variant without any is named before one with too few:
    /// seeds do not mend that.
    pub(super) fn samples<'s>(
        &self,
        label: &str,
        variants: impl IntoIterator<Item = &'s str>,
        metric: &str,
    ) -> Result<Vec<Sample>, Box<Finding>> {
        let (mut samples, mut stopped) = (Vec::new(), None::<Box<Finding>>);
        for variant in variants {
            match self.sample(label, variant, metric) {
                Ok(sample) => samples.push(sample),
                Err(finding) if matches!(finding.verdict, Verdict::NotTested { .. }) => {
                    return Err(finding);
                }
                Err(finding) => stopped = stopped.or(Some(finding)),
            }
        }
        stopped.map_or(Ok(samples), Err)
    }

    /// Which way a metric improves: as the claim says, or as its name does.
    pub(super) fn better(&self, metric: &str) -> Option<Better> {
        self.claim.better.or_else(|| known_direction(metric))
    }
}

/// Which way a metric improves that is known by name, alone or after a prefix as in `bmu.purity`.
pub(super) fn known_direction(metric: &str) -> Option<Better> {
    let name = metric.rsplit('.').next()?;
    let of_maps = || {
        let known = MAP.iter().map(|(of, _)| *of).chain([CLASS_SCATTER]);
        known.into_iter().find(|of| of.id == name)
    };
    match described(name).or_else(of_maps)?.better {
        metrics::Better::Higher => Some(Better::Higher),
        metrics::Better::Lower => Some(Better::Lower),
        metrics::Better::NearestZero | metrics::Better::NearestOne => None,
    }
}
