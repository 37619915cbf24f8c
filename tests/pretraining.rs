//! DESOM that begins with a pretrained autoencoder, its rarer settings, and the whole of
//! `desom-pretrain` as a user meets it.

// What has to be the same is the same to the last bit.
#![allow(missing_docs, clippy::unwrap_used, clippy::float_cmp)]

mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use program::{folders, json, record, run, text};
use replicate::data::{self, Access};
use replicate::nn::Precision;
use replicate::pretraining::AutoencoderSettings;
use replicate::random::Seed;
use replicate::replications::desom::{Desom, DesomCohort, Pretraining, PrototypeStart, Settings};
use replicate::runs::Outcome;
use replicate::runs::checkpoint::Named;
use replicate::som::{Grid, MapDistance};
use replicate::train::observer::Silent;
use replicate::train::{
    Context, Finished, InMemory, Labels, Member, Method, Parts, Trainable, TrainingData,
};
use tch::{Device, Kind, Tensor};

fn digits() -> TrainingData {
    // As the program does first of all.
    static PREPARED: Once = Once::new();
    PREPARED.call_once(replicate::device::prepare);
    let access = Access::new(None, None, true).unwrap();
    let set = data::load("digits", &access, &data::Silent).unwrap();
    let features = Tensor::from_slice(&set.features).view([set.rows as i64, set.dims as i64]);
    let labels = Labels {
        values: set.labels,
        classes: set.classes,
    };
    TrainingData::new(features, Some(labels)).unwrap()
}

fn small() -> Settings {
    Settings {
        hidden: vec![24, 40],
        latent: 4,
        map: Grid {
            rows: 3,
            columns: 3,
        },
        batch: 128,
        iterations: 40,
        ..Settings::paper()
    }
}

fn pretrained(epochs: u64) -> Settings {
    Settings {
        pretraining: Some(Pretraining { epochs, seed: None }),
        ..small()
    }
}

fn context<'a>(
    data: &'a TrainingData,
    interrupted: &'a AtomicBool,
    parts: &'a dyn Parts,
) -> Context<'a> {
    Context {
        data,
        device: Device::Cpu,
        precision: Precision::Exact,
        interrupted,
        checkpoint_interval: Duration::from_hours(1),
        observer: &Silent,
        parts,
        worker: 0,
    }
}

fn member(settings: &Settings, seed: u64) -> Member {
    Member {
        settings: settings.to_value(),
        seed: Seed(seed),
        checkpoint: PathBuf::new(),
    }
}

/// The autoencoder that these settings begin with.
fn autoencoder(settings: &Settings, seed: u64, data: &TrainingData) -> Named {
    let need = settings.autoencoder().unwrap().need();
    let (go_on, parts) = (AtomicBool::new(false), InMemory::default());
    let context = context(data, &go_on, &parts);
    let found = parts.get(&need, &[Seed(seed)], &context);
    let part = found.unwrap().unwrap().remove(0);
    assert_eq!((part.outcome, part.is_new), (Outcome::Completed, true));
    part.weights
}

fn train(settings: &Settings, seed: u64, data: &TrainingData) -> Finished {
    let (go_on, parts) = (AtomicBool::new(false), InMemory::default());
    let context = context(data, &go_on, &parts);
    let runs = Desom.run(&[member(settings, seed)], &context);
    runs.unwrap().unwrap().remove(0).unwrap()
}

fn cohort(settings: &Settings, pretrained: &[Named], data: &TrainingData) -> DesomCohort {
    DesomCohort::begin(
        settings,
        &[(settings.gamma, Seed(0))],
        pretrained,
        &data.features,
        Device::Cpu,
        Precision::Exact,
    )
    .unwrap()
}

/// The prototypes, and the optimiser's two moments of them, in 64 bits.
fn prototypes_and_moments(model: &DesomCohort) -> [Vec<f64>; 3] {
    let state = model.state(0);
    let prototypes = model.prototypes(0);
    let count = prototypes.numel() as i64;
    ["parameters", "adam.first", "adam.second"].map(|name| {
        let (_, floats) = state.iter().find(|(known, _)| known == name).unwrap();
        // The prototypes are the last of a model's floats.
        let own = floats.narrow(0, floats.numel() as i64 - count, count);
        let own = own.to_kind(Kind::Double);
        own.iter::<f64>().unwrap().collect()
    })
}

/// The network's floats: all but the prototypes.
fn network(model: &DesomCohort) -> Tensor {
    let floats = model.parameters().model_of(&model.parameters().values, 0);
    let count = model.prototypes(0).numel() as i64;
    floats.narrow(0, 0, floats.numel() as i64 - count)
}

#[test]
fn between_updates_prototypes_move_by_their_momentum_and_nothing_pulls_the_codes() {
    let data = digits();
    let settings = Settings {
        update_interval: 3,
        gamma: 0.5,
        ..small()
    };
    let mut model = cohort(&settings, &[], &data);
    model.step(0).unwrap();
    let before: Named = model.state(0).into_iter().collect();
    // Adam, Kingma & Ba 2015, with a gradient of 0, in Keras' form.
    let adam = settings.adam;
    let [mut values, mut first, mut second] = prototypes_and_moments(&model);
    for iteration in [1, 2] {
        model.step(iteration).unwrap();
        let steps = iteration as i32 + 1;
        let rate = adam.learning_rate * (1.0 - adam.beta2.powi(steps)).sqrt()
            / (1.0 - adam.beta1.powi(steps));
        for index in 0..values.len() {
            first[index] *= adam.beta1;
            second[index] *= adam.beta2;
            values[index] -= rate * first[index] / (second[index].sqrt() + adam.epsilon);
        }
        let [ours, ..] = prototypes_and_moments(&model);
        let worst = ours
            .iter()
            .zip(&values)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max);
        assert!(worst < 1e-6, "{iteration}: {worst}");
        assert!(
            first.iter().any(|moment| moment.abs() > 1e-6),
            "nothing moves"
        );
    }
    assert!(
        model
            .losses()
            .iter()
            .any(|(name, values)| *name == "som" && *values == [0.0])
    );
    let after_two = network(&model);
    model.step(3).unwrap();
    assert!(
        model
            .losses()
            .iter()
            .any(|(name, values)| *name == "som" && values[0] > 0.0)
    );

    // The network's steps in between are those of an autoencoder alone: gamma 0 from the same state.
    let alone = Settings {
        gamma: 0.0,
        ..small()
    };
    let mut other = cohort(&alone, &[], &data);
    other.restore(0, 1, &before).unwrap();
    other.step(1).unwrap();
    other.step(2).unwrap();
    assert_eq!(network(&other), after_two);
    // With the SOM in every step they are others.
    let mut every = cohort(
        &Settings {
            update_interval: 1,
            ..settings
        },
        &[],
        &data,
    );
    every.restore(0, 1, &before).unwrap();
    every.step(1).unwrap();
    every.step(2).unwrap();
    assert_ne!(network(&every), after_two);
}

#[test]
fn joint_training_begins_where_pretraining_ends() {
    let data = digits();
    let settings = pretrained(8);
    let weights = autoencoder(&settings, 0, &data);
    let begun = cohort(&settings, std::slice::from_ref(&weights), &data);
    let plain = cohort(&small(), &[], &data);
    for (name, slot) in begun.parameters().layout().slots() {
        let (ours, untrained) = (
            begun.parameters().value(slot).get(0),
            plain.parameters().value(slot).get(0),
        );
        match weights.get(name) {
            Some(stored) => {
                assert_eq!(&ours, stored, "{name}");
                assert_ne!(ours, untrained, "{name}");
            }
            None => assert_eq!(name, "som.prototypes"),
        }
    }
    // A fresh Adam, and prototypes that are codes of the pretrained encoder.
    let state: Named = begun.state(0).into_iter().collect();
    assert_eq!(state["adam.second"].abs().max().double_value(&[]), 0.0);
    let codes = begun
        .network()
        .encode(begun.parameters(), 0, &data.features);
    let distances = Tensor::cdist(&begun.prototypes(0), &codes, 2.0, None::<i64>);
    let nearest = distances.amin([1].as_slice(), false);
    assert!(nearest.max().double_value(&[]) < 1e-2);

    let run = train(&settings, 0, &data);
    let start = run.curves.start.as_ref().unwrap();
    assert_eq!(start.iteration, (0..40).collect::<Vec<u64>>());
    for name in [
        "joint_start.reconstruction_rise",
        "joint_start.reconstruction_fall",
    ] {
        assert!(
            run.metrics[name] > 0.0 && run.metrics[name] < 10.0,
            "{name}"
        );
    }
    let plain = train(&small(), 0, &data);
    assert!(
        !plain
            .metrics
            .keys()
            .any(|name| name.starts_with("joint_start"))
    );
    let first = |run: &Finished| run.curves.start.as_ref().unwrap().values["reconstruction"][0];
    assert!(first(&run).unwrap() < 0.7 * first(&plain).unwrap());
}

#[test]
fn a_cohort_begins_with_the_parts_of_its_members_and_leaves_out_the_diverged() {
    let data = digits();
    let settings = pretrained(1);
    let (go_on, parts) = (AtomicBool::new(false), InMemory::default());
    let with_parts = context(&data, &go_on, &parts);
    let members = [0, 1].map(|seed| member(&settings, seed));
    let together = Desom.run(&members, &with_parts).unwrap().unwrap();
    assert_eq!(parts.count(), 2);
    for (seed, run) in together.into_iter().enumerate() {
        let alone = train(&settings, seed as u64, &data);
        let loss = |run: &Finished| run.metrics["reconstruction_loss"];
        let difference = (loss(&run.unwrap()) / loss(&alone) - 1.0).abs();
        assert!(difference < 0.05, "{seed}: {difference}");
    }
    // Far beyond any number.
    let mut wild = settings;
    wild.adam.learning_rate = 1e30;
    let run = train(&wild, 0, &data);
    assert_eq!(run.outcome, Outcome::Diverged { iteration: 0 });
    assert!(run.weights.is_empty() && run.metrics.is_empty());
}

#[test]
fn prototypes_can_start_as_a_classic_map_of_the_codes() {
    let data = digits();
    let settings = Settings {
        prototype_start: PrototypeStart::Som,
        ..pretrained(4)
    };
    let weights = autoencoder(&settings, 0, &data);
    // How far apart neighbours on the map are, compared with any two units.
    let order = |start| {
        let settings = Settings {
            prototype_start: start,
            ..settings.clone()
        };
        let model = cohort(&settings, std::slice::from_ref(&weights), &data);
        let prototypes = model.prototypes(0);
        let distances = Tensor::cdist(&prototypes, &prototypes, 2.0, None::<i64>);
        let grid = settings.map.squared_distances(MapDistance::Manhattan);
        let grid = Tensor::from_slice(&grid).view([9, 9]);
        let mean_where = |mask: &Tensor| {
            let chosen = distances.masked_select(mask);
            chosen.mean(Kind::Double).double_value(&[])
        };
        mean_where(&grid.eq(1.0)) / mean_where(&grid.gt(0.0))
    };
    let (sample, som) = (order(PrototypeStart::Sample), order(PrototypeStart::Som));
    assert!(som < 0.8 && sample > 0.85, "{som} {sample}");
    assert_eq!(train(&settings, 0, &data).outcome, Outcome::Completed);
}

#[test]
fn rows_held_out_are_not_trained_on_and_measured_apart() {
    let data = digits();
    let held = Settings {
        training_rows: Some(1500),
        ..pretrained(2)
    };
    let run = train(&held, 0, &data);
    for name in [
        "bmu.purity",
        "clustered.accuracy",
        "reconstruction_loss",
        "units_used",
    ] {
        assert!(
            run.metrics.contains_key(&format!("validation.{name}")),
            "{name}"
        );
    }
    assert!(!run.metrics.contains_key("validation.prototype_spread"));
    // What is not trained on might as well be anything.
    let changed = data.features.copy();
    let _ = changed.narrow(0, 1500, data.rows() - 1500).fill_(0.25);
    let changed = TrainingData::new(changed, data.labels.clone()).unwrap();
    let other = train(&held, 0, &changed);
    assert_eq!(run.curves, other.curves);
    assert_eq!(run.metrics["bmu.purity"], other.metrics["bmu.purity"]);
    let loss = "validation.reconstruction_loss";
    assert!((run.metrics[loss] - other.metrics[loss]).abs() > 1e-4);
    // Nor is there anything else than these rows to begin with.
    let only = data.between(0, 1500);
    let without = Settings {
        training_rows: None,
        ..held.clone()
    };
    assert_eq!(train(&without, 0, &only).curves, run.curves);

    let all = Settings {
        training_rows: Some(data.rows()),
        ..held
    };
    let (go_on, parts) = (AtomicBool::new(false), InMemory::default());
    let context = context(&data, &go_on, &parts);
    let message = Desom
        .run(&[member(&all, 0)], &context)
        .unwrap_err()
        .to_string();
    assert!(message.contains("none is left for validation"), "{message}");
}

#[test]
fn a_part_of_other_shape_is_refused_by_name() {
    let data = digits();
    let narrow = Settings {
        hidden: vec![12, 40],
        ..pretrained(1)
    };
    let weights = autoencoder(&narrow, 0, &data);
    let error = DesomCohort::begin(
        &pretrained(1),
        &[(0.001, Seed(0))],
        &[weights],
        &data.features,
        Device::Cpu,
        Precision::Exact,
    );
    let message = error.unwrap_err().to_string();
    assert!(message.contains("has the shape"), "{message}");
    let settings = AutoencoderSettings {
        epochs: 0,
        ..pretrained(1).autoencoder().unwrap()
    };
    let message = AutoencoderSettings::read(&settings.need().settings)
        .unwrap_err()
        .to_string();
    assert!(message.contains("epoch"), "{message}");
}

/// The parts of a store, by folder.
fn parts(store: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(store.join("parts")).unwrap();
    let mut folders: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

#[test]
fn the_smoke_profile_does_the_whole_experiment() {
    let store = tempfile::tempdir().unwrap();
    let clock = Instant::now();
    let arguments = ["desom-pretrain", "--profile", "smoke", "--json"];
    let plan = ["plan", "desom-pretrain", "--profile", "smoke", "--json"];
    let seconds = |plan: &serde_json::Value| plan["seconds"].as_f64().unwrap();
    let planned = json(store.path(), &plan);
    assert!(seconds(&planned) > 0.0);
    let done = json(store.path(), &arguments);
    eprintln!("the smoke profile took {:.1?}", clock.elapsed());
    assert_eq!((&done["planned"], &done["stored"]), (&6.into(), &6.into()));
    // Four metrics and the loss of two variants, and two of the start of joint training.
    assert_eq!(done["results"].as_array().unwrap().len(), 2 * 5 + 2);
    let files: Vec<&str> = done["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f.as_str().unwrap())
        .collect();
    for name in ["fig2.svg", "fig2.png", "joint-start.svg", "joint-start.png"] {
        assert!(
            files.iter().any(|file| file.ends_with(name)),
            "{name} {files:?}"
        );
    }
    let caption = done["caption"].as_str().unwrap();
    assert!(caption.contains("Pretraining took"), "{caption}");

    // One part, in the records of all runs that began with it.
    let parts = parts(store.path());
    assert_eq!(parts.len(), 1);
    let records: Vec<_> = folders(store.path())
        .iter()
        .map(|folder| record(folder))
        .collect();
    let with = records.iter().filter(|record| record["parts"].is_array());
    assert_eq!((records.len(), with.count()), (6, 3));

    // The run without pretraining is one of the gamma sweep.
    let sweep = [
        "plan",
        "desom-gamma",
        "--profile",
        "smoke",
        "--gammas",
        "0.001",
        "--json",
    ];
    let runs = json(store.path(), &sweep)["runs"].clone();
    let cached = runs
        .as_array()
        .unwrap()
        .iter()
        .filter(|run| run["reason"]["kind"] == "cached");
    assert_eq!(cached.count(), 3);

    // Other iterations begin with the same parts.
    let before = fs::metadata(parts[0].join("part.json"))
        .unwrap()
        .modified()
        .unwrap();
    let longer = [
        "desom-pretrain",
        "--profile",
        "smoke",
        "--iterations",
        "20",
        "--json",
    ];
    assert_eq!(json(store.path(), &longer)["stored"], 6);
    assert_eq!(self::parts(store.path()), parts);
    assert_eq!(
        fs::metadata(parts[0].join("part.json"))
            .unwrap()
            .modified()
            .unwrap(),
        before
    );

    // Everything is sound, until it is not.
    let audit = json(store.path(), &["verify", "--json"])["audit"].clone();
    assert_eq!(
        (&audit["sound"], &audit["parts"]["sound"]),
        (&12.into(), &1.into())
    );
    let weights = parts[0].join("weights.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&weights, bytes).unwrap();
    let output = run(store.path(), &["verify"]);
    assert_eq!(output.status.code(), Some(20));
    assert!(
        text(&output.stderr).contains("1 of 1 part damaged"),
        "{}",
        text(&output.stderr)
    );

    // A run is done again with its part, bit for bit, whatever lies in the store.
    let folder = folders(store.path())
        .into_iter()
        .find(|folder| record(folder)["parts"].is_array())
        .unwrap();
    let key = folder.file_name().unwrap().to_str().unwrap().to_owned();
    let rerun = json(store.path(), &["rerun", &key, "--json"]);
    assert_eq!(rerun["identical"], true);
}
