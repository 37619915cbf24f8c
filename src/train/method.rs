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

use super::{Error, Need, Observer, Parts, TrainingData};
use crate::nn::Precision;
use crate::random::Seed;
use crate::runs::checkpoint::{Named, Progress};
use crate::runs::record::{Curves, Maker, Outcome};

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
#[derive(Clone, Copy)]
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
    /// Where what runs begin with comes from.
    pub parts: &'a dyn Parts,
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
    /// What its attempts were made with, if it was trained by [`drive`](super::drive()).
    pub makers: Vec<Maker>,
}

/// Metrics by name, and named tensors to keep.
pub type Measures = (BTreeMap<String, f64>, Vec<(String, Tensor)>);

impl Finished {
    /// A run that came to nothing before it was trained.
    #[must_use]
    pub fn untrained() -> Self {
        Self {
            outcome: Outcome::Diverged { iteration: 0 },
            metrics: BTreeMap::new(),
            curves: Curves::default(),
            weights: Vec::new(),
            training: Duration::ZERO,
            evaluation: Duration::ZERO,
            resumed: 0,
            makers: Vec::new(),
        }
    }

    /// The result of a finished training. If `measured` is `None` (a loss or value was not finite) the run counts
    /// as diverged: at the iteration where a loss showed it, else at the last one. `evaluation` is the time the
    /// measures took.
    #[must_use]
    pub fn trained(progress: Progress, measured: Option<Measures>, evaluation: Duration) -> Self {
        let iteration = progress.diverged.unwrap_or(progress.iteration);
        let outcome = match measured {
            Some(_) => Outcome::Completed,
            None => Outcome::Diverged { iteration },
        };
        let (metrics, weights) = measured.unwrap_or_default();
        Self {
            outcome,
            metrics,
            curves: progress.curves,
            weights,
            training: progress.elapsed,
            evaluation,
            resumed: progress.resumed,
            makers: progress.makers,
        }
    }
}

/// What is kept of a training whose evaluation is to be done anew.
#[derive(Debug)]
pub struct Kept {
    /// The trained parameters, by name, on the CPU.
    pub weights: Named,
    /// Losses over training.
    pub curves: Curves,
}

/// What the members of a cohort came to, in order; one that fails does not touch the others.
pub type Runs = Vec<Result<Finished, Error>>;

/// Does the runs of a cohort one after the other, for methods that share nothing between them; `None` as soon as
/// `run` gives that, because it was interrupted.
///
/// # Errors
/// None: what `run` fails with is that run's own.
pub fn one_by_one(
    cohort: &[Member],
    mut run: impl FnMut(&Member) -> Result<Option<Finished>, Error>,
) -> Result<Option<Runs>, Error> {
    let mut runs = Runs::with_capacity(cohort.len());
    for member in cohort {
        match run(member).transpose() {
            Some(finished) => runs.push(finished),
            None => return Ok(None),
        }
    }
    Ok(Some(runs))
}

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

    /// The oldest version whose training is still today's: since then only the evaluation has changed, e.g.
    /// by a new metric. Runs of these versions are not trained again but evaluated anew, from their
    /// weights: see [`Method::evaluate`].
    fn trained_since(&self) -> u32 {
        self.version()
    }

    /// Runs whose shapes are equal may train together as one cohort; a run without one trains alone.
    ///
    /// # Errors
    /// If the settings make no sense; the message says which.
    fn shape(&self, settings: &Value) -> Result<Option<String>, Error>;

    /// Runs of equal cost take equally long, so that one of them is measured for all; by default those of one shape, or
    /// of the same settings.
    ///
    /// # Errors
    /// As [`Method::shape`].
    fn cost(&self, settings: &Value) -> Result<String, Error> {
        let shape = self.shape(settings)?;
        Ok(shape.unwrap_or_else(|| settings.to_string()))
    }

    /// Whether [`Precision::Fast`] is another computation than [`Precision::Exact`]. The runs of
    /// methods that know no such thing are exact, whatever was asked for.
    fn can_round(&self) -> bool;

    /// What a run with these settings begins with, besides its own seed and data: parts that are trained
    /// once for all runs that need them. A method whose parts round ([`Precision::Fast`]) can round
    /// itself: a part's precision is that of the runs that begin with it.
    ///
    /// # Errors
    /// As [`Method::shape`].
    fn needs(&self, _settings: &Value) -> Result<Vec<Need>, Error> {
        Ok(Vec::new())
    }

    /// Measures, in well under a second, what a cohort costs on this thread, its parts not counted.
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

    /// Evaluates what a version from [`Method::trained_since`] on has trained, as [`Method::run`] would
    /// have: the same outcome, metrics, curves and weights, bit for bit. The time of training is zero, that of
    /// evaluation what this took. To be given by methods whose `trained_since` is older than their version.
    ///
    /// # Errors
    /// If the weights are not those of a model with the member's settings, or evaluation fails.
    fn evaluate(
        &self,
        _member: &Member,
        _trained: &Kept,
        _context: &Context,
    ) -> Result<Finished, Error> {
        Err(Error::Settings(format!(
            "runs of {} cannot be evaluated from their weights",
            self.id()
        )))
    }
}
