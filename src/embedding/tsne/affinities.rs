//! How close rows are as probabilities: Gaussian around each row, each of the same perplexity, made
//! symmetric (van der Maaten and Hinton 2008, equations 1 and 2 and section 3.1).

use std::num::NonZeroUsize;

use super::neighbours::Neighbours;
use crate::shares::share;

/// Halvings of the interval of a precision at most, and how far the entropy may stay from its
/// target: scikit-learn's.
const STEPS: usize = 100;
const TOLERANCE: f64 = 1e-5;

/// The joint probabilities of pairs, sparse and symmetric: rows of neighbours.
#[derive(Debug)]
pub(super) struct Affinities {
    /// Where each row begins in the two lists below, and the end.
    pub begins: Vec<usize>,
    /// The other row of each pair, ascending within a row.
    pub columns: Vec<u32>,
    /// The pair's probability; over all ordered pairs they add up to 1.
    pub values: Vec<f32>,
}

impl Affinities {
    /// Probabilities of neighbours, so that the perplexity around each row is `perplexity`.
    pub fn new(neighbours: &Neighbours, perplexity: f64, threads: NonZeroUsize) -> Self {
        let count = neighbours.count;
        let mut conditional = vec![0.0_f64; neighbours.squared.len()];
        share(threads, &mut conditional, count, |first, part| {
            for (number, row) in part.chunks_exact_mut(count).enumerate() {
                let start = (first + number) * count;
                fit_row(
                    &neighbours.squared[start..start + count],
                    perplexity.ln(),
                    row,
                );
            }
        });
        Self::joint(neighbours, &conditional)
    }

    /// `p_ij = (p_j|i + p_i|j) / 2n`.
    fn joint(neighbours: &Neighbours, conditional: &[f64]) -> Self {
        let count = neighbours.count;
        let rows = conditional.len() / count;
        let mut lists: Vec<Vec<(u32, f64)>> = vec![Vec::with_capacity(2 * count); rows];
        for (at, (&column, &value)) in neighbours.index.iter().zip(conditional).enumerate() {
            let row = at / count;
            lists[row].push((column, value));
            lists[column as usize].push((row as u32, value));
        }
        let mut joint = Self {
            begins: Vec::with_capacity(rows + 1),
            columns: Vec::with_capacity(2 * conditional.len()),
            values: Vec::with_capacity(2 * conditional.len()),
        };
        let scale = 0.5 / rows as f64;
        for list in &mut lists {
            joint.begins.push(joint.columns.len());
            list.sort_unstable_by_key(|&(column, _)| column);
            for pair in list.chunk_by(|a, b| a.0 == b.0) {
                joint.columns.push(pair[0].0);
                joint
                    .values
                    .push((scale * pair.iter().map(|p| p.1).sum::<f64>()) as f32);
            }
        }
        joint.begins.push(joint.columns.len());
        joint
    }

    /// The pairs of one row.
    #[inline]
    pub fn row(&self, row: usize) -> impl Iterator<Item = (usize, f64)> {
        let range = self.begins[row]..self.begins[row + 1];
        let values = &self.values[range.clone()];
        self.columns[range]
            .iter()
            .zip(values)
            .map(|(&column, &value)| (column as usize, f64::from(value)))
    }
}

/// Finds the precision `beta` at which the entropy of `p_j ~ exp(-beta d_j)` is `entropy`, by
/// bisection, and fills `row` with these probabilities.
///
/// Where more neighbours than the perplexity lie in the very same place no precision will do: they
/// share the probability evenly.
fn fit_row(squared: &[f64], entropy: f64, row: &mut [f64]) {
    // Probabilities depend on differences of distances only; the nearest at 0 cannot underflow.
    let nearest = squared.iter().copied().fold(f64::INFINITY, f64::min);
    let (mut beta, mut low, mut high) = (1.0, 0.0, f64::INFINITY);
    for _ in 0..STEPS {
        let (mut sum, mut weighted) = (0.0, 0.0);
        for (p, squared) in row.iter_mut().zip(squared) {
            let excess = squared - nearest;
            *p = (-beta * excess).exp();
            sum += *p;
            weighted += *p * excess;
        }
        for p in row.iter_mut() {
            *p /= sum;
        }
        let difference = sum.ln() + beta * weighted / sum - entropy;
        if difference.abs() <= TOLERANCE {
            return;
        }
        if difference > 0.0 {
            low = beta;
            beta = if high == f64::INFINITY {
                beta * 2.0
            } else {
                f64::midpoint(beta, high)
            };
        } else {
            high = beta;
            beta = f64::midpoint(beta, low);
        }
    }
}
