//! Verdicts as users meet them: their own numbers, stored runs, single claims, the power of a plan, and
//! how far a sweep is. Runs are made up and written into a store; nothing is trained.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../program/mod.rs"]
mod program;

mod files;
mod made;
mod shown;
mod stored;

use std::path::Path;

use serde_json::Value;

use program::call;

/// The JSON of a call that must end with this code.
fn json(store: &Path, arguments: &[&str], code: i32) -> Value {
    let (got, out, err) = call(store, arguments);
    assert_eq!(got, code, "{err}");
    serde_json::from_str(&out).unwrap()
}
