//! Numbers in sentences.

use crate::statistics::Interval;

/// Three decimals for numbers below 10, fewer for larger ones, an exponent for tiny ones.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    // What is left of a difference of equal numbers.
    let value = if size < 1e-12 { 0.0 } else { value };
    if value == 0.0 || (0.0005..10.0).contains(&size) {
        format!("{value:.3}")
    } else if size >= 100.0 {
        format!("{value:.1}")
    } else if size >= 10.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.1e}")
    }
}

/// With its sign.
pub(super) fn signed(value: f64) -> String {
    let sign = if value <= -1e-12 { "" } else { "+" };
    format!("{sign}{}", number(value))
}

/// `-0.040 to +0.017`.
pub(super) fn interval(interval: Interval) -> String {
    format!("{} to {}", signed(interval.low), signed(interval.high))
}

/// `p = 0.031`, `p < 0.001`.
pub(super) fn p_value(p: f64) -> String {
    if p < 0.001 {
        "p < 0.001".to_owned()
    } else {
        format!("p = {p:.3}")
    }
}

/// `1 run`, `2 runs`.
pub(super) fn count(n: usize, what: &str) -> String {
    let ending = if n == 1 { "" } else { "s" };
    format!("{n} {what}{ending}")
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
            ["0.000", "0.753", "12.35", "121.5", "3.7e-5", "4.0e-4"]
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
