//! Steps of a DEC run by the recipe of DEC-keras: of its pretraining, and of its KL phase with the
//! refreshes of P that belong to them.

use replicate::nn::{Autoencoder, Layout, Parameters, Precision};
use replicate::replications::dec::{Descent, Order, Settings, Steps};
use tch::{Device, Kind, Tensor};

use crate::fixed;
use crate::protocol::{self, Contender, Round};
use crate::team::Team;

/// Batches of the rows to pretrain on, as for DESOM.
const BATCHES: i64 = 8;
const BATCH: i64 = 256;
/// Pretraining steps of a round; the peers do as many.
const STEPS: u64 = 20;
/// A quarter of an update interval, and of the rows of MNIST: a refresh has its share of the time.
const INTERVAL: u64 = 35;
const ROWS: i64 = 17_500;
const CLUSTERS: usize = 10;
/// What the check's rows are multiplied by in the KL phase, so that codes are far enough apart.
const CHECK_SCALE: f64 = 10.0;
/// In the check P is refreshed before, in the middle of and after so many steps.
const CHECK_INTERVAL: u64 = 4;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Pretraining,
    Phase,
}

fn rows(count: i64) -> Tensor {
    Tensor::rand([count, 784], (Kind::Float, Device::Cpu))
}

impl Part {
    /// Steps of a round.
    fn length(self) -> u64 {
        match self {
            Self::Pretraining => STEPS,
            Self::Phase => INTERVAL,
        }
    }

    fn measured(self, precision: Precision) -> Steps {
        let Settings { start, .. } = Settings::keras();
        match self {
            Self::Pretraining => Steps::pretraining(&start, &rows(BATCHES * BATCH), precision),
            Self::Phase => {
                let rule = Descent {
                    update_interval: INTERVAL,
                    tolerance: 0.0,
                    ..Descent::keras()
                };
                Steps::phase(&start, rule, &rows(ROWS), CLUSTERS, precision, |_| ())
            }
        }
    }

    /// From fixed weights on fixed rows, in their order.
    fn fixed(self) -> Steps {
        let Settings { mut start, .. } = Settings::keras();
        let exact = Precision::Exact;
        match self {
            Self::Pretraining => {
                start.pretraining.order = Order::File;
                let steps = Steps::pretraining(&start, &fixed::rows(), exact);
                fixed::set(steps.parameters());
                steps
            }
            Self::Phase => {
                let rule = Descent {
                    update_interval: CHECK_INTERVAL,
                    tolerance: 0.0,
                    ..Descent::keras()
                };
                let set: fn(&Parameters) = fixed::set;
                let rows = fixed::rows() * CHECK_SCALE;
                Steps::phase(&start, rule, &rows, CLUSTERS, exact, set)
            }
        }
    }

    /// Floating-point operations of the products of a step; those of a refresh are shared by its steps.
    fn flop(self) -> f64 {
        let widths = Settings::keras().start.widths(784);
        let products =
            |widths: &[i64]| -> i64 { widths.windows(2).map(|pair| pair[0] * pair[1]).sum() };
        match self {
            Self::Pretraining => {
                let network = Autoencoder::new(&widths, &mut Layout::default());
                network.training_flop() * BATCH as f64
            }
            Self::Phase => {
                let (all, first) = (products(&widths), products(&widths[..2]));
                let step = 2 * (3 * all - first) * BATCH;
                let refresh = 2 * all * ROWS;
                step as f64 + refresh as f64 / INTERVAL as f64
            }
        }
    }
}

struct Measured {
    part: Part,
    team: Team,
    workers: usize,
    precision: Precision,
}

impl Contender for Measured {
    fn round(&mut self) -> Round {
        let before = protocol::processor_seconds();
        let seconds = self.team.round() / self.part.length() as f64 / self.workers as f64;
        let spent = protocol::processor_seconds() - before;
        let each = spent / self.part.length() as f64 / self.workers as f64;
        Round {
            seconds,
            more: format!(
                "cpu={:.2}ms gflops={:.1}",
                each * 1e3,
                self.part.flop() / seconds / 1e9
            ),
        }
    }

    fn check(&mut self) -> Option<Vec<f64>> {
        if self.precision != Precision::Exact {
            return None;
        }
        let mut steps = self.part.fixed();
        let mut losses = Vec::new();
        for step in 0..=2 * CHECK_INTERVAL {
            steps.step(step).unwrap();
            if self.part == Part::Pretraining || step.is_multiple_of(CHECK_INTERVAL) {
                losses.extend(steps.loss());
            }
        }
        Some(losses)
    }
}

/// Answers with the seconds per run and step of `workers` runs at once.
pub fn compete(part: Part, workers: usize, threads_each: usize, precision: Precision) {
    let prepare = move || (part.measured(precision), 0);
    let work = move |(steps, done): &mut (Steps, u64)| {
        for _ in 0..part.length() {
            steps.step(*done).unwrap();
            *done += 1;
        }
    };
    let mut measured = Measured {
        part,
        team: Team::new(workers, threads_each, prepare, work),
        workers,
        precision,
    };
    let about = format!(
        "workers={workers} threads={threads_each} flop={}",
        part.flop()
    );
    protocol::compete(&about, &mut measured);
}
