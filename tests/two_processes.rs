//! Two processes of the program on one store: they share the work and tell of each other.

#![allow(missing_docs, clippy::unwrap_used)]

mod program;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use replicate::runs::{Record, Store};
use serde_json::Value;

use program::{json, replicate, run, text};

fn start(store: &Path, arguments: &[&str]) -> Child {
    replicate(store).args(arguments).spawn().unwrap()
}

fn plan(store: &Path, arguments: &[&str]) -> Value {
    json(store, &[&["plan"], arguments, &["--json"]].concat())
}

fn wait_for(path: &Path) {
    let clock = Instant::now();
    while !path.exists() {
        assert!(
            clock.elapsed() < Duration::from_mins(1),
            "{}",
            path.display()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// The names of the runs that a process says it has done itself.
fn done(stderr: &str) -> Vec<String> {
    let lines = stderr.lines().filter(|line| line.starts_with('['));
    let own = lines.filter(|line| !line.contains("done by another process"));
    let names = own.filter_map(|line| Some(line.split_once("] ")?.1.split_once(": ")?.0));
    names.map(str::to_owned).collect()
}

#[test]
fn two_processes_share_the_work_and_do_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "desom-gamma",
        "--profile",
        "smoke",
        "--seeds",
        "2",
        "--iterations",
        "60",
        "--threads",
        "1",
    ];
    let both = [(); 2].map(|()| start(folder.path(), &arguments));
    let pids = both.each_ref().map(Child::id);
    let outputs = both.map(|child| child.wait_with_output().unwrap());
    let words = outputs.each_ref().map(|output| text(&output.stderr));
    for (output, words) in outputs.iter().zip(&words) {
        assert!(output.status.success(), "{words}");
    }

    // Everything is there, and each run was done by one of them.
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for words in &words {
        let names = done(words);
        assert!(!names.is_empty(), "{words}");
        for name in names {
            *times.entry(name).or_default() += 1;
        }
    }
    assert_eq!(times.len(), 16, "{words:#?}");
    assert!(times.values().all(|&times| times == 1), "{words:#?}");
    let plan = plan(folder.path(), &arguments);
    assert_eq!(plan["pending"], 0, "{plan}");

    // Nothing is damaged or left over.
    let store = Store::new(folder.path());
    for entry in fs::read_dir(folder.path().join("runs")).unwrap() {
        let folder = entry.unwrap().path();
        let record = fs::read(folder.join("record.json")).unwrap();
        let record: Record = serde_json::from_slice(&record).unwrap();
        assert_eq!(store.record(&record.key).unwrap().as_ref(), Some(&record));
        store.check_weights(&record).unwrap();
        for file in fs::read_dir(folder).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            let known = ["lock", "record.json", "weights.safetensors"];
            assert!(known.contains(&name.as_str()), "{name}");
        }
    }

    // What one left to the other it says, with the other's number; one of them shows the whole.
    let told = words
        .each_ref()
        .map(|words| words.contains("being done by another process"));
    for index in 0..2 {
        if told[index] {
            let other = format!("pid {})", pids[1 - index]);
            assert!(words[index].contains(&other), "{}", words[index]);
        }
    }
    assert!(!(told[0] && told[1]), "{words:#?}");
    let heard = words
        .iter()
        .any(|words| words.contains("done by another process"));
    assert!(heard, "{words:#?}");
}

/// A stopped process is alive: its run is left to it, and it is named. A killed one is not.
#[test]
fn a_run_is_left_to_a_living_process_and_taken_from_a_dead_one() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "desom-gamma",
        "--profile",
        "smoke",
        "--gammas",
        "0.001",
        "--seeds",
        "1",
        "--iterations",
        "2000",
        "--threads",
        "1",
    ];
    let key = plan(folder.path(), &arguments)["runs"][0]["key"].clone();
    let run_folder = folder
        .path()
        .join("runs")
        .join(&key.as_str().unwrap()[..16]);
    // DESOM's run is by far the longest, however noisy the calibration, and so comes first.
    let mut first = start(folder.path(), &arguments);
    wait_for(&run_folder.join("lock.1"));
    signal(&first, "-STOP");

    let output = run(folder.path(), &arguments);
    let words = text(&output.stderr);
    assert!(output.status.success(), "{words}");
    assert_eq!(done(&words).len(), 2, "{words}");
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let told = format!(
        "1 run is being done by another process ({}, pid {})",
        host.trim(),
        first.id()
    );
    assert!(words.contains(&told), "{words}");
    assert!(text(&output.stdout).contains("Only 2 of 3 runs"), "{words}");

    signal(&first, "-KILL");
    first.wait().unwrap();
    let output = run(folder.path(), &arguments);
    let words = text(&output.stderr);
    assert!(output.status.success(), "{words}");
    assert_eq!(done(&words), ["gamma=0.001 seed 0"], "{words}");
    assert!(run_folder.join("record.json").exists());
    assert!(!run_folder.join("lock.1").exists());
}
