//! How well a clustering agrees with known classes: one metric a file, each with its definition,
//! reference and direction.
//!
//! All but the silhouette are computed from a [`Contingency`] alone, so labels are counted once however
//! many metrics are asked for. Five of them are part of every run's record ([`ClusterScores`]);
//! [`AGREEMENT`] lists all. The quality of a map (topographic error and the like) is not here: it
//! needs the prototypes and lives with the map, in [`som::quality`](crate::som::quality).

mod accuracy;
mod ami;
mod ari;
mod completeness;
mod contingency;
mod description;
mod entropy;
mod homogeneity;
mod minor_class;
mod nmi;
mod purity;
mod silhouette;

use serde::{Deserialize, Serialize};

pub use accuracy::{accuracy, check_size, matching};
pub use ami::ami;
pub use ari::ari;
pub use completeness::completeness;
pub use contingency::Contingency;
pub use description::{
    AGREEMENT, Better, Description, SILHOUETTE, described, impossible, out_of_range, too_wide,
};
pub use entropy::unit_entropy;
pub use homogeneity::homogeneity;
pub use minor_class::minor_class_occurrence;
pub use nmi::{Normalisation, nmi};
pub use purity::purity;
pub use silhouette::silhouette;

/// Why labels could not be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// One label is missing its counterpart.
    #[error(
        "cannot compare {predictions} predicted labels with {classes} classes: \
         pass one label of each kind per sample, in the same order"
    )]
    LengthMismatch {
        /// Number of predicted labels given.
        predictions: usize,
        /// Number of classes given.
        classes: usize,
    },
    /// Not one row of data for each label.
    #[error(
        "{values} numbers are not {columns} for each of {labels} labels: pass the data row by row, \
         in the order of the labels"
    )]
    DataMismatch {
        /// Number of numbers given.
        values: usize,
        /// Numbers in a row.
        columns: usize,
        /// Number of labels given.
        labels: usize,
    },
    /// So many groups that are connected by samples that their assignment takes too long: most likely not labels.
    #[error(
        "{predictions} different predicted labels and {classes} different classes, connected by samples that they \
         share, are too many for the best assignment of one to the other: are these labels, and not the numbers of \
         rows or values?"
    )]
    TooManyGroups {
        /// Different predicted labels.
        predictions: usize,
        /// Different classes.
        classes: usize,
    },
    /// There is nothing to count.
    #[error("cannot compare labels of no samples: pass at least one labelled sample")]
    Empty,
}

/// A measure of agreement between a clustering and known classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Unsupervised accuracy, see [`accuracy()`].
    Accuracy,
    /// Purity, see [`purity()`].
    Purity,
    /// Mutual information over the geometric mean of the entropies, see [`nmi()`].
    NmiGeometric,
    /// Mutual information over the arithmetic mean of the entropies, see [`nmi()`].
    NmiArithmetic,
    /// Adjusted Rand index, see [`ari()`].
    Ari,
}

impl Metric {
    /// Every metric, in the order in which tables show them.
    pub const ALL: [Self; 5] = [
        Self::Accuracy,
        Self::Purity,
        Self::NmiGeometric,
        Self::NmiArithmetic,
        Self::Ari,
    ];

    /// The name used in records and on the command line.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::Purity => "purity",
            Self::NmiGeometric => "nmi_geometric",
            Self::NmiArithmetic => "nmi_arithmetic",
            Self::Ari => "ari",
        }
    }

    /// The name used in tables and figures.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::Purity => "purity",
            Self::NmiGeometric => "NMI (geometric)",
            Self::NmiArithmetic => "NMI (arithmetic)",
            Self::Ari => "ARI",
        }
    }

    /// The metric with this [`id`](Self::id), if there is one.
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.id() == id)
    }
}

/// The five metrics of one clustering. The fields are named after [`Metric::id`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterScores {
    /// See [`accuracy()`]; 0 to 1.
    pub accuracy: f64,
    /// See [`purity()`]; 0 to 1.
    pub purity: f64,
    /// See [`nmi()`]; 0 to 1.
    pub nmi_geometric: f64,
    /// See [`nmi()`]; 0 to 1.
    pub nmi_arithmetic: f64,
    /// See [`ari()`]; -0.5 to 1, 0 for chance.
    pub ari: f64,
}

impl ClusterScores {
    /// The value of one metric.
    #[must_use]
    pub const fn get(&self, metric: Metric) -> f64 {
        match metric {
            Metric::Accuracy => self.accuracy,
            Metric::Purity => self.purity,
            Metric::NmiGeometric => self.nmi_geometric,
            Metric::NmiArithmetic => self.nmi_arithmetic,
            Metric::Ari => self.ari,
        }
    }

    /// Every metric with its value, in the order of [`Metric::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Metric, f64)> + use<> {
        let scores = *self;
        Metric::ALL
            .into_iter()
            .map(move |metric| (metric, scores.get(metric)))
    }
}

/// All metrics of one clustering.
#[must_use]
pub fn evaluate(contingency: &Contingency) -> ClusterScores {
    ClusterScores {
        accuracy: accuracy(contingency),
        purity: purity(contingency),
        nmi_geometric: nmi(contingency, Normalisation::Geometric),
        nmi_arithmetic: nmi(contingency, Normalisation::Arithmetic),
        ari: ari(contingency),
    }
}

/// All metrics of a clustering; `None` where the classes are not known.
///
/// # Errors
/// Those of [`Contingency::new`] and of [`check_size`].
pub fn evaluate_labels<P, C>(
    predictions: &[P],
    classes: Option<&[C]>,
) -> Result<Option<ClusterScores>, Error>
where
    P: Copy + Into<u32>,
    C: Copy + Into<u32>,
{
    let contingency = classes.map(|classes| Contingency::new(predictions, classes));
    let contingency = contingency.transpose()?;
    contingency.as_ref().map_or(Ok(()), check_size)?;
    Ok(contingency.as_ref().map(evaluate))
}

/// Every metric's [`id`](Metric::id) with its value as a run reports it: NaN, which stands for
/// undefined there, without scores.
pub fn reported(scores: Option<ClusterScores>) -> impl Iterator<Item = (&'static str, f64)> {
    Metric::ALL.into_iter().map(move |metric| {
        let value = scores.map_or(f64::NAN, |scores| scores.get(metric));
        (metric.id(), value)
    })
}

#[cfg(test)]
mod tests;
