//! The program as a process, with a store of its own, and what it leaves there.

// Each crate of tests uses a part of it.
#![allow(dead_code, clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The program with no data but the embedded.
pub fn replicate(store: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_replicate"));
    command
        .env("REPLICATE_STORE", store)
        .env("REPLICATE_DATA", store.join("data"))
        .env_remove("REPLICATE_MIRROR")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What a call says, and its exit code.
pub fn run(store: &Path, arguments: &[&str]) -> Output {
    replicate(store).args(arguments).output().unwrap()
}

/// Exit code, standard output and standard error of a call, which must not panic.
pub fn call(store: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = run(store, arguments);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(!err.contains("panicked"), "{err}");
    (output.status.code().unwrap(), out, err)
}

/// The JSON of a call that must succeed.
pub fn json(store: &Path, arguments: &[&str]) -> Value {
    let output = run(store, arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The folders of all runs, by name.
pub fn folders(store: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(store.join("runs")) else {
        return Vec::new();
    };
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

/// The record in a run's folder.
pub fn record(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("record.json")).unwrap()).unwrap()
}

/// Everything about a run that must not depend on how it was done: all but the provenance, and the
/// weights' bytes.
pub fn results(folder: &Path) -> (Value, Option<Vec<u8>>) {
    let mut record = record(folder);
    record
        .as_object_mut()
        .unwrap()
        .remove("provenance")
        .unwrap();
    (record, fs::read(folder.join("weights.safetensors")).ok())
}
