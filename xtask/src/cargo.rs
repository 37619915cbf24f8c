//! The tasks that are cargo's: run, test, lint.
//!
//! All of them build with the release profile. Training in a debug build is too slow to test, and one profile means
//! that the dependencies, torch-sys above all, are built once for the program, the tests, clippy and the
//! documentation.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use crate::error::{Error, Result};
use crate::progress::since;

/// The root of the workspace this was started in.
pub fn workspace() -> Result<PathBuf> {
    env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .and_then(|xtask| xtask.parent().map(PathBuf::from))
        .ok_or(Error::NoWorkspace)
}

/// Builds and runs the program. Returns only when cargo cannot be started: this process becomes cargo, which becomes
/// the program, so that signals and exit codes need no passing on.
pub fn run(arguments: &[OsString]) -> Error {
    let options = [
        "run",
        "--release",
        "--package",
        "replicate",
        "--bin",
        "replicate",
        "--",
    ];
    become_cargo(&options, arguments)
}

/// Runs every test. Returns only when cargo cannot be started.
pub fn test(arguments: &[OsString]) -> Error {
    become_cargo(&["test", "--release", "--workspace"], arguments)
}

fn become_cargo(options: &[&str], arguments: &[OsString]) -> Error {
    let source = cargo().args(options).args(arguments).exec();
    Error::Start {
        program: cargo().get_program().to_string_lossy().into_owned(),
        source,
    }
}

/// Checks format, lints and documentation: all three, so that one failure hides no other.
pub fn lint() -> Result<ExitCode> {
    let checks: [(&str, &[&str]); 3] = [
        ("format", &["fmt", "--all", "--check"]),
        (
            "clippy",
            &[
                "clippy",
                "--release",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ],
        ),
        (
            "documentation",
            &["doc", "--release", "--workspace", "--no-deps"],
        ),
    ];
    let mut failed = Vec::new();
    for (name, options) in checks {
        let start = Instant::now();
        let mut command = cargo();
        command.args(options).env(
            "RUSTDOCFLAGS",
            with_warnings_denied(env::var_os("RUSTDOCFLAGS")),
        );
        let status = command.status().map_err(|source| Error::Start {
            program: command.get_program().to_string_lossy().into_owned(),
            source,
        })?;
        let outcome = if status.success() { "passed" } else { "failed" };
        eprintln!("lint: {name} {outcome} in {}", since(start));
        if !status.success() {
            failed.push(name);
        }
    }
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("lint: failed: {}", failed.join(", "));
    Ok(ExitCode::FAILURE)
}

/// The cargo that started this.
pub fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn with_warnings_denied(flags: Option<OsString>) -> OsString {
    let mut flags = flags.unwrap_or_default();
    if !flags.is_empty() {
        flags.push(OsStr::new(" "));
    }
    flags.push("-D warnings");
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_rustdoc_flags_are_kept() {
        assert_eq!(with_warnings_denied(None), "-D warnings");
        assert_eq!(
            with_warnings_denied(Some("--cfg docsrs".into())),
            "--cfg docsrs -D warnings"
        );
    }
}
