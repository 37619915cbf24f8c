//! Downloads that go on from a `.part` file.

use super::server::{Server, body_of, reply, serve};
use super::{World, files, published};

/// Fetches with `held` in the part of the first file; the ranges asked for it, in order.
fn resume(server: &Server, held: &[u8]) -> (World, Vec<Option<usize>>) {
    let world = World::new(&[&server.prefix]);
    world.put("train-images.gz.part", held);
    world.fetch().unwrap();
    world.assert_complete(&[]);
    let asked = server
        .requests()
        .iter()
        .filter(|request| request.path == "train-images.gz")
        .map(|request| request.from)
        .collect();
    (world, asked)
}

fn whole() -> Vec<u8> {
    published(&files()[0].1)
}

#[test]
fn only_the_rest_is_asked_for() {
    let (_, asked) = resume(&Server::good(), &whole()[..500]);
    assert_eq!(asked, [Some(500)]);
}

#[test]
fn a_whole_part_needs_no_request() {
    let (_, asked) = resume(&Server::good(), &whole());
    assert_eq!(asked, []);
}

#[test]
fn a_part_that_is_too_long_is_begun_again() {
    let long = [whole(), vec![0]].concat();
    let (_, asked) = resume(&Server::good(), &long);
    assert_eq!(asked, [None]);
}

#[test]
fn a_part_with_wrong_bytes_is_found_out_and_begun_again() {
    let mut wrong = whole();
    wrong[100] ^= 1;
    let (_, asked) = resume(&Server::good(), &wrong[..500]);
    assert_eq!(asked, [Some(500), None]);
    // Whole, but wrong.
    let (_, asked) = resume(&Server::good(), &wrong);
    assert_eq!(asked, [None]);
}

#[test]
fn a_server_that_ignores_ranges_is_taken_from_the_start() {
    let server = Server::new(|request, stream| {
        reply(stream, "200 OK", "", &body_of(request).unwrap());
    });
    let (_, asked) = resume(&server, &whole()[..500]);
    assert_eq!(asked, [Some(500)]);
}

#[test]
fn a_server_that_sends_another_part_or_none_is_asked_for_all() {
    for status in ["206 Partial Content", "416 Range Not Satisfiable"] {
        let server = Server::new(move |request, stream| {
            if request.from.is_some() {
                let range = "Content-Range: bytes 0-99/100\r\n";
                reply(stream, status, range, &[0; 100]);
            } else {
                serve(request, stream);
            }
        });
        let (_, asked) = resume(&server, &whole()[..500]);
        assert_eq!(asked, [Some(500), None], "{status}");
    }
}

#[test]
fn a_failed_download_leaves_a_part_for_the_next_process() {
    let server = Server::new(|request, stream| {
        let body = body_of(request).unwrap();
        super::server::reply_claiming(stream, "200 OK", "", &body[..300], body.len());
    });
    let world = World::new(&[&server.prefix]);
    world.fetch().unwrap_err();
    assert_eq!(
        std::fs::read(world.cached("train-images.gz.part")).unwrap(),
        whole()[..300]
    );
    assert!(!world.cached("train-images").exists());
}
