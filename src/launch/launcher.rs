//! What can start workers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Error;
use super::folder::Launch;
use super::processes::{self, Processes};
use super::slurm::{self, Slurm};

/// How far a task is, as its launcher sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It will be started.
    Waiting,
    /// It is at work.
    Running,
    /// It will not be started any more.
    Ended,
}

/// A launcher's view of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct View {
    /// How far it is.
    pub phase: Phase,
    /// The same in the launcher's own words, e.g. `PENDING, Resources`.
    pub words: String,
}

/// Something that starts a worker for each task of a launch, now or when there is room.
///
/// Tasks are independent: one that fails does not touch the others. A launcher may forget tasks that have
/// ended, and start one twice: what is done is told by the store.
pub trait Launcher {
    /// What would be handed over, as text.
    ///
    /// # Errors
    /// If an option cannot be used.
    fn preview(&self, launch: &Launch) -> Result<String, Error>;

    /// Hands all tasks over, and a last one that collects what has come of them. Notes each job in the
    /// launch's record as soon as it has it.
    ///
    /// # Errors
    /// If nothing, or not all, could be handed over.
    fn submit(&self, launch: &mut Launch) -> Result<(), Error>;

    /// What the launcher knows of the tasks, by number. Those that it has forgotten are not there.
    ///
    /// # Errors
    /// If it cannot be asked.
    fn view(&self, launch: &Launch) -> Result<BTreeMap<usize, View>, Error>;

    /// Has those that are at work save and stop, and the others not started.
    ///
    /// # Errors
    /// If it cannot be told.
    fn cancel(&self, launch: &Launch) -> Result<(), Error>;

    /// Where a task's worker writes what it says, once it was started; `None` if it was not handed over.
    fn log(&self, launch: &Launch, task: usize) -> Option<PathBuf>;
}

/// Which launcher, with its options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Kind {
    /// Job arrays.
    Slurm(slurm::Options),
    /// Processes of this machine.
    Local(processes::Options),
    /// Whatever takes the plan.
    None,
}

impl Kind {
    /// Its name on the command line.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Slurm(_) => "slurm",
            Self::Local(_) => "local",
            Self::None => "none",
        }
    }
}

/// The launcher of that kind.
#[must_use]
pub fn launcher(kind: &Kind) -> Box<dyn Launcher> {
    match kind {
        Kind::Slurm(options) => Box::new(Slurm::new(options.clone())),
        Kind::Local(options) => Box::new(Processes::new(options.clone())),
        Kind::None => Box::new(PlanOnly),
    }
}

/// Leaves the plan to other engines, of which nothing is known.
struct PlanOnly;

impl Launcher for PlanOnly {
    fn preview(&self, launch: &Launch) -> Result<String, Error> {
        let (program, plan) = (&launch.record.program, launch.plan());
        let last = launch.record.tasks.saturating_sub(1);
        let (program, plan) = (program.display(), plan.display());
        Ok(format!("{program} worker {plan} 0 .. {last}\n"))
    }

    fn submit(&self, _: &mut Launch) -> Result<(), Error> {
        Ok(())
    }

    fn view(&self, _: &Launch) -> Result<BTreeMap<usize, View>, Error> {
        Ok(BTreeMap::new())
    }

    fn cancel(&self, launch: &Launch) -> Result<(), Error> {
        Err(Error::Supervisor(format!(
            "{} was handed over to nothing here: cancel its tasks where they were started",
            launch.name()
        )))
    }

    fn log(&self, _: &Launch, _: usize) -> Option<PathBuf> {
        None
    }
}
