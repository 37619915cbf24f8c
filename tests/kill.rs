//! The program killed again and again, at random and at delicate moments, ends with the bits of one
//! that was left alone; asked to stop, it saves first.
//!
//! `REPLICATE_KILLS=500` kills more often than the usual 50 times; `REPLICATE_KILL_SEED` repeats the
//! choices of an earlier test, which prints its seed (though not the machine's timing).

#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used)]

mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use program::{folders, json, record, replicate, results, run, text};
use rand::Rng;
use replicate::nn::Precision;
use replicate::random::{self, Seed};
use replicate::replications::desom::{DesomCohort, Settings};
use replicate::runs::checkpoint::{self, Progress};
use replicate::runs::record::Curves;
use replicate::train::Trainable;
use tch::{Device, Kind, Tensor};

/// Four DESOM and four k-means runs.
const SWEEP: [&str; 9] = [
    "desom-gamma",
    "--profile",
    "smoke",
    "--gammas",
    "0.001,10",
    "--seeds",
    "2",
    "--iterations",
    "120",
];
/// Runs of the sweep.
const RUNS: usize = 8;
/// The iteration of the last checkpoint that a run can have.
const LAST_CHECKPOINT: u64 = 119;

/// When to strike.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Moment {
    /// So long after the start.
    After(Duration),
    /// As soon as a run is in this phase, and so much later.
    During(Phase, Duration),
}

/// What the program was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Start,
    Training,
    WritingCheckpoint,
    Evaluation,
    WritingWeights,
    BetweenWeightsAndRecord,
    WritingRecord,
    RemovingCheckpoint,
    Drawing,
}

impl Moment {
    /// Half of them at any time within `span`, half of them at moments that chance seldom finds.
    fn draw(rng: &mut impl Rng, span: Duration) -> Self {
        let fraction = random::unit(rng);
        let phase = match random::index(rng, 12) {
            0..6 => return Self::After(span.mul_f32(fraction)),
            6..8 => Phase::WritingCheckpoint,
            8 => Phase::Evaluation,
            9 => Phase::WritingWeights,
            10 => Phase::BetweenWeightsAndRecord,
            _ => match random::index(rng, 2) {
                0 => Phase::WritingRecord,
                _ => Phase::RemovingCheckpoint,
            },
        };
        let later = match phase {
            Phase::Evaluation => Duration::from_millis(10),
            _ => Duration::from_micros(300),
        };
        Self::During(phase, later.mul_f32(fraction))
    }
}

/// What a store shows of the phases that the program `pid` is in, run by run.
fn traces(store: &Path, pid: u32) -> BTreeSet<(PathBuf, Phase)> {
    let mut traces = BTreeSet::new();
    let temporary = format!(".{pid}.tmp");
    for folder in folders(store) {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        let names: Vec<String> = entries
            .flatten()
            .map(|entry| text(entry.file_name().as_encoded_bytes()))
            .collect();
        let is_there = |name: &str| names.iter().any(|other| other == name);
        let is_being_written = |name: &str| is_there(&format!("{name}{temporary}"));
        let last = || {
            let progress = checkpoint::progress(&folder.join("checkpoint.safetensors"));
            progress.is_some_and(|progress| progress.iteration == LAST_CHECKPOINT)
        };
        let [record, weights, checkpoint] = [
            "record.json",
            "weights.safetensors",
            "checkpoint.safetensors",
        ];
        for (phase, is) in [
            (Phase::WritingCheckpoint, is_being_written(checkpoint)),
            (Phase::WritingWeights, is_being_written(weights)),
            (Phase::WritingRecord, is_being_written(record)),
            (
                Phase::BetweenWeightsAndRecord,
                is_there(weights) && !is_there(record),
            ),
            (
                Phase::RemovingCheckpoint,
                is_there(record) && is_there(checkpoint),
            ),
            (
                Phase::Evaluation,
                is_there(checkpoint) && !is_there(record) && !is_there(weights) && last(),
            ),
        ] {
            if is {
                traces.insert((folder.clone(), phase));
            }
        }
    }
    traces
}

/// Whether workers carry out runs: their threads have names.
fn is_working(pid: u32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    tasks.into_iter().flatten().flatten().any(|task| {
        let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        name.starts_with("worker ")
    })
}

fn start(store: &Path, lane: &[&str], interval: u64) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(store.join("log"))
        .unwrap();
    let mut command = replicate(store);
    command
        .args(SWEEP)
        .args(lane)
        .env("REPLICATE_CHECKPOINT_MS", interval.to_string());
    command
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Starts the program and kills it at that moment. Gives the phases that it was in; `None` if it was
/// done before.
fn strike(store: &Path, lane: &[&str], moment: Moment, interval: u64) -> Option<Vec<Phase>> {
    let mut child = start(store, lane, interval);
    let pid = child.id();
    let before = traces(store, pid);
    let clock = Instant::now();
    let has_come = |child: &mut Child| -> Option<bool> {
        if let Some(status) = child.try_wait().unwrap() {
            let log = fs::read_to_string(store.join("log")).unwrap();
            assert!(status.success(), "{status}\n{log}");
            return None;
        }
        Some(match moment {
            Moment::After(delay) => clock.elapsed() >= delay,
            Moment::During(phase, _) => {
                let now = traces(store, pid);
                now.difference(&before).any(|(_, other)| *other == phase)
            }
        })
    };
    while !has_come(&mut child)? {
        assert!(
            clock.elapsed() < Duration::from_mins(5),
            "{moment:?}: it hangs"
        );
        std::thread::sleep(Duration::from_micros(200));
    }
    if let Moment::During(_, later) = moment {
        std::thread::sleep(later);
    }
    let working = is_working(pid);
    child.kill().unwrap();
    if child.wait().unwrap().success() {
        // It ended by itself in the last instant.
        return None;
    }
    let now = traces(store, pid);
    let mut phases: Vec<Phase> = now.difference(&before).map(|(_, phase)| *phase).collect();
    let all = folders(store);
    let complete = all
        .iter()
        .filter(|folder| folder.join("record.json").exists())
        .count();
    if phases.is_empty() {
        phases.push(match working {
            true => Phase::Training,
            false if complete == RUNS => Phase::Drawing,
            false => Phase::Start,
        });
    }
    Some(phases)
}

/// What all the killing came to.
#[derive(Debug, Default)]
struct Tally {
    kills: usize,
    phases: BTreeMap<Phase, usize>,
    sweeps: usize,
    runs: usize,
    resumed_runs: usize,
    resumptions: u64,
    left_over_files: usize,
}

impl Tally {
    /// Every phase that loses something if it is cut short must have been cut short.
    fn is_enough(&self, wanted: usize) -> bool {
        let seen = |phases: &[Phase]| phases.iter().any(|phase| self.phases.contains_key(phase));
        let all = seen(&[Phase::Start])
            && seen(&[Phase::Training])
            && seen(&[Phase::WritingCheckpoint])
            && seen(&[Phase::Evaluation])
            && seen(&[Phase::WritingWeights, Phase::BetweenWeightsAndRecord])
            && seen(&[Phase::WritingRecord, Phase::RemovingCheckpoint]);
        self.kills >= wanted && (all && self.resumed_runs > 0 || self.kills >= 4 * wanted)
    }

    /// Compares a store, when all is done, with that of a sweep that was left alone.
    fn compare(&mut self, store: &Path, alone: &Path) {
        let log = fs::read_to_string(store.join("log")).unwrap();
        assert!(
            !log.contains("FAILED") && !log.contains("panicked"),
            "{log}"
        );
        let (ours, theirs) = (folders(store), folders(alone));
        let names = |folders: &[PathBuf]| -> Vec<_> {
            folders
                .iter()
                .map(|folder| folder.file_name().unwrap().to_owned())
                .collect()
        };
        assert_eq!(names(&ours), names(&theirs));
        assert_eq!(ours.len(), RUNS);
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert!(
                results(ours) == results(theirs),
                "{} differs\n{log}",
                ours.display()
            );
            let resumed = record(ours)["provenance"]["resumed"].as_u64().unwrap();
            self.runs += 1;
            self.resumed_runs += usize::from(resumed > 0);
            self.resumptions += resumed;
        }
        // Nothing is damaged, whatever was left over.
        let verified = json(store, &["verify", "--json"]);
        assert_eq!(verified["audit"]["sound"], RUNS, "{verified}");
        for finding in verified["audit"]["findings"].as_array().unwrap() {
            assert_eq!(finding["kind"], "left-over", "{finding}");
            self.left_over_files += 1;
        }
        self.sweeps += 1;
    }
}

#[test]
fn a_sweep_that_is_killed_again_and_again_ends_with_the_same_bits() {
    let from_environment = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let wanted = from_environment("REPLICATE_KILLS").unwrap_or(50) as usize;
    let seed = from_environment("REPLICATE_KILL_SEED").unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        u64::from(now.unwrap().subsec_nanos())
    });
    eprintln!("REPLICATE_KILL_SEED={seed} REPLICATE_KILLS={wanted}");
    let clock = Instant::now();
    let alone = tempfile::tempdir().unwrap();
    let output = run(alone.path(), &SWEEP);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let span = clock.elapsed().min(Duration::from_secs(3));

    // Two at a time, each with its own store: two workers of a thread, and one.
    let tally = Mutex::new(Tally::default());
    let lanes = [
        (0, &["--threads", "2", "--workers", "2"][..]),
        (1, &["--threads", "1"]),
    ];
    std::thread::scope(|scope| {
        for (number, lane) in lanes {
            let (tally, alone) = (&tally, alone.path());
            let purpose = format!("kills of lane {number}");
            scope.spawn(move || {
                let mut rng = random::stream(Seed(seed), &purpose);
                while !tally.lock().unwrap().is_enough(wanted) {
                    let store = tempfile::tempdir().unwrap();
                    loop {
                        let moment = Moment::draw(&mut rng, span);
                        let interval = match moment {
                            // Every iteration is saved, so that the last one is.
                            Moment::During(Phase::Evaluation, _) => 0,
                            _ => [1, 5, 25][random::index(&mut rng, 3)],
                        };
                        let Some(phases) = strike(store.path(), lane, moment, interval) else {
                            break;
                        };
                        let mut tally = tally.lock().unwrap();
                        tally.kills += 1;
                        for phase in phases {
                            *tally.phases.entry(phase).or_default() += 1;
                        }
                        if tally.kills >= wanted {
                            drop(tally);
                            let status = start(store.path(), lane, 25).wait().unwrap();
                            assert!(status.success());
                            break;
                        }
                    }
                    tally.lock().unwrap().compare(store.path(), alone);
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap();
    eprintln!("{tally:#?}\nin {:.1?}", clock.elapsed());
    assert!(
        tally.is_enough(wanted) && tally.kills < 4 * wanted,
        "{tally:?}"
    );
}

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

#[test]
fn an_interval_that_is_none_is_refused() {
    let store = tempfile::tempdir().unwrap();
    let mut command = replicate(store.path());
    let output = command
        .args(SWEEP)
        .env("REPLICATE_CHECKPOINT_MS", "1s")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(message.contains("REPLICATE_CHECKPOINT_MS=1s"), "{message}");
}

/// The paper's network, as it is saved once a minute: encoded, written and flushed to the disk.
#[test]
fn checkpoints_cost_less_than_two_per_cent_of_the_time() {
    let rows = Tensor::rand([256, 784], (Kind::Float, Device::Cpu));
    let members = [(0.001, Seed(0))];
    let model = DesomCohort::new(
        &Settings::paper(),
        &members,
        &rows,
        Device::Cpu,
        Precision::Exact,
    );
    let model = model.unwrap();
    let progress = Progress {
        iteration: 1,
        iterations: 10_000,
        elapsed: Duration::ZERO,
        resumed: 0,
        curves: Curves::default(),
        diverged: None,
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let mut least = Duration::MAX;
    for _ in 0..5 {
        let clock = Instant::now();
        checkpoint::save(&path, &model.state(0), Some(&progress)).unwrap();
        least = least.min(clock.elapsed());
    }
    let share = least.as_secs_f64() / 60.0;
    let megabytes = fs::metadata(&path).unwrap().len() as f64 / 1e6;
    eprintln!(
        "{megabytes:.1} MB in {least:.1?}: {:.2} % of a minute",
        100.0 * share
    );
    assert!(megabytes > 39.0 && share < 0.02, "{share}");
}
