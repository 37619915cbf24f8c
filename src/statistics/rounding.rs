//! What rounding leaves of equal numbers is no difference.

/// Numbers that are this close, as a part of the larger one, differ by rounding alone.
const ROUNDING: f64 = 1e-12;

/// `a - b`; 0 where that is no more than rounding.
#[must_use]
pub fn minus(a: f64, b: f64) -> f64 {
    let difference = a - b;
    if difference.is_finite() && difference.abs() <= ROUNDING * a.abs().max(b.abs()) {
        0.0
    } else {
        difference
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp)]
    use super::*;

    #[test]
    fn what_rounding_leaves_is_nothing() {
        let tenths: f64 = std::iter::repeat_n(0.1, 10).sum();
        assert_ne!(tenths, 1.0);
        assert_eq!(minus(tenths, 1.0), 0.0);
        assert_eq!(minus(0.75 - 0.73, 0.02), 0.0);
        assert_eq!(minus(1e-9, 0.0), 1e-9);
        assert_eq!(minus(0.0, 0.0), 0.0);
        assert_eq!(minus(f64::INFINITY, 5.0), f64::INFINITY);
        assert!(minus(f64::INFINITY, f64::INFINITY).is_nan());
    }
}
