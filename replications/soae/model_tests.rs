#![allow(clippy::unwrap_used, clippy::float_cmp)]

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::super::embedding::at;
use super::super::{Settings, Space, Training, controls};
use super::*;
use crate::nn::Precision;
use crate::random::stream;
use crate::runs::checkpoint;
use crate::train::drive::StopAfter;
use crate::train::observer::Silent;
use crate::train::{Context, Driven, Member, NoParts, TrainingData, drive};

fn settings(space: Space, training: Training) -> Settings {
    Settings {
        space,
        latent: 3,
        hidden: vec![12, 10],
        batch: 16,
        iterations: 12,
        training,
        held_out: 10,
        learning_rate: 0.001,
    }
}

fn turns(importance: bool) -> Training {
    Training::Alternating {
        encoder_steps: 2,
        decoder_steps: 3,
        sigma: [0.8, 0.05],
        importance,
    }
}

fn data() -> Tensor {
    normal(&mut stream(Seed(9), "data"), [40, 8], Device::Cpu).abs()
}

fn fresh(space: Space, training: Training) -> Model {
    Model::new(&settings(space, training), Seed(1), &data())
}

fn all() -> Vec<(Space, Training)> {
    let mut all = vec![
        (Space::Plane, Training::Autoencoder),
        (Space::Plane, Training::Variational),
        (Space::Torus, turns(true)),
    ];
    all.extend([Space::Plane, Space::Torus, Space::Sphere].map(|space| (space, turns(false))));
    all
}

#[test]
fn a_resumed_training_ends_with_the_same_bits() {
    for (space, training) in all() {
        let mut whole = fresh(space, training);
        (0..12).for_each(|step| whole.step(step).unwrap());
        let mut first = fresh(space, training);
        (0..5).for_each(|step| first.step(step).unwrap());
        let stored: Named = first.state(0).into_iter().collect();
        let mut second = fresh(space, training);
        second.restore(0, 5, &stored).unwrap();
        (5..12).for_each(|step| second.step(step).unwrap());
        for ((name, a), (_, b)) in whole.state(0).iter().zip(second.state(0)) {
            assert_eq!(*a, b, "{space:?} {training:?} {name}");
        }
        assert_eq!(whole.losses(), second.losses());
    }
}

/// The weights and curves of an interrupted run that was taken up from its file are those of another that
/// was not interrupted, bit by bit.
#[test]
fn a_run_that_was_stopped_ends_as_one_that_was_not() {
    let folder = tempfile::tempdir().unwrap();
    let training_data = TrainingData::new(data(), None).unwrap();
    for (index, (space, training)) in all().into_iter().enumerate() {
        let settings = settings(space, training);
        let train = |name: &str, step: Option<u64>| {
            let interrupted = AtomicBool::new(false);
            let context = Context {
                data: &training_data,
                device: Device::Cpu,
                precision: Precision::Exact,
                interrupted: &interrupted,
                checkpoint_interval: Duration::from_hours(1),
                observer: &Silent,
                parts: &NoParts,
                worker: 0,
            };
            let member = Member {
                settings: settings.to_value(),
                seed: Seed(1),
                checkpoint: folder.path().join(format!("{name}-{index}")),
            };
            let mut model = fresh(space, training);
            let mut stopping = StopAfter {
                model: &mut model,
                step,
                stop: &interrupted,
            };
            let at = member.checkpoint.clone();
            let driven = drive(&mut stopping, &[member], &context).unwrap();
            (driven, model.weights(), at)
        };
        let (Driven::Finished(whole), weights, _) = train("whole", None) else {
            panic!("not interrupted");
        };
        let (driven, _, path) = train("cut", Some(6));
        assert!(matches!(driven, Driven::Interrupted));
        let at = checkpoint::progress(&path).unwrap();
        assert_eq!((at.iteration, at.iterations), (7, 12));
        let (Driven::Finished(resumed), weights_resumed, _) = train("cut", None) else {
            panic!("not interrupted");
        };
        assert_eq!((whole[0].resumed, resumed[0].resumed), (0, 1));
        assert_eq!(whole[0].curves, resumed[0].curves, "{space:?} {training:?}");
        assert_eq!(weights, weights_resumed, "{space:?} {training:?}");
    }
}

#[test]
fn a_checkpoint_without_a_tensor_is_refused() {
    let mut model = fresh(Space::Plane, turns(false));
    let mut stored: Named = model.state(0).into_iter().collect();
    stored.remove("decoder.adam.second");
    let moved = &stored["encoder.parameters"] + 1.0;
    stored.insert("encoder.parameters".to_owned(), moved);
    let before = model.state(0);
    let error = model.restore(0, 1, &stored).unwrap_err();
    assert_eq!(error, "decoder: adam.second is missing");
    // The encoder is not moved either.
    assert_eq!(model.state(0), before);
}

/// Gradients of the losses as autograd has them: of a loss of (encoder output) with respect to it.
fn autograd(output: &Tensor, loss: &dyn Fn(&Tensor) -> Tensor) -> Tensor {
    let leaf = output.detach().copy().set_requires_grad(true);
    let loss = loss(&leaf);
    Tensor::run_backward(&[loss], &[&leaf], false, false).remove(0)
}

#[test]
fn what_the_encoder_learns_from_is_the_gradient_of_the_reconstruction() {
    for space in [Space::Plane, Space::Torus, Space::Sphere] {
        let model = fresh(space, turns(false));
        let rows = data().narrow(0, 0, 16);
        let code = model.encoder.apply(&rows);
        let decoded = model.decoder.forward(&space.embed(&code));
        let (_, delta) = Model::error(&decoded[decoded.len() - 1], &rows);
        let ours = space.pull_back(&code, &model.decoder.through(&decoded, &delta));
        let expected = autograd(&code, &|code| {
            let images = model.decoder.apply(&space.embed(code));
            (images - &rows).square().mean(Kind::Float)
        });
        let error = (&ours - &expected).abs().max().double_value(&[]);
        let size = expected.abs().max().double_value(&[]);
        assert!(
            size > 0.0 && error < 1e-4 * size,
            "{space:?}: {error} of {size}"
        );
    }
}

#[test]
fn a_layer_learns_along_autograd_s_gradient() {
    // Adam's first step is the learning rate times the sign of the gradient, but for epsilon.
    let mut model = fresh(Space::Plane, turns(false));
    let (input, rows) = (
        data().narrow(0, 0, 16),
        data().narrow(0, 16, 16).narrow(1, 0, 3),
    );
    let values = model.encoder.parameters.values.copy();
    let leaf = values.copy().set_requires_grad(true);
    model.encoder.parameters.values = leaf.shallow_clone();
    let loss = (model.encoder.apply(&input) - &rows)
        .square()
        .mean(Kind::Float);
    let expected = Tensor::run_backward(&[loss], &[&leaf], false, false).remove(0);
    model.encoder.parameters.values = values.copy();
    let all = model.encoder.forward(&input);
    let (_, delta) = Model::error(&all[all.len() - 1], &rows);
    model.encoder.learn(&all, &delta, false).unwrap();
    let moment = model.encoder.state();
    let (_, first) = moment
        .iter()
        .find(|(name, _)| name == "encoder.adam.first")
        .unwrap();
    // m_1 = (1 - beta_1) g
    let parameters = &model.encoder.parameters;
    let expected = parameters.model_of(&expected, 0) * 0.1;
    let error = (first - &expected).abs().max().double_value(&[]);
    assert!(
        error < 1e-6 && expected.abs().max().double_value(&[]) > 1e-3,
        "{error}"
    );
}

/// Gradient of the decoder's parameters, from its first moment after one step.
fn of_decoder(model: &Model) -> Tensor {
    let state: Named = model.decoder.state().into_iter().collect();
    // m_1 = (1 - beta_1) g
    &state["decoder.adam.first"] / 0.1
}

/// Of the mean squared error of decoded `codes(model)` to `rows`, for the decoder, by autograd.
fn decoder_by_autograd(model: &mut Model, rows: &Tensor, codes: &Tensor) -> Tensor {
    let leaf = model.decoder.parameters.values.copy();
    let leaf = leaf.set_requires_grad(true);
    model.decoder.parameters.values = leaf.shallow_clone();
    let images = model.decoder.apply(&model.settings.space.embed(codes));
    let loss = (images - rows).square().mean(Kind::Float);
    let gradient = Tensor::run_backward(&[loss], &[&leaf], false, false).remove(0);
    model.decoder.parameters.model_of(&gradient, 0)
}

fn assert_alike(ours: &Tensor, expected: &Tensor, of: &str) {
    let error = (ours - expected).abs().max().double_value(&[]);
    let size = expected.abs().max().double_value(&[]);
    assert!(size > 0.0 && error < 1e-4 * size, "{of}: {error} of {size}");
}

/// The wake pass learns from neighbours of the codes at the kernel's width, not from the codes.
#[test]
fn the_wake_pass_follows_the_gradient_at_neighbours_of_the_codes() {
    for space in [Space::Plane, Space::Torus, Space::Sphere] {
        let (mut model, mut before) = (fresh(space, turns(false)), fresh(space, turns(false)));
        let rng = &mut stream(Seed(2), "test");
        let rows = before.batch(rng);
        let codes = before.codes(&rows);
        let near = before.neighbours(&codes, 0.5, rng);
        let expected = decoder_by_autograd(&mut before, &rows, &near);
        let elsewhere = decoder_by_autograd(&mut before, &rows, &codes);
        model
            .decoder_step(0.5, &mut stream(Seed(2), "test"))
            .unwrap();
        let ours = of_decoder(&model);
        assert_alike(&ours, &expected, &format!("{space:?}"));
        let apart = (&ours - elsewhere).abs().max().double_value(&[]);
        assert!(apart > 0.01 * expected.abs().max().double_value(&[]));
    }
}

#[test]
fn an_autoencoder_s_step_follows_the_gradient_of_its_loss() {
    let fresh = || fresh(Space::Plane, Training::Autoencoder);
    let (mut model, mut before) = (fresh(), fresh());
    let rows = before.batch(&mut stream(Seed(2), "test"));
    let codes = before.codes(&rows);
    let of_codes = autograd(&codes, &|codes| {
        (before.decoder.apply(codes) - &rows)
            .square()
            .mean(Kind::Float)
    });
    let leaf = before
        .encoder
        .parameters
        .values
        .copy()
        .set_requires_grad(true);
    before.encoder.parameters.values = leaf.shallow_clone();
    let along = (before.encoder.apply(&rows) * of_codes).sum(Kind::Float);
    let of_encoder = Tensor::run_backward(&[along], &[&leaf], false, false).remove(0);
    let of_encoder = before.encoder.parameters.model_of(&of_encoder, 0);
    let expected = decoder_by_autograd(&mut before, &rows, &codes);
    model.joint_step(&mut stream(Seed(2), "test")).unwrap();
    assert_alike(&of_decoder(&model), &expected, "decoder");
    let state: Named = model.encoder.state().into_iter().collect();
    let ours = &state["encoder.adam.first"] / 0.1;
    assert_alike(&ours, &of_encoder, "encoder");
}

/// The parameters of encoder and decoder.
fn values(model: &Model) -> [Tensor; 2] {
    [&model.encoder, &model.decoder].map(|chain| chain.parameters.values.copy())
}

/// Adam's first step is the learning rate times the sign of the gradient, but for epsilon.
#[test]
fn both_networks_learn_at_the_rate_of_the_settings() {
    let moved = |learning_rate: f64| {
        let settings = Settings {
            learning_rate,
            ..settings(Space::Plane, turns(false))
        };
        let mut model = Model::new(&settings, Seed(1), &data());
        let before = values(&model);
        model.encoder_step(&mut stream(Seed(2), "test")).unwrap();
        model
            .decoder_step(0.5, &mut stream(Seed(2), "test"))
            .unwrap();
        let after = values(&model).into_iter().zip(before);
        let moves = after.map(|(after, before)| (after - before).abs().max().double_value(&[]));
        moves.collect::<Vec<_>>()
    };
    for (usual, slow) in moved(1e-3).into_iter().zip(moved(1e-4)) {
        assert!((usual / 1e-3 - 1.0).abs() < 0.01, "{usual}");
        assert!((usual / slow - 10.0).abs() < 0.1, "{usual} {slow}");
    }
}

#[test]
fn each_pass_moves_its_own_network_only() {
    let mut model = fresh(Space::Torus, turns(false));
    let [encoder, decoder] = values(&model);
    model.encoder_step(&mut stream(Seed(2), "test")).unwrap();
    let [after, still] = values(&model);
    assert!(after != encoder && still == decoder);
    model
        .decoder_step(0.5, &mut stream(Seed(2), "test"))
        .unwrap();
    let [still, moved] = values(&model);
    assert!(still == after && moved != decoder);
}

#[test]
fn a_variational_step_follows_the_gradient_of_its_loss() {
    let mut model = fresh(Space::Plane, Training::Variational);
    let mut before = fresh(Space::Plane, Training::Variational);
    // The same draws as the step's.
    let rng = &mut stream(Seed(2), "test");
    let rows = before.batch(rng);
    let noise = normal(rng, [16, 3], Device::Cpu);
    let leaf = before
        .encoder
        .parameters
        .values
        .copy()
        .set_requires_grad(true);
    before.encoder.parameters.values = leaf.shallow_clone();
    let output = before.encoder.apply(&rows);
    let (mean, log_variance) = (output.narrow(1, 0, 3), output.narrow(1, 3, 3));
    let z = &mean + (&log_variance * 0.5).exp() * noise;
    let error = (before.decoder.apply(&z) - &rows).square().sum(Kind::Float) * 0.5;
    let divergence = (mean.square() + log_variance.exp() - log_variance - 1.0).sum(Kind::Float);
    let loss = (error + divergence * 0.5) / 16.0;
    let expected = Tensor::run_backward(&[loss], &[&leaf], false, false).remove(0);
    model
        .variational_step(&mut stream(Seed(2), "test"))
        .unwrap();
    let state = model.encoder.state();
    let (_, first) = state
        .iter()
        .find(|(name, _)| name == "encoder.adam.first")
        .unwrap();
    let expected = model.encoder.parameters.model_of(&expected, 0) * 0.1;
    let error = (first - &expected).abs().max().double_value(&[]);
    let size = expected.abs().max().double_value(&[]);
    assert!(size > 0.0 && error < 1e-4 * size, "{error} of {size}");
}

/// A pole is one place: all longitudes there decode into one image. Elsewhere they do not.
#[test]
fn the_poles_have_no_longitude() {
    let model = fresh(Space::Sphere, turns(false));
    assert!(controls::pole_spread(&model) < 1e-5);
    let around = |latitude: f64| {
        let codes = [0.0, 1.0].map(|longitude| at(latitude, longitude).map(|one| one as f32));
        let images = model.decode(&Tensor::from_slice(codes.as_flattened()).view([2, 3]));
        (images.get(0) - images.get(1))
            .abs()
            .max()
            .double_value(&[])
    };
    assert!(around(1.0) > 0.01 && around(std::f64::consts::FRAC_PI_2) < 1e-6);
}

#[test]
fn importance_draws_rows_in_proportion_to_their_error() {
    let drawn = in_proportion(&[1.0, 0.0, 3.0], 40_000, &mut stream(Seed(0), "test"));
    let count = |row| drawn.iter().filter(|one| **one == row).count();
    // 10 000 expected, standard deviation 87.
    assert!(
        count(0).abs_diff(10_000) < 450 && count(1) == 0,
        "{}",
        count(0)
    );
}

#[test]
fn the_kernel_narrows_from_its_first_width_to_its_last() {
    let settings = settings(Space::Plane, turns(false));
    let widths: Vec<f64> = (0..12).filter_map(|t| settings.sigma(t)).collect();
    assert!((widths[0] - 0.8).abs() < 1e-12 && (widths[11] - 0.05).abs() < 1e-12);
    assert!(widths.windows(2).all(|pair| pair[1] < pair[0]));
}
