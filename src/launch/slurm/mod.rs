//! Slurm: one job array for as many tasks as an array may have, and a job that collects when all have
//! ended. What Slurm still knows is asked of `squeue`; it forgets jobs some minutes after their end.

mod client;
mod requeue;
mod script;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use client::FALLBACK_ARRAY_SIZE;
pub use requeue::{Requeue, Stop, requeue};

use super::{Error, Job, Launch, Launcher, Phase, View};
use crate::files::write_whole;

/// What is asked of Slurm for each task, in its own syntax; what is `None` is left to the site.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Options {
    /// `--partition`.
    pub partition: Option<String>,
    /// `--gres`, e.g. `gpu:1`.
    pub gres: Option<String>,
    /// `--time`.
    pub time: Option<String>,
    /// `--cpus-per-task`.
    pub cpus: Option<u16>,
    /// `--mem`.
    pub mem: Option<String>,
    /// Tasks at the same time.
    pub array_limit: Option<u32>,
    /// Further options, without the leading dashes: `account=a`.
    pub further: Vec<String>,
    /// Lines of shell before the worker, e.g. `module load cuda`.
    pub setup: Vec<String>,
    /// Seconds before the time limit at which a worker is told to save.
    pub save_before: u32,
    /// How often one task is requeued at most.
    pub requeues: u32,
}

/// The launcher.
#[derive(Debug)]
pub struct Slurm {
    options: Options,
}

impl Slurm {
    /// With these options for each task.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options }
    }
}

/// Tasks `first` to before `first + tasks`, each part at most as large as an array may be.
fn parts(tasks: usize, most: usize) -> Vec<Job> {
    let firsts = (0..tasks).step_by(most.max(1));
    firsts
        .map(|first| Job {
            id: String::new(),
            first,
            tasks: most.min(tasks - first),
        })
        .collect()
}

impl Launcher for Slurm {
    fn preview(&self, launch: &Launch) -> Result<String, Error> {
        let most = client::max_array_size().unwrap_or(FALLBACK_ARRAY_SIZE);
        let mut text = String::new();
        let jobs = parts(launch.record.tasks, most);
        for (number, job) in jobs.iter().enumerate() {
            let script = script::array(launch, &self.options, job)?;
            text += &format!("# sbatch --parsable {}\n{script}\n", array_name(number));
        }
        let ids: Vec<String> = (0..jobs.len()).map(|n| format!("<array {n}>")).collect();
        let script = script::collect(launch, &self.options)?;
        text += &format!(
            "# sbatch --parsable --dependency=afterany:{} {COLLECT}\n{script}",
            ids.join(":")
        );
        Ok(text)
    }

    fn submit(&self, launch: &mut Launch) -> Result<(), Error> {
        let jobs = parts(launch.record.tasks, client::max_array_size()?);
        for (number, job) in jobs.into_iter().enumerate() {
            let script = script::array(launch, &self.options, &job)?;
            let path = launch.folder.join(array_name(number));
            write_whole(&path, script.as_bytes()).map_err(Error::io("write", &path))?;
            match client::submit(&path, None) {
                Ok(id) => launch.record.jobs.push(Job { id, ..job }),
                Err(error) if number == 0 => return Err(error),
                Err(error) => {
                    return Err(Error::Partly {
                        submitted: job.first,
                        tasks: launch.record.tasks,
                        reason: error.to_string(),
                    });
                }
            }
            launch.save()?;
        }
        let script = script::collect(launch, &self.options)?;
        let path = launch.folder.join(COLLECT);
        write_whole(&path, script.as_bytes()).map_err(Error::io("write", &path))?;
        let ids: Vec<&str> = launch
            .record
            .jobs
            .iter()
            .map(|job| job.id.as_str())
            .collect();
        let after = format!("afterany:{}", ids.join(":"));
        let collect = client::submit(&path, Some(&after)).map_err(|error| Error::Uncollected {
            launch: launch.name(),
            reason: error.to_string(),
        })?;
        launch.record.collect = Some(collect);
        launch.save()
    }

    fn view(&self, launch: &Launch) -> Result<BTreeMap<usize, View>, Error> {
        let ids: Vec<&str> = launch
            .record
            .jobs
            .iter()
            .map(|job| job.id.as_str())
            .collect();
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let text = client::queue(&ids.join(","))?;
        Ok(understand(&text, &launch.record.jobs))
    }

    fn cancel(&self, launch: &Launch) -> Result<(), Error> {
        let jobs = launch.record.jobs.iter().map(|job| job.id.as_str());
        let ids: Vec<&str> = jobs.chain(launch.record.collect.as_deref()).collect();
        if ids.is_empty() {
            return Ok(());
        }
        client::cancel(&ids)
    }

    fn log(&self, launch: &Launch, task: usize) -> Option<PathBuf> {
        let mut jobs = launch.record.jobs.iter();
        let job = jobs.find(|job| (job.first..job.first + job.tasks).contains(&task))?;
        let name = format!("{}_{}.log", job.id, task - job.first);
        Some(launch.logs().join(name))
    }
}

const COLLECT: &str = "collect.sh";

fn array_name(number: usize) -> String {
    format!("array-{number}.sh")
}

/// What lines in the form of [`client::FORMAT`] say of these jobs' tasks; other lines are passed over.
fn understand(text: &str, jobs: &[Job]) -> BTreeMap<usize, View> {
    let lines = text.lines().filter_map(|line| {
        let mut fields = line.split('|').map(str::trim);
        let [id, index, state, reason, node] = std::array::from_fn(|_| fields.next());
        let (id, index, state) = (id?, index?.parse::<usize>().ok()?, state?);
        let job = jobs.iter().find(|job| job.id == id)?;
        let task = (index < job.tasks).then(|| job.first + index)?;
        let phase = match state {
            "PENDING" | "REQUEUED" | "REQUEUE_HOLD" | "REQUEUE_FED" | "SPECIAL_EXIT"
            | "RESV_DEL_HOLD" => Phase::Waiting,
            "RUNNING" | "CONFIGURING" | "COMPLETING" | "SUSPENDED" | "STOPPED" | "SIGNALING"
            | "STAGE_OUT" | "RESIZING" => Phase::Running,
            _ => Phase::Ended,
        };
        let detail = match phase {
            Phase::Waiting => reason,
            Phase::Running | Phase::Ended => node,
        };
        let detail = detail.filter(|text| !text.is_empty() && *text != "None");
        let words = detail.map_or_else(|| state.to_owned(), |text| format!("{state}, {text}"));
        Some((task, View { phase, words }))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_divided_among_arrays() {
        let parts = |tasks, most| {
            let parts = parts(tasks, most).into_iter();
            parts.map(|job| (job.first, job.tasks)).collect::<Vec<_>>()
        };
        assert_eq!(parts(3, 1001), [(0, 3)]);
        assert_eq!(parts(4, 2), [(0, 2), (2, 2)]);
        assert_eq!(parts(5, 2), [(0, 2), (2, 2), (4, 1)]);
    }

    #[test]
    fn the_queue_is_understood() {
        let job = |id: &str, first| Job {
            id: id.to_owned(),
            first,
            tasks: 2,
        };
        let text = "7|0|RUNNING|None|node3\n7|1|PENDING|Resources|\n9|1|TIMEOUT|TimeLimit|node1\n\
                    9|5|RUNNING|None|n\n8|N/A|PENDING|Dependency|\nnonsense\n";
        let views = understand(text, &[job("7", 0), job("9", 2)]);
        let told: Vec<_> = views
            .iter()
            .map(|(task, view)| (*task, view.phase, view.words.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (0, Phase::Running, "RUNNING, node3"),
                (1, Phase::Waiting, "PENDING, Resources"),
                (3, Phase::Ended, "TIMEOUT, node1"),
            ]
        );
    }
}
