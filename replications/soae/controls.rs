//! What a latent space can be checked for beside its neighbourhoods: seams, use, norms.

use std::f64::consts::{PI, TAU};

use tch::{Kind, Tensor};

use super::Space;
use super::embedding::at;
use super::model::Model;
use crate::nn::slices::{ordered_sum, slice};

/// Cells a side of the grids below.
pub(super) const SIDE: usize = 20;

/// Mean, standard deviation (divisor n) and their ratio, of the norms of `[rows, columns]`.
pub(super) fn norms(rows: &Tensor) -> [f64; 3] {
    let rows = rows.to_kind(Kind::Double);
    let norms = rows.square().sum_dim_intlist(1, false, Kind::Double).sqrt();
    let norms: Vec<f64> = Vec::try_from(norms).unwrap_or_default();
    let n = norms.len() as f64;
    let mean = norms.iter().sum::<f64>() / n;
    let variance = norms.iter().map(|norm| (norm - mean).powi(2)).sum::<f64>() / n;
    [mean, variance.sqrt(), variance.sqrt() / mean]
}

/// How much more images change from the last row and column of the decoded grid to the first than from one
/// row or column to the next inside: 1 without a seam. For codes of two numbers, in their [`square`] (plane) or
/// of all angles (torus).
pub(super) fn seam_ratio(model: &Model, codes: &Tensor) -> f64 {
    let images = match model.settings.space {
        Space::Plane => {
            let (centre, half) = square(codes);
            model.decode(&(Space::Plane.grid(SIDE, half) + centre))
        }
        other => model.decode(&other.grid(SIDE, 0.0)),
    };
    seam(&images.view([SIDE as i64, SIDE as i64, -1]))
}

/// [`seam_ratio`] of images in rows and columns, `[rows, columns, D]`, at least two of each.
pub(super) fn seam(grid: &Tensor) -> f64 {
    let (mut seam, mut inside) = (0.0, 0.0);
    for axis in [0, 1] {
        let change = (grid - grid.roll([1], [axis])).to_kind(Kind::Double);
        let change = change
            .square()
            .sum_dim_intlist(2, false, Kind::Double)
            .sqrt();
        let lines = change.sum_dim_intlist(1 - axis, false, Kind::Double);
        let lines: Vec<f64> = Vec::try_from(lines).unwrap_or_default();
        seam += lines[0];
        inside += lines[1..].iter().sum::<f64>() / (lines.len() - 1) as f64;
    }
    seam / inside
}

/// How much images change around the poles of the sphere in three dimensions, in parts of how much they change
/// around its equator: the mean distance of the images at [`SIDE`] longitudes from the first. 0 but for
/// rounding, because a pole is one place.
pub(super) fn pole_spread(model: &Model) -> f64 {
    let around = |latitude: f64| {
        let longitudes = (0..SIDE).map(|turn| TAU * turn as f64 / SIDE as f64);
        let codes: Vec<f32> = longitudes
            .flat_map(|longitude| at(latitude, longitude))
            .map(|one| one as f32)
            .collect();
        let images = model.decode(&Tensor::from_slice(&codes).view([-1, 3]));
        let change = (&images - images.narrow(0, 0, 1)).to_kind(Kind::Double);
        let change = change.square().sum_dim_intlist(1, false, Kind::Double);
        ordered_sum(&change.sqrt())
    };
    f64::midpoint(around(PI / 2.0), around(-PI / 2.0)) / around(0.0)
}

/// How evenly codes fill the torus of two angles or the sphere in three dimensions: the entropy of their
/// shares of 20 x 20 cells of equal area over its largest value. `None` for other spaces.
pub(super) fn occupancy(space: Space, codes: &Tensor) -> Option<f64> {
    let m = codes.size()[1] as usize;
    let place = |part: f64| ((part * SIDE as f64) as usize).min(SIDE - 1);
    let mut counts = vec![0_u32; SIDE * SIDE];
    for code in slice(codes).chunks_exact(m) {
        let (a, b) = match (space, code) {
            (Space::Torus, &[a, b]) => {
                let turn = |angle: f32| f64::from(angle).rem_euclid(TAU) / TAU;
                (turn(a), turn(b))
            }
            (Space::Sphere, &[x, y, z]) => {
                let [x, y, z] = [x, y, z].map(f64::from);
                // Bands of equal height are of equal area (Archimedes).
                let height = z / (x * x + y * y + z * z).sqrt().max(1e-8);
                (height.midpoint(1.0), (y.atan2(x) + PI) / TAU)
            }
            _ => return None,
        };
        counts[place(a) * SIDE + place(b)] += 1;
    }
    Some(evenness(&counts))
}

/// The entropy of shares over its largest value: 1 where all counts are equal, 0 where one has everything.
pub(super) fn evenness(counts: &[u32]) -> f64 {
    let n: f64 = counts.iter().map(|&count| f64::from(count)).sum();
    let shares = counts.iter().filter(|count| **count > 0);
    let entropy = shares.map(|&count| -f64::from(count) / n * (f64::from(count) / n).ln());
    entropy.sum::<f64>() / (counts.len() as f64).ln()
}

/// The centre `[1, m]` and the half side of a square: the median code, and the distance from it that 95 % of
/// the numbers of codes `[rows, m]` keep. Codes need not lie about the origin.
pub(super) fn square(codes: &Tensor) -> (Tensor, f64) {
    let (values, m) = (slice(codes), codes.size()[1] as usize);
    let sorted = |mut numbers: Vec<f32>| {
        numbers.sort_unstable_by(f32::total_cmp);
        numbers
    };
    let median = |column: usize| {
        let numbers = sorted(values.iter().skip(column).step_by(m).copied().collect());
        numbers.get(numbers.len() / 2).copied().unwrap_or(0.0)
    };
    let centre: Vec<f32> = (0..m).map(median).collect();
    let numbers = values.iter().enumerate();
    let sizes = sorted(
        numbers
            .map(|(i, one)| (one - centre[i % m]).abs())
            .collect(),
    );
    let half = sizes.get(sizes.len() * 95 / 100);
    (
        Tensor::from_slice(&centre).view([1, -1]),
        half.map_or(1.0, |one| f64::from(*one)),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::model::normal;
    use super::*;
    use crate::random::{Seed, stream};
    use tch::Device;

    #[test]
    fn norms_of_normal_numbers_are_those_of_theory() {
        // Mean and coefficient of variation of the chi distribution: sqrt(2) G((m + 1) / 2) / G(m / 2), ..
        for (m, mean, cv) in [(2, 1.2533, 0.523), (10, 3.0843, 0.226), (64, 7.9688, 0.089)] {
            let rows = normal(&mut stream(Seed(0), "test"), [20_000, m], Device::Cpu);
            let [found, _, found_cv] = norms(&rows);
            assert!((found - mean).abs() < 0.02, "{m}: {found}");
            assert!((found_cv - cv).abs() < 0.01, "{m}: {found_cv}");
        }
    }

    #[test]
    fn a_torus_has_no_seam_and_a_ramp_is_one() {
        let n = SIDE as i64;
        let index = Tensor::arange(n, (Kind::Float, Device::Cpu));
        let angles = &index * (TAU / SIDE as f64);
        // Images of the angle down and of that across: every step is as long as every other.
        let circle = |angle: &Tensor| Tensor::stack(&[angle.cos(), angle.sin()], 1);
        let down = circle(&angles).view([n, 1, 2]).expand([n, n, 2], false);
        let across = circle(&angles).view([1, n, 2]).expand([n, n, 2], false);
        assert!((seam(&Tensor::cat(&[down, across], 2)) - 1.0).abs() < 1e-5);
        // From its end to its start a ramp goes back all of its steps.
        for shape in [[n, 1, 1], [1, n, 1]] {
            let ramp = index.view(shape).expand([n, n, 1], true);
            assert!((seam(&ramp) - (n - 1) as f64).abs() < 1e-4);
        }
    }

    #[test]
    fn the_square_is_where_the_codes_are() {
        let numbers = normal(&mut stream(Seed(0), "test"), [20_000, 2], Device::Cpu);
        let away = &numbers + Tensor::from_slice(&[5.0_f32, -7.0]);
        let (centre, half) = square(&away.contiguous());
        let centre = slice(&centre).to_vec();
        assert!((centre[0] - 5.0).abs() < 0.05 && (centre[1] + 7.0).abs() < 0.05);
        // 95 % of a normal distribution are within 1.96.
        assert!((half - 1.96).abs() < 0.05, "{half}");
    }

    #[test]
    fn occupancy_is_1_for_even_codes_and_0_for_one_place() {
        let even = Space::Torus.grid(SIDE, 1.0);
        assert!((occupancy(Space::Torus, &even).unwrap() - 1.0).abs() < 1e-9);
        let drawn = normal(&mut stream(Seed(0), "test"), [20_000, 3], Device::Cpu);
        assert!(occupancy(Space::Sphere, &drawn).unwrap() > 0.99);
        let one = Tensor::ones([50, 3], (Kind::Float, Device::Cpu));
        assert!(occupancy(Space::Sphere, &one).unwrap().abs() < 1e-12);
        assert_eq!(occupancy(Space::Plane, &even), None);
    }
}
