//! Marks of a sweep: ours, published, single runs with and without a value, and the key that explains them.

use super::super::Error;
use super::super::axis::Axis;
use super::super::canvas::{Align, Canvas, Pen, Type};
use super::super::font::{self, Weight};
use super::super::frame::MARGIN;
use super::super::palette;
use super::{Point, Sweep};

/// Least distance between values that leaves room for seeds between them.
const BESIDE: f64 = 29.0;

/// Marks that the key explains.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Ours,
    Runs,
    Collapsed,
    Published,
    Diverged,
    Undefined,
}

/// The points that have a place and a mean.
pub(super) fn drawable(points: &[Point]) -> impl Iterator<Item = &Point> {
    points
        .iter()
        .filter(|point| point.x.is_finite() && point.mean.is_finite())
}

/// Pixels of mean - sd and mean + sd, within the panel.
fn bar(point: &Point, y: &Axis) -> Option<(f64, f64)> {
    let within = |value: f64| y.at(value.clamp(y.domain.0, y.domain.1));
    point
        .finite_sd()
        .map(|sd| (within(point.mean - sd), within(point.mean + sd)))
}

/// A grey band and tick.
pub(super) fn draw_published(
    canvas: &Canvas,
    x: f64,
    point: &Point,
    y: &Axis,
) -> Result<(), Error> {
    if let Some((low, high)) = bar(point, y) {
        canvas.rectangle(
            (x - 7.0, high),
            (x + 7.0, low),
            Pen::line(palette::PUBLISHED_BAND, 1.0),
        )?;
    }
    let middle = y.at(point.mean);
    canvas.line(
        &[(x - 8.5, middle), (x + 8.5, middle)],
        Pen::line(palette::PUBLISHED, 2.0),
    )
}

/// A dot with its bar, and the single runs beside it.
pub(super) fn draw_ours(
    canvas: &Canvas,
    x: f64,
    point: &Point,
    y: &Axis,
    spacing: f64,
) -> Result<(), Error> {
    if point.runs.len() > 1 {
        let runs = point.runs.iter();
        let runs: Vec<(f64, bool)> = runs
            .filter_map(|run| Some((y.at(run.value()?), run.is_collapsed())))
            .collect();
        for (column, y, collapsed) in swarm(&runs) {
            // Beside the mean where there is room, behind it where there is not.
            let dx = if spacing >= BESIDE {
                11.5 + 3.2 * column as f64
            } else {
                0.0
            };
            draw_run(canvas, (x + dx, y), collapsed)?;
        }
    }
    if !point.mean.is_finite() {
        return Ok(());
    }
    let pen = Pen::line(palette::OURS, 1.4);
    if let Some((low, high)) = bar(point, y) {
        canvas.line(&[(x, low), (x, high)], pen)?;
        for end in [low, high] {
            canvas.line(&[(x - 3.0, end), (x + 3.0, end)], pen)?;
        }
    }
    let centre = (x, y.at(point.mean));
    canvas.dot(centre, 3.4, pen)?;
    if point.valued() > 0 && point.valued() == point.collapsed() {
        // Hollow: there is no other kind of run behind this mean.
        canvas.dot(centre, 2.0, Pen::line(palette::PAPER, 1.0))?;
    }
    Ok(())
}

/// A dot, or a ring for a run that collapsed.
fn draw_run(canvas: &Canvas, centre: (f64, f64), collapsed: bool) -> Result<(), Error> {
    if collapsed {
        canvas.dot(centre, 2.2, Pen::line(palette::OURS, 1.0))?;
        return canvas.dot(centre, 1.3, Pen::line(palette::PAPER, 1.0));
    }
    let pen = Pen {
        colour: palette::OURS,
        opacity: 0.5,
        width: 1.0,
    };
    canvas.dot(centre, 1.7, pen)
}

fn draw_cross(canvas: &Canvas, (x, y): (f64, f64)) -> Result<(), Error> {
    const ARM: f64 = 3.2;
    let pen = Pen::line(palette::WARNING, 1.5);
    canvas.line(&[(x - ARM, y - ARM), (x + ARM, y + ARM)], pen)?;
    canvas.line(&[(x - ARM, y + ARM), (x + ARM, y - ARM)], pen)
}

fn draw_question(canvas: &Canvas, centre: (f64, f64)) -> Result<(), Error> {
    let face = Type::new(palette::SMALL, palette::TEXT).bold();
    canvas.text(centre, "?", face.align(Align::Centre))
}

/// The runs without a value, as one mark of a kind with its number if there are several; `spacing` is the room.
pub(super) fn draw_lost(
    canvas: &Canvas,
    (x, y): (f64, f64),
    point: &Point,
    spacing: f64,
) -> Result<(), Error> {
    const MARK: f64 = 8.0;
    const GAP: f64 = 3.0;
    let kinds = [
        (point.diverged(), Mark::Diverged),
        (point.undefined(), Mark::Undefined),
    ];
    let kinds: Vec<(String, Mark)> = kinds
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, mark)| {
            (
                if count > 1 {
                    count.to_string()
                } else {
                    String::new()
                },
                mark,
            )
        })
        .collect();
    let number = |text: &str| match text {
        "" => 0.0,
        text => GAP + font::width(text, palette::SMALL, Weight::Regular),
    };
    let width = |numbers: bool| {
        let marks = kinds
            .iter()
            .map(|(text, _)| MARK + if numbers { number(text) } else { 0.0 });
        marks.sum::<f64>() + 2.0 * GAP * kinds.len().saturating_sub(1) as f64
    };
    // The caption has the numbers where there is no room for them.
    let numbers = width(true) + GAP <= spacing;
    let mut left = x - width(numbers) / 2.0;
    for (text, mark) in &kinds {
        let centre = (left + MARK / 2.0, y);
        match mark {
            Mark::Diverged => draw_cross(canvas, centre)?,
            _ => draw_question(canvas, centre)?,
        }
        left += MARK;
        if numbers && !text.is_empty() {
            let right = left + number(text);
            let face = Type::new(palette::SMALL, palette::MUTED).align(Align::Right);
            canvas.text((right, y), text, face)?;
            left = right;
        }
        left += 2.0 * GAP;
    }
    Ok(())
}

/// Puts dots at the given heights into the first of three columns where they touch no other; what comes with a height
/// stays with it.
fn swarm<T: Copy>(heights: &[(f64, T)]) -> Vec<(usize, f64, T)> {
    const COLUMNS: usize = 3;
    const APART: f64 = 3.2;
    let mut sorted = heights.to_vec();
    sorted.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let mut last = [f64::NEG_INFINITY; COLUMNS];
    let mut place = |(y, kind): (f64, T)| {
        let free = (0..COLUMNS).find(|&column| y - last[column] >= APART);
        // All columns are full here: the dots overlap, in the column whose last dot is farthest.
        let farthest = || {
            (0..COLUMNS)
                .min_by(|&a, &b| last[a].total_cmp(&last[b]))
                .unwrap_or(0)
        };
        let column = free.unwrap_or_else(farthest);
        last[column] = y;
        (column, y, kind)
    };
    sorted.into_iter().map(&mut place).collect()
}

impl Mark {
    fn label(self) -> &'static str {
        match self {
            Self::Ours => "ours: mean \u{b1} sd",
            Self::Runs => "ours: single runs",
            Self::Collapsed => "ours: collapsed",
            Self::Published => "published: mean \u{b1} sd",
            Self::Diverged => "diverged: no value",
            Self::Undefined => "undefined: no value",
        }
    }
}

const KEY_MARK: f64 = 22.0;

/// The marks that occur, in rows of this width, each with its left edge.
pub(super) fn key(sweep: &Sweep, width: f64) -> Vec<Vec<(Mark, f64)>> {
    const APART: f64 = 22.0;
    let ours = || sweep.panels.iter().flat_map(|panel| &panel.ours);
    let present = [
        (Mark::Ours, ours().any(|point| point.mean.is_finite())),
        (Mark::Runs, ours().any(|point| point.runs.len() > 1)),
        (Mark::Collapsed, ours().any(|point| point.collapsed() > 0)),
        (
            Mark::Published,
            sweep.panels.iter().any(|panel| !panel.published.is_empty()),
        ),
        (Mark::Diverged, ours().any(|point| point.diverged() > 0)),
        (Mark::Undefined, ours().any(|point| point.undefined() > 0)),
    ];
    let mut rows: Vec<Vec<(Mark, f64)>> = Vec::new();
    let mut x = f64::INFINITY;
    for (mark, _) in present.into_iter().filter(|(_, present)| *present) {
        let own = KEY_MARK + font::width(mark.label(), palette::BODY, Weight::Regular);
        if x + own > width - MARGIN {
            rows.push(Vec::new());
            x = MARGIN;
        }
        if let Some(row) = rows.last_mut() {
            row.push((mark, x));
        }
        x += own + APART;
    }
    rows
}

/// A mark with its meaning; the point is its left middle.
pub(super) fn draw_key(canvas: &Canvas, mark: Mark, (x, y): (f64, f64)) -> Result<(), Error> {
    let centre = x + 8.0;
    let axis = Axis {
        log: false,
        domain: (-1.0, 1.0),
        span: (y + 7.0, y - 7.0),
    };
    let point = Point {
        x: 0.0,
        mean: 0.0,
        sd: Some(0.9),
        runs: Vec::new(),
    };
    match mark {
        Mark::Ours => draw_ours(canvas, centre, &point, &axis, 0.0)?,
        Mark::Published => draw_published(canvas, centre, &point, &axis)?,
        Mark::Runs => {
            for (dx, dy) in [(-3.4, -1.6), (0.0, 2.4), (3.4, -0.8)] {
                draw_run(canvas, (centre + dx, y + dy), false)?;
            }
        }
        Mark::Collapsed => draw_run(canvas, (centre, y), true)?,
        Mark::Diverged => draw_cross(canvas, (centre, y))?,
        Mark::Undefined => draw_question(canvas, (centre, y))?,
    }
    canvas.text(
        (x + KEY_MARK, y),
        mark.label(),
        Type::new(palette::BODY, palette::TEXT),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_of_a_swarm_do_not_touch() {
        let placed = swarm(&[
            (20.0, 'e'),
            (10.5, 'b'),
            (11.0, 'c'),
            (13.5, 'd'),
            (10.0, 'a'),
        ]);
        assert_eq!(
            placed,
            [
                (0, 10.0, 'a'),
                (1, 10.5, 'b'),
                (2, 11.0, 'c'),
                (0, 13.5, 'd'),
                (0, 20.0, 'e')
            ]
        );
        assert_eq!(swarm(&[(1.0, ()); 6]).len(), 6);
    }
}
