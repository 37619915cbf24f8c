//! The shape of a dense autoencoder, its initial weights, encoding and decoding.
//!
//! Encoder `D - hidden.. - latent`, decoder mirrored; `ReLU` on every hidden layer, linear code and
//! linear output. Training steps are in [`super::pass`].

use rand_chacha::ChaCha8Rng;
use tch::Tensor;

use super::initial::Initial;
use super::parameters::{Layout, Parameters, Segment, Slot};

/// A dense layer: `relu(x W + b)`, or `x W + b`.
#[derive(Debug, Clone)]
pub(super) struct Dense {
    pub(super) inputs: i64,
    pub(super) outputs: i64,
    pub(super) relu: bool,
    pub(super) segment: Segment,
    /// `[inputs, outputs]`
    pub(super) weight: Slot,
    /// `[1, outputs]`
    pub(super) bias: Slot,
}

/// The shape of an autoencoder and where its weights lie in a [`Layout`].
#[derive(Debug, Clone)]
pub struct Autoencoder {
    pub(super) layers: Vec<Dense>,
    /// The first layer of the decoder: its input is the code.
    pub(super) decoder: usize,
}

impl Autoencoder {
    /// An autoencoder with the encoder widths `[D, hidden.., latent]`, its parameters added to
    /// `layout`.
    #[must_use]
    pub fn new(widths: &[i64], layout: &mut Layout) -> Self {
        let mirrored = widths.iter().rev().skip(1);
        let all: Vec<i64> = widths.iter().chain(mirrored).copied().collect();
        let decoder = widths.len() - 1;
        let count = all.len() - 1;
        let mut layers = Vec::with_capacity(count);
        for (index, pair) in all.windows(2).enumerate() {
            let name = if index < decoder {
                format!("encoder.{index}")
            } else {
                format!("decoder.{}", index - decoder)
            };
            layers.push(Dense {
                segment: layout.segment(),
                inputs: pair[0],
                outputs: pair[1],
                relu: index + 1 != decoder && index + 1 != count,
                weight: layout.add(format!("{name}.weight"), &[pair[0], pair[1]]),
                bias: layout.add(format!("{name}.bias"), &[1, pair[1]]),
            });
        }
        Self { layers, decoder }
    }

    /// Multiply-adds of one sample in forward and backward, times two: the FLOP of a training step
    /// per row (the first layer needs no gradient with respect to its input).
    #[must_use]
    pub fn training_flop(&self) -> f64 {
        let products = self.layers.iter().map(|layer| layer.inputs * layer.outputs);
        let all: i64 = products.sum();
        let first = self.layers[0].inputs * self.layers[0].outputs;
        (2 * (3 * all - first)) as f64
    }

    /// Glorot-uniform weights and zero biases for one model of the cohort, layer by layer from one
    /// stream.
    pub fn initialise(&self, parameters: &Parameters, model: i64, rng: &mut ChaCha8Rng) {
        self.initialise_as(Initial::Glorot, parameters, model, rng);
    }

    /// As [`Autoencoder::initialise`], with weights drawn from another distribution.
    pub fn initialise_as(
        &self,
        initial: Initial,
        parameters: &Parameters,
        model: i64,
        rng: &mut ChaCha8Rng,
    ) {
        for layer in &self.layers {
            let weight = initial.draw(rng, layer.inputs, layer.outputs);
            let mut row = parameters.value(layer.weight).select(0, model);
            row.copy_(&weight);
            let _ = parameters.value(layer.bias).select(0, model).zero_();
        }
    }

    /// How many layers the encoder has; the decoder mirrors them.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.decoder
    }

    /// The autoencoder of one hidden layer that encoder layer `depth`, from 0, and its mirror image make:
    /// they keep their places in the layout, and their activations.
    ///
    /// # Panics
    /// If there is no such layer: a bug of the caller.
    #[must_use]
    pub fn pair(&self, depth: usize) -> Self {
        let mirror = self.layers.len() - 1 - depth;
        Self {
            layers: vec![self.layers[depth].clone(), self.layers[mirror].clone()],
            decoder: 1,
        }
    }

    /// What enters encoder layer `depth` of one model: `[rows, D]` to `[rows, inputs]`.
    pub fn encode_to(
        &self,
        depth: usize,
        parameters: &Parameters,
        model: i64,
        rows: &Tensor,
    ) -> Tensor {
        Self::chain(&self.layers[..depth], parameters, model, rows)
    }

    /// Codes of one model: `[rows, D]` to `[rows, latent]`.
    pub fn encode(&self, parameters: &Parameters, model: i64, rows: &Tensor) -> Tensor {
        Self::chain(&self.layers[..self.decoder], parameters, model, rows)
    }

    /// Reconstructions of one model: `[rows, latent]` to `[rows, D]`.
    pub fn decode(&self, parameters: &Parameters, model: i64, codes: &Tensor) -> Tensor {
        Self::chain(&self.layers[self.decoder..], parameters, model, codes)
    }

    fn chain(layers: &[Dense], parameters: &Parameters, model: i64, input: &Tensor) -> Tensor {
        layers.iter().fold(input.shallow_clone(), |input, layer| {
            let weight = parameters.value(layer.weight).select(0, model);
            let bias = parameters.value(layer.bias).select(0, model);
            let mut output = bias.addmm(&input, &weight);
            if layer.relu {
                let _ = output.relu_();
            }
            output
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_a_layer_and_its_mirror_image() {
        let network = Autoencoder::new(&[12, 20, 16, 3], &mut Layout::default());
        let shape = |pair: &Autoencoder| {
            let layers = pair.layers.iter();
            layers
                .map(|layer| (layer.inputs, layer.outputs, layer.relu))
                .collect::<Vec<_>>()
        };
        // The first reconstruction and the code are linear.
        assert_eq!(shape(&network.pair(0)), [(12, 20, true), (20, 12, false)]);
        assert_eq!(shape(&network.pair(1)), [(20, 16, true), (16, 20, true)]);
        assert_eq!(shape(&network.pair(2)), [(16, 3, false), (3, 16, true)]);
    }

    #[test]
    fn the_flop_of_a_step_are_those_of_its_products() {
        let network = Autoencoder::new(&[12, 20, 16, 3], &mut Layout::default());
        // 12-20-16-3-16-20-12: forward, weight gradients, and input gradients but for the first.
        let products = 12 * 20 + 20 * 16 + 16 * 3 + 3 * 16 + 16 * 20 + 20 * 12;
        assert!((network.training_flop() - f64::from(2 * (3 * products - 240))).abs() < 1e-9);
    }
}
