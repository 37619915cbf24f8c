//! `replicate`: see `replicate --help`, and [`replicate`] for the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    // First of all: it changes the environment, which no other thread may be reading.
    replicate::device::prepare();
    replicate::cli::main()
}
