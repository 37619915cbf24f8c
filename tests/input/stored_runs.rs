//! What the program itself has written, damaged since: records and checkpoints.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Duration;

use replicate::nn::Products;
use replicate::runs::checkpoint::{self, Progress};
use replicate::runs::record::{Curves, Outcome, Provenance, Record};
use replicate::runs::{Identity, Key, Store};
use tch::Tensor;

use crate::campaign::{Campaign, as_it_is};

/// A folder in memory, where the system has one: a file is written for each input.
fn folder() -> tempfile::TempDir {
    let in_memory = Path::new("/dev/shm");
    if in_memory.is_dir() {
        tempfile::tempdir_in(in_memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

fn curves() -> Curves {
    let mut curves = Curves::default();
    curves.iteration.extend([0, 10]);
    curves.values.insert("loss".into(), vec![Some(0.5), None]);
    curves
}

fn record() -> Record {
    let identity: Identity = serde_json::from_value(serde_json::json!({
        "schema": 1, "method": "desom", "algorithm": 1, "settings": {"gamma": 0.001, "map": [8, 8]},
        "data": "mnist", "data_sha256": "ab", "seed": 3, "precision": "exact",
    }))
    .unwrap();
    let word = || "word".to_owned();
    Record {
        schema: 1,
        key: identity.key(),
        identity,
        variant: "gamma=0.001".to_owned(),
        parts: Vec::new(),
        claims: BTreeMap::from([("desom.claim".to_owned(), word())]),
        outcome: Outcome::Diverged { iteration: 10 },
        metrics: [("purity".to_owned(), Some(0.5)), ("nmi".to_owned(), None)].into(),
        curves: curves(),
        weights_sha256: None,
        provenance: Provenance {
            program: word(),
            libtorch: word(),
            device: word(),
            device_name: word(),
            matrix_kernels: word(),
            products: Products::Float32,
            threads: 2,
            cohort: 1,
            host: word(),
            system: word(),
            started: "2026-01-01T00:00:00Z".to_owned(),
            finished: "2026-01-01T00:00:00Z".to_owned(),
            training_seconds: 1.5,
            evaluation_seconds: 0.5,
            resumed: 0,
            earlier: Vec::new(),
            evaluated: None,
        },
    }
}

#[test]
fn records() {
    let folder = folder();
    let store = Store::new(folder.path());
    let record = record();
    let key: Key = record.key.clone();
    std::fs::create_dir_all(store.folder(&key)).unwrap();
    let path = store.folder(&key).join("record.json");
    let campaign = Campaign {
        name: "record",
        files: vec![serde_json::to_vec_pretty(&record).unwrap()],
        tokens: Some(&[
            ":",
            "\"kind\"",
            "\"completed\"",
            "\"key\"",
            "\"schema\"",
            "2",
            "[]",
            "{}",
        ]),
        prepare: as_it_is,
        file: "record.json",
        places: &[
            "line ",
            "it belongs to the run",
            "its key is not that",
            "it is empty",
            "it has format",
        ],
        placeless: &[],
        memory: (20, 64 << 10),
    };
    campaign.run(|bytes| {
        std::fs::write(&path, bytes).unwrap();
        let lineages = store.by_lineage().unwrap();
        let reason = store
            .reason(&record.identity, &lineages, record.identity.algorithm)
            .unwrap();
        assert!(!reason.to_string().is_empty());
        let read = store.record(&key).map_err(|error| error.to_string())?;
        let read = read.expect("the record is there");
        let again = serde_json::to_vec(&read).unwrap();
        assert_eq!(serde_json::from_slice::<Record>(&again).unwrap(), read);
        Ok(())
    });
}

#[test]
fn checkpoints() {
    let folder = folder();
    let path = folder.path().join("checkpoint.safetensors");
    let progress = Progress {
        iteration: 10,
        iterations: 20,
        elapsed: Duration::from_millis(1500),
        resumed: 1,
        curves: curves(),
        diverged: None,
        wall: Duration::ZERO,
        makers: Vec::new(),
    };
    let tensors = [
        (
            "weight".to_owned(),
            Tensor::from_slice(&[1.0_f32; 6]).view([2, 3]),
        ),
        ("bias".to_owned(), Tensor::from_slice(&[0.5_f32; 3])),
        (
            "none".to_owned(),
            Tensor::from_slice(&[0.5_f32; 0]).view([0, 2]),
        ),
    ];
    let campaign = Campaign {
        name: "checkpoint",
        files: vec![checkpoint::encode(&path, &tensors, Some(&progress)).unwrap()],
        tokens: Some(&[
            ":",
            "\"shape\"",
            "\"F32\"",
            "\"F4\"",
            "\"data_offsets\"",
            "[0,0]",
            "\\\"",
        ]),
        prepare: |seed, bytes| {
            if seed % 2 == 0 {
                with_header_length(bytes)
            } else {
                bytes
            }
        },
        file: "checkpoint.safetensors",
        // The reader of the format says what is wrong with which tensor, but no byte.
        places: &["the tensors in"],
        placeless: &[],
        memory: (20, 64 << 10),
    };
    campaign.run(|bytes| {
        std::fs::write(&path, bytes).unwrap();
        let quick = checkpoint::progress(&path);
        if let Some(progress) = &quick {
            // As a resumed run does.
            let _ = progress.elapsed + Duration::from_secs(1 << 40);
            let _ = progress.resumed + 1;
        }
        let loaded = checkpoint::load(&path).map_err(|error| error.to_string())?;
        let (tensors, progress): (HashMap<String, Tensor>, _) = loaded.expect("the file is there");
        assert!(tensors.values().all(|tensor| tensor.numel() <= bytes.len()));
        assert_eq!(progress, quick);
        Ok(())
    });
}

/// Puts right the length before the header.
fn with_header_length(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes
        .iter()
        .rposition(|&byte| byte == b'}')
        .filter(|&end| end >= 8)
    {
        // Spaces follow up to a multiple of eight.
        let length = (end + 1 - 8).next_multiple_of(8) as u64;
        bytes[..8].copy_from_slice(&length.to_le_bytes());
    }
    bytes
}
