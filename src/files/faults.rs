//! A disk that fails on demand, for tests: which step on which file goes wrong, and a log of all.

#![allow(clippy::expect_used)]

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Step;

static ALL: Mutex<Vec<State>> = Mutex::new(Vec::new());

fn all() -> MutexGuard<'static, Vec<State>> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is watched under one folder.
struct State {
    folder: PathBuf,
    faults: Vec<Fault>,
    log: Vec<String>,
}

/// Something that goes wrong with every file whose path ends so.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    /// `None`: every step.
    step: Option<Step>,
    end: String,
    /// The system's error; none for a file that is silently cut.
    code: Option<i32>,
    /// How many more times it goes well.
    spared: usize,
}

impl Fault {
    /// A step that fails with an error of the system.
    pub fn error(step: Step, end: &str, code: i32) -> Self {
        Self {
            step: Some(step),
            end: end.to_owned(),
            code: Some(code),
            spared: 0,
        }
    }

    /// Every step fails with an error of the system.
    pub fn any(end: &str, code: i32) -> Self {
        Self {
            step: None,
            end: end.to_owned(),
            code: Some(code),
            spared: 0,
        }
    }

    /// Half of the bytes are written, and nobody says so.
    pub fn short(end: &str) -> Self {
        Self {
            step: Some(Step::Write),
            end: end.to_owned(),
            code: None,
            spared: 0,
        }
    }

    /// The same, but not before it has gone well a number of times.
    pub fn after(self, spared: usize) -> Self {
        Self { spared, ..self }
    }

    fn hits(&mut self, step: Step, path: &str) -> bool {
        if !self.step.is_none_or(|own| own == step) || !path.ends_with(&self.end) {
            return false;
        }
        let hit = self.spared == 0;
        self.spared = self.spared.saturating_sub(1);
        hit
    }
}

/// Watches a folder, which no other test may use, until it is dropped.
pub(crate) struct Faults(PathBuf);

impl Faults {
    /// Nothing fails yet; what happens is noted.
    pub fn under(folder: &Path) -> Self {
        let state = State {
            folder: folder.to_owned(),
            faults: Vec::new(),
            log: Vec::new(),
        };
        all().push(state);
        Self(folder.to_owned())
    }

    /// From now on this goes wrong too.
    pub fn add(&self, fault: Fault) {
        self.with(|state| state.faults.push(fault));
    }

    /// Steps so far, as `rename runs/ab/record.json`, with paths within the folder.
    pub fn log(&self) -> Vec<String> {
        self.with(|state| state.log.clone())
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut all = all();
        let own = all.iter_mut().find(|state| state.folder == self.0);
        act(own.expect("it is there until it is dropped"))
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        all().retain(|state| state.folder != self.0);
    }
}

/// Notes a step, or makes it fail.
pub(super) fn before(step: Step, path: &Path) -> io::Result<()> {
    let mut all = all();
    let Some((state, inner)) = watched(&mut all, path) else {
        return Ok(());
    };
    for fault in &mut state.faults {
        if let Some(code) = fault.code
            && fault.hits(step, &inner)
        {
            return Err(io::Error::from_raw_os_error(code));
        }
    }
    let verb = match step {
        Step::CreateFolder => "create-folder",
        Step::Create => "create",
        Step::Write => "write",
        Step::Flush => "flush",
        Step::Rename => "rename",
        Step::FlushFolder => "flush-folder",
        Step::Remove => "remove",
    };
    state.log.push(format!("{verb} {inner}"));
    Ok(())
}

/// The bytes that reach the disk.
pub(super) fn portion<'a>(path: &Path, bytes: &'a [u8]) -> &'a [u8] {
    let mut all = all();
    match watched(&mut all, path) {
        Some((state, inner)) => {
            let mut silent = state.faults.iter_mut().filter(|fault| fault.code.is_none());
            if silent.any(|fault| fault.hits(Step::Write, &inner)) {
                &bytes[..bytes.len() / 2]
            } else {
                bytes
            }
        }
        None => bytes,
    }
}

fn watched<'a>(all: &'a mut [State], path: &Path) -> Option<(&'a mut State, String)> {
    let state = all
        .iter_mut()
        .find(|state| path.starts_with(&state.folder))?;
    let inner = path.strip_prefix(&state.folder).ok()?;
    let inner = match inner.to_string_lossy() {
        own if own.is_empty() => ".".to_owned(),
        inner => inner.into_owned(),
    };
    Some((state, inner))
}
