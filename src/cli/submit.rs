//! `replicate submit`: hands what is missing of a sweep to a launcher, and returns.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::options::RunArgs;
use super::out::stdout;
use super::run::{load, say};
use super::session::Session;
use super::{print_json, request, words};
use crate::data::Access;
use crate::device::{self, Choice};
use crate::launch::folder::names;
use crate::launch::{
    Job, Kind, Launch, LaunchRecord, Phase, Task, launcher, plan_file, processes, slurm,
};
use crate::replication::{Changes, Replication};
use crate::runs::{Key, Reason};
use crate::{Error, launch};

/// What takes the tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// Job arrays of Slurm's
    Slurm,
    /// Processes of this machine, in the background
    Local,
    /// Nothing: the plan is written for another engine
    None,
}

/// Options of `replicate submit` beside those of the runs.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct SubmitArgs {
    /// What takes the tasks
    #[arg(long, value_enum, default_value = "slurm", help_heading = "Launcher")]
    launcher: Engine,
    /// Runs of one task at most [default: 1; with --gres, or on cuda, all that can train together]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Launcher")]
    chunk: Option<u32>,
    /// Print what would be handed over, and hand nothing over
    #[arg(long, help_heading = "Launcher")]
    dry_run: bool,
    /// Tasks at the same time, which share the threads [default: as many as threads]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Local processes")]
    jobs: Option<u16>,
    #[command(flatten)]
    slurm: SlurmArgs,
}

/// What is asked of Slurm.
#[derive(Args, Debug)]
struct SlurmArgs {
    /// Partition, as for sbatch
    #[arg(long, value_name = "NAME", help_heading = "Slurm")]
    partition: Option<String>,
    /// Generic resources of a task, as for sbatch: gpu:1
    #[arg(long, value_name = "LIST", help_heading = "Slurm")]
    gres: Option<String>,
    /// Time limit of a task, as for sbatch: 4:00:00
    #[arg(long, value_name = "TIME", help_heading = "Slurm")]
    time: Option<String>,
    /// CPUs of a task, all of which it uses
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Slurm")]
    cpus: Option<u16>,
    /// Memory of a task, as for sbatch: 8G
    #[arg(long, value_name = "SIZE", help_heading = "Slurm")]
    mem: Option<String>,
    /// Tasks of an array at the same time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Slurm")]
    array_limit: Option<u32>,
    /// Another option of sbatch without its dashes, e.g. account=NAME; may be repeated
    #[arg(long, value_name = "OPTION", help_heading = "Slurm")]
    sbatch_option: Vec<String>,
    /// A line of shell before each task, e.g. 'module load cuda'; may be repeated
    #[arg(long, value_name = "LINE", help_heading = "Slurm")]
    setup: Vec<String>,
    /// Seconds before its time limit at which a task saves and is queued again [default: 120]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=65535), help_heading = "Slurm")]
    save_before: Option<u32>,
    /// How often one task is queued again at most [default: 100]
    #[arg(long, value_name = "N", help_heading = "Slurm")]
    requeues: Option<u32>,
}

// Each paragraph is one line: clap breaks it where the terminal ends.
const AFTER_HELP: &str = "\
Only runs are submitted that are not in the store and that no earlier submission still has waiting or \
running, so the same command again submits what failed or was cancelled. Data are fetched before, here: the \
machines that compute need no network. They need the same program and the same folders.

replicate status LAUNCH and replicate watch LAUNCH show how far it is, replicate cancel LAUNCH stops it. A \
last job prints the results into logs/collect.log and writes tables, figures and the report; replicate \
collect LAUNCH does the same by hand.

Exit codes beside the usual: 40 if tasks could not be handed over.";

/// Time enough to save, also on a slow disk.
const SAVE_BEFORE: u32 = 120;
/// A month of four-hour slots, and some more.
const REQUEUES: u32 = 100;

impl SubmitArgs {
    fn kind(&self, args: &RunArgs) -> Result<Kind, Error> {
        let own = &self.slurm;
        match self.launcher {
            Engine::Slurm | Engine::None if self.jobs.is_some() => Err(Error::Usage(
                "--jobs is for --launcher local; with Slurm --array-limit bounds the tasks at the same time"
                    .to_owned(),
            )),
            Engine::Local | Engine::None if own.first().is_some() => Err(Error::Usage(format!(
                "{} is for --launcher slurm; processes of this machine have --jobs and --threads",
                own.first().unwrap_or_default()
            ))),
            Engine::None => Ok(Kind::None),
            Engine::Slurm => Ok(Kind::Slurm(slurm::Options {
                partition: own.partition.clone(),
                gres: own.gres.clone(),
                time: own.time.clone(),
                cpus: own.cpus,
                mem: own.mem.clone(),
                array_limit: own.array_limit,
                further: own.sbatch_option.clone(),
                setup: own.setup.clone(),
                save_before: own.save_before.unwrap_or(SAVE_BEFORE),
                requeues: own.requeues.unwrap_or(REQUEUES),
            })),
            Engine::Local => {
                let threads = args.threads.map_or_else(device::available_threads, usize::from);
                let jobs = self.jobs.map_or(threads, usize::from);
                Ok(Kind::Local(processes::Options { jobs, threads }))
            }
        }
    }

    /// Runs of a task at most. On a GPU runs train together, on a CPU one after the other.
    fn most(&self, args: &RunArgs) -> Option<usize> {
        let has_gpu = self.slurm.gres.is_some() || matches!(args.device, Choice::Cuda(_));
        match self.chunk {
            Some(runs) => Some(runs as usize),
            None if has_gpu && args.device != Choice::Cpu => None,
            None => Some(1),
        }
    }
}

impl SlurmArgs {
    /// The first option that was given.
    fn first(&self) -> Option<&'static str> {
        let given = [
            ("--partition", self.partition.is_some()),
            ("--gres", self.gres.is_some()),
            ("--time", self.time.is_some()),
            ("--cpus", self.cpus.is_some()),
            ("--mem", self.mem.is_some()),
            ("--array-limit", self.array_limit.is_some()),
            ("--sbatch-option", !self.sbatch_option.is_empty()),
            ("--setup", !self.setup.is_empty()),
            ("--save-before", self.save_before.is_some()),
            ("--requeues", self.requeues.is_some()),
        ];
        let first = given.into_iter().find(|(_, given)| *given);
        first.map(|(option, _)| option)
    }
}

/// Submits what is missing of a replication, or says what would be submitted.
///
/// # Errors
/// If an option cannot be used, data cannot be had, or the launcher does not take the tasks.
pub fn run(
    replication: &'static dyn Replication,
    mut args: RunArgs,
    changes: &Changes,
    store: &Path,
    access: &Access,
    own: &SubmitArgs,
) -> Result<(), Error> {
    let kind = own.kind(&args)?;
    let mut request = request::make(replication, &args, changes, store, access)?;
    if own.launcher == Engine::Local {
        // The supervisor divides them.
        request.threads = None;
    }
    let (most, json) = (own.most(&args), args.json);
    // Where tasks compute is another machine's business.
    args.device = Choice::Cpu;
    let mut session = Session::new(replication, args, changes, store)?;
    let pending = if own.dry_run || session.pending().is_empty() {
        session.pending()
    } else {
        session.store.probe()?;
        load(&mut session, access)?.0
    };
    let (pending, elsewhere) = unclaimed(pending, store)?;
    let having = |is_so: fn(&Reason) -> bool| {
        let reasons = session.tasks.iter().map(|task| &task.run.reason);
        reasons.filter(|reason| is_so(reason)).count()
    };
    let cached = having(|reason| *reason == Reason::Cached);
    let unreadable = having(|reason| matches!(reason, Reason::Unreadable { .. }));
    let tasks = plan_file::divide(&pending, most);
    let record = LaunchRecord {
        absent: session.absent.clone(),
        ..LaunchRecord::new(kind, request, &tasks)?
    };
    let (runs, count) = (record.runs, tasks.len());
    let mut parts = vec![format!("{} in the store", words::count(cached, "run"))];
    parts.extend((unreadable > 0).then(|| format!("{unreadable} that cannot be read")));
    parts.extend((elsewhere > 0).then(|| format!("{elsewhere} submitted before")));
    let summary = format!(
        "{}: {} to do in {} ({})",
        replication.id(),
        words::count(runs, "run"),
        words::count(count, "task"),
        parts.join(", ")
    );
    let mut out = stdout();
    if tasks.is_empty() {
        if json {
            return print_json(
                &json!({"launch": null, "tasks": 0, "runs": 0, "submitted_before": elsewhere}),
            );
        }
        writeln!(out, "{summary}: nothing is submitted.")?;
        return Ok(());
    }
    let launcher = launcher(&record.launcher);
    if own.dry_run {
        let text = launcher.preview(&Launch::imagined(record))?;
        if json {
            return print_json(&json!({"tasks": count, "runs": runs, "script": text}));
        }
        say(&summary);
        write!(out, "{text}")?;
        return Ok(());
    }
    let mut launch = Launch::create(record, tasks)?;
    launcher.submit(&mut launch)?;
    if json {
        return print_json(&json!({
            "launch": launch.name(),
            "folder": launch.folder.display().to_string(),
            "plan": launch.plan().display().to_string(),
            "launcher": launch.record.launcher.name(),
            "tasks": count,
            "runs": runs,
            "submitted_before": elsewhere,
            "jobs": launch.record.jobs,
            "collect": launch.record.collect,
        }));
    }
    writeln!(out, "{summary}")?;
    for job in &launch.record.jobs {
        writeln!(out, "{}", handed_over(&launch, job))?;
    }
    if let Some(id) = &launch.record.collect {
        writeln!(out, "job {id} collects when all have ended")?;
    }
    let (name, plan) = (launch.name(), launch.plan());
    writeln!(out, "plan    {}", plan.display())?;
    if launch.record.launcher == Kind::None {
        writeln!(
            out,
            "Start replicate worker {} INDEX for 0 to {}, in any order, at any place that has this store; replicate status {name} shows how far it is.",
            plan.display(),
            count - 1
        )?;
    } else {
        writeln!(
            out,
            "replicate watch {name} shows how far it is, replicate cancel {name} stops it."
        )?;
    }
    Ok(())
}

fn handed_over(launch: &Launch, job: &Job) -> String {
    let (first, last) = (job.first, job.first + job.tasks - 1);
    match &launch.record.launcher {
        Kind::Slurm(_) => format!("job {}: tasks {first} to {last}", job.id),
        Kind::None => words::count(job.tasks, "task"),
        Kind::Local(options) => {
            let (tasks, jobs) = (words::count(job.tasks, "task"), options.jobs);
            format!("{tasks} in the background, {jobs} at a time")
        }
    }
}

/// Those of the runs that no earlier launch still has waiting or running, and how many do.
fn unclaimed(pending: Vec<Task>, store: &Path) -> Result<(Vec<Task>, usize), Error> {
    let mut claimed: HashSet<Key> = HashSet::new();
    for name in names(store)? {
        // What cannot be read is in nobody's way: locks keep runs from being done twice.
        if let Ok(keys) = alive(Path::new(&name), store, &pending) {
            claimed.extend(keys);
        }
    }
    let before = pending.len();
    let rest: Vec<Task> = pending
        .into_iter()
        .filter(|task| !claimed.contains(&task.run.key))
        .collect();
    let left_out = before - rest.len();
    Ok((rest, left_out))
}

/// The runs of a launch that wait or run; its launcher is asked only if it has any of the pending ones.
fn alive(name: &Path, store: &Path, pending: &[Task]) -> Result<Vec<Key>, launch::Error> {
    let launch = Launch::open(name, store)?;
    let wanted: HashSet<&Key> = pending.iter().map(|task| &task.run.key).collect();
    let mut tasks = launch.tasks()?;
    tasks.retain(|task| task.runs.iter().any(|run| wanted.contains(&run.key)));
    if tasks.is_empty() {
        return Ok(Vec::new());
    }
    let views = launcher(&launch.record.launcher).view(&launch)?;
    let is_alive = |task: usize| {
        let view = views.get(&task);
        view.is_some_and(|view| view.phase != Phase::Ended)
    };
    let runs = tasks.into_iter().filter(|task| is_alive(task.task));
    Ok(runs.flat_map(|task| task.runs).map(|run| run.key).collect())
}
