//! `replicate export`: records of stored runs, without weights, for others to judge and report on.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::out::stdout;
use super::{START, no_runs, print_json, report};
use crate::replication::{self, Changes, Profile};
use crate::runs::{Store, export};
use crate::{Error, words};

/// Arguments of `replicate export`.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct ExportArgs {
    /// Folder for the records; what else is there is left alone
    #[arg(value_name = "FOLDER")]
    to: PathBuf,
    /// Replications whose records are wanted [default: all]
    #[arg(value_name = "REPLICATION")]
    replications: Vec<String>,
    /// Profile whose records are wanted
    #[arg(long, short, value_name = "PROFILE", value_parser = super::options::profile)]
    #[arg(default_value = "paper")]
    profile: Profile,
    /// Write counts as JSON
    #[arg(long)]
    json: bool,
}

// Each paragraph is one line: clap breaks it where the terminal ends.
const AFTER_HELP: &str = "\
The folder is a store like any other, but without weights: `replicate --store FOLDER report` and `replicate \
--store FOLDER verify desom-gamma` give the same verdicts, tables and figures as the runs themselves, but for \
pictures that are drawn from weights.";

/// Copies the records of the protocol's runs that are done.
///
/// # Errors
/// If a replication is unknown, a record cannot be read, or the disk refuses.
pub fn run(args: &ExportArgs, store: &Path) -> Result<(), Error> {
    let replications = report::chosen(&args.replications)?;
    let store = Store::new(store);
    let mut records = Vec::new();
    for replication in replications {
        let protocol = replication.protocol(args.profile, &Changes::default())?;
        let variants =
            replication::gather(
                &protocol,
                &mut |identity| Ok(store.record(&identity.key())?),
            )?;
        records.extend(variants.into_iter().flat_map(|variant| variant.records));
    }
    // Replications share runs.
    records.sort_by(|a, b| a.key.cmp(&b.key));
    records.dedup_by(|a, b| a.key == b.key);
    if records.is_empty() {
        let of_what = format!(" of the {} profile", args.profile.name());
        return Err(no_runs(&of_what, store.root(), START));
    }
    let done = export::export(&records, &args.to)?;
    if args.json {
        return print_json(&json!({
            "folder": args.to,
            "written": done.written,
            "unchanged": done.unchanged,
        }));
    }
    writeln!(
        stdout(),
        "records  {}: {} written, {} there already",
        args.to.display(),
        words::count(done.written, "record"),
        done.unchanged
    )?;
    Ok(())
}
