//! Real disks that are full, cannot be written, or hold what does not belong there.
//!
//! The mounts are made in a mount namespace of their own, which goes with the script that made it.
//! Where that is not allowed those tests say so and pass.

#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Three short runs: one of DESOM, with 480 KiB of weights, and two of k-means, with fewer.
const RUNS: [&str; 11] = [
    "desom-gamma",
    "--profile",
    "smoke",
    "--gammas",
    "10",
    "--seeds",
    "1",
    "--iterations",
    "5",
    "--threads",
    "1",
];
/// Where their tables and figures go.
const OUTPUT: &str = "desom-gamma/smoke+gammas=10+seeds=1+iterations=5";

fn program(store: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_replicate"));
    with_store(&mut command, store);
    command
}

fn with_store(command: &mut Command, store: &Path) {
    command
        .env("REPLICATE_STORE", store)
        .env("REPLICATE_DATA", store.join("data"))
        .env_remove("REPLICATE_MIRROR")
        .stdin(Stdio::null());
}

fn run(store: &Path) -> Output {
    program(store).args(RUNS).output().unwrap()
}

fn plan(store: &Path) -> Value {
    let mut command = program(store);
    let output = command.arg("plan").args(RUNS).arg("--json").output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Why each run is or is not to be done.
fn kinds(plan: &Value) -> Vec<&str> {
    let runs = plan["runs"].as_array().unwrap().iter();
    runs.map(|run| run["reason"]["kind"].as_str().unwrap())
        .collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The folders of the three runs.
fn folders(store: &Path) -> Vec<PathBuf> {
    let plan = plan(store);
    let runs = plan["runs"].as_array().unwrap().iter();
    let keys = runs.map(|run| run["key"].as_str().unwrap()[..16].to_owned());
    keys.map(|key| store.join("runs").join(key)).collect()
}

/// What must not depend on how a run came about.
fn outcome(folder: &Path) -> (Vec<u8>, Value) {
    let record = fs::read(folder.join("record.json")).unwrap();
    let mut record: Value = serde_json::from_slice(&record).unwrap();
    record.as_object_mut().unwrap().remove("provenance");
    (
        fs::read(folder.join("weights.safetensors")).unwrap(),
        record,
    )
}

/// Runs a script that may mount; `$store` is a folder, `$out` one that is still there afterwards,
/// and `replicate` the three runs with exit code and words in `$out/NAME`. `None`, with the reason
/// on standard error, where that is not possible.
fn in_namespace(store: &Path, out: &Path, script: &str) -> Option<()> {
    let prelude = format!(
        r#"set -eu
        replicate() {{
            name=$1; shift
            code=0
            "$program" "$@" >"$out/$name.stdout" 2>"$out/$name.stderr" || code=$?
            echo $code >"$out/$name.code"
        }}
        runs="{}"
        "#,
        RUNS.join(" ")
    );
    for namespace in ["-m", "-rm"] {
        let tried = Command::new("unshare")
            .args([namespace, "mount", "-t", "tmpfs", "tmpfs"])
            .arg(store)
            .output();
        if !tried.is_ok_and(|tried| tried.status.success()) {
            continue;
        }
        let mut command = Command::new("unshare");
        command
            .args([namespace, "sh", "-c", &format!("{prelude}{script}")])
            .env("program", env!("CARGO_BIN_EXE_replicate"))
            .env("store", store)
            .env("out", out);
        with_store(&mut command, store);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        return Some(());
    }
    eprintln!("skipped: this user may not mount a file system, not even in a namespace of its own");
    None
}

fn said(out: &Path, name: &str) -> (String, String) {
    let read = |kind: &str| fs::read_to_string(out.join(format!("{name}.{kind}"))).unwrap();
    (read("code").trim().to_owned(), read("stderr"))
}

#[test]
fn a_full_disk_costs_what_does_not_fit_until_there_is_room() {
    let (store, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (store, out) = (store.path(), out.path());
    let script = r#"
        mount -t tmpfs -o size=400k tmpfs "$store"
        replicate full $runs
        replicate plan plan $runs --json
        find "$store" -name '*.tmp' >"$out/left"
        mount -o remount,size=20m "$store"
        replicate room $runs
        cp -R "$store" "$out/store"
    "#;
    if in_namespace(store, out, script).is_none() {
        return;
    }
    let (code, words) = said(out, "full");
    assert_eq!(code, "30", "{words}");
    for part in [
        "weights.safetensors",
        "No space left",
        "free some space",
        "1 of 3 runs",
    ] {
        assert!(words.contains(part), "{words}");
    }
    assert_eq!(fs::read_to_string(out.join("left")).unwrap(), "");
    let plan: Value = serde_json::from_slice(&fs::read(out.join("plan.stdout")).unwrap()).unwrap();
    assert_eq!(kinds(&plan), ["failed-before", "cached", "cached"]);
    let (code, words) = said(out, "room");
    assert_eq!(code, "0", "{words}");
    // The bits of a disk that was never full.
    let whole = tempfile::tempdir().unwrap();
    assert!(run(whole.path()).status.success());
    for entry in fs::read_dir(whole.path().join("runs")).unwrap() {
        let whole = entry.unwrap();
        let mended = out.join("store/runs").join(whole.file_name());
        assert_eq!(outcome(&mended), outcome(&whole.path()));
    }
}

#[test]
fn a_store_or_a_run_that_is_read_only_is_told_and_loses_nothing() {
    let (store, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (store, out) = (store.path(), out.path());
    let script = r#"
        mount -t tmpfs tmpfs "$store"
        mount -o remount,ro "$store"
        replicate store $runs
        mount -o remount,rw "$store"
        mkdir -p "$store/runs/$run"
        mount -t tmpfs -o ro tmpfs "$store/runs/$run"
        replicate run $runs
        umount "$store/runs/$run"
        mkdir -p "$store/$output"
        mount -t tmpfs -o ro tmpfs "$store/$output"
        replicate output $runs
        replicate figures figures $runs --out "$store/elsewhere"
        umount "$store/$output"
        mount -t tmpfs -o size=8k tmpfs "$store/$output"
        replicate full $runs
        ls "$store/$output" >"$out/left"
    "#;
    let run = &folders(store)[0];
    let run = run.file_name().unwrap().to_str().unwrap();
    let script = format!("run={run}\noutput={OUTPUT}\n{script}");
    if in_namespace(store, out, &script).is_none() {
        return;
    }
    for (name, expected, parts) in [
        ("store", "1", &["Read-only", "--store"][..]),
        (
            "run",
            "30",
            &["Read-only", "/lock", "--store", "1 of 3 runs"],
        ),
        (
            "output",
            "1",
            &["Read-only", "summary.csv", "replicate figures"],
        ),
        ("figures", "0", &[]),
        ("full", "1", &["No space left"]),
    ] {
        let (code, words) = said(out, name);
        assert_eq!(code, expected, "{name}: {words}");
        for part in parts {
            assert!(words.contains(part), "{name}: {words}");
        }
    }
    // With 8 KiB there is room for a table; no figure is half there.
    let left = fs::read_to_string(out.join("left")).unwrap();
    assert!(!left.contains(".tmp"), "{left}");
}

/// Without any mount: something else is where the output belongs.
#[test]
fn output_that_cannot_be_written_is_told_after_the_table() {
    let store = tempfile::tempdir().unwrap();
    let output = store.path().join(OUTPUT);
    fs::create_dir_all(output.parent().unwrap()).unwrap();
    fs::write(&output, "mine").unwrap();
    let ended = run(store.path());
    let words = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{words}");
    assert!(
        words.contains("summary.csv") && words.contains("replicate figures"),
        "{words}"
    );
    assert!(text(&ended.stdout).contains("purity"));
    assert_eq!(fs::read_to_string(output).unwrap(), "mine");
    assert_eq!(kinds(&plan(store.path())), ["cached"; 3]);
}

#[test]
fn damaged_and_foreign_records_are_told_in_the_plan_and_by_the_run() {
    let store = tempfile::tempdir().unwrap();
    let store = store.path();
    assert!(run(store).status.success());
    let folders = folders(store);
    let whole = outcome(&folders[0]);
    fs::write(folders[0].join("record.json"), "").unwrap();
    fs::remove_file(folders[1].join("record.json")).unwrap();
    fs::create_dir(folders[1].join("record.json")).unwrap();

    let mut words = program(store);
    let words = text(&words.arg("plan").args(RUNS).output().unwrap().stdout);
    assert!(words.contains("damaged, to be redone: "), "{words}");
    assert!(words.contains("unreadable: "), "{words}");
    assert!(
        words.contains("1 damaged, 1 with an unreadable record, 1 cached"),
        "{words}"
    );

    let ended = run(store);
    let (shown, words) = (text(&ended.stdout), text(&ended.stderr));
    assert_eq!(ended.status.code(), Some(20), "{words}");
    let aside = folders[0].join("record.json.unreadable-1");
    assert!(
        words.contains(&format!("a damaged file is now {}", aside.display())),
        "{words}"
    );
    assert!(words.contains("move it away"), "{words}");
    assert!(
        shown.contains("Only 2 of 3 runs") && shown.contains("left out: "),
        "{shown}"
    );
    assert_eq!(fs::read_to_string(aside).unwrap(), "");
    assert_eq!(outcome(&folders[0]), whole);
    assert!(folders[1].join("record.json").is_dir());
}
