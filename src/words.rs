//! Durations, counts and numbers in words: the same digits in sentences, tables and every format.

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

/// Three decimals below 10, fewer above; four below 0.002; scientific below 5e-5; 0 below 1e-12 (rounding noise).
#[must_use]
pub fn number(value: f64) -> String {
    let value = if value.abs() < 1e-12 { 0.0 } else { value };
    let size = value.abs();
    if size == 0.0 || (0.002..10.0).contains(&size) {
        format!("{value:.3}")
    } else if size >= 100.0 {
        format!("{value:.1}")
    } else if size >= 10.0 {
        format!("{value:.2}")
    } else if size >= 0.000_05 {
        format!("{value:.4}")
    } else {
        format!("{value:.1e}")
    }
}

/// With its sign.
#[must_use]
pub fn signed(value: f64) -> String {
    let sign = if value <= -1e-12 { "" } else { "+" };
    format!("{sign}{}", number(value))
}

/// `p = 0.031`, `p < 0.001`; a p value that three decimals would put on a level of significance has a fourth.
#[must_use]
pub fn p_value(p: f64) -> String {
    let rounded = format!("{p:.3}");
    if p < 0.001 {
        "p < 0.001".to_owned()
    } else if ["0.025", "0.050"].contains(&rounded.as_str()) {
        format!("p = {p:.4}")
    } else {
        format!("p = {rounded}")
    }
}

/// `37 %`; with as many decimals as tell a share near 0 or 1 from them.
#[must_use]
pub fn percent(share: f64) -> String {
    let distance = share.min(1.0 - share);
    let decimals = match distance {
        _ if distance <= 0.0 || distance >= 0.01 => 0,
        _ if distance >= 0.001 => 1,
        _ => 2,
    };
    format!("{:.decimals$} %", 100.0 * share)
}

/// `1 run`, `2 runs`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// Up to three known names most similar to `name`, best first. A part of a name such as `mnist/dec` matches too.
#[must_use]
pub fn alike<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    const LIKENESS: f64 = 0.75;
    let name = name.to_lowercase();
    let mut alike: Vec<(f64, &str)> = known
        .map(|known| {
            let whole = known.to_lowercase();
            let parts = std::iter::once(whole.as_str()).chain(whole.split('/'));
            let likeness = parts.map(|part| strsim::jaro_winkler(&name, part));
            (likeness.fold(0.0, f64::max), known)
        })
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .collect();
    alike.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    // A paper and its experiment may have one name.
    alike.dedup_by_key(|(_, known)| *known);
    alike.into_iter().map(|(_, known)| known).take(3).collect()
}

/// `; did you mean desom-gamma, desom-maps?`, the end of a sentence; nothing without names ([`alike`]).
#[must_use]
pub fn or_meant(alike: &[&str]) -> String {
    if alike.is_empty() {
        return String::new();
    }
    format!("; did you mean {}?", alike.join(", "))
}

/// A text as one word of the shell: in quotes where it would take it for something else.
#[must_use]
pub fn shell(text: &str) -> String {
    let is_plain = |each: char| each.is_ascii_alphanumeric() || "-_=:,.%@/+".contains(each);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        let known = ["desom-maps", "desom-gamma", "dec"];
        let meant = alike("desom-gama", known.into_iter());
        assert_eq!(meant.first(), Some(&"desom-gamma"));
        assert!(alike("cancel-4711", known.into_iter()).is_empty());
        let twice = ["soae", "som", "soae"].into_iter();
        assert_eq!(alike("SOEA", twice), ["soae", "som"]);
        let variants = ["mnist/vae-2", "mnist/ae-2", "fashion-mnist/ae-2"].into_iter();
        assert_eq!(
            alike("ae-2", variants.clone())[..2],
            ["fashion-mnist/ae-2", "mnist/ae-2"]
        );
        assert!(alike("k-means", variants).is_empty());
    }

    #[test]
    fn what_a_shell_would_change_is_quoted() {
        assert_eq!(shell("mnist/ae-2,0.001"), "mnist/ae-2,0.001");
        for (text, quoted) in [
            ("a b", "'a b'"),
            ("*", "'*'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
        ] {
            assert_eq!(shell(text), quoted);
        }
    }

    #[test]
    fn durations_read_well() {
        let words = |seconds| duration(Duration::from_secs_f64(seconds));
        assert_eq!(words(0.25), "0.2 s");
        assert_eq!(words(45.2), "45 s");
        assert_eq!(words(150.0), "3 min");
        assert_eq!(words(7800.0), "2 h 10 min");
    }
}
