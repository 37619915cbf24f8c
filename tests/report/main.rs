//! Reports from stores of records that were written by hand: what they say, in each format; that nothing
//! gets out of its place; that the same store gives the same bytes.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../program/mod.rs"]
mod program;

mod command;
mod committed;
mod counted;
mod formats;
mod scripted;

use replicate::replication::{Profile, Replication};
use replicate::report::{Report, gather, html, json, latex, markdown, results_csv};
use replicate::runs::Store;

use scripted::{Scripted, records, store};

fn report(store: &Store) -> Report {
    let papers = [Scripted.published().unwrap()];
    gather(&[&Scripted], &papers, None, store).unwrap()
}

fn scripted(profile: Profile) -> Report {
    let folder = tempfile::tempdir().unwrap();
    report(&store(folder.path(), &records(profile)))
}

/// Every format, by name.
fn formats(report: &Report) -> Vec<(&'static str, String)> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    vec![
        ("html", html::page(report)),
        ("markdown", markdown::document(report)),
        ("json", text(json::write(report).unwrap())),
        ("csv", text(results_csv::write(report).unwrap())),
        ("latex", latex::tables(report)),
    ]
}

/// What stands between `start` and `end`, each time.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    let parts = text.split(start).skip(1);
    parts.map(|part| part.split(end).next().unwrap()).collect()
}
