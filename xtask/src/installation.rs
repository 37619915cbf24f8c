//! The installed libtorch: a folder that is there as a whole or not at all.
//!
//! It is made in a sibling folder and renamed at the end; a marker in it says what it was made from. A set-up that
//! was killed leaves only its sibling folder, which the next one removes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::disk;
use crate::error::{Error, Result};
use crate::lock;
use crate::platform::{Platform, VERSION, stamp};
use crate::progress::say;

/// The marker, relative to the installation.
const MARKER: &str = "complete";

/// The library that tch names to the linker: the wheel's own wants `libtorch_cuda.so`, this one does without.
const LINKER_SCRIPT: (&str, &str) = (
    "torch/lib/libtorch.so",
    "INPUT(libtorch_cpu.so libc10.so)\n",
);

/// Where torch-sys looks for the version.
const BUILD_VERSION: &str = "torch/build-version";

/// libtorch for one platform in one cache folder, installed or not yet.
#[derive(Debug)]
pub struct Installation {
    cache: PathBuf,
    platform: &'static Platform,
}

impl Installation {
    /// The installation of `platform` in `cache`.
    pub fn new(cache: &Path, platform: &'static Platform) -> Self {
        Self {
            cache: cache.to_path_buf(),
            platform,
        }
    }

    /// The folder that holds `torch/` and `nvidia/`.
    pub fn folder(&self) -> PathBuf {
        self.cache.join(self.platform.folder_name())
    }

    /// Whether the marker is the one we would write and every library is there.
    pub fn is_complete(&self) -> bool {
        let folder = self.folder();
        fs::read_to_string(folder.join(MARKER)).is_ok_and(|found| found == stamp())
            && self.missing(&folder).is_none()
    }

    fn missing(&self, folder: &Path) -> Option<&'static str> {
        self.platform
            .files()
            .chain([LINKER_SCRIPT.0, BUILD_VERSION, "torch/include"])
            .find(|name| !folder.join(name).exists())
    }

    /// Installs, unless another process has done so meanwhile. `fill` unpacks the wheels into its second argument and
    /// may use its first, an empty folder on the same disk, as it likes. Says whether it installed.
    pub fn install(
        &self,
        needed: u64,
        fill: impl FnOnce(&Path, &Path) -> Result<()>,
    ) -> Result<bool> {
        fs::create_dir_all(&self.cache).map_err(Error::io("make", &self.cache))?;
        let name = self.platform.folder_name();
        let lock = lock::hold(&self.cache.join(format!("{name}.lock")), || {
            say("another set-up is at work, waiting for it");
        })?;
        if self.is_complete() {
            return Ok(false);
        }
        let prefix = format!("{name}.partial-");
        if lock.is_some() {
            self.remove_leftovers(&prefix);
        }
        disk::require(&self.cache, needed)?;
        let scratch = Scratch::new(self.cache.join(format!("{prefix}{}", std::process::id())))?;
        let new = scratch.0.join("new");
        fs::create_dir(&new).map_err(Error::io("make", &new))?;
        fill(&scratch.0, &new)?;
        self.finish(&new)?;
        self.exchange(&new, &scratch.0.join("old"))?;
        Ok(true)
    }

    /// Writes what the wheels do not hold; the marker comes last.
    fn finish(&self, new: &Path) -> Result<()> {
        let version = (BUILD_VERSION, VERSION);
        for (name, text) in [LINKER_SCRIPT, version] {
            let path = new.join(name);
            fs::write(&path, text).map_err(Error::io("write", &path))?;
        }
        if let Some(name) = self.missing(new) {
            return Err(Error::Unpack(format!("{name} was not in them")));
        }
        let marker = new.join(MARKER);
        fs::write(&marker, stamp()).map_err(Error::io("write", &marker))
    }

    /// Puts `new` in the installation's place, and what was there to `old`.
    fn exchange(&self, new: &Path, old: &Path) -> Result<()> {
        let folder = self.folder();
        match fs::rename(&folder, old) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("move away", &folder)(error));
            }
            _ => {}
        }
        fs::rename(new, &folder).map_err(Error::io("write", &folder))
    }

    /// Removes the folders of set-ups that were killed. Whoever calls holds the lock, so none is at work.
    fn remove_leftovers(&self, prefix: &str) {
        let entries = fs::read_dir(&self.cache).into_iter().flatten().flatten();
        for entry in entries {
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                // One that cannot be removed costs room, no more.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

/// A folder that goes when it is no longer needed, also after an error.
struct Scratch(PathBuf);

impl Scratch {
    fn new(path: PathBuf) -> Result<Self> {
        fs::create_dir(&path).map_err(Error::io("make", &path))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn installation(cache: &Path) -> Installation {
        Installation::new(cache, Platform::find("linux", "x86_64", "gnu").unwrap())
    }

    /// Stands in for pip: makes every kept file, with `text` in it.
    fn unpack(new: &Path, text: &str) {
        let platform = Platform::find("linux", "x86_64", "gnu").unwrap();
        fs::create_dir_all(new.join("torch/include")).unwrap();
        for name in platform.files() {
            fs::create_dir_all(new.join(name).parent().unwrap()).unwrap();
            fs::write(new.join(name), text).unwrap();
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().flatten();
        let mut names: Vec<_> = entries
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    const NAMES: [&str; 2] = [
        "libtorch-2.11.0-cpu-x86_64",
        "libtorch-2.11.0-cpu-x86_64.lock",
    ];

    #[test]
    fn a_complete_installation_is_made_once() {
        let cache = tempfile::tempdir().unwrap();
        let libtorch = installation(cache.path());
        assert!(!libtorch.is_complete());
        let made = libtorch.install(1, |_, new| {
            unpack(new, "x");
            Ok(())
        });
        assert!(made.unwrap());
        assert!(libtorch.is_complete());
        assert_eq!(names(cache.path()), NAMES);
        let script = fs::read_to_string(libtorch.folder().join("torch/lib/libtorch.so")).unwrap();
        assert_eq!(script.trim(), "INPUT(libtorch_cpu.so libc10.so)");
        assert!(!libtorch.install(1, |_, _| panic!("made twice")).unwrap());
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let cache = tempfile::tempdir().unwrap();
        let libtorch = installation(cache.path());
        let failed = libtorch.install(1, |scratch, new| {
            unpack(new, "x");
            fs::write(scratch.join("wheel"), "x").unwrap();
            Err(Error::NoPython)
        });
        assert!(matches!(failed, Err(Error::NoPython)));
        assert!(!libtorch.is_complete());
        assert_eq!(names(cache.path()), NAMES[1..]);
    }

    #[test]
    fn wheels_without_a_library_are_refused() {
        let cache = tempfile::tempdir().unwrap();
        let libtorch = installation(cache.path());
        let failed = libtorch.install(1, |_, new| {
            unpack(new, "x");
            fs::remove_file(new.join("torch/lib/libc10.so")).unwrap();
            Ok(())
        });
        let error = failed.unwrap_err().to_string();
        assert!(
            error.contains("torch/lib/libc10.so was not in them"),
            "{error}"
        );
        assert_eq!(names(cache.path()), NAMES[1..]);
    }

    #[test]
    fn outdated_and_damaged_installations_are_replaced() {
        let cache = tempfile::tempdir().unwrap();
        let libtorch = installation(cache.path());
        let damages: [fn(&Path); 2] = [
            |folder| fs::write(folder.join(MARKER), "layout 0\n").unwrap(),
            |folder| fs::remove_file(folder.join("torch/lib/libgomp.so.1")).unwrap(),
        ];
        for damage in damages {
            let fill = |text: &'static str| {
                move |_: &Path, new: &Path| {
                    unpack(new, text);
                    Ok(())
                }
            };
            libtorch.install(1, fill("old")).unwrap();
            damage(&libtorch.folder());
            assert!(!libtorch.is_complete());
            assert!(libtorch.install(1, fill("new")).unwrap());
            assert!(libtorch.is_complete());
            let library = libtorch.folder().join("torch/lib/libc10.so");
            assert_eq!(fs::read_to_string(library).unwrap(), "new");
            assert_eq!(names(cache.path()), NAMES);
        }
    }

    #[test]
    fn leftovers_of_a_killed_set_up_are_removed() {
        let cache = tempfile::tempdir().unwrap();
        let leftover = cache.path().join("libtorch-2.11.0-cpu-x86_64.partial-1");
        fs::create_dir(&leftover).unwrap();
        let other = cache.path().join("mnist");
        fs::create_dir(&other).unwrap();
        let failed = installation(cache.path()).install(1, |_, _| Err(Error::NoPython));
        assert!(failed.is_err());
        assert!(!leftover.exists());
        assert!(other.exists());
    }

    #[test]
    fn a_full_disk_stops_it_before_the_download() {
        let cache = tempfile::tempdir().unwrap();
        let failed = installation(cache.path()).install(u64::MAX, |_, _| panic!("went on"));
        assert!(matches!(failed, Err(Error::Disk { .. })));
    }
}
