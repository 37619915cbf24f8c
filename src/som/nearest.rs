//! The nearest prototype of each code.

use tch::Tensor;

use super::Search;
use crate::nn::slices::{on_cpu, slice};

/// Up to so many features a plain loop is the fastest.
const FEW: usize = 32;
/// Rows whose distances are looked at together.
const CHUNK: i64 = 1024;

/// The index of the prototype nearest to each code, the lowest of equal ones.
///
/// `codes` `[rows, dims]`, `prototypes` `[units, dims]`. Winners are those by sums of squared
/// differences: on a collapsed map, where everything lies within 1e-4, a formula with matrix products
/// alone would give arbitrary ones.
///
/// Distances must be finite: of codes that are NaN, or too far away for the square to be a 32-bit
/// float, no prototype is the nearest, and 0 stands for that here. Callers look out for them first.
#[must_use]
pub fn nearest(codes: &Tensor, prototypes: &Tensor) -> Vec<u32> {
    let (codes, prototypes) = (on_cpu(codes), on_cpu(prototypes));
    let dims = codes.size()[1] as usize;
    if dims > FEW {
        return among_wide(&codes, &prototypes);
    }
    let units = prototypes.size()[0] as usize;
    // Feature by feature, so that the inner loop runs over units.
    let columns = on_cpu(&prototypes.transpose(0, 1));
    let mut distances = vec![0.0_f32; units];
    let rows = slice(&codes).chunks_exact(dims);
    rows.map(|code| {
        distances.fill(0.0);
        for (&z, column) in code.iter().zip(slice(&columns).chunks_exact(units)) {
            for (distance, &m) in distances.iter_mut().zip(column) {
                *distance += (z - m) * (z - m);
            }
        }
        super::loss::lowest(&distances) as u32
    })
    .collect()
}

/// [`nearest`] with products, part by part so that these stay in the cache.
fn among_wide(rows: &Tensor, prototypes: &Tensor) -> Vec<u32> {
    let count = rows.size()[0];
    let mut winners = Vec::with_capacity(count as usize);
    let mut search = Search::new(CHUNK.min(count), prototypes.size()[0]);
    for start in (0..count).step_by(CHUNK as usize) {
        let length = CHUNK.min(count - start);
        if length < CHUNK.min(count) {
            search = Search::new(length, prototypes.size()[0]);
        }
        winners.extend(search.winners(&rows.narrow(0, start, length), prototypes));
    }
    winners
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::uniform;

    #[test]
    fn wide_rows_are_searched_to_the_last() {
        let prototypes = uniform(9, &[10, 65]);
        let order: Vec<i64> = (0..2500).map(|row| row * 7 % 10).collect();
        let rows = prototypes.index_select(0, &Tensor::from_slice(&order));
        let found = nearest(&rows, &prototypes);
        assert!(
            found
                .iter()
                .zip(&order)
                .all(|(&found, &own)| i64::from(found) == own)
        );
        assert_eq!(found.len(), 2500);
    }

    #[test]
    fn close_prototypes_far_from_the_origin_are_told_apart() {
        // |z|^2 is 3e4 here: 32-bit floats that large are 2e-3 apart, the distances 1e-4 and less.
        let prototypes = Tensor::from_slice(&[100.0_f32, 100.0, 100.0, 100.01, 100.0, 100.0]);
        let codes = Tensor::from_slice(&[100.009_f32, 100.0, 100.0, 100.001, 100.0, 100.0]);
        let found = nearest(&codes.view([2, 3]), &prototypes.view([2, 3]));
        assert_eq!(found, [1, 0]);
    }
}
