//! Re-runs the experiments of published deep-clustering and self-organising-map papers and compares
//! what comes out with what was printed.
//!
//! Data flows one way: [`catalogue`] -> plan ([`runs`]) -> [`train`] -> evaluate ([`metrics`],
//! [`cluster`]) -> store ([`runs`]) -> compare ([`claims`]) -> draw ([`plot`], [`report`]). Nothing
//! upstream knows anything downstream, but for [`replication`], which knows both ends. The papers' own
//! code is in [`replications`]; of the harness only [`catalogue`] and what trains a single model know it.
//! `ARCHITECTURE.md` shows the whole.

pub mod baselines;
pub mod catalogue;
pub mod claims;
pub mod cli;
pub mod cluster;
pub mod data;
pub mod device;
pub mod distances;
pub mod embedding;
mod error;
pub mod evaluation;
pub mod files;
pub mod launch;
pub mod metrics;
pub mod nn;
pub mod plot;
pub mod pretraining;
pub mod random;
pub mod replication;
pub mod report;
pub mod runs;
mod shares;
pub mod solo;
pub mod som;
pub mod statistics;
pub mod train;
mod words;

#[path = "../replications/mod.rs"]
pub mod replications;

pub use error::Error;
