//! Looks at the cache without changing it or asking anybody.

use std::path::PathBuf;

use serde::Serialize;

use super::cache::{Access, Shelf, State};
use super::dataset::read_embedded;
use super::error::Error;
use super::manifest::Entry;
use super::mirror::FolderMirror;
use super::source::is_url;

/// How one file stands.
#[derive(Clone, Debug, Serialize)]
pub struct FileReport {
    /// The data set.
    pub dataset: String,
    /// The file.
    pub file: String,
    /// Where it lies, or would; none if it is part of the program.
    pub path: Option<PathBuf>,
    /// What was found.
    #[serde(flatten)]
    pub condition: Condition,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "condition", rename_all = "kebab-case")]
pub enum Condition {
    /// The promised bytes: the hash was computed and matches.
    Good,
    /// Nothing.
    Missing,
    /// Other bytes.
    Damaged {
        /// What was expected and what was found.
        detail: String,
    },
}

/// Hashes every file of a data set and compares.
///
/// # Errors
/// [`Error::Io`] for files that cannot be read. Damage is a report, no error.
pub fn verify(entry: &Entry, access: &Access) -> Result<Vec<FileReport>, Error> {
    let shelf = Shelf::new(access, entry);
    let report = |file: &super::manifest::File, path, condition| FileReport {
        dataset: entry.id.to_string(),
        file: file.name.to_string(),
        path,
        condition,
    };
    let mut reports = Vec::with_capacity(entry.files.len());
    for file in &entry.files {
        if entry.is_embedded() {
            let condition = match read_embedded(entry, file) {
                Ok(_) => Condition::Good,
                Err(error) => Condition::Damaged {
                    detail: error.to_string(),
                },
            };
            reports.push(report(file, None, condition));
            continue;
        }
        let condition = match shelf.read(file)? {
            State::Good(_) => Condition::Good,
            State::Missing => Condition::Missing,
            State::Damaged(detail) => Condition::Damaged { detail },
        };
        reports.push(report(file, Some(shelf.path(file)), condition));
    }
    Ok(reports)
}

/// Whether a load would need no network: quick (names and sizes only), so no proof.
pub(super) fn is_available(entry: &Entry, access: &Access) -> bool {
    let shelf = Shelf::new(access, entry);
    let mirror = access
        .mirror
        .as_ref()
        .filter(|mirror| !is_url(mirror))
        .map(|mirror| FolderMirror::new(PathBuf::from(mirror).join(entry.id.as_str())));
    entry.is_embedded()
        || entry.files.iter().all(|file| {
            shelf.holds(file) || mirror.as_ref().is_some_and(|mirror| mirror.holds(file))
        })
}
