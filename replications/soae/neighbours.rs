//! Trustworthiness and continuity of codes, with the distance of the space that they live in.

use std::num::NonZeroUsize;

use super::Space;
use crate::distances::{Points, Sampling};

/// Both for the `k` nearest, and over how many rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbourhoods {
    /// Are neighbours among the codes neighbours in the data? Up to 1.
    pub trustworthiness: f64,
    /// Are neighbours in the data neighbours among the codes? Up to 1.
    pub continuity: f64,
    /// Rows looked at.
    pub rows: usize,
}

/// `1 - 2 / (n k (2 n - 3 k - 1)) sum_i c_i sum_j (r_ij - k)` over false neighbours `j` of `i`, `r` their
/// rank in the data (trustworthiness) or among the codes (continuity). Equal distances take the smallest
/// rank; `c_i` sets off that they make a neighbourhood larger than `k`, and is 1 without them.
///
/// `data` is `[rows, columns]`, `codes` `[rows, m]`, row by row. `None` unless `1 <= k < n / 2`.
///
/// Reference: Venna and Kaski (ICANN 2001).
#[must_use]
pub fn neighbourhoods(
    data: (&[f32], usize),
    codes: (&[f32], usize),
    space: Space,
    k: usize,
    sampling: &Sampling,
    threads: NonZeroUsize,
) -> Option<Neighbourhoods> {
    let (values, columns) = data;
    let (codes, m) = codes;
    let chosen = sampling.rows(values.len() / columns);
    let n = chosen.len();
    if k == 0 || 2 * k >= n {
        return None;
    }
    let code = |row: usize| &codes[chosen[row] * m..(chosen[row] + 1) * m];
    let points = Points::new(values, columns, &chosen);
    let parts = points.each(threads, |row, distances| {
        let latent: Vec<f64> = (0..n)
            .map(|other| space.distance(code(row), code(other)))
            .collect();
        false_neighbours(row, distances, &latent, k)
    });
    let (n, k) = (n as f64, k as f64);
    let of = |sum: f64| 1.0 - 2.0 / (n * k * (2.0 * n - 3.0 * k - 1.0)) * sum;
    Some(Neighbourhoods {
        trustworthiness: of(parts.iter().map(|(intruding, _)| intruding).sum()),
        continuity: of(parts.iter().map(|(_, lost)| lost).sum()),
        rows: chosen.len(),
    })
}

/// One row's parts of both sums.
fn false_neighbours(row: usize, data: &[f64], latent: &[f64], k: usize) -> (f64, f64) {
    let sorted = |distances: &[f64]| {
        let others = distances[..row].iter().chain(&distances[row + 1..]);
        let mut others: Vec<f64> = others.copied().collect();
        others.sort_unstable_by(f64::total_cmp);
        others
    };
    let (in_data, in_codes) = (sorted(data), sorted(latent));
    let rank = |sorted: &[f64], distance: f64| 1 + sorted.partition_point(|one| *one < distance);
    let within = |sorted: &[f64]| sorted.partition_point(|one| *one <= sorted[k - 1]) as f64;
    let (mut intruding, mut lost) = (0.0, 0.0);
    for (other, (&d, &l)) in data.iter().zip(latent).enumerate() {
        let (near_d, near_l) = (d <= in_data[k - 1], l <= in_codes[k - 1]);
        if other == row || near_d == near_l {
            continue;
        }
        if near_l {
            intruding += (rank(&in_data, d) - k) as f64;
        } else {
            lost += (rank(&in_codes, l) - k) as f64;
        }
    }
    let ratio = within(&in_data) / within(&in_codes);
    (intruding * ratio, lost / ratio)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::random::{self, Seed};

    const ONE: NonZeroUsize = NonZeroUsize::MIN;

    /// `sin` of whole numbers: `n` rows of `columns`.
    fn rows(n: usize, columns: usize, step: f64) -> Vec<f32> {
        (0..n * columns)
            .map(|i| ((i + 1) as f64 * step).sin() as f32)
            .collect()
    }

    #[test]
    fn values_are_those_of_scikit_learn() {
        // import numpy as np; from sklearn.manifold import trustworthiness
        // rows = lambda n, c, s: np.sin(np.arange(1, n * c + 1) * s).astype("f4").reshape(n, c)
        // x, z = rows(60, 5, 1.7), rows(60, 2, 2.3)
        // print(trustworthiness(x, z, n_neighbors=12), trustworthiness(z, x, n_neighbors=12))
        let (x, z) = (rows(60, 5, 1.7), rows(60, 2, 2.3));
        let found = neighbourhoods(
            (&x, 5),
            (&z, 2),
            Space::Plane,
            12,
            &Sampling::default(),
            ONE,
        );
        let found = found.unwrap();
        assert!((found.trustworthiness - TRUST).abs() < 1e-12, "{found:?}");
        assert!((found.continuity - CONTINUITY).abs() < 1e-12, "{found:?}");
        assert_eq!(found.rows, 60);
    }
    const TRUST: f64 = 0.497_489_959_839_357_4;
    const CONTINUITY: f64 = 0.508_601_070_950_468_5;

    #[test]
    fn a_circle_is_kept_by_the_torus_and_cut_by_the_line() {
        let angles: Vec<f32> = (0..100).map(|i| i as f32 * 0.062_831_86).collect();
        let circle: Vec<f32> = angles.iter().flat_map(|a| [a.cos(), a.sin()]).collect();
        let of = |space| {
            let sampling = Sampling::default();
            neighbourhoods((&circle, 2), (&angles, 1), space, 4, &sampling, ONE).unwrap()
        };
        let (torus, line) = (of(Space::Torus), of(Space::Plane));
        assert!(
            (torus.trustworthiness - 1.0).abs() < 1e-3 && (torus.continuity - 1.0).abs() < 1e-3
        );
        assert!(line.continuity < torus.continuity - 0.01, "{line:?}");
    }

    #[test]
    fn shuffled_codes_are_at_chance_and_a_sample_says_its_size() {
        let x = rows(400, 3, 1.7);
        let mut order = random::distinct_indices(&mut random::stream(Seed(0), "test"), 400, 400);
        let shuffled: Vec<f32> = order
            .drain(..)
            .flat_map(|row| x[3 * row..3 * row + 3].to_vec())
            .collect();
        let sampling = Sampling {
            limit: 300,
            seed: Seed(0),
        };
        let of = |codes: &[f32]| {
            neighbourhoods((&x, 3), (codes, 3), Space::Plane, 12, &sampling, ONE).unwrap()
        };
        let (kept, lost) = (of(&x), of(&shuffled));
        assert!(
            (kept.trustworthiness - 1.0).abs() < 1e-12 && (kept.continuity - 1.0).abs() < 1e-12
        );
        assert!((lost.trustworthiness - 0.5).abs() < 0.05, "{lost:?}");
        assert_eq!(lost.rows, 300);
        assert_eq!(
            neighbourhoods((&x, 3), (&x, 3), Space::Plane, 150, &sampling, ONE),
            None
        );
    }
}
