//! One training step of an autoencoder, over a cohort.
//!
//! The network is fixed and small, so its backward pass is written by hand: no graph is recorded,
//! every buffer is allocated once and every product writes into its place. Layer by layer, from the
//! output on: the gradient with respect to the layer's input, then the one with respect to its
//! weights, then the update, while that gradient is still in the cache. All layers share one
//! gradient buffer, so gradients never travel to main memory and back. They are tested against
//! libtorch's autograd.

use tch::{Device, Kind, Tensor};

use super::autoencoder::{Autoencoder, Dense};
use super::elementwise::{add_bias, back_through_bias, scaled_error};
use super::parameters::{Parameters, Segment, plain};
use super::slices::ordered_sum;

/// Told of each gradient when it is there: the segment, and the gradient laid out as it is.
pub type Update<'a> = dyn FnMut(Segment, &Tensor) -> Result<(), tch::TchError> + 'a;

/// The buffers of one training step on batches of a fixed size; views of the parameters included.
#[derive(Debug)]
pub struct Pass {
    layers: Vec<Layer>,
    decoder: usize,
    models: i64,
    batch: i64,
}

/// For a cohort of one every tensor lacks the model dimension.
#[derive(Debug)]
struct Layer {
    relu: bool,
    weight: Tensor,
    weight_transposed: Tensor,
    bias: Tensor,
    segment: Segment,
    /// The gradient of the segment, in the buffer that all layers share, and its two parts.
    gradient: Tensor,
    weight_gradient: Tensor,
    bias_gradient: Tensor,
    /// `[models, batch, outputs]`, after the activation.
    output: Tensor,
    /// Gradient with respect to the output, then to what enters the activation.
    delta: Tensor,
}

impl Layer {
    fn new(layer: &Dense, parameters: &Parameters, batch: i64, gradients: &Tensor) -> Self {
        let range = parameters.range(layer.segment);
        let gradient = gradients.narrow(0, 0, range.end - range.start);
        let part = |slot| plain(&parameters.part_of_segment(&gradient, slot));
        let shape = [parameters.models(), batch, layer.outputs];
        let buffer = || plain(&Tensor::zeros(shape, (Kind::Float, gradients.device())));
        let weight = plain(&parameters.value(layer.weight));
        Self {
            relu: layer.relu,
            weight_transposed: weight.transpose(-1, -2),
            weight,
            bias: plain(&parameters.value(layer.bias)),
            segment: layer.segment,
            weight_gradient: part(layer.weight),
            bias_gradient: part(layer.bias),
            gradient,
            output: buffer(),
            delta: buffer(),
        }
    }
}

impl Pass {
    /// Buffers for `network` with `parameters` and batches of `batch` rows.
    #[must_use]
    pub fn new(network: &Autoencoder, parameters: &Parameters, batch: i64) -> Self {
        let device: Device = parameters.values.device();
        let gradients = Tensor::zeros([parameters.longest_segment()], (Kind::Float, device));
        let layers = network.layers.iter();
        let layers = layers.map(|layer| Layer::new(layer, parameters, batch, &gradients));
        Self {
            layers: layers.collect(),
            decoder: network.decoder,
            models: parameters.models(),
            batch,
        }
    }

    /// The codes of the last [`Pass::forward`], `[models, batch, latent]`.
    pub fn code(&self) -> Tensor {
        self.of_each(&self.layers[self.decoder - 1].output)
    }

    /// Where more gradient with respect to the code is added between [`Pass::backward_decoder`] and
    /// [`Pass::backward_encoder`], `[models, batch, latent]`.
    pub fn code_delta(&self) -> Tensor {
        self.of_each(&self.layers[self.decoder - 1].delta)
    }

    /// The reconstructions of the last forward pass, `[models, batch, D]`.
    pub fn output(&self) -> Tensor {
        self.of_each(&self.layers[self.layers.len() - 1].output)
    }

    fn of_each(&self, tensor: &Tensor) -> Tensor {
        tensor.view([self.models, self.batch, -1])
    }

    /// Encodes and decodes `rows` `[batch, D]`, the same for all models.
    pub fn forward(&self, rows: &Tensor) {
        let shared = self.shared(rows);
        let mut input = &shared;
        for layer in &self.layers {
            multiply(&layer.output, input, &layer.weight);
            add_bias(&layer.output, &layer.bias, layer.relu);
            input = &layer.output;
        }
    }

    /// Gradients of the mean squared error, mean over batch and features, for the decoder; leaves
    /// the gradient with respect to the code in [`Pass::code_delta`].
    ///
    /// # Errors
    /// Those of `update`.
    pub fn backward_decoder(
        &self,
        rows: &Tensor,
        update: &mut Update,
    ) -> Result<(), tch::TchError> {
        let last = &self.layers[self.layers.len() - 1];
        let scale = 2.0 / rows.numel() as f64;
        scaled_error(&last.delta, &last.output, rows, scale);
        for index in (self.decoder..self.layers.len()).rev() {
            self.backward(index, &self.layers[index - 1].output, update)?;
        }
        Ok(())
    }

    /// Gradients for the encoder from [`Pass::code_delta`].
    ///
    /// # Errors
    /// Those of `update`.
    pub fn backward_encoder(
        &self,
        rows: &Tensor,
        update: &mut Update,
    ) -> Result<(), tch::TchError> {
        for index in (1..self.decoder).rev() {
            self.backward(index, &self.layers[index - 1].output, update)?;
        }
        self.backward(0, &self.shared(rows), update)
    }

    fn backward(
        &self,
        index: usize,
        input: &Tensor,
        update: &mut Update,
    ) -> Result<(), tch::TchError> {
        let layer = &self.layers[index];
        back_through_bias(
            &layer.delta,
            &layer.output,
            layer.relu,
            &layer.bias_gradient,
        );
        if index > 0 {
            // Before the update: this product needs the weights as they were.
            multiply(
                &self.layers[index - 1].delta,
                &layer.delta,
                &layer.weight_transposed,
            );
        }
        multiply(
            &layer.weight_gradient,
            &input.transpose(-1, -2),
            &layer.delta,
        );
        update(layer.segment, &layer.gradient)
    }

    /// Mean squared error of the last forward pass on `rows`, for each model.
    #[must_use]
    pub fn reconstruction_losses(&self, rows: &Tensor) -> Vec<f64> {
        let errors = (self.output() - rows).square();
        let errors = errors.sum_dim_intlist(-1, false, Kind::Double);
        let models = 0..self.models;
        models
            .map(|model| ordered_sum(&errors.get(model)) / rows.numel() as f64)
            .collect()
    }

    /// The rows as the first layer's input: a view for each model, without a copy.
    fn shared(&self, rows: &Tensor) -> Tensor {
        match self.models {
            1 => rows.shallow_clone(),
            models => rows.expand([models, -1, -1], false),
        }
    }
}

fn multiply(out: &Tensor, a: &Tensor, b: &Tensor) {
    let _ = match out.dim() {
        2 => a.mm_out(out, b),
        _ => a.bmm_out(out, b),
    };
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::nn::Layout;
    use crate::random::{Seed, stream};

    fn cohort(models: i64) -> (Autoencoder, Parameters) {
        let mut layout = Layout::default();
        let network = Autoencoder::new(&[12, 20, 16, 3], &mut layout);
        let parameters = Parameters::zeros(layout, models, Device::Cpu);
        for model in 0..models {
            let mut weights = stream(Seed(model as u64), "weights");
            network.initialise(&parameters, model, &mut weights);
        }
        (network, parameters)
    }

    fn rows(count: i64) -> Tensor {
        tch::manual_seed(5);
        Tensor::rand([count, 12], (Kind::Float, Device::Cpu))
    }

    /// Gradients of `mean((decode(encode(x)) - x)^2) + sum(0.01 code)` by autograd, for all models.
    fn autograd(network: &Autoencoder, parameters: &Parameters, x: &Tensor) -> Tensor {
        let (layout, models) = (parameters.layout().clone(), parameters.models());
        let mut tracked = Parameters::zeros(layout, models, Device::Cpu);
        tracked.values = parameters.values.copy().set_requires_grad(true);
        let functional = |layers: &[Dense], input: &Tensor| {
            layers.iter().fold(input.shallow_clone(), |input, layer| {
                let output = input.matmul(&tracked.value(layer.weight)) + tracked.value(layer.bias);
                if layer.relu { output.relu() } else { output }
            })
        };
        let code = functional(&network.layers[..network.decoder], x);
        let output = functional(&network.layers[network.decoder..], &code);
        let error = (output - x)
            .square()
            .mean_dim([1, 2].as_slice(), false, Kind::Float);
        (error.sum(Kind::Float) + (code * 0.01).sum(Kind::Float)).backward();
        tracked.values.grad()
    }

    #[test]
    fn gradients_agree_with_autograd() {
        for (models, batch) in [(1, 7), (1, 32), (3, 7), (3, 32)] {
            let (network, parameters) = cohort(models);
            let x = rows(batch);
            let pass = Pass::new(&network, &parameters, batch);
            let ours = parameters.values.zeros_like();
            let mut update = |segment: Segment, gradient: &Tensor| {
                let range = parameters.range(segment);
                ours.narrow(0, range.start, range.end - range.start)
                    .copy_(gradient);
                Ok(())
            };
            pass.forward(&x);
            pass.backward_decoder(&x, &mut update).unwrap();
            let _ = pass.code_delta().g_add_scalar_(0.01);
            pass.backward_encoder(&x, &mut update).unwrap();
            let expected = autograd(&network, &parameters, &x);
            let scale = expected.abs().max().double_value(&[]);
            let worst = (ours - expected).abs().max().double_value(&[]);
            assert!(scale > 1e-3);
            assert!(worst <= 1e-6 * scale.max(1.0), "{worst} of {scale}");
        }
    }

    #[test]
    fn a_pass_agrees_with_encode_and_decode() {
        let (network, parameters) = cohort(2);
        let x = rows(9);
        let pass = Pass::new(&network, &parameters, 9);
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
            let ours = pass.reconstruction_losses(&x)[model as usize];
            assert!((loss - ours).abs() < 1e-6);
        }
    }
}
