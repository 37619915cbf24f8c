//! The command line: what `replicate` understands, and what it answers with.

mod collect;
mod data;
mod data_progress;
mod doctor;
mod export;
mod figures;
mod interrupt;
mod judge;
mod launches;
mod list;
mod metrics;
mod metrics_input;
pub mod options;
mod out;
mod own_data;
mod plan;
mod planner;
mod predict;
mod present;
mod report;
mod request;
mod rerun;
mod rerun_report;
mod run;
mod run_progress;
mod session;
mod show;
mod status;
mod submit;
mod train;
mod train_options;
mod train_progress;
mod verdicts;
mod verify;
mod worker;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use self::out::stdout;
use crate::claims::Conclusion;
use crate::{Error, catalogue, words};

/// Re-runs the experiments of published deep-clustering and self-organising-map papers and compares
/// what comes out with what was printed.
#[derive(Parser, Debug)]
#[command(name = "replicate", version, arg_required_else_help = true)]
#[command(subcommand_help_heading = "Commands", after_help = AFTER_HELP)]
struct Cli {
    #[command(flatten)]
    places: Places,
    #[command(subcommand)]
    command: Fixed,
}

const AFTER_HELP: &str = "\
Every replication is a command of its own: replicate desom-gamma --profile quick

Exit codes: 0 done, and all claims that were judged are reproduced, or consistent where a paper prints \
a mean alone; 10 some are not reproduced or inconsistent, or a rerun differs from its record; 11 none is \
refuted, but some are undecided or have no runs; 2 usage, 20 data or records missing or damaged, 30 runs failed or are \
missing, 40 runs could not be started or submitted, 130 interrupted (start the same \
command again to go on), 1 anything else.";

/// Where runs and data are kept.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Where things are")]
struct Places {
    /// Folder for runs, tables and figures
    #[arg(long, global = true, value_name = "DIR", env = "REPLICATE_STORE")]
    #[arg(default_value = "results")]
    store: PathBuf,
    #[command(flatten)]
    access: data::AccessArgs,
}

const RUN: &str = "run";
/// What to do without any run.
const START: &str = "run a replication first (replicate list), or name the store with --store";

#[derive(Subcommand, Debug)]
enum Fixed {
    /// List the replications
    List(list::ListArgs),
    /// Explain a replication (what it does, its settings, its claims), a claim with its verdict, or a paper
    Show(show::ShowArgs),
    /// Train one model with free settings, on a data set of the catalogue or your own data
    Train(Box<train_options::TrainArgs>),
    /// Apply a trained model to new data: codes, best matching units, clusters, distances
    Predict(predict::PredictArgs),
    /// Do a stored run again and say whether it gives the same bits
    Rerun(rerun::RerunArgs),
    /// Judge the stored runs of a replication, or check that nothing in the store is damaged; trains nothing
    Verify(verify::VerifyArgs),
    /// Judge your own numbers by a file of claims
    Judge(judge::JudgeArgs),
    /// Measure your own clustering or map: every metric, from files
    Metrics(metrics::MetricsArgs),
    /// Write a report on all stored runs: HTML, Markdown, CSV, JSON, LaTeX; run nothing
    Report(report::ReportArgs),
    /// Copy the records of stored runs, without weights, for others to judge and report on
    Export(export::ExportArgs),
    /// Follow a submitted launch until nothing is to come
    Watch(launches::WatchArgs),
    /// Stop a submitted launch: tasks at work save what they have, the others are not started
    Cancel(launches::CancelArgs),
    /// Show what a submitted launch has come to: tables, figures, report; trains nothing
    Collect(collect::CollectArgs),
    /// Do one task of a plan: what launchers start
    Worker(worker::WorkerArgs),
    /// Start the workers of a launch on this machine, which submit does itself
    #[command(hide = true)]
    Supervise(collect::SuperviseArgs),
    /// List, fetch, verify and import data sets
    Data(data::DataArgs),
    /// Check what this machine offers: libtorch, devices, folders
    Doctor(doctor::DoctorArgs),
}

fn command() -> Command {
    let plan = Command::new("plan")
        .about("Say what would be run, why, and how long it takes; run nothing")
        .subcommand_required(true)
        .arg_required_else_help(true);
    let submit = Command::new("submit")
        .about("Hand a sweep to Slurm, or to processes in the background, and return")
        .subcommand_required(true)
        .arg_required_else_help(true);
    // What other programs have; here it says what to write instead.
    let run = Command::new(RUN).hide(true).disable_help_flag(true).arg(
        Arg::new(RUN)
            .num_args(0..)
            .trailing_var_arg(true)
            .allow_hyphen_values(true),
    );
    let command = Cli::command()
        .subcommand(run)
        .subcommand(options::with_replications(plan, |command| command))
        .subcommand(options::with_replications(status::command(), |command| {
            command
        }))
        .subcommand(options::with_replications(
            submit,
            submit::SubmitArgs::augment_args,
        ))
        .subcommand(options::with_replications(
            figures::command(),
            figures::FigureArgs::augment_args,
        ));
    options::with_replications(command, |command| command)
}

/// Parses the process's arguments, does what they say, and gives the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version are "errors" of clap's with exit code 0.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match dispatch(&matches) {
        Ok(conclusion) => ExitCode::from(conclusion.exit_code()),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn dispatch(matches: &ArgMatches) -> Result<Conclusion, Error> {
    let usage = |error: clap::Error| Error::Usage(error.to_string());
    let places = Places::from_arg_matches(matches).map_err(usage)?;
    let access = || places.access.resolve();
    if let Some((name, inner)) = matches.subcommand() {
        if let Some(replication) = catalogue::find(name) {
            let (args, changes) = options::read(replication, inner).map_err(usage)?;
            return run::run(replication, args, &changes, &places.store, &access()?);
        }
        match (inner.subcommand(), name) {
            (_, RUN) => return Err(run_by_name(inner)),
            (None, "status") => return done(status::without_replication(inner, &places.store)),
            (None, "figures") => return done(figures::all(inner, &places.store)),
            _ => {}
        }
        if let (Some((id, inner)), "plan" | "figures" | "status" | "submit") =
            (inner.subcommand(), name)
            && let Some(replication) = catalogue::find(id)
        {
            let (args, changes) = options::read(replication, inner).map_err(usage)?;
            let store = &places.store;
            return done(match name {
                "plan" => plan::run(replication, args, &changes, store, &access()?),
                "status" => status::run(replication, args, &changes, store),
                "submit" => {
                    let own = submit::SubmitArgs::from_arg_matches(inner).map_err(usage)?;
                    submit::run(replication, args, &changes, store, &access()?, &own)
                }
                _ => {
                    let own = figures::FigureArgs::from_arg_matches(inner).map_err(usage)?;
                    figures::run(replication, args, &changes, store, &own)
                }
            });
        }
    }
    match Cli::from_arg_matches(matches).map_err(usage)?.command {
        Fixed::List(args) => done(list::list(&args)),
        Fixed::Show(args) => done(show::show(&args, &places.store)),
        Fixed::Train(args) => done(train::run(&args, &access()?)),
        Fixed::Predict(args) => done(predict::run(&args, &places.store, &access()?)),
        Fixed::Rerun(args) => done(rerun::run(&args, &places.store, &access()?)),
        Fixed::Verify(args) => verify::run(&args, &places.store),
        Fixed::Judge(args) => judge::run(&args),
        Fixed::Metrics(args) => done(metrics::run(&args)),
        Fixed::Report(args) => done(report::run(&args, &places.store)),
        Fixed::Export(args) => done(export::run(&args, &places.store)),
        Fixed::Watch(args) => done(launches::watch(&args, &places.store)),
        Fixed::Cancel(args) => done(launches::cancel(&args, &places.store)),
        Fixed::Collect(args) => collect::run(&args, &places.store),
        Fixed::Worker(args) => done(worker::run(&args)),
        Fixed::Supervise(args) => collect::supervise(&args, &places.store),
        Fixed::Data(args) => {
            let progress = data_progress::on_stderr();
            done(data::run(&args, &access()?, progress.as_ref()).map_err(Error::from))
        }
        Fixed::Doctor(args) => done(doctor::run(&args, &places.store, &access()?)),
    }
}

/// The error of a command that found no runs `of_what`, with what to do.
fn no_runs(of_what: &str, store: &Path, instead: &str) -> Error {
    Error::NoRuns(format!(
        "there are no stored runs{of_what} in {}: {instead}{}",
        store.display(),
        records_here(store)
    ))
}

/// In a checkout of the program there are the records of its own results, which one who reads its documents may mean.
fn records_here(store: &Path) -> &'static str {
    let records = Path::new("records");
    let is_same = || match (records.canonicalize(), store.canonicalize()) {
        (Ok(records), Ok(store)) => records == store,
        _ => false,
    };
    if records.join("runs").is_dir() && !is_same() {
        "; the records here are another store: --store records"
    } else {
        ""
    }
}

/// The replications that one who wrote `name` may have meant, as the end of a sentence.
fn or_meant(name: &str) -> String {
    let known = catalogue::REPLICATIONS.iter().map(|one| one.id());
    words::or_meant(&words::alike(name, known))
}

/// The error of `replicate run`, with the command that was meant.
fn run_by_name(matches: &ArgMatches) -> Error {
    let words = matches.get_many::<String>(RUN).unwrap_or_default();
    let words: Vec<&str> = words.map(String::as_str).collect();
    Error::Usage(match words[..] {
        [] => "every replication is a command of its own: replicate list names them".to_owned(),
        _ => format!(
            "every replication is a command of its own: replicate {}",
            words.join(" ")
        ),
    })
}

/// The conclusion of commands that judge nothing.
fn done(result: Result<(), Error>) -> Result<Conclusion, Error> {
    result.map(|()| Conclusion::NothingJudged)
}

/// Whether standard error is a terminal on which progress can be drawn.
fn draws_progress() -> bool {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    std::io::stderr().is_terminal() && !dumb
}

/// Writes a value as indented JSON to standard output.
fn print_json(value: &impl serde::Serialize) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(value).map_err(std::io::Error::from)?;
    writeln!(stdout(), "{text}")?;
    Ok(())
}
