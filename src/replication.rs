//! What a replication is: one experiment of a paper, as the harness sees it. The seam of the whole: it knows
//! what is before training and what comes after it.

mod gathering;
mod judging;
mod protocol;
mod results;
mod settings;

use crate::claims::Published;
use crate::runs::{Record, Store};

pub use gathering::gather;
pub use judging::{judge, untested};
pub use protocol::{Profile, Protocol, Variant};
pub use results::{Coverage, Pictures, Presentation, Results, VariantRecords, drawn};
pub use settings::{BadSetting, Changes, Effect, Setting};

/// One experiment of a paper.
pub trait Replication: Sync {
    /// Its name on the command line, e.g. `desom-gamma`.
    fn id(&self) -> &'static str;

    /// What it answers, in one line.
    fn summary(&self) -> &'static str;

    /// How it is done and what to know before believing it, in a few paragraphs.
    fn description(&self) -> &'static str;

    /// The published values and where they are from.
    ///
    /// # Errors
    /// If `paper.toml` is wrong; the message names file, line and key.
    fn published(&self) -> Result<Published, crate::claims::Error>;

    /// What users may change.
    fn settings(&self) -> &'static [Setting];

    /// The variants of a profile with the user's changes.
    ///
    /// # Errors
    /// If a change cannot be used.
    fn protocol(&self, profile: Profile, changes: &Changes) -> Result<Protocol, BadSetting>;

    /// The main result of one run in a few words, for progress lines.
    fn headline(&self, record: &Record) -> String;

    /// Tables and figures.
    ///
    /// # Errors
    /// If a figure cannot be drawn or the published values are wrong.
    fn present(&self, results: &Results) -> Result<Presentation, crate::Error>;

    /// Further figures, of what runs keep in a store beside their records: codes, images. None unless
    /// said otherwise.
    ///
    /// # Errors
    /// If a figure cannot be drawn or what was kept cannot be read.
    fn pictures(&self, results: &Results, store: &Store) -> Result<Pictures, crate::Error> {
        let _ = (results, store);
        Ok(Pictures::default())
    }
}
