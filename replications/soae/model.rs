//! A SOAE, or an autoencoder of the same size, under training.

use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

use super::chain::Chain;
use super::{Settings, Training};
use crate::nn::slices::{ordered_sum, slice};
use crate::nn::state;
use crate::random::{self, Seed};
use crate::runs::checkpoint::Named;
use crate::train::{Error, Trainable};

/// Rows looked at for each one drawn by importance.
const CANDIDATES: i64 = 4;
/// Rows encoded or decoded at once in evaluations.
const AT_ONCE: i64 = 4096;

/// Encoder C and decoder G with the space between them.
pub(super) struct Model {
    pub settings: Settings,
    seed: Seed,
    encoder: Chain,
    decoder: Chain,
    /// `[rows, D]`, what is trained on.
    data: Tensor,
    /// Of the last step.
    losses: Vec<(&'static str, f64)>,
}

/// Standard normal numbers of a shape.
pub(super) fn normal(rng: &mut ChaCha8Rng, shape: [i64; 2], device: Device) -> Tensor {
    let count = (shape[0] * shape[1]) as usize;
    let mut values = Vec::with_capacity(count + 1);
    while values.len() < count {
        let (first, second) = (1.0 - random::unit(rng), random::unit(rng));
        let drawn = random::box_muller(first.into(), second.into(), 1.0);
        values.extend(drawn.map(|number| number as f32));
    }
    values.truncate(count);
    Tensor::from_slice(&values).view(shape).to_device(device)
}

impl Model {
    /// A fresh model for `data` `[rows, D]`, all of which is trained on.
    pub fn new(settings: &Settings, seed: Seed, data: &Tensor) -> Self {
        let model = Self::blank(settings, seed, data);
        model
            .encoder
            .initialise(&mut random::stream(seed, "encoder"));
        model
            .decoder
            .initialise(&mut random::stream(seed, "decoder"));
        model
    }

    fn blank(settings: &Settings, seed: Seed, data: &Tensor) -> Self {
        let (dims, device) = (data.size()[1], data.device());
        let chain = |name, widths: &[i64]| Chain::new(name, widths, settings.adam(), device);
        Self {
            encoder: chain("encoder", &settings.encoder_widths(dims)),
            decoder: chain("decoder", &settings.decoder_widths(dims)),
            settings: settings.clone(),
            seed,
            data: data.shallow_clone(),
            losses: Vec::new(),
        }
    }

    /// A trained model from its stored weights, for rows of so many features on a device.
    ///
    /// # Errors
    /// If they do not fit the settings; the message says which.
    pub fn stored(
        settings: &Settings,
        seed: Seed,
        (dims, device): (i64, Device),
        weights: &Named,
    ) -> Result<Self, String> {
        let none = Tensor::zeros([0, dims], (Kind::Float, device));
        let model = Self::blank(settings, seed, &none);
        for (name, chain) in [("encoder.", &model.encoder), ("decoder.", &model.decoder)] {
            let own = weights.iter().filter(|(one, _)| one.starts_with(name));
            state::set_weights(&chain.parameters, 0, own)?;
        }
        Ok(model)
    }

    pub fn weights(&self) -> Vec<(String, Tensor)> {
        let mut all = state::weights(&self.encoder.parameters, 0);
        all.extend(state::weights(&self.decoder.parameters, 0));
        all
    }

    pub fn is_finite(&self) -> bool {
        self.encoder.is_finite() && self.decoder.is_finite()
    }

    /// Raw codes `[rows, m]` of rows on any device, on the model's; of a variational autoencoder the means.
    pub fn codes(&self, rows: &Tensor) -> Tensor {
        let parts = rows.split(AT_ONCE, 0).into_iter();
        let codes = parts.map(|rows| {
            let rows = rows.to_device(self.data.device());
            self.encoder.apply(&rows).narrow(1, 0, self.settings.latent)
        });
        Tensor::cat(&codes.collect::<Vec<_>>(), 0).contiguous()
    }

    /// Images `[rows, D]` of raw codes `[rows, m]` on any device, on the model's.
    pub fn decode(&self, codes: &Tensor) -> Tensor {
        let parts = codes.split(AT_ONCE, 0).into_iter();
        let images = parts.map(|codes| {
            let codes = codes.to_device(self.data.device());
            self.decoder.apply(&self.settings.space.embed(&codes))
        });
        Tensor::cat(&images.collect::<Vec<_>>(), 0)
    }

    /// A neighbour of each code, at a width of the kernel.
    pub fn neighbours(&self, codes: &Tensor, sigma: f64, rng: &mut ChaCha8Rng) -> Tensor {
        let [rows, m] = [codes.size()[0], codes.size()[1]];
        let directions = normal(rng, [rows, m], codes.device());
        let radii = normal(rng, [rows, 1], codes.device());
        self.settings
            .space
            .neighbours(codes, &directions, &radii, sigma)
    }

    /// The rows of a step, from a stream of its own.
    fn batch(&self, rng: &mut ChaCha8Rng) -> Tensor {
        let batch = self.settings.batch;
        let draw = |rng: &mut ChaCha8Rng, count: i64| {
            let limit = self.data.size()[0] as usize;
            let rows = (0..count).map(|_| random::index(rng, limit) as i64);
            let rows = Tensor::from_slice(&rows.collect::<Vec<_>>());
            self.data
                .index_select(0, &rows.to_device(self.data.device()))
        };
        let importance = matches!(
            self.settings.training,
            Training::Alternating {
                importance: true,
                ..
            }
        );
        if !importance {
            return draw(rng, batch);
        }
        let candidates = draw(rng, CANDIDATES * batch);
        let error = (self.decode(&self.codes(&candidates)) - &candidates).square();
        let errors = error
            .sum_dim_intlist(1, false, Kind::Double)
            .to_kind(Kind::Float);
        let errors = errors.to_device(Device::Cpu).contiguous();
        let chosen = in_proportion(slice(&errors), batch as usize, rng);
        candidates.index_select(
            0,
            &Tensor::from_slice(&chosen).to_device(candidates.device()),
        )
    }

    /// Reconstructions' mean squared error, and its gradient.
    fn error(output: &Tensor, rows: &Tensor) -> (f64, Tensor) {
        let difference = output - rows;
        let squares = difference.square().sum_dim_intlist(1, false, Kind::Double);
        let count = rows.numel() as f64;
        (ordered_sum(&squares) / count, difference * (2.0 / count))
    }

    /// The sleep pass: C on `d(x, G(C(x)))`, G fixed (equation 5).
    fn encoder_step(&mut self, rng: &mut ChaCha8Rng) -> Result<f64, Error> {
        let rows = self.batch(rng);
        let encoded = self.encoder.forward(&rows);
        let code = &encoded[encoded.len() - 1];
        let decoded = self.decoder.forward(&self.settings.space.embed(code));
        let (loss, delta) = Self::error(&decoded[decoded.len() - 1], &rows);
        let delta = self.decoder.through(&decoded, &delta);
        let delta = self.settings.space.pull_back(code, &delta);
        self.encoder.learn(&encoded, &delta, false)?;
        Ok(loss)
    }

    /// The wake pass: G on `d(x, G(z))`, `z` a neighbour of `C(x)`, C fixed (equation 9).
    fn decoder_step(&mut self, sigma: f64, rng: &mut ChaCha8Rng) -> Result<f64, Error> {
        let rows = self.batch(rng);
        let near = self.neighbours(&self.codes(&rows), sigma, rng);
        let decoded = self.decoder.forward(&self.settings.space.embed(&near));
        let (loss, delta) = Self::error(&decoded[decoded.len() - 1], &rows);
        self.decoder.learn(&decoded, &delta, false)?;
        Ok(loss)
    }

    fn joint_step(&mut self, rng: &mut ChaCha8Rng) -> Result<f64, Error> {
        let rows = self.batch(rng);
        let encoded = self.encoder.forward(&rows);
        let code = &encoded[encoded.len() - 1];
        let decoded = self.decoder.forward(&self.settings.space.embed(code));
        let (loss, delta) = Self::error(&decoded[decoded.len() - 1], &rows);
        if let Some(delta) = self.decoder.learn(&decoded, &delta, true)? {
            let delta = self.settings.space.pull_back(code, &delta);
            self.encoder.learn(&encoded, &delta, false)?;
        }
        Ok(loss)
    }

    /// Mean over the batch of `|x - G(z)|^2 / 2 + KL`, `z = mean + exp(log variance / 2) noise`. Gives the
    /// mean squared error and the mean divergence.
    fn variational_step(&mut self, rng: &mut ChaCha8Rng) -> Result<[f64; 2], Error> {
        let rows = self.batch(rng);
        let (batch, m) = (self.settings.batch, self.settings.latent);
        let encoded = self.encoder.forward(&rows);
        let output = &encoded[encoded.len() - 1];
        let (mean, log_variance) = (output.narrow(1, 0, m), output.narrow(1, m, m));
        let deviation = (&log_variance * 0.5).exp();
        let noise = normal(rng, [batch, m], rows.device());
        let spread = &deviation * noise;
        let decoded = self.decoder.forward(&(&mean + &spread));
        let (loss, delta) = Self::error(&decoded[decoded.len() - 1], &rows);
        let variance = deviation.square();
        let divergence = (mean.square() + &variance - &log_variance - 1.0) * 0.5;
        let divergence = ordered_sum(&divergence) / batch as f64;
        // From the mean squared error to half the squared error of a row, mean over rows.
        let scale = rows.size()[1] as f64 / 2.0;
        if let Some(delta) = self.decoder.learn(&decoded, &(delta * scale), true)? {
            let each = 1.0 / batch as f64;
            let of_mean = &delta + mean * each;
            let of_variance = (delta * spread + (variance - 1.0) * each) * 0.5;
            let delta = Tensor::cat(&[of_mean, of_variance], 1);
            self.encoder.learn(&encoded, &delta, false)?;
        }
        Ok([loss, divergence])
    }
}

/// `count` positions drawn with replacement, each in proportion to its weight.
fn in_proportion(weights: &[f32], count: usize, rng: &mut ChaCha8Rng) -> Vec<i64> {
    let mut sum = 0.0;
    let sums = weights.iter().map(|&weight| {
        sum += f64::from(weight);
        sum
    });
    let sums: Vec<f64> = sums.collect();
    let last = weights.len() - 1;
    let draws = (0..count).map(|_| {
        let place = f64::from(random::unit(rng)) * sum;
        sums.partition_point(|&sum| sum <= place).min(last) as i64
    });
    draws.collect()
}

impl Trainable for Model {
    fn iterations(&self) -> u64 {
        self.settings.iterations
    }

    fn step(&mut self, iteration: u64) -> Result<(), Error> {
        let rng = &mut random::stream(self.seed, &format!("iteration {iteration}"));
        self.losses = match self.settings.training {
            Training::Autoencoder => vec![("reconstruction", self.joint_step(rng)?)],
            Training::Variational => {
                let [loss, divergence] = self.variational_step(rng)?;
                vec![("reconstruction", loss), ("kl", divergence)]
            }
            Training::Alternating {
                encoder_steps,
                decoder_steps,
                ..
            } => {
                let sigma = self.settings.sigma(iteration).unwrap_or(0.0);
                let (mut sleep, mut wake) = (0.0, 0.0);
                for _ in 0..encoder_steps {
                    sleep = self.encoder_step(rng)?;
                }
                for _ in 0..decoder_steps {
                    wake = self.decoder_step(sigma, rng)?;
                }
                vec![("sleep", sleep), ("wake", wake), ("sigma", sigma)]
            }
        };
        Ok(())
    }

    fn losses(&self) -> Vec<(&'static str, Vec<f64>)> {
        let losses = self.losses.iter();
        losses.map(|&(name, loss)| (name, vec![loss])).collect()
    }

    fn state(&self, _: usize) -> Vec<(String, Tensor)> {
        let mut state = self.encoder.state();
        state.extend(self.decoder.state());
        state
    }

    fn restore(&mut self, _: usize, iteration: u64, stored: &Named) -> Result<(), String> {
        let [encoder, decoder] = self.settings.steps(iteration);
        // Either both or none.
        self.decoder.fits(stored)?;
        self.encoder.restore(encoder, stored)?;
        self.decoder.restore(decoder, stored)
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
