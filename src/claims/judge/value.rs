//! Published values.

use super::super::words::{count, interval, number, p_value, signed};
use super::super::{Better, Printed, ValueTest};
use super::{Case, Finding, Group, Verdict, each};
use crate::statistics::closeness::{Side, beyond};
use crate::statistics::{Closeness, Decision, Moments, power, prediction};

/// One for each published value.
pub(super) fn findings(case: &Case, test: &ValueTest) -> Vec<Finding> {
    let values = each(&test.metrics, &test.variants);
    values
        .map(|(metric, variant)| finding(case, test, metric, variant))
        .collect()
}

fn finding(case: &Case, test: &ValueTest, metric: &str, variant: &str) -> Finding {
    let label = format!("{metric} of {variant}");
    let sample = match case.sample(&label, variant, metric) {
        Ok(sample) => sample,
        Err(finding) => return *finding,
    };
    let printed = case
        .published
        .printed(&case.claim.replication, &case.quantity(variant, metric));
    let (Some(printed), Some(ours)) = (printed, Moments::of(&sample.numbers())) else {
        let reason = format!("{metric} of {variant} is not among the published values");
        return Finding::new(label, Verdict::NotTested { reason }, String::new());
    };
    let margin = *test.margin.size;
    let base = Finding {
        ours: vec![Group::of(variant, metric, &sample)],
        difference: Some(ours.mean - printed.mean),
        margin: Some(margin),
        published: Some(printed.clone()),
        ..Finding::new(label, Verdict::Consistent, String::new())
    };
    let finding = match printed.moments() {
        Some(published) => with_spread(base, ours, published, &printed, margin),
        None => mean_only(base, ours, &printed, margin),
    };
    Finding {
        better: finding.verdict.is_against() && on_the_good_side(case, metric, &finding),
        ..finding
    }
}

fn on_the_good_side(case: &Case, metric: &str, finding: &Finding) -> bool {
    match case.better(metric) {
        Some(Better::Higher) => finding.difference > Some(0.0),
        Some(Better::Lower) => finding.difference < Some(0.0),
        None => false,
    }
}

/// Ours and theirs: `x: ours 0.741 +- 0.031 (10 runs), published 0.753 +- 0.041 (10 runs; Fig. 1)`.
fn opening(label: &str, ours: Moments, printed: &Printed) -> String {
    let theirs = match (printed.sd, printed.n) {
        (Some(sd), Some(n)) => format!(
            " \u{b1} {} ({}; {})",
            number(sd),
            count(n as usize, "run"),
            printed.source
        ),
        (_, Some(n)) => format!(
            " ({}, spread not given; {})",
            count(n as usize, "run"),
            printed.source
        ),
        _ => format!(" (spread and runs not given; {})", printed.source),
    };
    format!(
        "{label}: ours {} \u{b1} {} ({}), published {}{theirs}.",
        number(ours.mean),
        number(ours.sd),
        count(ours.n as usize, "run"),
        number(printed.mean)
    )
}

fn with_spread(
    base: Finding,
    ours: Moments,
    published: Moments,
    printed: &Printed,
    margin: f64,
) -> Finding {
    let close = Closeness::of(ours, published, printed.coarseness);
    let (inner, outer) = (close.interval(0.9), close.interval(0.95));
    let (p_for, p_against) = (close.p_within(margin), close.p_outside(margin));
    let opening = opening(&base.label, ours, printed);
    let difference = signed(close.estimate());
    let size = number(margin);
    let (verdict, tail) = match close.decide(margin) {
        Decision::Within => (
            Verdict::Reproduced,
            format!(
                "90 % interval {}, within the margin of \u{b1}{size} ({})",
                interval(inner),
                p_value(p_for)
            ),
        ),
        Decision::Outside(side) => (
            Verdict::NotReproduced,
            format!(
                "95 % interval {}, wholly {} the margin of \u{b1}{size} (one-sided {})",
                interval(outer),
                beside(side),
                p_value(p_against)
            ),
        ),
        Decision::Undecided => {
            let more_seeds =
                power::further_for_closeness(ours, published, margin, printed.coarseness);
            let why = match more_seeds {
                power::Further::Never => {
                    "; the paper's own runs leave too much open for this margin"
                }
                _ => "",
            };
            (
                Verdict::Inconclusive { more_seeds },
                format!(
                    "90 % interval {}, neither within nor beyond the margin of \u{b1}{size}{why}",
                    interval(inner)
                ),
            )
        }
    };
    let welch = close.welch();
    let mut numbers = base.numbers.clone();
    numbers.insert("standard_error", welch.error);
    numbers.insert("degrees_of_freedom", welch.df);
    numbers.insert("p_no_difference", welch.p_two_sided());
    if let Some(g) = crate::statistics::effect::hedges_g(ours, published) {
        numbers.insert("hedges_g", g);
    }
    Finding {
        interval_90: Some(inner),
        interval_95: Some(outer),
        p_for: Some(p_for),
        p_against: Some(p_against),
        numbers,
        verdict,
        words: format!("{opening} Difference {difference}; {tail}."),
        ..base
    }
}

fn beside(side: Side) -> &'static str {
    match side {
        Side::Above => "above",
        Side::Below => "below",
    }
}

/// Without a published spread: the weaker words.
fn mean_only(base: Finding, ours: Moments, printed: &Printed, margin: f64) -> Finding {
    let predicted = prediction(ours, printed.mean, printed.n);
    let range = predicted.interval(0.95).widened(printed.coarseness);
    let margin_and_digits = margin + printed.coarseness;
    let above = predicted.p_greater(margin_and_digits);
    let p_against = above.min(predicted.p_less(-margin_and_digits));
    let opening = opening(&base.label, ours, printed);
    let side = beyond(range, margin);
    let tail = match side {
        Some(side) => format!(
            "wholly {} the margin of \u{b1}{}",
            beside(side),
            number(margin)
        ),
        None => format!("not beyond the margin of \u{b1}{}", number(margin)),
    };
    let like = match printed.n {
        Some(n) => format!("a mean of {} like ours", count(n as usize, "run")),
        None => "a single run like ours".to_owned(),
    };
    Finding {
        interval_95: Some(range),
        p_against: Some(p_against),
        verdict: side.map_or(Verdict::Consistent, |_| Verdict::Inconsistent),
        words: format!(
            "{opening} Difference {}; the 95 % prediction interval for {like} is {}, {tail}.",
            signed(ours.mean - printed.mean),
            interval(range)
        ),
        ..base
    }
}
