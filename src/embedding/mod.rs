//! Points of many dimensions drawn in two: the pictures of latent spaces that papers show.

mod tsne;

pub use tsne::{Embedding, Initial, LearningRate, Outcome, Progress, Tsne};

/// Why points could not be embedded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Values that do not fill whole rows.
    #[error(
        "{values} values do not make rows of {columns} columns: pass a whole, non-empty matrix"
    )]
    NotAMatrix {
        /// Values given.
        values: usize,
        /// Columns given.
        columns: usize,
    },
    /// More rows than neighbours can be numbered.
    #[error("{rows} rows are too many to embed (at most {limit}): embed a random part of them")]
    TooManyRows {
        /// Rows given.
        rows: usize,
        /// Rows possible.
        limit: usize,
    },
    /// Starting places of other points.
    #[error("{given} starting places for {rows} rows: give one per row")]
    StartMismatch {
        /// Places given.
        given: usize,
        /// Rows given.
        rows: usize,
    },
    /// A setting outside its range.
    #[error("t-SNE with {name} = {value}: choose {allowed}")]
    Setting {
        /// The setting's name.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The values allowed.
        allowed: &'static str,
    },
    /// Fewer rows than the neighbours that the perplexity asks for.
    #[error(
        "perplexity {perplexity} needs more than {needed} rows, got {rows}: lower it to \
         {} or less, or embed more rows", largest_perplexity(*.rows)
    )]
    TooFewRows {
        /// The perplexity asked for.
        perplexity: f64,
        /// Three times the perplexity, rounded up.
        needed: usize,
        /// Rows given.
        rows: usize,
    },
    /// A value without a place in space.
    #[error(
        "row {row} of the {name} holds a value that is NaN or infinite: check how it was \
         computed"
    )]
    NotFinite {
        /// The argument meant, "data" or "starting places".
        name: &'static str,
        /// The first such row, counted from 0.
        row: usize,
    },
    /// Nothing to tell rows apart by.
    #[error(
        "all {rows} rows are the same: there is nothing to embed, check how they were computed"
    )]
    AllEqual {
        /// Rows given.
        rows: usize,
    },
    /// The points flew apart.
    #[error(
        "t-SNE diverged in iteration {iteration}: lower the learning rate ({rate}), or leave it \
         automatic"
    )]
    Diverged {
        /// The iteration, counted from 1.
        iteration: usize,
        /// The learning rate used.
        rate: f64,
    },
    /// The progress hook asked to stop.
    #[error("t-SNE was interrupted: no result was kept, run it again to start over")]
    Interrupted,
}

/// The largest perplexity that `rows` rows allow, rounded down to a tenth.
fn largest_perplexity(rows: usize) -> f64 {
    (rows.saturating_sub(1) as f64 / 0.3).floor() / 10.0
}
