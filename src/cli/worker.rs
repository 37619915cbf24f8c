//! `replicate worker`: one task of a plan, wherever a launcher starts it. May be started again or twice:
//! finished runs are left alone, unfinished ones resumed, those in another process's hands left to it.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use clap::Args;
use serde_json::json;

use super::interrupt::{self, Wishes};
use super::run::{execute, load, say};
use super::session::Session;
use super::{print_json, request, words};
use crate::launch::slurm::{self, Requeue, Stop};
use crate::launch::{PlannedTask, Report, plan_file};
use crate::runs::lock::{self, HEARTBEAT};
use crate::runs::part::PartFolder;
use crate::runs::{Key, Store, checkpoint};
use crate::train::stored_parts;
use crate::{Error, device};

/// Between two looks at a run that another process has.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Arguments of `replicate worker`.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct WorkerArgs {
    /// The plan, plan.jsonl in a launch's folder
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    /// Which line of it, from 0
    #[arg(value_name = "INDEX")]
    index: usize,
    /// CPU threads to use [default: the plan's, else those that Slurm gives, else all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// In a job of Slurm's that is told to stop: have it queued again, so many times at most
    #[arg(long, value_name = "N", default_value_t = 0)]
    requeues: u32,
    /// Write what was done as JSON
    #[arg(long)]
    json: bool,
}

// Each paragraph is one line: clap breaks it where the terminal ends.
const AFTER_HELP: &str = "\
Every engine that can start a command for each line of a file can carry out a plan: see REPRODUCE.md for \
HyperQueue and GNU parallel. To start a task twice does no harm: finished runs are left alone, unfinished \
ones resumed, and those that a living process has are left to it.

SIGUSR1, SIGTERM, SIGINT and, but under nohup, SIGHUP have it save and stop (exit code 130).";

/// Does a task.
///
/// # Errors
/// If the plan cannot be used, data cannot be had, runs failed, or it was told to stop.
pub fn run(args: &WorkerArgs) -> Result<(), Error> {
    let wishes = interrupt::obey()?;
    let task = plan_file::read_task(&args.plan, args.index)?;
    let (replication, mut options) = request::read(&task.request, &args.plan)?;
    let given = || std::env::var("SLURM_CPUS_PER_TASK").ok()?.parse().ok();
    options.threads = args.threads.or(options.threads).or_else(given);
    let start = || request::session(&task.request, replication, options.clone(), &task.runs);
    let mut session = start()?;
    let before = milestones(&session);
    let access = request::access(&task.request)?;
    let mut report = Report::default();
    if !session.pending().is_empty() {
        session.store.probe()?;
        let (mut pending, data) = load(&mut session, &access)?;
        while !pending.is_empty() {
            let next = execute(&session, pending, &data, &wishes.stop)?;
            report = both(report, next);
            // What a dead machine has left can be taken up when its silence has been long enough.
            if report.interrupted || !is_worth_waiting(&session.store, &report.left, &wishes) {
                break;
            }
            session = start()?;
            pending = session.pending();
            pending.retain(|task| report.left.contains(&task.run.key));
        }
    }
    for path in &report.kept_aside {
        say(&format!("a damaged file is now {}", path.display()));
    }
    // Told to stop while it waited for runs that another process has, it has not done them either.
    let gave_up = wishes.stop.load(Ordering::Relaxed) && !report.left.is_empty();
    if report.interrupted || gave_up {
        return stopped(args, &wishes, milestones(&session) > before);
    }
    finish(args, &task, &session, &report)
}

fn finish(
    args: &WorkerArgs,
    task: &PlannedTask,
    session: &Session,
    report: &Report,
) -> Result<(), Error> {
    let left = report.elsewhere;
    if left > 0 {
        let names: Vec<String> = report.holders.iter().map(ToString::to_string).collect();
        let (runs, names) = (words::count(left, "run"), names.join("; "));
        say(&format!(
            "{runs} left to another process at work on the same ({names})"
        ));
    }
    if args.json {
        print_json(&json!({
            "task": task.task,
            "runs": task.runs.len(),
            "finished": report.finished,
            "elsewhere": left,
            "failed": report.failures.len(),
        }))?;
    } else {
        let (number, runs) = (task.task, words::count(task.runs.len(), "run"));
        let (finished, failed) = (report.finished, report.failures.len());
        let done = task.runs.len().saturating_sub(finished + left + failed);
        say(&format!(
            "task {number} of {runs}: {finished} finished now, {done} before, {failed} failed"
        ));
    }
    match report.failures.first() {
        None => Ok(session.unreadable()?),
        Some((name, message)) => Err(Error::RunsFailed {
            failed: report.failures.len(),
            total: task.runs.len(),
            first: format!("{name}: {message}"),
        }),
    }
}

/// Told to stop, everything saved: queued again if this is a job of Slurm's that may be.
fn stopped(args: &WorkerArgs, wishes: &Wishes, has_advanced: bool) -> Result<(), Error> {
    if args.requeues > 0 {
        let stop = if wishes.time_limit.load(Ordering::Relaxed) {
            Stop::TimeLimit
        } else {
            Stop::Asked
        };
        match slurm::requeue(args.requeues, stop, has_advanced)? {
            Requeue::Queued(times) => say(&format!(
                "saved; this task is queued again ({times} of at most {} times)",
                args.requeues
            )),
            Requeue::Not(reason) => say(&format!("saved; this task is not queued again: {reason}")),
        }
    }
    Err(Error::Interrupted)
}

/// How far each run, and each part that it begins with, has come: grows with every step that is kept.
fn milestones(session: &Session) -> Vec<u64> {
    let mut reached = Vec::new();
    for task in &session.tasks {
        let (key, store) = (&task.run.key, &session.store);
        reached.push(match store.record(key) {
            Ok(Some(_)) => u64::MAX,
            _ => saved(checkpoint::progress(&store.checkpoint(key)).as_ref()),
        });
        let needs = task.method.needs(&task.run.identity.settings);
        for need in needs.unwrap_or_default() {
            let part = PartFolder::new(store, stored_parts::identity(&need, &task.run.identity));
            reached.push(match part.record() {
                Ok(Some(_)) => u64::MAX,
                _ => saved(part.progress().as_ref()),
            });
        }
    }
    reached
}

fn saved(progress: Option<&checkpoint::Progress>) -> u64 {
    progress.map_or(0, |progress| progress.iteration)
}

/// What came of two rounds, the second of which took up what the first had left.
fn both(first: Report, mut second: Report) -> Report {
    second.finished += first.finished;
    second.failures.splice(0..0, first.failures);
    second.kept_aside.splice(0..0, first.kept_aside);
    second
}

/// What a run looked like when it was first found in other hands.
struct Held {
    key: Key,
    sign: Option<SystemTime>,
}

/// Waits until one of these runs, which another process had, is free, and says so; gives up when all are
/// done, or in the hands of processes that are alive.
fn is_worth_waiting(store: &Store, left: &[Key], wishes: &Wishes) -> bool {
    let sign = |key: &Key| lock::last_sign(&store.folder(key));
    let mut held: Vec<Held> = left
        .iter()
        .map(|key| Held {
            key: key.clone(),
            sign: sign(key),
        })
        .collect();
    let mut is_told = false;
    while !held.is_empty() && !wishes.stop.load(Ordering::Relaxed) {
        if held.iter().any(|one| is_free(store, &one.key)) {
            return true;
        }
        held.retain(|one| !is_alive(store, one, sign(&one.key)));
        if !held.is_empty() {
            if !is_told {
                let (runs, beat) = (words::count(held.len(), "run"), words::duration(HEARTBEAT));
                say(&format!(
                    "{runs} held from another machine: waiting for a sign of life (every {beat})"
                ));
                is_told = true;
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
    }
    false
}

/// Whether nobody has a run that is still to be done.
fn is_free(store: &Store, key: &Key) -> bool {
    store.worker(key).is_none() && !matches!(store.record(key), Ok(Some(_)))
}

/// Whether a run is done, or its holder is known to live: a process of this machine, where that can be
/// told at once, or one that has touched its lock since.
fn is_alive(store: &Store, held: &Held, sign: Option<SystemTime>) -> bool {
    let Some(holder) = store.worker(&held.key) else {
        return matches!(store.record(&held.key), Ok(Some(_)));
    };
    holder.host == device::host() || sign != held.sign
}
