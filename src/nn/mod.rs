//! Autoencoders over a cohort, their training steps, and their optimisers.
//!
//! The plain dense autoencoder has hand-written gradients ([`Pass`]); networks with convolutions or
//! batch normalisation are differentiated by libtorch ([`Tape`]). [`Network`] and [`Step`] are either.
//!
//! A *cohort* is a number of models of equal shape trained together. All their parameters lie in
//! one flat buffer ([`Parameters`]), layer by layer, so that one fused optimiser call updates a layer
//! of all models. A cohort of one is the plain case: its matrices are then two-dimensional views and
//! no batched operator is involved.

pub mod adam;
pub mod autoencoder;
pub mod elementwise;
pub mod graph;
pub mod initial;
pub mod network;
pub mod operators;
pub mod parameters;
pub mod pass;
pub mod precision;
pub mod products;
pub mod sgd;
pub(crate) mod slices;
pub mod state;
pub mod tape;

pub use adam::Adam;
pub use autoencoder::Autoencoder;
pub use graph::{Graph, Module};
pub use initial::Initial;
pub use network::{Architecture, Network, Shape, Step};
pub use parameters::{Layout, Parameters, Segment, Slot};
pub use pass::Pass;
pub use precision::{Precision, Products};
pub use sgd::Sgd;
pub use tape::Tape;
