//! Servers that misbehave: the right file comes from the next source, or the error is clear.

use std::net::TcpStream;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::server::{Request, Server, body_of, reply, reply_claiming, serve, sleep};
use super::{World, files, gzip, impatient, patient, published};
use crate::data::http::Limits;
use crate::data::{Checked, Error};

/// Fetches from a server that answers as `answer` does for the first file and well for the
/// others, then from a good one. Returns what was noted and how often the first file was asked for.
pub(super) fn fetch_past(
    answer: impl Fn(&Request, &mut TcpStream) + Send + Sync + 'static,
) -> (String, usize) {
    fetch_past_within(patient(), answer)
}

pub(super) fn fetch_past_within(
    limits: Limits,
    answer: impl Fn(&Request, &mut TcpStream) + Send + Sync + 'static,
) -> (String, usize) {
    let bad = Server::new(move |request, stream| {
        if request.path == "train-images.gz" {
            answer(request, stream);
        } else {
            serve(request, stream);
        }
    });
    let good = Server::good();
    let mut world = World::new(&[&bad.prefix, &good.prefix]);
    world.limits = limits;
    let fetched = world.fetch().unwrap();
    world.assert_complete(&[]);
    assert_eq!(
        fetched[0].source,
        Some(format!("{}train-images.gz", good.prefix))
    );
    assert_eq!(fetched[0].checked, Checked::DownloadAndDecoded);
    let asked = bad
        .requests()
        .iter()
        .filter(|request| request.path == "train-images.gz")
        .count();
    (world.notes.text(), asked)
}

#[test]
fn statuses_are_named_and_only_server_failures_are_tried_again() {
    for (status, tries) in [
        ("404 Not Found", 1),
        ("416 Range Not Satisfiable", 1),
        ("429 Too Many Requests", 1),
        ("403 Forbidden", 1),
        ("206 Partial Content", 1),
        ("500 Internal Server Error", 3),
        ("503 Service Unavailable", 3),
    ] {
        let (notes, asked) = fetch_past(move |_, stream| reply(stream, status, "", b"no"));
        let words = format!("train-images.gz: HTTP status {}", &status[..3]);
        assert!(notes.contains(&words), "{notes}");
        assert_eq!(asked, tries, "{status}: {notes}");
    }
}

#[test]
fn a_passing_failure_is_passed_over() {
    let first = OnceLock::new();
    let server = Server::new(move |request, stream| {
        if first.set(()).is_ok() {
            reply(stream, "502 Bad Gateway", "", b"");
        } else {
            serve(request, stream);
        }
    });
    let world = World::new(&[&server.prefix]);
    world.fetch().unwrap();
    world.assert_complete(&[]);
    assert!(world.notes.text().contains("502"), "{}", world.notes.text());
}

#[test]
fn html_is_told_from_data_by_type_and_by_content() {
    let page = b"  <!DOCTYPE html><html>Please log in</html>";
    let (notes, _) =
        fetch_past(|_, stream| reply(stream, "200 OK", "Content-Type: text/html\r\n", page));
    assert!(notes.contains("HTML page"), "{notes}");
    let (notes, _) = fetch_past(|request, stream| {
        let mut body = b"<html>".to_vec();
        body.resize(body_of(request).unwrap().len(), b' ');
        reply(stream, "200 OK", "", &body);
    });
    assert!(notes.contains("HTML page"), "{notes}");
}

#[test]
fn wrong_lengths_are_refused_by_the_head() {
    let expected = published(&files()[0].1).len();
    for length in [expected - 1, expected + 1] {
        let (notes, asked) = fetch_past(move |request, stream| {
            let mut body = body_of(request).unwrap();
            body.resize(length, 0);
            reply(stream, "200 OK", "", &body);
        });
        let words = format!("wrong length: expected {expected} bytes, got {length}");
        assert!(notes.contains(&words), "{notes}");
        assert_eq!(asked, 1);
    }
}

#[test]
fn a_body_without_a_length_is_cut_off_when_too_long() {
    use std::io::Write as _;
    let (notes, _) = fetch_past(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        let junk = [7; 16 * 1024];
        // Endless, as far as the client can tell; it hangs up.
        for _ in 0..4000 {
            if stream.write_all(&junk).is_err() {
                break;
            }
        }
    });
    assert!(notes.contains("wrong length"), "{notes}");
}

#[test]
fn a_truncated_body_is_gone_on_with_elsewhere() {
    let half = published(&files()[0].1).len() / 2;
    let good = Server::good();
    let bad = Server::new(move |request, stream| {
        let body = body_of(request).unwrap();
        let cut = half.min(body.len() / 2);
        reply_claiming(stream, "200 OK", "", &body[..cut], body.len());
    });
    let world = World::new(&[&bad.prefix, &good.prefix]);
    world.fetch().unwrap();
    world.assert_complete(&[]);
    let notes = world.notes.text();
    assert!(notes.contains("broke off after"), "{notes}");
    assert_eq!(bad.requests().len(), 3 * 4, "two retries for each file");
    assert_eq!(good.requests()[0].from, Some(half));
}

#[test]
fn corrupt_bytes_are_refused_with_both_hashes_and_the_source() {
    let (notes, asked) = fetch_past(|request, stream| {
        let mut body = body_of(request).unwrap();
        body[40] ^= 1;
        reply(stream, "200 OK", "", &body);
    });
    let line = notes
        .lines()
        .find(|line| line.contains("SHA-256 of the download does not match"));
    let line = line.expect(&notes);
    assert!(line.starts_with("http://127.0.0.1"), "{line}");
    let expected = super::Digest::of(&published(&files()[0].1)).to_string();
    assert!(
        line.contains(&format!("expected {expected}, got ")),
        "{line}"
    );
    assert_eq!(asked, 1);
}

#[test]
fn redirects_are_followed_but_not_for_ever() {
    let (notes, asked) = fetch_past(|request, stream| {
        let back = format!("Location: /{}\r\n", request.path);
        reply(stream, "302 Found", &back, b"");
    });
    assert!(notes.contains("redirect refused: more than 5"), "{notes}");
    assert_eq!(asked, 6);

    let good = Server::good();
    let target = good.prefix.clone();
    let hop = Server::new(move |request, stream| {
        let there = format!("Location: {target}{}\r\n", request.path);
        reply(stream, "302 Found", &there, b"");
    });
    let world = World::new(&[&hop.prefix]);
    world.fetch().unwrap();
    world.assert_complete(&[]);
}

#[test]
fn a_stalled_and_a_creeping_body_are_given_up() {
    use std::io::Write as _;
    let (notes, asked) = fetch_past_within(impatient(), |request, stream| {
        let body = body_of(request).unwrap();
        reply_claiming(stream, "200 OK", "", &body[..100], body.len());
        sleep();
    });
    assert!(notes.contains("stalled after 100 of"), "{notes}");
    assert_eq!(asked, 1);
    let (notes, _) = fetch_past_within(impatient(), |request, stream| {
        let body = body_of(request).unwrap();
        reply_claiming(stream, "200 OK", "", b"", body.len());
        for byte in body {
            if stream.write_all(&[byte]).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    assert!(notes.contains("stalled after"), "{notes}");
}

#[test]
fn hosts_that_do_not_answer_are_asked_once() {
    // Nobody listens at the first; the second accepts and says nothing, as a firewall may.
    let refused = "http://127.0.0.1:9/";
    let silent = Server::new(|_, _| sleep());
    let good = Server::good();
    let mut world = World::new(&[refused, &silent.prefix, &good.prefix]);
    world.limits = impatient();
    let started = Instant::now();
    world.fetch().unwrap();
    assert!(started.elapsed() < 3 * world.limits.first_byte);
    world.assert_complete(&[]);
    assert_eq!(silent.requests().len(), 1);
    let notes = world.notes.text();
    assert!(notes.contains(&format!("{refused}train-images.gz: not reachable: ")));
    assert!(notes.contains("no data within 0.6 s"), "{notes}");
    assert_eq!(notes.lines().count(), 2, "said once: {notes}");
}

#[test]
fn when_no_source_delivers_the_error_names_each_and_the_ways_on() {
    let missing = Server::new(|_, stream| reply(stream, "404 Not Found", "", b""));
    let failing = Server::new(|_, stream| reply(stream, "500 Oops", "", b""));
    let world = World::new(&[&missing.prefix, &failing.prefix]);
    let error = world.fetch().unwrap_err();
    let text = error.to_string();
    for words in [
        "small/train-images: no source delivered it",
        &format!("{}train-images.gz: HTTP status 404", missing.prefix),
        &format!("{}train-images.gz: HTTP status 500", failing.prefix),
        "`replicate data import small PATH..`",
        "`--mirror DIR|URL`",
        "`--profile smoke`",
    ] {
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn a_mirror_may_compress_anew_or_not_at_all() {
    let anew = Server::new(|request, stream| {
        let found = files()
            .into_iter()
            .find(|(name, _)| request.path == format!("small/{name}.gz"));
        let (_, bytes) = found.unwrap();
        reply(stream, "200 OK", "", &gzip(&bytes, 1));
    });
    let raw = Server::new(|request, stream| {
        let found = files()
            .into_iter()
            .find(|(name, _)| request.path == format!("small/{name}"));
        match found {
            Some((_, bytes)) => reply(stream, "200 OK", "", &bytes),
            None => reply(stream, "404 Not Found", "", b""),
        }
    });
    for (server, ending) in [(anew, ".gz"), (raw, "")] {
        let world = World::with_mirror(server.prefix.trim_end_matches('/'));
        let fetched = world.fetch().unwrap();
        world.assert_complete(&[]);
        assert!(fetched.iter().all(|one| one.checked == Checked::Decoded));
        let source = fetched[0].source.as_deref().unwrap();
        assert_eq!(
            source,
            format!("{}small/train-images{ending}", server.prefix)
        );
    }
}

#[test]
fn bombs_and_other_peoples_files_from_a_mirror_are_refused() {
    let zeros = gzip(&vec![0; 1 << 20], 9);
    let good = published(&files()[0].1);
    let cut = good[..good.len() - 20].to_vec();
    let other = gzip(&vec![1; files()[0].1.len()], 6);
    for (body, words) in [
        (zeros, "decodes to more than the 1816 bytes expected"),
        (cut, "bad gzip data"),
        (other, "SHA-256 of the decoded bytes does not match"),
        (
            b"rubbish".to_vec(),
            "wrong length: expected 1816 bytes, got 7",
        ),
        (
            vec![0; 1 << 20],
            "sends 1048576 bytes or more, and a copy has at most 67",
        ),
    ] {
        let body = Arc::new(body);
        let server = Server::new(move |_, stream| reply(stream, "200 OK", "", &body));
        let world = World::with_mirror(&server.prefix);
        let error = world.fetch().unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(super::list(&world.access.cache.join("small")), [".lock"]);
    }
}

#[test]
fn wrong_bytes_count_as_an_integrity_failure() {
    let server = Server::new(|_, stream| {
        let wrong = vec![1; files()[0].1.len()];
        reply(stream, "200 OK", "", &wrong);
    });
    let world = World::with_mirror(&server.prefix);
    let error = world.load().unwrap_err();
    assert!(matches!(error, Error::NoSource { .. }), "{error}");
}
