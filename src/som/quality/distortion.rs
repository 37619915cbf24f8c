//! Distortion: what a map with a neighbourhood minimises.

use super::MapView;
use crate::distances::squared;
use crate::som::Neighbourhood;

/// Distortion, 0 and up, lower is better: `mean_i sum_k h(delta(b_i, k)) d(x_i, m_k)^2`, where `h` is
/// the neighbourhood of this radius: `exp(-delta^2 / radius^2)` (no factor 2), or 1 up to the radius.
/// At a radius close to 0 it is the mean squared distance to the best matching unit.
///
/// Sums over the samples of a unit come from their mean `c` and their scatter around it,
/// `sum_i |x_i - m|^2 = sum_i |x_i - c|^2 + n |c - m|^2`, so the time is that of one pass over the
/// data, however many units there are.
///
/// Reference: Erwin, Obermayer and Schulten, *Self-organizing maps: ordering, convergence properties
/// and energy functions* (Biological Cybernetics 1992); with the winner by distance alone, as in DESOM.
#[must_use]
pub fn distortion(map: &MapView, neighbourhood: Neighbourhood, radius: f64) -> f64 {
    let (units, dims) = (map.grid().units(), map.dims());
    let prototypes = map.prototypes();
    let prototype = |unit: usize| &prototypes[unit * dims..(unit + 1) * dims];
    let mut counts = vec![0.0_f64; units];
    let mut means = vec![0.0; units * dims];
    let mut squares = vec![0.0; units];
    for (row, found) in map.data().chunks_exact(dims).zip(map.matches()) {
        let unit = found.best as usize;
        counts[unit] += 1.0;
        squares[unit] += found.distance * found.distance;
        let sums = &mut means[unit * dims..(unit + 1) * dims];
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum += f64::from(value);
        }
    }
    let weight = |steps: usize| {
        let share = steps as f64 / radius;
        match neighbourhood {
            _ if steps == 0 => 1.0,
            Neighbourhood::Gaussian => (-share * share).exp(),
            Neighbourhood::Window => f64::from(u8::from(share <= 1.0)),
        }
    };
    let mut sum = 0.0;
    for unit in (0..units).filter(|&unit| counts[unit] > 0.0) {
        let mean = &mut means[unit * dims..(unit + 1) * dims];
        for value in mean.iter_mut() {
            *value /= counts[unit];
        }
        let scatter = squares[unit] - counts[unit] * squared(mean, prototype(unit));
        // All samples of a unit may be equal: rounding may go below zero.
        let scatter = scatter.max(0.0);
        for other in 0..units {
            let weight = weight(map.steps(unit, other));
            if weight > 0.0 {
                sum += weight * (scatter + counts[unit] * squared(mean, prototype(other)));
            }
        }
    }
    sum / map.samples() as f64
}
