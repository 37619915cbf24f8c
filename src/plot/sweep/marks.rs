//! Marks of a sweep: ours, published, single runs, and the key that explains them.

use super::super::Error;
use super::super::axis::Axis;
use super::super::canvas::{Canvas, Pen, Type};
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
    Seeds,
    Published,
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
    if point.seeds.len() > 1 {
        let seeds: Vec<f64> = point
            .seeds
            .iter()
            .filter(|seed| seed.is_finite())
            .map(|&seed| y.at(seed))
            .collect();
        let pen = Pen {
            colour: palette::OURS,
            opacity: 0.5,
            width: 1.0,
        };
        for (column, y) in swarm(&seeds) {
            // Beside the mean where there is room, behind it where there is not.
            let dx = if spacing >= BESIDE {
                11.5 + 3.2 * column as f64
            } else {
                0.0
            };
            canvas.dot((x + dx, y), 1.7, pen)?;
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
    canvas.dot((x, y.at(point.mean)), 3.4, pen)
}

/// Puts dots at the given heights into the first of three columns where they touch no other.
fn swarm(heights: &[f64]) -> Vec<(usize, f64)> {
    const COLUMNS: usize = 3;
    const APART: f64 = 3.2;
    let mut sorted = heights.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut last = [f64::NEG_INFINITY; COLUMNS];
    let mut place = |y: f64| {
        let free = (0..COLUMNS).find(|&column| y - last[column] >= APART);
        // All columns are full here: the dots overlap, in the column whose last dot is farthest.
        let farthest = || {
            (0..COLUMNS)
                .min_by(|&a, &b| last[a].total_cmp(&last[b]))
                .unwrap_or(0)
        };
        let column = free.unwrap_or_else(farthest);
        last[column] = y;
        (column, y)
    };
    sorted.into_iter().map(&mut place).collect()
}

impl Mark {
    fn label(self) -> &'static str {
        match self {
            Self::Ours => "ours: mean \u{b1} sd",
            Self::Seeds => "ours: single runs",
            Self::Published => "published: mean \u{b1} sd",
        }
    }
}

const KEY_MARK: f64 = 22.0;

/// The marks that occur, in rows, each with its left edge.
pub(super) fn key(sweep: &Sweep) -> Vec<Vec<(Mark, f64)>> {
    let ours = || sweep.panels.iter().flat_map(|panel| &panel.ours);
    let present = [
        (Mark::Ours, ours().any(|point| point.mean.is_finite())),
        (Mark::Seeds, ours().any(|point| point.seeds.len() > 1)),
        (
            Mark::Published,
            sweep.panels.iter().any(|panel| !panel.published.is_empty()),
        ),
    ];
    let mut x = MARGIN;
    let mut row = Vec::new();
    for (mark, _) in present.into_iter().filter(|(_, present)| *present) {
        row.push((mark, x));
        x += KEY_MARK + font::width(mark.label(), palette::BODY, Weight::Regular) + 22.0;
    }
    if row.is_empty() {
        Vec::new()
    } else {
        vec![row]
    }
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
        seeds: Vec::new(),
    };
    match mark {
        Mark::Ours => draw_ours(canvas, centre, &point, &axis, 0.0)?,
        Mark::Published => draw_published(canvas, centre, &point, &axis)?,
        Mark::Seeds => {
            let pen = Pen {
                colour: palette::OURS,
                opacity: 0.5,
                width: 1.0,
            };
            for (dx, dy) in [(-3.4, -1.6), (0.0, 2.4), (3.4, -0.8)] {
                canvas.dot((centre + dx, y + dy), 1.7, pen)?;
            }
        }
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
        let placed = swarm(&[10.0, 10.5, 11.0, 13.5, 20.0]);
        assert_eq!(
            placed,
            [(0, 10.0), (1, 10.5), (2, 11.0), (0, 13.5), (0, 20.0)]
        );
        assert_eq!(swarm(&[1.0; 6]).len(), 6);
    }
}
