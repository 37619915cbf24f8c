//! Topographic product: does the map have the dimension of the data?

use super::MapView;
use crate::distances::Points;

/// Topographic product, zero is best; below it the map has too few dimensions, above too many.
///
/// With `A_j(l)` the l-th nearest unit of `j` on the map and `B_j(l)` in space,
/// `Q1 = |m_j - m_{A_j(l)}| / |m_j - m_{B_j(l)}|`, `Q2 = delta(j, A_j(l)) / delta(j, B_j(l))` and
/// `P3(j, k) = (product over l <= k of Q1 Q2)^(1 / 2k)`, it is the mean of `ln P3` over all `j` and
/// `k = 1..K-1`. It depends on the prototypes alone.
///
/// Equally near units are taken in the order of their numbers, which the literature leaves open.
/// 1e-16 is added to all distances, so that prototypes that coincide have a quotient; on a map that has
/// collapsed onto one point, the value says nothing.
///
/// Reference: Bauer and Pawelzik, *Quantifying the neighborhood preservation of self-organizing feature
/// maps* (IEEE Transactions on Neural Networks 1992).
#[must_use]
pub fn topographic_product(map: &MapView) -> f64 {
    let units = map.grid().units();
    let all: Vec<usize> = (0..units).collect();
    let prototypes = Points::new(map.prototype_values(), map.dims(), &all);
    let sums = prototypes.each(map.threads(), |unit, distances| {
        let steps: Vec<f64> = (0..units)
            .map(|other| map.steps(unit, other) as f64)
            .collect();
        let (on_map, in_space) = (nearest(unit, &steps), nearest(unit, distances));
        let positive = |distance: f64| distance + 1e-16;
        let (mut product, mut sum) = (0.0, 0.0);
        for (l, (&a, &b)) in on_map.iter().zip(&in_space).enumerate() {
            let q1 = positive(distances[a]) / positive(distances[b]);
            let q2 = positive(steps[a]) / positive(steps[b]);
            product += (q1 * q2).ln();
            sum += product / (2 * (l + 1)) as f64;
        }
        sum
    });
    sums.iter().sum::<f64>() / (units * (units - 1)) as f64
}

/// All other units, the nearest first, of equally near ones the lowest.
fn nearest(unit: usize, distances: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..distances.len())
        .filter(|&other| other != unit)
        .collect();
    order.sort_by(|&a, &b| distances[a].total_cmp(&distances[b]));
    order
}
