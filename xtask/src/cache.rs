//! The folder that outlives `cargo clean` and the checkout.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The cache folder by the platform's convention, always absolute.
///
/// `REPLICATE_CACHE` wins; a relative `XDG_CACHE_HOME` counts as unset, as its specification demands.
pub fn folder(
    variable: impl Fn(&str) -> Option<OsString>,
    os: &str,
    working: &Path,
) -> Result<PathBuf> {
    let path = |name: &str| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(own) = path("REPLICATE_CACHE") {
        return Ok(working.join(own));
    }
    if os != "macos"
        && let Some(xdg) = path("XDG_CACHE_HOME").filter(|xdg| xdg.is_absolute())
    {
        return Ok(xdg.join("replicate"));
    }
    let home = path("HOME").ok_or(Error::NoCacheFolder)?;
    let caches = if os == "macos" {
        "Library/Caches"
    } else {
        ".cache"
    };
    Ok(home.join(caches).join("replicate"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn chosen(variables: &[(&str, &str)], os: &str) -> Result<PathBuf> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| OsString::from(value))
        };
        folder(variable, os, Path::new("/srv"))
    }

    #[test]
    fn the_variables_win_in_order() {
        let all = [
            ("REPLICATE_CACHE", "/own"),
            ("XDG_CACHE_HOME", "/xdg"),
            ("HOME", "/home/me"),
        ];
        assert_eq!(chosen(&all, "linux").unwrap(), Path::new("/own"));
        assert_eq!(
            chosen(&all[1..], "linux").unwrap(),
            Path::new("/xdg/replicate")
        );
        assert_eq!(
            chosen(&all[2..], "linux").unwrap(),
            Path::new("/home/me/.cache/replicate")
        );
    }

    #[test]
    fn macos_has_a_place_of_its_own() {
        let variables = [("XDG_CACHE_HOME", "/xdg"), ("HOME", "/Users/me")];
        assert_eq!(
            chosen(&variables, "macos").unwrap(),
            Path::new("/Users/me/Library/Caches/replicate")
        );
    }

    #[test]
    fn relative_and_empty_values() {
        let relative = [
            ("REPLICATE_CACHE", ""),
            ("XDG_CACHE_HOME", "xdg"),
            ("HOME", "/home/me"),
        ];
        assert_eq!(
            chosen(&relative, "linux").unwrap(),
            Path::new("/home/me/.cache/replicate")
        );
        assert_eq!(
            chosen(&[("REPLICATE_CACHE", "cache")], "linux").unwrap(),
            Path::new("/srv/cache")
        );
    }

    #[test]
    fn no_home_is_an_error() {
        assert!(matches!(chosen(&[], "linux"), Err(Error::NoCacheFolder)));
    }
}
