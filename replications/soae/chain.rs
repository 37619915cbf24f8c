//! Half an autoencoder: dense layers with `ReLU` between them and a linear end, gradients by hand.
//!
//! The networks of the harness ([`crate::nn`]) step encoder and decoder at once; here one of them stands
//! still while the other learns, and something else lies between the two.

use rand_chacha::ChaCha8Rng;
use tch::{Device, Tensor};

use crate::nn::adam::AdamOptions;
use crate::nn::initial::glorot_uniform;
use crate::nn::{Adam, Layout, Parameters, Segment, Slot, state};
use crate::runs::checkpoint::Named;

struct Layer {
    segment: Segment,
    weight: Slot,
    bias: Slot,
}

/// Dense layers with their parameters and their optimiser.
pub(super) struct Chain {
    name: &'static str,
    layers: Vec<Layer>,
    pub parameters: Parameters,
    adam: Adam,
}

impl Chain {
    /// Layers of these widths; parameters are named `<name>.0.weight` `[inputs, outputs]`,
    /// `<name>.0.bias`, ... Weights are zero.
    pub fn new(name: &'static str, widths: &[i64], adam: AdamOptions, device: Device) -> Self {
        let mut layout = Layout::default();
        let layers = widths.windows(2).enumerate().map(|(index, pair)| Layer {
            segment: layout.segment(),
            weight: layout.add(format!("{name}.{index}.weight"), &[pair[0], pair[1]]),
            bias: layout.add(format!("{name}.{index}.bias"), &[1, pair[1]]),
        });
        let layers = layers.collect();
        let parameters = Parameters::zeros(layout, 1, device);
        Self {
            adam: Adam::new(adam, &parameters.values),
            name,
            layers,
            parameters,
        }
    }

    /// Glorot-uniform weights, layer by layer from one stream; biases stay zero.
    pub fn initialise(&self, rng: &mut ChaCha8Rng) {
        for layer in &self.layers {
            let mut weight = self.part(layer.weight);
            let size = weight.size();
            weight.copy_(&glorot_uniform(rng, size[0], size[1]));
        }
    }

    fn part(&self, slot: Slot) -> Tensor {
        self.parameters.value(slot).select(0, 0)
    }

    /// The input and what each layer makes of it; the last is the output.
    pub fn forward(&self, input: &Tensor) -> Vec<Tensor> {
        let mut all = vec![input.shallow_clone()];
        for (index, layer) in self.layers.iter().enumerate() {
            let y = self
                .part(layer.bias)
                .addmm(&all[index], &self.part(layer.weight));
            all.push(if index + 1 < self.layers.len() {
                y.relu()
            } else {
                y
            });
        }
        all
    }

    /// The output alone.
    pub fn apply(&self, input: &Tensor) -> Tensor {
        let mut all = self.forward(input);
        all.pop().unwrap_or_else(|| input.shallow_clone())
    }

    /// The gradient with respect to the input of the last `forward`, from that with respect to its output.
    /// Nothing learns.
    pub fn through(&self, all: &[Tensor], delta: &Tensor) -> Tensor {
        let mut delta = delta.shallow_clone();
        for (index, layer) in self.layers.iter().enumerate().rev() {
            delta = self.before(index, layer, all, &delta);
        }
        delta
    }

    /// One step of Adam along the gradient that `delta`, that of the output, comes to. Gives the gradient
    /// with respect to the input, of the parameters before the step, if asked for.
    pub fn learn(
        &mut self,
        all: &[Tensor],
        delta: &Tensor,
        want_input: bool,
    ) -> Result<Option<Tensor>, tch::TchError> {
        self.adam.next_step();
        let mut delta = delta.shallow_clone();
        // A product, because libtorch's sums can depend on the number of threads.
        let ones = Tensor::ones([1, delta.size()[0]], (delta.kind(), delta.device()));
        for (index, layer) in self.layers.iter().enumerate().rev() {
            let weight = all[index].tr().f_mm(&delta)?;
            let bias = ones.f_mm(&delta)?;
            let gradient = Tensor::cat(&[weight.reshape([-1]), bias.reshape([-1])], 0);
            let before = (index > 0 || want_input).then(|| self.before(index, layer, all, &delta));
            let range = self.parameters.range(layer.segment);
            self.adam
                .update(&self.parameters.values, range, &gradient)?;
            match before {
                Some(before) => delta = before,
                None => return Ok(None),
            }
        }
        Ok(Some(delta))
    }

    fn before(&self, index: usize, layer: &Layer, all: &[Tensor], delta: &Tensor) -> Tensor {
        let before = delta.mm(&self.part(layer.weight).tr());
        if index == 0 {
            return before;
        }
        before * all[index].gt(0.0)
    }

    pub fn is_finite(&self) -> bool {
        state::is_finite(&self.parameters, &self.adam, 0)
    }

    /// Parameters and moments, for a checkpoint.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let named = state::state(&self.parameters, &self.adam, 0).into_iter();
        named
            .map(|(name, value)| (format!("{}.{name}", self.name), value))
            .collect()
    }

    /// Whether [`Chain::restore`] would find everything.
    pub fn fits(&self, stored: &Named) -> Result<(), String> {
        state::fits(&self.parameters, &self.adam, &self.own(stored))
            .map_err(|reason| format!("{}: {reason}", self.name))
    }

    /// Puts back what [`Chain::state`] gave after so many steps of this chain. Nothing has changed if it cannot.
    pub fn restore(&mut self, steps: u64, stored: &Named) -> Result<(), String> {
        let own = self.own(stored);
        state::restore(&self.parameters, &mut self.adam, 0, steps, &own)
            .map_err(|reason| format!("{}: {reason}", self.name))
    }

    /// What is this chain's of a checkpoint.
    fn own(&self, stored: &Named) -> Named {
        let own = stored.iter().filter_map(|(name, value)| {
            let name = name.strip_prefix(self.name)?.strip_prefix('.')?;
            Some((name.to_owned(), value.shallow_clone()))
        });
        own.collect()
    }
}
