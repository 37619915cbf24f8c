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
use std::io::{self, ErrorKind, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
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
    /// The worker's process, if it was started.
    #[serde(default)]
    worker: Option<Holder>,
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
        // A supervisor goes when its workers have saved. Where it was killed, they are still at work.
        let asked = match supervisor(launch) {
            Some(holder) => vec![holder],
            None => orphans(launch)?,
        };
        for holder in &asked {
            if holder.host != device::host() {
                return Err(Error::Supervisor(format!(
                    "these tasks are processes of {}: cancel them there",
                    holder.host
                )));
            }
            terminate(holder.pid);
        }
        let clock = Instant::now();
        while let Some(holder) = asked.iter().find(|holder| holder.is_there() == Some(true)) {
            if clock.elapsed() > PATIENCE {
                return Err(Error::Supervisor(format!(
                    "{holder} was asked to stop, and is still saving or waiting for its workers"
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

/// Workers that have lost their supervisor and go on.
fn orphans(launch: &Launch) -> Result<Vec<Holder>, Error> {
    let mut started = BTreeMap::new();
    for event in events(launch)? {
        match event.worker {
            Some(worker) => started.insert(event.task, worker),
            None => started.remove(&event.task),
        };
    }
    // Of another machine's it cannot be told. Where the name is this one's, it has started anew since.
    let here = device::host();
    let may_be_there = |worker: &Holder| worker.is_there().unwrap_or(worker.host != here);
    Ok(started.into_values().filter(may_be_there).collect())
}

/// How the tasks ended that were started; `None` for those that have not.
fn ended(launch: &Launch) -> Result<BTreeMap<usize, Option<String>>, Error> {
    let events = events(launch)?.into_iter();
    Ok(events.map(|event| (event.task, event.ended)).collect())
}

fn events(launch: &Launch) -> Result<Vec<Event>, Error> {
    read_events(&launch.folder.join(EVENTS))
}

fn read_events(path: &Path) -> Result<Vec<Event>, Error> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    // The last line may just be being written; one that a full disk cut off is there again below.
    let lines = text.split(|byte| *byte == b'\n');
    Ok(lines
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect())
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
    journal: Journal,
    running: Vec<(usize, Child)>,
}

/// Starts a worker for each task of a launch of processes, so many at a time, until all have ended or
/// `interrupted` is set: workers are asked to stop then, and waited for. Whether all were started.
///
/// # Errors
/// If another process looks after the launch, or its folder cannot be written at the start. A worker that
/// fails, or cannot be started, is noted; what the disk does not take is noted later.
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
        journal: Journal {
            file: events.map_err(Error::io("open", &path))?,
            unwritten: String::new(),
        },
        running: Vec::new(),
    };
    let mut next = 0;
    let mut asked = false;
    loop {
        crew.look();
        if interrupted.load(Ordering::Relaxed) && !asked {
            asked = true;
            for (_, child) in &crew.running {
                terminate(child.id());
            }
        }
        while !asked && next < launch.record.tasks && crew.running.len() < options.jobs.max(1) {
            crew.start(next);
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
    fn start(&mut self, task: usize) {
        let started = self.spawn(task);
        match started {
            Ok(child) => {
                let worker = Holder::of(child.id());
                self.running.push((task, child));
                self.journal.note(task, None, Some(worker));
            }
            Err(error) => self
                .journal
                .note(task, Some(format!("not started: {error}")), None),
        }
    }

    fn spawn(&self, task: usize) -> io::Result<Child> {
        let path = log(self.launch, task);
        let log = File::options().create(true).append(true).open(path)?;
        let errors = log.try_clone()?;
        Command::new(&self.launch.record.program)
            .args(["worker", "--threads", &self.threads.to_string()])
            .arg(self.launch.plan())
            .arg(task.to_string())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
    }

    /// Notes the workers that have ended.
    fn look(&mut self) {
        let mut still = Vec::new();
        for (task, mut child) in std::mem::take(&mut self.running) {
            match child.try_wait() {
                Ok(None) => still.push((task, child)),
                Ok(Some(status)) => self.journal.note(task, Some(words(status)), None),
                Err(error) => self.journal.note(task, Some(error.to_string()), None),
            }
        }
        self.running = still;
        self.journal.write();
    }
}

/// `events.jsonl` as it is written.
struct Journal {
    file: File,
    /// Lines that the disk has not taken yet: workers go on on a full disk, too.
    unwritten: String,
}

impl Journal {
    fn note(&mut self, task: usize, ended: Option<String>, worker: Option<Holder>) {
        let event = Event {
            task,
            ended,
            worker,
        };
        if let Ok(line) = serde_json::to_string(&event) {
            self.unwritten += &line;
            self.unwritten.push('\n');
        }
        self.write();
    }

    /// Writes what is to be written, or keeps it for later.
    fn write(&mut self) {
        if self.unwritten.is_empty() {
            return;
        }
        // In one call: a line is there whole or is the last.
        match self.file.write_all(self.unwritten.as_bytes()) {
            Ok(()) => self.unwritten.clear(),
            Err(_) if self.unwritten.starts_with('\n') => {}
            Err(error) => {
                // A part may be there: what is written again begins on a line of its own.
                self.unwritten.insert(0, '\n');
                // A log on the same disk may be lost as well.
                let _ = writeln!(
                    io::stderr(),
                    "{EVENTS} cannot be written, and will be later: {error}"
                );
            }
        }
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
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_a_full_disk_does_not_take_is_written_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(EVENTS);
        let mut journal = Journal {
            file: File::options().write(true).open("/dev/full").unwrap(),
            unwritten: String::new(),
        };
        journal.note(0, None, Some(Holder::of(std::process::id())));
        journal.note(0, Some("completed".to_owned()), None);
        // A part of a line had come through.
        fs::write(&path, "{\"task\":0,\"en").unwrap();
        journal.file = File::options().append(true).open(&path).unwrap();
        journal.write();
        journal.write();
        let read = read_events(&path).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[1].ended.as_deref(), Some("completed"));
        let worker = read[0].worker.as_ref().unwrap();
        assert_eq!(
            (worker.pid, worker.is_there()),
            (std::process::id(), Some(true))
        );
    }

    #[test]
    fn threads_are_divided() {
        let each = |jobs, threads| threads_each(&Options { jobs, threads });
        assert_eq!(
            (each(2, 8), each(3, 8), each(9, 8), each(0, 2)),
            (4, 2, 1, 2)
        );
    }
}
