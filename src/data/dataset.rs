//! A data set in memory, put together from verified bytes.

use std::io::Read as _;

use flate2::read::GzDecoder;

use super::cache::{Shelf, State};
use super::digest::Digest;
use super::error::Error;
use super::fetch::Fetcher;
use super::manifest::{Entry, File, Role};
use super::{groups, idx, rcv1, table};

/// `data/digits.csv.gz`, the one data set that needs no network.
const DIGITS: &[u8] = include_bytes!("../../data/digits.csv.gz");

/// Rows with labels. Train rows come first, then test rows, each in the publisher's order.
#[derive(Clone, Debug)]
pub struct DataSet {
    /// Its id in the manifest.
    pub id: String,
    /// Its title.
    pub title: String,
    /// `[rows, dims]`, row-major: stored values divided by the manifest's divisor, in [0, 1]; weights of
    /// terms where rows are documents.
    pub features: Vec<f32>,
    /// `[rows]`, each below `classes`.
    pub labels: Vec<u8>,
    /// Number of rows.
    pub rows: usize,
    /// Values in a row.
    pub dims: usize,
    /// Number of classes.
    pub classes: usize,
    /// Rows of the train half; the rest are test rows.
    pub train_rows: usize,
    /// Height and width, where a row is an image.
    pub image: Option<(usize, usize)>,
    /// [`Entry::sha256`] of the bytes read, in hexadecimal.
    pub sha256: String,
}

impl DataSet {
    /// The values of one row, `[dims]`; none beyond the last.
    #[must_use]
    pub fn row(&self, row: usize) -> Option<&[f32]> {
        self.features.chunks_exact(self.dims).nth(row)
    }

    /// Puts a data set together from its files' bytes, in manifest order.
    fn assemble(entry: &Entry, contents: Vec<Vec<u8>>) -> Result<Self, Error> {
        let (features, labels) = match entry.files.first().map(|file| file.role) {
            Some(Role::Groups) => groups::parse(entry, contents)?,
            Some(Role::Tokens) => rcv1::parse(entry, &contents)?,
            _ => Self::bytes(entry, &contents)?,
        };
        Ok(Self {
            id: entry.id.to_string(),
            title: entry.title.clone(),
            features,
            labels,
            rows: entry.rows(),
            dims: entry.dims(),
            classes: entry.classes,
            train_rows: entry.train_rows,
            image: entry.image,
            sha256: entry.sha256().to_string(),
        })
    }

    /// Features and labels from files of bytes: IDX, or a table.
    fn bytes(entry: &Entry, contents: &[Vec<u8>]) -> Result<(Vec<f32>, Vec<u8>), Error> {
        let (rows, dims) = (entry.rows(), entry.dims());
        let image = entry.image.unwrap_or((1, dims));
        // No value and no label takes less than a byte, whatever the manifest says.
        let stored: usize = contents.iter().map(Vec::len).sum();
        let mut features = Vec::with_capacity(rows.saturating_mul(dims).min(stored));
        let mut labels = Vec::with_capacity(rows.min(stored));
        let divisor = f32::from(entry.divisor);
        let mut scale = |values: &[u8]| {
            features.extend(values.iter().map(|&value| f32::from(value) / divisor));
        };
        for (file, bytes) in entry.files.iter().zip(contents) {
            let name = format!("{}/{}", entry.id, file.name);
            let half = match file.role {
                Role::TrainImages | Role::TrainLabels => entry.train_rows,
                Role::TestImages | Role::TestLabels => entry.test_rows,
                _ => rows,
            };
            match file.role {
                Role::TrainImages | Role::TestImages => {
                    scale(idx::images(&name, bytes, half, image)?);
                }
                Role::TrainLabels | Role::TestLabels => {
                    labels.extend(idx::labels(&name, bytes, half, entry.classes)?);
                }
                _ => {
                    let (divisor, classes) = (entry.divisor, entry.classes);
                    let (values, own) = table::parse(&name, bytes, half, dims, divisor, classes)?;
                    scale(&values);
                    labels = own;
                }
            }
        }
        Ok((features, labels))
    }
}

/// Loads a data set: from the cache where all its files are there and good, else after fetching.
pub(super) fn load(entry: &Entry, fetcher: &Fetcher<'_>) -> Result<DataSet, Error> {
    if entry.is_embedded() {
        let contents: Result<Vec<_>, _> = entry
            .files
            .iter()
            .map(|file| read_embedded(entry, file))
            .collect();
        return DataSet::assemble(entry, contents?);
    }
    let shelf = Shelf::new(fetcher.access(), entry);
    if let Ok(contents) = read_all(entry, &shelf)? {
        return DataSet::assemble(entry, contents);
    }
    fetcher.fetch(entry)?;
    match read_all(entry, &shelf)? {
        Ok(contents) => DataSet::assemble(entry, contents),
        Err((file, detail)) => Err(Error::Damaged {
            id: entry.id.to_string(),
            path: shelf.path(file),
            detail,
        }),
    }
}

/// All verified bytes, or the first file that is not as promised.
type Contents<'a> = Result<Vec<Vec<u8>>, (&'a File, String)>;

fn read_all<'a>(entry: &'a Entry, shelf: &Shelf) -> Result<Contents<'a>, Error> {
    let mut contents = Vec::with_capacity(entry.files.len());
    for file in &entry.files {
        match shelf.read(file)? {
            State::Good(bytes) => contents.push(bytes),
            State::Missing => return Ok(Err((file, "it is gone".into()))),
            State::Damaged(detail) => return Ok(Err((file, detail))),
        }
    }
    Ok(Ok(contents))
}

/// The bytes of the embedded data set, checked like any other.
pub(super) fn read_embedded(entry: &Entry, file: &File) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let decoded = GzDecoder::new(DIGITS)
        .take(file.decoded.most().saturating_add(1))
        .read_to_end(&mut bytes);
    let got = Digest::of(&bytes);
    if decoded.is_ok() && file.decoded.sha256 == Some(got) {
        return Ok(bytes);
    }
    Err(Error::Format {
        file: format!("{}/{} (embedded)", entry.id, file.name),
        byte: 0,
        message: format!("its SHA-256, {got}, is not the one in the manifest"),
    })
}
