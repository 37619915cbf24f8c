//! Mirrors: public ones, and the user's own (a folder or a server) of layout `<dataset>/<file>`.
//!
//! A public mirror serves the publisher's own bytes, and both hashes are compared. In a mirror of
//! the user's own the files may lie compressed again or not at all (another machine's cache is
//! such a mirror); the decoded bytes decide.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use reqwest::Url;

use super::digest::copy_hashed;
use super::error::Refusal;
use super::manifest::{self, Entry, Prefix};
use super::source::{Checked, Job, Source};
use super::transfer::{Promise, download};

/// See [`manifest::Source::Http`].
pub(super) struct PublicMirror {
    prefix: String,
}

impl PublicMirror {
    pub(super) fn new(prefix: &Prefix) -> Self {
        Self {
            prefix: prefix.as_str().to_owned(),
        }
    }
}

impl Source for PublicMirror {
    fn label(&self, file: &manifest::File) -> String {
        format!("{}{}", self.prefix, file.download.name)
    }

    fn deliver(&mut self, job: &Job<'_>) -> Result<Checked, Refusal> {
        let url = parse(&self.label(job.file))?;
        let Some((bytes, sha256)) = job.file.download.content().known() else {
            // As of anybody's copy, only the decoded bytes can be checked, if those.
            let limit = most_of_a_copy(job.file);
            let promise = Promise::Copy { limit };
            let outcome = download(job.http, &url, promise, job.copy, job.progress)
                .and_then(|()| accept_copy(job.copy, job));
            remove(job.copy);
            return outcome;
        };
        let promise = Promise::Published { bytes, sha256 };
        download(job.http, &url, promise, job.part, job.progress)?;
        let outcome = open(job.part).and_then(|part| job.staging.accept(part));
        // Good bytes that only lack a place, on a full disk say, are there for the next try.
        if !matches!(outcome, Err(Refusal::Io { .. })) {
            remove(job.part);
        }
        outcome.map(|()| Checked::DownloadAndDecoded)
    }
}

/// The user's mirror behind a URL.
pub(super) struct UrlMirror {
    prefix: String,
    /// Whether the last file was looked for uncompressed.
    is_raw: bool,
}

impl UrlMirror {
    pub(super) fn new(mirror: &str, entry: &Entry) -> Self {
        Self {
            prefix: format!("{}/{}/", mirror.trim_end_matches('/'), entry.id),
            is_raw: false,
        }
    }

    fn attempt(&self, job: &Job<'_>) -> Result<Checked, Refusal> {
        let url = parse(&self.label(job.file))?;
        let limit = most_of_a_copy(job.file);
        let promise = Promise::Copy { limit };
        let outcome = download(job.http, &url, promise, job.copy, job.progress)
            .and_then(|()| accept_copy(job.copy, job));
        remove(job.copy);
        outcome
    }
}

impl Source for UrlMirror {
    fn label(&self, file: &manifest::File) -> String {
        let name = if self.is_raw {
            &file.name
        } else {
            &file.download.name
        };
        format!("{}{name}", self.prefix)
    }

    fn deliver(&mut self, job: &Job<'_>) -> Result<Checked, Refusal> {
        self.is_raw = false;
        match self.attempt(job) {
            // Some stores say "forbidden" of what is not there.
            Err(Refusal::Status(403 | 404 | 410)) => {
                self.is_raw = true;
                self.attempt(job)
            }
            outcome => outcome,
        }
    }
}

/// The user's mirror in a folder.
pub(super) struct FolderMirror {
    folder: PathBuf,
}

impl FolderMirror {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Whether it has the file, in either form.
    pub(super) fn holds(&self, file: &manifest::File) -> bool {
        self.find(file).is_some()
    }

    fn find(&self, file: &manifest::File) -> Option<PathBuf> {
        [&file.download.name, &file.name]
            .map(|name| self.folder.join(name.as_str()))
            .into_iter()
            .find(|path| path.is_file())
    }
}

impl Source for FolderMirror {
    fn label(&self, file: &manifest::File) -> String {
        let path = self.find(file);
        let path = path.unwrap_or_else(|| self.folder.join(file.download.name.as_str()));
        path.display().to_string()
    }

    fn is_local(&self) -> bool {
        true
    }

    fn deliver(&mut self, job: &Job<'_>) -> Result<Checked, Refusal> {
        let Some(path) = self.find(job.file) else {
            let (name, raw) = (&job.file.download.name, &job.file.name);
            return Err(Refusal::Absent(format!(
                "neither {name} nor {raw} in {}",
                self.folder.display()
            )));
        };
        accept_copy(&path, job)
    }
}

/// Takes a file compressed by anybody, and says whether it is the published one to the byte.
fn accept_copy(path: &Path, job: &Job<'_>) -> Result<Checked, Refusal> {
    let published = job.file.download.content().known();
    let length = fs::metadata(path).map_err(Refusal::Unreadable)?.len();
    let is_published = published.is_some_and(|(bytes, _)| bytes == length) && {
        let copied = copy_hashed(open(path)?, &mut io::sink(), length);
        // What cannot be read is reported below, where it matters.
        copied.ok() == published
    };
    job.staging.accept(open(path)?)?;
    Ok(if job.file.decoded.sha256.is_none() {
        Checked::Noted
    } else if is_published {
        Checked::DownloadAndDecoded
    } else {
        Checked::Decoded
    })
}

/// The most bytes that a copy of a file can have: compressed anew it may be somewhat larger than the
/// published one, hardly ever than the decoded one.
fn most_of_a_copy(file: &manifest::File) -> u64 {
    file.decoded.most().max(file.download.bytes.unwrap_or(0)) + 64 * 1024
}

fn parse(url: &str) -> Result<Url, Refusal> {
    Url::parse(url).map_err(|error| Refusal::Unreachable(format!("not a URL: {error}")))
}

fn open(path: &Path) -> Result<File, Refusal> {
    File::open(path).map_err(Refusal::Unreadable)
}

fn remove(path: &Path) {
    // What stays behind costs space only; the next download starts over it.
    let _ = fs::remove_file(path);
}
