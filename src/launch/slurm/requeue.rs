//! What a worker does that Slurm has told to stop: it has saved, and is queued again if it should be.

use std::env;

use super::client;
use crate::launch::Error;

/// Why a worker stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Its time will be up soon.
    TimeLimit,
    /// Somebody needs the machine, or cancels.
    Asked,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requeue {
    /// It will go on where it was; the number of times it was queued again.
    Queued(u32),
    /// It will not; why.
    Not(String),
}

/// Has this job queued again: at most `most` times, not if somebody has cancelled it, and not if a whole
/// time slot brought it no further, because the next one would not either.
///
/// # Errors
/// If Slurm cannot be asked.
pub fn requeue(most: u32, stop: Stop, has_advanced: bool) -> Result<Requeue, Error> {
    let number = |name| env::var(name).ok().and_then(|text| text.parse().ok());
    let Some(id) = job(|name| env::var(name).ok()) else {
        return Ok(Requeue::Not("this is not a job of Slurm's".to_owned()));
    };
    let before: u32 = number("SLURM_RESTART_COUNT").unwrap_or(0);
    if let Some(reason) = refusal(before, most, stop, has_advanced) {
        return Ok(Requeue::Not(reason));
    }
    let state = client::state(&id)?;
    if !is_wanted(&state) {
        return Ok(Requeue::Not(format!("Slurm calls this job {state}")));
    }
    client::requeue(&id)?;
    Ok(Requeue::Queued(before + 1))
}

/// What Slurm calls this job, from the environment. A task of an array is called by its place in it: one task's
/// job number is also the whole array's, and requeueing that would stop the others.
fn job(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let array = variable("SLURM_ARRAY_JOB_ID").zip(variable("SLURM_ARRAY_TASK_ID"));
    array.map_or_else(
        || variable("SLURM_JOB_ID"),
        |(array, task)| Some(format!("{array}_{task}")),
    )
}

fn refusal(before: u32, most: u32, stop: Stop, has_advanced: bool) -> Option<String> {
    if before >= most {
        return Some(format!("it was queued again {before} times already"));
    }
    (stop == Stop::TimeLimit && !has_advanced).then(|| {
        "its time was up before it came any further, and would be again: allow it more (--time)"
            .to_owned()
    })
}

/// Whether a job in that state is to go on: one that somebody cancelled is not, nor one that Slurm has
/// queued again itself.
fn is_wanted(state: &str) -> bool {
    matches!(state, "RUNNING" | "TIMEOUT" | "PREEMPTED")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_of_an_array_is_not_called_by_the_arrays_number() {
        let named = |environment: &[(&str, &str)]| {
            job(|name| {
                let found = environment.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        let array = [
            ("SLURM_JOB_ID", "17"),
            ("SLURM_ARRAY_JOB_ID", "17"),
            ("SLURM_ARRAY_TASK_ID", "3"),
        ];
        assert_eq!(named(&array).as_deref(), Some("17_3"));
        assert_eq!(named(&array[..1]).as_deref(), Some("17"));
        assert_eq!(named(&[]), None);
    }

    #[test]
    fn requeues_are_bounded() {
        assert_eq!(refusal(0, 1, Stop::TimeLimit, true), None);
        assert_eq!(refusal(6, 7, Stop::Asked, false), None);
        let told =
            |refusal: Option<String>, part: &str| refusal.is_some_and(|one| one.contains(part));
        assert!(told(refusal(7, 7, Stop::Asked, true), "7 times"));
        assert!(told(refusal(0, 7, Stop::TimeLimit, false), "--time"));
        assert!(is_wanted("RUNNING") && !is_wanted("CANCELLED") && !is_wanted("PENDING"));
    }
}
