//! What `desom-audit` shows of its results: each difference's effect, paired by seed, with its interval.

use super::audit::{BASELINE, SWITCHES};
use super::gamma_shown::{SHOWN, is_collapsed, shortcomings};
use crate::plot::{self, EffectPanel, Effects};
use crate::random::{Seed, stream};
use crate::replication::Results;
use crate::report::comparison::compared;
use crate::report::{Comparison, Table};
use crate::runs::Record;
use crate::statistics::paired::sign_flip;
use crate::statistics::{Difference, Interval, Moments};

/// Titles and metrics: those of the paper's figures, and what the map itself is like.
fn metrics() -> Vec<(&'static str, &'static str)> {
    let shown = SHOWN.iter().map(|shown| (shown.title, shown.metric));
    let map = [("topographic error", "latent.topographic_error")];
    shown.chain(map).collect()
}

/// Another reading of the baseline's own runs: its label, and by which metrics those of the figure are
/// replaced.
struct Reading {
    label: &'static str,
    replaced: &'static [(&'static str, &'static str)],
}

const READINGS: [Reading; 4] = [
    Reading {
        label: "k-means of one group fewer",
        replaced: &[("clustered.accuracy", "clustered_fewer.accuracy")],
    },
    Reading {
        label: "k-means of codes, not prototypes",
        replaced: &[("clustered.accuracy", "clustered_codes.accuracy")],
    },
    Reading {
        label: "NMI by the arithmetic mean",
        replaced: &[("bmu.nmi_geometric", "bmu.nmi_arithmetic")],
    },
    Reading {
        label: "all metrics after k-means",
        replaced: &[
            ("bmu.purity", "clustered.purity"),
            ("bmu.nmi_geometric", "clustered.nmi_geometric"),
            ("bmu.ari", "clustered.ari"),
        ],
    },
];

/// What one difference does to one metric.
pub(super) struct Found {
    row: &'static str,
    title: &'static str,
    /// Changed minus baseline, one for each seed that has both.
    differences: Vec<f64>,
}

impl Found {
    fn interval(&self) -> Option<Interval> {
        let moments = Moments::of(&self.differences)?;
        Some(Difference::of_one(moments).interval(0.95))
    }

    fn mean(&self) -> f64 {
        self.differences.iter().sum::<f64>() / self.differences.len() as f64
    }

    /// Two-sided p of the sign-flip test, uncorrected.
    fn p(&self) -> f64 {
        let mut stream = stream(Seed(0), "sign flips of desom-audit");
        sign_flip(&self.differences, &mut stream).two_sided
    }
}

fn rows() -> Vec<&'static str> {
    let switches = SWITCHES.iter().map(|switch| switch.label);
    switches
        .chain(READINGS.iter().map(|one| one.label))
        .collect()
}

/// The differences, row by row, metric by metric, where there are any.
pub(super) fn effects(results: &Results) -> Vec<Found> {
    let baseline = results.records(BASELINE);
    let mut found = Vec::new();
    let mut note = |row, title, changed: &[Record], from: &str, to: &str| {
        let differences: Vec<f64> = baseline
            .iter()
            .filter_map(|base| {
                let other = changed
                    .iter()
                    .find(|other| other.identity.seed == base.identity.seed)?;
                Some(other.metric(to)? - base.metric(from)?)
            })
            .collect();
        if !differences.is_empty() {
            found.push(Found {
                row,
                title,
                differences,
            });
        }
    };
    for switch in &SWITCHES {
        for (title, metric) in metrics() {
            let changed = results.records(switch.id);
            note(switch.label, title, changed, metric, metric);
        }
    }
    for reading in &READINGS {
        for (title, metric) in metrics() {
            let mut replaced = reading.replaced.iter();
            if let Some((_, other)) = replaced.find(|(from, _)| *from == metric) {
                note(reading.label, title, baseline, metric, other);
            }
        }
    }
    found
}

/// The variants' own values, metric by metric.
pub(super) fn comparisons(results: &Results) -> Vec<Comparison> {
    compared(results, &metrics(), is_collapsed)
}

pub(super) fn caption(results: &Results) -> String {
    results.caption(
        "Accuracy after k-means on the \
         prototypes;\npurity, NMI and ARI of the best matching units; topographic error of the codes.",
        shortcomings(results),
    )
}

/// What each difference changes, paired by seed.
pub(super) fn table(effects: &[Found]) -> Table {
    let rows = effects.iter().map(|found| {
        let interval = found.interval().map_or("-".to_owned(), |interval| {
            format!("{:+.3} to {:+.3}", interval.low, interval.high)
        });
        vec![
            found.row.to_owned(),
            found.title.to_owned(),
            found.differences.len().to_string(),
            format!("{:+.3}", found.mean()),
            interval,
            format!("{:.3}", found.p()),
        ]
    });
    Table {
        caption: "Changed minus baseline, paired by seed; t intervals; p of the exact sign-flip test, not \
                  corrected for their number."
            .to_owned(),
        head: ["difference", "metric", "n", "effect", "95 % interval", "p"]
            .map(str::to_owned)
            .to_vec(),
        rows: rows.collect(),
    }
}

/// One row for each difference and metric.
///
/// # Errors
/// If it cannot be written: never, in memory.
pub(super) fn csv(results: &Results, effects: &[Found]) -> Result<Vec<u8>, crate::Error> {
    let note = results.note().unwrap_or_default();
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let rows = effects.iter().map(|found| {
        let interval = found.interval();
        vec![
            found.row.to_owned(),
            found.title.to_owned(),
            found.differences.len().to_string(),
            found.mean().to_string(),
            number(interval.map(|interval| interval.low)),
            number(interval.map(|interval| interval.high)),
            found.p().to_string(),
            note.clone(),
        ]
    });
    let head = [
        "difference",
        "metric",
        "n",
        "effect",
        "low",
        "high",
        "p_sign_flip",
        "note",
    ];
    let table = Table {
        caption: String::new(),
        head: head.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    };
    table.to_csv().map_err(|source| {
        crate::runs::Error::Output {
            path: "audit.csv".into(),
            source,
        }
        .into()
    })
}

/// One row a difference, one panel a metric.
pub(super) fn figure(results: &Results, effects: &[Found]) -> Effects {
    let rows = rows();
    let panels = metrics().into_iter().map(|(title, _)| EffectPanel {
        metric: title.to_owned(),
        effects: rows
            .iter()
            .map(|row| {
                let mut all = effects.iter();
                let found = all.find(|found| found.row == *row && found.title == title)?;
                Some(plot::Effect {
                    mean: found.mean(),
                    interval: found.interval().map(|one| (one.low, one.high)),
                    n: found.differences.len(),
                })
            })
            .collect(),
    });
    let sizes = || effects.iter().map(|found| found.differences.len());
    let n = plot::sample_sizes(sizes());
    let n = n.map_or_else(
        || "no runs yet".to_owned(),
        |n| format!("{n} pairs of runs"),
    );
    Effects {
        title: format!(
            "DESOM on {}: what paper and code differ in",
            results.data_title
        ),
        panels: panels.collect(),
        rows: rows.iter().map(|row| (*row).to_owned()).collect(),
        caption: format!(
            "Changed minus baseline, paired by seed, with 95 % t intervals; orange where 0 is outside; {n}. \
             Accuracy after k-means on the prototypes; purity, NMI and ARI of the best matching units. The \
             last four rows are other readings of the baseline's runs and touch only some metrics"
        ),
        note: results.note(),
    }
}
