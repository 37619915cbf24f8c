//! Looking over a whole store: is everything in it as it was written?
//!
//! Every file of every run is read and hashed. Nothing is changed and no lock is taken, so a store may
//! be in use meanwhile. Whether a record's metrics are the ones that were measured is beyond this:
//! nothing signs them, and only doing the run again tells. What lies beside the folder of runs
//! (tables, figures, other things) is not looked at.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::record::Record;
use super::store::{Failure, Store, read_record};
use super::{Error, checkpoint};
use crate::data::Digest;

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

/// What was found in a store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Runs that are complete and sound.
    pub sound: usize,
    /// Runs that are sound so far and not complete.
    pub unfinished: usize,
    /// Runs of which something is damaged.
    pub damaged: usize,
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

/// Looks over all runs of a store.
///
/// # Errors
/// If the folder of runs cannot be listed. A store without one has no runs, and nothing to find.
pub fn audit(store: &Store) -> Result<Audit, Error> {
    let mut audit = Audit::default();
    let runs = store.root().join("runs");
    for (name, path) in listed(&runs)? {
        if is_key(&name) && path.is_dir() {
            audit.look_over(&path, &name)?;
        } else {
            audit.find(Kind::Strange, path, "no run has a name like this");
        }
    }
    Ok(audit)
}

impl Audit {
    fn find(&mut self, kind: Kind, path: PathBuf, message: impl Into<String>) {
        self.findings.push(Finding {
            kind,
            path,
            message: message.into(),
        });
    }

    /// Looks over the folder of one run.
    fn look_over(&mut self, folder: &Path, name: &str) -> Result<(), Error> {
        let before = self.findings.len();
        let path = folder.join("record.json");
        let is_complete = path.exists();
        if is_complete {
            match read(&path) {
                Ok(record) => self.compare(folder, name, &record),
                Err(error) => self.find(Kind::Damaged, path, reason(&error)),
            }
        }
        for (name, path) in listed(folder)? {
            match name.as_str() {
                "record.json" | "weights.safetensors" if path.is_file() => {}
                "checkpoint.safetensors" if is_complete => {
                    self.find(Kind::LeftOver, path, "the run is complete");
                }
                "checkpoint.safetensors" => match checkpoint::load(&path) {
                    // The run may have gone on, or been completed, in the meantime.
                    Ok(None | Some((_, Some(_)))) => {}
                    Ok(Some((_, None))) => {
                        self.find(
                            Kind::Damaged,
                            path,
                            "it does not say how far the run has come",
                        );
                    }
                    Err(error) => self.find(Kind::Damaged, path, reason(&error)),
                },
                "failure.json" => match fs::read(&path) {
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
                    None => self.find(Kind::Strange, path, "no run leaves a file like this"),
                },
            }
        }
        self.findings[before..].sort_by(|a, b| a.path.cmp(&b.path));
        let is_damaged = |finding: &Finding| finding.kind == Kind::Damaged;
        if self.findings[before..].iter().any(is_damaged) {
            self.damaged += 1;
        } else if is_complete {
            self.sound += 1;
        } else {
            self.unfinished += 1;
        }
        Ok(())
    }

    /// Compares what a record says with its folder's name and its weights.
    fn compare(&mut self, folder: &Path, name: &str, record: &Record) {
        if record.key.short() != name {
            let message = format!("it belongs to the run {}", record.key);
            self.find(Kind::Damaged, folder.join("record.json"), message);
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
        match (&record.weights_sha256, found) {
            (Some(expected), Some(found)) if *expected != found => {
                let message = format!("its SHA-256 is {found}, the record says {expected}");
                self.find(Kind::Damaged, path, message);
            }
            (Some(_), None) => {
                self.find(
                    Kind::Damaged,
                    path,
                    "it is missing: the run counts as done without, move its folder away to do it again",
                );
            }
            (None, Some(_)) => {
                self.find(Kind::Strange, path, "the record knows of no weights");
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
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

/// What a run may leave behind that has no use any more; `None` for any other file.
fn left_over(name: &str) -> Option<&'static str> {
    const OWN: [&str; 5] = [
        "record.json.",
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
