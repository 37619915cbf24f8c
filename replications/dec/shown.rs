//! What the experiments on DEC show: the comparison with published values, bars, curves, and pictures of
//! codes.

use std::collections::{BTreeSet, HashMap};

use tch::Tensor;

use super::pictures::{AFTER, BEFORE, CLASSES, TOP, TOP_ROWS};
use crate::claims::Published;
use crate::plot::{Bar, BarGroup, Bars, Cloud, CurvePanel, Curves, ImageGrid, Scatter};
use crate::random::Seed;
use crate::replication::{Pictures, Profile, Results, VariantRecords};
use crate::report::Comparison;
use crate::report::endings::told;
use crate::runs::{Outcome, Record, Store};

/// Titles of metrics, and their names in records.
const SHOWN: [(&str, &str); 6] = [
    ("accuracy", "accuracy"),
    ("NMI", "nmi_geometric"),
    ("ARI", "ari"),
    ("accuracy at start", "initial.accuracy"),
    ("KL, last over first", "kl_ratio"),
    ("silhouette of codes", "latent.silhouette"),
];

/// The main result of one run in a few words.
pub(super) fn headline(record: &Record) -> String {
    if let Outcome::Diverged { iteration } = record.outcome {
        return format!("diverged at iteration {iteration}");
    }
    let value = |name: &str| record.metric(name);
    let mut words = Vec::new();
    match (value("initial.accuracy"), value("accuracy")) {
        (Some(before), Some(after)) => words.push(format!("accuracy {before:.3} to {after:.3}")),
        (None, Some(after)) => words.push(format!("accuracy {after:.3}")),
        _ => {}
    }
    if let (Some(first), Some(last)) = (value("kl_first"), value("kl_last")) {
        words.push(format!("KL {} to {}", short(first), short(last)));
    }
    if let Some(refreshes) = value("refreshes") {
        words.push(format!("{refreshes} refreshes"));
    }
    words.join("  ")
}

/// A divergence: from an untrained encoder it may be 1e-4 or 1e-13.
fn short(divergence: f64) -> String {
    if divergence < 0.01 {
        format!("{divergence:.1e}")
    } else {
        format!("{divergence:.3}")
    }
}

fn comparable(results: &Results) -> bool {
    results.profile != Profile::Smoke
}

/// Metric by metric, variant by variant; what none of a variant's runs has is left out.
pub(super) fn comparisons(
    replication: &str,
    results: &Results,
    published: &Published,
) -> Vec<Comparison> {
    let mut rows = Vec::new();
    for (title, metric) in SHOWN {
        for variant in &results.variants {
            let value = published.value(replication, &variant.id, metric);
            let mut runs = variant.records.iter();
            if !runs.any(|run| run.metrics.contains_key(metric)) && value.is_none() {
                continue;
            }
            let value = value.filter(|_| comparable(results));
            rows.push(Comparison::of(title, metric, variant, value));
        }
    }
    rows
}

/// What to know when reading the table.
pub(super) fn caption(results: &Results) -> String {
    results.caption(
        "Accuracy: best one-to-one matching of clusters to classes; at start: of k-means on the codes.\n\
         NMI: geometric normalisation. KL: mean per row at a refresh, each with its own P.",
        told(results, "Collapsed into a single cluster"),
    )
}

/// Data set and name of a variant.
fn parts(id: &str) -> (&str, &str) {
    id.split_once('/').unwrap_or(("", id))
}

/// A variant as titles name it.
fn named(variant: &VariantRecords, results: &Results) -> String {
    let (data, name) = parts(&variant.id);
    match (data, titled(data, results)) {
        ("", _) => name.to_owned(),
        (_, data) => format!("{data}, {name}"),
    }
}

/// A variant's name with spaces, where figures may break it.
fn breakable(name: &str) -> String {
    name.replace('+', " + ").replace("-without-", " without ")
}

/// Whether positive values differ so much that a logarithmic axis shows them better.
fn spans_decades(series: &[(String, Vec<(f64, f64)>)]) -> bool {
    let values = series.iter().flat_map(|(_, points)| points);
    let values = values.map(|&(_, value)| value).filter(|&value| value > 0.0);
    let (least, most) = values.fold((f64::INFINITY, 0.0), |(least, most), value| {
        (value.min(least), value.max(most))
    });
    most > 30.0 * least
}

/// Accuracy of all variants, a figure for each data set.
pub(super) fn bars(
    replication: &str,
    results: &Results,
    published: &Published,
) -> Vec<(String, Bars)> {
    let figure = |data: &str| {
        let own = results.variants.iter();
        let own: Vec<_> = own.filter(|variant| parts(&variant.id).0 == data).collect();
        let ours = own.iter().map(|variant| {
            let summary = variant.summary("accuracy");
            Bar {
                mean: summary.mean.unwrap_or(f64::NAN),
                sd: summary.sd,
                n: summary.values.len(),
            }
        });
        let printed = own.iter().map(|variant| {
            let value = published.value(replication, &variant.id, "accuracy");
            let value = value.filter(|_| comparable(results))?;
            Some(Bar {
                mean: value.mean,
                sd: value.sample_sd(),
                n: value.n.unwrap_or(0) as usize,
            })
        });
        let printed: Vec<Option<Bar>> = printed.collect();
        Bars {
            title: format!("{replication}: accuracy, {}", titled(data, results)),
            settings: own
                .iter()
                .map(|variant| breakable(parts(&variant.id).1))
                .collect(),
            groups: vec![BarGroup {
                metric: "accuracy".to_owned(),
                ours: ours.collect(),
                published: printed.clone(),
            }],
            top: 1.0,
            caption: if printed.iter().any(Option::is_some) {
                "Published: ICML 2016, IDEC 2017 and DEC-keras".to_owned()
            } else {
                String::new()
            },
            note: results.note(),
        }
    };
    sets(results)
        .into_iter()
        .map(|data| (format!("accuracy-{data}"), figure(data)))
        .collect()
}

/// The data sets of variants, in their order.
fn sets(results: &Results) -> Vec<&str> {
    let mut sets: Vec<&str> = Vec::new();
    for variant in &results.variants {
        let (data, _) = parts(&variant.id);
        if !sets.contains(&data) {
            sets.push(data);
        }
    }
    sets
}

/// A data set as titles name it: the smoke profile has other rows under its name.
fn titled(data: &str, results: &Results) -> String {
    let own = results.variants.iter();
    let mut own = own.filter(|variant| parts(&variant.id).0 == data);
    let record = own.find_map(|variant| variant.records.first());
    match record {
        Some(record) if !comparable(results) => {
            format!("{data} (rows of {})", record.identity.data)
        }
        _ => data.to_owned(),
    }
}

/// Divergence and accuracy from refresh to refresh, of the first run of each variant that has any: a figure
/// for each data set.
pub(super) fn curves(replication: &str, results: &Results) -> Vec<(String, Curves)> {
    let sets = sets(results).into_iter();
    let figures = sets.filter_map(|data| {
        let curves = curves_of(replication, data, results)?;
        Some((format!("curves-{data}"), curves))
    });
    figures.collect()
}

fn curves_of(replication: &str, data: &str, results: &Results) -> Option<Curves> {
    let panel = |label: &str, curve: &str| {
        let own = results.variants.iter();
        let own = own.filter(|variant| parts(&variant.id).0 == data);
        let series = own.filter_map(|variant| {
            let values = variant.records.first()?.curves.values.get(curve)?;
            let points = (0..)
                .zip(values)
                .map(|(refresh, value): (u32, _)| (f64::from(refresh), value.unwrap_or(f64::NAN)));
            let name = breakable(parts(&variant.id).1);
            Some((name, points.collect::<Vec<_>>()))
        });
        let series: Vec<_> = series.collect();
        CurvePanel {
            y_label: label.to_owned(),
            log_y: spans_decades(&series),
            series,
        }
    };
    let panels = vec![
        panel("KL(P|Q), P of the refresh", "kl"),
        panel("KL(P|Q), P of the first refresh", "kl_to_first"),
        panel("accuracy", "accuracy"),
    ];
    if panels.iter().all(|panel| panel.series.is_empty()) {
        return None;
    }
    Some(Curves {
        title: format!(
            "{replication}: divergence and accuracy, {}",
            titled(data, results)
        ),
        x_label: "refresh of P".to_owned(),
        panels,
        caption: format!(
            "The first run of each variant (n = 1). Means per row.{}",
            refreshes(data, results)
        ),
        note: results.note(),
    })
}

/// What lies between two refreshes of the runs that curves show.
fn refreshes(data: &str, results: &Results) -> String {
    let own = results.variants.iter();
    let own = own.filter(|variant| parts(&variant.id).0 == data);
    let rules = own.filter_map(|variant| {
        let record = variant.records.first()?;
        Some(&record.identity.settings["rule"])
    });
    let (mut intervals, mut moves) = (BTreeSet::new(), false);
    for rule in rules {
        intervals.extend(rule["descent"]["update_interval"].as_u64());
        moves |= rule["moves"].is_object();
    }
    let intervals: Vec<String> = intervals.iter().map(u64::to_string).collect();
    let mut words = Vec::new();
    if !intervals.is_empty() {
        words.push(format!(
            "{} iterations apart for back-propagation",
            intervals.join(" or ")
        ));
    }
    if moves {
        words.push(
            "one move of all codes apart for the report's code (as-coded, corrected)".to_owned(),
        );
    }
    match words.as_slice() {
        [] => String::new(),
        words => format!(" Refreshes are {}", words.join(", and ")),
    }
}

/// t-SNE pairs and the highest scoring images of each variant whose first run has kept them.
///
/// # Errors
/// If what was kept cannot be read, or a figure cannot be drawn.
pub(super) fn pictures(results: &Results, store: &Store) -> Result<Pictures, crate::Error> {
    let mut pictures = Pictures::default();
    for variant in &results.variants {
        let mut records = variant.records.iter();
        let Some(record) = records.find(|record| record.identity.seed == Seed(0)) else {
            continue;
        };
        if record.identity.settings["pictured"].as_u64().unwrap_or(0) == 0 {
            continue;
        }
        let Some(tensors) = pictures.kept(store, &variant.id, record)? else {
            continue;
        };
        let name = variant.id.replace('/', "-");
        if let Some(scatter) = scatter(variant, record, &tensors, results) {
            pictures.add(format!("tsne-{name}"), scatter.draw()?);
        }
        if let Some(grid) = top_images(variant, &tensors, results) {
            pictures.add(format!("top-{name}"), grid.draw()?);
        }
    }
    Ok(pictures)
}

fn floats(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.reshape([-1])).unwrap_or_default()
}

fn scatter(
    variant: &VariantRecords,
    record: &Record,
    tensors: &HashMap<String, Tensor>,
    results: &Results,
) -> Option<Scatter> {
    let classes: Vec<usize> = match tensors.get(CLASSES) {
        Some(classes) => floats(classes)
            .into_iter()
            .map(|class| class as usize)
            .collect(),
        None => Vec::new(),
    };
    let panel = |name: &str, word: &str, prefix: &str| {
        let places: Vec<[f32; 2]> = floats(tensors.get(name)?)
            .chunks_exact(2)
            .map(|at| [at[0], at[1]])
            .collect();
        let marks = record.identity.settings["clusters"].as_u64()? as usize;
        let rows = places.len().checked_sub(marks)?;
        let value = |metric: String| {
            let value = record.metric(&metric);
            value.map_or("undefined".to_owned(), |value| format!("{value:.2}"))
        };
        let points = places[..rows].iter().enumerate();
        Some(Cloud {
            heading: format!("{word}: accuracy {}", value(format!("{prefix}accuracy"))),
            remark: format!(
                "silhouette of the codes {}, trustworthiness of the picture {}",
                value(format!("{prefix}latent.silhouette")),
                value(format!("picture.{word}.trustworthiness"))
            ),
            points: points
                .map(|(row, &at)| (at, classes.get(row).copied().unwrap_or(0)))
                .collect(),
            marks: places[rows..].to_vec(),
            links: Vec::new(),
            world: None,
        })
    };
    let panels: Vec<Cloud> = [
        panel(BEFORE, "before", "initial."),
        panel(AFTER, "after", ""),
    ]
    .into_iter()
    .flatten()
    .collect();
    let shown = panels.first()?.points.len();
    let last = classes.iter().max().copied().unwrap_or(0);
    Some(Scatter {
        title: format!(
            "{}: t-SNE of the codes before and after",
            named(variant, results)
        ),
        panels,
        classes: (0..=last).map(|class| class.to_string()).collect(),
        caption: format!(
            "Seed 0, {shown} rows, perplexity 30; colours are classes, crosses the centroids. Distances in such \
             pictures mean little: the numbers above them are of the codes"
        ),
        note: results.note(),
    })
}

fn top_images(
    variant: &VariantRecords,
    tensors: &HashMap<String, Tensor>,
    results: &Results,
) -> Option<ImageGrid> {
    let top = tensors.get(TOP_ROWS)?;
    let (rows, dims) = (top.size()[0], top.size()[1]);
    let side = (dims as f64).sqrt().round() as i64;
    if side * side != dims || rows % TOP != 0 {
        return None;
    }
    let tiles = (0..rows).map(|row| floats(&top.get(row)));
    Some(ImageGrid {
        title: format!(
            "{}: the images that score highest in each cluster",
            named(variant, results)
        ),
        rows: (rows / TOP) as usize,
        columns: TOP as usize,
        tiles: tiles.collect(),
        tile: (side as usize, side as usize),
        gap: 1,
        caption: "Seed 0; a row a cluster, the highest q to the left".to_owned(),
        note: results.note(),
        invert: true,
    })
}
