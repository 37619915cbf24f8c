//! The options of `cargo xtask bench`.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::{Error, Result};

use super::tasks::IDS;

/// What to measure and where to put it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The tasks asked for; none means all.
    pub only: Vec<String>,
    /// Measured rounds of the quick tasks.
    pub rounds: usize,
    /// Cores to use, if not all.
    pub threads: Option<usize>,
    /// Whether to measure peers.
    pub peers: bool,
    /// Whether to show where the time of an iteration goes, and nothing else.
    pub profile: bool,
    /// Where to write every number.
    pub json: Option<PathBuf>,
    /// Whether to write `benches/RESULTS.md`.
    pub write: bool,
}

impl Options {
    /// Reads the arguments after `bench`.
    pub fn parse(arguments: &[OsString]) -> Result<Self> {
        let mut options = Self {
            only: Vec::new(),
            rounds: 7,
            threads: None,
            peers: true,
            profile: false,
            json: None,
            write: false,
        };
        let mut arguments = arguments.iter();
        while let Some(option) = arguments.next() {
            let mut value = || {
                let next = arguments.next().cloned();
                next.ok_or_else(|| usage(&format!("{} needs a value", option.to_string_lossy())))
            };
            match option.to_str() {
                Some("--only") => options.only.push(task(value()?)?),
                Some("--rounds") => options.rounds = count(option, &value()?)?,
                Some("--threads") => options.threads = Some(count(option, &value()?)?),
                Some("--json") => options.json = Some(value()?.into()),
                Some("--no-peers") => options.peers = false,
                Some("--profile") => options.profile = true,
                Some("--write") => options.write = true,
                _ => {
                    let option = option.to_string_lossy();
                    return Err(usage(&format!("`bench` has no option `{option}`")));
                }
            }
        }
        Ok(options)
    }

    /// Whether a task is to be measured.
    pub fn asks_for(&self, task: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|id| id == task)
    }
}

fn usage(fault: &str) -> Error {
    Error::Usage(fault.to_owned())
}

fn task(value: OsString) -> Result<String> {
    match value.into_string() {
        Ok(id) if IDS.contains(&id.as_str()) => Ok(id),
        other => {
            let other = other.unwrap_or_else(|raw| raw.to_string_lossy().into_owned());
            let known = IDS.join(", ");
            Err(usage(&format!(
                "there is nothing called `{other}` to measure, only {known}"
            )))
        }
    }
}

fn count(option: &OsString, value: &OsString) -> Result<usize> {
    let number = value.to_str().and_then(|value| value.parse().ok());
    number.filter(|&number| number > 0).ok_or_else(|| {
        usage(&format!(
            "{} needs a number of at least 1, not `{}`",
            option.to_string_lossy(),
            value.to_string_lossy()
        ))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn parse(line: &str) -> Result<Options> {
        let arguments: Vec<_> = line.split_whitespace().map(OsString::from).collect();
        Options::parse(&arguments)
    }

    #[test]
    fn options_are_read() {
        let options =
            parse("--only kmeans --only iteration --rounds 3 --json x --no-peers").unwrap();
        assert!(options.asks_for("kmeans") && options.asks_for("iteration"));
        assert!(!options.asks_for("tsne"));
        assert_eq!((options.rounds, options.peers), (3, false));
        assert_eq!(options.json.unwrap().to_str(), Some("x"));
        assert!(parse("").unwrap().asks_for("tsne"));
    }

    #[test]
    fn mistakes_are_usage_errors() {
        for line in [
            "--only speed",
            "--only",
            "--rounds 0",
            "--threads two",
            "-x",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
