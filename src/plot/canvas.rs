//! A drawing surface in pixels over plotters' SVG backend, which counts in whole units.
//!
//! Ten units make a pixel, so that thin lines and positions between pixels survive; the header of the finished SVG
//! says so through its `viewBox`.

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, RGBColor, ShapeStyle, TextStyle};

use super::Error;
use super::font::{self, Weight};
use super::palette;

/// Backend units in a pixel.
pub(super) const UNITS: f64 = 10.0;

/// Where a text stands relative to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Centre,
    Right,
}

/// How a text looks. Its point is on the vertical middle of the small letters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Type {
    pub size: f64,
    pub weight: Weight,
    pub colour: RGBColor,
    pub align: Align,
}

impl Type {
    /// Regular text that starts at its point.
    pub fn new(size: f64, colour: RGBColor) -> Self {
        Self {
            size,
            weight: Weight::Regular,
            colour,
            align: Align::Left,
        }
    }

    /// The same in bold.
    pub fn bold(self) -> Self {
        Self {
            weight: Weight::Bold,
            ..self
        }
    }

    /// The same with another alignment.
    pub fn align(self, align: Align) -> Self {
        Self { align, ..self }
    }
}

/// Colour, opacity and width in pixels of a line or a fill.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pen {
    pub colour: RGBColor,
    pub opacity: f64,
    pub width: f64,
}

impl Pen {
    /// An opaque line.
    pub fn line(colour: RGBColor, width: f64) -> Self {
        Self {
            colour,
            opacity: 1.0,
            width,
        }
    }

    fn style(self, filled: bool) -> ShapeStyle {
        ShapeStyle {
            color: self.colour.mix(self.opacity),
            filled,
            stroke_width: units(self.width).max(1) as u32,
        }
    }
}

fn units(pixels: f64) -> i32 {
    (pixels * UNITS).round() as i32
}

fn at((x, y): (f64, f64)) -> (i32, i32) {
    (units(x), units(y))
}

/// A white page that collects shapes as SVG.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    title: &'a str,
}

impl<'a> Canvas<'a> {
    /// Starts a page of `width` x `height` pixels in `svg`; `title` names the figure in errors.
    pub fn new(
        svg: &'a mut String,
        title: &'a str,
        width: f64,
        height: f64,
    ) -> Result<Self, Error> {
        font::register()?;
        let area = SVGBackend::with_string(svg, (units(width) as u32, units(height) as u32))
            .into_drawing_area();
        let canvas = Self { area, title };
        canvas.rectangle((0.0, 0.0), (width, height), Pen::line(palette::PAPER, 1.0))?;
        Ok(canvas)
    }

    fn check<E: std::error::Error + Send + Sync>(
        &self,
        result: Result<(), DrawingAreaErrorKind<E>>,
    ) -> Result<(), Error> {
        result.map_err(|error| Error::Draw {
            title: self.title.to_owned(),
            reason: error.to_string(),
        })
    }

    /// Draws a line through the points.
    pub fn line(&self, points: &[(f64, f64)], pen: Pen) -> Result<(), Error> {
        let points: Vec<_> = points.iter().copied().map(at).collect();
        self.check(self.area.draw(&PathElement::new(points, pen.style(false))))
    }

    /// Draws a dashed straight line.
    pub fn dashes(&self, from: (f64, f64), to: (f64, f64), pen: Pen) -> Result<(), Error> {
        const PERIOD: f64 = 6.0;
        const ON: f64 = 3.5;
        let length = (to.0 - from.0).hypot(to.1 - from.1);
        let point = |s: f64| {
            let t = (s / length).min(1.0);
            (from.0 + t * (to.0 - from.0), from.1 + t * (to.1 - from.1))
        };
        for dash in 0..(length / PERIOD).ceil() as usize {
            let start = dash as f64 * PERIOD;
            self.line(&[point(start), point(start + ON)], pen)?;
        }
        Ok(())
    }

    /// Fills a rectangle between two opposite corners.
    pub fn rectangle(&self, from: (f64, f64), to: (f64, f64), pen: Pen) -> Result<(), Error> {
        self.check(
            self.area
                .draw(&Rectangle::new([at(from), at(to)], pen.style(true))),
        )
    }

    /// Fills a circle.
    pub fn dot(&self, centre: (f64, f64), radius: f64, pen: Pen) -> Result<(), Error> {
        self.check(
            self.area
                .draw(&Circle::new(at(centre), units(radius), pen.style(true))),
        )
    }

    /// Writes one line of text.
    pub fn text(&self, point: (f64, f64), text: &str, face: Type) -> Result<(), Error> {
        // XML has no way to write most control characters, and a figure has no use for them.
        let text: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let h_pos = match face.align {
            Align::Left => HPos::Left,
            Align::Centre => HPos::Center,
            Align::Right => HPos::Right,
        };
        let description = font::description(face.size, face.weight);
        let style = TextStyle {
            font: description,
            color: face.colour.to_backend_color(),
            pos: Pos::new(h_pos, VPos::Center),
        };
        self.check(self.area.draw_text(&text, &style, at(point)))
    }

    /// Ends the page.
    pub fn finish(self) -> Result<(), Error> {
        self.check(self.area.present())
    }
}
