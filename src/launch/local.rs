//! Runs on this machine: workers that take cohorts from one queue.
//!
//! On a CPU a cohort is one run, and the threads are divided among the workers: how many of them are
//! fastest is measured (`calibrate`). On a GPU there is one worker, and all runs of equal shape train
//! as one cohort; one that does not fit into the device's memory is halved.
//!
//! Each run is its own fault domain: an error or a panic in one cohort fails the runs of that
//! cohort and no others.
//!
//! Nobody waits for a part that another worker is training while there is anything else to do (`queue`).
//!
//! Several processes on one store share the work: a run that another one holds is put off, and looked
//! at once more when nothing else is left. By then it is done, or free because the other was stopped,
//! or it is left to the other.

mod claim;
mod evaluation;
mod queue;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tch::Device;

use self::claim::{claim, leave};
use self::queue::{Cohort, Next, Queue};
use super::Error;
use crate::data::Digest;
use crate::files::write_whole;
use crate::runs::identity::SCHEMA;
use crate::runs::record::{Provenance, Record};
use crate::runs::store::Failure;
use crate::runs::{self, Holder, PlannedRun, Store, checkpoint};
use crate::train::{
    self, Context, Event, Finished, Member, Method, Observer, StoredParts, TrainingData,
};

/// What the names of worker threads start with.
pub const WORKER: &str = "worker";

/// A run to be carried out, and by what.
#[derive(Clone)]
pub struct Task {
    /// The run.
    pub run: PlannedRun,
    /// Its method.
    pub method: &'static dyn Method,
    /// What the claims are that it is done for: into the record, see [`Record::claims`].
    pub claims: Arc<BTreeMap<String, String>>,
}

impl Task {
    /// `gamma=0.001 seed 3`
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} seed {}", self.run.variant, self.run.identity.seed)
    }
}

/// Data sets by id, on the device that trains.
pub type DataSets = BTreeMap<String, TrainingData>;

/// How the work is done.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Where to compute.
    pub device: Device,
    /// CPU threads in all.
    pub threads: usize,
    /// Runs at the same time on a CPU; as many as threads if nobody has said.
    pub workers: Option<usize>,
    /// How often unfinished runs are saved.
    pub checkpoint_interval: Duration,
}

/// How many workers there are, and how many threads each of them uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Team {
    /// Workers.
    pub workers: usize,
    /// Threads of each.
    pub threads_each: usize,
}

impl Team {
    /// The team for a number of pending runs.
    #[must_use]
    pub fn new(options: &Options, runs: usize) -> Self {
        let threads = options.threads.max(1);
        let workers = match options.device {
            Device::Cpu => options
                .workers
                .unwrap_or(threads)
                .clamp(1, threads.min(runs.max(1))),
            _ => 1,
        };
        Self {
            workers,
            threads_each: threads / workers,
        }
    }
}

/// What came of the work.
#[derive(Debug, Default)]
pub struct Report {
    /// Runs completed since they were planned, here or by another process.
    pub finished: usize,
    /// Runs that another process is working on.
    pub elsewhere: usize,
    /// The keys of these.
    pub left: Vec<runs::Key>,
    /// The processes that do, where they can be told.
    pub holders: Vec<Holder>,
    /// Damaged files of runs that were done again, under their new names.
    pub kept_aside: Vec<PathBuf>,
    /// Names and errors of the runs that failed.
    pub failures: Vec<(String, String)>,
    /// Whether the work was cut short.
    pub interrupted: bool,
}

struct Shared<'a> {
    store: &'a Store,
    options: Options,
    team: Team,
    interrupted: &'a AtomicBool,
    observer: &'a dyn Observer,
    headline: &'a (dyn Fn(&Record) -> String + Sync),
    queue: Mutex<Queue>,
    report: Mutex<Report>,
}

/// A worker that panics holds no lock of ours while it does, so the data behind one is sound.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Carries out `tasks` and stores what they give; `headline` puts a record into a few words for the
/// observer.
///
/// # Errors
/// If a worker cannot be started. Runs that fail are in the report.
pub fn execute(
    store: &Store,
    tasks: Vec<Task>,
    data: &DataSets,
    options: Options,
    interrupted: &AtomicBool,
    observer: &dyn Observer,
    headline: &(dyn Fn(&Record) -> String + Sync),
) -> Result<Report, Error> {
    let team = Team::new(&options, tasks.len());
    let shared = Shared {
        store,
        options,
        team,
        interrupted,
        observer,
        headline,
        queue: Mutex::new(Queue::new(tasks, options.device)),
        report: Mutex::default(),
    };
    std::thread::scope(|scope| {
        let mut started = Vec::new();
        for worker in 0..team.workers {
            let sets = data.iter();
            let data: DataSets = sets
                .map(|(id, set)| (id.clone(), set.shallow_clone()))
                .collect();
            let shared = &shared;
            let builder = std::thread::Builder::new().name(format!("{WORKER} {worker}"));
            let thread = builder.spawn_scoped(scope, move || work(shared, worker, &data));
            started.push(thread.map_err(Error::Thread));
        }
        // Some workers are enough to do the work: only none at all is an error.
        if started.iter().any(Result::is_ok) {
            Ok(())
        } else {
            started
                .into_iter()
                .find_map(Result::err)
                .map_or(Ok(()), Err)
        }
    })?;
    Ok(shared
        .report
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner))
}

/// What runs have in common that may train as one cohort: data set, method, and shape, or the key of a
/// run that trains alone.
pub(super) fn alike(task: &Task) -> (String, String, String) {
    // Settings that cannot be read fail on their own, with their own message.
    let shape = task.method.shape(&task.run.identity.settings);
    let shape = shape.ok().flatten();
    let shape = shape.unwrap_or_else(|| task.run.key.as_str().to_owned());
    let data = task.run.identity.data.clone();
    (data, task.method.id().to_owned(), shape)
}

fn work(shared: &Shared, worker: usize, data: &DataSets) {
    tch::set_num_threads(shared.team.threads_each.try_into().unwrap_or(1));
    let _no_graph = tch::no_grad_guard();
    loop {
        let next = locked(&shared.queue).next(shared.store);
        let Some(Next { cohort, lacks }) = next else {
            return;
        };
        if shared.interrupted.load(Ordering::Relaxed) {
            locked(&shared.report).interrupted = true;
            return;
        }
        let tasks = cohort.tasks.clone();
        let whole = catch_unwind(AssertUnwindSafe(|| {
            run_cohort(shared, worker, data, cohort);
        }));
        if let Err(panic) = whole {
            let error = train::Error::of_panic(&*panic).to_string();
            for task in &tasks {
                fail(shared, worker, task, &error);
            }
        }
        locked(&shared.queue).give_back(&lacks);
        shared.observer.notify(&Event::Stopped { worker });
    }
}

/// Trains one cohort and stores its runs.
fn run_cohort(shared: &Shared, worker: usize, data: &DataSets, cohort: Cohort) {
    let held = claim(shared, worker, cohort);
    let Some(first) = held.first().map(|(task, _)| task.clone()) else {
        return;
    };
    // All runs of a cohort are on one data set.
    let id = &first.run.identity.data;
    let Some(data) = data.get(id) else {
        for (task, _) in &held {
            fail(
                shared,
                worker,
                task,
                &format!("the data set {id} is not loaded"),
            );
        }
        return;
    };
    let parts = StoredParts::new(shared.store, &first.run.identity);
    let context = Context {
        data,
        parts: &parts,
        device: shared.options.device,
        precision: first.run.identity.precision,
        interrupted: shared.interrupted,
        checkpoint_interval: shared.options.checkpoint_interval,
        observer: shared.observer,
        worker,
    };
    let held = evaluation::done_anew(shared, &context, held);
    if held.is_empty() {
        return;
    }
    let names: Vec<String> = held.iter().map(|(task, _)| task.name()).collect();
    let estimates = held.iter().map(|(task, _)| task.run.time());
    context.observer.notify(&Event::Started {
        worker: context.worker,
        names: &names,
        estimate: estimates.sum::<Option<Duration>>(),
    });
    let members: Vec<Member> = held.iter().map(|(task, _)| member(shared, task)).collect();
    let started = jiff::Timestamp::now();
    let clock = Instant::now();
    let method = first.method;
    let ran = catch_unwind(AssertUnwindSafe(|| method.run(&members, &context)));
    match ran.unwrap_or_else(|panic| Err(train::Error::of_panic(&*panic))) {
        Ok(Some(runs)) => {
            let size = held.len();
            for ((task, lock), run) in held.iter().zip(runs) {
                if lock.is_lost() {
                    leave(shared, task);
                    continue;
                }
                let kept = run.and_then(|run| {
                    let mut record = record(shared, task, started, size, &run);
                    record.parts = parts.used_by(task.run.identity.seed);
                    Ok(keep(shared, record, &run)?)
                });
                conclude(shared, worker, task, kept, clock.elapsed() / size as u32);
            }
        }
        Ok(None) => locked(&shared.report).interrupted = true,
        Err(error) if held.len() > 1 && error.to_string().contains("out of memory") => {
            let mut left: Vec<Task> = held.into_iter().map(|(task, _)| task).collect();
            let right = left.split_off(left.len() / 2);
            locked(&shared.queue).add([left.into(), right.into()]);
        }
        Err(error) => {
            for (task, _) in &held {
                fail(shared, worker, task, &error.to_string());
            }
        }
    }
}

fn member(shared: &Shared, task: &Task) -> Member {
    Member {
        settings: task.run.identity.settings.clone(),
        seed: task.run.identity.seed,
        checkpoint: shared.store.checkpoint(&task.run.key),
    }
}

/// Tells what a run came to, once it is stored or could not be.
fn conclude(
    shared: &Shared,
    worker: usize,
    task: &Task,
    kept: Result<Record, train::Error>,
    elapsed: Duration,
) {
    match kept {
        Ok(record) => {
            locked(&shared.report).finished += 1;
            shared.observer.notify(&Event::Finished {
                worker,
                name: &task.name(),
                summary: &(shared.headline)(&record),
                elapsed,
            });
        }
        Err(error) => fail(shared, worker, task, &error.to_string()),
    }
}

fn fail(shared: &Shared, worker: usize, task: &Task, message: &str) {
    let failure = Failure {
        message: message.to_owned(),
        when: jiff::Timestamp::now().to_string(),
    };
    // The store itself may be what failed; the report below has the message in any case.
    let _ = shared.store.write_failure(&task.run.key, &failure);
    let name = task.name();
    shared.observer.notify(&Event::Failed {
        worker,
        name: &name,
        message,
    });
    locked(&shared.report)
        .failures
        .push((name, message.to_owned()));
}

fn record(
    shared: &Shared,
    task: &Task,
    started: jiff::Timestamp,
    cohort: usize,
    finished: &Finished,
) -> Record {
    let metrics = finished.metrics.iter();
    Record {
        schema: SCHEMA,
        key: task.run.key.clone(),
        identity: task.run.identity.clone(),
        variant: task.run.variant.clone(),
        outcome: finished.outcome,
        metrics: metrics
            .map(|(name, value)| (name.clone(), value.is_finite().then_some(*value)))
            .collect(),
        curves: finished.curves.clone(),
        weights_sha256: None,
        claims: task.claims.as_ref().clone(),
        parts: Vec::new(),
        provenance: Provenance {
            threads: shared.team.threads_each,
            cohort,
            training_seconds: finished.training.as_secs_f64(),
            evaluation_seconds: finished.evaluation.as_secs_f64(),
            resumed: finished.resumed,
            ..Provenance::here(shared.options.device, task.run.identity.precision, started)
        }
        .after(&finished.makers),
    }
}

/// Writes the weights, then the record, which makes the run complete.
fn keep(shared: &Shared, mut record: Record, finished: &Finished) -> Result<Record, runs::Error> {
    if !finished.weights.is_empty() {
        let path = shared.store.weights(&record.key);
        let bytes = checkpoint::encode(&path, &finished.weights, None)?;
        write_whole(&path, &bytes).map_err(runs::Error::io("write", &path))?;
        record.weights_sha256 = Some(Digest::of(&bytes).to_string());
    }
    shared.store.write_record(&record)?;
    Ok(record)
}

#[cfg(test)]
mod tests;
