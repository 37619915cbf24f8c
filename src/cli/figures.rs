//! `replicate figures`: redraw from the store, without training.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Args, Command, value_parser};

use super::options::RunArgs;
use super::out::stdout;
use super::present::{Shown, show};
use super::session::Session;
use super::{START, no_runs, print_json};
use crate::Error;
use crate::catalogue::REPLICATIONS;
use crate::device::Choice;
use crate::launch::Report;
use crate::replication::{Changes, Profile, Replication};
use crate::words;

/// Arguments of `replicate figures` beside those of the replication.
#[derive(Args, Debug)]
pub struct FigureArgs {
    /// Folder for the files [default: <store>/<replication>/<profile>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// `replicate figures`, with the arguments it has without a replication.
#[must_use]
pub fn command() -> Command {
    Command::new("figures")
        .about("Redraw tables and figures from stored runs: of one replication, or of all that have some")
        .arg(
            Arg::new("out")
                .long("out")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("Folder for the files of all replications [default: the store]"),
        )
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Write the result as JSON"),
        )
        .args_conflicts_with_subcommands(true)
}

/// Redraws the tables and figures of all replications and profiles that have stored runs, as their
/// protocols are, into `<out>/<replication>/<profile>`.
///
/// # Errors
/// If there is no run at all, or a file cannot be written; after the rest, if a record cannot be read.
pub fn all(matches: &ArgMatches, store: &Path) -> Result<(), Error> {
    let as_json = matches.get_flag("json");
    let out = matches.get_one::<PathBuf>("out");
    let (mut shown, mut damaged) = (Vec::new(), Ok(()));
    for &replication in REPLICATIONS {
        for profile in Profile::ALL {
            let args = RunArgs::of(profile);
            let session = Session::new(replication, args, &Changes::default(), store)?;
            if let Some(one) = Shown::of(&session)? {
                let folder = match out {
                    Some(out) => out.join(replication.id()).join(profile.name()),
                    None => session.output_folder(),
                };
                let files = one.write(&folder)?;
                if !as_json {
                    writeln!(stdout(), "{}", one.title())?;
                    one.print_files(&files)?;
                }
                shown.push(one.json(&files));
            }
            damaged = damaged.and_then(|()| session.unreadable());
        }
    }
    if as_json {
        print_json(&shown)?;
    }
    damaged?;
    if shown.is_empty() {
        return Err(no_runs("", store, START));
    }
    Ok(())
}

/// Redraws the tables and figures of a replication.
///
/// # Errors
/// If there is no run to draw, or a file cannot be written.
pub fn run(
    replication: &'static dyn Replication,
    mut args: RunArgs,
    changes: &Changes,
    store: &Path,
    own: &FigureArgs,
) -> Result<(), Error> {
    // Nothing is trained here, and the device that trains may be another machine's.
    args.device = Choice::Cpu;
    let session = Session::new(replication, args, changes, store)?;
    let folder = own.out.clone().unwrap_or_else(|| session.output_folder());
    let shown = show(&session, &folder, &Report::default())?;
    session.unreadable()?;
    if shown.is_some() {
        return Ok(());
    }
    let id = replication.id();
    let profile = session.args.profile.name();
    let instead = if let Some((other, runs)) = session.fullest_other()? {
        format!(
            "of the {other} profile there are {}: replicate figures {id} --profile {other}",
            words::count(runs, "run"),
            other = other.name(),
        )
    } else {
        format!(
            "run {} first, or name the store with --store",
            session.command()
        )
    };
    let of_what = format!(" of {id} in the {profile} profile with these settings");
    Err(no_runs(&of_what, session.store.root(), &instead))
}
