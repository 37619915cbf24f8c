//! The drawing of a comparison.

use crate::plot::{Strip, StripLane};
use crate::report::content::{AxisKind, Row};
use crate::report::numbers::count;
use crate::statistics::Interval;

/// Intervals are drawn where they are on the lanes' axis: not those of shares.
pub(super) fn of(row: &Row) -> Strip {
    let finding = &row.finding;
    let drawn = |interval: Option<Interval>| {
        let is_share = finding.numbers.contains_key("share_claimed");
        let interval = interval.filter(|_| !is_share && row.lanes.len() == 1)?;
        Some((interval.low, interval.high))
    };
    let lanes = row.lanes.iter().map(|lane| {
        let group = finding
            .ours
            .iter()
            .find(|group| group.variant == lane.variant);
        let own = group.and_then(|group| group.mean);
        StripLane {
            label: lane.variant.clone(),
            values: lane.seeds.iter().map(|(_, value)| *value).collect(),
            mean: match row.axis {
                AxisKind::Difference => finding.difference,
                AxisKind::Value => own,
            },
        }
    });
    let dots: usize = row.lanes.iter().map(|lane| lane.seeds.len()).sum();
    let words = if finding.words.is_empty() {
        &finding.label
    } else {
        &finding.words
    };
    Strip {
        description: format!("{words} {} as dots.", count(dots, "run")),
        lanes: lanes.collect(),
        inner: drawn(finding.interval_90),
        outer: drawn(finding.interval_95),
        agrees: if is_apart(row) {
            (None, None)
        } else {
            (row.agrees_from, row.agrees_to)
        },
        is_difference: row.axis == AxisKind::Difference,
    }
}

/// Whether the difference is on another axis than the lanes: those of an argmax or a trend show values.
fn is_apart(row: &Row) -> bool {
    row.axis == AxisKind::Value && row.finding.difference.is_some()
}

/// The difference and its intervals alone, where the lanes are on another axis.
pub(super) fn apart(row: &Row) -> Option<Strip> {
    let finding = &row.finding;
    let pair = |interval: Interval| (interval.low, interval.high);
    is_apart(row).then(|| Strip {
        description: format!("{}: the difference with its intervals.", finding.label),
        lanes: vec![StripLane {
            label: String::new(),
            values: Vec::new(),
            mean: finding.difference,
        }],
        inner: finding.interval_90.map(pair),
        outer: finding.interval_95.map(pair),
        agrees: (row.agrees_from, row.agrees_to),
        is_difference: true,
    })
}

/// The one that explains the others.
pub(super) fn example() -> Strip {
    Strip {
        description: "Example: ten runs as dots, the mean difference as a diamond, its 90 % interval as a thick \
                      and its 95 % interval as a thin line, all within a shaded margin around 0."
            .to_owned(),
        lanes: vec![StripLane {
            label: String::new(),
            values: vec![
                -0.034, -0.021, -0.012, -0.004, 0.003, 0.009, 0.014, 0.022, 0.031, 0.052,
            ],
            mean: Some(0.006),
        }],
        inner: Some((-0.017, 0.029)),
        outer: Some((-0.023, 0.035)),
        agrees: (Some(-0.06), Some(0.06)),
        is_difference: true,
    }
}
