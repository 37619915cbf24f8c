//! The program killed again and again, at random and at delicate moments, ends with the bits of one
//! that was left alone; asked to stop, it saves first.
//!
//! `REPLICATE_KILLS=500` kills more often than the usual 50 times; `REPLICATE_KILL_SEED` repeats the
//! choices of an earlier test, which prints its seed (though not the machine's timing).

#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../program/mod.rs"]
mod program;
mod signals;
mod strike;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use program::{folders, json, record, replicate, results, run, text};
use replicate::nn::Precision;
use replicate::random::{self, Seed};
use replicate::replications::desom::{DesomCohort, Settings};
use replicate::runs::checkpoint::{self, Progress};
use replicate::runs::record::Curves;
use replicate::train::Trainable;
use strike::{Moment, Phase, start, strike};
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
                            _ => [2, 15, 60][random::index(&mut rng, 3)],
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
        wall: Duration::ZERO,
        makers: Vec::new(),
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
