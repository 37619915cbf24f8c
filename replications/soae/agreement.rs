//! Agreement of labels among the nearest codes, with the distance of the space that they live in.

use super::Space;
use crate::distances::Sampling;

/// The mean over rows of the share, among a row's `k` nearest codes, of those with its label; 0 to 1. Codes
/// equally far as the `k`-th share the places that are left, each counting by its part of them.
///
/// `codes` are `[rows, m]`, row by row. `None` unless `1 <= k < n` of the `n` rows that are looked at.
#[must_use]
pub fn label_agreement(
    (codes, m): (&[f32], usize),
    labels: &[u8],
    space: Space,
    k: usize,
    sampling: &Sampling,
) -> Option<f64> {
    let chosen = sampling.rows(labels.len());
    let n = chosen.len();
    if k == 0 || k >= n {
        return None;
    }
    let code = |row: usize| &codes[row * m..(row + 1) * m];
    let mut sum = 0.0;
    let mut others = Vec::with_capacity(n - 1);
    for &row in &chosen {
        others.clear();
        others.extend(chosen.iter().filter(|other| **other != row).map(|&other| {
            let distance = space.distance(code(row), code(other));
            (distance, labels[other] == labels[row])
        }));
        let (_, &mut (farthest, _), _) =
            others.select_nth_unstable_by(k - 1, |a, b| a.0.total_cmp(&b.0));
        // How many there are, and how many of them have the row's label.
        let (mut nearer, mut tied) = ([0.0; 2], [0.0; 2]);
        for &(distance, same) in &others {
            let counts = match distance.total_cmp(&farthest) {
                std::cmp::Ordering::Less => &mut nearer,
                std::cmp::Ordering::Equal => &mut tied,
                std::cmp::Ordering::Greater => continue,
            };
            counts[0] += 1.0;
            counts[1] += f64::from(u8::from(same));
        }
        let places = k as f64 - nearer[0];
        sum += (nearer[1] + places * tied[1] / tied[0]) / k as f64;
    }
    Some(sum / n as f64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::random::Seed;

    #[test]
    fn values_are_those_of_scikit_learn() {
        // import numpy as np; from sklearn.neighbors import NearestNeighbors
        // z = np.sin(np.arange(1, 121) * 2.3).astype("f4").reshape(60, 2); y = np.arange(60) * 7 % 11 % 3
        // near = NearestNeighbors(n_neighbors=10).fit(z).kneighbors(return_distance=False)
        // print((y[near] == y[:, None]).mean())
        let z: Vec<f32> = (1..=120)
            .map(|i| (f64::from(i) * 2.3).sin() as f32)
            .collect();
        let y: Vec<u8> = (0..60_u32).map(|i| (i * 7 % 11 % 3) as u8).collect();
        let found = label_agreement((&z, 2), &y, Space::Plane, 10, &Sampling::default()).unwrap();
        assert!((found - AGREEMENT).abs() < 1e-12, "{found}");
    }
    const AGREEMENT: f64 = 0.416_666_666_666_666_7;

    #[test]
    fn codes_equally_far_share_the_places_left() {
        // Seen from 0: one at distance 1, of the same label; two at distance 2, one of which has it.
        let z = [0.0_f32, 1.0, 2.0, -2.0, 50.0];
        let y = [0, 0, 0, 1, 1];
        let of = |k| label_agreement((&z, 1), &y, Space::Plane, k, &Sampling::default());
        // For k = 2, row by row: (1 + 1 / 2) / 2; from 1 both 0 and 2 are at distance 1; from 2 the next are 1
        // and 0; from -2 they are 0 and 1, from 50 they are 2 and 1.
        let expected = (0.75 + 1.0 + 1.0) / 5.0;
        assert!((of(2).unwrap() - expected).abs() < 1e-12);
        assert_eq!((of(0), of(5)), (None, None));
    }

    #[test]
    fn the_torus_has_no_edge_and_a_sample_is_taken() {
        let z = [-3.1_f32, 3.1, 0.0, 0.5];
        let y = [0, 0, 1, 1];
        let of = |space| label_agreement((&z, 1), &y, space, 1, &Sampling::default()).unwrap();
        assert!((of(Space::Torus) - 1.0).abs() < 1e-12);
        assert!((of(Space::Plane) - 0.5).abs() < 1e-12);
        let two = Sampling {
            limit: 2,
            seed: Seed(0),
        };
        let of_two = label_agreement((&z, 1), &y, Space::Plane, 1, &two).unwrap();
        assert!(of_two == 0.0 || (of_two - 1.0).abs() < 1e-12);
    }
}
