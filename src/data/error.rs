//! What can go wrong with data, said so that the reader knows what to do next.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::command::Failure;
use super::digest::Digest;

/// Any failure of the data layer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// `datasets.toml` breaks its own rules.
    #[error("data/datasets.toml, line {line}: {message}")]
    Manifest {
        /// Line, counted from 1.
        line: usize,
        /// What is wrong, naming the key.
        message: String,
    },
    /// No data set has this id.
    #[error("no data set is called `{id}`; there are: {}", known.join(", "))]
    UnknownDataSet {
        /// The id asked for.
        id: String,
        /// The ids there are.
        known: Vec<String>,
    },
    /// The platform names no folder for caches.
    #[error("no folder for the data cache ({reason}); name one with --data-dir or REPLICATE_DATA")]
    NoCacheFolder {
        /// What the platform said.
        reason: String,
    },
    /// A file or folder of this machine could not be used.
    #[error("cannot {action} {}: {source}{}", path.display(), way_on(action, source))]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// No source delivered a file.
    #[error("{}", describe_no_source(id, file, *offline, attempts))]
    NoSource {
        /// The data set.
        id: String,
        /// The file.
        file: String,
        /// Whether sources that need a network were left out.
        offline: bool,
        /// Each source tried and why it was of no use, in order.
        attempts: Vec<Attempt>,
    },
    /// Bytes in the cache are not those the manifest promises.
    #[error(
        "{} is damaged: {detail}; run `replicate data fetch {id}` to replace it", path.display()
    )]
    Damaged {
        /// The data set.
        id: String,
        /// The cached file.
        path: PathBuf,
        /// What was expected and what was found.
        detail: String,
    },
    /// The right bytes do not parse as the format their role demands: the manifest is wrong.
    #[error("{file}, byte {byte}: {message}")]
    Format {
        /// The file.
        file: String,
        /// Offset from its start.
        byte: u64,
        /// What was expected there and what was found.
        message: String,
    },
    /// A file given to `import` belongs to no file of the data set.
    #[error(
        "{} is no file of {id}: its decoded bytes have SHA-256 {got}; expected one of:{}",
        path.display(), list(expected)
    )]
    NotPartOf {
        /// The file given.
        path: PathBuf,
        /// The data set.
        id: String,
        /// The hash of its decoded bytes, or why there is none.
        got: String,
        /// `hash  name` of each file of the data set.
        expected: Vec<String>,
    },
    /// A file given to `import` is another than the one of its name that came first.
    #[error("{} is another {file} of {id}: {refusal}", path.display())]
    NotTheFirst {
        /// The file given.
        path: PathBuf,
        /// The data set.
        id: String,
        /// Its file.
        file: String,
        /// The hashes.
        refusal: Box<Refusal>,
    },
    /// `verify` found files that are damaged or missing.
    #[error("{}", describe_unverified(damaged, missing))]
    Unverified {
        /// `dataset/file` of damaged files.
        damaged: Vec<String>,
        /// Ids of data sets with missing files.
        missing: Vec<String>,
    },
    /// A file of the user's own that is not what it should be.
    #[error(transparent)]
    Unreadable(#[from] super::format::Unreadable),
    /// The results could not be written.
    #[error("cannot write the results: {0}")]
    Output(#[from] io::Error),
}

impl Error {
    /// Whether data are missing or damaged, as opposed to a folder or an output that cannot be used.
    #[must_use]
    pub fn concerns_data(&self) -> bool {
        !matches!(
            self,
            Self::Output(_) | Self::Io { .. } | Self::NoCacheFolder { .. } | Self::Manifest { .. }
        )
    }

    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

/// One source tried for one file, without success.
#[derive(Debug)]
pub struct Attempt {
    /// The source, as the user knows it: a URL, a folder, a package.
    pub source: String,
    /// Why it was of no use.
    pub refusal: Refusal,
}

/// Why one source did not deliver one file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No connection, or no answer in time.
    #[error("not reachable: {0}")]
    Unreachable(String),
    /// The host was not reachable for an earlier file, and was not asked again.
    #[error("not asked again: {0} was not reachable")]
    GivenUp(String),
    /// An HTTP status other than success.
    #[error("HTTP status {}{}", .0, status_hint(*.0))]
    Status(u16),
    /// An HTTP status with the request to come again later.
    #[error("HTTP status {status}{}; it asks for a pause of {} s", status_hint(*status), pause.as_secs())]
    Busy {
        /// The status.
        status: u16,
        /// For how long not to ask.
        pause: Duration,
    },
    /// More redirects than allowed, or one to an unsafe place.
    #[error("redirect refused: {0}")]
    Redirect(String),
    /// A web page where data was expected: a login page, or a proxy's explanation.
    #[error("served an HTML page instead of data (a proxy or login page?)")]
    Html,
    /// The server announced, or sent, another number of bytes.
    #[error("wrong length: expected {expected} bytes, got {got}")]
    Length {
        /// As in the manifest.
        expected: u64,
        /// As announced or received.
        got: u64,
    },
    /// A copy that cannot be the file, however it was compressed.
    #[error("not the file: it sends {got} bytes or more, and a copy has at most {most}")]
    Oversize {
        /// More than a copy can have.
        most: u64,
        /// As announced or received.
        got: u64,
    },
    /// What came is not what was promised, and it was encoded on its way.
    #[error("{refusal} (the server, or a proxy, sends it with `Content-Encoding: {encoding}`)")]
    Encoded {
        /// The encoding, as announced.
        encoding: String,
        /// What is wrong with what came.
        refusal: Box<Refusal>,
    },
    /// Asked for the rest of a file, the server sent another part.
    #[error("sent the wrong part: expected `{expected}`, got `{got}`")]
    Range {
        /// As asked for.
        expected: String,
        /// As announced.
        got: String,
    },
    /// The body ended or broke off early.
    #[error("broke off after {got} of {expected} bytes: {reason}")]
    Broken {
        /// As in the manifest.
        expected: u64,
        /// As received so far.
        got: u64,
        /// What the connection said.
        reason: String,
    },
    /// The body stopped, or crept, for too long.
    #[error("stalled after {got} of {expected} bytes (too little came in {} s)", patience.as_secs_f32())]
    Stalled {
        /// How long it was waited for the next bytes.
        patience: Duration,
        /// As in the manifest.
        expected: u64,
        /// As received so far.
        got: u64,
    },
    /// Other bytes than those promised.
    #[error("SHA-256 of the {what} does not match: expected {expected}, got {got}; file not used")]
    Digest {
        /// `download` or `decoded bytes`.
        what: &'static str,
        /// As in the manifest.
        expected: Digest,
        /// As received.
        got: Digest,
    },
    /// Other bytes than those that came first, where nobody knows the right ones.
    #[error(
        "SHA-256 {got} is not that of the one that came first, {expected}; file not used. Runs \
         may have been trained on the first. If that was the wrong one, remove {} and what was trained on it, and \
         try again",
        note.display()
    )]
    NotTheFirst {
        /// As noted.
        expected: Digest,
        /// As received.
        got: Digest,
        /// Where it is noted.
        note: PathBuf,
    },
    /// The gzip stream is broken.
    #[error("bad gzip data: {0}")]
    Gzip(io::Error),
    /// Decodes to more bytes than promised; decoding stopped there.
    #[error("decodes to more than the {expected} bytes expected; file not used")]
    TooLong {
        /// As in the manifest.
        expected: u64,
    },
    /// What the source holds cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// The source has no such file.
    #[error("no such file: {0}")]
    Absent(String),
    /// A package or archive that is not as it should be.
    #[error("{0}")]
    Package(String),
    /// A file of this machine could not be used.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl Refusal {
    /// Whether the next file would meet the same end, so that the source is left alone.
    pub(super) fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_) | Self::GivenUp(_) | Self::Package(_)
        )
    }

    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Package(failure.to_string())
    }
}

/// At most `most` characters of what others wrote, fit for a terminal and for one line.
pub(super) fn clip(text: &str, most: usize) -> String {
    let printable = |each: char| if each.is_control() { ' ' } else { each };
    // Somewhat more is looked at, for what is trimmed.
    let text: String = text.chars().take(2 * most + 100).map(printable).collect();
    let text = text.trim();
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// What to do about a file or folder of this machine, where the failure alone does not say.
fn way_on(action: &str, source: &io::Error) -> &'static str {
    let is_reading = matches!(action, "read" | "open" | "list");
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space there, or name another folder with --data-dir or REPLICATE_DATA"
        }
        io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::NotADirectory
            if !is_reading =>
        {
            "; name a folder that can be written to with --data-dir or REPLICATE_DATA"
        }
        _ => "",
    }
}

fn status_hint(status: u16) -> &'static str {
    match status {
        300..400 => " (a redirect, but to no usable place)",
        403 => " (refused: blocked here, or moved)",
        404 => " (no such file there)",
        416 => " (no such range)",
        429 => " (too many requests)",
        500.. => " (the server failed)",
        _ => "",
    }
}

fn list(lines: &[String]) -> String {
    lines.iter().fold(String::new(), |mut text, line| {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {line}");
        text
    })
}

fn describe_no_source(id: &str, file: &str, offline: bool, attempts: &[Attempt]) -> String {
    let tried: Vec<String> = attempts
        .iter()
        .map(|attempt| format!("{}: {}", attempt.source, attempt.refusal))
        .collect();
    let (reason, network) = if offline {
        (
            "--offline, and it is not in the cache or local mirror",
            "\n  without --offline, from public mirrors: `replicate data fetch`",
        )
    } else {
        ("no source delivered it", "")
    };
    let tried = if tried.is_empty() {
        String::new()
    } else {
        format!("; tried:{}", list(&tried))
    };
    format!(
        "{id}/{file}: {reason}{tried}\nways on:{network}\n  \
         files you have already: `replicate data import {id} PATH..` (.gz or not; names \
         matter only where no SHA-256 is known)\n  \
         a folder or server with <dataset>/<file>: `--mirror DIR|URL`\n  \
         no download at all: a replication's `--profile smoke`, or the data set digits, which is embedded"
    )
}

fn describe_unverified(damaged: &[String], missing: &[String]) -> String {
    let mut parts = Vec::new();
    if !damaged.is_empty() {
        parts.push(format!("damaged: {}", damaged.join(", ")));
    }
    if !missing.is_empty() {
        parts.push(format!("not in the cache: {}", missing.join(", ")));
    }
    format!("{}; run `replicate data fetch`", parts.join("; "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_used_comes_with_a_way_on() {
        let said = |action, kind: io::ErrorKind| {
            Error::io(action, Path::new("/cache/x"), kind.into()).to_string()
        };
        let full = said("write", io::ErrorKind::StorageFull);
        assert!(full.starts_with("cannot write /cache/x: "), "{full}");
        assert!(full.contains("; free some space there, or "), "{full}");
        for kind in [
            io::ErrorKind::ReadOnlyFilesystem,
            io::ErrorKind::PermissionDenied,
        ] {
            let text = said("make the folder", kind);
            assert!(
                text.ends_with("with --data-dir or REPLICATE_DATA"),
                "{text}"
            );
            let text = said("read", kind);
            assert!(!text.contains("--data-dir"), "{text}");
        }
    }

    #[test]
    fn what_others_wrote_is_clipped_and_made_printable() {
        assert_eq!(clip(" \u{1b}a\u{1b}[31m\nb \n", 10), "a [31m b");
        assert_eq!(clip(&"\u{e9}".repeat(11), 10), "\u{e9}".repeat(10) + "...");
        assert_eq!(clip(&"x".repeat(10), 10), "x".repeat(10));
    }
}
