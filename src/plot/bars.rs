//! Grouped bars: a few settings beside each other for each of a few metrics, published values in grey beside ours.
//!
//! Bars begin at 0, so that their lengths can be compared. Each names its setting below it: there is no key to look
//! up but that of the grey ones.

use std::fmt::Write as _;

use plotters::style::RGBColor;

use super::Error;
use super::axis::{Axis, number, roomy};
use super::canvas::{Align, Canvas, Pen, Type};
use super::figure::Figure;
use super::font::{self, Weight};
use super::frame::{Frame, MARGIN, sample_sizes, sentences};
use super::palette;

/// Metrics side by side, each with one pair of bars for each setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Bars {
    /// One line above everything.
    pub title: String,
    /// Names of the settings, in order; short ones, set below the bars.
    pub settings: Vec<String>,
    /// One group a metric, from left to right.
    pub groups: Vec<BarGroup>,
    /// Where the vertical axis ends; more if a bar or its whisker is longer.
    pub top: f64,
    /// Sentences below the figure. Number of runs, what the whiskers are, and what is not drawn are added.
    pub caption: String,
    /// A warning below the title, such as "quick profile: no verdict".
    pub note: Option<String>,
}

/// One metric.
#[derive(Clone, Debug, PartialEq)]
pub struct BarGroup {
    /// Its name.
    pub metric: String,
    /// Ours, one for each setting.
    pub ours: Vec<Bar>,
    /// As published, one for each setting, where it was.
    pub published: Vec<Option<Bar>>,
}

/// A mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// Its length, at least 0; NaN where it is undefined: then it is not drawn, and the caption says so.
    pub mean: f64,
    /// Standard deviation over runs, where there is one.
    pub sd: Option<f64>,
    /// Runs behind it; 0 where that is not known.
    pub n: usize,
}

const WIDTH: f64 = 760.0;
const PLOT: f64 = 260.0;
const KEY: f64 = 24.0;
const TICK_LINE: f64 = 14.0;
const METRIC: f64 = 24.0;
const Y_TICKS: usize = 5;
/// Shares of a setting's room: its two bars, and what is left between settings.
const BAR: f64 = 0.36;
/// Share of a group's room that is left empty between groups.
const BETWEEN: f64 = 0.14;

impl Bar {
    fn finite_sd(self) -> Option<f64> {
        self.sd.filter(|sd| sd.is_finite() && self.mean.is_finite())
    }

    fn high(self) -> f64 {
        self.mean + self.finite_sd().unwrap_or(0.0)
    }
}

impl std::fmt::Display for Bar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.mean.is_finite() {
            return f.write_str("undefined");
        }
        f.write_str(&number(self.mean))?;
        if let Some(sd) = self.finite_sd() {
            write!(f, " \u{b1} {}", number(sd))?;
        }
        if self.n > 0 {
            write!(f, " (n = {})", self.n)?;
        }
        Ok(())
    }
}

/// Room and axis that all bars share.
struct Layout {
    y: Axis,
    left: f64,
    /// Pixels of a group, and of one setting in it.
    group: f64,
    setting: f64,
}

impl Bars {
    /// Draws the figure, 760 pixels wide.
    ///
    /// # Errors
    /// [`Error::Empty`] without settings or metrics.
    pub fn draw(&self) -> Result<Figure, Error> {
        for (none, what) in [
            (self.groups.is_empty(), "metrics"),
            (self.settings.is_empty(), "settings"),
        ] {
            if none {
                return Err(Error::Empty {
                    title: self.title.clone(),
                    what,
                });
            }
        }
        font::register()?;
        let layout = self.layout(0.0);
        let lines = self.labels(&layout).iter().map(Vec::len).max().unwrap_or(1);
        let foot = 8.0 + lines as f64 * TICK_LINE + METRIC;
        let frame = Frame {
            title: &self.title,
            note: self.note.as_deref(),
            caption: sentences([self.caption.clone(), self.runs(), self.undefined()]),
            description: self.description(),
            width: WIDTH,
        };
        frame.compose(KEY + PLOT + foot, |canvas, top| {
            let layout = self.layout(top + KEY);
            Self::draw_axis(canvas, &layout)?;
            self.draw_key(canvas, top + KEY / 2.0 - 4.0)?;
            for index in 0..self.groups.len() {
                self.draw_group(canvas, &layout, index, lines)?;
            }
            Ok(None)
        })
    }

    fn layout(&self, top: f64) -> Layout {
        let all = self.groups.iter().flat_map(|group| {
            let published = group.published.iter().flatten();
            group.ours.iter().chain(published)
        });
        let high = all.map(|bar| bar.high()).filter(|high| high.is_finite());
        let high = high.fold(self.top, f64::max);
        let y = Axis {
            log: false,
            domain: (0.0, roomy(false, 0.0, high, Y_TICKS).1),
            span: (top + PLOT, top),
        };
        let labels = y.ticks(Y_TICKS).into_iter();
        let gutter = labels
            .map(|(_, label)| font::width(&label, palette::SMALL, Weight::Regular))
            .fold(0.0, f64::max);
        let left = MARGIN + gutter + 8.0;
        let group = (WIDTH - MARGIN - left) / self.groups.len() as f64;
        Layout {
            y,
            left,
            group,
            setting: group * (1.0 - BETWEEN) / self.settings.len() as f64,
        }
    }

    /// The settings' names in lines that fit below their bars.
    fn labels(&self, layout: &Layout) -> Vec<Vec<String>> {
        let room = layout.setting - 4.0;
        let settings = self.settings.iter();
        settings
            .map(|name| {
                let lines = font::wrap(name, palette::SMALL, Weight::Regular, room);
                let fit = |line: &String| {
                    // A word alone may be too long; what is cut is measured in bold.
                    if font::width(line, palette::SMALL, Weight::Regular) <= room {
                        line.clone()
                    } else {
                        font::fitted(line, palette::SMALL, room)
                    }
                };
                lines.iter().map(fit).collect()
            })
            .collect()
    }

    fn colour(index: usize) -> RGBColor {
        palette::SERIES[index % palette::SERIES.len()]
    }

    fn draw_axis(canvas: &Canvas, layout: &Layout) -> Result<(), Error> {
        let (left, right) = (layout.left, WIDTH - MARGIN);
        let small = Type::new(palette::SMALL, palette::MUTED);
        for (value, label) in layout.y.ticks(Y_TICKS) {
            let at = layout.y.at(value);
            canvas.line(&[(left, at), (right, at)], Pen::line(palette::GRID, 0.8))?;
            canvas.text((left - 6.0, at), &label, small.align(Align::Right))?;
        }
        let (bottom, top) = layout.y.span;
        let axis = Pen::line(palette::AXIS, 0.9);
        canvas.line(&[(left, top), (left, bottom), (right, bottom)], axis)
    }

    /// What colours and grey are.
    fn draw_key(&self, canvas: &Canvas, y: f64) -> Result<(), Error> {
        let face = Type::new(palette::SMALL, palette::MUTED);
        let mut x = MARGIN;
        let swatch = |x: f64, colour: RGBColor| {
            canvas.rectangle((x, y - 5.0), (x + 10.0, y + 5.0), Pen::line(colour, 1.0))
        };
        let ours = if self.settings.len() > 1 {
            "in colour: ours"
        } else {
            "ours"
        };
        for index in 0..self.settings.len() {
            swatch(x, Self::colour(index))?;
            x += 12.0;
        }
        canvas.text((x + 4.0, y), ours, face)?;
        x += 24.0 + font::width(ours, palette::SMALL, Weight::Regular);
        if self.published().next().is_some() {
            swatch(x, palette::PUBLISHED_BAND)?;
            canvas.text((x + 16.0, y), "in grey: published", face)?;
        }
        Ok(())
    }

    fn draw_group(
        &self,
        canvas: &Canvas,
        layout: &Layout,
        index: usize,
        lines: usize,
    ) -> Result<(), Error> {
        let group = &self.groups[index];
        let start = layout.left + layout.group * (index as f64 + BETWEEN / 2.0);
        let bottom = layout.y.span.0;
        for (setting, label) in self.labels(layout).into_iter().enumerate() {
            let middle = start + layout.setting * (setting as f64 + 0.5);
            let width = layout.setting * BAR;
            let published = group.published.get(setting).copied().flatten();
            // Alone, ours stands in the middle.
            let ours_at = if published.is_some() {
                middle
            } else {
                middle - width / 2.0
            };
            if let Some(bar) = published {
                let colours = (palette::PUBLISHED_BAND, palette::PUBLISHED);
                draw_bar(canvas, (middle - width, width), bar, &layout.y, colours)?;
            }
            if let Some(&bar) = group.ours.get(setting) {
                let colour = Self::colour(setting);
                draw_bar(
                    canvas,
                    (ours_at, width),
                    bar,
                    &layout.y,
                    (colour, palette::TEXT),
                )?;
            }
            let face = Type::new(palette::SMALL, palette::ink(Self::colour(setting)));
            for (line, text) in label.iter().enumerate() {
                let y = bottom + 8.0 + (line as f64 + 0.5) * TICK_LINE;
                canvas.text((middle, y), text, face.align(Align::Centre))?;
            }
        }
        let y = bottom + 8.0 + lines as f64 * TICK_LINE + METRIC / 2.0;
        let name = font::fitted(&group.metric, palette::HEADING, layout.group - 8.0);
        let face = Type::new(palette::HEADING, palette::TEXT).bold();
        let middle = layout.left + layout.group * (index as f64 + 0.5);
        canvas.text((middle, y), &name, face.align(Align::Centre))
    }

    fn published(&self) -> impl Iterator<Item = &Bar> {
        let groups = self.groups.iter();
        groups.flat_map(|group| group.published.iter().flatten())
    }

    /// How many runs a bar stands for, and what the whiskers are.
    fn runs(&self) -> String {
        let ours = || {
            let bars = self.groups.iter().flat_map(|group| &group.ours);
            bars.filter(|bar| bar.n > 0 && bar.mean.is_finite())
        };
        let mut text = sample_sizes(ours().map(|bar| bar.n))
            .map_or_else(|| "No runs yet".to_owned(), |n| format!("Ours: {n}"));
        let given = || self.published().map(|bar| bar.n).filter(|&n| n > 0);
        if let Some(n) = sample_sizes(given()) {
            let _ = write!(text, "; published: {n}");
            if given().count() < self.published().count() {
                text.push_str(" where it is given");
            }
        }
        let whiskers = ours().chain(self.published());
        if whiskers.into_iter().any(|bar| bar.finite_sd().is_some()) {
            text.push_str("; whiskers are \u{b1} 1 standard deviation over runs");
        }
        text
    }

    /// Names every bar of ours that is not drawn because it has no value.
    fn undefined(&self) -> String {
        let missing = self.groups.iter().flat_map(|group| {
            let bars = self.settings.iter().zip(&group.ours);
            let missing = bars.filter(|(_, bar)| !bar.mean.is_finite());
            missing.map(|(setting, _)| format!("{} of {setting}", group.metric))
        });
        let missing: Vec<String> = missing.collect();
        if missing.is_empty() {
            String::new()
        } else {
            format!("Not drawn, without a value: {}", missing.join("; "))
        }
    }

    fn description(&self) -> String {
        let mut text = String::from("Data:");
        for group in &self.groups {
            let _ = write!(text, "\n{}.", group.metric);
            for (index, setting) in self.settings.iter().enumerate() {
                let ours = group.ours.get(index);
                let ours = ours.map_or("none".to_owned(), ToString::to_string);
                let _ = write!(text, " {setting}: {ours}");
                if let Some(bar) = group.published.get(index).copied().flatten() {
                    let _ = write!(text, ", published {bar}");
                }
                text.push('.');
            }
        }
        text
    }
}

/// A bar from `place.0` on, `place.1` wide, with its whisker in the second colour.
fn draw_bar(
    canvas: &Canvas,
    place: (f64, f64),
    bar: Bar,
    y: &Axis,
    (fill, whisker): (RGBColor, RGBColor),
) -> Result<(), Error> {
    if !bar.mean.is_finite() {
        return Ok(());
    }
    let at = |value: f64| y.at(value.clamp(y.domain.0, y.domain.1));
    let (left, width) = place;
    let (from, to) = ((left, at(bar.mean)), (left + width, at(0.0)));
    canvas.rectangle(from, to, Pen::line(fill, 1.0))?;
    let Some(sd) = bar.finite_sd() else {
        return Ok(());
    };
    let (middle, arm) = (left + width / 2.0, (width / 4.0).min(4.0));
    let ends = [at(bar.mean - sd), at(bar.mean + sd)];
    let pen = Pen::line(whisker, 1.1);
    canvas.line(&[(middle, ends[0]), (middle, ends[1])], pen)?;
    for end in ends {
        canvas.line(&[(middle - arm, end), (middle + arm, end)], pen)?;
    }
    Ok(())
}
