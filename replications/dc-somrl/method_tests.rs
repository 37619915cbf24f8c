#![allow(clippy::unwrap_used, clippy::float_cmp)]

use std::path::Path;
use std::sync::atomic::AtomicBool;

use tch::Device;

use super::super::map_settings::Insertion;
use super::super::settings::MapLoss;
use super::*;
use crate::nn::Precision;
use crate::runs::Outcome;
use crate::train::drive::StopAfter;
use crate::train::observer::Silent;
use crate::train::{NoParts, TrainingData};

fn settings() -> Settings {
    Settings {
        hidden: vec![14],
        latent: 3,
        batch: 10,
        iterations: 40,
        training_rows: Some(60),
        pictured: 15,
        map: MapSettings {
            nodes: 8,
            threshold: 0.97,
            ..Settings::paper().map
        },
        ..Settings::paper()
    }
}

fn data() -> TrainingData {
    let features = random::uniform(4, &[80, 6]);
    let values = (0..80).map(|row| row % 3).collect();
    TrainingData::new(features, Some(Labels { values, classes: 3 })).unwrap()
}

fn member(checkpoint: &Path) -> Member {
    Member {
        settings: settings().to_value(),
        seed: Seed(0),
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

fn run(checkpoint: &Path, data: &TrainingData) -> Finished {
    let go_on = AtomicBool::new(false);
    let runs = DcSomrl.run(&[member(checkpoint)], &context(data, &go_on));
    let runs = runs.unwrap().unwrap();
    runs.into_iter().next().unwrap().unwrap()
}

#[test]
fn a_run_has_its_metrics_and_pictures_and_repeats_itself() {
    let first = run(Path::new(""), &data());
    assert_eq!(first.outcome, Outcome::Completed);
    for name in [
        "bmu.purity",
        "validation.bmu.nmi_geometric",
        "units_used",
        "classes_covered",
        "top10_purity",
        "validation.top10_purity",
        "edges.coactivation.count",
        "reconstruction_loss",
        "prototype_error",
    ] {
        assert!(first.metrics[name].is_finite(), "{name}");
    }
    assert!(first.metrics["units_used"] <= first.metrics["nodes"]);
    let kept: Vec<&str> = first
        .weights
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    for name in ["som.life", pictures::PLACES, pictures::IMAGES] {
        assert!(kept.contains(&name), "{name} {kept:?}");
    }
    let metric = |name: &str| first.metrics[name];
    let used = metric("units_used");
    assert_eq!(metric("edges.all.count"), used * (used - 1.0) / 2.0);
    // At s = 1 relevances are that close: all pairs are connected, and that has no rank.
    assert_eq!(metric("edges.minwd.count"), metric("edges.all.count"));
    assert!(metric("edge_confusion_rank").is_nan());
    assert!(metric("edges.minwd.confused_share").is_nan());
    assert!(metric("edges.minwd=0.05.count") <= metric("edges.minwd=0.2.count"));
    let second = run(Path::new(""), &data());
    // What is undefined is NaN, which equals nothing.
    assert_eq!(
        format!("{:?}", first.metrics),
        format!("{:?}", second.metrics)
    );
    assert_eq!(first.curves, second.curves);
}

#[test]
fn an_interrupted_run_ends_as_an_uninterrupted_one() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint");
    let (data, stop) = (data(), AtomicBool::new(false));
    let whole = run(Path::new(""), &data);
    let mut model = DcSomrlCohort::new(&settings(), &[Seed(0)], &data.features);
    let mut stopped = StopAfter {
        model: &mut model,
        step: Some(23),
        stop: &stop,
    };
    let cohort = [member(&checkpoint)];
    let driven = drive(&mut stopped, &cohort, &context(&data, &stop)).unwrap();
    assert!(matches!(driven, Driven::Interrupted));
    let resumed = run(&checkpoint, &data);
    assert_eq!(resumed.resumed, 1);
    for ((name, ours), (_, theirs)) in resumed.weights.iter().zip(&whole.weights) {
        assert_eq!(ours, theirs, "{name}");
    }
}

#[test]
fn without_labels_there_are_the_metrics_that_need_none() {
    let data = TrainingData::new(data().features, None).unwrap();
    let run = run(Path::new(""), &data);
    assert!(run.metrics["bmu.purity"].is_nan());
    assert!(run.metrics["prototype_error"].is_finite());
    assert!(!run.metrics.contains_key("top10_purity"));
}

/// What is measured once for all: a search's draws take equally long, a larger map or a longer training does not.
#[test]
fn numbers_cost_nothing_sizes_and_readings_do() {
    let cost = |change: fn(&mut Settings)| {
        let mut settings = Settings::paper();
        change(&mut settings);
        DcSomrl.cost(&settings.to_value()).unwrap()
    };
    let usual = cost(|_| ());
    let same: [fn(&mut Settings); 5] = [
        |s| s.pictured = 0,
        |s| s.map.threshold = 0.9,
        |s| s.map.slope = 0.1,
        |s| s.alpha = 0.1,
        |s| s.adam.learning_rate = 0.01,
    ];
    let others: [fn(&mut Settings); 4] = [
        |s| s.map.nodes = 128,
        |s| s.iterations = 10_000,
        |s| s.map.insertion = Insertion::FarthestFirst,
        |s| s.map_loss = MapLoss::Means,
    ];
    assert!(same.iter().all(|&change| cost(change) == usual));
    assert!(others.iter().all(|&change| cost(change) != usual));
}
