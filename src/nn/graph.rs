//! Autoencoders that libtorch differentiates: convolutions, batch normalisation.
//!
//! A [`Graph`] is a chain of [`Module`]s for the encoder and one for the decoder, over the same flat
//! buffer as the dense networks of [`super::Autoencoder`]. The running statistics of batch
//! normalisation lie in that buffer too, in segments that the optimiser is never called for, so they
//! are checkpointed and stored with the weights. Training steps are in [`super::tape`].

mod build;
#[cfg(test)]
mod tests;
mod torch;

use rand_chacha::ChaCha8Rng;
use tch::Tensor;

use super::initial::glorot_uniform_of;
use super::parameters::{Parameters, Segment, Slot};

pub use build::{IMAGE_SIDE, KERNEL};

/// What Keras adds to a variance before its root is taken.
pub const NORM_EPSILON: f64 = 1e-3;
/// The part of a running statistic that stays at each step, Keras' default.
pub const NORM_MOMENTUM: f64 = 0.99;

/// One operation on a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Module {
    /// `x W + b` on `[batch, inputs]`.
    Dense {
        /// Width before.
        inputs: i64,
        /// Width after.
        outputs: i64,
        /// Where both parts lie.
        segment: Segment,
        /// `[inputs, outputs]`
        weight: Slot,
        /// `[1, outputs]`
        bias: Slot,
    },
    /// A 3 x 3 convolution on `[batch, inputs, height, width]`.
    Convolution {
        /// Channels before.
        inputs: i64,
        /// Channels after.
        outputs: i64,
        /// Pixels of zeros added on each side: 1 keeps the size, 0 takes two pixels off.
        padding: i64,
        /// Where both parts lie.
        segment: Segment,
        /// `[outputs, 3, 3, inputs]`: channels last is what libtorch's convolutions are fastest with.
        weight: Slot,
        /// `[outputs]`
        bias: Slot,
    },
    /// `max(x, 0)`
    Relu,
    /// Batch normalisation (Ioffe & Szegedy 2015) of features or channels, with Keras' constants.
    BatchNorm {
        /// Features or channels.
        features: i64,
        /// Where scale and shift lie.
        segment: Segment,
        /// `[features]`
        scale: Slot,
        /// `[features]`
        shift: Slot,
        /// Running mean, `[features]`; not trained.
        mean: Slot,
        /// Running variance, `[features]`; not trained.
        variance: Slot,
    },
    /// The largest of 2 x 2 pixels; at an odd border, of those that there are.
    MaxPool,
    /// Every pixel becomes 2 x 2.
    Upsample,
    /// `[batch, ..]` to `[batch, shape..]`.
    Reshape(Vec<i64>),
}

impl Module {
    /// What is trained: the segment, and its parts in order.
    #[must_use]
    pub fn trained(&self) -> Option<(Segment, [Slot; 2])> {
        match *self {
            Self::Dense {
                segment,
                weight,
                bias,
                ..
            }
            | Self::Convolution {
                segment,
                weight,
                bias,
                ..
            } => Some((segment, [weight, bias])),
            Self::BatchNorm {
                segment,
                scale,
                shift,
                ..
            } => Some((segment, [scale, shift])),
            Self::Relu | Self::MaxPool | Self::Upsample | Self::Reshape(_) => None,
        }
    }
}

/// Statistics of one batch for one batch normalisation.
#[derive(Debug)]
pub(super) struct BatchStatistics {
    pub mean: Slot,
    pub variance: Slot,
    /// Mean and variance of the batch, `[features]` each.
    pub values: [Tensor; 2],
}

/// An autoencoder as a chain of modules. See [`Graph::dense`] and [`Graph::convolutional`].
#[derive(Debug, Clone)]
pub struct Graph {
    /// From `[batch, D]` to `[batch, latent]`.
    pub(super) encoder: Vec<Module>,
    /// From `[batch, latent]` to `[batch, D]`.
    pub(super) decoder: Vec<Module>,
    /// FLOP of a training step per row.
    flop: f64,
}

impl Graph {
    /// The modules of the encoder: `[batch, D]` to `[batch, latent]`.
    #[must_use]
    pub fn encoder(&self) -> &[Module] {
        &self.encoder
    }

    /// The modules of the decoder: `[batch, latent]` to `[batch, D]`.
    #[must_use]
    pub fn decoder(&self) -> &[Module] {
        &self.decoder
    }

    pub(super) fn modules(&self) -> impl Iterator<Item = &Module> {
        self.encoder.iter().chain(&self.decoder)
    }

    /// FLOP of a training step per row, those of the products.
    #[must_use]
    pub fn training_flop(&self) -> f64 {
        self.flop
    }

    /// Glorot-uniform weights, zero biases, and batch normalisations that change nothing yet, for one
    /// model of the cohort; weights layer by layer from one stream.
    pub fn initialise(&self, parameters: &Parameters, model: i64, rng: &mut ChaCha8Rng) {
        let fill = |slot: Slot, value: f64| {
            let _ = parameters.value(slot).select(0, model).fill_(value);
        };
        for module in self.modules() {
            match *module {
                Module::Dense {
                    inputs,
                    outputs,
                    weight,
                    bias,
                    ..
                } => {
                    let drawn = glorot_uniform_of(rng, [inputs, outputs], &[inputs, outputs]);
                    parameters.value(weight).select(0, model).copy_(&drawn);
                    fill(bias, 0.0);
                }
                Module::Convolution {
                    inputs,
                    outputs,
                    weight,
                    bias,
                    ..
                } => {
                    let fans = [inputs * KERNEL * KERNEL, outputs * KERNEL * KERNEL];
                    let shape = [outputs, KERNEL, KERNEL, inputs];
                    let drawn = glorot_uniform_of(rng, fans, &shape);
                    parameters.value(weight).select(0, model).copy_(&drawn);
                    fill(bias, 0.0);
                }
                Module::BatchNorm {
                    scale,
                    shift,
                    mean,
                    variance,
                    ..
                } => {
                    fill(scale, 1.0);
                    fill(shift, 0.0);
                    fill(mean, 0.0);
                    fill(variance, 1.0);
                }
                Module::Relu | Module::MaxPool | Module::Upsample | Module::Reshape(_) => {}
            }
        }
    }

    /// Codes of one model, `[rows, D]` to `[rows, latent]`, by the running statistics.
    pub fn encode(&self, parameters: &Parameters, model: i64, rows: &Tensor) -> Tensor {
        evaluate(&self.encoder, parameters, model, rows)
    }

    /// Reconstructions of one model, `[rows, latent]` to `[rows, D]`, by the running statistics.
    pub fn decode(&self, parameters: &Parameters, model: i64, codes: &Tensor) -> Tensor {
        evaluate(&self.decoder, parameters, model, codes)
    }
}

fn evaluate(modules: &[Module], parameters: &Parameters, model: i64, input: &Tensor) -> Tensor {
    let part = |slot| parameters.value(slot).select(0, model);
    chain(modules, &part, input, None)
}

/// Applies modules one after the other. `part` gives a model's tensors; with `statistics`, batch
/// normalisation goes by the batch's own and notes them there, otherwise by the running ones.
pub(super) fn chain(
    modules: &[Module],
    part: &dyn Fn(Slot) -> Tensor,
    input: &Tensor,
    mut statistics: Option<&mut Vec<BatchStatistics>>,
) -> Tensor {
    let mut x = input.shallow_clone();
    for module in modules {
        x = match *module {
            Module::Dense { weight, bias, .. } => part(bias).addmm(&x, &part(weight)),
            Module::Convolution {
                padding,
                weight,
                bias,
                ..
            } => {
                let kernel = part(weight).permute([0, 3, 1, 2]);
                x.conv2d(&kernel, Some(part(bias)), [1, 1], [padding; 2], [1, 1], 1)
            }
            Module::Relu => x.relu(),
            Module::BatchNorm {
                scale,
                shift,
                mean,
                variance,
                ..
            } => {
                let affine = [scale, shift].map(part);
                match statistics.as_deref_mut() {
                    Some(noted) => {
                        let (y, values) = normalise_by_batch(&x, &affine);
                        noted.push(BatchStatistics {
                            mean,
                            variance,
                            values,
                        });
                        y
                    }
                    None => normalise(&x, &affine, &[mean, variance].map(part)),
                }
            }
            // As TensorFlow's padding "same": the window at an odd border is cut short.
            Module::MaxPool => x.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], true),
            Module::Upsample => {
                let size = x.size();
                x.upsample_nearest2d([2 * size[2], 2 * size[3]], None, None)
            }
            Module::Reshape(ref shape) => {
                let mut shape = shape.clone();
                shape.insert(0, x.size()[0]);
                x.reshape(&shape)
            }
        };
    }
    x
}

fn normalise(x: &Tensor, [scale, shift]: &[Tensor; 2], [mean, variance]: &[Tensor; 2]) -> Tensor {
    let some = |tensor: &Tensor| Some(tensor.shallow_clone());
    let (y, _, _) = x.native_batch_norm(
        some(scale),
        some(shift),
        some(mean),
        some(variance),
        false,
        0.0,
        NORM_EPSILON,
    );
    y
}

/// The batch normalised by its own statistics, and those: mean and biased variance. (TensorFlow's
/// fused kernel for images takes the unbiased one, which is larger by less than 1 in 10 000 here.)
fn normalise_by_batch(x: &Tensor, [scale, shift]: &[Tensor; 2]) -> (Tensor, [Tensor; 2]) {
    let some = |tensor: &Tensor| Some(tensor.shallow_clone());
    let (y, mean, inverse_deviation) = x.native_batch_norm(
        some(scale),
        some(shift),
        None,
        None,
        true,
        0.0,
        NORM_EPSILON,
    );
    let variance = inverse_deviation.detach().square().reciprocal() - NORM_EPSILON;
    (y, [mean.detach(), variance.clamp_min(0.0)])
}

/// Moves a model's running statistics towards those of a batch.
pub(super) fn update_running_statistics(
    parameters: &Parameters,
    model: i64,
    statistics: &[BatchStatistics],
) {
    for noted in statistics {
        let slots = [noted.mean, noted.variance];
        for (slot, value) in slots.into_iter().zip(&noted.values) {
            let mut running = parameters.value(slot).select(0, model);
            // running * momentum + value * (1 - momentum)
            let _ = running.lerp_(value, 1.0 - NORM_MOMENTUM);
        }
    }
}
