//! A report as JSON.
//!
//! ```text
//! schema      "replicate-report/2"
//! program     version of replicate that wrote the report
//! counts      how many claims of each verdict, see Counts
//! papers      see Chapter: paper, experiments, without_experiment
//! unreadable  records that were left out
//! left_out    how many runs are of no reported protocol, see LeftOut
//! ```
//!
//! The fields of `papers` are those of [`Chapter`] and the types in it, described
//! there. A claim has the fields of a [`Judgement`](crate::claims::Judgement), `reason` and `rows`; a row
//! those of a [`Finding`](crate::claims::Finding) and what is drawn. Names are in `snake_case`, words
//! (profiles, kinds of verdict) in `kebab-case`. Within a schema fields are only ever added.

use serde::Serialize;

use super::content::{Chapter, Counts, LeftOut, Report};

/// Version of the format; a change that could break a reader gets a new number.
pub const SCHEMA: &str = "replicate-report/2";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    program: &'static str,
    counts: Counts,
    papers: &'a [Chapter],
    unreadable: &'a [String],
    left_out: LeftOut,
}

/// The document, indented, with a line end.
///
/// # Errors
/// If the writer fails, which it does not in memory.
pub fn write(report: &Report) -> Result<Vec<u8>, std::io::Error> {
    let document = Document {
        schema: SCHEMA,
        program: env!("CARGO_PKG_VERSION"),
        counts: report.counts(),
        papers: &report.papers,
        unreadable: &report.unreadable,
        left_out: report.left_out,
    };
    let mut text = serde_json::to_vec_pretty(&document)?;
    text.push(b'\n');
    Ok(text)
}
