//! Stages, dropout and resume of a pretraining.

#![allow(clippy::unwrap_used)]

use tch::Device;

use super::*;
use crate::nn::{Initial, state};
use crate::replications::dec::interruption;
use crate::replications::dec::settings::{LayerWise, Length, Order, Settings};

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

fn trained(start: &Start, steps: u64) -> Training {
    let mut training = Training::new(start, Seed(1), &rows(), Precision::Exact);
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
fn training_lowers_the_loss() {
    let mut start = start();
    start.pretraining.whole = Length::Iterations(400);
    let mut training = trained(&start, 0);
    let before = training.loss();
    for iteration in 0..training.iterations() {
        training.step(iteration).unwrap();
    }
    assert!(
        training.loss() < 0.7 * before,
        "{before} {}",
        training.loss()
    );
}

/// In every stage and between two, in the middle of a ramp and of a shuffled pass.
#[test]
fn a_killed_and_resumed_training_ends_with_the_same_bits() {
    for order in [Order::Shuffled, Order::Wrapped] {
        let mut start = start();
        start.pretraining.order = order;
        let train = |cuts: &[u64]| {
            let begin = || Training::new(&start, Seed(1), &rows(), Precision::Exact);
            interruption::train(&begin, |training| training, cuts)
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

/// The gradients of a denoising step through both masks, beside autograd's.
#[test]
fn dropout_is_differentiated() {
    let start = start();
    let mut training = Training::new(&start, Seed(1), &rows(), Precision::Exact);
    let before = training.model.parameters.values.copy();
    // The first layer's step, by hand: rate 0.1, half the mean squared error, biases at twice the rate.
    let mut stream = random::stream(Seed(1), "dropout");
    let x = rows().narrow(0, 0, 32);
    let first = mask(&mut stream, &x, 0.2);
    let value = |name: &str| part(&training, name).set_requires_grad(true);
    let [w, b] = ["encoder.0.weight", "encoder.0.bias"].map(value);
    let [v, c] = ["decoder.2.weight", "decoder.2.bias"].map(value);
    let hidden = ((&x * first).matmul(&w) + &b).relu();
    let second = mask(&mut stream, &hidden, 0.2);
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
    let mask = mask(&mut random::stream(Seed(0), "dropout"), &like, 0.2);
    let zeros = mask.eq(0.0).sum(Kind::Double).double_value(&[]) / 100_000.0;
    assert!((zeros - 0.2).abs() < 0.005, "{zeros}");
    let mean = mask.mean(Kind::Double).double_value(&[]);
    assert!((mean - 1.0).abs() < 0.01, "{mean}");
}
