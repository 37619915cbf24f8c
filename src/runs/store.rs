//! The folder that holds the runs.
//!
//! ```text
//! <store>/runs/<first 16 digits of the key>/
//!     record.json             written last: its presence means that the run is complete
//!     weights.safetensors     the trained parameters
//!     checkpoint.safetensors  of an unfinished run
//!     failure.json            why the last attempt failed
//!     lock, lock.N            held while a process works on the run: see `lock`
//!     *.unreadable-N          damaged files of a run that was then done again
//! <store>/parts/              what several runs begin with: see `part`
//! ```
//!
//! Every file is written to a temporary name, flushed to the disk and renamed, so a reader sees it
//! whole or not at all. Nothing is ever deleted but what an unfinished run leaves, once it is
//! complete. A record that does not hold what it should is never written over: it is kept under
//! another name.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Error;
use super::checkpoint::{self, Named};
use super::identity::{Identity, Key, SCHEMA};
use super::lock::{self, Holder, RunLock};
use super::plan::Reason;
use super::record::{Outcome, Record};
use crate::data::Digest;
use crate::files::{self, write_whole};

/// A folder of runs.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// Why the last attempt at a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The error's text.
    pub message: String,
    /// When, RFC 3339.
    pub when: String,
}

impl Store {
    /// The store at `root`; nothing is created before the first run.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The store's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a run.
    #[must_use]
    pub fn folder(&self, key: &Key) -> PathBuf {
        self.root.join("runs").join(key.short())
    }

    /// The file of a run's weights.
    #[must_use]
    pub fn weights(&self, key: &Key) -> PathBuf {
        self.folder(key).join("weights.safetensors")
    }

    /// The file of a run's checkpoint.
    #[must_use]
    pub fn checkpoint(&self, key: &Key) -> PathBuf {
        self.folder(key).join("checkpoint.safetensors")
    }

    /// The record of a run, or `None` if it is not complete.
    ///
    /// # Errors
    /// If the record exists but cannot be read, is damaged, or belongs to another run.
    pub fn record(&self, key: &Key) -> Result<Option<Record>, Error> {
        let path = self.folder(key).join("record.json");
        let record = read_record(&path)?;
        match record {
            Some(record) if record.key != *key => Err(damaged(
                &path,
                format!("it belongs to the run {}", record.key.as_str()),
            )),
            record => Ok(record),
        }
    }

    /// As [`Store::record`], but looks at the weights too if they are younger than their record,
    /// which they are not unless somebody has changed them. (To hash all weights each time would
    /// take minutes in a large store.)
    ///
    /// # Errors
    /// As [`Store::record`], and if the weights are not those of the record.
    pub fn intact(&self, key: &Key) -> Result<Option<Record>, Error> {
        let record = self.record(key)?;
        if let Some(record) = &record {
            let changed = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
            let weights = changed(&self.weights(key));
            if weights >= changed(&self.folder(key).join("record.json")) {
                self.check_weights(record)?;
            }
        }
        Ok(record)
    }

    /// Whether the weights of a run are those of its record; weights that are not there are not
    /// missed.
    ///
    /// # Errors
    /// If they cannot be read or are not.
    pub fn check_weights(&self, record: &Record) -> Result<(), Error> {
        let path = self.weights(&record.key);
        let (Some(expected), Some(bytes)) = (&record.weights_sha256, read(&path)?) else {
            return Ok(());
        };
        let found = Digest::of(&bytes).to_string();
        if found == *expected {
            return Ok(());
        }
        Err(damaged(
            &path,
            format!("its SHA-256 is {found}, the record says {expected}"),
        ))
    }

    /// Keeps the record and the weights of a damaged run under other names, so that it can be done
    /// again; gives those names. To be called with the run's lock.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn keep_aside(&self, key: &Key) -> Result<Vec<PathBuf>, Error> {
        let mut kept = Vec::new();
        // The record first: without it the run counts as unfinished, whatever happens next.
        for path in [self.folder(key).join("record.json"), self.weights(key)] {
            if fs::symlink_metadata(&path).is_ok() {
                let aside = files::keep_aside(&path, "unreadable");
                kept.push(aside.map_err(Error::io("rename", &path))?);
            }
        }
        Ok(kept)
    }

    /// The latest version of all complete runs, by lineage; records that cannot be read are left out
    /// (they are reported when their own run is asked for).
    ///
    /// # Errors
    /// If the store's folder cannot be listed.
    pub fn by_lineage(&self) -> Result<HashMap<String, Identity>, Error> {
        let Some(entries) = self.list()? else {
            return Ok(HashMap::new());
        };
        let mut found = HashMap::new();
        for entry in entries.flatten() {
            if let Ok(Some(record)) = read_record(&entry.path().join("record.json")) {
                let (lineage, identity) = (record.identity.lineage(), record.identity);
                let known: Option<&Identity> = found.get(&lineage);
                if known.is_none_or(|known| known.algorithm <= identity.algorithm) {
                    found.insert(lineage, identity);
                }
            }
        }
        Ok(found)
    }

    /// What [`Store::by_lineage`] would say of one run, as far as its training may serve: the latest complete
    /// version before its own, from `since` on, on the same data. Looks for these few by their keys.
    #[must_use]
    pub fn older(&self, identity: &Identity, since: u32) -> HashMap<String, Identity> {
        let versions = (since..identity.algorithm).rev();
        let mut versions = versions.map(|algorithm| Identity {
            algorithm,
            ..identity.clone()
        });
        let is_there = |older: &Identity| matches!(self.record(&older.key()), Ok(Some(_)));
        let found = versions.find(is_there);
        found
            .map(|older| (older.lineage(), older))
            .into_iter()
            .collect()
    }

    /// The folders of all runs; `None` if there is no store yet.
    fn list(&self) -> Result<Option<fs::ReadDir>, Error> {
        let folder = self.root.join("runs");
        match fs::read_dir(&folder) {
            Ok(entries) => Ok(Some(entries)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("list", folder)(error)),
        }
    }

    /// Writes the record of a finished run, then removes what an unfinished one leaves. To be called
    /// with the run's lock.
    ///
    /// # Errors
    /// If the disk refuses; the run then counts as unfinished, or is finished but may not survive a
    /// power cut: nothing has been removed.
    pub fn write_record(&self, record: &Record) -> Result<(), Error> {
        let folder = self.folder(&record.key);
        write_json(&folder.join("record.json"), record)?;
        clear(&folder);
        Ok(())
    }

    /// Notes why a run failed.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn write_failure(&self, key: &Key, failure: &Failure) -> Result<(), Error> {
        write_json(&self.folder(key).join("failure.json"), failure)
    }

    /// Why the last attempt at a run failed, if it did.
    #[must_use]
    pub fn failure(&self, key: &Key) -> Option<Failure> {
        let text = fs::read(self.folder(key).join("failure.json")).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Takes the right to work on a run; `None` if a living process has it.
    ///
    /// # Errors
    /// If the run's folder or its lock cannot be made.
    pub fn lock(&self, key: &Key) -> Result<Option<RunLock>, Error> {
        let folder = self.folder(key);
        files::create_folder(&folder).map_err(Error::io("create", &folder))?;
        RunLock::take(&folder)
    }

    /// Who works, or died at work, on a run; `None` if nobody does or it cannot be told.
    #[must_use]
    pub fn holder(&self, key: &Key) -> Option<Holder> {
        lock::holder(&self.folder(key))
    }

    /// Who works on a run; `None` if nobody does, or whoever did is gone.
    #[must_use]
    pub fn worker(&self, key: &Key) -> Option<Holder> {
        lock::worker(&self.folder(key))
    }

    /// Whether files can be written here.
    ///
    /// # Errors
    /// If not; the message says what to do.
    pub fn probe(&self) -> Result<(), Error> {
        let path = self.root.join(".writable");
        write_whole(&path, b"").map_err(|source| Error::Unusable {
            path: self.root.clone(),
            source,
        })?;
        // An empty file left behind does no harm.
        let _ = fs::remove_file(path);
        Ok(())
    }

    /// The record and the weights of a run that was trained to its end, whole and unchanged; `None` where
    /// that is not so.
    #[must_use]
    pub fn trained(&self, key: &Key) -> Option<(Record, Named)> {
        let record = self.record(key).ok().flatten()?;
        let path = self.weights(key);
        let bytes = read(&path).ok().flatten()?;
        if record.outcome != Outcome::Completed
            || record.weights_sha256 != Some(Digest::of(&bytes).to_string())
        {
            return None;
        }
        let (weights, _) = checkpoint::decode(&path, &bytes).ok()?;
        Some((record, weights))
    }

    /// What has to be done for a run, and why; `lineages` are those of [`Store::by_lineage`], and runs of
    /// versions from `trained_since` on were trained as today's are.
    ///
    /// # Errors
    /// If the store's folder cannot be listed. A run that cannot be read is a reason, not an error.
    pub fn reason(
        &self,
        identity: &Identity,
        lineages: &HashMap<String, Identity>,
        trained_since: u32,
    ) -> Result<Reason, Error> {
        let key = identity.key();
        match self.intact(&key) {
            Ok(Some(_)) => return Ok(Reason::Cached),
            Ok(None) => {}
            Err(error) => {
                // Not if it is the same for every run.
                self.list()?;
                let message = error.to_string();
                return Ok(match error {
                    Error::Damaged { .. } => Reason::Damaged { message },
                    _ => Reason::Unreadable { message },
                });
            }
        }
        if let Some(progress) = checkpoint::progress(&self.checkpoint(&key)) {
            return Ok(Reason::Resume {
                at: progress.iteration,
                of: progress.iterations,
            });
        }
        let (data, to) = (&identity.data_sha256, identity.algorithm);
        let older = lineages.get(&identity.lineage());
        // Also where evaluating it failed before: training it again would not be of more use.
        if let Some(older) = older
            && (trained_since..to).contains(&older.algorithm)
            && older.data_sha256 == *data
            && self.trained(&older.key()).is_some()
        {
            let from = older.algorithm;
            return Ok(Reason::EvaluationChanged { from, to });
        }
        if let Some(failure) = self.failure(&key) {
            return Ok(Reason::FailedBefore {
                message: failure.message,
            });
        }
        Ok(match older {
            Some(older) if older.algorithm != identity.algorithm => Reason::AlgorithmChanged {
                from: older.algorithm,
                to,
            },
            Some(older) if older.data_sha256 != *data => Reason::DataChanged,
            _ => Reason::New,
        })
    }
}

/// Removes what an unfinished run or part leaves. It is complete whether or not these go.
pub(super) fn clear(folder: &Path) {
    for left_over in ["checkpoint.safetensors", "failure.json"] {
        let path = folder.join(left_over);
        if path.exists() {
            let _ = files::remove(&path);
        }
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        // Of processes that were killed while they wrote; those alive are waiting for the lock.
        if files::is_temporary(&entry.path()) {
            let _ = files::remove(&entry.path());
        }
    }
}

/// The one field that every version of the format has.
#[derive(Deserialize)]
struct Version {
    schema: u32,
}

/// Parses a record of any kind; `None` if its text is not there.
pub(super) fn parse<T: DeserializeOwned>(
    path: &Path,
    text: Option<Vec<u8>>,
) -> Result<Option<T>, Error> {
    let Some(text) = text else {
        return Ok(None);
    };
    if text.is_empty() {
        return Err(damaged(path, "it is empty".to_owned()));
    }
    let torn = |error: serde_json::Error| damaged(path, error.to_string());
    let version: Version = serde_json::from_slice(&text).map_err(torn)?;
    if version.schema != SCHEMA {
        return Err(Error::Unreadable {
            path: path.to_owned(),
            reason: format!(
                "it has format {}, this program reads {SCHEMA}",
                version.schema
            ),
        });
    }
    serde_json::from_slice(&text).map(Some).map_err(torn)
}

pub(super) fn read_record(path: &Path) -> Result<Option<Record>, Error> {
    let Some(record) = parse::<Record>(path, read(path)?)? else {
        return Ok(None);
    };
    let own = record.identity.key();
    if own != record.key {
        return Err(damaged(
            path,
            format!("its key is not that of its settings, {}", own.as_str()),
        ));
    }
    Ok(Some(record))
}

/// The bytes of a file, or `None` if there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let bytes = match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(ErrorKind::IsADirectory.into()),
        // To read a pipe would be to wait for ever.
        Ok(found) if !found.is_file() => Err(std::io::Error::other("it is not a file")),
        Ok(_) => fs::read(path),
        Err(error) => Err(error),
    };
    match bytes {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

pub(super) fn damaged(path: &Path, reason: String) -> Error {
    Error::Damaged {
        path: path.to_owned(),
        reason,
    }
}

pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let mut text =
        serde_json::to_vec_pretty(value).map_err(|error| Error::io("write", path)(error.into()))?;
    text.push(b'\n');
    write_whole(path, &text).map_err(Error::io("write", path))
}
