//! K-means against scikit-learn and linfa, its properties, and what it refuses.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use linfa::DatasetBase;
use linfa::traits::Fit as _;
use ndarray::Array2;
use tch::{Device, Kind};

use super::*;

/// A linear congruential generator, the same few lines in the Python script below.
struct Lcg(u64);

impl Lcg {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn blobs(seed: u64, rows: usize, columns: usize, blobs: usize, spread: u64) -> Tensor {
    let mut random = Lcg(seed);
    let centres: Vec<u64> = (0..blobs * columns).map(|_| random.below(1000)).collect();
    let values: Vec<f32> = (0..rows * columns)
        .map(|i| {
            let centre = centres[i / columns % blobs * columns + i % columns];
            (centre + random.below(spread)) as f32 / 128.0
        })
        .collect();
    Tensor::from_slice(&values).view([rows as i64, columns as i64])
}

fn generator(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn silent(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// What Lloyd's iterations make of given starts `[restarts, clusters, columns]`.
fn from_starts(
    data: &Tensor,
    starts: &Tensor,
    settings: &KMeans,
) -> (final_assignment::Settled, Vec<usize>) {
    let points = Points::centred(data).unwrap();
    let stopping = Stopping {
        max_iterations: settings.max_iterations,
        squared_shift: settings.tolerance * points.mean_variance(),
    };
    let starts = starts - &points.mean;
    let (centres, iterations) = lloyd(&points, starts, &stopping, &mut silent).unwrap();
    (settle(&points, &centres).unwrap(), iterations)
}

struct Golden {
    inertia: f64,
    iterations: usize,
    /// Sum of (row + 1) times label, modulo 1 000 003: any label that differs changes it.
    labels: u64,
}

fn assert_golden(data: &Tensor, start: &Tensor, settings: &KMeans, golden: &Golden) {
    let (settled, iterations) = from_starts(data, &start.unsqueeze(0), settings);
    let (_, inertia) = settled.best().unwrap();
    assert!(
        (inertia / golden.inertia - 1.0).abs() < 1e-6,
        "inertia {inertia}, scikit-learn says {}",
        golden.inertia
    );
    assert_eq!(iterations, [golden.iterations]);
    let labels: u64 = (1..)
        .zip(settled.labels(0).unwrap())
        .map(|(number, label)| number * u64::from(label))
        .sum();
    assert_eq!(labels % 1_000_003, golden.labels);
}

// scikit-learn 1.9.1; it prints inertia, iterations, checksum of the labels, cluster sizes:
//
// import warnings
// import numpy as np
// from sklearn.cluster import KMeans
// warnings.simplefilter("ignore")
//
// class Lcg:
//     def __init__(self, state): self.state = state
//     def below(self, n):
//         self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
//         return (self.state >> 33) % n
//
// def blobs(seed, rows, columns, blobs, spread):
//     r = Lcg(seed)
//     centres = [[r.below(1000) for _ in range(columns)] for _ in range(blobs)]
//     return np.array([[c + r.below(spread) for c in centres[i % blobs]] for i in range(rows)],
//                     dtype=np.float32) / np.float32(128)
//
// def golden(x, start, **settings):
//     fit = KMeans(len(start), init=start, n_init=1, algorithm="lloyd", **settings).fit(x.astype(np.float64))
//     checksum = sum((i + 1) * int(l) for i, l in enumerate(fit.labels_)) % 1_000_003
//     print(repr(float(fit.inertia_)), fit.n_iter_, checksum, np.bincount(fit.labels_).tolist())
//
// x = blobs(1, 500, 7, 12, 1500)
// golden(x, x[:8])
// golden(x, x[:8], max_iter=3)
// golden(x, x[:8], tol=0)
// x = blobs(2, 20_000, 3, 5, 300)
// golden(x, x[:5])
// # Two starts so far away that no point is theirs: both are relocated.
// x = blobs(3, 60, 2, 4, 100)
// far = x[:4].copy(); far[2:] = 1000
// golden(x, far)
// # One start without points.
// far = x[:4].copy(); far[3] = -500
// golden(x, far)
#[test]
fn iterations_agree_with_scikit_learn() {
    let settings = KMeans::new(8);
    let data = blobs(1, 500, 7, 12, 1500);
    let start = data.narrow(0, 0, 8);
    let converged = Golden {
        inertia: 33_334.713_615_029_57,
        iterations: 35,
        labels: 444_098,
    };
    assert_golden(&data, &start, &settings, &converged);
    let exact = KMeans {
        tolerance: 0.0,
        ..settings.clone()
    };
    assert_golden(&data, &start, &exact, &converged);
    let cut_short = KMeans {
        max_iterations: 3,
        ..settings.clone()
    };
    let golden = Golden {
        inertia: 36_088.868_127_133_625,
        iterations: 3,
        labels: 419_830,
    };
    assert_golden(&data, &start, &cut_short, &golden);

    // More rows than a chunk.
    let data = blobs(2, 20_000, 3, 5, 300);
    let golden = Golden {
        inertia: 27_619.598_809_524_56,
        iterations: 4,
        labels: 58_800,
    };
    assert_golden(&data, &data.narrow(0, 0, 5), &settings, &golden);
}

#[test]
fn empty_clusters_take_over_far_points_as_in_scikit_learn() {
    let settings = KMeans::new(4);
    let data = blobs(3, 60, 2, 4, 100);
    let far = data.narrow(0, 0, 4).copy();
    let _ = far.narrow(0, 2, 2).fill_(1000.0);
    let golden = Golden {
        inertia: 6.150_284_830_729_166,
        iterations: 5,
        labels: 2805,
    };
    assert_golden(&data, &far, &settings, &golden);

    let far = data.narrow(0, 0, 4).copy();
    let _ = far.get(3).fill_(-500.0);
    let golden = Golden {
        inertia: 6.150_284_830_729_166,
        iterations: 4,
        labels: 2820,
    };
    assert_golden(&data, &far, &settings, &golden);
}

// # continues the script above
// # Starts anywhere: clusters run empty in each of the first three iterations, five or six in the first.
// for seed in (92, 93):
//     r = Lcg(seed + 7)
//     start = np.array([[r.below(1900) for _ in range(2)] for _ in range(8)], dtype=np.float32) / np.float32(128)
//     fit = KMeans(8, init=start, n_init=1).fit(blobs(seed, 30, 2, 6, 100).astype(np.float64))
//     names = {}
//     print(fit.inertia_, fit.n_iter_, [names.setdefault(int(l), len(names)) for l in fit.labels_])
#[test]
fn clusters_that_empty_again_and_again_are_filled_as_in_scikit_learn() {
    let goldens = [
        (
            92,
            16.239_147_949_218_75,
            5,
            [
                0, 1, 2, 3, 4, 2, 5, 1, 2, 3, 4, 2, 6, 1, 2, 3, 4, 2, 7, 1, 2, 3, 4, 2, 6, 1, 2, 3,
                4, 2,
            ],
        ),
        (
            93,
            3.346_875_000_000_000_3,
            8,
            [
                0, 1, 2, 3, 1, 2, 4, 1, 2, 3, 1, 2, 5, 1, 2, 3, 1, 2, 6, 1, 2, 3, 1, 2, 7, 1, 2, 3,
                1, 2,
            ],
        ),
    ];
    for (seed, inertia, iterations, labels) in goldens {
        let mut random = Lcg(seed + 7);
        let start: Vec<f32> = (0..16).map(|_| random.below(1900) as f32 / 128.0).collect();
        let start = Tensor::from_slice(&start).view([1, 8, 2]);
        let data = blobs(seed, 30, 2, 6, 100);
        let (settled, taken) = from_starts(&data, &start, &KMeans::new(8));
        assert!((settled.inertia[0] / inertia - 1.0).abs() < 1e-6);
        assert_eq!(taken, [iterations]);
        // Which of several empty clusters takes over which point is left open: names by first appearance.
        let mut names = Vec::new();
        let found = settled.labels(0).unwrap().into_iter().map(|label| {
            let known = names.iter().position(|&name| name == label);
            known.unwrap_or_else(|| {
                names.push(label);
                names.len() - 1
            })
        });
        assert_eq!(found.collect::<Vec<_>>(), labels);
    }
}

// # continues the script above
// x = np.array([[0, 0]] * 4 + [[4, 0]] * 4 + [[0, 8]], dtype=np.float32)
// golden(x, x[[0, 4, 0, 4, 0]])
// x = np.full((6, 2), 7, dtype=np.float32)
// golden(x, x[:3])
#[test]
fn more_empty_clusters_than_points_off_their_centres_stay_empty_as_in_scikit_learn() {
    // It prints an inertia of 0 and [4, 4, 1, 0, 0]: one row is off its centre, three clusters are empty.
    let rows: Vec<f32> = [
        [[0.0_f32, 0.0]; 4].as_flattened(),
        &[4.0, 0.0].repeat(4),
        &[0.0, 8.0],
    ]
    .concat();
    let data = Tensor::from_slice(&rows).view([9, 2]);
    let start = data.index_select(0, &Tensor::from_slice(&[0_i64, 4, 0, 4, 0]));
    let (settled, _) = from_starts(&data, &start.unsqueeze(0), &KMeans::new(5));
    assert_eq!(settled.labels(0).unwrap(), [0, 0, 0, 0, 1, 1, 1, 1, 2]);
    assert_eq!(settled.distinct(0), 3);
    assert!(settled.inertia[0] < 1e-9);

    // It prints 0.0 1 0 [6, 0, 0].
    let data = Tensor::full([6, 2], 7.0, (Kind::Float, Device::Cpu));
    let (settled, iterations) =
        from_starts(&data, &data.narrow(0, 0, 3).unsqueeze(0), &KMeans::new(3));
    assert_eq!(
        (settled.labels(0).unwrap(), iterations),
        (vec![0; 6], vec![1])
    );
    assert_eq!(settled.inertia[0], 0.0);
}

// # continues the script above
// x = blobs(6, 40, 3, 4, 300)
// x[:, 1] = 2.5
// golden(x, x[:4])
#[test]
fn a_constant_column_changes_nothing_but_the_tolerance() {
    let data = blobs(6, 40, 3, 4, 300);
    let _ = data.select(1, 1).fill_(2.5);
    let golden = Golden {
        inertia: 38.593_732_706_705_74,
        iterations: 4,
        labels: 1124,
    };
    assert_golden(&data, &data.narrow(0, 0, 4), &KMeans::new(4), &golden);
}

#[test]
fn one_row_is_one_cluster() {
    let data = Tensor::from_slice(&[5.0_f32, 3.0]).view([1, 2]);
    let fit = KMeans::new(1).fit(&data, &mut generator(0)).unwrap();
    assert_eq!((fit.labels, fit.inertia, fit.distinct), (vec![0], 0.0, 1));
    assert_eq!(fit.centres, data);
}

#[test]
fn duplicates_fill_no_more_clusters_than_there_are_distinct_rows() {
    // 200 copies of each of four rows, and more clusters, rows of a chunk and restarts than that needs.
    let data = blobs(17, 4, 3, 4, 1000).repeat([200, 1]);
    for clusters in [4, 5, 17, 800] {
        let settings = KMeans {
            restarts: 3,
            ..KMeans::new(clusters)
        };
        let fit = settings.fit(&data, &mut generator(2)).unwrap();
        assert_eq!(fit.distinct, 4, "{clusters} clusters");
        assert!(fit.inertia < 1e-6);
        assert_eq!(fit.centres.isfinite().all().int64_value(&[]), 1);
        for (row, label) in fit.labels.iter().enumerate() {
            assert_eq!(*label, fit.labels[row % 4]);
        }
    }
}

// # continues the script above
// from sklearn.cluster import kmeans_plusplus
// x = blobs(4, 300, 2, 30, 100).astype(np.float64)
// sums = []
// for seed in range(4000):
//     c, _ = kmeans_plusplus(x, 20, random_state=seed)
//     sums.append(((x[:, None] - c[None]) ** 2).sum(2).min(1).sum())
// plain = []
// for seed in range(1000):
//     c, _ = kmeans_plusplus(x, 20, random_state=seed, n_local_trials=1)
//     plain.append(((x[:, None] - c[None]) ** 2).sum(2).min(1).sum())
// print(np.mean(sums), np.std(sums), np.mean(plain), np.std(plain))
#[test]
fn starts_are_as_good_as_those_of_scikit_learn() {
    // It prints 78.18, sd 6.44, and without the greedy trials 106.37.
    let data = blobs(4, 300, 2, 30, 100);
    let points = Points::centred(&data).unwrap();
    let mut generators: Vec<_> = (0..200).map(generator).collect();
    let starts = seeding::plus_plus(&points, 20, &mut generators, &mut silent).unwrap();
    let inertias = settle(&points, &starts).unwrap().inertia;
    let mean = inertias.iter().sum::<f64>() / inertias.len() as f64;
    assert!((mean - 78.18).abs() < 2.0, "mean inertia {mean}");
}

#[test]
fn starts_are_rows_of_the_data() {
    let data = blobs(5, 50, 3, 50, 1000);
    let points = Points::centred(&data).unwrap();
    let starts = seeding::plus_plus(&points, 50, &mut [generator(1)], &mut silent).unwrap();
    // As many centres as distinct rows: each row is one of them.
    let settled = settle(&points, &starts).unwrap();
    assert_eq!(settled.distinct(0), 50);
    assert!(settled.inertia[0] < 1e-6);
}

#[test]
fn a_restart_does_not_depend_on_its_batch() {
    let settings = KMeans::new(6);
    let data = blobs(6, 400, 5, 9, 1200);
    let starts: Vec<Tensor> = (0..4).map(|i| data.narrow(0, i * 20, 6)).collect();
    let (together, iterations) = from_starts(&data, &Tensor::stack(&starts, 0), &settings);
    // Otherwise no restart left the batch before another.
    assert!(iterations.iter().any(|&n| n != iterations[0]));
    for (position, start) in starts.iter().enumerate() {
        let (alone, iteration) = from_starts(&data, &start.unsqueeze(0), &settings);
        assert_eq!(iterations[position], iteration[0]);
        assert_eq!(together.labels(position).unwrap(), alone.labels(0).unwrap());
        assert!((together.inertia[position] / alone.inertia[0] - 1.0).abs() < 1e-6);
    }
}

#[test]
fn linfa_finds_the_same_clusters() {
    let data = blobs(7, 240, 4, 6, 150);
    let values = Vec::<f32>::try_from(data.view(-1)).unwrap();
    let values: Vec<f64> = values.into_iter().map(f64::from).collect();
    let dataset = DatasetBase::from(Array2::from_shape_vec((240, 4), values.clone()).unwrap());
    let linfa = linfa_clustering::KMeans::params(6)
        .n_runs(20)
        .tolerance(1e-6)
        .fit(&dataset)
        .unwrap();
    let expected: f64 = values
        .chunks(4)
        .map(|row| {
            let distance = |centre: ndarray::ArrayView1<f64>| -> f64 {
                row.iter().zip(centre).map(|(x, c)| (x - c).powi(2)).sum()
            };
            let distances = linfa.centroids().outer_iter().map(distance);
            distances.fold(f64::INFINITY, f64::min)
        })
        .sum();

    let fit = KMeans::new(6).fit(&data, &mut generator(1)).unwrap();
    assert!((fit.inertia / expected - 1.0).abs() < 1e-6);
    assert_eq!(fit.distinct, 6);
    // Rows of one blob, and only they, share a label.
    for (row, label) in fit.labels.iter().enumerate() {
        assert_eq!(*label, fit.labels[row % 6]);
    }
}

#[test]
fn inertia_never_rises() {
    let data = blobs(8, 600, 6, 10, 1500);
    let mut last = [f64::INFINITY; 5];
    let mut final_iteration = 0;
    let settings = KMeans {
        restarts: 5,
        ..KMeans::new(7)
    };
    let fit = settings
        .fit_with(&data, &mut generator(2), &mut |progress| {
            let before = &mut last[progress.restart];
            assert!(progress.inertia <= *before * (1.0 + 1e-6));
            *before = progress.inertia;
            final_iteration = final_iteration.max(progress.iteration);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert!(final_iteration >= fit.iterations && fit.iterations > 1);
    let least = last.into_iter().fold(f64::INFINITY, f64::min);
    assert!((fit.inertia / least - 1.0).abs() < 1e-3);
}

#[test]
fn the_result_describes_itself() {
    let data = blobs(9, 300, 3, 5, 400) + 10_000.0;
    let fit = KMeans::new(5).fit(&data, &mut generator(3)).unwrap();
    assert_eq!(fit.centres.size(), [5, 3]);
    assert_eq!(assign(&data, &fit.centres).unwrap(), fit.labels);
    let labels: Vec<i64> = fit.labels.iter().copied().map(i64::from).collect();
    let own = fit.centres.index_select(0, &Tensor::from_slice(&labels));
    let inertia = (&data - own).square().sum(Kind::Double).double_value(&[]);
    assert!((fit.inertia / inertia - 1.0).abs() < 1e-3);
}

#[test]
fn the_order_of_rows_does_not_matter_for_separated_blobs() {
    let data = blobs(10, 200, 3, 4, 60);
    let order: Vec<i64> = (0..200).map(|i| i * 77 % 200).collect();
    let shuffled = data.index_select(0, &Tensor::from_slice(&order));
    let fit = KMeans::new(4).fit(&data, &mut generator(4)).unwrap();
    let other = KMeans::new(4).fit(&shuffled, &mut generator(5)).unwrap();
    assert!((fit.inertia / other.inertia - 1.0).abs() < 1e-6);
}

#[test]
fn the_same_generator_gives_the_same_result() {
    let data = blobs(11, 300, 4, 8, 1500);
    let [first, second] = [(); 2].map(|()| KMeans::new(5).fit(&data, &mut generator(6)).unwrap());
    assert_eq!(first.labels, second.labels);
    assert_eq!(first.inertia, second.inertia);
    assert_eq!(first.centres, second.centres);
}

#[test]
fn fewer_distinct_rows_than_clusters_are_reported() {
    let three = Tensor::from_slice(&[0_f32, 0.0, 4.0, 0.0, 0.0, 8.0]).view([3, 2]);
    let data = three.repeat([5, 1]);
    let fit = KMeans::new(5).fit(&data, &mut generator(7)).unwrap();
    assert_eq!(fit.distinct, 3);
    assert!(fit.inertia < 1e-9);
    for (row, label) in fit.labels.iter().enumerate() {
        assert_eq!(*label, fit.labels[row % 3]);
    }
}

#[test]
fn constant_data_are_one_cluster() {
    let data = Tensor::full([20, 3], 0.3, (Kind::Float, Device::Cpu));
    let fit = KMeans::new(4).fit(&data, &mut generator(8)).unwrap();
    assert_eq!((fit.distinct, fit.inertia), (1, 0.0));
    assert!((fit.centres - 0.3).abs().max().double_value(&[]) < 1e-6);
}

#[test]
fn as_many_clusters_as_rows_leave_no_inertia() {
    let data = blobs(12, 9, 2, 9, 1000);
    let fit = KMeans::new(9).fit(&data, &mut generator(9)).unwrap();
    assert_eq!(fit.distinct, 9);
    assert!(fit.inertia < 1e-6);
}

#[test]
fn settings_out_of_range_are_refused() {
    let data = blobs(13, 10, 2, 2, 10);
    let refused = |settings: KMeans| match settings.fit(&data, &mut generator(0)) {
        Err(Error::Setting { name, .. }) => name,
        other => panic!("{other:?}"),
    };
    let settings = KMeans::new(2);
    assert_eq!(refused(KMeans::new(0)), "clusters");
    let restarts = KMeans {
        restarts: 0,
        ..settings.clone()
    };
    assert_eq!(refused(restarts), "restarts");
    let max_iterations = KMeans {
        max_iterations: 0,
        ..settings.clone()
    };
    assert_eq!(refused(max_iterations), "max_iterations");
    for tolerance in [-1.0, f64::NAN, f64::INFINITY] {
        let settings = KMeans {
            tolerance,
            ..settings.clone()
        };
        assert_eq!(refused(settings), "tolerance");
    }
}

#[test]
fn more_clusters_than_rows_are_refused() {
    let error = KMeans::new(11)
        .fit(&blobs(13, 10, 2, 2, 10), &mut generator(0))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot form 11 clusters of 10 rows: lower k or pass more rows"
    );
    let nothing = Tensor::zeros([0, 2], (Kind::Float, Device::Cpu));
    let error = KMeans::new(1).fit(&nothing, &mut generator(0)).unwrap_err();
    assert!(matches!(error, Error::TooManyClusters { rows: 0, .. }));
}

#[test]
fn rows_that_are_not_finite_are_named() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30] {
        let data = blobs(14, 30, 2, 2, 10);
        let _ = data.get(17).get(1).fill_(f64::from(bad));
        let row = |error| match error {
            Error::NotFinite { name, row } => (name, row),
            other => panic!("{other:?}"),
        };
        let error = KMeans::new(2).fit(&data, &mut generator(0)).unwrap_err();
        assert_eq!(row(error), ("data", 17));
        let centres = blobs(14, 2, 2, 2, 10);
        assert_eq!(row(assign(&data, &centres).unwrap_err()), ("data", 17));
        assert_eq!(row(assign(&centres, &data).unwrap_err()), ("centres", 17));
    }
}

#[test]
fn only_f32_matrices_are_taken() {
    let data = blobs(15, 10, 2, 2, 10);
    for wrong in [
        data.to_kind(Kind::Double),
        data.view(-1),
        data.narrow(1, 0, 0),
    ] {
        let error = KMeans::new(2).fit(&wrong, &mut generator(0)).unwrap_err();
        assert!(matches!(error, Error::NotAMatrix { name: "data", .. }));
        let error = assign(&data, &wrong).unwrap_err();
        assert!(matches!(
            error,
            Error::NotAMatrix {
                name: "centres",
                ..
            }
        ));
    }
    let error = assign(&data, &blobs(15, 10, 3, 2, 10)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "data of 2 columns cannot be assigned to centres of 3 columns"
    );
    let none = data.narrow(0, 0, 0);
    assert!(matches!(assign(&data, &none), Err(Error::Setting { .. })));
    assert!(assign(&none, &data).unwrap().is_empty());
}

#[test]
fn the_hook_interrupts_starts_and_iterations() {
    let data = blobs(16, 100, 2, 5, 1500);
    for iteration in [0, 2] {
        let mut calls_after = 0;
        let result = KMeans::new(3).fit_with(&data, &mut generator(1), &mut |progress| {
            if progress.iteration == iteration {
                calls_after += 1;
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        assert!(matches!(result, Err(Error::Interrupted)));
        assert_eq!(calls_after, 1);
    }
}
