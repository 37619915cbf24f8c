//! Where points start.

use std::num::NonZeroUsize;

use crate::distances::product::{Matrix, multiply};
use crate::random::{Seed, box_muller, stream, unit};
use crate::shares::share;

/// The standard deviation of the starting places: small beside the kernel's width of 1.
const SPREAD: f64 = 1e-4;

/// Steps of the power iteration at most, and the change of a unit vector that ends it. Components
/// that this cannot tell apart are as good as each other for a start.
const STEPS: usize = 1000;
const SETTLED: f64 = 1e-12;

/// Rows of the covariance matrix made at a time.
const BLOCK: usize = 32;

/// The first two principal components of centred `values`, scaled so that the first has a standard
/// deviation of 1e-4. Rows that lie on a line get random second places: they could not leave it.
pub(super) fn principal(values: &[f64], columns: usize, threads: NonZeroUsize) -> Vec<[f64; 2]> {
    let covariance = covariance(values, columns, threads);
    let total: f64 = covariance.iter().step_by(columns + 1).sum();
    let mut places = random(Seed(0), values.len() / columns);
    let Some(first) = component(&covariance, columns, None, total) else {
        return places;
    };
    let second = component(&covariance, columns, Some(&first), total);
    for (place, row) in places.iter_mut().zip(values.chunks_exact(columns)) {
        place[0] = dot(row, &first);
    }
    let variance =
        places.iter().map(|place| place[0] * place[0]).sum::<f64>() / places.len() as f64;
    let scale = SPREAD / variance.sqrt();
    for (place, row) in places.iter_mut().zip(values.chunks_exact(columns)) {
        place[0] *= scale;
        if let Some(second) = &second {
            place[1] = scale * dot(row, second);
        }
    }
    places
}

/// Normally distributed places with a standard deviation of 1e-4.
pub(super) fn random(seed: Seed, rows: usize) -> Vec<[f64; 2]> {
    let mut rng = stream(seed, "t-SNE start");
    (0..rows)
        .map(|_| {
            let (first, second) = (1.0 - unit(&mut rng), unit(&mut rng));
            box_muller(first.into(), second.into(), SPREAD)
        })
        .collect()
}

/// `X^T X` of the matrix `X` of `columns` columns.
fn covariance(values: &[f64], columns: usize, threads: NonZeroUsize) -> Vec<f64> {
    let all = Matrix::new(values, columns);
    let mut covariance = vec![0.0; columns * columns];
    share(threads, &mut covariance, BLOCK * columns, |first, part| {
        for (number, out) in part.chunks_mut(BLOCK * columns).enumerate() {
            let start = (first + number) * BLOCK;
            let height = out.len() / columns;
            multiply(all.transposed().rows(start, height), all, out);
        }
    });
    covariance
}

/// The unit eigenvector of the largest eigenvalue, or of the largest among those orthogonal to
/// `except`, by power iteration; `None` if nothing of the `total` variance is there. Its largest
/// entry is positive, as scikit-learn has it.
fn component(
    matrix: &[f64],
    columns: usize,
    except: Option<&[f64]>,
    total: f64,
) -> Option<Vec<f64>> {
    let mut rng = stream(Seed(0), "t-SNE power iteration");
    let mut vector: Vec<f64> = (0..columns)
        .map(|_| f64::from(unit(&mut rng)) - 0.5)
        .collect();
    for _ in 0..STEPS {
        let mut next: Vec<f64> = matrix
            .chunks_exact(columns)
            .map(|row| dot(row, &vector))
            .collect();
        if let Some(except) = except {
            let along = dot(&next, except);
            for (value, except) in next.iter_mut().zip(except) {
                *value -= along * except;
            }
        }
        let length = dot(&next, &next).sqrt();
        if length <= 1e-12 * total {
            return None;
        }
        let mut change = 0.0_f64;
        for (next, old) in next.iter_mut().zip(&vector) {
            *next /= length;
            change = change.max((*next - old).abs());
        }
        vector = next;
        if change < SETTLED {
            break;
        }
    }
    let largest = vector.iter().copied().fold(0.0_f64, |most, value| {
        if value.abs() > most.abs() {
            value
        } else {
            most
        }
    });
    if largest < 0.0 {
        for value in &mut vector {
            *value = -*value;
        }
    }
    Some(vector)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
