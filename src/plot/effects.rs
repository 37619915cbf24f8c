//! Effects with their intervals: one row for each change, one panel for each metric, 0 in the middle of what
//! is seen.

use std::fmt::Write as _;

use super::Error;
use super::axis::{Axis, number, roomy};
use super::canvas::{Align, Canvas, Pen, Type};
use super::figure::Figure;
use super::font::{self, Weight};
use super::frame::{Frame, MARGIN, sentences};
use super::palette;

/// Rows of changes by panels of metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct Effects {
    /// One line above everything.
    pub title: String,
    /// What was changed, from top to bottom.
    pub rows: Vec<String>,
    /// The metrics, from left to right.
    pub panels: Vec<EffectPanel>,
    /// Sentences below the figure. What is not drawn is added.
    pub caption: String,
    /// A warning below the title, such as "quick profile: no verdict".
    pub note: Option<String>,
}

/// One metric.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectPanel {
    /// Its name.
    pub metric: String,
    /// One for each row; `None` where the change does not touch the metric, or has no runs.
    pub effects: Vec<Option<Effect>>,
}

/// A difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// Its mean.
    pub mean: f64,
    /// Its interval; `None` of a single run.
    pub interval: Option<(f64, f64)>,
    /// Runs, or pairs of runs, behind it.
    pub n: usize,
}

const PANEL: f64 = 150.0;
const BETWEEN: f64 = 36.0;
const ROW: f64 = 24.0;
/// Height of the metrics' names, and of the numbers below.
const HEAD: f64 = 26.0;
const FOOT: f64 = 24.0;
const TICKS: usize = 3;

impl Effects {
    /// Draws the figure.
    ///
    /// # Errors
    /// [`Error::Empty`] without rows or panels, [`Error::Cells`] if a panel has not one effect (or none) for
    /// each row.
    pub fn draw(&self) -> Result<Figure, Error> {
        for (none, what) in [
            (self.rows.is_empty(), "rows"),
            (self.panels.is_empty(), "panels"),
        ] {
            if none {
                return Err(Error::Empty {
                    title: self.title.clone(),
                    what,
                });
            }
        }
        let wrong = |panel: &&EffectPanel| panel.effects.len() != self.rows.len();
        if let Some(panel) = self.panels.iter().find(wrong) {
            return Err(Error::Cells {
                title: self.title.clone(),
                what: "effects",
                got: panel.effects.len(),
                rows: self.rows.len(),
                columns: 1,
            });
        }
        font::register()?;
        let names = self.rows.iter();
        let names = names.map(|name| font::width(name, palette::SMALL, Weight::Regular));
        let left = MARGIN + names.fold(0.0, f64::max) + 12.0;
        let count = self.panels.len() as f64;
        let frame = Frame {
            title: &self.title,
            note: self.note.as_deref(),
            caption: sentences([self.caption.clone(), self.bare(), self.not_drawn()]),
            description: self.description(),
            width: left + count * PANEL + (count - 1.0) * BETWEEN + MARGIN,
        };
        let height = HEAD + ROW * self.rows.len() as f64 + FOOT;
        frame.compose(height, |canvas, top| {
            let top = top + HEAD;
            let face = Type::new(palette::SMALL, palette::TEXT).align(Align::Right);
            for (row, name) in self.rows.iter().enumerate() {
                canvas.text((left - 12.0, middle(top, row)), name, face)?;
            }
            for (index, panel) in self.panels.iter().enumerate() {
                let start = left + index as f64 * (PANEL + BETWEEN);
                panel.draw(canvas, (start, top))?;
            }
            Ok(None)
        })
    }

    /// What effects without an interval are.
    fn bare(&self) -> String {
        let mut effects = self
            .panels
            .iter()
            .flat_map(|panel| panel.effects.iter().flatten());
        if effects.any(|effect| effect.interval.is_none()) {
            return "Hollow: one pair, which has no interval".to_owned();
        }
        String::new()
    }

    /// The rows that have no effect.
    fn not_drawn(&self) -> String {
        let empty = |row: usize| self.panels.iter().all(|panel| panel.effects[row].is_none());
        let rows = (0..self.rows.len()).filter(|&row| empty(row));
        let rows: Vec<&str> = rows.map(|row| self.rows[row].as_str()).collect();
        if rows.is_empty() {
            return String::new();
        }
        format!("No pairs of runs yet: {}", rows.join(", "))
    }

    fn description(&self) -> String {
        let mut text = String::from("Data:");
        for panel in &self.panels {
            let _ = write!(text, "\n{}.", panel.metric);
            for (row, effect) in self.rows.iter().zip(&panel.effects) {
                let Some(effect) = effect else { continue };
                let _ = write!(text, " {row}: {}", number(effect.mean));
                if let Some((low, high)) = effect.interval {
                    let _ = write!(text, " ({} to {})", number(low), number(high));
                }
                let _ = write!(text, ", n = {};", effect.n);
            }
        }
        text
    }
}

fn middle(top: f64, row: usize) -> f64 {
    top + (row as f64 + 0.5) * ROW
}

impl EffectPanel {
    /// All ends and means, and 0.
    fn domain(&self) -> (f64, f64) {
        let effects = self.effects.iter().flatten();
        let seen = effects.flat_map(|effect| {
            let (low, high) = effect.interval.unwrap_or((effect.mean, effect.mean));
            [low, effect.mean, high]
        });
        let seen = seen.filter(|value| value.is_finite());
        let (low, high) = seen.fold((0.0_f64, 0.0_f64), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        roomy(false, low, high, TICKS)
    }

    fn draw(&self, canvas: &Canvas, (left, top): (f64, f64)) -> Result<(), Error> {
        let axis = Axis {
            log: false,
            domain: self.domain(),
            span: (left, left + PANEL),
        };
        let bottom = top + ROW * self.effects.len() as f64;
        let heading = Type::new(palette::BODY, palette::TEXT).bold();
        let name = font::fitted(&self.metric, palette::BODY, PANEL);
        canvas.text((left, top - HEAD / 2.0), &name, heading)?;
        let small = Type::new(palette::SMALL, palette::MUTED).align(Align::Centre);
        for (value, label) in axis.ticks(TICKS) {
            let x = axis.at(value);
            canvas.line(&[(x, top), (x, bottom)], Pen::line(palette::GRID, 0.8))?;
            canvas.text((x, bottom + FOOT / 2.0), &label, small)?;
        }
        let zero = axis.at(0.0);
        canvas.line(
            &[(zero, top), (zero, bottom)],
            Pen::line(palette::AXIS, 1.0),
        )?;
        for (row, effect) in self.effects.iter().enumerate() {
            let y = middle(top, row);
            let Some(effect) = effect.filter(|effect| effect.mean.is_finite()) else {
                continue;
            };
            // What does not hold 0 stands out.
            let apart = effect
                .interval
                .is_some_and(|(low, high)| low > 0.0 || high < 0.0);
            let colour = if apart {
                palette::WARNING
            } else {
                palette::OURS
            };
            if let Some((low, high)) = effect.interval {
                let (from, to) = (axis.at(low), axis.at(high));
                canvas.line(&[(from, y), (to, y)], Pen::line(colour, 1.6))?;
                for end in [from, to] {
                    canvas.line(&[(end, y - 3.5), (end, y + 3.5)], Pen::line(colour, 1.2))?;
                }
            }
            canvas.dot((axis.at(effect.mean), y), 3.2, Pen::line(colour, 1.0))?;
            if effect.interval.is_none() {
                let hole = Pen::line(palette::PAPER, 1.0);
                canvas.dot((axis.at(effect.mean), y), 1.8, hole)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn figure() -> Effects {
        let effect = |mean, low, high| {
            Some(Effect {
                mean,
                interval: Some((low, high)),
                n: 3,
            })
        };
        Effects {
            title: "Audit".to_owned(),
            rows: vec!["map distance".to_owned(), "shuffled".to_owned()],
            panels: vec![EffectPanel {
                metric: "purity".to_owned(),
                effects: vec![effect(0.02, 0.01, 0.03), None],
            }],
            caption: "n = 3".to_owned(),
            note: None,
        }
    }

    #[test]
    fn effects_are_told_in_words_and_those_that_are_none_are_not() {
        let drawn = figure().draw().unwrap();
        let words = drawn.description();
        assert!(
            words.contains("map distance: 0.02 (0.01 to 0.03), n = 3"),
            "{words}"
        );
        assert!(!words.contains("shuffled"), "{words}");
    }

    #[test]
    fn rows_without_effects_and_single_pairs_are_told() {
        let mut figure = figure();
        assert_eq!(figure.not_drawn(), "No pairs of runs yet: shuffled");
        assert_eq!(figure.bare(), "");
        figure.panels[0].effects[1] = Some(Effect {
            mean: 0.1,
            interval: None,
            n: 1,
        });
        assert_eq!(figure.not_drawn(), "");
        assert!(figure.bare().starts_with("Hollow: one pair"));
        figure.draw().unwrap();
    }

    #[test]
    fn zero_is_always_in_sight() {
        let (low, high) = figure().panels[0].domain();
        assert!(low <= 0.0 && high >= 0.03);
        let none = EffectPanel {
            metric: String::new(),
            effects: vec![None],
        };
        let (low, high) = none.domain();
        assert!(low < 0.0 && high > 0.0);
    }

    #[test]
    fn panels_have_one_effect_for_each_row() {
        let mut wrong = figure();
        wrong.panels[0].effects.pop();
        let message = wrong.draw().unwrap_err().to_string();
        assert!(message.contains("1 effects for 2 x 1 cells"), "{message}");
        wrong.panels.clear();
        assert!(matches!(wrong.draw(), Err(Error::Empty { .. })));
    }
}
