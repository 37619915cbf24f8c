//! Data sets: what they are, where they come from, and their verified bytes in memory.
//!
//! The manifest, `data/datasets.toml`, is part of the program. [`load`] reads the decoded files
//! from the cache, fetching what is missing, and compares each file's SHA-256 with the manifest
//! on every load: no byte is trained on unverified. Nothing here knows the command line or what
//! the data are used for.
//!
//! ```
//! use replicate::data::{self, Access, Silent};
//!
//! let access = Access::new(None, None, true)?;
//! let digits = data::load("digits", &access, &Silent)?;
//! assert_eq!((digits.rows, digits.dims, digits.classes), (1797, 64, 10));
//! assert_eq!(digits.sha256, data::dataset_sha256("digits")?);
//! # Ok::<(), data::Error>(())
//! ```

mod cache;
pub mod command;
mod dataset;
mod debian;
mod digest;
mod error;
mod fetch;
pub mod format;
mod groups;
mod http;
pub mod idx;
mod import;
mod manifest;
mod mirror;
mod npm;
mod package;
mod progress;
pub mod rcv1;
mod source;
pub mod table;
pub mod tarball;
mod transfer;
mod verify;

#[cfg(test)]
mod tests;

pub use cache::Access;
pub use dataset::DataSet;
pub use digest::Digest;
pub use error::{Attempt, Error, Refusal};
pub use fetch::{Fetched, Fetcher};
pub use import::{Imported, import};
pub use manifest::{Content, Download, Entry, File, Hashes, Manifest, Name, Role, catalogue};
pub use progress::{Progress, Silent};
pub use source::Checked;
pub use verify::{Condition, FileReport, verify};

/// Loads the data set called `id`, fetching what is missing or damaged.
///
/// # Errors
/// [`Error::UnknownDataSet`]; those of [`Fetcher::fetch`]; [`Error::Format`] if verified bytes do
/// not parse, which is a mistake in the manifest.
pub fn load(id: &str, access: &Access, progress: &dyn Progress) -> Result<DataSet, Error> {
    dataset::load(catalogue()?.entry(id)?, &Fetcher::new(access, progress))
}

/// Whether [`load`] would need no network: every file is embedded, in the cache or in a local
/// mirror. Looks at names and sizes only; [`verify`] hashes.
///
/// # Errors
/// [`Error::UnknownDataSet`].
pub fn is_available(id: &str, access: &Access) -> Result<bool, Error> {
    Ok(verify::is_available(catalogue()?.entry(id)?, access))
}

/// The hash that identifies the decoded bytes of a data set, from the manifest alone: see
/// [`Entry::sha256`]. Equals [`DataSet::sha256`].
///
/// # Errors
/// [`Error::UnknownDataSet`].
pub fn dataset_sha256(id: &str) -> Result<String, Error> {
    Ok(catalogue()?.entry(id)?.sha256().to_string())
}
