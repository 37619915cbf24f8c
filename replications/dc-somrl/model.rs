//! A cohort of DC-SOMRL models and its training step.
//!
//! `z = sigmoid(encode(x))` goes to the map and to the decoder; `L = L_rec + alpha L_map` trains the
//! autoencoder by Adam, and the map learns by itself from the same codes. The models of a cohort see the same
//! batches; they differ in their seeds.

use std::collections::HashMap;

use tch::{Device, Kind, Tensor};

use super::Settings;
use super::relevance::RelevanceMap;
use super::settings::{MapLoss, Pixels, Reconstruction};
use crate::nn::slices::ordered_sum;
use crate::nn::{Adam, Autoencoder, Layout, Parameters, Pass, Precision, Segment, state};
use crate::random::{self, Seed};
use crate::replications::desom::BatchOrder;
use crate::runs::checkpoint::Named;
use crate::train::batches::Batches;
use crate::train::{Error, Trainable};

/// Rows that are encoded at once where there are many.
const AT_ONCE: i64 = 4096;

/// What the losses of the last step are computed from.
#[derive(Debug)]
struct LastStep {
    /// `[batch, D]`
    rows: Tensor,
    /// `[models]`
    map_loss: Tensor,
}

/// DC-SOMRL models that differ in their seeds.
#[derive(Debug)]
pub struct DcSomrlCohort {
    settings: Settings,
    network: Autoencoder,
    parameters: Parameters,
    adam: Adam,
    map: RelevanceMap,
    /// `[rows, D]`, only what is trained on, as the network sees it.
    data: Tensor,
    /// Mean and standard deviation of the pixels where the network sees them standardised.
    scale: Option<(f64, f64)>,
    /// By batch size: the usual one, and that of the last batch of a pass.
    passes: HashMap<i64, Pass>,
    last: Option<LastStep>,
    /// Those of the first seed, where they are shuffled.
    batches: Batches,
}

impl DcSomrlCohort {
    /// Untrained models on the first rows of `data` `[rows, D]`, as many as the settings say: weights from
    /// each seed's stream `"weights"`, maps without a node. Shuffled batches come in the first seed's order:
    /// seeds that are to have their own are models of their own.
    #[must_use]
    pub fn new(settings: &Settings, seeds: &[Seed], data: &Tensor) -> Self {
        let rows = settings.training_rows.unwrap_or(i64::MAX);
        let data = data.narrow(0, 0, rows.min(data.size()[0]));
        let scale = match settings.pixels {
            Pixels::Unit => None,
            Pixels::Standardised => Some(moments(&data)),
        };
        let data = standardised(&data, scale);
        let (models, device) = (seeds.len() as i64, data.device());
        let mut layout = Layout::default();
        let network = Autoencoder::new(&settings.widths(data.size()[1]), &mut layout);
        let parameters = Parameters::zeros(layout, models, device);
        for (model, seed) in (0..).zip(seeds) {
            let mut weights = random::stream(*seed, "weights");
            network.initialise_as(settings.initial, &parameters, model, &mut weights);
        }
        let batches = Batches::new(
            data.size()[0],
            settings.batch,
            settings.batch_order.into(),
            &seeds[..seeds.len().min(1)],
            BatchOrder::PURPOSE,
        );
        Self {
            adam: Adam::new(settings.adam, &parameters.values),
            map: RelevanceMap::new(settings.map, models, settings.latent, device),
            settings: settings.clone(),
            network,
            parameters,
            data,
            scale,
            passes: HashMap::new(),
            last: None,
            batches,
        }
    }

    /// The maps.
    #[must_use]
    pub fn map(&self) -> &RelevanceMap {
        &self.map
    }

    /// How many models there are.
    pub(super) fn count(&self) -> i64 {
        self.parameters.models()
    }

    /// Codes of one model for `rows` `[rows, D]`, part by part; `[rows, latent]`.
    pub fn encode(&self, model: i64, rows: &Tensor) -> Tensor {
        let parts = rows.split(AT_ONCE, 0).into_iter();
        let codes = parts.map(|rows| {
            let rows = standardised(&rows, self.scale);
            self.network
                .encode(&self.parameters, model, &rows)
                .sigmoid()
        });
        Tensor::cat(&codes.collect::<Vec<_>>(), 0)
    }

    /// Reconstructions of codes of one model, `[rows, latent]` to `[rows, D]`, as pixels between 0 and 1.
    pub fn decode(&self, model: i64, codes: &Tensor) -> Tensor {
        let output = self.network.decode(&self.parameters, model, codes);
        match self.scale {
            Some((mean, deviation)) => output * deviation + mean,
            None => output,
        }
    }

    /// What is kept of one model: weights and map, by name.
    pub(super) fn weights(&self, model: i64) -> Vec<(String, Tensor)> {
        let mut weights = state::weights(&self.parameters, model);
        let parts = self.map.parts().into_iter();
        weights.extend(parts.map(|(name, part)| (name.to_owned(), part.get(model))));
        weights
    }

    /// Whether all that changes from step to step is finite in one model.
    #[must_use]
    pub fn is_finite(&self, model: i64) -> bool {
        let finite = |part: &Tensor| part.get(model).isfinite().all().int64_value(&[]) != 0;
        let map = self.map.parts().into_iter().all(|(_, part)| finite(part));
        map && state::is_finite(&self.parameters, &self.adam, model)
    }

    /// The batch at an iteration, `[batch, D]`; the last one of a pass is shorter, never empty.
    fn batch(&mut self, iteration: u64) -> Tensor {
        self.batches.at(iteration, &self.data).of(&self.data)
    }

    /// The map's loss `[models]` and its gradient with respect to the codes, and the map's step.
    fn learn(&mut self, z: &Tensor, iteration: u64) -> (Tensor, Tensor) {
        let ended = self.batches.rows_if_epoch_ends(iteration);
        let map = &mut self.map;
        let width = self.settings.map.width(iteration, self.settings.iterations);
        let response = map.respond(z);
        let reach = map.reach(&response, width);
        let before = match self.settings.map_loss {
            MapLoss::Samples => Some(map.loss(z, &response, &reach)),
            MapLoss::Norm => Some(map.loss_of_norms(z, &response, &reach)),
            MapLoss::Winners => {
                let winners = response.reach_of_winners();
                Some(map.loss(z, &response, &winners))
            }
            MapLoss::Means => None,
        };
        map.update(z, &response, &reach);
        let loss = before.unwrap_or_else(|| map.loss_of_means(z, &response));
        map.renew(z, &response, ended);
        loss
    }
}

/// Mean and standard deviation of all values; 1 for the latter where they do not differ.
fn moments(data: &Tensor) -> (f64, f64) {
    let of_all = |values: &Tensor| {
        let rows = values.sum_dim_intlist(-1, false, Kind::Double);
        ordered_sum(&rows) / values.numel() as f64
    };
    let (mean, square) = (of_all(data), of_all(&data.square()));
    let deviation = (square - mean * mean).max(0.0).sqrt();
    (mean, if deviation > 0.0 { deviation } else { 1.0 })
}

/// Rows as the network sees them.
fn standardised(rows: &Tensor, scale: Option<(f64, f64)>) -> Tensor {
    match scale {
        Some((mean, deviation)) => (rows - mean) / deviation,
        None => rows.shallow_clone(),
    }
}

/// What each row's gradient of the mean squared error is multiplied by to become that of the mean length
/// of the errors, `[models, batch, 1]`: `|e| / B` has the gradient `e / (B |e|)`, and the other has
/// `2 e / (B D)`.
fn of_lengths(output: &Tensor, rows: &Tensor) -> Tensor {
    let squares = (output - rows).square();
    let lengths = squares.sum_dim_intlist(-1, true, Kind::Float).sqrt();
    // An error of nothing has no direction.
    (lengths.clamp_min(1e-12) * 2.0).reciprocal() * rows.size()[1] as f64
}

impl Trainable for DcSomrlCohort {
    fn iterations(&self) -> u64 {
        self.settings.iterations
    }

    fn step(&mut self, iteration: u64) -> Result<(), Error> {
        let x = self.batch(iteration);
        let rows = x.size()[0];
        if !self.passes.contains_key(&rows) {
            let pass = Pass::new(&self.network, &self.parameters, rows, Precision::Exact);
            self.passes.insert(rows, pass);
        }
        self.passes[&rows].encode(&x);
        let z = self.passes[&rows].code();
        let _ = z.shallow_clone().sigmoid_();
        self.passes[&rows].decode();
        let (map_loss, pull) = self.learn(&z, iteration);
        let pass = &self.passes[&rows];
        self.adam.next_step();
        let (adam, parameters) = (&self.adam, &self.parameters);
        let mut update = |segment: Segment, gradient: &Tensor| {
            adam.update(&parameters.values, parameters.range(segment), gradient)
        };
        let weights = match self.settings.reconstruction {
            Reconstruction::Mean => None,
            Reconstruction::Norm => Some(of_lengths(&pass.output(), &x)),
        };
        pass.backward_decoder_of(&x, weights.as_ref(), &mut update)?;
        let delta = pass.code_delta();
        let _ = delta.shallow_clone().g_add_(&(pull * self.settings.alpha));
        // The sigmoid's way back.
        let _ = delta.shallow_clone().g_mul_(&(&z * (1.0 - &z)));
        pass.backward_encoder(&x, &mut update)?;
        self.last = Some(LastStep { rows: x, map_loss });
        Ok(())
    }

    fn losses(&self) -> Vec<(&'static str, Vec<f64>)> {
        let Some(last) = &self.last else {
            return Vec::new();
        };
        let pass = &self.passes[&last.rows.size()[0]];
        let reconstruction = pass.reconstruction_losses(&last.rows);
        let nodes = self.map.occupied().sum_dim_intlist(-1, false, Kind::Double);
        vec![
            ("reconstruction", reconstruction),
            ("som", to_vec(&last.map_loss)),
            ("nodes", to_vec(&nodes)),
        ]
    }

    fn state(&self, model: usize) -> Vec<(String, Tensor)> {
        let mut state = state::state(&self.parameters, &self.adam, model);
        let parts = self.map.parts().into_iter();
        state.extend(parts.map(|(name, part)| (name.to_owned(), part.get(model as i64).copy())));
        state
    }

    fn restore(&mut self, model: usize, iteration: u64, stored: &Named) -> Result<(), String> {
        let parts = self.map.parts();
        let parts = parts.map(|(name, part)| (name, part.get(model as i64)));
        state::buffers_fit(&parts, stored)?;
        state::restore(&self.parameters, &mut self.adam, model, iteration, stored)?;
        state::fill_buffers(&parts, stored)
    }
}

fn to_vec(tensor: &Tensor) -> Vec<f64> {
    let tensor = tensor.to_device(Device::Cpu).to_kind(Kind::Double);
    Vec::try_from(tensor).unwrap_or_default()
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
