//! Builds our contender and the data that all contenders share.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cargo::cargo;
use crate::error::{Error, Result};

/// Builds `benches/contender` as the program itself is built, and gives its path.
pub fn contender() -> Result<PathBuf> {
    let mut command = cargo();
    command
        .args(["build", "--release", "--package", "replicate"])
        .args(["--bench", "contender"])
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit());
    let output = command.output().map_err(|source| Error::Start {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
    })?;
    let messages = String::from_utf8_lossy(&output.stdout);
    let executable = messages.lines().rev().find_map(executable);
    executable
        .filter(|_| output.status.success())
        .ok_or_else(|| Error::Bench("benches/contender could not be built".to_owned()))
}

/// Has our contender write the shared data into `folder`; gives the data's name.
pub fn data(contender: &Path, folder: &Path) -> Result<String> {
    let output = Command::new(contender)
        .arg("data")
        .arg(folder)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| Error::Start {
            program: contender.display().to_string(),
            source,
        })?;
    let answer = String::from_utf8_lossy(&output.stdout);
    let name = answer.trim().strip_prefix("data=");
    let name = name.filter(|_| output.status.success());
    name.map(str::to_owned)
        .ok_or_else(|| Error::Bench("the data to measure with could not be written".to_owned()))
}

/// The path in cargo's message about our contender.
fn executable(message: &str) -> Option<PathBuf> {
    if !message.contains("\"name\":\"contender\"") {
        return None;
    }
    let (_, rest) = message.split_once("\"executable\":\"")?;
    let mut path = String::new();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return Some(path.into()),
            '\\' => path.push(characters.next()?),
            character => path.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_found_among_cargos_messages() {
        let message = r#"{"reason":"compiler-artifact","target":{"kind":["bench"],"name":"contender"},"executable":"/a \"b\"/deps/contender-1"}"#;
        assert_eq!(
            executable(message),
            Some("/a \"b\"/deps/contender-1".into())
        );
        let library = r#"{"target":{"name":"replicate"},"executable":null}"#;
        assert_eq!(executable(library), None);
        assert_eq!(
            executable(r#"{"name":"contender","executable":null}"#),
            None
        );
    }
}
