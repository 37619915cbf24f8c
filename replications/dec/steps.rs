//! The steps of a DEC run one by one, as measurements need them: no data set, no store, no end.

use tch::Tensor;

use super::model::Model;
use super::phase::{Entrant, Phase};
use super::pretraining::Training;
use super::settings::{Descent, Start};
use crate::cluster::student;
use crate::nn::{Parameters, Precision};
use crate::random::{self, Seed};
use crate::train::{Error, Trainable, TrainingData};

/// A run's pretraining or its KL phase.
#[derive(Debug)]
pub struct Steps(Kind);

#[derive(Debug)]
enum Kind {
    Pretraining(Box<Training>),
    Phase(Box<Phase>),
}

impl Steps {
    /// The pretraining of `start` on `features` `[rows, D]`, which are not scaled.
    #[must_use]
    pub fn pretraining(start: &Start, features: &Tensor, precision: Precision) -> Self {
        let training = Training::new(start, &[Seed(0)], features, precision);
        Self(Kind::Pretraining(Box::new(training)))
    }

    /// The KL phase of `rule` on `features` `[rows, D]`, from initial weights that `set` may change, with
    /// the codes of the first `clusters` rows as centroids.
    #[must_use]
    pub fn phase(
        start: &Start,
        rule: Descent,
        features: &Tensor,
        clusters: usize,
        precision: Precision,
        set: impl FnOnce(&Parameters),
    ) -> Self {
        let model = Model::zeros(
            &start.widths(features.size()[1]),
            clusters,
            1,
            features.device(),
        );
        let (network, parameters) = (&model.network, &model.parameters);
        let mut weights = random::stream(Seed(0), "weights");
        network.initialise_as(start.pretraining.initial, parameters, 0, &mut weights);
        set(parameters);
        let first = model.encode(&features.narrow(0, 0, clusters as i64));
        model.centroids().copy_(&first);
        let data = TrainingData {
            features: features.shallow_clone(),
            labels: None,
            image: None,
        };
        let q = student::assignments(&model.encode(features), &first);
        let entrant = Entrant {
            model,
            data: &data,
            labels: &student::hard_labels(&q),
            seed: Seed(0),
        };
        let phase = Phase::new(rule, &entrant, &[], precision);
        Self(Kind::Phase(Box::new(phase)))
    }

    /// The parameters; writing to them changes the model.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        match &self.0 {
            Kind::Pretraining(training) => training.parameters(),
            Kind::Phase(phase) => phase.parameters(),
        }
    }

    /// Takes step `iteration`, from 0.
    ///
    /// # Errors
    /// Whatever libtorch says.
    pub fn step(&mut self, iteration: u64) -> Result<(), Error> {
        match &mut self.0 {
            Kind::Pretraining(training) => training.step(iteration),
            Kind::Phase(phase) => phase.step(iteration),
        }
    }

    /// The reconstruction loss of the last step, or the mean divergence at the last refresh of P.
    #[must_use]
    pub fn loss(&self) -> Option<f64> {
        let losses = match &self.0 {
            Kind::Pretraining(training) => training.losses(),
            Kind::Phase(phase) => phase.losses(),
        };
        let (_, values) = losses.into_iter().next()?;
        values.first().copied()
    }
}
