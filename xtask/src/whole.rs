//! A folder in the cache that is there as a whole or not at all.
//!
//! It is made in a sibling folder and renamed at the end; a marker in it says what it was made from. Whoever was
//! killed meanwhile leaves only a sibling folder, which the next one removes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::disk;
use crate::error::{Error, Result};
use crate::lock;
use crate::progress::say;

/// The marker, relative to the folder.
pub const MARKER: &str = "complete";

/// A folder that has been made or not yet.
#[derive(Debug)]
pub struct Whole {
    cache: PathBuf,
    name: String,
    stamp: String,
}

impl Whole {
    /// The folder `name` in `cache`, made from what `stamp` says.
    pub fn new(cache: &Path, name: String, stamp: String) -> Self {
        Self {
            cache: cache.to_path_buf(),
            name,
            stamp,
        }
    }

    /// Where it is.
    pub fn folder(&self) -> PathBuf {
        self.cache.join(&self.name)
    }

    /// Whether it is there, made from what the stamp says.
    pub fn is_complete(&self) -> bool {
        fs::read_to_string(self.folder().join(MARKER)).is_ok_and(|found| found == self.stamp)
    }

    /// Makes it, unless another process has done so meanwhile. `fill` writes into its second argument and may use its
    /// first, an empty folder on the same disk, as it likes. `needed` is the free room it takes, in bytes. Says whether
    /// it was made.
    pub fn make(
        &self,
        needed: u64,
        is_complete: impl Fn() -> bool,
        fill: impl FnOnce(&Path, &Path) -> Result<()>,
    ) -> Result<bool> {
        fs::create_dir_all(&self.cache).map_err(Error::io("make", &self.cache))?;
        let name = &self.name;
        let lock = lock::hold(&self.cache.join(format!("{name}.lock")), || {
            say("another set-up is at work, waiting for it");
        })?;
        if is_complete() {
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
        let marker = new.join(MARKER);
        fs::write(&marker, &self.stamp).map_err(Error::io("write", &marker))?;
        self.exchange(&new, &scratch.0.join("old"))?;
        Ok(true)
    }

    /// Puts `new` in the folder's place, and what was there to `old`.
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

    /// Removes the folders of those that were killed. Whoever calls holds the lock, so none is at work.
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

    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn two_at_once_make_it_once() {
        let cache = tempfile::tempdir().unwrap();
        let fills = AtomicUsize::new(0);
        let make = || {
            let whole = Whole::new(cache.path(), "peers".into(), "stamp".into());
            let is_complete = || whole.is_complete();
            whole.make(1, is_complete, |_, new| {
                fills.fetch_add(1, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(100));
                fs::write(new.join("file"), "x").unwrap();
                Ok(())
            })
        };
        let made = thread::scope(|scope| {
            let both = [scope.spawn(make), scope.spawn(make)];
            both.map(|one| one.join().unwrap().unwrap())
        });
        assert_eq!(fills.load(Ordering::SeqCst), 1);
        assert_ne!(made[0], made[1]);
        assert!(cache.path().join("peers/file").exists());
    }
}
