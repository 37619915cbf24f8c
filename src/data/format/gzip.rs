//! Files compressed as a whole.

use std::io::Read as _;

use flate2::bufread::MultiGzDecoder;

use super::unreadable::{Origin, Unreadable};

/// The most bytes that deflate makes of one (zlib, "Technical Details": 1032 : 1).
pub(super) const EXPANSION: u64 = 1032;

/// The decompressed bytes, no more than `limit`.
pub(super) fn decode(origin: Origin<'_>, bytes: &[u8], limit: u64) -> Result<Vec<u8>, Unreadable> {
    let mut rest = bytes;
    let mut decoded = Vec::new();
    let read = MultiGzDecoder::new(&mut rest)
        .take(limit.saturating_add(1))
        .read_to_end(&mut decoded);
    let read_to = bytes.len() - rest.len();
    read.map_err(|error| origin.byte(read_to, format!("bad gzip data: {error}")))?;
    origin.within(decoded.len() as u64, limit, "its decompressed content")?;
    Ok(decoded)
}
