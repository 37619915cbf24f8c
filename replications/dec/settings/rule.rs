//! What follows on k-means: nothing, descent on the divergence, or the report's procedure.

use serde::{Deserialize, Serialize};

use super::pretraining::Optimiser;
use super::{at_least_1, positive};
use crate::nn::adam::AdamOptions;
use crate::nn::sgd::SgdOptions;
use crate::train::batches::Order;

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
            restart: false,
            ..Self::published()
        }
    }
}

impl Rule {
    /// Whether runs that differ in the seed alone can train as one cohort. Descent on codes and the report's
    /// procedure are of one model.
    pub(in crate::replications::dec) fn trains_together(&self) -> bool {
        match self {
            Self::None => true,
            Self::Descent(rule) => rule.moved != Moved::Codes,
            Self::Moves(_) => false,
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::None => Ok(()),
            Self::Descent(rule) => {
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
            Self::Moves(rule) => {
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
