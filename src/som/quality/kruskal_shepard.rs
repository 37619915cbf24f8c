//! Kruskal-Shepard error: do distances on the map follow those of the data?

use super::MapView;
use super::pairs::{self, PairSums};
use crate::distances::{Estimate, Sampling};

/// Kruskal-Shepard error, 0 to 1, lower is better: `sum_{i,j} ( D_ij / max D - delta_ij / max delta )^2
/// / (n^2 - n)` with the distances `D` of the samples and those of their units on the map, both
/// divided by the largest that occurs.
///
/// Undefined if all samples share one unit, or one place: there is nothing to divide by.
///
/// Reference: Kruskal, *Multidimensional scaling by optimizing goodness of fit* (Psychometrika 1964),
/// in the form of Elend and Kramer, *Self-organizing maps with convolutional layers* (WSOM 2019).
#[must_use]
pub fn kruskal_shepard_error(map: &MapView, sampling: &Sampling) -> Estimate {
    let rows = sampling.rows(map.samples());
    of_sums(&pairs::sums(map, &rows))
}

pub(super) fn of_sums(sums: &PairSums) -> Estimate {
    let (d, m) = (sums.farthest, sums.most_steps);
    let value = (d > 0.0 && m > 0.0).then(|| {
        let rows = sums.rows as f64;
        // The square, multiplied out.
        let total = sums.distances_squared / (d * d) - 2.0 * sums.products / (d * m)
            + sums.steps_squared / (m * m);
        total.max(0.0) / (rows * rows - rows)
    });
    Estimate {
        value,
        rows: sums.rows,
    }
}
