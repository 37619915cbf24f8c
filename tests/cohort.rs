//! Training on the embedded data: cohorts, threads, resume.

#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use replicate::data::{self, Access};
use replicate::random::Seed;
use replicate::replications::desom::{Desom, DesomCohort, Settings};
use replicate::train::checkpoint;
use replicate::train::observer::Silent;
use replicate::train::{
    Context, Event, Finished, Member, Method, Observer, Trainable, TrainingData,
};
use tch::{Device, Kind, Tensor};

fn digits() -> TrainingData {
    let access = Access::new(None, None, true).unwrap();
    let set = data::load("digits", &access, &data::Silent).unwrap();
    TrainingData {
        features: Tensor::from_slice(&set.features).view([set.rows as i64, set.dims as i64]),
        labels: set.labels,
        classes: set.classes,
        image: set.image,
    }
}

fn small() -> Settings {
    Settings {
        hidden: vec![40, 40, 100],
        batch: 256,
        iterations: 60,
        ..Settings::paper()
    }
}

/// The largest difference of two models' parameters, relative to the largest parameter.
fn difference(a: &DesomCohort, model_a: i64, b: &DesomCohort, model_b: i64) -> f64 {
    let (a, b) = (
        a.parameters().model_of(&a.parameters().values, model_a),
        b.parameters().model_of(&b.parameters().values, model_b),
    );
    let worst = (&a - &b).abs().max().double_value(&[]);
    worst / a.abs().max().double_value(&[])
}

#[test]
fn a_model_of_a_cohort_equals_the_same_model_alone() {
    let data = digits();
    let members = [(0.0001, Seed(0)), (0.001, Seed(1)), (10.0, Seed(0))];
    let train = |members: &[(f64, Seed)]| {
        let mut models = DesomCohort::new(&small(), members, &data.features, Device::Cpu).unwrap();
        // 1797 rows: the eighth batch of a pass has 5 rows only.
        for iteration in 0..20 {
            models.step(iteration).unwrap();
        }
        models
    };
    let together = train(&members);
    for (index, member) in (0..).zip(members) {
        let alone = train(&[member]);
        let worst = difference(&together, index, &alone, 0);
        // Sums in another order, twenty steps on: float accuracy, not bits.
        assert!(worst < 1e-4, "model {index}: {worst}");
        let losses = |models: &DesomCohort, model: usize| {
            models
                .losses()
                .into_iter()
                .map(|(_, values)| values[model])
                .collect::<Vec<_>>()
        };
        for (a, b) in losses(&together, index as usize)
            .iter()
            .zip(losses(&alone, 0))
        {
            assert!((a - b).abs() <= 1e-4 * b.abs(), "{a} {b}");
        }
    }
    // The test could not fail if all models were alike.
    assert!(difference(&together, 0, &together, 1) > 0.01);
    assert!(difference(&together, 0, &together, 2) > 0.001);
}

#[test]
fn two_cohorts_of_the_same_seeds_are_bit_identical() {
    let data = digits();
    let train = || {
        let mut models =
            DesomCohort::new(&small(), &[(0.001, Seed(3))], &data.features, Device::Cpu).unwrap();
        for iteration in 0..10 {
            models.step(iteration).unwrap();
        }
        models.parameters().values.copy()
    };
    assert_eq!(train(), train());
}

struct Stop<'a>(&'a AtomicBool, f64);

impl Observer for Stop<'_> {
    fn notify(&self, event: &Event) {
        if let Event::Advanced { fraction, .. } = event
            && *fraction >= self.1
        {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

#[test]
fn an_interrupted_run_ends_as_an_uninterrupted_one_does() {
    let data = digits();
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        // Long enough that the observer, told ten times a second, hears of it midway.
        iterations: 400,
        ..small()
    };
    let member = |name: &str| Member {
        settings: settings.to_value(),
        seed: Seed(5),
        checkpoint: folder.path().join(name),
    };
    let run = |member: Member, stop_at: f64| -> Option<Vec<Finished>> {
        let interrupted = AtomicBool::new(false);
        let context = Context {
            data: &data,
            device: Device::Cpu,
            interrupted: &interrupted,
            checkpoint_interval: Duration::from_hours(1),
            observer: &Stop(&interrupted, stop_at),
            worker: 0,
        };
        Desom.run(&[member], &context).unwrap()
    };
    let whole = run(member("whole"), 2.0).unwrap().remove(0);
    assert!(run(member("cut"), 0.0).is_none(), "interrupted");
    let progress = checkpoint::progress(&member("cut").checkpoint).unwrap();
    assert!(
        progress.iteration > 0 && progress.iteration < 400,
        "{}",
        progress.iteration
    );
    let resumed = run(member("cut"), 2.0).unwrap().remove(0);
    assert_eq!((whole.resumed, resumed.resumed), (0, 1));
    assert_eq!(whole.metrics, resumed.metrics);
    assert_eq!(whole.curves, resumed.curves);
    assert_eq!(whole.weights, resumed.weights);
}

#[test]
fn a_checkpoint_of_another_shape_is_refused_by_name() {
    let data = digits();
    let folder = tempfile::tempdir().unwrap();
    let mut models =
        DesomCohort::new(&small(), &[(0.001, Seed(0))], &data.features, Device::Cpu).unwrap();
    let path = folder.path().join("checkpoint");
    checkpoint::save(
        &path,
        &[(
            "parameters".to_owned(),
            Tensor::zeros([3], (Kind::Float, Device::Cpu)),
        )],
        None,
    )
    .unwrap();
    let (state, _) = checkpoint::load(&path).unwrap().unwrap();
    let message = models.restore(0, 5, &state).unwrap_err();
    assert!(
        message.contains("parameters") && message.contains("[3]"),
        "{message}"
    );
    let message = models
        .restore(0, 5, &std::collections::HashMap::new())
        .unwrap_err();
    assert!(message.contains("missing"), "{message}");
}

#[test]
fn senseless_weights_diverge_and_are_recorded_as_such() {
    let data = digits();
    let folder = tempfile::tempdir().unwrap();
    let mut settings = small();
    settings.adam.learning_rate = 1e30;
    let interrupted = AtomicBool::new(false);
    let context = Context {
        data: &data,
        device: Device::Cpu,
        interrupted: &interrupted,
        checkpoint_interval: Duration::from_hours(1),
        observer: &Silent,
        worker: 0,
    };
    let member = Member {
        settings: settings.to_value(),
        seed: Seed(0),
        checkpoint: folder.path().join("checkpoint"),
    };
    let run = Desom.run(&[member], &context).unwrap().unwrap().remove(0);
    assert!(matches!(
        run.outcome,
        replicate::runs::Outcome::Diverged { .. }
    ));
    assert!(run.metrics.is_empty());
}
