//! Axes: from values to pixels, and where the ticks stand.

/// What kind of axis a parameter stands on.
#[derive(Clone, Debug, PartialEq)]
pub enum Scale {
    /// Logarithmic, base ten; every value has to be positive.
    Log,
    /// Linear.
    Linear,
    /// One place for each name; a point's `x` is the index of its name.
    Category(Vec<String>),
}

/// A map from values to pixels along one direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axis {
    /// Whether distances are ratios.
    pub log: bool,
    /// First and last value.
    pub domain: (f64, f64),
    /// Pixels of the first and the last value.
    pub span: (f64, f64),
}

impl Axis {
    /// The pixel of a value. A domain of one value maps to the middle.
    pub fn at(&self, value: f64) -> f64 {
        let place = |v: f64| if self.log { v.log10() } else { v };
        let (low, high) = (place(self.domain.0), place(self.domain.1));
        let share = if high > low {
            (place(value) - low) / (high - low)
        } else {
            0.5
        };
        self.span.0 + share * (self.span.1 - self.span.0)
    }

    /// Ticks with their labels, about `most` of them.
    pub fn ticks(&self, most: usize) -> Vec<(f64, String)> {
        if self.log {
            log_ticks(self.domain, most)
        } else {
            linear_ticks(self.domain, most)
        }
    }
}

/// Values of the short ticks between the powers of ten of a logarithmic domain.
pub(super) fn between_powers((low, high): (f64, f64)) -> Vec<f64> {
    let powers = low.log10().floor() as i32..=high.log10().floor() as i32;
    let values = powers.flat_map(|e| (2..=9).map(move |m| f64::from(m) * 10f64.powi(e)));
    values
        .filter(|value| (low..=high).contains(value))
        .collect()
}

/// Multiples of 1, 2 or 5 times a power of ten within the domain.
fn linear_ticks((low, high): (f64, f64), most: usize) -> Vec<(f64, String)> {
    if high <= low {
        return vec![(low, number(low))];
    }
    let step = step((high - low) / most.max(2) as f64);
    let decimals = (-step.log10() - 1e-9).ceil().max(0.0) as usize;
    let slack = 1e-9 * step;
    let first = ((low - slack) / step).ceil() as i64;
    let last = ((high + slack) / step).floor() as i64;
    (first..=last)
        .map(|i| i as f64 * step)
        .map(|value| (value, fixed(value, decimals)))
        .collect()
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `least`.
fn step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0]
        .map(|m| m * power)
        .into_iter()
        .find(|&s| s >= least * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

/// Powers of ten within the domain; where fewer than two are, multiples of 1, 2 and 5 between them, and where these
/// are fewer than two, the ticks of a linear axis.
fn log_ticks((low, high): (f64, f64), most: usize) -> Vec<(f64, String)> {
    const SLACK: f64 = 1e-9;
    let first = (low.log10() - SLACK).ceil() as i32;
    let last = (high.log10() + SLACK).floor() as i32;
    if last > first {
        let every = ((last - first + 1) as usize).div_ceil(most.max(1)) as i32;
        return (first..=last)
            .filter(|e| (e - first) % every == 0)
            .map(|e| (10f64.powi(e), format!("10{}", superscript(e))))
            .collect();
    }
    let inside = |v: &f64| *v >= low * (1.0 - SLACK) && *v <= high * (1.0 + SLACK);
    let between: Vec<f64> = (first - 1..=last + 1)
        .flat_map(|e| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(e)))
        .filter(inside)
        .take(most)
        .collect();
    if between.len() >= 2 {
        return between.into_iter().map(|v| (v, number(v))).collect();
    }
    if last == first && high <= low * (1.0 + SLACK) {
        return vec![(low, format!("10{}", superscript(first)))];
    }
    // So narrow that it hardly differs from a linear one.
    linear_ticks((low, high), most)
}

/// The smallest domain with room around the values: whole 1-2-5 steps, or on a logarithmic axis a little on each side.
pub(super) fn roomy(log: bool, low: f64, high: f64, most: usize) -> (f64, f64) {
    if log {
        let margin = ((high / low).log10() * 0.05).max(0.02);
        return (low / 10f64.powf(margin), high * 10f64.powf(margin));
    }
    if high <= low {
        let room = if low == 0.0 { 1.0 } else { 0.1 * low.abs() };
        return (low - room, high + room);
    }
    let step = step((high - low) / most.max(2) as f64);
    (
        (low / step + 1e-9).floor() * step,
        (high / step - 1e-9).ceil() * step,
    )
}

/// A whole number as superscript digits.
fn superscript(value: i32) -> String {
    const DIGITS: [char; 10] = [
        '\u{2070}', '\u{b9}', '\u{b2}', '\u{b3}', '\u{2074}', '\u{2075}', '\u{2076}', '\u{2077}',
        '\u{2078}', '\u{2079}',
    ];
    value
        .to_string()
        .chars()
        .map(|c| c.to_digit(10).map_or('\u{207b}', |d| DIGITS[d as usize]))
        .collect()
}

/// A number with a fixed count of decimals, a true minus sign, and commas between thousands from 10,000 on.
fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) if rest.chars().any(|c| c.is_ascii_digit() && c != '0') => ("\u{2212}", rest),
        Some(rest) => ("", rest),
        None => ("", text.as_str()),
    };
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    if whole.len() < 5 {
        return format!("{sign}{whole}{rest}");
    }
    let mut grouped = String::new();
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(c);
    }
    format!("{sign}{grouped}{rest}")
}

/// A number as people write it: at most four significant digits, powers of ten where it is very large or small.
pub(super) fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !value.is_finite() {
        return "undefined".to_owned();
    }
    let exponent = value.abs().log10().floor() as i32;
    let trim = |text: String| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text
        }
    };
    if (-4..7).contains(&exponent) {
        return trim(fixed(value, (3 - exponent).max(0) as usize));
    }
    let mantissa = trim(fixed(value / 10f64.powi(exponent), 3));
    let power = format!("10{}", superscript(exponent));
    if mantissa == "1" {
        power
    } else {
        format!("{mantissa}\u{b7}{power}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(ticks: Vec<(f64, String)>) -> Vec<String> {
        ticks.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn pixels_follow_values() {
        let axis = Axis {
            log: true,
            domain: (1e-4, 10.0),
            span: (100.0, 600.0),
        };
        assert!((axis.at(1e-3) - 200.0).abs() < 1e-9);
        let down = Axis {
            log: false,
            domain: (0.0, 1.0),
            span: (200.0, 0.0),
        };
        assert!((down.at(0.25) - 150.0).abs() < 1e-9);
        let one = Axis {
            log: true,
            domain: (0.1, 0.1),
            span: (0.0, 50.0),
        };
        assert!((one.at(0.1) - 25.0).abs() < 1e-9);
    }

    #[test]
    fn linear_ticks_are_round() {
        assert_eq!(
            words(linear_ticks((0.0, 1.0), 5)),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(
            words(linear_ticks((-0.5, 0.5), 4)),
            ["\u{2212}0.5", "0.0", "0.5"]
        );
        assert_eq!(
            words(linear_ticks((0.0, 10_000.0), 5)),
            ["0", "2000", "4000", "6000", "8000", "10,000"]
        );
        assert_eq!(
            words(linear_ticks((0.0, 0.25), 5)),
            ["0.00", "0.05", "0.10", "0.15", "0.20", "0.25"]
        );
        assert_eq!(words(linear_ticks((3.0, 3.0), 5)), ["3"]);
    }

    #[test]
    fn log_ticks_are_powers_with_superscripts() {
        assert_eq!(
            words(log_ticks((1e-2, 10.0), 9)),
            [
                "10\u{207b}\u{b2}",
                "10\u{207b}\u{b9}",
                "10\u{2070}",
                "10\u{b9}"
            ]
        );
        assert_eq!(words(log_ticks((1e-6, 1e6), 5)).len(), 5);
        assert_eq!(words(log_ticks((0.018, 0.06), 5)), ["0.02", "0.05"]);
        assert_eq!(words(log_ticks((0.0611, 0.1198), 5)), ["0.08", "0.10"]);
        assert_eq!(words(log_ticks((0.003, 0.003), 5)), ["0.003"]);
        assert_eq!(words(log_ticks((0.01, 0.01), 5)), ["10\u{207b}\u{b2}"]);
        let short = between_powers((0.5, 3.0));
        assert_eq!(short.len(), 7);
        assert!(
            (short[0] - 0.5).abs() < 1e-9 && (short[5] - 2.0).abs() < 1e-9,
            "{short:?}"
        );
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(number(0.001), "0.001");
        assert_eq!(number(1e-5), "10\u{207b}\u{2075}");
        assert_eq!(number(-2.5e-9), "\u{2212}2.5\u{b7}10\u{207b}\u{2079}");
        assert_eq!(number(70_000.0), "70,000");
        assert_eq!(number(10.0), "10");
        assert_eq!(number(f64::NAN), "undefined");
        assert_eq!(fixed(-0.0001, 2), "0.00");
    }

    #[test]
    fn room_ends_on_whole_steps() {
        let (low, high) = roomy(false, -0.12, 0.93, 5);
        assert!(
            (low + 0.5).abs() < 1e-9 && (high - 1.0).abs() < 1e-9,
            "{low} {high}"
        );
        assert_eq!(roomy(false, 0.0, 0.0, 5), (-1.0, 1.0));
    }
}
