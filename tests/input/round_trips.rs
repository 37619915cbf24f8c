//! What was written is read back equal.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use std::path::Path;

use proptest::prelude::*;
use replicate::data::format::{self, Labels, Options, Table};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Rows, columns, features and labels.
fn tables() -> impl Strategy<Value = (usize, usize, Vec<f32>, Vec<i64>)> {
    let finite = prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO;
    (1_usize..8, 1_usize..6).prop_flat_map(move |(rows, dims)| {
        let features = prop::collection::vec(finite, rows * dims);
        let labels = prop::collection::vec(any::<i32>().prop_map(i64::from), rows);
        (Just(rows), Just(dims), features, labels)
    })
}

fn read(name: &str, bytes: Vec<u8>, labels: Labels) -> Table {
    let options = Options {
        labels,
        ..Options::default()
    };
    format::parse(Path::new(name), bytes, &options).unwrap()
}

fn check(table: &Table, rows: usize, dims: usize, features: &[f32], labels: Option<&[i64]>) {
    assert_eq!((table.rows, table.dims()), (rows, dims));
    let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&table.features), bits(features));
    assert_eq!(table.labels.as_deref(), labels);
}

/// An NPY file of version 1.0, padded as NumPy does.
fn npy(descr: &str, fortran: bool, shape: &str, body: &[u8]) -> Vec<u8> {
    let fortran = if fortran { "True" } else { "False" };
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(body);
    bytes
}

fn transposed(rows: usize, dims: usize, features: &[f32]) -> Vec<f32> {
    let columns = (0..dims).flat_map(|column| (0..rows).map(move |row| (row, column)));
    columns
        .map(|(row, column)| features[row * dims + column])
        .collect()
}

proptest! {
    #[test]
    fn npy_in_all_orders((rows, dims, features, _) in tables(), big: bool, fortran: bool, double: bool) {
        let stored = if fortran { transposed(rows, dims, &features) } else { features.clone() };
        let mut body = Vec::new();
        for value in stored {
            match (double, big) {
                (false, false) => body.extend(value.to_le_bytes()),
                (false, true) => body.extend(value.to_be_bytes()),
                (true, false) => body.extend(f64::from(value).to_le_bytes()),
                (true, true) => body.extend(f64::from(value).to_be_bytes()),
            }
        }
        let descr = format!("{}f{}", if big { '>' } else { '<' }, if double { 8 } else { 4 });
        let bytes = npy(&descr, fortran, &format!("({rows}, {dims})"), &body);
        check(&read("a.npy", bytes, Labels::Found), rows, dims, &features, None);
    }

    #[test]
    fn npz((rows, dims, features, labels) in tables(), deflated: bool) {
        let method = if deflated { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        let options = SimpleFileOptions::default().compression_method(method);
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        let x: Vec<u8> = features.iter().flat_map(|value| value.to_le_bytes()).collect();
        let y: Vec<u8> = labels.iter().flat_map(|label| label.to_be_bytes()).collect();
        for (name, bytes) in [
            ("features.npy", npy("<f4", false, &format!("({rows}, {dims})"), &x)),
            ("labels.npy", npy(">i8", false, &format!("({rows},)"), &y)),
        ] {
            archive.start_file(name, options).unwrap();
            archive.write_all(&bytes).unwrap();
        }
        let bytes = archive.finish().unwrap().into_inner();
        check(&read("a.npz", bytes, Labels::Found), rows, dims, &features, Some(&labels));
    }

    #[test]
    fn csv((rows, dims, features, labels) in tables(), header: bool, crlf: bool) {
        let end = if crlf { "\r\n" } else { "\n" };
        let mut text = String::new();
        if header {
            (0..dims).for_each(|column| write!(text, "column {column},").unwrap());
            write!(text, "label{end}").unwrap();
        }
        for (row, label) in features.chunks(dims).zip(&labels) {
            for value in row {
                write!(text, "{value:?}, ").unwrap();
            }
            write!(text, "{label}{end}").unwrap();
        }
        let asked = if header { Labels::Found } else { Labels::Last };
        check(&read("a.csv", text.into_bytes(), asked), rows, dims, &features, Some(&labels));
    }

    #[test]
    fn hdf5((rows, dims, features, labels) in tables(), chunked: bool) {
        let mut file = hdf5_pure::FileBuilder::new();
        let shape = [rows as u64, dims as u64];
        let data = file.create_dataset("x").with_f32_data(&features).with_shape(&shape);
        if chunked {
            data.with_chunks(&[2.min(shape[0]), shape[1]]).with_shuffle().with_deflate(6);
        }
        file.create_dataset("y").with_i64_data(&labels).with_shape(&shape[..1]);
        let bytes = file.finish().unwrap();
        check(&read("a.h5", bytes, Labels::Found), rows, dims, &features, Some(&labels));
    }

    #[test]
    fn idx((rows, dims, features, _) in tables()) {
        let mut bytes = vec![0, 0, 0x0d, 2];
        bytes.extend((rows as u32).to_be_bytes());
        bytes.extend((dims as u32).to_be_bytes());
        for value in &features {
            bytes.extend(value.to_be_bytes());
        }
        check(&read("a.idx", bytes, Labels::Found), rows, dims, &features, None);
    }
}
