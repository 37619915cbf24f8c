//! DEC, deep embedded clustering (Xie, Girshick & Farhadi, ICML 2016), a report on re-implementing it, and
//! their experiments.

mod experiments;
mod explicit;
mod found;
#[cfg(test)]
mod interruption;
mod method;
mod model;
mod moves;
mod optimiser;
mod phase;
mod pictures;
mod pretraining;
mod recipes;
mod rows;
mod settings;
mod shown;
mod steps;
mod trustworthiness;
mod variants;
mod watch;

pub use experiments::Experiment;
pub use method::Dec;
pub use pretraining::DecPretraining;
pub use settings::{
    Descent, LayerWise, Length, Moved, Moves, Optimiser, Order, Pretraining, Rule, Settings, Sign,
    Start,
};
pub use steps::Steps;

use crate::claims::{Error, Published};

/// The paper's numbers and claims.
///
/// # Errors
/// If `paper.toml` is wrong.
pub fn published() -> Result<Published, Error> {
    Published::parse("replications/dec/paper.toml", include_str!("paper.toml"))
}
