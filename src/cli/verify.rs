//! `replicate verify`: is anything in the store damaged?

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{print_json, words};
use crate::runs::Store;
use crate::runs::audit::{Audit, Kind, audit};
use crate::{Error, catalogue};

/// Arguments of `replicate verify`.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct VerifyArgs {
    /// The store's folder [default: that of --store]
    #[arg(value_name = "STORE")]
    folder: Option<PathBuf>,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

// Each paragraph is one line: clap breaks it where the terminal ends.
const AFTER_HELP: &str = "\
Checked for every run: the record can be read, its key is the hash of its settings and begins with \
the name of its folder, the weights have the recorded SHA-256, a checkpoint can be read. Named as \
well: files that no run writes, and what killed processes left; neither is damage. Whether a \
record's metrics are true, only `replicate rerun` can tell.

Exit codes: 0 nothing is damaged, 20 something is.";

/// Looks over a store and prints a line for each finding, and a summary.
///
/// # Errors
/// If there is no such store, it cannot be read, or something in it is damaged.
pub fn run(args: &VerifyArgs, store: &Path) -> Result<(), Error> {
    let root = args.folder.as_deref().unwrap_or(store);
    if !root.is_dir() {
        return Err(Error::Usage(no_store(root)));
    }
    let found = audit(&Store::new(root))?;
    if args.json {
        print_json(&json!({"store": root.display().to_string(), "audit": found}))?;
    } else {
        print(root, &found)?;
    }
    if found.damaged == 0 {
        return Ok(());
    }
    Err(Error::Damaged(format!(
        "{} of {} damaged. Nothing was changed: move the folder of a damaged run away to have it done \
         again.",
        found.damaged,
        words::count(runs(&found), "run"),
    )))
}

fn runs(found: &Audit) -> usize {
    found.sound + found.unfinished + found.damaged
}

fn no_store(root: &Path) -> String {
    let text = root.display();
    if root
        .to_str()
        .is_some_and(|name| catalogue::find(name).is_some())
    {
        return format!(
            "verify checks a store, and {text} is a replication: replicate {text} runs it and shows \
             its results"
        );
    }
    format!("there is no store {text}: name its folder, e.g. replicate verify results")
}

fn print(root: &Path, found: &Audit) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
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
    Ok(())
}
