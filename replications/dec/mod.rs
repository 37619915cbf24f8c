//! DEC, deep embedded clustering (Xie, Girshick & Farhadi, ICML 2016), and a report on re-implementing
//! it. Its claims; no experiment tests them yet.

use crate::claims::{Error, Published};

/// The paper's numbers and claims.
///
/// # Errors
/// If `paper.toml` is wrong.
pub fn published() -> Result<Published, Error> {
    Published::parse("replications/dec/paper.toml", include_str!("paper.toml"))
}
