//! Adjusted Rand index: agreement over pairs of samples, corrected for chance.

use super::Contingency;

/// Adjusted Rand index, -0.5 to 1, 0 for chance, higher is better.
///
/// With `C2(m) = m (m - 1) / 2`, `a = sum_k C2(w(k))`, `b = sum_c C2(w(c))` and `t = C2(n)`:
/// `(sum_{k,c} C2(w(k,c)) - a b / t) / ((a + b) / 2 - a b / t)`. Both parts are scaled by `2 t`
/// here, which makes them integers. The denominator vanishes only when both partitions are the
/// same trivial one (one part, or a part per sample): the index is 1 then.
///
/// Reference: Hubert and Arabie, *Comparing partitions* (Journal of Classification 1985),
/// equation 5.
#[must_use]
pub fn ari(contingency: &Contingency) -> f64 {
    let together: i128 = contingency
        .cells()
        .iter()
        .map(|cell| pairs(cell.count))
        .sum();
    let clusters = sum_of_pairs(contingency.cluster_sizes());
    let classes = sum_of_pairs(contingency.class_sizes());
    let total = pairs(contingency.samples());

    let chance = clusters * classes;
    let numerator = 2 * (together * total - chance);
    let denominator = (clusters + classes) * total - 2 * chance;
    if denominator == 0 {
        return 1.0;
    }
    numerator as f64 / denominator as f64
}

/// Unordered pairs among `count` samples.
fn pairs(count: u64) -> i128 {
    let count = i128::from(count);
    count * (count - 1) / 2
}

fn sum_of_pairs(sizes: &[u64]) -> i128 {
    sizes.iter().map(|&size| pairs(size)).sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]

    use super::*;

    fn of(predictions: &[u32], classes: &[u32]) -> f64 {
        ari(&Contingency::new(predictions, classes).unwrap())
    }

    #[test]
    fn equal_trivial_partitions_agree() {
        assert_eq!(of(&[3, 3, 3], &[1, 1, 1]), 1.0);
        assert_eq!(of(&[0, 1, 2], &[5, 4, 3]), 1.0);
        assert_eq!(of(&[0], &[0]), 1.0);
    }

    #[test]
    fn opposite_trivial_partitions_are_chance() {
        assert_eq!(of(&[0, 0, 0], &[0, 1, 2]), 0.0);
    }

    #[test]
    fn worse_than_chance_is_negative() {
        // No pair is together in both, two of six are in each:
        // a = b = 2, t = 6: (0 - 4/6) / (2 - 4/6) = -1/2.
        assert_eq!(of(&[0, 0, 1, 1], &[0, 1, 0, 1]), -0.5);
    }

    #[test]
    fn products_beyond_64_bits_are_exact() {
        // Halves of 400 000 samples that agree: t a is about 3.2e21.
        let halves: Vec<u32> = (0..400_000).map(|i| i % 2).collect();
        assert_eq!(of(&halves, &halves), 1.0);
    }
}
