//! Reads one member of a `.tgz` without unpacking it, and refuses archives that look hostile.

use std::io::Read;
use std::path::{Component, Path};

use flate2::read::GzDecoder;
use tar::{Archive, EntryType};

use super::error::Refusal;

/// Hands the bytes of `member` in `archive` to `take`.
///
/// No name from the archive becomes a path. An archive with a link, an absolute path or a `..`
/// among the members up to the wanted one is refused, as is a member above `size_limit` bytes;
/// no more than `budget` bytes are decoded in all.
///
/// # Errors
/// [`Refusal::Absent`], [`Refusal::TooLong`], [`Refusal::Package`] for an archive that is broken or
/// refused, and those of `take`.
pub fn read_member<T>(
    archive: impl Read,
    member: &str,
    size_limit: u64,
    budget: u64,
    take: impl FnOnce(&mut dyn Read) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let broken = |error: std::io::Error| Refusal::Package(format!("broken archive: {error}"));
    let mut archive = Archive::new(GzDecoder::new(archive).take(budget));
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = entry.path().map_err(broken)?.into_owned();
        let kind = entry.header().entry_type();
        if !is_plain(&path) {
            return Err(hostile(&path, "a path that leaves the archive"));
        }
        match kind {
            EntryType::Regular | EntryType::Directory | EntryType::XGlobalHeader => {}
            _ => return Err(hostile(&path, "a link or device")),
        }
        if path == Path::new(member) && kind == EntryType::Regular {
            if entry.size() > size_limit {
                return Err(Refusal::TooLong {
                    expected: size_limit,
                });
            }
            return take(&mut entry);
        }
    }
    Err(Refusal::Absent(format!("{member} in the archive")))
}

fn is_plain(path: &Path) -> bool {
    path.components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

fn hostile(path: &Path, what: &str) -> Refusal {
    Refusal::Package(format!(
        "archive refused: it holds {what}, `{}`",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use tar::{Builder, Header};

    use super::*;

    /// One archive member; the path is written as it is, which `tar` itself would refuse.
    fn append(builder: &mut Builder<GzEncoder<Vec<u8>>>, kind: EntryType, path: &str, body: &[u8]) {
        let mut header = Header::new_ustar();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_size(body.len() as u64);
        if kind == EntryType::Symlink {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        builder.append(&header, body).unwrap();
    }

    fn archive(members: &[(EntryType, &str, &[u8])]) -> Vec<u8> {
        let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (kind, path, body) in members {
            append(&mut builder, *kind, path, body);
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    fn read(archive: &[u8]) -> Result<Vec<u8>, Refusal> {
        read_member(archive, "package/data/x", 100, 1 << 20, |reader| {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).unwrap();
            Ok(bytes)
        })
    }

    #[test]
    fn the_named_member_is_read_and_no_other() {
        let bytes = archive(&[
            (EntryType::Directory, "package/", b""),
            (EntryType::Regular, "package/x", b"no"),
            (EntryType::Regular, "package/data/x", b"yes"),
        ]);
        assert_eq!(read(&bytes).unwrap(), b"yes");
        let without = archive(&[(EntryType::Regular, "package/x", b"no")]);
        assert!(matches!(read(&without), Err(Refusal::Absent(_))));
    }

    #[test]
    fn hostile_members_are_refused_even_beside_the_right_one() {
        for (kind, path) in [
            (EntryType::Regular, "package/../../x"),
            (EntryType::Regular, "/etc/x"),
            (EntryType::Symlink, "package/data/x"),
            (EntryType::Symlink, "package/data"),
            (EntryType::Link, "package/y"),
            (EntryType::Fifo, "package/z"),
        ] {
            let bytes = archive(&[
                (kind, path, b""),
                (EntryType::Regular, "package/data/x", b"yes"),
            ]);
            let error = read(&bytes).unwrap_err().to_string();
            assert!(error.contains(path), "{error}");
            assert!(error.starts_with("archive refused"), "{error}");
        }
    }

    #[test]
    fn large_members_bombs_and_rubbish_are_refused() {
        let large = archive(&[(EntryType::Regular, "package/data/x", &[0; 101])]);
        assert!(matches!(
            read(&large),
            Err(Refusal::TooLong { expected: 100 })
        ));
        let zeros = vec![0; 4 << 20];
        let bomb = archive(&[
            (EntryType::Regular, "package/a", &zeros),
            (EntryType::Regular, "package/data/x", b"yes"),
        ]);
        assert!(matches!(read(&bomb), Err(Refusal::Package(_))));
        assert!(matches!(
            read(b"<html>not an archive</html>"),
            Err(Refusal::Package(_))
        ));
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(b"a gzip file that holds no archive")
            .unwrap();
        assert!(read(&gzip.finish().unwrap()).is_err());
    }
}
