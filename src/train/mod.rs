//! Training: what a method is, the loop that drives its models, and what an observer is told
//! meanwhile.

pub mod batches;
pub mod data;
pub mod drive;
pub mod method;
pub mod observer;
pub mod part;
pub mod settings;
pub mod stored_parts;

pub use data::{Labels, TrainingData};
pub use drive::{Driven, Trainable, drive, time_of_step};
pub use method::{
    Context, Finished, Kept, Measures, Member, Method, Runs, Trial, Work, one_by_one,
};
pub use observer::{Event, Observer, Stage};
pub use part::{InMemory, Need, NoParts, Part, Parts, Trained, gather};
pub use stored_parts::StoredParts;

use std::any::Any;

/// What can go wrong in training.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Settings that make no sense, e.g. a map without units.
    #[error("{0}")]
    Settings(String),
    /// Checkpoints of a cohort that belong to different iterations, e.g. because one was of no use.
    #[error(
        "runs that train together must have come equally far, not {0:?} iterations: start the same \
         command again"
    )]
    Apart(Vec<u64>),
    /// Data that cannot be trained on, e.g. with a value that is no number.
    #[error("the data cannot be used: {0}")]
    Data(String),
    /// libtorch refused an operation.
    #[error("libtorch: {}", first_lines(&.0.to_string()))]
    Torch(#[from] tch::TchError),
    /// A bug: the worker lived on, the run did not.
    #[error(
        "the run panicked: {}\nThis is a bug of the program: please report it with this message.",
        first_lines(.0)
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

impl Error {
    /// The error of a panic. tch panics where libtorch refuses, e.g. for want of memory: that is not a
    /// bug but libtorch's own error.
    #[must_use]
    pub fn of_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        let text = text.unwrap_or("no reason was given");
        match text.split_once("value: Torch(\"") {
            // The text is Rust's debug form, with escapes.
            Some((_, libtorch)) => {
                let message = libtorch.trim_end_matches("\")").replace("\\n", "\n");
                Self::Torch(tch::TchError::Torch(message))
            }
            None => Self::Panicked(text.to_owned()),
        }
    }
}

/// libtorch's messages go on with pages of its own call stack: what comes before says it all.
fn first_lines(message: &str) -> &str {
    let end = message.find("\nException raised from");
    message[..end.unwrap_or(message.len())].trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_libtorch_is_its_error_and_any_other_a_bug() {
        let refused =
            r#"called `Result::unwrap()` on an `Err` value: Torch("out of memory\nat x")"#;
        let of = |text: &str| Error::of_panic(&text.to_owned()).to_string();
        let told = of(refused);
        assert!(
            told.starts_with("libtorch: ") && told.ends_with("out of memory\nat x"),
            "{told}"
        );
        assert!(!told.contains("a bug"));
        assert!(of("index out of bounds").contains("a bug"));
        assert!(Error::of_panic(&7).to_string().contains("no reason"));
    }

    #[test]
    fn the_call_stack_of_libtorch_is_left_out() {
        let message = "mat1 and mat2 shapes cannot be multiplied\nException raised from meta at x";
        let error = Error::from(tch::TchError::Torch(message.to_owned())).to_string();
        assert!(
            error.ends_with("mat1 and mat2 shapes cannot be multiplied"),
            "{error}"
        );
    }
}
