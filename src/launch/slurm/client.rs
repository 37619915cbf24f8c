//! Slurm's own commands, each given a bounded time: a controller that is away makes them wait.

use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use crate::data::command::{Failure, Programs};
use crate::launch::Error;

/// For one call. A controller that restarts is back by then.
const LIMIT: Duration = Duration::from_mins(1);
/// Answers are bounded: a line for each of a hundred thousand tasks.
const LONGEST: u64 = 64 << 20;
/// What Slurm has unless the site says otherwise (`MaxArraySize` 1001, which bounds the number from above).
pub const FALLBACK_ARRAY_SIZE: usize = 1001;
/// Array, index in it, state, reason, nodes.
pub(super) const FORMAT: &str = "%F|%K|%T|%r|%N";

const NO_SLURM: &str = "\nSlurm's commands must be on PATH: submit from a login node of the cluster, or use \
                        --launcher local.";
const REFUSED: &str = "\nNothing was lost: change the options (--partition, --time, --gres, --mem, \
                       --sbatch-option) and submit again. --dry-run shows the script.";
const ASK_LATER: &str = "\nThe store tells what is done all the same.";

/// What a command says on standard output.
pub(super) fn ask(
    name: &str,
    arguments: &[&str],
    doing: &str,
    advice: &'static str,
) -> Result<String, Error> {
    let programs = Programs {
        limit: LIMIT,
        path: None,
    };
    let failed = |failure: Failure| Error::Scheduler {
        doing: doing.to_owned(),
        advice: match failure {
            Failure::NotFound(_) => NO_SLURM,
            _ => advice,
        },
        failure,
    };
    let mut command = programs.command(name);
    command.args(arguments);
    let read = |out: &mut dyn Read| -> io::Result<String> {
        let mut bytes = Vec::new();
        out.take(LONGEST).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let folder = std::env::current_dir().map_err(Error::io("find", "the current folder"))?;
    let text = programs.read(&mut command, &folder, read).map_err(failed)?;
    text.map_err(|error| Error::Answer(format!("{doing}: {name} cannot be read: {error}")))
}

/// How many tasks an array may have here.
pub(super) fn max_array_size() -> Result<usize, Error> {
    let doing = "cannot ask Slurm how large a job array may be";
    let text = ask("scontrol", &["show", "config"], doing, ASK_LATER)?;
    parse_max_array_size(&text)
}

fn parse_max_array_size(text: &str) -> Result<usize, Error> {
    let mut lines = text.lines().filter_map(|line| line.split_once('='));
    let value = lines.find(|(name, _)| name.trim() == "MaxArraySize");
    let size = value.and_then(|(_, value)| value.trim().parse::<usize>().ok());
    match size {
        // The greatest index is one less, and the first is 0.
        Some(size @ 1..) => Ok(size),
        Some(0) => Err(Error::Answer(
            "this Slurm allows no job arrays (MaxArraySize is 0): use another engine for plan.jsonl, see REPRODUCE.md"
                .to_owned(),
        )),
        None => Ok(FALLBACK_ARRAY_SIZE),
    }
}

/// Submits a script; gives the job's number.
pub(super) fn submit(script: &Path, dependency: Option<&str>) -> Result<String, Error> {
    let path = script.display().to_string();
    let dependency = dependency.map(|text| format!("--dependency={text}"));
    let mut arguments = vec!["--parsable"];
    arguments.extend(dependency.as_deref());
    arguments.push(&path);
    let text = ask("sbatch", &arguments, "cannot submit the job", REFUSED)?;
    // With several clusters its name follows.
    let id = text.trim().split(';').next().unwrap_or_default();
    if id.is_empty() || !id.bytes().all(|digit| digit.is_ascii_digit()) {
        let said = text.trim();
        return Err(Error::Answer(format!(
            "sbatch did not give a job's number but {said:?}: see squeue for what became of it"
        )));
    }
    Ok(id.to_owned())
}

/// What is known of jobs, in the form of [`FORMAT`]; nothing if all are forgotten.
pub(super) fn queue(ids: &str) -> Result<String, Error> {
    let jobs = format!("--jobs={ids}");
    let format = format!("--format={FORMAT}");
    let arguments = ["--noheader", "--array", "--states=all", &jobs, &format];
    match ask(
        "squeue",
        &arguments,
        "cannot ask Slurm for the tasks",
        ASK_LATER,
    ) {
        Err(Error::Scheduler {
            failure: Failure::Failed { said, .. },
            ..
        }) if said.contains("Invalid job id") => Ok(String::new()),
        other => other,
    }
}

/// Cancels jobs; those that have ended are passed over.
pub(super) fn cancel(ids: &[&str]) -> Result<(), Error> {
    let doing = "cannot cancel the jobs";
    match ask("scancel", ids, doing, "") {
        Err(Error::Scheduler {
            failure: Failure::Failed { said, .. },
            ..
        }) if said.contains("Invalid job id") || said.contains("already") => Ok(()),
        other => other.map(drop),
    }
}

/// The state of a job as `scontrol` has it, e.g. `RUNNING`.
pub(super) fn state(id: &str) -> Result<String, Error> {
    let arguments = ["show", "job", id, "--oneliner"];
    let text = ask("scontrol", &arguments, "cannot ask Slurm for this job", "")?;
    let mut words = text.split_ascii_whitespace();
    let state = words.find_map(|word| word.strip_prefix("JobState="));
    Ok(state.unwrap_or_default().to_owned())
}

/// Has a job stopped and queued again.
pub(super) fn requeue(id: &str) -> Result<(), Error> {
    let doing = "cannot requeue this job";
    ask("scontrol", &["requeue", id], doing, "").map(drop)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_size_of_arrays_is_read() {
        let text = "Configuration data as of now\nMaxArraySize            = 4\nMaxDBDMsgs = 2\n";
        assert_eq!(parse_max_array_size(text).unwrap(), 4);
        assert_eq!(parse_max_array_size("").unwrap(), FALLBACK_ARRAY_SIZE);
        let none = parse_max_array_size("MaxArraySize = 0");
        assert!(none.unwrap_err().to_string().contains("no job arrays"));
    }
}
