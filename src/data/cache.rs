//! The cache: `<folder>/<dataset>/<file>` with decoded bytes, one lock per data set.
//!
//! A file is there only when it is whole: it is written beside its place, synced, and renamed
//! after its hash was found right. Whoever reads it checks the hash again.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use flate2::read::MultiGzDecoder;

use super::digest::{CopyError, Digest, copy_hashed};
use super::error::{Error, Refusal};
use super::manifest::{self, Content, Entry};
use super::progress::Progress;

/// Where data may come from on this machine: resolved settings, the same for all data sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The cache folder; made when first needed.
    pub cache: PathBuf,
    /// A folder or an `http(s)` URL with `<dataset>/<file>`, tried before all else.
    pub mirror: Option<String>,
    /// Use the cache and a local mirror only.
    pub offline: bool,
}

impl Access {
    /// Settles the folders: the arguments, else `REPLICATE_DATA` and `REPLICATE_MIRROR`, else the
    /// platform's cache folder (`~/.cache/replicate` on Linux) and no mirror.
    ///
    /// # Errors
    /// [`Error::NoCacheFolder`] where the platform names none.
    pub fn new(
        data_dir: Option<PathBuf>,
        mirror: Option<String>,
        offline: bool,
    ) -> Result<Self, Error> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let cache = match data_dir.or_else(|| variable("REPLICATE_DATA").map(PathBuf::from)) {
            Some(folder) => folder,
            None => etcetera::base_strategy::choose_native_strategy()
                .map_err(|error| Error::NoCacheFolder {
                    reason: error.to_string(),
                })?
                .cache_dir()
                .join("replicate"),
        };
        let mirror = mirror.or_else(|| {
            variable("REPLICATE_MIRROR").map(|value| value.to_string_lossy().into_owned())
        });
        Ok(Self {
            cache,
            mirror,
            offline,
        })
    }
}

/// How a cached file stands.
#[derive(Debug)]
pub(super) enum State {
    /// Not there.
    Missing,
    /// The promised bytes.
    Good(Vec<u8>),
    /// Other bytes; the text says which.
    Damaged(String),
}

/// The folder of one data set in the cache.
pub(super) struct Shelf {
    pub(super) folder: PathBuf,
}

impl Shelf {
    pub(super) fn new(access: &Access, entry: &Entry) -> Self {
        Self {
            folder: access.cache.join(entry.id.as_str()),
        }
    }

    /// Where the decoded file lies, or will.
    pub(super) fn path(&self, file: &manifest::File) -> PathBuf {
        self.folder.join(file.name.as_str())
    }

    /// Whether a file of the right size lies there: quick, and no proof.
    pub(super) fn holds(&self, file: &manifest::File) -> bool {
        let fits = |length| file.decoded.bytes.is_none_or(|bytes| bytes == length);
        fs::metadata(self.path(file)).is_ok_and(|data| data.is_file() && fits(data.len()))
    }

    /// Where the hash of a file is noted that the manifest does not know.
    pub(super) fn note(&self, file: &manifest::File) -> PathBuf {
        self.folder.join(format!("{}.sha256", file.name))
    }

    /// The hash that the file has to have: the manifest's, or the one noted when it came.
    fn expected(&self, file: &manifest::File) -> Option<Digest> {
        let noted = || noted(&self.note(file)).ok().flatten();
        file.decoded.sha256.or_else(noted)
    }

    /// Reads the file and compares its hash with the manifest, or with what was noted when it came.
    pub(super) fn read(&self, file: &manifest::File) -> Result<State, Error> {
        let path = self.path(file);
        let fail = |error| Error::io("read", &path, error);
        let mut handle = match File::open(&path) {
            Ok(handle) => handle,
            // A cache below a file is told when it is to be made.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(State::Missing);
            }
            Err(error) => return Err(fail(error)),
        };
        let length = handle.metadata().map_err(fail)?.len();
        if let Some(expected) = file.decoded.bytes.filter(|bytes| *bytes != length) {
            return Ok(State::Damaged(format!(
                "it has {length} bytes, expected {expected}"
            )));
        }
        let most = file.decoded.most();
        if length > most {
            return Ok(State::Damaged(format!(
                "it has {length} bytes, expected {most} at most"
            )));
        }
        let Some(expected) = self.expected(file) else {
            return Ok(State::Damaged(
                "nobody noted its SHA-256 when it came: import it again".to_owned(),
            ));
        };
        let mut bytes = Vec::with_capacity(length as usize);
        let limit = length + 1;
        (&mut handle)
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(fail)?;
        let got = Digest::of(&bytes);
        if got == expected {
            Ok(State::Good(bytes))
        } else {
            Ok(State::Damaged(format!(
                "expected SHA-256 {expected}, got {got}"
            )))
        }
    }

    /// Renames a damaged file to `<file>.corrupt`, so that it can be looked into.
    pub(super) fn put_aside(&self, file: &manifest::File) -> Result<PathBuf, Error> {
        let path = self.path(file);
        let aside = self.folder.join(format!("{}.corrupt", file.name));
        fs::rename(&path, &aside).map_err(|error| Error::io("put aside", &path, error))?;
        Ok(aside)
    }

    /// Removes what killed processes left of a file on its way. The caller holds the lock, and
    /// keeps or removes the part of the download itself.
    pub(super) fn sweep(&self, file: &manifest::File) {
        drop(Scratch::beside(&self.path(file)));
        drop(Scratch::beside(&self.import()));
        // What cannot be removed now is in somebody's way later, and told then.
        let _ = fs::remove_file(self.copy(file));
    }

    /// Beside this, a file is decoded whose name is not known yet.
    pub(super) fn import(&self) -> PathBuf {
        self.folder.join("import")
    }

    /// Where a download of the published file is put together.
    pub(super) fn part(&self, file: &manifest::File) -> PathBuf {
        self.folder.join(format!("{}.part", file.download.name))
    }

    /// Where a download of somebody's own copy is put together.
    pub(super) fn copy(&self, file: &manifest::File) -> PathBuf {
        self.folder.join(format!("{}.copy", file.download.name))
    }

    /// Makes the folder and takes the lock that keeps two processes from fetching the same data.
    ///
    /// The lock is held until the returned file is dropped, or the process ends however it ends.
    pub(super) fn lock(&self, progress: &dyn Progress) -> Result<File, Error> {
        fs::create_dir_all(&self.folder)
            .map_err(|error| Error::io("make the folder", &self.folder, error))?;
        let path = self.folder.join(".lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| Error::io("open the lock", &path, error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                progress.note(&format!(
                    "waiting for another process that writes to {}",
                    self.folder.display()
                ));
                lock.lock()
                    .map_err(|error| Error::io("take the lock", &path, error))?;
            }
            // Some network file systems have no locks. What two processes make of one file there
            // is checked by its hash, like everything else.
            Err(TryLockError::Error(error)) if has_no_locks(&error) => {}
            Err(TryLockError::Error(error)) => {
                return Err(Error::io("take the lock", &path, error));
            }
        }
        Ok(lock)
    }
}

fn has_no_locks(error: &io::Error) -> bool {
    #[cfg(unix)]
    let is_without_server = error.raw_os_error() == Some(libc::ENOLCK);
    #[cfg(not(unix))]
    let is_without_server = false;
    is_without_server || error.kind() == io::ErrorKind::Unsupported
}

/// A decoded file on its way into its place.
pub(super) struct Staging {
    target: PathBuf,
    note: PathBuf,
    expected: Content,
}

impl Staging {
    pub(super) fn new(shelf: &Shelf, file: &manifest::File) -> Self {
        Self {
            target: shelf.path(file),
            note: shelf.note(file),
            expected: file.decoded,
        }
    }

    /// Takes the file's bytes, decoding them first if they are gzip data, and puts them in
    /// their place if they are the promised ones. Nothing is left behind otherwise. Where the manifest
    /// promises nothing, their hash is noted.
    pub(super) fn accept(&self, reader: impl Read) -> Result<(), Refusal> {
        let scratch = Scratch::beside(&self.target);
        let most = self.expected.most();
        let (count, got) = scratch.fill(reader, most)?;
        if count > most {
            return Err(Refusal::TooLong { expected: most });
        }
        if let Some(expected) = self.expected.bytes.filter(|bytes| *bytes > count) {
            return Err(Refusal::Length {
                expected,
                got: count,
            });
        }
        match self.expected.sha256 {
            Some(expected) if expected != got => Err(Refusal::Digest {
                what: "decoded bytes",
                expected,
                got,
            }),
            Some(_) => scratch.settle(&self.target),
            None => {
                compare_or_note(&self.note, got)?;
                scratch.settle(&self.target)
            }
        }
    }
}

/// Compares what a file hashes to with the note on the one that came first. If it is the first, the note is
/// made, before the file is put in its place: one without a note counts as damaged.
pub(super) fn compare_or_note(note: &Path, got: Digest) -> Result<(), Refusal> {
    match noted(note).map_err(|error| Refusal::io("read", note, error))? {
        Some(expected) if expected == got => Ok(()),
        Some(expected) => Err(Refusal::NotTheFirst {
            expected,
            got,
            note: note.to_owned(),
        }),
        None => {
            fs::write(note, format!("{got}\n")).map_err(|error| Refusal::io("write", note, error))
        }
    }
}

/// The hash that a note has; `None` if there is none, or if its writing was cut short, before the file came.
fn noted(note: &Path) -> io::Result<Option<Digest>> {
    match fs::read_to_string(note) {
        Ok(text) => Ok(text.trim().parse().ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A file in the making; gone when dropped, unless it was settled.
pub(super) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// A scratch file in the folder of `target`, so that a rename is all it takes to settle.
    pub(super) fn beside(target: &Path) -> Self {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        Self {
            path: target.with_file_name(name),
        }
    }

    /// Writes `reader`'s bytes, decoded if they are gzip data, but no more than `limit + 1` of
    /// them; returns their count and hash. Synced to the disk.
    pub(super) fn fill(&self, mut reader: impl Read, limit: u64) -> Result<(u64, Digest), Refusal> {
        let fail = |error| Refusal::io("write", &self.path, error);
        let mut file = File::create(&self.path).map_err(fail)?;
        let mut magic = Vec::with_capacity(2);
        (&mut reader)
            .take(2)
            .read_to_end(&mut magic)
            .map_err(Refusal::Unreadable)?;
        let is_gzip = magic == [0x1f, 0x8b];
        let whole = io::Cursor::new(magic).chain(reader);
        let copied = if is_gzip {
            copy_hashed(MultiGzDecoder::new(whole), &mut file, limit)
        } else {
            copy_hashed(whole, &mut file, limit)
        };
        let copied = copied.map_err(|error| match error {
            CopyError::Write(error) => fail(error),
            CopyError::Read(error) => match error.kind() {
                // What the decoder says; no disk does.
                io::ErrorKind::InvalidData
                | io::ErrorKind::InvalidInput
                | io::ErrorKind::UnexpectedEof => Refusal::Gzip(error),
                _ => Refusal::Unreadable(error),
            },
        })?;
        file.flush().and_then(|()| file.sync_all()).map_err(fail)?;
        Ok(copied)
    }

    /// Renames the file to `target`.
    pub(super) fn settle(self, target: &Path) -> Result<(), Refusal> {
        fs::rename(&self.path, target).map_err(|error| Refusal::io("rename to", target, error))?;
        // The rename itself survives a power cut only once the folder is synced. Not every
        // platform can; there, the worst case is a file to fetch again.
        if let Some(Ok(folder)) = target.parent().map(File::open) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Gone already where it was settled.
        let _ = fs::remove_file(&self.path);
    }
}
