//! The networks of SOM-VAE: one encoder, a decoder of codes, and a decoder of their nearest embeddings.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::convolution::Convolution;
use crate::nn::initial::{glorot_uniform, truncated_normal};
use crate::nn::{Layout, Parameters, Slot};

/// Height and width of the images that the convolutions are made for.
const SIDE: i64 = 28;
/// Pixels of a convolution's window, each way.
const WINDOW: i64 = 4;
/// What the biases of convolutions begin with, and the spread of their weights.
const CONVOLUTION_START: f64 = 0.1;
/// The spread of the embeddings at the start.
const EMBEDDING_SPREAD: f32 = 0.05;

/// The kind of network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SomVaeArchitecture {
    /// For images of 28 x 28 pixels. Encoder: twice a 4 x 4 convolution, `ReLU` and the largest of 2 x 2
    /// pixels (28 - 14 - 7), then a linear layer. Decoders: a linear layer to 7 x 7, doubling, a 4 x 4
    /// convolution with `ReLU`, doubling, a 4 x 4 convolution to one channel and a sigmoid.
    Convolutional,
    /// Dense layers with `ReLU`, that of the code included; decoders mirrored, with a sigmoid at the end.
    Dense,
}

/// One operation on a batch. Convolutions are 4 x 4 and on images as in [`super::convolution`].
#[derive(Debug)]
enum Layer {
    /// `x W + b`
    Linear {
        weight: Slot,
        bias: Slot,
    },
    Convolution {
        weight: Slot,
        bias: Slot,
        convolution: Convolution,
    },
    Relu,
    Sigmoid,
    /// The largest of 2 x 2 pixels.
    Pool,
    /// Rows to images: `[batch, D]` to `[side, side, batch, channels]`, with a last axis where there are several.
    Image {
        side: i64,
        channels: Option<i64>,
    },
    /// The way back.
    Rows,
}

/// Where the parameters of a model lie, and how they are used.
#[derive(Debug)]
pub(super) struct Network {
    encoder: Vec<Layer>,
    /// Of the nearest embeddings.
    quantised: Vec<Layer>,
    /// Of the codes themselves.
    direct: Vec<Layer>,
    /// `[units, latent]`
    pub embeddings: Slot,
}

/// What a network is built from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan<'a> {
    pub architecture: SomVaeArchitecture,
    /// Filters of every convolution but the last.
    pub filters: i64,
    /// Widths of the dense encoder's hidden layers.
    pub hidden: &'a [i64],
    pub latent: i64,
    pub units: i64,
}

struct Builder<'a> {
    layout: &'a mut Layout,
    half: &'static str,
    number: usize,
    layers: Vec<Layer>,
}

impl<'a> Builder<'a> {
    fn new(layout: &'a mut Layout, half: &'static str) -> Self {
        Self {
            layout,
            half,
            number: 0,
            layers: Vec::new(),
        }
    }

    fn add(&mut self, shape: &[i64], bias: &[i64]) -> (Slot, Slot) {
        let name = format!("{}.{}", self.half, self.number);
        self.number += 1;
        let weight = self.layout.add(format!("{name}.weight"), shape);
        (weight, self.layout.add(format!("{name}.bias"), bias))
    }

    fn linear(&mut self, inputs: i64, outputs: i64) {
        let (weight, bias) = self.add(&[inputs, outputs], &[1, outputs]);
        self.layers.push(Layer::Linear { weight, bias });
    }

    fn convolution(&mut self, inputs: i64, outputs: i64, convolution: Convolution) {
        let (weight, bias) = self.add(&[WINDOW, WINDOW, inputs, outputs], &[outputs]);
        self.layers.push(Layer::Convolution {
            weight,
            bias,
            convolution,
        });
    }

    fn then(&mut self, layers: impl IntoIterator<Item = Layer>) {
        self.layers.extend(layers);
    }
}

impl Network {
    /// A network for rows of `dims` features, its parameters added to `layout` as one segment.
    ///
    /// # Errors
    /// If the convolutions are not made for rows of that many features; in words for the user.
    pub fn new(plan: Plan, dims: i64, layout: &mut Layout) -> Result<Self, String> {
        if plan.architecture == SomVaeArchitecture::Convolutional && dims != SIDE * SIDE {
            return Err(format!(
                "the convolutional SOM-VAE takes images of {SIDE} x {SIDE} pixels, {} features a row, but \
                 this data has {dims}: use the dense one",
                SIDE * SIDE
            ));
        }
        let mut half = |name: &'static str, build: fn(&mut Builder, &Plan, i64)| {
            let mut builder = Builder::new(layout, name);
            build(&mut builder, &plan, dims);
            builder.layers
        };
        Ok(Self {
            encoder: half("encoder", encoder),
            quantised: half("decoder.quantised", decoder),
            direct: half("decoder.direct", decoder),
            embeddings: layout.add("som.prototypes", &[plan.units, plan.latent]),
        })
    }

    /// Codes, `[batch, D]` to `[batch, latent]`; `part` gives a model's tensors.
    pub fn encode(&self, part: &dyn Fn(Slot) -> Tensor, rows: &Tensor) -> Tensor {
        chain(&self.encoder, part, rows)
    }

    /// Reconstructions of codes.
    pub fn decode(&self, part: &dyn Fn(Slot) -> Tensor, codes: &Tensor) -> Tensor {
        chain(&self.direct, part, codes)
    }

    /// Reconstructions of embeddings.
    pub fn decode_quantised(&self, part: &dyn Fn(Slot) -> Tensor, embeddings: &Tensor) -> Tensor {
        chain(&self.quantised, part, embeddings)
    }

    /// Initial weights: convolutions and embeddings from truncated normal distributions (0.1 and 0.05,
    /// biases of convolutions 0.1), linear layers Glorot-uniform with zero biases, layer by layer from
    /// one stream.
    pub fn initialise(&self, parameters: &Parameters, rng: &mut ChaCha8Rng) {
        let halves = [&self.encoder, &self.quantised, &self.direct];
        for layer in halves.into_iter().flatten() {
            let (weight, bias, drawn, start) = match *layer {
                Layer::Linear { weight, bias } => {
                    let size = parameters.value(weight).size();
                    (weight, bias, glorot_uniform(rng, size[1], size[2]), 0.0)
                }
                Layer::Convolution { weight, bias, .. } => {
                    let size = &parameters.value(weight).size()[1..];
                    let drawn = truncated_normal(rng, CONVOLUTION_START as f32, size);
                    (weight, bias, drawn, CONVOLUTION_START)
                }
                _ => continue,
            };
            parameters.value(weight).select(0, 0).copy_(&drawn);
            let _ = parameters.value(bias).fill_(start);
        }
        let mut embeddings = parameters.value(self.embeddings).select(0, 0);
        embeddings.copy_(&truncated_normal(rng, EMBEDDING_SPREAD, &embeddings.size()));
    }
}

fn encoder(builder: &mut Builder, plan: &Plan, dims: i64) {
    if plan.architecture == SomVaeArchitecture::Dense {
        for pair in widths(plan, dims).windows(2) {
            builder.linear(pair[0], pair[1]);
            builder.then([Layer::Relu]);
        }
        return;
    }
    let filters = plan.filters;
    let channels = None;
    builder.then([Layer::Image {
        side: SIDE,
        channels,
    }]);
    // ReLU of the largest is the largest ReLU, at a quarter of the pixels.
    builder.convolution(1, filters, Convolution::from_one(SIDE));
    builder.then([Layer::Pool, Layer::Relu]);
    builder.convolution(filters, filters, Convolution::between(SIDE / 2));
    builder.then([Layer::Pool, Layer::Relu, Layer::Rows]);
    builder.linear(filters * SIDE * SIDE / 16, plan.latent);
}

fn decoder(builder: &mut Builder, plan: &Plan, dims: i64) {
    if plan.architecture == SomVaeArchitecture::Dense {
        let mut widths = widths(plan, dims);
        widths.reverse();
        for pair in widths.windows(2) {
            builder.linear(pair[0], pair[1]);
            builder.then([Layer::Relu]);
        }
        builder.layers.pop();
        builder.then([Layer::Sigmoid]);
        return;
    }
    let (filters, side) = (plan.filters, SIDE / 4);
    builder.linear(plan.latent, filters * side * side);
    let channels = Some(filters);
    builder.then([Layer::Image { side, channels }]);
    builder.convolution(filters, filters, Convolution::between_doubled(side));
    builder.then([Layer::Relu]);
    builder.convolution(filters, 1, Convolution::doubled_to_one(2 * side));
    builder.then([Layer::Sigmoid, Layer::Rows]);
}

/// The encoder's widths, from the features to the code.
fn widths(plan: &Plan, dims: i64) -> Vec<i64> {
    let hidden = plan.hidden.iter().copied();
    std::iter::once(dims)
        .chain(hidden)
        .chain([plan.latent])
        .collect()
}

fn chain(layers: &[Layer], part: &dyn Fn(Slot) -> Tensor, input: &Tensor) -> Tensor {
    layers
        .iter()
        .fold(input.shallow_clone(), |x, layer| match *layer {
            Layer::Linear { weight, bias } => part(bias).addmm(&x, &part(weight)),
            Layer::Convolution {
                weight,
                bias,
                ref convolution,
            } => convolution.apply(&x, &part(weight), &part(bias)),
            Layer::Relu => x.relu(),
            Layer::Sigmoid => x.sigmoid(),
            Layer::Pool => pool(&x),
            Layer::Image { side, channels } => {
                let mut shape = vec![x.size()[0], side, side];
                shape.extend(channels);
                let axes: &[i64] = if channels.is_some() {
                    &[1, 2, 0, 3]
                } else {
                    &[1, 2, 0]
                };
                x.reshape(&shape).permute(axes).contiguous()
            }
            Layer::Rows => {
                let axes: &[i64] = if x.dim() > 3 {
                    &[2, 0, 1, 3]
                } else {
                    &[2, 0, 1]
                };
                x.permute(axes).reshape([x.size()[2], -1])
            }
        })
}

/// The largest of 2 x 2 pixels of images `[rows, columns, batch, channels]`.
fn pool(x: &Tensor) -> Tensor {
    let [rows, columns, batch, channels] = [0, 1, 2, 3].map(|axis| x.size()[axis]);
    // To libtorch one image of many channels, each pixel's beside one another: that is fast.
    let one = x.reshape([1, rows, columns, batch * channels]);
    let one = one.permute([0, 3, 1, 2]);
    let one = one.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false);
    let shape = [rows / 2, columns / 2, batch, channels];
    one.permute([0, 2, 3, 1]).reshape(shape)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::random;
    use tch::{Device, Kind};

    /// The network beside one put together of libtorch's own layers, from the same weights.
    #[test]
    fn the_convolutional_network_is_that_of_the_authors() {
        let plan = Plan {
            architecture: SomVaeArchitecture::Convolutional,
            filters: 3,
            hidden: &[],
            latent: 4,
            units: 6,
        };
        let mut layout = Layout::default();
        let _ = layout.segment();
        let network = Network::new(plan, SIDE * SIDE, &mut layout).unwrap();
        let parameters = Parameters::zeros(layout, 1, Device::Cpu);
        network.initialise(&parameters, &mut random::stream(random::Seed(1), "weights"));
        let part = |slot: Slot| parameters.value(slot).select(0, 0);
        let named = |name: &str| {
            let mut slots = parameters.layout().slots();
            part(slots.find(|(known, _)| *known == name).unwrap().1)
        };
        let convolved = |x: &Tensor, name: &str| {
            let weight = named(&format!("{name}.weight")).permute([3, 2, 0, 1]);
            let bias = named(&format!("{name}.bias"));
            let padded = x.constant_pad_nd([1, 2, 1, 2]);
            padded.conv2d(&weight, Some(&bias), [1, 1], [0, 0], [1, 1], 1)
        };
        let linear = |x: &Tensor, name: &str| {
            let bias = named(&format!("{name}.bias"));
            bias.addmm(x, &named(&format!("{name}.weight")))
        };
        let rows = random::uniform(2, &[5, SIDE * SIDE]);
        let pooled = |x: &Tensor| x.relu().max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false);
        let x = pooled(&convolved(&rows.view([5, 1, SIDE, SIDE]), "encoder.0"));
        let x = pooled(&convolved(&x, "encoder.1"));
        // TensorFlow's images end with their channels.
        let flat = x.permute([0, 2, 3, 1]).reshape([5, -1]);
        let code = linear(&flat, "encoder.2");
        let apart = |a: &Tensor, b: &Tensor| (a - b).abs().max().double_value(&[]);
        assert!(code.std(true).double_value(&[]) > 0.01);
        assert!(apart(&network.encode(&part, &rows), &code) < 1e-5);

        let code = random::uniform(3, &[5, 4]) * 20.0 - 10.0;
        let side = SIDE / 4;
        let x = linear(&code, "decoder.direct.0").view([5, side, side, 3]);
        let doubled = |x: &Tensor| {
            let side = 2 * x.size()[2];
            x.upsample_nearest2d([side, side], None, None)
        };
        let x = convolved(&doubled(&x.permute([0, 3, 1, 2])), "decoder.direct.1").relu();
        let image = convolved(&doubled(&x), "decoder.direct.2").sigmoid();
        let image = image.view([5, -1]);
        assert!(image.std(true).double_value(&[]) > 0.01);
        let decoded = network.decode(&part, &code);
        assert_eq!(decoded.size(), [5, SIDE * SIDE]);
        assert!(apart(&decoded, &image.to_kind(Kind::Float)) < 1e-5);
    }
}
