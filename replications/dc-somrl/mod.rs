//! DC-SOMRL: deep clustering self-organising maps with relevance learning (Medeiros, Braga & Bassani,
//! `LatinX` in AI at ICML 2020), and its experiments.

mod changes;
mod map_settings;
mod method;
mod model;
mod pictures;
mod quality;
mod relevance;
mod sensitivity;
mod sensitivity_shown;
mod settings;
mod shown;
mod table1;

pub use map_settings::{Distance, Insertion, MapSettings, Measure, Neighbours, Removal, Winners};
pub use method::DcSomrl;
pub use model::DcSomrlCohort;
pub use relevance::{RelevanceMap, Response};
pub use sensitivity::Sensitivity;
pub use settings::{MapLoss, Pixels, Reconstruction, Settings};
pub use table1::Table1;

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
