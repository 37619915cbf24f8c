//! Verdicts from stored runs: gathering the runs, printing the verdicts, `replicate verify REPLICATION`.

use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::out::stdout;
use super::{no_runs, print_json, records_here, words};
use crate::Error;
use crate::claims::{self, Conclusion, Judgement, Verdict};
use crate::replication::{self, Changes, Coverage, Profile, Replication, Results};
use crate::runs::{Error as StoreError, Store};

/// What a store holds of a replication's full protocol.
pub struct Stored {
    /// Records by variant.
    pub results: Results,
    /// How much of the protocol they are.
    pub coverage: Coverage,
    /// Why further ones cannot be read.
    pub unreadable: Vec<String>,
}

/// Gathers the runs of the unchanged paper profile, as [`replication::gather`] does.
///
/// # Errors
/// If the store cannot be read; single records that cannot be are in [`Stored::unreadable`].
pub fn stored(replication: &dyn Replication, store: &Store) -> Result<Stored, Error> {
    let profile = Profile::Paper;
    let protocol = replication.protocol(profile, &Changes::default())?;
    let mut unreadable = Vec::new();
    let gathered = replication::gather(&protocol, &mut |identity| match store
        .record(&identity.key())
    {
        Ok(record) => Ok(record),
        Err(error @ (StoreError::Unreadable { .. } | StoreError::Damaged { .. })) => {
            unreadable.push(error.to_string());
            Ok(None)
        }
        Err(error) => Err(error.into()),
    })?;
    let results = Results {
        profile,
        altered: Vec::new(),
        data_title: protocol.data_title()?,
        variants: gathered,
    };
    Ok(Stored {
        coverage: results.coverage(&protocol),
        unreadable,
        results,
    })
}

impl Stored {
    /// # Errors
    /// If records could not be read: what was said of the others is not of all.
    pub fn complete(&self) -> Result<(), Error> {
        match self.unreadable.first() {
            None => Ok(()),
            Some(first) => Err(Error::Unreadable {
                count: self.unreadable.len(),
                first: first.clone(),
            }),
        }
    }

    /// The verdicts; without any run all claims are not tested for that reason.
    ///
    /// # Errors
    /// If the paper's file is wrong.
    pub fn judge(
        &self,
        replication: &dyn Replication,
        store: &Store,
    ) -> Result<Vec<Judgement>, Error> {
        if self.coverage.stored > 0 {
            return Ok(replication::judge(replication, &self.results)?);
        }
        let reason = format!(
            "no runs of the paper profile are stored in {}{}",
            store.root().display(),
            records_here(store.root())
        );
        let published = replication.published()?;
        let claims = published.claims_of(replication.id());
        Ok(claims
            .map(|claim| claims::not_tested(claim, &reason))
            .collect())
    }
}

/// Judges the stored runs of a replication and prints the verdicts; trains nothing.
///
/// # Errors
/// If there is no run of it, the output cannot be written, or, after printing what
/// can be judged, if records cannot be read.
pub fn verify(
    replication: &dyn Replication,
    as_json: bool,
    store: &Path,
) -> Result<Conclusion, Error> {
    let store = Store::new(store);
    let found = stored(replication, &store)?;
    if found.coverage.stored == 0 && found.unreadable.is_empty() {
        let id = replication.id();
        let instead =
            format!("run replicate {id} --profile paper first, or name the store with --store");
        let of_what = format!(" of the paper profile of {id}");
        return Err(no_runs(&of_what, store.root(), &instead));
    }
    let judgements = found.judge(replication, &store)?;
    let conclusion = Conclusion::of(&judgements);
    if as_json {
        let mut value = claims::json(&judgements);
        if let Some(fields) = value.as_object_mut() {
            fields.insert("replication".into(), json!(replication.id()));
            fields.insert("profile".into(), json!(found.results.profile));
            fields.insert("planned".into(), json!(found.coverage.planned));
            fields.insert("stored".into(), json!(found.coverage.stored));
            fields.insert("unreadable".into(), json!(found.unreadable));
            fields.insert("conclusion".into(), json!(conclusion));
        }
        print_json(&value)?;
    } else {
        let mut out = stdout();
        writeln!(
            out,
            "{}, paper profile: {}.\n",
            replication.id(),
            found.coverage
        )?;
        if judgements.is_empty() {
            let id = replication.id();
            writeln!(
                out,
                "It has no claims; its tables: replicate figures {id} --profile paper"
            )?;
        } else {
            write!(out, "{}", lines(&judgements))?;
            writeln!(out, "replicate show CLAIM explains one.")?;
        }
    }
    found.complete().map(|()| conclusion)
}

/// How often each verdict was given, then one line for each claim; only the first where none was judged
/// for one and the same reason.
#[must_use]
pub fn lines(judgements: &[Judgement]) -> String {
    match common_reason(judgements) {
        Some(reason) => format!("{}: {reason}.\n", words::count(judgements.len(), "claim")),
        None => listed(judgements),
    }
}

/// How often each verdict was given, then one line for each claim; a reason common to all only once.
#[must_use]
pub fn listed(judgements: &[Judgement]) -> String {
    let claims = words::count(judgements.len(), "claim");
    let common = common_reason(judgements);
    let mut text = if let Some(reason) = common {
        format!("{claims}: {reason}.\n")
    } else {
        let counts = claims::Counts::of(judgements.iter().map(|one| &one.verdict));
        format!("{claims}: {}.\n", counts.words())
    };
    let width = judgements.iter().map(|one| one.claim.len()).max();
    let width = width.unwrap_or(0);
    for one in judgements {
        let line = match common {
            Some(_) => format!("{:width$}  {}", one.claim, one.statement),
            None => line(one, width),
        };
        text += &format!("  {line}\n");
    }
    text
}

/// The verdict of all, where none of them was judged for one reason.
fn common_reason(judgements: &[Judgement]) -> Option<&Verdict> {
    let first = &judgements.first()?.verdict;
    let mut all = judgements.iter();
    all.all(|one| one.verdict == *first && one.findings.is_empty())
        .then_some(first)
}

/// `not reproduced  gamma-best  Of six weights .. (better than published)`
fn line(judgement: &Judgement, width: usize) -> String {
    let takes = judgement.what_it_takes();
    let more = match &judgement.verdict {
        Verdict::Inconclusive { .. } => takes.map_or(String::new(), |words| format!(" ({words})")),
        Verdict::NotTested { reason } => format!(" ({reason})"),
        _ if judgement.better_than_published => " (better than published)".to_owned(),
        _ => String::new(),
    };
    let given = judgement.given.as_ref().filter(|_| judgement.is_decided());
    let given = given.map_or(String::new(), |part| format!(" (given one {part})"));
    let seeds = judgement.provisional;
    let seeds = seeds.map_or(String::new(), |seeds| format!(" ({seeds})"));
    format!(
        "{:14}  {:width$}  {}{more}{given}{seeds}",
        judgement.verdict.word(),
        judgement.claim,
        judgement.statement
    )
}
