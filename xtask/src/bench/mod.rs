//! `cargo xtask bench`: ours and its peers, measured in turns in one run.
//!
//! Every contender of a task is a program kept alive during the run (`contender.rs` has the protocol). Each round asks
//! all of them one after the other, so that a machine that slows down slows all of them; ratios are taken within rounds.

mod build;
mod contender;
mod options;
mod peers;
mod report;
mod results;
mod statistics;
mod tasks;

use std::process::{Command, ExitCode};
use std::thread;

pub use options::Options;

use crate::cargo;
use crate::error::{Error, Result};
use crate::progress::say_of;
use contender::Contender;
use peers::Peers;
use report::{Row, Table};
use tasks::{Entrant, Part, Setting, Task};

/// Measures what `options` ask for and prints the tables.
pub fn run(options: &Options) -> Result<ExitCode> {
    let workspace = cargo::workspace()?;
    let threads = match options.threads {
        Some(threads) => threads,
        None => thread::available_parallelism().map_or(1, usize::from),
    };
    let ours = build::contender()?;
    if options.profile {
        let status = Command::new(&ours)
            .args(["profile", &threads.to_string()])
            .status();
        let status = status.map_err(|source| Error::Start {
            program: ours.display().to_string(),
            source,
        })?;
        return Ok(if status.success() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    let peers = if options.peers {
        // Without peers there is still ours to measure.
        Peers::ready(&workspace).map_err(|error| error.to_string())
    } else {
        Err("left out (--no-peers)".to_owned())
    };
    let folder = workspace.join("target").join("bench");
    std::fs::create_dir_all(&folder).map_err(Error::io("make", &folder))?;
    let data = build::data(&ours, &folder)?;
    let setting = Setting {
        ours: &ours,
        peers: &peers,
        folder: &folder,
        threads,
    };
    let mut tables = Vec::new();
    for task in tasks::all(&setting) {
        if options.asks_for(task.id) {
            let table = measure(&task, options, &data);
            println!("{}", table.markdown());
            tables.push(table);
        }
    }
    if let Some(path) = &options.json {
        let json = results::json(&tables, threads);
        std::fs::write(path, json).map_err(Error::io("write", path))?;
    }
    if options.write {
        let path = workspace.join("benches").join("RESULTS.md");
        results::write(&path, &tables, options, threads)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Starts the task's entrants, checks that they compute the same, and asks them in turns. One that fails is out, with
/// its reason; the others go on.
fn measure(task: &Task, options: &Options, data: &str) -> Table {
    let mut rows: Vec<Row> = Vec::new();
    let mut running: Vec<Option<Contender>> = Vec::new();
    for entrant in &task.entrants {
        say_of("bench", &format!("{}: starting {}", task.id, entrant.name));
        let started = start(entrant, task);
        let (contender, row) = match started {
            Ok(contender) => {
                let about = contender.about.clone();
                (Some(contender), Row::new(entrant, about))
            }
            Err(fault) => (None, Row::failed(entrant, fault)),
        };
        running.push(contender);
        rows.push(row);
    }
    if task.checks {
        check(task, &mut running, &mut rows);
    }
    let rounds = task.rounds.unwrap_or(options.rounds);
    for round in 0..=rounds {
        let name = match round {
            _ if task.single => "the only round".to_owned(),
            0 => "warm-up".to_owned(),
            _ => format!("round {round} of {rounds}"),
        };
        say_of("bench", &format!("{}: {name}", task.id));
        for (contender, row) in running.iter_mut().zip(&mut rows) {
            let Some(alive) = contender else { continue };
            match alive.round(task.patience) {
                Ok(_) if round == 0 && !task.single => {}
                Ok(measured) => row.rounds.push(measured),
                Err(fault) => {
                    row.fault = Some(fault);
                    *contender = None;
                }
            }
        }
        if task.single {
            break;
        }
    }
    Table::new(task, data, rows)
}

fn start(entrant: &Entrant, task: &Task) -> std::result::Result<Contender, String> {
    let commands = entrant.commands.as_ref().map_err(Clone::clone)?;
    Contender::start(commands, task.patience)
}

/// Asks everyone for the losses of a few steps from the same weights; who differs from the first is out.
fn check(task: &Task, running: &mut [Option<Contender>], rows: &mut [Row]) {
    let mut reference: Option<Vec<f64>> = None;
    for (contender, row) in running.iter_mut().zip(rows) {
        let Some(alive) = contender else { continue };
        if matches!(row.part, Part::Yardstick | Part::Rounded) {
            continue;
        }
        let losses = alive.check(task.patience);
        let verdict = losses.and_then(|losses| {
            let first = reference.get_or_insert_with(|| losses.clone());
            statistics::worst_difference(first, &losses)
        });
        match verdict {
            Ok(difference) if difference <= tasks::TOLERANCE => row.difference = Some(difference),
            Ok(difference) => {
                row.fault = Some(format!(
                    "does not compute the same: its losses differ by {difference:.1e}"
                ));
                *contender = None;
            }
            Err(fault) => {
                row.fault = Some(fault);
                *contender = None;
            }
        }
    }
}
