//! Clustering of points: the baselines that the papers compare with, and the step that turns
//! prototypes or codes into as many clusters as there are classes.

mod kmeans;
pub mod student;

use tch::{Kind, TchError};

pub use kmeans::{Fit, KMeans, Progress, assign};

/// Why points could not be clustered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A tensor of another shape or kind.
    #[error("{name} must be an f32 matrix with at least one column, got {kind:?} {shape:?}")]
    NotAMatrix {
        /// The argument meant, "data" or "centres".
        name: &'static str,
        /// Its element type.
        kind: Kind,
        /// Its shape.
        shape: Vec<i64>,
    },
    /// A setting outside its range.
    #[error("k-means with {name} = {value}: choose {allowed}")]
    Setting {
        /// The setting's name.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The values allowed.
        allowed: &'static str,
    },
    /// More clusters than points.
    #[error("cannot form {clusters} clusters of {rows} rows: lower k or pass more rows")]
    TooManyClusters {
        /// Clusters asked for.
        clusters: usize,
        /// Rows given.
        rows: usize,
    },
    /// Data and centres of different spaces.
    #[error("data of {data} columns cannot be assigned to centres of {centres} columns")]
    ColumnMismatch {
        /// Columns of the data.
        data: i64,
        /// Columns of the centres.
        centres: i64,
    },
    /// A value without a place in space.
    #[error(
        "row {row} of the {name} holds a value that is NaN, infinite or too large to be squared \
         as f32: check how it was computed, or scale it"
    )]
    NotFinite {
        /// The argument meant, "data" or "centres".
        name: &'static str,
        /// The first such row, counted from 0.
        row: usize,
    },
    /// The progress hook asked to stop.
    #[error("k-means was interrupted: no result was kept, run it again to start over")]
    Interrupted,
    /// libtorch failed, for example for lack of memory.
    #[error("libtorch failed during k-means: {}", first_line(.0))]
    Tensor(#[from] TchError),
}

/// libtorch's message without the C++ stack below it.
fn first_line(error: &TchError) -> String {
    let message = error.to_string();
    message.lines().next().unwrap_or_default().to_owned()
}
