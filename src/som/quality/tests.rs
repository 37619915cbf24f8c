//! Golden values from an independent computation (`tests/golden/metrics.py`, and the DESOM authors'
//! evaluation package), and properties.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

use std::num::NonZeroUsize;

use serde::Deserialize;
use tch::{Kind, Tensor};

use super::*;
use crate::distances::Sampling;
use crate::metrics::{Contingency, silhouette, unit_entropy};
use crate::random::{Seed, distinct_indices, stream};
use crate::som::{Grid, MapDistance, Neighbourhood};

const ONE: NonZeroUsize = NonZeroUsize::MIN;

/// The generator of `tests/golden/metrics.py`.
struct Lcg(u64);

impl Lcg {
    fn below(&mut self, n: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(n)) as u32
    }

    fn matrix(&mut self, rows: usize, columns: usize, limit: u32) -> Vec<f32> {
        let values = (0..rows * columns).map(|_| self.below(limit) as f32 / 64.0);
        values.collect()
    }
}

#[derive(Deserialize)]
struct Golden {
    maps: Vec<MapCase>,
    sharpness: Vec<SharpnessCase>,
}

#[derive(Deserialize)]
struct MapCase {
    seed: u64,
    samples: usize,
    dims: usize,
    rows: usize,
    columns: usize,
    limit: u32,
    radius: f64,
    repeated: usize,
    k: Vec<usize>,
    best: Vec<u32>,
    second: Vec<u32>,
    quantization_error: f64,
    topographic_error: f64,
    combined_error: f64,
    distortion: f64,
    kruskal_shepard_error: f64,
    c_measure: f64,
    c_measure_mean: f64,
    neighbourhood_preservation: Vec<f64>,
    trustworthiness: Vec<f64>,
    topographic_product: f64,
    topographic_function: Option<[f64; 4]>,
    class_scatter_index: f64,
    silhouette_units: f64,
    silhouette_classes: f64,
}

#[derive(Deserialize)]
struct SharpnessCase {
    seed: u64,
    images: usize,
    prototypes: usize,
    height: usize,
    width: usize,
    ratio: f64,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../../tests/golden/metrics.json")).unwrap()
}

struct Drawn {
    data: Vec<f32>,
    prototypes: Vec<f32>,
    classes: Vec<u32>,
}

impl MapCase {
    fn draw(&self) -> Drawn {
        let mut random = Lcg(self.seed);
        let data = random.matrix(self.samples, self.dims, self.limit);
        let mut prototypes = random.matrix(self.rows * self.columns, self.dims, self.limit);
        let classes = (0..self.samples).map(|_| random.below(5)).collect();
        for unit in 1..=self.repeated {
            prototypes.copy_within(0..self.dims, unit * self.dims);
        }
        Drawn {
            data,
            prototypes,
            classes,
        }
    }

    fn grid(&self) -> Grid {
        Grid::from([self.rows, self.columns])
    }

    fn options(&self, k: usize) -> Options {
        Options {
            k,
            radius: self.radius,
            sampling: Sampling::default(),
        }
    }

    fn view<'a>(&self, drawn: &'a Drawn) -> MapView<'a> {
        MapView::new(&drawn.data, &drawn.prototypes, self.dims, self.grid(), ONE).unwrap()
    }
}

fn assert_close(what: &str, ours: f64, golden: f64, tolerance: f64) {
    let scale = golden.abs().max(1.0);
    assert!(
        (ours - golden).abs() <= tolerance * scale,
        "{what} is {ours}, should be {golden}"
    );
}

#[test]
fn maps_agree_with_an_independent_computation() {
    for case in golden().maps {
        let drawn = case.draw();
        let map = case.view(&drawn);
        let what = |name: &str| format!("case {}, {name}", case.seed);
        let second: Vec<u32> = map.matches().iter().map(|found| found.second).collect();
        assert_eq!(map.units(), case.best, "{}", what("best"));
        assert_eq!(second, case.second, "{}", what("second"));
        for (index, &k) in case.k.iter().enumerate() {
            let quality = evaluate(&map, &case.options(k));
            let phi = case.topographic_function.unwrap_or([f64::NAN; 4]);
            let expected = [
                case.quantization_error,
                case.topographic_error,
                case.combined_error,
                case.distortion,
                case.kruskal_shepard_error,
                case.c_measure,
                case.c_measure_mean,
                case.neighbourhood_preservation[index],
                case.trustworthiness[index],
                case.topographic_product,
                phi[0],
                phi[1],
                phi[2],
                phi[3],
            ];
            let values = quality.values();
            for ((of, _), expected) in MAP.iter().zip(expected) {
                let value = values[of.id];
                if expected.is_nan() {
                    assert!(value.is_nan(), "{}", what(of.id));
                } else {
                    assert_close(&what(of.id), value, expected, 1e-12);
                }
            }
        }
        let scatter = class_scatter_index(&map.units(), &drawn.classes, case.grid()).unwrap();
        assert_close(
            &what("class scatter"),
            scatter,
            case.class_scatter_index,
            1e-14,
        );
        for (labels, expected) in [
            (map.units(), case.silhouette_units),
            (drawn.classes.clone(), case.silhouette_classes),
        ] {
            let ours = silhouette(&drawn.data, case.dims, &labels, &Sampling::default(), ONE);
            let ours = ours.unwrap().value.unwrap();
            assert_close(&what("silhouette"), ours, expected, 1e-12);
        }
    }
}

#[test]
fn sharpness_agrees_with_an_independent_computation() {
    for case in golden().sharpness {
        let mut random = Lcg(case.seed);
        let pixels = case.height * case.width;
        let data = random.matrix(case.images, pixels, 256);
        let prototypes = random.matrix(case.prototypes, pixels, 256);
        let ratio = sharpness_ratio(&data, &prototypes, [case.height, case.width]).unwrap();
        assert_close("sharpness", ratio.unwrap(), case.ratio, 1e-13);
    }
}

/// 20 samples of 3 numbers on a map of 3x4.
fn authors() -> ([Vec<f32>; 2], Grid) {
    let samples = (0..20).flat_map(|i| (0..3).map(move |j| (f64::from(i), f64::from(j))));
    let data = samples.map(|(i, j)| (1.0 + 3.0 * i + 5.0 * j + 0.1 * i * j).sin() as f32);
    let units = (0..12).flat_map(|k| (0..3).map(move |j| (f64::from(k), f64::from(j))));
    let prototypes = units.map(|(k, j)| (2.0 + 1.7 * k + 0.9 * j + 0.05 * k * j).cos() as f32);
    ([data.collect(), prototypes.collect()], Grid::from([3, 4]))
}

// SOMperf, the evaluation package of the DESOM authors (github.com/FlorentF9/SOMperf):
//
// X = np.array([[np.sin(1 + 3*i + 5*j + .1*i*j) for j in range(3)] for i in range(20)])
// S = np.array([[np.cos(2 + 1.7*k + .9*j + .05*k*j) for j in range(3)] for k in range(12)])
// y = np.arange(20) % 3; dist = lambda a, b: abs(a//4 - b//4) + abs(a%4 - b%4)
// and every metric of somperf.metrics; distortion with exp(-d**2 / 1.5**2).
//
// It computes in double precision throughout, ours begins with 32-bit numbers.
#[test]
#[allow(clippy::unreadable_literal)]
fn maps_agree_with_the_authors_package() {
    let ([data, prototypes], grid) = authors();
    let map = MapView::new(&data, &prototypes, 3, grid, ONE).unwrap();
    let units = [
        3, 5, 3, 5, 3, 5, 7, 5, 7, 9, 0, 2, 0, 2, 0, 2, 0, 2, 4, 2_u32,
    ];
    assert_eq!(map.units(), units);
    let options = |k| Options {
        k,
        radius: 1.5,
        ..Options::default()
    };
    let [one, three] = [1, 3].map(|k| evaluate(&map, &options(k)).values());
    for (id, golden) in [
        ("quantization_error", 0.3855914361686209),
        ("topographic_error", 0.45),
        ("combined_error", 2.684542034496302),
        ("distortion", 6.8394395250028825),
        ("kruskal_shepard_error", 0.09963127187340766),
        ("c_measure", 658.7070167083962),
        ("c_measure_mean", 658.7070167083962 / 190.0),
        ("neighbourhood_preservation", 0.9416666666666667),
        ("trustworthiness", 0.9196296296296296),
        // Equally near units in the order of their numbers (argsort with kind="stable"). The package
        // itself gives 0.0071 where NumPy sorts 12 numbers unstably, by vector instructions.
        ("topographic_product", 0.0024514852103862876),
        ("topographic_function_0", 16.0 / 36.0),
        ("topographic_function_20", 6.0 / 36.0),
        ("topographic_function_40", 6.0 / 36.0),
        ("topographic_function_60", 2.0 / 36.0),
    ] {
        assert_close(id, one[id], golden, 1e-7);
    }
    assert_close(
        "k = 3",
        three["neighbourhood_preservation"],
        0.9714814814814815,
        1e-12,
    );
    assert_close("k = 3", three["trustworthiness"], 0.964, 1e-12);
    let classes: Vec<u32> = (0..20).map(|i| i % 3).collect();
    let scatter = class_scatter_index(&units, &classes, grid).unwrap();
    assert_close("class scatter", scatter, 2.6666666666666665, 1e-15);
    let table = Contingency::new(&units, &classes).unwrap();
    // The package adds 1e-12 or so to shares; the exact value is ln 60.
    assert_close("entropy", unit_entropy(&table), 4.094344562220134, 1e-11);
}

/// The first golden case, as it is and with its samples in another order.
fn case() -> (MapCase, Drawn) {
    let case = golden().maps.remove(0);
    let drawn = case.draw();
    (case, drawn)
}

fn assert_equal_values(what: &str, a: &Quality, b: &Quality) {
    for ((id, a), (_, b)) in a.values().into_iter().zip(b.values()) {
        assert_close(&format!("{what}: {id}"), a, b, 1e-12);
    }
}

#[test]
fn the_order_of_samples_does_not_matter() {
    let (case, drawn) = case();
    let order = distinct_indices(&mut stream(Seed(1), "test"), case.samples, case.samples);
    let rows = order
        .iter()
        .flat_map(|&row| &drawn.data[row * case.dims..(row + 1) * case.dims]);
    let other = Drawn {
        data: rows.copied().collect(),
        prototypes: drawn.prototypes.clone(),
        classes: Vec::new(),
    };
    let options = case.options(5);
    let quality = evaluate(&case.view(&drawn), &options);
    assert_equal_values("samples", &quality, &evaluate(&case.view(&other), &options));
}

/// Where on the original grid the units of another come from, and that one's size.
type Symmetry<'a> = (&'a dyn Fn(usize) -> usize, [usize; 2]);

#[test]
fn turned_and_mirrored_maps_are_as_good() {
    let (case, drawn) = case();
    let options = case.options(5);
    let quality = evaluate(&case.view(&drawn), &options);
    let (rows, columns) = (case.rows, case.columns);
    let mirrored = |unit: usize| unit / columns * columns + columns - 1 - unit % columns;
    let turned = |unit: usize| rows * columns - 1 - unit;
    let transposed = |unit: usize| unit % rows * columns + unit / rows;
    let symmetries: [Symmetry; 3] = [
        (&mirrored, [rows, columns]),
        (&turned, [rows, columns]),
        (&transposed, [columns, rows]),
    ];
    for (from, grid) in symmetries {
        let prototypes: Vec<f32> = (0..rows * columns)
            .flat_map(|unit| {
                &drawn.prototypes[from(unit) * case.dims..(from(unit) + 1) * case.dims]
            })
            .copied()
            .collect();
        let map = MapView::new(&drawn.data, &prototypes, case.dims, grid.into(), ONE).unwrap();
        let mut other = evaluate(&map, &options);
        // Ties on the grid are resolved by the units' numbers, which the symmetry changes.
        assert_close(
            "topographic product",
            other.topographic_product,
            quality.topographic_product,
            0.02,
        );
        other.topographic_product = quality.topographic_product;
        assert_equal_values("symmetry", &quality, &other);
    }
}

#[test]
fn threads_do_not_change_a_bit_and_functions_agree_with_the_whole() {
    let (case, _) = case();
    let mut random = Lcg(9);
    let (data, prototypes) = (
        random.matrix(1100, 6, 1 << 20),
        random.matrix(35, 6, 1 << 20),
    );
    let options = case.options(7);
    let sampling = &options.sampling;
    let map = MapView::new(&data, &prototypes, 6, case.grid(), ONE).unwrap();
    let quality = evaluate(&map, &options);
    for threads in [2, 3] {
        let threads = NonZeroUsize::new(threads).unwrap();
        let other = MapView::new(&data, &prototypes, 6, case.grid(), threads).unwrap();
        assert_eq!(evaluate(&other, &options), quality);
    }
    assert_eq!(
        kruskal_shepard_error(&map, sampling),
        quality.kruskal_shepard_error
    );
    assert_eq!(c_measure(&map, sampling), quality.c_measure);
    assert_eq!(
        neighbourhood_preservation(&map, 7, sampling),
        quality.neighbourhood_preservation
    );
    assert_eq!(trustworthiness(&map, 7, sampling), quality.trustworthiness);
}

#[test]
fn a_sample_of_all_is_exact_and_a_smaller_one_says_its_size() {
    let (case, drawn) = case();
    let map = case.view(&drawn);
    let with = |limit, seed| {
        let sampling = Sampling {
            limit,
            seed: Seed(seed),
        };
        let options = Options {
            sampling,
            ..case.options(5)
        };
        evaluate(&map, &options)
    };
    assert_eq!(with(case.samples, 3), with(usize::MAX, 0));
    let (exact, part) = (with(case.samples, 0), with(75, 0));
    assert_eq!(part, with(75, 0));
    assert_ne!(part, with(75, 1));
    assert_eq!((exact.pair_samples(), part.pair_samples()), (150, 75));
    assert_eq!(part.values()["pair_samples"], 75.0);
    // Not the same numbers, but near them; the total is extrapolated.
    let (exact, part) = (exact.values(), part.values());
    for (id, tolerance) in [
        ("kruskal_shepard_error", 0.25),
        ("c_measure", 0.25),
        ("trustworthiness", 0.25),
    ] {
        assert_ne!(exact[id], part[id]);
        assert!((part[id] / exact[id] - 1.0).abs() < tolerance, "{id}");
    }
    assert_eq!(exact["quantization_error"], part["quantization_error"]);
}

#[test]
fn undefined_values_are_none_and_nan() {
    // Everything on one unit: no steps to compare with.
    let data = [0.0_f32, 0.1, 0.2, 0.3];
    let prototypes = [0.0_f32, 10.0, 20.0, 30.0];
    let map = MapView::new(&data, &prototypes, 1, [2, 2].into(), ONE).unwrap();
    let quality = evaluate(&map, &Options::default());
    assert_eq!(quality.kruskal_shepard_error.value, None);
    assert_eq!(quality.c_measure.total.value, Some(0.0));
    // 10 neighbours of 4 samples, a function for a map of 4 units.
    assert_eq!(quality.neighbourhood_preservation.value, None);
    assert_eq!(quality.trustworthiness.value, None);
    assert_eq!(quality.topographic_function, None);
    let values = quality.prefixed("latent");
    assert!(values["latent.kruskal_shepard_error"].is_nan());
    assert_eq!(values.len(), MAP.len() + 1);
    assert_eq!(
        neighbourhood_preservation(&map, 0, &Sampling::default()).value,
        None
    );
    // One sample has no pair.
    let map = MapView::new(&data[..1], &prototypes, 1, [2, 2].into(), ONE).unwrap();
    assert_eq!(c_measure(&map, &Sampling::default()).mean.value, None);
    // Images without any gradient.
    assert_eq!(sharpness_ratio(&[1.0; 8], &data, [2, 2]), Ok(None));
}

#[test]
fn collapsed_maps_have_winners_paths_and_no_nan() {
    // All prototypes within 1e-6 of one another and far from the origin, or all the same.
    let near: Vec<f32> = (0..12).map(|unit| 100.0 + unit as f32 * 1e-5).collect();
    let data: Vec<f32> = near.iter().map(|value| value + 1e-5).collect();
    let map = MapView::new(&data, &near, 1, [3, 4].into(), ONE).unwrap();
    let expected: Vec<u32> = data
        .iter()
        .map(|x| {
            let nearer = |a: &&f32, b: &&f32| (*a - x).abs().total_cmp(&(*b - x).abs());
            let nearest = near.iter().min_by(nearer).unwrap();
            near.iter().position(|value| value == nearest).unwrap() as u32
        })
        .collect();
    assert_eq!(map.units(), expected);
    let map = MapView::new(&data, &[7.0; 12], 1, [3, 4].into(), ONE).unwrap();
    assert!(map.matches().iter().all(|m| (m.best, m.second) == (0, 1)));
    assert_eq!(combined_error(&map), quantization_error(&map));
    assert!(topographic_product(&map).is_finite());
}

#[test]
fn distortion_is_the_sum_of_its_definition() {
    let (case, drawn) = case();
    let map = case.view(&drawn);
    for (neighbourhood, radius) in [
        (Neighbourhood::Gaussian, 3.0),
        (Neighbourhood::Window, 2.0),
        (Neighbourhood::Gaussian, 1e-200),
    ] {
        let mut sum = 0.0;
        for (row, unit) in drawn.data.chunks_exact(case.dims).zip(map.units()) {
            for (other, prototype) in drawn.prototypes.chunks_exact(case.dims).enumerate() {
                let steps = case
                    .grid()
                    .distance(MapDistance::Manhattan, unit as usize, other);
                let share = steps as f64 / radius;
                let weight = match neighbourhood {
                    Neighbourhood::Gaussian if steps == 0 => 1.0,
                    Neighbourhood::Gaussian => (-share * share).exp(),
                    Neighbourhood::Window => f64::from(u8::from(steps <= 2)),
                };
                let pairs = row.iter().zip(prototype);
                let squared: f64 = pairs
                    .map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2))
                    .sum();
                sum += weight * squared;
            }
        }
        let expected = sum / case.samples as f64;
        assert_close(
            "distortion",
            distortion(&map, neighbourhood, radius),
            expected,
            1e-12,
        );
    }
}

#[test]
fn tensors_of_any_kind_are_looked_at() {
    let (case, drawn) = case();
    let data = Tensor::from_slice(&drawn.data).view([150, 6]);
    let prototypes = Tensor::from_slice(&drawn.prototypes).view([35, 6]);
    let double = data.to_kind(Kind::Double);
    let with_gaps = data.transpose(0, 1).contiguous().transpose(0, 1);
    for data in [&data, &double, &with_gaps] {
        let map = MapView::of_tensors(data, &prototypes, case.grid(), ONE).unwrap();
        assert_eq!(map.units(), case.best);
    }
    let error = |data: &Tensor, prototypes: &Tensor| {
        let view = MapView::of_tensors(data, prototypes, case.grid(), ONE);
        view.unwrap_err().to_string()
    };
    let other = prototypes.narrow(1, 0, 4);
    assert!(error(&data, &other).contains("samples of 6 numbers"));
    assert!(error(&data.view([-1]), &prototypes).contains("must be a matrix, one row"));
}

#[test]
fn what_does_not_fit_is_refused() {
    let error = |data: &[f32], prototypes: &[f32], dims: usize, grid: [usize; 2]| {
        let view = MapView::new(data, prototypes, dims, grid.into(), ONE);
        view.unwrap_err().to_string()
    };
    let (data, map) = ([0.5_f32; 6], [0.5_f32; 8]);
    for (message, expected) in [
        (error(&data, &map, 2, [1, 1]), "at least two units"),
        (
            error(&data, &map, 2, [3, 3]),
            "4 prototypes do not fill a map of 3x3 = 9",
        ),
        (
            error(&data[..5], &map, 2, [2, 2]),
            "5 numbers of the data are not rows of 2",
        ),
        (error(&[], &map, 2, [2, 2]), "0 numbers of the data"),
        (
            error(&data, &map[..7], 2, [2, 2]),
            "7 numbers of the prototypes",
        ),
        (
            error(&[0.0, f32::NAN, 0.0, 1.0], &map, 2, [2, 2]),
            "row 0 of the data",
        ),
        (
            error(&data, &[0.0, 0.0, 0.0, f32::INFINITY], 2, [1, 2]),
            "row 1 of the prototypes",
        ),
    ] {
        assert!(message.contains(expected), "{message}");
    }
    let grid = Grid::from([2, 2]);
    let scatter = |units: &[u32], classes: &[u32]| {
        class_scatter_index(units, classes, grid)
            .unwrap_err()
            .to_string()
    };
    assert!(scatter(&[0, 4], &[0, 0]).contains("sample 1 is in unit 4"));
    assert!(scatter(&[0], &[0, 0]).contains("1 units and 2 classes"));
    let image = sharpness_ratio(&data, &map, [2, 2]).unwrap_err();
    assert!(
        image
            .to_string()
            .contains("6 numbers of the data are not images of 2x2")
    );
}
