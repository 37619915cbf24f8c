//! Takes files the user has already: whatever their names, compressed or not, each is recognised
//! by the SHA-256 of its decoded bytes. Files whose hash nobody knows are recognised by their names.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::cache::{Access, Scratch, Shelf, compare_or_note};
use super::error::{Error, Refusal};
use super::manifest::{self, Entry, catalogue};
use super::progress::Progress;

/// How deep folders are searched.
const DEPTH: usize = 3;

/// A file taken.
#[derive(Clone, Debug, Serialize)]
pub struct Imported {
    /// As given.
    pub from: PathBuf,
    /// The file of the data set it turned out to be.
    pub file: String,
}

/// Imports files and folders into the cache as files of data set `id`.
///
/// Files of a folder that belong to no file of the data set are passed over. There is nothing to
/// import for a data set that is part of the program.
///
/// # Errors
/// [`Error::NotPartOf`] for a file given by name that belongs to no file of the data set, or for
/// folders that hold none; [`Error::NotTheFirst`] for another file of the same name where no hash is known;
/// [`Error::Io`] for what cannot be read or written.
pub fn import(
    id: &str,
    paths: &[PathBuf],
    access: &Access,
    progress: &dyn Progress,
) -> Result<Vec<Imported>, Error> {
    let entry = catalogue()?.entry(id)?;
    import_entry(entry, paths, access, progress)
}

pub(super) fn import_entry(
    entry: &Entry,
    paths: &[PathBuf],
    access: &Access,
    progress: &dyn Progress,
) -> Result<Vec<Imported>, Error> {
    if entry.is_embedded() {
        return Ok(Vec::new());
    }
    let shelf = Shelf::new(access, entry);
    let _lock = shelf.lock(progress)?;
    let mut imported: Vec<Imported> = Vec::new();
    for path in paths {
        let data = fs::metadata(path).map_err(|error| Error::io("read", path, error))?;
        if data.is_dir() {
            let mut files = Vec::new();
            list_files(path, DEPTH, &mut files)?;
            let before = imported.len();
            for file in &files {
                if let Ok(taken) = import_file(entry, file, &shelf, progress)? {
                    imported.push(taken);
                }
            }
            if imported.len() == before {
                let count = files.len();
                return Err(not_part_of(entry, path, format!("(none of {count} files)")));
            }
        } else {
            match import_file(entry, path, &shelf, progress)? {
                Ok(taken) => imported.push(taken),
                Err(reason) => return Err(not_part_of(entry, path, reason)),
            }
        }
    }
    Ok(imported)
}

/// The file taken, or what its decoded bytes are instead.
fn import_file(
    entry: &Entry,
    path: &Path,
    shelf: &Shelf,
    progress: &dyn Progress,
) -> Result<Result<Imported, String>, Error> {
    let broken = |refusal| match refusal {
        Refusal::Io {
            action,
            path,
            source,
        } => Err(Error::Io {
            action,
            path,
            source,
        }),
        refusal => Ok(Err(format!("(none: {refusal})"))),
    };
    let largest = entry.files.iter().map(|file| file.decoded.most()).max();
    let limit = largest.unwrap_or_default();
    let handle = File::open(path).map_err(|error| Error::io("open", path, error))?;
    progress.start(&path.display().to_string(), None);
    let scratch = Scratch::beside(&shelf.import());
    let filled = scratch.fill(handle, limit);
    progress.finish();
    let (bytes, digest) = match filled {
        Ok(filled) => filled,
        Err(refusal) => return broken(refusal),
    };
    if bytes > limit {
        return Ok(Err(format!("(none: more than {limit} bytes)")));
    }
    let name = path.file_name().and_then(|name| name.to_str());
    let is_known = |file: &&manifest::File| match file.decoded.sha256 {
        Some(sha256) => {
            sha256 == digest && file.decoded.bytes.is_none_or(|expected| expected == bytes)
        }
        None => name == Some(file.name.as_str()) || name == Some(file.download.name.as_str()),
    };
    let Some(file) = entry.files.iter().find(is_known) else {
        return Ok(Err(digest.to_string()));
    };
    let noted = match file.decoded.sha256 {
        Some(_) => Ok(()),
        None => compare_or_note(&shelf.note(file), digest),
    };
    match noted.and_then(|()| scratch.settle(&shelf.path(file))) {
        Ok(()) => Ok(Ok(Imported {
            from: path.to_owned(),
            file: file.name.to_string(),
        })),
        Err(refusal @ Refusal::NotTheFirst { .. }) => Err(Error::NotTheFirst {
            path: path.to_owned(),
            id: entry.id.to_string(),
            file: file.name.to_string(),
            refusal: Box::new(refusal),
        }),
        Err(refusal) => broken(refusal),
    }
}

fn list_files(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let fail = |error| Error::io("list", folder, error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(fail)? {
        paths.push(entry.map_err(fail)?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_file() {
            files.push(path);
        } else if path.is_dir() && depth > 1 {
            list_files(&path, depth - 1, files)?;
        }
    }
    Ok(())
}

fn not_part_of(entry: &Entry, path: &Path, got: String) -> Error {
    Error::NotPartOf {
        path: path.to_owned(),
        id: entry.id.to_string(),
        got,
        expected: entry
            .files
            .iter()
            .map(|file| match file.decoded.sha256 {
                Some(sha256) => format!("{sha256}  {}", file.name),
                None => format!("(known by its name)  {}", file.name),
            })
            .collect(),
    }
}
