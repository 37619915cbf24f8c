//! One quantity above another.
//!
//! For the claim speaks that the mean difference is above 0 (paired t test and exact sign-flip test,
//! both); against it that it is below the margin, or below 0 without one.

use super::super::words::{interval, number, p_value, signed};
use super::super::{Operand, Order};
use super::pairs::{Expected, Pairs};
use super::{Case, Finding, Verdict, decided, too_small};

/// One for each pair of neighbours and each metric.
pub(super) fn findings(case: &Case, test: &Order) -> Vec<Finding> {
    let margin = test.margin.as_ref().map(|margin| *margin.size);
    let chains: Vec<Option<&str>> = if test.metrics.is_empty() {
        vec![None]
    } else {
        test.metrics
            .iter()
            .map(|metric| Some(metric.as_str()))
            .collect()
    };
    let mut findings = Vec::new();
    for chain in chains {
        for pair in test.descending.windows(2) {
            if let (Some(first), Some(second)) = (named(&pair[0], chain), named(&pair[1], chain)) {
                findings.push(finding(case, first, second, margin));
            }
        }
    }
    findings
}

/// Variant and metric; the file's check has made sure that there is one.
fn named<'a>(operand: &'a Operand, metric: Option<&'a str>) -> Option<(&'a str, &'a str)> {
    let own = operand.metric.as_ref().map(|metric| metric.as_str());
    Some((operand.variant.as_str(), own.or(metric)?))
}

fn finding(case: &Case, first: (&str, &str), second: (&str, &str), margin: Option<f64>) -> Finding {
    let label = if first.1 == second.1 {
        format!("{}: {} above {}", first.1, first.0, second.0)
    } else {
        format!(
            "{} of {} above {} of {}",
            first.1, first.0, second.1, second.0
        )
    };
    let pairs = match Pairs::of(case, &label, first, second) {
        Ok(pairs) => pairs,
        Err(finding) => return *finding,
    };
    let null = margin.unwrap_or(0.0);
    let (p_for, p_against) = (pairs.p_greater(0.0), pairs.p_less(null));
    let (in_favour, against) = case.levels();
    let speak = |expected: Expected| {
        [
            expected.p_greater(0.0) <= in_favour,
            expected.p_less(null) <= against,
        ]
    };
    let verdict = decided(p_for, p_against, || {
        Expected::further(pairs.moments, |expected| speak(expected).contains(&true))
    });
    let leans_for = Expected::leaning(pairs.moments, &verdict, speak);
    let base = pairs.finding(label);
    let range = base.interval_95.map(interval).unwrap_or_default();
    let tail = match (&verdict, margin) {
        (Verdict::Reproduced, _) => format!("above 0 (one-sided {})", p_value(p_for)),
        (Verdict::NotReproduced, Some(margin)) => format!(
            "below the margin of {} (one-sided {})",
            number(margin),
            p_value(p_against)
        ),
        (_, Some(margin)) if too_small(p_for, p_against) => format!(
            "above 0 (one-sided {}), but below the margin of {} ({})",
            p_value(p_for),
            number(margin),
            p_value(p_against)
        ),
        (Verdict::NotReproduced, None) => format!("below 0 (one-sided {})", p_value(p_against)),
        _ => format!("undecided (one-sided {})", p_value(p_for)),
    };
    let words = format!(
        "{}: mean difference {} ({}), 95 % interval {range}: {tail}. A run of the first beats one of \
         the second with probability {}.",
        base.label,
        signed(pairs.moments.mean),
        pairs.size(),
        number(base.numbers.get("superiority").copied().unwrap_or(f64::NAN))
    );
    Finding {
        margin,
        p_for: Some(p_for),
        p_against: Some(p_against),
        leans_for,
        verdict,
        words,
        ..base
    }
}
