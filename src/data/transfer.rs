//! One file over HTTP: into a `.part` file, resumed where an earlier try broke off, hashed as it
//! comes, and handed on only when its length and hash are the promised ones.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use reqwest::Url;

use super::digest::{Digest, Hasher};
use super::error::Refusal;
use super::http::{Answer, Head, Http, Interruption};
use super::progress::Progress;

/// What the bytes at a URL have to be.
#[derive(Clone, Copy)]
pub(super) enum Promise {
    /// Exactly the file the publisher serves. Parts of it can be put together from several tries
    /// and several mirrors.
    Published {
        /// Its size.
        bytes: u64,
        /// Its hash.
        sha256: Digest,
    },
    /// Somebody's copy, compressed in their own way: no longer than this. Only its decoded bytes
    /// can be checked, so each try starts from its first byte.
    Copy {
        /// The most bytes to take.
        limit: u64,
    },
}

impl Promise {
    fn most(self) -> u64 {
        match self {
            Self::Published { bytes, .. } => bytes,
            Self::Copy { limit } => limit,
        }
    }
}

/// Brings `url` into the file `part`, trying again where that may help.
///
/// On success `part` holds what was promised. On failure it holds what a later try can go on
/// from, or is gone.
pub(super) fn download(
    http: &Http,
    url: &Url,
    promise: Promise,
    part: &Path,
    progress: &dyn Progress,
) -> Result<(), Refusal> {
    http.check_host(url)?;
    let mut back_off = http.limits.back_off;
    let mut retries = 0;
    let mut started_over = false;
    loop {
        let mut attempt = Try {
            http,
            url,
            promise,
            part,
            progress,
            is_resumed: false,
            encoding: None,
        };
        let outcome = attempt.run();
        progress.finish();
        let Err(refusal) = outcome else {
            return Ok(());
        };
        let is_stale = matches!(
            refusal,
            Refusal::Digest { .. } | Refusal::Status(416) | Refusal::Range { .. }
        );
        if attempt.is_resumed && is_stale && !started_over {
            // What was there from an earlier try was of no use: once more, from nothing.
            started_over = true;
            continue;
        }
        let pause = pause(&refusal, back_off).filter(|pause| *pause <= http.limits.pause);
        let Some(pause) = pause.filter(|_| retries < http.limits.retries) else {
            return Err(attempt.explain(refusal));
        };
        retries += 1;
        progress.note(&format!("{url}: {refusal}; trying again"));
        thread::sleep(pause);
        back_off *= 2;
    }
}

/// How long to wait before another try at the same place, if it is worth one. A stall is not: it
/// has cost its time already, and the next mirror goes on from the same part.
fn pause(refusal: &Refusal, back_off: Duration) -> Option<Duration> {
    match refusal {
        Refusal::Status(500 | 502 | 503 | 504) | Refusal::Broken { .. } => Some(back_off),
        Refusal::Busy { pause, .. } => Some(back_off.max(*pause)),
        _ => None,
    }
}

struct Try<'a> {
    http: &'a Http,
    url: &'a Url,
    promise: Promise,
    part: &'a Path,
    progress: &'a dyn Progress,
    /// Whether bytes from an earlier try are involved.
    is_resumed: bool,
    /// How the server says that it encoded the body, other than promised.
    encoding: Option<String>,
}

impl Try<'_> {
    fn run(&mut self) -> Result<(), Refusal> {
        let (held, mut hasher) = self.held()?;
        self.is_resumed = held > 0;
        let total = match self.promise {
            Promise::Published { bytes, .. } => Some(bytes),
            Promise::Copy { .. } => None,
        };
        self.progress.start(self.url.as_str(), total);
        let mut got = held;
        if total != Some(held) {
            let mut answer = self
                .http
                .get(self.url, held)
                .map_err(|refusal| self.complete(refusal, held))?;
            self.encoding = answer.head.content_encoding.take();
            let from = self.check_head(&answer.head, held)?;
            if from == 0 {
                self.is_resumed = false;
                hasher = Hasher::default();
            }
            self.progress.advance(from);
            got = self.receive(&mut answer, from, &mut hasher)?;
        }
        if let Promise::Published { bytes, sha256 } = self.promise {
            let digest = hasher.finish();
            if got != bytes || digest != sha256 {
                self.discard();
                return Err(Refusal::Digest {
                    what: "download",
                    expected: sha256,
                    got: digest,
                });
            }
        }
        Ok(())
    }

    /// Adds to the refusal of wrong bytes what made them wrong, where the server says so.
    fn explain(self, refusal: Refusal) -> Refusal {
        let is_wrong = matches!(
            refusal,
            Refusal::Digest { .. } | Refusal::Length { .. } | Refusal::Oversize { .. }
        );
        match self.encoding {
            Some(encoding) if is_wrong => Refusal::Encoded {
                encoding,
                refusal: Box::new(refusal),
            },
            _ => refusal,
        }
    }

    /// The bytes held from an earlier try: their number, and the hash so far.
    fn held(&self) -> Result<(u64, Hasher), Refusal> {
        let mut hasher = Hasher::default();
        let Promise::Published { bytes, .. } = self.promise else {
            return Ok((0, hasher));
        };
        let fail = |error| Refusal::io("read", self.part, error);
        let file = match File::open(self.part) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, hasher)),
            Err(error) => return Err(fail(error)),
        };
        let length = file.metadata().map_err(fail)?.len();
        if length > bytes {
            return Ok((0, hasher));
        }
        // No more than that even of what grows, or has no end.
        let mut file = file.take(length);
        let mut buffer = vec![0; 64 * 1024];
        let mut count = 0;
        loop {
            let read = file.read(&mut buffer).map_err(fail)?;
            if read == 0 {
                return Ok((count, hasher));
            }
            hasher.update(&buffer[..read]);
            count += read as u64;
        }
    }

    /// Judges an answer by its head: the byte its body starts at, or why it is of no use.
    fn check_head(&self, head: &Head, held: u64) -> Result<u64, Refusal> {
        let from = match (head.status, head.retry_after) {
            (200, _) => 0,
            (206, _) if held > 0 => held,
            (status @ (429 | 503), Some(pause)) => return Err(Refusal::Busy { status, pause }),
            (status, _) => {
                if status == 416 {
                    self.discard();
                }
                return Err(Refusal::Status(status));
            }
        };
        let kind = head.content_type.trim_start().to_ascii_lowercase();
        if kind.starts_with("text/html") || kind.starts_with("application/xhtml") {
            return Err(Refusal::Html);
        }
        let most = self.promise.most();
        if from > 0 {
            let promised = format!("bytes {held}-{}/{most}", most - 1);
            let got = head.content_range.as_deref().unwrap_or_default().trim();
            if got != promised {
                self.discard();
                return Err(Refusal::Range {
                    expected: promised,
                    got: got.to_owned(),
                });
            }
        }
        match (head.length, self.promise) {
            (Some(length), Promise::Published { .. }) if length != most - from => {
                Err(Refusal::Length {
                    expected: most - from,
                    got: length,
                })
            }
            (Some(length), Promise::Copy { .. }) if length > most => {
                Err(Refusal::Oversize { most, got: length })
            }
            _ => Ok(from),
        }
    }

    /// Appends the body to the part from byte `from` on; the number of bytes held in the end.
    fn receive(&self, answer: &mut Answer, from: u64, hasher: &mut Hasher) -> Result<u64, Refusal> {
        let fail = |error| Refusal::io("write", self.part, error);
        let mut file = File::options()
            .create(true)
            .truncate(from == 0)
            .append(from > 0)
            .write(true)
            .open(self.part)
            .map_err(fail)?;
        let most = self.promise.most();
        let expected = answer.head.length.map_or(most, |length| from + length);
        let mut got = from;
        loop {
            let chunk = match answer.next() {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(Interruption::Stalled) => {
                    return Err(Refusal::Stalled {
                        patience: self.http.limits.stall,
                        expected,
                        got,
                    });
                }
                Err(Interruption::Broken(reason)) => {
                    return Err(Refusal::Broken {
                        expected,
                        got,
                        reason,
                    });
                }
            };
            if got == 0 && looks_like_html(&chunk) {
                self.discard();
                return Err(Refusal::Html);
            }
            got += chunk.len() as u64;
            if got > most {
                self.discard();
                return Err(match self.promise {
                    Promise::Published { .. } => Refusal::Length { expected, got },
                    Promise::Copy { .. } => Refusal::Oversize { most, got },
                });
            }
            hasher.update(&chunk);
            file.write_all(&chunk).map_err(fail)?;
            self.progress.advance(chunk.len() as u64);
        }
        if got < most && matches!(self.promise, Promise::Published { .. }) {
            let reason = "the connection was closed".into();
            return Err(Refusal::Broken {
                expected,
                got,
                reason,
            });
        }
        Ok(got)
    }

    /// Fills in the lengths that the HTTP layer does not know.
    fn complete(&self, refusal: Refusal, held: u64) -> Refusal {
        match refusal {
            Refusal::Broken { reason, .. } => Refusal::Broken {
                expected: self.promise.most(),
                got: held,
                reason,
            },
            other => other,
        }
    }

    fn discard(&self) {
        // What cannot be removed is found out by its hash next time.
        let _ = fs::remove_file(self.part);
    }
}

fn looks_like_html(bytes: &[u8]) -> bool {
    let start = bytes.trim_ascii_start();
    let start = &start[..start.len().min(9)];
    start.eq_ignore_ascii_case(b"<!doctype") || start.to_ascii_lowercase().starts_with(b"<html")
}
