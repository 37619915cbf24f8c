//! How the autoencoder is trained before anything is clustered, and by what.

use serde::{Deserialize, Serialize};

use super::{at_least_1, positive};
use crate::nn::Initial;
use crate::nn::adam::AdamOptions;
use crate::nn::sgd::SgdOptions;
use crate::train::batches::Order;

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

    pub(super) fn check(&self) -> Result<(), String> {
        at_least_1("the batch size", self.batch)?;
        at_least_1("rows", self.rows.unwrap_or(1))?;
        positive("loss_factor", self.loss_factor)?;
        if let Some(LayerWise { dropout, .. }) = self.layer_wise
            && !(0.0..1.0).contains(&dropout)
        {
            return Err(format!(
                "dropout must be at least 0 and below 1, not {dropout}"
            ));
        }
        self.optimiser.check()
    }
}

impl Optimiser {
    pub(super) fn check(&self) -> Result<(), String> {
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
            Self::Adam(adam) => adam.check(),
        }
    }
}
