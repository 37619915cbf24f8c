//! The manifest's rules, and the real data sets against golden values.

use std::path::{Path, PathBuf};

use super::manifest_text;
use crate::data::{
    Access, DataSet, Error, Manifest, Role, Silent, catalogue, dataset_sha256, is_available, load,
};

/// The manifest with `from` replaced by `to`; the line and the message of its error.
fn broken(from: &str, to: &str) -> (usize, String) {
    let text = manifest_text(&["https://example.org/"]);
    let changed = text.replacen(from, to, 1);
    assert_ne!(text, changed);
    match Manifest::parse(&changed) {
        Err(Error::Manifest { line, message }) => (line, message),
        other => panic!("{from} -> {to}: {other:?}"),
    }
}

#[test]
fn mistakes_are_named_by_line_and_key() {
    for (from, to, line, words) in [
        ("title =", "titel =", 3, "unknown field `titel`"),
        ("title = \"Small\"\n", "", 1, "missing field `title`"),
        ("classes = 3", "classes = \"3\"", 7, "in `classes = \"3\"`"),
        ("classes = 3", "classes = 0", 1, "`classes` is 0"),
        ("divisor = 255", "divisor = 256", 9, "in `divisor = 256`"),
        ("divisor = 255", "divisor = 0", 1, "`divisor` is 0"),
        (
            "image = [20, 30]",
            "image = [0, 30]",
            1,
            "`image` has a side",
        ),
        ("train_rows = 3", "train_rows = 4", 1, "4 rows make"),
        ("sha256 = \"", "sha256 = \"X", 15, "64 lower-case"),
        (
            "name = \"train-images\"",
            "name = \"../x\"",
            14,
            "`../x` is not a plain name",
        ),
        (
            "name = \"train-images\"",
            "name = \".lock\"",
            14,
            "not a plain name",
        ),
        ("id = \"small\"", "id = \"a/b\"", 2, "not a plain name"),
        (
            "role = \"train-images\"",
            "role = \"images\"",
            13,
            "`images`",
        ),
        (
            "role = \"train-images\"",
            "role = \"test-images\"",
            1,
            "`role`s",
        ),
        (
            "https://example.org/",
            "ftp://example.org/",
            33,
            "start of a URL",
        ),
        (
            "https://example.org/",
            "https://example.org",
            33,
            "start of a URL",
        ),
        ("http = ", "gopher = ", 33, "unknown variant `gopher`"),
        (
            "http = { prefix = \"https://example.org/\" }",
            "npm = { package = \"--evil\", path = \"a/\" }",
            33,
            "`--evil` is not a package",
        ),
        (
            "http = { prefix = \"https://example.org/\" }",
            "npm = { package = \"a@1.0.0\", path = \"a/../b/\" }",
            33,
            "a folder inside",
        ),
    ] {
        let (at, message) = broken(from, to);
        assert!(
            message.contains(words),
            "{from} -> {to}: line {at}: {message}"
        );
        assert_eq!(at, line, "{from} -> {to}: {message}");
    }
    let twice = manifest_text(&["https://a/"]) + &manifest_text(&["https://a/"]);
    let error = Manifest::parse(&twice).unwrap_err().to_string();
    assert!(
        error.contains("line 34: data set `small`: `id` is used twice"),
        "{error}"
    );
}

#[test]
fn the_real_manifest_holds_what_papers_expect() {
    let mnist = catalogue().unwrap().entry("mnist").unwrap();
    assert_eq!(
        (mnist.rows(), mnist.dims(), mnist.train_rows),
        (70_000, 784, 60_000)
    );
    assert_eq!(
        mnist.file(Role::TestImages).unwrap().decoded.bytes,
        Some(7_840_016)
    );
    // for f in train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte \
    //   t10k-labels-idx1-ubyte; do sha256sum $f | cut -d' ' -f1; done | sha256sum
    assert_eq!(
        dataset_sha256("mnist").unwrap(),
        "ac89dbc26b7b0b5f68ff586bc0579a0c16e78b3436b0c71ccdd0169cbebf9ff7"
    );
    let error = dataset_sha256("mnits").unwrap_err().to_string();
    assert_eq!(
        error,
        "no data set is called `mnits`; there are: mnist, fashion-mnist, digits, usps, reuters10k"
    );
}

/// Sum of the stored values, from the scaled ones.
fn stored_sum(data: &DataSet, divisor: f64) -> f64 {
    let sum: f64 = data.features.iter().map(|&value| f64::from(value)).sum();
    (sum * divisor).round()
}

fn class_counts(data: &DataSet) -> Vec<usize> {
    let mut counts = vec![0; data.classes];
    for &label in &data.labels {
        counts[label as usize] += 1;
    }
    counts
}

#[test]
fn digits_need_neither_cache_nor_network() {
    let access = Access {
        cache: PathBuf::from("/no/such/folder"),
        mirror: None,
        offline: true,
    };
    assert!(is_available("digits", &access).unwrap());
    let data = load("digits", &access, &Silent).unwrap();
    assert_eq!((data.rows, data.dims, data.train_rows), (1797, 64, 1797));
    // import gzip
    // t = [list(map(int, l.split(','))) for l in gzip.open('data/digits.csv.gz', 'rt')]
    // print(t[0][:6], [r[64] for r in t[:12]], sum(sum(r[:64]) for r in t),
    //       [sum(r[64] == k for r in t) for k in range(10)])
    let first: Vec<f32> = [0, 0, 5, 13, 9, 1]
        .map(|value: u8| f32::from(value) / 16.0)
        .into();
    assert_eq!(data.row(0).unwrap()[..6], first);
    assert_eq!(data.labels[..12], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
    assert!((stored_sum(&data, 16.0) - 561_718.0).abs() < 0.5);
    assert_eq!(
        class_counts(&data),
        [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    );
    assert_eq!(data.sha256, dataset_sha256("digits").unwrap());
}

/// A folder with the real files, if this machine has one.
fn real_mirror() -> Option<String> {
    let named = std::env::var("REPLICATE_TEST_MIRROR").ok();
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/datasets");
    named.or_else(|| beside.is_dir().then(|| beside.display().to_string()))
}

#[test]
fn real_usps_decodes_to_its_values() {
    let Some(mirror) = real_mirror() else {
        println!("skipped: neither REPLICATE_TEST_MIRROR nor ../shared/datasets is there");
        return;
    };
    let cache = tempfile::tempdir().unwrap();
    let access = Access {
        cache: cache.path().to_owned(),
        mirror: Some(mirror),
        offline: true,
    };
    let data = load("usps", &access, &Silent).unwrap();
    assert_eq!((data.rows, data.dims, data.train_rows), (9298, 256, 7291));
    // import h5py, numpy as np
    // f = h5py.File('usps.h5')
    // x = np.concatenate([f[g]['data'][:] for g in ('train', 'test')]).astype(float)
    // y = np.concatenate([f[g]['target'][:] for g in ('train', 'test')])
    // print(x.sum(), np.bincount(y).tolist(), y[:3].tolist(), y[7291:7294].tolist())
    let sum: f64 = data.features.iter().map(|&value| f64::from(value)).sum();
    assert!((sum - 612_482.563).abs() < 0.01, "{sum}");
    assert_eq!(
        class_counts(&data),
        [1553, 1269, 929, 824, 852, 716, 834, 792, 708, 821]
    );
    assert_eq!(data.labels[..3], [6, 5, 4]);
    assert_eq!(data.labels[7291..7294], [9, 6, 3]);
    assert_eq!(data.image, Some((16, 16)));
}

#[test]
fn real_files_decode_to_the_published_values() {
    let Some(mirror) = real_mirror() else {
        println!("skipped: neither REPLICATE_TEST_MIRROR nor ../shared/datasets is there");
        return;
    };
    let cache = tempfile::tempdir().unwrap();
    let access = Access {
        cache: cache.path().to_owned(),
        mirror: Some(mirror),
        offline: true,
    };
    // import gzip
    // from collections import Counter
    // for n in ['mnist', 'fashion-mnist']:
    //     r = lambda f, o: gzip.open(f'{n}/{f}.gz').read()[o:]
    //     x = r('train-images-idx3-ubyte', 16) + r('t10k-images-idx3-ubyte', 16)
    //     y = r('train-labels-idx1-ubyte', 8) + r('t10k-labels-idx1-ubyte', 8)
    //     c = Counter(y)
    //     print(sum(x), [c[i] for i in range(10)], list(y[:3]), list(y[60000:60003]))
    //     print(list(x[60000*784+202:60000*784+212]))  # MNIST: the first test image
    let golden = [
        (
            "mnist",
            1_832_221_745.0,
            [6903, 7877, 6990, 7141, 6824, 6313, 6876, 7293, 6825, 6958],
            [5, 0, 4],
            [7, 2, 1],
        ),
        (
            "fashion-mnist",
            4_004_583_251.0,
            [7000; 10],
            [9, 0, 0],
            [9, 2, 1],
        ),
    ];
    for (id, sum, counts, train, test) in golden {
        let data = load(id, &access, &Silent).unwrap();
        assert_eq!(data.features.len(), 70_000 * 784);
        // Each scaled value is off by at most 2^-25 of itself.
        let difference: f64 = stored_sum(&data, 255.0) - sum;
        assert!(difference.abs() < sum * 3e-8, "{id}");
        assert_eq!(class_counts(&data), counts);
        assert_eq!(data.labels[..3], train);
        assert_eq!(data.labels[60_000..60_003], test);
        assert_eq!(data.sha256, dataset_sha256(id).unwrap());
        if id == "mnist" {
            let stored = [84, 185, 159, 151, 60, 36, 0, 0, 0, 0];
            let expected = stored.map(|value: u8| f32::from(value) / 255.0);
            assert_eq!(data.row(60_000).unwrap()[202..212], expected);
        }
    }
}
