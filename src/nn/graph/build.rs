//! The two kinds of autoencoder that a [`Graph`] is built for.

use super::{Graph, Module};
use crate::nn::parameters::Layout;

/// Pixels of a convolution's window, each way.
pub const KERNEL: i64 = 3;
/// Height and width of the images that the convolutional autoencoder is made for.
pub const IMAGE_SIDE: i64 = 28;

/// Adds modules and their parameters one after the other.
struct Builder<'a> {
    layout: &'a mut Layout,
    /// `encoder` or `decoder`.
    half: &'static str,
    /// Dense layers and convolutions so far: the next one's number.
    number: usize,
    modules: Vec<Module>,
    /// Multiply-adds of the products per row, forward.
    products: i64,
}

impl<'a> Builder<'a> {
    fn new(layout: &'a mut Layout, half: &'static str) -> Self {
        Self {
            layout,
            half,
            number: 0,
            modules: Vec::new(),
            products: 0,
        }
    }

    fn name(&self) -> String {
        format!("{}.{}", self.half, self.number)
    }

    fn dense(&mut self, inputs: i64, outputs: i64) {
        let name = self.name();
        self.products += inputs * outputs;
        self.modules.push(Module::Dense {
            inputs,
            outputs,
            segment: self.layout.segment(),
            weight: self
                .layout
                .add(format!("{name}.weight"), &[inputs, outputs]),
            bias: self.layout.add(format!("{name}.bias"), &[1, outputs]),
        });
        self.number += 1;
    }

    /// A convolution whose result has `side` x `side` pixels.
    fn convolution(&mut self, inputs: i64, outputs: i64, padding: i64, side: i64) {
        let name = self.name();
        let shape = [outputs, KERNEL, KERNEL, inputs];
        self.products += shape.iter().product::<i64>() * side * side;
        self.modules.push(Module::Convolution {
            inputs,
            outputs,
            padding,
            segment: self.layout.segment(),
            weight: self.layout.add(format!("{name}.weight"), &shape),
            bias: self.layout.add(format!("{name}.bias"), &[outputs]),
        });
        self.number += 1;
    }

    /// The activation of the layer before, and its batch normalisation.
    fn activation(&mut self, features: i64, batch_norm: bool) {
        self.modules.push(Module::Relu);
        if !batch_norm {
            return;
        }
        let name = format!("{}.{}.norm", self.half, self.number - 1);
        let segment = self.layout.segment();
        let scale = self.layout.add(format!("{name}.weight"), &[features]);
        let shift = self.layout.add(format!("{name}.bias"), &[features]);
        // A segment of its own, which no gradient is ever there for.
        self.layout.segment();
        self.modules.push(Module::BatchNorm {
            features,
            segment,
            scale,
            shift,
            mean: self.layout.add(format!("{name}.running_mean"), &[features]),
            variance: self.layout.add(format!("{name}.running_var"), &[features]),
        });
    }

    fn push(&mut self, module: Module) {
        self.modules.push(module);
    }

    fn stack(&mut self, widths: &[i64], batch_norm: bool) {
        let count = widths.len() - 1;
        for (index, pair) in widths.windows(2).enumerate() {
            self.dense(pair[0], pair[1]);
            if index + 1 != count {
                self.activation(pair[1], batch_norm);
            }
        }
    }
}

impl Graph {
    /// The dense autoencoder of [`crate::nn::Autoencoder`], with batch normalisation after each
    /// hidden activation if wanted; `widths` are the encoder's, `[D, hidden.., latent]`. Parameters
    /// that both have are called the same and drawn alike.
    #[must_use]
    pub fn dense(widths: &[i64], batch_norm: bool, layout: &mut Layout) -> Self {
        let mut encoder = Builder::new(layout, "encoder");
        encoder.stack(widths, batch_norm);
        let (encoder, forward) = (encoder.modules, encoder.products);
        let mirrored: Vec<i64> = widths.iter().rev().copied().collect();
        let mut decoder = Builder::new(layout, "decoder");
        decoder.stack(&mirrored, batch_norm);
        let first = widths.first().zip(widths.get(1)).map_or(0, |(a, b)| a * b);
        Self {
            flop: flop(forward + decoder.products, first),
            decoder: decoder.modules,
            encoder,
        }
    }

    /// The autoencoder of `ConvDESOM`, for images of 28 x 28 pixels given as rows of 784.
    ///
    /// Encoder: for each of the three numbers of `filters` a 3 x 3 convolution that keeps the size,
    /// `ReLU`, and the largest of 2 x 2 pixels (28 - 14 - 7 - 4); then a linear layer to the code.
    /// Decoder: a linear layer to 4 x 4 pixels; convolution, `ReLU` and doubling with the last, the
    /// second and the first number of filters, the third of them without padding (4 - 8 - 16 - 14 -
    /// 28); a linear convolution to one channel. Batch normalisation after each activation if wanted.
    #[must_use]
    pub fn convolutional(
        filters: [i64; 3],
        latent: i64,
        batch_norm: bool,
        layout: &mut Layout,
    ) -> Self {
        let mut encoder = Builder::new(layout, "encoder");
        encoder.push(Module::Reshape(vec![1, IMAGE_SIDE, IMAGE_SIDE]));
        let (mut channels, mut side) = (1, IMAGE_SIDE);
        for count in filters {
            encoder.convolution(channels, count, 1, side);
            encoder.activation(count, batch_norm);
            encoder.push(Module::MaxPool);
            (channels, side) = (count, (side + 1) / 2);
        }
        let flat = channels * side * side;
        encoder.push(Module::Reshape(vec![flat]));
        encoder.dense(flat, latent);
        let (encoder, forward) = (encoder.modules, encoder.products);

        let mut decoder = Builder::new(layout, "decoder");
        decoder.dense(latent, flat);
        decoder.push(Module::Reshape(vec![channels, side, side]));
        for (index, count) in filters.into_iter().enumerate().rev() {
            let padding = i64::from(index != 0);
            side -= 2 * (1 - padding);
            decoder.convolution(channels, count, padding, side);
            decoder.activation(count, batch_norm);
            decoder.push(Module::Upsample);
            (channels, side) = (count, 2 * side);
        }
        decoder.convolution(channels, 1, 1, side);
        decoder.push(Module::Reshape(vec![side * side]));
        let first = filters[0] * KERNEL * KERNEL * IMAGE_SIDE * IMAGE_SIDE;
        Self {
            flop: flop(forward + decoder.products, first),
            decoder: decoder.modules,
            encoder,
        }
    }
}

/// Forward, weight gradients and input gradients, but for the first layer's input.
fn flop(products: i64, first: i64) -> f64 {
    (2 * (3 * products - first)) as f64
}
