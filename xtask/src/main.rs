//! The project's set-up and daily tasks: `cargo xtask setup|run|test|lint|bench`.
//!
//! It needs nothing but Rust, a C++ compiler and Python with pip, and fetches nothing but through pip and cargo.

mod advice;
mod bench;
mod cache;
mod cargo;
mod compiler;
mod disk;
mod error;
mod installation;
mod libtorch;
mod link;
mod lock;
mod platform;
mod progress;
mod python;
mod setup;
mod task;
mod whole;

use std::process::ExitCode;

use error::Result;
use task::{Task, USAGE};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match Task::parse(&arguments).and_then(perform) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn perform(task: Task) -> Result<ExitCode> {
    if task == Task::Help {
        print!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    }
    setup::ensure(&cargo::workspace()?)?;
    match task {
        Task::Help | Task::Setup => Ok(ExitCode::SUCCESS),
        Task::Run(arguments) => Err(cargo::run(&arguments)),
        Task::Test(arguments) => Err(cargo::test(&arguments)),
        Task::Lint => cargo::lint(),
        Task::Bench(options) => bench::run(&options),
    }
}
