//! What a reader of a value has to know: the metric's name, its range, and which way is better.

use serde::Serialize;

use super::{
    Contingency, Normalisation, accuracy, ami, ari, completeness, homogeneity,
    minor_class_occurrence, nmi, purity, unit_entropy,
};

/// Which values of a metric are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Larger ones.
    Higher,
    /// Smaller ones.
    Lower,
    /// Those near zero.
    NearestZero,
    /// Those near one.
    NearestOne,
}

impl Better {
    /// In a word or two, for tables.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Higher => "higher",
            Self::Lower => "lower",
            Self::NearestZero => "near 0",
            Self::NearestOne => "near 1",
        }
    }
}

/// A metric as tables and JSON present it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Description {
    /// The key in records and JSON.
    pub id: &'static str,
    /// The name in tables.
    pub name: &'static str,
    /// Which way is better.
    pub better: Better,
    /// The values that are possible.
    pub range: &'static str,
}

impl Description {
    pub(crate) const fn new(
        id: &'static str,
        name: &'static str,
        better: Better,
        range: &'static str,
    ) -> Self {
        Self {
            id,
            name,
            better,
            range,
        }
    }
}

/// A metric of the agreement of clusters and classes, and how it is computed.
type Agreement = (Description, fn(&Contingency) -> f64);

/// Every metric of the agreement of clusters and classes, in the order in which tables show them.
pub const AGREEMENT: [Agreement; 10] = {
    use Better::{Higher, Lower};
    let of = Description::new;
    [
        (of("accuracy", "accuracy", Higher, "0 to 1"), accuracy),
        (of("purity", "purity", Higher, "0 to 1"), purity),
        (
            of("nmi_geometric", "NMI (geometric)", Higher, "0 to 1"),
            |contingency| nmi(contingency, Normalisation::Geometric),
        ),
        (
            of("nmi_arithmetic", "NMI (arithmetic)", Higher, "0 to 1"),
            |contingency| nmi(contingency, Normalisation::Arithmetic),
        ),
        (of("ari", "ARI", Higher, "-0.5 to 1, chance 0"), ari),
        (of("ami", "AMI", Higher, "up to 1, chance 0"), ami),
        (
            of("homogeneity", "homogeneity", Higher, "0 to 1"),
            homogeneity,
        ),
        (
            of("completeness", "completeness", Higher, "0 to 1"),
            completeness,
        ),
        (
            of("entropy", "entropy (Elend, Kramer)", Lower, "0 and up"),
            unit_entropy,
        ),
        (
            of("minor_class", "minor class occurrence", Lower, "0 to 1"),
            minor_class_occurrence,
        ),
    ]
};

/// See [`silhouette`](super::silhouette()).
pub const SILHOUETTE: Description =
    Description::new("silhouette", "silhouette", Better::Higher, "-1 to 1");
