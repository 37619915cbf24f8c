//! The installed libtorch: the kept files of its wheels, and a few written ones.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::platform::{Platform, VERSION, stamp};
use crate::whole::Whole;

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
    whole: Whole,
    platform: &'static Platform,
}

impl Installation {
    /// The installation of `platform` in `cache`.
    pub fn new(cache: &Path, platform: &'static Platform) -> Self {
        Self {
            whole: Whole::new(cache, platform.folder_name(), stamp()),
            platform,
        }
    }

    /// The folder that holds `torch/` and `nvidia/`.
    pub fn folder(&self) -> PathBuf {
        self.whole.folder()
    }

    /// Whether the marker is the one we would write and every library is there.
    pub fn is_complete(&self) -> bool {
        self.whole.is_complete() && self.missing(&self.folder()).is_none()
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
        let is_complete = || self.is_complete();
        self.whole.make(needed, is_complete, |scratch, new| {
            fill(scratch, new)?;
            self.finish(new)
        })
    }

    /// Writes what the wheels do not hold.
    fn finish(&self, new: &Path) -> Result<()> {
        let version = (BUILD_VERSION, VERSION);
        for (name, text) in [LINKER_SCRIPT, version] {
            let path = new.join(name);
            fs::write(&path, text).map_err(Error::io("write", &path))?;
        }
        if let Some(name) = self.missing(new) {
            return Err(Error::Unpack(format!("{name} was not in them")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::whole::MARKER;

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
