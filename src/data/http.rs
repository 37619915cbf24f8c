//! HTTP with bounded patience: every wait has its own limit, and silent hosts are remembered.
//!
//! Each request runs on a thread of its own that hands over the head and then chunks of the body.
//! So the limits hold whatever the layers below do, name resolution included.

use std::cell::{OnceCell, RefCell};
use std::collections::HashSet;
use std::io::Read;
use std::mem::ManuallyDrop;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use reqwest::blocking::{Client, Response};
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, HeaderName, RANGE, RETRY_AFTER,
};
use reqwest::{Url, redirect};

use super::error::{Refusal, clip};

/// How long to wait for what, and how often to try again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Name resolution, connection and TLS together.
    pub(super) connect: Duration,
    /// From the request to the first byte of the body, redirects included.
    pub(super) first_byte: Duration,
    /// For each further `CREEP` bytes of the body.
    pub(super) stall: Duration,
    /// Further tries after a transient failure, for one file at one source.
    pub(super) retries: u32,
    /// Before the first further try; doubled for each one after.
    pub(super) back_off: Duration,
    /// The longest pause that a server may ask for before a further try.
    pub(super) pause: Duration,
    /// For one run of a package registry's client.
    pub(super) command: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(4),
            first_byte: Duration::from_secs(8),
            stall: Duration::from_secs(15),
            retries: 2,
            back_off: Duration::from_millis(500),
            pause: Duration::from_secs(5),
            command: Duration::from_mins(3),
        }
    }
}

/// A body that brings fewer bytes than this within `Limits::stall` is as good as stalled. So a
/// file of `n` bytes takes at most `n / CREEP + 1` times that: 26 MB, the largest there is, less
/// than two hours, at the 4 kB/s of a modem.
const CREEP: u64 = 64 * 1024;
const REDIRECTS: usize = 5;
const CHUNK: usize = 64 * 1024;

/// A client and what it learnt about hosts.
pub(super) struct Http {
    pub(super) limits: Limits,
    /// Made when first needed. Never dropped: dropping joins threads that a silent name server
    /// holds for up to half a minute.
    client: OnceCell<ManuallyDrop<Result<Client, String>>>,
    silent: RefCell<HashSet<String>>,
}

/// The head of an answer, and a handle to its body.
pub(super) struct Answer {
    pub(super) head: Head,
    body: Receiver<Event>,
    first: Option<Vec<u8>>,
    stall: Duration,
    deadline: Instant,
    since_renewal: u64,
}

enum Event {
    Head(Head),
    Chunk(Vec<u8>),
    End,
    Failed(Failure),
}

/// What is said ahead of a body.
pub(super) struct Head {
    pub(super) status: u16,
    /// Of this body, where the server says.
    pub(super) length: Option<u64>,
    pub(super) content_type: String,
    pub(super) content_encoding: Option<String>,
    pub(super) content_range: Option<String>,
    /// The pause that the server asks for.
    pub(super) retry_after: Option<Duration>,
}

enum Failure {
    Connect(String),
    Redirect(String),
    Broken(String),
}

/// Why a body did not go on.
pub(super) enum Interruption {
    /// Nothing, or next to nothing, came in time.
    Stalled,
    /// The connection broke, for the given reason.
    Broken(String),
}

impl Http {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            client: OnceCell::new(),
            silent: RefCell::default(),
        }
    }

    fn client(&self) -> Result<&Client, Refusal> {
        let client = self.client.get_or_init(|| {
            ManuallyDrop::new(build(&self.limits).map_err(|error| innermost(&error)))
        });
        let client: &Result<Client, String> = client;
        client
            .as_ref()
            .map_err(|reason| Refusal::Unreachable(format!("no HTTP client: {reason}")))
    }

    /// Refuses a URL whose host gave no sign of life when it was asked before.
    pub(super) fn check_host(&self, url: &Url) -> Result<(), Refusal> {
        let host = host_of(url);
        if self.silent.borrow().contains(&host) {
            return Err(Refusal::GivenUp(host));
        }
        Ok(())
    }

    /// Asks for `url` from byte `from` on, and waits for the first byte of the body, or for the
    /// head where that says that there is nothing to be had.
    ///
    /// A host that gives no sign of life in time fails [`Http::check_host`] from then on.
    pub(super) fn get(&self, url: &Url, from: u64) -> Result<Answer, Refusal> {
        let client = self.client()?;
        let mut request = client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        let (sender, receiver) = sync_channel(8);
        let spawned = thread::Builder::new()
            .name("http".into())
            .spawn(move || pump(request.send(), &sender));
        if let Err(error) = spawned {
            return Err(Refusal::Unreachable(error.to_string()));
        }
        let answer = self.first_byte(receiver);
        if matches!(answer, Err(Refusal::Unreachable(_))) {
            self.silent.borrow_mut().insert(host_of(url));
        }
        answer
    }

    fn first_byte(&self, events: Receiver<Event>) -> Result<Answer, Refusal> {
        let deadline = Instant::now() + self.limits.first_byte;
        let next = || {
            let patience = deadline.saturating_duration_since(Instant::now());
            events.recv_timeout(patience).map_err(|_| {
                let seconds = self.limits.first_byte.as_secs_f32();
                Refusal::Unreachable(format!("no data within {seconds} s"))
            })
        };
        let head = match next()? {
            Event::Head(head) => head,
            Event::Failed(Failure::Redirect(reason)) => return Err(Refusal::Redirect(reason)),
            Event::Failed(Failure::Connect(reason)) => return Err(Refusal::Unreachable(reason)),
            Event::Failed(Failure::Broken(reason)) => return Err(broken_before_data(reason)),
            Event::Chunk(_) | Event::End => return Err(broken_before_data("no head".into())),
        };
        let is_success = (200..300).contains(&head.status);
        let first = match if is_success { next()? } else { Event::End } {
            Event::Chunk(chunk) => Some(chunk),
            Event::Failed(Failure::Broken(reason)) => return Err(broken_before_data(reason)),
            _ => None,
        };
        Ok(Answer {
            head,
            body: events,
            first,
            stall: self.limits.stall,
            deadline: Instant::now() + self.limits.stall,
            since_renewal: 0,
        })
    }
}

fn host_of(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{}:{port}", url.host_str().unwrap_or_default())
}

fn build(limits: &Limits) -> reqwest::Result<Client> {
    let policy = redirect::Policy::custom(|attempt| {
        match check_redirect(attempt.previous(), attempt.url()) {
            Ok(()) => attempt.follow(),
            Err(reason) => attempt.error(reason),
        }
    });
    Client::builder()
        .user_agent(concat!("replicate/", env!("CARGO_PKG_VERSION")))
        .redirect(policy)
        .connect_timeout(limits.connect)
        // A net below the finer limits kept here, so that no thread outlives them for long.
        .timeout(limits.first_byte.max(limits.stall) * 2)
        .build()
}

/// The length expected is known to the caller, who completes this.
fn broken_before_data(reason: String) -> Refusal {
    Refusal::Broken {
        expected: 0,
        got: 0,
        reason,
    }
}

impl Answer {
    /// The next piece of the body, or none at its end.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, Interruption> {
        if let Some(chunk) = self.first.take() {
            return Ok(Some(chunk));
        }
        let patience = self.deadline.saturating_duration_since(Instant::now());
        match self.body.recv_timeout(patience) {
            Ok(Event::Chunk(chunk)) => {
                self.since_renewal += chunk.len() as u64;
                if self.since_renewal >= CREEP {
                    self.since_renewal = 0;
                    self.deadline = Instant::now() + self.stall;
                }
                Ok(Some(chunk))
            }
            Ok(Event::Failed(
                Failure::Broken(reason) | Failure::Connect(reason) | Failure::Redirect(reason),
            )) => Err(Interruption::Broken(reason)),
            Err(RecvTimeoutError::Timeout) => Err(Interruption::Stalled),
            // The thread ends after `End`, and whoever asks once more is at the end still.
            Ok(Event::End | Event::Head(_)) | Err(RecvTimeoutError::Disconnected) => Ok(None),
        }
    }
}

/// Hands over an answer piece by piece; stops when nobody listens any more.
fn pump(answer: reqwest::Result<Response>, sender: &SyncSender<Event>) {
    let mut response = match answer {
        Ok(response) => response,
        Err(error) => {
            let _ = sender.send(Event::Failed(classify(&error)));
            return;
        }
    };
    let text = |name: HeaderName| {
        let value = response.headers().get(name)?;
        Some(clip(&String::from_utf8_lossy(value.as_bytes()), 100))
    };
    let head = Head {
        status: response.status().as_u16(),
        length: response.content_length(),
        content_type: text(CONTENT_TYPE).unwrap_or_default(),
        content_encoding: text(CONTENT_ENCODING)
            .filter(|encoding| !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity")),
        content_range: text(CONTENT_RANGE),
        // It may be a date as well, which is as good as none: no pause that long is waited for.
        retry_after: text(RETRY_AFTER)
            .and_then(|seconds| seconds.parse().ok())
            .map(Duration::from_secs),
    };
    if sender.send(Event::Head(head)).is_err() {
        return;
    }
    loop {
        let mut chunk = vec![0; CHUNK];
        let event = match response.read(&mut chunk) {
            Ok(0) => Event::End,
            Ok(read) => {
                chunk.truncate(read);
                Event::Chunk(chunk)
            }
            Err(error) => Event::Failed(Failure::Broken(innermost(&error))),
        };
        let is_last = !matches!(event, Event::Chunk(_));
        if sender.send(event).is_err() || is_last {
            return;
        }
    }
}

fn classify(error: &reqwest::Error) -> Failure {
    if error.is_redirect() {
        Failure::Redirect(innermost(error))
    } else if error.is_timeout() {
        Failure::Connect("no connection in time".into())
    } else if error.is_connect() || error.is_builder() {
        Failure::Connect(innermost(error))
    } else {
        Failure::Broken(innermost(error))
    }
}

/// The innermost cause of an error: the outer ones repeat the URL and say "error".
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    clip(&cause.to_string(), 200)
}

/// Whether to go on from the `previous` places to `next`.
fn check_redirect(previous: &[Url], next: &Url) -> Result<(), String> {
    if previous.len() > REDIRECTS {
        return Err(format!("more than {REDIRECTS} redirects"));
    }
    let was_safe = previous.last().is_some_and(|url| url.scheme() == "https");
    match next.scheme() {
        "https" => Ok(()),
        "http" if !was_safe => Ok(()),
        "http" => Err(format!("from https to {next}")),
        _ => Err(format!("to {next}")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn urls(texts: &[&str]) -> Vec<Url> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn redirects_never_leave_https() {
        let next: Url = "http://b/".parse().unwrap();
        assert!(check_redirect(&urls(&["http://a/"]), &next).is_ok());
        let error = check_redirect(&urls(&["https://a/"]), &next).unwrap_err();
        assert_eq!(error, "from https to http://b/");
        // Nor by a detour.
        let detour = urls(&["http://a/", "https://a/", "https://c/"]);
        assert!(check_redirect(&detour, &next).is_err());
        let up: Url = "https://b/".parse().unwrap();
        assert!(check_redirect(&urls(&["http://a/"]), &up).is_ok());
        for other in ["ftp://b/", "file:///etc/passwd", "data:,x", "gopher://b/"] {
            let other: Url = other.parse().unwrap();
            for scheme in ["http://a/", "https://a/"] {
                let error = check_redirect(&urls(&[scheme]), &other).unwrap_err();
                assert_eq!(error, format!("to {other}"));
            }
        }
    }

    #[test]
    fn the_sixth_redirect_is_one_too_many() {
        let next: Url = "http://b/".parse().unwrap();
        assert!(check_redirect(&urls(&["http://a/"; 5]), &next).is_ok());
        assert!(check_redirect(&urls(&["http://a/"; 6]), &next).is_err());
    }
}
