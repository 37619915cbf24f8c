//! Normalised minor class occurrence: the share of samples that are not of their unit's main class.

use super::{Contingency, purity};

/// Normalised minor class occurrence, 0 to 1, lower is better: `1 - purity`, see [`purity()`].
///
/// Reference: Elend and Kramer, *Self-organizing maps with convolutional layers* (WSOM 2019),
/// section 4.
#[must_use]
pub fn minor_class_occurrence(contingency: &Contingency) -> f64 {
    1.0 - purity(contingency)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn samples_of_minor_classes_are_counted() {
        let table = Contingency::new(&[0_u32, 0, 0, 1, 1], &[0_u8, 0, 1, 1, 2]).unwrap();
        assert!((minor_class_occurrence(&table) - 0.4).abs() < 1e-15);
    }
}
