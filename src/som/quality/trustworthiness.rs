//! Trustworthiness: are neighbours on the map neighbours in the data?

use super::MapView;
use super::ranks::{self, Projected, RowRanks};
use crate::distances::{Estimate, Sampling};

/// Trustworthiness of the `k` nearest, up to 1, higher is better.
///
/// [`neighbourhood_preservation`](super::neighbourhood_preservation()) with roles exchanged:
/// `1 - 2 / (n k (2 n - 3 k - 1)) sum_i c_i sum_{j in N_k(p_i) \ N_k(x_i)} (r_ij - k)`, `r` the rank in
/// the data, `c_i = |N_k(x_i)| / |N_k(p_i)|`. What is said there of ties and literature holds here too.
///
/// Reference: Venna and Kaski, *Neighborhood preservation in nonlinear projection methods: an
/// experimental study* (ICANN 2001).
#[must_use]
pub fn trustworthiness(map: &MapView, k: usize, sampling: &Sampling) -> Estimate {
    let rows = sampling.rows(map.samples());
    of_parts(ranks::parts(map, k, &rows).as_ref(), rows.len())
}

pub(super) fn of_parts(parts: Option<&(Projected, Vec<RowRanks>)>, rows: usize) -> Estimate {
    let value = parts.map(|(projected, parts)| {
        projected.normalised(parts.iter().map(|part| part.intruding).sum(), rows)
    });
    Estimate { value, rows }
}
