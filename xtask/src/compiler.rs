//! The C++ compiler that torch-sys and the project's own operators are built with.

use std::process::{Command, Stdio};

use crate::error::{Error, Result};

/// Checks that the compiler runs: `CXX` when set, else `c++`, as the `cc` crate has it.
pub fn require(cxx: Option<&str>) -> Result<()> {
    // CXX may carry a wrapper or options: `ccache g++ -m64`.
    let words: Vec<_> = cxx.unwrap_or_default().split_whitespace().collect();
    let (program, options) = words.split_first().unwrap_or((&"c++", &[]));
    let runs = Command::new(program)
        .args(options)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if runs {
        Ok(())
    } else {
        Err(Error::NoCompiler(cxx.unwrap_or(program).to_owned()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_compiler_that_does_not_run_is_named() {
        for absent in ["/nowhere/g++ -m64", "false"] {
            let error = require(Some(absent)).unwrap_err();
            assert!(error.to_string().contains(absent), "{error}");
        }
    }

    #[test]
    fn options_of_cxx_are_passed_on() {
        require(Some("env true")).unwrap();
        require(Some(" ")).unwrap();
    }
}
