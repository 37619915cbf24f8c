//! Disks that fail, and processes that hold what we want, with the real training loop and a model
//! that trains in no time.

#![allow(clippy::unwrap_used)]

mod damage;
mod evaluation;
mod faults;
mod others;
mod parts;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tch::{Kind, Tensor};

use super::*;
use crate::files::faults::{Fault, Faults};
use crate::files::{self, Step};
use crate::nn::Precision;
use crate::nn::slices::slice;
use crate::random::Seed;
use crate::runs::checkpoint::Named;
use crate::runs::{Identity, Outcome, Reason};
use crate::train::observer::Silent;
use crate::train::{Driven, Runs, Trainable, Trial, Work, drive};

const ITERATIONS: u64 = 6;

/// A number that goes its way.
struct Walk {
    seed: f32,
    at: Tensor,
}

impl Trainable for Walk {
    fn iterations(&self) -> u64 {
        ITERATIONS
    }

    fn step(&mut self, iteration: u64) -> Result<(), train::Error> {
        self.at = &self.at * 0.9 + f64::from(self.seed) + iteration as f64;
        Ok(())
    }

    fn losses(&self) -> Vec<(&'static str, Vec<f64>)> {
        vec![("at", vec![f64::from(slice(&self.at)[0])])]
    }

    fn state(&self, _: usize) -> Vec<(String, Tensor)> {
        vec![("at".to_owned(), self.at.copy())]
    }

    fn restore(&mut self, _: usize, _: u64, state: &Named) -> Result<(), String> {
        self.at = state["at"].copy();
        Ok(())
    }
}

struct Walks;

impl Method for Walks {
    fn id(&self) -> &'static str {
        "walks"
    }

    fn version(&self) -> u32 {
        1
    }

    fn shape(&self, _: &Value) -> Result<Option<String>, train::Error> {
        Ok(Some("walk".to_owned()))
    }

    fn can_round(&self) -> bool {
        false
    }

    fn calibrate(&self, _: &Value, _: &Trial) -> Result<Work, train::Error> {
        Err(train::Error::Settings("not asked for here".to_owned()))
    }

    fn run(&self, cohort: &[Member], context: &Context) -> Result<Option<Runs>, train::Error> {
        let mut runs = Runs::new();
        for member in cohort {
            let mut walk = Walk {
                seed: member.seed.0 as f32,
                at: Tensor::zeros([100], (Kind::Float, Device::Cpu)),
            };
            let Driven::Finished(progress) =
                drive(&mut walk, std::slice::from_ref(member), context)?
            else {
                return Ok(None);
            };
            let progress = &progress[0];
            runs.push(Ok(Finished {
                outcome: Outcome::Completed,
                metrics: BTreeMap::from([("at".to_owned(), f64::from(slice(&walk.at)[0]))]),
                curves: progress.curves.clone(),
                weights: walk.state(0),
                training: progress.elapsed,
                evaluation: Duration::ZERO,
                resumed: progress.resumed,
                makers: progress.makers.clone(),
            }));
        }
        Ok(Some(runs))
    }
}

fn task(store: &Store, seed: u64) -> Task {
    let identity = Identity {
        schema: SCHEMA,
        method: "walks".to_owned(),
        algorithm: 1,
        settings: json!({}),
        data: "none".to_owned(),
        data_sha256: "0".to_owned(),
        seed: Seed(seed),
        precision: Precision::Exact,
    };
    Task {
        run: PlannedRun {
            key: identity.key(),
            variant: "walk".to_owned(),
            reason: store
                .reason(&identity, &store.by_lineage().unwrap(), 1)
                .unwrap(),
            identity,
            estimate: None,
        },
        method: &Walks,
        claims: Arc::default(),
    }
}

/// Does what is pending of two runs as one worker would, saving after every step.
fn run(store: &Store) -> Report {
    let tasks = [0, 1].map(|seed| task(store, seed));
    let pending = tasks
        .into_iter()
        .filter(|task| task.run.reason.is_pending());
    run_tasks(store, pending.collect(), Device::Cpu)
}

fn run_tasks(store: &Store, tasks: Vec<Task>, device: Device) -> Report {
    run_observed(store, tasks, device, &Silent)
}

fn run_observed(
    store: &Store,
    tasks: Vec<Task>,
    device: Device,
    observer: &dyn Observer,
) -> Report {
    run_with(store, tasks, device, observer, 1, &AtomicBool::new(false))
}

fn options(device: Device, workers: usize) -> Options {
    Options {
        device,
        threads: workers,
        workers: Some(workers),
        checkpoint_interval: Duration::ZERO,
    }
}

fn run_with(
    store: &Store,
    tasks: Vec<Task>,
    device: Device,
    observer: &dyn Observer,
    workers: usize,
    interrupted: &AtomicBool,
) -> Report {
    let set = TrainingData {
        features: Tensor::zeros([4, 2], (Kind::Float, Device::Cpu)),
        labels: None,
        image: None,
    };
    let data = DataSets::from([("none".to_owned(), set)]);
    let headline = |record: &Record| format!("{:?}", record.metric("at"));
    execute(
        store,
        tasks,
        &data,
        options(device, workers),
        interrupted,
        observer,
        &headline,
    )
    .unwrap()
}

struct Sandbox {
    folder: tempfile::TempDir,
    store: Store,
}

impl Sandbox {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        Self { folder, store }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn key(&self, seed: u64) -> runs::Key {
        task(&self.store, seed).run.key
    }
}

/// What must not depend on how a run came about.
fn outcome(store: &Store, seed: u64) -> (Vec<u8>, Value) {
    let key = task(store, seed).run.key;
    let record = store.intact(&key).unwrap().unwrap();
    store.check_weights(&record).unwrap();
    let mut record = serde_json::to_value(record).unwrap();
    record.as_object_mut().unwrap().remove("provenance");
    (fs::read(store.weights(&key)).unwrap(), record)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
