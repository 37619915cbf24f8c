//! `[[claim]]`: a published statement as data. What it says, where, and how it is tested.
//!
//! ```toml
//! [[claim]]
//! id = "gamma-best"
//! replication = "desom-gamma"
//! source = 'section 1: "The best performance in terms of accuracy is obtained for gamma = 0.001."'
//! statement = "Of six weights of the SOM loss, 0.001 gives the highest accuracy."
//!
//! [claim.test.argmax]
//! metric = "clustered.accuracy"
//! best = "gamma=0.001"
//! among = ["gamma=0.0001", "gamma=0.001", "gamma=0.01"]
//! margin = { size = 0.01, reason = "one point of accuracy" }
//! ```
//!
//! A margin is fixed before there are results, and says why it is what it is. Lists of metrics and
//! variants mean each with each: the claim holds if it holds for all of them.

use serde::{Deserialize, Serialize};

use super::At;

/// A published statement and its test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Unique within the paper, e.g. `gamma-best`.
    pub id: At<String>,
    /// The experiment that tests it; it need not exist yet.
    pub replication: At<String>,
    /// Figure, table, or a sentence quoted briefly.
    pub source: String,
    /// The claim in plain words, one sentence.
    pub statement: String,
    /// Where our experiment differs from the paper's, and what makes a comparison unfair.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deviations: Vec<String>,
    /// What explains a result other than the published one: two sentences written by whoever looked into
    /// it, after the results. No verdict depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What was known when it was added or last changed, where results were: a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<String>,
    /// The data set whose runs count, where results hold several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Which way is better, where the metric's own name does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub better: Option<Better>,
    /// How it is tested.
    pub test: Test,
}

/// Which way a metric improves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// Larger values are better.
    Higher,
    /// Smaller values are better.
    Lower,
}

/// The kinds of test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Test {
    /// Published numbers hold.
    Value(ValueTest),
    /// One quantity exceeds another.
    Order(Order),
    /// One variant is the best.
    Argmax(Argmax),
    /// A metric falls or rises along a parameter.
    Trend(Trend),
    /// Variants do not differ by more than a margin.
    Equivalence(Equivalence),
    /// A mean is at least or at most a number.
    Bound(Bound),
    /// A share of the runs is beyond a threshold, e.g. collapsed.
    #[serde(alias = "share")]
    Collapse(Collapse),
    /// Something to look at; nothing is computed.
    Qualitative(Qualitative),
}

impl Test {
    /// The variants it compares.
    #[must_use]
    pub fn variants(&self) -> Vec<&str> {
        let (variants, _) = super::check::named(self);
        variants
            .into_iter()
            .map(|variant| variant.as_str())
            .collect()
    }

    /// Its name in the file.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Value(_) => "value",
            Self::Order(_) => "order",
            Self::Argmax(_) => "argmax",
            Self::Trend(_) => "trend",
            Self::Equivalence(_) => "equivalence",
            Self::Bound(_) => "bound",
            Self::Collapse(_) => "share",
            Self::Qualitative(_) => "qualitative",
        }
    }

    /// Whether its p values are corrected together with those of the experiment's other order claims.
    #[must_use]
    pub fn is_order(&self) -> bool {
        matches!(self, Self::Order(_) | Self::Argmax(_) | Self::Trend(_))
    }
}

/// The difference that counts, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Margin {
    /// In the metric's unit, greater than 0.
    pub size: At<f64>,
    /// Why this and no other.
    pub reason: String,
}

/// A metric of a variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quantity {
    /// The variant's id.
    pub variant: String,
    /// The metric's name in the records.
    pub metric: String,
    /// The data set, where results hold several.
    pub data: Option<String>,
}

/// Published numbers hold: every metric of every variant has a `[[value]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueTest {
    /// Metrics.
    pub metrics: Vec<At<String>>,
    /// Variants.
    pub variants: Vec<At<String>>,
    /// A difference as large as this would matter.
    pub margin: Margin,
    /// The value of a run that fails altogether, where the metric's own name does not say. Needed for a
    /// published mean without its spread only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst: Option<At<f64>>,
}

/// Values fall from operand to operand, in each metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The claimed order, the largest value first.
    pub descending: Vec<Operand>,
    /// The metrics of operands that name none.
    #[serde(default)]
    pub metrics: Vec<At<String>>,
    /// The smallest difference that counts: below it the claim is refuted. Without one, only a
    /// reversed order refutes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<Margin>,
}

/// One side of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operand {
    /// The variant's id.
    pub variant: At<String>,
    /// Its metric, where it is not the test's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<At<String>>,
}

/// One variant's mean is the highest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Argmax {
    /// The metric; larger is meant.
    pub metric: At<String>,
    /// The variant said to be the best.
    pub best: At<String>,
    /// All variants compared, the best among them.
    pub among: Vec<At<String>>,
    /// Another variant has to be better by more than this to refute the claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<Margin>,
}

/// A metric changes along a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trend {
    /// Metrics.
    pub metrics: Vec<At<String>>,
    /// What the variants differ in, e.g. `gamma`.
    pub along: String,
    /// Variants in the parameter's order.
    pub variants: Vec<At<String>>,
    /// Which way it changes.
    pub change: Change,
    /// A step the other way has to be larger than this to refute the claim, as has the whole change to
    /// hold up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<Margin>,
}

/// Which way a metric changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Downwards.
    Falls,
    /// Upwards.
    Rises,
}

/// Variants are like a reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equivalence {
    /// Metrics.
    pub metrics: Vec<At<String>>,
    /// What is compared with.
    pub reference: At<String>,
    /// What is compared.
    pub variants: Vec<At<String>>,
    /// Which differences contradict the claim.
    #[serde(default)]
    pub within: Wherein,
    /// A difference as large as this would matter.
    pub margin: Margin,
}

/// Which differences contradict an equivalence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wherein {
    /// Any.
    #[default]
    BothSides,
    /// Only that a variant is higher than the reference ("no improvement").
    NotAbove,
    /// Only that a variant is lower than the reference ("no loss").
    NotBelow,
}

/// A mean is at least or at most a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// Metrics.
    pub metrics: Vec<At<String>>,
    /// Variants.
    pub variants: Vec<At<String>>,
    /// What is taken of the runs.
    #[serde(default)]
    pub aggregate: Aggregate,
    /// The smallest value that agrees with the claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<At<f64>>,
    /// The largest one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<At<f64>>,
    /// The metric of a run that fails altogether, e.g. 0 for an accuracy. With it one such run is
    /// counted with ours when a mean is tested; without it a mean gets the weaker words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst: Option<At<f64>>,
    /// What it means that a run has no value, where further runs would not mend it. With it runs none of which
    /// has one are undecidable, and the verdict says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undefined: Option<String>,
    /// Why these numbers.
    pub reason: String,
}

/// What is taken of a variant's runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aggregate {
    /// Their mean.
    #[default]
    Mean,
    /// The mean of their middle half.
    Iqm,
}

/// A share of the runs is beyond a threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collapse {
    /// The metric.
    pub metric: At<String>,
    /// Variants.
    pub variants: Vec<At<String>>,
    /// A run counts if the metric is at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<At<f64>>,
    /// A run counts if the metric is at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<At<f64>>,
    /// The smallest share of runs that agrees with the claim, above 0 and below 1.
    pub share: At<f64>,
    /// Why this threshold and this share.
    pub reason: String,
}

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Qualitative {
    /// What to look at, and what one should see.
    pub look: String,
}
