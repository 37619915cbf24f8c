//! What the experiments show: a table, the kernel's width as a sweep, losses, and pictures of latent spaces.

use tch::Tensor;

use super::controls;
use super::embedding::at;
use super::method::{CLASSES, CODES, draw};
use super::model::Model;
use super::{Settings, Soae, Space};
use crate::claims::Summary;
use crate::data;
use crate::nn::slices::slice;
use crate::plot::{
    Cloud, CurvePanel, Curves, Figure, ImageGrid, Panel, Point, Run, Scale, Scatter, Sweep,
};
use crate::replication::{Results, VariantRecords};
use crate::report::{Comparison, Endings};
use crate::runs::{Outcome, Record, Store, checkpoint};
use crate::train::Method;

/// Titles of metrics, and their names in records.
const SHOWN: [(&str, &str); 14] = [
    ("reconstruction error", "reconstruction_error"),
    ("wake loss", "wake_loss"),
    ("sharpness, reconstructions", "reconstruction_sharpness"),
    ("sharpness, samples", "sample_sharpness"),
    ("norm of codes", "norm_mean"),
    ("sd of norms", "norm_sd"),
    ("sd / mean of norms", "norm_cv"),
    ("trustworthiness", "trustworthiness"),
    ("continuity", "continuity"),
    ("accuracy", "accuracy"),
    ("NMI", "nmi_geometric"),
    ("purity", "purity"),
    ("seam ratio", "seam_ratio"),
    ("occupancy", "occupancy"),
];

/// The main result of one run in a few words.
pub(super) fn headline(record: &Record) -> String {
    if let Outcome::Diverged { iteration } = record.outcome {
        return format!("diverged at iteration {iteration}");
    }
    let names = [
        ("error", "reconstruction_error"),
        ("trustworthiness", "trustworthiness"),
        ("accuracy", "accuracy"),
    ];
    let words = names.iter().filter_map(|(word, metric)| {
        let value = record.metric(metric)?;
        Some(format!("{word} {value:.4}"))
    });
    words.collect::<Vec<_>>().join("  ")
}

fn summary(records: &[Record], metric: &str) -> Summary {
    Summary::of(records.iter().map(|record| record.metric(metric)))
}

/// Metric by metric, variant by variant; what none of a variant's runs has is left out.
pub(super) fn comparisons(results: &Results) -> Vec<Comparison> {
    let mut rows = Vec::new();
    for (title, metric) in SHOWN {
        for variant in &results.variants {
            let mut runs = variant.records.iter();
            if !runs.any(|run| run.metrics.contains_key(metric)) {
                continue;
            }
            let diverged = variant.records.iter();
            let diverged = diverged.filter(|run| run.outcome != Outcome::Completed);
            rows.push(Comparison {
                title: title.to_owned(),
                variant: variant.id.clone(),
                metric: metric.to_owned(),
                ours: summary(&variant.records, metric),
                endings: Endings {
                    planned: variant.planned,
                    diverged: diverged.count(),
                    collapsed: 0,
                },
                published: None,
            });
        }
    }
    rows
}

/// What to know when reading the table.
pub(super) fn caption(results: &Results) -> String {
    let mut caption = format!(
        "{}; mean \u{b1} standard deviation (divisor n - 1) over n runs. The draft has no numbers.\n\
         Held-out rows; errors are mean squares. Sharpness: 1 is that of the data. Trustworthiness and\n\
         continuity of the 12 nearest among 2000 rows (or all there are), with the distance of the latent \
         space.\nAccuracy, NMI (geometric) and purity of k-means on embedded codes; k-means on pixels \
         sees all rows.",
        results.data_title
    );
    if let Some(note) = results.note() {
        caption += &format!("\n{note}");
    }
    caption
}

/// Sharpness and trustworthiness against the kernel's final width, where there are such runs.
///
/// # Errors
/// If the figure cannot be drawn.
pub(super) fn sensitivity(results: &Results) -> Result<Vec<(String, Figure)>, crate::Error> {
    let width = |id: &str| id.split_once("/sigma=")?.1.parse::<f64>().ok();
    let metrics = [
        (
            "sharpness of reconstructions",
            "reconstruction_sharpness",
            true,
        ),
        ("trustworthiness", "trustworthiness", true),
    ];
    let panels = metrics.map(|(title, metric, higher_is_better)| {
        let points = results.variants.iter().filter_map(|variant| {
            let x = width(&variant.id)?;
            let values = summary(&variant.records, metric);
            (!variant.records.is_empty()).then(|| Point {
                x,
                mean: values.mean.unwrap_or(f64::NAN),
                sd: values.sd,
                runs: variant
                    .records
                    .iter()
                    .map(|record| run(record, metric))
                    .collect(),
            })
        });
        Panel {
            metric: title.to_owned(),
            higher_is_better,
            range: (0.5, 1.0),
            ours: points.collect(),
            published: Vec::new(),
            baselines: Vec::new(),
        }
    });
    if panels.iter().all(|panel| panel.ours.is_empty()) {
        return Ok(Vec::new());
    }
    let figure = Sweep {
        title: "SOAE in the plane: the kernel's final width".to_owned(),
        parameter: "\u{3c3} at the end".to_owned(),
        scale: Scale::Log,
        panels: panels.into(),
        caption: "Codes of two numbers, held-out rows. Sharpness 1 is that of the data.".to_owned(),
        note: results.note(),
    };
    Ok(vec![("sigma".to_owned(), figure.draw()?)])
}

fn run(record: &Record, metric: &str) -> Run {
    match (record.outcome, record.metric(metric)) {
        (Outcome::Diverged { .. }, _) => Run::Diverged,
        (Outcome::Completed, None) => Run::Undefined,
        (Outcome::Completed, Some(value)) => Run::Value(value),
    }
}

/// The run that is drawn: the one with the lowest seed that came to its end.
fn pictured(variant: &VariantRecords) -> Option<&Record> {
    let mut records = variant.records.iter();
    records
        .find(|record| record.outcome == Outcome::Completed && record.identity.method == Soae.id())
}

/// The losses of both passes and the kernel's width, a figure for each SOAE.
///
/// # Errors
/// If a figure cannot be drawn.
pub(super) fn losses(results: &Results) -> Result<Vec<(String, Figure)>, crate::Error> {
    let mut figures = Vec::new();
    for variant in &results.variants {
        let Some(record) = pictured(variant) else {
            continue;
        };
        let line = |name: &str| {
            let values = record.curves.values.get(name)?;
            let points = record.curves.iteration.iter().zip(values);
            let points = points.map(|(&x, &y)| (x as f64, y.unwrap_or(f64::NAN)));
            Some(points.collect::<Vec<_>>())
        };
        let (Some(wake), Some(sleep), Some(sigma)) = (line("wake"), line("sleep"), line("sigma"))
        else {
            continue;
        };
        let panel = |y_label: &str, series| CurvePanel {
            y_label: y_label.to_owned(),
            log_y: true,
            series,
        };
        let figure = Curves {
            title: format!("{}: both passes and the kernel", variant.id),
            x_label: "iteration".to_owned(),
            panels: vec![
                panel(
                    "mean squared error of a batch",
                    vec![
                        ("wake: G at neighbours".to_owned(), wake),
                        ("sleep: C".to_owned(), sleep),
                    ],
                ),
                panel("\u{3c3}", vec![("\u{3c3}(t)".to_owned(), sigma)]),
            ],
            caption: format!("One run, seed {}.", record.identity.seed),
            note: results.note(),
        };
        figures.push((
            format!("losses-{}", variant.id.replace('/', "-")),
            figure.draw()?,
        ));
    }
    Ok(figures)
}

/// A trained model with what was kept beside it.
struct Shown<'a> {
    id: &'a str,
    seed: crate::random::Seed,
    model: Model,
    /// Of held-out rows, `[rows, m]`.
    codes: Tensor,
    classes: Vec<usize>,
    tile: (usize, usize),
}

impl<'a> Shown<'a> {
    fn read(variant: &'a VariantRecords, store: &Store) -> Result<Option<Self>, crate::Error> {
        let Some(record) = pictured(variant) else {
            return Ok(None);
        };
        let Some((weights, _)) = checkpoint::load(&store.weights(&record.key))? else {
            return Ok(None);
        };
        let entry = data::catalogue()?.entry(&record.identity.data)?;
        let (Some(tile), Some(codes)) = (entry.image, weights.get(CODES)) else {
            return Ok(None);
        };
        let settings = Settings::read(&record.identity.settings)?;
        let seed = record.identity.seed;
        let model = Model::stored(&settings, seed, entry.dims() as i64, &weights);
        let classes = weights.get(CLASSES).map(Tensor::contiguous);
        let classes = classes.iter().flat_map(|classes| slice(classes).to_vec());
        Ok(Some(Self {
            id: &variant.id,
            seed,
            model: model.map_err(crate::train::Error::Settings)?,
            codes: codes.contiguous(),
            classes: classes.map(|class| class as usize).collect(),
            tile,
        }))
    }

    /// Decoded images of raw codes, tile by tile.
    fn tiles(&self, codes: &Tensor) -> Vec<Vec<f32>> {
        let images = self.model.decode(codes).contiguous();
        let tiles = slice(&images).chunks_exact(self.tile.0 * self.tile.1);
        tiles.map(<[f32]>::to_vec).collect()
    }

    /// The space decoded over its grid: the torus four times side by side, the sphere as a map and as two
    /// half globes.
    fn manifolds(&self, note: Option<&String>) -> Vec<(String, ImageGrid)> {
        let name = self.id.replace('/', "-");
        let grid = |title: &str, side: usize, columns: usize, tiles, caption: &str| ImageGrid {
            title: format!("{}: {title}", self.id),
            rows: side,
            columns,
            tiles,
            tile: self.tile,
            gap: 0,
            caption: format!("{caption} The run with seed {}.", self.seed),
            note: note.cloned(),
            invert: false,
        };
        let side = controls::SIDE;
        match self.model.settings.space {
            Space::Plane => {
                let extent = controls::extent(&self.codes);
                let tiles = self.tiles(&Space::Plane.grid(side, extent));
                let caption = format!(
                    "G decoded over the square of half side {extent:.2}, which holds 95 % of the numbers of codes."
                );
                vec![(
                    format!("manifold-{name}"),
                    grid("decoded plane", side, side, tiles, &caption),
                )]
            }
            Space::Torus => {
                let side = side / 2 + 2;
                let once = self.tiles(&Space::Torus.grid(side, 0.0));
                let tiled = (0..4 * side * side).map(|cell| {
                    let (row, column) = (cell / (2 * side), cell % (2 * side));
                    once[row % side * side + column % side].clone()
                });
                let caption = "The decoded torus, four times: edges must match in the middle, across and down.";
                vec![(
                    format!("manifold-{name}"),
                    grid(
                        "decoded torus, tiled 2 \u{d7} 2",
                        2 * side,
                        2 * side,
                        tiled.collect(),
                        caption,
                    ),
                )]
            }
            Space::Sphere => {
                let map = self.tiles(&Space::Sphere.grid(side, 0.0));
                let caption = "Latitude from the north pole down, longitude from left to right.";
                vec![
                    (
                        format!("manifold-{name}"),
                        grid(
                            "decoded sphere, by latitude and longitude",
                            side,
                            side,
                            map,
                            caption,
                        ),
                    ),
                    (
                        format!("globe-{name}"),
                        grid(
                            "the decoded globe",
                            side,
                            2 * side,
                            self.globe(side),
                            "Orthographic: seen from longitude 0 (left) and from the opposite side (right); north is up.",
                        ),
                    ),
                ]
            }
        }
    }

    /// Two discs of decoded images in a field of white.
    fn globe(&self, side: usize) -> Vec<Vec<f32>> {
        let mut places = Vec::new();
        let mut codes: Vec<f32> = Vec::new();
        for row in 0..side {
            for column in 0..2 * side {
                let back = column >= side;
                let centre = |index: usize| (2.0 * index as f64 + 1.0) / side as f64 - 1.0;
                let (across, up) = (centre(column % side), -centre(row));
                let depth = 1.0 - across * across - up * up;
                places.push(depth > 0.0);
                if depth > 0.0 {
                    let toward = if back { -depth.sqrt() } else { depth.sqrt() };
                    // Behind, the east is on the left.
                    let east = if back { -across } else { across };
                    let latitude = up.asin();
                    let point = at(latitude, east.atan2(toward));
                    codes.extend(point.map(|one| one as f32));
                }
            }
        }
        let mut tiles = self
            .tiles(&Tensor::from_slice(&codes).view([-1, 3]))
            .into_iter();
        let blank = vec![1.0; self.tile.0 * self.tile.1];
        let placed = places.into_iter().map(|inside| {
            let tile = if inside { tiles.next() } else { None };
            tile.unwrap_or_else(|| blank.clone())
        });
        placed.collect()
    }

    /// Codes by class; the torus by its two angles, the sphere by longitude and sine of latitude.
    fn cloud(&self) -> Cloud {
        let m = self.codes.size()[1] as usize;
        let turn = std::f32::consts::TAU;
        let place = |code: &[f32]| match (self.model.settings.space, code) {
            (Space::Torus, &[a, b]) => [a, b].map(|a| a - turn * (a / turn).round()),
            (Space::Sphere, &[x, y, z]) => [y.atan2(x), z / (x * x + y * y + z * z).sqrt()],
            _ => [code[0], code[1]],
        };
        let codes = slice(&self.codes).chunks_exact(m).zip(&self.classes);
        Cloud {
            heading: self.id.to_owned(),
            remark: match self.model.settings.space {
                Space::Plane => "code",
                Space::Torus => "angles from -\u{3c0} to \u{3c0}",
                Space::Sphere => "longitude, sine of latitude",
            }
            .to_owned(),
            points: codes.map(|(code, &class)| (place(code), class)).collect(),
            marks: Vec::new(),
        }
    }

    /// Shares of embedded codes by norm, in bins of 0.1 of the mean norm.
    fn norms(&self) -> (String, Vec<(f64, f64)>) {
        const BINS: usize = 30;
        let embedded = self.model.settings.space.embed(&self.codes);
        let norms = embedded
            .square()
            .sum_dim_intlist(1, false, tch::Kind::Double)
            .sqrt();
        let norms: Vec<f64> = Vec::try_from(norms).unwrap_or_default();
        let n = norms.len() as f64;
        let mean = norms.iter().sum::<f64>() / n;
        let mut counts = [0.0; BINS];
        for norm in norms {
            // Bins are centred on multiples of a tenth, so that equal norms fall into one.
            let bin = (norm / mean * 10.0).round() as usize;
            counts[bin.min(BINS - 1)] += 1.0 / n;
        }
        let points = counts.iter().enumerate();
        let points = points.map(|(bin, &share)| (bin as f64 / 10.0, share));
        (self.id.to_owned(), points.collect())
    }
}

/// Images of each sort in a row of samples.
const SAMPLES: usize = 16;

/// Manifolds, codes, samples and norms of the runs with the lowest seeds.
///
/// # Errors
/// If weights cannot be read, do not fit their settings, or a figure cannot be drawn.
pub(super) fn pictures(
    results: &Results,
    store: &Store,
) -> Result<Vec<(String, Figure)>, crate::Error> {
    let _no_graph = tch::no_grad_guard();
    let mut figures = Vec::new();
    let mut sets: Vec<&str> = Vec::new();
    for variant in &results.variants {
        let set = variant.id.split('/').next().unwrap_or_default();
        if !sets.contains(&set) {
            sets.push(set);
        }
    }
    let note = results.note();
    for set in sets {
        let variants = results.variants.iter();
        let variants = variants.filter(|variant| variant.id.split('/').next() == Some(set));
        let mut shown = Vec::new();
        for variant in variants {
            shown.extend(Shown::read(variant, store)?);
        }
        for one in &shown {
            for (name, grid) in one.manifolds(note.as_ref()) {
                figures.push((name, grid.draw()?));
            }
        }
        if shown.is_empty() {
            continue;
        }
        let labels = shown.iter().flat_map(|one| &one.classes).max().copied();
        let scatter = Scatter {
            title: format!("{set}: codes of held-out rows"),
            panels: shown.iter().map(Shown::cloud).collect(),
            classes: (0..=labels.unwrap_or(0))
                .map(|class| class.to_string())
                .collect(),
            caption: "One run of each, that with the lowest seed.".to_owned(),
            note: note.clone(),
        };
        figures.push((format!("codes-{set}"), scatter.draw()?));
        figures.push((
            format!("samples-{set}"),
            samples(set, &shown, note.clone()).draw()?,
        ));
        let norms = Curves {
            title: format!("{set}: norms of embedded codes"),
            x_label: "norm over its mean".to_owned(),
            panels: vec![CurvePanel {
                y_label: "share of held-out codes, in bins of 0.1".to_owned(),
                log_y: false,
                series: shown.iter().map(Shown::norms).collect(),
            }],
            caption: format!("{} codes of each model.", shown[0].codes.size()[0]),
            note: note.clone(),
        };
        figures.push((format!("norms-{set}"), norms.draw()?));
    }
    Ok(figures)
}

/// A row of samples for each model that has a distribution to draw from.
fn samples(set: &str, shown: &[Shown], note: Option<String>) -> ImageGrid {
    let mut tiles = Vec::new();
    let mut names = Vec::new();
    for one in shown {
        if let Some(codes) = draw(&one.model, one.seed, &one.codes, SAMPLES as i64) {
            tiles.extend(one.tiles(&codes));
            names.push(one.id);
        }
    }
    ImageGrid {
        title: format!("{set}: samples"),
        rows: names.len().max(1),
        columns: SAMPLES,
        tiles,
        tile: shown[0].tile,
        gap: 1,
        caption: format!(
            "From the top: {}. Drawn from a standard normal (VAE), the whole torus or sphere, and near \
             codes of held-out rows (SOAE in the plane).",
            names.join(", ")
        ),
        note,
        invert: false,
    }
}
