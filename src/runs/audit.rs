//! Looking over a whole store: is everything in it as it was written?
//!
//! Every file of every run, and of every part that runs begin with, is read and hashed. Nothing is
//! changed and no lock is taken, so a store may be in use meanwhile. Whether a record's metrics are
//! the ones that were measured is beyond this: nothing signs them, and only doing the run again
//! tells. What lies beside the folders of runs and parts (tables, figures, other things) is not
//! looked at.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::record::Record;
use super::store::{Failure, Store, read_record};
use super::{Error, Key, checkpoint, part};
use crate::data::Digest;
use crate::metrics::out_of_range;

/// What kind of a finding it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Not what was written, or not there any more.
    Damaged,
    /// Nothing that this program writes.
    Strange,
    /// What a process that was killed leaves behind: it does no harm and can be deleted.
    LeftOver,
}

/// Something to know of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind it is.
    pub kind: Kind,
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub message: String,
}

/// How many parts there are, which several runs begin with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Parts {
    /// Complete and sound.
    pub sound: usize,
    /// Sound so far and not complete.
    pub unfinished: usize,
    /// Something is damaged.
    pub damaged: usize,
}

/// What was found in a store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Runs that are complete and sound.
    pub sound: usize,
    /// Of those, records alone, as `replicate export` writes them: their weights are elsewhere.
    pub exported: usize,
    /// Runs that are sound so far and not complete.
    pub unfinished: usize,
    /// Runs of which something is damaged.
    pub damaged: usize,
    /// What runs begin with.
    pub parts: Parts,
    /// Bytes of weights that were hashed.
    pub hashed_bytes: u64,
    /// All there is to say, in the order of the paths.
    pub findings: Vec<Finding>,
}

/// Reads a record, wherever it lies.
///
/// # Errors
/// If it is not there, is torn, has a format that this program does not know, or bears another key
/// than its settings give: then one of the two was altered.
pub fn read(path: &Path) -> Result<Record, Error> {
    read_record(path)?.ok_or_else(|| Error::io("read", path)(ErrorKind::NotFound.into()))
}

/// Looks over all runs and parts of a store.
///
/// # Errors
/// If the folder of runs or that of parts cannot be listed. A store without one has no runs, and
/// nothing to find.
pub fn audit(store: &Store) -> Result<Audit, Error> {
    let mut audit = Audit::default();
    for kind in [Entry::Run, Entry::Part] {
        for (name, path) in listed(&store.root().join(kind.folder()))? {
            if is_key(&name) && path.is_dir() {
                audit.look_over(kind, &path, &name)?;
            } else {
                let message = format!("no {} has a name like this", kind.word());
                audit.find(Kind::Strange, path, message);
            }
        }
    }
    Ok(audit)
}

/// What has a folder of its own in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Run,
    Part,
}

/// What a record says that its folder has to agree with.
struct Said {
    key: Key,
    weights_sha256: Option<String>,
    /// Metrics with values that they cannot have.
    impossible: Vec<String>,
}

impl Entry {
    fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Part => "part",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Run => "runs",
            Self::Part => "parts",
        }
    }

    /// The file that makes it complete.
    fn record(self) -> &'static str {
        match self {
            Self::Run => "record.json",
            Self::Part => part::RECORD,
        }
    }

    fn read(self, path: &Path) -> Result<Said, Error> {
        match self {
            Self::Run => read(path).map(|record| Said {
                impossible: impossible_metrics(&record),
                key: record.key,
                weights_sha256: record.weights_sha256,
            }),
            Self::Part => {
                let record = part::read_record(path)?;
                let record =
                    record.ok_or_else(|| Error::io("read", path)(ErrorKind::NotFound.into()))?;
                Ok(Said {
                    key: record.key,
                    weights_sha256: record.weights_sha256,
                    impossible: Vec::new(),
                })
            }
        }
    }

    /// What weights that are missing mean.
    fn without_weights(self) -> &'static str {
        match self {
            Self::Run => {
                "it is missing: the run counts as done without, move its folder away to do it again"
            }
            Self::Part => "it is missing: the next run that needs it has it trained again",
        }
    }
}

impl Audit {
    fn find(&mut self, kind: Kind, path: PathBuf, message: impl Into<String>) {
        self.findings.push(Finding {
            kind,
            path,
            message: message.into(),
        });
    }

    /// Looks over the folder of one run or part.
    fn look_over(&mut self, entry: Entry, folder: &Path, name: &str) -> Result<(), Error> {
        let before = self.findings.len();
        let (own, word) = (entry.record(), entry.word());
        let path = folder.join(own);
        let is_complete = path.exists();
        let files = listed(folder)?;
        // A run would have left its lock.
        let is_exported = entry == Entry::Run && is_complete && files.len() == 1;
        if is_complete {
            match entry.read(&path) {
                Ok(said) => self.compare(entry, folder, name, &said, is_exported),
                Err(error) => self.find(Kind::Damaged, path, reason(&error)),
            }
        }
        for (name, path) in files {
            match name.as_str() {
                "weights.safetensors" if path.is_file() => {}
                name if name == own && path.is_file() => {}
                "checkpoint.safetensors" if is_complete => {
                    self.find(Kind::LeftOver, path, format!("the {word} is complete"));
                }
                "checkpoint.safetensors" => match checkpoint::load(&path) {
                    // The run may have gone on, or been completed, in the meantime.
                    Ok(None | Some((_, Some(_)))) => {}
                    Ok(Some((_, None))) => {
                        self.find(
                            Kind::Damaged,
                            path,
                            format!("it does not say how far the {word} has come"),
                        );
                    }
                    Err(error) => self.find(Kind::Damaged, path, reason(&error)),
                },
                "failure.json" if entry == Entry::Run => match fs::read(&path) {
                    Ok(text) => {
                        if let Err(error) = serde_json::from_slice::<Failure>(&text) {
                            self.find(Kind::Damaged, path, error.to_string());
                        }
                    }
                    // The run was completed in the meantime.
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => self.find(Kind::Damaged, path, error.to_string()),
                },
                name => match left_over(name) {
                    Some(message) => self.find(Kind::LeftOver, path, message),
                    None if is_lock(name) => {}
                    None => {
                        let message = format!("no {word} leaves a file like this");
                        self.find(Kind::Strange, path, message);
                    }
                },
            }
        }
        self.findings[before..].sort_by(|a, b| a.path.cmp(&b.path));
        let is_damaged = |finding: &Finding| finding.kind == Kind::Damaged;
        let damaged = self.findings[before..].iter().any(is_damaged);
        *match (entry, damaged, is_complete) {
            (Entry::Run, true, _) => &mut self.damaged,
            (Entry::Run, _, true) => &mut self.sound,
            (Entry::Run, ..) => &mut self.unfinished,
            (Entry::Part, true, _) => &mut self.parts.damaged,
            (Entry::Part, _, true) => &mut self.parts.sound,
            (Entry::Part, ..) => &mut self.parts.unfinished,
        } += 1;
        Ok(())
    }

    /// Compares what a record says with its folder's name and its weights.
    fn compare(&mut self, entry: Entry, folder: &Path, name: &str, said: &Said, is_exported: bool) {
        if said.key.short() != name {
            let message = format!("it belongs to the {} {}", entry.word(), said.key);
            self.find(Kind::Damaged, folder.join(entry.record()), message);
        }
        for message in &said.impossible {
            self.find(Kind::Damaged, folder.join(entry.record()), message.as_str());
        }
        let path = folder.join("weights.safetensors");
        let found = match fs::read(&path) {
            Ok(bytes) => {
                self.hashed_bytes += bytes.len() as u64;
                Some(Digest::of(&bytes).to_string())
            }
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return self.find(Kind::Damaged, path, error.to_string()),
        };
        match (&said.weights_sha256, found) {
            (Some(expected), Some(found)) if *expected != found => {
                let message = format!("its SHA-256 is {found}, the record says {expected}");
                self.find(Kind::Damaged, path, message);
            }
            (Some(_), None) if is_exported => self.exported += 1,
            (Some(_), None) => {
                self.find(Kind::Damaged, path, entry.without_weights());
            }
            (None, Some(_)) => {
                self.find(Kind::Strange, path, "the record knows of no weights");
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
}

/// What a record says that cannot be, of the metrics whose range is known: it was altered, or its
/// program was wrong.
fn impossible_metrics(record: &Record) -> Vec<String> {
    let values = record.metrics.iter();
    let values = values.filter_map(|(name, value)| {
        let value = (*value)?;
        let range = out_of_range(name, value)?;
        Some(format!("{name} is {value}, and can only be {range}"))
    });
    values.collect()
}

/// Names and paths of what is in a folder, by name; nothing if there is no such folder.
fn listed(folder: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("list", folder)(error)),
    };
    let mut listed = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::io("list", folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        listed.push((name, entry.path()));
    }
    listed.sort();
    Ok(listed)
}

fn is_key(name: &str) -> bool {
    name.len() == 16 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// What a run or part may leave behind that has no use any more; `None` for any other file.
fn left_over(name: &str) -> Option<&'static str> {
    const OWN: [&str; 6] = [
        "record.json.",
        "part.json.",
        "weights.safetensors.",
        "checkpoint.safetensors.",
        "failure.json.",
        "lock.",
    ];
    let own = OWN.iter().find_map(|own| name.strip_prefix(own))?;
    if own.strip_suffix(".tmp").is_some() {
        Some("being written, or left by a killed process")
    } else if own == "unusable" || own.starts_with("unreadable-") {
        Some("damaged, and kept when the run was done again")
    } else {
        None
    }
}

/// Whether this is the name of a lock: `lock`, or `lock.3` where the file system has no locks.
fn is_lock(name: &str) -> bool {
    let rest = name.strip_prefix("lock");
    let number = rest.and_then(|rest| rest.strip_prefix('.'));
    rest == Some("") || number.is_some_and(|number| number.parse::<u64>().is_ok())
}

/// An error's text without the path and the advice, which stand elsewhere.
fn reason(error: &Error) -> String {
    match error {
        Error::Damaged { reason, .. }
        | Error::Unreadable { reason, .. }
        | Error::Tensors { reason, .. } => reason.clone(),
        Error::Io { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
