//! C measure: distances of the data times distances on the map.

use super::MapView;
use super::pairs::{self, PairSums};
use crate::distances::{Estimate, Sampling};

/// The C measure, 0 and up: `1/2 sum_{i,j} D_ij delta_ij`, and beside it its mean over the
/// `n (n - 1) / 2` pairs.
///
/// Higher is better among maps of one size on one data set: the sum of products is largest when both
/// distances have the same order. Nothing normalises it, so it is comparable only there, and it also
/// grows when samples merely spread over the map. On a sample, the total is the sample's mean times the
/// number of all pairs.
///
/// Reference: Goodhill and Sejnowski, *Quantifying neighbourhood preservation in topographic mappings*
/// (1996), with distances as the two measures of (dis)similarity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CMeasure {
    /// The sum over all unordered pairs of samples.
    pub total: Estimate,
    /// Its mean; undefined for a single sample.
    pub mean: Estimate,
}

/// The [`CMeasure`] of a map.
#[must_use]
pub fn c_measure(map: &MapView, sampling: &Sampling) -> CMeasure {
    let rows = sampling.rows(map.samples());
    of_sums(&pairs::sums(map, &rows), map.samples())
}

pub(super) fn of_sums(sums: &PairSums, samples: usize) -> CMeasure {
    let rows = sums.rows;
    let pairs = |rows: usize| rows as f64 * (rows as f64 - 1.0) / 2.0;
    let sum = sums.products / 2.0;
    let mean = (rows > 1).then(|| sum / pairs(rows));
    let total = if rows == samples {
        Some(sum)
    } else {
        mean.map(|mean| mean * pairs(samples))
    };
    CMeasure {
        total: Estimate { value: total, rows },
        mean: Estimate { value: mean, rows },
    }
}
