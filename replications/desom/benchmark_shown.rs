//! What `desom-benchmark` shows of its results: the comparison with Tables 2 and 3, a figure, and the CSV
//! files of the authors' script.

use super::gamma_shown::shortcomings;
use crate::claims::{Published, Summary};
use crate::plot::{Panel, Point, Scale, Sweep};
use crate::replication::{Results, VariantRecords, drawn};
use crate::report::Comparison;
use crate::runs::{Outcome, Record};

/// A metric of the tables: its title and its name for k-means and for maps.
struct Shown {
    title: &'static str,
    labels: &'static str,
    map: &'static str,
}

const SHOWN: [Shown; 3] = [
    Shown {
        title: "purity",
        labels: "purity",
        map: "bmu.purity",
    },
    Shown {
        title: "NMI",
        labels: "nmi_geometric",
        map: "bmu.nmi_geometric",
    },
    Shown {
        title: "accuracy",
        labels: "accuracy",
        map: "clustered.accuracy",
    },
];

/// Data set and method of a variant.
fn parts(variant: &str) -> (&str, &str) {
    variant.split_once('/').unwrap_or(("", variant))
}

impl Shown {
    /// The metric's name for a method; `None` where it is another quantity: with more clusters than
    /// classes most stay unmatched.
    fn metric(&self, method: &str) -> Option<&'static str> {
        match (method, self.title) {
            ("k-means-64", "accuracy") => None,
            ("k-means-64" | "k-means-classes", _) => Some(self.labels),
            // What its own paper prints, which the table's row is copied from.
            ("som-vae", "purity") => Some("validation.bmu.purity"),
            ("som-vae", "NMI") => Some("validation.bmu.nmi_arithmetic"),
            // The units are the clusters already.
            ("desom-classes", "accuracy") => Some("bmu.accuracy"),
            _ => Some(self.map),
        }
    }
}

/// The main result of one run in a few words.
pub(super) fn headline(record: &Record) -> String {
    if let Outcome::Diverged { iteration } = record.outcome {
        return format!("diverged at iteration {iteration}");
    }
    let (_, method) = parts(&record.variant);
    let words = SHOWN.iter().filter_map(|shown| {
        let value = record.metric(shown.metric(method)?)?;
        Some(format!("{} {value:.3}", shown.title))
    });
    words.collect::<Vec<_>>().join("  ")
}

/// Metric by metric, variant by variant.
pub(super) fn comparisons(
    replication: &str,
    results: &Results,
    published: &Published,
) -> Vec<Comparison> {
    let mut rows = Vec::new();
    for shown in &SHOWN {
        for variant in &results.variants {
            let Some(metric) = shown.metric(parts(&variant.id).1) else {
                continue;
            };
            let value = published.value(replication, &variant.id, metric);
            rows.push(Comparison::of(shown.title, metric, variant, value));
        }
    }
    rows
}

/// What to know when reading the table.
pub(super) fn caption(results: &Results, comparisons: &[Comparison]) -> String {
    let published = "Published: ESANN Tables 2 and 3, 10 runs each; spreads as in the LDRC paper.";
    let is_beside = comparisons.iter().any(|row| row.published.is_some());
    let lines = is_beside.then(|| published.to_owned()).into_iter();
    results.caption(
        "Purity and NMI (geometric normalisation) of the units, or of the clusters of k-means.\n\
         Accuracy (best one-to-one matching of clusters to classes) after k-means on the prototypes, \
         or of\nas many clusters or units as classes. SOM-VAE: purity and NMI (arithmetic) of rows held out, \
         as in its paper.",
        lines.chain(shortcomings(results)),
    )
}

/// The columns of the figure: methods with as many units as Table 2 has, and their labels.
const COLUMNS: [(&str, &str); 7] = [
    ("k-means-64", "k-means"),
    ("minisom", "minisom"),
    ("kerasom", "kerasom"),
    ("ae+minisom", "AE+mini"),
    ("ae+kerasom", "AE+kera"),
    ("som-vae", "SOM-VAE"),
    ("desom", "DESOM"),
];

/// Table 2 as a picture: purity and NMI by method, two panels for each data set; `None` where the methods that
/// were run are not in it.
pub(super) fn figure(replication: &str, results: &Results, published: &Published) -> Option<Sweep> {
    let mut sets: Vec<&str> = Vec::new();
    for variant in &results.variants {
        let (data, _) = parts(&variant.id);
        if !sets.contains(&data) {
            sets.push(data);
        }
    }
    let mut panels = Vec::new();
    for data in sets {
        let pair = SHOWN[..2].iter();
        let pair: Vec<Panel> = pair
            .map(|shown| panel(replication, results, published, data, shown))
            .collect();
        // Data that the paper does not have, and that nothing was run on.
        let is_empty = |panel: &Panel| panel.ours.is_empty() && panel.published.is_empty();
        if !pair.iter().all(is_empty) {
            panels.extend(pair);
        }
    }
    if panels.is_empty() {
        return None;
    }
    Some(Sweep {
        title: "DESOM and other maps: clusters of 64 units".to_owned(),
        parameter: "method".to_owned(),
        scale: Scale::Category(COLUMNS.map(|(_, label)| label.to_owned()).to_vec()),
        panels,
        caption: "After Forest et al. (2019), ESANN, Table 2. Purity and NMI (geometric) of 64 units or \
                  clusters; AE+mini and AE+kera: minisom and kerasom on the codes of an autoencoder; \
                  SOM-VAE of rows held out, its NMI arithmetic. Published: 10 runs; spreads where the LDRC paper prints them; none for USPS."
            .to_owned(),
        note: results.note(),
    })
}

fn panel(
    replication: &str,
    results: &Results,
    published: &Published,
    data: &str,
    shown: &Shown,
) -> Panel {
    let (mut ours, mut printed) = (Vec::new(), Vec::new());
    for (place, (method, _)) in COLUMNS.iter().enumerate() {
        let id = format!("{data}/{method}");
        let Some(metric) = shown.metric(method) else {
            continue;
        };
        let records = results.records(&id);
        let x = place as f64;
        if !records.is_empty() {
            let summary = results.summary(&id, metric);
            ours.push(Point {
                x,
                mean: summary.mean.unwrap_or(f64::NAN),
                sd: summary.sd,
                runs: records.iter().map(|record| drawn(record, metric)).collect(),
            });
        }
        if let Some(value) = published.value(replication, &id, metric) {
            printed.push(Point {
                x,
                mean: value.mean,
                sd: value.sample_sd(),
                runs: Vec::new(),
            });
        }
    }
    Panel {
        metric: format!("{}, {}", title(data), shown.title),
        higher_is_better: true,
        range: (0.0, 1.0),
        ours,
        published: printed,
        baselines: Vec::new(),
    }
}

/// A data set's name in the authors' tables.
fn title(data: &str) -> &str {
    match data {
        "mnist" => "MNIST",
        "fashion-mnist" => "Fashion-MNIST",
        "usps" => "USPS",
        "reuters10k" => "REUTERS-10k",
        other => other,
    }
}

/// The columns of the authors' `desom_benchmark.csv`, each value with its spread, and our metrics for maps
/// and for k-means; `_clust` follows k-means on the prototypes.
const PLAIN: [(&str, &str); 4] = [
    ("pur", "purity"),
    ("nmi", "nmi_geometric"),
    ("ari", "ari"),
    ("acc", "accuracy"),
];

/// `desom_benchmark.csv`, with the authors' index and columns, for DESOM as in their script, and
/// `benchmark.csv`, the same with a column for the method, for all.
///
/// # Errors
/// If the writer fails, which it does not in memory.
pub(super) fn tables(results: &Results) -> Result<Vec<(String, Vec<u8>)>, std::io::Error> {
    let mut head = vec!["dataset".to_owned()];
    for (column, _) in PLAIN {
        head.extend([column.to_owned(), format!("{column}_std")]);
    }
    head.push("duration".to_owned());
    for (column, _) in PLAIN {
        head.extend([format!("{column}_clust"), format!("{column}_clust_std")]);
    }
    let mut authors = csv::Writer::from_writer(Vec::new());
    let mut all = csv::Writer::from_writer(Vec::new());
    authors.write_record(&head)?;
    all.write_record(std::iter::once("method").chain(head.iter().map(String::as_str)))?;
    // Map by map, as in the authors' file: the larger maps of all data sets first.
    let order = |classes: bool| {
        let variants = results.variants.iter();
        variants.filter(move |variant| variant.id.ends_with("-classes") == classes)
    };
    for variant in order(false).chain(order(true)) {
        if variant.records.is_empty() {
            continue;
        }
        let (_, method) = parts(&variant.id);
        let row = row(variant);
        if method.starts_with("desom") {
            authors.write_record(&row)?;
        }
        all.write_record(std::iter::once(method).chain(row.iter().map(String::as_str)))?;
    }
    let whole =
        |writer: csv::Writer<Vec<u8>>| writer.into_inner().map_err(csv::IntoInnerError::into_error);
    Ok(vec![
        ("desom_benchmark.csv".to_owned(), whole(authors)?),
        ("benchmark.csv".to_owned(), whole(all)?),
    ])
}

fn row(variant: &VariantRecords) -> Vec<String> {
    let (data, method) = parts(&variant.id);
    let settings = variant
        .records
        .first()
        .map(|record| &record.identity.settings);
    let is_kmeans = method.starts_with("k-means");
    let units = settings.map_or(0, |settings| {
        let map = settings.pointer("/som/map").unwrap_or(&settings["map"]);
        let sides = map.as_array().into_iter().flatten();
        let units = sides.filter_map(serde_json::Value::as_u64).product();
        settings["clusters"].as_u64().unwrap_or(units)
    });
    let mut row = vec![format!("{} (K={units})", title(data))];
    for (_, metric) in PLAIN {
        let prefix = if is_kmeans { "" } else { "bmu." };
        row.extend(cells(variant, &format!("{prefix}{metric}")));
    }
    let seconds = variant.records.iter();
    let seconds = Summary::of(seconds.map(|record| Some(record.provenance.training_seconds)));
    row.push(number(seconds.mean));
    for (_, metric) in PLAIN {
        // The prototypes of a map with as many units as classes are not grouped.
        row.extend(if is_kmeans || method.ends_with("-classes") {
            [String::new(), String::new()]
        } else {
            cells(variant, &format!("clustered.{metric}"))
        });
    }
    row
}

/// Mean, and standard deviation with the divisor n of NumPy's `std`, as in the authors' file.
fn cells(variant: &VariantRecords, metric: &str) -> [String; 2] {
    let values = variant.summary(metric);
    let n = values.values.len() as f64;
    let spread = match values.values.len() {
        0 => None,
        1 => Some(0.0),
        _ => values.sd.map(|sd| sd * ((n - 1.0) / n).sqrt()),
    };
    [number(values.mean), number(spread)]
}

fn number(value: Option<f64>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}
