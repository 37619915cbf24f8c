//! What is refused, how it is told, and with which exit code: no Slurm, a Slurm that refuses, damaged
//! plans, tasks that are not there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use super::program::{json, replicate, run, text};
use super::site::{SWEEP, Site};

/// Programs by name, each a script of the shell; nothing else is found.
fn programs(folder: &Path, scripts: &[(&str, &str)]) -> Site {
    for (name, script) in scripts {
        let path = folder.join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    Site {
        options: Vec::new(),
        environment: vec![("PATH", folder.display().to_string())],
    }
}

fn refused(site: &Site, store: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = site.run(store, arguments);
    let said = text(&output.stderr);
    assert!(!said.contains("panicked"), "{said}");
    (output.status.code(), said)
}

const CONFIG: (&str, &str) = ("scontrol", "echo 'MaxArraySize            = 4'");

#[test]
fn without_slurm_the_way_on_is_told() {
    let (store, bin) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let site = programs(bin.path(), &[]);
    let arguments = [&["submit"], &SWEEP[..]].concat();
    let (code, said) = refused(&site, store.path(), &arguments);
    assert_eq!(code, Some(40), "{said}");
    assert!(said.contains("no `scontrol` command found"), "{said}");
    assert!(said.contains("--launcher local"), "{said}");
    let site = programs(bin.path(), &[CONFIG]);
    let (code, said) = refused(&site, store.path(), &arguments);
    assert_eq!(code, Some(40), "{said}");
    assert!(said.contains("no `sbatch` command found"), "{said}");
    // The script is shown all the same.
    let output = site.run(store.path(), &[&arguments[..], &["--dry-run"]].concat());
    let script = text(&output.stdout);
    assert!(output.status.success());
    assert!(script.contains("#SBATCH --array=0-3\n") && script.contains("#SBATCH --array=0-1\n"));
    assert!(script.contains("SLURM_ARRAY_TASK_ID + 4"), "{script}");
}

#[test]
fn a_refusal_is_passed_on_with_what_was_submitted() {
    let (store, bin) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let no = "echo 'sbatch: error: invalid partition specified: nowhere' >&2; exit 1";
    let site = programs(bin.path(), &[CONFIG, ("sbatch", no)]);
    let arguments = [&["submit"], &SWEEP[..], &["--partition", "nowhere"]].concat();
    let (code, said) = refused(&site, store.path(), &arguments);
    assert_eq!(code, Some(40), "{said}");
    assert!(
        said.contains("invalid partition specified: nowhere"),
        "{said}"
    );
    assert!(said.contains("--dry-run"), "{said}");

    // The first array is taken, the second is not: what is waiting is not submitted again.
    let once = format!(
        "mkdir {0}/taken 2>/dev/null && echo 71 || {{ echo 'too many jobs' >&2; exit 1; }}",
        bin.path().display()
    );
    let queue = "for task in 0 1 2 3; do echo \"71|$task|PENDING|Resources|\"; done";
    let mkdir = "exec /bin/mkdir \"$@\"";
    let scripts = [
        CONFIG,
        ("sbatch", &once),
        ("squeue", queue),
        ("mkdir", mkdir),
    ];
    let site = programs(bin.path(), &scripts);
    let (code, said) = refused(&site, store.path(), &arguments);
    assert_eq!(code, Some(40), "{said}");
    assert!(said.contains("4 of 6 tasks are submitted"), "{said}");
    assert!(said.contains("too many jobs"), "{said}");
    fs::remove_dir(bin.path().join("taken")).unwrap();
    // The rest is taken, the job that collects is not.
    let (code, said) = refused(&site, store.path(), &arguments);
    assert_eq!(code, Some(40), "{said}");
    assert!(
        said.contains("all tasks are submitted, but not the job that collects"),
        "{said}"
    );
    let plan = store.path().join("launches/desom-gamma-smoke-3/plan.jsonl");
    assert_eq!(fs::read_to_string(plan).unwrap().lines().count(), 2);
}

#[test]
fn answers_that_make_no_sense_are_told() {
    let (store, bin) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let arguments = [&["submit"], &SWEEP[..]].concat();
    for (config, sbatch, expected) in [
        ("echo MaxArraySize = 0", "echo 1", "allows no job arrays"),
        ("echo", "echo welcome", "did not give a job's number"),
    ] {
        let site = programs(bin.path(), &[("scontrol", config), ("sbatch", sbatch)]);
        let (code, said) = refused(&site, store.path(), &arguments);
        assert_eq!(code, Some(40), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

/// A launch that was handed to a scheduler that says yes and forgets at once.
fn forgotten(store: &Path, bin: &Path) -> (Site, Value) {
    let gone = "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1";
    let site = programs(bin, &[CONFIG, ("sbatch", "echo 71"), ("squeue", gone)]);
    let submitted = site.json(store, &[&["submit"], &SWEEP[..]].concat());
    (site, submitted)
}

#[test]
fn damaged_plans_and_missing_tasks_are_told_with_exit_code_40() {
    let (store, bin) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (site, submitted) = forgotten(store.path(), bin.path());
    let plan = submitted["plan"].as_str().unwrap().to_owned();
    let worker = |index: &str| refused(&site, store.path(), &["worker", &plan, index]);
    let (code, said) = worker("6");
    assert_eq!(code, Some(40), "{said}");
    assert!(said.contains("no task 6: its tasks are 0 to 5"), "{said}");
    assert_eq!(worker("-1").0, Some(2));
    let whole = fs::read_to_string(&plan).unwrap();
    let key = whole.split("\"key\":\"").nth(1).unwrap()[..64].to_owned();
    for (text, expected) in [
        (whole[..whole.len() / 8].to_owned(), "line 1"),
        (whole.replace("\"schema\":1", "\"schema\":2"), "format 2"),
        (whole.replace(&key, &"0".repeat(64)), "another version"),
        (
            whole.replace("gamma=0.001", "gamma=7"),
            "no variant gamma=7",
        ),
        (
            whole.replace("desom-gamma", "desom-delta"),
            "no replication desom-delta",
        ),
        (whole.replace("\"auto\"", "\"abacus\""), "cuda:N"),
    ] {
        fs::write(&plan, text).unwrap();
        let (code, said) = worker("0");
        assert_eq!(code, Some(40), "{said}");
        assert!(said.contains(expected), "{said}");
    }
    fs::remove_file(&plan).unwrap();
    assert_eq!(worker("0").0, Some(40));
    assert!(!store.path().join("runs").exists());
}

#[test]
fn what_the_scheduler_has_forgotten_is_told_by_the_store() {
    let (store, bin) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (site, submitted) = forgotten(store.path(), bin.path());
    let (launch, plan) = (
        submitted["launch"].as_str().unwrap(),
        submitted["plan"].as_str().unwrap(),
    );
    let state = site.status(store.path(), launch);
    assert_eq!(state["counts"]["stopped"], 6, "{state:#}");
    assert!(run(store.path(), &["worker", plan, "3"]).status.success());
    // By the folder's path as well as by the name.
    let state = site.status(store.path(), submitted["folder"].as_str().unwrap());
    assert_eq!(
        (&state["counts"]["stopped"], &state["counts"]["done"]),
        (&5.into(), &1.into())
    );

    // A controller that is away is not a failure of the tasks.
    let away = "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1";
    let site = programs(bin.path(), &[("squeue", away)]);
    let output = site.run(store.path(), &["status", launch]);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("1 done") && said.contains("Unable to contact"),
        "{said}"
    );
    let (code, said) = refused(&site, store.path(), &["cancel", launch]);
    assert_eq!(code, Some(40), "{said}");
}

#[test]
fn options_and_names_that_do_not_fit_are_usage_errors() {
    let store = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (&["submit"][..], "desom-gamma"),
        (
            &["submit", "desom-gamma", "--jobs", "2"],
            "--launcher local",
        ),
        (
            &[
                "submit",
                "desom-gamma",
                "--launcher",
                "local",
                "--gres",
                "gpu:1",
            ],
            "--gres is for",
        ),
        (&["submit", "desom-gamma", "--launcher", "pbs"], "slurm"),
        (&["submit", "desom-gamma", "--chunk", "0"], "--chunk"),
        (&["submit", "desom-gamma", "--gammas", "x"], "0.001"),
        (&["status", "desom-gama"], "did you mean desom-gamma"),
        (&["status", "nothing"], "neither a launch"),
        (&["watch", "nothing"], "neither a launch"),
        (&["cancel", "../.."], "neither a launch"),
        (&["collect", "nothing"], "neither a launch"),
    ] {
        let output = run(store.path(), arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    let listed = json(store.path(), &["status", "--json"]);
    assert_eq!(listed.as_array().unwrap().len(), 0);
    let help = replicate(store.path())
        .args(["submit", "desom-gamma", "--help"])
        .output();
    let help = text(&help.unwrap().stdout);
    for option in [
        "--partition",
        "--array-limit",
        "--chunk",
        "--gammas",
        "--profile",
        "--dry-run",
    ] {
        assert!(help.contains(option), "{option}");
    }
}
