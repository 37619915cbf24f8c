//! Numbers in sentences.

use crate::statistics::Interval;
pub(super) use crate::words::{count, number, p_value, percent, signed};

/// `-0.040 to +0.017`.
pub(super) fn interval(interval: Interval) -> String {
    format!("{} to {}", signed(interval.low), signed(interval.high))
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list<T: AsRef<str>>(items: &[T]) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    match items.split_last() {
        None => String::new(),
        Some((only, [])) => (*only).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_what_matters() {
        let shown = [0.0, 0.7531, 12.345, 121.53, 3.7e-5, 0.0004].map(number);
        assert_eq!(
            shown,
            ["0.000", "0.753", "12.35", "121.5", "3.7e-5", "0.0004"]
        );
        assert_eq!(signed(-0.04), "-0.040");
        assert_eq!(signed(-1e-16), "+0.000");
        assert_eq!(signed(0.0171), "+0.017");
        assert_eq!(p_value(0.0301), "p = 0.030");
        assert_eq!(p_value(1e-9), "p < 0.001");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        assert_eq!(count(1, "run"), "1 run");
    }
}
