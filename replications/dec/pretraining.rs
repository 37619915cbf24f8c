//! The autoencoder that DEC begins with, as a part that all runs of a seed share: greedy layer-wise
//! denoising, then all layers together; or one of the two; or none.
//!
//! Stage `l` trains encoder layer `l` and its mirror image to reconstruct what the layers before make of
//! the data. Those do not change any more, so their codes are computed once, at the beginning of the
//! stage. Dropout masks come from the stream `"dropout"` of the seed, at a place given by the step.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng as _;
use serde_json::Value;
use tch::{Kind, Tensor};

use super::batches::Batches;
use super::model::{self, Descender, Model};
use super::settings::{Pretraining, Start};
use crate::device::TrainingProducts;
use crate::nn::slices::{ordered_sum, slice_mut};
use crate::nn::{Autoencoder, Pass, Precision, Segment, state};
use crate::random::{self, Seed};
use crate::runs::Outcome;
use crate::runs::checkpoint::Named;
use crate::train::{
    Context, Driven, Error, Event, Finished, Member, Need, Part, Trainable, Trial, Work, drive,
    time_of_step,
};

/// The kind of part.
#[derive(Debug)]
pub struct DecPretraining;

impl Start {
    /// This, as what a run begins with.
    #[must_use]
    pub fn need(&self) -> Need {
        Need {
            part: &DecPretraining,
            // A plain struct of numbers and names always has a JSON form.
            settings: serde_json::to_value(self).unwrap_or(Value::Null),
        }
    }
}

impl Part for DecPretraining {
    fn id(&self) -> &'static str {
        "dec-autoencoder"
    }

    fn label(&self) -> &'static str {
        "pretraining"
    }

    fn version(&self) -> u32 {
        1
    }

    fn calibrate(&self, settings: &Value, trial: &Trial) -> Result<Work, Error> {
        let start = Start::read(settings)?;
        let recipe = &start.pretraining;
        let rows = start.rows(trial.rows);
        let step = time_of_whole(&start, recipe.batch.min(rows), trial)?;
        let data = Tensor::zeros([1, trial.dims], (Kind::Float, trial.device));
        let whole = Training::new(&start, Seed(0), &data, trial.precision);
        let flop = whole.network().training_flop();
        let rows = recipe.rows.unwrap_or(rows).min(rows);
        let mut work = 0.0;
        let mut iterations = 0;
        for stage in &whole.stages {
            let steps = stage.length(recipe, rows);
            iterations += steps;
            work += steps as f64 * stage.network.training_flop() / flop;
        }
        Ok(Work {
            iterations,
            per_iteration: step.mul_f64(work / iterations.max(1) as f64),
            fixed: step.mul_f64(rows as f64 / recipe.batch as f64 / 3.0),
        })
    }

    fn train(&self, member: &Member, context: &Context) -> Result<Option<Finished>, Error> {
        let start = Start::read(&member.settings)?;
        let data = model::rows(&start, member.seed, context.data)?;
        let mut training = Training::new(&start, member.seed, &data.features, context.precision);
        let members = std::slice::from_ref(member);
        let Driven::Finished(progress) = drive(&mut training, members, context)? else {
            return Ok(None);
        };
        let Some(progress) = progress.into_iter().next() else {
            return Ok(None);
        };
        context.observer.notify(&Event::Advanced {
            worker: context.worker,
            fraction: 1.0,
            detail: "evaluating",
        });
        let clock = Instant::now();
        let loss = training.loss();
        let mut part = Finished {
            outcome: Outcome::Completed,
            metrics: BTreeMap::new(),
            curves: progress.curves,
            weights: Vec::new(),
            training: progress.elapsed,
            evaluation: clock.elapsed(),
            resumed: progress.resumed,
        };
        if progress.diverged.is_some() || !loss.is_finite() {
            let iteration = progress.diverged.unwrap_or(progress.iteration);
            part.outcome = Outcome::Diverged { iteration };
        } else {
            part.metrics.insert("reconstruction_loss".to_owned(), loss);
            part.weights = state::weights(&training.model.parameters, 0);
            // Their places are taken later.
            part.weights.retain(|(name, _)| name != "dec.centroids");
        }
        Ok(Some(part))
    }
}

/// How long a step of the whole autoencoder takes on this thread, in batches of `batch`.
pub(super) fn time_of_whole(start: &Start, batch: i64, trial: &Trial) -> Result<Duration, Error> {
    let data = Tensor::rand([batch, trial.dims], (Kind::Float, trial.device));
    let mut start = start.clone();
    start.pretraining.layer_wise = None;
    start.pretraining.batch = batch;
    let mut training = Training::new(&start, Seed(0), &data, trial.precision);
    let _products = TrainingProducts::set(trial.precision, trial.device)?;
    time_of_step(&mut training)
}

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
    /// What enters its network, `[rows, inputs]`.
    inputs: Tensor,
    /// By batch size.
    passes: HashMap<i64, Pass>,
    batches: Batches,
    /// The rows of the last step.
    last: Option<Tensor>,
}

/// An autoencoder under training.
#[derive(Debug)]
struct Training {
    recipe: Pretraining,
    precision: Precision,
    seed: Seed,
    model: Model,
    stages: Vec<Stage>,
    descender: Descender,
    /// `[rows, D]`, what is trained on.
    data: Tensor,
    masks: ChaCha8Rng,
    current: Option<Current>,
}

impl Training {
    fn new(start: &Start, seed: Seed, features: &Tensor, precision: Precision) -> Self {
        let recipe = start.pretraining;
        let size = features.size();
        let rows = recipe.rows.unwrap_or(size[0]).min(size[0]);
        let model = Model::zeros(&start.widths(size[1]), 1, features.device());
        model.network.initialise_as(
            recipe.initial,
            &model.parameters,
            0,
            &mut random::stream(seed, "weights"),
        );
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
            data: features.narrow(0, 0, rows),
            masks: random::stream(seed, "dropout"),
            recipe,
            precision,
            seed,
            model,
            stages,
            current: None,
        }
    }

    fn network(&self) -> &Autoencoder {
        &self.model.network
    }

    /// The stage of a step, and the step within it.
    fn locate(&self, iteration: u64) -> (usize, u64) {
        let mut step = iteration;
        for (index, stage) in self.stages.iter().enumerate() {
            let length = stage.length(&self.recipe, self.data.size()[0]);
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
        let depth = self.stages[stage].layer.unwrap_or(0);
        let inputs = self.model.encode_to(depth, &self.data);
        let batches = Batches::new(
            inputs.size()[0],
            self.recipe.batch,
            self.recipe.order,
            self.seed,
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

    /// The mean squared error over all values that are trained on.
    fn loss(&self) -> f64 {
        let (network, parameters) = (&self.model.network, &self.model.parameters);
        let mut sum = 0.0;
        for rows in self.data.split(4096, 0) {
            let code = network.encode(parameters, 0, &rows);
            let error = (network.decode(parameters, 0, &code) - &rows).square();
            sum += ordered_sum(&error.sum_dim_intlist(-1, false, Kind::Double));
        }
        sum / self.data.numel() as f64
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

/// A mask of dropout like `tensor`: 0 with the probability given, `1 / (1 - probability)` else, so that
/// the mean stays. Sixteen random bits decide on each value.
fn mask(stream: &mut ChaCha8Rng, tensor: &Tensor, probability: f64) -> Tensor {
    let mut mask = Tensor::zeros(tensor.size(), (Kind::Float, tch::Device::Cpu));
    let (limit, kept) = (
        (probability * 65_536.0).round() as u16,
        (1.0 / (1.0 - probability)) as f32,
    );
    let values = slice_mut(&mut mask);
    let mut bytes = vec![0; 2 * values.len()];
    stream.fill_bytes(&mut bytes);
    for (value, bits) in values.iter_mut().zip(bytes.chunks_exact(2)) {
        let drawn = u16::from_le_bytes([bits[0], bits[1]]);
        *value = if drawn < limit { 0.0 } else { kept };
    }
    mask.to_device(tensor.device())
}

impl Trainable for Training {
    fn iterations(&self) -> u64 {
        let rows = self.data.size()[0];
        let lengths = self.stages.iter();
        lengths.map(|stage| stage.length(&self.recipe, rows)).sum()
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
        let x = current
            .batches
            .at(step, &current.inputs)
            .of(&current.inputs);
        let pass = current.passes.entry(x.size()[0]);
        let pass = pass.or_insert_with(|| Pass::new(network, parameters, x.size()[0], precision));
        // Each step has a stream of its own, whatever was drawn before.
        self.masks.set_stream(iteration);
        self.masks.set_word_pos(0);
        let corrupted = if dropout[0] > 0.0 {
            &x * mask(&mut self.masks, &x, dropout[0])
        } else {
            x.shallow_clone()
        };
        self.descender.next_step();
        let descender = &self.descender;
        let mut update =
            |segment: Segment, gradient: &Tensor| descender.update(parameters, segment, gradient);
        pass.encode(&corrupted);
        let hidden = (dropout[1] > 0.0).then(|| {
            let mask = mask(&mut self.masks, &pass.code(), dropout[1]);
            let _ = pass.code().g_mul_(&mask);
            mask
        });
        pass.decode();
        pass.backward_decoder(&x, &mut update)?;
        if let Some(mask) = hidden {
            let _ = pass.code_delta().g_mul_(&mask);
        }
        pass.backward_encoder(&corrupted, &mut update)?;
        current.last = Some(x);
        Ok(())
    }

    fn losses(&self) -> Vec<(&'static str, Vec<f64>)> {
        let losses = self.current.as_ref().and_then(|current| {
            let x = current.last.as_ref()?;
            let pass = current.passes.get(&x.size()[0])?;
            Some(pass.reconstruction_losses(x))
        });
        losses.map_or(Vec::new(), |losses| vec![("reconstruction", losses)])
    }

    fn state(&self, _: usize) -> Vec<(String, Tensor)> {
        model::state(&self.model.parameters, &self.descender)
    }

    fn restore(&mut self, _: usize, iteration: u64, stored: &Named) -> Result<(), String> {
        model::restore(&self.model.parameters, &self.descender, stored)?;
        let (_, step) = self.locate(iteration);
        self.descender.set_steps(step);
        self.current = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tch::Device;

    use super::*;
    use crate::nn::Initial;
    use crate::replications::dec::settings::{LayerWise, Length, Order, Settings};

    fn start() -> Start {
        let mut start = Settings::published().start;
        start.hidden = vec![20, 16];
        start.latent = 3;
        start.scale = 1.0;
        start.pretraining.batch = 32;
        start.pretraining.whole = Length::Iterations(40);
        start.pretraining.layer_wise = Some(LayerWise {
            length: Length::Iterations(30),
            dropout: 0.2,
            corrupt_first: true,
            corrupt_code: false,
        });
        start.pretraining.initial = Initial::Glorot;
        start
    }

    fn rows() -> Tensor {
        tch::manual_seed(2);
        Tensor::rand([100, 12], (Kind::Float, Device::Cpu))
    }

    fn trained(start: &Start, steps: u64) -> Training {
        let mut training = Training::new(start, Seed(1), &rows(), Precision::Exact);
        for iteration in 0..steps {
            training.step(iteration).unwrap();
        }
        training
    }

    fn part(training: &Training, name: &str) -> Tensor {
        let weights = state::weights(&training.model.parameters, 0);
        weights
            .into_iter()
            .find(|(own, _)| own == name)
            .unwrap()
            .1
            .copy()
    }

    #[test]
    fn a_stage_moves_its_layer_and_its_mirror_image_only() {
        let start = start();
        let [before, after] = [30, 60].map(|steps| trained(&start, steps));
        for (name, moved) in [
            ("encoder.0.weight", false),
            ("encoder.1.weight", true),
            ("encoder.2.weight", false),
            ("decoder.0.weight", false),
            ("decoder.1.bias", true),
            ("decoder.2.weight", false),
        ] {
            assert_eq!(part(&before, name) != part(&after, name), moved, "{name}");
        }
    }

    #[test]
    fn training_lowers_the_loss() {
        let mut start = start();
        start.pretraining.whole = Length::Iterations(400);
        let mut training = trained(&start, 0);
        let before = training.loss();
        for iteration in 0..training.iterations() {
            training.step(iteration).unwrap();
        }
        assert!(
            training.loss() < 0.7 * before,
            "{before} {}",
            training.loss()
        );
    }

    /// In every stage, in the middle of a ramp and of a shuffled pass.
    #[test]
    fn a_resumed_training_gives_the_same_bits() {
        let mut start = start();
        start.pretraining.order = Order::Shuffled;
        let whole = trained(&start, 130);
        for at in [17, 30, 47, 75, 99] {
            let first = trained(&start, at);
            let stored: Named = first.state(0).into_iter().collect();
            let mut second = Training::new(&start, Seed(1), &rows(), Precision::Exact);
            second.restore(0, at, &stored).unwrap();
            for iteration in at..130 {
                second.step(iteration).unwrap();
            }
            assert_eq!(
                second.model.parameters.values, whole.model.parameters.values,
                "resumed at {at}"
            );
        }
    }

    /// The gradients of a denoising step through both masks, beside autograd's.
    #[test]
    fn dropout_is_differentiated() {
        let start = start();
        let mut training = Training::new(&start, Seed(1), &rows(), Precision::Exact);
        let before = training.model.parameters.values.copy();
        // The first layer's step, by hand: rate 0.1, half the mean squared error, biases at twice the rate.
        let mut stream = random::stream(Seed(1), "dropout");
        let x = rows().narrow(0, 0, 32);
        let first = mask(&mut stream, &x, 0.2);
        let value = |name: &str| part(&training, name).set_requires_grad(true);
        let [w, b] = ["encoder.0.weight", "encoder.0.bias"].map(value);
        let [v, c] = ["decoder.2.weight", "decoder.2.bias"].map(value);
        let hidden = ((&x * first).matmul(&w) + &b).relu();
        let second = mask(&mut stream, &hidden, 0.2);
        let output = (hidden * second).matmul(&v) + &c;
        ((output - &x).square().mean(Kind::Float) * 0.5).backward();
        let expected = [("encoder.0.weight", &w, 0.1), ("encoder.0.bias", &b, 0.2)];
        let expected = expected
            .into_iter()
            .chain([("decoder.2.weight", &v, 0.1), ("decoder.2.bias", &c, 0.2)]);
        let expected: Vec<_> = expected
            .map(|(name, value, rate)| (name, value.detach() - value.grad() * rate))
            .collect();
        training.step(0).unwrap();
        assert_ne!(before, training.model.parameters.values);
        for (name, expected) in expected {
            let found = part(&training, name);
            assert!(found.allclose(&expected, 1e-5, 1e-6, false), "{name}");
        }
    }

    #[test]
    fn masks_keep_the_mean_and_drop_their_share() {
        let like = Tensor::zeros([500, 200], (Kind::Float, Device::Cpu));
        let mask = mask(&mut random::stream(Seed(0), "dropout"), &like, 0.2);
        let zeros = mask.eq(0.0).sum(Kind::Double).double_value(&[]) / 100_000.0;
        assert!((zeros - 0.2).abs() < 0.005, "{zeros}");
        let mean = mask.mean(Kind::Double).double_value(&[]);
        assert!((mean - 1.0).abs() < 0.01, "{mean}");
    }
}
