#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;

use super::*;

/// A file of tests/golden/input.py.
fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/input")
        .join(name)
}

fn asking(features: Option<&str>, labels: Labels) -> Options {
    Options {
        features: features.map(str::to_owned),
        labels,
        ..Options::default()
    }
}

fn named(name: &str) -> Labels {
    Labels::Named(name.to_owned())
}

/// `x[i, j] = (3 i + j) / 2 - 1`.
fn halves() -> Vec<f32> {
    (0_u8..12).map(|n| f32::from(n) / 2.0 - 1.0).collect()
}

fn message(name: &str, bytes: &[u8], options: &Options) -> String {
    parse(Path::new(name), bytes.to_vec(), options)
        .unwrap_err()
        .to_string()
}

#[test]
fn every_format_gives_the_same_features() {
    for (name, features) in [
        ("x.npy", None),
        ("big_fortran.npy", None),
        ("version2.npy", None),
        ("version3.npy", None),
        ("stored.npz", None),
        ("deflated.npz", None),
        ("keras.npz", Some("x_train")),
        ("unnamed.npz", None),
        ("contiguous.h5", None),
        ("chunked.h5", Some("train/x")),
        ("chunked.h5", Some("/train/lzf")),
        ("chunked.h5", Some("train/deflated")),
        ("new.h5", None),
        ("header.csv", None),
        ("x.idx.gz", None),
    ] {
        let table = read(&golden(name), &asking(features, Labels::Found)).unwrap();
        assert_eq!((table.rows, table.dims()), (4, 3), "{name}");
        assert_eq!(table.features, halves(), "{name}");
    }
}

#[test]
fn labels_are_where_they_are_said_to_be() {
    let elsewhere = |name: &str| Labels::File(golden(name));
    for (name, features, labels) in [
        ("stored.npz", None, Labels::Found),
        ("deflated.npz", None, Labels::Found),
        ("keras.npz", Some("x_train"), named("y_train")),
        ("contiguous.h5", None, Labels::Found),
        ("chunked.h5", Some("train/x"), named("train/y")),
        ("new.h5", None, Labels::Found),
        ("header.csv", None, Labels::Found),
        ("header.csv", None, named("label")),
        ("plain.csv", None, Labels::Last),
        ("x.idx.gz", None, elsewhere("y-idx1-ubyte")),
        ("x.npy", None, elsewhere("y.npy")),
        ("x.npy", None, elsewhere("stored.npz")),
        ("x.npy", None, elsewhere("contiguous.h5")),
        ("x.npy", None, elsewhere("header.csv")),
    ] {
        let table = read(&golden(name), &asking(features, labels.clone())).unwrap();
        assert_eq!(table.labels, Some(vec![0, 1, 2, 1]), "{name} {labels:?}");
        assert_eq!(table.dims(), 3, "{name}");
    }
    for (name, labels) in [("x.npy", Labels::Found), ("stored.npz", Labels::Absent)] {
        let table = read(&golden(name), &asking(None, labels)).unwrap();
        assert_eq!(table.labels, None, "{name}");
    }
}

#[test]
fn every_type_of_number_is_read() {
    let whole: Vec<f32> = (0_u8..12).map(f32::from).collect();
    for kind in [
        "u1", "big_u2", "u4", "big_u8", "i1", "i2", "big_i4", "i8", "f4", "big_f8",
    ] {
        let path = golden(&format!("n_{kind}.npy"));
        let table = read(&path, &Options::default()).unwrap();
        assert_eq!(table.features, whole, "{kind}");
    }
    let table = read(&golden("n_b1.npy"), &Options::default()).unwrap();
    assert_eq!(table.features[..4], [0.0, 1.0, 0.0, 1.0]);
    // In Fortran's order, three axes.
    let table = read(&golden("cube_fortran.npy"), &Options::default()).unwrap();
    assert_eq!((table.features, table.row_shape), (whole, vec![3, 2]));
}

#[test]
fn the_hash_is_of_the_numbers_not_of_the_file() {
    let hash = |name| read(&golden(name), &Options::default()).unwrap().sha256();
    assert_eq!(hash("stored.npz"), hash("new.h5"));
    assert_ne!(hash("stored.npz"), hash("x.npy"));
    // import hashlib, struct, numpy as np
    // x = (np.arange(12) / 2 - 1).astype("<f4").tobytes()
    // print(hashlib.sha256(struct.pack("<QQ", 4, 3) + x).hexdigest())
    assert_eq!(hash("x.npy"), GOLDEN_HASH);
}
const GOLDEN_HASH: &str = "1a53adf113b4fa1a07a1b52d3e3399ddf934918687e9d42f2abb434bd8fb7f9d";

#[test]
fn absent_arrays_are_answered_with_those_there_are() {
    for (name, features, labels, expected) in [
        (
            "keras.npz",
            None,
            Labels::Found,
            "keras.npz: it has no array called one of x, X, features, data, arr_0; \
             there are: x_train, y_train, x_test, y_test; say which holds the features",
        ),
        (
            "chunked.h5",
            Some("x"),
            Labels::Found,
            "chunked.h5: it has no array `x`; \
             there are: train/absent, train/deflated, train/lzf, train/partial, train/text, train/x, train/y",
        ),
        (
            "stored.npz",
            None,
            named("Y"),
            "stored.npz: it has no array `Y`; there are: X, y",
        ),
        (
            "header.csv",
            None,
            named("d"),
            "header.csv, line 1: no column is called `d`; there are: a, b, c, label",
        ),
        (
            "plain.csv",
            None,
            named("d"),
            "plain.csv, line 1: there is no header, so no column is called `d`; ask for the last one",
        ),
    ] {
        let error = read(&golden(name), &asking(features, labels)).unwrap_err();
        let error = error.to_string();
        assert!(error.ends_with(expected), "{error}");
    }
}

#[test]
fn name_and_content_must_agree() {
    let npz = fs::read(golden("stored.npz")).unwrap();
    for (name, bytes, expected) in [
        (
            "a.npy",
            npz.as_slice(),
            "a.npy, byte 0: the name says NPY, but its content is a ZIP archive (.npz)",
        ),
        (
            "a.csv",
            b"\x1f\x8b\x08",
            "a.csv, byte 0: the name says CSV, but its content is gzip data (.gz)",
        ),
        (
            "a.h5",
            b"1,2\n",
            "a.h5, byte 0: the name says HDF5, but its content is text (.csv?)",
        ),
        (
            "a.idx",
            b"",
            "a.idx, byte 0: the name says IDX, but it is empty",
        ),
        (
            "a.idx.gz",
            b"1,2\n",
            "a.idx.gz, byte 4: bad gzip data: unexpected end of file",
        ),
        (
            "a.npz.gz",
            b"",
            "a.npz.gz: its name says no format; there are .npy, .npz, .csv, .tsv, .h5, .hdf5 and \
             .idx (.npy, .csv, .tsv and .idx also with .gz)",
        ),
    ] {
        assert_eq!(message(name, bytes, &Options::default()), expected);
    }
}

/// An NPY file of version 1.0.
fn npy_file(header: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(body);
    bytes
}

#[test]
fn npy_errors_name_the_byte() {
    let good = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1), }\n";
    let options = Options::default();
    assert!(parse(Path::new("a.npy"), npy_file(good, &[1, 2]), &options).is_ok());
    for (header, body, expected) in [
        (
            good,
            &[1][..],
            "a.npy, byte 70: shape [2, 1] takes 2 bytes, but 1 follow the header",
        ),
        (
            good,
            &[1, 2, 3],
            "a.npy, byte 70: shape [2, 1] takes 2 bytes, but 3 follow the header",
        ),
        (
            "{'descr': '|O'}",
            &[],
            "a.npy, byte 20: elements of type `|O`; b1, u1 to u8, i1 to i8, f4 and f8 are read",
        ),
        (
            "{'descr': [('a', 'u1')]}",
            &[],
            "a.npy, byte 20: an array of records; only arrays of plain numbers are read",
        ),
        (
            "{'shape': (1",
            &[],
            "a.npy, byte 22: expected `)` in the header",
        ),
        (
            "{'shape': (-1,)}",
            &[],
            "a.npy, byte 21: expected the size of an axis",
        ),
        (
            "{'descr': '<f4'}",
            &[],
            "a.npy, byte 10: the header has no key `fortran_order`",
        ),
        ("{'size': 3}", &[], "a.npy, byte 11: unknown key `size`"),
        (
            "{'shape': (1,), 'shape': (1,)}",
            &[],
            "a.npy, byte 26: a key that was there before",
        ),
        (
            "{'fortran_order': 1}",
            &[],
            "a.npy, byte 28: expected True or False",
        ),
    ] {
        assert_eq!(
            message("a.npy", &npy_file(header, body), &options),
            expected
        );
    }
    let huge = "{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4)}";
    let error = message("a.npy", &npy_file(huge, &[]), &options);
    assert!(
        error.contains("takes more than there can be bytes"),
        "{error}"
    );
    let error = message("a.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\xff", &options);
    assert!(
        error.starts_with("a.npy, byte 8: a header of 4294967295 bytes"),
        "{error}"
    );
}

#[test]
fn csv_labels_may_be_words() {
    let read =
        |text: &str, labels| parse(Path::new("a.csv"), text.into(), &asking(None, labels)).unwrap();
    let table = read("x,kind\n0.5,cat\n1,ant\n2,cat\n", named("kind"));
    assert_eq!(table.features, [0.5, 1.0, 2.0]);
    assert_eq!(table.labels, Some(vec![1, 0, 1]));
    assert_eq!(table.classes, ["ant", "cat"]);
    // Without a header the first row is a row, though a word is in it.
    let table = read("0.5,1,cat\n2,3,ant\n4,5,cat\n", Labels::Last);
    assert_eq!((table.rows, table.labels), (3, Some(vec![1, 0, 1])));
    assert_eq!(table.features, [0.5, 1.0, 2.0, 3.0, 4.0, 5.0]);
    // Words that no row has are a header, whatever the other columns are called.
    for text in [
        "x,y,kind\n0.5,1,cat\n2,3,ant\n",
        "0,1,kind\n0.5,1,cat\n2,3,ant\n",
        "2019,2020,kind\n0.5,1,cat\n2,3,ant\n",
        ",1,kind\n0.5,1,cat\n2,3,ant\n",
    ] {
        let table = read(text, Labels::Last);
        assert_eq!((table.rows, table.labels), (2, Some(vec![1, 0])), "{text}");
    }
    let table = read("1,2,label\n4,5,6\n", Labels::Last);
    assert_eq!((table.rows, table.labels), (1, Some(vec![6])));
    // A label taken for a column's name.
    let table = read("0.5,cat\n2,ant\n3,cat\n", named("cat"));
    assert_eq!((table.rows, table.labels), (3, Some(vec![1, 0, 1])));
    assert_eq!(table.features, [0.5, 2.0, 3.0]);
    // Numbers have no names.
    assert!(read("0.5,7\n2,3\n", Labels::Last).classes.is_empty());
    // A column of another kind that nobody has named.
    assert_eq!(
        message("a.csv", b"x,kind\n0.5,cat\n", &Options::default()),
        "a.csv, line 2: column 2 is `cat`, expected a finite number; if it is the label, --labels kind says so"
    );
    let error = message("a.csv", b"0.5,cat\n1,ant\n", &Options::default());
    assert!(
        error.ends_with("if it is the label, --labels last says so"),
        "{error}"
    );
    let error = message("a.csv", b"cat,0.5\nant,1\n", &Options::default());
    assert!(error.ends_with("expected a finite number"), "{error}");
}

#[test]
fn files_of_labels_may_hold_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.csv");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        read_labels(&path, 1 << 20).unwrap()
    };
    for text in [
        "cat\nant\ncat\n",
        "label\ncat\nant\ncat\n",
        "Species\ncat\nant\ncat\n",
        "id,class\n1,cat\n2,ant\n3,cat\n",
    ] {
        let labels = read(text);
        assert_eq!(
            (labels.numbers, labels.names.len()),
            (vec![1, 0, 1], 2),
            "{text}"
        );
    }
    assert_eq!(read("found\n3\n4\n"), Labelling::from(vec![3, 4]));
    // As `replicate predict` writes them.
    let predicted = read("row,unit,cluster,distance\n0,9,3,0.5\n1,8,4,0.25\n");
    assert_eq!(predicted, Labelling::from(vec![3, 4]));
    std::fs::write(&path, "a,b\n1,2\n").unwrap();
    let error = read_labels(&path, 1 << 20).unwrap_err().to_string();
    assert!(
        error.ends_with("or cluster: which has the labels?"),
        "{error}"
    );
}

#[test]
fn columns_may_be_apart_by_semicolons_or_tabs() {
    for text in [
        "x;kind\n0.5;cat\n2;ant\n",
        "x\tkind\n0.5\tcat\n2\tant\n",
        "\n\"x,y\";kind\r\n0.5;cat\r\n2;ant\r\n",
    ] {
        let options = asking(None, named("kind"));
        let table = parse(Path::new("a.csv"), text.into(), &options).unwrap();
        assert_eq!(table.features, [0.5, 2.0], "{text}");
        assert_eq!(table.labels, Some(vec![1, 0]), "{text}");
    }
}

#[test]
fn csv_errors_name_line_and_column() {
    let last = asking(None, Labels::Last);
    for (text, expected) in [
        (
            "1,2\n3,x\n",
            "a.csv, line 2: column 2 is `x`, expected an integer label",
        ),
        (
            "1,2\n\n,3\n",
            "a.csv, line 3: column 1 is ``, expected a finite number",
        ),
        (
            "1,2\n3,4,5\n",
            "a.csv, line 2: 3 columns, but the first line has 2",
        ),
        (
            "1,2\nnan,4\n",
            "a.csv, line 2: column 1 is `nan`, expected a finite number",
        ),
        (
            "1,2\n1,4.5\n",
            "a.csv, line 2: column 2 is `4.5`, expected an integer label",
        ),
        (
            "1,ant\n2,ant\n3,2\n",
            "a.csv, line 3: column 2 is `2`, expected a word, as the labels before it are",
        ),
        ("a,b\n", "a.csv, line 1: there is no row of numbers"),
        (
            "1\n2\n",
            "a.csv, line 1: there is no column but that of the labels",
        ),
    ] {
        assert_eq!(message("a.csv", text.as_bytes(), &last), expected);
    }
}

#[test]
fn features_and_labels_must_be_as_such_are() {
    let options = Options::default();
    let vector = npy_file(
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2,)}",
        &[1, 2],
    );
    assert_eq!(
        message("a.npy", &vector, &options),
        "a.npy: it has one axis of 2; features have at least two, [rows, values]"
    );
    let empty = npy_file(
        "{'descr': '|u1', 'fortran_order': False, 'shape': (0, 3)}",
        &[],
    );
    assert_eq!(
        message("a.npy", &empty, &options),
        "a.npy: it is empty: its shape is [0, 3]"
    );
    let mut values = [1.0_f32, 2.0, 3.0, f32::NAN].map(f32::to_le_bytes);
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2)}";
    assert_eq!(
        message("a.npy", &npy_file(header, values.as_flattened()), &options),
        "a.npy, row 1: value 1 is NaN; all must be finite 32-bit floats"
    );
    values[3] = 4.5_f32.to_le_bytes();
    let folder = tempfile::tempdir().unwrap();
    let labels = folder.path().join("labels.npy");
    let asked = asking(None, Labels::File(labels.clone()));
    for (header, body, expected) in [
        (
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 1)}",
            values.as_flattened(),
            "row 3: its label is not an integer",
        ),
        (
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2)}",
            values.as_flattened(),
            "its shape is [2, 2]; labels have one integer a row (not one column a class)",
        ),
        (
            "{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}",
            &[1, 2],
            "row 1: its label is not an integer",
        ),
        (
            "{'descr': '|u1', 'fortran_order': False, 'shape': (2,)}",
            &[1, 2],
            "4 rows of features, but 2 labels",
        ),
    ] {
        fs::write(&labels, npy_file(header, body)).unwrap();
        let error = read(&golden("x.npy"), &asked).unwrap_err().to_string();
        assert!(error.ends_with(expected), "{error}");
    }
    let error = read(&golden("x.npy"), &asking(None, Labels::Last)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("it holds one array and so no labels")
    );
}

#[test]
fn hdf5_that_cannot_be_used_is_named() {
    for (array, expected) in [
        ("train/absent", "more than a file of"),
        (
            "train/partial",
            "array `train/partial`: 1 of its 2 chunks were written",
        ),
        ("train/text", "array `train/text`: its elements are of type"),
        ("train/y", "array `train/y`: it has one axis of 4"),
    ] {
        let options = asking(Some(array), Labels::Found);
        let options = Options {
            limit: 1 << 60,
            ..options
        };
        let error = read(&golden("chunked.h5"), &options)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn limits_are_kept() {
    let small = |limit| Options {
        limit,
        ..Options::default()
    };
    for (name, limit) in [
        // The file itself, then what it decodes to, then its features.
        ("x.npy", 175),
        ("n_u1.npy", 139),
        ("stored.npz", 569),
        ("deflated.npz", 223),
        ("x.idx.gz", 59),
    ] {
        let error = read(&golden(name), &small(limit)).unwrap_err().to_string();
        assert!(
            error.contains(&format!("but the limit is {limit}")),
            "{error}"
        );
    }
    let wide = npy_file(
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 100)}",
        &[0; 100],
    );
    assert_eq!(
        message("a.npy", &wide, &small(399)),
        "a.npy: its features would take 400 bytes, but the limit is 399; raise it or give less"
    );
}

#[test]
fn what_is_no_file_is_refused() {
    let missing = read(Path::new("no/such.npy"), &Options::default()).unwrap_err();
    assert!(matches!(missing, Error::Io { .. }));
    let folder = tempfile::tempdir().unwrap();
    let error = read(folder.path(), &Options::default())
        .unwrap_err()
        .to_string();
    assert!(error.ends_with("it is not a file"), "{error}");
}
