//! What `desom-gamma` shows of its results: the comparison with the published values and the figure.

use crate::claims::Published;
use crate::plot::{Baseline, Panel, Point, Scale, Sweep};
use crate::replication::{Profile, Results, VariantRecords, drawn};
use crate::report::endings::{sentence, told};
use crate::report::{Comparison, Endings};
use crate::runs::{Outcome, Record};

/// A metric of the figure: its title, its name in our records, and the baseline beside it.
pub(super) struct Shown {
    pub title: &'static str,
    pub metric: &'static str,
    baseline: (&'static str, &'static str, &'static str),
}

/// Accuracy is measured after k-means on the prototypes, the others on the best matching units:
/// what the figure plots, whatever its text says (README.md).
pub(super) const SHOWN: [Shown; 4] = [
    Shown {
        title: "accuracy",
        metric: "clustered.accuracy",
        baseline: (CLASSES_CLUSTERS, "accuracy", "our k-means, k = classes"),
    },
    Shown {
        title: "purity",
        metric: "bmu.purity",
        baseline: (MANY_CLUSTERS, "purity", "our k-means, k = 64"),
    },
    Shown {
        title: "NMI",
        metric: "bmu.nmi_geometric",
        baseline: (MANY_CLUSTERS, "nmi_geometric", "our k-means, k = 64"),
    },
    Shown {
        title: "ARI",
        metric: "bmu.ari",
        baseline: (MANY_CLUSTERS, "ari", "our k-means, k = 64"),
    },
];

/// The baseline with as many clusters as the map has units, and the one with as many as classes.
pub(super) const MANY_CLUSTERS: &str = "k-means-64";
pub(super) const CLASSES_CLUSTERS: &str = "k-means-classes";

/// The main result of one run in a few words.
pub(super) fn headline(record: &Record) -> String {
    if let Outcome::Diverged { iteration } = record.outcome {
        return format!("diverged at iteration {iteration}");
    }
    let names = [
        ("purity", ["bmu.purity", "purity"]),
        ("NMI", ["bmu.nmi_geometric", "nmi_geometric"]),
        ("accuracy", ["clustered.accuracy", "accuracy"]),
    ];
    // See `comparisons`: another quantity.
    let shown = names
        .iter()
        .filter(|(title, _)| !(record.variant == MANY_CLUSTERS && *title == "accuracy"));
    let parts = shown.filter_map(|(title, metrics)| {
        let value = metrics.iter().find_map(|metric| record.metric(metric))?;
        Some(format!("{title} {value:.3}"))
    });
    let collapsed = record.is_collapsed().then(|| "collapsed".to_owned());
    parts.chain(collapsed).collect::<Vec<_>>().join("  ")
}

/// Whether a run has no value of a metric though it did not diverge.
fn is_undefined(record: &Record, metric: &str) -> bool {
    record.outcome == Outcome::Completed && record.metric(metric).is_none()
}

pub(super) fn endings(variant: &VariantRecords) -> Endings {
    Endings::of(variant)
}

/// Whether the published values stand beside ours: not for other data, nor for another meaning of
/// gamma.
fn comparable(results: &Results) -> bool {
    results.profile != Profile::Smoke && !results.is_altered("gamma-scale")
}

/// The gamma of a variant's id; `None` for a baseline.
pub(super) fn gamma_of(variant: &str) -> Option<f64> {
    variant.strip_prefix("gamma=")?.parse().ok()
}

/// Metric by metric, variant by variant.
pub(super) fn comparisons(
    replication: &str,
    results: &Results,
    published: &Published,
) -> Vec<Comparison> {
    let mut rows = Vec::new();
    for shown in SHOWN {
        for variant in &results.variants {
            let metric = match gamma_of(&variant.id) {
                Some(_) => shown.metric,
                None => shown.metric.rsplit('.').next().unwrap_or(shown.metric),
            };
            // With more clusters than classes most clusters stay unmatched: that accuracy is
            // another quantity.
            if variant.id == MANY_CLUSTERS && metric == "accuracy" {
                continue;
            }
            let value = published.value(replication, &variant.id, metric);
            let value = value.filter(|_| comparable(results));
            rows.push(Comparison::of(shown.title, metric, variant, value));
        }
    }
    rows
}

/// Everything that is not as it should be with the runs, a sentence each.
pub(super) fn shortcomings(results: &Results) -> Vec<String> {
    let mut lines = told(results, "Collapsed onto a single unit or cluster");
    let fewer = results.variants.iter().map(|variant| {
        let fewer = variant.records.iter().filter(|run| found_fewer(run));
        (variant.id.as_str(), fewer.count(), variant.records.len())
    });
    lines.extend(sentence("Found fewer clusters than asked for", fewer));
    if lacks_labels(results) {
        lines.push("Without labels accuracy, purity, NMI and ARI are undefined.".to_owned());
    }
    lines
}

/// Whether k-means ended with empty clusters: there were fewer distinct rows than clusters.
fn found_fewer(record: &Record) -> bool {
    let asked = record.identity.settings["clusters"].as_f64();
    let found = record.metric("clusters_found");
    found
        .zip(asked)
        .is_some_and(|(found, asked)| 1.0 < found && found < asked)
}

/// Whether there are runs that could not be compared with classes: purity always can.
fn lacks_labels(results: &Results) -> bool {
    let mut runs = results.variants.iter().flat_map(|variant| &variant.records);
    runs.any(|run| is_undefined(run, "bmu.purity") && is_undefined(run, "purity"))
}

/// What the published values are.
pub(super) const DIGITISED: &str = "Published: 10 runs each; figures digitised to about 0.002, their standard \
                                    deviations\nconverted to the same divisor.";

/// What to know when reading the table.
pub(super) fn caption(results: &Results) -> String {
    let mut lines = Vec::from_iter(comparable(results).then(|| DIGITISED.to_owned()));
    lines.extend(shortcomings(results));
    let mut variants = results.variants.iter();
    if variants.any(|variant| variant.records.len() - endings(variant).diverged < 3) {
        lines.push(
            "With fewer than 3 runs the spread is unknown: nothing can be concluded.".to_owned(),
        );
    }
    results.caption(
        "Accuracy (best one-to-one matching of clusters to classes) after k-means on the \
         prototypes;\npurity, NMI (geometric normalisation) and ARI of the best matching units. \
         k-means: on pixels.",
        lines,
    )
}

/// Fig. 1 of the additional material, the published points behind ours.
pub(super) fn figure(replication: &str, results: &Results, published: &Published) -> Sweep {
    let panels = SHOWN.iter().map(|shown| {
        let (variant, metric, label) = shown.baseline;
        // One whose values are all undefined is named below the figure.
        let baseline = (!results.records(variant).is_empty())
            .then(|| results.summary(variant, metric).mean.unwrap_or(f64::NAN));
        Panel {
            metric: shown.title.to_owned(),
            higher_is_better: true,
            range: (0.0, 1.0),
            ours: our_points(results, shown.metric),
            published: if comparable(results) {
                published_points(replication, published, shown.metric)
            } else {
                Vec::new()
            },
            baselines: baseline
                .map(|value| Baseline {
                    label: label.to_owned(),
                    value,
                })
                .into_iter()
                .collect(),
        }
    });
    let data = &results.data_title;
    let missing = results.variants.iter().map(|variant| {
        let missing = variant.planned.saturating_sub(variant.records.len());
        (variant.id.as_str(), missing, variant.planned)
    });
    let missing = sentence(" Missing", missing).unwrap_or_default();
    let unlabelled = if lacks_labels(results) {
        " The data has no labels to compare with."
    } else {
        ""
    };
    Sweep {
        title: format!("DESOM on {data}: the weight of the SOM loss"),
        parameter: "\u{3b3}".to_owned(),
        scale: Scale::Log,
        panels: panels.collect(),
        caption: format!(
            "{}Accuracy after k-means on the prototypes; purity, NMI (geometric) and ARI of the \
             best matching units.{}{unlabelled}{missing}",
            if comparable(results) {
                "After Forest et al. (2019), additional material, Fig. 1. "
            } else {
                ""
            },
            if comparable(results) {
                " Published: 10 runs."
            } else {
                ""
            }
        ),
        note: results.note(),
    }
}

fn published_points(replication: &str, published: &Published, metric: &str) -> Vec<Point> {
    let values = published.values.iter();
    values
        .filter(|value| value.replication == replication && value.metric == metric)
        .filter_map(|value| {
            Some(Point {
                x: gamma_of(&value.variant)?,
                mean: value.mean,
                sd: value.sample_sd(),
                runs: Vec::new(),
            })
        })
        .collect()
}

fn our_points(results: &Results, metric: &str) -> Vec<Point> {
    let variants = results.variants.iter();
    variants
        .filter_map(|variant| {
            let x = gamma_of(&variant.id)?;
            if variant.records.is_empty() {
                return None;
            }
            let summary = results.summary(&variant.id, metric);
            Some(Point {
                x,
                mean: summary.mean.unwrap_or(f64::NAN),
                sd: summary.sd,
                runs: variant
                    .records
                    .iter()
                    .map(|record| drawn(record, metric))
                    .collect(),
            })
        })
        .collect()
}
