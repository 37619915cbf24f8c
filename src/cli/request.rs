//! Between the command line's options and what a plan holds of them.

use std::path::{Path, PathBuf};

use super::options::{self, RunArgs};
use super::session::Session;
use crate::data::Access;
use crate::launch::plan_file::Member;
use crate::launch::{Error as LaunchError, Request};
use crate::replication::{Changes, Replication};
use crate::{Error, catalogue};

/// What was asked for, settled so that a process elsewhere does the same.
///
/// # Errors
/// If the current folder is gone.
pub fn make(
    replication: &dyn Replication,
    args: &RunArgs,
    changes: &Changes,
    store: &Path,
    access: &Access,
) -> Result<Request, Error> {
    // A mirror may be a folder.
    let mirror = access.mirror.as_ref().map(|mirror| {
        let path = Path::new(mirror);
        let folder = path.is_dir().then(|| std::path::absolute(path)).transpose();
        folder.map(|folder| folder.map_or(mirror.clone(), |path| path.display().to_string()))
    });
    Ok(Request {
        replication: replication.id().to_owned(),
        profile: args.profile,
        seeds: args.seeds.as_ref().map(|seeds| seeds.text.clone()),
        variants: args.variants.as_ref().map(|variants| variants.text.clone()),
        settings: changes.clone(),
        precision: args.precision,
        device: args.device.to_string(),
        threads: args.threads,
        workers: args.workers,
        store: std::path::absolute(store)?,
        data_dir: std::path::absolute(&access.cache)?,
        mirror: mirror.transpose()?,
        offline: access.offline,
    })
}

/// The options that a request was made from.
fn options(request: &Request) -> Result<RunArgs, String> {
    let seeds = request.seeds.as_deref().map(options::seeds).transpose()?;
    let variants = request.variants.as_deref();
    let variants = variants.map(options::variants).transpose()?;
    Ok(RunArgs {
        profile: request.profile,
        seeds,
        variants,
        device: request.device.parse()?,
        precision: request.precision,
        threads: request.threads,
        workers: request.workers,
        json: false,
    })
}

/// The replication and the options of a request; `path` is where it stands.
///
/// # Errors
/// If there is no such replication, or an option is none.
pub fn read(request: &Request, path: &Path) -> Result<(&'static dyn Replication, RunArgs), Error> {
    let replication = catalogue::find(&request.replication).ok_or_else(|| LaunchError::Stale {
        reason: format!("there is no replication {}", request.replication),
    })?;
    let args = options(request).map_err(|reason| LaunchError::Damaged {
        path: path.to_owned(),
        reason,
    })?;
    Ok((replication, args))
}

/// Where data are to come from.
///
/// # Errors
/// Never, as the folder is named.
pub fn access(request: &Request) -> Result<Access, Error> {
    let folder: PathBuf = request.data_dir.clone();
    Ok(Access::new(
        Some(folder),
        request.mirror.clone(),
        request.offline,
    )?)
}

/// A session of some runs of a request, with these options.
///
/// # Errors
/// As [`Session::of_runs`], and if a run has another key than the plan says.
pub fn session(
    request: &Request,
    replication: &'static dyn Replication,
    args: RunArgs,
    runs: &[Member],
) -> Result<Session, Error> {
    let pairs: Vec<_> = runs
        .iter()
        .map(|run| (run.variant.as_str(), run.seed))
        .collect();
    let (store, settings) = (&request.store, &request.settings);
    let session = Session::of_runs(replication, args, settings, store, &pairs)?;
    for (task, run) in session.tasks.iter().zip(runs) {
        if task.run.key != run.key {
            let (name, planned, ours) = (task.name(), &run.key, &task.run.key);
            let reason = format!("{name} is the run {planned} in the plan, and {ours} here");
            return Err(LaunchError::Stale { reason }.into());
        }
    }
    Ok(session)
}
