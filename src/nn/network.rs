//! An autoencoder of either kind, and its training step: hand-written gradients where the network is
//! the plain dense one, libtorch's autograd elsewhere.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use super::autoencoder::Autoencoder;
use super::graph::{Graph, IMAGE_SIDE};
use super::parameters::{Layout, Parameters};
use super::pass::{Pass, Update};
use super::precision::{Precision, Products};
use super::tape::Tape;

/// The kind of autoencoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// Dense layers, as in the papers' experiments.
    #[default]
    Dense,
    /// Convolutions, for images of 28 x 28 pixels (`ConvDESOM`); see [`Graph::convolutional`].
    Convolutional,
}

impl Architecture {
    /// Whether it is the dense one, which settings leave unsaid.
    // The signature is serde's.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What an autoencoder is built from, but for the number of features.
#[derive(Debug, Clone, Copy)]
pub struct Shape<'a> {
    /// Dense or convolutional.
    pub architecture: Architecture,
    /// Batch normalisation after each hidden activation.
    pub batch_norm: bool,
    /// Widths of the encoder's hidden layers, or filters of its three convolutions.
    pub hidden: &'a [i64],
    /// Features of the code.
    pub latent: i64,
}

impl Shape<'_> {
    /// The autoencoder for data of `dims` features, its parameters added to `layout`.
    ///
    /// # Errors
    /// If the architecture is not made for rows of that many features, or not with so many hidden
    /// layers; in words for the user.
    pub fn network(&self, dims: i64, layout: &mut Layout) -> Result<Network, String> {
        if self.architecture == Architecture::Dense && !self.batch_norm {
            let widths = self.widths(dims);
            return Ok(Network::Dense(Autoencoder::new(&widths, layout)));
        }
        self.graph(dims, layout).map(Network::Graph)
    }

    /// The same autoencoder as a chain of modules, whichever it is: parameters of the same names in the
    /// same order.
    ///
    /// # Errors
    /// As [`network`](Self::network).
    pub fn graph(&self, dims: i64, layout: &mut Layout) -> Result<Graph, String> {
        match (self.architecture, self.hidden) {
            (Architecture::Dense, _) => {
                Ok(Graph::dense(&self.widths(dims), self.batch_norm, layout))
            }
            (Architecture::Convolutional, &[a, b, c]) if dims == IMAGE_SIDE * IMAGE_SIDE => Ok(
                Graph::convolutional([a, b, c], self.latent, self.batch_norm, layout),
            ),
            (Architecture::Convolutional, &[_, _, _]) => Err(format!(
                "the convolutional architecture takes images of {IMAGE_SIDE} x {IMAGE_SIDE} pixels, {} \
                 features a row, but this data has {dims}: use the dense one, or resize the images",
                IMAGE_SIDE * IMAGE_SIDE
            )),
            (Architecture::Convolutional, hidden) => Err(format!(
                "the convolutional architecture has three numbers of filters, e.g. 32, 64, 64, not \
                 {hidden:?}"
            )),
        }
    }

    fn widths(&self, dims: i64) -> Vec<i64> {
        let hidden = self.hidden.iter().copied();
        std::iter::once(dims)
            .chain(hidden)
            .chain([self.latent])
            .collect()
    }
}

/// An autoencoder of either kind.
#[derive(Debug, Clone)]
pub enum Network {
    /// Dense layers only: the fast path.
    Dense(Autoencoder),
    /// With convolutions or batch normalisation.
    Graph(Graph),
}

impl Network {
    /// Initial weights for one model of the cohort, layer by layer from one stream.
    pub fn initialise(&self, parameters: &Parameters, model: i64, rng: &mut ChaCha8Rng) {
        match self {
            Self::Dense(network) => network.initialise(parameters, model, rng),
            Self::Graph(graph) => graph.initialise(parameters, model, rng),
        }
    }

    /// Codes of one model: `[rows, D]` to `[rows, latent]`. Batch normalisation goes by its running
    /// statistics.
    pub fn encode(&self, parameters: &Parameters, model: i64, rows: &Tensor) -> Tensor {
        match self {
            Self::Dense(network) => network.encode(parameters, model, rows),
            Self::Graph(graph) => graph.encode(parameters, model, rows),
        }
    }

    /// Reconstructions of one model: `[rows, latent]` to `[rows, D]`. What
    /// [`encode`](Self::encode) gave becomes what the whole autoencoder gives.
    pub fn decode(&self, parameters: &Parameters, model: i64, codes: &Tensor) -> Tensor {
        match self {
            Self::Dense(network) => network.decode(parameters, model, codes),
            Self::Graph(graph) => graph.decode(parameters, model, codes),
        }
    }

    /// Rows to encode or decode at once where there are many: bounds the memory, some hundred megabytes
    /// of images between convolutions.
    #[must_use]
    pub fn rows_at_once(&self) -> i64 {
        match self {
            Self::Dense(_) => 4096,
            Self::Graph(_) => 512,
        }
    }

    /// Whether a step can be taken with such products: autograd's are of 32 bits on a CPU.
    ///
    /// # Errors
    /// If not, in words for the user.
    pub fn check(&self, precision: Precision, device: Device) -> Result<(), String> {
        match (self, precision.products(device)) {
            (Self::Graph(_), Products::Bfloat16) => Err(
                "convolutions and batch normalisation are trained in 32 bits on a CPU: leave out \
                 --precision fast"
                    .to_owned(),
            ),
            _ => Ok(()),
        }
    }

    /// FLOP of a training step per row, those of the products.
    #[must_use]
    pub fn training_flop(&self) -> f64 {
        match self {
            Self::Dense(network) => network.training_flop(),
            Self::Graph(graph) => graph.training_flop(),
        }
    }
}

/// The training step of a [`Network`] on batches of a fixed size; for another size, as of the last batch of a
/// pass, another one.
///
/// In this order, all of them in every step:
///
/// 1. [`forward`](Self::forward), after which [`code`](Self::code) is there;
/// 2. [`backward_decoder`](Self::backward_decoder): the gradient of the reconstruction loss, the **mean** squared
///    error over batch and features, as far as the code. A paper that sums over features has `dims` times this
///    loss: its other terms are then to be weighted by `1 / dims`, and the learning rate of plain SGD, though not of
///    Adam, is to be multiplied by `dims`;
/// 3. what the model adds: the gradient of its own loss with respect to the code is **added to**
///    [`code_delta`](Self::code_delta), and segments of its own are updated, from the parameters as they were in
///    step 1;
/// 4. [`backward_encoder`](Self::backward_encoder): the rest of the way.
///
/// `update` is told of each layer's gradient when that layer is done with (by autograd, of all of them in step 4), and
/// may change its parameters at once; [`reconstruction_losses`](Self::reconstruction_losses) are of step 1 all the same.
#[derive(Debug)]
pub enum Step {
    /// Gradients by hand.
    Pass(Pass),
    /// Gradients by autograd.
    Tape(Tape),
}

impl Step {
    /// Buffers for `network` with `parameters`, batches of `batch` rows and codes of `latent`
    /// features. Autograd's products are not rounded on a CPU, whatever `precision` says.
    #[must_use]
    pub fn new(
        network: &Network,
        parameters: &Parameters,
        batch: i64,
        latent: i64,
        precision: Precision,
    ) -> Self {
        match network {
            Network::Dense(network) => Self::Pass(Pass::new(network, parameters, batch, precision)),
            Network::Graph(graph) => Self::Tape(Tape::new(graph, parameters, batch, latent)),
        }
    }

    /// Encodes and decodes `rows`: `[batch, D]`, the same for all models, or `[models, batch, D]`, each
    /// model's own. So for all calls of a step.
    pub fn forward(&mut self, parameters: &Parameters, rows: &Tensor) {
        match self {
            Self::Pass(pass) => pass.forward(rows),
            Self::Tape(tape) => tape.forward(parameters, rows),
        }
    }

    /// The codes of the last forward pass, `[models, batch, latent]`.
    pub fn code(&self) -> Tensor {
        match self {
            Self::Pass(pass) => pass.code(),
            Self::Tape(tape) => tape.code(),
        }
    }

    /// Where more gradient with respect to the code is added between [`Step::backward_decoder`] and
    /// [`Step::backward_encoder`], `[models, batch, latent]`.
    pub fn code_delta(&self) -> Tensor {
        match self {
            Self::Pass(pass) => pass.code_delta(),
            Self::Tape(tape) => tape.code_delta(),
        }
    }

    /// The way back as far as the code.
    ///
    /// # Errors
    /// Those of `update`.
    pub fn backward_decoder(
        &mut self,
        rows: &Tensor,
        update: &mut Update,
    ) -> Result<(), tch::TchError> {
        match self {
            Self::Pass(pass) => pass.backward_decoder(rows, update),
            // Both halves are differentiated at once, when the code's gradient is complete.
            Self::Tape(_) => Ok(()),
        }
    }

    /// The rest of the way back, from [`Step::code_delta`].
    ///
    /// # Errors
    /// Those of `update`, and whatever libtorch says.
    pub fn backward_encoder(
        &mut self,
        parameters: &Parameters,
        rows: &Tensor,
        update: &mut Update,
    ) -> Result<(), tch::TchError> {
        match self {
            Self::Pass(pass) => pass.backward_encoder(rows, update),
            Self::Tape(tape) => tape.backward(parameters, rows, update),
        }
    }

    /// Mean squared error of the last forward pass on `rows`, for each model.
    #[must_use]
    pub fn reconstruction_losses(&self, rows: &Tensor) -> Vec<f64> {
        match self {
            Self::Pass(pass) => pass.reconstruction_losses(rows),
            Self::Tape(tape) => tape.reconstruction_losses(rows),
        }
    }
}
