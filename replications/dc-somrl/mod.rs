//! DC-SOMRL: deep clustering self-organising maps with relevance learning (Medeiros, Braga & Bassani,
//! `LatinX` in AI at ICML 2020). Its claims; no experiment tests them yet.

use crate::claims::{Error, Published};

/// The paper's numbers and claims.
///
/// # Errors
/// If `paper.toml` is wrong.
pub fn published() -> Result<Published, Error> {
    Published::parse(
        "replications/dc-somrl/paper.toml",
        include_str!("paper.toml"),
    )
}
