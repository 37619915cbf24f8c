#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use serde_json::json;
use tch::Tensor;

use super::*;
use crate::nn::Precision;
use crate::random::Seed;
use crate::runs::checkpoint::Progress;
use crate::runs::identity::{Identity, SCHEMA};
use crate::runs::record::{Curves, Outcome, Provenance};

fn provenance() -> Provenance {
    Provenance {
        program: "0".into(),
        libtorch: "0".into(),
        device: "cpu".into(),
        device_name: "none".into(),
        matrix_kernels: "default".into(),
        products: Precision::Exact.products(tch::Device::Cpu),
        threads: 1,
        cohort: 1,
        host: "none".into(),
        system: "none".into(),
        started: String::new(),
        finished: String::new(),
        training_seconds: 0.0,
        evaluation_seconds: 0.0,
        resumed: 0,
        earlier: Vec::new(),
        evaluated: None,
    }
}

/// A complete run with weights.
fn complete(store: &Store, seed: u64) -> Record {
    let identity = Identity {
        schema: SCHEMA,
        method: "none".into(),
        algorithm: 1,
        settings: json!({"gamma": 0.1}),
        data: "none".into(),
        data_sha256: "0".into(),
        seed: Seed(seed),
        precision: Precision::Exact,
    };
    let weights = b"weights of no use";
    let record = Record {
        schema: SCHEMA,
        key: identity.key(),
        identity,
        variant: "gamma=0.1".into(),
        parts: Vec::new(),
        claims: BTreeMap::new(),
        outcome: Outcome::Completed,
        metrics: BTreeMap::from([("purity".to_owned(), Some(0.5))]),
        curves: Curves::default(),
        weights_sha256: Some(Digest::of(weights).to_string()),
        provenance: provenance(),
    };
    crate::files::write_whole(&store.weights(&record.key), weights).unwrap();
    store.write_record(&record).unwrap();
    drop(store.lock(&record.key).unwrap());
    record
}

/// A store of three runs, and the folder of the first.
fn three() -> (tempfile::TempDir, Store, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let records = [0, 1, 2].map(|seed| complete(&store, seed));
    let first = store.folder(&records[0].key);
    (folder, store, first)
}

fn counts(audit: &Audit) -> (usize, usize, usize) {
    (audit.sound, audit.unfinished, audit.damaged)
}

/// The one finding of a store: kind, file name, message.
fn only(audit: &Audit) -> (Kind, String, String) {
    assert_eq!(audit.findings.len(), 1, "{audit:?}");
    let finding = &audit.findings[0];
    let name = finding.path.file_name().unwrap().to_str().unwrap();
    (finding.kind, name.to_owned(), finding.message.clone())
}

#[test]
fn a_sound_store_has_nothing_to_find() {
    let (_folder, store, first) = three();
    let found = audit(&store).unwrap();
    assert_eq!((counts(&found), found.findings.len()), ((3, 0, 0), 0));
    assert_eq!(found.hashed_bytes, 3 * 17);
    // As where the file system has no locks.
    fs::write(first.join("lock.7"), "").unwrap();
    assert_eq!(audit(&store).unwrap(), found);
    let nowhere = Store::new(store.root().join("nowhere"));
    assert_eq!(audit(&nowhere).unwrap(), Audit::default());
}

#[test]
fn metrics_out_of_their_range_are_named() {
    let (_folder, store, first) = three();
    let path = first.join("record.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"purity\": 0.5", "\"purity\": 1.7")).unwrap();
    let found = audit(&store).unwrap();
    assert_eq!(counts(&found), (2, 0, 1));
    let (kind, _, message) = only(&found);
    assert_eq!(
        (kind, message.as_str()),
        (Kind::Damaged, "purity is 1.7, and can only be 0 to 1")
    );
}

#[test]
fn torn_and_altered_records_are_named() {
    let (_folder, store, first) = three();
    let path = first.join("record.json");
    let whole = fs::read_to_string(&path).unwrap();
    let torn = |length: usize| whole[..length].to_owned();
    for (text, expected) in [
        (torn(0), "empty"),
        (torn(whole.len() / 2), "EOF"),
        (
            whole.replacen("\"gamma\": 0.1", "\"gamma\": 0.2", 1),
            "not that of its settings",
        ),
        (
            whole.replacen("\"schema\": 1", "\"schema\": 9", 1),
            "format 9",
        ),
        (
            whole.replacen("\"seed\": 0", "\"seed\": 7", 1),
            "not that of its settings",
        ),
    ] {
        assert_ne!(text, whole);
        fs::write(&path, text).unwrap();
        let found = audit(&store).unwrap();
        let (kind, name, message) = only(&found);
        assert_eq!((kind, name.as_str()), (Kind::Damaged, "record.json"));
        assert!(message.contains(expected), "{message}");
        assert_eq!(counts(&found), (2, 0, 1));
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(counts(&audit(&store).unwrap()), (3, 0, 0));
}

#[test]
fn a_record_in_the_folder_of_another_run_is_named() {
    let (_folder, store, first) = three();
    let other = complete(&store, 9);
    fs::copy(
        store.folder(&other.key).join("record.json"),
        first.join("record.json"),
    )
    .unwrap();
    let (kind, name, message) = only(&audit(&store).unwrap());
    assert_eq!((kind, name.as_str()), (Kind::Damaged, "record.json"));
    assert!(message.contains(other.key.short()), "{message}");
}

#[test]
fn weights_that_are_altered_or_missing_are_named() {
    let (_folder, store, first) = three();
    let path = first.join("weights.safetensors");
    fs::write(&path, b"weights of no usE").unwrap();
    let (kind, name, message) = only(&audit(&store).unwrap());
    assert_eq!(
        (kind, name.as_str()),
        (Kind::Damaged, "weights.safetensors")
    );
    assert!(message.contains("SHA-256"), "{message}");
    fs::remove_file(&path).unwrap();
    let (kind, _, message) = only(&audit(&store).unwrap());
    assert!(
        kind == Kind::Damaged && message.contains("missing"),
        "{message}"
    );
}

#[test]
fn records_alone_are_exported_and_whole() {
    let (_folder, store, first) = three();
    for entry in fs::read_dir(&first).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap() != "record.json" {
            fs::remove_file(path).unwrap();
        }
    }
    let found = audit(&store).unwrap();
    assert_eq!((found.sound, found.exported, found.damaged), (3, 1, 0));
    assert_eq!(found.findings, []);
}

#[test]
fn checkpoints_are_read() {
    let (_folder, store, first) = three();
    fs::remove_file(first.join("record.json")).unwrap();
    assert_eq!(counts(&audit(&store).unwrap()), (2, 1, 0));
    let path = first.join("checkpoint.safetensors");
    let progress = Progress {
        iteration: 1,
        iterations: 2,
        elapsed: std::time::Duration::ZERO,
        resumed: 0,
        curves: Curves::default(),
        diverged: None,
        wall: std::time::Duration::ZERO,
        makers: Vec::new(),
    };
    let tensor = || [("a".to_owned(), Tensor::from_slice(&[1.0_f32; 64]))];
    checkpoint::save(&path, &tensor(), Some(&progress)).unwrap();
    let found = audit(&store).unwrap();
    assert_eq!((counts(&found), found.findings.len()), ((2, 1, 0), 0));
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let (kind, name, _) = only(&audit(&store).unwrap());
    assert_eq!(
        (kind, name.as_str()),
        (Kind::Damaged, "checkpoint.safetensors")
    );
    checkpoint::save(&path, &tensor(), None).unwrap();
    let (kind, _, message) = only(&audit(&store).unwrap());
    assert!(
        kind == Kind::Damaged && message.contains("how far"),
        "{message}"
    );
}

#[test]
fn what_a_killed_process_leaves_is_no_damage() {
    let (_folder, store, first) = three();
    for name in [
        "checkpoint.safetensors",
        "checkpoint.safetensors.unusable",
        "record.json.123-0.tmp",
        "weights.safetensors.9-1.tmp",
        "lock.9-2.tmp",
        "record.json.unreadable-1",
        "weights.safetensors.unreadable-12",
    ] {
        fs::write(first.join(name), "half").unwrap();
        let found = audit(&store).unwrap();
        assert_eq!(counts(&found), (3, 0, 0));
        let (kind, file, _) = only(&found);
        assert_eq!((kind, file.as_str()), (Kind::LeftOver, name));
        fs::remove_file(first.join(name)).unwrap();
    }
}

#[test]
fn strange_files_are_named_and_no_damage() {
    let (_folder, store, first) = three();
    let runs = store.root().join("runs");
    for path in [
        runs.join("notes.txt"),
        runs.join("0123456789ABCDEF"),
        first.join("notes.txt"),
        first.join("other.json.1.tmp"),
        first.join("lock.x"),
        first.join("record.json.old"),
    ] {
        fs::write(&path, "").unwrap();
        let found = audit(&store).unwrap();
        assert_eq!(counts(&found), (3, 0, 0));
        assert_eq!(only(&found).0, Kind::Strange);
        fs::remove_file(path).unwrap();
    }
    let failure = first.join("failure.json");
    fs::write(&failure, "{").unwrap();
    assert_eq!(only(&audit(&store).unwrap()).0, Kind::Damaged);
    fs::write(&failure, r#"{"message": "m", "when": "w"}"#).unwrap();
    assert_eq!(audit(&store).unwrap().findings, []);
}
