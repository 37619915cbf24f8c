//! SOAE: self-organising autoencoder, an unfinished draft. Its claims; no experiment tests them yet.

use crate::claims::{Error, Published};

/// The paper's numbers and claims.
///
/// # Errors
/// If `paper.toml` is wrong.
pub fn published() -> Result<Published, Error> {
    Published::parse("replications/soae/paper.toml", include_str!("paper.toml"))
}
