//! The model under training, whichever it is: what the log, the pictures and the evaluation ask of it.

use tch::{Device, Kind, Tensor};

use super::request::ModelSettings;
use crate::baselines::kerasom;
use crate::nn::Precision;
use crate::nn::slices::ordered_sum;
use crate::random::Seed;
use crate::replications::desom::DesomCohort;
use crate::runs::checkpoint::Named;
use crate::train::{Error, Trainable};

/// One model.
#[derive(Debug)]
pub enum Trainee {
    /// An autoencoder with a map on its codes.
    Desom(Box<DesomCohort>),
    /// A map on the data themselves.
    Som(Box<kerasom::Map>),
}

impl Trainee {
    /// An untrained model on `data` `[rows, D]`, its autoencoder with these weights if there are any.
    ///
    /// # Errors
    /// If settings and data do not go together.
    pub fn new(
        settings: &ModelSettings,
        seed: Seed,
        data: &Tensor,
        pretrained: Option<Named>,
        device: Device,
        precision: Precision,
    ) -> Result<Self, Error> {
        Ok(match settings {
            ModelSettings::Desom(settings) => {
                let members = [(settings.effective_gamma(data.size()[1]), seed)];
                let pretrained: Vec<Named> = pretrained.into_iter().collect();
                let cohort =
                    DesomCohort::begin(settings, &members, &pretrained, data, device, precision)?;
                Self::Desom(Box::new(cohort))
            }
            ModelSettings::Som(settings) => {
                Self::Som(Box::new(kerasom::Map::new(settings, seed, data)?))
            }
        })
    }

    fn inner(&self) -> &dyn Trainable {
        match self {
            Self::Desom(cohort) => cohort.as_ref(),
            Self::Som(map) => map.as_ref(),
        }
    }

    fn inner_mut(&mut self) -> &mut dyn Trainable {
        match self {
            Self::Desom(cohort) => cohort.as_mut(),
            Self::Som(map) => map.as_mut(),
        }
    }

    /// Whether all that changes from step to step is finite.
    pub fn is_finite(&self) -> bool {
        match self {
            Self::Desom(cohort) => cohort.is_finite(0),
            Self::Som(map) => map.is_finite(),
        }
    }

    /// The prototypes, `[units, latent]`.
    pub fn prototypes(&self) -> Tensor {
        match self {
            Self::Desom(cohort) => cohort.prototypes(0),
            Self::Som(map) => map.prototypes(),
        }
    }

    /// The prototypes as data, `[units, D]`.
    pub fn decoded_prototypes(&self) -> Tensor {
        self.decode(&self.prototypes())
    }

    /// Codes of `[rows, D]`; the rows themselves where there is no autoencoder.
    pub fn encode(&self, rows: &Tensor) -> Tensor {
        match self {
            Self::Desom(cohort) => cohort.network().encode(cohort.parameters(), 0, rows),
            Self::Som(_) => rows.shallow_clone(),
        }
    }

    fn decode(&self, codes: &Tensor) -> Tensor {
        match self {
            Self::Desom(cohort) => cohort.network().decode(cohort.parameters(), 0, codes),
            Self::Som(_) => codes.shallow_clone(),
        }
    }

    /// Codes of all rows, and the mean squared error of the reconstructions (`None` without an
    /// autoencoder).
    pub fn encode_all(&self, data: &Tensor) -> (Tensor, Option<f64>) {
        let Self::Desom(cohort) = self else {
            return (data.shallow_clone(), None);
        };
        let (mut codes, mut squares) = (Vec::new(), 0.0);
        let all = data.size()[0];
        let at_once = cohort.network().rows_at_once();
        for start in (0..all).step_by(at_once as usize) {
            let x = data.narrow(0, start, at_once.min(all - start));
            let code = self.encode(&x);
            let errors = (self.decode(&code) - x).square();
            squares += ordered_sum(&errors.sum_dim_intlist(-1, false, Kind::Double));
            codes.push(code);
        }
        (Tensor::cat(&codes, 0), Some(squares / data.numel() as f64))
    }
}

impl Trainable for Trainee {
    fn iterations(&self) -> u64 {
        self.inner().iterations()
    }

    fn step(&mut self, iteration: u64) -> Result<(), Error> {
        self.inner_mut().step(iteration)
    }

    fn losses(&self) -> Vec<(&'static str, Vec<f64>)> {
        self.inner().losses()
    }

    fn state(&self, model: usize) -> Vec<(String, Tensor)> {
        self.inner().state(model)
    }

    fn restore(&mut self, model: usize, iteration: u64, state: &Named) -> Result<(), String> {
        self.inner_mut().restore(model, iteration, state)
    }
}
