//! Python's part in the installation: pip fetches the wheels and checks their hashes, `zipfile` unpacks them.
//!
//! `pip download` rather than `pip install`: it puts nothing into the user's Python, is allowed where the system
//! manages Python (PEP 668), and leaves the parts of the wheel that libtorch does not need packed.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::advice::{advice, gist};
use crate::disk;
use crate::error::{Error, Result};
use crate::platform::{Platform, REQUIREMENTS};
use crate::progress::{is_watched, megabytes, say};

/// The first pip that takes `--platform` more than once.
const OLDEST_PIP: (u32, u32) = (20, 3);

/// Time between two lines of progress where nobody watches.
const BEAT: Duration = Duration::from_secs(10);

/// Unpacks parts of wheels.
const UNPACK: &str = include_str!("unpack.py");

/// A Python 3 with a usable pip.
#[derive(Debug)]
pub struct Python(PathBuf);

impl Python {
    /// Finds the user's Python. One without pip lends itself to a virtual environment in `scratch`, which has one.
    pub fn find(scratch: &Path) -> Result<Self> {
        let program = ["python3", "python"]
            .into_iter()
            .find(|name| is_python_3(name))
            .ok_or(Error::NoPython)?;
        let own = Self(PathBuf::from(program));
        if let Some(version) = own.pip_version() {
            return own.with_pip(&version);
        }
        let folder = scratch.join("venv");
        say(&format!(
            "{program} has no pip, making a virtual environment that has one"
        ));
        let made = Command::new(program)
            .args(["-m", "venv"])
            .arg(&folder)
            .output();
        if !made.is_ok_and(|output| output.status.success()) {
            return Err(Error::NoPip(program.to_owned()));
        }
        let lent = Self(folder.join("bin").join("python"));
        match lent.pip_version() {
            Some(version) => lent.with_pip(&version),
            None => Err(Error::NoPip(program.to_owned())),
        }
    }

    fn with_pip(self, version: &str) -> Result<Self> {
        if is_new_enough(version) {
            return Ok(self);
        }
        Err(Error::OldPip {
            python: self.0.display().to_string(),
            version: version.to_owned(),
        })
    }

    fn pip_version(&self) -> Option<String> {
        let output = ask(&self.0, &["-m", "pip", "--version"])?;
        version_of_pip(&String::from_utf8_lossy(&output.stdout)).map(str::to_owned)
    }

    /// Downloads the pinned wheels into `wheels`, with `scratch` for everything temporary.
    pub fn download(&self, platform: &Platform, wheels: &Path, scratch: &Path) -> Result<()> {
        let requirements = scratch.join("requirements.txt");
        std::fs::write(&requirements, REQUIREMENTS).map_err(Error::io("write", &requirements))?;
        let mut pip = Command::new(&self.0);
        pip.args(download_options(platform))
            .arg("--requirement")
            .arg(&requirements)
            .arg("--dest")
            .arg(wheels);
        let temporary = scratch.join("tmp");
        let beat = || {
            let so_far = disk::size(wheels).max(disk::size(&temporary));
            let (so_far, all) = (so_far.min(platform.download), platform.download);
            say(&format!(
                "{} of {} downloaded",
                megabytes(so_far),
                megabytes(all)
            ));
        };
        match self.carry_out(pip, &temporary, beat)? {
            None => Ok(()),
            Some(said) => Err(Error::Pip {
                advice: advice(&said),
                said: gist(&said),
            }),
        }
    }

    /// Installs exactly the packages of a requirements file into the folder `target`, with `scratch` for everything
    /// temporary.
    pub fn install(&self, requirements: &Path, target: &Path, scratch: &Path) -> Result<()> {
        let mut pip = Command::new(&self.0);
        pip.args([
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-input",
            "--no-cache-dir",
            "--no-deps",
            "--no-compile",
            "--only-binary=:all:",
            "--no-warn-script-location",
        ])
        .arg("--requirement")
        .arg(requirements)
        .arg("--target")
        .arg(target);
        let temporary = scratch.join("tmp");
        let beat = || {
            let so_far = disk::size(target).max(disk::size(&temporary));
            say(&format!("{} downloaded and unpacked", megabytes(so_far)));
        };
        match self.carry_out(pip, &temporary, beat)? {
            None => Ok(()),
            Some(said) => Err(Error::Peers(gist(&said))),
        }
    }

    /// The program, to run scripts with.
    pub fn program(&self) -> &Path {
        &self.0
    }

    /// Runs pip, calling `beat` now and then where nobody watches; what it said, if it failed.
    fn carry_out(
        &self,
        mut pip: Command,
        temporary: &Path,
        beat: impl Fn(),
    ) -> Result<Option<String>> {
        std::fs::create_dir_all(temporary).map_err(Error::io("make", temporary))?;
        // /tmp is often a small disk in memory.
        pip.env("TMPDIR", temporary)
            // The user's rule against stray installations: nothing goes into the user's Python.
            .env("PIP_REQUIRE_VIRTUALENV", "0")
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        if is_watched() {
            pip.stdout(std::io::stderr());
        } else {
            pip.stdout(Stdio::null());
        }
        let mut child = pip.spawn().map_err(self.cannot_start())?;
        let said = attend(&mut child, beat);
        let status = child.wait().map_err(self.cannot_start())?;
        Ok((!status.success()).then_some(said))
    }

    /// Unpacks what `platform` keeps out of each wheel in `wheels`, and deletes the wheel.
    pub fn unpack(&self, platform: &Platform, wheels: &Path, target: &Path) -> Result<()> {
        let output = Command::new(&self.0)
            .args(["-c", UNPACK])
            .args([wheels, target])
            .args(platform.patterns())
            .stdin(Stdio::null())
            .output()
            .map_err(self.cannot_start())?;
        if output.status.success() {
            return Ok(());
        }
        Err(Error::Unpack(gist(&String::from_utf8_lossy(
            &output.stderr,
        ))))
    }

    fn cannot_start(&self) -> impl Fn(std::io::Error) -> Error {
        let program = self.0.display().to_string();
        move |source| Error::Start {
            program: program.clone(),
            source,
        }
    }
}

/// The arguments of `pip download`, less the paths.
fn download_options(platform: &Platform) -> Vec<String> {
    let mut options: Vec<String> = [
        "-m",
        "pip",
        "download",
        "--disable-pip-version-check",
        "--no-input",
        // The installation is a cache itself: no second copy of half a gigabyte.
        "--no-cache-dir",
        "--no-deps",
        "--require-hashes",
        "--only-binary=:all:",
        // The same wheel whichever Python the user has.
        "--implementation=cp",
        "--python-version=3.11",
        "--abi=cp311",
    ]
    .map(str::to_owned)
    .into();
    options.extend(platform.tags().map(|tag| format!("--platform={tag}")));
    options
}

/// Waits until `child` closes its stderr, which is returned, and calls `beat` now and then where nobody watches.
/// Warnings are passed on at once: they are pip's retries.
fn attend(child: &mut Child, beat: impl Fn()) -> String {
    let Some(stderr) = child.stderr.take() else {
        return String::new();
    };
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut said = String::new();
            for line in BufReader::new(stderr)
                .split(b'\n')
                .map_while(std::result::Result::ok)
            {
                let line = String::from_utf8_lossy(&line);
                if line.starts_with("WARNING") {
                    eprintln!("{line}");
                }
                said.push_str(&line);
                said.push('\n');
            }
            said
        });
        let mut last = Instant::now();
        while !reader.is_finished() {
            thread::sleep(Duration::from_millis(20));
            if !is_watched() && last.elapsed() >= BEAT {
                beat();
                last = Instant::now();
            }
        }
        reader.join().unwrap_or_default()
    })
}

fn is_python_3(program: &str) -> bool {
    let question = ["-c", "import sys; sys.exit(sys.version_info < (3, 6))"];
    ask(program, &question).is_some()
}

/// The output of `program`, when it runs and succeeds.
fn ask(program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<Output> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then_some(output)
}

/// `23.0.1` out of `pip 23.0.1 from /usr/lib/... (python 3.11)`.
fn version_of_pip(answer: &str) -> Option<&str> {
    answer.strip_prefix("pip ")?.split_whitespace().next()
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split('.').map(|part| {
        let digits = part.find(|c: char| !c.is_ascii_digit());
        part[..digits.unwrap_or(part.len())].parse::<u32>()
    });
    let (Some(Ok(major)), minor) = (numbers.next(), numbers.next()) else {
        // An unreadable version is no reason to stop: pip will say so if it cannot.
        return true;
    };
    (major, minor.and_then(std::result::Result::ok).unwrap_or(0)) >= OLDEST_PIP
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_version_of_pip_is_read() {
        let answer = "pip 23.0.1 from /usr/lib/python3/dist-packages/pip (python 3.11)\n";
        assert_eq!(version_of_pip(answer), Some("23.0.1"));
        assert_eq!(version_of_pip("No module named pip"), None);
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        for version in ["20.3", "20.3.4", "21.0", "100.1", "21rc1", "26", "unknown"] {
            assert!(is_new_enough(version), "{version}");
        }
        for version in ["20.2.4", "9.0.3", "20", "19.3b1"] {
            assert!(!is_new_enough(version), "{version}");
        }
        let python = Python("python3".into());
        let error = python.with_pip("20.0.2").unwrap_err();
        assert!(error.to_string().contains("20.0.2 is too old"), "{error}");
    }

    #[test]
    fn pip_is_asked_for_one_wheel_whatever_the_python() {
        let platform = Platform::find("linux", "x86_64", "gnu").unwrap();
        let options = download_options(platform);
        for wanted in [
            "--require-hashes",
            "--abi=cp311",
            "--platform=manylinux_2_28_x86_64",
            "--platform=manylinux_2_17_x86_64",
        ] {
            assert!(options.iter().any(|option| option == wanted), "{wanted}");
        }
    }

    #[test]
    fn what_a_child_says_is_kept() {
        let mut child = Command::new("sh")
            .args(["-c", "echo ERROR: one >&2; echo two >&2"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        assert_eq!(attend(&mut child, || ()), "ERROR: one\ntwo\n");
        child.wait().unwrap();
    }

    #[test]
    fn what_is_not_python_3_is_not_used() {
        assert!(!is_python_3("false"));
        assert!(!is_python_3("/nowhere/python3"));
    }
}
