//! Carrying out planned runs: on this machine, in this process or in others, or through a scheduler.
//!
//! A [`Launcher`] is handed a [`Launch`], a folder with a plan of one line a task, and starts `replicate
//! worker PLAN INDEX` for each of them, wherever that may be. What came of it is told by the store: a
//! launcher's own view is only asked for what has not ended yet.

pub mod calibrate;
pub mod folder;
mod launcher;
pub mod local;
pub mod plan_file;
pub mod processes;
pub mod slurm;

use std::path::PathBuf;

pub use calibrate::calibrate;
pub use folder::{Job, Launch, LaunchRecord};
pub use launcher::{Kind, Launcher, Phase, View, launcher};
pub use local::{DataSets, Options, Report, Task, Team, WORKER, execute};
pub use plan_file::{PlannedTask, Request};

use crate::data::command::Failure;

/// Why runs could not be started, or what was handed to a launcher cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refuses a thread.
    #[error("cannot start a worker thread: {0}")]
    Thread(std::io::Error),
    /// A file or folder of a launch cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A plan or a launch's record that does not hold what it should.
    #[error("{} cannot be used: {reason}\nFinished runs are safe: submit again, which plans what is missing.", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// A task beyond the end of its plan.
    #[error("{} has no task {index}: {}", path.display(), range(*.tasks))]
    NoTask {
        /// The plan.
        path: PathBuf,
        /// What was asked for, from 0.
        index: usize,
        /// How many there are.
        tasks: usize,
    },
    /// A plan of another version of the program.
    #[error(
        "{reason}\nThe plan was made by another version of this program: submit again with this one."
    )]
    Stale {
        /// What does not fit.
        reason: String,
    },
    /// There is no launch of that name.
    #[error("{name} is neither a launch nor its folder{}", launches(.known))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The launches of the store.
        known: Vec<String>,
    },
    /// A scheduler's command is missing, or failed.
    #[error("{doing}: {}{advice}", .failure.to_string().trim_end())]
    Scheduler {
        /// What was to be done.
        doing: String,
        /// What happened.
        failure: Failure,
        /// What to do next; empty if the scheduler's own words say it.
        advice: &'static str,
    },
    /// A scheduler that answers what cannot be understood, or allows nothing.
    #[error("{0}")]
    Answer(String),
    /// Some tasks were handed over, the rest was refused.
    #[error(
        "{submitted} of {tasks} tasks are submitted, the rest is not. {reason}\nSubmit again later: what is submitted or done is left out then."
    )]
    Partly {
        /// How many were handed over.
        submitted: usize,
        /// Of how many.
        tasks: usize,
        /// Why the rest was not.
        reason: String,
    },
    /// All tasks were handed over, but not the job that comes last.
    #[error(
        "all tasks are submitted, but not the job that collects. {reason}\nWhen they have ended, replicate collect {launch} does what it would have done."
    )]
    Uncollected {
        /// The launch.
        launch: String,
        /// Why not.
        reason: String,
    },
    /// The process that looks after the tasks of a launch cannot be reached.
    #[error("{0}")]
    Supervisor(String),
    /// Runs of a launch that are not in the store.
    #[error("{missing} of {total} runs are missing{}\nSubmit again: only these are submitted.", first_failure(.failure.as_deref()))]
    Incomplete {
        /// How many.
        missing: usize,
        /// Of how many.
        total: usize,
        /// The first error, where any of them failed.
        failure: Option<String>,
    },
}

fn range(tasks: usize) -> String {
    match tasks {
        0 => "it has none".to_owned(),
        tasks => format!("its tasks are 0 to {}", tasks - 1),
    }
}

fn launches(known: &[String]) -> String {
    match known {
        [] => "; this store has no launches (another one: --store)".to_owned(),
        known => format!("; this store has {}", known.join(", ")),
    }
}

fn first_failure(failure: Option<&str>) -> String {
    failure.map_or(" (none of them failed).".to_owned(), |text| {
        format!(". The first that failed says:\n{text}")
    })
}

impl Error {
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
