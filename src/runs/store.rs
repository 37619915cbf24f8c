//! The folder that holds the runs.
//!
//! ```text
//! <store>/runs/<first 16 digits of the key>/
//!     record.json             written last: its presence means that the run is complete
//!     weights.safetensors     the trained parameters
//!     checkpoint.safetensors  of an unfinished run
//!     failure.json            why the last attempt failed
//!     lock                    held while a process works on the run
//! ```
//!
//! Every file is written to a temporary name, flushed to the disk and renamed, so a reader sees it
//! whole or not at all. Nothing is ever deleted but a checkpoint whose run is complete.

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Error;
use super::checkpoint;
use super::identity::{Identity, Key, SCHEMA};
use super::plan::Reason;
use super::record::Record;
use crate::files::write_whole;

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

/// The right to work on one run. Given back when dropped, or by the system when the process dies.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
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
    /// If the record exists but cannot be read, is torn, or belongs to another key.
    pub fn record(&self, key: &Key) -> Result<Option<Record>, Error> {
        let record = read_record(&self.folder(key).join("record.json"))?;
        match record {
            Some(record) if record.key != *key => Err(Error::Unreadable {
                path: self.folder(key).join("record.json"),
                reason: format!("it belongs to the run {}", record.key.as_str()),
            }),
            record => Ok(record),
        }
    }

    /// The latest version of all complete runs, by lineage; records that cannot be read are left out
    /// (they are reported when their own run is asked for).
    ///
    /// # Errors
    /// If the store's folder cannot be listed.
    pub fn by_lineage(&self) -> Result<HashMap<String, Identity>, Error> {
        let folder = self.root.join("runs");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(HashMap::new()),
            Err(error) => return Err(Error::io("list", folder)(error)),
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

    /// Writes the record of a finished run, then removes what an unfinished one leaves.
    ///
    /// # Errors
    /// If the disk refuses; the run then counts as unfinished.
    pub fn write_record(&self, record: &Record) -> Result<(), Error> {
        let folder = self.folder(&record.key);
        write_json(&folder.join("record.json"), record)?;
        for left_over in ["checkpoint.safetensors", "failure.json"] {
            // The run is complete whether or not these go.
            let _ = fs::remove_file(folder.join(left_over));
        }
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
    /// If the run's folder cannot be made.
    pub fn lock(&self, key: &Key) -> Result<Option<RunLock>, Error> {
        let folder = self.folder(key);
        fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        let path = folder.join("lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(Error::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(RunLock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            // Some network file systems have no locks. Two processes may then do a run twice; its
            // files still appear whole, by renaming, and are the same.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
                Ok(Some(RunLock { _file: file }))
            }
            Err(TryLockError::Error(error)) => Err(Error::io("lock", path)(error)),
        }
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

    /// What has to be done for a run, and why; `lineages` are those of [`Store::by_lineage`].
    ///
    /// # Errors
    /// If the store itself cannot be read.
    pub fn reason(
        &self,
        identity: &Identity,
        lineages: &HashMap<String, Identity>,
    ) -> Result<Reason, Error> {
        let key = identity.key();
        match self.record(&key) {
            Ok(Some(_)) => return Ok(Reason::Cached),
            Ok(None) => {}
            Err(error @ Error::Unreadable { .. }) => {
                return Ok(Reason::Unreadable {
                    message: error.to_string(),
                });
            }
            Err(error) => return Err(error),
        }
        if let Some(progress) = checkpoint::progress(&self.checkpoint(&key)) {
            return Ok(Reason::Resume {
                at: progress.iteration,
                of: progress.iterations,
            });
        }
        if let Some(failure) = self.failure(&key) {
            return Ok(Reason::FailedBefore {
                message: failure.message,
            });
        }
        Ok(match lineages.get(&identity.lineage()) {
            Some(older) if older.algorithm != identity.algorithm => Reason::AlgorithmChanged {
                from: older.algorithm,
                to: identity.algorithm,
            },
            Some(older) if older.data_sha256 != identity.data_sha256 => Reason::DataChanged,
            _ => Reason::New,
        })
    }
}

/// The one field that every version of the format has.
#[derive(Deserialize)]
struct Version {
    schema: u32,
}

pub(super) fn read_record(path: &Path) -> Result<Option<Record>, Error> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    let unreadable = |reason: String| Error::Unreadable {
        path: path.to_owned(),
        reason,
    };
    let version: Version =
        serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
    if version.schema != SCHEMA {
        return Err(unreadable(format!(
            "it has format {}, this program reads {SCHEMA}",
            version.schema
        )));
    }
    let record = serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
    Ok(Some(record))
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| Error::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    text.push(b'\n');
    write_whole(path, &text).map_err(Error::io("write", path))
}
