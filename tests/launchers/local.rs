//! Processes of this machine.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::program::{replicate, text};
use super::site::{LONG, LONG_DONE, Site, begun, name, reference, same_bits, wait_until};
use super::story;

fn local() -> Site {
    let options = ["--launcher", "local", "--jobs", "2", "--threads", "2"];
    Site {
        options: options.map(str::to_owned).to_vec(),
        environment: Vec::new(),
    }
}

#[test]
fn a_sweep_of_processes_comes_out_as_in_one() {
    story::a_sweep_comes_out_as_in_one_process(&local());
}

#[test]
fn a_process_fails_alone() {
    story::a_task_fails_alone(&local());
}

#[test]
fn cancelled_processes_are_resumed() {
    story::a_cancelled_launch_is_resumed(&local());
}

/// Kills whoever holds the lock of a run's or a launch's folder.
fn kill_holder(folder: &Path) {
    let lock = fs::read(folder.join("lock.1")).unwrap();
    let holder: serde_json::Value = serde_json::from_slice(&lock).unwrap();
    let pid = holder["pid"].to_string();
    let status = Command::new("kill").args(["-KILL", &pid]).status();
    assert!(status.unwrap().success());
}

/// Nobody looks after the tasks any more, which is told; the next submission goes on.
#[test]
fn a_killed_supervisor_leaves_nothing_that_seems_alive() {
    let store = tempfile::tempdir().unwrap();
    let launch = name(&local().submit(store.path(), &LONG, &[]));
    let run = begun(store.path());
    kill_holder(&store.path().join("launches").join(&launch));
    kill_holder(&run);
    wait_until("both are gone", Duration::from_secs(20), || {
        let state = local().status(store.path(), &launch);
        state["counts"]["running"] == 0 && state["counts"]["waiting"] == 0
    });
    let again = local().submit(store.path(), &LONG, &[]);
    assert!(again["runs"].as_u64() >= Some(1), "{again}");
    let (code, state) = local().watch(store.path(), &name(&again));
    assert_eq!(code, 0, "{state:#}");
    same_bits(store.path(), reference(&LONG, &LONG_DONE));
}

/// What a killed supervisor has left at work is cancelled all the same, and saves.
#[test]
fn workers_without_a_supervisor_are_cancelled() {
    let store = tempfile::tempdir().unwrap();
    let launch = name(&local().submit(store.path(), &LONG, &[]));
    let run = begun(store.path());
    kill_holder(&store.path().join("launches").join(&launch));
    wait_until("the supervisor is gone", Duration::from_secs(20), || {
        local().status(store.path(), &launch)["counts"]["waiting"] == 0
    });
    assert!(!run.join("record.json").exists(), "too quick for this test");
    let output = local().run(store.path(), &["cancel", &launch]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(run.join("checkpoint.safetensors").exists());
    assert!(!run.join("record.json").exists());
    let plan = local().json(store.path(), &[&["plan"], &LONG[..]].concat());
    assert!(
        plan["runs"][0]["reason"].to_string().contains("resume"),
        "{plan}"
    );
}

/// A task that is started twice at the same time is done once.
#[test]
fn a_doubled_worker_does_no_harm() {
    let store = tempfile::tempdir().unwrap();
    let dry = local().json(
        store.path(),
        &[
            &["submit"],
            &LONG[..],
            &["--launcher", "local", "--dry-run"],
        ]
        .concat(),
    );
    assert_eq!(dry["tasks"], 3);
    assert!(!store.path().join("launches").exists());
    let submitted = local().submit(store.path(), &LONG, &[]);
    let plan = submitted["plan"].as_str().unwrap();
    begun(store.path());
    let start = |()| {
        let mut command = replicate(store.path());
        command.args(["worker", plan, "0", "--threads", "1", "--json"]);
        command.stdout(Stdio::piped()).spawn().unwrap()
    };
    for child in [(), ()].map(start) {
        let output = child.wait_with_output().unwrap();
        let said = text(&output.stderr);
        assert!(output.status.success(), "{said}");
        let done: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        // It is left to the supervisor's worker, or was done by it just before.
        assert_eq!(done["failed"], 0, "{done}");
        assert!(
            said.contains("left to another process") || done["elsewhere"] == 0,
            "{said}"
        );
    }
    let (code, _) = local().watch(store.path(), &name(&submitted));
    assert_eq!(code, 0);
    same_bits(store.path(), reference(&LONG, &LONG_DONE));
}
