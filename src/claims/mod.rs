//! What papers say, as data, and summaries of our runs to put beside it.

pub mod published;
pub mod summary;

pub use published::{Paper, Published, Value};
pub use summary::Summary;

/// What can be wrong with a paper's file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It does not parse, or a key is missing or unknown.
    #[error("{file}: {reason}")]
    Parse {
        /// The file.
        file: &'static str,
        /// Line, column and key, from the parser.
        reason: String,
    },
}
