//! Which libtorch the environment asks for, by the conventions of tch.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The link that `.cargo/config.toml` sets `LIBTORCH` through, relative to the workspace.
pub const LINK: &str = ".libtorch";

/// Where the build takes libtorch from.
#[derive(Debug, PartialEq, Eq)]
pub enum Libtorch {
    /// The one that `cargo xtask setup` installs.
    Installed,
    /// A folder of the user's.
    Folder(PathBuf),
    /// The one in the `torch` package of the user's Python.
    PyTorch,
}

impl Libtorch {
    /// Reads `LIBTORCH_USE_PYTORCH` and `LIBTORCH`; tch lets the first win, whatever its value.
    pub fn chosen(variable: impl Fn(&str) -> Option<OsString>, workspace: &Path) -> Self {
        if variable("LIBTORCH_USE_PYTORCH").is_some() {
            return Self::PyTorch;
        }
        match variable("LIBTORCH").map(PathBuf::from) {
            // Cargo sets the variable for us too, from .cargo/config.toml, when the user has not.
            Some(folder) if !is_link(&folder, workspace) => Self::Folder(folder),
            _ => Self::Installed,
        }
    }
}

fn is_link(folder: &Path, workspace: &Path) -> bool {
    let Some(root) = folder
        .ends_with(Path::new(LINK).join("torch"))
        .then(|| folder.ancestors().nth(2))
        .flatten()
    else {
        return false;
    };
    root == workspace
        || matches!((root.canonicalize(), workspace.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Checks that a folder of the user's looks like libtorch.
pub fn check_folder(folder: &Path) -> Result<()> {
    let fault = if folder.as_os_str().is_empty() {
        Some("is empty".to_owned())
    } else if folder.is_relative() {
        // Build scripts run in folders of their own.
        Some("is a relative path".to_owned())
    } else {
        ["lib", "include"]
            .into_iter()
            .find(|name| !folder.join(name).is_dir())
            .map(|name| format!("has no folder {name}/"))
    };
    match fault {
        None => Ok(()),
        Some(fault) => Err(Error::OwnLibtorch {
            folder: folder.to_path_buf(),
            fault,
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn chosen(variables: &[(&str, &str)]) -> Libtorch {
        let variable = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| OsString::from(value))
        };
        Libtorch::chosen(variable, Path::new("/checkout"))
    }

    #[test]
    fn the_value_that_cargo_sets_is_not_the_users() {
        assert_eq!(chosen(&[]), Libtorch::Installed);
        assert_eq!(
            chosen(&[("LIBTORCH", "/checkout/.libtorch/torch")]),
            Libtorch::Installed
        );
        assert_eq!(
            chosen(&[("LIBTORCH", "/other/.libtorch/torch")]),
            Libtorch::Folder("/other/.libtorch/torch".into())
        );
    }

    #[test]
    fn pytorch_wins_over_a_folder() {
        let variables = [("LIBTORCH_USE_PYTORCH", "1"), ("LIBTORCH", "/opt/libtorch")];
        assert_eq!(chosen(&variables), Libtorch::PyTorch);
        assert_eq!(
            chosen(&variables[1..]),
            Libtorch::Folder("/opt/libtorch".into())
        );
    }

    #[test]
    fn a_folder_without_headers_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("lib")).unwrap();
        let error = check_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains("has no folder include/"), "{error}");
        std::fs::create_dir(folder.path().join("include")).unwrap();
        check_folder(folder.path()).unwrap();
    }

    #[test]
    fn relative_and_empty_paths_are_refused() {
        let relative = check_folder(Path::new("libtorch")).unwrap_err().to_string();
        assert!(relative.contains("relative path"), "{relative}");
        let empty = check_folder(Path::new("")).unwrap_err().to_string();
        assert!(empty.contains("is empty"), "{empty}");
    }
}
