//! The launcher with a scripted method that trains nothing: what is stored, resumed, failed and
//! told, in milliseconds.

#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use replicate::launch::{DataSets, Options, Report, Task, Team, calibrate, execute};
use replicate::nn::Precision;
use replicate::random::Seed;
use replicate::runs::identity::SCHEMA;
use replicate::runs::record::Curves;
use replicate::runs::{Identity, Outcome, PlannedRun, Reason, Store};
use replicate::train::observer::Silent;
use replicate::train::{
    Context, Error, Event, Finished, Labels, Member, Method, Observer, Runs, TrainingData, Trial,
    Work,
};
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

/// Does what its settings say: `{"do": "finish" | "fail" | "panic" | "diverge" | "interrupt"}`.
struct Scripted;

impl Method for Scripted {
    fn id(&self) -> &'static str {
        "scripted"
    }

    fn version(&self) -> u32 {
        1
    }

    fn shape(&self, settings: &Value) -> Result<Option<String>, Error> {
        let together = ["too-large", "finish", "rows"].contains(&settings["do"].as_str().unwrap());
        Ok(together.then(|| settings.to_string()))
    }

    fn can_round(&self) -> bool {
        true
    }

    /// Threads help as much as `"scales"` says: 0 not at all, 1 perfectly. Nothing is gained by
    /// training together.
    fn calibrate(&self, settings: &Value, trial: &Trial) -> Result<Work, Error> {
        let threads = f64::from(tch::get_num_threads());
        let gain = threads.powf(settings["scales"].as_f64().unwrap_or(0.0));
        let seconds = 0.001 * trial.models as f64 / gain;
        Ok(Work {
            iterations: 10,
            per_iteration: Duration::from_secs_f64(seconds),
            fixed: Duration::ZERO,
        })
    }

    fn run(&self, cohort: &[Member], context: &Context) -> Result<Option<Runs>, Error> {
        let mut all = Runs::new();
        for member in cohort {
            let mut outcome = Outcome::Completed;
            match member.settings["do"].as_str().unwrap() {
                "fail" => return Err(Error::Settings("the script says so".to_owned())),
                "panic" => panic!("the script panics"),
                "too-large" if cohort.len() > 3 => {
                    let reason = "CUDA out of memory\nException raised from here".to_owned();
                    return Err(tch::TchError::Torch(reason).into());
                }
                // What tch does where libtorch refuses.
                "torch" => drop(Tensor::zeros([2], (Kind::Float, Device::Cpu)).view([3])),
                "diverge" => outcome = Outcome::Diverged { iteration: 7 },
                "interrupt" => {
                    context.interrupted.store(true, Ordering::Relaxed);
                    return Ok(None);
                }
                _ => {}
            }
            let value = match member.settings["do"].as_str() {
                Some("rows") => context.data.rows() as f64,
                _ => member.seed.0 as f64,
            };
            all.push(Ok(Finished {
                outcome,
                metrics: BTreeMap::from([
                    ("value".to_owned(), value),
                    ("undefined".to_owned(), f64::NAN),
                ]),
                curves: Curves::default(),
                weights: vec![("w".to_owned(), Tensor::from_slice(&[member.seed.0 as f32]))],
                training: Duration::from_millis(5),
                evaluation: Duration::from_millis(1),
                resumed: 0,
                makers: Vec::new(),
            }));
        }
        Ok(Some(all))
    }
}

fn task(store: &Store, what: &str, seed: u64) -> Task {
    task_on(store, "none", what, seed)
}

fn task_on(store: &Store, data: &str, what: &str, seed: u64) -> Task {
    let identity = Identity {
        schema: SCHEMA,
        method: "scripted".to_owned(),
        algorithm: 1,
        settings: json!({ "do": what }),
        data: data.to_owned(),
        data_sha256: data.to_owned(),
        seed: Seed(seed),
        precision: Precision::Exact,
    };
    let lineages = store.by_lineage().unwrap();
    Task {
        run: PlannedRun {
            key: identity.key(),
            variant: what.to_owned(),
            reason: store
                .reason(&identity, &lineages, identity.algorithm)
                .unwrap(),
            identity,
            estimate: None,
        },
        method: &Scripted,
        claims: Arc::default(),
    }
}

fn options(device: Device, threads: usize) -> Options {
    Options {
        device,
        threads,
        workers: None,
        checkpoint_interval: Duration::from_mins(1),
    }
}

/// The shape of the data set that the tasks name.
fn shapes() -> BTreeMap<String, [i64; 2]> {
    BTreeMap::from([("none".to_owned(), [100, 5])])
}

fn run_observed(store: &Store, tasks: Vec<Task>, observer: &dyn Observer) -> Report {
    run_on(Device::Cpu, store, tasks, observer)
}

/// The scripted method computes nothing, so any device will do: a GPU's name stands for its way of
/// forming cohorts.
fn run_on(device: Device, store: &Store, tasks: Vec<Task>, observer: &dyn Observer) -> Report {
    let set = |rows: u8| TrainingData {
        features: Tensor::zeros([i64::from(rows), 2], (Kind::Float, Device::Cpu)),
        labels: Some(Labels {
            values: (0..rows).map(|row| row % 2).collect(),
            classes: 2,
        }),
        image: None,
    };
    let data = DataSets::from([("none".to_owned(), set(4)), ("other".to_owned(), set(6))]);
    let options = options(device, 2);
    let interrupted = AtomicBool::new(false);
    let headline = |record: &replicate::runs::Record| format!("{:?}", record.metric("value"));
    execute(
        store,
        tasks,
        &data,
        options,
        &interrupted,
        observer,
        &headline,
    )
    .unwrap()
}

fn run(store: &Store, tasks: Vec<Task>) -> Report {
    run_observed(store, tasks, &Silent)
}

#[test]
fn finished_runs_are_stored_with_weights_and_not_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let tasks: Vec<Task> = (0..5).map(|seed| task(&store, "finish", seed)).collect();
    let report = run(&store, tasks.clone());
    assert_eq!((report.finished, report.failures.len()), (5, 0));
    for (seed, task) in tasks.iter().enumerate() {
        let record = store.record(&task.run.key).unwrap().unwrap();
        assert_eq!(record.metric("value"), Some(seed as f64));
        assert_eq!(record.metrics["undefined"], None);
        assert_eq!(record.identity, task.run.identity);
        let weights = std::fs::read(store.weights(&task.run.key)).unwrap();
        let hash = replicate::data::Digest::of(&weights).to_string();
        assert_eq!(record.weights_sha256, Some(hash));
    }
    assert_eq!(task(&store, "finish", 3).run.reason, Reason::Cached);
    // Another process that planned before this one finished does nothing twice.
    let first = store.record(&tasks[0].run.key).unwrap();
    assert_eq!(tasks[0].run.reason, Reason::New);
    run(&store, vec![tasks[0].clone()]);
    assert_eq!(store.record(&tasks[0].run.key).unwrap(), first);
}

#[test]
fn each_run_is_trained_on_its_own_data_set() {
    for device in [Device::Cpu, Device::Cuda(0)] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        let sets = ["none", "other", "none", "missing"];
        let tasks: Vec<Task> = (0..)
            .zip(sets)
            .map(|(seed, data)| task_on(&store, data, "rows", seed))
            .collect();
        let report = run_on(device, &store, tasks.clone(), &Silent);
        assert_eq!(report.finished, 3);
        let [(_, message)] = report.failures.as_slice() else {
            panic!("{:?}", report.failures);
        };
        assert!(
            message.contains("data set missing is not loaded"),
            "{message}"
        );
        let records = tasks
            .iter()
            .map(|task| store.record(&task.run.key).unwrap());
        let rows: Vec<_> = records
            .map(|record| record.and_then(|record| record.metric("value")))
            .collect();
        assert_eq!(rows, [Some(4.0), Some(6.0), Some(4.0), None], "{device:?}");
    }
}

#[test]
fn a_failure_or_panic_stays_within_its_run() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let kinds = ["finish", "fail", "panic", "diverge", "torch"];
    let tasks: Vec<Task> = kinds.iter().map(|kind| task(&store, kind, 1)).collect();
    let report = run(&store, tasks.clone());
    assert_eq!(report.finished, 2);
    let mut failures = report.failures;
    failures.sort();
    assert_eq!(failures[0].0, "fail seed 1");
    assert!(failures[0].1.contains("the script says so"));
    assert!(failures[1].1.contains("the script panics"));
    assert!(
        failures[2].1.starts_with("libtorch: ") && failures[2].1.contains("shape '[3]'"),
        "{}",
        failures[2].1
    );
    assert!(!failures[2].1.contains("raised from"), "{}", failures[2].1);
    // A diverged run is a result; a failed one is to be tried again, and says why.
    let diverged = store.record(&tasks[3].run.key).unwrap().unwrap();
    assert_eq!(diverged.outcome, Outcome::Diverged { iteration: 7 });
    let again = task(&store, "fail", 1).run.reason;
    assert!(matches!(again, Reason::FailedBefore { message } if message.contains("script")));
}

#[test]
fn on_a_gpu_runs_of_equal_shape_train_together_and_are_halved_until_they_fit() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let mut tasks: Vec<Task> = (0..10)
        .map(|seed| task(&store, "too-large", seed))
        .collect();
    tasks.extend((0..5).map(|seed| task(&store, "finish", seed)));
    tasks.push(task(&store, "fail", 0));
    let report = run_on(Device::Cuda(0), &store, tasks.clone(), &Silent);
    assert_eq!(
        (report.finished, report.failures.len()),
        (15, 1),
        "{report:?}"
    );
    let cohort = |task: &Task| {
        store
            .record(&task.run.key)
            .unwrap()
            .unwrap()
            .provenance
            .cohort
    };
    // 10 do not fit, nor do 5; 2 and 3 do.
    assert!(
        tasks[..10]
            .iter()
            .all(|task| [2, 3].contains(&cohort(task)))
    );
    assert!(tasks[10..15].iter().all(|task| cohort(task) == 5));
}

#[test]
fn two_launchers_on_one_store_share_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let tasks: Vec<Task> = (0..40).map(|seed| task(&store, "finish", seed)).collect();
    let done: usize = std::thread::scope(|scope| {
        let launch = || run(&store, tasks.clone());
        let both = [scope.spawn(launch), scope.spawn(launch)];
        both.map(|thread| {
            let report = thread.join().unwrap();
            assert!(report.failures.is_empty(), "{report:?}");
            report.finished + report.elsewhere
        })
        .into_iter()
        .sum()
    });
    assert_eq!(done, 80);
    assert!(
        tasks
            .iter()
            .all(|task| store.record(&task.run.key).unwrap().is_some())
    );
}

#[test]
fn interruption_leaves_the_rest_undone() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let mut tasks = vec![task(&store, "interrupt", 0), task(&store, "interrupt", 1)];
    tasks.extend((0..50).map(|seed| task(&store, "finish", seed)));
    let report = run(&store, tasks);
    assert!(report.interrupted);
    assert!(report.finished < 50);
}

#[test]
fn a_run_that_another_process_holds_is_left_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let (held, free) = (task(&store, "finish", 0), task(&store, "finish", 1));
    let lock = store.lock(&held.run.key).unwrap().unwrap();
    let report = run(&store, vec![held.clone(), free.clone()]);
    assert_eq!((report.finished, report.elsewhere), (1, 1));
    assert!(store.record(&held.run.key).unwrap().is_none());
    drop(lock);
    assert_eq!(run(&store, vec![held]).finished, 1);
}

#[test]
fn changed_data_and_algorithms_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let done = task(&store, "finish", 0);
    run(&store, vec![done.clone()]);
    let lineages = store.by_lineage().unwrap();
    let reason = |change: fn(&mut Identity)| {
        let mut identity = done.run.identity.clone();
        change(&mut identity);
        store
            .reason(&identity, &lineages, identity.algorithm)
            .unwrap()
    };
    assert_eq!(
        reason(|i| i.algorithm = 2),
        Reason::AlgorithmChanged { from: 1, to: 2 }
    );
    assert_eq!(
        reason(|i| i.data_sha256 = "1".to_owned()),
        Reason::DataChanged
    );
    assert_eq!(reason(|i| i.seed = Seed(9)), Reason::New);
}

#[test]
fn a_torn_record_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let done = task(&store, "finish", 0);
    run(&store, vec![done.clone()]);
    let path = store.folder(&done.run.key).join("record.json");
    let whole = std::fs::read(&path).unwrap();
    for length in [0, 1, whole.len() / 2] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let message = store.record(&done.run.key).unwrap_err().to_string();
        assert!(message.contains("record.json"), "{message}");
        // It is named in the plan, and is to be done again.
        let again = task(&store, "finish", 0).run.reason;
        assert!(
            again.is_pending() && again.to_string().contains("record.json"),
            "{again}"
        );
    }
    let newer = String::from_utf8(whole)
        .unwrap()
        .replacen("\"schema\": 1", "\"schema\": 99", 1);
    std::fs::write(&path, newer).unwrap();
    let message = store.record(&done.run.key).unwrap_err().to_string();
    assert!(message.contains("format 99"), "{message}");
    // What another version has written is left alone.
    let again = task(&store, "finish", 0).run.reason;
    assert!(matches!(again, Reason::Unreadable { .. }) && !again.is_pending());
}

#[test]
fn the_observer_hears_of_every_run() {
    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);
    impl Observer for Heard {
        fn notify(&self, event: &Event) {
            if let Event::Finished { name, summary, .. } = event {
                self.0.lock().unwrap().push(format!("{name}: {summary}"));
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let heard = Heard::default();
    let tasks = (0..2).map(|seed| task(&store, "finish", seed)).collect();
    run_observed(&store, tasks, &heard);
    let mut lines = heard.0.into_inner().unwrap();
    lines.sort();
    assert_eq!(
        lines,
        ["finish seed 0: Some(0.0)", "finish seed 1: Some(1.0)"]
    );
}

/// Tasks that scale with threads so well, one for each seed.
fn scaling(store: &Store, runs: u64, scales: f64) -> Vec<Task> {
    let tasks = (0..runs).map(|seed| {
        let mut task = task(store, "finish", seed);
        task.run.identity.settings["scales"] = json!(scales);
        task
    });
    tasks.collect()
}

#[test]
fn the_team_that_finishes_first_is_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    for (runs, scales, workers) in [
        (12, 0.0, 4),
        (12, 0.8, 4),
        // Five runs on four workers take as long as eight; one after the other they do not.
        (5, 0.9, 1),
        (4, 0.9, 4),
        (2, 0.0, 2),
        (1, 0.5, 1),
    ] {
        let mut tasks = scaling(&store, runs, scales);
        let team = calibrate(&mut tasks, &store, &shapes(), options(Device::Cpu, 4)).unwrap();
        let threads_each = 4 / workers;
        assert_eq!(
            team,
            Team {
                workers,
                threads_each
            },
            "{runs} runs, {scales}"
        );
        assert!(tasks.iter().all(|task| task.run.estimate.is_some()));
    }
    // What the user says is not measured against anything else.
    let mut tasks = scaling(&store, 5, 0.9);
    let asked = Options {
        workers: Some(2),
        ..options(Device::Cpu, 4)
    };
    let team = calibrate(&mut tasks, &store, &shapes(), asked).unwrap();
    assert_eq!(team.workers, 2);
    assert_eq!(team.threads_each, 2);
}

#[test]
fn on_a_gpu_estimates_are_shares_of_the_cohort() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let mut tasks = scaling(&store, 6, 0.0);
    let team = calibrate(&mut tasks, &store, &shapes(), options(Device::Cuda(0), 4)).unwrap();
    assert_eq!(team.workers, 1);
    // 10 iterations of 6 x 1 ms, shared by six.
    let expected = Duration::from_millis(10);
    for task in &tasks {
        let estimate = task.run.time().unwrap();
        assert!(estimate.abs_diff(expected) < Duration::from_micros(10));
    }
}

/// As [`Scripted`], but `"alpha"` costs nothing; counts how often it is measured.
struct Counted(AtomicUsize);

impl Method for Counted {
    fn id(&self) -> &'static str {
        Scripted.id()
    }

    fn version(&self) -> u32 {
        Scripted.version()
    }

    fn shape(&self, settings: &Value) -> Result<Option<String>, Error> {
        Scripted.shape(settings)
    }

    fn cost(&self, settings: &Value) -> Result<String, Error> {
        Ok(settings["scales"].to_string())
    }

    fn can_round(&self) -> bool {
        Scripted.can_round()
    }

    fn calibrate(&self, settings: &Value, trial: &Trial) -> Result<Work, Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Scripted.calibrate(settings, trial)
    }

    fn run(&self, cohort: &[Member], context: &Context) -> Result<Option<Runs>, Error> {
        Scripted.run(cohort, context)
    }
}

#[test]
fn settings_that_cost_the_same_are_measured_once() {
    static COUNTED: Counted = Counted(AtomicUsize::new(0));
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    // Every run has an alpha, and so a shape, of its own; they cost two times.
    let mut tasks = scaling(&store, 6, 0.0);
    tasks.extend(scaling(&store, 6, 1.0));
    for (alpha, task) in tasks.iter_mut().enumerate() {
        task.method = &COUNTED;
        task.run.identity.settings["alpha"] = json!(alpha);
    }
    let one = Options {
        workers: Some(1),
        ..options(Device::Cpu, 2)
    };
    calibrate(&mut tasks, &store, &shapes(), one).unwrap();
    assert_eq!(COUNTED.0.load(Ordering::Relaxed), 2);
    let estimate = |task: &Task| task.run.time().unwrap();
    let (slow, fast) = (estimate(&tasks[0]), estimate(&tasks[11]));
    assert!(slow > fast);
    for (place, task) in tasks.iter().enumerate() {
        assert_eq!(estimate(task), if place < 6 { slow } else { fast });
    }
    // On a GPU each is a cohort of its own, of one model.
    calibrate(&mut tasks, &store, &shapes(), options(Device::Cuda(0), 2)).unwrap();
    assert_eq!(COUNTED.0.load(Ordering::Relaxed), 4);
}
