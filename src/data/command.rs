//! Runs another program for a bounded time and keeps what it said.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// There is no such program.
    #[error("no `{0}` command found")]
    NotFound(String),
    /// It was still at it when its time was up, and was stopped.
    #[error("`{program}` took longer than {} s and was stopped", limit.as_secs())]
    TooSlow {
        /// The program.
        program: String,
        /// Its time.
        limit: Duration,
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

/// Runs `command` in `folder` and waits for it, at most `limit`.
pub(super) fn run(command: &mut Command, folder: &Path, limit: Duration) -> Result<(), Failure> {
    let path = Path::new(command.get_program());
    let name = path.file_name().unwrap_or(command.get_program());
    let program = name.to_string_lossy().into_owned();
    let fail = |source| Failure::Io {
        program: program.clone(),
        source,
    };
    // To a file, not a pipe: nobody has to empty it while the program runs.
    let log = folder.join("stderr.log");
    let mut child = command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log).map_err(fail)?)
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Failure::NotFound(program.clone()),
            _ => fail(error),
        })?;
    let deadline = Instant::now() + limit;
    loop {
        match child.try_wait().map_err(fail)? {
            Some(status) if status.success() => return Ok(()),
            // The program is a script whose interpreter is not there.
            Some(status) if status.code() == Some(127) => return Err(Failure::NotFound(program)),
            Some(status) => {
                let said = fs::read(&log).unwrap_or_default();
                return Err(Failure::Failed {
                    program,
                    status: status.to_string(),
                    said: last_words(&String::from_utf8_lossy(&said)),
                });
            }
            None if Instant::now() >= deadline => {
                // It may have ended in the meantime, which is as well.
                let _ = child.kill();
                let _ = child.wait();
                return Err(Failure::TooSlow { program, limit });
            }
            None => thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// The lines most likely to hold the reason, on one line.
fn last_words(said: &str) -> String {
    let is_telling = |line: &&str| {
        let line = line.to_ascii_lowercase();
        !line.trim().is_empty() && !line.contains("warn") && !line.contains("a complete log")
    };
    let lines: Vec<&str> = said.lines().filter(is_telling).collect();
    let last = lines.len().saturating_sub(3);
    let text = lines[last..].join("; ");
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None if text.is_empty() => "it gave no reason".into(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn a_missing_program_is_told_from_a_failing_one() {
        let folder = tempfile::tempdir().unwrap();
        let limit = Duration::from_secs(5);
        let missing = run(&mut Command::new("no-such-program"), folder.path(), limit);
        assert!(matches!(missing, Err(Failure::NotFound(_))), "{missing:?}");
    }

    #[cfg(unix)]
    #[test]
    fn failures_carry_the_last_words_and_time_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let shell = |script: &str, limit| {
            run(
                Command::new("sh").args(["-c", script]),
                folder.path(),
                limit,
            )
        };
        assert!(shell("true", Duration::from_secs(5)).is_ok());
        let failed = shell("echo 'E: gone' >&2; exit 3", Duration::from_secs(5));
        let text = failed.unwrap_err().to_string();
        assert_eq!(text, "`sh` failed (exit status: 3): E: gone");
        let started = Instant::now();
        let slow = shell("exec sleep 20", Duration::from_millis(100)).unwrap_err();
        assert!(matches!(slow, Failure::TooSlow { .. }), "{slow}");
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}
