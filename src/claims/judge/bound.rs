//! A mean, or the mean of the middle half, at least or at most a number.
//!
//! **The mean**, by one-sided t tests. A failure too rare to be seen moves the true mean without a trace
//! in the sample (see [`closeness`](crate::statistics::closeness)), and here is no second sample that
//! might have seen it. Where the claim gives the value of a run that fails altogether, `worst`, one such
//! run is counted with ours, and both tests have to agree. Without it a mean is at most *consistent* or
//! *inconsistent*.
//!
//! **The middle half**, by the t test of Tukey and `McLaughlin` and by resampled runs, both, from ten runs on:
//! a share of failures below a quarter does not move it. `simulation` measures both.

use super::super::words::{count, interval, number, p_value};
use super::super::{Aggregate, Bound};
use super::{AGAINST, Case, FOR, Finding, Group, Verdict, decided, each};
use crate::random::{Seed, stream};
use crate::statistics::bootstrap::{interquartile_mean, quantile, resampled};
use crate::statistics::power::{Further, PRACTICALLY_INFINITE, further};
use crate::statistics::{Difference, Interval, Moments, trimmed};

/// Fewer runs have no middle half to speak of.
const MIN_FOR_MIDDLE: usize = 10;

/// One for each metric and variant.
pub(super) fn findings(case: &Case, test: &Bound) -> Vec<Finding> {
    let bounded = each(&test.metrics, &test.variants);
    bounded
        .map(|(metric, variant)| finding(case, test, metric, variant).unwrap_or_else(|stop| *stop))
        .collect()
}

/// An estimate that can be tested against a number: by each of its tests, the largest p value counts.
struct Estimate {
    by_t: Difference,
    /// The value of a failed run, and the estimate with one such run more.
    with_worst: Option<(f64, Difference)>,
    /// Sorted values of the resamples.
    resampled: Option<Vec<f64>>,
}

impl Estimate {
    fn mean(runs: Moments, worst: Option<f64>) -> Self {
        Self {
            by_t: Difference::of_one(runs),
            with_worst: worst.map(|worst| (worst, Difference::of_one(with(runs, worst)))),
            resampled: None,
        }
    }

    fn middle(by_t: Difference) -> Self {
        Self {
            by_t,
            with_worst: None,
            resampled: None,
        }
    }

    fn p_greater(&self, null: f64) -> f64 {
        // A failure on the other side of the number would only speak for it.
        let failure = self.with_worst.filter(|(worst, _)| *worst <= null);
        let failure = failure.map(|(_, estimate)| estimate.p_greater(null));
        let resampled = self.resampled.as_ref().map(|values| {
            let against = values.partition_point(|&value| value <= null);
            at_least_one(against, values.len())
        });
        largest(self.by_t.p_greater(null), failure, resampled)
    }

    fn p_less(&self, null: f64) -> f64 {
        let failure = self.with_worst.filter(|(worst, _)| *worst >= null);
        let failure = failure.map(|(_, estimate)| estimate.p_less(null));
        let resampled = self.resampled.as_ref().map(|values| {
            let below = values.partition_point(|&value| value < null);
            at_least_one(values.len() - below, values.len())
        });
        largest(self.by_t.p_less(null), failure, resampled)
    }

    /// The hull of the tests' intervals.
    fn interval(&self, level: f64) -> Interval {
        let mut hull = self.by_t.interval(level);
        if let Some((_, estimate)) = &self.with_worst {
            hull = hull.hull(estimate.interval(level));
        }
        if let Some(values) = &self.resampled
            && let (Some(low), Some(high)) = (
                quantile(values, 0.5 - level / 2.0),
                quantile(values, 0.5 + level / 2.0),
            )
        {
            hull = hull.hull(Interval { low, high });
        }
        hull
    }

    /// For and against the claim.
    fn p_values(&self, test: &Bound) -> (f64, f64) {
        let (mut p_for, mut p_against) = (0.0_f64, 1.0_f64);
        if let Some(least) = &test.at_least {
            p_for = p_for.max(self.p_greater(**least));
            p_against = p_against.min(self.p_less(**least));
        }
        if let Some(most) = &test.at_most {
            p_for = p_for.max(self.p_less(**most));
            p_against = p_against.min(self.p_greater(**most));
        }
        (p_for, p_against)
    }

    fn decides(&self, test: &Bound) -> bool {
        let (p_for, p_against) = self.p_values(test);
        p_for <= FOR || p_against <= AGAINST
    }
}

fn largest(p: f64, failure: Option<f64>, resampled: Option<f64>) -> f64 {
    p.max(failure.unwrap_or(0.0)).max(resampled.unwrap_or(0.0))
}

/// The sample with one value more.
fn with(runs: Moments, value: f64) -> Moments {
    let n = f64::from(runs.n);
    let apart = value - runs.mean;
    let squares = (n - 1.0) * runs.sd.powi(2) + n / (n + 1.0) * apart.powi(2);
    Moments {
        mean: runs.mean + apart / (n + 1.0),
        sd: (squares / n).sqrt(),
        n: runs.n + 1,
    }
}

/// The observed sample counts as one of the resamples, so that no p value is 0.
fn at_least_one(count: usize, all: usize) -> f64 {
    (count as f64 + 1.0) / (all as f64 + 1.0)
}

fn finding(
    case: &Case,
    test: &Bound,
    metric: &str,
    variant: &str,
) -> Result<Finding, Box<Finding>> {
    let range = test.range();
    let what = match test.aggregate {
        Aggregate::Mean => "mean",
        Aggregate::Iqm => "mean of the middle half",
    };
    let label = format!("{metric} of {variant} {range}");
    let sample = case
        .sample(&label, variant, metric)
        .map_err(|stop| without_value(stop, test, variant))?;
    let numbers = sample.numbers();
    let base = |verdict, words| Finding {
        ours: vec![Group::of(variant, metric, &sample)],
        ..Finding::new(label.clone(), verdict, words)
    };
    let (Some(moments), Some(middle)) = (Moments::of(&numbers), trimmed(&numbers)) else {
        let reason = format!("{metric} of {variant}: no spread");
        return Err(Box::new(base(Verdict::NotTested { reason }, String::new())));
    };
    let worst = test.worst.as_ref().map(|worst| **worst);
    let (value, estimate) = match test.aggregate {
        Aggregate::Mean => (moments.mean, Estimate::mean(moments, worst)),
        Aggregate::Iqm if numbers.len() < MIN_FOR_MIDDLE => {
            let more_seeds = Further::AtLeast((MIN_FOR_MIDDLE - numbers.len()) as u32);
            let words = format!(
                "{label}: {} of {variant}; fewer than {MIN_FOR_MIDDLE} have no middle half to speak of.",
                count(numbers.len(), "run")
            );
            return Err(Box::new(base(Verdict::Inconclusive { more_seeds }, words)));
        }
        Aggregate::Iqm => {
            let resampled = Some(resamples(case, &label, &numbers));
            let estimate = Estimate {
                resampled,
                ..Estimate::middle(middle)
            };
            (middle.estimate, estimate)
        }
    };
    let (p_for, p_against) = estimate.p_values(test);
    let strong = test.aggregate == Aggregate::Iqm || worst.is_some();
    let verdict = match decided(p_for, p_against, || more(test, moments, middle)) {
        Verdict::Reproduced if !strong => Verdict::Consistent,
        Verdict::NotReproduced if !strong => Verdict::Inconsistent,
        verdict => verdict,
    };
    let (inner, outer) = (estimate.interval(0.9), estimate.interval(0.95));
    let tail = if verdict.is_for() {
        format!("{range} ({})", p_value(p_for))
    } else if verdict.is_against() {
        format!("not {range} ({})", p_value(p_against))
    } else {
        format!("whether {range} is undecided ({})", p_value(p_for))
    };
    let counted = match (test.aggregate, worst) {
        (Aggregate::Mean, Some(worst)) => {
            format!(", with one failed run of {} counted in", number(worst))
        }
        _ => String::new(),
    };
    let shown = interval(outer).replace('+', "");
    let words = format!(
        "{metric} of {variant}: {what} {} ({}), 95 % interval {shown}{counted}: {tail}.",
        number(value),
        count(numbers.len(), "run"),
    );
    let mut finding = Finding {
        interval_90: Some(inner),
        interval_95: Some(outer),
        p_for: Some(p_for),
        p_against: Some(p_against),
        ..base(verdict, words)
    };
    finding
        .numbers
        .insert("interquartile_mean", middle.estimate);
    finding.better = on_the_good_side(case, test, metric, value, &finding);
    Ok(finding)
}

/// Where no run has a value and the claim knows why, no number of further runs decides.
fn without_value(stop: Box<Finding>, test: &Bound, variant: &str) -> Box<Finding> {
    let (Some(meaning), [runs]) = (&test.undefined, stop.ours.as_slice()) else {
        return stop;
    };
    if runs.n > 0 || runs.undefined == 0 || runs.diverged > 0 {
        return stop;
    }
    let (label, all) = (&stop.label, count(runs.undefined, "run"));
    let words = format!("{label}: undecidable. None of {all} of {variant} has a value: {meaning}.");
    let verdict = Verdict::Inconclusive {
        more_seeds: Further::Never,
    };
    Box::new(Finding {
        verdict,
        words,
        ..*stop
    })
}

/// How many further runs decide if mean and spread stay as they are.
fn more(test: &Bound, moments: Moments, middle: Difference) -> Further {
    further(moments.n, |n| {
        let n = n.unwrap_or(PRACTICALLY_INFINITE);
        let estimate = match test.aggregate {
            Aggregate::Mean => {
                let worst = test.worst.as_ref().map(|worst| **worst);
                Estimate::mean(Moments { n, ..moments }, worst)
            }
            Aggregate::Iqm => Estimate::middle(Difference {
                error: middle.error * (f64::from(moments.n) / f64::from(n)).sqrt(),
                df: f64::from(n) / 2.0 - 1.0,
                ..middle
            }),
        };
        estimate.decides(test)
    })
}

/// Sorted middle means of resampled runs.
fn resamples(case: &Case, label: &str, numbers: &[f64]) -> Vec<f64> {
    let mut rng = stream(Seed(0), &format!("claims/{}/{label}", *case.claim.id));
    let mut values = Vec::with_capacity(numbers.len());
    resampled(numbers.len(), &mut rng, |drawn| {
        values.clear();
        values.extend(drawn.iter().map(|&run| numbers[run]));
        interquartile_mean(&values)
    })
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
