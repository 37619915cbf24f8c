//! Plans that no launcher of ours takes, and runs in the hands of other machines.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use replicate::runs::lock::SILENCE;
use serde_json::{Value, json};

use super::program::{json as call, replicate, run, text};
use super::site::{SWEEP, SWEEP_DONE, reference, same_bits};

/// The plan of a sweep that is handed to nothing.
fn plan(store: &Path) -> (String, Vec<Value>) {
    let arguments = [&["submit"], &SWEEP[..], &["--launcher", "none", "--json"]].concat();
    let submitted = call(store, &arguments);
    assert_eq!(submitted["jobs"], json!([]));
    let plan = submitted["plan"].as_str().unwrap().to_owned();
    let lines = fs::read_to_string(&plan).unwrap();
    let tasks = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    (plan, tasks.collect())
}

/// Any engine will do that can count, in any order.
#[test]
fn a_plan_is_carried_out_line_by_line() {
    let store = tempfile::tempdir().unwrap();
    let (plan, tasks) = plan(store.path());
    assert_eq!(tasks.len(), 6);
    let launch = Path::new(&plan).parent().unwrap().to_str().unwrap();
    let before = run(store.path(), &["collect", launch, "--json"]);
    assert_eq!(before.status.code(), Some(30));
    let before: Value = serde_json::from_slice(&before.stdout).unwrap();
    assert_eq!(
        (&before["stored"], &before["planned"]),
        (&0.into(), &6.into())
    );
    let index = |number: usize| [5, 0, 3, 1, 4, 2][number].to_string();
    for number in 0..tasks.len() {
        let output = run(
            store.path(),
            &["worker", &plan, &index(number), "--threads", "1"],
        );
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    same_bits(store.path(), reference(&SWEEP, &SWEEP_DONE));
    let shown = call(store.path(), &["collect", launch, "--json"]);
    assert_eq!(
        (&shown["stored"], &shown["planned"]),
        (&6.into(), &6.into())
    );
    let state = call(store.path(), &["status", launch, "--json"]);
    assert_eq!(state["counts"]["done"], 6);

    // A store that has been moved is where its launches look.
    let elsewhere = tempfile::tempdir().unwrap();
    let moved = elsewhere.path().join("store");
    fs::rename(store.path(), &moved).unwrap();
    let name = Path::new(launch).file_name().unwrap().to_str().unwrap();
    let shown = call(&moved, &["collect", name, "--json"]);
    assert_eq!(shown["stored"], 6);
    let state = call(&moved, &["status", name, "--json"]);
    assert_eq!(state["counts"]["done"], 6);
    let plan = moved.join("launches").join(name).join("plan.jsonl");
    let output = run(&moved, &["worker", plan.to_str().unwrap(), "0"]);
    let said = text(&output.stderr);
    assert!(
        output.status.success() && said.contains("1 before"),
        "{said}"
    );
    assert!(!store.path().exists());
}

/// A lock that a process of another machine has left so long ago.
fn held_elsewhere(store: &Path, task: &Value, ago: Duration) -> PathBuf {
    let key = task["runs"][0]["key"].as_str().unwrap();
    let folder = store.join("runs").join(&key[..16]);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("lock"), "").unwrap();
    let holder = json!({
        "host": "node7", "pid": 1, "since": "2026-01-01T00:00:00Z", "start": 1, "boot": "another",
        "namespace": "another", "flock": false,
    });
    let path = folder.join("lock.1");
    fs::write(&path, holder.to_string()).unwrap();
    set_time(&path, SystemTime::now() - ago);
    path
}

fn set_time(path: &Path, time: SystemTime) {
    File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_modified(time)
        .unwrap();
}

/// A requeued task waits until the silence of the machine that died has been long enough.
#[test]
fn what_a_dead_machine_held_is_taken_up() {
    let store = tempfile::tempdir().unwrap();
    let (plan, tasks) = plan(store.path());
    let ago = SILENCE.saturating_sub(Duration::from_secs(2));
    held_elsewhere(store.path(), &tasks[5], ago);
    let output = run(store.path(), &["worker", &plan, "5"]);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 run held from another machine"), "{said}");
    assert!(said.contains("1 finished now"), "{said}");
}

/// A machine that gives a sign of life keeps its run.
#[test]
fn what_a_living_machine_holds_is_left_to_it() {
    let store = tempfile::tempdir().unwrap();
    let (plan, tasks) = plan(store.path());
    let lock = held_elsewhere(store.path(), &tasks[5], Duration::from_secs(20));
    let child = replicate(store.path())
        .args(["worker", &plan, "5"])
        .spawn()
        .unwrap();
    // Its heartbeat, some time after the worker has found the lock.
    let is_over = AtomicBool::new(false);
    let output = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(500));
                set_time(&lock, SystemTime::now());
            }
        });
        let output = child.wait_with_output().unwrap();
        is_over.store(true, Ordering::Relaxed);
        output
    });
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 run left to another process"), "{said}");
    assert!(said.contains("node7, pid 1"), "{said}");
}
