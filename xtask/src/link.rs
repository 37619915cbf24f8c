//! The link in the workspace that leads the build to libtorch.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::error::{Error, Result};

/// Whether `link` is a symbolic link to `target`, which need not exist.
pub fn leads_to(link: &Path, target: &Path) -> bool {
    fs::read_link(link).is_ok_and(|found| found == target)
}

/// Fails when a real file or folder is where the link belongs.
pub fn check(link: &Path) -> Result<()> {
    match fs::symlink_metadata(link) {
        Ok(found) if !found.is_symlink() => Err(Error::InTheWay(link.to_path_buf())),
        _ => Ok(()),
    }
}

/// Makes `link` a symbolic link to `target`, in one step; another link in its place is replaced.
pub fn point(link: &Path, target: &Path) -> Result<()> {
    if leads_to(link, target) {
        return Ok(());
    }
    check(link)?;
    let mut name = link.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let new = Path::new(&name);
    symlink(target, new).map_err(Error::io("write the link", new))?;
    fs::rename(new, link).map_err(|source| {
        let _ = fs::remove_file(new);
        Error::io("write the link", link)(source)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn links_are_made_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join(".libtorch");
        for target in ["first", "second", "second"] {
            point(&link, Path::new(target)).unwrap();
            assert!(leads_to(&link, Path::new(target)));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_real_folder_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join(".libtorch");
        fs::create_dir(&link).unwrap();
        let error = point(&link, Path::new("target")).unwrap_err();
        assert!(error.to_string().contains("move it away"), "{error}");
        assert!(link.is_dir());
    }
}
