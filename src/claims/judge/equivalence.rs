//! Variants like a reference, paired by seed: two one-sided tests, each by t and sign flips.

use super::super::words::{interval, number, p_value, signed};
use super::super::{Equivalence, Wherein};
use super::pairs::{Expected, Pairs};
use super::{Case, Finding, Verdict, decided, each};

/// One for each metric and variant.
pub(super) fn findings(case: &Case, test: &Equivalence) -> Vec<Finding> {
    let compared = each(&test.metrics, &test.variants);
    compared
        .map(|(metric, variant)| finding(case, test, metric, variant))
        .collect()
}

fn finding(case: &Case, test: &Equivalence, metric: &str, variant: &str) -> Finding {
    let (reference, margin) = (test.reference.as_str(), *test.margin.size);
    let label = match test.within {
        Wherein::BothSides => format!("{metric}: {variant} like {reference}"),
        Wherein::NotAbove => format!("{metric}: {variant} not above {reference}"),
        Wherein::NotBelow => format!("{metric}: {variant} not below {reference}"),
    };
    let pairs = match Pairs::of(case, &label, (variant, metric), (reference, metric)) {
        Ok(pairs) => pairs,
        Err(finding) => return *finding,
    };
    let (p_for, p_against) = p_values(
        test.within,
        margin,
        |null| pairs.p_greater(null),
        |null| pairs.p_less(null),
    );
    let (in_favour, against) = case.levels();
    let speak = |expected: Expected| {
        let (p_for, p_against) = p_values(
            test.within,
            margin,
            |null| expected.p_greater(null),
            |null| expected.p_less(null),
        );
        [p_for <= in_favour, p_against <= against]
    };
    let verdict = decided(p_for, p_against, || {
        Expected::further(pairs.moments, |expected| speak(expected).contains(&true))
    });
    let leans_for = Expected::leaning(pairs.moments, &verdict, speak);
    let base = pairs.finding(label);
    let allowed = match test.within {
        Wherein::BothSides => format!("\u{b1}{}", number(margin)),
        Wherein::NotAbove => signed(margin),
        Wherein::NotBelow => signed(-margin),
    };
    let tail = match verdict {
        Verdict::Reproduced => format!("within the margin of {allowed} ({})", p_value(p_for)),
        Verdict::NotReproduced => {
            format!(
                "beyond the margin of {allowed} (one-sided {})",
                p_value(p_against)
            )
        }
        _ => format!(
            "neither within ({}) nor beyond ({}) the margin of {allowed}",
            p_value(p_for),
            p_value(p_against)
        ),
    };
    let range = base.interval_90.map(interval).unwrap_or_default();
    let words = format!(
        "{}: mean difference {} ({}), 90 % interval {range}: {tail}.",
        base.label,
        signed(pairs.moments.mean),
        pairs.size()
    );
    Finding {
        margin: Some(margin),
        p_for: Some(p_for),
        p_against: Some(p_against),
        leans_for,
        verdict,
        words,
        ..base
    }
}

/// For and against, from one-sided p values.
fn p_values(
    within: Wherein,
    margin: f64,
    greater: impl Fn(f64) -> f64,
    less: impl Fn(f64) -> f64,
) -> (f64, f64) {
    let not_above = (less(margin), greater(margin));
    let not_below = (greater(-margin), less(-margin));
    match within {
        Wherein::NotAbove => not_above,
        Wherein::NotBelow => not_below,
        Wherein::BothSides => (not_above.0.max(not_below.0), not_above.1.min(not_below.1)),
    }
}
