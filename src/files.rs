//! Writing files so that they are there whole or not at all.
//!
//! Every change to the disk that has to survive goes through here, one step after the other, so
//! that tests can make any of them fail and can look at their order.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

#[cfg(test)]
pub(crate) mod faults;
#[cfg(not(test))]
mod faults {
    //! Outside tests nothing stands between this module and the disk.
    use super::{Path, Step, io};

    #[inline]
    #[allow(clippy::unnecessary_wraps)]
    pub(super) fn before(_: Step, _: &Path) -> io::Result<()> {
        Ok(())
    }

    #[inline]
    pub(super) fn portion<'a>(_: &Path, bytes: &'a [u8]) -> &'a [u8] {
        bytes
    }
}

/// One thing asked of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Make a folder.
    CreateFolder,
    /// Make an empty file, or open one for writing.
    Create,
    /// Write bytes.
    Write,
    /// Flush a file's bytes.
    Flush,
    /// Give a file another name.
    Rename,
    /// Flush the names in a folder.
    FlushFolder,
    /// Remove a file.
    Remove,
}

/// Writes `bytes` to a temporary name beside `path`, flushes them to the disk, renames, and flushes
/// the folder. Makes the folder if it is not there. A reader sees the old file or the new one, even
/// after a power cut.
///
/// # Errors
/// If the system refuses; the file is then as it was before, and no temporary one is left. Only when
/// the last step fails, the flush of the folder, the new file is there but may not outlive a power
/// cut.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    create_folder(folder)?;
    let (temporary, file) = create_beside(path)?;
    let written = fill(file, path, bytes).and_then(|()| {
        faults::before(Step::Rename, path)?;
        fs::rename(&temporary, path)
    });
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&temporary);
        return written;
    }
    flush_folder(folder)
}

/// Writes to where a user says: as [`write_whole`] where a file is or nothing, through a link into the file that it
/// leads to, and straight into what is neither file nor folder, as a pipe. `/dev/stdout` is this process's standard
/// output, wherever that goes.
///
/// # Errors
/// If the system refuses.
pub fn write_out(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if path == Path::new("/dev/stdout") {
        let mut out = io::stdout().lock();
        return out.write_all(bytes).and_then(|()| out.flush());
    }
    // Links are followed: there is nothing at the end of those that lead nowhere.
    match fs::metadata(path) {
        Ok(there) if there.is_file() => write_whole(&fs::canonicalize(path)?, bytes),
        Ok(there) if !there.is_dir() => {
            let mut special = File::options().write(true).open(path)?;
            special.write_all(bytes)
        }
        _ => write_whole(path, bytes),
    }
}

/// Makes a folder and those above it that are missing, so that they survive a power cut.
///
/// # Errors
/// If the system refuses, or there is a file of that name.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = folder
        .ancestors()
        .take_while(|path| !path.as_os_str().is_empty() && !path.is_dir())
        .collect();
    for path in missing.into_iter().rev() {
        faults::before(Step::CreateFolder, path)?;
        match fs::create_dir(path) {
            Ok(()) => flush_folder(folder_of(path))?,
            // Another process was quicker.
            Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Makes a file that must not be there yet, whole and flushed: of several processes one only
/// succeeds. It gets its name when it is complete, where the file system can give one a second name;
/// elsewhere a reader may see it while it grows.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`] if there is one; otherwise whatever the system says: no file is left
/// then.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let (temporary, file) = create_beside(path)?;
    let written = file.try_clone().and_then(|copy| fill(copy, path, bytes));
    let named = written.map(|()| fs::hard_link(&temporary, path));
    // What is left behind does no harm.
    let _ = fs::remove_file(&temporary);
    match named? {
        Ok(()) => Ok(file),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
        // No second names here.
        Err(_) => {
            let file = File::options().write(true).create_new(true).open(path)?;
            let written = file.try_clone().and_then(|copy| fill(copy, path, bytes));
            if written.is_err() {
                let _ = fs::remove_file(path);
            }
            written.map(|()| file)
        }
    }
}

/// Opens a file for writing as it is; makes an empty one if there is none.
///
/// # Errors
/// If the system refuses.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    faults::before(Step::Create, path)?;
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
}

/// Gives a file a name that nothing has yet: its own with `.word-1`, `.word-2`, .. behind it. The
/// caller sees to it that nobody else does the same at the same time.
///
/// # Errors
/// If the system refuses; the file then has its old name.
pub(crate) fn keep_aside(path: &Path, word: &str) -> io::Result<PathBuf> {
    let names = (1..).map(|number: u64| with_suffix(path, &format!(".{word}-{number}")));
    let mut free = names.filter(|name| {
        fs::symlink_metadata(name).is_err_and(|error| error.kind() == ErrorKind::NotFound)
    });
    let Some(aside) = free.next() else {
        return Err(ErrorKind::AlreadyExists.into());
    };
    faults::before(Step::Rename, &aside)?;
    fs::rename(path, &aside)?;
    flush_folder(folder_of(path))?;
    Ok(aside)
}

/// Sets a file's time to its file system's present.
///
/// # Errors
/// If the system refuses.
pub(crate) fn touch(file: &File) -> io::Result<()> {
    // `File::set_modified` would set it to this machine's present.
    // SAFETY: the descriptor is open as long as the file; no times means the present.
    match unsafe { libc::futimens(file.as_raw_fd(), std::ptr::null()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// What the file system of a file takes for the present: that of a new file beside it, which is
/// removed again.
///
/// # Errors
/// If the system refuses.
pub(crate) fn touch_beside(path: &Path) -> io::Result<SystemTime> {
    let (name, file) = create_beside(path)?;
    let time = file.metadata().and_then(|data| data.modified());
    // An empty file left behind does no harm.
    let _ = fs::remove_file(name);
    time
}

/// Removes a file.
///
/// # Errors
/// If the system refuses.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    faults::before(Step::Remove, path)?;
    fs::remove_file(path)
}

/// Whether a file's name is one that [`write_whole`] gives to what it has not finished.
pub(crate) fn is_temporary(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "tmp")
}

/// A file of a name that no other writer uses, be it in this process or in another one.
fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    faults::before(Step::Create, path)?;
    loop {
        let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let name = with_suffix(path, &format!(".{}-{number}.tmp", std::process::id()));
        match File::options().write(true).create_new(true).open(&name) {
            Ok(file) => return Ok((name, file)),
            // Left behind by a process that had this one's number and was killed.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes and flushes; `path` is the name that the file is to have in the end.
fn fill(mut file: File, path: &Path, bytes: &[u8]) -> io::Result<()> {
    faults::before(Step::Write, path)?;
    file.write_all(faults::portion(path, bytes))?;
    faults::before(Step::Flush, path)?;
    file.sync_all()?;
    // Some network file systems take what they cannot keep, and say nothing.
    let length = file.metadata()?.len();
    if length != bytes.len() as u64 {
        let reason = format!("{length} of {} bytes were written", bytes.len());
        return Err(io::Error::new(ErrorKind::WriteZero, reason));
    }
    Ok(())
}

/// Makes the names in a folder survive a power cut. Where a file system has no such thing, they are
/// as durable as it makes them.
fn flush_folder(folder: &Path) -> io::Result<()> {
    let flushed = faults::before(Step::FlushFolder, folder)
        .and_then(|()| File::open(folder))
        .and_then(|folder| folder.sync_all());
    match flushed {
        Err(error) if is_loss(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Whether an error means that what was written is lost, not that a flush is unknown here.
fn is_loss(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem
    ) || error.raw_os_error() == Some(libc::EIO)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Appends to the file name: `Path::with_extension` would cut `fig.1` to `fig`.
#[must_use]
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::faults::{Fault, Faults};
    use super::*;

    fn names(folder: &Path) -> Vec<OsString> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_that_cannot_be_written_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/file.1");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        // A folder cannot be replaced by a file.
        let occupied = folder.path().join("new");
        assert!(write_whole(&occupied, b"x").is_err());
        assert_eq!(names(folder.path()), ["new"]);
    }

    #[test]
    fn bytes_names_and_folders_are_flushed_before_a_file_counts_as_written() {
        let folder = tempfile::tempdir().unwrap();
        let faults = Faults::under(folder.path());
        let path = folder.path().join("a/b/file");
        write_whole(&path, b"one").unwrap();
        assert_eq!(
            faults.log(),
            [
                "create-folder a",
                "flush-folder .",
                "create-folder a/b",
                "flush-folder a",
                "create a/b/file",
                "write a/b/file",
                "flush a/b/file",
                "rename a/b/file",
                "flush-folder a/b",
            ]
        );
    }

    #[test]
    fn whatever_step_fails_the_old_file_stays_and_nothing_is_left_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_whole(&path, b"old").unwrap();
        let steps = [Step::Create, Step::Write, Step::Flush, Step::Rename];
        for step in steps {
            for code in [libc::ENOSPC, libc::EACCES, libc::EROFS, libc::EIO] {
                let faults = Faults::under(folder.path());
                faults.add(Fault::error(step, "file", code));
                let error = write_whole(&path, b"newer").unwrap_err();
                assert_eq!(error.raw_os_error(), Some(code), "{step:?}");
                assert_eq!(fs::read(&path).unwrap(), b"old", "{step:?}");
                assert_eq!(names(folder.path()), ["file"], "{step:?}");
            }
        }
        let faults = Faults::under(folder.path());
        faults.add(Fault::short("file"));
        let error = write_whole(&path, b"newer").unwrap_err();
        assert_eq!(error.to_string(), "2 of 5 bytes were written");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn names_that_may_be_lost_are_an_error_and_a_folder_that_cannot_be_flushed_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/file");
        for (code, is_error) in [
            (libc::EIO, true),
            (libc::ENOSPC, true),
            (libc::EINVAL, false),
        ] {
            write_whole(&path, b"old").unwrap();
            let faults = Faults::under(folder.path());
            faults.add(Fault::error(Step::FlushFolder, "a", code));
            assert_eq!(write_whole(&path, b"new").is_err(), is_error, "{code}");
            assert_eq!(fs::read(&path).unwrap(), b"new");
        }
    }

    #[test]
    fn what_was_kept_aside_before_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        for number in 1..3 {
            fs::write(&path, number.to_string()).unwrap();
            let aside = keep_aside(&path, "unreadable").unwrap();
            let name = format!("record.json.unreadable-{number}");
            assert_eq!(aside, folder.path().join(name));
            assert_eq!(fs::read_to_string(aside).unwrap(), number.to_string());
        }
        assert!(!path.exists());
    }

    #[test]
    fn a_left_over_of_a_killed_process_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for number in 0..100 {
            let name = format!(".{}-{number}.tmp", std::process::id());
            fs::write(with_suffix(&path, &name), "").unwrap();
        }
        write_whole(&path, b"x").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"x");
    }

    #[test]
    fn a_link_and_what_is_no_file_stay_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| folder.path().join(name));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        write_out(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
        // One that leads nowhere gives way.
        fs::remove_file(&file).unwrap();
        write_out(&link, b"new").unwrap();
        assert_eq!(fs::read(&link).unwrap(), b"new");
        // A pipe, as a device: both ends are open here, and it holds so much.
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let ends = File::options().read(true).write(true).open(&pipe).unwrap();
        write_out(&pipe, b"through").unwrap();
        assert!(!fs::symlink_metadata(&pipe).unwrap().is_file());
        let mut read = [0; 7];
        io::Read::read_exact(&mut &ends, &mut read).unwrap();
        assert_eq!(&read, b"through");
        assert!(write_out(folder.path(), b"x").is_err());
    }

    #[test]
    fn a_new_file_is_made_by_one_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_new(&path, b"one").unwrap();
        let error = write_new(&path, b"two").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
    }
}
