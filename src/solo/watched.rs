//! A model that writes its log and keeps its weights now and then while it trains.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tch::Tensor;

use super::Error;
use super::log::Log;
use super::measure::{self, Batch, Row};
use super::request::ModelSettings;
use super::trainee::Trainee;
use super::weights::{Description, Model};
use crate::runs::checkpoint::Named;
use crate::train::{self, Trainable, TrainingData};

/// When something is done beside training.
#[derive(Debug, Clone, Copy)]
pub struct Rhythm {
    /// Iterations between two rows of the log.
    pub eval_interval: u64,
    /// Iterations between two kept states of the weights; none are if it is not said.
    pub save_interval: Option<u64>,
}

/// A model in training, and what is written of it.
pub struct Watched<'a> {
    /// The model.
    pub trainee: Trainee,
    settings: &'a ModelSettings,
    data: &'a TrainingData,
    held_out: Option<&'a TrainingData>,
    rhythm: Rhythm,
    log: Log,
    folder: PathBuf,
    description: &'a Description,
    /// Time spent on the log's metrics, and on all steps, them included.
    pub spent: [Duration; 2],
    /// What went wrong while writing.
    pub failed: Option<Error>,
}

impl<'a> Watched<'a> {
    /// A model that has not been trained by this process yet.
    pub fn new(
        trainee: Trainee,
        settings: &'a ModelSettings,
        (data, held_out): (&'a TrainingData, Option<&'a TrainingData>),
        rhythm: Rhythm,
        folder: PathBuf,
        description: &'a Description,
    ) -> Self {
        Self {
            trainee,
            settings,
            data,
            held_out,
            rhythm,
            log: Log::new(&folder),
            folder,
            description,
            spent: [Duration::ZERO; 2],
            failed: None,
        }
    }

    /// The batch of an iteration: contiguous rows, the last ones of a pass fewer.
    fn batch<'b>(&self, data: &'b TrainingData, iteration: u64) -> Batch<'b> {
        let rows = data.rows();
        let size = self.settings.batch().min(rows);
        let start = (iteration % self.settings.steps_per_pass(rows)) as i64 * size;
        let count = size.min(rows - start);
        let range = start as usize..(start + count) as usize;
        Batch {
            rows: data.features.narrow(0, start, count),
            classes: data.classes().and_then(|classes| classes.get(range)),
        }
    }

    fn look(&mut self, iteration: u64) -> Result<(), Error> {
        let (trainee, settings) = (&self.trainee, self.settings);
        let mut row = measure::losses(trainee, settings, self.data.dims(), iteration);
        let batch = self.batch(self.data, iteration);
        row.extend(measure::quality(trainee, settings, &batch));
        if let Some(held_out) = self.held_out {
            let batch = self.batch(held_out, iteration);
            let mut other: Row = measure::held_out_losses(trainee, settings, &batch, iteration);
            other.extend(measure::quality(trainee, settings, &batch));
            let other = other.into_iter();
            row.extend(other.map(|(name, value)| (format!("{name}_val"), value)));
        }
        self.log.push(iteration, &row)
    }

    fn keep_weights(&self, iteration: u64) -> Result<(), Error> {
        let path = self.folder.join(format!("model-{iteration}.safetensors"));
        let description = Description {
            iteration,
            ..self.description.clone()
        };
        Model::of(&self.trainee, description, None)?.save(&path)
    }

    fn beside(&mut self, iteration: u64) -> Result<(), Error> {
        let last = iteration + 1 == self.iterations();
        if iteration.is_multiple_of(self.rhythm.eval_interval) || last {
            let clock = Instant::now();
            self.look(iteration)?;
            self.spent[0] += clock.elapsed();
        }
        match self.rhythm.save_interval {
            Some(interval) if iteration.is_multiple_of(interval) => self.keep_weights(iteration),
            _ => Ok(()),
        }
    }
}

impl Trainable for Watched<'_> {
    fn iterations(&self) -> u64 {
        self.trainee.iterations()
    }

    fn step(&mut self, iteration: u64) -> Result<(), train::Error> {
        let clock = Instant::now();
        self.trainee.step(iteration)?;
        if let Err(error) = self.beside(iteration) {
            // The loop knows errors of training only: this one is told by whoever drives it.
            let text = error.to_string();
            self.failed = Some(error);
            return Err(train::Error::Settings(text));
        }
        self.spent[1] += clock.elapsed();
        Ok(())
    }

    fn losses(&self) -> Vec<(&'static str, Vec<f64>)> {
        self.trainee.losses()
    }

    fn state(&self, model: usize) -> Vec<(String, Tensor)> {
        self.trainee.state(model)
    }

    fn restore(&mut self, model: usize, iteration: u64, state: &Named) -> Result<(), String> {
        self.trainee.restore(model, iteration, state)?;
        self.log.continue_at(iteration);
        Ok(())
    }
}
