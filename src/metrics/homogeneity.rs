//! Homogeneity: does each cluster hold samples of one class only?

use super::Contingency;
use super::nmi::{entropy, mutual_information};

/// Homogeneity, 0 to 1, higher is better.
///
/// `I / H(classes)`: the share of the classes' entropy that the clusters explain; 1 for a single class.
/// It never falls when clusters are split: compare it between equally many clusters only.
///
/// Reference: Rosenberg and Hirschberg, *V-measure* (EMNLP 2007), section 2.
#[must_use]
pub fn homogeneity(contingency: &Contingency) -> f64 {
    if contingency.classes().len() == 1 {
        return 1.0;
    }
    let classes = entropy(contingency.class_sizes(), contingency.samples() as f64);
    (mutual_information(contingency) / classes).min(1.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    fn of(predictions: &[u32], classes: &[u32]) -> f64 {
        homogeneity(&Contingency::new(predictions, classes).unwrap())
    }

    #[test]
    fn split_classes_are_homogeneous_and_joined_ones_are_not() {
        assert!((of(&[0, 1, 2, 3], &[0, 0, 1, 1]) - 1.0).abs() < 1e-15);
        assert!((of(&[0, 0, 1, 1], &[0, 1, 2, 3]) - 0.5).abs() < 1e-15);
        assert_eq!(of(&[0, 0, 0], &[0, 1, 1]), 0.0);
    }

    #[test]
    fn a_single_class_is_homogeneous() {
        assert_eq!(of(&[0, 1, 1], &[4, 4, 4]), 1.0);
    }
}
