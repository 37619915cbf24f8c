//! Every error that reaches the user, with its exit code.

use std::io::ErrorKind;

use crate::replication::BadSetting;
use crate::{claims, data, device, launch, plot, report, runs, solo, train, words};

/// An error of the program. [`Error::exit_code`] is part of its interface.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line asks for something that cannot be.
    #[error("{0}")]
    Usage(String),
    /// An option's value cannot be used.
    #[error(transparent)]
    Setting(#[from] BadSetting),
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] device::Error),
    /// Data that cannot be had, or is not what it should be.
    #[error(transparent)]
    Data(#[from] data::Error),
    /// Training failed.
    #[error(transparent)]
    Train(#[from] train::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] runs::Error),
    /// Published values that cannot be read.
    #[error(transparent)]
    Claims(#[from] claims::Error),
    /// A figure that cannot be drawn.
    #[error(transparent)]
    Plot(#[from] plot::Error),
    /// A report that cannot be written.
    #[error(transparent)]
    Report(#[from] report::Error),
    /// Runs could not be started.
    #[error(transparent)]
    Launch(#[from] launch::Error),
    /// A single training, or the use of its model, failed.
    #[error(transparent)]
    Solo(solo::Error),
    /// Some runs failed; the others are stored.
    #[error(
        "{failed} of {total} runs failed, the others are stored. The first says:\n{first}\nStart the same command again to retry only what failed."
    )]
    RunsFailed {
        /// How many.
        failed: usize,
        /// Of how many that were to be done.
        total: usize,
        /// The first error.
        first: String,
    },
    /// Runs that something is to be made of, none of which are stored.
    #[error("{0}")]
    NoRuns(String),
    /// Stored runs that cannot be read; they are left alone.
    #[error("{} cannot be read, left out here. The first: {first}", words::count(*count, "stored run"))]
    Unreadable {
        /// How many.
        count: usize,
        /// The first error.
        first: String,
    },
    /// A rerun that did not come out as its record says.
    #[error("{0}")]
    Differs(String),
    /// Stored results, or data, that are not what they should be.
    #[error("{0}")]
    Damaged(String),
    /// The user or the system stopped the program.
    #[error(
        "interrupted: finished runs and the state of trainings are saved (k-means fits begin anew). Start the same command again to go on."
    )]
    Interrupted,
    /// Output that cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
}

impl Error {
    /// The process's exit code: 2 usage (files given on the command line included), 10 a rerun differs, 20
    /// data or records that are not there or not what they should be, 30 runs failed, 40 they could not be started, 130
    /// interrupted, 1 anything else. (0, 10 and 11 are also those of [`claims::Conclusion`].)
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_)
            | Self::Setting(_)
            | Self::Device(_)
            | Self::Claims(_)
            | Self::Report(report::Error::Markers { .. })
            | Self::Launch(launch::Error::Unknown { .. })
            | Self::Data(data::Error::UnknownDataSet { .. }) => 2,
            // A file of the user's that is not there: those of the cache are fetched instead.
            Self::Data(data::Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => 2,
            Self::Differs(_) => 10,
            Self::Data(error) if error.concerns_data() => 20,
            Self::Damaged(_)
            | Self::NoRuns(_)
            | Self::Unreadable { .. }
            | Self::Store(runs::Error::Unreadable { .. } | runs::Error::Damaged { .. })
            | Self::Train(train::Error::Data(_)) => 20,
            Self::Solo(error) => error.exit_code(),
            Self::RunsFailed { .. }
            | Self::Train(_)
            | Self::Launch(launch::Error::Incomplete { .. }) => 30,
            Self::Launch(_) => 40,
            Self::Interrupted => 130,
            Self::Data(_) | Self::Store(_) | Self::Plot(_) | Self::Report(_) | Self::Output(_) => 1,
        }
    }
}

impl From<solo::Error> for Error {
    fn from(error: solo::Error) -> Self {
        match error {
            solo::Error::Data(error) => Self::Data(error),
            solo::Error::Train(error) => Self::Train(error),
            solo::Error::Store(error) => Self::Store(error),
            solo::Error::Plot(error) => Self::Plot(error),
            own => Self::Solo(own),
        }
    }
}
