//! Parts: what several runs begin with, trained once and kept. A pretrained autoencoder is one.
//!
//! A part has an identity and a key as a run has, but of what it depends on itself: the settings of the
//! runs that begin with it are not among that.
//!
//! ```text
//! <store>/parts/<first 16 digits of the key>/
//!     part.json               written last: its presence means that the part is complete
//!     weights.safetensors     what was trained; none if it diverged
//!     checkpoint.safetensors  of an unfinished part
//!     lock, lock.N            held while a process trains it: see `lock`
//!     *.unreadable-N          damaged files of a part that was then trained again
//! ```
//!
//! Files are written as those of runs are. A part is read in whole, and its weights are hashed each time,
//! so that no run begins with anything else than it says.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::Tensor;

use super::Error;
use super::checkpoint::{self, Named, Progress};
use super::identity::{Key, SCHEMA};
use super::lock::{self, Holder, RunLock};
use super::record::{Curves, Outcome, Provenance};
use super::store::{self, Store};
use crate::data::Digest;
use crate::files;
use crate::nn::Precision;
use crate::random::Seed;

/// The file that makes a part complete.
pub(super) const RECORD: &str = "part.json";

/// Everything that a part depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartIdentity {
    /// Version of this format.
    pub schema: u32,
    /// What it is, e.g. `autoencoder`.
    pub part: String,
    /// The version of its algorithm, raised by hand whenever its results change.
    pub algorithm: u32,
    /// All settings, defaults included.
    pub settings: Value,
    /// The data set's id.
    pub data: String,
    /// SHA-256 of its decoded bytes.
    pub data_sha256: String,
    /// The seed.
    pub seed: Seed,
    /// How accurate its products are.
    pub precision: Precision,
}

impl PartIdentity {
    /// The part's key: SHA-256 of its canonical JSON. No run has the same, whose identity has a
    /// `method` instead of a `part`.
    #[must_use]
    pub fn key(&self) -> Key {
        Key::of(&serde_json::json!({
            "schema": self.schema,
            "part": self.part,
            "algorithm": self.algorithm,
            "settings": self.settings,
            "data": self.data,
            "data_sha256": self.data_sha256,
            "seed": self.seed,
            "precision": self.precision,
        }))
    }
}

/// The record of a complete part, `part.json` in its folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartRecord {
    /// Version of this format.
    pub schema: u32,
    /// The part's key.
    pub key: Key,
    /// What it depends on.
    pub identity: PartIdentity,
    /// How its training ended.
    pub outcome: Outcome,
    /// Values by name; `None` where undefined.
    pub metrics: BTreeMap<String, Option<f64>>,
    /// Losses over training.
    pub curves: Curves,
    /// SHA-256 of `weights.safetensors`; none if it diverged.
    pub weights_sha256: Option<String>,
    /// Where, when, and at what cost.
    pub provenance: Provenance,
}

/// That a run began with a part, in the run's record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartUse {
    /// What it is, e.g. `autoencoder`.
    pub part: String,
    /// Its key.
    pub key: Key,
    /// SHA-256 of its weights; none if it diverged.
    pub weights_sha256: Option<String>,
    /// What its training took, whoever did it. The run's own time is without it.
    pub training_seconds: f64,
}

impl PartRecord {
    /// What the record of a run says of having begun with it.
    #[must_use]
    pub fn to_use(&self) -> PartUse {
        PartUse {
            part: self.identity.part.clone(),
            key: self.key.clone(),
            weights_sha256: self.weights_sha256.clone(),
            training_seconds: self.provenance.training_seconds,
        }
    }
}

/// Where a part of a store is, or will be.
#[derive(Debug, Clone)]
pub struct PartFolder {
    folder: PathBuf,
    identity: PartIdentity,
    key: Key,
}

/// What came of training a part.
#[derive(Debug)]
pub struct NewPart<'a> {
    /// How the training ended.
    pub outcome: Outcome,
    /// Values by name; not finite where undefined.
    pub metrics: &'a BTreeMap<String, f64>,
    /// Losses over training.
    pub curves: Curves,
    /// What was trained, by name; nothing if it diverged.
    pub weights: &'a [(String, Tensor)],
    /// Where, when, and at what cost.
    pub provenance: Provenance,
}

impl PartFolder {
    /// The place of that part; nothing is created.
    #[must_use]
    pub fn new(store: &Store, identity: PartIdentity) -> Self {
        let key = identity.key();
        Self {
            folder: store.root().join("parts").join(key.short()),
            identity,
            key,
        }
    }

    /// The part's key.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The file of the part's checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> PathBuf {
        self.folder.join("checkpoint.safetensors")
    }

    /// The file of the part's weights.
    #[must_use]
    pub fn weights(&self) -> PathBuf {
        self.folder.join("weights.safetensors")
    }

    /// How far its training has come, as of the last checkpoint.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        checkpoint::progress(&self.checkpoint())
    }

    /// Takes the right to train the part; `None` if a living process, or another worker of this one,
    /// has it.
    ///
    /// # Errors
    /// If the part's folder or its lock cannot be made.
    pub fn lock(&self) -> Result<Option<RunLock>, Error> {
        files::create_folder(&self.folder).map_err(Error::io("create", &self.folder))?;
        RunLock::take_of(&self.folder, RECORD)
    }

    /// Who trains it, if that can be told.
    #[must_use]
    pub fn holder(&self) -> Option<Holder> {
        lock::holder(&self.folder)
    }

    /// The living process that trains it; `None` if nobody does.
    #[must_use]
    pub fn worker(&self) -> Option<Holder> {
        lock::worker(&self.folder)
    }

    /// The record of the part, or `None` if it is not complete. Its weights are not looked at.
    ///
    /// # Errors
    /// If it is there but cannot be read, is damaged, or belongs to another part.
    pub fn record(&self) -> Result<Option<PartRecord>, Error> {
        let path = self.folder.join(RECORD);
        match read_record(&path)? {
            Some(record) if record.key != self.key => Err(store::damaged(
                &path,
                format!("it belongs to the part {}", record.key.as_str()),
            )),
            record => Ok(record),
        }
    }

    /// The part's record and weights, or `None` if it is not complete.
    ///
    /// # Errors
    /// As [`PartFolder::record`], and if the weights are not there or not those of the record.
    pub fn load(&self) -> Result<Option<(PartRecord, Named)>, Error> {
        let Some(record) = self.record()? else {
            return Ok(None);
        };
        let Some(expected) = &record.weights_sha256 else {
            return Ok(Some((record, Named::new())));
        };
        let path = self.weights();
        let Some(bytes) = store::read(&path)? else {
            return Err(store::damaged(&path, "it is missing".to_owned()));
        };
        let found = Digest::of(&bytes).to_string();
        if found != *expected {
            return Err(store::damaged(
                &path,
                format!("its SHA-256 is {found}, the record says {expected}"),
            ));
        }
        let (weights, _) = checkpoint::decode(&path, &bytes)?;
        Ok(Some((record, weights)))
    }

    /// Writes the weights, then the record, which makes the part complete. To be called with its lock.
    ///
    /// # Errors
    /// If the disk refuses; the part then counts as unfinished.
    pub fn write(&self, new: NewPart) -> Result<PartRecord, Error> {
        let mut weights_sha256 = None;
        if !new.weights.is_empty() {
            let path = self.weights();
            let bytes = checkpoint::encode(&path, new.weights, None)?;
            files::write_whole(&path, &bytes).map_err(Error::io("write", &path))?;
            weights_sha256 = Some(Digest::of(&bytes).to_string());
        }
        let metrics = new.metrics.iter();
        let record = PartRecord {
            schema: SCHEMA,
            key: self.key.clone(),
            identity: self.identity.clone(),
            outcome: new.outcome,
            metrics: metrics
                .map(|(name, value)| (name.clone(), value.is_finite().then_some(*value)))
                .collect(),
            curves: new.curves,
            weights_sha256,
            provenance: new.provenance,
        };
        store::write_json(&self.folder.join(RECORD), &record)?;
        store::clear(&self.folder);
        Ok(record)
    }

    /// Keeps the record and the weights of a damaged part under other names, so that it can be trained
    /// again; gives those names. To be called with its lock.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn keep_aside(&self) -> Result<Vec<PathBuf>, Error> {
        let mut kept = Vec::new();
        // The record first: without it the part counts as unfinished, whatever happens next.
        for path in [self.folder.join(RECORD), self.weights()] {
            if fs::symlink_metadata(&path).is_ok() {
                let aside = files::keep_aside(&path, "unreadable");
                kept.push(aside.map_err(Error::io("rename", &path))?);
            }
        }
        Ok(kept)
    }
}

/// Reads a part's record, wherever it lies; `None` if it is not there.
///
/// # Errors
/// If it is torn, has a format that this program does not know, or bears another key than its settings
/// give.
pub(super) fn read_record(path: &Path) -> Result<Option<PartRecord>, Error> {
    let Some(record) = store::parse::<PartRecord>(path, store::read(path)?)? else {
        return Ok(None);
    };
    let own = record.identity.key();
    if own != record.key {
        return Err(store::damaged(
            path,
            format!("its key is not that of its settings, {}", own.as_str()),
        ));
    }
    Ok(Some(record))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn identity() -> PartIdentity {
        PartIdentity {
            schema: SCHEMA,
            part: "autoencoder".into(),
            algorithm: 1,
            settings: json!({"epochs": 200, "hidden": [500]}),
            data: "mnist".into(),
            data_sha256: "ab".into(),
            seed: Seed(3),
            precision: Precision::Exact,
        }
    }

    #[test]
    fn the_key_is_the_hash_of_sorted_json() {
        // printf '%s' '{"algorithm":1,"data":"mnist","data_sha256":"ab","part":"autoencoder",
        // "precision":"exact","schema":1,"seed":3,"settings":{"epochs":200,"hidden":[500]}}'
        // (on one line) | sha256sum
        let golden = "610339ec30f1eceb0921c9287f4bb65c4e8f0dd73377b1665cf74fed3134e08f";
        assert_eq!(identity().key().as_str(), golden);
    }

    #[test]
    fn every_field_changes_the_key() {
        let changes: [fn(&mut PartIdentity); 8] = [
            |i| i.schema += 1,
            |i| i.part.push('x'),
            |i| i.algorithm += 1,
            |i| i.settings = json!({"epochs": 201, "hidden": [500]}),
            |i| i.data.push('x'),
            |i| i.data_sha256.push('x'),
            |i| i.seed = Seed(4),
            |i| i.precision = Precision::Fast,
        ];
        for change in changes {
            let mut other = identity();
            change(&mut other);
            assert_ne!(other.key(), identity().key());
        }
    }
}
