//! Takes chosen members out of a tar archive, and refuses archives that look hostile.
//!
//! No name from the archive becomes a path: each member goes to a file that the caller named.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use tar::{Archive, EntryType};

use super::digest::{CopyError, copy_hashed};
use super::error::{Refusal, clip};

/// A member to take.
#[derive(Debug)]
pub struct Wanted {
    /// Its path in the archive.
    pub member: String,
    /// More bytes than it may have are refused.
    pub most: u64,
    /// Where it goes.
    pub to: PathBuf,
}

/// Takes the `wanted` members out of `archive`; those that it does not hold are left out.
///
/// The archive is read to its end. One that is broken or cut short, that decodes to more than
/// `budget` bytes, that holds a wanted member twice or too large, or that holds a link, a device,
/// an absolute path or a `..` anywhere, is refused.
///
/// # Errors
/// [`Refusal::Package`] for an archive that is refused, with the reason; [`Refusal::Io`] if a member
/// cannot be written.
pub fn extract(archive: impl Read, wanted: &[Wanted], budget: u64) -> Result<(), Refusal> {
    let mut archive = Archive::new(Budget {
        inner: archive,
        total: budget,
        left: budget,
    });
    let mut taken = vec![false; wanted.len()];
    for entry in archive.entries().map_err(|error| broken(&error))? {
        let mut entry = entry.map_err(|error| broken(&error))?;
        let path = entry.path().map_err(|error| broken(&error))?.into_owned();
        let kind = entry.header().entry_type();
        let Some(path) = plain(&path) else {
            return Err(hostile("a path that leaves the archive", &path));
        };
        match kind {
            EntryType::Regular | EntryType::Continuous => {}
            EntryType::Directory | EntryType::XGlobalHeader => continue,
            _ => return Err(hostile("a link or device", &path)),
        }
        let Some(position) = wanted
            .iter()
            .position(|wanted| path == Path::new(&wanted.member))
        else {
            continue;
        };
        if std::mem::replace(&mut taken[position], true) {
            return Err(hostile("the same file twice", &path));
        }
        let Wanted { most, to, .. } = &wanted[position];
        let size = entry.size();
        if size > *most {
            return Err(hostile(
                &format!("a file of {size} bytes (expected at most {most})"),
                &path,
            ));
        }
        let fail = |error| Refusal::io("write", to, error);
        let mut file = File::create(to).map_err(fail)?;
        let (count, _) =
            copy_hashed(&mut entry, &mut file, *most).map_err(|error| match error {
                CopyError::Read(error) => broken(&error),
                CopyError::Write(error) => fail(error),
            })?;
        if count != size {
            return Err(broken(&io::ErrorKind::UnexpectedEof.into()));
        }
    }
    Ok(())
}

/// The path without `.` parts; none if it is absolute or has a `..`.
fn plain(path: &Path) -> Option<PathBuf> {
    path.components()
        .filter(|part| !matches!(part, Component::CurDir))
        .map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        })
        .collect()
}

fn broken(error: &io::Error) -> Refusal {
    let reason = match error.kind() {
        io::ErrorKind::UnexpectedEof => "it ends too early".to_owned(),
        _ => clip(&error.to_string(), 200),
    };
    Refusal::Package(format!("broken archive: {reason}"))
}

fn hostile(what: &str, path: &Path) -> Refusal {
    let path = clip(&path.display().to_string(), 100);
    Refusal::Package(format!("archive refused: it holds {what}, `{path}`"))
}

/// Fails, rather than ends, when more than the budget is read.
struct Budget<R> {
    inner: R,
    total: u64,
    left: u64,
}

impl<R: Read> Read for Budget<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::other(format!("it unpacks to more than {} bytes", self.total))
        })?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::fs;

    use tar::{Builder, Header};

    use super::*;

    /// The header of a member; the path is written as it is, which `tar` itself would refuse.
    fn header(kind: EntryType, path: &str, size: u64) -> Header {
        let mut header = Header::new_ustar();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_size(size);
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        header
    }

    fn archive(members: &[(EntryType, &str, &[u8])]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (kind, path, body) in members {
            let header = header(*kind, path, body.len() as u64);
            builder.append(&header, *body).unwrap();
        }
        builder.into_inner().unwrap()
    }

    const YES: (EntryType, &str, &[u8]) = (EntryType::Regular, "package/data/x", b"yes");

    /// What `package/data/x` holds, if it was taken. Nothing but it is ever written.
    fn read(archive: impl Read) -> Result<Option<Vec<u8>>, Refusal> {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("inner/x");
        fs::create_dir(folder.path().join("inner")).unwrap();
        let wanted = [Wanted {
            member: "package/data/x".into(),
            most: 100,
            to: to.clone(),
        }];
        let outcome = extract(archive, &wanted, 1 << 20);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let inside = fs::read_dir(folder.path().join("inner")).unwrap().count();
        assert_eq!(inside, usize::from(to.exists()));
        assert!(!to.exists() || fs::metadata(&to).unwrap().len() <= 101);
        outcome.map(|()| fs::read(&to).ok())
    }

    fn refused(archive: impl Read) -> String {
        let refusal = read(archive).unwrap_err();
        assert!(matches!(refusal, Refusal::Package(_)), "{refusal}");
        refusal.to_string()
    }

    #[test]
    fn the_named_member_is_taken_and_no_other() {
        let others: [(EntryType, &str, &[u8]); 3] = [
            (EntryType::Directory, "package/", b""),
            (EntryType::Regular, "package/x", b"no"),
            (EntryType::Regular, "package/data/x/y", b"no"),
        ];
        let with = [&others[..], &[YES]].concat();
        assert_eq!(read(&*archive(&with)).unwrap().unwrap(), b"yes");
        assert_eq!(read(&*archive(&others)).unwrap(), None);
        let dotted = archive(&[(EntryType::Regular, "./package/./data/x", b"yes")]);
        assert_eq!(read(&*dotted).unwrap().unwrap(), b"yes");
    }

    #[test]
    fn hostile_members_are_refused_before_and_after_the_right_one() {
        for (kind, path) in [
            (EntryType::Regular, "package/../../x"),
            (EntryType::Regular, "../x"),
            (EntryType::Regular, "/etc/x"),
            (EntryType::Directory, "../outside"),
            (EntryType::Symlink, "package/data/x"),
            (EntryType::Symlink, "package/data"),
            (EntryType::Link, "package/y"),
            (EntryType::Fifo, "package/z"),
            (EntryType::Char, "package/null"),
            (EntryType::Block, "package/sda"),
        ] {
            for members in [[(kind, path, &b""[..]), YES], [YES, (kind, path, b"")]] {
                let error = refused(&*archive(&members));
                assert!(error.starts_with("archive refused"), "{error}");
                assert!(error.contains(path), "{error}");
            }
        }
        let twice = refused(&*archive(&[YES, YES]));
        assert!(
            twice.contains("the same file twice, `package/data/x`"),
            "{twice}"
        );
    }

    #[test]
    fn declared_sizes_are_not_believed() {
        let large = refused(&*archive(&[(
            EntryType::Regular,
            "package/data/x",
            &[0; 101],
        )]));
        assert!(
            large.contains("101 bytes (expected at most 100)"),
            "{large}"
        );
        // Nothing behind the header, or zeros without end.
        for size in [1 << 33, 1 << 40, u64::MAX >> 1, u64::MAX] {
            for path in ["package/data/x", "package/other"] {
                let header = header(EntryType::Regular, path, size);
                refused(&header.as_bytes()[..]);
                let error = refused(header.as_bytes().chain(io::repeat(0)));
                assert!(error.len() < 200, "{error}");
            }
        }
        for kind in [EntryType::GNULongName, EntryType::XHeader] {
            let header = header(kind, "long", 1 << 40);
            let error = refused(header.as_bytes().chain(io::repeat(b'a')));
            assert!(error.contains("more than 1048576 bytes"), "{error}");
        }
    }

    #[test]
    fn archives_cut_short_and_rubbish_are_refused() {
        let whole = archive(&[YES, (EntryType::Regular, "package/big", &[7; 5000])]);
        assert!(read(&*whole).unwrap().is_some());
        for length in [100, 512, 513, 514, 1023, 1100, 1600, 4000] {
            let error = refused(&whole[..length]);
            assert!(error.starts_with("broken archive"), "{length}: {error}");
        }
        refused(&b"<html>not an archive</html>"[..]);
        refused(io::repeat(b'?'));
    }

    #[test]
    fn what_cannot_be_written_is_no_fault_of_the_archive() {
        let wanted = [Wanted {
            member: "package/data/x".into(),
            most: 100,
            to: "/no/such/folder/x".into(),
        }];
        let outcome = extract(&*archive(&[YES]), &wanted, 1 << 20);
        assert!(matches!(
            outcome,
            Err(Refusal::Io {
                action: "write",
                ..
            })
        ));
    }
}
