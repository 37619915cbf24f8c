#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::random::{stream, unit};

const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// What scikit-learn makes of 60 digits; tests/golden/tsne.py writes it.
#[derive(Deserialize)]
struct Golden {
    perplexity: f64,
    columns: usize,
    codes: Vec<f32>,
    joint: Vec<(usize, usize, f64)>,
    start: Vec<[f64; 2]>,
    points: Vec<[f64; 2]>,
    kl_divergence: f64,
    gradient: Vec<[f64; 2]>,
}

impl Golden {
    fn read() -> Self {
        serde_json::from_str(include_str!("../../../tests/golden/tsne.json")).unwrap()
    }

    fn affinities(&self) -> Affinities {
        let centred = centred(&self.codes, self.columns);
        let count = (3.0 * self.perplexity + 1.0) as usize;
        let neighbours = neighbours::nearest(&centred, self.columns, count, TWO);
        Affinities::new(&neighbours, self.perplexity, TWO)
    }
}

/// `count` rows around each of three far-off centres in five dimensions, one blob after another.
fn blobs(count: usize) -> Vec<f32> {
    let mut rng = stream(Seed(1), "blobs");
    (0..3 * count)
        .flat_map(|row| {
            let mut point = [(); 5].map(|()| unit(&mut rng));
            point[row / count] += 20.0;
            point
        })
        .collect()
}

fn settings(perplexity: f64, max_iterations: usize) -> Tsne {
    Tsne {
        perplexity,
        max_iterations,
        ..Tsne::default()
    }
}

fn scattered(count: usize, scale: f64) -> Vec<[f64; 2]> {
    let mut places = initial::random(Seed(2), count);
    places
        .iter_mut()
        .flatten()
        .for_each(|value| *value *= scale * 1e4);
    places
}

/// How far the grid is from all pairs: root mean square of the forces' errors relative to that of the
/// forces, and relative error of the normaliser.
fn grid_error(points: &[[f64; 2]]) -> (f64, f64) {
    let mut repulsion = Repulsion::default();
    repulsion.update(points, TWO);
    let mut exact = vec![[0.0; 3]; points.len()];
    repulsion::all_pairs(points, TWO, &mut exact);
    let squares = |forces: &mut dyn Iterator<Item = [f64; 2]>| -> f64 {
        forces.map(|[x, y]| x * x + y * y).sum()
    };
    let difference = squares(
        &mut exact
            .iter()
            .zip(&repulsion.forces)
            .map(|(a, b)| [a[0] - b[0], a[1] - b[1]]),
    );
    let size = squares(&mut exact.iter().map(|force| [force[0], force[1]]));
    let normaliser: f64 = exact.iter().map(|force| force[2] - 1.0).sum();
    (
        (difference / size).sqrt(),
        (repulsion.normaliser / normaliser - 1.0).abs(),
    )
}

#[test]
fn affinities_are_those_of_scikit_learn() {
    let golden = Golden::read();
    let affinities = golden.affinities();
    let mut upper = Vec::new();
    for row in 0..golden.points.len() {
        upper.extend(
            affinities
                .row(row)
                .filter(|&(other, _)| other > row)
                .map(|(other, p)| (row, other, p)),
        );
    }
    assert_eq!(upper.len(), golden.joint.len());
    for (ours, theirs) in upper.iter().zip(&golden.joint) {
        assert_eq!((ours.0, ours.1), (theirs.0, theirs.1));
        assert!(
            (ours.2 - theirs.2).abs() < 1e-5 * theirs.2 + 1e-9,
            "{ours:?} {theirs:?}"
        );
    }
}

#[test]
fn the_gradient_and_divergence_are_those_of_scikit_learn() {
    let golden = Golden::read();
    let affinities = golden.affinities();
    let mut pull = vec![[0.0; 2]; golden.points.len()];
    attraction(&affinities, &golden.points, TWO, &mut pull);
    let mut push = Repulsion::default();
    push.update(&golden.points, TWO);
    let largest = golden
        .gradient
        .iter()
        .flatten()
        .fold(0.0_f64, |most, g| most.max(g.abs()));
    for (row, theirs) in golden.gradient.iter().enumerate() {
        for axis in 0..2 {
            let ours = 4.0 * (pull[row][axis] - push.forces[row][axis] / push.normaliser);
            assert!(
                (ours - theirs[axis]).abs() < 1e-5 * largest,
                "{ours} {}",
                theirs[axis]
            );
        }
    }
    let ours = divergence(&affinities, &golden.points, push.normaliser, TWO);
    assert!(
        (ours - golden.kl_divergence).abs() < 1e-5,
        "{ours} {}",
        golden.kl_divergence
    );
}

#[test]
fn the_start_is_scikit_learns() {
    let golden = Golden::read();
    let ours = initial::principal(&centred(&golden.codes, golden.columns), golden.columns, TWO);
    for (ours, theirs) in ours.iter().zip(&golden.start) {
        for axis in 0..2 {
            assert!(
                (ours[axis] - theirs[axis]).abs() < 1e-10,
                "{ours:?} {theirs:?}"
            );
        }
    }
}

#[test]
fn the_grid_is_close_to_all_pairs() {
    // (standard deviation, error of the forces, error of the normaliser). Measured: 6.7e-3 and
    // 1e-8, 2.1e-4 and 2e-6, 7.7e-3 and 3.5e-4. Sparse points are the hardest: little force is left
    // to compare the error with.
    let bounds = [(1e-4, 1e-2, 1e-7), (1.0, 5e-4, 1e-5), (30.0, 1e-2, 5e-4)];
    for (scale, force, normaliser) in bounds {
        let (forces, total) = grid_error(&scattered(1000, scale));
        assert!(forces < force, "{scale}: forces off by {forces}");
        assert!(total < normaliser, "{scale}: normaliser off by {total}");
    }
}

#[test]
fn points_too_far_apart_for_a_grid_are_summed_pair_by_pair() {
    let mut points = scattered(300, 1.0);
    points[7] = [1e7, -1e7];
    let (forces, total) = grid_error(&points);
    assert!(forces < 1e-12 && total < 1e-12);
}

#[test]
fn the_same_bits_for_any_number_of_threads() {
    let data = blobs(120);
    let fit = |threads| settings(20.0, 300).fit(&data, 5, NonZeroUsize::new(threads).unwrap());
    let one = fit(1).unwrap();
    for threads in [1, 2, 3, 5] {
        assert_eq!(fit(threads).unwrap(), one);
    }
}

#[test]
fn blobs_stay_apart() {
    let count = 100;
    for initial in [Initial::Pca, Initial::Random(Seed(5))] {
        let embedding = Tsne {
            initial,
            ..settings(20.0, 500)
        }
        .fit(&blobs(count), 5, TWO)
        .unwrap();
        let centres: Vec<[f64; 2]> = embedding
            .points
            .chunks(count)
            .map(|blob| [0, 1].map(|axis| blob.iter().map(|p| p[axis]).sum::<f64>() / count as f64))
            .collect();
        for (row, point) in embedding.points.iter().enumerate() {
            let squared = |c: &[f64; 2]| (point[0] - c[0]).powi(2) + (point[1] - c[1]).powi(2);
            let own = squared(&centres[row / count]);
            let others = (0..3).filter(|&blob| blob != row / count);
            assert!(
                others
                    .into_iter()
                    .all(|blob| squared(&centres[blob]) > 2.0 * own),
                "{row}"
            );
        }
    }
}

#[test]
fn neighbours_are_those_of_a_full_sort() {
    let values: Vec<f64> = blobs(150).into_iter().map(f64::from).collect();
    let found = neighbours::nearest(&values, 5, 40, TWO);
    for (row, here) in values.chunks(5).enumerate() {
        let mut all: Vec<(f64, u32)> = values
            .chunks(5)
            .enumerate()
            .filter(|&(other, _)| other != row)
            .map(|(other, there)| {
                (
                    here.iter().zip(there).map(|(a, b)| (a - b).powi(2)).sum(),
                    other as u32,
                )
            })
            .collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let (squared, index): (Vec<f64>, Vec<u32>) = all[..40].iter().copied().unzip();
        assert_eq!(found.index[row * 40..(row + 1) * 40], index);
        assert_eq!(found.squared[row * 40..(row + 1) * 40], squared);
    }
}

#[test]
fn duplicates_and_constant_columns_are_no_trouble() {
    // Forty copies of each of three rows, whose perplexity cannot be 10, and a constant column.
    let data: Vec<f32> = (0..120_u8)
        .flat_map(|row| [f32::from(row % 3), 7.0])
        .collect();
    let embedding = settings(10.0, 300).fit(&data, 2, TWO).unwrap();
    assert!(
        embedding
            .points
            .iter()
            .flatten()
            .all(|value| value.is_finite())
    );
    assert!(embedding.kl_divergence.is_finite());
}

#[test]
fn a_single_row_unlike_all_others_is_no_trouble() {
    for unlike in [1e-30_f32, 1.0, 1e30] {
        let mut data = vec![0.0; 120];
        data[7] = unlike;
        let embedding = settings(10.0, 300).fit(&data, 2, TWO).unwrap();
        let mut places = embedding.points.iter().flatten();
        assert!(places.all(|value| value.is_finite()), "{unlike}");
        assert!(embedding.kl_divergence.is_finite(), "{unlike}");
    }
}

#[test]
fn the_hook_sees_progress_and_stops() {
    let mut seen = Vec::new();
    let result = settings(10.0, 300).fit_with(&blobs(20), 5, TWO, &mut |progress| {
        seen.push(progress);
        if progress.iteration < 100 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    assert!(matches!(result, Err(Error::Interrupted)));
    assert_eq!(seen.len(), 101);
    assert_eq!(
        seen.iter()
            .filter(|progress| progress.kl_divergence.is_some())
            .count(),
        2
    );
}

#[test]
fn a_given_start_is_used_and_a_small_gradient_ends_the_descent() {
    let data = blobs(20);
    let start = scattered(60, 1.0);
    let tsne = Tsne {
        initial: Initial::Given(start.clone()),
        ..settings(10.0, 0)
    };
    assert_eq!(tsne.fit(&data, 5, TWO).unwrap().points, start);

    let tsne = Tsne {
        min_gradient_norm: 1e3,
        ..settings(10.0, 1000)
    };
    let embedding = tsne.fit(&data, 5, TWO).unwrap();
    assert_eq!(
        (embedding.iterations, embedding.outcome),
        (100, Outcome::SmallGradient)
    );
}

#[test]
fn what_cannot_be_embedded_says_why() {
    let data = blobs(20);
    let message = |tsne: &Tsne, data: &[f32], columns| {
        tsne.fit(data, columns, TWO)
            .expect_err("must fail")
            .to_string()
    };
    let few = message(&settings(20.0, 300), &data, 5);
    assert!(
        few.contains("needs more than 60 rows, got 60: lower it to 19.6"),
        "{few}"
    );
    let fitting = settings(19.6, 1).fit(&data, 5, TWO);
    assert!(fitting.is_ok());

    let mut broken = data.clone();
    broken[17] = f32::NAN;
    let nan = message(&settings(10.0, 300), &broken, 5);
    assert!(nan.contains("row 3 of the data"), "{nan}");

    assert!(message(&settings(0.5, 300), &data, 5).contains("perplexity = 0.5"));
    assert!(message(&settings(10.0, 300), &data, 7).contains("rows of 7 columns"));
    assert!(message(&settings(10.0, 300), &[], 5).contains("0 values"));
    assert!(message(&settings(10.0, 300), &[3.0; 300], 5).contains("all 60 rows are the same"));

    let short = Tsne {
        initial: Initial::Given(vec![[0.0; 2]; 3]),
        ..settings(10.0, 300)
    };
    assert!(message(&short, &data, 5).contains("3 starting places for 60 rows"));
    let nowhere = Tsne {
        initial: Initial::Given(vec![[f64::NAN; 2]; 60]),
        ..settings(10.0, 300)
    };
    assert!(message(&nowhere, &data, 5).contains("row 0 of the starting places"));
    let fast = Tsne {
        learning_rate: LearningRate::Fixed(1e300),
        ..settings(10.0, 300)
    };
    assert!(message(&fast, &data, 5).contains("lower the learning rate"));
}

#[test]
fn settings_survive_serialisation() {
    let tsne = Tsne {
        learning_rate: LearningRate::Fixed(100.0),
        initial: Initial::Random(Seed(3)),
        ..Tsne::default()
    };
    let text = serde_json::to_string(&tsne).unwrap();
    assert_eq!(serde_json::from_str::<Tsne>(&text).unwrap(), tsne);
    assert_eq!(serde_json::from_str::<Tsne>("{}").unwrap(), Tsne::default());
}
