//! Runs that an older version of their method has trained as today's does: evaluated anew, from their
//! weights.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::claim::leave;
use super::{Shared, Task, conclude, keep, member, record};
use crate::runs::record::Provenance;
use crate::runs::{Identity, Reason, Record, RunLock};
use crate::train::{Context, Error, Event, Kept};

/// Evaluates and stores those of the runs whose training is there already; gives back the others, which
/// are to be trained.
pub(super) fn done_anew(
    shared: &Shared,
    context: &Context,
    held: Vec<(Task, RunLock)>,
) -> Vec<(Task, RunLock)> {
    let mut others = Vec::new();
    for (task, lock) in held {
        // Weights may have gone since the plan was made.
        let Some((older, kept)) = trained(shared, &task) else {
            others.push((task, lock));
            continue;
        };
        context.observer.notify(&Event::Started {
            worker: context.worker,
            names: &[task.name()],
            estimate: task.run.time(),
        });
        let clock = Instant::now();
        let evaluated = catch_unwind(AssertUnwindSafe(|| {
            evaluate(shared, &task, &older, &kept, context)
        }));
        if lock.is_lost() {
            leave(shared, &task);
            continue;
        }
        let stored = evaluated.unwrap_or_else(|panic| Err(Error::of_panic(&*panic)));
        conclude(shared, context.worker, &task, stored, clock.elapsed());
    }
    others
}

/// The older version's record, and what is kept of its training.
fn trained(shared: &Shared, task: &Task) -> Option<(Record, Kept)> {
    let Reason::EvaluationChanged { from, .. } = task.run.reason else {
        return None;
    };
    let older = Identity {
        algorithm: from,
        ..task.run.identity.clone()
    };
    let (record, weights) = shared.store.trained(&older.key())?;
    let curves = record.curves.clone();
    Some((record, Kept { weights, curves }))
}

fn evaluate(
    shared: &Shared,
    task: &Task,
    older: &Record,
    kept: &Kept,
    context: &Context,
) -> Result<Record, Error> {
    let started = jiff::Timestamp::now();
    let run = task.method.evaluate(&member(shared, task), kept, context)?;
    let now = record(shared, task, started, 1, &run);
    let record = Record {
        parts: older.parts.clone(),
        // Their numbers may have been known since then: a margin that has moved shows.
        claims: older.claims.clone(),
        provenance: Provenance {
            evaluation_seconds: now.provenance.evaluation_seconds,
            evaluated: Some(Box::new(now.provenance)),
            ..older.provenance.clone()
        },
        ..now
    };
    Ok(keep(shared, record, &run)?)
}
