//! For tests: trainings that are cut short and resumed.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tch::{Device, Kind, Tensor};

use crate::nn::Precision;
use crate::random::Seed;
use crate::runs::checkpoint::{Named, Progress};
use crate::train::observer::Silent;
use crate::train::{Context, Driven, Error, Member, NoParts, Trainable, TrainingData, drive};

/// Asks for an interruption once a step is done.
struct Cut<'a> {
    inner: &'a mut dyn Trainable,
    after: Option<u64>,
    interrupted: &'a AtomicBool,
}

impl Trainable for Cut<'_> {
    fn iterations(&self) -> u64 {
        self.inner.iterations()
    }

    fn step(&mut self, iteration: u64) -> Result<(), Error> {
        self.inner.step(iteration)?;
        if self.after == Some(iteration) {
            self.interrupted.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn is_noted(&self, iteration: u64) -> bool {
        self.inner.is_noted(iteration)
    }

    fn has_ended(&self) -> bool {
        self.inner.has_ended()
    }

    fn losses(&self) -> Vec<(&'static str, Vec<f64>)> {
        self.inner.losses()
    }

    fn state(&self, model: usize) -> Vec<(String, Tensor)> {
        self.inner.state(model)
    }

    fn restore(&mut self, model: usize, iteration: u64, state: &Named) -> Result<(), String> {
        self.inner.restore(model, iteration, state)
    }
}

/// What comes of a training that is interrupted after each of the steps `cuts`. Every time a new model,
/// which knows nothing but the checkpoint, goes on.
pub(super) fn train<M>(
    begin: &dyn Fn() -> M,
    trainable: fn(&mut M) -> &mut dyn Trainable,
    cuts: &[u64],
) -> (M, Progress) {
    let folder = tempfile::tempdir().unwrap();
    let member = Member {
        settings: Value::Null,
        seed: Seed(1),
        checkpoint: folder.path().join("checkpoint"),
    };
    // The models have their own.
    let data = TrainingData {
        features: Tensor::zeros([1, 1], (Kind::Float, Device::Cpu)),
        labels: None,
        image: None,
    };
    for &after in cuts {
        let driven = go_on(trainable(&mut begin()), Some(after), &member, &data);
        assert!(matches!(driven, Driven::Interrupted), "{after} is too late");
    }
    let mut model = begin();
    let Driven::Finished(mut progress) = go_on(trainable(&mut model), None, &member, &data) else {
        panic!("nobody interrupts");
    };
    let progress = progress.remove(0);
    assert_eq!(progress.resumed as usize, cuts.len());
    (model, progress)
}

fn go_on(
    inner: &mut dyn Trainable,
    after: Option<u64>,
    member: &Member,
    data: &TrainingData,
) -> Driven {
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
    let mut cut = Cut {
        inner,
        after,
        interrupted: &interrupted,
    };
    drive(&mut cut, std::slice::from_ref(member), &context).unwrap()
}
