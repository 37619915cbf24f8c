//! `replicate status`: how far a sweep has come that another process or machine works on, from the store
//! alone. Starts nothing and writes nothing.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde::Serialize;
use serde_json::json;

use super::options::RunArgs;
use super::out::stdout;
use super::session::Session;
use super::{launches, print_json, words};
use crate::Error;
use crate::catalogue::REPLICATIONS;
use crate::device::Choice;
use crate::launch::folder::names;
use crate::launch::{self, Task};
use crate::replication::{Changes, Profile, Replication};
use crate::report::Table;
use crate::runs::schedule::makespan;
use crate::runs::{Key, Reason, Store, checkpoint};

const LAUNCH: &str = "launch";

/// `replicate status`, without the replications below it.
#[must_use]
pub fn command() -> Command {
    Command::new("status")
        .about(
            "Say how far a sweep is that runs elsewhere: done, running, failed, waiting, time left",
        )
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Write the result as JSON"),
        )
        .arg(
            Arg::new(LAUNCH)
                .value_name("LAUNCH")
                .value_parser(clap::value_parser!(PathBuf))
                .help("A launch of replicate submit, or its folder [default: all replications]"),
        )
        .args_conflicts_with_subcommands(true)
}

/// What there is of one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum State {
    /// Its record is there.
    Done {
        /// Training and evaluation.
        seconds: f64,
    },
    /// A living process holds its lock.
    Running {
        /// Machine and process.
        worker: String,
        /// As of its last checkpoint; none before the first.
        progress: Option<Progress>,
    },
    /// Nobody works on it, but it was begun.
    Interrupted {
        /// As of its last checkpoint.
        progress: Progress,
    },
    /// The last attempt ended with an error.
    Failed {
        /// Its text.
        message: String,
    },
    /// Its record cannot be read, or its files are damaged.
    Unreadable {
        /// Why.
        message: String,
    },
    /// Not begun.
    Waiting,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Progress {
    iteration: u64,
    iterations: u64,
    /// Since the checkpoint was written.
    age_seconds: f64,
    /// From the checkpoint to the end, at the pace so far; unknown before the first iteration.
    seconds_left: Option<f64>,
    /// Of an iteration.
    #[serde(skip)]
    pace: Option<f64>,
}

impl State {
    fn of(task: &Task, store: &Store) -> Result<Self, Error> {
        let key = &task.run.key;
        match &task.run.reason {
            Reason::Cached => {
                let record = store.record(key)?;
                let seconds = record.map_or(0.0, |record| {
                    record.provenance.training_seconds + record.provenance.evaluation_seconds
                });
                return Ok(Self::Done { seconds });
            }
            Reason::Unreadable { message } | Reason::Damaged { message } => {
                return Ok(Self::Unreadable {
                    message: message.clone(),
                });
            }
            _ => {}
        }
        let progress = Progress::of(key, store);
        if let Some(worker) = store.worker(key) {
            return Ok(Self::Running {
                progress,
                worker: worker.to_string(),
            });
        }
        // A checkpoint written after a failure is of a later attempt, which was cut short.
        let failed = modified(&store.folder(key).join("failure.json"));
        let saved = modified(&store.checkpoint(key));
        Ok(match (store.failure(key), progress) {
            (Some(failure), _) if saved <= failed => Self::Failed {
                message: failure.message,
            },
            (_, Some(progress)) => Self::Interrupted { progress },
            (_, None) => Self::Waiting,
        })
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::Running { .. } => "running",
            Self::Interrupted { .. } => "interrupted",
            Self::Failed { .. } => "failed",
            Self::Unreadable { .. } => "unreadable",
            Self::Waiting => "waiting",
        }
    }

    fn progress(&self) -> Option<Progress> {
        match self {
            Self::Running { progress, .. } => *progress,
            Self::Interrupted { progress } => Some(*progress),
            _ => None,
        }
    }
}

impl Progress {
    fn of(key: &Key, store: &Store) -> Option<Self> {
        let path = store.checkpoint(key);
        let saved = checkpoint::progress(&path)?;
        let written = modified(&path)?;
        let age = SystemTime::now().duration_since(written).ok();
        let elapsed = saved.wall.max(saved.elapsed).as_secs_f64();
        let left = saved.iterations.saturating_sub(saved.iteration);
        let pace = (saved.iteration > 0).then(|| elapsed / saved.iteration as f64);
        Some(Self {
            iteration: saved.iteration,
            iterations: saved.iterations,
            age_seconds: age.unwrap_or_default().as_secs_f64(),
            seconds_left: pace.map(|pace| pace * left as f64),
            pace,
        })
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

/// A sweep's runs and what is known of each.
struct Sweep {
    runs: Vec<(Task, State)>,
}

impl Sweep {
    fn of(session: &Session) -> Result<Self, Error> {
        // A run of two variants is one run.
        let mut keys = HashSet::new();
        let tasks = session.tasks.iter();
        let runs = tasks.filter(|task| keys.insert(&task.run.key));
        let runs = runs.map(|task| Ok((task.clone(), State::of(task, &session.store)?)));
        Ok(Self {
            runs: runs.collect::<Result<_, Error>>()?,
        })
    }

    fn count(&self, word: &str) -> usize {
        let words = self.runs.iter().map(|(_, state)| state.word());
        words.filter(|one| *one == word).count()
    }

    /// Until the running and the waiting runs are done, if as many go on at the same time as now, and how
    /// many of them were left out because nothing like them was seen. `None` if nothing runs, or nothing is
    /// known of any.
    fn left(&self) -> Option<(Duration, usize)> {
        let running = self.count("running");
        let (mut times, mut unknown) = (Vec::new(), 0);
        for (task, state) in &self.runs {
            if matches!(
                state,
                State::Done { .. } | State::Failed { .. } | State::Unreadable { .. }
            ) {
                continue;
            }
            let is_running = matches!(state, State::Running { .. });
            let own = state.progress().and_then(|progress| {
                let since = if is_running {
                    progress.age_seconds
                } else {
                    0.0
                };
                Some((progress.seconds_left? - since).max(0.0))
            });
            match own.or_else(|| self.usual(task)) {
                // A record that says something impossible is as good as none.
                Some(seconds) => match Duration::try_from_secs_f64(seconds) {
                    Ok(time) => times.push(time.into()),
                    Err(_) => unknown += 1,
                },
                None => unknown += 1,
            }
        }
        (running > 0 && !times.is_empty()).then(|| (makespan(times, running), unknown))
    }

    /// What a run of the same variant took, or else of the same method.
    fn usual(&self, task: &Task) -> Option<f64> {
        let whole = |state: &State| match state {
            State::Done { seconds } => Some(*seconds),
            state => state
                .progress()
                .and_then(|progress| Some(progress.pace? * progress.iterations as f64)),
        };
        let among = |same: &dyn Fn(&Task) -> bool| {
            let runs = self.runs.iter().filter(|(other, _)| same(other));
            let times: Vec<f64> = runs.filter_map(|(_, state)| whole(state)).collect();
            (!times.is_empty()).then(|| times.iter().sum::<f64>() / times.len() as f64)
        };
        among(&|other| other.run.variant == task.run.variant)
            .or_else(|| among(&|other| other.method.id() == task.method.id()))
    }

    /// `80 runs: 12 done, 2 running, 66 waiting; about 1 h 10 min left`
    fn summary(&self) -> String {
        let kinds = [
            "done",
            "running",
            "interrupted",
            "failed",
            "unreadable",
            "waiting",
        ];
        let counted = kinds.iter().map(|kind| (self.count(kind), kind));
        let parts: Vec<String> = counted
            .filter(|(count, _)| *count > 0)
            .map(|(count, kind)| format!("{count} {kind}"))
            .collect();
        let left = self.left().map_or(String::new(), |(left, unknown)| {
            let without = match unknown {
                0 => String::new(),
                runs => format!(" (without {} of unknown length)", words::count(runs, "run")),
            };
            format!("; about {} left{without}", words::duration(left))
        });
        let runs = words::count(self.runs.len(), "run");
        format!("{runs}: {}{left}", parts.join(", "))
    }
}

/// Prints how far the runs of a replication are.
///
/// # Errors
/// If the options cannot be used or the store cannot be read.
pub fn run(
    replication: &'static dyn Replication,
    mut args: RunArgs,
    changes: &Changes,
    store: &Path,
) -> Result<(), Error> {
    // Nothing is computed here, and the device that computes may be another machine's.
    args.device = Choice::Cpu;
    let session = Session::new(replication, args, changes, store)?;
    let sweep = Sweep::of(&session)?;
    if session.args.json {
        let runs = sweep.runs.iter().map(|(task, state)| {
            json!({
                "variant": task.run.variant,
                "seed": task.run.identity.seed,
                "key": task.run.key,
                "state": state,
            })
        });
        let mut value = counts(&sweep);
        if let Some(fields) = value.as_object_mut() {
            fields.insert("replication".into(), json!(replication.id()));
            fields.insert("profile".into(), json!(session.args.profile));
            fields.insert("runs".into(), json!(runs.collect::<Vec<_>>()));
        }
        return print_json(&value);
    }
    let mut out = stdout();
    let table = table(&sweep);
    if !table.rows.is_empty() {
        writeln!(out, "{table}")?;
    }
    writeln!(
        out,
        "{}, {} profile, {}",
        replication.id(),
        session.args.profile.name(),
        sweep.summary()
    )?;
    if let Some(advice) = advice(&sweep, &session)? {
        writeln!(out, "{advice}")?;
    }
    Ok(())
}

/// Runs that are neither done nor waiting, one a row.
fn table(sweep: &Sweep) -> Table {
    let rows = sweep.runs.iter().filter_map(|(task, state)| {
        let detail = match state {
            State::Done { .. } | State::Waiting => return None,
            State::Failed { message } | State::Unreadable { message } => {
                message.lines().next().unwrap_or_default().to_owned()
            }
            State::Running { worker, .. } if state.progress().is_none() => {
                format!("no checkpoint yet ({worker})")
            }
            State::Running { .. } | State::Interrupted { .. } => match state.progress() {
                None => String::new(),
                Some(at) => format!(
                    "{}/{} ({:.0} %), saved {} ago",
                    at.iteration,
                    at.iterations,
                    100.0 * at.iteration as f64 / at.iterations.max(1) as f64,
                    words::duration(Duration::from_secs_f64(at.age_seconds))
                ),
            },
        };
        Some(vec![task.name(), state.word().to_owned(), detail])
    });
    Table {
        caption: String::new(),
        head: ["run", "state", "progress"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

fn advice(sweep: &Sweep, session: &Session) -> Result<Option<String>, Error> {
    let id = session.replication.id();
    let mut elsewhere = String::new();
    if sweep.count("waiting") == sweep.runs.len()
        && let Some((profile, runs)) = session.fullest_other()?
    {
        let (profile, runs) = (profile.name(), words::count(runs, "run"));
        elsewhere = format!(
            "\nOf the {profile} profile {runs} are stored: replicate status {id} --profile {profile}"
        );
    }
    let pending = sweep.runs.len() - sweep.count("done") - sweep.count("unreadable");
    let is_idle = pending > 0 && sweep.count("running") == 0;
    Ok(is_idle.then(|| {
        format!(
            "Nothing works on them: start {} with this store.{elsewhere}",
            session.command()
        )
    }))
}

fn counts(sweep: &Sweep) -> serde_json::Value {
    json!({
        "done": sweep.count("done"),
        "running": sweep.count("running"),
        "interrupted": sweep.count("interrupted"),
        "failed": sweep.count("failed"),
        "unreadable": sweep.count("unreadable"),
        "waiting": sweep.count("waiting"),
        "seconds_left": sweep.left().map(|(left, _)| left.as_secs_f64()),
    })
}

/// Prints how far a launch is, or all replications if none is named.
///
/// # Errors
/// If there is no such launch, the store cannot be read or the output cannot be written.
pub fn without_replication(matches: &ArgMatches, store: &Path) -> Result<(), Error> {
    match matches.get_one::<PathBuf>(LAUNCH) {
        Some(launch) => launches::status(launch, store, matches.get_flag("json")).map_err(or_meant),
        None => overview(matches, store),
    }
}

/// The error about a launch that there is not, with those launches and replications that may have been meant.
fn or_meant(error: Error) -> Error {
    let Error::Launch(launch::Error::Unknown { name, known }) = &error else {
        return error;
    };
    let launches = known.iter().map(String::as_str);
    let alike = words::alike(
        name,
        launches.chain(REPLICATIONS.iter().map(|one| one.id())),
    );
    if alike.is_empty() {
        return error;
    }
    let meant = words::or_meant(&alike);
    Error::Usage(format!(
        "there is no launch and no replication {name:?}{meant}"
    ))
}

/// Prints one line for each unchanged profile of each replication of which the store holds anything.
///
/// # Errors
/// If the store cannot be read or the output cannot be written.
fn overview(matches: &ArgMatches, store: &Path) -> Result<(), Error> {
    let mut found = Vec::new();
    for &replication in REPLICATIONS {
        for profile in Profile::ALL {
            let args = RunArgs::of(profile);
            let session = Session::new(replication, args, &Changes::default(), store)?;
            let sweep = Sweep::of(&session)?;
            if sweep.count("waiting") < sweep.runs.len() {
                found.push((replication.id(), profile, sweep));
            }
        }
    }
    if matches.get_flag("json") {
        let all = found.iter().map(|(id, profile, sweep)| {
            let mut value = counts(sweep);
            if let Some(fields) = value.as_object_mut() {
                fields.insert("replication".into(), json!(id));
                fields.insert("profile".into(), json!(profile));
            }
            value
        });
        return print_json(&all.collect::<Vec<_>>());
    }
    let mut out = stdout();
    for (id, profile, sweep) in &found {
        writeln!(out, "{id}, {} profile, {}", profile.name(), sweep.summary())?;
    }
    if found.is_empty() {
        writeln!(
            out,
            "No runs of an unchanged profile are stored in {}.",
            store.display()
        )?;
    }
    for name in names(store)? {
        writeln!(out, "submitted: {name} (replicate status {name})")?;
    }
    writeln!(
        out,
        "replicate status NAME --profile PROFILE shows the runs of one, with its settings if they were changed."
    )?;
    Ok(())
}
