//! Printing what stored runs come to, and writing their tables and figures.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::out::stdout;
use super::session::Session;
use super::{print_json, verdicts};
use crate::Error;
use crate::claims::{self, Conclusion, Judgement, Verdict};
use crate::files::write_whole;
use crate::launch::Report;
use crate::replication::{self, Presentation, Results};
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
    let finish = |mut value: Value| {
        value["failed"] = report.failures.len().into();
        value["elsewhere"] = report.elsewhere.into();
        value["unavailable"] = json!(session.absent);
        print_json(&value)
    };
    let Some(shown) = Shown::of(session)? else {
        if session.args.json {
            let results = session.results()?;
            let nothing = Presentation::default();
            finish(as_json(session, &results, &nothing, &[], &[]))?;
        }
        return Ok(None);
    };
    if !session.args.json {
        shown.print_table()?;
    }
    let files = shown.write(folder)?;
    if session.args.json {
        finish(shown.json(&files))?;
    } else {
        shown.print_files(&files)?;
    }
    Ok(Some(Conclusion::of(&shown.judgements)))
}

/// What a session's stored runs come to.
pub struct Shown<'a> {
    session: &'a Session,
    results: Results,
    judgements: Vec<Judgement>,
    presentation: Presentation,
    /// Runs that there are no pictures of.
    lacking: Vec<String>,
}

impl<'a> Shown<'a> {
    /// `None` if no run is stored.
    ///
    /// # Errors
    /// If a figure cannot be drawn or the paper's file is wrong.
    pub fn of(session: &'a Session) -> Result<Option<Self>, Error> {
        let results = session.results()?;
        if results.stored() == 0 {
            return Ok(None);
        }
        let mut presentation = session.replication.present(&results)?;
        let pictures = session.replication.pictures(&results, &session.store)?;
        presentation.figures.extend(pictures.figures);
        Ok(Some(Self {
            lacking: pictures.lacking,
            judgements: judged(session, &results)?,
            presentation,
            session,
            results,
        }))
    }

    /// How much of the plan is there, e.g. `desom-gamma, quick profile: 16 of 16 planned runs stored`.
    #[must_use]
    pub fn title(&self) -> String {
        format!(
            "{}, {} profile: {}",
            self.session.replication.id(),
            self.session.args.profile.name(),
            self.session.coverage(&self.results)
        )
    }

    fn print_table(&self) -> Result<(), Error> {
        let mut out = stdout();
        let coverage = self.session.coverage(&self.results);
        if coverage.missing > 0 {
            let (planned, missing) = (coverage.planned, coverage.missing);
            writeln!(
                out,
                "\nOnly {} of {planned} runs are stored: this is not the whole.",
                planned - missing
            )?;
        }
        let caption = self.presentation.caption.clone();
        let table = comparison::table(&self.presentation.comparisons, caption);
        writeln!(out, "\n{table}")?;
        for table in &self.presentation.further {
            writeln!(out, "{table}")?;
        }
        if !self.judgements.is_empty() {
            writeln!(out, "{}", verdicts::lines(&self.judgements))?;
        }
        Ok(())
    }

    /// Writes tables and figures into `folder` and gives their paths.
    ///
    /// # Errors
    /// If one cannot be written.
    pub fn write(&self, folder: &Path) -> Result<Vec<PathBuf>, Error> {
        let mut files = Vec::new();
        let note = self.results.note().unwrap_or_default();
        let summary = comparison::write_csv(&self.presentation.comparisons, &note)?;
        let runs = runs_csv::write(&self.results.variants)?;
        let own = self.presentation.tables.iter();
        let own = own.map(|(name, bytes)| (name.as_str(), bytes));
        for (name, bytes) in [("summary.csv", &summary), ("runs.csv", &runs)]
            .into_iter()
            .chain(own)
        {
            let path = folder.join(name);
            write_whole(&path, bytes).map_err(|source| StoreError::Output {
                path: path.clone(),
                source,
            })?;
            files.push(path);
        }
        for (name, figure) in &self.presentation.figures {
            files.extend(figure.save(&folder.join(name))?);
        }
        Ok(files)
    }

    /// Names the records that cannot be read, and the files that were written.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub fn print_files(&self, files: &[PathBuf]) -> Result<(), Error> {
        let mut out = stdout();
        for message in self.session.left_out() {
            writeln!(out, "left out: {message}")?;
        }
        if !self.lacking.is_empty() {
            writeln!(
                out,
                "not drawn: pictures of {}: this store lacks their weights (exports have none)",
                self.lacking.join("; ")
            )?;
        }
        for file in files {
            let kind = match file.extension().and_then(|extension| extension.to_str()) {
                Some("csv") => "table",
                _ => "figure",
            };
            writeln!(out, "{kind:7} {}", file.display())?;
        }
        Ok(())
    }

    /// All of it, with the paths of the files that were written.
    #[must_use]
    pub fn json(&self, files: &[PathBuf]) -> Value {
        as_json(
            self.session,
            &self.results,
            &self.presentation,
            &self.judgements,
            files,
        )
    }
}

/// What there is to show, and the paths of the files that were written.
fn as_json(
    session: &Session,
    results: &Results,
    presentation: &Presentation,
    judgements: &[Judgement],
    files: &[PathBuf],
) -> Value {
    let files: Vec<String> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    let coverage = session.coverage(results);
    json!({
        "replication": session.replication.id(),
        "profile": session.args.profile,
        "changed": results.altered.iter().cloned().collect::<BTreeMap<_, _>>(),
        "note": results.note(),
        "planned": coverage.planned,
        "stored": coverage.stored,
        "results": presentation.comparisons,
        "caption": presentation.caption,
        "further": presentation.further,
        "verdicts": claims::json(judgements),
        "files": files,
        "unreadable": session.left_out(),
    })
}

/// The verdicts; claims about variants that have no runs because they were not wanted, or because their data
/// could not be had, are not tested for that reason.
fn judged(session: &Session, results: &Results) -> Result<Vec<Judgement>, Error> {
    let mut judgements = replication::judge(session.replication, results)?;
    if results.conditions().refusal().is_some() {
        return Ok(judgements);
    }
    let published = session.replication.published()?;
    for judgement in &mut judgements {
        let mut claims = published.claims_of(session.replication.id());
        let claim = claims.find(|claim| *claim.id == judgement.claim);
        let is_untested = matches!(judgement.verdict, Verdict::NotTested { .. });
        let Some(claim) = claim.filter(|_| is_untested) else {
            continue;
        };
        let named = claim.test.variants();
        let planned = session.protocol.variants.iter();
        let mut planned = planned.filter(|variant| named.contains(&variant.id.as_str()));
        if let Some(variant) = planned.find(|variant| session.absent.contains_key(variant.data)) {
            let reason = format!("data not available: {}", variant.data);
            *judgement = claims::not_tested(claim, &reason);
            continue;
        }
        let mut unchosen = session.unchosen.iter();
        if let Some(id) = unchosen.find(|id| named.contains(&id.as_str())) {
            // What there is of the others is shown as before, and counts as undecided.
            let reason = format!("{id} was left out");
            judgement.verdict = Verdict::NotTested { reason };
        }
    }
    Ok(judgements)
}
