//! `replicate metrics` as a user meets it: files of several formats in, tables and JSON out, mistakes
//! explained.

#![allow(missing_docs, clippy::unwrap_used, clippy::float_cmp)]

mod program;

use std::fs;
use std::path::Path;

use program::text;
use serde_json::Value;

/// A folder of files, and the program run in it.
struct Files(tempfile::TempDir);

/// An NPY file of version 1.0.
fn npy(kind: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(bytes);
    file
}

fn floats(shape: &str, values: &[f32]) -> Vec<u8> {
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    npy("<f4", shape, &bytes)
}

impl Files {
    /// The deterministic 20 samples on a map of 3x4 for which the DESOM authors' package gives the values
    /// below (see `src/som/quality/tests.rs`), as different kinds of files.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let samples = (0..20).flat_map(|i| (0..3).map(move |j| (f64::from(i), f64::from(j))));
        let data = samples.map(|(i, j)| (1.0 + 3.0 * i + 5.0 * j + 0.1 * i * j).sin() as f32);
        let units = (0..12).flat_map(|k| (0..3).map(move |j| (f64::from(k), f64::from(j))));
        let prototypes = units.map(|(k, j)| (2.0 + 1.7 * k + 0.9 * j + 0.05 * k * j).cos());
        let mut csv = String::from("a,b,c\n");
        for row in prototypes.collect::<Vec<f64>>().chunks(3) {
            csv += &format!("{},{},{}\n", row[0], row[1], row[2]);
        }
        let classes: Vec<u8> = (0..20).map(|i| i % 3).collect();
        let words: String = classes.iter().fold("class\n".to_owned(), |all, class| {
            all + &format!("{}\n", 40 + class)
        });
        let units = "3\n5\n3\n5\n3\n5\n7\n5\n7\n9\n0\n2\n0\n2\n0\n2\n0\n2\n4\n2\n";
        let files = Self(folder);
        files.write("x.npy", &floats("20, 3", &data.collect::<Vec<f32>>()));
        files.write("m.csv", csv.as_bytes());
        files.write("y.npy", &npy("|u1", "20,", &classes));
        files.write("y.csv", words.as_bytes());
        files.write("p.csv", units.as_bytes());
        files
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.path().join(name), bytes).unwrap();
    }

    fn call(&self, arguments: &str) -> (i32, String, String) {
        let output = program::replicate(Path::new("store"))
            .current_dir(self.0.path())
            .arg("metrics")
            .args(arguments.split_whitespace())
            .output()
            .unwrap();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(!err.contains("panicked"), "{err}");
        (output.status.code().unwrap(), out, err)
    }

    fn json(&self, arguments: &str) -> Value {
        let (code, out, err) = self.call(&format!("{arguments} --json"));
        assert_eq!(code, 0, "{err}");
        serde_json::from_str(&out).unwrap()
    }
}

/// The value of a metric in a section of the JSON.
fn value(json: &Value, section: &str, id: &str) -> f64 {
    let values = json[section]["values"].as_array().unwrap();
    let found = values.iter().find(|value| value["id"] == id);
    found.unwrap_or_else(|| panic!("no {id} in {json}"))["value"]
        .as_f64()
        .unwrap()
}

#[test]
fn a_map_is_measured_as_the_authors_package_does() {
    let files = Files::new();
    let arguments = "--true y.npy --data x.npy --prototypes m.csv --map 3x4 --k 3 --radius 1.5";
    let json = files.json(arguments);
    assert_eq!(json["schema"], "replicate-metrics/1");
    assert_eq!(json["samples"], 20);
    assert!(json["clusters"].is_null(), "{json}");
    for (section, id, golden) in [
        ("quality", "quantization_error", 0.385_591_4),
        ("quality", "topographic_error", 0.45),
        ("quality", "combined_error", 2.684_542_0),
        ("quality", "distortion", 6.839_439_5),
        ("quality", "kruskal_shepard_error", 0.099_631_3),
        ("quality", "c_measure", 658.707_017),
        ("quality", "neighbourhood_preservation", 0.971_481_5),
        ("quality", "trustworthiness", 0.964),
        ("quality", "topographic_product", 0.002_451_5),
        ("quality", "topographic_function_20", 0.166_666_7),
        ("units", "class_scatter_index", 2.666_666_7),
        ("units", "entropy", 4.094_344_6),
        ("units", "purity", 0.5),
        ("units", "minor_class", 0.5),
        ("units", "accuracy", 0.25),
    ] {
        let ours = value(&json, section, id);
        assert!((ours / golden - 1.0).abs() < 1e-5, "{id}: {ours}");
    }
    assert_eq!(json["topographic_function"][0][0], 0.0);
    let (code, out, _) = files.call(arguments);
    assert_eq!(code, 0);
    for words in [
        "Best matching units as clusters\n",
        "Map (k = 3, radius 1.5)\n",
        "  trustworthiness                0.964000  better: higher   range: up to 1\n",
    ] {
        assert!(out.contains(words), "{words}\n{out}");
    }
}

#[test]
fn classes_and_clusters_alone_are_compared() {
    let files = Files::new();
    // Whatever integers stand for the classes, and in whatever file.
    let bytes = files.json("--true y.npy --pred p.csv");
    let words = files.json("--true y.csv --pred p.csv");
    assert_eq!(bytes, words);
    assert!(bytes["quality"].is_null() && bytes["units"].is_null());
    assert_eq!(value(&bytes, "clusters", "purity"), 0.5);
    let (_, out, _) = files.call("--true y.npy --pred p.csv");
    assert!(
        !out.contains("silhouette") && !out.contains("scatter"),
        "{out}"
    );
    // As units of a map, and with the data.
    let all = files.json("--true y.npy --pred p.csv --data x.npy --map 3x4");
    assert!((value(&all, "clusters", "class_scatter_index") - 8.0 / 3.0).abs() < 1e-12);
    let units = files.json("--true y.npy --data x.npy --prototypes m.csv --map 3x4");
    let silhouette = value(&all, "clusters", "silhouette");
    assert_eq!(
        silhouette.to_bits(),
        value(&units, "units", "silhouette").to_bits()
    );
    // Other clusters than the units, both shown.
    let both = files.json("--true y.npy --pred y.npy --data x.npy --prototypes m.csv --map 3x4");
    assert_eq!(value(&both, "clusters", "ami"), 1.0);
    assert_eq!(value(&both, "units", "purity"), 0.5);
}

#[test]
fn a_sample_is_seeded_and_said_to_be_one() {
    let files = Files::new();
    let arguments = "--data x.npy --prototypes m.csv --map 3x4 --k 1 --sample 12";
    let (_, out, _) = files.call(arguments);
    let lines = out
        .lines()
        .filter(|line| line.ends_with("(sample of 12 of 20)"));
    // Kruskal-Shepard, C twice, two of ranks, and the silhouette.
    assert_eq!(lines.count(), 6, "{out}");
    assert_eq!(files.json(arguments), files.json(arguments));
    assert_ne!(
        files.json(arguments)["quality"],
        files.json(&format!("{arguments} --seed 1"))["quality"]
    );
    let exact = "--data x.npy --prototypes m.csv --map 3x4 --k 1";
    let all = files.json(&format!("{exact} --sample 20"));
    assert_eq!(all["quality"], files.json(exact)["quality"]);
}

#[test]
fn images_have_a_sharpness() {
    let files = Files::new();
    let ramp: Vec<f32> = (0..48).map(|i| (i % 4) as f32 + (i / 12) as f32).collect();
    let half: Vec<f32> = ramp[..24].iter().map(|value| value / 2.0).collect();
    files.write("images.npy", &floats("4, 3, 4", &ramp));
    files.write("flat.npy", &floats("4, 12", &ramp));
    files.write("map.npy", &floats("2, 12", &half));
    let known = "--data images.npy --prototypes map.npy --map 1x2";
    let json = files.json(known);
    assert!((value(&json, "quality", "sharpness_ratio") - 0.5).abs() < 1e-6);
    let flat = "--data flat.npy --prototypes map.npy --map 1x2";
    assert!(!files.call(flat).1.contains("sharpness"));
    assert_eq!(files.json(&format!("{flat} --image 3x4")), json);
    // What is undefined is said to be, and is null in JSON.
    let (_, out, _) = files.call(known);
    assert!(
        out.contains("topographic function, 0       undefined"),
        "{out}"
    );
    let first = json["quality"]["values"].as_array().unwrap().iter();
    assert!(first.into_iter().any(|value| value["value"].is_null()));
}

#[test]
fn mistakes_are_explained() {
    let files = Files::new();
    files.write("short.csv", b"1\n2\n");
    files.write("slip.csv", b"class\n1\ndog\n");
    files.write("words.csv", "cat\ndog\n".repeat(10).as_bytes());
    files.write("nan.npy", &floats("1, 3", &[0.0, f32::NAN, 1.0]));
    files.write("wide.npy", &floats("12, 2", &[0.5; 24]));
    files.write("empty.csv", b"class\n");
    for (arguments, expected) in [
        ("", "nothing to measure"),
        ("--true y.npy", "clusters are missing"),
        ("--data x.npy", "clusters are missing"),
        ("--pred p.csv", "nothing to compare clusters with"),
        (
            "--true y.npy --pred short.csv",
            "short.csv has 2 rows, but y.npy has 20",
        ),
        (
            "--true y.npy --pred slip.csv",
            "slip.csv, line 3: column 1 is `dog`, expected an integer",
        ),
        (
            "--true y.npy --pred words.csv --map 2x2",
            "words.csv: labels are words, cat for one",
        ),
        (
            "--true empty.csv --pred empty.csv",
            "empty.csv: there are no labels",
        ),
        ("--true none.npy --pred p.csv", "none.npy"),
        (
            "--pred p.csv --data nan.npy",
            "nan.npy, row 0: value 1 is NaN",
        ),
        (
            "--data x.npy --prototypes wide.npy --map 3x4",
            "samples of 3 numbers cannot be compared with prototypes of 2",
        ),
        (
            "--data x.npy --prototypes m.csv --map 8x8",
            "12 prototypes do not fill a map of 8x8 = 64 units",
        ),
        ("--data x.npy --prototypes m.csv", "--map"),
        (
            "--true y.npy --pred y.csv --map 3x4",
            "y.csv, row 0: 40 is no unit",
        ),
        (
            "--pred p.csv --data x.npy --map 3x4",
            "--map without --prototypes",
        ),
        (
            "--data x.npy --prototypes m.csv --map 3x",
            "expected two sizes, as in 8x8",
        ),
        ("--data x.npy --prototypes m.csv --map 3x4 --k 0", "--k"),
        (
            "--data x.npy --prototypes m.csv --map 3x4 --image 2x2",
            "rows of x.npy have 3 numbers",
        ),
        (
            "--data x.npy --prototypes m.csv --map 99999999999x99999999999",
            "12 prototypes do not fill",
        ),
    ] {
        let (code, out, err) = files.call(arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments}: {err}");
        assert!(err.contains(expected), "{arguments}: {err}");
    }
}
