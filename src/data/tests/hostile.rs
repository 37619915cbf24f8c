//! Servers that lie, creep, never end, or answer what was not asked.

use std::time::{Duration, Instant};

use super::remote::{fetch_past, fetch_past_within};
use super::server::{
    Request, Server, body_of, reply, reply_claiming, send, send_chunk, serve, sleep,
};
use super::{World, files, gzip, impatient, list, published};

const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

fn length() -> usize {
    published(&files()[0].1).len()
}

#[test]
fn a_head_that_creeps_and_a_body_that_never_begins_are_given_up() {
    let started = Instant::now();
    let (notes, asked) = fetch_past_within(impatient(), |_, stream| {
        for byte in b"HTTP/1.1 200 OK\r\nX-Padding: ".iter().chain(&[b'x'; 200]) {
            if !send(stream, &[*byte]) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    assert!(
        notes.contains("not reachable: no data within 0.6 s"),
        "{notes}"
    );
    assert_eq!(asked, 1);
    let (notes, asked) = fetch_past_within(impatient(), |request, stream| {
        reply_claiming(stream, "200 OK", "", b"", body_of(request).unwrap().len());
        sleep();
    });
    assert!(
        notes.contains("not reachable: no data within 0.6 s"),
        "{notes}"
    );
    assert_eq!(asked, 1);
    assert!(started.elapsed() < Duration::from_secs(8));
}

#[test]
fn heads_without_end_are_cut_off() {
    for line in [&b"X-Padding: "[..], b"X-Padding: x\r\n"] {
        let (notes, _) = fetch_past(move |_, stream| {
            send(stream, b"HTTP/1.1 200 OK\r\n");
            while send(stream, &line.repeat(1000)) {}
        });
        assert!(notes.contains("broke off after 0 of "), "{notes}");
    }
}

#[test]
fn a_failure_is_told_by_its_status_even_without_its_body() {
    let started = Instant::now();
    for (status, tries) in [("404 Not Found", 1), ("500 Oops", 3)] {
        let (notes, asked) = fetch_past(move |_, stream| {
            reply_claiming(stream, status, "", b"", 1000);
            sleep();
        });
        let words = format!("HTTP status {}", &status[..3]);
        assert!(notes.contains(&words), "{notes}");
        assert_eq!(asked, tries);
    }
    // Waiting for the bodies would take three seconds each.
    assert!(started.elapsed() < Duration::from_secs(8));
}

#[test]
fn a_server_that_hangs_up_or_speaks_no_http_is_tried_again_and_left() {
    for words in [
        &b""[..],
        b"HTTP/1.1 20",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"\0\xff\xfe",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    ] {
        let (notes, asked) = fetch_past(move |_, stream| {
            send(stream, words);
        });
        let said = notes.lines().last().unwrap();
        assert!(
            said.contains("train-images.gz: broke off after 0 of "),
            "{notes}"
        );
        assert_eq!(asked, 3, "{notes}");
    }
}

#[test]
fn a_port_that_speaks_no_tls_is_not_reachable() {
    let plain = Server::new(|_, stream| reply(stream, "200 OK", "", b"plain"));
    let good = Server::good();
    let https = plain.prefix.replace("http:", "https:");
    let world = World::new(&[&https, &good.prefix]);
    world.fetch().unwrap();
    world.assert_complete(&[]);
    let notes = world.notes.text();
    assert!(
        notes.starts_with(&format!("{https}train-images.gz: ")),
        "{notes}"
    );
    assert!(plain.requests().is_empty());
}

#[test]
fn a_pause_is_granted_if_it_is_short() {
    for (status, after, tries, words) in [
        (
            "429 Slow Down",
            "0",
            3,
            "429 (too many requests); it asks for a pause of 0 s",
        ),
        (
            "429 Slow Down",
            "3600",
            1,
            "429 (too many requests); it asks for a pause of 3600 s",
        ),
        (
            "503 Busy",
            "86400",
            1,
            "503 (the server failed); it asks for a pause of 86400 s",
        ),
        (
            "503 Busy",
            "99999999999999999999",
            3,
            "HTTP status 503 (the server failed)",
        ),
        (
            "429 Slow Down",
            "Fri, 31 Dec 2999 23:59:59 GMT",
            1,
            "429 (too many requests)",
        ),
        ("429 Slow Down", "-1", 1, "429 (too many requests)"),
    ] {
        let (notes, asked) = fetch_past(move |_, stream| {
            reply(
                stream,
                status,
                &format!("Retry-After: {after}\r\n"),
                b"later",
            );
        });
        assert!(notes.contains(words), "{notes}");
        assert_eq!(asked, tries, "{status}, {after}: {notes}");
    }
}

#[test]
fn redirects_lead_to_no_file_and_to_no_other_protocol() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), published(&files()[0].1)).unwrap();
    let file = format!("file://{}", secret.path().display());
    for (to, words) in [
        (file, "HTTP status 302 (a redirect, but to no usable place)"),
        (
            "ftp://127.0.0.1/x".into(),
            "redirect refused: to ftp://127.0.0.1/x",
        ),
        ("http://[".into(), "HTTP status 302"),
        (String::new(), "redirect refused: more than 5 redirects"),
    ] {
        let location = format!("Location: {to}\r\n");
        let (notes, _) = fetch_past(move |_, stream| reply(stream, "302 Found", &location, b""));
        assert!(notes.contains(words), "{to}: {notes}");
    }
    let (notes, _) = fetch_past(|_, stream| reply(stream, "301 Moved", "", b""));
    assert!(
        notes.contains("HTTP status 301 (a redirect, but"),
        "{notes}"
    );
    let (notes, _) = fetch_past(|_, stream| reply(stream, "304 Not Modified", "", b""));
    assert!(notes.contains("HTTP status 304"), "{notes}");
}

#[test]
fn announced_lengths_are_not_believed() {
    for length in ["0", "18446744073709551615", "9223372036854775807"] {
        let (notes, asked) = fetch_past(move |_, stream| {
            send(
                stream,
                format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").as_bytes(),
            );
            send(stream, b"some");
        });
        assert!(
            notes.contains("wrong length: expected ") || notes.contains("broke off"),
            "{notes}"
        );
        assert!(asked <= 3);
        let server = Server::new(move |_, stream| {
            send(
                stream,
                format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").as_bytes(),
            );
        });
        let world = World::with_mirror(&server.prefix);
        world.fetch().unwrap_err();
        assert_eq!(list(&world.access.cache.join("small")), [".lock"]);
    }
}

#[test]
fn a_partial_answer_is_held_to_what_it_says() {
    let resume = |extra: isize| {
        let held = 500;
        let bad = Server::new(move |request, stream| {
            let (Some(from), Some(body)) = (request.from, body_of(request)) else {
                return reply(stream, "404 Not Found", "", b"");
            };
            let last = body.len() - 1;
            let head = format!(
                "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{last}/{}\r\n\r\n",
                body.len()
            );
            let mut rest = body[from..].to_vec();
            rest.resize(rest.len().saturating_add_signed(extra), 0);
            send(stream, head.as_bytes());
            send(stream, &rest);
        });
        let good = Server::good();
        let world = World::new(&[&bad.prefix, &good.prefix]);
        world.put("train-images.gz.part", &published(&files()[0].1)[..held]);
        world.fetch().unwrap();
        world.assert_complete(&[]);
        world.notes.text()
    };
    let notes = resume(10);
    assert!(notes.contains("wrong length: expected "), "{notes}");
    let notes = resume(-10);
    assert!(notes.contains("the connection was closed"), "{notes}");
}

#[test]
fn content_encodings_are_seen_through_or_named() {
    // The label alone: the bytes are those of the file.
    let server = Server::new(|request, stream| {
        let body = body_of(request).unwrap();
        reply(stream, "200 OK", "Content-Encoding: gzip\r\n", &body);
    });
    let world = World::new(&[&server.prefix]);
    world.fetch().unwrap();
    world.assert_complete(&[]);
    // Compressed once more, unpacked on the way, or garbled.
    let again = |request: &Request| gzip(&body_of(request).unwrap(), 6);
    let unpacked = |_: &Request| files()[0].1.clone();
    let garbled = |request: &Request| {
        let mut body = body_of(request).unwrap();
        body[50] ^= 1;
        body
    };
    let bodies: [fn(&Request) -> Vec<u8>; 3] = [again, unpacked, garbled];
    for body in bodies {
        let (notes, asked) = fetch_past(move |request, stream| {
            reply(stream, "200 OK", "Content-Encoding: br\r\n", &body(request));
        });
        assert!(
            notes.contains("sends it with `Content-Encoding: br`)"),
            "{notes}"
        );
        assert_eq!(asked, 1);
    }
    let (notes, _) = fetch_past(move |_, stream| {
        send(stream, CHUNKED.strip_suffix(b"\r\n").unwrap());
        send(stream, b"Content-Encoding: gzip\r\n\r\n");
        send_chunk(stream, &gzip(&[7; 100], 6));
        send_chunk(stream, b"");
    });
    assert!(notes.contains("broke off after"), "{notes}");
}

#[test]
fn broken_chunks_break_off_and_endless_ones_are_cut_off() {
    for (chunk, words) in [
        (&b"zz\r\nnonsense\r\n"[..], "broke off after 0 of"),
        (b"ffffffffffffffff\r\nx", "broke off after"),
        (b"ffffffffffffffffffff\r\nx", "broke off after 0 of"),
        (b"5\r\nabc", "broke off after"),
    ] {
        let (notes, asked) = fetch_past(move |_, stream| {
            send(stream, CHUNKED);
            send(stream, chunk);
        });
        assert!(notes.contains(words), "{notes}");
        assert_eq!(asked, 3, "{notes}");
    }
    let (notes, asked) = fetch_past(|_, stream| {
        send(stream, CHUNKED);
        while send_chunk(stream, b"7") {}
    });
    let expected = length();
    let words = format!("wrong length: expected {expected} bytes, got ");
    assert!(notes.contains(&words), "{notes}");
    assert_eq!(asked, 1);
}

#[test]
fn an_endless_copy_is_cut_off_and_removed() {
    let server = Server::new(|_, stream| {
        send(stream, CHUNKED);
        while send_chunk(stream, &[0; 4096]) {}
    });
    let world = World::with_mirror(&server.prefix);
    let text = world.fetch().unwrap_err().to_string();
    assert!(text.contains("and a copy has at most 67"), "{text}");
    assert_eq!(list(&world.access.cache.join("small")), [".lock"]);
}

#[test]
fn a_mirror_that_forbids_what_it_lacks_is_asked_for_the_decoded_file() {
    let server = Server::new(|request, stream| {
        let name = request.path.trim_start_matches("small/");
        match files().into_iter().find(|(other, _)| *other == name) {
            Some((_, bytes)) => reply(stream, "200 OK", "", &bytes),
            None => reply(stream, "403 Forbidden", "", b""),
        }
    });
    let world = World::with_mirror(&server.prefix);
    world.fetch().unwrap();
    world.assert_complete(&[]);
}

#[test]
fn a_page_in_place_of_the_rest_keeps_what_is_held() {
    let half = published(&files()[0].1)[..700].to_vec();
    let portal = Server::new(|_, stream| {
        reply(
            stream,
            "200 OK",
            "Content-Type: text/html\r\n",
            b"<html>Log in</html>",
        );
    });
    let good = Server::good();
    let world = World::new(&[&portal.prefix, &good.prefix]);
    world.put("train-images.gz.part", &half);
    world.fetch().unwrap();
    world.assert_complete(&[]);
    assert_eq!(good.requests()[0].from, Some(700));
}

#[test]
fn every_source_that_fails_is_named_with_its_reason() {
    let garbled = Server::new(|request, stream| {
        let mut body = body_of(request).unwrap_or_default();
        body.reverse();
        reply(stream, "200 OK", "", &body);
    });
    let portal = Server::new(|_, stream| reply(stream, "200 OK", "", b"<!doctype html>"));
    let busy = Server::new(|_, stream| reply(stream, "429 Busy", "Retry-After: 60\r\n", b""));
    let cut = Server::new(|request, stream| {
        let mut half = Vec::new();
        if let Some(body) = body_of(request) {
            half.extend_from_slice(&body[..body.len() / 2]);
        }
        reply_claiming(stream, "200 OK", "", &half, length());
    });
    let world = World::new(&[&garbled.prefix, &portal.prefix, &busy.prefix, &cut.prefix]);
    let text = world.fetch().unwrap_err().to_string();
    for (server, words) in [
        (
            &garbled,
            "SHA-256 of the download does not match: expected ",
        ),
        (&portal, "wrong length: expected "),
        (
            &busy,
            "HTTP status 429 (too many requests); it asks for a pause of 60 s",
        ),
        (&cut, "broke off after "),
    ] {
        let line = format!("{}train-images.gz: {words}", server.prefix);
        assert!(text.contains(&line), "{line}\n{text}");
    }
    assert!(text.contains("ways on:"), "{text}");
    // The part that broke off is gone on with when there is a good source.
    let asked = serve_rest(&world);
    assert_eq!(asked, Some(length() / 2));
}

/// Fetches on from a good server; the byte from which the first file was asked for.
fn serve_rest(world: &World) -> Option<usize> {
    let good = Server::new(serve);
    let mut next = World::new(&[&good.prefix]);
    next.access.cache.clone_from(&world.access.cache);
    next.fetch().unwrap();
    next.assert_complete(&[]);
    good.requests()[0].from
}
