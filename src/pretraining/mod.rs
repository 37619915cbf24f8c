//! What networks are trained for before the training that a paper is about: parts that several runs
//! begin with.

pub mod autoencoder;

pub use autoencoder::{AutoencoderPretraining, AutoencoderSettings};
