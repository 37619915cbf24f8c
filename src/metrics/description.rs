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

impl Description {
    /// The smallest and the largest possible value, as [`range`](Self::range) words them; infinite where
    /// there is none.
    #[must_use]
    pub fn bounds(&self) -> (f64, f64) {
        let words = self.range.split(',').next().unwrap_or_default();
        let number = |text: &str| text.trim().parse().ok();
        let (low, high) = if let Some((low, high)) = words.split_once(" to ") {
            (number(low), number(high))
        } else if let Some(high) = words.strip_prefix("up to ") {
            (None, number(high))
        } else {
            (words.strip_suffix(" and up").and_then(number), None)
        };
        (
            low.unwrap_or(f64::NEG_INFINITY),
            high.unwrap_or(f64::INFINITY),
        )
    }
}

/// The metric of that id, if it is one of [`AGREEMENT`] or the silhouette.
#[must_use]
pub fn described(id: &str) -> Option<Description> {
    let known = AGREEMENT.iter().map(|(of, _)| *of).chain([SILHOUETTE]);
    known.into_iter().find(|of| of.id == id)
}

/// Rounding may carry a value this far beyond a metric's range.
const ROUNDING: f64 = 1e-6;

/// The range of a metric that is known by name, alone or after a prefix as in `bmu.purity`, in words, if the value is
/// none of it.
#[must_use]
pub fn out_of_range(metric: &str, value: f64) -> Option<&'static str> {
    let of = described(metric.rsplit('.').next()?)?;
    let (low, high) = of.bounds();
    let is_possible = (low - ROUNDING..=high + ROUNDING).contains(&value);
    (!is_possible).then_some(of.range)
}

/// Why a metric cannot have this value ([`out_of_range`]), if it cannot; in words for whoever wrote it down.
#[must_use]
pub fn impossible(metric: &str, value: f64) -> Option<String> {
    out_of_range(metric, value).map(|range| {
        format!(
            "{value} is no value of {metric}, whose range is {range}; divide percentages by 100, or give another \
             quantity another name"
        )
    })
}

/// Why a metric that is known by name cannot vary as much as this, if it cannot; in words for whoever wrote it down.
#[must_use]
pub fn too_wide(metric: &str, size: f64) -> Option<String> {
    let of = described(metric.rsplit('.').next()?)?;
    let (low, high) = of.bounds();
    (size >= high - low).then(|| {
        format!(
            "{size} is the whole range of {metric}, {}, or more; divide percentages by 100, or give another quantity \
             another name",
            of.range
        )
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_those_of_the_words() {
        let of = |id| described(id).map(|of| of.bounds());
        assert_eq!(of("accuracy"), Some((0.0, 1.0)));
        assert_eq!(of("ari"), Some((-0.5, 1.0)));
        assert_eq!(of("ami"), Some((f64::NEG_INFINITY, 1.0)));
        assert_eq!(of("entropy"), Some((0.0, f64::INFINITY)));
        assert_eq!(of("silhouette"), Some((-1.0, 1.0)));
        assert_eq!(of("loss"), None);
        // Every metric of agreement is bounded on one side at least.
        for (of, _) in AGREEMENT {
            let (low, high) = of.bounds();
            assert!(low.is_finite() || high.is_finite(), "{}", of.id);
        }
    }
}
