//! Disks that fail, and processes that hold what we want, with the real training loop and a model
//! that trains in no time.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tch::{Kind, Tensor};

use super::*;
use crate::files::Step;
use crate::files::faults::{Fault, Faults};
use crate::nn::slices::slice;
use crate::random::Seed;
use crate::runs::checkpoint::Named;
use crate::runs::{Identity, Outcome};
use crate::train::observer::Silent;
use crate::train::{Driven, Runs, Trainable, Trial, Work, drive};

const ITERATIONS: u64 = 6;

/// A number that goes its way.
struct Walk {
    seed: f32,
    at: Tensor,
}

impl Trainable for Walk {
    fn iterations(&self) -> u64 {
        ITERATIONS
    }

    fn step(&mut self, iteration: u64) -> Result<(), train::Error> {
        self.at = &self.at * 0.9 + f64::from(self.seed) + iteration as f64;
        Ok(())
    }

    fn losses(&self) -> Vec<(&'static str, Vec<f64>)> {
        vec![("at", vec![f64::from(slice(&self.at)[0])])]
    }

    fn state(&self, _: usize) -> Vec<(String, Tensor)> {
        vec![("at".to_owned(), self.at.copy())]
    }

    fn restore(&mut self, _: usize, _: u64, state: &Named) -> Result<(), String> {
        self.at = state["at"].copy();
        Ok(())
    }
}

struct Walks;

impl Method for Walks {
    fn id(&self) -> &'static str {
        "walks"
    }

    fn version(&self) -> u32 {
        1
    }

    fn shape(&self, _: &Value) -> Result<Option<String>, train::Error> {
        Ok(Some("walk".to_owned()))
    }

    fn can_round(&self) -> bool {
        false
    }

    fn calibrate(&self, _: &Value, _: &Trial) -> Result<Work, train::Error> {
        Err(train::Error::Settings("not asked for here".to_owned()))
    }

    fn run(&self, cohort: &[Member], context: &Context) -> Result<Option<Runs>, train::Error> {
        let mut runs = Runs::new();
        for member in cohort {
            let mut walk = Walk {
                seed: member.seed.0 as f32,
                at: Tensor::zeros([100], (Kind::Float, Device::Cpu)),
            };
            let Driven::Finished(progress) =
                drive(&mut walk, std::slice::from_ref(member), context)?
            else {
                return Ok(None);
            };
            let progress = &progress[0];
            runs.push(Ok(Finished {
                outcome: Outcome::Completed,
                metrics: BTreeMap::from([("at".to_owned(), f64::from(slice(&walk.at)[0]))]),
                curves: progress.curves.clone(),
                weights: walk.state(0),
                training: progress.elapsed,
                evaluation: Duration::ZERO,
                resumed: progress.resumed,
            }));
        }
        Ok(Some(runs))
    }
}

fn task(store: &Store, seed: u64) -> Task {
    let identity = Identity {
        schema: SCHEMA,
        method: "walks".to_owned(),
        algorithm: 1,
        settings: json!({}),
        data: "none".to_owned(),
        data_sha256: "0".to_owned(),
        seed: Seed(seed),
        precision: Precision::Exact,
    };
    Task {
        run: PlannedRun {
            key: identity.key(),
            variant: "walk".to_owned(),
            reason: store
                .reason(&identity, &store.by_lineage().unwrap())
                .unwrap(),
            identity,
            estimate: None,
        },
        method: &Walks,
    }
}

/// Does what is pending of two runs as one worker would, saving after every step.
fn run(store: &Store) -> Report {
    let tasks = [0, 1].map(|seed| task(store, seed));
    let pending = tasks
        .into_iter()
        .filter(|task| task.run.reason.is_pending());
    run_tasks(store, pending.collect(), Device::Cpu)
}

fn run_tasks(store: &Store, tasks: Vec<Task>, device: Device) -> Report {
    run_observed(store, tasks, device, &Silent)
}

fn run_observed(
    store: &Store,
    tasks: Vec<Task>,
    device: Device,
    observer: &dyn Observer,
) -> Report {
    let data = TrainingData {
        features: Tensor::zeros([4, 2], (Kind::Float, Device::Cpu)),
        labels: vec![0, 1, 0, 1],
        classes: 2,
    };
    let options = Options {
        device,
        precision: Precision::Exact,
        threads: 1,
        workers: Some(1),
        checkpoint_interval: Duration::ZERO,
    };
    let interrupted = AtomicBool::new(false);
    let headline = |record: &Record| format!("{:?}", record.metric("at"));
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

struct Sandbox {
    folder: tempfile::TempDir,
    store: Store,
}

impl Sandbox {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        Self { folder, store }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn key(&self, seed: u64) -> runs::Key {
        task(&self.store, seed).run.key
    }
}

/// What must not depend on how a run came about.
fn outcome(store: &Store, seed: u64) -> (Vec<u8>, Value) {
    let key = task(store, seed).run.key;
    let record = store.intact(&key).unwrap().unwrap();
    store.check_weights(&record).unwrap();
    let mut record = serde_json::to_value(record).unwrap();
    record.as_object_mut().unwrap().remove("provenance");
    (fs::read(store.weights(&key)).unwrap(), record)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Every file of a run, and every way to fail.
#[test]
fn whatever_the_disk_refuses_costs_one_run_until_it_is_mended() {
    let whole = Sandbox::new();
    assert_eq!(run(&whole.store).finished, 2);
    let files = [
        ("", 0),
        ("/lock", 0),
        ("/lock.1", 0),
        ("/checkpoint.safetensors", 0),
        // Three are written, the fourth is not.
        ("/checkpoint.safetensors", 3),
        ("/weights.safetensors", 0),
        ("/record.json", 0),
    ];
    for (file, after) in files {
        for code in [
            Some(libc::ENOSPC),
            Some(libc::EACCES),
            Some(libc::EROFS),
            None,
        ] {
            if code.is_none() && ["", "/lock"].contains(&file) {
                // Nothing is written to them.
                continue;
            }
            let context = format!("{file} {after} {code:?}");
            let sandbox = Sandbox::new();
            let store = &sandbox.store;
            let key = sandbox.key(0);
            let end = format!("{}{file}", key.short());
            let fault = match (code, file) {
                (Some(code), "") => Fault::error(Step::CreateFolder, &end, code),
                (Some(code), "/lock") => Fault::error(Step::Create, &end, code),
                (Some(code), _) => Fault::error(Step::Write, &end, code),
                (None, _) => Fault::short(&end),
            };
            let faults = Faults::under(sandbox.path());
            faults.add(fault.after(after));
            let report = run(store);

            // It is told with its path and what to do, and the other run is not touched by it.
            assert_eq!(
                (report.finished, report.failures.len()),
                (1, 1),
                "{context}"
            );
            let (name, message) = &report.failures[0];
            assert_eq!(name, "walk seed 0");
            assert!(
                message.contains(&format!("{end}: ")),
                "{context}: {message}"
            );
            assert!(
                message.contains("same command again"),
                "{context}: {message}"
            );
            assert_eq!(outcome(store, 1), outcome(&whole.store, 1));
            // It does not count as done, and nothing half-written is in its folder.
            assert_eq!(store.record(&key).unwrap(), None, "{context}");
            if !file.is_empty() {
                let left = names(&store.folder(&key));
                assert!(!left.iter().any(|name| name.ends_with(".tmp")), "{left:?}");
            }
            let reason = task(store, 0).run.reason;
            let expected = match (file, after) {
                ("" | "/lock" | "/lock.1", _) | ("/checkpoint.safetensors", 0) => {
                    // The reason why is known but where there is no folder to write it into.
                    matches!(reason, Reason::FailedBefore { .. } | Reason::New)
                }
                ("/checkpoint.safetensors", _) => {
                    matches!(
                        reason,
                        Reason::Resume {
                            at: 3,
                            of: ITERATIONS
                        }
                    )
                }
                _ => matches!(reason, Reason::Resume { at, .. } if at == ITERATIONS - 1),
            };
            assert!(expected, "{context}: {reason}");

            drop(faults);
            let report = run(store);
            assert_eq!(
                (report.finished, report.failures.len()),
                (1, 0),
                "{context}"
            );
            assert_eq!(outcome(store, 0), outcome(&whole.store, 0), "{context}");
            let left = names(&store.folder(&key));
            assert_eq!(
                left,
                ["lock", "record.json", "weights.safetensors"],
                "{context}"
            );
        }
    }
}

#[test]
fn a_failure_that_cannot_be_noted_is_told_all_the_same() {
    let sandbox = Sandbox::new();
    let key = sandbox.key(0);
    let faults = Faults::under(sandbox.path());
    for file in ["record.json", "failure.json"] {
        let end = format!("{}/{file}", key.short());
        faults.add(Fault::any(&end, libc::ENOSPC));
    }
    let report = run(&sandbox.store);
    assert_eq!((report.finished, report.failures.len()), (1, 1));
    assert!(report.failures[0].1.contains("record.json"));
    assert!(sandbox.store.failure(&key).is_none());
    drop(faults);
    assert_eq!(run(&sandbox.store).finished, 1);
}

#[test]
fn a_disk_that_refuses_everything_fails_every_run_and_loses_nothing() {
    for code in [libc::ENOSPC, libc::EACCES, libc::EROFS] {
        let sandbox = Sandbox::new();
        let faults = Faults::under(sandbox.path());
        faults.add(Fault::any("", code));
        assert!(
            sandbox
                .store
                .probe()
                .unwrap_err()
                .to_string()
                .contains("--store")
        );
        let report = run(&sandbox.store);
        assert_eq!((report.finished, report.failures.len()), (0, 2));
        drop(faults);
        assert_eq!(run(&sandbox.store).finished, 2);
    }
}

/// The record comes after the weights, and what is removed goes after the record: at any moment a
/// power cut leaves either a complete run or one that can be resumed.
#[test]
fn each_file_is_durable_before_the_next_and_before_anything_is_removed() {
    let sandbox = Sandbox::new();
    let key = sandbox.key(0);
    let faults = Faults::under(sandbox.path());
    let folder = format!("runs/{}", key.short());
    run(&sandbox.store);
    let log: Vec<String> = faults
        .log()
        .into_iter()
        .filter(|line| line.contains(&folder))
        .map(|line| line.replace(&folder, "RUN"))
        .collect();
    let whole = |file: &str| {
        ["create", "write", "flush", "rename"]
            .map(|step| format!("{step} RUN/{file}"))
            .into_iter()
            .chain(["flush-folder RUN".to_owned()])
    };
    let expected: Vec<String> = ["create-folder RUN", "create RUN/lock"]
        .into_iter()
        .chain(["create RUN/lock.1", "write RUN/lock.1", "flush RUN/lock.1"])
        .map(str::to_owned)
        .chain((1..ITERATIONS).flat_map(|_| whole("checkpoint.safetensors")))
        .chain(whole("weights.safetensors"))
        .chain(whole("record.json"))
        .chain(["remove RUN/checkpoint.safetensors".to_owned()])
        .collect();
    assert_eq!(log, expected);
}

#[test]
fn a_record_that_may_not_be_durable_keeps_its_checkpoint() {
    let sandbox = Sandbox::new();
    let (store, key) = (&sandbox.store, sandbox.key(0));
    run(store);
    let record = store.record(&key).unwrap().unwrap();
    fs::write(store.checkpoint(&key), "x").unwrap();
    let faults = Faults::under(sandbox.path());
    faults.add(Fault::error(Step::FlushFolder, key.short(), libc::EIO));
    assert!(store.write_record(&record).is_err());
    assert!(store.checkpoint(&key).exists());
    drop(faults);
    store.write_record(&record).unwrap();
    assert!(!store.checkpoint(&key).exists());
}

#[test]
fn what_a_killed_process_was_writing_goes_when_the_run_is_complete() {
    let sandbox = Sandbox::new();
    let folder = sandbox.store.folder(&sandbox.key(0));
    fs::create_dir_all(&folder).unwrap();
    for name in [
        "checkpoint.safetensors.99-0.tmp",
        "weights.safetensors.99-1.tmp",
        "notes.txt",
    ] {
        fs::write(folder.join(name), "x").unwrap();
    }
    run(&sandbox.store);
    let left = names(&folder);
    assert_eq!(
        left,
        ["lock", "notes.txt", "record.json", "weights.safetensors"]
    );
}

/// Damage of every kind: told in the plan, done again, and what was damaged is kept.
#[test]
fn damaged_runs_are_done_again_and_kept() {
    let whole = Sandbox::new();
    run(&whole.store);
    let record = |edit: fn(&mut Value)| {
        move |store: &Store, key: &runs::Key| {
            let path = store.folder(key).join("record.json");
            let mut value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            edit(&mut value);
            fs::write(&path, value.to_string()).unwrap();
            path
        }
    };
    type Damage = Box<dyn Fn(&Store, &runs::Key) -> std::path::PathBuf>;
    let damages: [(&str, Damage); 8] = [
        (
            "it is empty",
            Box::new(|store, key| {
                let path = store.folder(key).join("record.json");
                fs::write(&path, "").unwrap();
                path
            }),
        ),
        (
            "EOF",
            Box::new(|store, key| {
                let path = store.folder(key).join("record.json");
                let text = fs::read(&path).unwrap();
                fs::write(&path, &text[..text.len() / 2]).unwrap();
                path
            }),
        ),
        (
            "expected value",
            Box::new(|store, key| {
                let path = store.folder(key).join("record.json");
                fs::write(&path, vec![0; 4096]).unwrap();
                path
            }),
        ),
        (
            "not that of its settings",
            Box::new(record(|value| {
                value["identity"]["settings"]["gamma"] = 7.into();
            })),
        ),
        (
            "not that of its settings",
            Box::new(record(|value| {
                value["key"] = "00".into();
            })),
        ),
        (
            "missing field",
            Box::new(record(|value| {
                value.as_object_mut().unwrap().remove("metrics");
            })),
        ),
        (
            "it belongs to the run",
            Box::new(|store, key| {
                let path = store.folder(key).join("record.json");
                let other = store.folder(&task(store, 1).run.key).join("record.json");
                fs::copy(other, &path).unwrap();
                path
            }),
        ),
        (
            "SHA-256",
            Box::new(|store, key| {
                let path = store.weights(key);
                let mut bytes = fs::read(&path).unwrap();
                *bytes.last_mut().unwrap() ^= 1;
                fs::write(&path, bytes).unwrap();
                path
            }),
        ),
    ];
    for (expected, damage) in damages {
        let sandbox = Sandbox::new();
        let (store, key) = (&sandbox.store, sandbox.key(0));
        run(store);
        let path = damage(store, &key);
        let damaged = fs::read(&path).unwrap();

        let reason = task(store, 0).run.reason;
        let text = reason.to_string();
        assert!(
            matches!(reason, Reason::Damaged { .. }),
            "{expected}: {text}"
        );
        let file = path.file_name().unwrap().to_str().unwrap();
        assert!(text.contains(expected) && text.contains(file), "{text}");

        let report = run(store);
        assert_eq!(
            (report.finished, report.failures.len()),
            (1, 0),
            "{expected}"
        );
        let aside = store.folder(&key).join(format!("{file}.unreadable-1"));
        assert!(
            report.kept_aside.contains(&aside),
            "{:?}",
            report.kept_aside
        );
        assert_eq!(fs::read(aside).unwrap(), damaged, "{expected}");
        assert_eq!(outcome(store, 0), outcome(&whole.store, 0), "{expected}");
        assert_eq!(task(store, 0).run.reason, Reason::Cached);
    }
}

#[test]
fn a_damaged_record_that_cannot_be_kept_is_not_written_over() {
    let sandbox = Sandbox::new();
    let (store, key) = (&sandbox.store, sandbox.key(0));
    run(store);
    let path = store.folder(&key).join("record.json");
    fs::write(&path, "damaged").unwrap();
    let faults = Faults::under(sandbox.path());
    faults.add(Fault::any("unreadable-1", libc::EROFS));
    let report = run(store);
    assert_eq!((report.finished, report.failures.len()), (0, 1));
    assert_eq!(fs::read_to_string(path).unwrap(), "damaged");
}

/// Nothing is known of these but that they are not ours to move.
#[test]
fn what_cannot_be_read_is_told_and_left_alone() {
    let put: [(&str, fn(&Path)); 4] = [
        ("older format", |path| {
            fs::write(path, "{\"schema\": 0}").unwrap()
        }),
        ("newer format", |path| {
            fs::write(path, "{\"schema\": 2}").unwrap()
        }),
        ("folder", |path| fs::create_dir(path).unwrap()),
        ("link to itself", |path| {
            std::os::unix::fs::symlink("record.json", path).unwrap();
        }),
    ];
    for (kind, put) in put {
        let sandbox = Sandbox::new();
        let (store, key) = (&sandbox.store, sandbox.key(0));
        fs::create_dir_all(store.folder(&key)).unwrap();
        put(&store.folder(&key).join("record.json"));
        let reason = task(store, 0).run.reason;
        let Reason::Unreadable { message } = &reason else {
            panic!("{kind}: {reason}");
        };
        assert!(
            message.contains("record.json") && message.contains("move"),
            "{kind}: {message}"
        );
        let report = run(store);
        assert_eq!((report.finished, report.failures.len()), (1, 0), "{kind}");
        assert_eq!(names(&store.folder(&key)), ["record.json"], "{kind}");
    }
}

/// Other files that have something else in their place fail their own run, with the path, and are
/// still there.
#[test]
fn a_folder_or_a_link_in_place_of_a_file_fails_one_run() {
    for file in ["lock", "checkpoint.safetensors", "weights.safetensors"] {
        let put: [fn(&Path); 2] = [
            |path| fs::create_dir(path).unwrap(),
            |path| std::os::unix::fs::symlink(path.file_name().unwrap(), path).unwrap(),
        ];
        for (index, put) in put.into_iter().enumerate() {
            let sandbox = Sandbox::new();
            let (store, key) = (&sandbox.store, sandbox.key(0));
            fs::create_dir_all(store.folder(&key)).unwrap();
            let path = store.folder(&key).join(file);
            put(&path);
            let report = run(store);
            if index == 1 && file == "weights.safetensors" {
                // A link is replaced by the file that belongs there.
                assert_eq!(report.finished, 2);
                continue;
            }
            assert_eq!(
                (report.finished, report.failures.len()),
                (1, 1),
                "{file} {index}"
            );
            let message = &report.failures[0].1;
            assert!(
                message.contains(file) && message.contains("move it away"),
                "{message}"
            );
            assert!(fs::symlink_metadata(path).is_ok());
        }
    }
    // The run's own folder.
    let sandbox = Sandbox::new();
    let folder = sandbox.store.folder(&sandbox.key(0));
    fs::create_dir_all(folder.parent().unwrap()).unwrap();
    fs::write(&folder, "mine").unwrap();
    let report = run(&sandbox.store);
    assert_eq!((report.finished, report.failures.len()), (1, 0));
    let reason = task(&sandbox.store, 0).run.reason;
    assert!(matches!(&reason, Reason::Unreadable { message } if message.contains("move it away")));
    assert_eq!(fs::read_to_string(folder).unwrap(), "mine");
}

#[test]
fn names_that_are_not_text_do_no_harm() {
    use std::os::unix::ffi::OsStrExt;
    let strange = std::ffi::OsStr::from_bytes(b"lock.\xff\xfe");
    let sandbox = Sandbox::new();
    let folder = sandbox.store.folder(&sandbox.key(0));
    for place in [
        sandbox.path().join("runs").join(strange),
        folder.join(strange),
    ] {
        fs::create_dir_all(place).unwrap();
    }
    assert_eq!(run(&sandbox.store).finished, 2);
    assert!(folder.join(strange).exists());
}

/// Another process holds a run; while the rest is done it finishes, dies, or goes on.
#[test]
fn a_run_that_was_held_is_looked_at_again_in_the_end() {
    struct During<F: Fn() + Sync>(F);
    impl<F: Fn() + Sync> Observer for During<F> {
        fn notify(&self, event: &Event) {
            if let Event::Finished { .. } = event {
                (self.0)();
            }
        }
    }
    let sandbox = Sandbox::new();
    let store = &sandbox.store;
    let lock = store.lock(&sandbox.key(0)).unwrap().unwrap();
    let report = run(store);
    assert_eq!((report.finished, report.elsewhere), (1, 1));
    let holders: Vec<u32> = report.holders.iter().map(|holder| holder.pid).collect();
    assert_eq!(holders, [std::process::id()]);

    // Given back while the other run is done.
    let lock = Mutex::new(Some(lock));
    let release = During(|| drop(locked(&lock).take()));
    let tasks = vec![task(store, 0), task(store, 2)];
    let report = run_observed(store, tasks, Device::Cpu, &release);
    assert_eq!((report.finished, report.elsewhere), (2, 0));
}

/// What another process has brought further than was planned trains on its own.
#[test]
fn a_cohort_is_split_where_its_runs_have_come_differently_far() {
    let sandbox = Sandbox::new();
    let store = &sandbox.store;
    let tasks = vec![task(store, 0), task(store, 1)];
    let faults = Faults::under(sandbox.path());
    let end = format!("{}/checkpoint.safetensors", sandbox.key(0).short());
    faults.add(Fault::error(Step::Write, &end, libc::ENOSPC).after(3));
    run_tasks(store, vec![task(store, 0)], Device::Cpu);
    drop(faults);
    let report = run_tasks(store, tasks, Device::Cuda(0));
    assert_eq!(
        (report.finished, report.failures.len()),
        (2, 0),
        "{report:?}"
    );
    for (seed, resumed) in [(0, 1), (1, 0)] {
        let record = store.record(&sandbox.key(seed)).unwrap().unwrap();
        assert_eq!(record.provenance.resumed, resumed);
        assert_eq!(record.provenance.cohort, 1);
    }
}

/// A process that was stopped for so long that another one took its run over does not mix its
/// weights with the other's record.
#[test]
fn a_run_that_was_taken_over_is_not_kept() {
    struct Robber(std::path::PathBuf);
    impl Observer for Robber {
        fn notify(&self, event: &Event) {
            if let Event::Started { .. } = event {
                fs::write(self.0.join("lock.2"), "{\"taken\": true}").unwrap();
            }
        }
    }
    let sandbox = Sandbox::new();
    let store = &sandbox.store;
    let key = sandbox.key(0);
    let robber = Robber(store.folder(&key));
    let report = run_observed(store, vec![task(store, 0)], Device::Cpu, &robber);
    assert_eq!((report.finished, report.elsewhere), (0, 1));
    assert_eq!(store.record(&key).unwrap(), None);
    assert!(!store.weights(&key).exists());
}
