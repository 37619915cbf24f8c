//! One set-up at a time: a lock that the kernel takes back when its process ends, however it ends.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::error::{Error, Result};

/// Holds the lock on `path` until the value is dropped. While another process has it, calls `waiting` and waits.
///
/// `None` on file systems that know no locks, as some network file systems do not: an installation's rename at the
/// end is safe without.
pub fn hold(path: &Path, waiting: impl FnOnce()) -> Result<Option<File>> {
    let file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .map_err(Error::io("write", path))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            waiting();
            file.lock().map_err(Error::io("lock", path))?;
            Ok(Some(file))
        }
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn the_second_waits_for_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let (tell, told) = mpsc::channel();
        let released = AtomicBool::new(false);
        let first = hold(&path, || panic!("nobody to wait for")).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                let _second = hold(&path, || tell.send(()).unwrap()).unwrap();
                assert!(released.load(Ordering::SeqCst));
            });
            told.recv().unwrap();
            released.store(true, Ordering::SeqCst);
            drop(first);
        });
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none/lock");
        let error = hold(&path, || ()).unwrap_err();
        assert!(error.to_string().contains("none/lock"), "{error}");
    }
}
