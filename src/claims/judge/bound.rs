//! A mean, or the mean of the middle half, at least or at most a number.
//!
//! The mean by one-sided t tests; the middle half by percentile intervals of resampled runs, which are
//! approximate. One sample has nothing beside it that could show a tail it did not see: both are for
//! metrics whose runs spread evenly. For bounds that every single run has to keep there is `share`.

use super::super::words::{count, interval, number, p_value};
use super::super::{Aggregate, Bound};
use super::{AGAINST, Case, FOR, Finding, Group, Verdict, decided, each};
use crate::random::{Seed, stream};
use crate::statistics::bootstrap::{RESAMPLES, interquartile_mean, quantile, resampled};
use crate::statistics::power::further_for_mean;
use crate::statistics::{Difference, Interval, Moments};

/// One for each metric and variant.
pub(super) fn findings(case: &Case, test: &Bound) -> Vec<Finding> {
    let bounded = each(&test.metrics, &test.variants);
    bounded
        .map(|(metric, variant)| finding(case, test, metric, variant))
        .collect()
}

/// An estimate that can be tested against a number.
enum Estimate {
    Mean(Difference),
    /// Sorted values of the resamples.
    Resampled(Vec<f64>),
}

impl Estimate {
    fn p_greater(&self, null: f64) -> f64 {
        match self {
            Self::Mean(mean) => mean.p_greater(null),
            Self::Resampled(values) => at_least_one(values.partition_point(|&value| value <= null)),
        }
    }

    fn p_less(&self, null: f64) -> f64 {
        match self {
            Self::Mean(mean) => mean.p_less(null),
            Self::Resampled(values) => {
                at_least_one(values.len() - values.partition_point(|&value| value < null))
            }
        }
    }

    fn interval(&self, level: f64) -> Option<Interval> {
        match self {
            Self::Mean(mean) => Some(mean.interval(level)),
            Self::Resampled(values) => Some(Interval {
                low: quantile(values, 0.5 - level / 2.0)?,
                high: quantile(values, 0.5 + level / 2.0)?,
            }),
        }
    }
}

/// The observed sample counts as one of the resamples, so that no p value is 0.
fn at_least_one(count: usize) -> f64 {
    (count as f64 + 1.0) / (RESAMPLES as f64 + 1.0)
}

fn finding(case: &Case, test: &Bound, metric: &str, variant: &str) -> Finding {
    let range = match (&test.at_least, &test.at_most) {
        (Some(least), Some(most)) => format!("from {} to {}", **least, **most),
        (Some(least), None) => format!("at least {}", **least),
        (None, Some(most)) => format!("at most {}", **most),
        (None, None) => String::new(),
    };
    let what = match test.aggregate {
        Aggregate::Mean => "mean",
        Aggregate::Iqm => "mean of the middle half",
    };
    let label = format!("{metric} of {variant} {range}");
    let sample = match case.sample(&label, variant, metric) {
        Ok(sample) => sample,
        Err(finding) => return *finding,
    };
    let numbers = sample.numbers();
    let middle = |drawn: &[usize]| {
        let values: Vec<f64> = drawn.iter().map(|&run| numbers[run]).collect();
        interquartile_mean(&values)
    };
    let (Some(moments), Some(iqm)) = (Moments::of(&numbers), interquartile_mean(&numbers)) else {
        let reason = format!("{metric} of {variant}: no spread");
        return Finding::new(label, Verdict::NotTested { reason }, String::new());
    };
    let (value, estimate) = match test.aggregate {
        Aggregate::Mean => (moments.mean, Estimate::Mean(Difference::of_one(moments))),
        Aggregate::Iqm => {
            let mut rng = stream(Seed(0), &format!("claims/{}/{label}", *case.claim.id));
            (
                iqm,
                Estimate::Resampled(resampled(numbers.len(), &mut rng, middle)),
            )
        }
    };
    let p_values = |estimate: &Estimate| {
        let mut p = (0.0_f64, 1.0_f64);
        for least in test.at_least.iter().map(|bound| **bound) {
            p = (
                p.0.max(estimate.p_greater(least)),
                p.1.min(estimate.p_less(least)),
            );
        }
        for most in test.at_most.iter().map(|bound| **bound) {
            p = (
                p.0.max(estimate.p_less(most)),
                p.1.min(estimate.p_greater(most)),
            );
        }
        p
    };
    let (p_for, p_against) = p_values(&estimate);
    let verdict = decided(p_for, p_against, || match test.aggregate {
        Aggregate::Mean => further_for_mean(moments, |difference| {
            let (p_for, p_against) = p_values(&Estimate::Mean(difference));
            p_for <= FOR || p_against <= AGAINST
        }),
        // As many as its mean would need.
        Aggregate::Iqm => further_for_mean(
            Moments {
                mean: iqm,
                ..moments
            },
            |difference| {
                let (p_for, p_against) = p_values(&Estimate::Mean(difference));
                p_for <= FOR || p_against <= AGAINST
            },
        ),
    });
    let (inner, outer) = (estimate.interval(0.9), estimate.interval(0.95));
    let tail = match verdict {
        Verdict::Reproduced => format!("{range} ({})", p_value(p_for)),
        Verdict::NotReproduced => format!("not {range} ({})", p_value(p_against)),
        _ => format!("whether {range} is undecided ({})", p_value(p_for)),
    };
    let shown = outer
        .map(|range| interval(range).replace('+', ""))
        .unwrap_or_default();
    let words = format!(
        "{metric} of {variant}: {what} {} ({}), 95 % interval {shown}: {tail}.",
        number(value),
        count(numbers.len(), "run"),
    );
    let mut finding = Finding {
        ours: vec![Group::of(variant, metric, &sample)],
        interval_90: inner,
        interval_95: outer,
        p_for: Some(p_for),
        p_against: Some(p_against),
        ..Finding::new(label, verdict, words)
    };
    finding.numbers.insert("interquartile_mean", iqm);
    finding.better = on_the_good_side(case, test, metric, value, &finding);
    finding
}

/// Above an upper bound where higher is better, or below a lower one where lower is.
fn on_the_good_side(
    case: &Case,
    test: &Bound,
    metric: &str,
    value: f64,
    finding: &Finding,
) -> bool {
    use super::super::Better;
    finding.verdict.is_against()
        && match case.better(metric) {
            Some(Better::Higher) => test.at_most.as_ref().is_some_and(|most| value > **most),
            Some(Better::Lower) => test.at_least.as_ref().is_some_and(|least| value < **least),
            None => false,
        }
}
