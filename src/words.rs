//! Durations and counts in words.

use std::time::Duration;

/// `45 s`, `3 min`, `2 h 10 min`: what a person needs to know of a wait.
#[must_use]
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    if seconds < 99.5 {
        return format!("{seconds:.0} s");
    }
    let minutes = (seconds / 60.0).round() as u64;
    if minutes < 100 {
        return format!("{minutes} min");
    }
    format!("{} h {} min", minutes / 60, minutes % 60)
}

/// `1 run`, `2 runs`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        let words = |seconds| duration(Duration::from_secs_f64(seconds));
        assert_eq!(words(0.25), "0.2 s");
        assert_eq!(words(45.2), "45 s");
        assert_eq!(words(150.0), "3 min");
        assert_eq!(words(7800.0), "2 h 10 min");
    }
}
