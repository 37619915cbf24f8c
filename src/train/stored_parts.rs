//! Parts kept in a store: trained by whoever needs one first, awaited by the others. Those that a cohort
//! of runs lacks are trained as a cohort; each keeps a folder, a lock and a checkpoint of its own, so that
//! another cohort, or a single run, may go on with it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::part::{Need, Parts, Trained, distinct};
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
    /// By the seed of the run.
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
        seed: need.seed_for(run.seed),
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

    /// Notes that the run of a seed has asked for a part.
    fn note(&self, run: Seed, part: &PartUse) {
        let part = (run, part.clone());
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if !used.contains(&part) {
            used.push(part);
        }
    }
}

/// A part that was read, and what runs say of it.
fn found(record: &PartRecord, weights: Named, is_new: bool) -> (PartUse, Trained) {
    let trained = Trained {
        outcome: record.outcome,
        weights,
        is_new,
    };
    (record.to_use(), trained)
}

/// A part that this process trains.
struct Held<'a> {
    seed: Seed,
    place: &'a PartFolder,
    lock: RunLock,
}

impl Parts for StoredParts<'_> {
    fn get(
        &self,
        need: &Need,
        seeds: &[Seed],
        context: &Context,
    ) -> Result<Option<Vec<Trained>>, Error> {
        let context = &Context {
            precision: self.run.precision,
            ..*context
        };
        let mut missing: Vec<(Seed, PartFolder)> = distinct(need, seeds)
            .into_iter()
            .map(|seed| {
                let common = identity(need, self.run);
                let identity = PartIdentity { seed, ..common };
                (seed, PartFolder::new(self.store, identity))
            })
            .collect();
        let (mut all, mut is_new) = (HashMap::new(), false);
        loop {
            let mut others = Vec::with_capacity(missing.len());
            for (seed, place) in missing {
                match place.load() {
                    Ok(Some((record, weights))) => {
                        all.insert(seed, found(&record, weights, is_new));
                    }
                    // What seems damaged may be in somebody's hands: looked at again with the lock.
                    Ok(None) | Err(runs::Error::Damaged { .. }) => others.push((seed, place)),
                    Err(error) => return Err(error.into()),
                }
            }
            missing = others;
            is_new = true;
            let Some((seed, place)) = missing.first() else {
                break;
            };
            if context.is_interrupted() {
                return Ok(None);
            }
            let cohort = take(&missing)?;
            if cohort.is_empty() {
                wait(place, *seed, context);
                continue;
            }
            match train(need, &cohort, context) {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                // A checkpoint was of no use and lies aside now: they are divided otherwise next time.
                Err(Error::Apart(_)) if cohort.len() > 1 => {}
                Err(error) => return Err(error),
            }
        }
        let parts = seeds.iter().filter_map(|&run| {
            let (part, trained) = all.get(&need.seed_for(run))?;
            self.note(run, part);
            Some(trained.deep_copy())
        });
        Ok(Some(parts.collect()))
    }
}

/// Locks what can be trained together: parts that nobody else has, and that have come equally far. The
/// others are free again afterwards.
fn take(missing: &[(Seed, PartFolder)]) -> Result<Vec<Held<'_>>, Error> {
    let mut held = Vec::new();
    for (seed, place) in missing {
        let Some(lock) = place.lock()? else {
            continue;
        };
        match place.load() {
            Ok(None) => {}
            // Finished just now.
            Ok(Some(_)) => continue,
            Err(runs::Error::Damaged { .. }) => drop(place.keep_aside()?),
            Err(error) => return Err(error.into()),
        }
        held.push(Held {
            seed: *seed,
            place,
            lock,
        });
    }
    let at = |one: &Held| {
        one.place
            .progress()
            .map_or(0, |progress| progress.iteration)
    };
    if let Some(first) = held.first().map(at) {
        held.retain(|one| at(one) == first);
    }
    Ok(held)
}

/// Trains parts and keeps each, unless another process has taken it over in the meantime; whether they
/// came to their end.
fn train(need: &Need, cohort: &[Held], context: &Context) -> Result<bool, Error> {
    let started = jiff::Timestamp::now();
    let members = cohort.iter().map(|one| Member {
        settings: need.settings.clone(),
        seed: one.seed,
        checkpoint: one.place.checkpoint(),
    });
    let members: Vec<Member> = members.collect();
    let Some(parts) = need.part.train(&members, context)? else {
        return Ok(false);
    };
    let mut failed = None;
    for (one, part) in cohort.iter().zip(parts) {
        if one.lock.is_lost() {
            continue;
        }
        let written = one.place.write(NewPart {
            outcome: part.outcome,
            metrics: &part.metrics,
            curves: part.curves,
            weights: &part.weights,
            provenance: Provenance {
                cohort: cohort.len(),
                training_seconds: part.training.as_secs_f64(),
                evaluation_seconds: part.evaluation.as_secs_f64(),
                resumed: part.resumed,
                ..Provenance::here(context.device, context.precision, started)
            }
            .after(&part.makers),
        });
        // What the disk refuses of one is no reason to lose the others.
        if let Err(error) = written {
            failed.get_or_insert(error);
        }
    }
    failed.map_or(Ok(true), |error| Err(error.into()))
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
    // It is another's time that brought it there.
    context.observer.notify(&Event::Resumed {
        worker: context.worker,
        fraction,
    });
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
