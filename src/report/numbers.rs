//! Numbers as reports write them: the same digits in every format.

use std::time::Duration;

use crate::claims::{Group, Printed};
use crate::statistics::Interval;
use crate::words;
pub(super) use crate::words::{count, number, p_value, signed};

/// `0.753 ± 0.041`; a dash without a mean.
pub(super) fn spread(mean: Option<f64>, sd: Option<f64>) -> String {
    match (mean, sd) {
        (None, _) => "-".to_owned(),
        (Some(mean), None) => number(mean),
        (Some(mean), Some(sd)) => format!("{} \u{b1} {}", number(mean), number(sd)),
    }
}

/// `-0.040 to +0.017`, without signs for what is no difference.
pub(super) fn range(interval: Interval, is_difference: bool) -> String {
    let write = if is_difference { signed } else { number };
    format!("{} to {}", write(interval.low), write(interval.high))
}

/// `10 runs`, `8 of 10 runs: 1 diverged, 1 without a value; 2 collapsed`.
pub(super) fn runs(group: &Group) -> String {
    let all = group.n + group.diverged + group.undefined;
    let mut text = if group.n == all {
        count(all, "run")
    } else {
        format!("{} of {}", group.n, count(all, "run"))
    };
    let mut marks = Vec::new();
    for (runs, what) in [
        (group.diverged, "diverged"),
        (group.undefined, "without a value"),
        (group.collapsed, "collapsed"),
    ] {
        if runs > 0 {
            marks.push(format!("{runs} {what}"));
        }
    }
    if !marks.is_empty() {
        text += &format!(": {}", marks.join(", "));
    }
    text
}

/// `10`, `8 of 10`: the runs that have a value.
pub(super) fn n_of(n: usize, without: usize) -> String {
    match without {
        0 => n.to_string(),
        without => format!("{n} of {}", n + without),
    }
}

/// `10 runs; Fig. 1`: where a published number is from.
pub(super) fn origin(printed: &Printed) -> String {
    let mut parts = Vec::new();
    parts.extend(printed.n.map(|n| count(n as usize, "run")));
    if printed.sd.is_none() {
        parts.push("spread not given".to_owned());
    }
    if !printed.source.is_empty() {
        parts.push(printed.source.clone());
    }
    parts.join("; ")
}

/// `45 s`, `3 min`, `2 h 10 min`.
pub(super) fn duration(seconds: f64) -> String {
    words::duration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_what_matters() {
        let shown = [-7e-21, 0.7531, 12.345, 121.53, 0.0004, 3.7e-6].map(number);
        assert_eq!(
            shown,
            ["0.000", "0.753", "12.35", "121.5", "0.0004", "3.7e-6"]
        );
        assert_eq!(
            (signed(-0.04), signed(0.0)),
            ("-0.040".into(), "+0.000".into())
        );
        assert_eq!(spread(Some(0.5), None), "0.500");
        assert_eq!(spread(None, Some(0.1)), "-");
        assert_eq!(p_value(1e-9), "p < 0.001");
        assert_eq!(duration(7800.0), "2 h 10 min");
    }

    #[test]
    fn lost_runs_are_counted() {
        let mut group = Group {
            variant: "v".into(),
            metric: "m".into(),
            n: 1,
            mean: None,
            sd: None,
            diverged: 0,
            undefined: 0,
            collapsed: 0,
        };
        assert_eq!(runs(&group), "1 run");
        group = Group {
            n: 8,
            diverged: 1,
            undefined: 1,
            collapsed: 2,
            ..group
        };
        assert_eq!(
            runs(&group),
            "8 of 10 runs: 1 diverged, 1 without a value, 2 collapsed"
        );
    }
}
