//! `replicate report`: what all stored runs come to, as files. Trains nothing.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::out::stdout;
use super::{START, no_runs, or_meant, print_json, records_here};
use crate::Error;
use crate::catalogue::{self, REPLICATIONS};
use crate::files::{write_out, write_whole};
use crate::replication::{Profile, Replication};
use crate::report::{self, Report, gather, html, json, latex, markdown, markers, results_csv};
use crate::runs::Store;

/// Arguments of `replicate report`.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// Replications to report on [default: all, and the claims that none of them tests]
    #[arg(value_name = "REPLICATION")]
    replications: Vec<String>,
    /// Profile to report on [default: of each replication the fullest that has runs]
    #[arg(long, short, value_name = "PROFILE", value_parser = super::options::profile)]
    profile: Option<Profile>,
    /// Folder for the files [default: <store>/report]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Markdown document whose blocks between `<!-- replicate:begin NAME -->` and
    /// `<!-- replicate:end NAME -->` are to be filled: NAME is a replication or summary
    #[arg(long, value_name = "FILE")]
    update: Option<PathBuf>,
    /// Write counts and paths as JSON
    #[arg(long)]
    json: bool,
}

/// Where a report goes unless said otherwise, in the store.
const FOLDER: &str = "report";

/// Writes the report on all of a store into its usual place, and gives the page's path.
///
/// # Errors
/// If the store cannot be read or a file cannot be written.
pub fn write(store: &Path) -> Result<PathBuf, Error> {
    let report = gather(
        REPLICATIONS,
        &catalogue::papers()?,
        None,
        &Store::new(store),
    )?;
    let files = files(&report, &store.join(FOLDER))?;
    for (path, bytes) in &files {
        write_whole(path, bytes).map_err(failed("write", path))?;
    }
    Ok(store.join(FOLDER).join(PAGE))
}

const PAGE: &str = "report.html";

/// The report in each of its forms.
fn files(report: &Report, folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, Error> {
    let files = [
        (PAGE, html::page(report).into_bytes()),
        ("report.md", markdown::document(report).into_bytes()),
        ("report.json", json::write(report)?),
        ("results.csv", results_csv::write(report)?),
        ("tables.tex", latex::tables(report).into_bytes()),
    ];
    let named = files.into_iter();
    Ok(named
        .map(|(name, bytes)| (folder.join(name), bytes))
        .collect())
}

/// Writes the report on the store.
///
/// # Errors
/// If a replication is unknown, the store cannot be read, a file cannot be written, or the document's
/// markers cannot be used; the document is then as it was.
pub fn run(args: &ReportArgs, store: &Path) -> Result<(), Error> {
    let replications = chosen(&args.replications)?;
    // A mistyped store would else empty the tables of a document.
    if !store.is_dir() {
        return Err(Error::Usage(format!(
            "there is no store {}: {START}{}",
            store.display(),
            records_here(store)
        )));
    }
    let papers = if args.replications.is_empty() {
        catalogue::papers()?
    } else {
        Vec::new()
    };
    let report = gather(&replications, &papers, args.profile, &Store::new(store))?;
    let has_runs = report.experiments().any(|one| !one.runs.is_empty());
    if args.update.is_some() && !has_runs {
        let of_what = match (args.replications.as_slice(), args.profile) {
            ([], None) => String::new(),
            ([], Some(profile)) => format!(" of the {} profile", profile.name()),
            (chosen, _) => format!(" of {}", chosen.join(", ")),
        };
        return Err(no_runs(&of_what, store, START));
    }
    // First what can be refused.
    let updated = args
        .update
        .as_ref()
        .map(|path| updated(path, &report, &args.replications));
    let updated = updated.transpose()?;
    let folder = args.out.clone().unwrap_or_else(|| store.join(FOLDER));
    let mut files = files(&report, &folder)?;
    files.extend(args.update.clone().zip(updated));
    for (path, bytes) in &files {
        write_out(path, bytes).map_err(failed("write", path))?;
    }
    let paths = files.iter().map(|(path, _)| path.display().to_string());
    if args.json {
        print_json(&json!({
            "counts": report.counts(),
            "unreadable": report.unreadable,
            "left_out": report.left_out,
            "files": paths.collect::<Vec<_>>(),
        }))?;
        return unreadable(&report);
    }
    let mut out = stdout();
    writeln!(out, "{}", report.headline())?;
    for experiment in report.experiments() {
        let note = experiment.note.as_ref();
        let note = note.map_or(String::new(), |note| format!("; {note}"));
        writeln!(out, "{}: {}{note}", experiment.id, experiment.state())?;
    }
    if let Some(words) = report.left_out.words() {
        writeln!(out, "left out: {words}")?;
    }
    for record in &report.unreadable {
        writeln!(out, "left out, it cannot be read: {record}")?;
    }
    for path in paths {
        writeln!(out, "report  {path}")?;
    }
    unreadable(&report)
}

/// Everything is written by then; the exit code says that something was left out.
fn unreadable(report: &Report) -> Result<(), Error> {
    match report.unreadable.first() {
        None => Ok(()),
        Some(first) => Err(Error::Unreadable {
            count: report.unreadable.len(),
            first: first.clone(),
        }),
    }
}

/// The replications of those names, all without any.
///
/// # Errors
/// If one is unknown; the message lists those that there are.
pub(super) fn chosen(names: &[String]) -> Result<Vec<&'static dyn Replication>, Error> {
    if names.is_empty() {
        return Ok(REPLICATIONS.to_vec());
    }
    let mut chosen: Vec<&'static dyn Replication> = Vec::new();
    for name in names {
        let found = catalogue::find(name).ok_or_else(|| {
            let known: Vec<&str> = REPLICATIONS.iter().map(|known| known.id()).collect();
            Error::Usage(format!(
                "there is no replication {name:?}; there are: {}{}",
                known.join(", "),
                or_meant(name)
            ))
        })?;
        if chosen.iter().all(|known| known.id() != found.id()) {
            chosen.push(found);
        }
    }
    Ok(chosen)
}

/// The document with its blocks filled; those of the replications named must be there.
fn updated(path: &Path, report: &Report, needed: &[String]) -> Result<Vec<u8>, Error> {
    let document = fs::read_to_string(path).map_err(failed("read", path))?;
    let filled = markers::fill(&document, &markdown::blocks(report), needed);
    let filled = filled.map_err(|source| report::Error::Markers {
        file: path.display().to_string(),
        source,
    })?;
    Ok(filled.into_bytes())
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| {
        report::Error::Io {
            action,
            path,
            source,
        }
        .into()
    }
}
