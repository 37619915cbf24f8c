//! What can be set in a DC-SOMRL. What the paper does not say is an assumption: README.md has them all.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::map_settings::{
    Distance, FEW, Insertion, MapSettings, Measure, Neighbours, Removal, Winners, is_default,
};
use crate::nn::Initial;
use crate::nn::adam::AdamOptions;
use crate::replications::desom::BatchOrder;
use crate::train::{Error, settings};

/// What the reconstruction loss is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reconstruction {
    /// The mean squared error over batch and features, which DESOM has.
    Mean,
    /// The mean over the batch of the error's length, as equation 1 is printed.
    Norm,
}

/// What the map's loss is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MapLoss {
    /// Of the samples above the threshold: weighted squared distances to all nodes that they reach.
    Samples,
    /// The same with weighted distances unsquared, as equation 2 is printed.
    Norm,
    /// Weighted squared distances to the winners alone: the text also says "the winner". The map itself still
    /// learns from all nodes that are reached.
    Winners,
    /// Of the means of each winner's samples, after the map's step, summed over winners: the authors' code.
    Means,
}

/// What the network sees of the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pixels {
    /// Values between 0 and 1.
    #[default]
    Unit,
    /// The same minus the mean over all values that are trained on, divided by their standard deviation, as in the
    /// authors' code. Metrics are of values between 0 and 1; the loss is not, so that the map's weighs less in it.
    Standardised,
}

/// All settings of a DC-SOMRL run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Widths of the encoder's hidden layers; the decoder mirrors them.
    pub hidden: Vec<i64>,
    /// Latent features, each in (0, 1).
    pub latent: i64,
    /// Rows of a batch; the last one of a pass may be shorter.
    pub batch: i64,
    /// Optimisation steps.
    pub iterations: u64,
    /// Weight of the map's loss.
    pub alpha: f64,
    /// The reconstruction loss.
    pub reconstruction: Reconstruction,
    /// The map's loss.
    pub map_loss: MapLoss,
    /// The map.
    pub map: MapSettings,
    /// What the network sees of the pixels.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pixels: Pixels,
    /// The autoencoder's initial weights.
    #[serde(default, skip_serializing_if = "is_default")]
    pub initial: Initial,
    /// The optimiser of the autoencoder.
    pub adam: AdamOptions,
    /// Only so many rows, the first ones, are trained on; all if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training_rows: Option<i64>,
    /// In which order the rows come. Another one for each seed cannot train as a cohort.
    #[serde(default, skip_serializing_if = "is_default")]
    pub batch_order: BatchOrder,
    /// Nodes are connected whose relevances differ by less than this times the root of the latent features.
    pub connection: f64,
    /// Held-out rows whose codes the run with seed 0 keeps for its picture; 0: none.
    pub pictured: usize,
}

impl Settings {
    /// The paper's settings, and where it has none the defaults of the authors' code; both are about MNIST.
    #[must_use]
    pub fn paper() -> Self {
        Self {
            hidden: vec![500, 500, 2000],
            latent: 10,
            batch: 256,
            iterations: 1000,
            alpha: 0.001,
            reconstruction: Reconstruction::Mean,
            map_loss: MapLoss::Samples,
            map: MapSettings {
                nodes: 64,
                threshold: 0.985,
                rate: 0.1,
                smoothing: 0.5,
                slope: 1.0,
                life_decay: 0.1,
                epsilon: 1e-3,
                distance: Distance::PerDimension,
                measure: Measure::Squared,
                neighbours: Neighbours::Activation,
                neighbour_rate: 1.0,
                width_start: 0.1,
                width_end: 0.001,
                insertion: Insertion::Means,
                winners: Winners::Own,
                removal: Removal::Life,
                least_wins: FEW,
            },
            pixels: Pixels::Unit,
            initial: Initial::Glorot,
            adam: AdamOptions::keras(),
            training_rows: Some(60_000),
            batch_order: BatchOrder::File,
            connection: 0.5,
            pictured: 2000,
        }
    }

    /// The settings as a run's identity holds them.
    #[must_use]
    pub fn to_value(&self) -> Value {
        // A plain struct of numbers and names always has a JSON form.
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// The encoder's widths for data of `dims` features.
    #[must_use]
    pub fn widths(&self, dims: i64) -> Vec<i64> {
        let hidden = self.hidden.iter().copied();
        std::iter::once(dims)
            .chain(hidden)
            .chain([self.latent])
            .collect()
    }

    /// Reads and checks settings.
    ///
    /// # Errors
    /// If a field is missing, unknown or makes no sense; the message names it.
    pub fn read(value: &Value) -> Result<Self, Error> {
        let settings: Self = settings::read("DC-SOMRL", value)?;
        let checked = settings.check();
        checked.map_err(|reason| Error::Settings(format!("DC-SOMRL settings: {reason}")))?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), String> {
        let rows = self.training_rows.unwrap_or(1);
        let mut widths = self.hidden.iter().chain([&self.latent, &self.batch, &rows]);
        if widths.any(|&width| width < 1) {
            return Err("widths, batch size and rows must be at least 1".to_owned());
        }
        if self.iterations == 0 {
            return Err("at least one iteration is needed".to_owned());
        }
        for (name, value) in [("alpha", self.alpha), ("the connection", self.connection)] {
            if !(0.0..=1e6).contains(&value) {
                return Err(format!("{name} must be 0 to 1e6, not {value}"));
            }
        }
        self.adam.check()?;
        self.map.check()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn settings_survive_their_json_form() {
        let settings = Settings::paper();
        assert_eq!(Settings::read(&settings.to_value()).unwrap(), settings);
    }

    #[test]
    fn later_settings_leave_the_keys_of_older_runs_alone() {
        type Change = fn(&mut Settings);
        let changes: [(&str, Change); 8] = [
            ("/batch_order", |s| s.batch_order = BatchOrder::Shuffled),
            ("/pixels", |s| s.pixels = Pixels::Standardised),
            ("/initial", |s| s.initial = Initial::Normal),
            ("/map/measure", |s| s.map.measure = Measure::Root),
            ("/map/neighbour_rate", |s| s.map.neighbour_rate = 0.5),
            ("/map/winners", |s| s.map.winners = Winners::Reached),
            ("/map/removal", |s| s.map.removal = Removal::Wins),
            ("/map/least_wins", |s| s.map.least_wins = 0.001),
        ];
        let value = Settings::paper().to_value();
        for (later, change) in changes {
            assert!(value.pointer(later).is_none(), "{later}");
            let mut settings = Settings::paper();
            change(&mut settings);
            assert!(settings.to_value().pointer(later).is_some(), "{later}");
            assert_eq!(Settings::read(&settings.to_value()).unwrap(), settings);
        }
    }

    #[test]
    fn senseless_settings_are_named() {
        let refused = |change: fn(&mut Settings)| {
            let mut settings = Settings::paper();
            change(&mut settings);
            let error = Settings::read(&settings.to_value()).unwrap_err();
            error.to_string()
        };
        for (message, name) in [
            (refused(|s| s.batch = 0), "batch size"),
            (refused(|s| s.iterations = 0), "iteration"),
            (refused(|s| s.alpha = -1.0), "alpha must be"),
            (refused(|s| s.map.nodes = 0), "nodes must be"),
            (refused(|s| s.map.threshold = 1.5), "the threshold must"),
            (refused(|s| s.map.rate = 0.0), "the rate must"),
            (refused(|s| s.map.life_decay = -0.1), "the life decay must"),
            (refused(|s| s.map.slope = 0.0), "the slope must"),
            (refused(|s| s.map.epsilon = 0.0), "epsilon must"),
            (refused(|s| s.connection = -1.0), "the connection must"),
            (
                refused(|s| s.map.neighbour_rate = 2.0),
                "the neighbours' rate",
            ),
            (refused(|s| s.map.least_wins = 1.5), "the least wins must"),
            (refused(|s| s.map.width_end = 0.0), "the width at the end"),
            (refused(|s| s.adam.beta1 = 1.0), "beta1"),
            (
                refused(|s| s.map.smoothing = f64::NAN),
                "map.smoothing: must be a finite",
            ),
        ] {
            assert!(
                message.contains("DC-SOMRL") && message.contains(name),
                "{message}"
            );
        }
    }
}
