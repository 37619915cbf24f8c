//! Anybody's own claims and numbers: `replicate judge`.

use std::fs;

use serde_json::Value;

use super::call;
use super::program::replicate;

/// A made-up experiment in a folder of its own.
struct Files(tempfile::TempDir);

impl Files {
    fn of(claims: &str, results: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("c.toml"), claims).unwrap();
        fs::write(folder.path().join("r.csv"), results).unwrap();
        Self(folder)
    }

    fn example() -> Self {
        Self::of(
            include_str!("../../examples/claims.toml"),
            include_str!("../../examples/results.csv"),
        )
    }

    fn judge(&self, more: &[&str]) -> (i32, String, String) {
        let [claims, results] = ["c.toml", "r.csv"].map(|name| self.0.path().join(name));
        let files = [
            "judge",
            "--claims",
            claims.to_str().unwrap(),
            "--results",
            results.to_str().unwrap(),
        ];
        call(self.0.path(), &[&files[..], more].concat())
    }
}

#[test]
fn anybodys_numbers_are_judged() {
    let files = Files::example();
    let (code, out, _) = files.judge(&[]);
    assert_eq!(code, 10, "{out}");
    for words in [
        "5 claims: 1 reproduced, 1 consistent, 1 not reproduced, 1 inconclusive, 1 not tested.",
        "  reproduced      purity ",
        "(to be looked at: ",
        "ours 0.898 \u{b1} 0.008 (10 runs), published 0.902",
    ] {
        assert!(out.contains(words), "{words}\n{out}");
    }
    let (code, out, _) = files.judge(&["--json"]);
    assert_eq!(code, 10);
    let value: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["schema"], "replicate-verdicts/1");
    assert_eq!(value["conclusion"], "not-reproduced");
    assert_eq!(value["counts"]["reproduced"], 1);
}

#[test]
fn the_exit_code_does_not_depend_on_who_reads() {
    let files = Files::example();
    let [claims, results] = ["c.toml", "r.csv"].map(|name| files.0.path().join(name));
    // A pipe whose reader has gone, as after `| head -0`.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = replicate(files.0.path())
        .arg("judge")
        .arg("--claims")
        .arg(claims)
        .arg("--results")
        .arg(results)
        .stdout(writer)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.as_str()), (Some(10), ""));
}

/// The example's claims up to and with the first, about purity.
fn purity_alone() -> String {
    let all = include_str!("../../examples/claims.toml");
    let second = all.match_indices("[[claim]]").nth(1).unwrap().0;
    all[..second].to_owned()
}

#[test]
fn the_exit_code_says_what_the_verdicts_come_to() {
    let results = include_str!("../../examples/results.csv");
    assert_eq!(Files::of(&purity_alone(), results).judge(&[]).0, 0);
    let few: String = results
        .lines()
        .take(13)
        .fold(String::new(), |text, line| text + line + "\n");
    let (code, out, _) = Files::of(&purity_alone(), &few).judge(&[]);
    assert_eq!(code, 11, "{out}");
    assert!(out.contains("fewer than 5 decide nothing"), "{out}");
}

#[test]
fn mistakes_in_files_name_file_line_and_key() {
    let claims = purity_alone();
    let results = include_str!("../../examples/results.csv");
    let head = "variant,seed,metric,value,outcome\n";
    let line_of = |key: &str| 1 + claims[..claims.find(key).unwrap()].matches('\n').count();
    let margin = line_of("margin = ");
    for (claims, results, expected) in [
        // What is not TOML, or not a key.
        (
            claims.replace("[claim.test.value]", "[claim.test.vale]"),
            results,
            vec!["c.toml", "vale"],
        ),
        (
            claims.replace("margin =", "margn ="),
            results,
            vec!["c.toml", "margn", "line"],
        ),
        (
            claims.replace("mean = 0.902", "mean ="),
            results,
            vec!["c.toml", "line"],
        ),
        // What parses and makes no sense.
        (
            claims.replace("size = 0.02", "size = 0"),
            results,
            vec!["c.toml", &format!("line {margin}"), "margin.size"],
        ),
        (
            claims.replace("metrics = [\"purity\"]", "metrics = [\"purty\"]"),
            results,
            vec!["c.toml", "no [[value]] of purty"],
        ),
        (
            claims[..claims.find("[[claim]]").unwrap()].to_owned(),
            results,
            vec!["no [[claim]]"],
        ),
        (claims.clone(), "", vec!["r.csv, line 1", "variant"]),
        (claims.clone(), head, vec!["r.csv", "no runs"]),
        (
            claims.clone(),
            "variant,seed,metric\ndeep,0,purity\n",
            vec!["r.csv, line 1", "value"],
        ),
        (
            claims.clone(),
            "variant,seed,metric,value\ndeep,0,purity,high\n",
            vec!["r.csv, line 2", "high"],
        ),
    ] {
        let (code, out, err) = Files::of(&claims, results).judge(&[]);
        assert_eq!(code, 2, "{out}{err}");
        for words in expected {
            assert!(err.contains(words), "{words}\n{err}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let (code, _, err) = call(
        folder.path(),
        &["judge", "--claims", "nowhere.toml", "--results", "r.csv"],
    );
    assert_eq!(code, 2);
    assert!(err.contains("cannot read nowhere.toml"), "{err}");
}

#[test]
fn unknown_metrics_and_undefined_values_are_said() {
    let results = include_str!("../../examples/results.csv");
    let renamed = results.replace(",purity,", ",pureness,");
    let (code, out, _) = Files::of(&purity_alone(), &renamed).judge(&[]);
    assert_eq!(code, 11, "{out}");
    assert!(
        out.contains("no run of deep has the metric purity; they have accuracy and pureness"),
        "{out}"
    );
    let undefined = results.replace("deep,0,purity,0.8882", "deep,0,purity,NaN");
    let (_, out, _) = Files::of(&purity_alone(), &undefined).judge(&[]);
    assert!(out.contains("1 of 10 runs without a value"), "{out}");
}

#[test]
fn of_several_experiments_one_is_chosen() {
    let claims = include_str!("../../replications/desom/paper.toml");
    let files = Files::of(
        claims,
        "variant,seed,metric,value\ngamma=10,0,bmu.purity,0.1125\n",
    );
    let (code, _, err) = files.judge(&[]);
    assert_eq!(code, 2);
    assert!(err.contains("--replication: desom-gamma, "), "{err}");
    let (code, _, err) = files.judge(&["--replication", "desom-gama"]);
    assert_eq!(code, 2);
    assert!(err.contains("\"desom-gama\""), "{err}");
    let (code, out, _) = files.judge(&["--replication", "desom-gamma", "--json"]);
    assert_eq!(code, 11);
    let value: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["claims"].as_array().unwrap().len(), 19);
}
