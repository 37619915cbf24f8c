//! Several processes on one cache, killed ones among them.

use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use super::server::{Server, body_of, reply_claiming, serve, sleep};
use super::{World, files, published};

const CACHE: &str = "REPLICATE_TEST_CACHE";
const PREFIX: &str = "REPLICATE_TEST_PREFIX";

/// Another process that fetches the small data set into the cache of `world`.
fn start_fetch(world: &World, server: &Server) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--ignored",
            "data::tests::processes::another_process",
        ])
        .env(CACHE, &world.access.cache)
        .env(PREFIX, &server.prefix)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "what the other process does; the tests below start it"]
fn another_process() {
    let (Some(cache), Ok(prefix)) = (std::env::var_os(CACHE), std::env::var(PREFIX)) else {
        return;
    };
    let mut world = World::new(&[&prefix]);
    world.access.cache = cache.into();
    world.fetch().unwrap();
    world.assert_complete(&[]);
}

#[test]
fn processes_that_fetch_at_once_ask_for_each_file_once() {
    let server = Server::new(|request, stream| {
        thread::sleep(Duration::from_millis(30));
        serve(request, stream);
    });
    let world = World::new(&[&server.prefix]);
    let mut others = [start_fetch(&world, &server), start_fetch(&world, &server)];
    world.fetch().unwrap();
    for other in &mut others {
        assert!(other.wait().unwrap().success());
    }
    world.assert_complete(&[]);
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_killed_process_is_gone_on_from() {
    let half = published(&files()[0].1).len() / 2;
    let first = OnceLock::new();
    let server = Server::new(move |request, stream| {
        if first.set(()).is_ok() {
            let body = body_of(request).unwrap();
            reply_claiming(stream, "200 OK", "", &body[..half], body.len());
            sleep();
        } else {
            serve(request, stream);
        }
    });
    let world = World::new(&[&server.prefix]);
    let mut other = start_fetch(&world, &server);
    let part = world.cached("train-images.gz.part");
    let started = Instant::now();
    while std::fs::metadata(&part).map_or(0, |data| data.len()) < half as u64 {
        assert!(started.elapsed() < Duration::from_secs(20), "no part came");
        thread::sleep(Duration::from_millis(5));
    }
    other.kill().unwrap();
    other.wait().unwrap();
    world.fetch().unwrap();
    world.assert_complete(&[]);
    assert_eq!(server.requests()[1].from, Some(half));
}
