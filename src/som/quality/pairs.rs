//! Sums over pairs of samples, shared by the metrics that compare distances of data with steps on the
//! map.

use super::MapView;
use crate::distances::Points;

/// What pairs of samples add up to. Every pair counts twice, once in each order.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PairSums {
    /// Number of samples.
    pub rows: usize,
    /// The sum of `D_ij^2`.
    pub distances_squared: f64,
    /// The sum of `D_ij delta_ij`.
    pub products: f64,
    /// The sum of `delta_ij^2`.
    pub steps_squared: f64,
    /// The largest `D_ij`.
    pub farthest: f64,
    /// The largest `delta_ij`.
    pub most_steps: f64,
}

/// One sample's part of [`PairSums`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RowSums {
    squares: f64,
    products: f64,
    farthest: f64,
}

/// Samples on the map, ready to be compared pair by pair. Tables are of the units that have samples, so that they
/// grow with the samples and not with the map.
pub(super) struct Placed {
    /// The units that have samples, ascending.
    pub held: Vec<usize>,
    /// The best matching unit of each sample, as its place in `held`.
    pub units: Vec<usize>,
    /// How many samples each unit of `held` has.
    pub counts: Vec<usize>,
    /// `steps[a * held + b]`, the distance of two units on the map.
    steps: Vec<f64>,
}

impl Placed {
    /// The samples `rows` of `map`, and their distances.
    pub fn new(map: &MapView, rows: &[usize]) -> (Self, Points) {
        let best = rows.iter().map(|&row| map.matches()[row].best as usize);
        let best: Vec<usize> = best.collect();
        let mut held = best.clone();
        held.sort_unstable();
        held.dedup();
        let places = best
            .iter()
            .map(|unit| held.partition_point(|one| one < unit));
        let units: Vec<usize> = places.collect();
        let mut counts = vec![0; held.len()];
        for &unit in &units {
            counts[unit] += 1;
        }
        let pairs = held.iter().flat_map(|&a| held.iter().map(move |&b| (a, b)));
        let steps = pairs.map(|(a, b)| map.steps(a, b) as f64).collect();
        let placed = Self {
            held,
            units,
            counts,
            steps,
        };
        (placed, Points::new(map.data(), map.dims(), rows))
    }

    /// Distances on the map from one unit to all that have samples.
    fn steps_from(&self, unit: usize) -> &[f64] {
        let number = self.counts.len();
        &self.steps[unit * number..(unit + 1) * number]
    }

    /// The part of one sample, given its distances from all.
    pub fn look(&self, row: usize, distances: &[f64]) -> RowSums {
        let steps = self.steps_from(self.units[row]);
        let mut sums = RowSums::default();
        for (&distance, &unit) in distances.iter().zip(&self.units) {
            sums.squares += distance * distance;
            sums.products += distance * steps[unit];
            sums.farthest = sums.farthest.max(distance);
        }
        sums
    }

    /// All samples' parts together.
    pub fn sums<'a>(&self, parts: impl IntoIterator<Item = &'a RowSums>) -> PairSums {
        let mut sums = PairSums {
            rows: self.units.len(),
            ..PairSums::default()
        };
        for part in parts {
            sums.distances_squared += part.squares;
            sums.products += part.products;
            sums.farthest = sums.farthest.max(part.farthest);
        }
        for (unit, &count) in self.counts.iter().enumerate() {
            for (&other, &steps) in self.counts.iter().zip(self.steps_from(unit)) {
                sums.steps_squared += (count * other) as f64 * steps * steps;
                sums.most_steps = sums.most_steps.max(steps);
            }
        }
        sums
    }
}

/// The sums over the pairs of these samples alone.
pub(super) fn sums(map: &MapView, rows: &[usize]) -> PairSums {
    let (placed, points) = Placed::new(map, rows);
    let parts = points.each(map.threads(), |row, line| placed.look(row, line));
    placed.sums(&parts)
}
