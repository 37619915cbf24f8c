//! What pulls neighbours together, and the divergence that t-SNE makes small.

use std::num::NonZeroUsize;

use super::affinities::Affinities;
use crate::shares::share;

/// Fills `forces` with `sum_j p_ij q_ij (y_i - y_j)`, where `q = 1 / (1 + |y_i - y_j|^2)`.
pub(super) fn attraction(
    affinities: &Affinities,
    points: &[[f64; 2]],
    threads: NonZeroUsize,
    forces: &mut [[f64; 2]],
) {
    share(threads, forces, 1, |first, part| {
        for (number, force) in part.iter_mut().enumerate() {
            let row = first + number;
            let [x, y] = points[row];
            let mut sum = [0.0; 2];
            for (other, p) in affinities.row(row) {
                let (dx, dy) = (x - points[other][0], y - points[other][1]);
                let weight = p / (1.0 + dx * dx + dy * dy);
                sum[0] += weight * dx;
                sum[1] += weight * dy;
            }
            *force = sum;
        }
    });
}

/// The divergence of Kullback and Leibler from the pairs' probabilities `p` to those of the
/// embedding, `q / Z`: `sum p ln(p Z / q)`.
pub(super) fn divergence(
    affinities: &Affinities,
    points: &[[f64; 2]],
    normaliser: f64,
    threads: NonZeroUsize,
) -> f64 {
    let mut parts = vec![0.0; points.len()];
    share(threads, &mut parts, 1, |first, part| {
        for (number, sum) in part.iter_mut().enumerate() {
            let row = first + number;
            let [x, y] = points[row];
            for (other, p) in affinities.row(row) {
                if p > 0.0 {
                    let (dx, dy) = (x - points[other][0], y - points[other][1]);
                    *sum += p * (p * normaliser * (1.0 + dx * dx + dy * dy)).ln();
                }
            }
        }
    });
    parts.iter().sum()
}
