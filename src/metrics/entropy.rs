//! Entropy of a labelled map, after Elend and Kramer: how mixed are the units?

use super::Contingency;

/// Entropy of the units, 0 and up, lower is better.
///
/// `sum_k -ln(max_c w(k, c) / w(k))` over the units that hold samples; empty ones count 0. It is not
/// Shannon's entropy, and a sum over units: it grows with their number, and a unit with one sample
/// weighs as much as any other.
///
/// Reference: Elend and Kramer, *Self-organizing maps with convolutional layers* (WSOM 2019),
/// section 4.
#[must_use]
pub fn unit_entropy(contingency: &Contingency) -> f64 {
    let shares = contingency.largest_classes().into_iter();
    shares
        .zip(contingency.cluster_sizes())
        .map(|(largest, &size)| (size as f64 / largest as f64).ln())
        .sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    #[test]
    fn pure_units_have_none_and_others_add_up() {
        let of = |predictions: &[u32], classes: &[u32]| {
            unit_entropy(&Contingency::new(predictions, classes).unwrap())
        };
        assert_eq!(of(&[0, 0, 7], &[1, 1, 2]), 0.0);
        // Majorities of two thirds and one half.
        let value = of(&[0, 0, 0, 1, 1], &[0, 0, 1, 1, 2]);
        assert!((value - (1.5_f64.ln() + 2.0_f64.ln())).abs() < 1e-15);
    }
}
