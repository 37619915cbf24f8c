//! Tasks as processes of this machine: a supervisor in the background starts a worker for each, so many
//! at a time, and divides the threads among them.
//!
//! ```text
//! <launch>/events.jsonl        what the supervisor did, line by line
//! <launch>/lock, lock.N        held while it lives: see `runs::lock`
//! <launch>/logs/supervisor.log what it said
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{Error, Job, Launch, Launcher, Phase, View};
use crate::device;
use crate::runs::{Holder, RunLock, lock};

/// How often the workers are looked at.
const TICK: Duration = Duration::from_millis(20);
/// How long a supervisor may take to begin.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many tasks at a time, with how many threads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Tasks at the same time.
    pub jobs: usize,
    /// Threads in all.
    pub threads: usize,
}

/// The launcher.
#[derive(Debug)]
pub struct Processes {
    options: Options,
}

impl Processes {
    /// With these options.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options }
    }
}

/// Something that the supervisor did.
#[derive(Debug, Serialize, Deserialize)]
struct Event {
    task: usize,
    /// How the worker ended; `None` if it was started.
    ended: Option<String>,
}

impl Launcher for Processes {
    fn preview(&self, launch: &Launch) -> Result<String, Error> {
        let threads = threads_each(&self.options);
        Ok(format!(
            "{} at a time of:\n{} worker --threads {threads} {} 0 .. {}\n",
            self.options.jobs,
            launch.record.program.display(),
            launch.plan().display(),
            launch.record.tasks.saturating_sub(1),
        ))
    }

    fn submit(&self, launch: &mut Launch) -> Result<(), Error> {
        let path = launch.logs().join("supervisor.log");
        let log = File::create(&path).map_err(Error::io("create", &path))?;
        let errors = log.try_clone().map_err(Error::io("write", &path))?;
        launch.record.jobs.push(Job {
            id: "processes".to_owned(),
            first: 0,
            tasks: launch.record.tasks,
        });
        launch.save()?;
        // A group of its own: Ctrl-C in this terminal is not for it.
        let mut child = Command::new(&launch.record.program)
            .arg("supervise")
            .arg(&launch.folder)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(Error::io("start", &launch.record.program))?;
        let clock = Instant::now();
        while !launch.folder.join(EVENTS).exists() {
            let ended = child.try_wait().map_err(Error::io("watch", &path))?;
            if ended.is_some() || clock.elapsed() > PATIENCE {
                let said = fs::read_to_string(&path).unwrap_or_default();
                return Err(Error::Supervisor(format!(
                    "the process that starts the tasks did not begin: {}\nIts log is {}.",
                    said.trim(),
                    path.display()
                )));
            }
            std::thread::sleep(TICK);
        }
        Ok(())
    }

    fn view(&self, launch: &Launch) -> Result<BTreeMap<usize, View>, Error> {
        let mut views = BTreeMap::new();
        if launch.record.jobs.is_empty() {
            return Ok(views);
        }
        // First who is there, then what was done: a supervisor that ends meanwhile has written all.
        let supervisor = supervisor(launch);
        let ended = ended(launch)?;
        for task in 0..launch.record.tasks {
            let (phase, words) = match (ended.get(&task), &supervisor) {
                (Some(Some(how)), _) => (Phase::Ended, how.clone()),
                (Some(None), Some(holder)) => {
                    (Phase::Running, format!("running on {}", holder.host))
                }
                (None, Some(_)) => (Phase::Waiting, "waiting".to_owned()),
                (_, None) => continue,
            };
            views.insert(task, View { phase, words });
        }
        Ok(views)
    }

    fn cancel(&self, launch: &Launch) -> Result<(), Error> {
        let Some(holder) = supervisor(launch) else {
            return Ok(());
        };
        if holder.host != device::host() {
            return Err(Error::Supervisor(format!(
                "these tasks are processes of {}: cancel them there",
                holder.host
            )));
        }
        terminate(holder.pid);
        // It goes when its workers have saved.
        let clock = Instant::now();
        while supervisor(launch).is_some() {
            if clock.elapsed() > PATIENCE {
                return Err(Error::Supervisor(format!(
                    "{holder} is still waiting for its workers, which are saving"
                )));
            }
            std::thread::sleep(TICK);
        }
        Ok(())
    }

    fn log(&self, launch: &Launch, task: usize) -> Option<PathBuf> {
        (!launch.record.jobs.is_empty()).then(|| log(launch, task))
    }
}

const EVENTS: &str = "events.jsonl";

fn log(launch: &Launch, task: usize) -> PathBuf {
    launch.logs().join(format!("{task}.log"))
}

fn threads_each(options: &Options) -> usize {
    (options.threads / options.jobs.max(1)).max(1)
}

/// The living process that looks after a launch.
fn supervisor(launch: &Launch) -> Option<Holder> {
    lock::worker(&launch.folder)
}

/// How the tasks ended that were started; `None` for those that have not.
fn ended(launch: &Launch) -> Result<BTreeMap<usize, Option<String>>, Error> {
    let path = launch.folder.join(EVENTS);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    // The last line may just be being written.
    let lines = text.split(|byte| *byte == b'\n');
    let events = lines.filter_map(|line| serde_json::from_slice::<Event>(line).ok());
    Ok(events.map(|event| (event.task, event.ended)).collect())
}

/// Asks a process to stop.
fn terminate(pid: u32) {
    if let Ok(pid @ 2..) = i32::try_from(pid) {
        // SAFETY: a signal to one process; one that is gone is as well.
        unsafe { libc::kill(pid, libc::SIGTERM) };
    }
}

/// The workers of a launch, as the supervisor has them.
struct Crew<'a> {
    launch: &'a Launch,
    threads: usize,
    events: File,
    running: Vec<(usize, Child)>,
}

/// Starts a worker for each task of a launch of processes, so many at a time, until all have ended or
/// `interrupted` is set: workers are asked to stop then, and waited for. Whether all were started.
///
/// # Errors
/// If the launch is of another kind or another process looks after it, or its folder cannot be written.
/// A worker that fails, or cannot be started, is noted.
pub fn supervise(
    launch: &Launch,
    options: &Options,
    interrupted: &AtomicBool,
) -> Result<bool, Error> {
    let lock = RunLock::take(&launch.folder)
        .map_err(|error| Error::Supervisor(error.to_string()))?
        .ok_or_else(|| Error::Supervisor("another process looks after this launch".to_owned()))?;
    let path = launch.folder.join(EVENTS);
    let events = File::options().create(true).append(true).open(&path);
    let mut crew = Crew {
        launch,
        threads: threads_each(options),
        events: events.map_err(Error::io("open", &path))?,
        running: Vec::new(),
    };
    let mut next = 0;
    let mut asked = false;
    loop {
        crew.look()?;
        if interrupted.load(Ordering::Relaxed) && !asked {
            asked = true;
            for (_, child) in &crew.running {
                terminate(child.id());
            }
        }
        while !asked && next < launch.record.tasks && crew.running.len() < options.jobs.max(1) {
            crew.start(next)?;
            next += 1;
        }
        if crew.running.is_empty() && (asked || next == launch.record.tasks) {
            drop(lock);
            return Ok(next == launch.record.tasks && !asked);
        }
        std::thread::sleep(TICK);
    }
}

impl Crew<'_> {
    fn start(&mut self, task: usize) -> Result<(), Error> {
        let path = log(self.launch, task);
        let log = File::options().create(true).append(true).open(&path);
        let log = log.map_err(Error::io("open", &path))?;
        let errors = log.try_clone().map_err(Error::io("write", &path))?;
        let child = Command::new(&self.launch.record.program)
            .args(["worker", "--threads", &self.threads.to_string()])
            .arg(self.launch.plan())
            .arg(task.to_string())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn();
        match child {
            Ok(child) => {
                self.running.push((task, child));
                self.note(task, None)
            }
            Err(error) => self.note(task, Some(format!("not started: {error}"))),
        }
    }

    /// Notes the workers that have ended.
    fn look(&mut self) -> Result<(), Error> {
        let mut still = Vec::new();
        for (task, mut child) in std::mem::take(&mut self.running) {
            match child.try_wait() {
                Ok(None) => still.push((task, child)),
                Ok(Some(status)) => self.note(task, Some(words(status)))?,
                Err(error) => self.note(task, Some(error.to_string()))?,
            }
        }
        self.running = still;
        Ok(())
    }

    fn note(&mut self, task: usize, ended: Option<String>) -> Result<(), Error> {
        let failed = Error::io("write", self.launch.folder.join(EVENTS));
        let text = serde_json::to_string(&Event { task, ended });
        let line = text.map_err(std::io::Error::from).map(|text| text + "\n");
        // In one call: a line is there whole or is the last.
        line.and_then(|line| self.events.write_all(line.as_bytes()))
            .map_err(failed)
    }
}

fn words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "completed".to_owned(),
        (Some(130), _) => "stopped".to_owned(),
        (Some(code), _) => format!("failed with exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_divided() {
        let each = |jobs, threads| threads_each(&Options { jobs, threads });
        assert_eq!(
            (each(2, 8), each(3, 8), each(9, 8), each(0, 2)),
            (4, 2, 1, 2)
        );
    }
}
