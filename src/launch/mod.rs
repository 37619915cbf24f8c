//! Carrying out planned runs.

pub mod calibrate;
pub mod local;

pub use calibrate::calibrate;
pub use local::{DataSets, Options, Report, Task, Team, WORKER, execute};

/// Why runs could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refuses a thread.
    #[error("cannot start a worker thread: {0}")]
    Thread(std::io::Error),
}
