//! Values on the units of a map as coloured cells, side by side: U-matrices, label maps. More than three panels
//! stand in two rows.

use plotters::style::RGBColor;

use super::Error;
use super::canvas::{Align, Canvas, Pen, Type};
use super::figure::Figure;
use super::font::{self, Weight};
use super::frame::{Frame, MARGIN, sentences};
use super::palette;

/// One panel: a value, and perhaps a word, for each cell.
#[derive(Clone, Debug, PartialEq)]
pub struct LatticePanel {
    /// What the colours mean, above the panel, with the unit.
    pub label: String,
    /// Rows of cells.
    pub rows: usize,
    /// Columns of cells.
    pub columns: usize,
    /// Row by row from the top left; NaN for cells that have no value, which stay empty.
    pub values: Vec<f64>,
    /// What stands in each cell, e.g. a class; nothing where empty. As many as values, or none at all.
    pub words: Vec<String>,
    /// The values of the lightest and the darkest colour; those of the values if absent.
    pub range: Option<(f64, f64)>,
}

/// Panels side by side; in two rows where they are more than three.
#[derive(Clone, Debug, PartialEq)]
pub struct Lattice {
    /// One line above everything.
    pub title: String,
    /// From left to right, row by row.
    pub panels: Vec<LatticePanel>,
    /// Sentences below; empty cells are added.
    pub caption: String,
    /// A warning below the title, such as "quick profile: no verdict".
    pub note: Option<String>,
}

/// Wanted width of a panel in pixels.
const PANEL: f64 = 340.0;
/// Between two panels.
const BETWEEN: f64 = 34.0;
/// Between two rows of panels.
const BELOW: f64 = 14.0;
/// Panels that still stand in one row.
const MOST_IN_ROW: usize = 3;
/// Height of the label above a panel.
const LABEL: f64 = 24.0;
/// Height of the colour key below a panel, its numbers included.
const KEY: f64 = 46.0;
const BAR: f64 = 10.0;
/// Cells reach so far under the next ones: between edges that only touch, paper shines through.
const SEAM: f64 = 0.5;
/// Steps of the colour key.
const STEPS: usize = 64;
const LIGHTEST: RGBColor = RGBColor(0xF4, 0xF8, 0xFB);
const DARKEST: RGBColor = RGBColor(0x00, 0x2E, 0x5C);

impl Lattice {
    /// Draws the panels.
    ///
    /// # Errors
    /// [`Error::Empty`] without panels, rows or columns, [`Error::Cells`] if values or words are not as
    /// many as cells, [`Error::Range`] for a range that does not ascend.
    pub fn draw(&self) -> Result<Figure, Error> {
        if self.panels.is_empty() {
            return Err(self.empty("panels"));
        }
        for panel in &self.panels {
            self.check(panel)?;
        }
        let in_row = match self.panels.len() {
            few @ 1..=MOST_IN_ROW => few,
            many => many.div_ceil(2),
        };
        let height = |row: &[LatticePanel]| {
            let heights = row.iter().map(|panel| LABEL + panel.height() + KEY);
            heights.fold(0.0, f64::max)
        };
        let heights: Vec<f64> = self.panels.chunks(in_row).map(height).collect();
        let count = in_row as f64;
        let empty: usize = self.panels.iter().map(LatticePanel::empty_cells).sum();
        let empty = match empty {
            0 => String::new(),
            1 => "1 cell has no value and is left white".to_owned(),
            n => format!("{n} cells have no value and are left white"),
        };
        let frame = Frame {
            title: &self.title,
            note: self.note.as_deref(),
            caption: sentences([self.caption.clone(), empty]),
            description: self.description(),
            // A single panel leaves the caption little room.
            width: (count * PANEL + (count - 1.0) * BETWEEN).max(420.0) + 2.0 * MARGIN,
        };
        let all = heights.iter().sum::<f64>() + (heights.len() - 1) as f64 * BELOW;
        frame.compose(all, |canvas, mut top| {
            for (row, height) in self.panels.chunks(in_row).zip(&heights) {
                for (index, panel) in row.iter().enumerate() {
                    let left = MARGIN + index as f64 * (PANEL + BETWEEN);
                    panel.draw(canvas, (left, top))?;
                }
                top += height + BELOW;
            }
            Ok(None)
        })
    }

    fn empty(&self, what: &'static str) -> Error {
        Error::Empty {
            title: self.title.clone(),
            what,
        }
    }

    fn check(&self, panel: &LatticePanel) -> Result<(), Error> {
        if panel.rows == 0 || panel.columns == 0 {
            return Err(self.empty("cells"));
        }
        let cells = panel.rows * panel.columns;
        for (what, got) in [("values", panel.values.len()), ("words", panel.words.len())] {
            if got != cells && (what == "values" || got != 0) {
                return Err(Error::Cells {
                    title: self.title.clone(),
                    what,
                    got,
                    rows: panel.rows,
                    columns: panel.columns,
                });
            }
        }
        match panel.range {
            Some((low, high)) if !(low.is_finite() && high.is_finite() && low < high) => {
                Err(Error::Range {
                    title: self.title.clone(),
                    axis: panel.label.clone(),
                    low,
                    high,
                })
            }
            _ => Ok(()),
        }
    }

    fn description(&self) -> String {
        let panels = self.panels.iter().map(|panel| {
            let rows = panel.values.chunks(panel.columns).enumerate();
            let rows = rows.map(|(row, values)| {
                let cells = values.iter().enumerate().map(|(column, value)| {
                    let word = panel.words.get(row * panel.columns + column);
                    let word = word.filter(|word| !word.is_empty());
                    let word = word.map_or(String::new(), |word| format!("{word}: "));
                    if value.is_finite() {
                        format!("{word}{}", number(*value))
                    } else {
                        format!("{word}-")
                    }
                });
                cells.collect::<Vec<_>>().join(", ")
            });
            let rows = rows.collect::<Vec<_>>().join("; ");
            format!("\n{}, row by row: {rows}.", panel.label)
        });
        format!("Data:{}", panels.collect::<String>())
    }
}

/// Four significant digits, without trailing zeros.
fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = (3 - value.abs().log10().floor() as i32).clamp(0, 9) as usize;
    let text = format!("{value:.digits$}");
    match text.split_once('.') {
        Some(_) => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        None => text,
    }
}

impl LatticePanel {
    fn cell(&self) -> f64 {
        PANEL / self.columns.max(self.rows) as f64
    }

    fn height(&self) -> f64 {
        self.cell() * self.rows as f64
    }

    fn empty_cells(&self) -> usize {
        self.values
            .iter()
            .filter(|value| !value.is_finite())
            .count()
    }

    /// Values of the lightest and the darkest colour; equal values get the middle one.
    fn domain(&self) -> (f64, f64) {
        if let Some(range) = self.range {
            return range;
        }
        let finite = self
            .values
            .iter()
            .copied()
            .filter(|value| value.is_finite());
        let low = finite.clone().fold(f64::INFINITY, f64::min);
        let high = finite.fold(f64::NEG_INFINITY, f64::max);
        if low < high {
            (low, high)
        } else if low.is_finite() {
            (low - 0.5, low + 0.5)
        } else {
            (0.0, 1.0)
        }
    }

    fn draw(&self, canvas: &Canvas, (left, top): (f64, f64)) -> Result<(), Error> {
        let heading = Type::new(palette::BODY, palette::TEXT).bold();
        let label = font::fitted(&self.label, palette::BODY, PANEL);
        canvas.text((left, top + LABEL / 2.0), &label, heading)?;
        let (low, high) = self.domain();
        let (cell, top) = (self.cell(), top + LABEL);
        for (index, value) in self.values.iter().enumerate() {
            let (row, column) = (index / self.columns, index % self.columns);
            let from = (left + column as f64 * cell, top + row as f64 * cell);
            let to = (from.0 + cell + SEAM, from.1 + cell + SEAM);
            let fill = if value.is_finite() {
                shade((value - low) / (high - low))
            } else {
                palette::PAPER
            };
            canvas.rectangle(from, to, Pen::line(fill, 1.0))?;
            if let Some(word) = self.words.get(index).filter(|word| !word.is_empty()) {
                let size = (cell * 0.5).clamp(5.0, palette::HEADING);
                let face = Type::new(size, palette::on(fill)).align(Align::Centre);
                let word = font::fitted(word, size, cell);
                canvas.text((from.0 + cell / 2.0, from.1 + cell / 2.0), &word, face)?;
            }
        }
        let bottom = top + self.height();
        let width = cell * self.columns as f64;
        let border = Pen::line(palette::AXIS, 0.8);
        let corners = [
            (left, top),
            (left + width, top),
            (left + width, bottom),
            (left, bottom),
            (left, top),
        ];
        canvas.line(&corners, border)?;
        draw_key(canvas, (left, bottom + 12.0), width, (low, high))
    }
}

/// The colours from `low` to `high`, with both numbers below.
fn draw_key(
    canvas: &Canvas,
    (left, top): (f64, f64),
    width: f64,
    (low, high): (f64, f64),
) -> Result<(), Error> {
    let step = width / STEPS as f64;
    for index in 0..STEPS {
        let x = left + index as f64 * step;
        let fill = shade((index as f64 + 0.5) / STEPS as f64);
        canvas.rectangle((x, top), (x + step + SEAM, top + BAR), Pen::line(fill, 1.0))?;
    }
    let small = Type::new(palette::SMALL, palette::MUTED);
    let y = top + BAR + 12.0;
    canvas.text((left, y), &number(low), small)?;
    let end = number(high);
    // Numbers that would touch say nothing more than one of them.
    let room = font::width(&number(low), palette::SMALL, Weight::Regular)
        + font::width(&end, palette::SMALL, Weight::Regular);
    if room + 8.0 < width {
        canvas.text((left + width, y), &end, small.align(Align::Right))?;
    }
    Ok(())
}

/// From the lightest (0) to the darkest colour (1): one hue, so that it reads in grey and for all eyes.
fn shade(share: f64) -> RGBColor {
    let share = share.clamp(0.0, 1.0);
    let mix = |from: u8, to: u8| {
        (f64::from(from) + share * (f64::from(to) - f64::from(from))).round() as u8
    };
    RGBColor(
        mix(LIGHTEST.0, DARKEST.0),
        mix(LIGHTEST.1, DARKEST.1),
        mix(LIGHTEST.2, DARKEST.2),
    )
}
