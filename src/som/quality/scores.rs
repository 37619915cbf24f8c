//! All metrics of a map at once.

use std::collections::BTreeMap;

use super::pairs::{Placed, RowSums};
use super::ranks::{Projected, RowRanks};
use super::{
    CMeasure, MapView, TopographicFunction, c_measure, combined_error, distortion, kruskal_shepard,
    neighbourhood_preservation, quantization_error, topographic_error, topographic_function,
    topographic_product, trustworthiness,
};
use crate::distances::{Estimate, Sampling};
use crate::metrics::{Better, Description};
use crate::som::Neighbourhood;

/// What the metrics that have parameters are computed with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Neighbours looked at by neighbourhood preservation and trustworthiness.
    pub k: usize,
    /// Radius of the distortion's Gaussian neighbourhood, in steps on the map.
    pub radius: f64,
    /// Which samples the metrics over pairs look at.
    pub sampling: Sampling,
}

impl Default for Options {
    /// 10 neighbours, radius 1, exact up to 10 000 samples.
    fn default() -> Self {
        Self {
            k: 10,
            radius: 1.0,
            sampling: Sampling::default(),
        }
    }
}

/// Every metric that needs nothing but data, prototypes and the grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Quality {
    /// Number of samples.
    pub samples: usize,
    /// See [`quantization_error`].
    pub quantization_error: f64,
    /// See [`topographic_error()`].
    pub topographic_error: f64,
    /// See [`combined_error`].
    pub combined_error: f64,
    /// See [`distortion()`].
    pub distortion: f64,
    /// See [`kruskal_shepard_error`](super::kruskal_shepard_error).
    pub kruskal_shepard_error: Estimate,
    /// See [`CMeasure`].
    pub c_measure: CMeasure,
    /// See [`neighbourhood_preservation`](super::neighbourhood_preservation()).
    pub neighbourhood_preservation: Estimate,
    /// See [`trustworthiness`](super::trustworthiness()).
    pub trustworthiness: Estimate,
    /// See [`topographic_product()`].
    pub topographic_product: f64,
    /// See [`topographic_function()`]; `None` for small maps.
    pub topographic_function: Option<TopographicFunction>,
}

/// All metrics of a map. Those over pairs of samples share one pass.
#[must_use]
pub fn evaluate(map: &MapView, options: &Options) -> Quality {
    let rows = options.sampling.rows(map.samples());
    let (placed, points) = Placed::new(map, &rows);
    let projected = Projected::new(map, &placed, options.k);
    let parts = points.each(map.threads(), |row, line| {
        let ranks = projected
            .as_ref()
            .map(|projected| projected.look(&placed, row, line));
        (placed.look(row, line), ranks.unwrap_or_default())
    });
    let (sums, ranks): (Vec<RowSums>, Vec<RowRanks>) = parts.into_iter().unzip();
    let sums = placed.sums(&sums);
    let ranks = projected.map(|projected| (projected, ranks));
    Quality {
        samples: map.samples(),
        quantization_error: quantization_error(map),
        topographic_error: topographic_error(map),
        combined_error: combined_error(map),
        distortion: distortion(map, Neighbourhood::Gaussian, options.radius),
        kruskal_shepard_error: kruskal_shepard::of_sums(&sums),
        c_measure: c_measure::of_sums(&sums, map.samples()),
        neighbourhood_preservation: neighbourhood_preservation::of_parts(
            ranks.as_ref(),
            rows.len(),
        ),
        trustworthiness: trustworthiness::of_parts(ranks.as_ref(), rows.len()),
        topographic_product: topographic_product(map),
        topographic_function: topographic_function(map),
    }
}

/// How a value is found in [`Quality`].
type Value = fn(&Quality) -> Estimate;

/// Every value of [`Quality`], in the order in which tables show them.
pub const MAP: [(Description, Value); 14] = {
    use Better::{Higher, Lower, NearestZero};
    let of = Description::new;
    [
        (
            of(
                "quantization_error",
                "quantization error",
                Lower,
                "0 and up",
            ),
            |map| map.of_all(Some(map.quantization_error)),
        ),
        (
            of("topographic_error", "topographic error", Lower, "0 to 1"),
            |map| map.of_all(Some(map.topographic_error)),
        ),
        (
            of("combined_error", "combined error", Lower, "0 and up"),
            |map| map.of_all(Some(map.combined_error)),
        ),
        (of("distortion", "distortion", Lower, "0 and up"), |map| {
            map.of_all(Some(map.distortion))
        }),
        (
            of(
                "kruskal_shepard_error",
                "Kruskal-Shepard error",
                Lower,
                "0 to 1",
            ),
            |map| map.kruskal_shepard_error,
        ),
        (of("c_measure", "C measure", Higher, "0 and up"), |map| {
            map.c_measure.total
        }),
        (
            of("c_measure_mean", "C measure, mean pair", Higher, "0 and up"),
            |map| map.c_measure.mean,
        ),
        (
            of(
                "neighbourhood_preservation",
                "neighbourhood preservation",
                Higher,
                "up to 1",
            ),
            |map| map.neighbourhood_preservation,
        ),
        (
            of("trustworthiness", "trustworthiness", Higher, "up to 1"),
            |map| map.trustworthiness,
        ),
        (
            of(
                "topographic_product",
                "topographic product",
                NearestZero,
                "any",
            ),
            |map| map.of_all(Some(map.topographic_product)),
        ),
        (
            phi("topographic_function_0", "topographic function, 0"),
            |map| phi_at(map, 0.0),
        ),
        (
            phi("topographic_function_20", "topographic function, 0.2"),
            |map| phi_at(map, 0.2),
        ),
        (
            phi("topographic_function_40", "topographic function, 0.4"),
            |map| phi_at(map, 0.4),
        ),
        (
            phi("topographic_function_60", "topographic function, 0.6"),
            |map| phi_at(map, 0.6),
        ),
    ]
};

const fn phi(id: &'static str, name: &'static str) -> Description {
    Description::new(id, name, Better::Lower, "0 and up")
}

fn phi_at(map: &Quality, t: f64) -> Estimate {
    map.of_all(map.topographic_function.as_ref().map(|phi| phi.at(t)))
}

/// See [`class_scatter_index`](super::class_scatter_index).
pub const CLASS_SCATTER: Description = Description::new(
    "class_scatter_index",
    "class scatter index",
    Better::Lower,
    "1 and up",
);

/// See [`sharpness_ratio`](super::sharpness_ratio).
pub const SHARPNESS: Description = Description::new(
    "sharpness_ratio",
    "sharpness ratio",
    Better::NearestOne,
    "0 and up",
);

impl Quality {
    const fn of_all(&self, value: Option<f64>) -> Estimate {
        Estimate {
            value,
            rows: self.samples,
        }
    }

    /// Every value by its id ([`MAP`]), NaN where a metric is undefined, and `pair_samples`, the number
    /// of samples that the metrics over pairs looked at.
    #[must_use]
    pub fn values(&self) -> BTreeMap<&'static str, f64> {
        let values = MAP.iter();
        let values = values.map(|(of, value)| (of.id, value(self).value.unwrap_or(f64::NAN)));
        let samples = ("pair_samples", self.pair_samples() as f64);
        values.chain([samples]).collect()
    }

    /// [`values`](Self::values) with names that begin with `prefix` and a full stop, as records have
    /// them: `latent.quantization_error`.
    #[must_use]
    pub fn prefixed(&self, prefix: &str) -> BTreeMap<String, f64> {
        let values = self.values().into_iter();
        values
            .map(|(id, value)| (format!("{prefix}.{id}"), value))
            .collect()
    }

    /// The number of samples that the metrics over pairs looked at.
    #[must_use]
    pub fn pair_samples(&self) -> usize {
        self.kruskal_shepard_error.rows
    }
}
