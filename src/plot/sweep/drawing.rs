//! Where the parts of a sweep stand: panels, axes, ticks.

use super::super::Error;
use super::super::axis::{Axis, Scale, number};
use super::super::canvas::{Align, Canvas, Pen, Type};
use super::super::font::{self, Weight};
use super::super::frame::MARGIN;
use super::super::palette;
use super::marks::{Mark, draw_key, draw_lost, draw_ours, draw_published, drawable, key};
use super::{Panel, Point, Sweep, baselines};

/// Width of a figure in pixels.
const WIDTH: f64 = 760.0;
/// Width at most, where that puts panels of categories side by side.
const WIDEST: f64 = 1000.0;
/// About how many ticks a vertical axis has.
pub(super) const Y_TICKS: usize = 5;

const KEY_LINE: f64 = 27.0;
const HEADING: f64 = 26.0;
/// Between heading and panel, for runs without a value.
const LANE: f64 = 15.0;
const PLOT: f64 = 176.0;
const WIDE_PLOT: f64 = 260.0;
const TICK_LINE: f64 = 15.0;
const AXIS_LABEL: f64 = 20.0;
const COLUMN_GAP: f64 = 26.0;
const ROW_GAP: f64 = 14.0;
/// From the panel's edge to the first and the last value: room for the seeds beside a mean.
const INSET: f64 = 23.0;

/// A sweep with all sizes decided.
pub(super) struct Layout<'a> {
    sweep: &'a Sweep,
    values: &'a [f64],
    /// Width of everything in pixels, margins included.
    pub width: f64,
    /// Height of everything in pixels.
    pub height: f64,
    columns: usize,
    key: Vec<Vec<(Mark, f64)>>,
    left: f64,
    right: f64,
    lane: f64,
    plot: (f64, f64),
    ticks: Vec<(f64, Vec<String>)>,
    tick_height: f64,
}

/// The rectangle of a panel's axes.
pub(super) struct Place {
    pub x: Axis,
    pub y: Axis,
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
}

impl<'a> Layout<'a> {
    /// Decides all sizes. The face has to be registered.
    pub fn new(sweep: &'a Sweep, values: &'a [f64]) -> Self {
        let left = y_gutter(sweep);
        let right = baselines::gutter(sweep);
        let least = least_width(sweep);
        let two = 2.0 * (left + least + right) + COLUMN_GAP + 2.0 * MARGIN;
        let whole = match sweep.panels.len() {
            0..=2 => WIDTH,
            _ if two > WIDEST => WIDTH,
            _ => two.ceil().max(WIDTH),
        };
        let plot_width = |columns: usize| {
            (whole - 2.0 * MARGIN - (columns - 1) as f64 * COLUMN_GAP) / columns as f64
                - left
                - right
        };
        let most = match sweep.panels.len() {
            1 => 1,
            2 | 4 => 2,
            _ => 3,
        };
        let columns = (2..=most)
            .rev()
            .find(|&columns| plot_width(columns) >= least)
            .unwrap_or(1);
        let width = plot_width(columns);
        let rows = sweep.panels.len().div_ceil(columns);
        let height = if sweep.panels.len() == 1 {
            WIDE_PLOT
        } else {
            PLOT
        };
        let height = sweep
            .panels
            .iter()
            .map(|panel| baselines::labels(panel).1)
            .fold(height, f64::max);
        let ticks = x_ticks(sweep, values, width);
        let tick_height = TICK_LINE
            * ticks
                .iter()
                .map(|(_, lines)| lines.len())
                .max()
                .unwrap_or(1) as f64
            + 7.0;
        let key = key(sweep, whole);
        let points = || sweep.panels.iter().flat_map(|panel| &panel.ours);
        let lane = if points().any(|point| point.valued() < point.runs.len()) {
            LANE
        } else {
            0.0
        };
        let row = HEADING + lane + height + tick_height + ROW_GAP;
        let total = key.len() as f64 * KEY_LINE + rows as f64 * row - ROW_GAP + AXIS_LABEL;
        Self {
            sweep,
            values,
            width: whole,
            height: total,
            columns,
            key,
            left,
            right,
            lane,
            plot: (width, height),
            ticks,
            tick_height,
        }
    }

    /// Draws everything below `top`.
    pub fn draw(&self, canvas: &Canvas, top: f64) -> Result<(), Error> {
        for (row, items) in self.key.iter().enumerate() {
            for &(mark, x) in items {
                draw_key(canvas, mark, (x, top + (row as f64 + 0.4) * KEY_LINE))?;
            }
        }
        let top = top + self.key.len() as f64 * KEY_LINE;
        let (width, height) = self.plot;
        for (index, panel) in self.sweep.panels.iter().enumerate() {
            let (row, column) = (index / self.columns, index % self.columns);
            let left =
                MARGIN + column as f64 * (self.left + width + self.right + COLUMN_GAP) + self.left;
            let above = HEADING + self.lane;
            let top = top + row as f64 * (above + height + self.tick_height + ROW_GAP) + above;
            let place = Place {
                x: self
                    .sweep
                    .x_axis(self.values, within(&self.sweep.scale, left, width)),
                y: Axis {
                    log: false,
                    domain: panel.y_range(),
                    span: (top + height, top),
                },
                left,
                right: left + width,
                top,
                bottom: top + height,
            };
            self.draw_axes(canvas, index, panel, &place)?;
            self.draw_data(canvas, panel, &place)?;
        }
        Ok(())
    }

    fn draw_axes(
        &self,
        canvas: &Canvas,
        index: usize,
        panel: &Panel,
        place: &Place,
    ) -> Result<(), Error> {
        let small = Type::new(palette::SMALL, palette::MUTED);
        for (value, label) in place.y.ticks(Y_TICKS) {
            let y = place.y.at(value);
            canvas.line(
                &[(place.left, y), (place.right, y)],
                Pen::line(palette::GRID, 0.8),
            )?;
            canvas.text((place.left - 6.0, y), &label, small.align(Align::Right))?;
        }
        let axis = Pen::line(palette::AXIS, 0.9);
        canvas.line(
            &[
                (place.left, place.top),
                (place.left, place.bottom),
                (place.right, place.bottom),
            ],
            axis,
        )?;
        for (value, lines) in &self.ticks {
            let x = place.x.at(*value);
            canvas.line(&[(x, place.bottom), (x, place.bottom + 4.0)], axis)?;
            for (i, line) in lines.iter().enumerate() {
                let y = place.bottom + 13.0 + i as f64 * TICK_LINE;
                canvas.text((x, y), line, small.align(Align::Centre))?;
            }
        }
        self.draw_heading(canvas, index, panel, place)?;
        if index + self.columns >= self.sweep.panels.len() {
            let label = Type::new(palette::BODY, palette::TEXT).align(Align::Centre);
            let middle = f64::midpoint(place.left, place.right);
            let text = font::fitted(
                &self.sweep.parameter,
                palette::BODY,
                place.right - place.left + self.left,
            );
            canvas.text(
                (middle, place.bottom + self.tick_height + AXIS_LABEL / 2.0),
                &text,
                label,
            )?;
        }
        Ok(())
    }

    /// Letter, metric and direction above a panel.
    fn draw_heading(
        &self,
        canvas: &Canvas,
        index: usize,
        panel: &Panel,
        place: &Place,
    ) -> Result<(), Error> {
        let start = place.left - self.left;
        let y = place.top - self.lane - 15.0;
        let bold = Type::new(palette::HEADING, palette::TEXT).bold();
        let letter = u8::try_from(index)
            .ok()
            .filter(|&i| i < 26 && self.sweep.panels.len() > 1);
        if let Some(letter) = letter {
            canvas.text((start, y), &char::from(b'a' + letter).to_string(), bold)?;
        }
        let indent = if letter.is_some() { 16.0 } else { 0.0 };
        let room = place.right + self.right - start - indent;
        let metric = font::fitted(&panel.metric, palette::HEADING, room);
        canvas.text((start + indent, y), &metric, bold)?;
        let used = font::width(&metric, palette::HEADING, Weight::Bold) + 10.0;
        let (long, short) = if panel.higher_is_better {
            ("\u{2191} higher is better", "\u{2191}")
        } else {
            ("\u{2193} lower is better", "\u{2193}")
        };
        let fits = |text: &&str| used + font::width(text, palette::SMALL, Weight::Regular) <= room;
        if let Some(text) = [long, short].into_iter().find(fits) {
            canvas.text(
                (start + indent + used, y),
                text,
                Type::new(palette::SMALL, palette::MUTED),
            )?;
        }
        Ok(())
    }

    fn draw_data(&self, canvas: &Canvas, panel: &Panel, place: &Place) -> Result<(), Error> {
        for point in drawable(&panel.published) {
            draw_published(canvas, place.x.at(point.x), point, &place.y)?;
        }
        baselines::draw(canvas, panel, place)?;
        let mut ours: Vec<&Point> = panel
            .ours
            .iter()
            .filter(|point| point.x.is_finite())
            .collect();
        ours.sort_by(|a, b| a.x.total_cmp(&b.x));
        if ours.is_empty() && panel.published.is_empty() && panel.baselines.is_empty() {
            let middle = (
                f64::midpoint(place.left, place.right),
                f64::midpoint(place.top, place.bottom),
            );
            canvas.text(
                middle,
                "no data",
                Type::new(palette::BODY, palette::MUTED).align(Align::Centre),
            )?;
        }
        if !matches!(self.sweep.scale, Scale::Category(_)) {
            self.draw_trend(canvas, &ours, place)?;
        }
        let spacing = self
            .values
            .windows(2)
            .map(|pair| place.x.at(pair[1]) - place.x.at(pair[0]));
        let spacing = spacing.fold(f64::INFINITY, f64::min);
        for point in ours {
            let x = place.x.at(point.x);
            draw_ours(canvas, x, point, &place.y, spacing)?;
            draw_lost(canvas, (x, place.top - LANE / 2.0 - 1.5), point, spacing)?;
        }
        Ok(())
    }

    /// A faint line through our means, broken where a value has none.
    fn draw_trend(&self, canvas: &Canvas, ours: &[&Point], place: &Place) -> Result<(), Error> {
        let pen = Pen {
            colour: palette::OURS,
            opacity: 0.4,
            width: 1.1,
        };
        let mean = |x: f64| {
            ours.iter()
                .find(|point| point.x.total_cmp(&x).is_eq() && point.mean.is_finite())
                .map(|point| point.mean)
        };
        for pair in self.values.windows(2) {
            if let (Some(from), Some(to)) = (mean(pair[0]), mean(pair[1])) {
                let ends = [
                    (place.x.at(pair[0]), place.y.at(from)),
                    (place.x.at(pair[1]), place.y.at(to)),
                ];
                canvas.line(&ends, pen)?;
            }
        }
        Ok(())
    }
}

/// Room left of a panel for its tick labels.
fn y_gutter(sweep: &Sweep) -> f64 {
    let axes = sweep.panels.iter().map(|panel| Axis {
        log: false,
        domain: panel.y_range(),
        span: (0.0, 1.0),
    });
    let labels = axes.flat_map(|axis| axis.ticks(Y_TICKS));
    labels
        .map(|(_, label)| font::width(&label, palette::SMALL, Weight::Regular))
        .fold(0.0, f64::max)
        + 8.0
}

/// Between the labels of neighbouring categories.
const SLOT_GAP: f64 = 8.0;
/// Pixels of the horizontal axis: away from the panel's edges, which categories are by themselves.
fn within(scale: &Scale, left: f64, width: f64) -> (f64, f64) {
    let inset = if matches!(scale, Scale::Category(_)) {
        0.0
    } else {
        INSET
    };
    (left + inset, left + width - inset)
}

/// Least width of a panel in which no word of a category breaks.
fn least_width(sweep: &Sweep) -> f64 {
    let Scale::Category(names) = &sweep.scale else {
        return 0.0;
    };
    let words = names.iter().flat_map(|name| name.split_ascii_whitespace());
    let widest = words
        .map(|word| font::width(word, palette::SMALL, Weight::Regular))
        .fold(0.0, f64::max);
    (widest + SLOT_GAP) * names.len() as f64
}

/// Ticks of the horizontal axis with their labels in lines.
fn x_ticks(sweep: &Sweep, values: &[f64], width: f64) -> Vec<(f64, Vec<String>)> {
    const LINES: usize = 3;
    if let Scale::Category(names) = &sweep.scale {
        let room = (width / names.len().max(1) as f64 - SLOT_GAP).max(12.0);
        let label = |name: &String| {
            let mut lines = font::wrap(name, palette::SMALL, Weight::Regular, room);
            if lines.len() > LINES {
                lines.truncate(LINES);
                lines[LINES - 1] = font::fitted(
                    &format!("{}\u{2026}\u{2026}", lines[LINES - 1]),
                    palette::SMALL,
                    room,
                );
            }
            lines
        };
        return names
            .iter()
            .enumerate()
            .map(|(i, name)| (i as f64, label(name)))
            .collect();
    }
    if values.is_empty() {
        return Vec::new();
    }
    let most = ((width - 2.0 * INSET) / 30.0 + 1.0).max(2.0) as usize;
    let axis = sweep.x_axis(values, within(&sweep.scale, 0.0, width));
    let own = own_ticks(&axis, values);
    own.unwrap_or_else(|| axis.ticks(most))
        .into_iter()
        .map(|(value, label)| (value, vec![label]))
        .collect()
}

/// Labels at the values themselves, ascending. `None` on a linear axis, if all are powers of ten, or
/// if the labels would touch.
fn own_ticks(axis: &Axis, values: &[f64]) -> Option<Vec<(f64, String)>> {
    const ROOM: f64 = 5.0;
    let is_power = |value: &f64| (value.log10() - value.log10().round()).abs() < 1e-9;
    if !axis.log || values.iter().all(is_power) {
        return None;
    }
    let ticks = values.iter().map(|&value| (value, number(value)));
    let ticks: Vec<(f64, String)> = ticks.collect();
    let half = |label: &str| font::width(label, palette::SMALL, Weight::Regular) / 2.0;
    let apart = ticks.windows(2).all(|pair| {
        let [(one, left), (other, right)] = pair else {
            return true;
        };
        axis.at(*other) - axis.at(*one) >= half(left) + half(right) + ROOM
    });
    apart.then_some(ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_no_powers_of_ten_have_labels_of_their_own() {
        let axis = Axis {
            log: true,
            domain: (0.02, 0.4),
            span: (0.0, 200.0),
        };
        let labels = |values: &[f64], axis: &Axis| {
            let ticks = own_ticks(axis, values)?;
            Some(
                ticks
                    .into_iter()
                    .map(|(_, label)| label)
                    .collect::<Vec<_>>(),
            )
        };
        let values = [0.02, 0.05, 0.1, 0.2, 0.4];
        let own = labels(&values, &axis).unwrap_or_default();
        assert_eq!(own, ["0.02", "0.05", "0.1", "0.2", "0.4"]);
        // Where they would touch, where powers say it, and on a linear axis the usual ones do.
        let narrow = Axis {
            span: (0.0, 60.0),
            ..axis
        };
        assert_eq!(labels(&values, &narrow), None);
        assert_eq!(labels(&[0.001, 0.01, 0.1], &axis), None);
        assert_eq!(labels(&values, &Axis { log: false, ..axis }), None);
    }
}
