//! One model trained with free settings on any data, what it leaves in a folder, and its use on new
//! data.
//!
//! A replication repeats what a paper did; this is for what a user wants. A folder holds one
//! training: `training.json` says which (settings, data, seed), so that the same command goes on
//! from `checkpoint.safetensors` and another one does not write over it; `summary.json` is written
//! last. `model.safetensors` holds all that [`predict`] needs, under PyTorch's names.

mod begin;
mod evaluation;
mod events;
mod folder;
mod log;
mod measure;
mod pictures;
mod predict;
mod request;
mod source;
mod trainee;
mod training;
mod watched;
mod weights;

use std::path::{Path, PathBuf};

pub use evaluation::centres;
pub use events::EventFile;
pub use predict::{Prediction, predict};
pub use request::{ModelSettings, Request};
pub use source::{Image, Prepared, Scale, Source};
pub use training::{Summary, train};
pub use weights::{Description, Model};

/// What can go wrong with a single training or its weights.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Settings, data and options that do not go together.
    #[error("{0}")]
    Request(String),
    /// The folder holds something else.
    #[error(
        "{} holds another training ({differs}): give it another --save-dir, or --overwrite to do away with the other one",
        folder.display()
    )]
    Occupied {
        /// The folder.
        folder: PathBuf,
        /// What is different.
        differs: String,
    },
    /// The folder has files that a training would write over, and that are no training's.
    #[error(
        "{} has {files}, of no training: give another --save-dir, or --overwrite to do away with it",
        folder.display()
    )]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// Their names.
        files: String,
    },
    /// Another process trains there.
    #[error("another process trains in {}: wait for it, or give another --save-dir", .0.display())]
    Busy(PathBuf),
    /// A file that holds no model of ours, or a damaged one.
    #[error("{} cannot be used: {reason}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// New data that the model was not made for.
    #[error("{0}")]
    Mismatch(String),
    /// No numbers came out.
    #[error(
        "the training diverged: at iteration {iteration} a loss or weight was no finite number any more (losses noted until then, if any, are in log-diverged.csv)\nLower --learning-rate, or scale the data (--scale): values far beyond 0 to 1 are the usual cause."
    )]
    Diverged {
        /// Where that was seen.
        iteration: u64,
    },
    /// Stopped by the user; the state is saved.
    #[error("interrupted: the state is saved in {}. Start the same command again to go on.", .0.display())]
    Interrupted(PathBuf),
    /// A file that cannot be read or written.
    #[error("cannot {action} {}: {source}{}", path.display(), advice(action))]
    Io {
        /// `write`, `read`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Data that cannot be had or read.
    #[error(transparent)]
    Data(#[from] crate::data::Error),
    /// Training failed.
    #[error(transparent)]
    Train(#[from] crate::train::Error),
    /// A checkpoint or stored run that cannot be used.
    #[error(transparent)]
    Store(#[from] crate::runs::Error),
    /// A picture that cannot be drawn.
    #[error(transparent)]
    Plot(#[from] crate::plot::Error),
}

impl Error {
    /// See [`crate::Error::exit_code`].
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Request(_)
            | Self::Occupied { .. }
            | Self::Foreign { .. }
            | Self::Mismatch(_)
            | Self::Io { action: "read", .. } => 2,
            Self::Weights { .. } => 20,
            Self::Diverged { .. } | Self::Train(_) => 30,
            Self::Busy(_) => 40,
            Self::Interrupted(_) => 130,
            Self::Io { .. } | Self::Data(_) | Self::Store(_) | Self::Plot(_) => 1,
        }
    }

    fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

fn advice(action: &str) -> &'static str {
    match action {
        "read" => "",
        _ => "; check that the folder is writable and has space left",
    }
}
