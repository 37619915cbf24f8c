//! A training step of a SOM-VAE with its convolutions, on one batch.

use replicate::baselines::SomVaeSettings;
use replicate::baselines::somvae::SomVae;
use replicate::random::Seed;
use replicate::train::Trainable;
use tch::{Device, Kind, Tensor};

use crate::fixed;
use crate::protocol::{self, Contender, Round};
use crate::team::Team;

/// Steps of a round; the peers do as many.
const STEPS: u64 = 2;
/// Steps of the check.
const CHECK_STEPS: u64 = 2;
/// Adam's epsilon in the check. With TensorFlow's the first steps go by the signs of gradients, and rounding turns those
/// that are nearly nothing.
const CHECK_EPSILON: f64 = 1e-3;

/// A model that is trained on one batch again and again, whatever the order of its rows.
fn model(rows: &Tensor, mut settings: SomVaeSettings) -> SomVae {
    settings.training_rows = Some(rows.size()[0]);
    SomVae::new(&settings, Seed(0), rows).unwrap()
}

/// On random rows. Each has a winner of its own at the start: rows that share one share work, and those of a peer do
/// not.
fn measured(batch: i64) -> SomVae {
    let rows = Tensor::rand([batch, 784], (Kind::Float, Device::Cpu));
    let mut model = model(&rows, SomVaeSettings::paper());
    model.place_embeddings(&rows);
    model
}

struct Steps {
    team: Team,
    workers: usize,
    batch: i64,
}

impl Contender for Steps {
    fn round(&mut self) -> Round {
        let before = protocol::processor_seconds();
        let seconds = self.team.round() / STEPS as f64 / self.workers as f64;
        let spent = protocol::processor_seconds() - before;
        let each = spent / STEPS as f64 / self.workers as f64;
        Round {
            seconds,
            more: format!("cpu={:.0}ms", each * 1e3),
        }
    }

    fn check(&mut self) -> Option<Vec<f64>> {
        let mut settings = SomVaeSettings::paper();
        settings.adam.epsilon = CHECK_EPSILON;
        let mut model = model(&fixed::rows().narrow(0, 0, self.batch), settings);
        fixed::set(model.parameters());
        let mut losses = Vec::new();
        for step in 0..CHECK_STEPS {
            model.step(step).unwrap();
            losses.extend(model.losses().into_iter().map(|(_, values)| values[0]));
        }
        Some(losses)
    }
}

/// Answers with the seconds per model and step of `workers` models trained at once, one thread each.
pub fn compete(workers: usize) {
    let batch = SomVaeSettings::paper().batch;
    let prepare = move || (measured(batch), 0);
    let team = Team::new(workers, 1, prepare, |(model, done): &mut (SomVae, u64)| {
        for _ in 0..STEPS {
            model.step(*done).unwrap();
            *done += 1;
        }
    });
    let mut steps = Steps {
        team,
        workers,
        batch,
    };
    protocol::compete(&format!("workers={workers} threads=1"), &mut steps);
}
