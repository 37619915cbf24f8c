//! How the data layer tells of long work, without knowing who listens.

/// Receives news of transfers; object-safe, so that a bar, plain lines or a test can listen.
pub trait Progress {
    /// A step begins, of `bytes` bytes where that is known.
    fn start(&self, what: &str, bytes: Option<u64>);
    /// `bytes` more are done.
    fn advance(&self, bytes: u64);
    /// A line worth keeping: a source that failed, a file that was put aside.
    fn note(&self, line: &str);
    /// The step is over, well or not.
    fn finish(&self);
}

/// Listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn start(&self, _what: &str, _bytes: Option<u64>) {}
    fn advance(&self, _bytes: u64) {}
    fn note(&self, _line: &str) {}
    fn finish(&self) {}
}
