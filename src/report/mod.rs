//! Results as text: printed tables and CSV of one experiment, and reports on all that is stored, as
//! HTML, Markdown, CSV, JSON and LaTeX.
//!
//! [`gather`] makes the contents of a report from a store; each format writes the same contents. The same
//! store gives the same bytes: no clock, no path and no order of a hash table gets in.

pub mod comparison;
pub mod content;
pub mod effects;
pub mod endings;
mod gather;
pub mod html;
pub mod json;
pub mod latex;
pub mod markdown;
pub mod markers;
mod numbers;
pub mod results_csv;
mod rows;
pub mod runs_csv;
pub mod table;

pub use comparison::Comparison;
pub use content::Report;
pub use endings::Endings;
pub use gather::gather;
pub use table::Table;

use std::path::PathBuf;

/// What can go wrong with a report's files.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A document whose markers cannot be used; it is left as it is.
    #[error("{file}: {source}")]
    Markers {
        /// The document.
        file: String,
        /// What is wrong with them.
        source: markers::Error,
    },
    /// A file that cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}
