//! `replicate judge`: verdicts on anybody's numbers. Trains nothing and needs no store.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::out::stdout;
use super::{print_json, verdicts};
use crate::Error;
use crate::claims::{self, Claim, Conclusion, Conditions, Published, Results};

/// Arguments of `replicate judge`.
#[derive(Args, Debug)]
#[command(after_help = FORMATS)]
pub struct JudgeArgs {
    /// What was published: numbers and claims
    #[arg(long, value_name = "FILE.toml")]
    claims: PathBuf,
    /// What came out: one row for each run and metric
    #[arg(long, value_name = "FILE.csv")]
    results: PathBuf,
    /// The experiment whose claims are judged, where the file has claims of several
    #[arg(long, value_name = "NAME")]
    replication: Option<String>,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

const FORMATS: &str = "\
Claims: [paper], [[value]] (replication, variant, metric, mean, sd, n, source) and
[[claim]] (id, replication, source, statement, and one test with its margin: value, order, argmax,
trend, equivalence, bound, share or qualitative).
Results: columns variant, seed, metric, value and, where wanted, data and
outcome (completed, collapsed, diverged). Runs of one seed are compared in pairs.
docs/claims-format.md describes both; examples/claims.toml and
examples/results.csv show them.

Exit codes: 0 all reproduced, or consistent where there is a mean alone; 10 some not
reproduced or inconsistent; 11 some undecided or without runs; 2 a file cannot be used.";

/// Judges a file of results by a file of claims.
///
/// # Errors
/// If a file cannot be read or makes no sense; the message names file, line and key.
pub fn run(args: &JudgeArgs) -> Result<Conclusion, Error> {
    let file = args.claims.display().to_string();
    let published = Published::parse(&file, &read(&args.claims)?)?;
    let claims = chosen(&published, &file, args.replication.as_deref())?;
    let file = args.results.display().to_string();
    let results = Results::from_csv(&file, &read(&args.results)?)?;
    if results.runs.is_empty() {
        return Err(Error::Usage(format!(
            "{file}: there are no runs in it, only the head; one row for each run and metric is needed"
        )));
    }
    let judgements = claims::judge(&published, claims, &results, &Conditions::paper());
    let conclusion = Conclusion::of(&judgements);
    if args.json {
        let mut value = claims::json(&judgements);
        if let Some(fields) = value.as_object_mut() {
            fields.insert("conclusion".into(), json!(conclusion));
        }
        print_json(&value)?;
        return Ok(conclusion);
    }
    let mut out = stdout();
    write!(out, "{}", verdicts::lines(&judgements))?;
    for judgement in &judgements {
        writeln!(out, "\n{}: {}", judgement.claim, judgement.headline())?;
        for words in &judgement.explanation {
            writeln!(out, "{}", super::show::indented(words, "  "))?;
        }
    }
    Ok(conclusion)
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path)
        .map_err(|error| Error::Usage(format!("cannot read {}: {error}", path.display())))
}

/// The claims of one experiment: p values are corrected within it, and variants of several may bear the
/// same names.
fn chosen<'a>(
    published: &'a Published,
    file: &str,
    replication: Option<&str>,
) -> Result<Vec<&'a Claim>, Error> {
    let mut experiments: Vec<&str> = Vec::new();
    for claim in &published.claims {
        if !experiments.contains(&claim.replication.as_str()) {
            experiments.push(&claim.replication);
        }
    }
    let complain = |words: String| Err(Error::Usage(format!("{file}: {words}")));
    let chosen = match (replication, experiments.as_slice()) {
        (_, []) => return complain("there is no [[claim]] in it".to_owned()),
        (Some(name), known) if !known.contains(&name) => {
            return complain(format!(
                "no claim is about the experiment {name:?}; there are claims about {}",
                known.join(", ")
            ));
        }
        (Some(name), _) => name,
        (None, [only]) => only,
        (None, known) => {
            return complain(format!(
                "its claims are about {} experiments; choose one with --replication: {}",
                known.len(),
                known.join(", ")
            ));
        }
    };
    let claims = published.claims.iter();
    Ok(claims
        .filter(|claim| *claim.replication == chosen)
        .collect())
}
