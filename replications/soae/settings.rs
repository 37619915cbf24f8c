//! The settings of a SOAE and of the autoencoders it is compared with.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Space;
use crate::nn::adam::AdamOptions;
use crate::train::{Error, settings};

/// How encoder and decoder are trained.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Training {
    /// Both at once on the squared error: a plain autoencoder.
    Autoencoder,
    /// Both at once, on half the squared error (a normal decoder of variance 1) and the divergence of the
    /// code from a standard normal: a variational autoencoder (Kingma & Welling 2013).
    Variational,
    /// In turns, Algorithm 2 of the draft.
    Alternating {
        /// Steps of the encoder C with the decoder fixed, in each iteration (`T_1`).
        encoder_steps: u64,
        /// Steps of the decoder G with the encoder fixed, in each iteration (`T_2`).
        decoder_steps: u64,
        /// Width of the neighbourhood kernel at the first iteration and at the last; geometric between.
        sigma: [f64; 2],
        /// Rows are drawn in proportion to their current error.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        importance: bool,
    },
}

/// All that a run depends on beside data and seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where codes live.
    pub space: Space,
    /// Numbers of a raw code, `m`.
    pub latent: i64,
    /// Widths of the encoder's hidden layers; the decoder mirrors them.
    pub hidden: Vec<i64>,
    /// Rows of a batch, drawn with replacement.
    pub batch: i64,
    /// Iterations; see [`Training`].
    pub iterations: u64,
    /// How it is trained.
    pub training: Training,
    /// The last rows of the data, never trained on: what is evaluated.
    pub held_out: i64,
    /// Adam's step size for encoder and decoder; settings without it have the protocol's.
    #[serde(default = "usual_rate", skip_serializing_if = "is_usual_rate")]
    pub learning_rate: f64,
}

/// Adam's step size by our protocol. Settings that have it do not say so, and runs' keys rest on that.
pub(super) const LEARNING_RATE: f64 = 0.001;

fn usual_rate() -> f64 {
    LEARNING_RATE
}

#[allow(clippy::trivially_copy_pass_by_ref, clippy::float_cmp)]
fn is_usual_rate(rate: &f64) -> bool {
    *rate == LEARNING_RATE
}

impl Settings {
    /// The settings as a run's identity holds them.
    #[must_use]
    pub fn to_value(&self) -> Value {
        // A plain struct of numbers and names always has a JSON form.
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// Reads and checks settings.
    ///
    /// # Errors
    /// If a field is missing, unknown or makes no sense; the message names it.
    pub fn read(value: &Value) -> Result<Self, Error> {
        let settings: Self = settings::read("SOAE", value)?;
        settings
            .check()
            .map_err(|reason| Error::Settings(format!("SOAE settings: {reason}")))?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), String> {
        let widths = self.hidden.iter().chain([&self.latent, &self.batch]);
        if widths.chain([&self.held_out]).any(|&one| one < 1) {
            return Err("widths, batch and held_out must be at least 1".to_owned());
        }
        if self.iterations == 0 {
            return Err("iterations must be at least 1".to_owned());
        }
        self.adam().check()?;
        if self.space == Space::Sphere && self.latent < 2 {
            return Err(
                "latent must be at least 2 on the sphere, which has no room in 1".to_owned(),
            );
        }
        match self.training {
            Training::Alternating {
                encoder_steps,
                decoder_steps,
                sigma,
                ..
            } => {
                if encoder_steps == 0 || decoder_steps == 0 {
                    return Err("encoder_steps and decoder_steps must be at least 1".to_owned());
                }
                if !sigma.iter().all(|one| *one > 0.0 && *one <= 100.0) || sigma[1] > sigma[0] {
                    return Err(format!(
                        "sigma must be two numbers above 0 and at most 100 that do not rise, not {sigma:?}"
                    ));
                }
            }
            Training::Variational if self.space != Space::Plane => {
                return Err("a variational autoencoder has its codes in the plane".to_owned());
            }
            Training::Variational | Training::Autoencoder => {}
        }
        Ok(())
    }

    /// Width of the kernel at an iteration, `s_0 (s_T / s_0)^(t / (T - 1))`; `None` without a kernel.
    #[must_use]
    pub fn sigma(&self, iteration: u64) -> Option<f64> {
        let Training::Alternating { sigma, .. } = self.training else {
            return None;
        };
        Some(falling(sigma, iteration, self.iterations))
    }

    /// The optimiser of either network.
    pub(super) fn adam(&self) -> AdamOptions {
        AdamOptions {
            learning_rate: self.learning_rate,
            ..AdamOptions::keras()
        }
    }

    /// Steps of encoder and decoder after so many iterations.
    pub(super) fn steps(&self, iterations: u64) -> [u64; 2] {
        match self.training {
            Training::Alternating {
                encoder_steps,
                decoder_steps,
                ..
            } => [iterations * encoder_steps, iterations * decoder_steps],
            Training::Autoencoder | Training::Variational => [iterations, iterations],
        }
    }

    /// Widths of the encoder: twice the code for mean and log variance of a variational one.
    pub(super) fn encoder_widths(&self, dims: i64) -> Vec<i64> {
        let out = match self.training {
            Training::Variational => 2 * self.latent,
            _ => self.latent,
        };
        let hidden = self.hidden.iter().copied();
        std::iter::once(dims).chain(hidden).chain([out]).collect()
    }

    pub(super) fn decoder_widths(&self, dims: i64) -> Vec<i64> {
        let hidden = self.hidden.iter().rev().copied();
        std::iter::once(self.space.embedded(self.latent))
            .chain(hidden)
            .chain([dims])
            .collect()
    }
}

/// The value at step `t` of `count` of what falls geometrically from the first number to the last.
pub(super) fn falling([first, last]: [f64; 2], t: u64, count: u64) -> f64 {
    let end = count.saturating_sub(1).max(1) as f64;
    first * (last / first).powf(t as f64 / end)
}
