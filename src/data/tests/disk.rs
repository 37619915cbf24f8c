//! A cache that is full, cannot be written to, or holds what killed processes left.

use std::fs;

use super::server::Server;
use super::{World, files, published, write};
use crate::data::{Checked, Error};

#[cfg(target_os = "linux")]
mod full {
    use std::os::unix::fs::symlink;

    use super::super::server::serve;
    use super::*;

    /// Writing to this fails as it does on a full disk.
    const FULL: &str = "/dev/full";

    fn assert_told(error: &Error, file: &str) {
        assert!(matches!(error, Error::Io { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.starts_with("cannot write ") && text.contains(file),
            "{text}"
        );
        assert!(text.contains("No space left on device"), "{text}");
        assert!(
            text.contains("free some space there, or name another folder"),
            "{text}"
        );
    }

    #[test]
    fn a_full_disk_during_a_download_is_told_at_once() {
        let (first, second) = (Server::good(), Server::good());
        let world = World::new(&[&first.prefix, &second.prefix]);
        let part = world.cached("train-images.gz.part");
        fs::create_dir_all(part.parent().unwrap()).unwrap();
        symlink(FULL, &part).unwrap();
        assert_told(&world.fetch().unwrap_err(), "train-images.gz.part");
        assert!(second.requests().is_empty(), "no other source helps");
        // Space is made.
        fs::remove_file(&part).unwrap();
        world.fetch().unwrap();
        world.assert_complete(&[]);
    }

    #[test]
    fn a_disk_that_is_full_after_the_download_keeps_it() {
        let place = std::sync::Arc::new(std::sync::OnceLock::<std::path::PathBuf>::new());
        let seen = std::sync::Arc::clone(&place);
        let server = Server::new(move |request, stream| {
            // Once: it is not asked for again.
            if request.path == "train-images.gz" {
                symlink(FULL, seen.get().unwrap()).unwrap();
            }
            serve(request, stream);
        });
        let world = World::new(&[&server.prefix]);
        place.set(world.cached("train-images.new")).unwrap();
        assert_told(&world.fetch().unwrap_err(), "train-images.new");
        assert!(!world.cached("train-images").exists());
        let part = fs::read(world.cached("train-images.gz.part")).unwrap();
        assert_eq!(part, published(&files()[0].1));
        world.fetch().unwrap();
        world.assert_complete(&[]);
        let asked = server.requests();
        let first = asked.iter().filter(|one| one.path == "train-images.gz");
        assert_eq!(first.count(), 1, "it was here already");
    }
}

#[cfg(unix)]
mod read_only {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::{Path, PathBuf};
    use std::sync::{Arc, OnceLock};

    use super::super::server::serve;
    use super::*;

    fn set_mode(folder: &Path, mode: u32) {
        fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Whether this user may write where nobody is allowed to, as root may.
    fn is_above_permissions() -> bool {
        let folder = tempfile::tempdir().unwrap();
        set_mode(folder.path(), 0o555);
        let is_above = fs::write(folder.path().join("x"), b"").is_ok();
        if is_above {
            println!("skipped: this user may write anywhere");
        }
        is_above
    }

    #[test]
    fn a_cache_that_becomes_read_only_is_told_and_keeps_the_download() {
        if is_above_permissions() {
            return;
        }
        let place = Arc::new(OnceLock::<PathBuf>::new());
        let seen = Arc::clone(&place);
        let server = Server::new(move |request, stream| {
            set_mode(seen.get().unwrap(), 0o555);
            serve(request, stream);
        });
        let mut world = World::new(&[&server.prefix]);
        // The part is there already, so that only the file itself lacks a place.
        world.put("train-images.gz.part", &published(&files()[0].1)[..500]);
        let shelf = world.access.cache.join("small");
        place.set(shelf.clone()).unwrap();
        for _ in 0..2 {
            let text = world.fetch().unwrap_err().to_string();
            assert!(text.starts_with("cannot "), "{text}");
            assert!(
                text.contains("name a folder that can be written to"),
                "{text}"
            );
        }
        assert_eq!(server.requests().len(), 1);
        set_mode(&shelf, 0o755);
        let good = Server::good();
        let next = World::new(&[&good.prefix]);
        world.entry = next.entry.clone();
        world.fetch().unwrap();
        world.assert_complete(&[]);
        assert_eq!(good.requests().len(), 3, "the first file was here already");
    }

    #[test]
    fn a_complete_cache_need_not_be_writable() {
        if is_above_permissions() {
            return;
        }
        let server = Server::good();
        let world = World::new(&[&server.prefix]);
        world.fetch().unwrap();
        let shelf = world.access.cache.join("small");
        fs::remove_file(shelf.join(".lock")).unwrap();
        set_mode(&shelf, 0o555);
        let fetched = world.fetch().unwrap();
        assert_eq!(fetched.len(), 4);
        world.load().unwrap();
        set_mode(&shelf, 0o755);
    }
}

#[test]
fn a_complete_cache_needs_no_lock() {
    let server = Server::good();
    let world = World::new(&[&server.prefix]);
    world.fetch().unwrap();
    let lock = world.cached(".lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let fetched = world.fetch().unwrap();
    assert!(
        fetched
            .iter()
            .all(|one| one.source.is_none() && one.checked == Checked::Decoded)
    );
    fs::remove_file(world.cached("test-labels")).unwrap();
    let text = world.fetch().unwrap_err().to_string();
    assert!(text.starts_with("cannot open the lock "), "{text}");
}

#[test]
fn a_cache_below_a_file_is_told_with_a_way_on() {
    let server = Server::good();
    let mut world = World::new(&[&server.prefix]);
    let file = world.folder.path().join("file");
    write(&file, b"");
    world.access.cache = file.join("cache");
    let text = world.load().unwrap_err().to_string();
    assert!(text.starts_with("cannot make the folder "), "{text}");
    assert!(
        text.contains("name a folder that can be written to"),
        "{text}"
    );
    assert!(server.requests().is_empty());
}

#[test]
fn what_is_in_the_way_is_named_and_leftovers_are_swept() {
    let server = Server::good();
    let world = World::new(&[&server.prefix]);
    let part = world.cached("train-images.gz.part");
    fs::create_dir_all(&part).unwrap();
    let text = world.fetch().unwrap_err().to_string();
    assert!(text.contains("train-images.gz.part: "), "{text}");
    fs::remove_dir(&part).unwrap();
    for name in ["train-labels.new", "test-images.gz.copy", "import.new"] {
        world.put(name, b"?");
    }
    world.fetch().unwrap();
    world.assert_complete(&[]);
    // Beside files that are there, too.
    for name in ["train-labels.gz.part", "test-images.gz.copy"] {
        world.put(name, b"?");
    }
    world.fetch().unwrap();
    world.assert_complete(&[]);
}
