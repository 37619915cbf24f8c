//! Who is among whose nearest, in the data and after projection: what neighbourhood preservation
//! and trustworthiness are made of.
//!
//! A sample's projection is the prototype of its unit, so distances after projection are those of a
//! table of the units that have samples, and ranks there follow from how many samples each unit
//! has. Ties take the smallest rank: samples that share a unit are all nearest to one another.

use super::MapView;
use super::pairs::Placed;
use crate::distances::Points;

/// Ranks after projection.
pub(super) struct Projected {
    k: usize,
    units: usize,
    /// `[a * units + b]`, units as [`Placed`] numbers them: the rank of the samples of unit `b`
    /// seen from a sample of unit `a`.
    ranks: Vec<u32>,
    /// How many samples a sample of each unit has within rank `k`.
    within: Vec<usize>,
}

/// One sample's part of both metrics.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RowRanks {
    /// `c_i sum (rank after projection - k)` over the data's neighbours that were lost.
    pub lost: f64,
    /// `c_i sum (rank in the data - k)` over the neighbours that only the projection has.
    pub intruding: f64,
}

impl Projected {
    /// `None` unless `1 <= k < n / 2`, where the metrics' normaliser makes sense.
    pub fn new(map: &MapView, placed: &Placed, k: usize) -> Option<Self> {
        if k == 0 || 2 * k >= placed.units.len() {
            return None;
        }
        let units = placed.held.len();
        // All of them, of which the held are looked at: distances are computed about the mean of
        // the rows, and that of some has other last bits.
        let all: Vec<usize> = (0..map.grid().units()).collect();
        let prototypes = Points::new(map.prototype_values(), map.dims(), &all);
        let mut lines = prototypes.each(map.threads(), |unit, distances| {
            let Ok(place) = placed.held.binary_search(&unit) else {
                return Vec::new();
            };
            let held = placed.held.iter();
            let distances: Vec<f64> = held.map(|&other| distances[other]).collect();
            ranks_from(place, &distances, &placed.counts)
        });
        lines.retain(|ranks| !ranks.is_empty());
        let within = lines.iter().map(|ranks| {
            let near = ranks.iter().zip(&placed.counts);
            let near = near.filter(|&(&rank, _)| rank as usize <= k);
            // The sample itself is not its own neighbour.
            near.map(|(_, &count)| count).sum::<usize>() - 1
        });
        Some(Self {
            k,
            units,
            within: within.collect(),
            ranks: lines.concat(),
        })
    }

    /// The part of one sample, given its distances from all.
    pub fn look(&self, placed: &Placed, row: usize, distances: &[f64]) -> RowRanks {
        let (k, unit) = (self.k, placed.units[row]);
        let ranks = &self.ranks[unit * self.units..(unit + 1) * self.units];
        // Bits of floats that are not negative are ordered as the floats are, and sorted faster.
        let others = distances[..row].iter().chain(&distances[row + 1..]);
        let mut sorted: Vec<u64> = others.map(|distance| distance.to_bits()).collect();
        sorted.sort_unstable();
        let farthest = sorted[k - 1];
        let near = sorted.partition_point(|&other| other <= farthest) as f64;
        let near_projected = self.within[unit] as f64;
        let (mut lost, mut intruding) = (0.0, 0.0);
        for (other, (distance, &other_unit)) in distances.iter().zip(&placed.units).enumerate() {
            let rank = ranks[other_unit] as usize;
            let bits = distance.to_bits();
            if other == row || (bits <= farthest) == (rank <= k) {
                continue;
            }
            if rank > k {
                lost += (rank - k) as f64;
            } else {
                let rank = 1 + sorted.partition_point(|&other| other < bits);
                intruding += (rank - k) as f64;
            }
        }
        RowRanks {
            lost: lost * near_projected / near,
            intruding: intruding * near / near_projected,
        }
    }

    /// `1 - 2 / (n k (2 n - 3 k - 1)) sum`.
    pub fn normalised(&self, sum: f64, rows: usize) -> f64 {
        let (n, k) = (rows as f64, self.k as f64);
        1.0 - 2.0 / (n * k * (2.0 * n - 3.0 * k - 1.0)) * sum
    }
}

/// The ranks of all units' samples seen from a sample of `unit`.
fn ranks_from(unit: usize, distances: &[f64], counts: &[usize]) -> Vec<u32> {
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_unstable_by(|&a, &b| distances[a].total_cmp(&distances[b]));
    let mut ranks = vec![0; counts.len()];
    let mut nearer = 0;
    for tied in order.chunk_by(|&a, &b| distances[a].total_cmp(&distances[b]).is_eq()) {
        for &other in tied {
            ranks[other] = 1 + nearer as u32;
        }
        let here: usize = tied.iter().map(|&other| counts[other]).sum();
        nearer += here - usize::from(tied.contains(&unit));
    }
    ranks
}

/// The parts of these samples alone, and what they are to be normalised by.
pub(super) fn parts(map: &MapView, k: usize, rows: &[usize]) -> Option<(Projected, Vec<RowRanks>)> {
    let (placed, points) = Placed::new(map, rows);
    let projected = Projected::new(map, &placed, k)?;
    let parts = points.each(map.threads(), |row, line| {
        projected.look(&placed, row, line)
    });
    Some((projected, parts))
}
