//! Tests of the layer as a whole: a small data set, scripted servers, real folders.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cached;
mod catalogue;
mod disk;
mod first_use;
mod hostile;
#[cfg(unix)]
mod packages;
mod processes;
mod remote;
mod resume;
mod server;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;

use super::http::Limits;
use super::{Access, DataSet, Digest, Entry, Error, Fetched, Fetcher, Manifest, Progress, dataset};

/// Names and decoded bytes of the small data set: 3 + 2 images of 20 x 30 pixels.
pub(super) fn files() -> Vec<(&'static str, Vec<u8>)> {
    let images = |rows: u8, seed: u32| {
        let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, rows, 0, 0, 0, 20, 0, 0, 0, 30];
        // Noise, so that the compressed file is not much smaller and can be cut anywhere.
        let mut state = seed;
        bytes.extend((0..u32::from(rows) * 600).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        }));
        bytes
    };
    vec![
        ("train-images", images(3, 1)),
        ("train-labels", vec![0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 2]),
        ("test-images", images(2, 2)),
        ("test-labels", vec![0, 0, 8, 1, 0, 0, 0, 2, 2, 0]),
    ]
}

pub(super) fn gzip(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The published download of a file.
pub(super) fn published(bytes: &[u8]) -> Vec<u8> {
    gzip(bytes, 6)
}

/// The manifest of the small data set, with public mirrors at `prefixes`.
pub(super) fn manifest_text(prefixes: &[&str]) -> String {
    let mut text = String::from(
        "[[dataset]]\nid = \"small\"\ntitle = \"Small\"\ncitation = \"\"\nlicence = \"\"\n\
         homepage = \"\"\nclasses = 3\nimage = [20, 30]\ndivisor = 255\ntrain_rows = 3\n\
         test_rows = 2\n",
    );
    for (name, bytes) in files() {
        let download = published(&bytes);
        writeln!(
            text,
            "[[dataset.file]]\nrole = \"{name}\"\nname = \"{name}\"\n\
             download = {{ name = \"{name}.gz\", bytes = {}, sha256 = \"{}\" }}\n\
             decoded = {{ bytes = {}, sha256 = \"{}\" }}",
            download.len(),
            Digest::of(&download),
            bytes.len(),
            Digest::of(&bytes)
        )
        .unwrap();
    }
    for prefix in prefixes {
        writeln!(
            text,
            "[[dataset.source]]\nhttp = {{ prefix = \"{prefix}\" }}"
        )
        .unwrap();
    }
    text
}

/// Patience that a busy machine does not exhaust.
pub(super) fn patient() -> Limits {
    Limits {
        back_off: Duration::from_millis(1),
        ..Limits::default()
    }
}

/// Patience for servers that are expected to exhaust it.
pub(super) fn impatient() -> Limits {
    Limits {
        connect: Duration::from_millis(600),
        first_byte: Duration::from_millis(600),
        stall: Duration::from_millis(600),
        command: Duration::from_millis(600),
        ..patient()
    }
}

/// Keeps what it is told.
#[derive(Default)]
pub(super) struct Notes(Mutex<Vec<String>>);

impl Notes {
    pub(super) fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

impl Progress for Notes {
    fn start(&self, _what: &str, _bytes: Option<u64>) {}
    fn advance(&self, _bytes: u64) {}
    fn note(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
    fn finish(&self) {}
}

/// A small data set, its sources, and an empty cache.
pub(super) struct World {
    pub(super) folder: TempDir,
    pub(super) entry: Entry,
    pub(super) access: Access,
    pub(super) notes: Notes,
    pub(super) limits: Limits,
    /// The only folder with programs, if not those of this machine are to be used.
    pub(super) programs: Option<PathBuf>,
}

impl World {
    pub(super) fn new(prefixes: &[&str]) -> Self {
        // A data set has a source; nobody listens at this one.
        let nobody = ["http://127.0.0.1:9/"];
        let prefixes = if prefixes.is_empty() {
            &nobody
        } else {
            prefixes
        };
        Self::with_manifest(&manifest_text(prefixes))
    }

    pub(super) fn with_manifest(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let manifest = Manifest::parse(text).unwrap();
        Self {
            entry: manifest.entry("small").unwrap().clone(),
            access: Access {
                cache: folder.path().join("cache"),
                mirror: None,
                offline: false,
            },
            notes: Notes::default(),
            limits: patient(),
            programs: None,
            folder,
        }
    }

    pub(super) fn with_mirror(mirror: &str) -> Self {
        let mut world = Self::new(&[]);
        world.access.mirror = Some(mirror.to_owned());
        world
    }

    fn fetcher(&self) -> Fetcher<'_> {
        let mut fetcher = Fetcher::with_limits(&self.access, &self.notes, self.limits);
        fetcher.programs.path = self.programs.clone().map(PathBuf::into_os_string);
        fetcher
    }

    pub(super) fn fetch(&self) -> Result<Vec<Fetched>, Error> {
        self.fetcher().fetch(&self.entry)
    }

    pub(super) fn load(&self) -> Result<DataSet, Error> {
        dataset::load(&self.entry, &self.fetcher())
    }

    /// The cached file, or the part, of this name.
    pub(super) fn cached(&self, name: &str) -> std::path::PathBuf {
        self.access.cache.join("small").join(name)
    }

    pub(super) fn put(&self, name: &str, bytes: &[u8]) {
        write(&self.cached(name), bytes);
    }

    /// The cache holds the right files and nothing else but the lock and `also`.
    pub(super) fn assert_complete(&self, also: &[&str]) {
        let mut expected: Vec<String> = files().iter().map(|(name, _)| (*name).into()).collect();
        expected.push(".lock".into());
        expected.extend(also.iter().map(|&name| name.into()));
        expected.sort();
        assert_eq!(list(&self.access.cache.join("small")), expected);
        for (name, bytes) in files() {
            assert_eq!(std::fs::read(self.cached(name)).unwrap(), bytes, "{name}");
        }
    }
}

pub(super) fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

pub(super) fn list(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
