//! `replicate report` as a command.

use std::fs;

use replicate::catalogue;
use replicate::replication::{Changes, Profile};

use super::program::run;
use super::scripted::{record, store, values};

/// Plausible runs of `desom-gamma`: as published, but for the accuracy at one weight.
fn plausible(profile: Profile) -> Vec<replicate::runs::Record> {
    let gamma = catalogue::find("desom-gamma").unwrap();
    let published = gamma.published().unwrap();
    let protocol = gamma.protocol(profile, &Changes::default()).unwrap();
    let mut all = Vec::new();
    for variant in &protocol.variants {
        let mut runs = vec![std::collections::BTreeMap::new(); 10];
        let numbers = published
            .values
            .iter()
            .filter(|value| value.replication == "desom-gamma" && value.variant == variant.id);
        for number in numbers {
            let shift = if variant.id == "gamma=0.01" && number.metric == "clustered.accuracy" {
                -0.14
            } else {
                0.003
            };
            let sd = number.sd.unwrap_or(0.004).max(0.0005);
            for (seed, value) in values(number.mean + shift, sd) {
                runs[seed as usize].insert(number.metric.clone(), Some(value.max(0.0)));
            }
        }
        for (seed, mut metrics) in runs.into_iter().enumerate() {
            if variant.id == "gamma=10" {
                metrics.insert("units_used".to_owned(), Some(1.0));
                metrics.insert("prototype_spread".to_owned(), Some(0.00005));
            }
            if variant.id == "gamma=1" && seed == 6 {
                metrics.clear();
            }
            if seed < protocol.seeds as usize {
                all.push(record(gamma, profile, &variant.id, seed as u64, &metrics));
            }
        }
    }
    all
}

#[test]
fn the_command_writes_all_formats_and_fills_a_document() {
    let folder = tempfile::tempdir().unwrap();
    store(folder.path(), &plausible(Profile::Paper));
    let document = folder.path().join("REPRODUCE.md");
    let before = "# Mine\n\n<!-- replicate:begin desom-gamma -->\n<!-- replicate:end desom-gamma -->\n\nend\n";
    fs::write(&document, before).unwrap();
    let document = document.to_str().unwrap();
    let out = folder.path().join("out");
    let output = run(
        folder.path(),
        &[
            "report",
            "desom-gamma",
            "--out",
            out.to_str().unwrap(),
            "--update",
            document,
        ],
    );
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("desom-gamma: 80 of 80 planned runs stored, 1 diverged, 10 collapsed"),
        "{said}"
    );
    let mut names: Vec<_> = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "report.html",
            "report.json",
            "report.md",
            "results.csv",
            "tables.tex"
        ]
    );
    let filled = fs::read_to_string(document).unwrap();
    assert!(
        filled.starts_with("# Mine\n\n<!-- replicate:begin desom-gamma -->\n\n**desom-gamma.**"),
        "{filled}"
    );
    assert!(filled.ends_with("<!-- replicate:end desom-gamma -->\n\nend\n"));
    let page = fs::read(out.join("report.html")).unwrap();
    let again = run(
        folder.path(),
        &["report", "desom-gamma", "--json", "--update", document],
    );
    let again: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert!(
        again["counts"]["reproduced"].as_u64().unwrap() > 3,
        "{again}"
    );
    assert!(page == fs::read(folder.path().join("report/report.html")).unwrap());
    assert_eq!(fs::read_to_string(document).unwrap(), filled);
}

#[test]
fn a_document_without_places_is_an_error_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let document = folder.path().join("REPRODUCE.md");
    fs::write(&document, "nothing here\n").unwrap();
    let path = document.to_str().unwrap();
    // Tables of no runs would replace those that are there.
    let output = run(folder.path(), &["report", "--update", path]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(20), "{message}");
    assert!(message.contains("there are no stored runs"), "{message}");
    store(folder.path(), &plausible(Profile::Paper));
    for (arguments, words) in [
        (
            &["report", "--update", path][..],
            "<!-- replicate:begin summary -->",
        ),
        (
            &["report", "desom-gamma", "--update", path],
            "<!-- replicate:begin desom-gamma -->",
        ),
        (&["report", "desom-gama"], "there are: desom-gamma"),
    ] {
        let output = run(folder.path(), arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(words), "{message}");
    }
    assert_eq!(fs::read_to_string(document).unwrap(), "nothing here\n");
    assert!(!folder.path().join("report").exists());
}
