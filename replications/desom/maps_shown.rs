//! What `desom-maps` shows: a table, and for each variant the map of one run, drawn from its weights.

use tch::{Device, Tensor};

use super::{Desom, Settings};
use crate::data;
use crate::evaluation::CLASS_COUNTS;
use crate::nn::slices::{on_cpu, slice};
use crate::nn::{Layout, Parameters, state};
use crate::plot::{ImageGrid, Lattice, LatticePanel};
use crate::replication::{Pictures, Results};
use crate::report::Comparison;
use crate::report::comparison::compared;
use crate::runs::checkpoint::Named;
use crate::runs::{Record, Store};
use crate::som::Grid;
use crate::train::Method;

/// What the prototypes are called among the weights, of DESOM and of a SOM alone.
const PROTOTYPES: &str = "som.prototypes";

/// Titles and metrics of the table.
const SHOWN: [(&str, &str); 4] = [
    ("purity", "bmu.purity"),
    ("NMI (geometric)", "bmu.nmi_geometric"),
    ("units that win a row", "units_used"),
    ("spread of decoded prototypes", "prototype_spread"),
];

/// Metric by metric, variant by variant. The paper has no numbers for them.
pub(super) fn comparisons(results: &Results) -> Vec<Comparison> {
    compared(results, &SHOWN)
}

pub(super) fn caption(results: &Results) -> String {
    results.caption(
        "Purity and NMI of the best matching units. Spread: mean over the pixels of the standard \
         deviation\nover the decoded prototypes, of a SOM alone over its prototypes. Maps are those of \
         the lowest seed.",
        None,
    )
}

/// Prototypes, U-matrix and label map of each variant.
///
/// # Errors
/// If weights cannot be read, do not fit their settings, or a figure cannot be drawn.
pub(super) fn pictures(results: &Results, store: &Store) -> Result<Pictures, crate::Error> {
    let mut pictures = Pictures::default();
    for variant in &results.variants {
        let Some((record, weights)) = pictures.lowest_seed(store, variant)? else {
            continue;
        };
        let entry = data::catalogue()?.entry(&record.identity.data)?;
        let Some(map) = Map::read(record, &weights, entry.dims() as i64)? else {
            continue;
        };
        let title = format!(
            "{}, {} {} \u{d7} {}",
            entry.title, map.what, map.grid.rows, map.grid.columns
        );
        let name = variant.id.replace('/', "-");
        let seed = format!("The run with seed {}", record.identity.seed);
        if let Some(tile) = entry.image {
            let grid = map.prototypes_in_pixels(&title, tile, &seed, results.note());
            pictures.add(format!("map-{name}"), grid.draw()?);
        }
        let lattice = map.distances(&title, &seed, results.note());
        pictures.add(format!("umatrix-{name}"), lattice.draw()?);
    }
    Ok(pictures)
}

/// A trained map.
struct Map {
    what: &'static str,
    grid: Grid,
    /// `[units, latent]`, or `[units, D]` of a SOM alone.
    prototypes: Tensor,
    /// `[units, D]`
    decoded: Tensor,
    /// Rows of each class that each unit wins, `[units, classes]`; runs of earlier versions kept none.
    class_counts: Option<Tensor>,
}

impl Map {
    /// A stored map; `None` if the run kept no prototypes.
    fn read(record: &Record, weights: &Named, dims: i64) -> Result<Option<Self>, crate::Error> {
        let Some(prototypes) = weights.get(PROTOTYPES).map(on_cpu) else {
            return Ok(None);
        };
        let class_counts = weights.get(CLASS_COUNTS).map(on_cpu);
        let settings = &record.identity.settings;
        if record.identity.method != Desom.id() {
            let grid = serde_json::from_value(settings["map"].clone());
            let grid = grid.map_err(|error| crate::train::Error::Settings(error.to_string()))?;
            return Ok(Some(Self {
                what: "SOM on pixels",
                grid,
                decoded: prototypes.shallow_clone(),
                prototypes,
                class_counts,
            }));
        }
        let settings = Settings::read(settings)?;
        let _no_graph = tch::no_grad_guard();
        let mut layout = Layout::default();
        let network = settings.shape().network(dims, &mut layout);
        let network = network.map_err(crate::train::Error::Settings)?;
        layout.segment();
        let slot = layout.add(PROTOTYPES, &[settings.map.units() as i64, settings.latent]);
        let parameters = Parameters::zeros(layout, 1, Device::Cpu);
        let own = weights.iter().filter(|(name, _)| *name != CLASS_COUNTS);
        state::set_weights(&parameters, 0, own).map_err(crate::train::Error::Settings)?;
        let prototypes = parameters.value(slot).select(0, 0);
        Ok(Some(Self {
            what: "DESOM",
            grid: settings.map,
            decoded: network.decode(&parameters, 0, &prototypes),
            prototypes,
            class_counts,
        }))
    }

    fn prototypes_in_pixels(
        &self,
        title: &str,
        tile: (usize, usize),
        seed: &str,
        note: Option<String>,
    ) -> ImageGrid {
        let decoded = self.decoded.contiguous();
        let tiles = slice(&decoded).chunks_exact(tile.0 * tile.1);
        ImageGrid {
            title: format!("{title}: prototypes"),
            rows: self.grid.rows,
            columns: self.grid.columns,
            tiles: tiles.map(<[f32]>::to_vec).collect(),
            tile,
            gap: 1,
            caption: format!("{seed}; black is 0, white is 1, as in the data."),
            note,
            invert: false,
        }
    }

    fn distances(&self, title: &str, seed: &str, note: Option<String>) -> Lattice {
        let prototypes = self.prototypes.contiguous();
        let dims = self.prototypes.size()[1] as usize;
        let mut panels = vec![LatticePanel::umatrix(self.grid, slice(&prototypes), dims)];
        let mut caption = format!(
            "{seed}. Cells between units show the distance of the two, cells of units the mean of those around."
        );
        if let Some(counts) = &self.class_counts {
            let classes = counts.size()[1] as usize;
            panels.push(LatticePanel::label_map(
                self.grid,
                slice(counts),
                classes,
                &[],
            ));
            caption += " Labels, of all rows, are the classes' numbers.";
        }
        Lattice {
            title: format!("{title}: U-matrix and labels"),
            panels,
            caption,
            note,
        }
    }
}
