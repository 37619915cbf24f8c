//! Signals: the program saves and says how to go on; a second one ends it at once.

use std::os::unix::process::CommandExt;
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
    begun(replicate(store), store)
}

fn begun(mut command: Command, store: &Path) -> Child {
    let child = command.args(LONG).spawn().unwrap();
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
        if signal == "-HUP" && is_hang_up_ignored() {
            println!("skipped: -HUP, which is ignored here, as under nohup");
            continue;
        }
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

/// Whether this process, and so what it starts, ignores SIGHUP.
fn is_hang_up_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() & 1 == 1
}

/// As `nohup` starts it.
#[test]
fn a_hang_up_that_is_ignored_ends_nothing() {
    let store = tempfile::tempdir().unwrap();
    let mut command = replicate(store.path());
    // SAFETY: what is called between fork and exec is one system call.
    unsafe {
        command.pre_exec(|| {
            libc::signal(libc::SIGHUP, libc::SIG_IGN);
            Ok(())
        });
    }
    let mut child = begun(command, store.path());
    send("-HUP", &child);
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().unwrap().is_none(), "it ended");
    send("-TERM", &child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
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
