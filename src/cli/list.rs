//! `replicate list`.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::out::stdout;
use super::print_json;
use crate::Error;
use crate::catalogue::REPLICATIONS;

/// Arguments of `replicate list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

/// Prints all replications.
///
/// # Errors
/// If a paper's file is wrong or the output cannot be written.
pub fn list(args: &ListArgs) -> Result<(), Error> {
    if args.json {
        let mut all = Vec::new();
        for replication in REPLICATIONS {
            let paper = replication.published()?.paper;
            all.push(json!({
                "id": replication.id(),
                "summary": replication.summary(),
                "paper": {"id": paper.id, "title": paper.title, "year": paper.year},
            }));
        }
        return print_json(&all);
    }
    let mut out = stdout();
    for replication in REPLICATIONS {
        let paper = replication.published()?.paper;
        writeln!(out, "{}\n    {}", replication.id(), replication.summary())?;
        writeln!(out, "    {} ({})", paper.title, paper.year)?;
    }
    writeln!(
        out,
        "\nreplicate show NAME explains one, replicate NAME --profile quick runs it."
    )?;
    Ok(())
}
