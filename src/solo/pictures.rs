//! The pictures of a trained model: its map of decoded prototypes, and its architecture.

use tch::{Kind, Tensor};

use super::request::ModelSettings;
use super::source::Image;
use crate::nn::slices::{on_cpu, slice};
use crate::nn::{Graph, Module};
use crate::plot::{
    Architecture, Error, Figure, ImageGrid, Lattice, LatticePanel, Layer, LayerKind,
};
use crate::som::Grid;

/// A larger map is drawn with every n-th pixel.
const LONGEST_SIDE: usize = 4000;

/// Decoded prototypes `[units, D]` in the map's order, each as the image it is; black and white are
/// the ends of the data's `range`.
///
/// # Errors
/// If the picture cannot be drawn.
pub fn map(
    title: String,
    grid: Grid,
    image: Image,
    prototypes: &Tensor,
    range: [f64; 2],
) -> Result<Figure, Error> {
    let values = prototypes.to_device(tch::Device::Cpu).to_kind(Kind::Float);
    let values = values.contiguous();
    let longest = (grid.rows * image.height).max(grid.columns * image.width);
    let stride = longest.div_ceil(LONGEST_SIDE).max(1);
    let tile = (image.height.div_ceil(stride), image.width.div_ceil(stride));
    let pixel = |row: &[f32], y: usize, x: usize| {
        let start = (y * image.width + x) * image.channels;
        let channels = &row[start..start + image.channels];
        let mean = f64::from(channels.iter().sum::<f32>()) / image.channels as f64;
        let [least, most] = range;
        ((mean - least) / (most - least).max(f64::MIN_POSITIVE)) as f32
    };
    let tiles = slice(&values).chunks_exact(image.height * image.width * image.channels);
    let tiles = tiles.map(|row| {
        let rows = (0..image.height).step_by(stride);
        let places = rows.flat_map(|y| (0..image.width).step_by(stride).map(move |x| (y, x)));
        places.map(|(y, x)| pixel(row, y, x)).collect()
    });
    let rounded = |value: f64| (1e4 * value).round() / 1e4;
    let mut caption = format!(
        "Decoded prototypes of the {} x {} map, black at {} and white at {}.",
        grid.rows,
        grid.columns,
        rounded(range[0]),
        rounded(range[1])
    );
    if image.channels > 1 {
        caption += " Grey is the mean of the three channels.";
    }
    let grid = ImageGrid {
        title,
        rows: grid.rows,
        columns: grid.columns,
        tiles: tiles.collect(),
        tile,
        gap: 1,
        caption,
        note: None,
        invert: false,
    };
    grid.draw()
}

/// The U-matrix of prototypes `[units, latent]` and, with `class_counts` `[units, classes]`, the label map
/// beside it.
///
/// # Errors
/// If the picture cannot be drawn.
pub fn units(
    title: String,
    grid: Grid,
    prototypes: &Tensor,
    class_counts: Option<&Tensor>,
    names: &[String],
) -> Result<Figure, Error> {
    let prototypes = on_cpu(prototypes);
    let dims = prototypes.size()[1] as usize;
    let mut panels = vec![LatticePanel::umatrix(grid, slice(&prototypes), dims)];
    let mut caption =
        "Cells between units show the distance of the two, cells of units the mean of those around."
            .to_owned();
    if let Some(counts) = class_counts.map(on_cpu) {
        let classes = counts.size()[1] as usize;
        panels.push(LatticePanel::label_map(
            grid,
            slice(&counts),
            classes,
            names,
        ));
        caption += " Labels are those of the rows trained on.";
    }
    let lattice = Lattice {
        title,
        panels,
        caption,
        note: None,
    };
    lattice.draw()
}

/// The model as boxes; `graph` is that of its autoencoder.
///
/// # Errors
/// If the picture cannot be drawn.
pub fn architecture(
    settings: &ModelSettings,
    graph: Option<&Graph>,
    dims: i64,
    image: Option<Image>,
) -> Result<Figure, Error> {
    let size = match image {
        Some(image) if image.channels == 1 => format!("{} x {}", image.height, image.width),
        Some(image) => format!("{} x {} x {}", image.height, image.width, image.channels),
        None => dims.to_string(),
    };
    let data = Layer {
        words: vec!["data".to_owned()],
        size,
        numbers: dims as usize,
        kind: LayerKind::Data,
    };
    let mut layers = vec![data];
    let mut parameters = settings.map().units() as i64 * dims;
    if let Some(graph) = graph {
        layers.extend(half(graph.encoder(), LayerKind::Code));
        layers.extend(half(graph.decoder(), LayerKind::Data));
        let count = |module: &Module| match *module {
            Module::Dense {
                inputs, outputs, ..
            } => (inputs + 1) * outputs,
            Module::Convolution {
                inputs, outputs, ..
            } => (9 * inputs + 1) * outputs,
            Module::BatchNorm { features, .. } => 2 * features,
            _ => 0,
        };
        let latent = match settings {
            ModelSettings::Desom(settings) => settings.latent,
            ModelSettings::Som(_) => dims,
        };
        parameters = settings.map().units() as i64 * latent
            + graph
                .encoder()
                .iter()
                .chain(graph.decoder())
                .map(count)
                .sum::<i64>();
    }
    let map = settings.map();
    let drawing = Architecture {
        title: format!("{}: architecture", settings.title()),
        layers,
        map: (map.rows, map.columns),
        caption: format!(
            "Numbers are shapes of a row's values (height x width x channels); bars are on a logarithmic \
             scale. {parameters} trained parameters, the prototypes among them."
        ),
    };
    drawing.draw()
}

/// The layers of an encoder or decoder; the last one is of `kind`.
fn half(modules: &[Module], kind: LayerKind) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::new();
    // Height, width and channels where images flow.
    let mut image: Option<[i64; 3]> = None;
    for module in modules {
        match module {
            Module::Dense { outputs, .. } => {
                image = None;
                layers.push(layer(&["dense"], None, *outputs));
            }
            Module::Convolution {
                outputs, padding, ..
            } => {
                if let Some([height, width, channels]) = &mut image {
                    *height -= 2 * (1 - padding);
                    *width -= 2 * (1 - padding);
                    *channels = *outputs;
                }
                let valid = if *padding == 0 {
                    "conv 3 x 3 valid"
                } else {
                    "conv 3 x 3"
                };
                layers.push(layer(&[valid], image, *outputs));
            }
            Module::Relu => word(&mut layers, "ReLU"),
            Module::BatchNorm { .. } => word(&mut layers, "batch norm"),
            Module::MaxPool | Module::Upsample => {
                let shrinks = *module == Module::MaxPool;
                if let Some([height, width, channels]) = image {
                    let side = |side: i64| if shrinks { (side + 1) / 2 } else { 2 * side };
                    image = Some([side(height), side(width), channels]);
                }
                word(
                    &mut layers,
                    if shrinks { "max-pool 2" } else { "upsample 2" },
                );
                if let Some(last) = layers.last_mut() {
                    let new = layer(&[], image, 0);
                    (last.size, last.numbers) = (new.size, new.numbers);
                }
            }
            Module::Reshape(shape) => match *shape.as_slice() {
                [channels, height, width] => image = Some([height, width, channels]),
                _ => image = None,
            },
        }
    }
    if let Some(last) = layers.last_mut() {
        last.kind = kind;
        let name = if kind == LayerKind::Code {
            "code"
        } else {
            "reconstruction"
        };
        last.words.push(name.to_owned());
    }
    layers
}

fn word(layers: &mut [Layer], word: &str) {
    if let Some(last) = layers.last_mut() {
        last.words.push(word.to_owned());
    }
}

fn layer(words: &[&str], image: Option<[i64; 3]>, width: i64) -> Layer {
    let (size, numbers) = match image {
        Some([height, width, channels]) => (
            format!("{height} x {width} x {channels}"),
            height * width * channels,
        ),
        None => (width.to_string(), width),
    };
    Layer {
        words: words.iter().map(|&word| word.to_owned()).collect(),
        size,
        numbers: numbers as usize,
        kind: LayerKind::Hidden,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::nn::Layout;
    use crate::replications::desom::Settings;

    #[test]
    fn the_layers_of_a_convolutional_network_have_their_shapes() {
        let graph = Settings::convolutional()
            .shape()
            .graph(784, &mut Layout::default())
            .unwrap();
        let sizes = |modules, kind| -> Vec<String> {
            half(modules, kind)
                .into_iter()
                .map(|layer| layer.size)
                .collect()
        };
        let there = sizes(graph.encoder(), LayerKind::Code);
        assert_eq!(there, ["14 x 14 x 32", "7 x 7 x 64", "4 x 4 x 64", "10"]);
        let back = sizes(graph.decoder(), LayerKind::Data);
        let expected = [
            "1024",
            "8 x 8 x 64",
            "16 x 16 x 64",
            "28 x 28 x 32",
            "28 x 28 x 1",
        ];
        assert_eq!(back, expected);
        let last = half(graph.encoder(), LayerKind::Code).pop().unwrap();
        assert_eq!(
            (last.words.join(" "), last.kind),
            ("dense code".to_owned(), LayerKind::Code)
        );
    }

    #[test]
    fn colours_become_grey_and_large_maps_small() {
        let image = Image {
            height: 2,
            width: 2,
            channels: 3,
        };
        let prototypes = Tensor::arange(24, (Kind::Float, tch::Device::Cpu)).view([2, 12]) / 24.0;
        let grid = Grid {
            rows: 1,
            columns: 2,
        };
        let figure = map("t".to_owned(), grid, image, &prototypes, [0.0, 1.0]).unwrap();
        assert!(figure.caption().contains("three channels"));
        let image = Image {
            height: 3000,
            width: 2,
            channels: 1,
        };
        let prototypes = Tensor::zeros([2, 6000], (Kind::Float, tch::Device::Cpu));
        let grid = Grid {
            rows: 2,
            columns: 1,
        };
        assert!(map("t".to_owned(), grid, image, &prototypes, [0.0, 1.0]).is_ok());
    }
}
