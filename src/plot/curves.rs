//! Lines over iterations: losses, temperature, metrics during training. Labels stand at the lines' ends.

use std::fmt::Write as _;

use plotters::style::RGBColor;

use super::Error;
use super::axis::{Axis, between_powers, number, roomy};
use super::canvas::{Align, Canvas, Pen, Type};
use super::figure::Figure;
use super::font::{self, Weight};
use super::frame::{Frame, MARGIN, sentences};
use super::labels::spread;
use super::palette;

/// Lines in one panel or several stacked ones over the same horizontal axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Curves {
    /// One line above everything.
    pub title: String,
    /// Label of the shared horizontal axis, with its unit.
    pub x_label: String,
    /// Panels from top to bottom.
    pub panels: Vec<CurvePanel>,
    /// Sentences below the figure; values that could not be drawn are added.
    pub caption: String,
    /// A warning below the title, such as "quick profile: no verdict".
    pub note: Option<String>,
}

/// Lines over a vertical axis of their own.
#[derive(Clone, Debug, PartialEq)]
pub struct CurvePanel {
    /// Label of the vertical axis, with its unit; set above the axis, where it reads without turning the head.
    pub y_label: String,
    /// Whether the vertical axis is logarithmic; values of zero and below are then not drawn, and the caption says so.
    pub log_y: bool,
    /// Name and points (x, y) of each line, in the order of x. NaN breaks the line.
    pub series: Vec<(String, Vec<(f64, f64)>)>,
}

const WIDTH: f64 = 760.0;
const PLOT: f64 = 190.0;
const SINGLE_PLOT: f64 = 280.0;
const HEADING: f64 = 26.0;
const TICKS: f64 = 22.0;
const PANEL_GAP: f64 = 12.0;
const AXIS_LABEL: f64 = 20.0;
const LABEL: f64 = 150.0;
const LABEL_LINE: f64 = 14.0;
const LEADER: f64 = 16.0;
const Y_TICKS: usize = 5;

/// A series with what is needed to draw it.
struct Line<'a> {
    label: Vec<String>,
    colour: RGBColor,
    points: &'a [(f64, f64)],
}

impl Line<'_> {
    fn label_height(&self) -> f64 {
        self.label.len() as f64 * LABEL_LINE + 2.0
    }
}

impl CurvePanel {
    fn drawable(&self, (x, y): (f64, f64)) -> bool {
        x.is_finite() && y.is_finite() && !(self.log_y && y <= 0.0)
    }

    fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.series
            .iter()
            .flat_map(|(_, points)| points)
            .copied()
            .filter(|&point| self.drawable(point))
    }

    /// The vertical domain with a little room; a unit domain without data.
    fn y_domain(&self) -> (f64, f64) {
        let low = self.points().map(|(_, y)| y).fold(f64::INFINITY, f64::min);
        let high = self
            .points()
            .map(|(_, y)| y)
            .fold(f64::NEG_INFINITY, f64::max);
        match (low.is_finite(), self.log_y) {
            (true, log) => roomy(log, low, high, Y_TICKS),
            (false, true) => (0.1, 1.0),
            (false, false) => (0.0, 1.0),
        }
    }

    /// Series with something to draw.
    fn lines(&self) -> Vec<Line<'_>> {
        let drawn = self.series.iter().zip(palette::SERIES.into_iter().cycle());
        drawn
            .filter(|((_, points), _)| points.iter().any(|&point| self.drawable(point)))
            .map(|((name, points), colour)| Line {
                label: font::wrap(name, palette::BODY, Weight::Regular, LABEL),
                colour,
                points,
            })
            .collect()
    }
}

impl Curves {
    /// Draws the figure, 760 pixels wide.
    ///
    /// # Errors
    /// [`Error::Empty`] without panels.
    pub fn draw(&self) -> Result<Figure, Error> {
        if self.panels.is_empty() {
            return Err(Error::Empty {
                title: self.title.clone(),
                what: "panels",
            });
        }
        font::register()?;
        let heights: Vec<f64> = self
            .panels
            .iter()
            .map(|panel| self.plot_height(panel))
            .collect();
        let each = HEADING + TICKS + PANEL_GAP;
        let total =
            heights.iter().sum::<f64>() + heights.len() as f64 * each - PANEL_GAP + AXIS_LABEL;
        let frame = Frame {
            title: &self.title,
            note: self.note.as_deref(),
            caption: sentences([self.caption.clone(), self.omitted()]),
            description: self.description(),
            width: WIDTH,
        };
        frame.compose(total, |canvas, mut top| {
            for (index, (panel, height)) in self.panels.iter().zip(&heights).enumerate() {
                self.draw_panel(
                    canvas,
                    index,
                    panel,
                    (top + HEADING, top + HEADING + height),
                )?;
                top += height + each;
            }
            Ok(None)
        })
    }

    fn plot_height(&self, panel: &CurvePanel) -> f64 {
        let plain = if self.panels.len() == 1 {
            SINGLE_PLOT
        } else {
            PLOT
        };
        panel
            .lines()
            .iter()
            .map(Line::label_height)
            .sum::<f64>()
            .max(plain)
    }

    fn x_domain(&self) -> (f64, f64) {
        let xs = || {
            self.panels
                .iter()
                .flat_map(CurvePanel::points)
                .map(|(x, _)| x)
        };
        let (low, high) = (
            xs().fold(f64::INFINITY, f64::min),
            xs().fold(f64::NEG_INFINITY, f64::max),
        );
        if low.is_finite() {
            (low, high)
        } else {
            (0.0, 1.0)
        }
    }

    /// Room left of all panels for tick labels, and right of them for the lines' labels.
    fn gutters(&self) -> (f64, f64) {
        let width = |text: &String, size: f64| font::width(text, size, Weight::Regular);
        let axes = self.panels.iter().map(|p| Axis {
            log: p.log_y,
            domain: p.y_domain(),
            span: (0.0, 1.0),
        });
        let ticks = axes.flat_map(|axis| axis.ticks(Y_TICKS));
        let left = ticks
            .map(|(_, label)| width(&label, palette::SMALL))
            .fold(0.0, f64::max)
            + 8.0;
        let labels = self
            .panels
            .iter()
            .flat_map(CurvePanel::lines)
            .flat_map(|line| line.label);
        let right = labels
            .map(|line| width(&line, palette::BODY))
            .fold(0.0, f64::max)
            + LEADER
            + 2.0;
        (left, right)
    }

    fn draw_panel(
        &self,
        canvas: &Canvas,
        index: usize,
        panel: &CurvePanel,
        (top, bottom): (f64, f64),
    ) -> Result<(), Error> {
        let gutters = self.gutters();
        let (left, right) = (MARGIN + gutters.0, WIDTH - MARGIN - gutters.1);
        let x = Axis {
            log: false,
            domain: self.x_domain(),
            span: (left, right),
        };
        let y = Axis {
            log: panel.log_y,
            domain: panel.y_domain(),
            span: (bottom, top),
        };
        let small = Type::new(palette::SMALL, palette::MUTED);
        for (value, label) in y.ticks(Y_TICKS) {
            let at = y.at(value);
            canvas.line(&[(left, at), (right, at)], Pen::line(palette::GRID, 0.8))?;
            canvas.text((left - 6.0, at), &label, small.align(Align::Right))?;
        }
        let axis = Pen::line(palette::AXIS, 0.9);
        for value in if y.log {
            between_powers(y.domain)
        } else {
            Vec::new()
        } {
            canvas.line(
                &[(left - 3.0, y.at(value)), (left, y.at(value))],
                Pen::line(palette::AXIS, 0.6),
            )?;
        }
        canvas.line(&[(left, top), (left, bottom), (right, bottom)], axis)?;
        for (value, label) in x.ticks(8) {
            let at = x.at(value);
            canvas.line(&[(at, bottom), (at, bottom + 4.0)], axis)?;
            canvas.text((at, bottom + 13.0), &label, small.align(Align::Centre))?;
        }
        let heading = Type::new(palette::HEADING, palette::TEXT).bold();
        let indent = if self.panels.len() > 1 { 16.0 } else { 0.0 };
        if let Some(letter) = u8::try_from(index).ok().filter(|&i| i < 26 && indent > 0.0) {
            canvas.text(
                (MARGIN, top - 15.0),
                &char::from(b'a' + letter).to_string(),
                heading,
            )?;
        }
        let label = font::fitted(
            &panel.y_label,
            palette::HEADING,
            WIDTH - 2.0 * MARGIN - indent,
        );
        canvas.text((MARGIN + indent, top - 15.0), &label, heading)?;
        if index + 1 == self.panels.len() {
            let label = font::fitted(&self.x_label, palette::BODY, WIDTH - 2.0 * MARGIN);
            let face = Type::new(palette::BODY, palette::TEXT).align(Align::Centre);
            let half = font::width(&label, palette::BODY, Weight::Regular) / 2.0;
            let middle = f64::midpoint(left, right).max(MARGIN + half);
            canvas.text((middle, bottom + TICKS + AXIS_LABEL / 2.0), &label, face)?;
        }
        draw_lines(canvas, panel, &x, &y)
    }

    /// Names what is not drawn.
    fn omitted(&self) -> String {
        let mut list = Vec::new();
        for panel in &self.panels {
            for (name, points) in &panel.series {
                let missing = points
                    .iter()
                    .filter(|&&point| !panel.drawable(point))
                    .count();
                let kind = if panel.log_y {
                    "undefined or not positive"
                } else {
                    "undefined"
                };
                let place = if self.panels.len() > 1 {
                    format!(" in {}", panel.y_label)
                } else {
                    String::new()
                };
                if points.is_empty() {
                    list.push(format!("{name}{place} (no values)"));
                } else if missing > 0 {
                    list.push(format!(
                        "{name}{place} ({missing} of {} values {kind})",
                        points.len()
                    ));
                }
            }
        }
        if list.is_empty() {
            String::new()
        } else {
            format!("Not drawn: {}", list.join("; "))
        }
    }

    fn description(&self) -> String {
        let mut text = String::from("Data:");
        for panel in &self.panels {
            let _ = write!(text, "\n{} against {}.", panel.y_label, self.x_label);
            for (name, points) in &panel.series {
                if let (Some(first), Some(last)) = (points.first(), points.last()) {
                    let place = |&(x, y): &(f64, f64)| format!("{} at {}", number(y), number(x));
                    let _ = write!(
                        text,
                        " {name}: from {} to {}, {} values.",
                        place(first),
                        place(last),
                        points.len()
                    );
                }
            }
        }
        text
    }
}

fn draw_lines(canvas: &Canvas, panel: &CurvePanel, x: &Axis, y: &Axis) -> Result<(), Error> {
    let lines = panel.lines();
    if lines.is_empty() {
        let middle = (
            f64::midpoint(x.span.0, x.span.1),
            f64::midpoint(y.span.0, y.span.1),
        );
        return canvas.text(
            middle,
            "no data",
            Type::new(palette::BODY, palette::MUTED).align(Align::Centre),
        );
    }
    let mut ends = Vec::new();
    for Line { colour, points, .. } in &lines {
        let mut end = (x.span.1, y.span.0);
        for piece in points
            .split(|&point| !panel.drawable(point))
            .filter(|piece| !piece.is_empty())
        {
            let piece: Vec<_> = piece.iter().map(|&(px, py)| (x.at(px), y.at(py))).collect();
            let piece = thinned(&piece);
            if let [only] = piece[..] {
                canvas.dot(only, 2.0, Pen::line(*colour, 1.0))?;
            } else {
                canvas.line(&piece, Pen::line(*colour, 1.3))?;
            }
            end = piece.last().copied().unwrap_or(end);
        }
        ends.push(end);
    }
    let wanted: Vec<f64> = ends.iter().map(|end| end.1).collect();
    let heights: Vec<f64> = lines.iter().map(Line::label_height).collect();
    let centres = spread(&wanted, &heights, (y.span.1 - 6.0, y.span.0 + 6.0));
    for ((Line { label, colour, .. }, end), centre) in lines.iter().zip(ends).zip(centres) {
        let start = x.span.1 + LEADER;
        canvas.line(
            &[(end.0 + 3.0, end.1), (start - 3.0, centre)],
            Pen {
                colour: *colour,
                opacity: 0.6,
                width: 0.8,
            },
        )?;
        let first = centre - (label.len() as f64 - 1.0) / 2.0 * LABEL_LINE;
        for (i, line) in label.iter().enumerate() {
            let face = Type::new(palette::BODY, palette::ink(*colour));
            canvas.text((start, first + i as f64 * LABEL_LINE), line, face)?;
        }
    }
    Ok(())
}

/// The same picture with fewer points: of each half pixel column the first, lowest, highest and last point.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let column = |point: &(f64, f64)| (point.0 * 2.0).floor() as i64;
    let mut kept = Vec::new();
    for run in points.chunk_by(|a, b| column(a) == column(b)) {
        let extreme = |better: fn(f64, f64) -> bool| {
            (1..run.len()).fold(0, |best, i| {
                if better(run[i].1, run[best].1) {
                    i
                } else {
                    best
                }
            })
        };
        let mut keep = vec![
            0,
            extreme(|a, b| a < b),
            extreme(|a, b| a > b),
            run.len() - 1,
        ];
        keep.sort_unstable();
        keep.dedup();
        kept.extend(keep.into_iter().map(|i| run[i]));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_ends_and_extremes() {
        let points: Vec<(f64, f64)> = (0..1000)
            .map(|i| (f64::from(i) * 1e-4, f64::from(i % 7)))
            .collect();
        assert_eq!(thinned(&points), [points[0], points[6], points[999]]);
        assert_eq!(thinned(&[(0.0, 1.0), (5.0, 2.0)]), [(0.0, 1.0), (5.0, 2.0)]);
    }
}
