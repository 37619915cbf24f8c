//! A training iteration of a DESOM with the paper's settings for MNIST, neighbourhood included.

use replicate::nn::{Autoencoder, Layout, Precision};
use replicate::random::Seed;
use replicate::replications::desom::{DesomCohort, Settings};
use replicate::train::Trainable;
use tch::{Device, Kind, Tensor};

use crate::fixed;
use crate::protocol::{self, Contender, Round};
use crate::team::Team;

/// Iterations of a round; the peers do as many.
const STEPS: u32 = 40;

/// Rows to train on: eight batches, so that data come from memory as they do in earnest.
pub fn random_rows(settings: &Settings) -> Tensor {
    Tensor::rand([8 * settings.batch, 784], (Kind::Float, Device::Cpu))
}

/// Floating-point operations of the products of one iteration, forward and backward.
pub fn flop(settings: &Settings) -> f64 {
    let network = Autoencoder::new(&settings.widths(784), &mut Layout::default());
    network.training_flop() * settings.batch as f64
}

struct Iterations {
    team: Team,
    workers: usize,
    precision: Precision,
    flop: f64,
}

impl Contender for Iterations {
    fn round(&mut self) -> Round {
        let seconds = self.team.round() / f64::from(STEPS) / self.workers as f64;
        Round {
            seconds,
            more: format!("gflops={:.1}", self.flop / seconds / 1e9),
        }
    }

    fn check(&mut self) -> Option<Vec<f64>> {
        if self.precision != Precision::Exact {
            // Rounded numbers are another computation, and the table says so.
            return None;
        }
        let mut model = fixed::model();
        let mut losses = Vec::new();
        for step in 0..fixed::STEPS {
            model.step(step).unwrap();
            losses.extend(model.losses().into_iter().map(|(_, values)| values[0]));
        }
        Some(losses)
    }
}

/// A model with the paper's settings, on random rows.
pub fn model(settings: &Settings, precision: Precision) -> DesomCohort {
    let members = [(settings.gamma, Seed(0))];
    DesomCohort::new(
        settings,
        &members,
        &random_rows(settings),
        Device::Cpu,
        precision,
    )
    .unwrap()
}

/// Answers with the seconds per model and iteration of `workers` models trained at once.
pub fn compete(workers: usize, threads_each: usize, precision: Precision) {
    let settings = Settings::paper();
    let flop = flop(&settings);
    let prepare = move || model(&settings, precision);
    let team = Team::new(workers, threads_each, prepare, |model: &mut DesomCohort| {
        for iteration in 0..STEPS {
            model.step(iteration.into()).unwrap();
        }
    });
    let mut iterations = Iterations {
        team,
        workers,
        precision,
        flop,
    };
    let about = format!("workers={workers} threads={threads_each} flop={flop}");
    protocol::compete(&about, &mut iterations);
}
