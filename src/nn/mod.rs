//! Dense autoencoders over a cohort, with hand-written gradients, and their optimiser.
//!
//! A *cohort* is a number of models of equal shape trained together. All their parameters lie in
//! one flat buffer `[models, parameters]` ([`Parameters`]), so that one fused optimiser call updates
//! everything, a checkpoint is one tensor, and a model of a cohort is one row. A cohort of one is
//! the plain case: its matrices are then two-dimensional views and no batched operator is involved.

pub mod adam;
pub mod autoencoder;
pub mod initial;
pub mod operators;
pub mod parameters;
pub(crate) mod slices;

pub use adam::Adam;
pub use autoencoder::{Autoencoder, Pass};
pub use parameters::{Layout, Parameters, Slot};
