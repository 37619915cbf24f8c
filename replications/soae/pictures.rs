//! Pictures of latent spaces: what is decoded all over them, codes, samples, norms.

use tch::{Device, Tensor};

use super::controls;
use super::embedding::at;
use super::method::{CLASSES, CODES, draw};
use super::model::Model;
use super::shown::{data_sets, named};
use super::{Settings, Soae, Space};
use crate::data;
use crate::nn::slices::slice;
use crate::plot::{Cloud, CurvePanel, Curves, ImageGrid, Scatter};
use crate::replication::{Pictures, Results, VariantRecords};
use crate::runs::Store;
use crate::train::Method;

/// Empty columns between the halves of a globe.
const GAP: usize = 2;

/// A trained model with what was kept beside it.
struct Shown<'a> {
    id: &'a str,
    seed: crate::random::Seed,
    /// The seed, and how often the variant collapsed if it did.
    named: String,
    model: Model,
    /// Of held-out rows, `[rows, m]`.
    codes: Tensor,
    classes: Vec<usize>,
    tile: (usize, usize),
}

impl<'a> Shown<'a> {
    fn read(
        variant: &'a VariantRecords,
        store: &Store,
        pictures: &mut Pictures,
    ) -> Result<Option<Self>, crate::Error> {
        let mut records = variant.records.iter();
        if !records.any(|record| record.identity.method == Soae.id()) {
            return Ok(None);
        }
        let Some((record, weights)) = pictures.lowest_seed(store, variant)? else {
            return Ok(None);
        };
        let entry = data::catalogue()?.entry(&record.identity.data)?;
        let (Some(tile), Some(codes)) = (entry.image, weights.get(CODES)) else {
            return Ok(None);
        };
        let settings = Settings::read(&record.identity.settings)?;
        let seed = record.identity.seed;
        let place = (entry.dims() as i64, Device::Cpu);
        let model = Model::stored(&settings, seed, place, &weights);
        let classes = weights.get(CLASSES).map(Tensor::contiguous);
        let classes = classes.iter().flat_map(|classes| slice(classes).to_vec());
        Ok(Some(Self {
            id: &variant.id,
            seed,
            named: named(variant, record),
            model: model.map_err(crate::train::Error::Settings)?,
            codes: codes.contiguous(),
            classes: classes.map(|class| class as usize).collect(),
            tile,
        }))
    }

    /// The variant's id without its data set.
    fn name(&self) -> &'a str {
        self.id.split_once('/').map_or(self.id, |(_, name)| name)
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
            caption: format!("{caption} The run with {}.", self.named),
            note: note.cloned(),
            invert: false,
        };
        let side = controls::SIDE;
        match self.model.settings.space {
            Space::Plane => {
                let (centre, half) = controls::square(&self.codes);
                let tiles = self.tiles(&(Space::Plane.grid(side, half) + centre));
                let caption = format!(
                    "G decoded over the square of half side {half:.2} about the median code; 95 % of the numbers of codes are within."
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
                            2 * side + GAP,
                            self.globe(side),
                            "Orthographic: seen from longitude 0 (left) and from the opposite side (right); north is up.",
                        ),
                    ),
                ]
            }
        }
    }

    /// Two discs of decoded images in a field of white, [`GAP`] tiles apart.
    fn globe(&self, side: usize) -> Vec<Vec<f32>> {
        let mut places = Vec::new();
        let mut codes: Vec<f32> = Vec::new();
        for row in 0..side {
            for column in 0..2 * side + GAP {
                if (side..side + GAP).contains(&column) {
                    places.push(false);
                    continue;
                }
                let back = column >= side + GAP;
                let column = if back { column - GAP } else { column };
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

    /// Codes by class; the torus by its two angles, the sphere by longitude and height.
    fn cloud(&self) -> Cloud {
        let m = self.codes.size()[1] as usize;
        let turn = std::f32::consts::TAU;
        let place = |code: &[f32]| match (self.model.settings.space, code) {
            (Space::Torus, &[a, b]) => [a, b].map(|a| a - turn * (a / turn).round()),
            // Stretched, which leaves equal areas equal, to half the width that longitudes take.
            (Space::Sphere, &[x, y, z]) => {
                [y.atan2(x), turn / 4.0 * z / (x * x + y * y + z * z).sqrt()]
            }
            _ => [code[0], code[1]],
        };
        let codes = slice(&self.codes).chunks_exact(m).zip(&self.classes);
        Cloud {
            heading: self.id.to_owned(),
            remark: match self.model.settings.space {
                Space::Plane => "code",
                Space::Torus => "both angles, -\u{3c0} to \u{3c0}; opposite sides are one",
                Space::Sphere => "longitude across, height up: areas as on the sphere",
            }
            .to_owned(),
            points: codes.map(|(code, &class)| (place(code), class)).collect(),
            marks: Vec::new(),
            links: Vec::new(),
            world: match self.model.settings.space {
                Space::Plane => None,
                Space::Torus => Some([turn / 2.0; 2]),
                Space::Sphere => Some([turn / 2.0, turn / 4.0]),
            },
        }
    }

    /// Shares of embedded codes by norm, in bins of 0.1 of the mean norm; the last has all larger ones.
    fn norms(&self) -> CurvePanel {
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
        let [_, _, cv] = controls::norms(&embedded);
        CurvePanel {
            y_label: format!("{}: share of codes", self.id),
            log_y: false,
            series: vec![(format!("sd / mean {cv:.3}"), points.collect())],
        }
    }
}

/// Images of each sort in a row of samples.
const SAMPLES: usize = 16;

/// Manifolds, codes, samples and norms of the runs with the lowest seeds.
///
/// # Errors
/// If weights cannot be read, do not fit their settings, or a figure cannot be drawn.
pub(super) fn pictures(results: &Results, store: &Store) -> Result<Pictures, crate::Error> {
    let _no_graph = tch::no_grad_guard();
    let mut pictures = Pictures::default();
    let note = results.note();
    for (set, variants) in data_sets(results) {
        let mut shown = Vec::new();
        for variant in variants {
            shown.extend(Shown::read(variant, store, &mut pictures)?);
        }
        for one in &shown {
            for (name, grid) in one.manifolds(note.as_ref()) {
                pictures.add(name, grid.draw()?);
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
            caption: format!(
                "{} held-out rows; one run of each: {}.",
                shown[0].codes.size()[0],
                runs(&shown)
            ),
            note: note.clone(),
        };
        pictures.add(format!("codes-{set}"), scatter.draw()?);
        pictures.add(
            format!("samples-{set}"),
            samples(set, &shown, note.clone()).draw()?,
        );
        let norms = Curves {
            title: format!("{set}: norms of embedded codes"),
            x_label: "norm over its mean".to_owned(),
            panels: shown.iter().map(Shown::norms).collect(),
            caption: format!(
                "{} held-out codes of each model, in bins of 0.1, the last with all larger ones; one run of each: {}.",
                shown[0].codes.size()[0],
                runs(&shown)
            ),
            note: note.clone(),
        };
        pictures.add(format!("norms-{set}"), norms.draw()?);
    }
    Ok(pictures)
}

/// `seed 0`, or where they differ `ae-2, vae-2 seed 0; soae-r2 seed 0, which collapsed`: the runs that are drawn.
fn runs<'a>(shown: impl IntoIterator<Item = &'a Shown<'a>>) -> String {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for one in shown {
        match groups.iter_mut().find(|(named, _)| *named == one.named) {
            Some((_, names)) => names.push(one.name()),
            None => groups.push((&one.named, vec![one.name()])),
        }
    }
    if let [(named, _)] = groups[..] {
        return named.to_owned();
    }
    let groups = groups.iter();
    let groups = groups.map(|(named, names)| format!("{} {named}", names.join(", ")));
    groups.collect::<Vec<_>>().join("; ")
}

/// A row of samples for each model that has a distribution to draw from.
fn samples(set: &str, shown: &[Shown], note: Option<String>) -> ImageGrid {
    let mut tiles = Vec::new();
    let mut names = Vec::new();
    let mut drawn = Vec::new();
    for one in shown {
        if let Some(codes) = draw(&one.model, one.seed, &one.codes, SAMPLES as i64) {
            tiles.extend(one.tiles(&codes));
            names.push(one.name());
            drawn.push(one);
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
             codes of held-out rows (SOAE in the plane): {SAMPLES} of one run each: {}.",
            names.join(", "),
            runs(drawn)
        ),
        note,
        invert: false,
    }
}
