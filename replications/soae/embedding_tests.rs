#![allow(clippy::unwrap_used)]

use std::f64::consts::{PI, TAU};

use proptest::prelude::*;
use tch::{Device, Kind, Tensor};

use super::Space;
use super::model::normal;
use crate::random::{Seed, stream};

const SPACES: [Space; 3] = [Space::Plane, Space::Torus, Space::Sphere];

fn rows(values: &[f32], m: i64) -> Tensor {
    Tensor::from_slice(values).view([-1, m])
}

fn floats(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(Kind::Double).reshape([-1])).unwrap()
}

/// Neighbours of one code, many times.
fn drawn(space: Space, code: &[f32], count: i64, sigma: f64) -> Vec<Vec<f32>> {
    let m = code.len() as i64;
    let mut rng = stream(Seed(4), "test");
    let directions = normal(&mut rng, [count, m], Device::Cpu);
    let radii = normal(&mut rng, [count, 1], Device::Cpu);
    let codes = rows(code, m).repeat([count, 1]);
    let near = floats(&space.neighbours(&codes, &directions, &radii, sigma));
    let near: Vec<f32> = near.into_iter().map(|one| one as f32).collect();
    near.chunks_exact(code.len()).map(<[f32]>::to_vec).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn norms_are_constant(values in prop::collection::vec(-1e3_f32..1e3, 12), zero in any::<bool>()) {
        let mut values = values;
        if zero { values[..3].fill(0.0); }
        let codes = rows(&values, 3);
        for (space, expected) in [(Space::Torus, 3.0_f64.sqrt()), (Space::Sphere, 1.0)] {
            let embedded = space.embed(&codes);
            let norms = embedded.square().sum_dim_intlist(1, false, Kind::Double).sqrt();
            for norm in floats(&norms) {
                prop_assert!((norm - expected).abs() < 1e-5, "{:?} {}", space, norm);
            }
        }
    }

    #[test]
    fn the_torus_is_periodic(a in -3.0_f32..3.0, b in -3.0_f32..3.0, turns in -3_i8..3) {
        let moved = [a + f32::from(turns) * TAU as f32, b];
        let difference = Space::Torus.embed(&rows(&[a, b], 2)) - Space::Torus.embed(&rows(&moved, 2));
        prop_assert!(difference.abs().max().double_value(&[]) < 1e-5);
        prop_assert!(Space::Torus.distance(&[a, b], &moved) < 1e-5);
    }

    #[test]
    fn distances_are_metrics(values in prop::collection::vec(-5.0_f32..5.0, 9)) {
        let (a, b, c) = (&values[..3], &values[3..6], &values[6..]);
        for space in SPACES {
            let d = |x, y| space.distance(x, y);
            prop_assert!(d(a, a) < 1e-6);
            prop_assert!((d(a, b) - d(b, a)).abs() < 1e-9);
            prop_assert!(d(a, c) <= d(a, b) + d(b, c) + 1e-6);
        }
        prop_assert!(Space::Torus.distance(a, b) <= 3.0_f64.sqrt() * PI + 1e-6);
        prop_assert!(Space::Sphere.distance(a, b) <= PI + 1e-9);
    }

    #[test]
    fn gradients_are_those_of_autograd(values in prop::collection::vec(-4.0_f32..4.0, 6), deltas in prop::collection::vec(-1.0_f32..1.0, 12)) {
        let values: Vec<f32> = values.into_iter().map(|v| v + 0.1_f32.copysign(v)).collect();
        for space in SPACES {
            let codes = rows(&values, 3).set_requires_grad(true);
            let width = space.embedded(3);
            let delta = rows(&deltas[..2 * width as usize], width);
            let loss = (space.embed(&codes) * &delta).sum(Kind::Float);
            let expected = Tensor::run_backward(&[loss], &[&codes], false, false).remove(0);
            let ours = space.pull_back(&codes.detach(), &delta);
            prop_assert!((ours - expected).abs().max().double_value(&[]) < 1e-4, "{:?}", space);
        }
    }
}

#[test]
fn nothing_is_nan_at_the_origin() {
    let codes = Tensor::zeros([2, 3], (Kind::Float, Device::Cpu));
    let ones = Tensor::ones([2, 3], (Kind::Float, Device::Cpu));
    for space in SPACES {
        let width = space.embedded(3);
        let delta = Tensor::ones([2, width], (Kind::Float, Device::Cpu));
        let near = space.neighbours(&codes, &ones, &ones.narrow(1, 0, 1), 0.3);
        // Nor when the direction itself is none.
        let none = space.neighbours(&codes, &codes, &ones.narrow(1, 0, 1), 0.3);
        for tensor in [
            space.embed(&codes),
            space.pull_back(&codes, &delta),
            near,
            none,
        ] {
            assert!(
                floats(&tensor).iter().all(|one| one.is_finite()),
                "{space:?} {tensor:?}"
            );
        }
        assert!(space.distance(&[0.0; 3], &[1.0, 2.0, 3.0]).is_finite());
    }
}

/// The kernel is a distribution over the space with half-normal distances: the drawn shares within 0.5, 1 and
/// 2 widths are those of |N(0, 1)|, and together they are all. Holds for wrapped angles and great circles too.
#[test]
fn the_kernel_integrates_to_1_with_half_normal_distances() {
    for (space, code) in [
        (Space::Plane, vec![1.0_f32, -2.0]),
        (Space::Torus, vec![3.1, -3.1]),
        (Space::Sphere, vec![0.5, -2.0, 1.0]),
    ] {
        let sigma = 0.4;
        let near = drawn(space, &code, 20_000, sigma);
        let distances: Vec<f64> = near.iter().map(|one| space.distance(&code, one)).collect();
        for (widths, share) in [
            (0.5, 0.382_925),
            (1.0, 0.682_689),
            (2.0, 0.954_500),
            (7.0, 1.0),
        ] {
            let within = distances
                .iter()
                .filter(|one| **one < widths * sigma)
                .count();
            let found = within as f64 / distances.len() as f64;
            // Four standard deviations of a share.
            assert!((found - share).abs() < 0.014, "{space:?} {widths}: {found}");
        }
    }
}

/// Density of the plane's kernel, `2 / (s sqrt(2 pi)) exp(-r^2 / 2 s^2) / (2 pi r)`, against shares drawn in
/// rings and sectors; its integral over the plane is 1 by quadrature.
#[test]
fn the_plane_s_kernel_has_its_density_and_no_direction() {
    let sigma = 0.7;
    let density =
        |r: f64| 2.0 / (sigma * TAU.sqrt()) * (-r * r / (2.0 * sigma * sigma)).exp() / (TAU * r);
    let step = 1e-3;
    let ring = |from: f64, to: f64| {
        let count = ((to - from) / step).round() as usize;
        let middle = |i: usize| from + (i as f64 + 0.5) * step;
        (0..count)
            .map(|i| density(middle(i)) * TAU * middle(i) * step)
            .sum::<f64>()
    };
    assert!((ring(0.0, 10.0) - 1.0).abs() < 1e-6);
    let near = drawn(Space::Plane, &[0.0, 0.0], 40_000, sigma);
    let expected = ring(0.3, 0.9) / 8.0;
    for sector in 0..8 {
        let within = near.iter().filter(|one| {
            let (x, y) = (f64::from(one[0]), f64::from(one[1]));
            let turn = y.atan2(x).rem_euclid(TAU) / TAU * 8.0;
            (0.3..0.9).contains(&x.hypot(y)) && turn as usize == sector
        });
        let share = within.count() as f64 / 40_000.0;
        assert!(
            (share - expected).abs() < 0.005,
            "{sector}: {share} for {expected}"
        );
    }
}

#[test]
fn directions_on_the_sphere_are_uniform_around_a_code() {
    let near = drawn(Space::Sphere, &[0.0, 0.0, 5.0], 40_000, 0.5);
    let mut counts = [0_u32; 8];
    for one in &near {
        let turn = f64::from(one[1]).atan2(f64::from(one[0])).rem_euclid(TAU) / TAU;
        counts[((turn * 8.0) as usize).min(7)] += 1;
    }
    // 5000 expected, standard deviation 66.
    assert!(
        counts.iter().all(|count| count.abs_diff(5000) < 330),
        "{counts:?}"
    );
}

#[test]
fn grids_cover_their_space() {
    let torus = floats(&Space::Torus.grid(4, 0.0));
    // Neighbours across the edge are as far apart as those inside.
    let of = |row: usize| [torus[2 * row] as f32, torus[2 * row + 1] as f32];
    let inside = Space::Torus.distance(&of(0), &of(1));
    assert!((Space::Torus.distance(&of(0), &of(3)) - inside).abs() < 1e-5);
    let sphere = Space::Sphere.grid(6, 0.0);
    assert_eq!(sphere.size(), [36, 3]);
    let norms = sphere.square().sum_dim_intlist(1, false, Kind::Double);
    assert!(floats(&norms).iter().all(|norm| (norm - 1.0).abs() < 1e-6));
    let plane = Space::Plane.grid(2, 3.0);
    assert_eq!(floats(&plane), [-1.5, 1.5, 1.5, 1.5, -1.5, -1.5, 1.5, -1.5]);
}
