//! `replicate doctor`: what this machine offers.

use std::io::Write;
use std::path::Path;

use clap::Args;
use serde_json::json;

use super::out::stdout;
use super::print_json;
use crate::Error;
use crate::data::{self, Access};
use crate::device::{self, Choice};
use crate::files::write_whole;

/// Arguments of `replicate doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

/// Prints versions, devices and folders.
///
/// # Errors
/// If the output cannot be written.
pub fn run(args: &DoctorArgs, store: &Path, access: &Access) -> Result<(), Error> {
    let gpu = match Choice::Cuda(0).resolve() {
        Ok(_) => format!("cuda:0 usable, {} in all", tch::Cuda::device_count()),
        Err(error) => error
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
    };
    let mut sets = Vec::new();
    for entry in data::catalogue()?.entries() {
        let here = data::is_available(entry.id.as_str(), access)?;
        sets.push(format!(
            "{} {}",
            entry.id.as_str(),
            if here { "here" } else { "to fetch" }
        ));
    }
    let facts = [
        ("replicate", env!("CARGO_PKG_VERSION").to_owned()),
        ("libtorch", env!("REPLICATE_LIBTORCH_VERSION").to_owned()),
        ("processor", device::processor()),
        ("threads", device::available_threads().to_string()),
        (
            "matrix kernels",
            std::env::var("MKL_CBWR").unwrap_or_else(|_| "default".to_owned()),
        ),
        ("GPU", gpu),
        ("store", writable(store)),
        ("data cache", writable(&access.cache)),
        ("data sets", sets.join(", ")),
    ];
    if args.json {
        let fields = facts
            .iter()
            .map(|(name, value)| (name.replace(' ', "_"), json!(value)));
        return print_json(&fields.collect::<serde_json::Map<_, _>>());
    }
    let mut out = stdout();
    for (name, value) in facts {
        writeln!(out, "{name:15} {value}")?;
    }
    Ok(())
}

/// The folder, and whether a file can be made in it (or in the nearest folder above that exists).
fn writable(folder: &Path) -> String {
    let existing = folder.ancestors().find(|folder| folder.is_dir());
    let probe = existing.unwrap_or(Path::new(".")).join(".replicate-doctor");
    let tried = write_whole(&probe, b"");
    let _ = std::fs::remove_file(&probe);
    let state = match tried {
        Ok(()) => "writable",
        Err(_) => "not writable",
    };
    format!("{} ({state})", folder.display())
}
