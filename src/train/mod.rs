//! Training: what a method is, the loop that drives its models, checkpoints, and what an observer
//! is told meanwhile.

pub mod checkpoint;
pub mod drive;
pub mod method;
pub mod observer;

pub use drive::{Driven, Trainable, drive};
pub use method::{Context, Finished, Member, Method, TrainingData, Work};
pub use observer::{Event, Observer};

/// What can go wrong in training.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Settings that make no sense, e.g. a map without units.
    #[error("{0}")]
    Settings(String),
    /// libtorch refused an operation.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// A bug: the worker lived on, the run did not.
    #[error(
        "the run panicked: {0}\nThis is a bug of the program: please report it with this message."
    )]
    Panicked(String),
    /// A checkpoint or weights could not be written or read.
    #[error(transparent)]
    Store(#[from] crate::runs::Error),
    /// Clustering failed.
    #[error("clustering: {0}")]
    Clustering(String),
    /// A metric could not be computed.
    #[error("metrics: {0}")]
    Metrics(String),
}
