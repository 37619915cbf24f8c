//! What `desom-gamma` shows of its results: the comparison with the published values and the figure.

use crate::claims::{Published, Summary};
use crate::plot::{Baseline, Panel, Point, Scale, Sweep};
use crate::replication::{Profile, Results};
use crate::report::Comparison;
use crate::runs::{Outcome, Record};

/// A metric of the figure: its title, its name in our records, and the baseline beside it.
struct Shown {
    title: &'static str,
    metric: &'static str,
    baseline: (&'static str, &'static str, &'static str),
}

/// Accuracy is measured after k-means on the prototypes, the others on the best matching units:
/// what the figure plots, whatever its text says (README.md).
const SHOWN: [Shown; 4] = [
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
    parts.collect::<Vec<_>>().join("  ")
}

fn summary(results: &Results, variant: &str, metric: &str) -> Summary {
    let records = results.records(variant).iter();
    Summary::of(records.map(|record| record.metric(metric)))
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
            rows.push(Comparison {
                title: shown.title.to_owned(),
                variant: variant.id.clone(),
                metric: metric.to_owned(),
                ours: summary(results, &variant.id, metric),
                published: value.filter(|_| comparable(results)).cloned(),
            });
        }
    }
    rows
}

/// What to know when reading the table.
pub(super) fn caption(results: &Results) -> String {
    let mut caption = format!(
        "{}; mean \u{b1} standard deviation (divisor n - 1) over n runs.\n\
         Accuracy (best one-to-one matching of clusters to classes) after k-means on the \
         prototypes;\npurity, NMI (geometric normalisation) and ARI of the best matching units. \
         k-means: on pixels.",
        results.data_title
    );
    if comparable(results) {
        caption += "\nPublished: 10 runs each; figures digitised to about 0.002, their standard \
                    deviations\nconverted to the same divisor.";
    }
    for variant in &results.variants {
        let runs = variant.records.len();
        let collapsed = variant.records.iter();
        let collapsed = collapsed
            .filter(|run| run.metric("units_used") == Some(1.0))
            .count();
        let diverged = variant.records.iter();
        let diverged = diverged
            .filter(|run| run.outcome != Outcome::Completed)
            .count();
        for (count, what) in [
            (collapsed, "collapsed onto a single unit"),
            (diverged, "diverged"),
        ] {
            if count > 0 {
                caption += &format!("\n{}: {count} of {runs} runs {what}.", variant.id);
            }
        }
    }
    if results
        .variants
        .iter()
        .any(|variant| variant.records.len() < 3)
    {
        caption += "\nWith fewer than 3 runs the spread is unknown: nothing can be concluded.";
    }
    if let Some(note) = results.note() {
        caption += &format!("\n{note}");
    }
    caption
}

/// Fig. 1 of the additional material, the published points behind ours.
pub(super) fn figure(replication: &str, results: &Results, published: &Published) -> Sweep {
    let panels = SHOWN.iter().map(|shown| {
        let (variant, metric, label) = shown.baseline;
        let baseline = summary(results, variant, metric).mean;
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
    Sweep {
        title: format!("DESOM on {data}: the weight of the SOM loss"),
        parameter: "\u{3b3}".to_owned(),
        scale: Scale::Log,
        panels: panels.collect(),
        caption: format!(
            "{}Accuracy after k-means on the prototypes; purity, NMI (geometric) and ARI of the \
             best matching units.{}",
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
                seeds: Vec::new(),
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
            let summary = summary(results, &variant.id, metric);
            Some(Point {
                x,
                mean: summary.mean.unwrap_or(f64::NAN),
                sd: summary.sd,
                seeds: summary.values,
            })
        })
        .collect()
}
