//! The readers of a user's own data.

use std::io::{Cursor, Read as _, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use replicate::data::format::{self, Labels, Options};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::campaign::{Campaign, as_it_is};

/// What a file may decode to here.
const LIMIT: u64 = 64 << 10;

/// A file of tests/golden/input.py.
fn golden(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/input");
    std::fs::read(folder.join(name)).unwrap()
}

fn all_golden(names: &[&str]) -> Vec<Vec<u8>> {
    names.iter().map(|name| golden(name)).collect()
}

fn parse(file: &str, bytes: &[u8], features: Option<&str>, labels: Labels) -> Result<(), String> {
    let options = Options {
        features: features.map(str::to_owned),
        labels,
        limit: LIMIT,
    };
    let parsed = format::parse(Path::new(file), bytes.to_vec(), &options);
    let table = parsed.map_err(|error| error.to_string())?;
    assert!(table.rows > 0 && table.dims() > 0);
    assert_eq!(table.features.len(), table.rows * table.dims());
    assert!(table.features.iter().all(|value| value.is_finite()));
    assert!(table.labels.is_none_or(|labels| labels.len() == table.rows));
    Ok(())
}

const PLACES: &[&str] = &[", byte ", ", line ", ", row ", ", array `"];
const PLACELESS: &[&str] = &[
    "it has one axis",
    "it is empty",
    "single number",
    "the limit is",
    "no array",
    "labels",
];

#[test]
fn npy() {
    let campaign = Campaign {
        name: "npy",
        files: all_golden(&[
            "x.npy",
            "big_fortran.npy",
            "cube_fortran.npy",
            "version3.npy",
        ]),
        tokens: Some(&[
            "'descr'", "'shape'", "'<f8'", "'>i2'", "'|b1'", "True", "(3,)", "()", "L",
        ]),
        prepare: as_it_is,
        file: "file.npy",
        places: PLACES,
        placeless: PLACELESS,
        // The copy handed over, and four bytes for each of one, twice where they are put in order.
        memory: (10, 16 << 10),
    };
    campaign.run(|bytes| parse("file.npy", bytes, None, Labels::Found));
}

/// An archive, with right checksums, of an NPY file with features and good labels.
fn zip_of(seed: u64, features: &[u8]) -> Vec<u8> {
    let method = [CompressionMethod::Stored, CompressionMethod::Deflated][(seed % 2) as usize];
    let options = SimpleFileOptions::default().compression_method(method);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in [("x.npy", features), ("y.npy", &golden("y.npy"))] {
        archive.start_file(name, options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn npz() {
    let campaign = Campaign {
        name: "npz",
        files: all_golden(&["stored.npz", "deflated.npz", "unnamed.npz"]),
        tokens: None,
        prepare: as_it_is,
        file: "file.npz",
        places: PLACES,
        placeless: PLACELESS,
        memory: (4, 4 * LIMIT),
    };
    campaign.run(|bytes| parse("file.npz", bytes, None, Labels::Found));
}

#[test]
fn npz_with_right_checksums() {
    let campaign = Campaign {
        name: "npz-arrays",
        files: all_golden(&["x.npy", "big_fortran.npy"]),
        tokens: Some(&["'descr'", "'shape'", "'<f8'"]),
        prepare: |seed, bytes| zip_of(seed, &bytes),
        file: "file.npz",
        places: PLACES,
        placeless: PLACELESS,
        memory: (4, 4 * LIMIT),
    };
    campaign.run(|bytes| parse("file.npz", bytes, None, Labels::Found));
}

#[test]
fn csv() {
    let campaign = Campaign {
        name: "csv",
        files: all_golden(&["header.csv", "plain.csv"]),
        tokens: Some(&[",", ",,", "label", "y", "\r\n", "\"\"", "1.5", "3"]),
        prepare: as_it_is,
        file: "file.csv",
        places: PLACES,
        placeless: PLACELESS,
        // Each field of two bytes has its end noted (8) and its value (4), in vectors that double.
        memory: (40, 32 << 10),
    };
    campaign.run(|bytes| {
        parse("file.csv", bytes, None, Labels::Last).and_then(|()| {
            // Labels by name need the header; without one there are none.
            parse("file.csv", bytes, None, Labels::Found)
        })
    });
}

#[test]
fn hdf5_with_contiguous_arrays() {
    let campaign = Campaign {
        name: "hdf5-contiguous",
        files: all_golden(&["contiguous.h5", "new.h5"]),
        tokens: None,
        prepare: as_it_is,
        file: "file.h5",
        places: PLACES,
        // What is wrong with the structure has a place in no array.
        placeless: &["file.h5: "],
        memory: (40, 10 * LIMIT),
    };
    campaign.run(|bytes| parse("file.h5", bytes, None, Labels::Found));
}

#[test]
fn hdf5_with_chunks() {
    let campaign = Campaign {
        name: "hdf5-chunks",
        files: all_golden(&["chunked.h5"]),
        tokens: None,
        prepare: as_it_is,
        file: "file.h5",
        places: PLACES,
        placeless: &["file.h5: "],
        memory: (40, 10 * LIMIT),
    };
    campaign.run(|bytes| {
        let labels = Labels::Named("train/y".to_owned());
        parse("file.h5", bytes, Some("train/x"), labels)?;
        parse("file.h5", bytes, Some("train/lzf"), Labels::Absent)?;
        parse("file.h5", bytes, Some("train/deflated"), Labels::Absent)
    });
}

/// Compresses anew what was changed, so that the checksum is right.
fn gzip_again(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    // What can be read is changed, and stays.
    let _ = MultiGzDecoder::new(bytes).read_to_end(&mut text);
    gzip(&text)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn gzip_data() {
    // Zeros take a thousandth of what they were.
    let mut zeros = vec![0, 0, 8, 2, 0, 0, 0, 4, 0, 0, 0x10, 0];
    zeros.resize(12 + 4 * 0x1000, 0);
    let campaign = Campaign {
        name: "gzip",
        files: vec![golden("x.idx.gz"), gzip(&zeros)],
        tokens: None,
        prepare: |seed, bytes| {
            if seed % 2 == 0 {
                gzip_again(&bytes)
            } else {
                bytes
            }
        },
        file: "file.idx.gz",
        places: PLACES,
        placeless: PLACELESS,
        memory: (10, 10 * LIMIT),
    };
    campaign.run(|bytes| parse("file.idx.gz", bytes, None, Labels::Absent));
}

#[test]
fn idx() {
    let mut decoded = Vec::new();
    let compressed = golden("x.idx.gz");
    MultiGzDecoder::new(compressed.as_slice())
        .read_to_end(&mut decoded)
        .unwrap();
    let campaign = Campaign {
        name: "idx",
        files: vec![
            decoded,
            vec![0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 5, 6],
        ],
        tokens: None,
        prepare: as_it_is,
        file: "file.idx",
        places: PLACES,
        placeless: PLACELESS,
        // The sizes of 255 axes, noted with 8 bytes each and quoted in the error.
        memory: (10, 32 << 10),
    };
    campaign.run(|bytes| parse("file.idx", bytes, None, Labels::Absent));
}
