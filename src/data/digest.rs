//! SHA-256 as a value, and copying a stream under a size limit while hashing it.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// The SHA-256 of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let nibble = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 32];
        let well_formed = text.len() == 64
            && bytes
                .iter_mut()
                .zip(text.as_bytes().chunks_exact(2))
                .all(|(byte, pair)| match (nibble(pair[0]), nibble(pair[1])) {
                    (Some(high), Some(low)) => {
                        *byte = high << 4 | low;
                        true
                    }
                    _ => false,
                });
        if well_formed {
            Ok(Self(bytes))
        } else {
            Err(format!(
                "a SHA-256 is 64 lower-case hexadecimal digits, not `{text}`"
            ))
        }
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// A SHA-256 in the making.
#[derive(Clone, Default)]
pub(super) struct Hasher(Sha256);

impl Hasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

/// The side on which a copy failed.
#[derive(Debug)]
pub(super) enum CopyError {
    /// What is read from: somebody else's fault.
    Read(io::Error),
    /// What is written to: this machine's.
    Write(io::Error),
}

/// Copies `reader` to `writer`, never more than `limit + 1` bytes, and returns the count and hash.
///
/// A count of `limit + 1` says that there was more than the limit: enough to refuse the stream
/// without decoding a gzip bomb to its end.
pub(super) fn copy_hashed(
    reader: impl Read,
    writer: &mut dyn Write,
    limit: u64,
) -> Result<(u64, Digest), CopyError> {
    let mut reader = reader.take(limit.saturating_add(1));
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; 64 * 1024];
    let mut count = 0;
    loop {
        let read = match reader.read(&mut buffer) {
            Ok(0) => return Ok((count, hasher.finish())),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(CopyError::Read(error)),
        };
        hasher.update(&buffer[..read]);
        writer
            .write_all(&buffer[..read])
            .map_err(CopyError::Write)?;
        count += read as u64;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    // python3 -c "import hashlib; print(hashlib.sha256(b'abc').hexdigest())"
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn text_and_value_are_the_same_digest() {
        assert_eq!(Digest::of(b"abc").to_string(), ABC);
        assert_eq!(ABC.parse::<Digest>().unwrap(), Digest::of(b"abc"));
    }

    #[test]
    fn malformed_digests_are_refused() {
        for text in ["", &ABC[1..], &ABC.to_uppercase(), &ABC.replace('b', "g")] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
        // 64 bytes, but not 64 characters.
        assert!("\u{e9}".repeat(32).parse::<Digest>().is_err());
    }

    #[test]
    fn a_copy_stops_one_byte_past_its_limit() {
        let mut out = Vec::new();
        let (count, digest) = copy_hashed(&b"abc"[..], &mut out, 3).unwrap();
        assert_eq!((count, digest.to_string().as_str()), (3, ABC));
        let mut out = Vec::new();
        let (count, _) = copy_hashed(io::repeat(0), &mut out, 1000).unwrap();
        assert_eq!((count, out.len()), (1001, 1001));
    }

    #[test]
    fn a_failed_copy_says_on_which_side() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        struct Unreadable;
        impl Read for Unreadable {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
        }
        let full = copy_hashed(&b"abc"[..], &mut Full, 3);
        assert!(matches!(full, Err(CopyError::Write(_))), "{full:?}");
        let unreadable = copy_hashed(Unreadable, &mut io::sink(), 3);
        assert!(
            matches!(unreadable, Err(CopyError::Read(_))),
            "{unreadable:?}"
        );
    }
}
