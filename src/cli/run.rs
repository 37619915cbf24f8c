//! `replicate NAME`: plan, train, store, present.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::options::RunArgs;
use super::session::Session;
use super::{plan, print_json, training};
use crate::data::Access;
use crate::launch::{self, Report};
use crate::replication::{Changes, Replication};
use crate::report::runs_csv;
use crate::runs::store::write_whole;
use crate::{Error, report};

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
) -> Result<(), Error> {
    let mut session = Session::new(replication, args, changes, store)?;
    session.calibrate()?;
    say(&format!(
        "{}: {}",
        replication.id(),
        plan::summary(&session)
    ));
    let report = carry_out(&session, access)?;
    if report.interrupted {
        return Err(Error::Interrupted);
    }
    if report.elsewhere > 0 {
        say(&format!(
            "{} of the runs are being done by another process and are not shown yet.",
            report.elsewhere
        ));
    }
    // What there is, is shown, whatever else went wrong; but failed runs are what to hear of last.
    let shown = present(&session, &session.output_folder()).and_then(|shown| match shown {
        Some(shown) => shown.print(&session),
        None => Ok(()),
    });
    match report.failures.first() {
        None => shown,
        Some((name, message)) => Err(Error::RunsFailed {
            failed: report.failures.len(),
            total: session.pending().len(),
            first: format!("{name}: {message}"),
        }),
    }
}

fn carry_out(session: &Session, access: &Access) -> Result<Report, Error> {
    let pending = session.pending();
    if pending.is_empty() {
        return Ok(Report::default());
    }
    // A signal meanwhile ends the program as signals do: what was fetched so far is kept.
    let data = session.load_data(access)?;
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The first signal asks for an orderly end; a second one ends the program at once.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&interrupted))?;
        signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
    }
    quiet_panics_of_workers();
    let observer = training::observer(&pending);
    let headline = |record: &_| session.replication.headline(record);
    let report = launch::execute(
        &session.store,
        pending,
        &data,
        session.options,
        &interrupted,
        observer.as_ref(),
        &headline,
    )?;
    Ok(report)
}

/// A worker's panic is caught and told as the error of its run: the default report on standard error
/// would only tear the progress display apart.
fn quiet_panics_of_workers() {
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
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// What was written, and the table to print.
pub struct Shown {
    table: report::Table,
    files: Vec<PathBuf>,
}

/// Writes tables and figures of the stored runs into `folder`; `None` if there are no runs.
///
/// # Errors
/// If a figure cannot be drawn or a file cannot be written.
pub fn present(session: &Session, folder: &Path) -> Result<Option<Shown>, Error> {
    let results = session.results()?;
    if results
        .variants
        .iter()
        .all(|variant| variant.records.is_empty())
    {
        return Ok(None);
    }
    let presentation = session.replication.present(&results)?;
    let mut files = Vec::new();
    for (name, bytes) in [
        ("table.csv", presentation.table.to_csv()?),
        ("runs.csv", runs_csv::write(&results.variants)?),
    ] {
        let path = folder.join(name);
        write_whole(&path, &bytes)?;
        files.push(path);
    }
    for (name, figure) in &presentation.figures {
        files.extend(figure.save(&folder.join(name))?);
    }
    Ok(Some(Shown {
        table: presentation.table,
        files,
    }))
}

impl Shown {
    /// Prints the table and the files, or both as JSON.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn print(&self, session: &Session) -> Result<(), Error> {
        if session.args.json {
            return print_json(&json!({
                "replication": session.replication.id(),
                "profile": session.args.profile,
                "verdicts_allowed": session.args.profile.note().is_none(),
                "table": self.table,
                "files": self.files,
            }));
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "\n{}", self.table)?;
        for file in &self.files {
            let kind = match file.extension().and_then(|extension| extension.to_str()) {
                Some("csv") => "table",
                _ => "figure",
            };
            writeln!(out, "{kind:7} {}", file.display())?;
        }
        Ok(())
    }
}
