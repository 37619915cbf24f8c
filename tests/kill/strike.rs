//! One stroke: start the program, wait for a moment, kill it, and see what it was doing.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use rand::Rng;
use replicate::random;
use replicate::runs::checkpoint;

use super::program::{folders, replicate, text};
use super::{RUNS, SWEEP};

/// The iteration of the last checkpoint that a run can have.
const LAST_CHECKPOINT: u64 = 119;

/// When to strike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Moment {
    /// So long after the start.
    After(Duration),
    /// As soon as a run is in this phase, and so much later.
    During(Phase, Duration),
}

/// What the program was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
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
    pub fn draw(rng: &mut impl Rng, span: Duration) -> Self {
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
    for folder in folders(store) {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        let names: Vec<String> = entries
            .flatten()
            .map(|entry| text(entry.file_name().as_encoded_bytes()))
            .collect();
        let is_there = |name: &str| names.iter().any(|other| other == name);
        let is_being_written = |name: &str| {
            let temporary = format!("{name}.{pid}-");
            names.iter().any(|other| other.starts_with(&temporary))
        };
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

pub fn start(store: &Path, lane: &[&str], interval: u64) -> Child {
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
pub fn strike(store: &Path, lane: &[&str], moment: Moment, interval: u64) -> Option<Vec<Phase>> {
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
        phases.push(if working {
            Phase::Training
        } else if complete == RUNS {
            Phase::Drawing
        } else {
            Phase::Start
        });
    }
    Some(phases)
}
