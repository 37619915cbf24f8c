//! A network drawn layer by layer: bars as high as the layers are wide, with their sizes.

use plotters::style::RGBColor;

use super::Error;
use super::canvas::{Align, Canvas, Pen, Type};
use super::figure::Figure;
use super::font::{self, Weight};
use super::frame::{Frame, MARGIN};
use super::palette;

/// What a layer is to the reader: its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// Data, or what is to become like them.
    Data,
    /// Something between.
    Hidden,
    /// The code.
    Code,
}

/// A layer's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// What made it, a line each: `dense`, `ReLU`.
    pub words: Vec<String>,
    /// Its shape, e.g. `500` or `14 x 14 x 32`.
    pub size: String,
    /// Numbers in it: the bar's height, on a logarithmic scale.
    pub numbers: usize,
    /// Its colour.
    pub kind: LayerKind,
}

/// A chain of layers, with the map that stands on the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Architecture {
    /// One line above everything.
    pub title: String,
    /// From the data to the reconstruction.
    pub layers: Vec<Layer>,
    /// Rows and columns of the map, drawn below the code (below the data if there is no code).
    pub map: (usize, usize),
    /// Sentences below the drawing.
    pub caption: String,
}

const COLUMN: f64 = 92.0;
const BAR: f64 = 34.0;
const HIGHEST: f64 = 190.0;
const LOWEST: f64 = 14.0;
const LINE: f64 = 15.0;
/// Side of the square that the map is drawn in.
const MAP: f64 = 84.0;
/// Squares of a larger map would run into each other.
const MOST_SQUARES: usize = 20;

impl Architecture {
    /// Draws the network.
    ///
    /// # Errors
    /// [`Error::Empty`] without layers; [`Error::Size`] for too many.
    pub fn draw(&self) -> Result<Figure, Error> {
        if self.layers.is_empty() {
            return Err(Error::Empty {
                title: self.title.clone(),
                what: "layers",
            });
        }
        let lines = self.layers.iter().map(|layer| layer.words.len()).max();
        let words = (1 + lines.unwrap_or(0)) as f64 * LINE + 6.0;
        let named: Vec<String> = self
            .layers
            .iter()
            .map(|layer| format!("{} {}", layer.words.join(" "), layer.size))
            .collect();
        let frame = Frame {
            title: &self.title,
            note: None,
            caption: self.caption.clone(),
            description: format!(
                "Layers: {}. Map of {} by {} units.",
                named.join(", "),
                self.map.0,
                self.map.1
            ),
            width: (self.layers.len() as f64 * COLUMN).max(360.0) + 2.0 * MARGIN,
        };
        frame.compose(HIGHEST + words + 26.0 + MAP + 2.0 * LINE, |canvas, top| {
            self.bars(canvas, top)?;
            self.labels(canvas, top + HIGHEST + 6.0)?;
            self.map(canvas, top + HIGHEST + words)?;
            Ok(None)
        })
    }

    fn centre(index: usize) -> f64 {
        MARGIN + (index as f64 + 0.5) * COLUMN
    }

    fn height(&self, layer: &Layer) -> f64 {
        let most = self.layers.iter().map(|layer| layer.numbers).max();
        let logarithm = |numbers: usize| (1.0 + numbers as f64).ln();
        let share = logarithm(layer.numbers) / logarithm(most.unwrap_or(1).max(1));
        LOWEST + (HIGHEST - LOWEST) * share
    }

    fn bars(&self, canvas: &Canvas, top: f64) -> Result<(), Error> {
        let middle = top + HIGHEST / 2.0;
        let edges = |index: usize| {
            let half = self.height(&self.layers[index]) / 2.0;
            let x = Self::centre(index);
            [
                (x - BAR / 2.0, x + BAR / 2.0),
                (middle - half, middle + half),
            ]
        };
        let thin = Pen::line(palette::PUBLISHED, 1.0);
        for index in 1..self.layers.len() {
            let ([(_, from), (a, b)], [(to, _), (c, d)]) = (edges(index - 1), edges(index));
            canvas.line(&[(from, a), (to, c)], thin)?;
            canvas.line(&[(from, b), (to, d)], thin)?;
        }
        for (index, layer) in self.layers.iter().enumerate() {
            let [(left, right), (up, down)] = edges(index);
            let colour = match layer.kind {
                LayerKind::Data => palette::PUBLISHED,
                LayerKind::Hidden => palette::OURS,
                LayerKind::Code => palette::WARNING,
            };
            box_of(canvas, (left, up), (right, down), colour)?;
        }
        Ok(())
    }

    fn labels(&self, canvas: &Canvas, top: f64) -> Result<(), Error> {
        for (index, layer) in self.layers.iter().enumerate() {
            let x = Self::centre(index);
            let bold = Type::new(palette::SMALL, palette::TEXT).bold();
            canvas.text(
                (x, top + 0.5 * LINE),
                &layer.size,
                bold.align(Align::Centre),
            )?;
            let plain = Type::new(palette::SMALL, palette::MUTED).align(Align::Centre);
            for (line, words) in layer.words.iter().enumerate() {
                canvas.text((x, top + (line as f64 + 1.5) * LINE), words, plain)?;
            }
        }
        Ok(())
    }

    /// The map as squares, below the code and joined to it.
    fn map(&self, canvas: &Canvas, top: f64) -> Result<(), Error> {
        let code = self
            .layers
            .iter()
            .position(|layer| layer.kind == LayerKind::Code)
            .unwrap_or(0);
        let x = Self::centre(code);
        let (rows, columns) = self.map;
        let most = rows.max(columns).clamp(1, MOST_SQUARES);
        let shown = (rows.min(MOST_SQUARES), columns.min(MOST_SQUARES));
        let cell = MAP / most as f64;
        let start = top + 20.0;
        canvas.line(
            &[(x, top + 2.0), (x, start - 3.0)],
            Pen::line(palette::PUBLISHED, 1.0),
        )?;
        let left = x - shown.1 as f64 * cell / 2.0;
        for row in 0..shown.0 {
            for column in 0..shown.1 {
                let corner = (left + column as f64 * cell, start + row as f64 * cell);
                let gap = (cell * 0.15).min(2.0);
                let opposite = (corner.0 + cell - gap, corner.1 + cell - gap);
                let pen = Pen {
                    colour: palette::SERIES[2],
                    opacity: 0.75,
                    width: 1.0,
                };
                canvas.rectangle(corner, opposite, pen)?;
            }
        }
        let label = format!("map {rows} x {columns}: {} prototypes", rows * columns);
        let face = Type::new(palette::SMALL, palette::TEXT).bold();
        let bottom = start + shown.0 as f64 * cell + 0.8 * LINE;
        // The label is wider than a column and must not leave the page.
        let half = font::width(&label, palette::SMALL, Weight::Bold) / 2.0;
        let middle = x.max(MARGIN + half);
        canvas.text((middle, bottom), &label, face.align(Align::Centre))
    }
}

/// A filled box with an outline.
fn box_of(
    canvas: &Canvas,
    (left, up): (f64, f64),
    (right, down): (f64, f64),
    colour: RGBColor,
) -> Result<(), Error> {
    let fill = Pen {
        colour,
        opacity: 0.35,
        width: 1.0,
    };
    canvas.rectangle((left, up), (right, down), fill)?;
    let outline = [
        (left, up),
        (right, up),
        (right, down),
        (left, down),
        (left, up),
    ];
    canvas.line(&outline, Pen::line(colour, 1.2))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn layer(words: &[&str], numbers: usize, kind: LayerKind) -> Layer {
        Layer {
            words: words.iter().map(|&word| word.to_owned()).collect(),
            size: numbers.to_string(),
            numbers,
            kind,
        }
    }

    fn small() -> Architecture {
        Architecture {
            title: "DESOM".to_owned(),
            layers: vec![
                layer(&["data"], 784, LayerKind::Data),
                layer(&["dense", "ReLU"], 500, LayerKind::Hidden),
                layer(&["dense"], 10, LayerKind::Code),
                layer(&["dense"], 784, LayerKind::Data),
            ],
            map: (8, 30),
            caption: String::new(),
        }
    }

    #[test]
    fn every_layer_is_drawn_and_named() {
        let figure = small().draw().unwrap();
        assert!(figure.description().contains("dense ReLU 500"));
        assert!(figure.description().contains("Map of 8 by 30 units"));
        // A box and its outline for each layer, 20 columns of 8 squares.
        let boxes = figure.drawing.matches("<rect").count();
        assert!(boxes >= 4 + 8 * 20, "{boxes}");
        for words in ["dense", "ReLU", "784", "map 8 x 30: 240 prototypes"] {
            assert!(figure.drawing.contains(words), "{words}");
        }
        assert_eq!(figure.svg(), small().draw().unwrap().svg());
    }

    #[test]
    fn wider_layers_have_higher_bars() {
        let drawn = small();
        let heights: Vec<f64> = drawn.layers.iter().map(|one| drawn.height(one)).collect();
        assert!(heights[0] > heights[1] && heights[1] > heights[2]);
        assert!((heights[0] - HIGHEST).abs() < 1e-9 && heights[2] > LOWEST);
    }

    #[test]
    fn nothing_to_draw_is_an_error() {
        let none = Architecture {
            layers: Vec::new(),
            ..small()
        };
        assert!(matches!(none.draw(), Err(Error::Empty { .. })));
    }
}
