//! Metrics against a parameter: small multiples with our means over the published ones.
//!
//! Grey behind, colour in front: a grey band and tick are the published mean +- sd, a coloured dot and bar are ours,
//! small dots are our single runs, rings those that collapsed. A run without a value stands above the panel, where no
//! value can be: a cross if it diverged, a question mark otherwise. A value without runs shows only what was published.

mod baselines;
mod drawing;
mod marks;
mod words;

use super::Error;
use super::axis::{Axis, Scale, roomy};
use super::figure::Figure;
use super::frame::Frame;

/// Metrics against one parameter, one panel a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// One line above everything.
    pub title: String,
    /// Label of the horizontal axis, such as "gamma" with its unit or in Greek.
    pub parameter: String,
    /// Kind of horizontal axis.
    pub scale: Scale,
    /// One panel a metric, drawn row by row.
    pub panels: Vec<Panel>,
    /// Sentences below the figure. What only the data can tell is added: number of runs, diverged and collapsed ones,
    /// undefined values, cut bars.
    pub caption: String,
    /// A warning below the title, such as "quick profile: no verdict".
    pub note: Option<String>,
}

/// One metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// Name of the metric.
    pub metric: String,
    /// Whether larger values are better.
    pub higher_is_better: bool,
    /// Values of the vertical axis' ends; widened when a mean, a run or a baseline lies outside.
    pub range: (f64, f64),
    /// Our means, in any order.
    pub ours: Vec<Point>,
    /// Published means, in any order.
    pub published: Vec<Point>,
    /// Values to compare with that do not depend on the parameter.
    pub baselines: Vec<Baseline>,
}

/// A mean over runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Value of the parameter; for a category axis the index of the category.
    pub x: f64,
    /// Mean; NaN where it is undefined: then it is not drawn, and the caption names it.
    pub mean: f64,
    /// Standard deviation over runs, where there is one.
    pub sd: Option<f64>,
    /// Every run, also those without a value, which the mean leaves out; empty where only the mean is known.
    pub runs: Vec<Run>,
}

/// One run behind a mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Run {
    /// It has this value.
    Value(f64),
    /// It has this value and ended on a degenerate solution.
    Collapsed(f64),
    /// It diverged: there is no value.
    Diverged,
    /// There is no value for another reason.
    Undefined,
}

impl Run {
    /// The value, where there is one.
    fn value(self) -> Option<f64> {
        match self {
            Self::Value(value) | Self::Collapsed(value) => Some(value).filter(|v| v.is_finite()),
            Self::Diverged | Self::Undefined => None,
        }
    }

    fn is_collapsed(self) -> bool {
        matches!(self, Self::Collapsed(_))
    }
}

/// A horizontal line with a label.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    /// Short label, set beside the line's end.
    pub label: String,
    /// Value of the metric.
    pub value: f64,
}

impl Point {
    /// Runs with a value.
    fn valued(&self) -> usize {
        self.runs.iter().filter_map(|run| run.value()).count()
    }

    fn collapsed(&self) -> usize {
        let collapsed = |run: &&Run| run.is_collapsed() && run.value().is_some();
        self.runs.iter().filter(collapsed).count()
    }

    fn diverged(&self) -> usize {
        self.runs
            .iter()
            .filter(|&&run| run == Run::Diverged)
            .count()
    }

    /// Runs that did not diverge and still have no value.
    fn undefined(&self) -> usize {
        self.runs.len() - self.valued() - self.diverged()
    }

    fn finite_sd(&self) -> Option<f64> {
        self.sd.filter(|sd| sd.is_finite() && self.mean.is_finite())
    }
}

impl Panel {
    /// The given range, widened to whole steps when a value lies more than a hairbreadth outside.
    fn y_range(&self) -> (f64, f64) {
        let (mut low, mut high) = self.range;
        let slack = 0.015 * (high - low);
        let points = self.ours.iter().chain(&self.published);
        let values =
            points.flat_map(|p| p.runs.iter().filter_map(|run| run.value()).chain([p.mean]));
        for value in values
            .chain(self.baselines.iter().map(|b| b.value))
            .filter(|v| v.is_finite())
        {
            low = if value < self.range.0 - slack {
                low.min(value)
            } else {
                low
            };
            high = if value > self.range.1 + slack {
                high.max(value)
            } else {
                high
            };
        }
        if (low, high) == self.range {
            self.range
        } else {
            roomy(false, low, high, drawing::Y_TICKS)
        }
    }
}

impl Sweep {
    /// Draws the figure, 760 pixels wide, or wider where that puts panels of many categories side by side.
    ///
    /// # Errors
    /// [`Error::Empty`] without panels, [`Error::Range`] for a range that is not ascending, [`Error::NotPositive`] for
    /// a value that a logarithmic axis cannot show.
    pub fn draw(&self) -> Result<Figure, Error> {
        if self.panels.is_empty() {
            return Err(Error::Empty {
                title: self.title.clone(),
                what: "panels",
            });
        }
        for panel in &self.panels {
            let (low, high) = panel.range;
            if !(low.is_finite() && high.is_finite() && low < high) {
                return Err(Error::Range {
                    title: self.title.clone(),
                    axis: panel.metric.clone(),
                    low,
                    high,
                });
            }
        }
        let values = self.values();
        if let Some(&value) = values
            .iter()
            .find(|&&v| self.scale == Scale::Log && v <= 0.0)
        {
            return Err(Error::NotPositive {
                title: self.title.clone(),
                axis: self.parameter.clone(),
                value,
            });
        }
        super::font::register()?;
        let layout = drawing::Layout::new(self, &values);
        let frame = Frame {
            title: &self.title,
            note: self.note.as_deref(),
            caption: self.full_caption(),
            description: self.description(),
            width: layout.width,
        };
        frame.compose(layout.height, |canvas, top| {
            layout.draw(canvas, top).map(|()| None)
        })
    }

    /// All values of the parameter, ascending, each once.
    fn values(&self) -> Vec<f64> {
        let points = self
            .panels
            .iter()
            .flat_map(|p| p.ours.iter().chain(&p.published));
        let mut values: Vec<f64> = points.map(|p| p.x).filter(|x| x.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        values
    }

    /// The horizontal axis over the given pixels; each category stands in the middle of its share.
    fn x_axis(&self, values: &[f64], span: (f64, f64)) -> Axis {
        let domain = match &self.scale {
            Scale::Category(names) => {
                let half = (span.1 - span.0) / (2.0 * names.len().max(1) as f64);
                let ends = (span.0 + half, span.1 - half);
                return Axis {
                    log: false,
                    domain: (0.0, names.len().saturating_sub(1) as f64),
                    span: ends,
                };
            }
            _ => (
                values.first().copied().unwrap_or(1.0),
                values.last().copied().unwrap_or(1.0),
            ),
        };
        Axis {
            log: self.scale == Scale::Log,
            domain,
            span,
        }
    }
}
