//! Parts: what several runs begin with, trained once for all of them. A pretrained autoencoder is one.
//!
//! A method says what its runs begin with ([`Method::needs`]) and asks its [`Context`] for it
//! ([`gather`]). Where parts are kept, who trains them, and who waits for whom meanwhile, it does not
//! know: [`Parts`] has one form that keeps them in a store, and one that keeps them in memory.
//!
//! [`Method::needs`]: super::Method::needs

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use tch::Tensor;

use super::method::{Finished, Trial, Work};
use super::observer::Stage;
use super::{Context, Error, Member};
use crate::random::Seed;
use crate::runs::Outcome;
use crate::runs::checkpoint::Named;

/// A kind of part: how it is trained.
pub trait Part: Sync {
    /// The name used in keys, e.g. `autoencoder`.
    fn id(&self) -> &'static str;

    /// What is being done while it is trained, in a word or two, e.g. `pretraining`.
    fn label(&self) -> &'static str;

    /// Raised by hand whenever its results change, so that it is trained anew. Runs that begin with it
    /// then need another version too.
    fn version(&self) -> u32;

    /// Measures, in well under a second, what training `trial.models` of them together costs on this
    /// thread.
    ///
    /// # Errors
    /// If the settings make no sense, or the device fails.
    fn calibrate(&self, settings: &Value, trial: &Trial) -> Result<Work, Error>;

    /// Trains a cohort of them, which have the settings in common and come equally far, resuming from
    /// their checkpoints; gives what each came to, in order. `None` if interrupted: what can be saved is
    /// then in the checkpoints. The weights are what a part consists of. Everything it depends on is in
    /// its member's settings and seed, and in the context's data and precision, and beyond rounding not in
    /// the other members. [`super::drive()`] does most of it.
    ///
    /// # Errors
    /// If they cannot be trained; divergence is an outcome, not an error.
    fn train(&self, cohort: &[Member], context: &Context) -> Result<Option<Vec<Finished>>, Error>;
}

/// Something that a run begins with: a kind of part, its settings, and its seed.
#[derive(Clone)]
pub struct Need {
    /// The kind.
    pub part: &'static dyn Part,
    /// The part's settings, all of them, and nothing else of the run's.
    pub settings: Value,
    /// The part's seed, if it is not the run's own: all runs begin with one part then.
    pub seed: Option<Seed>,
}

impl Need {
    /// The seed of the part that the run of a seed begins with.
    #[must_use]
    pub fn seed_for(&self, run: Seed) -> Seed {
        self.seed.unwrap_or(run)
    }
}

/// A part, ready to begin with.
#[derive(Debug)]
pub struct Trained {
    /// How its training ended. A run that needs a diverged part has diverged too.
    pub outcome: Outcome,
    /// What was trained, by name, on any device; nothing if it diverged.
    pub weights: Named,
    /// Whether it was trained, or waited for, just now; not if it was there.
    pub is_new: bool,
}

impl Trained {
    /// The same once more, in memory of its own.
    pub(super) fn deep_copy(&self) -> Self {
        Self {
            outcome: self.outcome,
            weights: copied(&self.weights),
            is_new: self.is_new,
        }
    }
}

/// Where parts come from.
pub trait Parts: Sync {
    /// The parts that the runs of those seeds begin with, in order: those that are not there are trained
    /// now, together, or waited for if somebody else is training them; `None` if interrupted meanwhile. A
    /// seed may be there twice.
    ///
    /// # Errors
    /// If one cannot be trained, kept or read.
    fn get(
        &self,
        need: &Need,
        seeds: &[Seed],
        context: &Context,
    ) -> Result<Option<Vec<Trained>>, Error>;
}

/// The parts of a cohort.
#[derive(Debug)]
pub struct Gathered {
    /// One for each member, in order.
    pub parts: Vec<Trained>,
    /// Fraction of the run's progress already used; the next [`Stage`] starts here.
    pub behind: f64,
}

/// What the members of a cohort begin with. `share` is the part of a run's work that training it is, 0
/// to 1; where all are there already, they take none of it. `None` if interrupted.
///
/// # Errors
/// As [`Parts::get`].
pub fn gather(
    need: &Need,
    cohort: &[Member],
    share: f64,
    context: &Context,
) -> Result<Option<Gathered>, Error> {
    let seeds: Vec<Seed> = cohort.iter().map(|member| member.seed).collect();
    let stage = Stage::new(context.observer, 0.0, share).labelled(need.part.label());
    let context = Context {
        observer: &stage,
        ..*context
    };
    let parts = context.parts.get(need, &seeds, &context)?;
    Ok(parts.map(|parts| {
        let is_new = parts.iter().any(|part| part.is_new);
        let behind = if is_new { share } else { 0.0 };
        Gathered { parts, behind }
    }))
}

/// The seeds of the parts that runs of those seeds begin with, each once.
pub(super) fn distinct(need: &Need, runs: &[Seed]) -> Vec<Seed> {
    let mut distinct = Vec::with_capacity(runs.len());
    for run in runs {
        let seed = need.seed_for(*run);
        if !distinct.contains(&seed) {
            distinct.push(seed);
        }
    }
    distinct
}

/// How a training ended, and what it gave.
type Ended = (Outcome, Vec<(String, Tensor)>);

/// Parts that live as long as this: for what needs no store. They are trained for one data set.
#[derive(Debug, Default)]
pub struct InMemory {
    known: Mutex<HashMap<(String, Seed), Ended>>,
}

impl InMemory {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        let known = self.known.lock();
        known.unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Parts for InMemory {
    fn get(
        &self,
        need: &Need,
        seeds: &[Seed],
        context: &Context,
    ) -> Result<Option<Vec<Trained>>, Error> {
        let (id, version) = (need.part.id(), need.part.version());
        let precision = context.precision.name();
        let name = format!("{id} {version} {precision} {}", need.settings);
        let key = |seed: Seed| (name.clone(), seed);
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut missing = distinct(need, seeds);
        missing.retain(|&seed| !known().contains_key(&key(seed)));
        if !missing.is_empty() {
            // Two workers may train the same: nobody waits here.
            let members = missing.iter().map(|&seed| Member {
                settings: need.settings.clone(),
                seed,
                checkpoint: std::path::PathBuf::new(),
            });
            let members: Vec<Member> = members.collect();
            let Some(finished) = need.part.train(&members, context)? else {
                return Ok(None);
            };
            for (&seed, part) in missing.iter().zip(finished) {
                known().insert(key(seed), (part.outcome, part.weights));
            }
        }
        let known = known();
        let found = seeds.iter().filter_map(|&run| {
            let seed = need.seed_for(run);
            let (outcome, weights) = known.get(&key(seed))?;
            Some(Trained {
                outcome: *outcome,
                weights: copied(weights.iter().map(|weight| (&weight.0, &weight.1))),
                is_new: missing.contains(&seed),
            })
        });
        Ok(Some(found.collect()))
    }
}

/// For methods that begin with nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoParts;

impl Parts for NoParts {
    fn get(&self, need: &Need, _: &[Seed], _: &Context) -> Result<Option<Vec<Trained>>, Error> {
        Err(Error::Settings(format!(
            "there is no {} here to begin with",
            need.part.id()
        )))
    }
}

/// Copies: whoever begins with weights may train on in the same memory.
fn copied<'a>(weights: impl IntoIterator<Item = (&'a String, &'a Tensor)>) -> Named {
    let weights = weights.into_iter();
    weights
        .map(|(name, tensor)| (name.clone(), tensor.copy()))
        .collect()
}
