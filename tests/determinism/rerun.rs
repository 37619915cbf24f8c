//! `replicate rerun` on good, altered and torn records.

use std::fs;
use std::path::{Path, PathBuf};

use replicate::runs::Record;
use serde_json::Value;

use super::program::{record, replicate, text};
use super::{answer, small_store};

/// Changes one place of a record.
fn alter(folder: &Path, from: &str, to: &str) {
    let path = folder.join("record.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn a_rerun_gives_the_recorded_bits_or_says_what_differs() {
    let (store, desom, kmeans) = small_store();
    let files = |folder: &Path| -> Vec<(PathBuf, Vec<u8>)> {
        let entries = fs::read_dir(folder).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
            .into_iter()
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect()
    };
    let before = files(&desom);
    let key = desom.file_name().unwrap().to_str().unwrap();
    let (code, said, complaint) = answer(store.path(), &["rerun", &key[..8]]);
    assert_eq!(code, 0, "{said}{complaint}");
    assert!(
        said.contains("identical bits") && !said.contains("recorded"),
        "{said}"
    );
    assert!(files(&desom) == before, "the store was changed");

    // Other threads: the same bits, and a word on it. From a copy of the record alone.
    let copy = store.path().join("copy.json");
    fs::copy(kmeans.join("record.json"), &copy).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    for path in [&copy, &desom] {
        let path = path.to_str().unwrap();
        let (code, said, _) = answer(elsewhere.path(), &["rerun", path, "--threads", "2"]);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("threads: recorded 1, now 2"), "{said}");
    }
    assert!(!elsewhere.path().join("runs").exists());

    // Other kernels: other bits, and the reason.
    let mut command = replicate(store.path());
    let command = command
        .args(["rerun", key, "--json"])
        .env("MKL_CBWR", "COMPATIBLE");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(10), "{}", text(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["identical"], false);
    assert_eq!(told["weights_identical"], false);
    assert!(told["curves_differ_at"].is_u64());
    let names = told["circumstances"].as_array().unwrap().iter();
    let names: Vec<&Value> = names.map(|one| &one["name"]).collect();
    assert_eq!(names, ["matrix kernels"]);
}

#[test]
fn a_rerun_of_an_altered_record_says_so() {
    let (store, desom, _) = small_store();
    let path = desom.to_str().unwrap().to_owned();
    let whole = fs::read(desom.join("record.json")).unwrap();
    let rerun = || answer(store.path(), &["rerun", &path]);
    let purity = record(&desom)["metrics"]["bmu.purity"].to_string();

    // A metric, which no hash guards.
    alter(
        &desom,
        &format!("\"bmu.purity\": {purity}"),
        "\"bmu.purity\": 0.999",
    );
    let (code, said, complaint) = rerun();
    assert_eq!(code, 10, "{complaint}");
    assert!(
        said.contains("bmu.purity") && said.contains("0.999") && said.contains(&purity),
        "{said}"
    );
    assert!(
        said.contains("1 of ") && said.contains("weights: identical"),
        "{said}"
    );
    assert!(said.contains("the record was altered"), "{said}");

    for (from, to, code, expected) in [
        (
            "\"gamma\": 0.001",
            "\"gamma\": 0.002",
            20,
            "not that of its settings",
        ),
        ("\"schema\": 1", "\"schema\": 7", 20, "format 7"),
        ("{", "{{", 20, "record.json"),
        (
            "\"device\": \"cpu\"",
            "\"device\": \"abacus\"",
            2,
            "--device",
        ),
    ] {
        fs::write(desom.join("record.json"), &whole).unwrap();
        alter(&desom, from, to);
        let (found, _, complaint) = rerun();
        assert_eq!(found, code, "{complaint}");
        assert!(complaint.contains(expected), "{complaint}");
    }
    fs::write(desom.join("record.json"), &whole[..whole.len() / 2]).unwrap();
    assert_eq!(rerun().0, 20);
    fs::remove_file(desom.join("record.json")).unwrap();
    let (code, _, complaint) = rerun();
    assert!(
        code == 2 && complaint.contains("not complete"),
        "{complaint}"
    );
}

/// Records of what this program does not have: each with the key of its settings, as their own
/// program would have made them.
#[test]
fn records_of_other_programs_are_refused_with_the_reason() {
    type Change = fn(&mut Record);
    let (store, desom, _) = small_store();
    let text = fs::read(desom.join("record.json")).unwrap();
    let changes: [(Change, i32, &str); 4] = [
        (
            |record| record.identity.method = "esom".to_owned(),
            2,
            "k-means",
        ),
        (|record| record.identity.algorithm = 99, 2, "version 99"),
        (
            |record| record.identity.data_sha256 = "0".repeat(64),
            20,
            "other bytes",
        ),
        (
            |record| record.identity.data = "minst".to_owned(),
            2,
            "minst",
        ),
    ];
    for (change, expected, word) in changes {
        let mut record: Record = serde_json::from_slice(&text).unwrap();
        change(&mut record);
        record.key = record.identity.key();
        let path = store.path().join("other.json");
        fs::write(&path, serde_json::to_vec(&record).unwrap()).unwrap();
        let (code, _, complaint) = answer(store.path(), &["rerun", path.to_str().unwrap()]);
        assert_eq!(code, expected, "{complaint}");
        assert!(complaint.contains(word), "{complaint}");
    }
}
