//! Distances between all rows of a data set, block by block, and what to do when there are too many.
//!
//! Metrics over pairs of rows take time that grows with the square of the rows. They are exact up to
//! [`EXACT_ROWS`] rows; beyond, they are those of a seeded sample, whose size stands beside the value
//! ([`Estimate`]). Memory grows with the rows only: a few blocks of distances per thread.

pub(crate) mod product;

use std::num::NonZeroUsize;

use crate::random::{Seed, distinct_indices, stream};
use crate::shares::share;
use product::{Matrix, multiply};

/// Up to so many rows, metrics over pairs of rows are exact unless another limit is asked for.
pub const EXACT_ROWS: usize = 10_000;

/// Which rows metrics over pairs look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampling {
    /// All rows up to so many; of more, so many drawn without replacement.
    pub limit: usize,
    /// What the draw depends on, beside the number of rows.
    pub seed: Seed,
}

impl Default for Sampling {
    /// [`EXACT_ROWS`] rows, seed 0.
    fn default() -> Self {
        Self {
            limit: EXACT_ROWS,
            seed: Seed(0),
        }
    }
}

impl Sampling {
    /// The numbers of the rows to look at, ascending, of `rows` there are.
    #[must_use]
    pub fn rows(&self, rows: usize) -> Vec<usize> {
        if rows <= self.limit {
            return (0..rows).collect();
        }
        let mut chosen = distinct_indices(
            &mut stream(self.seed, "rows of pairwise metrics"),
            rows,
            self.limit,
        );
        chosen.sort_unstable();
        chosen
    }
}

/// A value over pairs of rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// `None` where the metric is not defined; its documentation says when.
    pub value: Option<f64>,
    /// The rows looked at: all there are, or the sample.
    pub rows: usize,
}

/// Rows of numbers, ready for their distances to be taken.
///
/// Distances come from matrix products in double precision, `|a|^2 + |b|^2 - 2 a b`, around a centre
/// that is itself made of the data's numbers: whole numbers, pixels for example, stay whole, their
/// products exact, and equal distances equal. What cancels is computed anew from the differences, so
/// equal rows are at distance 0.
pub(crate) struct Points {
    values: Vec<f64>,
    norms: Vec<f64>,
    columns: usize,
}

/// Distances of one block, in memory, at most (32 MB).
const CELLS: usize = 1 << 22;
/// Rows of one block at most: enough for products to be efficient.
const BLOCK: usize = 256;
/// Squared distances below this share of the squared lengths have lost half of their digits.
const CANCELLED: f64 = 1e-8;

impl Points {
    /// The rows `chosen` of `data`, which has `columns` numbers a row.
    pub fn new(data: &[f32], columns: usize, chosen: &[usize]) -> Self {
        let row = |index: usize| &data[index * columns..(index + 1) * columns];
        let centre = centre(columns, || chosen.iter().map(|&index| row(index)));
        let mut values = Vec::with_capacity(chosen.len() * columns);
        for &index in chosen {
            let row = row(index).iter().zip(&centre);
            values.extend(row.map(|(&value, &centre)| f64::from(value) - centre));
        }
        let norms = values.chunks_exact(columns).map(norm).collect();
        Self {
            values,
            norms,
            columns,
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.norms.len()
    }

    /// Calls `look(row, distances)` for every row with its distances to all rows, and gives the
    /// results in the order of the rows: the same bits for any number of threads. The row's distance
    /// to itself is 0; `look` may change the distances.
    pub fn each<T: Clone + Default + Send>(
        &self,
        threads: NonZeroUsize,
        look: impl Fn(usize, &mut [f64]) -> T + Sync,
    ) -> Vec<T> {
        self.each_in_blocks(threads, BLOCK, look)
    }

    fn each_in_blocks<T: Clone + Default + Send>(
        &self,
        threads: NonZeroUsize,
        block: usize,
        look: impl Fn(usize, &mut [f64]) -> T + Sync,
    ) -> Vec<T> {
        let rows = self.rows();
        let block = (CELLS / rows.max(1)).clamp(1, block);
        let mut found = vec![T::default(); rows];
        share(threads, &mut found, block, |first, part| {
            let mut distances = vec![0.0; block.min(part.len()) * rows];
            for (number, out) in part.chunks_mut(block).enumerate() {
                let start = (first + number) * block;
                let distances = &mut distances[..out.len() * rows];
                self.distances(start, out.len(), distances);
                let lines = distances.chunks_exact_mut(rows);
                for ((offset, out), line) in out.iter_mut().enumerate().zip(lines) {
                    *out = look(start + offset, line);
                }
            }
        });
        found
    }

    /// The distances of `height` rows from `start` on to all rows, row by row.
    fn distances(&self, start: usize, height: usize, out: &mut [f64]) {
        let all = Matrix::new(&self.values, self.columns);
        multiply(all.rows(start, height), all.transposed(), out);
        for (offset, line) in out.chunks_exact_mut(self.rows()).enumerate() {
            let row = start + offset;
            let own = self.norms[row];
            for (other, (cell, &norm)) in line.iter_mut().zip(&self.norms).enumerate() {
                let mut square = own + norm - 2.0 * *cell;
                if square <= CANCELLED * (own + norm) {
                    square = squared(self.row(row), self.row(other));
                }
                *cell = square.sqrt();
            }
        }
    }

    fn row(&self, index: usize) -> &[f64] {
        &self.values[index * self.columns..(index + 1) * self.columns]
    }
}

/// For each column the value nearest to its mean (the lower of equally near ones).
fn centre<'a, I: Iterator<Item = &'a [f32]>>(columns: usize, rows: impl Fn() -> I) -> Vec<f64> {
    let mut sums = vec![0.0; columns];
    let mut count = 0.0;
    for row in rows() {
        count += 1.0;
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum += f64::from(value);
        }
    }
    let means: Vec<f64> = sums.iter().map(|sum| sum / count).collect();
    let mut nearest = vec![f64::INFINITY; columns];
    for row in rows() {
        for ((nearest, &mean), &value) in nearest.iter_mut().zip(&means).zip(row) {
            let value = f64::from(value);
            let (now, new) = ((*nearest - mean).abs(), (value - mean).abs());
            if new < now || (new <= now && value < *nearest) {
                *nearest = value;
            }
        }
    }
    nearest
}

/// Sums are taken in so many parts, which the compiler can keep in vector registers.
const LANES: usize = 8;

/// The squared distance of two rows.
pub(crate) fn squared(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            let difference = a[lane] - b[lane];
            sums[lane] += difference * difference;
        }
    }
    let rest: f64 = a_rest
        .iter()
        .zip(b_rest)
        .map(|(a, b)| (a - b).powi(2))
        .sum();
    sums.iter().sum::<f64>() + rest
}

/// The squared length of a row.
pub(crate) fn norm(row: &[f64]) -> f64 {
    row.iter().map(|value| value * value).sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;
    use crate::random::unit;

    const ONE: NonZeroUsize = NonZeroUsize::MIN;

    fn random(rows: usize, columns: usize) -> Vec<f32> {
        let mut rng = stream(Seed(5), "distances test");
        (0..rows * columns).map(|_| unit(&mut rng)).collect()
    }

    #[test]
    fn distances_are_those_of_the_definition_for_any_block_and_thread() {
        let (rows, columns) = (61, 11);
        let data = random(rows, columns);
        let all: Vec<usize> = (0..rows).collect();
        let points = Points::new(&data, columns, &all);
        let whole = points.each(ONE, |_, line| line.to_vec());
        for (i, line) in whole.iter().enumerate() {
            for (j, &found) in line.iter().enumerate() {
                let pair = (0..columns)
                    .map(|c| f64::from(data[i * columns + c]) - f64::from(data[j * columns + c]));
                let expected = pair.map(|d| d * d).sum::<f64>().sqrt();
                assert!(
                    (found - expected).abs() < 1e-14,
                    "{i} {j}: {found} {expected}"
                );
            }
            assert_eq!(line[i], 0.0);
        }
        for threads in [1, 2, 3] {
            for block in [1, 7, 64] {
                let threads = NonZeroUsize::new(threads).unwrap();
                let parts = points.each_in_blocks(threads, block, |_, line| line.to_vec());
                for (whole, part) in whole.iter().flatten().zip(parts.iter().flatten()) {
                    assert!((whole - part).abs() < 1e-14);
                }
            }
        }
    }

    #[test]
    fn near_rows_far_from_the_origin_keep_their_distances() {
        // Three rows at 1e6, 1/16 and 1/8 apart in one of 3 columns, and one far outlier.
        let mut data = vec![1e6_f32; 12];
        data[3] += 0.0625;
        data[6] -= 0.125;
        data[9..].fill(-3e9);
        let found = Points::new(&data, 3, &[0, 1, 2, 3]).each(ONE, |_, line| line.to_vec());
        assert_eq!(found[0][..3], [0.0, 0.0625, 0.125]);
        assert_eq!(found[1][..3], [0.0625, 0.0, 0.1875]);
    }

    #[test]
    fn equal_distances_of_whole_numbers_are_equal() {
        // All rows are permutations of 9, 14, 2, 0, 7 around one row of zeros.
        let mut data = vec![0.0_f32; 5];
        for shift in 0..5 {
            let mut row = [9.0, 14.0, 2.0, 0.0, 7.0];
            row.rotate_left(shift);
            data.extend(row);
        }
        let found = Points::new(&data, 5, &[0, 1, 2, 3, 4, 5]).each(ONE, |_, line| line.to_vec());
        assert_eq!(found[0][1..], [330.0_f64.sqrt(); 5]);
    }

    #[test]
    fn a_sample_is_seeded_distinct_and_everything_where_that_is_allowed() {
        let sampling = |limit, seed| Sampling {
            limit,
            seed: Seed(seed),
        };
        assert_eq!(sampling(9, 1).rows(9), (0..9).collect::<Vec<_>>());
        let drawn = sampling(50, 1).rows(1000);
        assert_eq!(drawn.len(), 50);
        assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(drawn, sampling(50, 1).rows(1000));
        assert_ne!(drawn, sampling(50, 2).rows(1000));
    }
}
