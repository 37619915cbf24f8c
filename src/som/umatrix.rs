//! The unified distance matrix: how far neighbouring prototypes are from each other.

use super::Grid;

/// The U-matrix of a map: `(2 rows - 1) x (2 columns - 1)` values, row by row.
///
/// Between two neighbours stands the Euclidean distance of their prototypes, in the middle of four units the
/// mean of the two diagonals, and at a unit the mean over the distances to its neighbours (NaN for a map of
/// one unit, which has none). `prototypes` has `dims` values for each unit.
///
/// Source: A. Ultsch, H. P. Siemon, "Kohonen's self organizing feature maps for exploratory data analysis",
/// 1990; the mean at a unit is one of its usual readings.
#[must_use]
pub fn umatrix(grid: Grid, prototypes: &[f32], dims: usize) -> Vec<f64> {
    let prototype = |row: usize, column: usize| {
        let unit = row * grid.columns + column;
        &prototypes[unit * dims..(unit + 1) * dims]
    };
    let distance = |a: (usize, usize), b: (usize, usize)| {
        let pairs = prototype(a.0, a.1).iter().zip(prototype(b.0, b.1));
        let squares = pairs.map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
        squares.sum::<f64>().sqrt()
    };
    let (rows, columns) = (2 * grid.rows - 1, 2 * grid.columns - 1);
    let mut values = Vec::with_capacity(rows * columns);
    for y in 0..rows {
        for x in 0..columns {
            let (row, column) = (y / 2, x / 2);
            values.push(match (y % 2, x % 2) {
                (0, 1) => distance((row, column), (row, column + 1)),
                (1, 0) => distance((row, column), (row + 1, column)),
                (1, _) => {
                    let falling = distance((row, column), (row + 1, column + 1));
                    let rising = distance((row + 1, column), (row, column + 1));
                    f64::midpoint(falling, rising)
                }
                _ => {
                    let mut around = Vec::with_capacity(4);
                    if row > 0 {
                        around.push((row - 1, column));
                    }
                    if row + 1 < grid.rows {
                        around.push((row + 1, column));
                    }
                    if column > 0 {
                        around.push((row, column - 1));
                    }
                    if column + 1 < grid.columns {
                        around.push((row, column + 1));
                    }
                    let count = around.len() as f64;
                    let sum: f64 = around
                        .into_iter()
                        .map(|other| distance((row, column), other))
                        .sum();
                    sum / count
                }
            });
        }
    }
    values
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp)]
    use super::*;

    #[test]
    fn distances_stand_between_their_units() {
        let grid = Grid {
            rows: 2,
            columns: 2,
        };
        // 0 3
        // 4 12, on a line.
        let values = umatrix(grid, &[0.0, 3.0, 4.0, 12.0], 1);
        #[rustfmt::skip]
        let expected = [
            3.5, 3.0, 6.0,
            4.0, 6.5, 9.0,
            6.0, 8.0, 8.5,
        ];
        assert_eq!(values, expected);
    }

    #[test]
    fn a_line_of_units_has_no_rows_between() {
        let grid = Grid {
            rows: 1,
            columns: 3,
        };
        let values = umatrix(grid, &[0.0, 0.0, 3.0, 4.0, 3.0, 5.0], 2);
        assert_eq!(values, [5.0, 5.0, 3.0, 1.0, 1.0]);
        assert!(
            umatrix(
                Grid {
                    rows: 1,
                    columns: 1
                },
                &[1.0],
                1
            )[0]
            .is_nan()
        );
    }
}
