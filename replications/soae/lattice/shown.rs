//! What `som` shows: a table, the error over time, and of each data set the maps with their U-matrices and
//! labels side by side.

use tch::Tensor;

use super::LatticeSettings;
use super::model::PROTOTYPES;
use crate::data;
use crate::evaluation::CLASS_COUNTS;
use crate::nn::slices::{on_cpu, slice};
use crate::plot::{CurvePanel, Curves, Figure, ImageGrid, Lattice, LatticePanel};
use crate::random::Seed;
use crate::replication::{Pictures, Results, VariantRecords};
use crate::replications::soae::shown::{data_sets, line, measured};
use crate::report::Comparison;
use crate::report::endings::told;
use crate::runs::{Outcome, Record, Store};
use crate::som::Grid;

/// Titles of metrics, and their names in records.
const SHOWN: [(&str, &str); 13] = [
    ("quantization error", "map.quantization_error"),
    ("topographic error", "map.topographic_error"),
    ("reconstruction error", "reconstruction_error"),
    ("wake loss", "wake_loss"),
    ("sharpness, reconstructions", "reconstruction_sharpness"),
    ("sharpness, nodes", "sample_sharpness"),
    ("trustworthiness", "trustworthiness"),
    ("continuity", "continuity"),
    ("label agreement", "label_agreement"),
    ("purity of nodes", "bmu.purity"),
    ("accuracy, grouped nodes", "clustered.accuracy"),
    ("nodes that win a row", "units_used"),
    ("occupancy", "occupancy"),
];

/// The main result of one run in a few words.
pub(super) fn headline(record: &Record) -> String {
    if let Outcome::Diverged { iteration } = record.outcome {
        return format!("diverged at iteration {iteration}");
    }
    let names = [
        ("quantization error", "map.quantization_error"),
        ("topographic error", "map.topographic_error"),
    ];
    let words = names.iter().filter_map(|(word, metric)| {
        let value = record.metric(metric)?;
        Some(format!("{word} {value:.4}"))
    });
    words.collect::<Vec<_>>().join("  ")
}

/// Metric by metric, variant by variant.
pub(super) fn comparisons(results: &Results) -> Vec<Comparison> {
    measured(results, &SHOWN)
}

/// What to know when reading the table.
pub(super) fn caption(results: &Results) -> String {
    results.caption(
        "The draft has no numbers. Held-out rows. Quantization error: mean distance from the nearest node;\n\
         reconstruction error: mean square of it over features; wake loss: the same at nodes drawn about it\n\
         from the last kernel. Sharpness: 1 is that of the data. Trustworthiness and continuity of the 12\n\
         nearest, label agreement of the 10 nearest among 2000 rows (or all there are), with distances on the\n\
         lattice.",
        told(results, "Collapsed onto a single node"),
    )
}

/// `seed 0`, or where they differ `som seed 0, soae-table seed 2`: the runs that are drawn.
fn seeds<'a>(runs: impl Iterator<Item = (&'a str, Seed)>) -> String {
    let runs: Vec<(&str, Seed)> = runs.collect();
    match runs[..] {
        [(_, first), ..] if runs.iter().all(|(_, seed)| *seed == first) => format!("seed {first}"),
        _ => {
            let each = runs
                .iter()
                .map(|(name, seed)| format!("{name} seed {seed}"));
            each.collect::<Vec<_>>().join(", ")
        }
    }
}

/// The variant without its data set.
fn short(id: &str) -> &str {
    id.split_once('/').map_or(id, |(_, name)| name)
}

/// The error at the best matching node and the kernel's width over time, a figure for each data set.
///
/// # Errors
/// If a figure cannot be drawn.
pub(super) fn curves(results: &Results) -> Result<Vec<(String, Figure)>, crate::Error> {
    let mut figures = Vec::new();
    for (set, variants) in data_sets(results) {
        let records = variants.iter();
        let records = records.filter_map(|one| Some((short(&one.id), one.completed().next()?)));
        let records: Vec<(&str, &Record)> = records.collect();
        let Some(&(_, first)) = records.first() else {
            continue;
        };
        let errors = records.iter();
        let errors =
            errors.filter_map(|(name, record)| Some(((*name).to_owned(), line(record, "error")?)));
        let width = line(first, "sigma").unwrap_or_default();
        let panel = |y_label: &str, series| CurvePanel {
            y_label: y_label.to_owned(),
            log_y: true,
            series,
        };
        let figure = Curves {
            title: format!("{set}: error over time"),
            x_label: "iteration".to_owned(),
            panels: vec![
                panel("mean squared error at the nearest node", errors.collect()),
                panel(
                    "\u{3c3}, in steps of the lattice",
                    vec![("\u{3c3}(t)".to_owned(), width)],
                ),
            ],
            caption: format!(
                "Rows of one iteration, before they are learnt. One run each: {}.",
                seeds(
                    records
                        .iter()
                        .map(|(name, record)| (*name, record.identity.seed))
                )
            ),
            note: results.note(),
        };
        figures.push((format!("error-{set}"), figure.draw()?));
    }
    Ok(figures)
}

/// A trained map, from a store.
struct Map<'a> {
    name: &'a str,
    seed: Seed,
    grid: Grid,
    /// `[nodes, D]`
    prototypes: Tensor,
    /// Held-out rows of each class that each node wins, `[nodes, classes]`.
    counts: Option<Tensor>,
    tile: Option<(usize, usize)>,
}

impl<'a> Map<'a> {
    fn read(
        variant: &'a VariantRecords,
        store: &Store,
        pictures: &mut Pictures,
    ) -> Result<Option<Self>, crate::Error> {
        let Some((record, weights)) = pictures.lowest_seed(store, variant)? else {
            return Ok(None);
        };
        let Some(prototypes) = weights.get(PROTOTYPES).map(on_cpu) else {
            return Ok(None);
        };
        let settings = LatticeSettings::read(&record.identity.settings)?;
        Ok(Some(Self {
            name: short(&variant.id),
            seed: record.identity.seed,
            grid: settings.map,
            prototypes,
            counts: weights.get(CLASS_COUNTS).map(on_cpu),
            tile: data::catalogue()?.entry(&record.identity.data)?.image,
        }))
    }

    fn prototypes_in_pixels(&self, set: &str, note: Option<String>) -> Option<ImageGrid> {
        let tile = self.tile?;
        let tiles = slice(&self.prototypes).chunks_exact(tile.0 * tile.1);
        Some(ImageGrid {
            title: format!("{set}: nodes of {}", self.name),
            rows: self.grid.rows,
            columns: self.grid.columns,
            tiles: tiles.map(<[f32]>::to_vec).collect(),
            tile,
            gap: 0,
            caption: format!(
                "What each node stands for. The run with seed {}.",
                self.seed
            ),
            note,
            invert: false,
        })
    }

    fn distances(&self) -> LatticePanel {
        let dims = self.prototypes.size()[1] as usize;
        LatticePanel {
            label: self.name.to_owned(),
            ..LatticePanel::umatrix(self.grid, slice(&self.prototypes), dims)
        }
    }

    fn labels(&self) -> Option<LatticePanel> {
        let counts = self.counts.as_ref()?;
        let classes = counts.size()[1] as usize;
        Some(LatticePanel {
            label: self.name.to_owned(),
            ..LatticePanel::label_map(self.grid, slice(counts), classes, &[])
        })
    }
}

/// Of each data set the nodes of each variant, and U-matrices and labels side by side.
///
/// # Errors
/// If weights cannot be read, do not fit their settings, or a figure cannot be drawn.
pub(super) fn pictures(results: &Results, store: &Store) -> Result<Pictures, crate::Error> {
    let mut pictures = Pictures::default();
    let note = results.note();
    for (set, variants) in data_sets(results) {
        let mut maps = Vec::new();
        for variant in variants {
            maps.extend(Map::read(variant, store, &mut pictures)?);
        }
        for map in &maps {
            if let Some(grid) = map.prototypes_in_pixels(set, note.clone()) {
                pictures.add(format!("nodes-{set}-{}", map.name), grid.draw()?);
            }
        }
        // A gradient step on a table with the plain kernel is the SOM itself: one picture for both.
        maps.retain(|map| map.name != "soae-table");
        if maps.is_empty() {
            continue;
        }
        let seeds = format!(
            "One run each: {}",
            seeds(maps.iter().map(|map| (map.name, map.seed)))
        );
        let lattice = Lattice {
            title: format!("{set}: U-matrices"),
            panels: maps.iter().map(Map::distances).collect(),
            caption: format!(
                "Euclidean distance of neighbouring nodes' images, each map on its own scale: between two \
                 nodes their distance, at a node the mean of those around. {seeds}."
            ),
            note: note.clone(),
        };
        pictures.add(format!("umatrix-{set}"), lattice.draw()?);
        let labels: Vec<LatticePanel> = maps.iter().filter_map(Map::labels).collect();
        if !labels.is_empty() {
            let lattice = Lattice {
                title: format!("{set}: labels"),
                panels: labels,
                caption: format!(
                    "The class of most of the held-out rows that a node wins, darker the larger its share of \
                     them. {seeds}."
                ),
                note: note.clone(),
            };
            pictures.add(format!("labels-{set}"), lattice.draw()?);
        }
    }
    Ok(pictures)
}
