//! Standard output.

use std::io::{self, ErrorKind, StdoutLock, Write};

/// Standard output, locked.
pub(super) fn stdout() -> Out<StdoutLock<'static>> {
    Out(io::stdout().lock())
}

/// A writer whose reader may leave early, as that of `| head` does: the rest is written to nobody, and the
/// command goes on, so that its exit code is what it has found, whoever has read how much of it.
pub(super) struct Out<W>(W);

impl<W: Write> Write for Out<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(bytes.len()),
            outcome => outcome,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            outcome => outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    struct Refusing(ErrorKind);

    impl Write for Refusing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_reader_that_has_gone_is_no_error_and_a_full_disk_is() {
        let mut gone = Out(Refusing(ErrorKind::BrokenPipe));
        gone.write_all(b"more").unwrap();
        gone.flush().unwrap();
        let mut full = Out(Refusing(ErrorKind::StorageFull));
        let error = full.write_all(b"more").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert!(full.flush().is_err());
    }
}
