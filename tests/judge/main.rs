//! Verdicts as users meet them: their own numbers, stored runs, single claims, the power of a plan, and
//! how far a sweep is. Runs are made up and written into a store; nothing is trained.

#![allow(missing_docs, clippy::unwrap_used)]

mod files;
mod made;
mod shown;
mod stored;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn run(store: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_replicate"))
        .args(arguments)
        .env("REPLICATE_STORE", store)
        .env("REPLICATE_DATA", store.join("data"))
        .env_remove("REPLICATE_MIRROR")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Exit code, standard output and standard error.
fn call(store: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = run(store, arguments);
    let [out, err] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8(bytes.clone()).unwrap());
    assert!(!err.contains("panicked"), "{err}");
    (output.status.code().unwrap(), out, err)
}

fn json(store: &Path, arguments: &[&str], code: i32) -> Value {
    let (got, out, err) = call(store, arguments);
    assert_eq!(got, code, "{err}");
    serde_json::from_str(&out).unwrap()
}
