//! The papers and replications there are.

use crate::claims::{Error, Published, Vocabulary};
use crate::replication::{Changes, Profile, Replication};
use crate::replications::{dc_somrl, dec, desom, soae};

/// All replications, in the order in which `replicate list` shows them.
pub static REPLICATIONS: &[&dyn Replication] = &[
    &desom::Gamma,
    &desom::Pretrain,
    &desom::Benchmark,
    &desom::Maps,
    &desom::Audit,
    &dec::Experiment::Dec,
    &dec::Experiment::RandomInit,
    &dec::Experiment::UpdateRules,
    &dec::Experiment::Curves,
    &dc_somrl::Table1,
    &dc_somrl::Sensitivity,
    &soae::Experiment::Comparison,
    &soae::Experiment::Figures,
    &soae::Som,
];

/// What all papers say, those included whose experiments do not exist yet.
pub static PAPERS: &[fn() -> Result<Published, Error>] = &[
    desom::published,
    dec::published,
    dc_somrl::published,
    soae::published,
];

/// The replication of that name.
#[must_use]
pub fn find(id: &str) -> Option<&'static dyn Replication> {
    REPLICATIONS.iter().copied().find(|known| known.id() == id)
}

/// All papers, read.
///
/// # Errors
/// If a `paper.toml` is wrong; the message names file, line and key.
pub fn papers() -> Result<Vec<Published>, Error> {
    PAPERS.iter().map(|published| published()).collect()
}

/// The variants that the replications have: what claims may name.
#[derive(Debug, Clone, Copy)]
pub struct Known;

impl Vocabulary for Known {
    fn variants(&self, replication: &str) -> Option<Vec<String>> {
        let protocol = find(replication)?.protocol(Profile::Paper, &Changes::default());
        let variants = protocol.ok()?.variants.into_iter();
        Some(variants.map(|variant| variant.id).collect())
    }

    /// Methods name their metrics only when they are measured.
    fn metrics(&self, _: &str) -> Option<Vec<String>> {
        None
    }
}
