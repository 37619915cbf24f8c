//! What pushes the points of an embedding apart.

use std::num::NonZeroUsize;

use super::grid::Grid;
use crate::shares::share;

/// Points up to which all pairs are quicker than a grid.
const PAIRS_UP_TO: usize = 256;

/// Sums over all other points `j`, of which the repulsive force on each point `i` is made.
#[derive(Default)]
pub(super) struct Repulsion {
    grid: Grid,
    /// Per point: the two parts of `sum_j q^2 (y_i - y_j)`, and `sum_j q` with `j = i` included,
    /// where `q = 1 / (1 + |y_i - y_j|^2)`.
    pub forces: Vec<[f64; 3]>,
    /// The sum of `q` over all ordered pairs of different points: `Z` of the paper.
    pub normaliser: f64,
}

impl Repulsion {
    /// Fills `forces` and `normaliser` for `points`, by a grid where that is quicker. A grid that
    /// would grow too large, because an embedding flies apart, gives way to all pairs.
    pub fn update(&mut self, points: &[[f64; 2]], threads: NonZeroUsize) {
        self.forces.resize(points.len(), [0.0; 3]);
        let by_grid = points.len() > PAIRS_UP_TO
            && self
                .grid
                .repulsion(points, threads, &mut self.forces)
                .is_some();
        if !by_grid {
            all_pairs(points, threads, &mut self.forces);
        }
        let mut total = [0.0; 3];
        for force in &self.forces {
            for (total, part) in total.iter_mut().zip(force) {
                *total += part;
            }
        }
        // Action and reaction cancel; what interpolation leaves over would move all points alike.
        let count = points.len() as f64;
        for force in &mut self.forces {
            force[0] -= total[0] / count;
            force[1] -= total[1] / count;
        }
        self.normaliser = (total[2] - count).max(f64::MIN_POSITIVE);
    }
}

/// The sums by definition.
pub(super) fn all_pairs(points: &[[f64; 2]], threads: NonZeroUsize, forces: &mut [[f64; 3]]) {
    share(threads, forces, 1, |first, part| {
        for (force, &[x, y]) in part.iter_mut().zip(&points[first..]) {
            let (mut right, mut up, mut potential) = (0.0, 0.0, 0.0);
            for &[other_x, other_y] in points {
                let (dx, dy) = (x - other_x, y - other_y);
                let q = 1.0 / (1.0 + dx * dx + dy * dy);
                potential += q;
                right += q * q * dx;
                up += q * q * dy;
            }
            *force = [right, up, potential];
        }
    });
}
