//! The nearest neighbours of every row, by comparing all pairs.
//!
//! Distances of whole blocks come from matrix products, `|a|^2 - 2 a b + |b|^2`, in f64 after the
//! rows were centred: neighbours are exact but for ties within rounding, for any number of columns.
//! Time grows with the square of the rows.

use std::num::NonZeroUsize;

use crate::distances::product::{Matrix, multiply};
use crate::shares::share;

/// Rows compared at a time, and rows compared with.
const BLOCK: usize = 128;
const WIDE: usize = 1024;

/// The `count` nearest other rows of each row.
#[derive(Debug)]
pub(super) struct Neighbours {
    /// Neighbours per row.
    pub count: usize,
    /// Per row the neighbours' numbers, nearest first, of equally near ones the first.
    pub index: Vec<u32>,
    /// Their squared distances.
    pub squared: Vec<f64>,
}

/// Finds the `count` nearest of the other rows for each row of the `columns` wide matrix `values`.
/// `count` must be less than the rows.
pub(super) fn nearest(
    values: &[f64],
    columns: usize,
    count: usize,
    threads: NonZeroUsize,
) -> Neighbours {
    let norms: Vec<f64> = values
        .chunks_exact(columns)
        .map(|row| row.iter().map(|v| v * v).sum())
        .collect();
    let rows = Matrix::new(values, columns);
    let mut found = vec![(0.0_f64, 0_u32); norms.len() * count];
    share(threads, &mut found, BLOCK * count, |first, part| {
        let mut products = vec![0.0; BLOCK * WIDE];
        for (number, out) in part.chunks_mut(BLOCK * count).enumerate() {
            let start = (first + number) * BLOCK;
            let height = out.len() / count;
            let mut nearest: Vec<Nearest> = (0..height).map(|_| Nearest::new(count)).collect();
            for other in (0..norms.len()).step_by(WIDE) {
                let width = WIDE.min(norms.len() - other);
                let products = &mut products[..height * width];
                let with = rows.rows(other, width).transposed();
                multiply(rows.rows(start, height), with, products);
                for (offset, nearest) in nearest.iter_mut().enumerate() {
                    let row = start + offset;
                    let line = &products[offset * width..(offset + 1) * width];
                    nearest.offer(row, norms[row], line, &norms[other..other + width], other);
                }
            }
            for (offset, nearest) in nearest.iter_mut().enumerate() {
                let row = start + offset;
                let out = &mut out[offset * count..(offset + 1) * count];
                out.copy_from_slice(nearest.finish());
                // Products lose the last digits of small distances; few are left to compute anew.
                for (squared, other) in out.iter_mut() {
                    *squared = distance(values, columns, row, *other as usize);
                }
                out.sort_unstable_by(nearer);
            }
        }
    });
    let (squared, index) = found.into_iter().unzip();
    Neighbours {
        count,
        index,
        squared,
    }
}

/// The squared distance of two rows.
fn distance(values: &[f64], columns: usize, row: usize, other: usize) -> f64 {
    let row = &values[row * columns..(row + 1) * columns];
    let other = &values[other * columns..(other + 1) * columns];
    row.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum()
}

/// The nearest rows seen so far.
struct Nearest {
    count: usize,
    /// Candidates, more than needed, so that they are rarely thinned out.
    kept: Vec<(f64, u32)>,
    /// No row farther than this is among the nearest.
    limit: f64,
}

impl Nearest {
    fn new(count: usize) -> Self {
        Self {
            count,
            kept: Vec::with_capacity(4 * count),
            limit: f64::INFINITY,
        }
    }

    /// Takes those of the rows from `other` on that may be among the nearest of `row`.
    fn offer(&mut self, row: usize, norm: f64, products: &[f64], norms: &[f64], other: usize) {
        for (offset, (product, other_norm)) in products.iter().zip(norms).enumerate() {
            let squared = norm + other_norm - 2.0 * product;
            if squared <= self.limit && other + offset != row {
                self.kept.push((squared, (other + offset) as u32));
                if self.kept.len() == 4 * self.count {
                    self.thin();
                }
            }
        }
    }

    fn thin(&mut self) {
        if self.kept.len() > self.count {
            self.kept.select_nth_unstable_by(self.count - 1, nearer);
            self.kept.truncate(self.count);
            self.limit = self.kept[self.count - 1].0;
        }
    }

    fn finish(&mut self) -> &[(f64, u32)] {
        self.thin();
        &self.kept
    }
}

/// Orders by distance, then by number, so that ties have one order.
fn nearer(a: &(f64, u32), b: &(f64, u32)) -> std::cmp::Ordering {
    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
}
