//! What can be set in a DEC run, with the values of the recipes that were published.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::nn::Initial;
use crate::nn::adam::AdamOptions;
use crate::nn::sgd::SgdOptions;
use crate::train::{Error, settings};

/// How long something is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Length {
    /// Steps.
    Iterations(u64),
    /// Passes over the rows.
    Epochs(u64),
}

impl Length {
    /// In steps on `rows` rows in batches of `batch`.
    #[must_use]
    pub fn iterations(self, rows: i64, batch: i64) -> u64 {
        match self {
            Self::Iterations(iterations) => iterations,
            Self::Epochs(epochs) => epochs.saturating_mul((rows as u64).div_ceil(batch as u64)),
        }
    }
}

/// What moves the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimiser {
    /// Gradient descent with momentum.
    Sgd(SgdOptions),
    /// Adam.
    Adam(AdamOptions),
}

/// In which order the rows come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// As in the file; a batch that reaches the end goes on at the beginning (Caffe).
    Wrapped,
    /// As in the file; the last batch of a pass is shorter (DEC-keras).
    File,
    /// In a new random order each pass, whose last batch is shorter.
    Shuffled,
}

/// Greedy layer-wise training: each encoder layer with its mirror image, on the codes of those before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerWise {
    /// For each layer.
    pub length: Length,
    /// The share of values that are set to 0.
    pub dropout: f64,
    /// Whether the first layer's input is corrupted too: so the paper, not so its code.
    pub corrupt_first: bool,
    /// Whether the last layer's code is corrupted too: so the report's code, not so the paper's.
    pub corrupt_code: bool,
}

/// How the autoencoder is trained before anything is clustered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pretraining {
    /// Initial weights.
    pub initial: Initial,
    /// Layer by layer first, if at all.
    pub layer_wise: Option<LayerWise>,
    /// Then all layers together, without dropout.
    pub whole: Length,
    /// The optimiser, which begins afresh in each stage.
    pub optimiser: Optimiser,
    /// The loss in units of the mean squared error per value.
    pub loss_factor: f64,
    /// Rows of a batch.
    pub batch: i64,
    /// Their order.
    pub order: Order,
    /// Only the first so many rows are trained on, if said.
    pub rows: Option<i64>,
}

impl Pretraining {
    /// The paper's stacked autoencoder as its code trains it (Xie et al. 2016): 50 000
    /// iterations a layer, 100 000 for all, SGD at 0.1 divided by ten every 20 000 iterations, the loss
    /// half the mean squared error, the train images only.
    #[must_use]
    pub fn published() -> Self {
        Self {
            initial: Initial::Normal,
            layer_wise: Some(LayerWise {
                length: Length::Iterations(50_000),
                dropout: 0.2,
                corrupt_first: false,
                corrupt_code: false,
            }),
            whole: Length::Iterations(100_000),
            optimiser: Optimiser::Sgd(SgdOptions {
                learning_rate: 0.1,
                tenth_every: 20_000,
                momentum: 0.9,
                ramp: 1000,
                bias_factor: 2.0,
            }),
            loss_factor: 0.5,
            batch: 256,
            order: Order::Wrapped,
            rows: None,
        }
    }

    /// DEC-keras: 300 epochs end to end, SGD at rate 1.
    #[must_use]
    pub fn keras() -> Self {
        Self {
            initial: Initial::FanIn,
            layer_wise: None,
            whole: Length::Epochs(300),
            optimiser: Optimiser::Sgd(SgdOptions::constant(1.0, 0.9)),
            loss_factor: 1.0,
            batch: 256,
            order: Order::Shuffled,
            rows: None,
        }
    }

    /// DEC-keras on USPS: 50 epochs of Adam from Glorot's weights.
    #[must_use]
    pub fn keras_adam() -> Self {
        Self {
            initial: Initial::Glorot,
            whole: Length::Epochs(50),
            optimiser: Optimiser::Adam(AdamOptions::keras()),
            ..Self::keras()
        }
    }

    /// The report's: 20 epochs a layer and 40 for all, Adam, batches of 32.
    #[must_use]
    pub fn report() -> Self {
        Self {
            initial: Initial::Normal,
            layer_wise: Some(LayerWise {
                length: Length::Epochs(20),
                dropout: 0.2,
                corrupt_first: true,
                corrupt_code: true,
            }),
            whole: Length::Epochs(40),
            optimiser: Optimiser::Adam(AdamOptions::keras()),
            loss_factor: 1.0,
            batch: 32,
            order: Order::Shuffled,
            rows: None,
        }
    }

    /// An encoder that is not trained at all.
    #[must_use]
    pub fn none(initial: Initial) -> Self {
        Self {
            initial,
            whole: Length::Epochs(0),
            ..Self::keras()
        }
    }
}

/// What the gradients of the divergence move.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moved {
    /// Encoder and centroids, by back-propagation: DEC.
    Encoder,
    /// The centroids alone: DEC without back-propagation.
    Centroids,
    /// Encoder, centroids and, by the reconstruction loss, the decoder: IDEC. The divergence counts for
    /// so much beside it.
    Autoencoder(f64),
    /// The codes themselves and the centroids; the encoder has no part in it.
    Codes,
}

/// Back-propagation, or descent on the codes, with P held constant between refreshes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Descent {
    /// What is moved.
    pub moved: Moved,
    /// By what.
    pub optimiser: Optimiser,
    /// Rows of a batch; codes are moved all at once.
    pub batch: i64,
    /// Their order.
    pub order: Order,
    /// Steps between two refreshes of P.
    pub update_interval: u64,
    /// Whether the velocity is forgotten at each refresh.
    pub restart: bool,
    /// Training ends when fewer than this share of the labels change between two refreshes.
    pub tolerance: f64,
    /// Steps at most.
    pub max_iterations: u64,
}

/// Which way codes and centroids are moved along their gradients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// Added, as the report's code has it: ascent.
    AsCoded,
    /// Subtracted: descent.
    Corrected,
}

/// The report's own procedure: codes and centroids are moved by their gradients once an epoch, and the
/// encoder is fitted to the moved codes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moves {
    /// Which way.
    pub sign: Sign,
    /// What a code's gradient is multiplied by.
    pub rate: f64,
    /// What a centroid's is; it is a sum over all rows.
    pub centroid_rate: f64,
    /// Moves in all.
    pub epochs: u64,
    /// Passes over the rows to fit the encoder after each.
    pub fits: u64,
    /// Rows of a batch.
    pub batch: i64,
    /// The optimiser, whose state is kept throughout.
    pub adam: AdamOptions,
}

/// What follows on k-means.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Nothing.
    None,
    /// Descent on the divergence.
    Descent(Descent),
    /// The report's procedure.
    Moves(Moves),
}

impl Descent {
    /// The paper's KL phase as its code has it, P refreshed every 160 iterations.
    #[must_use]
    pub fn published() -> Self {
        Self {
            moved: Moved::Encoder,
            optimiser: Optimiser::Sgd(SgdOptions {
                bias_factor: 2.0,
                ..SgdOptions::constant(0.01, 0.9)
            }),
            batch: 256,
            order: Order::Wrapped,
            update_interval: 160,
            restart: true,
            tolerance: 0.001,
            // The paper's code has no end but the tolerance.
            max_iterations: 40_000,
        }
    }

    /// That of DEC-keras, P refreshed every 140 iterations.
    #[must_use]
    pub fn keras() -> Self {
        Self {
            optimiser: Optimiser::Sgd(SgdOptions::constant(0.01, 0.9)),
            order: Order::File,
            update_interval: 140,
            restart: false,
            max_iterations: 20_000,
            ..Self::published()
        }
    }

    /// IDEC on MNIST: Adam, the divergence a tenth beside the reconstruction loss.
    #[must_use]
    pub fn idec() -> Self {
        Self {
            moved: Moved::Autoencoder(0.1),
            optimiser: Optimiser::Adam(AdamOptions::keras()),
            ..Self::keras()
        }
    }

    /// Our reading of "explicitly": codes and centroids are the variables, moved by Adam.
    #[must_use]
    pub fn explicit() -> Self {
        Self {
            moved: Moved::Codes,
            optimiser: Optimiser::Adam(AdamOptions::keras()),
            ..Self::published()
        }
    }
}

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
        match &self.rule {
            Rule::None => Ok(()),
            Rule::Descent(rule) => {
                at_least_1("the batch size", rule.batch)?;
                at_least_1("update_interval", rule.update_interval as i64)?;
                at_least_1("max_iterations", rule.max_iterations as i64)?;
                if let Moved::Autoencoder(weight) = rule.moved {
                    positive("the weight of the divergence", weight)?;
                }
                if !(0.0..=1.0).contains(&rule.tolerance) {
                    return Err(format!(
                        "tolerance must be a share from 0 to 1, not {}",
                        rule.tolerance
                    ));
                }
                rule.optimiser.check()
            }
            Rule::Moves(rule) => {
                at_least_1("the batch size", rule.batch)?;
                at_least_1("epochs", rule.epochs as i64)?;
                at_least_1("fits", rule.fits as i64)?;
                positive("rate", rule.rate)?;
                positive("centroid_rate", rule.centroid_rate)?;
                Optimiser::Adam(rule.adam).check()
            }
        }
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
        let Pretraining {
            layer_wise,
            optimiser,
            loss_factor,
            batch,
            rows,
            ..
        } = &self.pretraining;
        let widths = self.hidden.iter().chain([&self.latent, batch]);
        if widths
            .chain(rows.as_ref())
            .copied()
            .any(|number| number < 1)
        {
            return Err("layer widths, batch size and rows must be at least 1".to_owned());
        }
        if self.per_class == Some(0) {
            return Err("per_class must be at least 1".to_owned());
        }
        positive("scale", self.scale)?;
        positive("loss_factor", *loss_factor)?;
        if let Some(LayerWise { dropout, .. }) = layer_wise
            && !(0.0..1.0).contains(dropout)
        {
            return Err(format!(
                "dropout must be at least 0 and below 1, not {dropout}"
            ));
        }
        optimiser.check()
    }
}

impl Optimiser {
    fn check(&self) -> Result<(), String> {
        let below_1 = |name: &str, value: f64| {
            if (0.0..1.0).contains(&value) {
                Ok(())
            } else {
                Err(format!(
                    "{name} must be at least 0 and below 1, not {value}"
                ))
            }
        };
        match self {
            Self::Sgd(sgd) => {
                positive("the learning rate", sgd.learning_rate)?;
                positive("bias_factor", sgd.bias_factor)?;
                below_1("momentum", sgd.momentum)
            }
            Self::Adam(adam) => {
                positive("the learning rate", adam.learning_rate)?;
                positive("Adam's epsilon", adam.epsilon)?;
                below_1("beta1", adam.beta1)?;
                below_1("beta2", adam.beta2)
            }
        }
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
