//! What the command line asks for.

use std::ffi::OsString;

use crate::bench::Options;
use crate::error::{Error, Result};

/// Printed by `cargo xtask help`.
pub const USAGE: &str = "\
Set-up and daily tasks of replicate.

Usage: cargo xtask <TASK>

Tasks:
  setup         install libtorch once, into the cache folder (the other tasks do it as well)
  run [ARGS]    build the program and run it with ARGS; its exit code is passed on
  test [ARGS]   run every test; ARGS go to `cargo test`
  lint          check format, lints and documentation
  bench [OPTIONS]
                measure ours and its peers in turns; the peers' packages are installed into the cache folder (1.9 GB)
                  --only TASK    iteration, dec-pretraining, dec-phase, som-vae, online-som, products, kmeans, tsne
                                 or memory; may be repeated (default: all)
                  --rounds N     measured rounds of the quick tasks (default 7)
                  --threads N    cores to use (default: all)
                  --no-peers     ours alone: installs nothing
                  --profile      where the time of a training iteration goes, nothing else
                  --json FILE    every number, as JSON
                  --write        put the tables into benches/RESULTS.md
  help          print this

Environment:
  LIBTORCH              folder of a libtorch 2.11.0 of your own (with lib/ and include/); nothing is installed
  LIBTORCH_USE_PYTORCH  set to 1 to build with the PyTorch 2.11.0 of the python3 on PATH; nothing is installed
  REPLICATE_CACHE       cache folder (default: $XDG_CACHE_HOME/replicate or ~/.cache/replicate;
                        on macOS ~/Library/Caches/replicate)
";

/// One task, with the arguments it passes on.
#[derive(Debug, PartialEq, Eq)]
pub enum Task {
    /// Print the usage.
    Help,
    /// Install libtorch.
    Setup,
    /// Build and run the program.
    Run(Vec<OsString>),
    /// Run the tests.
    Test(Vec<OsString>),
    /// Check format, lints and documentation.
    Lint,
    /// Measure ours and its peers.
    Bench(Options),
}

impl Task {
    /// Reads the arguments after `cargo xtask`; none at all asks for help.
    pub fn parse(arguments: &[OsString]) -> Result<Self> {
        let Some((name, rest)) = arguments.split_first() else {
            return Ok(Self::Help);
        };
        let alone = |task: Self| match rest.first() {
            None => Ok(task),
            Some(extra) => Err(Error::Usage(format!(
                "`{}` takes no argument, but got `{}`",
                name.to_string_lossy(),
                extra.to_string_lossy()
            ))),
        };
        match name.to_str() {
            Some("help" | "--help" | "-h") => Ok(Self::Help),
            Some("setup") => alone(Self::Setup),
            // A habit from `cargo run`, where the program's arguments come after `--`.
            Some("run") if rest.first().is_some_and(|first| first == "--") => {
                Ok(Self::Run(rest[1..].to_vec()))
            }
            Some("run") => Ok(Self::Run(rest.to_vec())),
            Some("test") => Ok(Self::Test(rest.to_vec())),
            Some("lint") => alone(Self::Lint),
            Some("bench") => Options::parse(rest).map(Self::Bench),
            _ => Err(Error::Usage(format!(
                "there is no task `{}`",
                name.to_string_lossy()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Task> {
        let arguments: Vec<_> = line.split_whitespace().map(OsString::from).collect();
        Task::parse(&arguments)
    }

    #[test]
    fn arguments_are_passed_on_untouched() {
        let Ok(Task::Run(arguments)) = parse("run desom-gamma --profile quick --help -- x") else {
            panic!("`run` was not understood");
        };
        assert_eq!(
            arguments,
            ["desom-gamma", "--profile", "quick", "--help", "--", "x"]
        );
    }

    #[test]
    fn dashes_before_the_programs_arguments_are_allowed() {
        let Ok(Task::Run(arguments)) = parse("run -- list -- x") else {
            panic!("`run --` was not understood");
        };
        assert_eq!(arguments, ["list", "--", "x"]);
    }

    #[test]
    fn no_argument_asks_for_help() {
        assert!(matches!(parse(""), Ok(Task::Help)));
        assert!(matches!(parse("--help"), Ok(Task::Help)));
    }

    #[test]
    fn unknown_tasks_and_extra_arguments_are_usage_errors() {
        for line in ["tests", "setup now", "lint --fix"] {
            let Err(error) = parse(line) else {
                panic!("`{line}` was accepted");
            };
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains("cargo xtask help"), "{error}");
        }
    }
}
