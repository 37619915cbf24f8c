//! What a verdict must not hang on: rounding, runs without a value, other comparisons of the same claim.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use super::tests::{ORDER, VALUE, judged, judged_all, results, runs};
use super::*;
use crate::claims::{Ending, Run};

/// Runs of a variant with these values of a metric, by seed.
fn of_values(variant: &str, metric: &str, values: &[f64]) -> Vec<Run> {
    let run = |(seed, &value): (usize, &f64)| Run {
        variant: variant.into(),
        seed: seed as u64,
        values: BTreeMap::from([(metric.to_owned(), Some(value))]),
        ..Run::default()
    };
    values.iter().enumerate().map(run).collect()
}

/// Ten times 0.1 add up to less than 1: no spread, and no mean below 0.1.
#[test]
fn rounding_decides_nothing() {
    for n in 5..=12 {
        for value in [0.1, 0.3, 0.7] {
            let test = format!(
                "[claim.test.bound]\nmetrics = [\"purity\"]\nvariants = [\"a\"]\nat_least = {value}\nreason = \"why\"\n\
                 worst = 0"
            );
            let runs = of_values("a", "purity", &vec![value; n]);
            let verdict = judged(&test, &Results { runs }).verdict;
            assert!(!verdict.is_against(), "{n} of {value}: {verdict:?}");
        }
        // A difference that is the margin is not beyond it.
        let mut runs = of_values("a", "purity", &vec![0.75; n]);
        runs.extend(of_values("b", "purity", &vec![0.73; n]));
        let test = "[claim.test.equivalence]\nmetrics = [\"purity\"]\nreference = \"b\"\nvariants = [\"a\"]\n\
                    margin = { size = 0.02, reason = \"why\" }";
        let verdict = judged(test, &Results { runs }).verdict;
        assert!(!verdict.is_against(), "{n}: {verdict:?}");
    }
}

#[test]
fn the_last_value_of_a_diverged_run_is_none_of_the_method() {
    let mut results = results(&[("a", 0.802)]);
    for seed in [3, 8] {
        results.runs[seed].ending = Ending::Diverged;
    }
    let judgement = judged(VALUE, &results);
    assert_eq!(judgement.findings[0].ours[0].diverged, 2);
    assert!(matches!(judgement.verdict, Verdict::Inconclusive { .. }));
}

/// A name that no run has is a slip of the pen, whether or not a run diverged.
#[test]
fn a_metric_that_no_run_has_is_not_refuted() {
    let test = "[claim.test.share]\nmetric = \"acuracy\"\nvariants = [\"a\"]\nat_most = 0.2\nshare = 0.7\n\
                reason = \"why\"";
    let mut results = results(&[("a", 0.11)]);
    results.runs[0].ending = Ending::Diverged;
    results.runs[0].values.clear();
    let one = judged(test, &results);
    assert!(one.headline().contains("they have purity"), "{one:?}");
    // Of runs that all diverged no metric is known.
    for run in &mut results.runs {
        run.ending = Ending::Diverged;
        run.values.clear();
    }
    assert_eq!(judged(test, &results).verdict, Verdict::NotReproduced);
}

#[test]
fn what_cannot_be_squared_is_not_tested() {
    let test = VALUE.replace("value]", "bound]").replace(
        "margin = { size = 0.03, reason = \"why\" }",
        "at_least = 1\nreason = \"why\"",
    );
    let test = test.replace("purity", "loss");
    let runs = of_values("a", "loss", &[1.0e308, 1.5e308, 1.5e308, 1.5e308, 1.5e308]);
    let judgement = judged(&test, &Results { runs });
    assert!(judgement.headline().contains("too large"), "{judgement:?}");
}

/// x is above y, though by less than the margin; y is not above z: only that is refuted, and only its p value counts
/// beside other claims.
#[test]
fn a_refutation_does_not_borrow_the_p_value_of_another_comparison() {
    let small = [
        0.004, 0.006, 0.005, 0.004, 0.006, 0.005, 0.006, 0.004, 0.005, 0.005,
    ];
    let wide = [
        -0.020, 0.018, -0.022, 0.016, -0.012, 0.020, -0.019, 0.015, -0.021, 0.011,
    ];
    let z: Vec<f64> = (0..10).map(|seed| 0.5 + wide[(seed * 3) % 10]).collect();
    let y: Vec<f64> = z
        .iter()
        .zip(&wide)
        .map(|(z, wide)| z + 0.0015 + 0.5 * wide)
        .collect();
    let x: Vec<f64> = y.iter().zip(&small).map(|(y, small)| y + small).collect();
    let mut runs = Vec::new();
    for (name, values) in [("x", &x), ("y", &y), ("z", &z)] {
        runs.extend(of_values(name, "purity", values));
    }
    runs.extend(super::tests::runs("a", "purity", 0.7, 0, 10));
    runs.extend(super::tests::runs("b", "purity", 0.7, 1, 10));
    let chain = "[claim.test.order]\nmetrics = [\"purity\"]\ndescending = [{ variant = \"x\" }, \
                 { variant = \"y\" }, { variant = \"z\" }]\nmargin = { size = 0.01, reason = \"why\" }";
    let results = Results { runs };
    let alone = judged(chain, &results);
    let [first, second] = &alone.findings[..] else {
        panic!("{alone:?}");
    };
    assert!(first.p_against.unwrap() < 1e-3 && !first.verdict.is_against());
    assert!(second.verdict.is_against(), "{second:?}");
    assert_eq!(alone.verdict, Verdict::NotReproduced);
    let beside = [
        ("c", chain),
        ("d", ORDER),
        ("e", ORDER),
        ("f", ORDER),
        ("g", ORDER),
    ];
    let own = second.p_against.unwrap();
    assert!(own <= AGAINST && 5.0 * own > AGAINST, "{own}");
    let together = judged_all(&beside, &results, &Conditions::paper()).remove(0);
    assert!(!together.verdict.is_against(), "{together:?}");
}

/// The seeds told are enough, with the same mean and spread, beside the same claims.
#[test]
fn the_seeds_told_are_counted_with_the_correction() {
    let beside: Vec<(&str, &str)> = ["c", "d", "e", "f", "g", "h"]
        .map(|id| (id, ORDER))
        .to_vec();
    let of = |n: usize| {
        let mut all = runs("a", "purity", 0.7155, 0, n);
        all.extend(runs("b", "purity", 0.7, 1, n));
        judged_all(&beside, &Results { runs: all }, &Conditions::paper()).remove(0)
    };
    let ten = of(10);
    let Verdict::Inconclusive {
        more_seeds: Further::About(more),
    } = ten.verdict
    else {
        panic!("{ten:?}");
    };
    // The noise comes again every ten seeds.
    let enough = (10 + more as usize).next_multiple_of(10);
    assert_eq!(of(enough).verdict, Verdict::Reproduced, "{more}");
    assert!(enough > 10 && more > 4, "{more}");
}

#[test]
fn one_rival_above_is_enough_to_refute_the_best() {
    let test =
        "[claim.test.argmax]\nmetric = \"purity\"\nbest = \"a\"\namong = [\"a\", \"b\", \"c\"]";
    // b is above a by nearly enough, c is its equal: no number of seeds puts a above c.
    let noise = [
        0.02, -0.01, 0.03, -0.02, 0.01, -0.03, 0.015, 0.005, -0.005, -0.015,
    ];
    let a = vec![0.7; 10];
    let b: Vec<f64> = noise.iter().map(|noise| 0.7125 + noise).collect();
    let c: Vec<f64> = noise.iter().map(|noise| 0.7 - noise).collect();
    let mut runs = of_values("a", "purity", &a);
    runs.extend(of_values("b", "purity", &b));
    runs.extend(of_values("c", "purity", &c));
    let judgement = judged(test, &Results { runs });
    assert!(
        matches!(
            judgement.verdict,
            Verdict::Inconclusive {
                more_seeds: Further::About(1..20)
            }
        ),
        "{judgement:?}"
    );
}
