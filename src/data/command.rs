//! Runs other programs, which may hang, fill the disk or talk without end: for a bounded time,
//! over a bounded folder, keeping the last of what they said.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::error::clip;

/// How often a program at work is looked at.
const TICK: Duration = Duration::from_millis(20);
/// How much of the end of standard error is kept, in bytes.
const TAIL: usize = 8 * 1024;

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is no such program.
    #[error("no `{0}` command found")]
    NotFound(String),
    /// It was still at it when its time was up, and was stopped.
    #[error("`{program}` took longer than {} s and was stopped", limit.as_secs_f32())]
    TooSlow {
        /// The program.
        program: String,
        /// Its time.
        limit: Duration,
    },
    /// It wrote more than a package may hold, and was stopped.
    #[error("`{program}` wrote more than {most} bytes and was stopped")]
    TooMuch {
        /// The program.
        program: String,
        /// What it was allowed.
        most: u64,
    },
    /// It ended with an error.
    #[error("`{program}` failed ({status}): {said}")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: String,
        /// The end of what it said on standard error.
        said: String,
    },
    /// It could not be started or watched.
    #[error("cannot run `{program}`: {source}")]
    Io {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
}

/// The programs of this machine.
pub(crate) struct Programs {
    /// For one run.
    pub(crate) limit: Duration,
    /// Where to look for them, if not in the `PATH` of this process.
    pub(crate) path: Option<OsString>,
}

impl Programs {
    /// A command that runs the program called `name`.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        command
    }

    /// Runs `command` in `folder` until it ends, its time is up, or the files that lie directly
    /// in `folder` have grown beyond `most` bytes.
    pub(crate) fn run(
        &self,
        command: &mut Command,
        folder: &Path,
        most: u64,
    ) -> Result<(), Failure> {
        let running = Running::start(command.stdout(Stdio::null()), folder, self.limit)?;
        running.finish(Some((folder, most)))
    }

    /// Runs `command` in `folder` and hands its standard output to `take`, which bounds what it
    /// reads itself. A program that fails, or whose time is up, is an error whatever `take` made
    /// of its output; one that is not read to the end is stopped.
    pub(crate) fn read<T>(
        &self,
        command: &mut Command,
        folder: &Path,
        take: impl FnOnce(&mut dyn Read) -> T,
    ) -> Result<T, Failure> {
        let mut running = Running::start(command.stdout(Stdio::piped()), folder, self.limit)?;
        let mut output = Output::new(running.child.stdout.take(), running.deadline);
        let taken = take(&mut output);
        // What is left may be nothing but the end, or the padding before it.
        let rest = io::copy(&mut (&mut output).take(1 << 20), &mut io::sink());
        match rest {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(running.too_slow()),
            _ if output.is_at_end => running.finish(None).map(|()| taken),
            _ => Ok(taken),
        }
    }
}

/// A program at work; stopped when dropped.
struct Running {
    child: Child,
    program: String,
    said: Said,
    limit: Duration,
    deadline: Instant,
}

impl Running {
    fn start(command: &mut Command, folder: &Path, limit: Duration) -> Result<Self, Failure> {
        let path = Path::new(command.get_program());
        let name = path.file_name().unwrap_or(command.get_program());
        let program = name.to_string_lossy().into_owned();
        let mut child = command
            .current_dir(folder)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| match source.kind() {
                io::ErrorKind::NotFound => Failure::NotFound(program.clone()),
                _ => Failure::Io {
                    program: program.clone(),
                    source,
                },
            })?;
        let said = Said::listen(child.stderr.take());
        Ok(Self {
            child,
            program,
            said,
            limit,
            deadline: Instant::now() + limit,
        })
    }

    /// Waits for its end, watching what grows in a folder if there is one to watch.
    fn finish(mut self, watched: Option<(&Path, u64)>) -> Result<(), Failure> {
        loop {
            let status = self.child.try_wait().map_err(|source| Failure::Io {
                program: self.program.clone(),
                source,
            })?;
            if let Some((_, most)) = watched.filter(|(folder, most)| bytes_in(folder) > *most) {
                let program = self.program.clone();
                return Err(Failure::TooMuch { program, most });
            }
            match status {
                Some(status) if status.success() => return Ok(()),
                // The program is a script whose interpreter is not there.
                Some(status) if status.code() == Some(127) => {
                    return Err(Failure::NotFound(self.program.clone()));
                }
                Some(status) => {
                    return Err(Failure::Failed {
                        program: self.program.clone(),
                        status: status.to_string(),
                        said: last_words(&self.said.end()),
                    });
                }
                None if Instant::now() >= self.deadline => return Err(self.too_slow()),
                None => thread::sleep(TICK),
            }
        }
    }

    fn too_slow(&self) -> Failure {
        Failure::TooSlow {
            program: self.program.clone(),
            limit: self.limit,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The end of what a program says on standard error.
struct Said {
    tail: Arc<Mutex<Vec<u8>>>,
    /// Closed at the end.
    ended: Receiver<()>,
}

impl Said {
    /// Listens on a thread of its own, so that the program never waits for us.
    fn listen(stderr: Option<ChildStderr>) -> Self {
        let tail = Arc::new(Mutex::new(Vec::new()));
        let (ending, ended) = sync_channel(0);
        let kept = Arc::clone(&tail);
        let listener = move || {
            let _ending: SyncSender<()> = ending;
            let Some(mut stderr) = stderr else { return };
            let mut buffer = vec![0; TAIL];
            while let Ok(read @ 1..) = stderr.read(&mut buffer) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&buffer[..read]);
                let surplus = kept.len().saturating_sub(TAIL);
                kept.drain(..surplus);
            }
        };
        // Without a thread nobody listens, and the reason of a failure stays unknown.
        let _ = thread::Builder::new().spawn(listener);
        Self { tail, ended }
    }

    /// What was said last. The program has ended; a child of its may still hold the line.
    fn end(&self) -> String {
        let _ = self.ended.recv_timeout(Duration::from_millis(500));
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&tail).into_owned()
    }
}

/// Standard output of a program, read until a deadline.
struct Output {
    chunks: Receiver<io::Result<Vec<u8>>>,
    deadline: Instant,
    chunk: Vec<u8>,
    taken: usize,
    is_at_end: bool,
}

impl Output {
    /// Reads ahead on a thread of its own: reading from a pipe has no time limit.
    fn new(stdout: Option<ChildStdout>, deadline: Instant) -> Self {
        let (sender, chunks) = sync_channel(4);
        let reader = move || {
            let Some(mut stdout) = stdout else { return };
            loop {
                let mut chunk = vec![0; 64 * 1024];
                let read = stdout.read(&mut chunk).map(|read| {
                    chunk.truncate(read);
                    chunk
                });
                let is_last = read.as_ref().map_or(true, Vec::is_empty);
                if sender.send(read).is_err() || is_last {
                    return;
                }
            }
        };
        // Without a thread there is no output, which the reader of it reports.
        let _ = thread::Builder::new().spawn(reader);
        Self {
            chunks,
            deadline,
            chunk: Vec::new(),
            taken: 0,
            is_at_end: false,
        }
    }
}

impl Read for Output {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.chunk.len() && !self.is_at_end {
            let patience = self.deadline.saturating_duration_since(Instant::now());
            self.chunk = match self.chunks.recv_timeout(patience) {
                Ok(chunk) => chunk?,
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
            };
            self.taken = 0;
            self.is_at_end = self.chunk.is_empty();
        }
        let count = (&self.chunk[self.taken..]).read(buffer)?;
        self.taken += count;
        Ok(count)
    }
}

/// Bytes of the files that lie directly in a folder.
fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.filter_map(|entry| entry.metadata().ok());
    files
        .filter(fs::Metadata::is_file)
        .map(|data| data.len())
        .sum()
}

/// The lines most likely to hold the reason, on one line.
fn last_words(said: &str) -> String {
    let is_telling = |line: &&str| {
        let line = line.to_ascii_lowercase();
        !line.trim().is_empty() && !line.contains("warn") && !line.contains("a complete log")
    };
    let lines: Vec<&str> = said.lines().filter(is_telling).collect();
    let last = lines.len().saturating_sub(3);
    let clipped: Vec<String> = lines[last..].iter().map(|line| clip(line, 120)).collect();
    let text = clipped.join("; ");
    if text.is_empty() {
        "it gave no reason".into()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    const PATIENT: Duration = Duration::from_secs(20);

    fn programs(limit: Duration) -> Programs {
        Programs { limit, path: None }
    }

    #[test]
    fn a_missing_program_is_told_from_a_failing_one() {
        let folder = tempfile::tempdir().unwrap();
        let programs = programs(PATIENT);
        let mut command = programs.command("no-such-program");
        let missing = programs.run(&mut command, folder.path(), 0);
        assert!(matches!(missing, Err(Failure::NotFound(_))), "{missing:?}");
    }

    #[cfg(unix)]
    mod shell {
        use super::*;

        /// Runs a shell script that may leave 1000 bytes behind.
        fn run(script: &str, limit: Duration) -> Result<(), Failure> {
            let folder = tempfile::tempdir().unwrap();
            let programs = programs(limit);
            let mut command = programs.command("sh");
            programs.run(command.args(["-c", script]), folder.path(), 1000)
        }

        /// Reads at most `most` bytes of what a shell script prints.
        fn read(script: &str, limit: Duration, most: u64) -> Result<Vec<u8>, Failure> {
            let folder = tempfile::tempdir().unwrap();
            let programs = programs(limit);
            let mut command = programs.command("sh");
            programs.read(command.args(["-c", script]), folder.path(), |output| {
                let mut bytes = Vec::new();
                let _ = output.take(most).read_to_end(&mut bytes);
                bytes
            })
        }

        #[test]
        fn failures_carry_the_last_words() {
            assert!(run("true", PATIENT).is_ok());
            let text = |script| run(script, PATIENT).unwrap_err().to_string();
            let gone = text("echo 'E: gone' >&2; exit 3");
            assert_eq!(gone, "`sh` failed (exit status: 3): E: gone");
            let silent = text("exit 3");
            assert_eq!(silent, "`sh` failed (exit status: 3): it gave no reason");
            assert_eq!(text("exit 127"), "no `sh` command found");
        }

        #[test]
        fn nonsense_is_bounded_and_made_printable() {
            let script = "i=0; while [ $i -lt 3000 ]; do printf '\\033[31m\\377%0100d\\n' $i; \
                          i=$((i+1)); done >&2; exit 1";
            let text = run(script, PATIENT).unwrap_err().to_string();
            assert!(text.contains("0002999"), "{text}");
            assert!(text.len() < 500 && !text.contains('\u{1b}'), "{text:?}");
        }

        #[test]
        fn time_is_bounded_even_where_a_grandchild_goes_on() {
            for script in [
                "exec sleep 20",
                "sleep 4 & exec sleep 20",
                "sleep 4 & exit 1",
            ] {
                let started = Instant::now();
                run(script, Duration::from_millis(100)).unwrap_err();
                assert!(started.elapsed() < Duration::from_secs(10), "{script}");
            }
            let slow = run("exec sleep 20", Duration::from_millis(100)).unwrap_err();
            assert_eq!(
                slow.to_string(),
                "`sh` took longer than 0.1 s and was stopped"
            );
        }

        #[test]
        fn a_program_that_fills_the_folder_is_stopped() {
            let script = "while true; do printf %0100d 0 >> package.tgz; done";
            let text = run(script, PATIENT).unwrap_err().to_string();
            assert_eq!(text, "`sh` wrote more than 1000 bytes and was stopped");
        }

        #[test]
        fn output_is_read_to_its_end_or_not_at_all() {
            assert_eq!(read("printf abc", PATIENT, 10).unwrap(), b"abc");
            assert_eq!(read("printf abc", PATIENT, 1).unwrap(), b"a");
            let failed = read("printf abc; echo no >&2; exit 2", PATIENT, 10);
            assert!(failed.unwrap_err().to_string().ends_with(": no"));
            let endless = read("while true; do printf %01000d 0; done", PATIENT, 10);
            assert_eq!(endless.unwrap(), b"0000000000");
            let slow = read("printf abc; exec sleep 20", Duration::from_millis(100), 10);
            assert!(matches!(slow, Err(Failure::TooSlow { .. })), "{slow:?}");
        }
    }
}
