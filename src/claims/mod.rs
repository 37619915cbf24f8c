//! What papers say, as data; summaries of our runs to put beside it; and verdicts.
//!
//! `paper.toml` holds numbers (`[[value]]`) and claims (`[[claim]]`), see [`Published`] and [`Claim`].
//! [`judge()`] sets [`Results`], from records or from a CSV file, against claims and gives
//! [`Judgement`]s. The statistics are in [`statistics`](crate::statistics); nothing here trains, stores
//! or draws. What a replication's stored runs come to is
//! [`replication::judge`](crate::replication::judge).

mod check;
mod claim;
mod conclusion;
mod counts;
mod fewest;
mod fingerprint;
pub mod judge;
mod listing;
mod position;
mod prospect;
pub mod published;
mod records;
mod results;
mod results_csv;
mod rule;
pub mod summary;
mod verdict;
mod words;

pub use check::{Anything, Vocabulary};
pub use claim::{
    Aggregate, Argmax, Better, Bound, Change, Claim, Collapse, Equivalence, Margin, Operand, Order,
    Qualitative, Quantity, Test, Trend, ValueTest, Wherein,
};
pub use conclusion::Conclusion;
pub use counts::Counts;
pub use fewest::{fewest_to_refute, fewest_to_reproduce};
pub use fingerprint::{Fingerprints, made_before, undated};
pub(crate) use judge::each;
pub use judge::{Conditions, judge, not_tested};
pub use listing::{SCHEMA, head, json, rows};
pub use position::At;
pub use prospect::{Prospect, prospect};
pub use published::{Paper, Printed, Published, Value};
pub use results::{Ending, Results, Run};
pub use summary::Summary;
pub use verdict::{Finding, Group, Judgement, MoreSeeds, Seeds, Verdict, more};

/// What can be wrong with a paper's file or with a file of results.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It does not parse, or a key is missing or unknown.
    #[error("{file}: {reason}")]
    Parse {
        /// The file.
        file: String,
        /// Line, column and key, from the parser.
        reason: String,
    },
    /// It parses and makes no sense.
    #[error("{file}, line {line}: {reason}")]
    Meaning {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// The key, what is wrong with it, and what would be right.
        reason: String,
    },
}
