//! Baselines of a sweep: dashed lines across a panel with labels beside their ends.

use super::super::Error;
use super::super::canvas::{Canvas, Pen, Type};
use super::super::font::{self, Weight};
use super::super::labels::spread;
use super::super::palette;
use super::drawing::Place;
use super::{Panel, Sweep};

/// Widest label beside a baseline.
const WIDEST: f64 = 104.0;
/// Height of a line of a label.
const LINE: f64 = 13.0;
/// From a panel's edge to the label of a baseline.
const LEADER: f64 = 14.0;

/// The wrapped labels of a panel's baselines, and the height of all of them.
pub(super) fn labels(panel: &Panel) -> (Vec<(f64, Vec<String>)>, f64) {
    let labels: Vec<_> = panel
        .baselines
        .iter()
        .filter(|baseline| baseline.value.is_finite())
        .map(|baseline| {
            (
                baseline.value,
                font::wrap(&baseline.label, palette::SMALL, Weight::Regular, WIDEST),
            )
        })
        .collect();
    let height = labels.iter().map(|(_, lines)| block(lines)).sum();
    (labels, height)
}

/// Height of a wrapped label with a little room around it.
fn block(lines: &[String]) -> f64 {
    lines.len() as f64 * LINE + 2.0
}

/// Room right of a panel for the labels of its baselines.
pub(super) fn gutter(sweep: &Sweep) -> f64 {
    let lines = sweep
        .panels
        .iter()
        .flat_map(|panel| labels(panel).0)
        .flat_map(|(_, lines)| lines);
    let widest = lines
        .map(|line| font::width(&line, palette::SMALL, Weight::Regular))
        .fold(0.0, f64::max);
    if widest > 0.0 {
        widest + LEADER + 2.0
    } else {
        4.0
    }
}

/// Draws all baselines of a panel.
pub(super) fn draw(canvas: &Canvas, panel: &Panel, place: &Place) -> Result<(), Error> {
    let (labels, _) = labels(panel);
    let wanted: Vec<f64> = labels.iter().map(|(value, _)| place.y.at(*value)).collect();
    let heights: Vec<f64> = labels.iter().map(|(_, lines)| block(lines)).collect();
    let centres = spread(&wanted, &heights, (place.top - 6.0, place.bottom + 6.0));
    for (((_, lines), y), centre) in labels.iter().zip(wanted).zip(centres) {
        canvas.dashes(
            (place.left, y),
            (place.right, y),
            Pen::line(palette::MUTED, 0.9),
        )?;
        let start = place.right + LEADER;
        canvas.line(
            &[(place.right, y), (start - 3.0, centre)],
            Pen::line(palette::PUBLISHED, 0.7),
        )?;
        let first = centre - (lines.len() as f64 - 1.0) / 2.0 * LINE;
        for (i, line) in lines.iter().enumerate() {
            let y = first + i as f64 * LINE;
            canvas.text((start, y), line, Type::new(palette::SMALL, palette::MUTED))?;
        }
    }
    Ok(())
}
