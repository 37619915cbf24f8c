//! `h_t` over the nodes of a lattice: a product of one weight for the row and one for the column.

use rand_chacha::ChaCha8Rng;

use super::Kernel;
use crate::random;
use crate::som::Grid;

/// Weights of the places of an axis, seen from one of them. Normalised ones sum to 1.
fn axis(length: usize, centre: usize, sigma: f64, kernel: Kernel) -> Vec<f64> {
    let weight = |place: usize| {
        let steps = place.abs_diff(centre);
        (-((steps * steps) as f64) / (2.0 * (sigma * sigma))).exp()
    };
    let mut weights: Vec<f64> = (0..length).map(weight).collect();
    if kernel == Kernel::Normalised {
        // At least 1: the place itself weighs that.
        let sum: f64 = weights.iter().sum();
        for weight in &mut weights {
            *weight /= sum;
        }
    }
    weights
}

/// `rate` times the weight of each node seen from `winner`, row by row.
pub(super) fn weigh(
    map: Grid,
    winner: usize,
    (rate, sigma): (f64, f64),
    kernel: Kernel,
    out: &mut [f32],
) {
    let down = axis(map.rows, winner / map.columns, sigma, kernel);
    let across = axis(map.columns, winner % map.columns, sigma, kernel);
    for (line, along) in out.chunks_exact_mut(map.columns).zip(down) {
        for (value, weight) in line.iter_mut().zip(&across) {
            *value = (rate * along * weight) as f32;
        }
    }
}

/// A node drawn from the normalised kernel about `winner`.
pub(super) fn draw(map: Grid, winner: usize, sigma: f64, rng: &mut ChaCha8Rng) -> usize {
    let mut place = |length: usize, centre: usize| {
        let weights = axis(length, centre, sigma, Kernel::Normalised);
        let mut left = f64::from(random::unit(rng));
        let found = weights.iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        // Rounding may leave a little beyond the last place.
        found.unwrap_or(length - 1)
    };
    let row = place(map.rows, winner / map.columns);
    row * map.columns + place(map.columns, winner % map.columns)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp)]
    use super::*;
    use crate::random::{Seed, stream};

    const MAP: Grid = Grid {
        rows: 4,
        columns: 6,
    };

    fn weights(winner: usize, sigma: f64, kernel: Kernel) -> Vec<f32> {
        let mut all = vec![0.0; MAP.units()];
        weigh(MAP, winner, (1.0, sigma), kernel, &mut all);
        all
    }

    #[test]
    fn a_plain_kernel_is_equation_3_and_a_normalised_one_sums_to_1_everywhere() {
        for sigma in [0.1, 0.5, 1.0, 10.0] {
            for winner in 0..MAP.units() {
                let plain = weights(winner, sigma, Kernel::Plain);
                let normalised = weights(winner, sigma, Kernel::Normalised);
                let all: f64 = plain.iter().copied().map(f64::from).sum();
                let sum: f64 = normalised.iter().copied().map(f64::from).sum();
                assert!((sum - 1.0).abs() < 1e-6, "{sigma} {winner}: {sum}");
                for node in 0..MAP.units() {
                    let (a, b) = (node / 6, winner / 6);
                    let (c, d) = (node % 6, winner % 6);
                    let squares = a.abs_diff(b).pow(2) + c.abs_diff(d).pow(2);
                    let expected = (-(squares as f64) / (2.0 * sigma * sigma)).exp();
                    assert!((f64::from(plain[node]) - expected).abs() < 1e-6);
                    assert!((f64::from(normalised[node]) - expected / all).abs() < 1e-6);
                }
                assert_eq!(plain[winner], 1.0);
            }
        }
    }

    #[test]
    fn nodes_are_drawn_as_the_kernel_weighs_them() {
        let (sigma, draws) = (1.2, 60_000);
        for winner in [0, 8, 23] {
            let mut counts = vec![0.0; MAP.units()];
            let mut rng = stream(Seed(0), "test");
            (0..draws).for_each(|_| counts[draw(MAP, winner, sigma, &mut rng)] += 1.0);
            for (count, weight) in counts
                .iter()
                .zip(weights(winner, sigma, Kernel::Normalised))
            {
                let (weight, draws) = (f64::from(weight), f64::from(draws));
                // Five standard deviations.
                let most = 5.0 * (weight * (1.0 - weight) * draws).sqrt() + 1.0;
                assert!((count - weight * draws).abs() < most, "{count} {weight}");
            }
        }
    }
}
