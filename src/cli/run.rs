//! `replicate NAME`: plan, train, store, present.

use std::io::Write;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::options::RunArgs;
use super::session::Session;
use super::{interrupt, plan, present::show, run_progress};
use crate::claims::Conclusion;
use crate::data::Access;
use crate::launch::{self, DataSets, Report};
use crate::replication::{Changes, Replication};
use crate::runs::lock::SILENCE;
use crate::{Error, device};

/// Runs a replication and shows what came of it.
///
/// # Errors
/// If anything goes wrong that is not confined to single runs; or, after presenting what there is,
/// if runs failed or the program was interrupted.
pub fn run(
    replication: &'static dyn Replication,
    args: RunArgs,
    changes: &Changes,
    store: &Path,
    access: &Access,
) -> Result<Conclusion, Error> {
    let mut session = Session::new(replication, args, changes, store)?;
    if let Some(complaint) = session.args.device.complaint() {
        say(&format!("training on the CPU: {complaint}"));
    }
    if !session.pending().is_empty() {
        session.store.probe()?;
    }
    session.calibrate()?;
    say(&format!(
        "{}: {}",
        replication.id(),
        plan::summary(&session)
    ));
    let report = carry_out(&mut session, access)?;
    for path in &report.kept_aside {
        say(&format!("a damaged file is now {}", path.display()));
    }
    if report.interrupted {
        return Err(Error::Interrupted);
    }
    if report.elsewhere > 0 {
        say(&elsewhere(&report));
    }
    // What there is, is shown, whatever else went wrong; but failed runs are what to hear of last.
    let shown = show(&session, &session.output_folder(), &report);
    match report.failures.first() {
        None => {
            let conclusion = shown?;
            session.unreadable()?;
            Ok(conclusion.unwrap_or(Conclusion::NothingJudged))
        }
        Some((name, message)) => {
            if let Err(error) = shown {
                say(&format!("error: {error}"));
            }
            Err(Error::RunsFailed {
                failed: report.failures.len(),
                total: session.pending().len(),
                first: format!("{name}: {message}"),
            })
        }
    }
}

fn carry_out(session: &mut Session, access: &Access) -> Result<Report, Error> {
    if session.pending().is_empty() {
        return Ok(Report::default());
    }
    // A signal meanwhile ends the program as signals do: what was fetched so far is kept.
    let (pending, data) = load(session, access)?;
    let interrupted = interrupt::watch()?;
    execute(session, pending, &data, &interrupted)
}

/// The data of the pending runs, and those of them whose data can be had.
///
/// # Errors
/// As [`Session::load_data`].
pub(super) fn load(
    session: &mut Session,
    access: &Access,
) -> Result<(Vec<launch::Task>, DataSets), Error> {
    let mut pending = session.pending();
    let data = session.load_data(access)?;
    for (id, reason) in &session.absent {
        let is_its = |task: &launch::Task| task.run.identity.data == *id;
        let runs = pending.iter().filter(|task| is_its(task)).count();
        say(&format!(
            "{id} is not available: {} left out, claims about it are not tested; the others go on.\n\
             {reason}",
            super::words::count(runs, "run")
        ));
        pending.retain(|task| !is_its(task));
    }
    Ok((pending, data))
}

/// Carries out runs in this process, telling of progress on standard error.
///
/// # Errors
/// As [`launch::execute`].
pub(super) fn execute(
    session: &Session,
    pending: Vec<launch::Task>,
    data: &DataSets,
    interrupted: &AtomicBool,
) -> Result<Report, Error> {
    quiet_panics_of_workers();
    let observer = run_progress::observer(&pending);
    let headline = |record: &_| session.replication.headline(record);
    let report = launch::execute(
        &session.store,
        pending,
        data,
        session.options,
        interrupted,
        observer.as_ref(),
        &headline,
    )?;
    Ok(report)
}

/// `3 runs are being done by another process (host, pid 12)`, and what that means.
fn elsewhere(report: &Report) -> String {
    let runs = super::words::count(report.elsewhere, "run");
    let verb = if report.elsewhere == 1 { "is" } else { "are" };
    let names: Vec<String> = report.holders.iter().map(ToString::to_string).collect();
    let others = match names.as_slice() {
        [] => "another process".to_owned(),
        [name] => format!("another process ({name})"),
        names => format!("other processes ({})", names.join("; ")),
    };
    let mut text = format!(
        "{runs} {verb} being done by {others}: start the same command again later for the whole."
    );
    if report
        .holders
        .iter()
        .any(|other| other.host != device::host())
    {
        text += &format!(
            " What a machine has left behind that went down can be taken up after {} of silence.",
            super::words::duration(SILENCE)
        );
    }
    text
}

/// A worker's panic is caught and told as the error of its run: the default report on standard error
/// would only tear the progress display apart.
pub(super) fn quiet_panics_of_workers() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        if !thread
            .name()
            .is_some_and(|name| name.starts_with(launch::WORKER))
        {
            usual(panic);
        }
    }));
}

/// A line on standard error. There is nowhere left to say that it fails.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
