//! An HTTP server in a few lines, so that it can misbehave in every way.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::{files, published};

/// What was asked for.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// Without the leading slash.
    pub(super) path: String,
    /// First byte of the range asked for, if one was.
    pub(super) from: Option<usize>,
}

/// Listens until the test process ends.
pub(super) struct Server {
    pub(super) prefix: String,
    log: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// `answer` writes the whole answer; the connection is closed when it returns.
    pub(super) fn new(answer: impl Fn(&Request, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let prefix = format!("http://{}/", listener.local_addr().unwrap());
        let log = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&log), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                thread::spawn(move || {
                    if let Some(request) = read(&stream) {
                        seen.lock().unwrap().push(request.clone());
                        answer(&request, &mut stream);
                    }
                });
            }
        });
        Self { prefix, log }
    }

    /// Serves the published files, ranges included.
    pub(super) fn good() -> Self {
        Self::new(serve)
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }
}

/// A good answer.
pub(super) fn serve(request: &Request, stream: &mut TcpStream) {
    match (body_of(request), request.from) {
        (None, _) => reply(stream, "404 Not Found", "", b"no"),
        (Some(body), Some(from)) => {
            let range = format!(
                "Content-Range: bytes {from}-{}/{}\r\n",
                body.len() - 1,
                body.len()
            );
            reply(stream, "206 Partial Content", &range, &body[from..]);
        }
        (Some(body), None) => reply(stream, "200 OK", "", &body),
    }
}

/// The published file that a request names.
pub(super) fn body_of(request: &Request) -> Option<Vec<u8>> {
    let (_, bytes) = files()
        .into_iter()
        .find(|(name, _)| request.path == format!("{name}.gz"))?;
    Some(published(&bytes))
}

/// Writes an answer with the right length. The client may have gone: that is its business.
pub(super) fn reply(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    reply_claiming(stream, status, headers, body, body.len());
}

/// Writes an answer that claims `length` bytes.
pub(super) fn reply_claiming(
    stream: &mut TcpStream,
    status: &str,
    headers: &str,
    body: &[u8],
    length: usize,
) {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n"
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body);
    let _ = stream.flush();
}

/// Writes bytes as they are; whether the client was still there to take them.
pub(super) fn send(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    stream
        .write_all(bytes)
        .and_then(|()| stream.flush())
        .is_ok()
}

/// Writes a chunk of a body that names no length.
pub(super) fn send_chunk(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    let size = format!("{:x}\r\n", bytes.len());
    send(stream, &[size.as_bytes(), bytes, b"\r\n"].concat())
}

/// Says nothing for longer than any limit in these tests.
pub(super) fn sleep() {
    thread::sleep(Duration::from_secs(3));
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let path = first.split(' ').nth(1)?.trim_start_matches('/').to_owned();
    let mut from = None;
    for line in lines {
        let line = line.ok()?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().ok();
        }
    }
    Some(Request { path, from })
}
