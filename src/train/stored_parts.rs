//! Parts kept in a store: trained by whoever needs one first, awaited by the others.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::part::{Need, Parts, Trained};
use super::{Context, Error, Event, Member};
use crate::random::Seed;
use crate::runs::checkpoint::Named;
use crate::runs::identity::SCHEMA;
use crate::runs::part::{NewPart, PartFolder, PartIdentity, PartRecord, PartUse};
use crate::runs::record::Provenance;
use crate::runs::{self, Identity, RunLock, Store};

/// Between two looks at whether another one has finished.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// How soon to look again for a holder that has not given its name yet.
const SOON: Duration = Duration::from_millis(20);

/// The parts of a store, for runs that share a data set and a precision.
#[derive(Debug)]
pub struct StoredParts<'a> {
    store: &'a Store,
    run: &'a Identity,
    used: Mutex<Vec<(Seed, PartUse)>>,
}

/// The identity of what a run of that identity begins with.
#[must_use]
pub fn identity(need: &Need, run: &Identity) -> PartIdentity {
    PartIdentity {
        schema: SCHEMA,
        part: need.part.id().to_owned(),
        algorithm: need.part.version(),
        settings: need.settings.clone(),
        data: run.data.clone(),
        data_sha256: run.data_sha256.clone(),
        seed: run.seed,
        precision: run.precision,
    }
}

impl<'a> StoredParts<'a> {
    /// For runs that share the data set and the precision of `run`.
    #[must_use]
    pub fn new(store: &'a Store, run: &'a Identity) -> Self {
        Self {
            store,
            run,
            used: Mutex::default(),
        }
    }

    /// The parts that the run of a seed has asked for.
    #[must_use]
    pub fn used_by(&self, seed: Seed) -> Vec<PartUse> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let own = used.iter().filter(|(one, _)| *one == seed);
        own.map(|(_, part)| part.clone()).collect()
    }

    fn hand_out(&self, record: &PartRecord, weights: Named, is_new: bool) -> Trained {
        let part = (record.identity.seed, record.to_use());
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if !used.contains(&part) {
            used.push(part);
        }
        Trained {
            outcome: record.outcome,
            weights,
            is_new,
        }
    }
}

impl Parts for StoredParts<'_> {
    fn get(&self, need: &Need, seed: Seed, context: &Context) -> Result<Option<Trained>, Error> {
        let identity = PartIdentity {
            seed,
            ..identity(need, self.run)
        };
        let place = PartFolder::new(self.store, identity);
        let mut is_new = false;
        loop {
            match place.load() {
                Ok(Some((record, weights))) => {
                    return Ok(Some(self.hand_out(&record, weights, is_new)));
                }
                // What seems damaged may be in somebody's hands: looked at again with the lock.
                Ok(None) | Err(runs::Error::Damaged { .. }) => is_new = true,
                Err(error) => return Err(error.into()),
            }
            if context.is_interrupted() {
                return Ok(None);
            }
            let Some(lock) = place.lock()? else {
                wait(&place, seed, context);
                continue;
            };
            match place.load() {
                Ok(None) => {}
                // Finished just now.
                Ok(Some(_)) => continue,
                Err(runs::Error::Damaged { .. }) => drop(place.keep_aside()?),
                Err(error) => return Err(error.into()),
            }
            let context = Context {
                precision: self.run.precision,
                ..*context
            };
            if !train(need, seed, &place, &lock, &context)? {
                return Ok(None);
            }
        }
    }
}

/// Trains a part and keeps it, unless another process has taken it over in the meantime; whether it
/// came to its end.
fn train(
    need: &Need,
    seed: Seed,
    place: &PartFolder,
    lock: &RunLock,
    context: &Context,
) -> Result<bool, Error> {
    let started = jiff::Timestamp::now();
    let member = Member {
        settings: need.settings.clone(),
        seed,
        checkpoint: place.checkpoint(),
    };
    let Some(part) = need.part.train(&member, context)? else {
        return Ok(false);
    };
    if lock.is_lost() {
        return Ok(true);
    }
    place.write(NewPart {
        outcome: part.outcome,
        metrics: &part.metrics,
        curves: part.curves,
        weights: &part.weights,
        provenance: Provenance {
            training_seconds: part.training.as_secs_f64(),
            evaluation_seconds: part.evaluation.as_secs_f64(),
            resumed: part.resumed,
            ..Provenance::here(context.device, context.precision, started)
        },
    })?;
    Ok(true)
}

/// Lets some time pass, and says for whom.
fn wait(place: &PartFolder, seed: Seed, context: &Context) {
    let progress = place.progress();
    let fraction = progress.map_or(0.0, |progress| {
        progress.iteration as f64 / progress.iterations.max(1) as f64
    });
    let holder = place
        .holder()
        .map_or(String::new(), |holder| format!(", done by {holder}"));
    context.observer.notify(&Event::Advanced {
        worker: context.worker,
        fraction,
        detail: &format!("of seed {seed}: waiting{holder}"),
    });
    // The lock is taken a moment before its holder's name is written.
    std::thread::sleep(if holder.is_empty() {
        SOON
    } else {
        LOOK_INTERVAL
    });
}
