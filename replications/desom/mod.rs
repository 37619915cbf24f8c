//! DESOM: Deep Embedded SOM, joint representation learning and self-organisation
//! (Forest, Lebbah, Azzag & Lacaille, ESANN 2019), and its experiments.

mod audit;
mod audit_shown;
mod benchmark;
mod benchmark_shown;
mod gamma;
mod gamma_shown;
mod maps;
mod maps_shown;
mod method;
mod model;
mod pretrain;
mod pretrain_shown;
mod settings;

pub use audit::Audit;
pub use benchmark::Benchmark;
pub use gamma::Gamma;
pub use maps::Maps;
pub use method::Desom;
pub use model::DesomCohort;
pub use pretrain::Pretrain;
pub use settings::{BatchOrder, GammaScale, Pretraining, PrototypeStart, Settings};

use crate::claims::{Error, Published};

/// The paper's numbers.
///
/// # Errors
/// If `paper.toml` is wrong.
pub fn published() -> Result<Published, Error> {
    Published::parse("replications/desom/paper.toml", include_str!("paper.toml"))
}
