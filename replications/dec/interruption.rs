//! For tests: trainings that are cut short and resumed.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::Value;
use tch::{Device, Kind, Tensor};

use crate::nn::Precision;
use crate::random::Seed;
use crate::runs::checkpoint::Progress;
use crate::train::drive::StopAfter;
use crate::train::observer::Silent;
use crate::train::{Context, Driven, Member, NoParts, Trainable, TrainingData, drive};

/// Members of these seeds with their checkpoints in a folder.
pub(super) fn members(folder: &Path, seeds: &[u64]) -> Vec<Member> {
    let members = seeds.iter().map(|seed| Member {
        settings: Value::Null,
        seed: Seed(*seed),
        checkpoint: folder.join(format!("{seed}.safetensors")),
    });
    members.collect()
}

/// What comes of a training that is interrupted after each of the steps `cuts`. Every time a new model,
/// which knows nothing but the checkpoint, goes on.
pub(super) fn train<M>(
    begin: &dyn Fn() -> M,
    trainable: fn(&mut M) -> &mut dyn Trainable,
    cuts: &[u64],
) -> (M, Progress) {
    let folder = tempfile::tempdir().unwrap();
    let cohort = members(folder.path(), &[1]);
    for &after in cuts {
        go_on_until(trainable(&mut begin()), after, &cohort);
    }
    let mut model = begin();
    let progress = to_the_end(trainable(&mut model), &cohort).remove(0);
    assert_eq!(progress.resumed as usize, cuts.len());
    (model, progress)
}

/// Trains from the checkpoints until step `after` is done.
pub(super) fn go_on_until(inner: &mut dyn Trainable, after: u64, cohort: &[Member]) {
    let driven = go_on(inner, Some(after), cohort);
    assert!(matches!(driven, Driven::Interrupted), "{after} is too late");
}

/// Trains from the checkpoints, if there are any, to the end.
pub(super) fn to_the_end(inner: &mut dyn Trainable, cohort: &[Member]) -> Vec<Progress> {
    let Driven::Finished(progress) = go_on(inner, None, cohort) else {
        panic!("nobody interrupts");
    };
    progress
}

fn go_on(inner: &mut dyn Trainable, after: Option<u64>, cohort: &[Member]) -> Driven {
    // The models have their own.
    let data = &TrainingData {
        features: Tensor::zeros([1, 1], (Kind::Float, Device::Cpu)),
        labels: None,
        image: None,
    };
    let interrupted = AtomicBool::new(false);
    let context = Context {
        data,
        device: Device::Cpu,
        precision: Precision::Exact,
        interrupted: &interrupted,
        checkpoint_interval: Duration::from_hours(1),
        observer: &Silent,
        parts: &NoParts,
        worker: 0,
    };
    let mut stopping = StopAfter {
        model: inner,
        step: after,
        stop: &interrupted,
    };
    drive(&mut stopping, cohort, &context).unwrap()
}
