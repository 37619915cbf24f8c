//! Orders, steps, resume and cohorts of pretraining.

#![allow(clippy::unwrap_used)]
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::runs::Outcome;
use crate::train::observer::Silent;
use crate::train::{InMemory, TrainingData};

fn settings() -> AutoencoderSettings {
    AutoencoderSettings {
        architecture: Architecture::Dense,
        batch_norm: false,
        hidden: vec![16, 12],
        latent: 3,
        batch: 8,
        epochs: 5,
        adam: AdamOptions::keras(),
        rows: None,
        seed: None,
    }
}

fn data() -> Tensor {
    let draws = crate::nn::initial::glorot_uniform(&mut random::stream(Seed(9), "data"), 30, 10);
    draws.abs() * 2.0
}

fn fresh(settings: &AutoencoderSettings) -> Pretraining {
    cohort(settings, &[Seed(1)])
}

fn cohort(settings: &AutoencoderSettings, seeds: &[Seed]) -> Pretraining {
    Pretraining::new(settings, seeds, &data(), Precision::Exact).unwrap()
}

#[test]
fn every_epoch_has_an_order_of_its_own_with_each_row_once() {
    let orders: Vec<Vec<i64>> = (0..4).map(|epoch| order(Seed(1), epoch, 100)).collect();
    for (epoch, order) in orders.iter().enumerate() {
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<i64>>());
        assert!(!orders[..epoch].contains(order));
    }
    assert_eq!(orders[2], order(Seed(1), 2, 100));
    assert_ne!(orders[2], order(Seed(2), 2, 100));
}

#[test]
fn an_epoch_has_its_short_batch_at_the_end() {
    let mut model = fresh(&settings());
    assert_eq!(model.iterations(), 5 * 4);
    for epoch in 0..2 {
        let batches = (0..4).map(|step| model.chosen(4 * epoch + step).get(0));
        let batches: Vec<Tensor> = batches.collect();
        let sizes: Vec<i64> = batches.iter().map(|batch| batch.size()[0]).collect();
        assert_eq!(sizes, [8, 8, 8, 6]);
        let expected = order(Seed(1), epoch, 30);
        assert_eq!(Tensor::cat(&batches, 0), Tensor::from_slice(&expected));
    }
}

#[test]
fn a_step_is_that_of_a_pass_over_the_chosen_rows() {
    let mut model = fresh(&settings());
    let other = fresh(&settings());
    let chosen = model.chosen(0).get(0);
    model.step(0).unwrap();
    let rows = data().index_select(0, &chosen);
    let (parameters, mut adam) = (&other.parameters, other.adam);
    let mut step = Step::new(&other.network, parameters, 8, 3, Precision::Exact);
    adam.next_step();
    let mut update = |segment: Segment, gradient: &Tensor| {
        adam.update(&parameters.values, parameters.range(segment), gradient)
    };
    step.forward(parameters, &rows);
    let loss = step.reconstruction_losses(&rows);
    step.backward_decoder(&rows, &mut update).unwrap();
    step.backward_encoder(parameters, &rows, &mut update)
        .unwrap();
    assert_eq!(parameters.values, model.parameters.values);
    assert_eq!(model.losses(), [("reconstruction", loss)]);
}

#[test]
fn one_that_is_resumed_in_the_middle_of_an_epoch_ends_the_same() {
    let mut whole = fresh(&settings());
    for step in 0..whole.iterations() {
        whole.step(step).unwrap();
    }
    for cut in [1, 6, 8, 19] {
        let mut first = fresh(&settings());
        (0..cut).for_each(|step| first.step(step).unwrap());
        let stored: Named = first.state(0).into_iter().collect();
        let mut second = fresh(&settings());
        second.restore(0, cut, &stored).unwrap();
        (cut..20).for_each(|step| second.step(step).unwrap());
        assert_eq!(second.parameters.values, whole.parameters.values, "{cut}");
        assert_eq!(second.adam.second, whole.adam.second, "{cut}");
    }
}

/// Each with its own order, short batches included.
#[test]
fn models_of_a_cohort_are_those_that_are_trained_alone() {
    let seeds = [Seed(4), Seed(1), Seed(7)];
    let mut together = cohort(&settings(), &seeds);
    (0..20).for_each(|step| together.step(step).unwrap());
    for (index, seed) in seeds.into_iter().enumerate() {
        let mut alone = cohort(&settings(), &[seed]);
        (0..20).for_each(|step| alone.step(step).unwrap());
        let expected = alone.state(0);
        for ((name, found), (_, expected)) in together.state(index).iter().zip(&expected) {
            // Adam moves also what has hardly a gradient, by up to 1e-3 a step.
            let worst = (found - expected).abs().max().double_value(&[]);
            assert!(worst < 1e-5, "{seed} {name}: {worst}");
        }
        let losses = [together.losses()[0].1[index], alone.losses()[0].1[0]];
        assert!((losses[0] - losses[1]).abs() < 1e-6, "{losses:?}");
    }
}

/// Gradients, as Adam's moments have them after a step on a short batch. Its parameters cannot be
/// compared: biases before a normalisation have no gradient but rounding, which Adam makes large.
#[test]
fn normalised_models_of_a_cohort_have_the_gradients_of_those_alone() {
    let settings = AutoencoderSettings {
        batch_norm: true,
        ..settings()
    };
    let seeds = [Seed(4), Seed(1), Seed(7)];
    let mut together = cohort(&settings, &seeds);
    together.step(3).unwrap();
    for (index, seed) in seeds.into_iter().enumerate() {
        let mut alone = cohort(&settings, &[seed]);
        alone.step(3).unwrap();
        let moments = |state: Vec<(String, Tensor)>| state.into_iter().skip(1).take(1);
        let pairs = moments(together.state(index)).zip(moments(alone.state(0)));
        for ((name, found), (_, expected)) in pairs {
            assert!(expected.abs().max().double_value(&[]) > 1e-6, "{name}");
            assert!(
                found.allclose(&expected, 1e-4, 1e-7, false),
                "{seed} {name}"
            );
        }
        let losses = [together.losses()[0].1[index], alone.losses()[0].1[0]];
        assert!((losses[0] - losses[1]).abs() < 1e-6, "{losses:?}");
    }
}

#[test]
fn the_rows_that_are_held_out_are_not_seen() {
    let held = AutoencoderSettings {
        rows: Some(20),
        ..settings()
    };
    let mut model = fresh(&held);
    let mut other = Pretraining::new(
        &settings(),
        &[Seed(1)],
        &data().narrow(0, 0, 20),
        Precision::Exact,
    )
    .unwrap();
    assert_eq!((model.iterations(), other.iterations()), (15, 15));
    for step in 0..15 {
        model.step(step).unwrap();
        other.step(step).unwrap();
    }
    assert_eq!(model.parameters.values, other.parameters.values);
}

#[test]
fn training_lowers_the_loss_and_a_diverged_one_has_no_weights() {
    let data = TrainingData::new(data(), None).unwrap();
    let (go_on, parts) = (AtomicBool::new(false), InMemory::default());
    let context = Context {
        data: &data,
        device: tch::Device::Cpu,
        precision: Precision::Exact,
        interrupted: &go_on,
        checkpoint_interval: Duration::MAX,
        observer: &Silent,
        parts: &parts,
        worker: 0,
    };
    let train = |settings: &AutoencoderSettings| {
        let member = Member {
            settings: settings.need().settings,
            seed: Seed(1),
            checkpoint: PathBuf::new(),
        };
        let parts = AutoencoderPretraining.train(&[member], &context);
        parts.unwrap().unwrap().remove(0)
    };
    let before = fresh(&settings()).loss_of_all(0);
    let longer = AutoencoderSettings {
        epochs: 100,
        ..settings()
    };
    let part = train(&longer);
    assert!(part.metrics["reconstruction_loss"] < 0.5 * before);
    let names: Vec<&str> = part.weights.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.len(), 12);
    assert_eq!(
        (names[0], names[11]),
        ("encoder.0.weight", "decoder.2.bias")
    );
    let mut wild = settings();
    wild.adam.learning_rate = 1e30;
    let part = train(&wild);
    assert!(matches!(part.outcome, Outcome::Diverged { .. }));
    assert!(part.weights.is_empty() && part.metrics.is_empty());
}
