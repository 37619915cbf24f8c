//! Packages of registries: tar archives, compressed by gzip in npm's.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use replicate::data::tarball::{self, Wanted};
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

use crate::campaign::Campaign;

const MEMBER: &str = "package/data/x";
/// What all members may decode to here.
const BUDGET: u64 = 64 << 10;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn archive(long_names: bool) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    let mut append = |path: &str, kind, body: &[u8]| {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(body.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, body).unwrap();
    };
    append("package", EntryType::Directory, b"");
    append("package/package.json", EntryType::Regular, b"{}");
    if long_names {
        append(
            &format!("package/{}", "long/".repeat(60)),
            EntryType::Regular,
            b"1",
        );
    }
    append(MEMBER, EntryType::Regular, &[7; 700]);
    builder.into_inner().unwrap()
}

/// Puts right the checksum of every block that could be a header, and compresses anew.
fn repaired(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    // What can be read is changed, and stays.
    let _ = GzDecoder::new(bytes).read_to_end(&mut plain);
    repair_plain(&mut plain);
    gzip(&plain)
}

fn repair_plain(plain: &mut [u8]) {
    let (blocks, _) = plain.as_chunks_mut::<512>();
    for block in blocks
        .iter_mut()
        .filter(|block| block[257..262] == *b"ustar")
    {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}

fn read(bytes: &[u8]) -> Result<(), String> {
    thread_local! {
        static FOLDER: TempDir = tempfile::tempdir().unwrap();
    }
    let to = FOLDER.with(|folder| folder.path().join("member"));
    let wanted = Wanted {
        member: MEMBER.to_owned(),
        most: 1000,
        to,
    };
    let wanted = [wanted];
    let extracted = tarball::extract(GzDecoder::new(bytes), &wanted, BUDGET);
    if let Ok(member) = wanted[0].to.metadata() {
        assert!(member.len() <= 1000);
    }
    extracted.map_err(|refusal| refusal.to_string())
}

#[test]
fn tarball_compressed() {
    let campaign = Campaign {
        name: "tarball",
        files: vec![gzip(&archive(false)), gzip(&archive(true))],
        tokens: None,
        prepare: |seed, bytes| {
            if seed % 2 == 0 {
                repaired(&bytes)
            } else {
                bytes
            }
        },
        // Whoever asked for the package names it before the error.
        file: "",
        places: &["archive", "more than the", "bad gzip"],
        placeless: &[],
        memory: (10, 8 * BUDGET),
    };
    campaign.run(read);
}

#[test]
fn tarball_inside() {
    let campaign = Campaign {
        name: "tarball-inside",
        files: vec![archive(false), archive(true)],
        tokens: None,
        prepare: |_, mut bytes| {
            repair_plain(&mut bytes);
            gzip(&bytes)
        },
        file: "",
        places: &["archive", "more than the", "bad gzip"],
        placeless: &[],
        memory: (10, 8 * BUDGET),
    };
    campaign.run(read);
}
