//! Neighbourhood preservation: are neighbours in the data still neighbours on the map?

use super::MapView;
use super::ranks::{self, Projected, RowRanks};
use crate::distances::{Estimate, Sampling};

/// Neighbourhood preservation of the `k` nearest, up to 1, higher is better.
///
/// `1 - 2 / (n k (2 n - 3 k - 1)) sum_i c_i sum_{j in N_k(x_i) \ N_k(p_i)} (r'_ij - k)`: `N_k` are the
/// samples of rank at most `k` (ties take the smallest rank and can make it larger), `p_i = m_{b_i}` is
/// the projection of sample `i`, `r'` ranks the distances of projections *in the space of the
/// prototypes*, and `c_i = |N_k(p_i)| / |N_k(x_i)|`.
///
/// Venna and Kaski have no `c_i` and rank distances on the map grid, with ties resolved in the best and
/// in the worst way; this is the form of the DESOM authors' evaluation package. On a coarse map it can
/// fall below 0. Undefined unless `1 <= k < n / 2`.
///
/// Reference: Venna and Kaski, *Neighborhood preservation in nonlinear projection methods: an
/// experimental study* (ICANN 2001).
#[must_use]
pub fn neighbourhood_preservation(map: &MapView, k: usize, sampling: &Sampling) -> Estimate {
    let rows = sampling.rows(map.samples());
    of_parts(ranks::parts(map, k, &rows).as_ref(), rows.len())
}

pub(super) fn of_parts(parts: Option<&(Projected, Vec<RowRanks>)>, rows: usize) -> Estimate {
    let value = parts.map(|(projected, parts)| {
        projected.normalised(parts.iter().map(|part| part.lost).sum(), rows)
    });
    Estimate { value, rows }
}
