//! Taking runs: ours, another process's, or finished by it in the meantime.

use std::time::Duration;

use super::queue::Cohort;
use super::{Shared, Task, fail, locked};
use crate::runs::{self, Holder, Record, RunLock, checkpoint};
use crate::train::Event;

/// Locks the runs of a cohort; leaves out those that another process holds or has finished, and
/// those that it has brought further than the others of the cohort are.
pub(super) fn claim(shared: &Shared, worker: usize, cohort: Cohort) -> Vec<(Task, RunLock)> {
    let mut held: Vec<(Task, RunLock)> = Vec::new();
    for task in cohort.tasks {
        match take(shared, &task) {
            Ok(Taken::Ours(lock)) => held.push((task, lock)),
            Ok(Taken::Finished(record)) => done_elsewhere(shared, worker, &task, &record),
            Ok(Taken::Elsewhere) if cohort.second_look => leave(shared, &task),
            Ok(Taken::Elsewhere) => locked(&shared.queue).put_off(task),
            Err(error) => fail(shared, worker, &task, &error.to_string()),
        }
    }
    if held.len() > 1 {
        let at = |task: &Task| {
            let progress = checkpoint::progress(&shared.store.checkpoint(&task.run.key));
            progress.map_or(0, |progress| progress.iteration)
        };
        let first = at(&held[0].0);
        let (same, others) = held.into_iter().partition(|(task, _)| at(task) == first);
        held = same;
        let others = others.into_iter().map(|(task, _)| Cohort::from(vec![task]));
        locked(&shared.queue).add(others);
    }
    held
}

/// Whose a run is.
enum Taken {
    Ours(RunLock),
    Elsewhere,
    Finished(Box<Record>),
}

/// Takes a run; what is damaged is put out of its way.
fn take(shared: &Shared, task: &Task) -> Result<Taken, runs::Error> {
    let key = &task.run.key;
    let Some(lock) = shared.store.lock(key)? else {
        return Ok(Taken::Elsewhere);
    };
    match shared.store.intact(key) {
        Ok(None) => Ok(Taken::Ours(lock)),
        Ok(Some(record)) => Ok(Taken::Finished(Box::new(record))),
        Err(runs::Error::Damaged { .. }) => {
            let kept = shared.store.keep_aside(key)?;
            locked(&shared.report).kept_aside.extend(kept);
            Ok(Taken::Ours(lock))
        }
        Err(error) => Err(error),
    }
}

/// Counts a run that another process has done since this one made its plan.
fn done_elsewhere(shared: &Shared, worker: usize, task: &Task, record: &Record) {
    locked(&shared.report).finished += 1;
    let name = task.name();
    let by = &record.provenance;
    shared.observer.notify(&Event::Started {
        worker,
        names: std::slice::from_ref(&name),
        estimate: task.run.time(),
    });
    let seconds = by.training_seconds + by.evaluation_seconds;
    shared.observer.notify(&Event::Finished {
        worker,
        name: &name,
        summary: &format!(
            "{}, done by another process on {}",
            (shared.headline)(record),
            by.host
        ),
        elapsed: Duration::try_from_secs_f64(seconds).unwrap_or_default(),
    });
}

/// Leaves a run to the process that has it.
pub(super) fn leave(shared: &Shared, task: &Task) {
    let holder = shared.store.holder(&task.run.key);
    let mut report = locked(&shared.report);
    report.elsewhere += 1;
    report.left.push(task.run.key.clone());
    let known = |holder: &Holder| report.holders.iter().any(|other| other.is_same(holder));
    if let Some(holder) = holder.filter(|holder| !known(holder)) {
        report.holders.push(holder);
    }
}
