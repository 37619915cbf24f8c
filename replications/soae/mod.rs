//! SOAE: self-organising autoencoder, an unfinished draft. Encoder and decoder trained in turns, with a
//! neighbourhood kernel on the plane, the torus or the sphere between them. The draft has no numbers; the
//! experiments are ours.

mod agreement;
mod chain;
mod controls;
mod embedding;
#[cfg(test)]
mod embedding_tests;
mod experiments;
mod held_out;
mod latent;
mod lattice;
mod method;
mod model;
mod neighbours;
mod pictures;
mod settings;
mod shown;

pub use agreement::label_agreement;
pub use embedding::Space;
pub use experiments::Experiment;
pub use lattice::{Kernel, LatticeSettings, LatticeSom, Learning, Nodes, Som};
pub use method::Soae;
pub use neighbours::{Neighbourhoods, neighbourhoods};
pub use settings::{Settings, Training};

use crate::claims::{Error, Published};

/// The paper's numbers and claims.
///
/// # Errors
/// If `paper.toml` is wrong.
pub fn published() -> Result<Published, Error> {
    Published::parse("replications/soae/paper.toml", include_str!("paper.toml"))
}
