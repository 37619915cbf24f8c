//! Adjusted mutual information: the information shared beyond what chance would share.

use std::collections::BTreeMap;

use statrs::function::gamma::ln_gamma;

use super::Contingency;
use super::nmi::{entropy, mutual_information};

/// Adjusted mutual information, at most 1, 0 for chance (below it where the agreement is worse),
/// higher is better.
///
/// `(I - E[I]) / ((H(clusters) + H(classes)) / 2 - E[I])`, where `E[I]` is the expected mutual
/// information of two random partitions with these sizes. Limits are scikit-learn's: 1 for one cluster
/// and one class, and for a cluster and a class per sample; 0 if only one of the two is a single part.
///
/// Reference: Vinh, Epps and Bailey, *Information theoretic measures for clusterings comparison*
/// (JMLR 2010), section 3; normalised by the arithmetic mean, as scikit-learn does since 0.22 (before,
/// by the larger entropy).
#[must_use]
pub fn ami(contingency: &Contingency) -> f64 {
    let (clusters, classes) = (contingency.cluster_sizes(), contingency.class_sizes());
    let samples = contingency.samples();
    match (clusters.len() as u64, classes.len() as u64) {
        (1, 1) => return 1.0,
        (1, _) | (_, 1) => return 0.0,
        (a, b) if a == samples && b == samples => return 1.0,
        _ => {}
    }
    let expected = expected_information(clusters, classes, samples);
    let total = samples as f64;
    let mean = f64::midpoint(entropy(clusters, total), entropy(classes, total));
    // Where expectation and maximum meet, rounding decides the sign: neither part may vanish.
    let away_from_zero = |value: f64| match value {
        value if value < 0.0 => value.min(-f64::EPSILON),
        value => value.max(f64::EPSILON),
    };
    let information = mutual_information(contingency);
    away_from_zero(information - expected) / away_from_zero(mean - expected)
}

/// The mean of the mutual information over all ways to assign samples to parts of these sizes:
/// `sum_{a,b} sum_m P(m) m/n ln(n m / (a b))`, `P` hypergeometric. Parts of one size are taken
/// together, so that a part per sample costs no more than a few parts.
fn expected_information(clusters: &[u64], classes: &[u64], samples: u64) -> f64 {
    let n = samples as f64;
    let factorials: Vec<f64> = (0..=samples).map(|m| ln_gamma(m as f64 + 1.0)).collect();
    let ln = |m: u64| factorials[m as usize];
    let mut sum = 0.0;
    for (&a, &a_count) in &multiplicities(clusters) {
        for (&b, &b_count) in &multiplicities(classes) {
            let fixed = ln(a) + ln(b) + ln(samples - a) + ln(samples - b) - ln(samples);
            let mut terms = 0.0;
            for m in (a + b).saturating_sub(samples).max(1)..=a.min(b) {
                let ways = ln(m) + ln(a - m) + ln(b - m) + ln(samples + m - a - b);
                let information = m as f64 / n * (n * m as f64 / (a as f64 * b as f64)).ln();
                terms += information * (fixed - ways).exp();
            }
            sum += terms * (a_count * b_count) as f64;
        }
    }
    sum
}

/// How often each size occurs.
fn multiplicities(sizes: &[u64]) -> BTreeMap<u64, u64> {
    let mut counts = BTreeMap::new();
    for &size in sizes {
        *counts.entry(size).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    fn of(predictions: &[u32], classes: &[u32]) -> f64 {
        ami(&Contingency::new(predictions, classes).unwrap())
    }

    #[test]
    fn trivial_partitions_follow_their_limits() {
        assert_eq!(of(&[3, 3, 3], &[1, 1, 1]), 1.0);
        assert_eq!(of(&[0, 1, 2], &[5, 4, 3]), 1.0);
        assert_eq!(of(&[0, 0, 0], &[0, 1, 2]), 0.0);
        assert_eq!(of(&[0, 1, 2, 3], &[0, 0, 0, 0]), 0.0);
    }

    #[test]
    fn a_cluster_per_sample_tells_no_more_than_chance_and_takes_no_time() {
        let clusters: Vec<u32> = (0..60_000).collect();
        let classes: Vec<u32> = clusters.iter().map(|i| i % 7).collect();
        assert!(of(&clusters, &classes).abs() < 1e-9);
    }

    #[test]
    fn the_expectation_is_the_mean_over_all_permutations() {
        // Sizes 2, 2 and 3, 1: four places for the single one, all alike, so I is always the same:
        // 1/4 ln(4/6) + 1/2 ln(8/6) + 1/4 ln 2.
        let expected =
            0.25 * (4.0_f64 / 6.0).ln() + 0.5 * (8.0_f64 / 6.0).ln() + 0.25 * 2.0_f64.ln();
        assert!((expected_information(&[2, 2], &[3, 1], 4) - expected).abs() < 1e-14);
    }
}
