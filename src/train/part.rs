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

    /// Measures, in well under a second, what training one costs on this thread. `trial.models` counts
    /// for nothing: parts are trained one by one.
    ///
    /// # Errors
    /// If the settings make no sense, or the device fails.
    fn calibrate(&self, settings: &Value, trial: &Trial) -> Result<Work, Error>;

    /// Trains one, resuming from its checkpoint; `None` if interrupted: what can be saved is then in the
    /// checkpoint. The weights are what the part consists of. Everything it depends on is in the
    /// member's settings and seed, and in the context's data and precision. [`super::drive()`] does most
    /// of it.
    ///
    /// # Errors
    /// If it cannot be trained; divergence is an outcome, not an error.
    fn train(&self, member: &Member, context: &Context) -> Result<Option<Finished>, Error>;
}

/// Something that a run begins with: a kind of part, and its settings.
#[derive(Clone)]
pub struct Need {
    /// The kind.
    pub part: &'static dyn Part,
    /// The part's settings, all of them, and nothing else of the run's.
    pub settings: Value,
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

/// Where parts come from.
pub trait Parts: Sync {
    /// The part of that seed: trained now if it is not there, or waited for if somebody else is
    /// training it; `None` if interrupted meanwhile.
    ///
    /// # Errors
    /// If it cannot be trained, kept or read.
    fn get(&self, need: &Need, seed: Seed, context: &Context) -> Result<Option<Trained>, Error>;
}

/// The parts of a cohort.
#[derive(Debug)]
pub struct Gathered {
    /// One for each member, in order.
    pub parts: Vec<Trained>,
    /// The part of the runs' progress that getting them was: a [`Stage`] for the rest begins here.
    pub behind: f64,
}

/// What the members of a cohort begin with, one after the other. `share` is the part of a run's work
/// that training one is, 0 to 1; where all are there already, they take none of it. `None` if
/// interrupted.
///
/// # Errors
/// As [`Parts::get`].
pub fn gather(
    need: &Need,
    cohort: &[Member],
    share: f64,
    context: &Context,
) -> Result<Option<Gathered>, Error> {
    let (mut parts, mut behind) = (Vec::with_capacity(cohort.len()), 0.0);
    for member in cohort {
        let end = behind + share / cohort.len() as f64;
        let stage = Stage::new(context.observer, behind, end).labelled(need.part.label());
        let context = Context {
            observer: &stage,
            ..*context
        };
        let Some(part) = context.parts.get(need, member.seed, &context)? else {
            return Ok(None);
        };
        if part.is_new {
            behind = end;
        }
        parts.push(part);
    }
    Ok(Some(Gathered { parts, behind }))
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
    fn get(&self, need: &Need, seed: Seed, context: &Context) -> Result<Option<Trained>, Error> {
        let (id, version) = (need.part.id(), need.part.version());
        let precision = context.precision.name();
        let name = format!("{id} {version} {precision} {}", need.settings);
        let key = (name, seed);
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known().get(&key).map(|(outcome, weights)| Trained {
            outcome: *outcome,
            weights: share(weights),
            is_new: false,
        });
        if found.is_some() {
            return Ok(found);
        }
        // Two workers may train the same: nobody waits here.
        let member = Member {
            settings: need.settings.clone(),
            seed,
            checkpoint: std::path::PathBuf::new(),
        };
        let Some(finished) = need.part.train(&member, context)? else {
            return Ok(None);
        };
        let part = Trained {
            outcome: finished.outcome,
            weights: share(&finished.weights),
            is_new: true,
        };
        known().insert(key, (finished.outcome, finished.weights));
        Ok(Some(part))
    }
}

/// For methods that begin with nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoParts;

impl Parts for NoParts {
    fn get(&self, need: &Need, _: Seed, _: &Context) -> Result<Option<Trained>, Error> {
        Err(Error::Settings(format!(
            "there is no {} here to begin with",
            need.part.id()
        )))
    }
}

/// Copies: whoever begins with weights may train on in the same memory.
fn share(weights: &[(String, Tensor)]) -> Named {
    let copies = weights
        .iter()
        .map(|(name, tensor)| (name.clone(), tensor.copy()));
    copies.collect()
}
