//! Where a launch goes, and the program there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::program::{folders, replicate, results, text};

/// A launcher: options of `submit` and the environment that it takes.
pub struct Site {
    pub options: Vec<String>,
    pub environment: Vec<(&'static str, String)>,
}

/// Two seeds of one variant of DESOM and its two baselines: six runs of half a second and less.
pub const SWEEP: [&str; 9] = [
    "desom-gamma",
    "--profile",
    "smoke",
    "--gammas",
    "0.001",
    "--seeds",
    "2",
    "--iterations",
    "300",
];

/// One DESOM run that takes a quarter of a minute alone on a fast core, so that several calls of the program fit in
/// before its end on a busy machine too; and two k-means.
pub const LONG: [&str; 9] = [
    "desom-gamma",
    "--profile",
    "smoke",
    "--gammas",
    "0.001",
    "--seeds",
    "1",
    "--iterations",
    "20000",
];

impl Site {
    /// Calls the program.
    pub fn run(&self, store: &Path, arguments: &[&str]) -> Output {
        let mut command = replicate(store);
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        command.args(arguments).output().unwrap()
    }

    /// The JSON of a call, whatever its exit code.
    pub fn json(&self, store: &Path, arguments: &[&str]) -> Value {
        let output = self.run(store, &[arguments, &["--json"]].concat());
        let said = text(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {said}"))
    }

    /// Submits, and gives what is said of it.
    pub fn submit(&self, store: &Path, sweep: &[&str], further: &[&str]) -> Value {
        let options: Vec<&str> = self.options.iter().map(String::as_str).collect();
        self.json(store, &[&["submit"], sweep, &options, further].concat())
    }

    /// Follows a launch to its end; gives the exit code and the last state.
    pub fn watch(&self, store: &Path, launch: &str) -> (i32, Value) {
        let arguments = ["watch", launch, "--interval", "1", "--json"];
        let output = self.run(store, &arguments);
        let said = text(&output.stderr);
        let state = serde_json::from_slice(&output.stdout);
        let state = state.unwrap_or_else(|_| panic!("{said}"));
        (output.status.code().unwrap(), state)
    }

    pub fn status(&self, store: &Path, launch: &str) -> Value {
        self.json(store, &["status", launch])
    }
}

pub fn name(submitted: &Value) -> String {
    submitted["launch"].as_str().unwrap().to_owned()
}

/// The store of a sweep that one process has done, made once.
pub fn reference(
    sweep: &'static [&'static str],
    made: &'static OnceLock<tempfile::TempDir>,
) -> &'static Path {
    let folder = made.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let arguments = [sweep, &["--threads", "1"]].concat();
        let output = super::program::run(folder.path(), &arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        folder
    });
    folder.path()
}

pub static SWEEP_DONE: OnceLock<tempfile::TempDir> = OnceLock::new();
pub static LONG_DONE: OnceLock<tempfile::TempDir> = OnceLock::new();

/// Records but for their provenance, and weights, are the same bytes.
pub fn same_bits(ours: &Path, reference: &Path) {
    let names = |store: &Path| -> Vec<PathBuf> {
        let names = folders(store).into_iter();
        names
            .map(|folder| PathBuf::from(folder.file_name().unwrap()))
            .collect()
    };
    assert_eq!(names(ours), names(reference));
    for (a, b) in folders(ours).iter().zip(&folders(reference)) {
        assert!(results(a) == results(b), "{} differs", a.display());
    }
}

pub fn wait_until(what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) {
    let clock = Instant::now();
    while !is_so() {
        assert!(clock.elapsed() < limit, "waited {limit:?} until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The folder of the DESOM run of [`LONG`], which some process is working on.
pub fn begun(store: &Path) -> PathBuf {
    let plan = super::program::json(store, &[&["plan"], &LONG[..], &["--json"]].concat());
    let key = plan["runs"][0]["key"].as_str().unwrap();
    let folder = store.join("runs").join(&key[..16]);
    wait_until("the run has begun", Duration::from_mins(1), || {
        fs::read(folder.join("lock.1")).is_ok_and(|text| text.len() > 1)
    });
    // Past its set-up, well before its end.
    std::thread::sleep(Duration::from_millis(500));
    folder
}
