//! A user's own data: NPY, NPZ, CSV, HDF5 and IDX files, and folders of images, read into a [`Table`].
//!
//! The format is told by the file's name and by its first bytes, and the two must agree. Parsing is
//! strict. No size that a file announces is believed: before memory is taken, it is compared with
//! the bytes that are there (for compressed parts, with the most that deflate can make of them) and
//! with [`Options::limit`]. Errors carry the byte, the line, or the array where reading stopped.
//!
//! ```
//! use std::path::Path;
//! use replicate::data::format::{self, Labels, Options};
//!
//! let options = Options { labels: Labels::Last, ..Options::default() };
//! let table = format::parse(Path::new("points.csv"), b"0.5,1,0\n2,3,1\n".to_vec(), &options)?;
//! assert_eq!((table.rows, table.dims()), (2, 2));
//! assert_eq!(table.labels, Some(vec![0, 1]));
//! # Ok::<(), replicate::data::Error>(())
//! ```

mod csv;
mod gzip;
mod hdf5;
mod idx;
pub mod images;
mod kind;
mod labelling;
mod npy;
mod npz;
mod numbers;
mod table;
mod unreadable;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

pub use labelling::Labelling;
pub use table::Table;
pub use unreadable::{Position, Unreadable};

use self::kind::Kind;
use self::numbers::Features;
use self::unreadable::Origin;
use super::error::Error;

/// What to read from a file, and how much of it at most.
#[derive(Clone, Debug)]
pub struct Options {
    /// The array of an NPZ or HDF5 file that holds the features; by itself, the first there is of
    /// `x`, `X`, `features`, `data`, and `arr_0` (NPZ).
    pub features: Option<String>,
    /// Where the labels are.
    pub labels: Labels,
    /// The most bytes that a file, what it decodes to, and the features made from that may take,
    /// each for itself.
    pub limit: u64,
}

impl Default for Options {
    /// Everything is found by its name; 16 GiB.
    fn default() -> Self {
        Self {
            features: None,
            labels: Labels::Found,
            limit: 16 << 30,
        }
    }
}

/// Where labels are. They are integers, or floats without a fraction; in CSV files words too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Labels {
    /// In the array or column called `y`, `label`, `labels`, `target` or `class`; none if there is
    /// no such one.
    Found,
    /// There are none.
    Absent,
    /// In the array (NPZ, HDF5) or column (CSV with a header) of this name.
    Named(String),
    /// In the last column (CSV).
    Last,
    /// In a file of their own, of any of the formats: its only array, or the one that would be
    /// found as its features or labels, with one number a row.
    File(PathBuf),
}

/// Names under which features are found, in the order tried.
const FEATURE_NAMES: [&str; 5] = ["x", "X", "features", "data", "arr_0"];
/// Names under which labels are found, in the order tried.
const LABEL_NAMES: [&str; 5] = ["y", "label", "labels", "target", "class"];

/// Reads a file. Its format is told by its name (`.npy`, `.npz`, `.csv`, `.tsv`, `.h5`, `.hdf5`, `.idx`,
/// `-ubyte`; all but NPZ and HDF5 also with `.gz`) and by its content.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read; [`Error::Unreadable`], with the position, if it is not
/// what its name says, is damaged, is above the limit, or does not hold what was asked for.
pub fn read(path: &Path, options: &Options) -> Result<Table, Error> {
    parse(path, bytes_of(path, options.limit)?, options)
}

/// [`read`], with the file's bytes at hand; `path` tells the format, and names it in errors.
///
/// # Errors
/// Those of [`read`].
pub fn parse(path: &Path, bytes: Vec<u8>, options: &Options) -> Result<Table, Error> {
    let file = path.display().to_string();
    let (features, labels) = contents(path, &file, bytes, options)?;
    let labels = match &options.labels {
        Labels::File(path) => Some(read_labels(path, options.limit)?),
        _ => labels,
    };
    Ok(Table::new(&file, features, labels)?)
}

fn contents(
    path: &Path,
    file: &str,
    bytes: Vec<u8>,
    options: &Options,
) -> Result<(Features, Option<Labelling>), Unreadable> {
    let whole = Origin::new(file);
    let (kind, bytes, part) = kind::recognise(path, whole, bytes, options.limit)?;
    let origin = whole.part(part);
    match kind {
        Kind::Npy | Kind::Idx => {
            // Options that such a file cannot meet are refused, lest they be thought to have worked.
            if let Labels::Named(_) | Labels::Last = options.labels {
                return Err(origin.whole(
                    "it holds one array and so no labels; name a second file with them".to_owned(),
                ));
            }
            let numbers = match kind {
                Kind::Npy => npy::parse(origin, &bytes)?,
                _ => idx::parse(origin, &bytes)?,
            };
            Ok((numbers.features(origin, options.limit)?, None))
        }
        Kind::Csv => csv::parse(origin, &bytes, &options.labels, options.limit),
        Kind::Npz => {
            let (features, labels) = npz::parse(origin, &bytes, options)?;
            Ok((features, labels.map(Labelling::from)))
        }
        Kind::Hdf5 => {
            let (features, labels) = hdf5::parse(origin, bytes, options)?;
            Ok((features, labels.map(Labelling::from)))
        }
    }
}

/// Reads a file of labels: its only array or column, or the one called as labels are ([`Labels::Found`]),
/// with one integer a row, or in a CSV file one word. `limit` is that of [`Options::limit`].
///
/// # Errors
/// Those of [`read`].
pub fn read_labels(path: &Path, limit: u64) -> Result<Labelling, Error> {
    let file = path.display().to_string();
    let whole = Origin::new(&file);
    let bytes = bytes_of(path, limit)?;
    let (kind, bytes, part) = kind::recognise(path, whole, bytes, limit)?;
    let origin = whole.part(part);
    Ok(match kind {
        Kind::Npy => npy::parse(origin, &bytes)?.labels(origin)?.into(),
        Kind::Idx => idx::parse(origin, &bytes)?.labels(origin)?.into(),
        Kind::Csv => csv::labels(origin, &bytes)?,
        Kind::Npz => npz::labels(origin, &bytes, limit)?.into(),
        Kind::Hdf5 => hdf5::labels(origin, bytes, limit)?.into(),
    })
}

fn bytes_of(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let fail = |error| Error::io("read", path, error);
    let file = File::open(path).map_err(fail)?;
    let data = file.metadata().map_err(fail)?;
    let name = path.display().to_string();
    let origin = Origin::new(&name);
    if !data.is_file() {
        return Err(origin.whole("it is not a file".to_owned()).into());
    }
    origin.within(data.len(), limit, "it")?;
    let mut bytes = Vec::with_capacity(data.len() as usize);
    // Should it grow meanwhile, what is beyond is not read.
    file.take(data.len())
        .read_to_end(&mut bytes)
        .map_err(fail)?;
    Ok(bytes)
}

/// The array to read: the one asked for, else the first of `names` that there is. `None` if none was
/// asked for and none is there. The error lists `known`, the names there are.
fn choose(
    origin: Origin<'_>,
    asked: Option<&str>,
    names: &[&str],
    known: &[String],
) -> Result<Option<String>, Unreadable> {
    let is_known = |name: &str| known.iter().any(|other| other == name);
    match asked {
        Some(name) if is_known(name) => Ok(Some(name.to_owned())),
        Some(name) => Err(origin.whole(format!("it has no array `{name}`; {}", there_are(known)))),
        None => Ok(names
            .iter()
            .find(|name| is_known(name))
            .map(|name| (*name).to_owned())),
    }
}

/// The arrays with the features and, if there are any, the labels.
fn choose_arrays(
    origin: Origin<'_>,
    options: &Options,
    known: &[String],
) -> Result<(String, Option<String>), Unreadable> {
    let features = choose(origin, options.features.as_deref(), &FEATURE_NAMES, known)?;
    let features = features.ok_or_else(|| {
        let names = FEATURE_NAMES.join(", ");
        let known = there_are(known);
        origin.whole(format!(
            "it has no array called one of {names}; {known}; say which holds the features"
        ))
    })?;
    let labels = match &options.labels {
        Labels::Found => choose(origin, None, &LABEL_NAMES, known)?,
        Labels::Named(name) => choose(origin, Some(name), &[], known)?,
        Labels::Absent | Labels::File(_) => None,
        Labels::Last => {
            return Err(origin
                .whole("only CSV has a last column; name the array with the labels".to_owned()));
        }
    };
    Ok((features, labels))
}

/// The array of a file that holds labels and maybe nothing else.
fn choose_labels(origin: Origin<'_>, known: &[String]) -> Result<String, Unreadable> {
    if let [only] = known {
        return Ok(only.clone());
    }
    choose(origin, None, &LABEL_NAMES, known)?.ok_or_else(|| {
        let names = LABEL_NAMES.join(", ");
        origin.whole(format!(
            "it has no array called one of {names}; {}",
            there_are(known)
        ))
    })
}

/// More names than this are not listed.
const LISTED: usize = 30;

fn there_are(known: &[String]) -> String {
    let shown = known.iter().take(LISTED).map(String::as_str);
    let shown = shown.collect::<Vec<_>>().join(", ");
    match known.len() {
        0 => "there are none".to_owned(),
        count if count > LISTED => format!("there are {count}: {shown}, .."),
        _ => format!("there are: {shown}"),
    }
}

#[cfg(test)]
mod tests;
