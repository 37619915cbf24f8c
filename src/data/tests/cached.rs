//! The cache: verified on every load, one process at a time, offline, imports.

use std::fs;

use super::server::Server;
use super::{World, files, gzip, write};
use crate::data::import::import_entry;
use crate::data::verify::is_available;
use crate::data::{Checked, Condition, Error, verify};

/// A world whose mirror is a folder with the files, compressed anew.
fn with_folder() -> World {
    let mut world = World::new(&[]);
    let mirror = world.folder.path().join("mirror");
    for (name, bytes) in files() {
        write(
            &mirror.join("small").join(format!("{name}.gz")),
            &gzip(&bytes, 1),
        );
    }
    world.access.mirror = Some(mirror.display().to_string());
    world.access.offline = true;
    world
}

#[test]
fn a_local_mirror_serves_offline_and_rows_come_in_order() {
    let world = with_folder();
    assert!(is_available(&world.entry, &world.access));
    let data = world.load().unwrap();
    world.assert_complete(&[]);
    assert_eq!((data.rows, data.dims, data.train_rows), (5, 600, 3));
    assert_eq!(data.labels, [0, 1, 2, 2, 0]);
    assert_eq!(data.image, Some((20, 30)));
    let raw = files();
    for (row, byte) in [(0, raw[0].1[16]), (3, raw[2].1[16])] {
        assert_eq!(data.row(row).unwrap()[..1], [f32::from(byte) / 255.0]);
    }
    assert_eq!(data.row(5), None);
    assert_eq!(data.sha256, world.entry.sha256().to_string());
    assert_eq!(world.fetch().unwrap()[0].source, None);
}

#[test]
fn another_cache_is_a_mirror() {
    let full = with_folder();
    full.fetch().unwrap();
    let mirror = full.access.cache.display().to_string();
    let mut world = World::with_mirror(&mirror);
    world.access.offline = true;
    let fetched = world.fetch().unwrap();
    world.assert_complete(&[]);
    assert!(fetched.iter().all(|one| one.checked == Checked::Decoded));
}

#[test]
fn damaged_files_are_kept_aside_and_fetched_again() {
    let server = Server::good();
    let mut wrong = files()[0].1.clone();
    wrong[700] ^= 1;
    for damage in [wrong, b"short".to_vec(), Vec::new()] {
        let world = World::new(&[&server.prefix]);
        world.fetch().unwrap();
        world.put("train-images", &damage);
        let reports = verify(&world.entry, &world.access).unwrap();
        assert!(matches!(reports[0].condition, Condition::Damaged { .. }));
        assert_eq!(reports[1].condition, Condition::Good);
        world.load().unwrap();
        world.assert_complete(&["train-images.corrupt"]);
        assert_eq!(
            fs::read(world.cached("train-images.corrupt")).unwrap(),
            damage
        );
        let notes = world.notes.text();
        assert!(notes.contains("small/train-images is damaged: "), "{notes}");
    }
}

#[test]
fn offline_names_what_is_missing_and_what_is_damaged() {
    let server = Server::good();
    let mut world = World::new(&[&server.prefix]);
    world.access.offline = true;
    assert!(!is_available(&world.entry, &world.access));
    let text = world.load().unwrap_err().to_string();
    assert!(text.starts_with("small/train-images: --offline"), "{text}");
    world.access.offline = false;
    world.fetch().unwrap();
    assert!(is_available(&world.entry, &world.access));
    world.access.offline = true;
    world.put("test-labels", b"??????????");
    let asked = server.requests().len();
    let error = world.load().unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    assert_eq!(server.requests().len(), asked);
}

#[test]
fn two_fetches_at_once_ask_for_each_file_once() {
    let server = Server::good();
    let world = World::new(&[&server.prefix]);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| world.fetch().unwrap());
        }
    });
    world.assert_complete(&[]);
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_crash_leaves_nothing_that_harms() {
    let server = Server::good();
    let world = World::new(&[&server.prefix]);
    world.put("train-images.new", b"half a file");
    world.put(".fetch/npm/leftover", b"?");
    world.fetch().unwrap();
    world.assert_complete(&[]);
}

#[test]
fn a_mirror_that_is_no_folder_is_named() {
    let world = World::with_mirror("/no/such/folder");
    let text = world.load().unwrap_err().to_string();
    assert!(
        text.contains("/no/such/folder/small/train-images.gz: "),
        "{text}"
    );
}

#[test]
fn imports_go_by_content_not_by_name() {
    let world = World::new(&[]);
    let given = world.folder.path().join("given");
    for (index, (_, bytes)) in files().into_iter().enumerate() {
        let content = if index % 2 == 0 {
            gzip(&bytes, 9)
        } else {
            bytes
        };
        write(&given.join(format!("deeper/{index}.bin")), &content);
    }
    write(&given.join("notes.txt"), b"not data");
    write(&given.join("bomb.gz"), &gzip(&vec![0; 1 << 20], 9));
    let imported = import_entry(&world.entry, &[given], &world.access, &world.notes).unwrap();
    let names: Vec<_> = imported.iter().map(|one| one.file.as_str()).collect();
    let expected: Vec<_> = files().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, expected);
    world.assert_complete(&[]);
}

#[test]
fn a_file_that_is_none_of_the_data_sets_is_refused_by_its_hash() {
    let world = World::new(&[]);
    let file = world.folder.path().join("train-images.gz");
    let attempt = |bytes: &[u8]| {
        write(&file, bytes);
        let paths = std::slice::from_ref(&file);
        let error = import_entry(&world.entry, paths, &world.access, &world.notes).unwrap_err();
        assert!(!world.cached("train-images").exists());
        error.to_string()
    };
    // python3 -c "import hashlib; print(hashlib.sha256(b'abc').hexdigest())"
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let text = attempt(b"abc");
    assert!(
        text.contains(abc) && text.contains("  test-labels"),
        "{text}"
    );
    let text = attempt(&gzip(b"abc", 6)[..10]);
    assert!(text.contains("bad gzip data"), "{text}");
    let missing = world.folder.path().join("absent");
    let outcome = import_entry(&world.entry, &[missing], &world.access, &world.notes);
    assert!(matches!(outcome, Err(Error::Io { .. })));
    let empty = world.folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let outcome = import_entry(&world.entry, &[empty], &world.access, &world.notes);
    assert!(outcome.unwrap_err().to_string().contains("none of 0 files"));
}
