//! Everything that can go wrong, in words that say what to do next.

use std::fmt;
use std::path::{Path, PathBuf};

/// Result of every step of a task.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a task stopped.
#[derive(Debug)]
pub enum Error {
    /// The command line is not understood.
    Usage(String),
    /// Started in some other way than through cargo.
    NoWorkspace,
    /// Neither `REPLICATE_CACHE` nor `HOME` is set.
    NoCacheFolder,
    /// No libtorch is known for this machine.
    Platform(String),
    /// `LIBTORCH` does not name a libtorch.
    OwnLibtorch { folder: PathBuf, fault: String },
    /// No C++ compiler under this name.
    NoCompiler(String),
    /// No Python 3.
    NoPython,
    /// This Python has neither pip nor a way to make one.
    NoPip(String),
    /// This Python's pip is older than 20.3.
    OldPip { python: String, version: String },
    /// Not enough room to install libtorch, in bytes.
    Disk {
        folder: PathBuf,
        free: u64,
        needed: u64,
    },
    /// pip failed: what that means, and what it said.
    Pip { advice: &'static str, said: String },
    /// The wheels did not hold what was expected.
    Unpack(String),
    /// The packages that ours is measured against could not be installed.
    Peers(String),
    /// A benchmark could not be built or measured.
    Bench(String),
    /// The link to libtorch cannot be made because a file or folder is in its place.
    InTheWay(PathBuf),
    /// A program could not be started.
    Start {
        program: String,
        source: std::io::Error,
    },
    /// A file or folder could not be read or written.
    Io {
        doing: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
}

impl Error {
    /// The exit code: 2 for the command line, 1 for the rest.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            _ => 1,
        }
    }

    /// Puts words to an I/O error: `.map_err(Error::io("write", path))`.
    pub fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(fault) => write!(f, "{fault}; see `cargo xtask help`"),
            Self::NoWorkspace => write!(f, "run this as `cargo xtask`, inside the checkout"),
            Self::NoCacheFolder => write!(
                f,
                "no cache folder: neither REPLICATE_CACHE nor HOME is set; set one of them"
            ),
            Self::Platform(name) => write!(
                f,
                "no libtorch is known for {name}: install libtorch 2.11.0 yourself and set LIBTORCH to its folder \
                 (the one with lib/ and include/)"
            ),
            Self::OwnLibtorch { folder, fault } => write!(
                f,
                "LIBTORCH={} {fault}: set it to the absolute path of a libtorch 2.11.0, or unset it and \
                 `cargo xtask setup` installs one",
                folder.display()
            ),
            Self::NoCompiler(name) => write!(
                f,
                "no C++ compiler: `{name}` does not run. Install one (Debian, Ubuntu: `apt-get install g++`), \
                 or set CXX"
            ),
            Self::NoPython => write!(
                f,
                "no Python 3, which libtorch is installed with. Install it \
                 (Debian, Ubuntu: `apt-get install python3-pip`), or set LIBTORCH to a libtorch 2.11.0 of your own"
            ),
            Self::NoPip(python) => write!(
                f,
                "`{python}` has no pip, which libtorch is installed with. Install it \
                 (Debian, Ubuntu: `apt-get install python3-pip`; elsewhere: `{python} -m ensurepip`)"
            ),
            Self::OldPip { python, version } => write!(
                f,
                "pip {version} is too old, 20.3 or newer is needed: `{python} -m pip install --user --upgrade pip`"
            ),
            Self::Disk {
                folder,
                free,
                needed,
            } => write!(
                f,
                "not enough disk for libtorch: {} MB free in {}, {} MB needed. Make room, or set REPLICATE_CACHE \
                 to a folder on another disk",
                free / 1_000_000,
                folder.display(),
                needed / 1_000_000
            ),
            Self::Pip { advice, said } => write!(f, "{advice}\npip said:\n{}", indented(said)),
            Self::Unpack(fault) => write!(
                f,
                "the libtorch wheels could not be unpacked:\n{}",
                indented(fault)
            ),
            Self::Peers(fault) => write!(
                f,
                "the peers of the benchmark could not be installed; try again, or measure ours alone with --no-peers\n{}",
                indented(fault)
            ),
            Self::Bench(fault) => write!(f, "{fault}"),
            Self::InTheWay(path) => write!(
                f,
                "{} is not a link of `cargo xtask setup`: move it away, or, if it is a libtorch of your own, \
                 set LIBTORCH to its new place",
                path.display()
            ),
            Self::Start { program, source } => write!(f, "cannot start `{program}`: {source}"),
            Self::Io {
                doing,
                path,
                source,
            } => write!(f, "cannot {doing} {}: {source}", path.display()),
        }
    }
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| format!("  {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_comes_with_the_command_that_installs_it() {
        let said = |error: Error| error.to_string();
        assert!(said(Error::NoCompiler("c++".into())).contains("apt-get install g++"));
        assert!(said(Error::NoPython).contains("apt-get install python3-pip"));
        assert!(said(Error::NoPip("python3".into())).contains("apt-get install python3-pip"));
        let old = Error::OldPip {
            python: "python3".into(),
            version: "20.0".into(),
        };
        assert!(said(old).contains("python3 -m pip install"));
    }

    #[test]
    fn disk_errors_give_both_numbers() {
        let error = Error::Disk {
            folder: "/cache".into(),
            free: 12_000_000,
            needed: 1_300_000_000,
        };
        let text = error.to_string();
        assert!(text.contains("12 MB free in /cache"), "{text}");
        assert!(text.contains("1300 MB needed"), "{text}");
    }

    #[test]
    fn the_words_of_pip_are_indented_below_the_advice() {
        let error = Error::Pip {
            advice: "No network.",
            said: "ERROR: a\nERROR: b".into(),
        };
        assert_eq!(
            error.to_string(),
            "No network.\npip said:\n  ERROR: a\n  ERROR: b"
        );
    }
}
