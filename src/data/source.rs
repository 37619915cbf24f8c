//! A place that files come from, and the places of a data set in the order they are tried.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::cache::{Access, Staging};
use super::command::Programs;
use super::debian::Debian;
use super::error::Refusal;
use super::http::Http;
use super::manifest::{self, Entry};
use super::mirror::{FolderMirror, PublicMirror, UrlMirror};
use super::npm::Npm;
use super::progress::Progress;

/// Which hashes of a file were compared before it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Checked {
    /// That of the compressed download and that of the decoded bytes.
    DownloadAndDecoded,
    /// That of the decoded bytes; the file came compressed in another way, or not at all.
    Decoded,
    /// None, because the manifest knows none: that of the decoded bytes was noted.
    Noted,
}

/// One file to deliver.
pub(super) struct Job<'a> {
    pub(super) file: &'a manifest::File,
    /// Takes the bytes.
    pub(super) staging: &'a Staging,
    /// Where a download of the published file is put together; kept for the next process if it
    /// breaks off.
    pub(super) part: &'a Path,
    /// Where a download of somebody's own copy is put together.
    pub(super) copy: &'a Path,
    pub(super) progress: &'a dyn Progress,
    pub(super) http: &'a Http,
    pub(super) programs: &'a Programs,
}

/// A place that files come from. It may keep what it learnt from one file to the next.
pub(super) trait Source {
    /// The place as the user knows it, for this file; after a delivery, the very place it came from.
    fn label(&self, file: &manifest::File) -> String;

    /// Whether it is of use without a network.
    fn is_local(&self) -> bool {
        false
    }

    /// Delivers the file's bytes to the job's staging.
    fn deliver(&mut self, job: &Job<'_>) -> Result<Checked, Refusal>;
}

/// The sources of a data set: the user's mirror first, then those of the manifest.
///
/// `scratch` is a folder that package sources may fill; the caller removes it.
pub(super) fn sources_of(entry: &Entry, access: &Access, scratch: &Path) -> Vec<Box<dyn Source>> {
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    if let Some(mirror) = &access.mirror {
        if is_url(mirror) {
            sources.push(Box::new(UrlMirror::new(mirror, entry)));
        } else {
            let folder = PathBuf::from(mirror).join(entry.id.as_str());
            sources.push(Box::new(FolderMirror::new(folder)));
        }
    }
    for source in &entry.sources {
        match source {
            manifest::Source::Http(http) => {
                sources.push(Box::new(PublicMirror::new(&http.prefix)));
            }
            manifest::Source::Npm(package) => {
                sources.push(Box::new(Npm::new(package, entry, scratch.join("npm"))));
            }
            manifest::Source::Debian(package) => {
                sources.push(Box::new(Debian::new(
                    package,
                    entry,
                    scratch.join("debian"),
                )));
            }
            manifest::Source::Embedded(_) => {}
        }
    }
    if access.offline {
        sources.retain(|source| source.is_local());
    }
    sources
}

/// Whether a mirror is a server and not a folder.
pub(super) fn is_url(mirror: &str) -> bool {
    let start = mirror.to_ascii_lowercase();
    start.starts_with("http://") || start.starts_with("https://")
}
