//! Signals: the program saves and says how to go on; a second one ends it at once.

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use super::program::{folders, json, replicate, run, text};

/// One DESOM run that takes some seconds, and two k-means.
const LONG: [&str; 11] = [
    "desom-gamma",
    "--profile",
    "smoke",
    "--gammas",
    "0.001",
    "--seeds",
    "1",
    "--iterations",
    "20000",
    "--threads",
    "1",
];

/// The program when it has begun to train and knows what to do with signals.
fn training(store: &Path) -> Child {
    let child = replicate(store).args(LONG).spawn().unwrap();
    let clock = Instant::now();
    // The longest run comes first, and its folder with it.
    while folders(store).is_empty() {
        assert!(clock.elapsed() < Duration::from_mins(1));
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(300));
    child
}

fn send(signal: &str, child: &Child) {
    let status = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
}

/// Checkpoints are a minute apart, so the one that is found was written because of the signal.
#[test]
fn asked_to_stop_the_program_saves_first() {
    let mut said = String::new();
    for signal in ["-INT", "-TERM", "-HUP"] {
        let store = tempfile::tempdir().unwrap();
        let child = training(store.path());
        send(signal, &child);
        let output = child.wait_with_output().unwrap();
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{signal}: {message}");
        assert!(
            message.contains("Start the same command again to go on"),
            "{message}"
        );
        let plan = json(store.path(), &[&["plan"], &LONG[..], &["--json"]].concat());
        let reason = &plan["runs"][0]["reason"];
        assert_eq!(reason["kind"], "resume", "{plan}");
        assert!(reason["at"].as_u64() > Some(0), "{plan}");
        assert_eq!(run(store.path(), &["verify"]).status.code(), Some(0));
        said += &message;
    }
    assert!(
        said.contains("stopping: unfinished runs are being saved"),
        "{said}"
    );
}

/// Both signals are there before the program can do anything about the first.
#[test]
fn asked_twice_the_program_stops_at_once() {
    let store = tempfile::tempdir().unwrap();
    let child = training(store.path());
    for signal in ["-STOP", "-INT", "-TERM", "-CONT"] {
        send(signal, &child);
    }
    let output = child.wait_with_output().unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{message}");
    assert!(!message.contains("interrupted"), "{message}");
}
