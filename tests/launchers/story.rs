//! What every launcher has to do, told once.

use std::fs;
use std::time::{Duration, Instant};

use super::program::{folders, text};
use super::site::{
    LONG, LONG_DONE, SWEEP, SWEEP_DONE, Site, begun, name, reference, same_bits, wait_until,
};

/// A sweep that is submitted comes out bit for bit as one in a single process, and is collected.
pub fn a_sweep_comes_out_as_in_one_process(site: &Site) {
    let store = tempfile::tempdir().unwrap();
    let submitted = site.submit(store.path(), &SWEEP, &[]);
    assert_eq!(
        (&submitted["tasks"], &submitted["runs"]),
        (&6.into(), &6.into())
    );
    let launch = name(&submitted);
    let (code, state) = site.watch(store.path(), &launch);
    assert_eq!(
        (code, &state["counts"]["done"]),
        (0, &6.into()),
        "{state:#}"
    );
    same_bits(store.path(), reference(&SWEEP, &SWEEP_DONE));

    // The last job shows the same table as the single process, and writes the report.
    let page = store.path().join("report/report.html");
    wait_until("it is collected", Duration::from_mins(1), || page.exists());
    let tables = |store: &std::path::Path| {
        let folder = store.join("desom-gamma/smoke+gammas=0.001+seeds=2+iterations=300");
        fs::read(folder.join("summary.csv")).unwrap()
    };
    assert!(tables(store.path()) == tables(reference(&SWEEP, &SWEEP_DONE)));

    // There is nothing left to submit; to do a task once more changes nothing.
    let again = site.submit(store.path(), &SWEEP, &[]);
    assert_eq!((&again["tasks"], &again["launch"]), (&0.into(), &().into()));
    let plan = submitted["plan"].as_str().unwrap();
    let output = site.run(store.path(), &["worker", plan, "0"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    same_bits(store.path(), reference(&SWEEP, &SWEEP_DONE));
    assert!(site.run(store.path(), &["verify"]).status.success());
}

/// One task fails; the others are done, it is named with its reason, and alone submitted again.
pub fn a_task_fails_alone(site: &Site) {
    let store = tempfile::tempdir().unwrap();
    let done = folders(reference(&SWEEP, &SWEEP_DONE));
    // Something is where the lock of its run belongs.
    let folder = store.path().join("runs").join(done[3].file_name().unwrap());
    let in_the_way = folder.join("lock");
    fs::create_dir_all(&in_the_way).unwrap();
    let launch = name(&site.submit(store.path(), &SWEEP, &[]));
    let (code, state) = site.watch(store.path(), &launch);
    assert_eq!(
        (code, &state["counts"]["done"]),
        (30, &5.into()),
        "{state:#}"
    );
    let tasks = state["tasks"].as_array().unwrap();
    let failed = tasks.iter().find(|task| task["state"] != "done").unwrap();
    let log = fs::read_to_string(failed["log"].as_str().unwrap()).unwrap();
    assert!(log.contains("FAILED") && log.contains("runs/"), "{log}");
    let output = site.run(store.path(), &["collect", &launch]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(30), "{said}");
    assert!(said.contains("1 of 6 runs are missing"), "{said}");

    fs::remove_dir(&in_the_way).unwrap();
    let again = site.submit(store.path(), &SWEEP, &[]);
    assert_eq!((&again["tasks"], &again["runs"]), (&1.into(), &1.into()));
    let (code, _) = site.watch(store.path(), &name(&again));
    assert_eq!(code, 0);
    same_bits(store.path(), reference(&SWEEP, &SWEEP_DONE));
}

/// What is cancelled saves and is resumed by the next submission; while it runs nothing is submitted twice.
pub fn a_cancelled_launch_is_resumed(site: &Site) {
    let store = tempfile::tempdir().unwrap();
    let launch = name(&site.submit(store.path(), &LONG, &[]));
    let run = begun(store.path());
    let twice = site.submit(store.path(), &LONG, &[]);
    assert_eq!(twice["runs"], 0, "{twice}");
    assert!(twice["submitted_before"].as_u64() >= Some(1), "{twice}");
    let output = site.run(store.path(), &["cancel", &launch]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let checkpoint = run.join("checkpoint.safetensors");
    let clock = Instant::now();
    while !checkpoint.exists() {
        if clock.elapsed() > Duration::from_secs(30) {
            let state = site.status(store.path(), &launch);
            let log = state["tasks"][0]["log"].as_str().unwrap();
            let log = fs::read_to_string(log);
            let cancelled = text(&output.stdout);
            panic!("nothing was saved: {state:#}\n{log:?}\n{cancelled}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let (code, state) = site.watch(store.path(), &launch);
    assert_eq!(code, 30, "{state:#}");
    let stopped = state["counts"]["stopped"].as_u64();
    assert!(stopped >= Some(1), "{state:#}");
    assert!(!run.join("record.json").exists());

    let again = site.submit(store.path(), &LONG, &[]);
    assert!(again["runs"].as_u64() >= Some(1), "{again}");
    let (code, state) = site.watch(store.path(), &name(&again));
    assert_eq!(code, 0, "{state:#}");
    assert_eq!(super::program::record(&run)["provenance"]["resumed"], 1);
    same_bits(store.path(), reference(&LONG, &LONG_DONE));
}
