//! Room on the disk, asked of `df`: the standard library cannot tell.

use std::path::Path;
use std::process::Command;

use crate::error::{Error, Result};

/// Fails when fewer than `needed` bytes are free where `folder` is; where nobody can tell, it passes.
pub fn require(folder: &Path, needed: u64) -> Result<()> {
    let output = Command::new("df").arg("-Pk").arg(folder).output();
    let free = output
        .ok()
        .and_then(|output| free_bytes(&String::from_utf8_lossy(&output.stdout)));
    match free {
        Some(free) if free < needed => Err(Error::Disk {
            folder: folder.to_path_buf(),
            free,
            needed,
        }),
        _ => Ok(()),
    }
}

/// The free bytes in the answer of `df -Pk`: the column before the one in per cent.
fn free_bytes(answer: &str) -> Option<u64> {
    let fields: Vec<_> = answer.lines().nth(1)?.split_whitespace().collect();
    let capacity = fields.iter().rposition(|field| {
        field
            .strip_suffix('%')
            .is_some_and(|digits| digits.parse::<u64>().is_ok())
    })?;
    let kibibytes: u64 = fields.get(capacity.checked_sub(1)?)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Bytes of all files below `folder`; what cannot be read, or vanishes meanwhile, counts nothing.
pub fn size(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => size(&entry.path()),
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const HEADER: &str = "Filesystem     1024-blocks     Used Available Capacity Mounted on\n";

    #[test]
    fn the_answer_of_df_is_read() {
        let plain = format!("{HEADER}/dev/vda          263174212 13543000  82434000      15% /\n");
        assert_eq!(free_bytes(&plain), Some(82_434_000 * 1024));
        let spaces = format!("{HEADER}//host/my share 1000 900 100 90% /mnt/my disk\n");
        assert_eq!(free_bytes(&spaces), Some(100 * 1024));
    }

    #[test]
    fn other_answers_tell_nothing() {
        for answer in ["", HEADER, "x\ny z\n", "x\n15%\n"] {
            assert_eq!(free_bytes(answer), None, "{answer:?}");
        }
    }

    #[test]
    fn too_small_a_disk_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        require(folder.path(), 1).unwrap();
        let error = require(folder.path(), u64::MAX).unwrap_err();
        assert!(error.to_string().contains("not enough disk"), "{error}");
    }

    #[test]
    fn sizes_add_up_over_folders() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::fs::write(folder.path().join("a"), "123").unwrap();
        std::fs::write(folder.path().join("sub/b"), "45").unwrap();
        assert_eq!(size(folder.path()), 5);
        assert_eq!(size(&folder.path().join("none")), 0);
    }
}
