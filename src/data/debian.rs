//! Files inside a Debian package, brought by apt from whatever mirror the machine is set up for.
//!
//! Nothing is installed: the package is downloaded and unpacked into a scratch folder. Its files
//! are compressed by Debian, so the decoded bytes decide.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::command::run;
use super::error::Refusal;
use super::http::Limits;
use super::manifest::{self, PackageSource};
use super::source::{Checked, Job, Source};

/// See [`manifest::Source::Debian`].
pub(super) struct Debian {
    package: PackageSource,
    scratch: PathBuf,
    /// The unpacked package, once it is here, or why it is not.
    unpacked: Option<Result<PathBuf, String>>,
}

impl Debian {
    /// `scratch` is a folder to work in; the caller removes it.
    pub(super) fn new(package: &PackageSource, scratch: PathBuf) -> Self {
        Self {
            package: package.clone(),
            scratch,
            unpacked: None,
        }
    }
}

impl Source for Debian {
    fn label(&self, file: &manifest::File) -> String {
        let PackageSource { package, path } = &self.package;
        format!("Debian {package}: {path}{}", file.download.name)
    }

    fn deliver(&mut self, job: &Job<'_>) -> Result<Checked, Refusal> {
        let name = self.package.package.as_str();
        let unpacked = self.unpacked.get_or_insert_with(|| {
            job.progress
                .start(&format!("apt-get download {name}"), None);
            let unpacked = unpack(name, &self.scratch, &job.http.limits);
            job.progress.finish();
            unpacked
        });
        let root = unpacked
            .as_ref()
            .map_err(|reason| Refusal::Package(reason.clone()))?;
        let inside = [self.package.path.as_str(), job.file.download.name.as_str()].concat();
        let path = root.join(&inside);
        let is_file = fs::symlink_metadata(&path).is_ok_and(|data| data.is_file());
        if !is_file {
            return Err(Refusal::Absent(format!("{inside} in the package")));
        }
        let file = File::open(&path).map_err(|error| Refusal::io("open", &path, error))?;
        job.staging.accept(file)?;
        Ok(Checked::Decoded)
    }
}

/// Downloads the package and unpacks it below `scratch`; returns the unpacked root.
fn unpack(package: &str, scratch: &Path, limits: &Limits) -> Result<PathBuf, String> {
    let root = scratch.join("root");
    fs::create_dir_all(&root)
        .map_err(|error| format!("cannot make {}: {error}", root.display()))?;
    let mut download = Command::new("apt-get");
    download
        .args(["--quiet", "--option=Acquire::Retries=1"])
        .args(["--option=Acquire::http::Timeout=10", "download", package]);
    run(&mut download, scratch, limits.command).map_err(|failure| failure.to_string())?;
    let deb = fs::read_dir(scratch)
        .ok()
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|ending| ending == "deb"))
        .ok_or("apt-get left no .deb behind")?;
    let mut extract = Command::new("dpkg");
    extract.arg("-x").arg(&deb).arg(&root);
    run(&mut extract, scratch, limits.command).map_err(|failure| failure.to_string())?;
    Ok(root)
}
