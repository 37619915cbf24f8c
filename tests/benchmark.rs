//! `desom-benchmark` as a user meets it: every method on the embedded data, the authors' CSV, and a data
//! set that cannot be had.

#![allow(missing_docs, clippy::unwrap_used)]

mod program;

use std::fs;
use std::path::Path;

use program::{folders, json, record, replicate, run, text};

/// Short, but with every step that the protocol has.
const SHORT: [&str; 10] = [
    "desom-benchmark",
    "--profile",
    "smoke",
    "--seeds",
    "0,1",
    "--iterations",
    "40",
    "--pretrain-epochs",
    "2",
    "--json",
];

#[test]
fn every_method_runs_and_seeds_share_one_autoencoder() {
    let store = tempfile::tempdir().unwrap();
    let shown = json(store.path(), &SHORT);
    assert_eq!(
        (&shown["planned"], &shown["stored"]),
        (&18.into(), &18.into())
    );
    // One autoencoder, for both methods and both seeds that begin with it.
    let parts = fs::read_dir(store.path().join("parts")).unwrap();
    let parts = parts.filter(|entry| entry.as_ref().unwrap().path().join("part.json").exists());
    assert_eq!(parts.count(), 1);
    for folder in folders(store.path()) {
        let record = record(&folder);
        let variant = record["variant"].as_str().unwrap();
        let purity = if variant.contains("k-means") {
            &record["metrics"]["purity"]
        } else {
            &record["metrics"]["bmu.purity"]
        };
        let purity = purity.as_f64().unwrap();
        assert!((0.1..=1.0).contains(&purity), "{variant} {purity}");
        let parts = record["parts"].as_array().map_or(0, Vec::len);
        assert_eq!(parts, usize::from(variant.contains("/ae+")), "{variant}");
    }

    let files = shown["files"].as_array().unwrap().iter();
    let files: Vec<&Path> = files
        .map(|file| Path::new(file.as_str().unwrap()))
        .collect();
    let named = |name: &str| files.iter().find(|file| file.ends_with(name)).unwrap();
    assert!(fs::metadata(named("table2.png")).unwrap().len() > 10_000);
    let authors = fs::read_to_string(named("desom_benchmark.csv")).unwrap();
    let lines: Vec<&str> = authors.lines().collect();
    assert_eq!(
        lines[0],
        "dataset,pur,pur_std,nmi,nmi_std,ari,ari_std,acc,acc_std,duration,\
         pur_clust,pur_clust_std,nmi_clust,nmi_clust_std,ari_clust,ari_clust_std,\
         acc_clust,acc_clust_std"
    );
    assert_eq!(lines.len(), 3);
    assert!(
        lines[1].starts_with("digits (K=64),") && !lines[1].contains(",,"),
        "{}",
        lines[1]
    );
    // With as many units as classes nothing is grouped.
    assert!(
        lines[2].starts_with("digits (K=10),") && lines[2].ends_with(",,,,,,,,"),
        "{}",
        lines[2]
    );
    let all = fs::read_to_string(named("benchmark.csv")).unwrap();
    let first: Vec<&str> = all
        .lines()
        .map(|line| line.split(',').next().unwrap())
        .collect();
    assert_eq!(
        first,
        [
            "method",
            "k-means-64",
            "minisom",
            "kerasom",
            "ae+minisom",
            "ae+kerasom",
            "som-vae",
            "desom",
            "k-means-classes",
            "desom-classes"
        ]
    );
    // Spreads have the divisor n: half the distance of two values.
    let purities = |variant: &str| -> Vec<f64> {
        let records = folders(store.path())
            .into_iter()
            .map(|folder| record(&folder));
        let own = records.filter(|record| record["variant"] == variant);
        own.map(|record| record["metrics"]["bmu.purity"].as_f64().unwrap())
            .collect()
    };
    let [a, b] = purities("digits/desom")[..] else {
        panic!("two seeds");
    };
    let spread: f64 = lines[1].split(',').nth(2).unwrap().parse().unwrap();
    assert!(
        (spread - (a - b).abs() / 2.0).abs() < 1e-9,
        "{spread} {a} {b}"
    );

    // Nothing is left to do.
    let again = replicate(store.path())
        .args(["plan"])
        .args(SHORT)
        .output()
        .unwrap();
    let plan: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(plan["pending"], 0, "{}", text(&again.stderr));
}

#[test]
fn data_that_cannot_be_had_fail_their_variants_only() {
    let mirror = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/datasets");
    if !mirror.join("usps/usps.h5").exists() {
        println!("skipped: there is no ../shared/datasets/usps/usps.h5");
        return;
    }
    let store = tempfile::tempdir().unwrap();
    let call = |data: &str| {
        let arguments = [
            "desom-benchmark",
            "--profile",
            "paper",
            "--seeds",
            "1",
            "--offline",
        ];
        let chosen = ["--methods", "minisom", "--data", data, "--json"];
        let mut command = replicate(store.path());
        command
            .args(arguments)
            .args(chosen)
            .arg("--mirror")
            .arg(&mirror);
        command.output().unwrap()
    };
    let output = call("usps,reuters10k");
    let said = text(&output.stderr);
    assert_eq!(
        said.matches("reuters10k is not available: 1 run left out")
            .count(),
        1,
        "{said}"
    );
    assert!(said.contains("data import"), "{said}");
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&shown["planned"], &shown["stored"]),
        (&2.into(), &1.into()),
        "{said}"
    );
    assert_eq!(shown["failed"], 0);
    assert!(shown["unavailable"]["reuters10k"].is_string());
    let verdicts = shown["verdicts"].to_string();
    assert!(
        verdicts.contains("data not available: reuters10k"),
        "{verdicts}"
    );
    // Nothing failed; claims are undecided.
    assert_ne!(output.status.code(), Some(30), "{said}");
    assert_ne!(output.status.code(), Some(20), "{said}");

    // What was left out when it was submitted is not missing when it is collected.
    let whole = [
        "desom-benchmark",
        "--profile",
        "paper",
        "--seeds",
        "1",
        "--methods",
        "minisom",
    ];
    let elsewhere = tempfile::tempdir().unwrap();
    let call_there = |arguments: &[&str]| {
        let mut command = replicate(elsewhere.path());
        command.args(arguments).output().unwrap()
    };
    let mirror_text = mirror.to_str().unwrap();
    let how = [
        "--data",
        "usps,reuters10k",
        "--offline",
        "--mirror",
        mirror_text,
    ];
    let submit = [
        &["submit"],
        &whole[..],
        &how[..],
        &["--launcher", "none", "--json"],
    ]
    .concat();
    let output = call_there(&submit);
    let submitted: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    assert_eq!(submitted["runs"], 1);
    let plan = submitted["plan"].as_str().unwrap();
    let output = call_there(&["worker", plan, "0"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let output = call_there(&["collect", submitted["launch"].as_str().unwrap(), "--json"]);
    let said = text(&output.stderr);
    assert_ne!(output.status.code(), Some(30), "{said}");
    assert!(said.contains("1 of 1 run stored"), "{said}");
    assert!(
        said.contains("1 run left out when this was submitted: reuters10k"),
        "{said}"
    );
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(shown["unavailable"]["reuters10k"].is_string());

    // The only one there is: an error, as ever.
    let alone = call("reuters10k");
    assert_eq!(alone.status.code(), Some(20), "{}", text(&alone.stderr));
}

#[test]
fn wrong_names_are_explained() {
    let store = tempfile::tempdir().unwrap();
    for (option, value, words) in [
        ("--data", "mnist", "in this profile there are digits"),
        ("--methods", "som", "in this profile there are k-means-64"),
        ("--minisom-sigma", "-1", "radius from 0 to 1000"),
        ("--minisom-sigma", "1001", "radius from 0 to 1000"),
    ] {
        let output = run(
            store.path(),
            &["desom-benchmark", "--profile", "smoke", option, value],
        );
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "{said}");
    }
}
