//! HDF5 groups, and data sets whose hashes nobody knows: noted when they first come, compared from then on.

use std::fmt::Write as _;
use std::path::Path;

use super::{World, gzip, write};
use crate::data::import::import_entry;
use crate::data::{Checked, Condition, Digest, Error, Manifest, Silent, verify};

const HEAD: &str = "[[dataset]]\nid = \"small\"\ntitle = \"Small\"\ncitation = \"\"\nlicence = \"\"\n\
                    homepage = \"\"\n";
const SOURCE: &str = "[[dataset.source]]\nhttp = { prefix = \"http://127.0.0.1:9/\" }\n";
const FILES: [(&str, &str, &str); 3] = [
    (
        "tokens",
        "test.dat",
        include_str!("../../../tests/golden/rcv1/test.dat"),
    ),
    (
        "tokens",
        "train.dat",
        include_str!("../../../tests/golden/rcv1/train.dat"),
    ),
    (
        "topics",
        "topics.qrels",
        include_str!("../../../tests/golden/rcv1/topics.qrels"),
    ),
];

/// A corpus of which only the hash of the second file is known.
fn manifest() -> String {
    let mut text = format!(
        "{HEAD}classes = 4\nfeatures = 30\ntrain_rows = 40\ntest_rows = 0\nhashes = \"first-use\"\n"
    );
    for (role, name, content) in FILES {
        let decoded = match name {
            "train.dat" => format!("sha256 = \"{}\"", Digest::of(content.as_bytes())),
            _ => String::new(),
        };
        writeln!(
            text,
            "[[dataset.file]]\nrole = \"{role}\"\nname = \"{name}\"\n\
             download = {{ name = \"{name}.gz\" }}\ndecoded = {{ {decoded} }}"
        )
        .unwrap();
    }
    text + SOURCE
}

/// The corpus in a mirror: the first file compressed, the others as they are.
fn world() -> World {
    let mut world = World::with_manifest(&manifest());
    let mirror = world.folder.path().join("mirror");
    for (_, name, content) in FILES {
        let path = mirror.join("small").join(name);
        match name {
            "test.dat" => write(&path.with_extension("dat.gz"), &gzip(content.as_bytes(), 6)),
            _ => write(&path, content.as_bytes()),
        }
    }
    world.access.mirror = Some(mirror.display().to_string());
    world
}

#[test]
fn unknown_hashes_are_noted_and_compared_from_then_on() {
    let world = world();
    let fetched = world.fetch().unwrap();
    let checked: Vec<_> = fetched.iter().map(|one| one.checked).collect();
    assert_eq!(checked, [Checked::Noted, Checked::Decoded, Checked::Noted]);
    let note = std::fs::read_to_string(world.cached("test.dat.sha256")).unwrap();
    assert_eq!(note.trim(), Digest::of(FILES[0].2.as_bytes()).to_string());
    assert!(!world.cached("train.dat.sha256").exists());
    let data = world.load().unwrap();
    assert_eq!(
        (data.rows, data.dims, data.classes, data.image),
        (40, 30, 4, None)
    );
    assert_eq!(data.sha256, world.entry.sha256().to_string());

    let changed = FILES[0].2.replace("word1", "word2");
    world.put("test.dat", changed.as_bytes());
    let reports = verify(&world.entry, &world.access).unwrap();
    let Condition::Damaged { detail } = &reports[0].condition else {
        panic!("{reports:?}");
    };
    assert!(detail.contains(note.trim()), "{detail}");
    assert_eq!(reports[1].condition, Condition::Good);
    // The next load fetches it again, and takes no other.
    assert_eq!(world.load().unwrap().features, data.features);
    assert!(world.notes.text().contains("test.dat is damaged"));
    std::fs::remove_file(world.cached("test.dat")).unwrap();
    let source = world.folder.path().join("mirror/small/test.dat.gz");
    write(&source, &gzip(changed.as_bytes(), 6));
    let error = world.fetch().unwrap_err().to_string();
    assert!(error.contains("the one that came first"), "{error}");
}

#[test]
fn known_hashes_decide_beside_unknown_ones() {
    let world = world();
    let mirror = world.folder.path().join("mirror/small/train.dat");
    write(&mirror, b".I 1\n.W\nother\n");
    let error = world.fetch().unwrap_err().to_string();
    assert!(
        error.contains("decoded bytes") && error.contains("train.dat"),
        "{error}"
    );
}

#[test]
fn files_without_known_hashes_are_imported_by_name() {
    let world = world();
    let folder = world.folder.path().join("mirror");
    let take = |path: &Path| {
        let paths = [path.to_owned()];
        import_entry(&world.entry, &paths, &world.access, &Silent)
    };
    let taken = take(&folder).unwrap();
    let names: Vec<_> = taken.iter().map(|one| one.file.as_str()).collect();
    assert_eq!(names, ["test.dat", "topics.qrels", "train.dat"]);
    assert_eq!(world.load().unwrap().rows, 40);
    // Again the same, and then another one of that name.
    assert_eq!(take(&folder).unwrap().len(), 3);
    let changed = world.folder.path().join("test.dat");
    write(&changed, FILES[0].2.replace("word1", "word2").as_bytes());
    let error = take(&changed).unwrap_err();
    assert!(matches!(error, Error::NotTheFirst { .. }), "{error}");
    assert!(error.to_string().contains("test.dat.sha256"), "{error}");
    assert_eq!(world.load().unwrap().rows, 40);
    let other = folder.join("elsewhere.dat");
    write(&other, b"x");
    let error = take(&other).unwrap_err();
    assert!(matches!(error, Error::NotPartOf { .. }));
    assert!(
        error.to_string().contains("(known by its name)  test.dat"),
        "{error}"
    );
}

#[test]
fn a_file_that_nobody_noted_is_not_trained_on() {
    let mut world = world();
    world.access.mirror = None;
    world.access.offline = true;
    for (_, name, content) in FILES {
        world.put(name, content.as_bytes());
    }
    let error = world.load().unwrap_err().to_string();
    assert!(error.contains("nobody noted its SHA-256"), "{error}");
}

#[test]
fn a_hash_that_is_merely_forgotten_is_an_error() {
    let text = manifest().replace("hashes = \"first-use\"\n", "");
    let error = Manifest::parse(&text).unwrap_err().to_string();
    assert!(
        error.contains("test.dat: `bytes` or `sha256` is missing"),
        "{error}"
    );
    for (from, to, words) in [
        (
            "features = 30",
            "features = 0",
            "either `image` or `features`",
        ),
        (
            "features = 30",
            "image = [5, 6]\nfeatures = 30",
            "either `image` or `features`",
        ),
        (
            "role = \"topics\"",
            "role = \"tokens\"",
            "tokens and then topics",
        ),
    ] {
        let error = Manifest::parse(&manifest().replace(from, to)).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn the_hash_of_the_whole_says_what_is_unknown() {
    // printf 'unknown test.dat\n%s\nunknown topics.qrels\n' $(sha256sum < train.dat | cut -d' ' -f1) | sha256sum
    let lines = format!(
        "unknown test.dat\n{}\nunknown topics.qrels\n",
        Digest::of(FILES[1].2.as_bytes())
    );
    assert_eq!(world().entry.sha256(), Digest::of(lines.as_bytes()));
}

const GROUPS: &[u8] = include_bytes!("../../../tests/golden/groups.h5");

fn groups(change: (&str, &str)) -> World {
    let content = format!(
        "bytes = {}, sha256 = \"{}\"",
        GROUPS.len(),
        Digest::of(GROUPS)
    );
    let text = format!(
        "{HEAD}classes = 3\nimage = [2, 2]\ntrain_rows = 3\ntest_rows = 2\n[[dataset.file]]\n\
         role = \"groups\"\nname = \"small.h5\"\ndownload = {{ name = \"small.h5\", {content} }}\n\
         decoded = {{ {content} }}\n{SOURCE}"
    );
    let world = World::with_manifest(&text.replace(change.0, change.1));
    world.put("small.h5", GROUPS);
    world
}

#[test]
fn groups_are_put_one_after_the_other() {
    let data = groups(("", "")).load().unwrap();
    let expected: Vec<f32> = (0..20_u8).map(|value| f32::from(value) / 20.0).collect();
    assert_eq!(data.features, expected);
    assert_eq!(data.labels, [0, 1, 2, 0, 1]);
    assert_eq!((data.train_rows, data.image), (3, Some((2, 2))));
}

#[test]
fn groups_of_another_shape_are_refused() {
    for (change, words) in [
        (
            ("image = [2, 2]", "image = [1, 2]"),
            "group train, byte 0: 3 rows of 4 values, expected 3 of 2",
        ),
        (
            ("test_rows = 2", "test_rows = 3"),
            "group test, byte 0: 2 rows of 4 values, expected 3 of 4",
        ),
        (
            ("classes = 3", "classes = 2"),
            "row 2 has label 2, but the last class is 1",
        ),
    ] {
        let error = groups(change).load().unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}
