//! The folder of one training: whose it is, and what is in it.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::{Error, Summary};
use crate::files::write_whole;

/// Says which training it is.
pub const TRAINING: &str = "training.json";
/// Says what it came to; written last.
pub const SUMMARY: &str = "summary.json";
/// The state of an unfinished training.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// The state of an unfinished pretraining.
pub const PRETRAINING: &str = "pretraining.safetensors";
/// The autoencoder that a pretraining has left.
pub const AUTOENCODER: &str = "autoencoder.safetensors";

/// Its losses.
const LOG: &str = "log.csv";

/// What tells how far a training was.
const TRACES: [&str; 5] = [SUMMARY, CHECKPOINT, PRETRAINING, AUTOENCODER, LOG];

/// `model.safetensors` and `model-1000.safetensors`.
fn is_model(name: &str) -> bool {
    let state = name
        .strip_prefix("model")
        .and_then(|name| name.strip_suffix(".safetensors"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    state.is_some_and(|state| state.is_empty() || state.strip_prefix('-').is_some_and(is_number))
}

/// Whether a training writes a file, or folder, of that name.
fn is_written(name: &str) -> bool {
    let pictures = ["architecture", "map", "units"];
    let is_picture = |name: &str| {
        let stem = name
            .strip_suffix(".svg")
            .or_else(|| name.strip_suffix(".png"));
        stem.is_some_and(|stem| pictures.contains(&stem))
    };
    let tables = ["evaluation.csv", "tensorboard"];
    TRACES.contains(&name) || tables.contains(&name) || is_model(name) || is_picture(name)
}

/// Whether a training in the folder removes or writes over the file.
pub fn is_lost(folder: &Path, file: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok();
    let Some(file) = real(file) else {
        return false;
    };
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let is_here = real(folder).is_some_and(|folder| file.parent() == Some(&folder));
    is_here && (TRACES.contains(&&*name) || is_model(&name))
}

/// Forgets a training that came to nothing: the folder is free for another try. What its losses were stays.
pub fn clear(folder: &Path) {
    let _ = fs::rename(folder.join(LOG), folder.join("log-diverged.csv"));
    let _ = fs::remove_dir_all(folder.join("tensorboard"));
    remove_models(folder);
    // What says whose they are goes last.
    for name in TRACES.into_iter().chain([TRAINING]) {
        let _ = fs::remove_file(folder.join(name));
    }
}

/// Weights, also those on the way.
fn remove_models(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_model(&entry.file_name().to_string_lossy()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Makes sure that the folder is this training's; gives its summary where it is done. With `overwrite`
/// another training gives way, and this one if it is done; unfinished it goes on. Files of the names that a
/// training writes and that are no training's are somebody else's, and kept as well.
pub fn take(folder: &Path, identity: &Value, overwrite: bool) -> Result<Option<Summary>, Error> {
    let path = folder.join(TRAINING);
    let summary = folder.join(SUMMARY);
    match fs::read(&path) {
        Ok(text) => {
            let found: Value = serde_json::from_slice(&text).unwrap_or(Value::Null);
            // The same command again goes on, also where it began by writing over another one.
            if found == *identity && !(overwrite && summary.exists()) {
                let text = fs::read(&summary).ok();
                return Ok(text.and_then(|text| serde_json::from_slice(&text).ok()));
            }
            if !overwrite {
                return Err(Error::Occupied {
                    folder: folder.to_owned(),
                    differs: difference(&found, identity),
                });
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
            let mut others: Vec<String> = names.filter(|name| is_written(name)).collect();
            others.sort();
            if !others.is_empty() && !overwrite {
                return Err(Error::Foreign {
                    folder: folder.to_owned(),
                    files: others.join(", "),
                });
            }
        }
        Err(error) => return Err(Error::io("read", &path)(error)),
    }
    // What tells how far the other one was; its other files are written over as we go.
    for name in TRACES {
        let _ = fs::remove_file(folder.join(name));
    }
    if overwrite {
        let _ = fs::remove_dir_all(folder.join("tensorboard"));
        remove_models(folder);
    }
    write_json(&path, identity)?;
    Ok(None)
}

/// The first thing that two identities differ in, in words.
fn difference(found: &Value, wanted: &Value) -> String {
    fn walk(place: &str, a: &Value, b: &Value) -> Option<String> {
        if a == b {
            return None;
        }
        if let (Value::Object(a), Value::Object(b)) = (a, b) {
            let names = a.keys().chain(b.keys());
            let mut all: Vec<&String> = names.collect();
            all.sort();
            all.dedup();
            return all.into_iter().find_map(|name| {
                let null = Value::Null;
                let of =
                    |map: &serde_json::Map<String, Value>| map.get(name).unwrap_or(&null).clone();
                let place = match place {
                    "" => name.clone(),
                    place => format!("{place}.{name}"),
                };
                walk(&place, &of(a), &of(b))
            });
        }
        Some(format!("{place} is {a} there and {b} here"))
    }
    walk("", found, wanted).unwrap_or_else(|| "its training.json is damaged".to_owned())
}

/// Writes a value as indented JSON.
///
/// # Errors
/// If the disk refuses.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_vec_pretty(value).map_err(std::io::Error::from);
    let mut text = text.map_err(Error::io("write", path))?;
    text.push(b'\n');
    write_whole(path, &text).map_err(Error::io("write", path))
}
