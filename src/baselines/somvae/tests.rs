#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::atomic::AtomicBool;

use tch::Device;

use super::*;
use crate::random;
use crate::runs::Outcome;
use crate::train::drive::StopAfter;
use crate::train::observer::Silent;
use crate::train::{Labels, NoParts};

fn settings() -> SomVaeSettings {
    SomVaeSettings {
        architecture: SomVaeArchitecture::Dense,
        hidden: vec![12],
        latent: 4,
        map: Grid {
            rows: 2,
            columns: 3,
        },
        batch: 8,
        iterations: 60,
        training_rows: Some(40),
        validation_rows: Some(15),
        ..SomVaeSettings::paper()
    }
}

fn data() -> TrainingData {
    let features = random::uniform(4, &[60, 6]);
    let values = (0..60).map(|row| row % 3).collect();
    TrainingData::new(features, Some(Labels { values, classes: 3 })).unwrap()
}

fn member(checkpoint: &Path) -> Member {
    Member {
        settings: settings().to_value(),
        seed: Seed(2),
        checkpoint: checkpoint.to_owned(),
    }
}

fn context<'a>(data: &'a TrainingData, stop: &'a AtomicBool) -> Context<'a> {
    Context {
        data,
        device: Device::Cpu,
        precision: Precision::Exact,
        interrupted: stop,
        checkpoint_interval: Duration::MAX,
        observer: &Silent,
        parts: &NoParts,
        worker: 0,
    }
}

fn run(checkpoint: &Path) -> Finished {
    let (data, go_on) = (data(), AtomicBool::new(false));
    let runs = SomVaeMethod.run(&[member(checkpoint)], &context(&data, &go_on));
    let runs = runs.unwrap().unwrap();
    runs.into_iter().next().unwrap().unwrap()
}

#[test]
fn a_run_reports_all_rows_and_those_held_out_and_repeats_itself() {
    let first = run(Path::new(""));
    assert_eq!(first.outcome, Outcome::Completed);
    for name in [
        "bmu.purity",
        "clustered.accuracy",
        "validation.bmu.nmi_arithmetic",
        "validation.units_used",
        "reconstruction_loss",
        "prototype_spread",
    ] {
        assert!(first.metrics[name].is_finite(), "{name}");
    }
    let second = run(Path::new(""));
    assert_eq!(first.metrics, second.metrics);
    assert_eq!(first.curves, second.curves);
    assert_eq!(first.curves.values.len(), 4);
}

#[test]
fn an_interrupted_run_ends_as_an_uninterrupted_one() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint");
    let (data, stop) = (data(), AtomicBool::new(false));
    let whole = run(Path::new(""));
    let mut model = SomVae::new(&settings(), Seed(2), &data.features).unwrap();
    let mut stopped = StopAfter {
        model: &mut model,
        step: Some(17),
        stop: &stop,
    };
    let cohort = [member(&checkpoint)];
    let driven = drive(&mut stopped, &cohort, &context(&data, &stop)).unwrap();
    assert!(matches!(driven, Driven::Interrupted));
    let resumed = run(&checkpoint);
    assert_eq!(resumed.resumed, 1);
    assert_eq!(resumed.metrics, whole.metrics);
    for ((name, ours), (_, theirs)) in resumed.weights.iter().zip(&whole.weights) {
        assert_eq!(ours, theirs, "{name}");
    }
}

#[test]
fn the_rate_falls_by_a_tenth_every_five_hundred_iterations() {
    let settings = SomVaeSettings::paper();
    for (iteration, rate) in [(0, 5e-4), (499, 5e-4), (500, 4.5e-4), (1000, 4.05e-4)] {
        assert!((settings.learning_rate(iteration) - rate).abs() < 1e-12);
    }
    assert_eq!(settings.iterations, 28_120);
    assert_eq!(
        SomVaeSettings::read(&settings.to_value()).unwrap(),
        settings
    );
}

#[test]
fn senseless_settings_are_named() {
    let refused = |change: fn(&mut SomVaeSettings)| {
        let mut settings = SomVaeSettings::paper();
        change(&mut settings);
        let error = SomVaeMethod.shape(&settings.to_value()).unwrap_err();
        error.to_string()
    };
    for (message, name) in [
        (refused(|s| s.batch = 0), "batch size"),
        (refused(|s| s.map.rows = 0), "the map has no units"),
        (refused(|s| s.iterations = 0), "iterations"),
        (refused(|s| s.beta = -1.0), "beta must be"),
        (refused(|s| s.decay = 0.0), "the decay must be"),
        (refused(|s| s.alpha = f64::NAN), "alpha: must be a finite"),
        (refused(|s| s.adam.beta2 = 1.0), "beta2"),
        (refused(|s| s.training_rows = Some(0)), "rows"),
    ] {
        assert!(
            message.contains("SOM-VAE") && message.contains(name),
            "{message}"
        );
    }
}
