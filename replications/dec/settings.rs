//! What can be set in a DEC run, with the values of the recipes that were published.

mod pretraining;
mod rule;

pub use crate::train::batches::Order;
pub use pretraining::{LayerWise, Length, Optimiser, Pretraining};
pub use rule::{Descent, Moved, Moves, Rule, Sign};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::nn::adam::AdamOptions;
use crate::train::{Error, settings};

/// What the autoencoder of a run is, and what it is trained on: all that pretraining depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// Widths of the encoder's hidden layers; the decoder mirrors them.
    pub hidden: Vec<i64>,
    /// Latent features.
    pub latent: i64,
    /// What the features are multiplied by.
    pub scale: f64,
    /// So many rows of each class, drawn by the seed; all rows if nothing is said.
    pub per_class: Option<usize>,
    /// The pretraining.
    pub pretraining: Pretraining,
}

/// All settings of a DEC run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The autoencoder and its pretraining.
    pub start: Start,
    /// Clusters.
    pub clusters: usize,
    /// Starts of k-means on the codes.
    pub restarts: usize,
    /// What follows.
    pub rule: Rule,
    /// Rows that figures show; none if 0. Kept for seed 0 only.
    pub pictured: usize,
}

impl Settings {
    /// The paper's settings for MNIST; the code multiplies bytes by 0.02.
    #[must_use]
    pub fn published() -> Self {
        Self {
            start: Start {
                hidden: vec![500, 500, 2000],
                latent: 10,
                scale: 5.1,
                per_class: None,
                pretraining: Pretraining::published(),
            },
            clusters: 10,
            restarts: 20,
            rule: Rule::Descent(Descent::published()),
            pictured: 0,
        }
    }

    /// The settings of DEC-keras.
    #[must_use]
    pub fn keras() -> Self {
        let mut settings = Self::published();
        settings.start.scale = 1.0;
        settings.start.pretraining = Pretraining::keras();
        settings.rule = Rule::Descent(Descent::keras());
        settings
    }

    /// The report's, with the sign as coded: 75 images of each class.
    #[must_use]
    pub fn report() -> Self {
        let mut settings = Self::published();
        settings.start.scale = 1.0;
        settings.start.per_class = Some(75);
        settings.start.pretraining = Pretraining::report();
        settings.restarts = 10;
        settings.rule = Rule::Moves(Moves {
            sign: Sign::AsCoded,
            rate: 1.0,
            centroid_rate: 1.0,
            epochs: 20,
            fits: 100,
            batch: 32,
            adam: AdamOptions::keras(),
        });
        settings
    }

    /// Reads and checks settings.
    ///
    /// # Errors
    /// If a field is missing, unknown or makes no sense; the message names it.
    pub fn read(value: &Value) -> Result<Self, Error> {
        let settings: Self = settings::read("DEC", value)?;
        settings.check().map_err(Error::Settings)?;
        Ok(settings)
    }

    /// The settings as a run's identity holds them.
    #[must_use]
    pub fn to_value(&self) -> Value {
        // A plain struct of numbers and names always has a JSON form.
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    fn check(&self) -> Result<(), String> {
        self.start.check()?;
        if self.clusters == 0 || self.restarts == 0 {
            return Err("clusters and restarts must be at least 1".to_owned());
        }
        self.rule.check()
    }
}

impl Start {
    /// Reads and checks what a pretraining depends on.
    ///
    /// # Errors
    /// As [`Settings::read`].
    pub fn read(value: &Value) -> Result<Self, Error> {
        let start: Self = settings::read("DEC pretraining", value)?;
        start.check().map_err(Error::Settings)?;
        Ok(start)
    }

    /// The rows that a run sees of `rows` there are. That there are ten classes is a guess, on which only
    /// estimates of time depend.
    #[must_use]
    pub fn rows(&self, rows: i64) -> i64 {
        let drawn = self.per_class.map(|each| 10 * each as i64);
        drawn.map_or(rows, |drawn| drawn.min(rows))
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

    fn check(&self) -> Result<(), String> {
        let widths = self.hidden.iter().chain([&self.latent]);
        if widths.copied().any(|width| width < 1) {
            return Err("layer widths must be at least 1".to_owned());
        }
        if self.per_class == Some(0) {
            return Err("per_class must be at least 1".to_owned());
        }
        positive("scale", self.scale)?;
        self.pretraining.check()
    }
}

fn positive(name: &str, value: f64) -> Result<(), String> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err(format!("{name} must be a positive number, not {value}"))
    }
}

fn at_least_1(name: &str, value: i64) -> Result<(), String> {
    if value < 1 {
        return Err(format!("{name} must be at least 1"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::nn::sgd::SgdOptions;

    #[test]
    fn settings_survive_their_json_form() {
        for settings in [Settings::published(), Settings::keras(), Settings::report()] {
            assert_eq!(Settings::read(&settings.to_value()).unwrap(), settings);
        }
    }

    #[test]
    fn epochs_count_short_batches() {
        assert_eq!(Length::Epochs(300).iterations(70_000, 256), 82_200);
        assert_eq!(Length::Iterations(7).iterations(70_000, 256), 7);
    }

    #[test]
    fn senseless_settings_are_named() {
        let wrong = |change: fn(&mut Settings)| {
            let mut settings = Settings::published();
            change(&mut settings);
            let error = Settings::read(&settings.to_value()).unwrap_err();
            error.to_string()
        };
        let descent = |change: fn(&mut Descent)| {
            let mut settings = Settings::published();
            let mut rule = Descent::published();
            change(&mut rule);
            settings.rule = Rule::Descent(rule);
            let error = Settings::read(&settings.to_value()).unwrap_err();
            error.to_string()
        };
        assert!(wrong(|s| s.clusters = 0).contains("clusters"));
        assert!(wrong(|s| s.start.hidden = vec![0]).contains("layer widths"));
        assert!(wrong(|s| s.start.scale = 0.0).contains("scale"));
        assert!(wrong(|s| s.start.scale = f64::NAN).contains("start.scale"));
        assert!(wrong(|s| s.start.per_class = Some(0)).contains("per_class"));
        assert!(wrong(|s| s.start.pretraining.loss_factor = -1.0).contains("loss_factor"));
        assert!(
            wrong(
                |s| s.start.pretraining.optimiser = Optimiser::Sgd(SgdOptions::constant(1.0, 1.0))
            )
            .contains("momentum")
        );
        assert!(
            wrong(|s| {
                let layers = s.start.pretraining.layer_wise.as_mut();
                layers.unwrap().dropout = 1.0;
            })
            .contains("dropout")
        );
        assert!(descent(|rule| rule.update_interval = 0).contains("update_interval"));
        assert!(descent(|rule| rule.max_iterations = 0).contains("max_iterations"));
        assert!(descent(|rule| rule.tolerance = 1.5).contains("tolerance"));
        assert!(descent(|rule| rule.moved = Moved::Autoencoder(0.0)).contains("divergence"));
        let mut value = Settings::published().to_value();
        value["clustres"] = 1.into();
        let message = Settings::read(&value).unwrap_err().to_string();
        assert!(message.contains("clustres"), "{message}");
    }
}
