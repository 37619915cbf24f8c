//! Printing what stored runs come to, and writing their tables and figures.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::print_json;
use super::session::Session;
use crate::Error;
use crate::files::write_whole;
use crate::launch::Report;
use crate::report::runs_csv;
use crate::runs::{Error as StoreError, Reason};

/// Prints the table of the stored runs and writes it with the figures into `folder`; `report` says
/// what the last call of the launcher did. Gives whether there was anything to show.
///
/// # Errors
/// If a figure cannot be drawn or something cannot be written; the table is printed first.
pub fn show(session: &Session, folder: &Path, report: &Report) -> Result<bool, Error> {
    let results = session.results()?;
    if results
        .variants
        .iter()
        .all(|variant| variant.records.is_empty())
    {
        return Ok(false);
    }
    let presentation = session.replication.present(&results)?;
    if !session.args.json {
        writeln!(std::io::stdout().lock(), "\n{}", presentation.table)?;
    }
    let mut files = Vec::new();
    for (name, bytes) in [
        ("table.csv", presentation.table.to_csv()?),
        ("runs.csv", runs_csv::write(&results.variants)?),
    ] {
        let path = folder.join(name);
        write_whole(&path, &bytes).map_err(|source| StoreError::Output {
            path: path.clone(),
            source,
        })?;
        files.push(path);
    }
    for (name, figure) in &presentation.figures {
        files.extend(figure.save(&folder.join(name))?);
    }
    let unreadable = session
        .tasks
        .iter()
        .filter_map(|task| match &task.run.reason {
            Reason::Unreadable { message } => Some(message),
            _ => None,
        });
    if session.args.json {
        let files: Vec<String> = files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        print_json(&json!({
            "replication": session.replication.id(),
            "profile": session.args.profile,
            "changed": results.altered.iter().cloned().collect::<BTreeMap<_, _>>(),
            "note": results.note(),
            "table": presentation.table,
            "files": files,
            "failed": report.failures.len(),
            "elsewhere": report.elsewhere,
            "unreadable": unreadable.collect::<Vec<_>>(),
        }))?;
        return Ok(true);
    }
    let mut out = std::io::stdout().lock();
    for message in unreadable {
        writeln!(out, "left out: {message}")?;
    }
    for file in &files {
        let kind = match file.extension().and_then(|extension| extension.to_str()) {
            Some("csv") => "table",
            _ => "figure",
        };
        writeln!(out, "{kind:7} {}", file.display())?;
    }
    Ok(true)
}
