//! The units of a map and the distances between them.

use serde::{Deserialize, Serialize};

/// A rectangular map of `rows` x `columns` units, numbered row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[usize; 2]", into = "[usize; 2]")]
pub struct Grid {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
}

impl From<[usize; 2]> for Grid {
    fn from([rows, columns]: [usize; 2]) -> Self {
        Self { rows, columns }
    }
}

impl From<Grid> for [usize; 2] {
    fn from(grid: Grid) -> Self {
        [grid.rows, grid.columns]
    }
}

/// How the distance of two units on the map is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MapDistance {
    /// `|row difference| + |column difference|`, as the DESOM papers say.
    Manhattan,
    /// As the DESOM authors' code computes it: the row difference is `|b - k| div columns`, one
    /// less than it should be wherever the row and column differences have opposite signs.
    AsCoded,
}

impl Grid {
    /// Number of units.
    #[must_use]
    pub fn units(self) -> usize {
        self.rows * self.columns
    }

    /// Distance of the units `a` and `b` on the map.
    #[must_use]
    pub fn distance(self, kind: MapDistance, a: usize, b: usize) -> usize {
        let columns = (a % self.columns).abs_diff(b % self.columns);
        let rows = match kind {
            MapDistance::Manhattan => (a / self.columns).abs_diff(b / self.columns),
            MapDistance::AsCoded => a.abs_diff(b) / self.columns,
        };
        rows + columns
    }

    /// Squared distances of all pairs, `units x units`, row by row.
    #[must_use]
    pub fn squared_distances(self, kind: MapDistance) -> Vec<f32> {
        let units = self.units();
        let pairs = (0..units).flat_map(|a| (0..units).map(move |b| (a, b)));
        pairs
            .map(|(a, b)| (self.distance(kind, a, b) as f32).powi(2))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp)]
    use super::*;

    const MAP: Grid = Grid {
        rows: 8,
        columns: 8,
    };

    #[test]
    fn manhattan_distances_are_those_of_rows_and_columns() {
        assert_eq!(MAP.distance(MapDistance::Manhattan, 0, 63), 14);
        assert_eq!(MAP.distance(MapDistance::Manhattan, 7, 8), 8);
        assert_eq!(MAP.distance(MapDistance::Manhattan, 9, 9), 0);
    }

    #[test]
    fn the_coded_distance_is_one_less_where_the_differences_have_opposite_signs() {
        let (mut affected, mut neighbours) = (0, 0);
        for a in 0..64_usize {
            for b in 0..64_usize {
                let rows = (a / 8).cast_signed() - (b / 8).cast_signed();
                let columns = (a % 8).cast_signed() - (b % 8).cast_signed();
                let manhattan = MAP.distance(MapDistance::Manhattan, a, b);
                let coded = MAP.distance(MapDistance::AsCoded, a, b);
                let expected = manhattan - usize::from(rows * columns < 0);
                assert_eq!(coded, expected, "{a} {b}");
                affected += usize::from(coded != manhattan);
                neighbours += usize::from(coded == 1);
            }
        }
        // 38.9 % of the ordered pairs of two different units; 322 at distance 1 instead of 224.
        assert_eq!(
            (f64::from(affected as u32) / 4032.0 * 1000.0).round(),
            389.0
        );
        assert_eq!(neighbours, 322);
    }
}
