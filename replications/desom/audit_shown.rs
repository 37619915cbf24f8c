//! What `desom-audit` shows of its results: each difference's effect, paired by seed, with its interval.

use super::audit::{BASELINE, SWITCHES};
use super::gamma_shown::{SHOWN, shortcomings};
use crate::plot::Effects;
use crate::replication::Results;
use crate::report::Comparison;
use crate::report::comparison::compared;
use crate::report::effects::{self, Effect};

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

fn rows() -> Vec<&'static str> {
    let switches = SWITCHES.iter().map(|switch| switch.label);
    switches
        .chain(READINGS.iter().map(|one| one.label))
        .collect()
}

/// What each difference changes, row by row, metric by metric, where there are pairs.
pub(super) fn effects(results: &Results) -> Vec<Effect> {
    let baseline = results.records(BASELINE);
    let of_switches = SWITCHES.iter().flat_map(|switch| {
        let changed = results.records(switch.id);
        metrics().into_iter().filter_map(|(title, metric)| {
            let name = (switch.label, title);
            Effect::of(name, (baseline, metric), (changed, metric))
        })
    });
    let of_readings = READINGS.iter().flat_map(|reading| {
        metrics().into_iter().filter_map(|(title, metric)| {
            let mut replaced = reading.replaced.iter();
            let (_, other) = replaced.find(|(from, _)| *from == metric)?;
            let name = (reading.label, title);
            Effect::of(name, (baseline, metric), (baseline, other))
        })
    });
    of_switches.chain(of_readings).collect()
}

/// The variants' own values, metric by metric.
pub(super) fn comparisons(results: &Results) -> Vec<Comparison> {
    compared(results, &metrics())
}

pub(super) fn caption(results: &Results) -> String {
    results.caption(
        "Accuracy after k-means on the \
         prototypes;\npurity, NMI and ARI of the best matching units; topographic error of the codes.",
        shortcomings(results),
    )
}

/// One row a difference, one panel a metric.
pub(super) fn figure(results: &Results, found: &[Effect]) -> Effects {
    let rows = rows();
    let titles: Vec<&str> = metrics().into_iter().map(|(title, _)| title).collect();
    Effects {
        title: format!(
            "DESOM on {}: what paper and code differ in",
            results.data_title
        ),
        panels: effects::panels(&rows, &titles, found),
        rows: rows.iter().map(|row| (*row).to_owned()).collect(),
        caption: format!(
            "Changed minus baseline, paired by seed, with 95 % t intervals; orange where 0 is outside; {}. \
             Accuracy after k-means on the prototypes; purity, NMI and ARI of the best matching units. The \
             last four rows are other readings of the baseline's runs and touch only some metrics",
            effects::pairs(found)
        ),
        note: results.note(),
    }
}
