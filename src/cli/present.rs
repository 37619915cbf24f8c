//! Printing what stored runs come to, and writing their tables and figures.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::session::Session;
use super::{print_json, verdicts};
use crate::Error;
use crate::claims::{self, Conclusion};
use crate::files::write_whole;
use crate::launch::Report;
use crate::replication;
use crate::report::{comparison, runs_csv};
use crate::runs::Error as StoreError;

/// Prints the table of the stored runs and writes it with the figures into `folder`; `report` says
/// what the last call of the launcher did. Gives what the verdicts come to, or `None` if
/// there was nothing to show.
///
/// # Errors
/// If a figure cannot be drawn or something cannot be written; the table is printed first.
pub fn show(
    session: &Session,
    folder: &Path,
    report: &Report,
) -> Result<Option<Conclusion>, Error> {
    let results = session.results()?;
    if results
        .variants
        .iter()
        .all(|variant| variant.records.is_empty())
    {
        return Ok(None);
    }
    let judgements = replication::judge(session.replication, &results)?;
    let conclusion = Some(Conclusion::of(&judgements));
    let presentation = session.replication.present(&results)?;
    let planned = session.tasks.len();
    let stored: usize = results
        .variants
        .iter()
        .map(|variant| variant.records.len())
        .sum();
    if !session.args.json {
        let mut out = std::io::stdout().lock();
        if stored < planned {
            writeln!(
                out,
                "\nOnly {stored} of {planned} runs are stored: this is not the whole."
            )?;
        }
        let table = comparison::table(&presentation.comparisons, presentation.caption.clone());
        writeln!(out, "\n{table}")?;
        writeln!(out, "{}", verdicts::lines(&judgements))?;
    }
    let mut files = Vec::new();
    let note = results.note().unwrap_or_default();
    for (name, bytes) in [
        (
            "summary.csv",
            comparison::write_csv(&presentation.comparisons, &note)?,
        ),
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
    let unreadable = session.left_out();
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
            "planned": planned,
            "stored": stored,
            "results": presentation.comparisons,
            "caption": presentation.caption,
            "verdicts": claims::json(&judgements),
            "files": files,
            "failed": report.failures.len(),
            "elsewhere": report.elsewhere,
            "unreadable": unreadable,
        }))?;
        return Ok(conclusion);
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
    Ok(conclusion)
}
