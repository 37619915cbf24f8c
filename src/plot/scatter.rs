//! Clouds of points in two dimensions, such as t-SNE pictures: panels side by side, a colour a class.
//!
//! Points are a bitmap, for an SVG of twenty thousand circles would be of no use; words and marks are outlines.

use plotters::style::RGBColor;
use resvg::tiny_skia::{FillRule, Paint, PathBuilder, Pixmap, Stroke, Transform};

use super::Error;
use super::canvas::{Align, Pen, Type};
use super::figure::{Figure, Raster};
use super::frame::{Frame, MARGIN, sentences};
use super::palette;

/// Panels in rows of two.
#[derive(Clone, Debug, PartialEq)]
pub struct Scatter {
    /// One line above everything.
    pub title: String,
    /// Panels, row by row.
    pub panels: Vec<Cloud>,
    /// Names of the classes, set in their colours below the panels.
    pub classes: Vec<String>,
    /// Sentences below the figure.
    pub caption: String,
    /// A warning below the title, such as "quick profile: no verdict".
    pub note: Option<String>,
}

/// One panel. Its axes mean nothing and are not drawn; both have the same scale.
#[derive(Clone, Debug, PartialEq)]
pub struct Cloud {
    /// Above the panel.
    pub heading: String,
    /// Below the heading, in grey: numbers that belong to the picture.
    pub remark: String,
    /// Points with the number of their class; those that are not finite are not drawn.
    pub points: Vec<([f32; 2], usize)>,
    /// Places marked with a cross, e.g. centroids.
    pub marks: Vec<[f32; 2]>,
    /// Lines between marks, as pairs of their numbers.
    pub links: Vec<[usize; 2]>,
    /// Half the width and half the height of the whole world, about the origin, of which points may fill a part:
    /// drawn as a rectangle. Without one the panel shows where points and marks are.
    pub world: Option<[f32; 2]>,
}

const SIDE: f64 = 360.0;
const GAP: f64 = 16.0;
const HEADING: f64 = 38.0;
const KEY: f64 = 24.0;
/// Pixels of the bitmap for each of the figure.
const FINE: f64 = 2.0;
/// A point's radius in pixels of the figure.
const RADIUS: f64 = 1.1;

/// Colours of classes: the series' and, beyond them, darker ones.
const CLASSES: [RGBColor; 12] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x56, 0xB4, 0xE9),
    RGBColor(0x70, 0x70, 0x70),
    RGBColor(0x8C, 0x56, 0x4B),
    RGBColor(0x6A, 0x3D, 0x9A),
    RGBColor(0xB5, 0xBD, 0x00),
    RGBColor(0x00, 0x33, 0x66),
    RGBColor(0x99, 0x00, 0x33),
];

impl Scatter {
    /// Draws the figure.
    ///
    /// # Errors
    /// [`Error::Empty`] without panels, [`Error::Draw`] if the library fails.
    pub fn draw(&self) -> Result<Figure, Error> {
        if self.panels.is_empty() {
            return Err(Error::Empty {
                title: self.title.clone(),
                what: "panels",
            });
        }
        let columns = self.panels.len().min(2);
        let heights = self.heights();
        let inner = columns as f64 * SIDE + (columns - 1) as f64 * GAP;
        let cell = |height: &f64| HEADING + height + GAP;
        let area: f64 = heights.iter().map(cell).sum();
        let drawn = self.panels.iter().map(|panel| panel.points.len());
        let frame = Frame {
            title: &self.title,
            note: self.note.as_deref(),
            caption: sentences([self.caption.as_str()]),
            description: format!(
                "{} panels of {} points in all: {}.",
                self.panels.len(),
                drawn.sum::<usize>(),
                self.headings()
            ),
            width: inner + 2.0 * MARGIN,
        };
        frame.compose(area + KEY, |canvas, top| {
            let corner = |index: usize| {
                let (row, column) = (index / 2, index % 2);
                let above: f64 = heights[..row].iter().map(cell).sum();
                [column as f64 * (SIDE + GAP), above + HEADING]
            };
            let failed = |reason: &str| Error::Draw {
                title: self.title.clone(),
                reason: reason.to_owned(),
            };
            let size = [inner, area].map(|side| (side * FINE).round() as u32);
            let mut page =
                Pixmap::new(size[0], size[1]).ok_or_else(|| failed("no bitmap of that size"))?;
            for (index, panel) in self.panels.iter().enumerate() {
                let [x, y] = corner(index);
                let view = View::of(panel, [x + SIDE / 2.0, y + heights[index / 2] / 2.0]);
                if let Some([across, up]) = panel.world {
                    let corners = [[-across, -up], [across, -up], [across, up], [-across, up]];
                    for side in 0..4 {
                        let ends = [corners[side], corners[(side + 1) % 4]];
                        if let [Some(one), Some(other)] = ends.map(|at| view.place(at)) {
                            link(&mut page, one, other);
                        }
                    }
                }
                for (at, class) in &panel.points {
                    let Some(at) = view.place(*at) else { continue };
                    dot(&mut page, at, CLASSES[class % CLASSES.len()]);
                }
                let (left, above) = (MARGIN + x, top + y - HEADING);
                let heading = Type::new(palette::HEADING, palette::TEXT).bold();
                canvas.text((left, above + 8.0), &panel.heading, heading)?;
                let remark = Type::new(palette::SMALL, palette::MUTED);
                canvas.text((left, above + 25.0), &panel.remark, remark)?;
                for &[one, other] in &panel.links {
                    let ends = [one, other]
                        .map(|mark| panel.marks.get(mark).and_then(|at| view.place(*at)));
                    if let [Some(one), Some(other)] = ends {
                        link(&mut page, one, other);
                    }
                }
                // Marks go into the bitmap too: it lies above the lines.
                for mark in &panel.marks {
                    let Some(at) = view.place(*mark) else {
                        continue;
                    };
                    cross(&mut page, at);
                }
            }
            let width = inner / self.classes.len().max(1) as f64;
            for (class, name) in self.classes.iter().enumerate() {
                let middle = MARGIN + (class as f64 + 0.5) * width;
                let colour = CLASSES[class % CLASSES.len()];
                let y = top + area + KEY / 2.0;
                canvas.dot((middle - 10.0, y), 4.0, Pen::line(colour, 1.0))?;
                let face = Type::new(palette::SMALL, palette::TEXT).align(Align::Left);
                canvas.text((middle - 2.0, y), name, face)?;
            }
            let png = page
                .encode_png()
                .map_err(|error| failed(&error.to_string()))?;
            Ok(Some(Raster {
                corner: (MARGIN, top),
                size: (inner, area),
                png,
            }))
        })
    }

    /// The height of each row: a side, but where no panel of it needs that much.
    fn heights(&self) -> Vec<f64> {
        let rows = self.panels.chunks(2);
        let height = |row: &[Cloud]| row.iter().map(Cloud::height).fold(0.0, f64::max);
        rows.map(height).collect()
    }

    fn headings(&self) -> String {
        let panels = self.panels.iter();
        let words = panels.map(|panel| format!("{} ({})", panel.heading, panel.remark));
        words.collect::<Vec<_>>().join("; ")
    }
}

impl Cloud {
    /// That of its world, as wide as a panel is; without one a square.
    fn height(&self) -> f64 {
        let share = self
            .world
            .map_or(1.0, |[across, up]| f64::from(up / across));
        SIDE * share.min(1.0)
    }
}

/// From a panel's points to pixels of the bitmap.
struct View {
    middle: [f64; 2],
    scale: f64,
    centre: [f64; 2],
}

impl View {
    /// With the middle of the panel at `centre`.
    fn of(panel: &Cloud, centre: [f64; 2]) -> Self {
        let corners = panel
            .world
            .map(|[across, up]| [[-across, -up], [across, up]]);
        let points = panel.points.iter().map(|(at, _)| at).chain(&panel.marks);
        let points = points.chain(corners.iter().flatten());
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for at in points.filter(|at| at.iter().all(|value| value.is_finite())) {
            for axis in 0..2 {
                low[axis] = low[axis].min(f64::from(at[axis]));
                high[axis] = high[axis].max(f64::from(at[axis]));
            }
        }
        let extent = (high[0] - low[0]).max(high[1] - low[1]);
        let scale = if extent > 0.0 {
            (SIDE - 12.0) / extent
        } else {
            0.0
        };
        Self {
            middle: [0, 1].map(|axis| f64::midpoint(low[axis], high[axis])),
            scale,
            centre,
        }
    }

    fn place(&self, at: [f32; 2]) -> Option<[f32; 2]> {
        let pixel = |axis: usize, sign: f64| {
            let offset = (f64::from(at[axis]) - self.middle[axis]) * self.scale * sign;
            ((self.centre[axis] + offset) * FINE) as f32
        };
        let place = [pixel(0, 1.0), pixel(1, -1.0)];
        place.iter().all(|value| value.is_finite()).then_some(place)
    }
}

fn dot(page: &mut Pixmap, [x, y]: [f32; 2], colour: RGBColor) {
    let Some(path) = PathBuilder::from_circle(x, y, (RADIUS * FINE) as f32) else {
        return;
    };
    let mut paint = Paint::default();
    paint.set_color_rgba8(colour.0, colour.1, colour.2, 170);
    page.fill_path(
        &path,
        &paint,
        FillRule::Winding,
        Transform::identity(),
        None,
    );
}

/// A thin line between two marks.
fn link(page: &mut Pixmap, [x, y]: [f32; 2], [to_x, to_y]: [f32; 2]) {
    let mut builder = PathBuilder::new();
    builder.move_to(x, y);
    builder.line_to(to_x, to_y);
    let Some(path) = builder.finish() else {
        return;
    };
    let mut paint = Paint::default();
    // Many of them have to leave the points visible.
    paint.set_color_rgba8(0, 0, 0, 110);
    let stroke = Stroke {
        width: (0.5 * FINE) as f32,
        ..Stroke::default()
    };
    page.stroke_path(&path, &paint, &stroke, Transform::identity(), None);
}

/// A black cross on a white one, which shows on every colour.
fn cross(page: &mut Pixmap, [x, y]: [f32; 2]) {
    for (grey, long, thick) in [(255, 13.0, 3.5), (0, 11.0, 1.8)] {
        let mut paint = Paint::default();
        paint.set_color_rgba8(grey, grey, grey, 255);
        for degrees in [45.0, 135.0] {
            let bar = resvg::tiny_skia::Rect::from_ltrb(-long, -thick, long, thick);
            if let Some(bar) = bar {
                let turned = Transform::from_rotate(degrees).post_translate(x, y);
                page.fill_path(
                    &PathBuilder::from_rect(bar),
                    &paint,
                    FillRule::Winding,
                    turned,
                    None,
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn cloud(points: Vec<([f32; 2], usize)>) -> Cloud {
        Cloud {
            heading: "before".to_owned(),
            remark: "silhouette 0.1".to_owned(),
            points,
            marks: vec![[0.5, 0.5], [0.9, 0.1]],
            // Beyond the marks: not drawn.
            links: vec![[0, 1], [1, 2]],
            world: None,
        }
    }

    fn scatter(panels: Vec<Cloud>) -> Scatter {
        Scatter {
            title: "Codes".to_owned(),
            panels,
            classes: vec!["0".to_owned(), "1".to_owned()],
            caption: "Crosses: centroids".to_owned(),
            note: None,
        }
    }

    #[test]
    fn a_flat_world_takes_no_more_room_than_it_needs() {
        let square = cloud(vec![([0.0, 0.0], 0)]);
        let flat = Cloud {
            world: Some([2.0, 1.0]),
            ..square.clone()
        };
        let heights = |panels: &[&Cloud]| {
            let panels = panels.iter().map(|panel| (*panel).clone());
            scatter(panels.collect()).heights()
        };
        let found = heights(&[&square, &flat, &flat]);
        assert_eq!(found.len(), 2);
        assert!((found[0] - SIDE).abs() < 1e-9 && (found[1] - SIDE / 2.0).abs() < 1e-9);
    }

    #[test]
    fn panels_are_drawn_with_their_words() {
        let one = cloud(vec![
            ([0.0, 0.0], 0),
            ([1.0, 1.0], 13),
            ([f32::NAN, 0.0], 1),
        ]);
        let figure = scatter(vec![one.clone(), one.clone(), one]).draw().unwrap();
        assert!(figure.description().contains("3 panels of 9 points"));
        assert!(figure.svg().contains("data:image/png;base64,"));
        assert!(figure.height() > 2.0 * SIDE);
    }

    #[test]
    fn a_world_is_shown_whole() {
        let whole = Cloud {
            world: Some([3.0, 2.0]),
            ..cloud(vec![([0.1, 0.0], 0), ([0.2, 0.1], 1)])
        };
        let view = View::of(&whole, [SIDE / 2.0; 2]);
        let [x, y] = view
            .place([3.0, 2.0])
            .unwrap()
            .map(|pixel| f64::from(pixel) / FINE);
        assert!(
            (x - (SIDE - 6.0)).abs() < 1e-3
                && (y - (SIDE / 2.0 - (SIDE - 12.0) / 3.0)).abs() < 1e-3
        );
        assert!(scatter(vec![whole]).draw().is_ok());
    }

    #[test]
    fn a_single_place_and_none_at_all_can_be_drawn() {
        let same = cloud(vec![([0.5, 0.5], 0); 3]);
        assert!(scatter(vec![same]).draw().is_ok());
        assert!(matches!(scatter(vec![]).draw(), Err(Error::Empty { .. })));
    }
}
