//! What changes do to metrics, paired by seed: of a switch, of another reading.

use super::Table;
use crate::plot::{self, EffectPanel};
use crate::random::{Seed, stream};
use crate::replication::Results;
use crate::runs::Record;
use crate::statistics::paired::sign_flip;
use crate::statistics::{Difference, Interval, Moments};

/// What one change does to one metric.
#[derive(Debug, Clone)]
pub struct Effect {
    /// What is changed, in a word or two.
    pub row: &'static str,
    /// The metric's title.
    pub title: &'static str,
    /// Changed minus unchanged, one for each seed that has both; not empty.
    differences: Vec<f64>,
}

impl Effect {
    /// Of metric `from` of the runs that are not changed to metric `to` of the changed ones; `None` if no seed has
    /// both.
    #[must_use]
    pub fn of(
        (row, title): (&'static str, &'static str),
        (unchanged, from): (&[Record], &str),
        (changed, to): (&[Record], &str),
    ) -> Option<Self> {
        let difference = |base: &Record| {
            let mut others = changed.iter();
            let other = others.find(|other| other.identity.seed == base.identity.seed)?;
            Some(other.metric(to)? - base.metric(from)?)
        };
        let differences: Vec<f64> = unchanged.iter().filter_map(difference).collect();
        (!differences.is_empty()).then_some(Self {
            row,
            title,
            differences,
        })
    }

    /// How many pairs there are.
    #[must_use]
    pub fn pairs(&self) -> usize {
        self.differences.len()
    }

    /// Student's 95 % interval of the mean; `None` of one pair.
    #[must_use]
    pub fn interval(&self) -> Option<Interval> {
        let moments = Moments::of(&self.differences)?;
        Some(Difference::of_one(moments).interval(0.95))
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.differences.iter().sum::<f64>() / self.differences.len() as f64
    }

    /// Two-sided p of the sign-flip test, uncorrected; `None` of one pair, which says nothing.
    #[must_use]
    pub fn p(&self) -> Option<f64> {
        let mut flips = stream(Seed(0), "sign flips of effects");
        (self.pairs() > 1).then(|| sign_flip(&self.differences, &mut flips).two_sided)
    }
}

/// One row for each change and metric.
#[must_use]
pub fn table(effects: &[Effect]) -> Table {
    let rows = effects.iter().map(|effect| {
        let interval = effect.interval().map_or("-".to_owned(), |interval| {
            format!("{:+.3} to {:+.3}", interval.low, interval.high)
        });
        vec![
            effect.row.to_owned(),
            effect.title.to_owned(),
            effect.pairs().to_string(),
            format!("{:+.3}", effect.mean()),
            interval,
            effect.p().map_or("-".to_owned(), |p| format!("{p:.3}")),
        ]
    });
    Table {
        caption: "Changed minus unchanged, paired by seed; t intervals; p of the sign-flip test, not corrected \
                  for their number."
            .to_owned(),
        head: ["difference", "metric", "n", "effect", "95 % interval", "p"]
            .map(str::to_owned)
            .to_vec(),
        rows: rows.collect(),
    }
}

/// The same with all digits, and the results' note in each row.
///
/// # Errors
/// If it cannot be written: never, in memory.
pub fn csv(results: &Results, effects: &[Effect]) -> Result<Vec<u8>, std::io::Error> {
    let note = results.note().unwrap_or_default();
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let rows = effects.iter().map(|effect| {
        let interval = effect.interval();
        vec![
            effect.row.to_owned(),
            effect.title.to_owned(),
            effect.pairs().to_string(),
            effect.mean().to_string(),
            number(interval.map(|interval| interval.low)),
            number(interval.map(|interval| interval.high)),
            number(effect.p()),
            note.clone(),
        ]
    });
    let head = [
        "difference",
        "metric",
        "n",
        "effect",
        "low",
        "high",
        "p_sign_flip",
        "note",
    ];
    Table {
        caption: String::new(),
        head: head.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
    .to_csv()
}

/// One panel for each metric, one row for each change; empty places where there is no effect.
#[must_use]
pub fn panels(rows: &[&str], titles: &[&str], effects: &[Effect]) -> Vec<EffectPanel> {
    let panel = |title: &&str| EffectPanel {
        metric: (*title).to_owned(),
        effects: rows
            .iter()
            .map(|row| {
                let mut all = effects.iter();
                let effect = all.find(|effect| effect.row == *row && effect.title == *title)?;
                Some(plot::Effect {
                    mean: effect.mean(),
                    interval: effect.interval().map(|one| (one.low, one.high)),
                    n: effect.pairs(),
                })
            })
            .collect(),
    };
    titles.iter().map(panel).collect()
}

/// How many pairs there are, for a caption: `3 to 5 pairs of runs`.
#[must_use]
pub fn pairs(effects: &[Effect]) -> String {
    plot::sample_sizes(effects.iter().map(Effect::pairs)).map_or_else(
        || "no runs yet".to_owned(),
        |n| format!("{n} pairs of runs"),
    )
}
