//! Runs: what identifies one, what it leaves behind, where that is kept, and what is still to do.
//!
//! A run is one variant with one seed. Its [`Identity`] says everything that its result depends on;
//! the SHA-256 of that is its key, and its folder in the [`Store`] bears the key as its name.

pub mod audit;
pub mod checkpoint;
pub mod export;
pub mod identity;
pub mod lock;
pub mod part;
pub mod plan;
pub mod record;
pub mod schedule;
pub mod store;

pub use identity::{Identity, Key};
pub use lock::{Holder, RunLock};
pub use part::{PartIdentity, PartRecord, PartUse};
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
    #[error("runs cannot be stored in {}: {source}\n{}", path.display(), remedy(source))]
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
    /// A record or weights that do not hold what they should: cut short, changed, or another run's.
    #[error(
        "{} is damaged: {reason}\nThe next start of its replication does the run again and keeps the damaged files under other names.",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// A record that another version of this program has written.
    #[error(
        "the record {} cannot be read: {reason}\nNothing was deleted. Use the version that wrote it, or move its folder away to have the run done again.",
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
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "Finished runs are safe. Make the folder writable, or choose another store with --store, and start the same command again."
        }
        ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::AlreadyExists
        | ErrorKind::DirectoryNotEmpty => IN_THE_WAY,
        // The kind of a link that leads to itself has no stable name.
        _ if source.raw_os_error() == Some(libc::ELOOP) => IN_THE_WAY,
        _ => "Finished runs are safe: start the same command again to go on.",
    }
}

const IN_THE_WAY: &str = "Something else is where a file or folder of the store belongs. Finished runs are safe: move it away, or choose another store with --store, and start the same command again.";

/// What to do if a folder is no store.
fn remedy(source: &std::io::Error) -> &'static str {
    use std::io::ErrorKind;
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "The disk is full. Free some space, or choose another folder with --store."
        }
        _ => "Choose another folder with --store.",
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
