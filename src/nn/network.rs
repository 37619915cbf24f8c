//! An autoencoder of either kind, and its training step: hand-written gradients where the network is
//! the plain dense one, libtorch's autograd elsewhere.

use rand_chacha::ChaCha8Rng;
use tch::Tensor;

use super::autoencoder::Autoencoder;
use super::graph::Graph;
use super::parameters::Parameters;
use super::pass::{Pass, Update};
use super::precision::Precision;
use super::tape::Tape;

/// The shape of an autoencoder.
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

    /// FLOP of a training step per row, those of the products.
    #[must_use]
    pub fn training_flop(&self) -> f64 {
        match self {
            Self::Dense(network) => network.training_flop(),
            Self::Graph(graph) => graph.training_flop(),
        }
    }
}

/// The training step of a [`Network`] on batches of a fixed size.
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

    /// Encodes and decodes `rows` `[batch, D]`, the same for all models.
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
