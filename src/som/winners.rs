//! The winners of a batch among prototypes of many features.
//!
//! One matrix product gives all distances as `|x|^2 - 2 x m + |m|^2`, to within a bound that is known.
//! Where only one prototype can be the nearest within that bound it is the winner; where several can, sums
//! of squared differences decide. So the winner is the one that the longer formula finds, at nearly the
//! price of the shorter.

use tch::{Device, Kind, Tensor};

use super::loss::lowest;
use crate::nn::products;
use crate::nn::slices::slice;

/// Memory for the search, to be used again and again for batches of one size.
#[derive(Debug)]
pub struct Search {
    /// `x m`, `[rows, units]`.
    products: Tensor,
    /// `|x|^2`
    row_norms: Vec<f32>,
    /// `|m|^2`
    unit_norms: Vec<f32>,
    winners: Vec<u32>,
}

impl Search {
    /// For batches of `rows` rows among `units` prototypes, on the CPU.
    #[must_use]
    pub fn new(rows: i64, units: i64) -> Self {
        Self {
            products: Tensor::zeros([rows, units], (Kind::Float, Device::Cpu)),
            row_norms: vec![0.0; rows as usize],
            unit_norms: vec![0.0; units as usize],
            winners: vec![0; rows as usize],
        }
    }

    /// The nearest prototype of each row, the lowest index of equally near ones. `rows` `[rows, dims]` and
    /// `prototypes` `[units, dims]` are contiguous floats on the CPU; distances must be finite.
    pub fn winners(&mut self, rows: &Tensor, prototypes: &Tensor) -> &[u32] {
        products::multiply(&self.products, rows, &prototypes.tr());
        let dims = rows.size()[1] as usize;
        let (rows, prototypes) = (slice(rows), slice(prototypes));
        let norms = |norms: &mut [f32], vectors: &[f32]| {
            for (norm, vector) in norms.iter_mut().zip(vectors.chunks_exact(dims)) {
                *norm = squared_norm(vector);
            }
        };
        norms(&mut self.row_norms, rows);
        norms(&mut self.unit_norms, prototypes);
        let largest = self.unit_norms.iter().copied().fold(0.0, f32::max);
        // Twice what two distances can be wrong by: a sum of `dims` products is off by at most dims * u
        // of the product of the norms, with u half of EPSILON (Higham, Accuracy and Stability, 3.1).
        let relative = 2.0 * (dims + 2) as f32 * f32::EPSILON;
        let scores = slice(&self.products).chunks_exact(self.unit_norms.len());
        let mut distances = vec![f32::INFINITY; self.unit_norms.len()];
        for (((scores, row), norm), winner) in scores
            .zip(rows.chunks_exact(dims))
            .zip(&self.row_norms)
            .zip(&mut self.winners)
        {
            for ((distance, score), norm) in distances.iter_mut().zip(scores).zip(&self.unit_norms)
            {
                *distance = norm - 2.0 * score;
            }
            let best = lowest(&distances);
            let limit = distances[best] + relative * (norm + largest);
            if distances
                .iter()
                .filter(|distance| **distance <= limit)
                .count()
                > 1
            {
                let candidates = distances.iter_mut().zip(prototypes.chunks_exact(dims));
                for (distance, prototype) in candidates {
                    *distance = if *distance <= limit {
                        squared_distance(row, prototype)
                    } else {
                        f32::INFINITY
                    };
                }
                *winner = lowest(&distances) as u32;
            } else {
                *winner = best as u32;
            }
        }
        &self.winners
    }

    /// `sum_i sum_k h(b_i, k) |x_i - m_k|^2` over the batch last searched, with its winners `b_i` and
    /// weights `h` `[units, units]`, row `b` for the winner `b`; distances as the product gives them.
    #[must_use]
    pub fn weighted_distances(&self, weights: &[f32]) -> f64 {
        let units = self.unit_norms.len();
        let rows = slice(&self.products).chunks_exact(units);
        let rows = rows.zip(&self.row_norms).zip(&self.winners);
        rows.map(|((scores, &row_norm), &winner)| {
            let weights = &weights[winner as usize * units..][..units];
            let terms = scores.iter().zip(&self.unit_norms).zip(weights);
            terms
                .map(|((score, norm), weight)| {
                    f64::from(weight * (row_norm + norm - 2.0 * score).max(0.0))
                })
                .sum::<f64>()
        })
        .sum()
    }
}

/// Floats added up side by side, so that whole vector registers are used in a fixed order.
const LANES: usize = 16;

fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    sum(a, b, |a, b| (a - b) * (a - b))
}

fn squared_norm(vector: &[f32]) -> f32 {
    sum(vector, vector, |a, b| a * b)
}

/// The sum of `term` over two vectors of one length.
fn sum(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a.remainder().iter().zip(b.remainder());
    for (sum, (&a, &b)) in sums.iter_mut().zip(rest) {
        *sum = term(a, b);
    }
    for (a, b) in a.zip(b) {
        for lane in 0..LANES {
            sums[lane] += term(a[lane], b[lane]);
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::uniform;

    /// The winners by squared differences in double precision.
    fn expected(rows: &Tensor, prototypes: &Tensor) -> Vec<u32> {
        let wide = |tensor: &Tensor| tensor.to_kind(Kind::Double);
        let differences = wide(rows).unsqueeze(1) - wide(prototypes).unsqueeze(0);
        let distances = differences
            .square()
            .sum_dim_intlist(-1, false, Kind::Double);
        let winners = distances.argmin(-1, false);
        winners
            .iter::<i64>()
            .into_iter()
            .flatten()
            .map(|winner| winner as u32)
            .collect()
    }

    #[test]
    fn winners_are_those_of_the_longer_formula() {
        let prototypes = uniform(1, &[12, 100]);
        let rows = uniform(2, &[300, 100]);
        let mut search = Search::new(300, 12);
        assert_eq!(
            search.winners(&rows, &prototypes),
            expected(&rows, &prototypes)
        );
    }

    #[test]
    fn nearly_equal_prototypes_far_from_the_origin_are_told_apart() {
        // |x|^2 is 1e6: products of 32-bit floats are off by several, the distances differ by 1e-4.
        let random = |seed, rows| uniform(seed, &[rows, 100]) * 1e-2 + 100.0;
        let (rows, prototypes) = (random(1, 200), random(2, 12));
        let mut search = Search::new(200, 12);
        let found = search.winners(&rows, &prototypes).to_vec();
        assert_eq!(found, expected(&rows, &prototypes));
        let products = rows.mm(&prototypes.tr());
        let norms = prototypes.square().sum_dim_intlist(-1, false, Kind::Float);
        let short = (norms - products * 2.0).argmin(-1, false);
        let short = short
            .iter::<i64>()
            .into_iter()
            .flatten()
            .map(|winner| winner as u32);
        assert!(short.zip(found).any(|(short, found)| short != found));
    }

    #[test]
    fn ties_go_to_the_lowest_unit() {
        let prototypes = Tensor::ones([3, 40], (Kind::Float, Device::Cpu));
        let rows = Tensor::zeros([2, 40], (Kind::Float, Device::Cpu));
        assert_eq!(Search::new(2, 3).winners(&rows, &prototypes), [0, 0]);
    }

    #[test]
    fn weighted_distances_add_up() {
        let (rows, prototypes) = (uniform(1, &[9, 50]), uniform(2, &[4, 50]));
        let mut search = Search::new(9, 4);
        let winners = search.winners(&rows, &prototypes).to_vec();
        let weights: Vec<f32> = (0..16_u8).map(f32::from).collect();
        let mut sum = 0.0;
        for (row, winner) in (0..).zip(winners) {
            for unit in 0..4 {
                let difference = rows.get(row) - prototypes.get(unit);
                let weight = weights[winner as usize * 4 + unit as usize];
                sum += f64::from(weight) * difference.square().sum(Kind::Double).double_value(&[]);
            }
        }
        let found = search.weighted_distances(&weights);
        assert!((found - sum).abs() < 1e-4 * sum, "{found} {sum}");
    }
}
