//! Runs: what identifies one, what it leaves behind, where that is kept, and what is still to do.
//!
//! A run is one variant with one seed. Its [`Identity`] says everything that its result depends on;
//! the SHA-256 of that is its key, and its folder in the [`Store`] bears the key as its name.

pub mod audit;
pub mod checkpoint;
pub mod identity;
pub mod plan;
pub mod record;
pub mod store;

pub use identity::{Identity, Key};
pub use plan::{Plan, PlannedRun, Reason};
pub use record::{Outcome, Record};
pub use store::Store;

use std::path::PathBuf;

/// What can go wrong with stored runs.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder of the store could not be read or written.
    #[error("cannot {action} {}: {source}\n{}", path.display(), advice(source))]
    Io {
        /// What was tried, as a verb: "write", "create".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A folder that cannot be a store.
    #[error("runs cannot be stored in {}: {source}\nChoose another folder with --store.", path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A table cannot be written.
    #[error("cannot write {}: {source}\nThe runs are stored: draw again with replicate figures .. --out DIR.", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A record that is not what this program writes.
    #[error(
        "the record {} cannot be read: {reason}\nNothing was deleted. Move its folder away to have the run done again.",
        path.display()
    )]
    Unreadable {
        /// The record file.
        path: PathBuf,
        /// Where and why, from the parser.
        reason: String,
    },
    /// Weights or a checkpoint that cannot be written or understood.
    #[error("the tensors in {} cannot be used: {reason}", path.display())]
    Tensors {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

fn advice(source: &std::io::Error) -> &'static str {
    use std::io::ErrorKind;
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "The disk is full. Finished runs are safe: free some space, or choose another store with --store, and start the same command again."
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::NotADirectory => {
            "This folder cannot be used as a store: choose another one with --store."
        }
        _ => "Finished runs are safe: start the same command again to go on.",
    }
}

impl Error {
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
