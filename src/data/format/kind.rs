//! Which format a file has: by its name and by its content, which must agree.

use std::path::Path;

use super::gzip;
use super::unreadable::{Origin, Unreadable};

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Npy,
    Npz,
    Csv,
    Hdf5,
    Idx,
}

const KNOWN: &str =
    ".npy, .npz, .csv, .tsv, .h5, .hdf5 and .idx (.npy, .csv, .tsv and .idx also with .gz)";
const GZIP: &[u8] = &[0x1f, 0x8b];

/// The format and the bytes, decompressed where they were compressed as a whole; then also what to
/// call them in errors.
pub(super) fn recognise(
    path: &Path,
    origin: Origin<'_>,
    bytes: Vec<u8>,
    limit: u64,
) -> Result<(Kind, Vec<u8>, Option<&'static str>), Unreadable> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_lowercase();
    let (stem, compressed) = match name.strip_suffix(".gz") {
        Some(stem) => (stem, true),
        None => (name.as_str(), false),
    };
    let named = Kind::of_name(stem)
        .filter(|kind| !compressed || matches!(kind, Kind::Npy | Kind::Csv | Kind::Idx))
        .ok_or_else(|| origin.whole(format!("its name says no format; there are {KNOWN}")))?;
    let (bytes, part) = if compressed {
        (gzip::decode(origin, &bytes, limit)?, Some("decompressed"))
    } else {
        (bytes, None)
    };
    let found = Kind::of_content(&bytes);
    if found != Some(named) {
        let found = match found {
            _ if bytes.is_empty() => "it is empty",
            _ if bytes.starts_with(GZIP) => "its content is gzip data (.gz)",
            Some(kind) => kind.content(),
            None => "its content is binary, of no format known here",
        };
        let named = named.name();
        return Err(origin
            .part(part)
            .byte(0, format!("the name says {named}, but {found}")));
    }
    Ok((named, bytes, part))
}

impl Kind {
    /// By the file's name in lower case, without `.gz`.
    fn of_name(name: &str) -> Option<Self> {
        // As MNIST's files are called.
        if name.ends_with("-ubyte") {
            return Some(Self::Idx);
        }
        match name.rsplit_once('.')?.1 {
            "npy" => Some(Self::Npy),
            "npz" => Some(Self::Npz),
            "csv" | "tsv" => Some(Self::Csv),
            "h5" | "hdf5" => Some(Self::Hdf5),
            "idx" => Some(Self::Idx),
            _ => None,
        }
    }

    fn of_content(bytes: &[u8]) -> Option<Self> {
        const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";
        // HDF5 may have a block of the user's before it, of a size that is a power of two.
        let after_user_block = |bytes: &[u8]| {
            let mut starts = (9..usize::BITS).map(|power| 1_usize << power);
            starts.any(|at| bytes.get(at..).is_some_and(|rest| rest.starts_with(HDF5)))
        };
        match bytes {
            _ if bytes.starts_with(b"\x93NUMPY") => Some(Self::Npy),
            _ if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") => {
                Some(Self::Npz)
            }
            _ if bytes.starts_with(HDF5) || after_user_block(bytes) => Some(Self::Hdf5),
            [0, 0, 0x08..=0x0e, _, ..] => Some(Self::Idx),
            [] => None,
            // Text has no zero byte; where its characters are not UTF-8, the parser says the line.
            _ if !bytes.starts_with(GZIP) && !bytes.iter().take(4096).any(|&byte| byte == 0) => {
                Some(Self::Csv)
            }
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Npy => "NPY",
            Self::Npz => "NPZ",
            Self::Csv => "CSV",
            Self::Hdf5 => "HDF5",
            Self::Idx => "IDX",
        }
    }

    fn content(self) -> &'static str {
        match self {
            Self::Npy => "its content is a NumPy array (.npy)",
            Self::Npz => "its content is a ZIP archive (.npz)",
            Self::Csv => "its content is text (.csv?)",
            Self::Hdf5 => "its content is HDF5 (.h5)",
            Self::Idx => "its content is IDX (.idx)",
        }
    }
}
