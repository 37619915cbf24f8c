//! One training step of an autoencoder, over a cohort.
//!
//! The network is fixed and small, so its backward pass is written by hand: no graph is recorded,
//! every buffer is allocated once and every product writes into its place. Layer by layer, from the
//! output on: the gradient with respect to the layer's input, then the one with respect to its
//! weights, then the update, while that gradient is still in the cache. All layers share one
//! gradient buffer, so gradients never travel to main memory and back. They are tested against
//! libtorch's autograd.

use std::ops::Range;

use tch::{Device, Kind, Tensor};

use super::autoencoder::{Autoencoder, Dense};
use super::elementwise::{add_bias, back_through_bias, scaled_error};
use super::parameters::{Parameters, Segment, plain};
use super::precision::Precision;
use super::products::multiply;
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
    rounded: Option<Rounded>,
}

/// Extra buffers when products are of rounded numbers (bfloat16): the layers then hold rounded views,
/// and these convert to and from 32 bits.
#[derive(Debug)]
struct Rounded {
    /// The parameters, and their rounded copy.
    parameters: [Tensor; 2],
    /// The rows of the step, `[models, batch, D]`.
    rows: Tensor,
    /// In 32 bits, `[models, batch, latent]`.
    code: Tensor,
    code_delta: Tensor,
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
    /// What the product for the weights' gradient is written to: the gradient itself, or its rounded
    /// form.
    weight_product: Tensor,
    /// `[models, batch, outputs]`, after the activation.
    output: Tensor,
    /// Gradient with respect to the output, then to what enters the activation.
    delta: Tensor,
}

impl Layer {
    /// A layer that multiplies `values`, the parameters or their rounded copy, and writes products
    /// for gradients to `products`, which may be `gradients` themselves.
    fn new(
        layer: &Dense,
        parameters: &Parameters,
        batch: i64,
        values: &Tensor,
        [gradients, products]: [&Tensor; 2],
    ) -> Self {
        let range = parameters.range(layer.segment);
        let segment = |buffer: &Tensor| buffer.narrow(0, 0, range.end - range.start);
        let part =
            |buffer: &Tensor, slot| plain(&parameters.part_of_segment(&segment(buffer), slot));
        let shape = [parameters.models(), batch, layer.outputs];
        let buffer = || plain(&Tensor::zeros(shape, (values.kind(), values.device())));
        let weight = plain(&parameters.part(values, layer.weight));
        Self {
            relu: layer.relu,
            weight_transposed: weight.transpose(-1, -2),
            weight,
            bias: plain(&parameters.part(values, layer.bias)),
            segment: layer.segment,
            weight_gradient: part(gradients, layer.weight),
            bias_gradient: part(gradients, layer.bias),
            weight_product: part(products, layer.weight),
            gradient: segment(gradients),
            output: buffer(),
            delta: buffer(),
        }
    }
}

impl Pass {
    /// Buffers for `network` with `parameters` and batches of `batch` rows.
    #[must_use]
    pub fn new(
        network: &Autoencoder,
        parameters: &Parameters,
        batch: i64,
        precision: Precision,
    ) -> Self {
        let kind = precision.kind(parameters.values.device());
        Self::of_kind(network, parameters, batch, kind)
    }

    fn of_kind(network: &Autoencoder, parameters: &Parameters, batch: i64, kind: Kind) -> Self {
        let device: Device = parameters.values.device();
        let longest = [parameters.longest_segment()];
        let gradients = Tensor::zeros(longest, (Kind::Float, device));
        let (mut values, mut products) =
            (parameters.values.shallow_clone(), gradients.shallow_clone());
        let rounded = (kind != Kind::Float).then(|| {
            values = Tensor::zeros(parameters.values.size(), (kind, device));
            products = Tensor::zeros(longest, (kind, device));
            let inputs = network.layers.first().map_or(0, |layer| layer.inputs);
            let latent = network.layers[network.decoder - 1].outputs;
            let code = [parameters.models(), batch, latent];
            Rounded {
                parameters: [parameters.values.shallow_clone(), values.shallow_clone()],
                rows: Tensor::zeros([parameters.models(), batch, inputs], (kind, device)),
                code: Tensor::zeros(code, (Kind::Float, device)),
                code_delta: Tensor::zeros(code, (Kind::Float, device)),
            }
        });
        let layers = network
            .layers
            .iter()
            .map(|layer| Layer::new(layer, parameters, batch, &values, [&gradients, &products]));
        Self {
            layers: layers.collect(),
            decoder: network.decoder,
            models: parameters.models(),
            batch,
            rounded,
        }
    }

    /// The codes of the last [`Pass::forward`], `[models, batch, latent]`.
    pub fn code(&self) -> Tensor {
        if let Some(rounded) = &self.rounded {
            return rounded.code.shallow_clone();
        }
        self.of_each(&self.layers[self.decoder - 1].output)
    }

    /// Where more gradient with respect to the code is added between [`Pass::backward_decoder`] and
    /// [`Pass::backward_encoder`], `[models, batch, latent]`.
    pub fn code_delta(&self) -> Tensor {
        if let Some(rounded) = &self.rounded {
            return rounded.code_delta.shallow_clone();
        }
        self.of_each(&self.layers[self.decoder - 1].delta)
    }

    /// The reconstructions of the last forward pass, `[models, batch, D]`.
    pub fn output(&self) -> Tensor {
        self.of_each(&self.layers[self.layers.len() - 1].output)
    }

    fn of_each(&self, tensor: &Tensor) -> Tensor {
        tensor.view([self.models, self.batch, -1])
    }

    /// Encodes and decodes `rows`: `[batch, D]`, the same for all models, or `[models, batch, D]`, each
    /// model's own. So for all calls of a step; they need not be of one form.
    pub fn forward(&self, rows: &Tensor) {
        self.encode(rows);
        self.decode();
    }

    /// Encodes `rows`, as [`Pass::forward`] does. [`Pass::code`] may be changed in place before
    /// [`Pass::decode`].
    pub fn encode(&self, rows: &Tensor) {
        if let Some(rounded) = &self.rounded {
            let [values, copy] = &rounded.parameters;
            copy.shallow_clone().copy_(values);
            rounded.rows.shallow_clone().copy_(rows);
        }
        let input = self.input(rows);
        self.through(0..self.decoder, &input);
        if let Some(rounded) = &self.rounded {
            let code = self.of_each(&self.layers[self.decoder - 1].output);
            rounded.code.shallow_clone().copy_(&code);
        }
    }

    /// Decodes the codes of the last [`Pass::encode`].
    pub fn decode(&self) {
        let code = &self.layers[self.decoder - 1].output;
        if let Some(rounded) = &self.rounded {
            self.of_each(code).copy_(&rounded.code);
        }
        self.through(self.decoder..self.layers.len(), code);
    }

    fn through(&self, layers: Range<usize>, input: &Tensor) {
        let mut input = input;
        for layer in &self.layers[layers] {
            multiply(&layer.output, input, &layer.weight);
            add_bias(&layer.output, &layer.bias, layer.relu);
            input = &layer.output;
        }
    }

    /// Gradients of the mean squared error to `rows`, mean over batch and features, for the decoder;
    /// leaves the gradient with respect to the code in [`Pass::code_delta`].
    ///
    /// # Errors
    /// Those of `update`.
    pub fn backward_decoder(
        &self,
        rows: &Tensor,
        update: &mut Update,
    ) -> Result<(), tch::TchError> {
        self.backward_decoder_of(rows, None, update)
    }

    /// As [`Pass::backward_decoder`], with each row's error multiplied by its weight, `[models, batch, 1]`,
    /// held constant: other losses of the rows' errors have such gradients.
    ///
    /// # Errors
    /// Those of `update`.
    pub fn backward_decoder_of(
        &self,
        rows: &Tensor,
        weights: Option<&Tensor>,
        update: &mut Update,
    ) -> Result<(), tch::TchError> {
        let last = &self.layers[self.layers.len() - 1];
        let scale = 2.0 / self.values_of_each(rows);
        scaled_error(&last.delta, &last.output, &as_products(rows), scale);
        if let Some(weights) = weights {
            let _ = self.of_each(&last.delta).g_mul_(weights);
        }
        for index in (self.decoder..self.layers.len()).rev() {
            self.backward(index, &self.layers[index - 1].output, update)?;
        }
        if let Some(rounded) = &self.rounded {
            let delta = self.of_each(&self.layers[self.decoder - 1].delta);
            rounded.code_delta.shallow_clone().copy_(&delta);
        }
        Ok(())
    }

    /// Gradients for the encoder from [`Pass::code_delta`], for the `rows` of the last
    /// [`Pass::forward`].
    ///
    /// # Errors
    /// Those of `update`.
    pub fn backward_encoder(
        &self,
        rows: &Tensor,
        update: &mut Update,
    ) -> Result<(), tch::TchError> {
        if let Some(rounded) = &self.rounded {
            let delta = self.of_each(&self.layers[self.decoder - 1].delta);
            delta.shallow_clone().copy_(&rounded.code_delta);
        }
        for index in (1..self.decoder).rev() {
            self.backward(index, &self.layers[index - 1].output, update)?;
        }
        self.backward(0, &self.input(rows), update)
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
            &layer.weight_product,
            &input.transpose(-1, -2),
            &layer.delta,
        );
        if self.rounded.is_some() {
            layer
                .weight_gradient
                .shallow_clone()
                .copy_(&layer.weight_product);
        }
        update(layer.segment, &layer.gradient)
    }

    /// Mean squared error of the last forward pass on `rows`, for each model.
    #[must_use]
    pub fn reconstruction_losses(&self, rows: &Tensor) -> Vec<f64> {
        let errors = (self.output() - rows).square();
        let errors = errors.sum_dim_intlist(-1, false, Kind::Double);
        let (models, values) = (0..self.models, self.values_of_each(rows));
        models
            .map(|model| ordered_sum(&errors.get(model)) / values)
            .collect()
    }

    /// The rows as the first layer's input: a view for each model, without a copy.
    fn input(&self, rows: &Tensor) -> Tensor {
        let rows = self.rounded.as_ref().map_or(rows, |rounded| &rounded.rows);
        match (self.models, rows.dim()) {
            (2.., 2) => rows.expand([self.models, -1, -1], false),
            _ => as_products(rows),
        }
    }

    /// How many values a model's rows have.
    fn values_of_each(&self, rows: &Tensor) -> f64 {
        let columns = rows.size()[rows.dim() - 1];
        (self.batch * columns) as f64
    }
}

/// Rows without the model dimension that products of a cohort of one lack.
fn as_products(rows: &Tensor) -> Tensor {
    if rows.dim() == 3 {
        plain(rows)
    } else {
        rows.shallow_clone()
    }
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
        own_rows(1, count).get(0)
    }

    /// Of each model its own.
    fn own_rows(models: i64, count: i64) -> Tensor {
        // Not from libtorch's generator, which all tests share.
        let mut draws = stream(Seed(5), "rows of a test");
        let values: Vec<f32> = (0..models * count * 12)
            .map(|_| crate::random::unit(&mut draws))
            .collect();
        Tensor::from_slice(&values).view([models, count, 12])
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

    /// The gradients of [`autograd`]'s loss by a pass whose products are of `kind`, and by autograd.
    fn gradients(models: i64, x: &Tensor, kind: Kind) -> [Tensor; 2] {
        let (network, parameters) = cohort(models);
        let ours = by_hand(&network, &parameters, x, kind);
        let expected = autograd(&network, &parameters, &x.copy());
        [ours, expected]
    }

    fn by_hand(network: &Autoencoder, parameters: &Parameters, x: &Tensor, kind: Kind) -> Tensor {
        let batch = x.size()[x.dim() - 2];
        let pass = Pass::of_kind(network, parameters, batch, kind);
        let ours = parameters.values.zeros_like();
        let mut update = |segment: Segment, gradient: &Tensor| {
            let range = parameters.range(segment);
            ours.narrow(0, range.start, range.end - range.start)
                .copy_(gradient);
            Ok(())
        };
        pass.forward(x);
        pass.backward_decoder(x, &mut update).unwrap();
        let _ = pass.code_delta().g_add_scalar_(0.01);
        pass.backward_encoder(x, &mut update).unwrap();
        ours
    }

    #[test]
    fn gradients_agree_with_autograd() {
        for (models, batch) in [(1, 7), (1, 32), (3, 7), (3, 32)] {
            for x in [rows(batch), own_rows(models, batch)] {
                let [ours, expected] = gradients(models, &x, Kind::Float);
                let scale = expected.abs().max().double_value(&[]);
                let worst = (ours - expected).abs().max().double_value(&[]);
                assert!(scale > 1e-3);
                assert!(worst <= 1e-6 * scale.max(1.0), "{worst} of {scale}");
            }
        }
    }

    /// Each with rows of its own, as if it were alone; a cohort of one to the last bit.
    #[test]
    fn models_of_a_cohort_do_not_touch_one_another() {
        for (models, batch) in [(1, 7), (3, 32)] {
            let (network, parameters) = cohort(models);
            let x = own_rows(models, batch);
            let together = by_hand(&network, &parameters, &x, Kind::Float);
            for model in 0..models {
                let alone = Parameters::zeros(parameters.layout().clone(), 1, Device::Cpu);
                let floats = parameters.model_of(&parameters.values, model);
                alone.set_model_of(&alone.values, 0, &floats);
                let expected = by_hand(&network, &alone, &x.get(model), Kind::Float);
                let expected = alone.model_of(&expected, 0);
                let found = parameters.model_of(&together, model);
                assert!(found.allclose(&expected, 1e-5, 1e-7, false), "{model}");
                assert!(models > 1 || found == expected);
            }
        }
    }

    #[test]
    fn losses_are_those_of_each_model_s_rows() {
        let (network, parameters) = cohort(3);
        let x = own_rows(3, 5);
        let pass = Pass::new(&network, &parameters, 5, Precision::Exact);
        pass.forward(&x);
        for (model, loss) in (0..).zip(pass.reconstruction_losses(&x)) {
            let code = network.encode(&parameters, model, &x.get(model));
            let error = network.decode(&parameters, model, &code) - x.get(model);
            let expected = error.square().mean(Kind::Double).double_value(&[]);
            assert!((loss - expected).abs() < 1e-6, "{model}");
        }
    }

    /// Six layers there and back, each rounding its numbers to 8 bits: the error of the whole is a few
    /// times that of one rounding.
    #[test]
    fn gradients_of_rounded_numbers_are_as_close_as_their_bits_allow() {
        for (models, x) in [(1, rows(32)), (3, rows(7)), (3, own_rows(3, 7))] {
            let [ours, expected] = gradients(models, &x, Kind::BFloat16);
            let error = (&ours - &expected).norm().double_value(&[]);
            let error = error / expected.norm().double_value(&[]);
            let rounding = 0.5_f64.powi(8);
            assert!(error < 8.0 * rounding, "{error}");
            assert!(error > rounding / 8.0, "nothing was rounded: {error}");
        }
    }

    #[test]
    fn a_code_changed_in_between_is_what_is_decoded() {
        let (network, parameters) = cohort(2);
        let x = rows(5);
        for kind in [Kind::Float, Kind::BFloat16] {
            let pass = Pass::of_kind(&network, &parameters, 5, kind);
            pass.encode(&x);
            let _ = pass.code().zero_();
            pass.decode();
            for model in 0..2 {
                let nothing = Tensor::zeros([5, 3], (Kind::Float, Device::Cpu));
                let expected = network.decode(&parameters, model, &nothing);
                let output = pass.output().get(model).to_kind(Kind::Float);
                assert!(output.allclose(&expected, 1e-2, 1e-3, false));
            }
        }
    }

    #[test]
    fn a_pass_agrees_with_encode_and_decode() {
        let (network, parameters) = cohort(2);
        let x = rows(9);
        let pass = Pass::new(&network, &parameters, 9, Precision::Exact);
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
