//! Combined error: the way from a sample over its unit, along the map, to the second-best unit.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::MapView;
use crate::distances::squared;

/// Combined error, 0 and up, lower is better: `mean_i ( d(x_i, m_{b_i}) + length of the shortest path
/// from m_{b_i} to m_{s_i} )`, over edges between neighbours on the grid, as long as their prototypes
/// are apart.
///
/// Neighbours whose prototypes coincide are connected by an edge of length 0. (The DESOM authors'
/// package drops such edges, so partly collapsed maps can have an infinite error there.)
///
/// Reference: Kaski and Lagus, *Comparing self-organizing maps* (ICANN 1996).
#[must_use]
pub fn combined_error(map: &MapView) -> f64 {
    let graph = Graph::new(map);
    let mut paths: Vec<Option<Vec<f64>>> = vec![None; map.grid().units()];
    map.matches()
        .iter()
        .map(|found| {
            let best = found.best as usize;
            let lengths = paths[best].get_or_insert_with(|| graph.shortest(best));
            found.distance + lengths[found.second as usize]
        })
        .sum::<f64>()
        / map.samples() as f64
}

/// The grid with the lengths of its edges.
struct Graph {
    /// For each unit its neighbours, and how far they are.
    edges: Vec<Vec<(usize, f64)>>,
}

impl Graph {
    fn new(map: &MapView) -> Self {
        let prototypes = map.prototypes();
        let prototype = |unit: usize| &prototypes[unit * map.dims()..(unit + 1) * map.dims()];
        let (units, columns) = (map.grid().units(), map.grid().columns);
        let mut edges = vec![Vec::with_capacity(4); units];
        for unit in 0..units {
            let right = (unit % columns + 1 < columns).then_some(unit + 1);
            let below = (unit + columns < units).then_some(unit + columns);
            for other in [right, below].into_iter().flatten() {
                let length = squared(prototype(unit), prototype(other)).sqrt();
                edges[unit].push((other, length));
                edges[other].push((unit, length));
            }
        }
        Self { edges }
    }

    /// The lengths of the shortest paths from one unit to all (Dijkstra 1959).
    fn shortest(&self, from: usize) -> Vec<f64> {
        let mut lengths = vec![f64::INFINITY; self.edges.len()];
        lengths[from] = 0.0;
        // Bits of floats that are not negative are ordered as the floats are.
        let mut open = BinaryHeap::from([Reverse((0.0_f64.to_bits(), from))]);
        while let Some(Reverse((bits, unit))) = open.pop() {
            let length = f64::from_bits(bits);
            if length > lengths[unit] {
                continue;
            }
            for &(other, edge) in &self.edges[unit] {
                if length + edge < lengths[other] {
                    lengths[other] = length + edge;
                    open.push(Reverse((lengths[other].to_bits(), other)));
                }
            }
        }
        lengths
    }
}
