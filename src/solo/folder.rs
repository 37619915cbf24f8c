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

/// Makes sure that the folder is this training's; gives its summary where it is done.
pub fn take(folder: &Path, identity: &Value, overwrite: bool) -> Result<Option<Summary>, Error> {
    let path = folder.join(TRAINING);
    let summary = folder.join(SUMMARY);
    match fs::read(&path) {
        Ok(text) => {
            let found: Value = serde_json::from_slice(&text).unwrap_or(Value::Null);
            if found == *identity && !overwrite {
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
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(Error::io("read", &path)(error)),
    }
    // What tells how far the other one was; its other files are written over as we go.
    for name in [SUMMARY, CHECKPOINT, PRETRAINING, AUTOENCODER, "log.csv"] {
        let _ = fs::remove_file(folder.join(name));
    }
    if overwrite {
        let _ = fs::remove_dir_all(folder.join("tensorboard"));
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("model") && name.ends_with(".safetensors") {
                let _ = fs::remove_file(entry.path());
            }
        }
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
