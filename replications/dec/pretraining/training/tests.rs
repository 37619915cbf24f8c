//! Stages, dropout and resume of a pretraining.

#![allow(clippy::unwrap_used)]

use tch::Device;

use super::*;
use crate::nn::{Initial, state};
use crate::replications::dec::interruption;
use crate::replications::dec::settings::{LayerWise, Length, Order, Pretraining, Settings};
use crate::runs::checkpoint::Progress;

fn start() -> Start {
    let mut start = Settings::published().start;
    start.hidden = vec![20, 16];
    start.latent = 3;
    start.scale = 1.0;
    start.pretraining.batch = 32;
    start.pretraining.whole = Length::Iterations(40);
    start.pretraining.layer_wise = Some(LayerWise {
        length: Length::Iterations(30),
        dropout: 0.2,
        corrupt_first: true,
        corrupt_code: false,
    });
    start.pretraining.initial = Initial::Glorot;
    start
}

fn rows() -> Tensor {
    // Not from libtorch's generator, which all tests share.
    let mut stream = random::stream(Seed(2), "rows of a test");
    let values: Vec<f32> = (0..100 * 12).map(|_| random::unit(&mut stream)).collect();
    Tensor::from_slice(&values).view([100, 12])
}

fn begin(start: &Start, seeds: &[u64], rows: &Tensor) -> Training {
    let seeds: Vec<Seed> = seeds.iter().copied().map(Seed).collect();
    Training::new(start, &seeds, rows, Precision::Exact)
}

fn trained(start: &Start, steps: u64) -> Training {
    let mut training = begin(start, &[1], &rows());
    for iteration in 0..steps {
        training.step(iteration).unwrap();
    }
    training
}

fn part(training: &Training, name: &str) -> Tensor {
    let weights = state::weights(&training.model.parameters, 0);
    weights
        .into_iter()
        .find(|(own, _)| own == name)
        .unwrap()
        .1
        .copy()
}

#[test]
fn a_stage_moves_its_layer_and_its_mirror_image_only() {
    let start = start();
    let [before, after] = [30, 60].map(|steps| trained(&start, steps));
    for (name, moved) in [
        ("encoder.0.weight", false),
        ("encoder.1.weight", true),
        ("encoder.2.weight", false),
        ("decoder.0.weight", false),
        ("decoder.1.bias", true),
        ("decoder.2.weight", false),
    ] {
        assert_eq!(part(&before, name) != part(&after, name), moved, "{name}");
    }
}

#[test]
fn progress_goes_by_the_work_not_by_the_steps() {
    let training = trained(&start(), 0);
    assert_eq!(training.iterations(), 130);
    // 12-20-16-3: 608 of the weights are in the first three stages' layers, each with its mirror image.
    let whole = 240.0 + 320.0 + 48.0;
    let work = |weights: f64, steps: f64| weights / whole * steps;
    let total = work(whole, 30.0) + 40.0;
    for (done, wanted) in [
        (0, 0.0),
        (30, work(240.0, 30.0)),
        (45, work(240.0, 30.0) + work(320.0, 15.0)),
        (90, work(whole, 30.0)),
        (110, work(whole, 30.0) + 20.0),
        (130, total),
        (200, total),
    ] {
        let fraction = training.fraction_done(done);
        // The first layer of each needs no gradient of its input, which the counts leave out here.
        assert!(
            (fraction - wanted / total).abs() < 0.05,
            "{done}: {fraction} {}",
            wanted / total
        );
    }
}

#[test]
fn training_lowers_the_loss() {
    let mut start = start();
    start.pretraining.whole = Length::Iterations(400);
    let mut training = trained(&start, 0);
    let before = training.loss(0);
    for iteration in 0..training.iterations() {
        training.step(iteration).unwrap();
    }
    assert!(
        training.loss(0) < 0.7 * before,
        "{before} {}",
        training.loss(0)
    );
}

/// In every stage and between two, in the middle of a ramp and of a shuffled pass.
#[test]
fn a_killed_and_resumed_training_ends_with_the_same_bits() {
    for order in [Order::Shuffled, Order::Wrapped] {
        let mut start = start();
        start.pretraining.order = order;
        let train = |cuts: &[u64]| {
            interruption::train(&|| begin(&start, &[1], &rows()), |training| training, cuts)
        };
        let (whole, of_whole) = train(&[]);
        assert_eq!(of_whole.iteration, 130);
        for cuts in [
            &[17][..],
            &[29],
            &[47],
            &[59],
            &[75],
            &[89],
            &[99],
            &[3, 30, 58, 88, 128],
        ] {
            let (resumed, of_resumed) = train(cuts);
            assert_eq!(of_whole.curves, of_resumed.curves, "{order:?} {cuts:?}");
            for (one, other) in whole.state(0).iter().zip(&resumed.state(0)) {
                assert_eq!(one, other, "{order:?} {cuts:?}");
            }
        }
    }
}

/// Recipes with all that may be each model's own: rows, order, masks of input and code.
fn recipes() -> Vec<(&'static str, Start, Tensor)> {
    let own = || Tensor::stack(&[rows(), rows() * 0.5, rows().flip([0])], 0);
    let mut recipes = vec![
        ("masks of the input", start(), rows()),
        ("own rows", start(), own()),
    ];
    // As in the paper's code: the first stage sees the same of the same.
    let mut code = start();
    if let Some(layers) = &mut code.pretraining.layer_wise {
        (layers.corrupt_first, layers.corrupt_code) = (false, true);
    }
    recipes.push(("the same input", code, rows()));
    for optimiser in [
        Pretraining::keras().optimiser,
        Pretraining::report().optimiser,
    ] {
        let mut keras = start();
        keras.pretraining.optimiser = optimiser;
        keras.pretraining.layer_wise = None;
        keras.pretraining.order = Order::Shuffled;
        keras.pretraining.whole = Length::Iterations(90);
        recipes.push(("end to end", keras.clone(), rows()));
        keras.pretraining.rows = Some(70);
        recipes.push(("end to end, own rows, some of them", keras, own()));
    }
    recipes
}

fn assert_alike(
    (found, at, of_found): (&Training, usize, &Progress),
    (expected, of_expected): (&Training, &Progress),
    what: &str,
) {
    let state = found.state(at).into_iter().zip(expected.state(0));
    for ((name, found), (_, expected)) in state {
        let close = found.allclose(&expected, 1e-3, 1e-5, false);
        assert!(close, "{what}: {name} of model {at}");
    }
    assert_eq!(of_found.curves.iteration, of_expected.curves.iteration);
    let values = |progress: &Progress| progress.curves.values["reconstruction"].clone();
    for (one, other) in values(of_found).into_iter().zip(values(of_expected)) {
        assert!((one.unwrap() - other.unwrap()).abs() < 1e-5, "{what}");
    }
    let losses = [found.loss(at as i64), expected.loss(0)];
    assert!((losses[0] - losses[1]).abs() < 1e-5, "{what}: {losses:?}");
}

fn driven(training: &mut Training, seeds: &[u64]) -> Vec<Progress> {
    let folder = tempfile::tempdir().unwrap();
    let members = interruption::members(folder.path(), seeds);
    interruption::to_the_end(training, &members)
}

#[test]
fn models_of_a_cohort_are_those_that_are_trained_alone() {
    let seeds = [4, 1, 7];
    for (what, start, rows) in recipes() {
        let mut together = begin(&start, &seeds, &rows);
        let of_together = driven(&mut together, &seeds);
        for (at, seed) in seeds.into_iter().enumerate() {
            let own = rows::rows_of(&rows, at as i64);
            let mut alone = begin(&start, &[seed], &own);
            let of_alone = driven(&mut alone, &[seed]);
            let begun = begin(&start, &[seed], &own);
            assert_ne!(alone.model.parameters.values, begun.model.parameters.values);
            let found = (&together, at, &of_together[at]);
            assert_alike(found, (&alone, &of_alone[0]), what);
        }
    }
}

/// In every stage: what a cohort leaves behind is taken up by the same one, by others, and by models alone.
#[test]
fn a_killed_cohort_is_resumed_in_any_grouping() {
    let seeds = [4, 1, 7];
    let recipes = recipes().into_iter();
    // With rows of their own: greedily by SGD, and end to end by Adam.
    for (what, start, rows) in recipes.filter(|(_, _, rows)| rows.dim() == 3).step_by(2) {
        let own = |at: &[usize]| {
            let each: Vec<Tensor> = at
                .iter()
                .map(|&at| rows::rows_of(&rows, at as i64))
                .collect();
            match rows.dim() {
                3 => Tensor::stack(&each, 0),
                _ => rows.shallow_clone(),
            }
        };
        let mut whole = begin(&start, &seeds, &rows);
        let of_whole = driven(&mut whole, &seeds);
        let expected = [0, 1, 2].map(|at| {
            let mut alone = begin(&start, &[seeds[at]], &own(&[at]));
            let progress = driven(&mut alone, &[seeds[at]]).remove(0);
            (alone, progress)
        });
        for cut in [20, 47, 75] {
            for groups in [&[&[0, 1, 2][..]][..], &[&[2, 0], &[1]], &[&[0], &[1], &[2]]] {
                let folder = tempfile::tempdir().unwrap();
                let members = |seeds: &[u64]| interruption::members(folder.path(), seeds);
                interruption::go_on_until(&mut begin(&start, &seeds, &rows), cut, &members(&seeds));
                for &group in groups {
                    let own_seeds: Vec<u64> = group.iter().map(|&at| seeds[at]).collect();
                    let mut resumed = begin(&start, &own_seeds, &own(group));
                    let progress = interruption::to_the_end(&mut resumed, &members(&own_seeds));
                    for (index, &at) in group.iter().enumerate() {
                        assert_eq!(progress[index].resumed, 1);
                        let same = group.len() == seeds.len();
                        let what = format!("{what}, cut at {cut}, {groups:?}");
                        if same {
                            assert_eq!(progress[index].curves, of_whole[at].curves, "{what}");
                            assert_eq!(resumed.state(index), whole.state(at), "{what}");
                        }
                        let found = (&resumed, index, &progress[index]);
                        assert_alike(found, (&expected[at].0, &expected[at].1), &what);
                    }
                }
            }
        }
    }
}

/// One that is not finite touches no other, and what is left behind of it is only its own.
#[test]
fn a_diverged_model_leaves_the_others_alone() {
    let (_, start, rows) = recipes().remove(0);
    let mut together = begin(&start, &[4, 1], &rows);
    let parameters = &together.model.parameters;
    let floats = parameters.model_of(&parameters.values, 0) * f64::NAN;
    parameters.set_model_of(&parameters.values, 0, &floats);
    let progress = driven(&mut together, &[4, 1]);
    assert_eq!(progress[0].diverged, Some(0));
    assert_eq!(progress[1].diverged, None);
    let mut alone = begin(&start, &[1], &rows);
    let of_alone = driven(&mut alone, &[1]);
    let found = (&together, 1, &progress[1]);
    assert_alike(found, (&alone, &of_alone[0]), "beside NaN");
}

/// The gradients of a denoising step through both masks, beside autograd's.
#[test]
fn dropout_is_differentiated() {
    let start = start();
    let mut training = begin(&start, &[1], &rows());
    let before = training.model.parameters.values.copy();
    // The first layer's step, by hand: rate 0.1, half the mean squared error, biases at twice the rate.
    let mut streams = [random::stream(Seed(1), "dropout")];
    let x = rows().narrow(0, 0, 32);
    let first = masks(&mut streams, &x, 0.2).get(0);
    let value = |name: &str| part(&training, name).set_requires_grad(true);
    let [w, b] = ["encoder.0.weight", "encoder.0.bias"].map(value);
    let [v, c] = ["decoder.2.weight", "decoder.2.bias"].map(value);
    let hidden = ((&x * first).matmul(&w) + &b).relu();
    let second = masks(&mut streams, &hidden, 0.2).get(0);
    let output = (hidden * second).matmul(&v) + &c;
    ((output - &x).square().mean(Kind::Float) * 0.5).backward();
    let expected = [("encoder.0.weight", &w, 0.1), ("encoder.0.bias", &b, 0.2)];
    let expected = expected
        .into_iter()
        .chain([("decoder.2.weight", &v, 0.1), ("decoder.2.bias", &c, 0.2)]);
    let expected: Vec<_> = expected
        .map(|(name, value, rate)| (name, value.detach() - value.grad() * rate))
        .collect();
    training.step(0).unwrap();
    assert_ne!(before, training.model.parameters.values);
    for (name, expected) in expected {
        let found = part(&training, name);
        assert!(found.allclose(&expected, 1e-5, 1e-6, false), "{name}");
    }
}

#[test]
fn masks_keep_the_mean_and_drop_their_share() {
    let like = Tensor::zeros([500, 200], (Kind::Float, Device::Cpu));
    let mask = masks(&mut [random::stream(Seed(0), "dropout")], &like, 0.2);
    let zeros = mask.eq(0.0).sum(Kind::Double).double_value(&[]) / 100_000.0;
    assert!((zeros - 0.2).abs() < 0.005, "{zeros}");
    let mean = mask.mean(Kind::Double).double_value(&[]);
    assert!((mean - 1.0).abs() < 0.01, "{mean}");
}
