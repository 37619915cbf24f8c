//! Completeness: does each class lie in one cluster only?

use super::Contingency;
use super::nmi::{entropy, mutual_information};

/// Completeness, 0 to 1, higher is better.
///
/// `I / H(clusters)`: the share of the clusters' entropy that the classes explain; 1 for a single
/// cluster. The counterpart of [`homogeneity`](super::homogeneity()) with roles exchanged.
///
/// Reference: Rosenberg and Hirschberg, *V-measure* (EMNLP 2007), section 2.
#[must_use]
pub fn completeness(contingency: &Contingency) -> f64 {
    if contingency.clusters().len() == 1 {
        return 1.0;
    }
    let clusters = entropy(contingency.cluster_sizes(), contingency.samples() as f64);
    (mutual_information(contingency) / clusters).min(1.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    fn of(predictions: &[u32], classes: &[u32]) -> f64 {
        completeness(&Contingency::new(predictions, classes).unwrap())
    }

    #[test]
    fn joined_classes_are_complete_and_split_ones_are_not() {
        assert!((of(&[0, 0, 1, 1], &[0, 1, 2, 3]) - 1.0).abs() < 1e-15);
        assert!((of(&[0, 1, 2, 3], &[0, 0, 1, 1]) - 0.5).abs() < 1e-15);
        assert_eq!(of(&[0, 1, 1], &[4, 4, 4]), 0.0);
    }

    #[test]
    fn a_single_cluster_is_complete() {
        assert_eq!(of(&[4, 4, 4], &[0, 1, 1]), 1.0);
    }
}
