//! NumPy's NPZ: a ZIP archive with an NPY file for each array, stored or deflated.

use std::io::{Cursor, Read as _};

use zip::{CompressionMethod, ZipArchive};

use super::gzip::EXPANSION;
use super::numbers::Features;
use super::unreadable::{Origin, Unreadable};
use super::{Options, choose_arrays, choose_labels, npy};

pub(super) fn parse(
    origin: Origin<'_>,
    bytes: &[u8],
    options: &Options,
) -> Result<(Features, Option<Vec<i64>>), Unreadable> {
    let mut archive = Archive::open(origin, bytes, options.limit)?;
    let (features, labels) = choose_arrays(origin, options, &archive.arrays)?;
    let labels = labels.map(|name| archive.labels(&name)).transpose()?;
    let part = archive.read(&features)?;
    let name = quoted(&features);
    let origin = origin.part(Some(&name));
    let features = npy::parse(origin, &part)?.features(origin, options.limit)?;
    Ok((features, labels))
}

pub(super) fn labels(origin: Origin<'_>, bytes: &[u8], limit: u64) -> Result<Vec<i64>, Unreadable> {
    let mut archive = Archive::open(origin, bytes, limit)?;
    let name = choose_labels(origin, &archive.arrays)?;
    archive.labels(&name)
}

/// How an array is called in errors.
pub(super) fn quoted(array: &str) -> String {
    format!("array `{array}`")
}

struct Archive<'a> {
    origin: Origin<'a>,
    zip: ZipArchive<Cursor<&'a [u8]>>,
    arrays: Vec<String>,
    /// Bytes of the archive.
    length: u64,
    limit: u64,
}

impl<'a> Archive<'a> {
    fn open(origin: Origin<'a>, bytes: &'a [u8], limit: u64) -> Result<Self, Unreadable> {
        let zip = ZipArchive::new(Cursor::new(bytes))
            .map_err(|error| origin.byte(bytes.len(), format!("bad ZIP directory: {error}")))?;
        let names = zip
            .file_names_raw()
            .filter_map(|name| std::str::from_utf8(name).ok());
        let arrays = names.filter_map(|name| name.strip_suffix(".npy"));
        let arrays = arrays.map(str::to_owned).collect();
        Ok(Self {
            origin,
            zip,
            arrays,
            length: bytes.len() as u64,
            limit,
        })
    }

    fn labels(&mut self, array: &str) -> Result<Vec<i64>, Unreadable> {
        let part = self.read(array)?;
        let name = quoted(array);
        let origin = self.origin.part(Some(&name));
        npy::parse(origin, &part)?.labels(origin)
    }

    /// The decompressed NPY file of an array.
    fn read(&mut self, array: &str) -> Result<Vec<u8>, Unreadable> {
        let name = quoted(array);
        let origin = self.origin.part(Some(&name));
        let mut member = self
            .zip
            .by_name(&format!("{array}.npy"))
            .map_err(|error| origin.whole(format!("it cannot be read: {error}")))?;
        let (size, stored) = (member.size(), member.compressed_size());
        let most = match member.compression() {
            CompressionMethod::Stored => stored,
            CompressionMethod::Deflated => stored.saturating_mul(EXPANSION),
            method => return Err(origin.whole(format!("compression {method:?} is not read"))),
        };
        if stored > self.length || size > most {
            return Err(origin.whole(format!(
                "the archive is damaged: of its {} bytes, {stored} are said to make {size}",
                self.length
            )));
        }
        origin.within(size, self.limit, "it")?;
        let mut bytes = Vec::with_capacity(size as usize);
        (&mut member)
            .take(size + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| origin.byte(bytes.len(), format!("bad compressed data: {error}")))?;
        if bytes.len() as u64 != size {
            return Err(origin.byte(
                bytes.len(),
                format!("the archive is damaged: {size} bytes were announced"),
            ));
        }
        Ok(bytes)
    }
}
