//! `replicate status LAUNCH`, `watch` and `cancel`: how far a launch is. Its runs are what the store says;
//! the launcher is asked for what is not done yet, and may have forgotten it, or be away.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::out::stdout;
use super::{print_json, request, words};
use crate::Error;
use crate::device::Choice;
use crate::launch::{Error as LaunchError, Launch, Phase, PlannedTask, View, launcher};
use crate::report::Table;
use crate::runs::{Key, Store};

/// Tasks listed by name; of the others there are counts.
const MOST_ROWS: usize = 40;

/// What became of a task: the store's word where there is one, else the launcher's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// All its runs are in the store.
    Done,
    /// A process works on it.
    Running,
    /// It will be started.
    Waiting,
    /// A run of it failed, and nothing will be tried again.
    Failed,
    /// It ended, or was forgotten, before it was done.
    Stopped,
    /// It was not handed over.
    NotSubmitted,
}

impl State {
    fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::NotSubmitted => "not submitted",
        }
    }
}

/// A task of a launch.
#[derive(Debug, Serialize)]
struct Row {
    task: usize,
    state: State,
    runs: usize,
    /// Runs that are in the store.
    stored: usize,
    /// What the launcher says.
    view: Option<View>,
    /// The first error of a run.
    failure: Option<String>,
    log: Option<PathBuf>,
}

/// A launch at one time.
struct Overview {
    launch: Launch,
    rows: Vec<Row>,
    /// Why the launcher could not be asked.
    silence: Option<String>,
}

impl Overview {
    fn of(launch: Launch, tasks: &[PlannedTask]) -> Self {
        let launcher = launcher(&launch.record.launcher);
        // First the launcher: what ends meanwhile is in the store then.
        let (views, silence) = match launcher.view(&launch) {
            Ok(views) => (views, None),
            Err(error) => (BTreeMap::new(), Some(error.to_string())),
        };
        let store = Store::new(&launch.record.request.store);
        let rows = tasks.iter().map(|task| {
            let view = views.get(&task.task).cloned();
            let log = launcher.log(&launch, task.task);
            row(task, view, log, &store)
        });
        let rows = rows.collect();
        Self {
            launch,
            rows,
            silence,
        }
    }

    fn count(&self, state: &State) -> usize {
        self.rows.iter().filter(|row| row.state == *state).count()
    }

    fn counts(&self) -> Vec<(&'static str, usize)> {
        let states = [
            State::Done,
            State::Running,
            State::Waiting,
            State::Failed,
            State::Stopped,
            State::NotSubmitted,
        ];
        let counted = states.iter().map(|state| (state.word(), self.count(state)));
        counted.collect()
    }

    fn stored(&self) -> usize {
        self.rows.iter().map(|row| row.stored).sum()
    }

    /// Whether something is still to come.
    fn is_alive(&self) -> bool {
        self.count(&State::Running) + self.count(&State::Waiting) > 0
    }

    /// `24 tasks: 10 done, 2 running, 12 waiting; 10 of 24 runs stored`
    fn summary(&self) -> String {
        let counts = self.counts().into_iter().filter(|(_, count)| *count > 0);
        let counts: Vec<String> = counts
            .map(|(word, count)| format!("{count} {word}"))
            .collect();
        format!(
            "{} ({}), {}: {}; {} of {} stored",
            self.launch.name(),
            self.launch.record.launcher.name(),
            words::count(self.rows.len(), "task"),
            counts.join(", "),
            self.stored(),
            words::count(self.launch.record.runs, "run")
        )
    }

    fn json(&self) -> serde_json::Value {
        let counts: BTreeMap<_, _> = self.counts().into_iter().collect();
        json!({
            "launch": self.launch.name(),
            "folder": self.launch.folder.display().to_string(),
            "launcher": self.launch.record.launcher.name(),
            "jobs": self.launch.record.jobs,
            "collect": self.launch.record.collect,
            "counts": counts,
            "runs": self.launch.record.runs,
            "stored": self.stored(),
            "launcher_silent": self.silence,
            "tasks": self.rows,
        })
    }

    /// Tasks that are neither done nor waiting, one a row.
    fn table(&self) -> Table {
        let told = self.rows.iter().filter(|row| {
            let is_dull = row.state == State::Done || row.state == State::Waiting;
            !is_dull
                || row
                    .view
                    .as_ref()
                    .is_some_and(|view| view.words.contains("Begin"))
        });
        let rows = told.take(MOST_ROWS).map(|row| {
            let view = row.view.as_ref().map(|view| view.words.clone());
            let failure = row.failure.as_deref().and_then(|text| text.lines().next());
            let detail = failure.map(str::to_owned).or(view).unwrap_or_default();
            let log = row.log.as_ref().filter(|path| path.exists());
            let log = log.map_or(String::new(), |path| path.display().to_string());
            let stored = format!("{}/{}", row.stored, row.runs);
            vec![
                row.task.to_string(),
                row.state.word().to_owned(),
                stored,
                detail,
                log,
            ]
        });
        Table {
            caption: String::new(),
            head: ["task", "state", "stored", "what is said of it", "log"]
                .map(str::to_owned)
                .to_vec(),
            rows: rows.collect(),
        }
    }

    fn print(&self) -> Result<(), Error> {
        let mut out = stdout();
        let table = self.table();
        if !table.rows.is_empty() {
            writeln!(out, "{table}")?;
        }
        writeln!(out, "{}", self.summary())?;
        if let Some(silence) = &self.silence {
            writeln!(out, "{silence}")?;
        }
        if !self.is_alive() && self.silence.is_none() {
            writeln!(out, "{}", self.ending())?;
        }
        Ok(())
    }

    /// What to do now that nothing is to come.
    fn ending(&self) -> String {
        let name = self.launch.name();
        if self.count(&State::Done) == self.rows.len() {
            return format!("All is done: replicate collect {name} shows the results.");
        }
        let request = &self.launch.record.request;
        format!(
            "Nothing works on the rest: replicate submit {} --profile {} with the same options submits it again.",
            request.replication,
            request.profile.name()
        )
    }

    /// That runs are missing of which nothing more is to come.
    fn outcome(&self) -> Result<(), Error> {
        let total = self.launch.record.runs;
        match total - self.stored().min(total) {
            0 => Ok(()),
            missing => Err(LaunchError::Incomplete {
                missing,
                total,
                failure: self.rows.iter().find_map(|row| row.failure.clone()),
            }
            .into()),
        }
    }
}

fn row(task: &PlannedTask, view: Option<View>, log: Option<PathBuf>, store: &Store) -> Row {
    let is_stored = |key: &Key| matches!(store.record(key), Ok(Some(_)));
    let missing: Vec<&Key> = task
        .runs
        .iter()
        .map(|run| &run.key)
        .filter(|key| !is_stored(key))
        .collect();
    let phase = view.as_ref().map(|view| view.phase);
    let failure = missing
        .iter()
        .find_map(|key| store.failure(key))
        .map(|failure| failure.message);
    let state = match phase {
        _ if missing.is_empty() => State::Done,
        Some(Phase::Running) => State::Running,
        Some(Phase::Waiting) => State::Waiting,
        _ if missing.iter().any(|key| store.worker(key).is_some()) => State::Running,
        _ if failure.is_some() => State::Failed,
        _ if log.is_none() => State::NotSubmitted,
        _ => State::Stopped,
    };
    Row {
        task: task.task,
        runs: task.runs.len(),
        stored: task.runs.len() - missing.len(),
        // An earlier attempt's error is not this one's.
        failure: failure.filter(|_| state == State::Failed),
        state,
        view,
        log,
    }
}

/// Opens a launch and its plan, and makes sure that this program means the same by it.
fn open(what: &Path, store: &Path) -> Result<(Launch, Vec<PlannedTask>), Error> {
    let launch = Launch::open(what, store)?;
    let tasks = launch.tasks()?;
    if let Some(task) = tasks.first() {
        let (replication, mut options) = request::read(&task.request, &launch.plan())?;
        options.device = Choice::Cpu;
        request::session(&task.request, replication, options, &task.runs)?;
    }
    Ok((launch, tasks))
}

/// Prints how far a launch is.
///
/// # Errors
/// If there is none of that name or its plan is damaged.
pub fn status(what: &Path, store: &Path, json: bool) -> Result<(), Error> {
    let (launch, tasks) = open(what, store)?;
    let overview = Overview::of(launch, &tasks);
    if json {
        return print_json(&overview.json());
    }
    overview.print()
}

/// Arguments of `replicate watch`.
#[derive(Args, Debug)]
pub struct WatchArgs {
    /// A launch, or its folder
    #[arg(value_name = "LAUNCH")]
    launch: PathBuf,
    /// Seconds between two looks; each asks the scheduler once
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86400))]
    interval: u64,
    /// Write the state at the end as JSON
    #[arg(long)]
    json: bool,
}

/// Follows a launch until nothing is to come, and says what came of it.
///
/// # Errors
/// As [`status`], and if runs are missing in the end.
pub fn watch(args: &WatchArgs, store: &Path) -> Result<(), Error> {
    let (mut launch, tasks) = open(&args.launch, store)?;
    let mut told = String::new();
    let overview = loop {
        let overview = Overview::of(launch, &tasks);
        let summary = overview.summary();
        if summary != told {
            let mut err = std::io::stderr();
            // There is nowhere left to say that standard error fails.
            let _ = if err.is_terminal() && !told.is_empty() {
                write!(err, "\r\x1b[2K{summary}")
            } else if err.is_terminal() {
                write!(err, "{summary}")
            } else {
                writeln!(err, "{summary}")
            };
            told = summary;
        }
        // A controller that is away says nothing about the tasks.
        if !overview.is_alive() && overview.silence.is_none() {
            break overview;
        }
        std::thread::sleep(Duration::from_secs(args.interval));
        launch = overview.launch;
    };
    if std::io::stderr().is_terminal() {
        let _ = writeln!(std::io::stderr());
    }
    if args.json {
        print_json(&overview.json())?;
    } else {
        overview.print()?;
    }
    overview.outcome()
}

/// Arguments of `replicate cancel`.
#[derive(Args, Debug)]
pub struct CancelArgs {
    /// A launch, or its folder
    #[arg(value_name = "LAUNCH")]
    launch: PathBuf,
    /// Write the state afterwards as JSON
    #[arg(long)]
    json: bool,
}

/// Has a launch's tasks save and stop, and those that wait not started. What is done stays.
///
/// # Errors
/// If there is none of that name, or its launcher cannot be told.
pub fn cancel(args: &CancelArgs, store: &Path) -> Result<(), Error> {
    let (launch, tasks) = open(&args.launch, store)?;
    launcher(&launch.record.launcher).cancel(&launch)?;
    let overview = Overview::of(launch, &tasks);
    if args.json {
        return print_json(&overview.json());
    }
    let mut out = stdout();
    writeln!(out, "cancelled. {}", overview.summary())?;
    if overview.is_alive() {
        writeln!(out, "Tasks at work are saving what they have.")?;
    }
    Ok(())
}
