//! Files inside a Debian package, brought by apt from whatever mirror the machine is set up for.
//!
//! Nothing is installed, and `dpkg-deb` only decodes: what it prints is taken apart here. The files
//! are compressed by Debian, so the decoded bytes decide.

use std::path::PathBuf;

use super::error::Refusal;
use super::manifest::{self, Entry, PackageSource};
use super::package::{Package, find};
use super::source::{Checked, Job, Source};
use super::tarball::extract;

/// See [`manifest::Source::Debian`].
pub(super) struct Debian {
    source: PackageSource,
    package: Package,
}

impl Debian {
    /// `scratch` is a folder to work in; the caller removes it.
    pub(super) fn new(source: &PackageSource, entry: &Entry, scratch: PathBuf) -> Self {
        let members = entry.files.iter().map(|file| {
            let member = [source.path.as_str(), file.download.name.as_str()].concat();
            // Compressed anew it is hardly ever larger than decoded.
            let most = file.decoded.most().max(file.download.bytes.unwrap_or(0)) + 64 * 1024;
            (member, most, file)
        });
        Self {
            source: source.clone(),
            package: Package::new(source.package.as_str(), scratch, members),
        }
    }
}

impl Source for Debian {
    fn label(&self, file: &manifest::File) -> String {
        let PackageSource { package, path } = &self.source;
        format!("Debian {package}: {path}{}", file.download.name)
    }

    fn deliver(&mut self, job: &Job<'_>) -> Result<Checked, Refusal> {
        self.package.deliver(job, bring)
    }
}

/// Downloads the package and takes what is wanted out of it.
fn bring(package: &Package, job: &Job<'_>) -> Result<(), Refusal> {
    let Package { name, scratch, .. } = package;
    let programs = job.programs;
    job.progress
        .start(&format!("apt-get download {name}"), None);
    let mut download = programs.command("apt-get");
    download
        .args(["--quiet", "--option=Acquire::Retries=1"])
        .args(["--option=Acquire::http::Timeout=10"])
        .args(["--option=Acquire::https::Timeout=10", "download", name]);
    programs.run(&mut download, scratch, package.budget())?;
    let Some(deb) = find(scratch, "deb") else {
        return Err(Refusal::Package("`apt-get` left no .deb behind".into()));
    };
    let mut decode = programs.command("dpkg-deb");
    decode.arg("--fsys-tarfile").arg(&deb);
    programs.read(&mut decode, scratch, |archive| {
        extract(archive, &package.wanted, package.budget())
    })?
}
