//! Dense autoencoders over a cohort, with hand-written gradients, and their optimisers.
//!
//! A *cohort* is a number of models of equal shape trained together. All their parameters lie in
//! one flat buffer ([`Parameters`]), layer by layer, so that one fused optimiser call updates a layer
//! of all models. A cohort of one is the plain case: its matrices are then two-dimensional views and
//! no batched operator is involved.

pub mod adam;
pub mod autoencoder;
pub mod elementwise;
pub mod initial;
pub mod operators;
pub mod parameters;
pub mod pass;
pub mod precision;
pub mod products;
pub mod sgd;
pub(crate) mod slices;
pub mod state;

pub use adam::Adam;
pub use autoencoder::Autoencoder;
pub use initial::Initial;
pub use parameters::{Layout, Parameters, Segment, Slot};
pub use pass::Pass;
pub use precision::{Precision, Products};
pub use sgd::Sgd;
