//! The files of a data set inside a package of some registry: brought by the registry's own client
//! and unpacked once, into a scratch folder, when the first of them is wanted.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::error::Refusal;
use super::manifest;
use super::source::{Checked, Job};
use super::tarball::Wanted;

/// What a package may hold beside the files wanted, in bytes.
const SLACK: u64 = 64 << 20;

/// A package and what is known of it.
pub(super) struct Package {
    /// As its client knows it.
    pub(super) name: String,
    /// A folder to work in; the caller removes it.
    pub(super) scratch: PathBuf,
    /// The members that are files of the data set.
    pub(super) wanted: Vec<Wanted>,
    /// Whether it is unpacked, or why it is not.
    outcome: Option<Result<(), String>>,
}

impl Package {
    /// The package called `name`, which holds files of a data set: for each, the path of the
    /// member, the most bytes it may have, and the file it is.
    pub(super) fn new<'a>(
        name: &str,
        scratch: PathBuf,
        members: impl Iterator<Item = (String, u64, &'a manifest::File)>,
    ) -> Self {
        let wanted = members.map(|(member, most, file)| Wanted {
            member,
            most,
            to: place(&scratch, file),
        });
        Self {
            name: name.to_owned(),
            wanted: wanted.collect(),
            scratch,
            outcome: None,
        }
    }

    /// More bytes than the package may have, packed or unpacked.
    pub(super) fn budget(&self) -> u64 {
        self.wanted.iter().map(|wanted| wanted.most).sum::<u64>() + SLACK
    }

    /// Delivers one file, after `bring` has unpacked the package.
    ///
    /// A package that could not be had is not asked for again.
    pub(super) fn deliver(
        &mut self,
        job: &Job<'_>,
        bring: impl FnOnce(&Self, &Job<'_>) -> Result<(), Refusal>,
    ) -> Result<Checked, Refusal> {
        if self.outcome.is_none() {
            let brought = fs::create_dir_all(&self.scratch)
                .map_err(|error| Refusal::io("make the folder", &self.scratch, error))
                .and_then(|()| bring(self, job));
            job.progress.finish();
            self.outcome = Some(brought.as_ref().map(|&()| ()).map_err(ToString::to_string));
            brought?;
        }
        if let Some(Err(reason)) = &self.outcome {
            return Err(Refusal::Package(reason.clone()));
        }
        let path = place(&self.scratch, job.file);
        match File::open(&path) {
            Ok(file) => job.staging.accept(file).map(|()| Checked::Decoded),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Refusal::Absent("the package does not hold it".into()))
            }
            Err(error) => Err(Refusal::io("open", &path, error)),
        }
    }
}

/// Where a file goes when the package is unpacked. Its name is the manifest's and ends in no
/// ending of a package.
fn place(scratch: &Path, file: &manifest::File) -> PathBuf {
    scratch.join(format!("{}.unpacked", file.name))
}

/// The one file in `folder` with this ending.
pub(super) fn find(folder: &Path, ending: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|other| other == ending))
}
