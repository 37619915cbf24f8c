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
use tch::{Device, Kind, Tensor};

use super::{Error, Need, Observer, Parts};
use crate::nn::Precision;
use crate::random::Seed;
use crate::runs::checkpoint::{Named, Progress};
use crate::runs::record::{Curves, Outcome};

/// A data set on the device that trains on it.
#[derive(Debug)]
pub struct TrainingData {
    /// `[rows, dims]`, floats.
    pub features: Tensor,
    /// The classes, where they are known; without them metrics that compare with classes are
    /// undefined.
    pub labels: Option<Labels>,
    /// Height and width, where a row is a grey image, line by line.
    pub image: Option<(usize, usize)>,
}

/// The classes of all rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// The class of each row.
    pub values: Vec<u8>,
    /// Number of classes.
    pub classes: usize,
}

impl TrainingData {
    /// Data that can be trained on: looks at every value once.
    ///
    /// # Errors
    /// [`Error::Data`] if the features are no float matrix with at least one row and one column, if a
    /// value is NaN or infinite (the message has its row and column, from 0), or if the labels do not
    /// fit.
    pub fn new(features: Tensor, labels: Option<Labels>) -> Result<Self, Error> {
        let (kind, size) = (features.kind(), features.size());
        let &[rows, columns] = size.as_slice() else {
            return Err(Error::Data(format!(
                "features must be a matrix, not {size:?}"
            )));
        };
        if kind != Kind::Float || rows == 0 || columns == 0 {
            return Err(Error::Data(format!(
                "features must be 32-bit floats with at least one row and one column, not {kind:?} \
                 {size:?}"
            )));
        }
        // A sum in 64 bits of 32-bit floats is finite unless one of them is not.
        let sum = features.f_sum(Kind::Double)?.f_double_value(&[])?;
        if !sum.is_finite() {
            let bad = features.f_isfinite()?.f_logical_not()?.f_nonzero()?;
            let place = [bad.f_int64_value(&[0, 0])?, bad.f_int64_value(&[0, 1])?];
            let value = features.f_double_value(&place)?;
            return Err(Error::Data(format!(
                "row {}, column {} is {value}: every value must be a finite number; fill in or drop \
                 what is missing before training ({} such values in all)",
                place[0],
                place[1],
                bad.size()[0]
            )));
        }
        if let Some(labels) = &labels {
            let count = labels.values.len();
            if count as i64 != rows {
                return Err(Error::Data(format!(
                    "{count} labels for {rows} rows: give one for each, or none at all"
                )));
            }
            let beyond = |label: &u8| usize::from(*label) >= labels.classes;
            if let Some(row) = labels.values.iter().position(beyond) {
                return Err(Error::Data(format!(
                    "row {row} has the label {}, but labels of {} classes are below {}",
                    labels.values[row], labels.classes, labels.classes
                )));
            }
        }
        Ok(Self {
            features,
            labels,
            image: None,
        })
    }

    /// The same, its rows known to be images of this height and width, if any.
    #[must_use]
    pub fn with_image(self, image: Option<(usize, usize)>) -> Self {
        Self { image, ..self }
    }

    /// The class of each row, where known.
    #[must_use]
    pub fn classes(&self) -> Option<&[u8]> {
        self.labels.as_ref().map(|labels| labels.values.as_slice())
    }

    /// Another handle to the same memory, e.g. for another thread.
    #[must_use]
    pub fn share(&self) -> Self {
        Self {
            features: self.features.shallow_clone(),
            labels: self.labels.clone(),
            image: self.image,
        }
    }

    /// The rows from `start` to before `end`, in the same memory.
    #[must_use]
    pub fn between(&self, start: i64, end: i64) -> Self {
        let labels = self.labels.as_ref().map(|labels| Labels {
            values: labels.values[start as usize..end as usize].to_vec(),
            classes: labels.classes,
        });
        Self {
            features: self.features.narrow(0, start, end - start),
            labels,
            image: self.image,
        }
    }

    /// These rows, in this order, in memory of their own.
    ///
    /// # Panics
    /// If one is not there.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let labels = self.labels.as_ref().map(|labels| Labels {
            values: rows.iter().map(|&row| labels.values[row]).collect(),
            classes: labels.classes,
        });
        let numbers: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
        let numbers = Tensor::from_slice(&numbers).to_device(self.features.device());
        Self {
            features: self.features.index_select(0, &numbers),
            labels,
            image: self.image,
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
        }
    }

    /// What a training came to that `measured` gives the measures of; without measures, because something is no
    /// finite number, it has diverged: where a loss showed it, or at its end. `evaluation` is the time they took.
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
    /// have: the same outcome, metrics, curves and weights, bit for bit. The times are left at zero. To be
    /// given by methods whose `trained_since` is older than their version.
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn features() -> Tensor {
        Tensor::arange(12, (Kind::Float, Device::Cpu)).view([4, 3])
    }

    fn labels(values: &[u8]) -> Labels {
        let values = values.to_vec();
        Labels { values, classes: 2 }
    }

    fn refused(features: Tensor, labels: Option<Labels>) -> String {
        TrainingData::new(features, labels).unwrap_err().to_string()
    }

    #[test]
    fn values_that_are_not_finite_are_named_by_row_and_column() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let features = features();
            let _ = features.get(2).get(1).fill_(f64::from(bad));
            let message = refused(features, None);
            assert!(message.contains("row 2, column 1 is"), "{message}");
            assert!(message.contains("(1 such values in all)"), "{message}");
        }
        // Infinities of both signs: their sum is NaN.
        let both = features();
        let _ = both.get(1).get(2).fill_(f64::INFINITY);
        let _ = both.get(3).get(0).fill_(f64::NEG_INFINITY);
        assert!(refused(both, None).contains("row 1, column 2 is inf"));
        // The largest floats are numbers like others.
        let _ = TrainingData::new(features() + f64::from(f32::MAX), None).unwrap();
    }

    #[test]
    fn labels_have_to_fit_or_to_be_absent() {
        let data = TrainingData::new(features(), None).unwrap();
        assert_eq!((data.classes(), data.rows(), data.dims()), (None, 4, 3));
        let data = TrainingData::new(features(), Some(labels(&[0, 1, 1, 0]))).unwrap();
        assert_eq!(data.share().classes(), Some([0, 1, 1, 0].as_slice()));
        assert!(refused(features(), Some(labels(&[0, 1]))).contains("2 labels for 4 rows"));
        let message = refused(features(), Some(labels(&[0, 1, 2, 0])));
        assert!(message.contains("row 2 has the label 2"), "{message}");
    }

    #[test]
    fn what_is_no_matrix_of_floats_is_refused() {
        for wrong in [
            features().view([12]),
            features().to_kind(Kind::Double),
            features().narrow(0, 0, 0),
            features().narrow(1, 0, 0),
        ] {
            assert!(refused(wrong, None).contains("features must be"));
        }
    }
}
