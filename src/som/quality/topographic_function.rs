//! Topographic function: how far apart on the map are units that are neighbours in the data?

use super::MapView;

/// The topographic function of a map at all its steps.
#[derive(Debug, Clone, PartialEq)]
pub struct TopographicFunction {
    /// `connected[s]`: ordered pairs of connected units `s` steps apart on the map.
    connected: Vec<usize>,
    normaliser: f64,
}

/// The topographic function, lower is better: units are connected if they are the two nearest of some
/// sample, and `phi(t)` is the number of connected pairs (ordered) with `delta / max delta > t`, divided
/// by `K (K - 3^dim)`: 9 on a map with rows and columns, 3 on a line.
///
/// `None` for maps that are too small for the divisor to be positive: up to 9 units, or 3 on a line.
///
/// Villmann counts pairs by whole steps of the maximum norm and has negative arguments too, for the map's
/// neighbours that are none in the data; this is the form of the DESOM authors' evaluation package.
///
/// Reference: Villmann, Der, Herrmann and Martinetz, *Topology preservation in self-organizing feature
/// maps: exact definition and measurement* (IEEE Transactions on Neural Networks 1997; first 1994).
#[must_use]
pub fn topographic_function(map: &MapView) -> Option<TopographicFunction> {
    let grid = map.grid();
    let units = grid.units();
    let neighbours = if grid.rows == 1 || grid.columns == 1 {
        3
    } else {
        9
    };
    if units <= neighbours {
        return None;
    }
    let mut pairs: Vec<(u32, u32)> = map
        .matches()
        .iter()
        .flat_map(|found| [(found.best, found.second), (found.second, found.best)])
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    let mut connected = vec![0; map.longest() + 1];
    for (a, b) in pairs {
        connected[map.steps(a as usize, b as usize)] += 1;
    }
    Some(TopographicFunction {
        connected,
        normaliser: (units * (units - neighbours)) as f64,
    })
}

impl TopographicFunction {
    /// `phi(t)`, for `t` from 0 to 1.
    #[must_use]
    pub fn at(&self, t: f64) -> f64 {
        let longest = (self.connected.len() - 1) as f64;
        let beyond = self.connected.iter().enumerate();
        let beyond = beyond.filter(|&(steps, _)| steps as f64 / longest > t);
        beyond.map(|(_, &count)| count).sum::<usize>() as f64 / self.normaliser
    }

    /// The steps of the function: `t` and `phi(t)` wherever it may change, from 0 on.
    #[must_use]
    pub fn curve(&self) -> Vec<(f64, f64)> {
        let longest = (self.connected.len() - 1) as f64;
        let steps = (0..self.connected.len()).map(|steps| steps as f64 / longest);
        steps.map(|t| (t, self.at(t))).collect()
    }
}
