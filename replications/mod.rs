//! One folder for each paper: its published values (`paper.toml`), models and experiments.

pub mod desom;
