//! The stages of a pretraining, step by step.
//!
//! Stage `l` trains encoder layer `l` and its mirror image to reconstruct what the layers before make of
//! the data. Those do not change any more, so their codes are computed once, at the beginning of the
//! stage. Dropout masks come from the stream `"dropout"` of the seed, at a place given by the step.
//!
//! Models of a cohort have the settings in common. Each has weights, masks, order and codes of its own;
//! rows that all see alike are there once.

use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng as _;
use tch::{Kind, Tensor};

use crate::nn::slices::{ordered_sum, slice_mut};
use crate::nn::{Autoencoder, Parameters, Pass, Precision, Segment};
use crate::random::{self, Seed};
use crate::replications::dec::model::{self, Model};
use crate::replications::dec::optimiser::{self, Descender};
use crate::replications::dec::rows;
use crate::replications::dec::settings::{Pretraining, Start};
use crate::runs::checkpoint::Named;
use crate::train::batches::Batches;
use crate::train::{Error, Trainable};

/// One thing after the other: the layers, then the whole.
#[derive(Debug)]
struct Stage {
    network: Autoencoder,
    /// The encoder layer, or none for the whole.
    layer: Option<usize>,
    /// What is set to 0 of its input and of its code.
    dropout: [f64; 2],
}

impl Stage {
    fn length(&self, recipe: &Pretraining, rows: i64) -> u64 {
        let batch = recipe.batch.min(rows);
        match (self.layer, &recipe.layer_wise) {
            (Some(_), Some(layers)) => layers.length.iterations(rows, batch),
            _ => recipe.whole.iterations(rows, batch),
        }
    }
}

/// The stage under way.
#[derive(Debug)]
struct Current {
    stage: usize,
    /// What enters its network, `[rows, inputs]` for all models or `[models, rows, inputs]`.
    inputs: Tensor,
    /// By batch size.
    passes: HashMap<i64, Pass>,
    batches: Batches,
    /// The rows of the last step, `[batch, inputs]` or `[models, batch, inputs]`.
    last: Option<Tensor>,
}

/// Autoencoders under training.
#[derive(Debug)]
pub(in crate::replications::dec) struct Training {
    recipe: Pretraining,
    precision: Precision,
    /// Of each model.
    seeds: Vec<Seed>,
    pub(super) model: Model,
    stages: Vec<Stage>,
    descender: Descender,
    /// `[rows, D]` for all models or `[models, rows, D]`, what is trained on.
    data: Tensor,
    /// Of each model.
    masks: Vec<ChaCha8Rng>,
    current: Option<Current>,
}

impl Training {
    pub(in crate::replications::dec) fn new(
        start: &Start,
        seeds: &[Seed],
        features: &Tensor,
        precision: Precision,
    ) -> Self {
        let recipe = start.pretraining;
        let all = rows::count(features);
        let rows = recipe.rows.unwrap_or(all).min(all);
        let columns = features.size()[features.dim() - 1];
        // Nothing is clustered here: a place for one centroid.
        let model = Model::zeros(&start.widths(columns), 1, seeds.len(), features.device());
        for (index, seed) in (0..).zip(seeds) {
            let mut weights = random::stream(*seed, "weights");
            let (network, parameters) = (&model.network, &model.parameters);
            network.initialise_as(recipe.initial, parameters, index, &mut weights);
        }
        let depth = model.network.depth();
        let mut stages = Vec::new();
        if let Some(layers) = &recipe.layer_wise {
            stages.extend((0..depth).map(|layer| {
                let on = |corrupt: bool| if corrupt { layers.dropout } else { 0.0 };
                Stage {
                    network: model.network.pair(layer),
                    layer: Some(layer),
                    dropout: [
                        on(layer > 0 || layers.corrupt_first),
                        on(layer + 1 < depth || layers.corrupt_code),
                    ],
                }
            }));
        }
        stages.push(Stage {
            network: model.network.clone(),
            layer: None,
            dropout: [0.0; 2],
        });
        Self {
            descender: Descender::new(
                recipe.optimiser,
                recipe.loss_factor,
                &model.parameters.values,
            ),
            data: features.narrow(features.dim() as i64 - 2, 0, rows),
            masks: seeds
                .iter()
                .map(|seed| random::stream(*seed, "dropout"))
                .collect(),
            recipe,
            precision,
            seeds: seeds.to_vec(),
            model,
            stages,
            current: None,
        }
    }

    pub(in crate::replications::dec) fn parameters(&self) -> &Parameters {
        &self.model.parameters
    }

    /// Steps on `rows` rows, and how many steps of the whole autoencoder they are worth.
    pub(super) fn work(&self, rows: i64) -> (u64, f64) {
        self.work_of(u64::MAX, rows)
    }

    /// The same of at most so many steps.
    fn work_of(&self, most: u64, rows: i64) -> (u64, f64) {
        let flop = self.model.network.training_flop();
        let (mut iterations, mut work) = (0, 0.0);
        for stage in &self.stages {
            let steps = stage.length(&self.recipe, rows).min(most - iterations);
            iterations += steps;
            work += steps as f64 * stage.network.training_flop() / flop;
        }
        (iterations, work)
    }

    /// The stage of a step, and the step within it.
    fn locate(&self, iteration: u64) -> (usize, u64) {
        let mut step = iteration;
        for (index, stage) in self.stages.iter().enumerate() {
            let length = stage.length(&self.recipe, rows::count(&self.data));
            if step < length || index + 1 == self.stages.len() {
                return (index, step);
            }
            step -= length;
        }
        (0, step)
    }

    /// Makes ready what a stage needs, unless it is under way.
    fn enter(&mut self, stage: usize) {
        if self.current.as_ref().is_some_and(|one| one.stage == stage) {
            return;
        }
        // Before there is another: each may be half a gigabyte.
        self.current = None;
        let inputs = match self.stages[stage].layer {
            None | Some(0) => self.data.shallow_clone(),
            Some(depth) => {
                let models = 0..self.model.parameters.models();
                let each: Vec<Tensor> = models
                    .map(|index| {
                        let rows = rows::rows_of(&self.data, index);
                        self.model.encode_to(depth, index, &rows)
                    })
                    .collect();
                model::stack_models(&each)
            }
        };
        let batches = Batches::new(
            rows::count(&inputs),
            self.recipe.batch,
            self.recipe.order,
            &self.seeds,
            ORDERS[stage.min(ORDERS.len() - 1)],
        );
        self.current = Some(Current {
            stage,
            inputs,
            passes: HashMap::new(),
            batches,
            last: None,
        });
    }

    /// The mean squared error of one model over all values that it is trained on.
    pub(super) fn loss(&self, model: i64) -> f64 {
        let (network, parameters) = (&self.model.network, &self.model.parameters);
        let data = rows::rows_of(&self.data, model);
        let mut sum = 0.0;
        for rows in data.split(4096, 0) {
            let code = network.encode(parameters, model, &rows);
            let error = (network.decode(parameters, model, &code) - &rows).square();
            sum += ordered_sum(&error.sum_dim_intlist(-1, false, Kind::Double));
        }
        sum / data.numel() as f64
    }
}

/// The streams of the stages' random orders.
const ORDERS: [&str; 8] = [
    "order of stage 0, pass",
    "order of stage 1, pass",
    "order of stage 2, pass",
    "order of stage 3, pass",
    "order of stage 4, pass",
    "order of stage 5, pass",
    "order of stage 6, pass",
    "order of later stages, pass",
];

/// Masks of dropout for the rows of each model, of which `tensor` has the last two sides, as
/// `[models, rows, columns]`: 0 with the probability given, `1 / (1 - probability)` else, so that the mean
/// stays. Sixteen random bits of the model's own stream decide on each value.
fn masks(streams: &mut [ChaCha8Rng], tensor: &Tensor, probability: f64) -> Tensor {
    let (size, dims) = (tensor.size(), tensor.dim());
    let [rows, columns] = [size[dims - 2], size[dims - 1]];
    let shape = [streams.len() as i64, rows, columns];
    let mut masks = Tensor::zeros(shape, (Kind::Float, tch::Device::Cpu));
    let (limit, kept) = (
        (probability * 65_536.0).round() as u16,
        (1.0 / (1.0 - probability)) as f32,
    );
    let values = (rows * columns) as usize;
    let mut bytes = vec![0; 2 * values];
    for (mask, stream) in slice_mut(&mut masks).chunks_exact_mut(values).zip(streams) {
        stream.fill_bytes(&mut bytes);
        for (value, bits) in mask.iter_mut().zip(bytes.chunks_exact(2)) {
            let drawn = u16::from_le_bytes([bits[0], bits[1]]);
            *value = if drawn < limit { 0.0 } else { kept };
        }
    }
    masks.to_device(tensor.device())
}

impl Trainable for Training {
    fn iterations(&self) -> u64 {
        let rows = rows::count(&self.data);
        let lengths = self.stages.iter();
        lengths.map(|stage| stage.length(&self.recipe, rows)).sum()
    }

    fn fraction_done(&self, done: u64) -> f64 {
        // Steps of single layers are cheaper than those of the whole.
        let rows = rows::count(&self.data);
        self.work_of(done, rows).1 / self.work(rows).1.max(f64::MIN_POSITIVE)
    }

    fn step(&mut self, iteration: u64) -> Result<(), Error> {
        let (stage, step) = self.locate(iteration);
        if step == 0 {
            self.descender = Descender::new(
                self.recipe.optimiser,
                self.recipe.loss_factor,
                &self.model.parameters.values,
            );
        }
        self.enter(stage);
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        let Stage {
            network, dropout, ..
        } = &self.stages[stage];
        let (parameters, precision) = (&self.model.parameters, self.precision);
        let batch = current.batches.at(step, &current.inputs);
        let x = batch.of(&current.inputs);
        let pass = current.passes.entry(batch.len());
        let pass = pass.or_insert_with(|| Pass::new(network, parameters, batch.len(), precision));
        // Each step has a stream of its own, whatever was drawn before.
        for stream in &mut self.masks {
            stream.set_stream(iteration);
            stream.set_word_pos(0);
        }
        let corrupted = if dropout[0] > 0.0 {
            &x * masks(&mut self.masks, &x, dropout[0])
        } else {
            x.shallow_clone()
        };
        self.descender.next_step();
        let descender = &self.descender;
        let mut update =
            |segment: Segment, gradient: &Tensor| descender.update(parameters, segment, gradient);
        pass.encode(&corrupted);
        let hidden = (dropout[1] > 0.0).then(|| {
            let masks = masks(&mut self.masks, &pass.code(), dropout[1]);
            let _ = pass.code().g_mul_(&masks);
            masks
        });
        pass.decode();
        pass.backward_decoder(&x, &mut update)?;
        if let Some(masks) = hidden {
            let _ = pass.code_delta().g_mul_(&masks);
        }
        pass.backward_encoder(&corrupted, &mut update)?;
        current.last = Some(x);
        Ok(())
    }

    fn losses(&self) -> Vec<(&'static str, Vec<f64>)> {
        let losses = self.current.as_ref().and_then(|current| {
            let x = current.last.as_ref()?;
            let pass = current.passes.get(&rows::count(x))?;
            Some(pass.reconstruction_losses(x))
        });
        losses.map_or(Vec::new(), |losses| vec![("reconstruction", losses)])
    }

    fn state(&self, model: usize) -> Vec<(String, Tensor)> {
        optimiser::state(&self.model.parameters, &self.descender, model)
    }

    fn restore(&mut self, model: usize, iteration: u64, stored: &Named) -> Result<(), String> {
        optimiser::restore(&self.model.parameters, &self.descender, model, stored)?;
        let (_, step) = self.locate(iteration);
        self.descender.set_steps(step);
        self.current = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
