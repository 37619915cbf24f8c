//! The right to work on a run: one process has it at a time, on one machine or on several that
//! share a file system, and it does not outlive its process.
//!
//! ```text
//! lock      empty; locked by the system (flock) while a process of this machine works on the run
//! lock.N    who: JSON while held, cut to its first byte when given back
//! ```
//!
//! The system's lock is exact but some network file systems have none, and some keep it to one
//! machine. So the last of the numbered files has to agree. Its holder counts as dead
//!
//! - if it had the system's lock, on this machine, and we now have it;
//! - if it is of this machine and no process has its number and its start time;
//! - if it is of another machine, or cannot be read, and the file has not been touched for
//!   [`SILENCE`]; a living holder touches it every [`HEARTBEAT`]. Both times are the file system's
//!   own, so that no machine's clock matters.
//!
//! A dead holder's right is taken over by making the file of the next number, which only one process
//! can. The last number never goes away while the run is unfinished, so whoever comes late, with an
//! old number in mind, finds after making its file that a later one is there, and leaves.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::Error;
use crate::device;
use crate::files;

/// How often a living holder touches its file.
pub const HEARTBEAT: Duration = Duration::from_secs(30);
/// A holder that nothing else is known of and that has been silent for longer is dead.
pub const SILENCE: Duration = Duration::from_mins(5);

/// A process that works on a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its machine's name.
    pub host: String,
    /// Its number there.
    pub pid: u32,
    /// When it took the run, RFC 3339.
    pub since: String,
    /// When the process started, in the system's ticks; a number that is used again has another.
    start: Option<u64>,
    /// Tells machines of one name apart, and one boot of a machine from the next; empty if unknown.
    boot: String,
    /// Process numbers can be compared only within one of these; empty if unknown.
    namespace: String,
    /// Whether it has the system's lock too.
    flock: bool,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, pid {}", self.host, self.pid)
    }
}

impl Holder {
    fn this_process(flock: bool) -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        let pid = std::process::id();
        Self {
            host: device::host(),
            pid,
            since: jiff::Timestamp::now().to_string(),
            start: start(pid),
            boot: read("/proc/sys/kernel/random/boot_id").trim().to_owned(),
            namespace: namespace.to_string_lossy().into_owned(),
            flock,
        }
    }

    /// A process of this machine, whatever it does.
    pub(crate) fn of(pid: u32) -> Self {
        Self {
            pid,
            start: start(pid),
            ..Self::this_process(false)
        }
    }

    /// Whether the process is there; `None` if that cannot be told from here.
    pub(crate) fn is_there(&self) -> Option<bool> {
        self.is_dead(&Self::this_process(false)).map(|dead| !dead)
    }

    /// Whether both are the same process, whatever runs they hold.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.shares_system(other)
            && (self.namespace.as_str(), self.pid, self.start)
                == (other.namespace.as_str(), other.pid, other.start)
    }

    /// Whether both are processes of one running system.
    fn shares_system(&self, other: &Self) -> bool {
        self.boot == other.boot && (!self.boot.is_empty() || self.host == other.host)
    }

    /// Whether this holder is gone, as `us` sees it; `None` if only its silence can tell.
    fn is_dead(&self, us: &Self) -> Option<bool> {
        // A restart changes the boot, but not the name; the system's lock goes with it.
        let here = self.shares_system(us) || self.host == us.host;
        if self.flock && us.flock && here {
            return Some(true);
        }
        let comparable = self.shares_system(us) && self.namespace == us.namespace;
        comparable.then(|| !is_alive(self.pid, self.start))
    }
}

/// When a process started; `None` if it has ended, or the system does not say.
fn start(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything; the state and nineteen fields follow.
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    let ended = matches!(state, "Z" | "X" | "x");
    fields.nth(18)?.parse().ok().filter(|_| !ended)
}

/// Whether a process of this machine is there and, if that is known, started at that time.
fn is_alive(pid: u32, start: Option<u64>) -> bool {
    let Ok(number @ 1..) = i32::try_from(pid) else {
        return false;
    };
    // SAFETY: signal 0 is not sent; the call only looks whether it could be.
    let reached = unsafe { libc::kill(number, 0) } == 0;
    if !reached && io::Error::last_os_error().raw_os_error() != Some(libc::EPERM) {
        return false;
    }
    match (start, self::start(pid)) {
        (Some(then), Some(now)) => then == now,
        // Ended, but not yet fetched by its parent; or of a user whose processes are hidden.
        (_, None) => !Path::new(&format!("/proc/{pid}/stat")).exists(),
        (None, Some(_)) => true,
    }
}

/// The right to work on one run. Given back when dropped, or by the system when the process dies.
#[derive(Debug)]
pub struct RunLock {
    folder: PathBuf,
    /// The file whose presence means that there is nothing left to do in the folder.
    complete: &'static str,
    number: u64,
    mine: Arc<File>,
    _flock: File,
}

/// What the system says to a request for its lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flock {
    Granted,
    Refused,
    Unknown,
}

fn flock(file: &File) -> io::Result<Flock> {
    match file.try_lock() {
        Ok(()) => Ok(Flock::Granted),
        Err(TryLockError::WouldBlock) => Ok(Flock::Refused),
        Err(TryLockError::Error(error)) => match error.raw_os_error() {
            _ if error.kind() == ErrorKind::Unsupported => Ok(Flock::Unknown),
            // What NFS says when its lock service does not answer.
            Some(libc::ENOLCK) => Ok(Flock::Unknown),
            _ => Err(error),
        },
    }
}

impl RunLock {
    /// Takes the right to the run of a folder that is there; `None` if a living process has it.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn take(folder: &Path) -> Result<Option<Self>, Error> {
        take(folder, flock, Holder::this_process)
    }

    /// The same for a folder of something else, complete when it has a file of that name.
    ///
    /// # Errors
    /// If the disk refuses.
    pub(super) fn take_of(folder: &Path, complete: &'static str) -> Result<Option<Self>, Error> {
        let mut lock = Self::take(folder)?;
        if let Some(lock) = &mut lock {
            lock.complete = complete;
        }
        Ok(lock)
    }

    /// Whether another process has taken the run over, because it thought this one dead: what this
    /// one still writes would be mixed up with the other's.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        // What cannot be read now says nothing.
        last(&self.folder).is_ok_and(|last| last.is_none_or(|number| number > self.number))
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // A run with a record is nobody's any more, so its number need not be kept. If either fails
        // the process that is gone says the same.
        let _ = if self.folder.join(self.complete).exists() && !self.is_lost() {
            fs::remove_file(numbered(&self.folder, self.number))
        } else {
            self.mine.set_len(1)
        };
    }
}

/// Who works, or died at work, on the run of a folder.
#[must_use]
pub fn holder(folder: &Path) -> Option<Holder> {
    let number = last(folder).ok()??;
    let text = fs::read(numbered(folder, number)).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Who works on the run of a folder, taking nothing; `None` if nobody does, or its holder is dead.
#[must_use]
pub fn worker(folder: &Path) -> Option<Holder> {
    let number = last(folder).ok()??;
    let us = Holder::this_process(false);
    // Where it cannot be told whether the holder lives, it is believed to.
    let held = is_held(folder, number, &us).unwrap_or(true);
    held.then(|| holder(folder)).flatten()
}

/// When the holder of a folder's run last gave a sign of life, by the file system's clock.
#[must_use]
pub fn last_sign(folder: &Path) -> Option<SystemTime> {
    let number = last(folder).ok()??;
    fs::metadata(numbered(folder, number)).ok()?.modified().ok()
}

fn take(
    folder: &Path,
    flock: impl Fn(&File) -> io::Result<Flock>,
    us: impl Fn(bool) -> Holder,
) -> Result<Option<RunLock>, Error> {
    let path = folder.join("lock");
    let file = files::open(&path).map_err(Error::io("open", &path))?;
    let flocked = match flock(&file).map_err(Error::io("lock", &path))? {
        Flock::Refused => return Ok(None),
        answer => answer == Flock::Granted,
    };
    let us = us(flocked);
    let before = last(folder).map_err(Error::io("list", folder))?;
    if let Some(number) = before
        && is_held(folder, number, &us)?
    {
        return Ok(None);
    }
    let Some((number, mine)) = claim(folder, before, &us)? else {
        return Ok(None);
    };
    let mine = Arc::new(mine);
    keep_alive(&mine);
    Ok(Some(RunLock {
        folder: folder.to_owned(),
        complete: "record.json",
        number,
        mine,
        _flock: file,
    }))
}

/// Makes the file of the number after `before`, the last one seen; `None` if another process was
/// quicker.
fn claim(folder: &Path, before: Option<u64>, us: &Holder) -> Result<Option<(u64, File)>, Error> {
    let number = before.map_or(1, |number| number.saturating_add(1));
    let path = numbered(folder, number);
    let text = serde_json::to_vec(us).map_err(|error| Error::io("write", &path)(error.into()))?;
    let mine = match files::write_new(&path, &text) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(None),
        Err(error) => return Err(Error::io("write", path)(error)),
    };
    let numbers = numbers(folder).map_err(Error::io("list", folder))?;
    let late = numbers.iter().any(|&other| other > number);
    // What is not the last number means nothing, there or not.
    for other in numbers {
        if other < number || (late && other == number) {
            let _ = fs::remove_file(numbered(folder, other));
        }
    }
    Ok((!late).then_some((number, mine)))
}

/// Whether the holder of that number is at work.
fn is_held(folder: &Path, number: u64, us: &Holder) -> Result<bool, Error> {
    let path = numbered(folder, number);
    let mut text = Vec::new();
    let read = File::open(&path).and_then(|mut file| {
        file.read_to_end(&mut text)?;
        file.metadata()?.modified()
    });
    let touched = match read {
        Ok(touched) => touched,
        // Only the holder of a later number removes it.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    if text == b"{" {
        return Ok(false);
    }
    // One that cannot be read is just being written, or damaged.
    let holder: Option<Holder> = serde_json::from_slice(&text).ok();
    if let Some(dead) = holder.and_then(|holder| holder.is_dead(us)) {
        return Ok(!dead);
    }
    let now = time_of(folder)?;
    // A time to come is as far from the present: the file system's clock was put back, and nobody
    // has touched the file since.
    let silence = now
        .duration_since(touched)
        .unwrap_or_else(|ahead| ahead.duration());
    Ok(silence <= SILENCE)
}

/// What the file system of a folder takes for the present.
fn time_of(folder: &Path) -> Result<SystemTime, Error> {
    let path = folder.join("lock");
    files::touch_beside(&path).map_err(Error::io("write", path))
}

fn numbered(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("lock.{number}"))
}

fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_prefix("lock."));
        let own = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
        numbers.extend(own.and_then(|digits| digits.parse::<u64>().ok()));
    }
    Ok(numbers)
}

fn last(folder: &Path) -> io::Result<Option<u64>> {
    Ok(numbers(folder)?.into_iter().max())
}

static HELD: Mutex<Vec<Weak<File>>> = Mutex::new(Vec::new());

/// Has a file touched every now and then until it is dropped.
fn keep_alive(file: &Arc<File>) {
    static HEART: Once = Once::new();
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    held.push(Arc::downgrade(file));
    HEART.call_once(|| {
        let heart = std::thread::Builder::new().name("heartbeat".to_owned());
        // Without it the run is done all the same, though other machines may not wait for it.
        let _ = heart.spawn(|| {
            loop {
                std::thread::sleep(HEARTBEAT);
                beat();
            }
        });
    });
}

fn beat() {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    held.retain(|file| file.strong_count() > 0);
    let files: Vec<Arc<File>> = held.iter().filter_map(Weak::upgrade).collect();
    // A file server that hangs must not hold up those who take and give back.
    drop(held);
    for file in files {
        // The next beat is the next chance.
        let _ = files::touch(&file);
    }
}

#[cfg(test)]
mod tests;
