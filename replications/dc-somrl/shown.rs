//! What `dc-somrl` shows of its results: Table 1, bars, and from stored runs both figures of the paper.

use std::collections::HashMap;

use tch::Tensor;

use super::pictures::{BY_ACTIVATION, BY_RELEVANCE, CLASSES, IMAGE_CLASSES, IMAGES, PLACES};
use crate::claims::Published;
use crate::data;
use crate::plot::{Bar, BarGroup, Bars, Cloud, ImageGrid, Scatter};
use crate::random::Seed;
use crate::replication::{Pictures, Profile, Results, VariantRecords};
use crate::report::Comparison;
use crate::report::endings::told;
use crate::runs::{Outcome, Record, Store};

/// A row of the table: its title, and its metric for maps and for k-means, if it has one.
const SHOWN: [(&str, &str, &str); 6] = [
    ("purity", "bmu.purity", "purity"),
    ("NMI (geometric)", "bmu.nmi_geometric", "nmi_geometric"),
    ("NMI (arithmetic)", "bmu.nmi_arithmetic", "nmi_arithmetic"),
    ("purity, held out", "validation.bmu.purity", ""),
    (
        "NMI (geometric), held out",
        "validation.bmu.nmi_geometric",
        "",
    ),
    (
        "NMI (arithmetic), held out",
        "validation.bmu.nmi_arithmetic",
        "",
    ),
];

/// What only DC-SOMRL has.
const OWN: [(&str, &str); 23] = [
    ("nodes", "nodes"),
    ("nodes that win a row", "units_used"),
    ("classes with a node", "classes_covered"),
    ("ten nearest of a node's class", "top10_purity"),
    ("the same, held out", "validation.top10_purity"),
    ("pairs of nodes", "edges.all.count"),
    ("pairs across classes", "edges.all.across"),
    ("confusion rank of pairs", "edges.all.confusion_rank"),
    ("most confused among pairs", "edges.all.confused_share"),
    ("connections by relevance", "edges.minwd.count"),
    ("by relevance across classes", "edges.minwd.across"),
    ("confusion rank by relevance", "edge_confusion_rank"),
    ("connections within 0.2", "edges.minwd=0.2.count"),
    (
        "confusion rank within 0.2",
        "edges.minwd=0.2.confusion_rank",
    ),
    ("connections within 0.1", "edges.minwd=0.1.count"),
    (
        "confusion rank within 0.1",
        "edges.minwd=0.1.confusion_rank",
    ),
    ("connections within 0.05", "edges.minwd=0.05.count"),
    (
        "confusion rank within 0.05",
        "edges.minwd=0.05.confusion_rank",
    ),
    (
        "most confused within 0.05",
        "edges.minwd=0.05.confused_share",
    ),
    ("connections by winners", "edges.coactivation.count"),
    ("by winners across classes", "edges.coactivation.across"),
    (
        "confusion rank by winners",
        "edges.coactivation.confusion_rank",
    ),
    (
        "most confused by winners",
        "edges.coactivation.confused_share",
    ),
];

/// More connections than these hide what they connect.
const MOST_LINKS: usize = 100;
/// The variant that is ours.
const SEARCHED: &str = "dc-somrl-searched";
const OURS: &str = "dc-somrl";
const KMEANS: &str = "k-means";

/// The main result of one run in a few words.
pub(super) fn headline(record: &Record) -> String {
    if let Outcome::Diverged { iteration } = record.outcome {
        return format!("diverged at iteration {iteration}");
    }
    let words = SHOWN[..2].iter().filter_map(|(title, map, labels)| {
        let value = record.metric(map).or_else(|| record.metric(labels))?;
        Some(format!("{title} {value:.3}"))
    });
    let nodes = record.metric("nodes").map(|nodes| format!("nodes {nodes}"));
    words.chain(nodes).collect::<Vec<_>>().join("  ")
}

/// Metric by metric, variant by variant.
pub(super) fn comparisons(
    replication: &str,
    results: &Results,
    published: &Published,
) -> Vec<Comparison> {
    let mut rows = Vec::new();
    let mut row = |title: &str, variant: &VariantRecords, metric: &str| {
        let value = published.value(replication, &variant.id, metric);
        let value = value.filter(|_| results.profile != Profile::Smoke);
        rows.push(Comparison::of(title, metric, variant, value));
    };
    for (title, map, labels) in SHOWN {
        for variant in &results.variants {
            let metric = if variant.id == KMEANS { labels } else { map };
            let held = metric.starts_with("validation.") && variant.id.starts_with("desom");
            if !metric.is_empty() && !held {
                row(title, variant, metric);
            }
        }
    }
    for (title, metric) in OWN {
        for variant in results
            .variants
            .iter()
            .filter(|one| one.id.starts_with(OURS))
        {
            row(title, variant, metric);
        }
    }
    rows
}

/// What to know when reading the table.
pub(super) fn caption(results: &Results) -> String {
    let searched = results.records(SEARCHED).first().map(|_| {
        format!(
            "{SEARCHED} has the hyper-parameters that dc-somrl-sensitivity found without labels."
        )
    });
    results.caption(
        "Purity and NMI of all rows unless held out; k-means on pixels. Published: Table 1, where SOM-VAE's \
         row\nis of held-out rows and arithmetic, the others' NMI geometric.\n\
         Rank of confusion: of the classes that connections join, by k-means; chance is that of all pairs of \
         nodes,\n1 the pair that it confuses most; none where all pairs are connected, which singles out \
         nothing. Most confused:\nof the connections, those that join one of the nine pairs that it confuses \
         most, of 45.",
        searched
            .into_iter()
            .chain(told(results, "Collapsed onto a single node or unit")),
    )
}

/// Table 1 as bars, with both normalisations.
pub(super) fn figure(replication: &str, results: &Results, published: &Published) -> Bars {
    let groups = SHOWN[..3].iter().map(|(title, map, labels)| {
        let bars = results.variants.iter().map(|variant| {
            let metric = if variant.id == KMEANS { labels } else { map };
            let ours = variant.summary(metric);
            let value = published.value(replication, &variant.id, metric);
            let held = published.value(replication, &variant.id, &format!("validation.{metric}"));
            let value = value.or(held).filter(|_| results.profile != Profile::Smoke);
            let ours = Bar {
                mean: ours.mean.unwrap_or(f64::NAN),
                sd: ours.sd,
                n: ours.values.len(),
            };
            let printed = value.map(|value| Bar {
                mean: value.mean,
                sd: value.sample_sd(),
                n: value.n.unwrap_or(0) as usize,
            });
            (ours, printed)
        });
        let (ours, published) = bars.unzip();
        BarGroup {
            metric: (*title).to_owned(),
            ours,
            published,
        }
    });
    let words = results.variants.iter().map(|variant| {
        // There is room for two letters below each of seven bars.
        let word = variant.id.replace("som-vae", "VAE").replace("desom", "DE");
        let word = word.replace("dc-somrl", "DC").replace(KMEANS, "KM");
        word.replace("-1000", " 1k").replace("-searched", " s")
    });
    Bars {
        title: format!("DC-SOMRL and others on {}", results.data_title),
        settings: words.collect(),
        groups: groups.collect(),
        top: 1.0,
        caption: "After Medeiros et al. (2020), Table 1. DC: DC-SOMRL; DC s: with the hyper-parameters of a search \
                  without labels; DE: DESOM; VAE: SOM-VAE; KM: k-means; 1k: at as many iterations as DC-SOMRL, the others at their own budgets. All rows; SOM-VAE's \
                  published values are of rows held out"
            .to_owned(),
        note: results.note(),
    }
}

/// Both figures of the paper, from the run with seed 0.
///
/// # Errors
/// If what was kept cannot be read, or a figure cannot be drawn.
pub(super) fn pictures(results: &Results, store: &Store) -> Result<Pictures, crate::Error> {
    let mut pictures = Pictures::default();
    let mut records = results.records(OURS).iter();
    let Some(record) = records.find(|record| record.identity.seed == Seed(0)) else {
        return Ok(pictures);
    };
    let Some(tensors) = pictures.kept(store, OURS, record)? else {
        return Ok(pictures);
    };
    let entry = data::catalogue()?.entry(&record.identity.data)?;
    if let Some(tile) = entry.image
        && let Some(grid) = nearest(&tensors, tile, results)
    {
        pictures.add("fig1", grid.draw()?);
    }
    if let Some(scatter) = topology(&tensors, record, results) {
        pictures.add("fig2", scatter.draw()?);
    }
    Ok(pictures)
}

fn floats(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.reshape([-1])).unwrap_or_default()
}

/// Fig. 1: a prototype, a gap, its ten nearest rows.
fn nearest(
    tensors: &HashMap<String, Tensor>,
    tile: (usize, usize),
    results: &Results,
) -> Option<ImageGrid> {
    let images = tensors.get(IMAGES)?;
    let classes = floats(tensors.get(IMAGE_CLASSES)?);
    let (prototypes, rows) = (images.size()[0], images.size()[1]);
    let mut tiles = Vec::new();
    for prototype in 0..prototypes {
        for row in 0..rows {
            tiles.push(floats(&images.get(prototype).get(row)));
            if row == 0 {
                tiles.push(vec![0.0; tile.0 * tile.1]);
            }
        }
    }
    let order = classes.iter().map(|class| format!("{class}"));
    Some(ImageGrid {
        title: "DC-SOMRL: prototypes and their ten nearest samples".to_owned(),
        rows: prototypes as usize,
        columns: rows as usize + 1,
        tiles,
        tile,
        gap: 1,
        caption: format!(
            "After Medeiros et al. (2020), Fig. 1. Left: decoded prototypes, of each class the two that win most \
             rows; classes from top to bottom {}. Right: the held-out rows of highest activation. n = 1 run, seed 0",
            order.collect::<Vec<_>>().join(", ")
        ),
        note: results.note(),
        invert: true,
    })
}

/// Fig. 2: codes of rows held out, prototypes on top, and either kind of connection.
fn topology(
    tensors: &HashMap<String, Tensor>,
    record: &Record,
    results: &Results,
) -> Option<Scatter> {
    let places: Vec<[f32; 2]> = floats(tensors.get(PLACES)?)
        .chunks_exact(2)
        .map(|at| [at[0], at[1]])
        .collect();
    let classes = floats(tensors.get(CLASSES)?);
    let shown = record.identity.settings["pictured"].as_u64()? as usize;
    let nodes = record.metric("units_used")? as usize;
    let rows = places.len().checked_sub(nodes)?;
    let value = |metric: &str| {
        let value = record.metric(metric);
        value.map_or("undefined".to_owned(), |value| format!("{value:.2}"))
    };
    let pairs = nodes * nodes.saturating_sub(1) / 2;
    let panel = |name: &str, heading: &str, most: &str, key: &str| {
        let links: Vec<[usize; 2]> = floats(tensors.get(name)?)
            .chunks_exact(2)
            .map(|pair| [pair[0] as usize, pair[1] as usize])
            .collect();
        let rank = if links.len() == pairs {
            "every pair is connected: no rank".to_owned()
        } else {
            let rank = value(&format!("edges.{key}.confusion_rank"));
            format!("rank of their confusion {rank}")
        };
        let connections = if links.len() > MOST_LINKS {
            format!("the {MOST_LINKS} {most} of {} connections", links.len())
        } else {
            format!("{} connections", links.len())
        };
        Some(Cloud {
            heading: format!("{heading}: {connections}"),
            remark: format!(
                "{} across classes, {rank}",
                value(&format!("edges.{key}.across"))
            ),
            points: places[..rows]
                .iter()
                .zip(&classes)
                .map(|(&at, &class)| (at, class as usize))
                .collect(),
            marks: places[rows..].to_vec(),
            links: links.into_iter().take(MOST_LINKS).collect(),
            world: None,
        })
    };
    let panels = [
        panel(BY_RELEVANCE, "by relevance", "closest", "minwd"),
        panel(BY_ACTIVATION, "by winners", "most frequent", "coactivation"),
    ];
    let last = classes.iter().fold(0.0_f32, |most, &class| most.max(class)) as usize;
    Some(Scatter {
        title: "DC-SOMRL: t-SNE of the codes with prototypes".to_owned(),
        panels: panels.into_iter().flatten().collect(),
        classes: (0..=last).map(|class| class.to_string()).collect(),
        caption: format!(
            "After Medeiros et al. (2020), Fig. 2. {} of the rows held out, perplexity 30; colours are classes, \
             crosses the {nodes} prototypes that win rows, lines their connections, of each kind the {MOST_LINKS} \
             strongest at most: by the distance of relevances, or by how many rows have both as first and second \
             winner. n = 1 run, seed 0",
            rows.min(shown)
        ),
        note: results.note(),
    })
}
