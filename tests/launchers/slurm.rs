//! A real Slurm: the same stories as for processes, and what only a scheduler does.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::cluster::{self, Cluster};
use super::program::{json, record, text};
use super::site::{
    LONG, LONG_DONE, SWEEP, SWEEP_DONE, begun, name, reference, same_bits, wait_until,
};
use super::story;

/// One cluster for all, one after the other; how long each took.
#[test]
fn on_a_real_slurm() {
    // Two arrays for the sweep of six tasks.
    let Some(mut cluster) = cluster::start(5) else {
        return;
    };
    let site = cluster.site(&["--cpus", "1", "--mem", "100", "--array-limit", "2"]);
    let told = |what: &str, clock: Instant| eprintln!("{what}: {:.1?}", clock.elapsed());
    let clock = Instant::now();
    story::a_sweep_comes_out_as_in_one_process(&site);
    told("a sweep", clock);
    let clock = Instant::now();
    story::a_task_fails_alone(&site);
    told("a failing task", clock);
    let clock = Instant::now();
    story::a_cancelled_launch_is_resumed(&site);
    told("a cancelled launch", clock);
    let clock = Instant::now();
    what_is_preempted_or_told_to_stop_goes_on(&mut cluster);
    told("preemption, a signal, a controller that restarts", clock);
    let clock = Instant::now();
    a_gpu_is_asked_for_and_runs_of_a_shape_are_one_task(&cluster);
    told("a GPU", clock);
}

/// A launch's first task, as Slurm calls it. Not by a number of its own: it has none before it begins, and
/// until then the array's stands for all its tasks.
fn first_task(submitted: &Value) -> String {
    format!("{}_0", submitted["jobs"][0]["id"].as_str().unwrap())
}

fn state_of(cluster: &Cluster, job: &str) -> String {
    let shown = cluster.ask("scontrol", &["show", "job", job, "--oneliner"]);
    let word = shown
        .split_whitespace()
        .find_map(|word| word.strip_prefix("JobState="));
    word.unwrap().to_owned()
}

/// Queued again, and begun without the two minutes that Slurm waits otherwise.
fn begin_again(cluster: &Cluster, job: &str) {
    queued_again(cluster, job);
    cluster.ask(
        "scontrol",
        &["update", &format!("JobId={job}"), "StartTime=now"],
    );
}

fn queued_again(cluster: &Cluster, job: &str) {
    let clock = Instant::now();
    loop {
        let state = state_of(cluster, job);
        if state == "PENDING" {
            return;
        }
        assert!(clock.elapsed() < Duration::from_mins(1), "still {state}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn reached(store: &Path) -> u64 {
    let plan = json(store, &[&["plan"], &LONG[..], &["--json"]].concat());
    let reason = &plan["runs"][0]["reason"];
    assert_eq!(reason["kind"], "resume", "{plan}");
    reason["at"].as_u64().unwrap()
}

/// Submit, signal before the time limit, requeue, resume, preempt, requeue, controller away and back,
/// resume, collect.
fn what_is_preempted_or_told_to_stop_goes_on(cluster: &mut Cluster) {
    let store = tempfile::tempdir().unwrap();
    let site = cluster.site(&["--cpus", "1"]);
    let submitted = site.submit(store.path(), &LONG, &[]);
    let launch = name(&submitted);
    let job = first_task(&submitted);
    let run = begun(store.path());
    let log = || {
        let state = site.status(store.path(), &launch);
        fs::read_to_string(state["tasks"][0]["log"].as_str().unwrap()).unwrap()
    };

    // What Slurm sends some time before the limit (--signal=B:USR1).
    cluster.ask("scancel", &["--signal=USR1", "--batch", &job]);
    wait_until("it asks to be queued again", Duration::from_mins(1), || {
        log().contains("queued again (1 of at most 100 times)")
    });
    let first = reached(store.path());
    begin_again(cluster, &job);

    // Somebody with a higher priority needs the whole machine.
    wait_until("it goes on", Duration::from_mins(1), || {
        fs::read(run.join("lock.2")).is_ok_and(|text| text.len() > 1)
    });
    std::thread::sleep(Duration::from_millis(500));
    cluster.ask(
        "sbatch",
        &[
            "--partition=urgent",
            "--exclusive",
            "--output=/dev/null",
            "--wait",
            "--wrap=true",
        ],
    );
    wait_until("it has saved", Duration::from_mins(1), || {
        reached(store.path()) > first
    });
    assert!(!run.join("record.json").exists());

    // The controller is gone for a while. What it had not written down, it has forgotten: here it had.
    queued_again(cluster, &job);
    cluster.write_down(&job);
    cluster.kill_controller();
    // The store tells what is done all the same.
    let output = site.run(store.path(), &["status", &launch]);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        said.contains("cannot ask Slurm") && said.contains("stored"),
        "{said}"
    );
    cluster.start_controller();
    wait_until("the controller is back", Duration::from_mins(1), || {
        cluster
            .call("scontrol", &["show", "job", &job])
            .status
            .success()
    });
    begin_again(cluster, &job);
    let (code, state) = site.watch(store.path(), &launch);
    assert_eq!(
        (code, &state["counts"]["done"]),
        (0, &3.into()),
        "{state:#}\n{}",
        log()
    );
    assert_eq!(record(&run)["provenance"]["resumed"], 2, "{}", log());
    same_bits(store.path(), reference(&LONG, &LONG_DONE));
    let collected = store
        .path()
        .join("launches")
        .join(&launch)
        .join("logs/collect.log");
    wait_until("it is collected", Duration::from_mins(1), || {
        fs::read_to_string(&collected).is_ok_and(|text| text.contains("3 of 3 runs stored"))
    });
}

fn a_gpu_is_asked_for_and_runs_of_a_shape_are_one_task(cluster: &Cluster) {
    let store = tempfile::tempdir().unwrap();
    let site = cluster.site(&[
        "--gres",
        "gpu:1",
        "--setup",
        "echo devices=$CUDA_VISIBLE_DEVICES",
    ]);
    let submitted = site.submit(store.path(), &SWEEP, &[]);
    // Both runs of DESOM are a cohort; k-means knows none.
    assert_eq!(
        (&submitted["tasks"], &submitted["runs"]),
        (&5.into(), &6.into())
    );
    let (code, state) = site.watch(store.path(), &name(&submitted));
    assert_eq!(code, 0, "{state:#}");
    for task in state["tasks"].as_array().unwrap() {
        let log = fs::read_to_string(task["log"].as_str().unwrap()).unwrap();
        assert!(log.contains("devices=0"), "{log}");
    }
    same_bits(store.path(), reference(&SWEEP, &SWEEP_DONE));
}
