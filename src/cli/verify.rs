//! `replicate verify`: the verdicts on a replication's stored runs, or whether anything in the store is
//! damaged.

use std::io::Write;
use std::path::Path;

use clap::Args;
use serde_json::json;

use super::options::profile;
use super::out::stdout;
use super::{START, done, no_runs, or_meant, print_json, verdicts, words};
use crate::Error;
use crate::catalogue::{self, REPLICATIONS};
use crate::claims::Conclusion;
use crate::replication::Profile;
use crate::runs::Store;
use crate::runs::audit::{Audit, Kind, audit};

/// Arguments of `replicate verify`.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct VerifyArgs {
    /// A replication, whose stored runs of the paper profile are judged, or a store's folder, whose files
    /// are checked [default: that of --store]
    #[arg(value_name = "REPLICATION|STORE")]
    what: Option<String>,
    /// Accepted because other commands have it; only `paper` has verdicts
    #[arg(long, short, hide = true, value_name = "PROFILE", value_parser = profile)]
    profile: Option<Profile>,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

// Each paragraph is one line: clap breaks it where the terminal ends.
const AFTER_HELP: &str = "\
With a replication: its claims are judged by the stored runs of the paper profile, as after a run of it; \
nothing is trained. Exit codes: 0 all reproduced or consistent, 10 some not reproduced or \
inconsistent, 11 none refuted but some undecided or without runs, 20 there is no run of it.

With a store, or without an argument, every run's files are checked: the record can be read, its key \
is the hash of its settings and begins with the name of its folder, the weights have the recorded \
SHA-256, a checkpoint can be read, metrics of known range are within it; so are the parts that several \
runs begin with, such as pretrained autoencoders. Records alone, as `replicate export` writes them, have no weights to check. Named as \
well: files that no run writes, and what killed processes \
left; neither is damage. Whether a record's metrics are true, only `replicate rerun` can tell. Exit \
codes: 0 nothing is damaged, 20 something is, or there is no store.";

/// Judges the replication of that name, or looks over a store.
///
/// # Errors
/// If there is neither, it cannot be read, or something in it is damaged.
pub fn run(args: &VerifyArgs, store: &Path) -> Result<Conclusion, Error> {
    let replication = args.what.as_deref().and_then(catalogue::find);
    if args.profile.is_some() && replication.is_none() {
        return Err(Error::Usage(
            "--profile goes with a replication; of a store all files are checked".to_owned(),
        ));
    }
    if args
        .profile
        .is_some_and(|profile| profile != Profile::Paper)
    {
        return Err(Error::Usage(
            "only runs of the paper profile have verdicts: leave --profile out".to_owned(),
        ));
    }
    let Some(what) = &args.what else {
        if !store.is_dir() {
            return Err(no_runs("", store, START));
        }
        return done(look_over(store, args.json));
    };
    if let Some(replication) = replication {
        return verdicts::verify(replication, args.json, store);
    }
    let root = Path::new(what);
    let mut folders = ["runs", "parts"].iter().map(|folder| root.join(folder));
    if root.is_dir() && !folders.any(|folder| folder.is_dir()) {
        return Err(no_runs("", root, START));
    }
    done(look_over(root, args.json))
}

/// Looks over a store and prints a line for each finding, and a summary.
fn look_over(root: &Path, as_json: bool) -> Result<(), Error> {
    if !root.is_dir() {
        return Err(Error::Usage(no_store(root)));
    }
    let found = audit(&Store::new(root))?;
    if as_json {
        print_json(&json!({"store": root.display().to_string(), "audit": found}))?;
    } else {
        print(root, &found)?;
    }
    let mut damaged = Vec::new();
    if found.damaged > 0 {
        let runs = words::count(runs(&found), "run");
        damaged.push(format!("{} of {runs} damaged", found.damaged));
    }
    if found.parts.damaged > 0 {
        let parts = words::count(parts(&found), "part");
        damaged.push(format!("{} of {parts} damaged", found.parts.damaged));
    }
    if damaged.is_empty() {
        return Ok(());
    }
    Err(Error::Damaged(format!(
        "{}. Nothing was changed: move the folder of a damaged run away, and the next start of its replication does \
         it again; the next run that needs a damaged part has it trained again.",
        damaged.join(", ")
    )))
}

fn parts(found: &Audit) -> usize {
    found.parts.sound + found.parts.unfinished + found.parts.damaged
}

fn runs(found: &Audit) -> usize {
    found.sound + found.unfinished + found.damaged
}

fn no_store(root: &Path) -> String {
    let known: Vec<&str> = REPLICATIONS.iter().map(|known| known.id()).collect();
    format!(
        "{} is neither a store's folder nor a replication; there are: {}{}",
        root.display(),
        known.join(", "),
        or_meant(&root.to_string_lossy())
    )
}

fn print(root: &Path, found: &Audit) -> Result<(), Error> {
    let mut out = stdout();
    for finding in &found.findings {
        let kind = match finding.kind {
            Kind::Damaged => "damaged",
            Kind::Strange => "strange",
            Kind::LeftOver => "left over",
        };
        writeln!(
            out,
            "{kind:9} {}: {}",
            finding.path.display(),
            finding.message
        )?;
    }
    writeln!(
        out,
        "{} in {}: {} sound, {} unfinished, {} damaged; {:.1} MB of weights hashed",
        words::count(runs(found), "run"),
        root.display(),
        found.sound,
        found.unfinished,
        found.damaged,
        found.hashed_bytes as f64 / 1e6
    )?;
    if found.exported > 0 {
        let records = words::count(found.exported, "exported record");
        writeln!(out, "{records} among them, whose weights are elsewhere")?;
    }
    if parts(found) > 0 {
        writeln!(
            out,
            "{} that runs begin with: {} sound, {} unfinished, {} damaged",
            words::count(parts(found), "part"),
            found.parts.sound,
            found.parts.unfinished,
            found.parts.damaged
        )?;
    }
    writeln!(
        out,
        "Whether the numbers in records are true, replicate rerun RUN can tell."
    )?;
    Ok(())
}
