//! A dense autoencoder over a cohort: forward, backward, encode, decode.
//!
//! Encoder `D - hidden.. - latent`, decoder mirrored; `ReLU` on every hidden layer, linear code and
//! linear output. The network is fixed and small, so its backward pass is written by hand: no graph
//! is recorded, every buffer of a step is allocated once ([`Pass`]) and every product writes into
//! its place. The gradients are tested against libtorch's autograd.

use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

use super::initial::glorot_uniform;
use super::parameters::{Layout, Parameters, Slot, plain};

#[derive(Debug, Clone)]
struct Dense {
    inputs: i64,
    outputs: i64,
    relu: bool,
    /// `[inputs, outputs]`
    weight: Slot,
    /// `[1, outputs]`
    bias: Slot,
}

/// The shape of an autoencoder and where its weights lie in a [`Layout`].
#[derive(Debug, Clone)]
pub struct Autoencoder {
    layers: Vec<Dense>,
    /// The first layer of the decoder: its input is the code.
    decoder: usize,
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
                inputs: pair[0],
                outputs: pair[1],
                relu: index + 1 != decoder && index + 1 != count,
                weight: layout.add(format!("{name}.weight"), &[pair[0], pair[1]]),
                bias: layout.add(format!("{name}.bias"), &[1, pair[1]]),
            });
        }
        Self { layers, decoder }
    }

    /// Number of input features.
    #[must_use]
    pub fn inputs(&self) -> i64 {
        self.layers[0].inputs
    }

    /// Number of latent features.
    #[must_use]
    pub fn latent(&self) -> i64 {
        self.layers[self.decoder].inputs
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
        for layer in &self.layers {
            let weight = glorot_uniform(rng, layer.inputs, layer.outputs);
            let mut row = parameters.value(layer.weight).select(0, model);
            row.copy_(&weight);
            let _ = parameters.value(layer.bias).select(0, model).zero_();
        }
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

    /// The buffers and views of a training step on batches of `batch` rows.
    #[must_use]
    pub fn pass(&self, parameters: &Parameters, batch: i64) -> Pass {
        let device = parameters.values.device();
        let layers = self.layers.iter();
        let layers = layers.map(|layer| PassLayer::new(layer, parameters, batch, device));
        Pass {
            layers: layers.collect(),
            decoder: self.decoder,
            batch,
            ones: plain(
                &Tensor::ones([1, batch], (Kind::Float, device))
                    .unsqueeze(0)
                    .repeat([parameters.models(), 1, 1]),
            ),
        }
    }
}

/// One layer of a [`Pass`]. For a cohort of one every tensor lacks the model dimension.
#[derive(Debug)]
struct PassLayer {
    relu: bool,
    weight: Tensor,
    weight_transposed: Tensor,
    bias: Tensor,
    weight_gradient: Tensor,
    bias_gradient: Tensor,
    /// `[models, batch, outputs]`, after the activation.
    output: Tensor,
    /// Gradient of the loss with respect to the output, then to what enters the activation.
    delta: Tensor,
}

impl PassLayer {
    fn new(layer: &Dense, parameters: &Parameters, batch: i64, device: Device) -> Self {
        let shape = [parameters.models(), batch, layer.outputs];
        let buffer = || plain(&Tensor::zeros(shape, (Kind::Float, device)));
        let weight = plain(&parameters.value(layer.weight));
        Self {
            relu: layer.relu,
            weight_transposed: weight.transpose(-1, -2),
            weight,
            bias: plain(&parameters.value(layer.bias)),
            weight_gradient: plain(&parameters.gradient(layer.weight)),
            bias_gradient: plain(&parameters.gradient(layer.bias)),
            output: buffer(),
            delta: buffer(),
        }
    }
}

/// The buffers of one training step; their size never changes.
#[derive(Debug)]
pub struct Pass {
    layers: Vec<PassLayer>,
    decoder: usize,
    batch: i64,
    ones: Tensor,
}

impl Pass {
    /// Rows of a batch.
    #[must_use]
    pub fn batch(&self) -> i64 {
        self.batch
    }

    /// The codes of the last [`Pass::forward`], `[models, batch, latent]` (`[batch, latent]` for a
    /// cohort of one).
    pub fn code(&self) -> &Tensor {
        &self.layers[self.decoder - 1].output
    }

    /// Where an additional gradient with respect to the code goes between
    /// [`Pass::backward_decoder`] and [`Pass::backward_encoder`]: same shape as the code.
    pub fn code_delta(&self) -> &Tensor {
        &self.layers[self.decoder - 1].delta
    }

    /// [`Pass::code`] with the model dimension, also for a cohort of one.
    pub fn code_of_each(&self) -> Tensor {
        self.of_each(self.code())
    }

    /// [`Pass::code_delta`] with the model dimension, also for a cohort of one.
    pub fn code_delta_of_each(&self) -> Tensor {
        self.of_each(self.code_delta())
    }

    fn of_each(&self, tensor: &Tensor) -> Tensor {
        tensor.view([-1, self.batch, tensor.size()[tensor.dim() - 1]])
    }

    /// The reconstructions of the last forward pass, `[models, batch, D]`.
    pub fn output(&self) -> &Tensor {
        &self.layers[self.layers.len() - 1].output
    }

    /// Encodes and decodes `rows` `[batch, D]`, the same for all models.
    pub fn forward(&self, rows: &Tensor) {
        let mut input = self.shared(rows);
        for layer in &self.layers {
            affine(&layer.output, &input, &layer.weight, &layer.bias);
            input = layer.output.shallow_clone();
            if layer.relu {
                let _ = input.relu_();
            }
        }
    }

    /// Gradients of the mean squared error, mean over batch and features, for the decoder; leaves
    /// the gradient with respect to the code in [`Pass::code_delta`].
    pub fn backward_decoder(&self, rows: &Tensor) {
        let last = &self.layers[self.layers.len() - 1];
        let mut delta = last.output.sub_out(&last.delta, rows);
        let _ = delta.g_mul_scalar_(2.0 / (rows.size()[0] * rows.size()[1]) as f64);
        for index in (self.decoder..self.layers.len()).rev() {
            self.backward_layer(index, &self.layers[index - 1].output);
        }
    }

    /// Gradients for the encoder from [`Pass::code_delta`].
    pub fn backward_encoder(&self, rows: &Tensor) {
        for index in (0..self.decoder).rev() {
            if index == 0 {
                self.backward_layer(0, &self.shared(rows));
            } else {
                self.backward_layer(index, &self.layers[index - 1].output);
            }
        }
    }

    fn backward_layer(&self, index: usize, input: &Tensor) {
        let layer = &self.layers[index];
        multiply(
            &layer.weight_gradient,
            &input.transpose(-1, -2),
            &layer.delta,
        );
        multiply(&layer.bias_gradient, &self.ones, &layer.delta);
        if index == 0 {
            return;
        }
        let below = &self.layers[index - 1];
        multiply(&below.delta, &layer.delta, &layer.weight_transposed);
        if below.relu {
            let _ = below
                .output
                .threshold_backward_grad_input(&below.delta, &below.delta, 0.0);
        }
    }

    /// Mean squared error of the last forward pass on `rows`, `[models]`.
    pub fn reconstruction_loss(&self, rows: &Tensor) -> Tensor {
        let error = (self.output() - rows).square();
        let models = error.numel() as i64 / rows.numel() as i64;
        error.view([models, -1]).mean_dim(1, false, Kind::Float)
    }

    /// The rows as the first layer's input: a view for each model, without a copy.
    fn shared(&self, rows: &Tensor) -> Tensor {
        match self.layers[0].weight.dim() {
            3 => rows.expand([self.layers[0].weight.size()[0], -1, -1], false),
            _ => rows.shallow_clone(),
        }
    }
}

fn multiply(out: &Tensor, a: &Tensor, b: &Tensor) {
    let _ = match out.dim() {
        2 => a.mm_out(out, b),
        _ => a.bmm_out(out, b),
    };
}

fn affine(out: &Tensor, input: &Tensor, weight: &Tensor, bias: &Tensor) {
    let _ = match out.dim() {
        2 => bias.addmm_out(out, input, weight),
        _ => bias.baddbmm_out(out, input, weight),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Seed, stream};

    fn cohort(models: i64) -> (Autoencoder, Parameters) {
        let mut layout = Layout::default();
        let network = Autoencoder::new(&[12, 20, 16, 3], &mut layout);
        let parameters = Parameters::zeros(layout, models, Device::Cpu);
        for model in 0..models {
            network.initialise(
                &parameters,
                model,
                &mut stream(Seed(model as u64), "weights"),
            );
        }
        (network, parameters)
    }

    fn rows(count: i64) -> Tensor {
        tch::manual_seed(5);
        Tensor::rand([count, 12], (Kind::Float, Device::Cpu))
    }

    /// Gradients of mean((decode(encode(x)) - x)^2) + sum(extra * code) by autograd.
    fn autograd(network: &Autoencoder, parameters: &Parameters, model: i64, x: &Tensor) -> Tensor {
        let values = parameters.values.narrow(0, model, 1).copy();
        let values = values.set_requires_grad(true);
        let tracked = Parameters {
            layout: parameters.layout.clone(),
            values: values.shallow_clone(),
            gradients: values.zeros_like(),
        };
        let functional = |layers: &[Dense], input: &Tensor| {
            layers.iter().fold(input.shallow_clone(), |input, layer| {
                let output = input.matmul(&tracked.value(layer.weight).select(0, 0))
                    + tracked.value(layer.bias).select(0, 0);
                if layer.relu { output.relu() } else { output }
            })
        };
        let code = functional(&network.layers[..network.decoder], x);
        let output = functional(&network.layers[network.decoder..], &code);
        let loss = (output - x).square().mean(Kind::Float) + (code * 0.01).sum(Kind::Float);
        loss.backward();
        values.grad()
    }

    #[test]
    fn gradients_agree_with_autograd() {
        let (network, parameters) = cohort(3);
        for batch in [7, 32] {
            let x = rows(batch);
            let pass = network.pass(&parameters, batch);
            pass.forward(&x);
            pass.backward_decoder(&x);
            let _ = pass.code_delta().shallow_clone().g_add_scalar_(0.01);
            pass.backward_encoder(&x);
            for model in 0..3 {
                let expected = autograd(&network, &parameters, model, &x);
                let ours = parameters.gradients.narrow(0, model, 1);
                let scale = expected.abs().max().double_value(&[]);
                let worst = (ours - expected).abs().max().double_value(&[]);
                assert!(worst <= 1e-6 * scale.max(1.0), "{worst} of {scale}");
                assert!(scale > 1e-3);
            }
        }
    }

    #[test]
    fn a_pass_agrees_with_encode_and_decode() {
        let (network, parameters) = cohort(2);
        let x = rows(9);
        let pass = network.pass(&parameters, 9);
        pass.forward(&x);
        for model in 0..2 {
            let code = network.encode(&parameters, model, &x);
            let output = network.decode(&parameters, model, &code);
            assert!(pass.code().get(model).allclose(&code, 1e-5, 1e-6, false));
            assert!(
                pass.output()
                    .get(model)
                    .allclose(&output, 1e-5, 1e-6, false)
            );
            let loss = (output - &x).square().mean(Kind::Float).double_value(&[]);
            let ours = pass.reconstruction_loss(&x).double_value(&[model]);
            assert!((loss - ours).abs() < 1e-6);
        }
    }

    #[test]
    fn the_flop_of_a_step_are_those_of_its_products() {
        let (network, _) = cohort(1);
        // 12-20-16-3-16-20-12: forward, weight gradients, and input gradients but for the first.
        let products = 12 * 20 + 20 * 16 + 16 * 3 + 3 * 16 + 16 * 20 + 20 * 12;
        assert!((network.training_flop() - f64::from(2 * (3 * products - 240))).abs() < 1e-9);
    }
}
