//! The peak memory of one run on MNIST: a short training, then the full evaluation, through the
//! method that the launcher calls.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use replicate::nn::Precision;
use replicate::random::Seed;
use replicate::replications::desom::{Desom, Settings};
use replicate::train::observer::Silent;
use replicate::train::{Context, InMemory, Member, Method, TrainingData};
use tch::Device;

use crate::data;
use crate::protocol::{self, Contender, Round};

/// More would take longer, not more memory.
const ITERATIONS: u64 = 20;

struct Runs {
    data: TrainingData,
    loaded: u64,
}

impl Contender for Runs {
    fn round(&mut self) -> Round {
        let settings = Settings {
            iterations: ITERATIONS,
            ..Settings::paper()
        };
        let member = Member {
            settings: settings.to_value(),
            seed: Seed(0),
            // Never written: the run is over before the first interval is.
            checkpoint: PathBuf::from("contender-checkpoint"),
        };
        let context = Context {
            data: &self.data,
            device: Device::Cpu,
            precision: Precision::Exact,
            interrupted: &AtomicBool::new(false),
            checkpoint_interval: Duration::MAX,
            observer: &Silent,
            parts: &InMemory::default(),
            worker: 0,
        };
        let clock = Instant::now();
        let runs = Desom.run(&[member], &context).unwrap().unwrap();
        let seconds = clock.elapsed().as_secs_f64();
        let evaluation = runs[0].as_ref().unwrap().evaluation.as_secs_f64();
        Round {
            seconds,
            more: format!(
                "evaluation={evaluation:.3}s loaded={}MB peak={}MB",
                self.loaded,
                peak_megabytes()
            ),
        }
    }
}

/// The most memory this process has had resident so far, as the kernel counts it; 0 where it does not.
fn peak_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024 / 1_000_000
}

/// Answers with the seconds of a run of 20 iterations and its evaluation, and the peak so far.
pub fn compete(threads: usize) {
    tch::set_num_threads(threads.try_into().unwrap());
    let _no_graph = tch::no_grad_guard();
    let (data, name) = data::load();
    let loaded = peak_megabytes();
    protocol::compete(
        &format!("threads={threads} data={name}"),
        &mut Runs { data, loaded },
    );
}
