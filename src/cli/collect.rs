//! `replicate collect`: what a launch has come to, tables, figures and report, from the store. Trains
//! nothing. The last job of a launch does this; so can anybody, at any time.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use clap::Args;

use super::present::show;
use super::run::say;
use super::session::Session;
use super::{interrupt, report, request, words};
use crate::Error;
use crate::claims::Conclusion;
use crate::device::Choice;
use crate::launch::{Error as LaunchError, Kind, Launch, Report, processes};

/// Arguments of `replicate collect`.
#[derive(Args, Debug)]
pub struct CollectArgs {
    /// A launch, or its folder
    #[arg(value_name = "LAUNCH")]
    launch: PathBuf,
    /// Write the results as JSON
    #[arg(long)]
    json: bool,
}

/// Shows what the runs of a launch's replication come to, and writes the report on the store.
///
/// # Errors
/// If nothing can be shown or written; after showing what there is, if runs of the launch are missing.
pub fn run(args: &CollectArgs, store: &Path) -> Result<Conclusion, Error> {
    let launch = Launch::open(&args.launch, store)?;
    collect(&launch, args.json)
}

fn collect(launch: &Launch, json: bool) -> Result<Conclusion, Error> {
    let asked = &launch.record.request;
    let (replication, mut options) = request::read(asked, &launch.folder)?;
    // Nothing is computed here.
    options.device = Choice::Cpu;
    options.json = json;
    let mut session = Session::new(replication, options, &asked.settings, &asked.store)?;
    session.absent.clone_from(&launch.record.absent);
    let mut failures = Vec::new();
    let mut missing = 0;
    let mut left_out: Vec<&str> = Vec::new();
    for task in session
        .tasks
        .iter()
        .filter(|task| task.run.reason.is_pending())
    {
        if let Some((data, _)) = session.absent.get_key_value(&task.run.identity.data) {
            left_out.push(data);
            continue;
        }
        missing += 1;
        let failure = session.store.failure(&task.run.key);
        failures.extend(failure.map(|failure| (task.name(), failure.message)));
    }
    let total = session.tasks.len() - left_out.len();
    if !left_out.is_empty() {
        let runs = words::count(left_out.len(), "run");
        left_out.sort_unstable();
        left_out.dedup();
        let names = left_out.join(", ");
        say(&format!(
            "{runs} left out when this was submitted: {names} not available"
        ));
    }
    say(&format!(
        "{}: {} of {} stored, {} failed",
        launch.name(),
        total - missing,
        words::count(total, "run"),
        failures.len()
    ));
    let first = failures.first();
    let failure = first.map(|(name, message)| format!("{name}: {message}"));
    let told = Report {
        failures,
        ..Report::default()
    };
    let conclusion = show(&session, &session.output_folder(), &told)?;
    if conclusion.is_some() {
        let page = report::write(&asked.store)?;
        say(&format!("report  {}", page.display()));
    }
    if missing > 0 {
        return Err(LaunchError::Incomplete {
            missing,
            total,
            failure,
        }
        .into());
    }
    session.unreadable()?;
    Ok(conclusion.unwrap_or(Conclusion::NothingJudged))
}

/// Arguments of `replicate supervise`, which `submit --launcher local` starts.
#[derive(Args, Debug)]
pub struct SuperviseArgs {
    /// The launch's folder
    #[arg(value_name = "LAUNCH")]
    launch: PathBuf,
}

/// Starts the workers of a launch of processes, and collects when all have ended.
///
/// # Errors
/// If it is another kind of launch or its folder cannot be written, if it was told to stop, and those of
/// collecting.
pub fn supervise(args: &SuperviseArgs, store: &Path) -> Result<Conclusion, Error> {
    let wishes = interrupt::obey()?;
    let launch = Launch::open(&args.launch, store)?;
    let Kind::Local(options) = &launch.record.launcher else {
        return Err(Error::Usage(format!(
            "{} is looked after by {}",
            launch.name(),
            launch.record.launcher.name()
        )));
    };
    let all = processes::supervise(&launch, options, &wishes.stop)?;
    if !all || wishes.stop.load(Ordering::Relaxed) {
        return Err(Error::Interrupted);
    }
    collect(&launch, false)
}
