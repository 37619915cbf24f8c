//! One folder for each paper: its published values and claims (`paper.toml`), models and experiments.

#[path = "dc-somrl/mod.rs"]
pub mod dc_somrl;
pub mod dec;
pub mod desom;
pub mod soae;
