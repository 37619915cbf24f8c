//! What can be set in the map, and what each setting may be.

use serde::{Deserialize, Serialize};

/// Which weighted distance the activation is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distance {
    /// Every feature by its own relevance, as the paper's equation and its predecessors have it.
    PerDimension,
    /// The plain squared distance times the mean relevance, as the authors' code computes it: relevances
    /// then cancel out of the activation.
    AsCoded,
}

/// What of the weighted distance the activation is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// The sum of weighted squares itself, as the code of the authors and of the predecessors.
    #[default]
    Squared,
    /// Its root, as the predecessors' papers print it. Losses keep the squares.
    Root,
}

/// Settings that came later are left out where nothing is changed, so that older runs keep their keys.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How far a sample reaches beyond its winner, to other nodes above the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Neighbours {
    /// `exp(-(a_winner - a_j) / g)`: our reading of "a radial basis function with an exponential decay
    /// according to the level of activation of each node".
    Activation,
    /// `exp(-rank / g)` by the order of activations, as in a neural gas.
    Rank,
    /// Not at all.
    None,
}

/// What new nodes are made from where samples do not reach the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Insertion {
    /// For each winner the mean of these samples; where places run short, those of the sample of lowest activation first.
    Means,
    /// The same means; where places run short, those of the winners with the highest numbers, as the authors' code
    /// does it.
    AsCoded,
    /// Samples below the threshold one after another, always the one of lowest activation, which the new nodes
    /// before it count for; the mean of the batch where there is no node yet.
    FarthestFirst,
}

/// What a winner moves towards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Winners {
    /// The mean of the samples that it wins.
    #[default]
    Own,
    /// The mean of all samples that reach it, weighted by how far they do.
    Reached,
}

/// Which nodes are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Removal {
    /// Those whose life has run out, as in the authors' code.
    #[default]
    Life,
    /// Those that have won too few samples when a pass over the rows ends, as in the predecessors.
    Wins,
}

/// The map's settings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapSettings {
    /// Most nodes there can be.
    pub nodes: i64,
    /// `a_t`: the activation from which on a sample trains its winner.
    pub threshold: f64,
    /// `e_b`: the part of its way to the samples that a winner goes in a step.
    pub rate: f64,
    /// `beta`: with the rate, how fast the moving average follows.
    pub smoothing: f64,
    /// `s`: how gently relevance falls with the average distance.
    pub slope: f64,
    /// By [`Removal::Life`], what every node loses in a step; a winner's life is set back to 1. 0: nodes live for
    /// ever.
    pub life_decay: f64,
    /// Keeps the activation finite.
    pub epsilon: f64,
    /// The reading of the weighted distance.
    pub distance: Distance,
    /// What of it the activation is made from.
    #[serde(default, skip_serializing_if = "is_default")]
    pub measure: Measure,
    /// The neighbourhood.
    pub neighbours: Neighbours,
    /// `e_n / e_b`: the rate of nodes that a sample reaches without being won by it, as a part of the winners'.
    #[serde(default = "whole", skip_serializing_if = "is_whole")]
    pub neighbour_rate: f64,
    /// Its width at the first iteration ..
    pub width_start: f64,
    /// .. and at the last; in between it falls exponentially.
    pub width_end: f64,
    /// What new nodes are made from.
    pub insertion: Insertion,
    /// What winners move towards.
    #[serde(default, skip_serializing_if = "is_default")]
    pub winners: Winners,
    /// Which nodes are removed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub removal: Removal,
    /// `lp`: by [`Removal::Wins`], the part of a pass's rows that a node has to win.
    #[serde(default = "few", skip_serializing_if = "is_few")]
    pub least_wins: f64,
}

fn whole() -> f64 {
    1.0
}

/// `lp`: the middle of the range in which the predecessors were searched, 0.001 to 0.005.
pub(super) const FEW: f64 = 0.003;

fn few() -> f64 {
    FEW
}

// The signature is serde's.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_few(wins: &f64) -> bool {
    wins.total_cmp(&FEW).is_eq()
}

// The signature is serde's.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_whole(rate: &f64) -> bool {
    rate.total_cmp(&1.0).is_eq()
}

impl MapSettings {
    /// Widths of a neighbourhood by rank, at the first and the last iteration: two nodes beside the winner have a
    /// share worth the name at first, in the end none.
    const RANKS: (f64, f64) = (2.0, 0.1);

    /// Another neighbourhood, with widths that mean something to it: activations are between 0 and 1, ranks are
    /// whole numbers.
    #[must_use]
    pub fn with_neighbours(self, neighbours: Neighbours) -> Self {
        let (width_start, width_end) = match neighbours {
            Neighbours::Rank => Self::RANKS,
            Neighbours::Activation | Neighbours::None => (self.width_start, self.width_end),
        };
        Self {
            neighbours,
            width_start,
            width_end,
            ..self
        }
    }

    /// The neighbourhood's width at an iteration.
    #[must_use]
    pub fn width(&self, iteration: u64, iterations: u64) -> f64 {
        let last = iterations.saturating_sub(1).max(1) as f64;
        let share = (iteration as f64 / last).min(1.0);
        self.width_start * (self.width_end / self.width_start).powf(share)
    }

    /// Checks that every number is in range; the error says what is wrong, in words.
    ///
    /// # Errors
    /// If a number is out of its range.
    pub fn check(&self) -> Result<(), String> {
        if !(1..=4096).contains(&self.nodes) {
            return Err(format!("nodes must be 1 to 4096, not {}", self.nodes));
        }
        let unit = [
            ("the threshold", self.threshold),
            ("the rate", self.rate),
            ("the smoothing", self.smoothing),
        ];
        for (name, value) in unit {
            if !(value > 0.0 && value <= 1.0) {
                return Err(format!("{name} must be above 0 and at most 1, not {value}"));
            }
        }
        for (name, value) in [
            ("the life decay", self.life_decay),
            ("the neighbours' rate", self.neighbour_rate),
            ("the least wins", self.least_wins),
        ] {
            if !(0.0..=1.0).contains(&value) {
                return Err(format!("{name} must be 0 to 1, not {value}"));
            }
        }
        for (name, value) in [
            ("the slope", self.slope),
            ("the width at the start", self.width_start),
            ("the width at the end", self.width_end),
            ("epsilon", self.epsilon),
        ] {
            if !(value > 0.0 && value <= 1e6) {
                return Err(format!(
                    "{name} must be above 0 and at most 1e6, not {value}"
                ));
            }
        }
        Ok(())
    }
}
