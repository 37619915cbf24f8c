//! Brings what is missing into the cache: file by file, each source in turn.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::cache::{Access, Shelf, Staging, State};
use super::command::Programs;
use super::error::{Attempt, Error, Refusal};
use super::http::{Http, Limits};
use super::manifest::{self, Entry};
use super::progress::Progress;
use super::source::{Checked, Job, Source, sources_of};

/// What became of one file.
#[derive(Clone, Debug, Serialize)]
pub struct Fetched {
    /// The data set.
    pub dataset: String,
    /// The file.
    pub file: String,
    /// Where it lies now, decoded; none if it is part of the program.
    pub path: Option<PathBuf>,
    /// Where it came from; none if it was here already.
    pub source: Option<String>,
    /// Which hashes were compared.
    pub checked: Checked,
}

/// Fetches data sets, remembering from one to the next which hosts do not answer.
pub struct Fetcher<'a> {
    access: &'a Access,
    progress: &'a dyn Progress,
    http: Http,
    pub(super) programs: Programs,
}

impl<'a> Fetcher<'a> {
    /// A fetcher with the usual patience: 4 s to connect, 8 s to the first byte, 15 s for each
    /// 64 KiB after it, 2 retries, 3 minutes for a registry's client.
    #[must_use]
    pub fn new(access: &'a Access, progress: &'a dyn Progress) -> Self {
        Self::with_limits(access, progress, Limits::default())
    }

    pub(super) fn with_limits(
        access: &'a Access,
        progress: &'a dyn Progress,
        limits: Limits,
    ) -> Self {
        Self {
            access,
            progress,
            http: Http::new(limits),
            programs: Programs {
                limit: limits.command,
                path: None,
            },
        }
    }

    pub(super) fn access(&self) -> &Access {
        self.access
    }

    /// Checks each file of the data set and fetches those missing or damaged. A cache that is
    /// complete need not be writable.
    ///
    /// # Errors
    /// [`Error::NoSource`] with every source tried; [`Error::Damaged`] when offline with a
    /// damaged file; [`Error::Io`] on a cache that cannot be written.
    pub fn fetch(&self, entry: &Entry) -> Result<Vec<Fetched>, Error> {
        let report = |file: &manifest::File, path, source, checked| Fetched {
            dataset: entry.id.to_string(),
            file: file.name.to_string(),
            path,
            source,
            checked,
        };
        if entry.is_embedded() {
            let both = Checked::DownloadAndDecoded;
            let files = entry.files.iter();
            return Ok(files.map(|file| report(file, None, None, both)).collect());
        }
        let shelf = Shelf::new(self.access, entry);
        let _lock = match shelf.lock(self.progress) {
            Ok(lock) => lock,
            // Somebody else's cache, which is all there: nothing is to be written.
            Err(Error::Io { .. }) if is_complete(entry, &shelf)? => {
                let files = entry.files.iter();
                let good = |file| report(file, Some(shelf.path(file)), None, Checked::Decoded);
                return Ok(files.map(good).collect());
            }
            Err(error) => return Err(error),
        };
        let scratch = ScratchFolder::new(shelf.folder.join(".fetch"))?;
        let mut sources = Sources {
            all: sources_of(entry, self.access, &scratch.0),
            given_up: Vec::new(),
        };
        let mut fetched = Vec::new();
        for file in &entry.files {
            let path = Some(shelf.path(file));
            shelf.sweep(file);
            let damage = match shelf.read(file)? {
                State::Good(_) => {
                    remove(&shelf.part(file));
                    fetched.push(report(file, path, None, Checked::Decoded));
                    continue;
                }
                State::Missing => None,
                State::Damaged(detail) => {
                    let aside = shelf.put_aside(file)?;
                    let detail = format!("{detail}; kept as {}", aside.display());
                    self.progress
                        .note(&format!("{}/{} is damaged: {detail}", entry.id, file.name));
                    Some(detail)
                }
            };
            match self.fetch_file(file, &shelf, &mut sources)? {
                Ok((source, checked)) => fetched.push(report(file, path, Some(source), checked)),
                Err(_) if self.access.offline && damage.is_some() => {
                    return Err(Error::Damaged {
                        id: entry.id.to_string(),
                        path: shelf.path(file),
                        detail: damage.unwrap_or_default(),
                    });
                }
                Err(attempts) => {
                    return Err(Error::NoSource {
                        id: entry.id.to_string(),
                        file: file.name.to_string(),
                        offline: self.access.offline,
                        attempts,
                    });
                }
            }
        }
        Ok(fetched)
    }

    /// Where the file came from, or what each source said.
    ///
    /// # Errors
    /// [`Error::Io`] on a cache that cannot be written.
    fn fetch_file(
        &self,
        file: &manifest::File,
        shelf: &Shelf,
        sources: &mut Sources,
    ) -> Result<Result<(String, Checked), Vec<Attempt>>, Error> {
        let staging = Staging::new(shelf, file);
        let (part, copy) = (shelf.part(file), shelf.copy(file));
        let job = Job {
            file,
            staging: &staging,
            part: &part,
            copy: &copy,
            progress: self.progress,
            http: &self.http,
            programs: &self.programs,
        };
        let mut attempts = Vec::new();
        for (position, source) in sources.all.iter_mut().enumerate() {
            let is_given_up = sources.given_up.contains(&position);
            let delivered = source.deliver(&job);
            let label = source.label(file);
            match delivered {
                Ok(checked) => {
                    // Left by a source that broke off before this one delivered.
                    remove(&part);
                    return Ok(Ok((label, checked)));
                }
                // The cache cannot be written: no source can change that.
                Err(Refusal::Io {
                    action,
                    path,
                    source,
                }) if path.starts_with(&shelf.folder) => {
                    return Err(Error::Io {
                        action,
                        path,
                        source,
                    });
                }
                Err(refusal) => {
                    if !is_given_up {
                        self.progress.note(&format!("{label}: {refusal}"));
                    }
                    if refusal.is_final() {
                        sources.given_up.push(position);
                    }
                    attempts.push(Attempt {
                        source: label,
                        refusal,
                    });
                }
            }
        }
        Ok(Err(attempts))
    }
}

fn is_complete(entry: &Entry, shelf: &Shelf) -> Result<bool, Error> {
    for file in &entry.files {
        if !matches!(shelf.read(file)?, State::Good(_)) {
            return Ok(false);
        }
    }
    Ok(true)
}

struct Sources {
    all: Vec<Box<dyn Source>>,
    /// Positions of those that failed for good: what they say again is no news.
    given_up: Vec<usize>,
}

/// A folder that is gone when dropped.
struct ScratchFolder(PathBuf);

impl ScratchFolder {
    fn new(path: PathBuf) -> Result<Self, Error> {
        clear(&path)?;
        Ok(Self(path))
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next fetch.
        let _ = clear(&self.0);
    }
}

fn remove(path: &Path) {
    // What stays behind costs space only.
    let _ = fs::remove_file(path);
}

fn clear(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("clear", path, error))
        }
        _ => Ok(()),
    }
}
