//! `replicate figures`: redraw from the store, without training.

use std::path::{Path, PathBuf};

use clap::Args;

use super::options::RunArgs;
use super::present::show;
use super::session::Session;
use crate::Error;
use crate::launch::Report;
use crate::replication::{Changes, Replication};

/// Arguments of `replicate figures` beside those of the replication.
#[derive(Args, Debug)]
pub struct FigureArgs {
    /// Folder for the files [default: <store>/<replication>/<profile>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Redraws the tables and figures of a replication.
///
/// # Errors
/// If there is no run to draw, or a file cannot be written.
pub fn run(
    replication: &'static dyn Replication,
    args: RunArgs,
    changes: &Changes,
    store: &Path,
    own: &FigureArgs,
) -> Result<(), Error> {
    let session = Session::new(replication, args, changes, store)?;
    let folder = own.out.clone().unwrap_or_else(|| session.output_folder());
    if show(&session, &folder, &Report::default())?.is_some() {
        return Ok(());
    }
    session.unreadable()?;
    Err(Error::Usage(format!(
        "there are no stored runs of {id} with these settings in {}: run replicate {id} first, or \
         name the store with --store",
        session.store.root().display(),
        id = replication.id(),
    )))
}
