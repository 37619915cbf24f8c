//! A share of the runs is beyond a threshold: exact binomial tests.

use super::super::verdict::Group;
use super::super::words::{p_value, percent};
use super::super::{At, Collapse};
use super::{AGAINST, Case, FOR, Finding, Verdict, decided};
use crate::statistics::closeness::MIN_RUNS;
use crate::statistics::power::{Further, further};
use crate::statistics::{clopper_pearson, p_share_greater, p_share_less};

/// One for each variant.
pub(super) fn findings(case: &Case, test: &Collapse) -> Vec<Finding> {
    let variants = test.variants.iter();
    variants
        .map(|variant| finding(case, test, variant))
        .collect()
}

fn finding(case: &Case, test: &Collapse, variant: &At<String>) -> Finding {
    let (metric, share) = (test.metric.as_str(), *test.share);
    let beyond = test.beyond();
    let label = format!("{metric} {beyond} in runs of {}", **variant);
    let sample = match case.results.sample(&case.quantity(variant, metric)) {
        Ok(sample) => sample,
        Err(reason) => {
            let words = format!("{label}: not tested, {reason}.");
            return Finding::new(label, Verdict::NotTested { reason }, words);
        }
    };
    let counts = |value: f64| {
        test.at_most.as_ref().is_none_or(|most| value <= **most)
            && test.at_least.as_ref().is_none_or(|least| value >= **least)
    };
    let seen = sample
        .values
        .iter()
        .filter(|(_, value)| counts(*value))
        .count() as u32;
    // Runs without a value do not show the effect.
    let runs = sample.runs() as u32;
    let (p_for, p_against) = (
        p_share_greater(seen, runs, share),
        p_share_less(seen, runs, share),
    );
    let verdict = if runs < MIN_RUNS {
        let more_seeds = match more(seen, runs, share) {
            Further::About(seeds) => Further::About(seeds.max(MIN_RUNS - runs)),
            further => further,
        };
        Verdict::Inconclusive { more_seeds }
    } else {
        decided(p_for, p_against, || more(seen, runs, share))
    };
    let outer = clopper_pearson(seen, runs, 0.95);
    let tail = match verdict {
        Verdict::Reproduced => format!("at least {} ({})", percent(share), p_value(p_for)),
        Verdict::NotReproduced => format!("less than {} ({})", percent(share), p_value(p_against)),
        _ => format!("whether at least {} is undecided", percent(share)),
    };
    let words = format!(
        "{metric} {beyond}: {seen} of {runs} runs of {}, 95 % interval {} to {}: {tail}.",
        **variant,
        percent(outer.low),
        percent(outer.high)
    );
    let mut finding = Finding {
        ours: vec![Group::of(variant, metric, &sample)],
        interval_90: Some(clopper_pearson(seen, runs, 0.9)),
        interval_95: Some(outer),
        p_for: Some(p_for),
        p_against: Some(p_against),
        ..Finding::new(label, verdict, words)
    };
    let numbers = [("count", seen), ("runs", runs)];
    finding
        .numbers
        .extend(numbers.map(|(name, value)| (name, f64::from(value))));
    finding.numbers.insert("share_claimed", share);
    finding
}

/// Further runs that decide if they show the effect as often as those so far.
fn more(seen: u32, runs: u32, share: f64) -> Further {
    let rate = f64::from(seen) / f64::from(runs.max(1));
    further(runs, |n| {
        let Some(n) = n else {
            return (rate - share).abs() > 1e-9;
        };
        let expected = (rate * f64::from(n)).round() as u32;
        p_share_greater(expected, n, share) <= FOR || p_share_less(expected, n, share) <= AGAINST
    })
}
