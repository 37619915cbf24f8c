//! `replicate data`: list, fetch, verify and import data sets.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;

use super::out::stdout;
use crate::data::{
    self, Access, Condition, Entry, Error, Fetcher, FileReport, Hashes, Progress, catalogue,
};

/// Where data may come from; for every command that needs data.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Where things are")]
pub struct AccessArgs {
    /// Folder of the data cache [default: `$REPLICATE_DATA`, else the platform's cache folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Folder or URL of a mirror, tried before all other sources [default: `$REPLICATE_MIRROR`]
    #[arg(long, global = true, value_name = "DIR|URL")]
    pub mirror: Option<String>,
    /// Use the cache and a local mirror only
    #[arg(long, global = true)]
    pub offline: bool,
}

impl AccessArgs {
    /// Settles the folders; see [`Access::new`].
    ///
    /// # Errors
    /// [`Error::NoCacheFolder`].
    pub fn resolve(&self) -> Result<Access, Error> {
        Access::new(self.data_dir.clone(), self.mirror.clone(), self.offline)
    }
}

/// Arguments of `replicate data`.
#[derive(Args, Clone, Debug)]
pub struct DataArgs {
    #[command(subcommand)]
    command: DataCommand,
    /// Write the result as JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Clone, Debug, Subcommand)]
enum DataCommand {
    /// List the data sets: what they are, their terms, and whether they are here
    List,
    /// Fetch and verify what is missing
    Fetch {
        /// Data sets [default: all]
        ids: Vec<String>,
    },
    /// Compare the SHA-256 of every cached file with the manifest; changes nothing
    Verify {
        /// Data sets [default: all that are here, in whole or in part]
        ids: Vec<String>,
    },
    /// Take files you have: .gz or not, recognised by SHA-256 whatever their names, else by name
    Import {
        /// The data set
        id: String,
        /// Files, or folders that hold them
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
}

/// Runs `replicate data`; results go to standard output.
///
/// # Errors
/// Those of [`crate::data`]; [`Error::Unverified`] when `verify` finds damage, or a data set named
/// by its id is not here.
pub fn run(args: &DataArgs, access: &Access, progress: &dyn Progress) -> Result<(), Error> {
    run_to(&mut stdout(), args, access, progress)
}

fn run_to(
    out: &mut dyn Write,
    args: &DataArgs,
    access: &Access,
    progress: &dyn Progress,
) -> Result<(), Error> {
    match &args.command {
        DataCommand::List => list(out, args.json, access),
        DataCommand::Fetch { ids } => fetch(out, args.json, ids, access, progress),
        DataCommand::Verify { ids } => verify(out, args.json, ids, access),
        DataCommand::Import { id, paths } => {
            let imported = data::import(id, paths, access, progress)?;
            let entry = catalogue()?.entry(id)?;
            let is_complete = data::is_available(id, access)?;
            if args.json {
                let value = json!({ "imported": imported, "complete": is_complete });
                return write_json(out, &value);
            }
            for one in &imported {
                writeln!(out, "{id}/{}: taken from {}", one.file, one.from.display())?;
            }
            let missing = missing_files(entry, access)?;
            if missing.is_empty() {
                writeln!(out, "{id} is complete")?;
            } else {
                writeln!(out, "still missing: {}", missing.join(", "))?;
            }
            Ok(())
        }
    }
}

fn list(out: &mut dyn Write, json: bool, access: &Access) -> Result<(), Error> {
    let manifest = catalogue()?;
    if json {
        let sets: Result<Vec<_>, Error> = manifest
            .entries()
            .map(|entry| {
                Ok(json!({
                    "id": entry.id,
                    "title": entry.title,
                    "rows": entry.rows(),
                    "train_rows": entry.train_rows,
                    "test_rows": entry.test_rows,
                    "dims": entry.dims(),
                    "image": entry.image,
                    "classes": entry.classes,
                    "licence": entry.licence,
                    "citation": entry.citation,
                    "homepage": entry.homepage,
                    "sha256": entry.sha256(),
                    "hashes": entry.hashes,
                    "embedded": entry.is_embedded(),
                    "available": data::is_available(entry.id.as_str(), access)?,
                }))
            })
            .collect();
        return write_json(out, &json!({ "cache": access.cache, "datasets": sets? }));
    }
    for entry in manifest.entries() {
        let here = if entry.is_embedded() {
            "embedded".to_owned()
        } else if data::is_available(entry.id.as_str(), access)? {
            "here".to_owned()
        } else {
            let sizes = entry.files.iter().map(|file| file.download.bytes);
            match sizes.sum::<Option<u64>>() {
                Some(bytes) => format!("to fetch, {:.1} MB", bytes as f64 / 1e6),
                None => "to fetch, size not known".to_owned(),
            }
        };
        writeln!(out, "{} ({here})", entry.id)?;
        let row = match entry.image {
            Some((height, width)) => format!("{height} x {width}"),
            None => format!("{} features", entry.dims()),
        };
        writeln!(
            out,
            "  {}: {} rows of {row}, {} classes",
            entry.title,
            entry.rows(),
            entry.classes
        )?;
        if entry.hashes == Hashes::FirstUse {
            writeln!(
                out,
                "  not all of its hashes are known: what comes first is noted and compared from then on"
            )?;
        }
        writeln!(out, "  licence: {}", entry.licence)?;
        writeln!(out, "  cite: {}", entry.citation)?;
    }
    writeln!(out, "cache: {}", access.cache.display())?;
    Ok(())
}

/// The data sets of these ids, or all.
fn chosen(ids: &[String]) -> Result<Vec<&'static Entry>, Error> {
    let manifest = catalogue()?;
    if ids.is_empty() {
        return Ok(manifest.entries().collect());
    }
    ids.iter().map(|id| manifest.entry(id)).collect()
}

fn fetch(
    out: &mut dyn Write,
    json: bool,
    ids: &[String],
    access: &Access,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let fetcher = Fetcher::new(access, progress);
    let mut all = Vec::new();
    // A data set that fails does not keep the others from coming.
    let mut first_failure = None;
    for entry in chosen(ids)? {
        match fetcher.fetch(entry) {
            Ok(fetched) => all.extend(fetched),
            Err(failure) if first_failure.is_none() => first_failure = Some(failure),
            Err(failure) => progress.note(&failure.to_string()),
        }
    }
    if json {
        write_json(out, &all)?;
    } else {
        for one in &all {
            let checked = match (one.checked, &one.source) {
                (_, None) => "",
                (data::Checked::DownloadAndDecoded, _) => "; SHA-256 of download and decoded match",
                (data::Checked::Decoded, _) => {
                    "; SHA-256 of decoded matches (not the published .gz)"
                }
                (data::Checked::Noted, _) => {
                    "; there is no known SHA-256 to compare with, that of decoded was noted"
                }
            };
            let origin = match (&one.source, &one.path) {
                (Some(source), _) => source.as_str(),
                (None, Some(_)) => "here already, SHA-256 matches",
                (None, None) => "embedded",
            };
            writeln!(out, "{}/{}: {origin}{checked}", one.dataset, one.file)?;
        }
    }
    first_failure.map_or(Ok(()), Err)
}

fn verify(out: &mut dyn Write, json: bool, ids: &[String], access: &Access) -> Result<(), Error> {
    let mut reports: Vec<FileReport> = Vec::new();
    for entry in chosen(ids)? {
        let found = data::verify(entry, access)?;
        let is_here = found
            .iter()
            .any(|report| report.condition != Condition::Missing);
        if is_here || !ids.is_empty() {
            reports.extend(found);
        }
    }
    if json {
        write_json(out, &reports)?;
    } else {
        for report in &reports {
            let condition = match &report.condition {
                Condition::Good => "good",
                Condition::Missing => "missing",
                Condition::Damaged { detail } => detail,
            };
            writeln!(out, "{}/{}: {condition}", report.dataset, report.file)?;
        }
    }
    let named = |wanted: fn(&Condition) -> bool| {
        let mut names: Vec<String> = Vec::new();
        for report in reports.iter().filter(|report| wanted(&report.condition)) {
            names.push(format!("{}/{}", report.dataset, report.file));
        }
        names
    };
    let damaged = named(|condition| matches!(condition, Condition::Damaged { .. }));
    let missing = named(|condition| matches!(condition, Condition::Missing));
    if damaged.is_empty() && missing.is_empty() {
        Ok(())
    } else {
        Err(Error::Unverified { damaged, missing })
    }
}

fn missing_files(entry: &Entry, access: &Access) -> Result<Vec<String>, Error> {
    let reports = data::verify(entry, access)?;
    Ok(reports
        .into_iter()
        .filter(|report| report.condition != Condition::Good)
        .map(|report| report.file)
        .collect())
}

fn write_json(out: &mut dyn Write, value: &impl Serialize) -> Result<(), Error> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use clap::Parser;

    use super::*;
    use crate::data::Silent;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: DataArgs,
    }

    /// The output of `replicate data <line>` with an empty cache and no network.
    fn output(line: &str) -> (String, Result<(), Error>) {
        let cache = tempfile::tempdir().unwrap();
        let access = Access {
            cache: cache.path().to_owned(),
            mirror: None,
            offline: true,
        };
        let words = std::iter::once("data").chain(line.split(' '));
        let args = Cli::parse_from(words).args;
        let mut out = Vec::new();
        let outcome = run_to(&mut out, &args, &access, &Silent);
        (String::from_utf8(out).unwrap(), outcome)
    }

    #[test]
    fn list_says_what_is_here_and_what_is_not() {
        let (text, outcome) = output("list");
        outcome.unwrap();
        assert!(text.contains("mnist (to fetch, 11.6 MB)\n"), "{text}");
        assert!(text.contains("digits (embedded)\n"), "{text}");
        assert!(text.contains("usps (to fetch, 2.9 MB)\n"), "{text}");
        assert!(text.contains("rows of 2000 features, 4 classes"), "{text}");
        let plain = "reuters10k (to fetch, size not known)\n";
        assert!(
            text.contains(plain) && text.contains("not all of its hashes"),
            "{text}"
        );
        let (json, _) = output("list --json");
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["datasets"][0]["rows"], 70_000);
        assert_eq!(value["datasets"][0]["available"], false);
        assert_eq!(value["datasets"][2]["available"], true);
    }

    #[test]
    fn a_failed_fetch_still_reports_the_others() {
        let (text, outcome) = output("fetch mnist digits");
        assert_eq!(text, "digits/digits.csv: embedded\n");
        let error = outcome.unwrap_err().to_string();
        assert!(
            error.starts_with("mnist/train-images-idx3-ubyte: --offline"),
            "{error}"
        );
    }

    #[test]
    fn verify_fails_for_what_was_named_and_is_missing() {
        let (text, outcome) = output("verify");
        assert_eq!(text, "digits/digits.csv: good\n");
        outcome.unwrap();
        let (json, outcome) = output("verify --json mnist");
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value[3]["condition"], "missing");
        let error = outcome.unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("not in the cache: mnist/train"),
            "{error}"
        );
    }

    #[test]
    fn unknown_data_sets_are_refused() {
        let (_, outcome) = output("fetch minst");
        let error = outcome.unwrap_err().to_string();
        assert!(
            error.contains("there are: mnist, fashion-mnist, digits, usps, reuters10k"),
            "{error}"
        );
    }
}
