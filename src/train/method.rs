//! A method: something that can be trained (or fitted) on a data set and evaluated.
//!
//! A method knows nothing of stores, plans or command lines. It is given a cohort of runs and a
//! [`Context`], and gives back what each run came to. A scripted method, which trains nothing,
//! stands in for the real ones in whole-program tests.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tch::{Device, Tensor};

use super::{Error, Observer};
use crate::nn::Precision;
use crate::random::Seed;
use crate::runs::record::{Curves, Outcome};

/// A data set on the device that trains on it.
#[derive(Debug)]
pub struct TrainingData {
    /// `[rows, dims]`, floats.
    pub features: Tensor,
    /// The class of each row.
    pub labels: Vec<u8>,
    /// Number of classes.
    pub classes: usize,
}

impl TrainingData {
    /// Another handle to the same memory, e.g. for another thread.
    #[must_use]
    pub fn share(&self) -> Self {
        Self {
            features: self.features.shallow_clone(),
            labels: self.labels.clone(),
            classes: self.classes,
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> i64 {
        self.features.size()[0]
    }

    /// Number of features of a row.
    #[must_use]
    pub fn dims(&self) -> i64 {
        self.features.size()[1]
    }
}

/// One run of a cohort, as a method sees it.
#[derive(Debug, Clone)]
pub struct Member {
    /// The method's settings, all of them.
    pub settings: Value,
    /// The run's seed.
    pub seed: Seed,
    /// Where an unfinished run keeps its state; nowhere if the path is empty.
    pub checkpoint: PathBuf,
}

/// What surrounds a training: data, device, signals, and whom to tell.
pub struct Context<'a> {
    /// The data set.
    pub data: &'a TrainingData,
    /// Where to compute.
    pub device: Device,
    /// How accurate the products of training are.
    pub precision: Precision,
    /// Set when the user or the system wants the program to stop.
    pub interrupted: &'a AtomicBool,
    /// How often unfinished runs are saved.
    pub checkpoint_interval: Duration,
    /// Told how things go.
    pub observer: &'a dyn Observer,
    /// Which worker this is, from 0.
    pub worker: usize,
}

impl Context<'_> {
    /// Whether to stop as soon as possible.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}

/// What one run of a cohort came to.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// Values by name, e.g. `bmu.purity`; not finite where undefined.
    pub metrics: BTreeMap<String, f64>,
    /// Losses over training.
    pub curves: Curves,
    /// Trained parameters to keep, by name, on any device.
    pub weights: Vec<(String, Tensor)>,
    /// Time of training, earlier attempts included.
    pub training: Duration,
    /// Time of evaluation.
    pub evaluation: Duration,
    /// How often it was resumed.
    pub resumed: u32,
}

/// What the members of a cohort came to, in order; one that fails does not touch the others.
pub type Runs = Vec<Result<Finished, Error>>;

/// The circumstances under which a method's speed is measured.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    /// Rows of the data set. The data itself is not needed.
    pub rows: i64,
    /// Features of a row.
    pub dims: i64,
    /// Runs that train together.
    pub models: usize,
    /// Where.
    pub device: Device,
    /// How accurate the products of training are.
    pub precision: Precision,
}

/// What a method has to do for a cohort, and how long that takes here.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    /// Iterations of training.
    pub iterations: u64,
    /// Time for each of them.
    pub per_iteration: Duration,
    /// What comes on top: set-up, evaluation.
    pub fixed: Duration,
}

impl Work {
    /// How long a cohort takes that has `done` iterations behind it.
    #[must_use]
    pub fn remaining(&self, done: u64) -> Duration {
        let left = self.iterations.saturating_sub(done);
        let seconds = self.per_iteration.as_secs_f64() * left as f64;
        let training = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        self.fixed.saturating_add(training)
    }
}

/// Something that can be trained on a data set and evaluated.
pub trait Method: Sync {
    /// The name used in run keys, e.g. `desom`.
    fn id(&self) -> &'static str;

    /// Raised by hand whenever the method's results change, so that older runs are done again.
    fn version(&self) -> u32;

    /// Runs whose shapes are equal may train together as one cohort; a run without one trains alone.
    ///
    /// # Errors
    /// If the settings make no sense; the message says which.
    fn shape(&self, settings: &Value) -> Result<Option<String>, Error>;

    /// Whether [`Precision::Fast`] is another computation than [`Precision::Exact`]. The runs of
    /// methods that know no such thing are exact, whatever was asked for.
    fn can_round(&self) -> bool;

    /// Measures, in well under a second, what a cohort costs on this thread.
    ///
    /// # Errors
    /// As [`Method::shape`], or if the device fails.
    fn calibrate(&self, settings: &Value, trial: &Trial) -> Result<Work, Error>;

    /// Trains and evaluates a cohort of runs of one shape, resuming from their checkpoints, which
    /// are all at the same iteration. Gives what each member came to, in order; `None` if
    /// interrupted: what can be saved is then in the checkpoints.
    ///
    /// # Errors
    /// If the cohort as a whole fails; a diverged run is an outcome, not an error.
    fn run(&self, cohort: &[Member], context: &Context) -> Result<Option<Runs>, Error>;
}
