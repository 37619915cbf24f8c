//! The networks of SOM-VAE: one encoder, a decoder of codes, and a decoder of their nearest embeddings.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tch::Tensor;

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

/// One operation on a batch.
#[derive(Debug, Clone)]
enum Layer {
    /// `x W + b`
    Linear {
        weight: Slot,
        bias: Slot,
    },
    /// 4 x 4, with the size kept as TensorFlow's padding "same" does: one pixel of zeros before, two after.
    Convolution {
        weight: Slot,
        bias: Slot,
    },
    /// The same convolution of an image whose pixels each become 2 x 2: see [`of_doubled`].
    DoubledConvolution {
        weight: Slot,
        bias: Slot,
    },
    Relu,
    Sigmoid,
    /// The largest of 2 x 2 pixels.
    Pool,
    /// `[batch, ..]` to `[batch, shape..]`
    Reshape(Vec<i64>),
}

/// Where the parameters of a model lie, and how they are used.
#[derive(Debug, Clone)]
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

    fn convolution(&mut self, inputs: i64, outputs: i64) {
        let (weight, bias) = self.add(&[outputs, inputs, WINDOW, WINDOW], &[outputs]);
        self.layers.push(Layer::Convolution { weight, bias });
    }

    fn doubled_convolution(&mut self, inputs: i64, outputs: i64) {
        let (weight, bias) = self.add(&[outputs, inputs, WINDOW, WINDOW], &[outputs]);
        self.layers.push(Layer::DoubledConvolution { weight, bias });
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
                Layer::Convolution { weight, bias }
                | Layer::DoubledConvolution { weight, bias } => {
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
    builder.then([Layer::Reshape(vec![1, SIDE, SIDE])]);
    for inputs in [1, filters] {
        builder.convolution(inputs, filters);
        // ReLU of the largest is the largest ReLU, at a quarter of the pixels.
        builder.then([Layer::Pool, Layer::Relu]);
    }
    let flat = filters * SIDE * SIDE / 16;
    builder.then([Layer::Reshape(vec![flat])]);
    builder.linear(flat, plan.latent);
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
    builder.then([Layer::Reshape(vec![filters, side, side])]);
    builder.doubled_convolution(filters, filters);
    builder.then([Layer::Relu]);
    builder.doubled_convolution(filters, 1);
    builder.then([Layer::Sigmoid, Layer::Reshape(vec![dims])]);
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
            Layer::Convolution { weight, bias } => {
                convolve(&x.constant_pad_nd([1, 2, 1, 2]), &part(weight), &part(bias))
            }
            Layer::DoubledConvolution { weight, bias } => {
                of_doubled(&x, &part(weight), &part(bias))
            }
            Layer::Relu => x.relu(),
            Layer::Sigmoid => x.sigmoid(),
            Layer::Pool => x.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false),
            Layer::Reshape(ref shape) => {
                let mut whole = vec![x.size()[0]];
                whole.extend(shape);
                x.reshape(&whole)
            }
        })
}

/// A convolution without padding, `[batch, inputs, rows, columns]`.
fn convolve(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Tensor {
    x.conv2d(weight, Some(bias), [1, 1], [0, 0], [1, 1], 1)
}

/// The 4 x 4 convolution, padded by 1 before and 2 after, of `x` `[batch, inputs, rows, columns]` with each
/// pixel doubled both ways: `[batch, outputs, 2 rows, 2 columns]`.
///
/// The image of doubled pixels is not made. Along each axis the four weights at an even place fall on three
/// pixels of `x`, and at an odd place on two,
///
/// ```text
/// even: w0 x[k-1] + (w1 + w2) x[k] + w3 x[k+1]        odd: (w0 + w1) x[k] + (w2 + w3) x[k+1]
/// ```
///
/// so the four kinds of places are four small convolutions of `x`, 25 products for 4 pixels in place of 64.
fn of_doubled(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Tensor {
    let padded = x.constant_pad_nd([1, 1, 1, 1]);
    let [batch, outputs] = [x.size()[0], weight.size()[0]];
    let [rows, columns] = [x.size()[2], x.size()[3]];
    let kinds = [0, 1].map(|down| {
        let weight = summed(weight, 2, down);
        let padded = padded.narrow(2, down, rows + 2 - down);
        [0, 1].map(|right| {
            let weight = summed(&weight, 3, right);
            let padded = padded.narrow(3, right, columns + 2 - right);
            convolve(&padded, &weight, bias)
        })
    });
    let across = kinds.map(|[even, odd]| Tensor::stack(&[even, odd], -1));
    let size = [batch, outputs, 2 * rows, 2 * columns];
    Tensor::stack(&across, 3).reshape(size)
}

/// Weights that fall on one pixel along an axis, added: those of even places if `odd` is 0.
fn summed(weight: &Tensor, axis: i64, odd: i64) -> Tensor {
    let at = |place| weight.narrow(axis, place, 1);
    if odd == 0 {
        Tensor::cat(&[at(0), at(1) + at(2), at(3)], axis)
    } else {
        Tensor::cat(&[at(0) + at(1), at(2) + at(3)], axis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use tch::Kind;

    fn apart(a: &Tensor, b: &Tensor) -> f64 {
        (a - b).abs().max().double_value(&[])
    }

    /// Value and gradients, beside those of the image with its pixels doubled. Rows and columns differ, so that
    /// they cannot be mistaken for each other.
    #[test]
    fn a_convolution_of_doubled_pixels_does_not_need_them() {
        let uniform = |seed, size: &[i64]| {
            let values = random::uniform(seed, size).to_kind(Kind::Double) - 0.5;
            values.set_requires_grad(true)
        };
        let (x, bias) = (uniform(1, &[2, 3, 4, 5]), uniform(2, &[6]));
        let weight = uniform(3, &[6, 3, WINDOW, WINDOW]);
        let doubled = x.upsample_nearest2d([8, 10], None, None);
        let plain = convolve(&doubled.constant_pad_nd([1, 2, 1, 2]), &weight, &bias);
        let short = of_doubled(&x, &weight, &bias);
        assert_eq!(short.size(), [2, 6, 8, 10]);
        assert!(apart(&short, &plain) < 1e-12);
        let towards = random::uniform(4, &[2, 6, 8, 10]).to_kind(Kind::Double);
        let gradients = |of: &Tensor| {
            let loss = (of * &towards).sum(Kind::Double);
            Tensor::run_backward(&[loss], &[&x, &weight, &bias], false, false)
        };
        for (short, plain) in gradients(&short).iter().zip(gradients(&plain)) {
            assert!(plain.abs().max().double_value(&[]) > 0.1);
            assert!(apart(short, &plain) < 1e-12);
        }
    }
}
