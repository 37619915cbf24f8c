//! What is said of claims, plans and sweeps: `replicate show`, `plan`, `status`.

use std::time::Duration;

use replicate::replication::{Pictures, VariantRecords};
use replicate::runs::Outcome;
use replicate::runs::checkpoint::{self, Progress};
use replicate::runs::record::Curves;
use replicate::runs::store::Failure;

use super::made::{Made, whole};
use super::{call, json};

/// Without --profile these commands look at quick runs; who has those of the paper hears of them.
#[test]
fn runs_of_another_profile_are_pointed_at() {
    let made = whole();
    let (code, out, _) = call(made.path(), &["status", "desom-gamma"]);
    assert_eq!(code, 0);
    let words =
        "Of the paper profile 80 runs are stored: replicate status desom-gamma --profile paper";
    assert!(out.contains(words), "{out}");
    let (code, _, err) = call(made.path(), &["figures", "desom-gamma"]);
    assert_eq!(code, 20);
    let words =
        "of the paper profile there are 80 runs: replicate figures desom-gamma --profile paper";
    assert!(err.contains(words), "{err}");
    // What was changed is another experiment.
    let changed = ["status", "desom-gamma", "--iterations", "5"];
    let (_, out, _) = call(made.path(), &changed);
    assert!(!out.contains("paper profile"), "{out}");
}

#[test]
fn a_claim_is_explained_with_its_numbers() {
    let made = whole();
    let (code, out, _) = call(made.path(), &["show", "fig1-gamma-1"]);
    assert_eq!(code, 0);
    assert!(out.lines().all(|line| line.chars().count() <= 100), "{out}");
    let out = out.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "Claim Accuracy and NMI",
        "80 of 80 planned runs stored",
        "Welch's and Student's",
        "Margin 0.2: a third",
        "published 0.151 \u{b1} 0.121 (10 runs; Fig. 1, digitised)",
        "90 % interval",
        "Beforehand",
    ] {
        assert!(out.contains(words), "{words}\n{out}");
    }
    for (claim, words) in [
        ("edges-sensible", "Threshold at least 0.6: clearly above"),
        (
            "gamma-collapse-prototypes",
            "Threshold at most 0.001, in at least 70 % of the runs: spread over",
        ),
    ] {
        let (_, out, _) = call(made.path(), &["show", claim]);
        let out = out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(out.contains(words), "{words}\n{out}");
    }
    let value = json(made.path(), &["show", "fig1-gamma-1", "--json"], 0);
    assert_eq!(value["definition"]["id"], "fig1-gamma-1");
    assert_eq!(value["fingerprint"].as_str().unwrap().len(), 16);
    assert!(value["prospect"]["chance"].is_f64());
    // A claim whose experiment has no runs.
    let (code, out, _) = call(made.path(), &["show", "torus-seam"]);
    assert_eq!(code, 0);
    assert!(
        out.contains("not tested: ") && out.contains("no runs"),
        "{out}"
    );
}

#[test]
fn replications_and_papers_list_their_claims() {
    let made = Made::empty();
    let (_, out, _) = call(made.path(), &["show", "desom-gamma"]);
    assert!(
        out.contains("19 claims: not tested: no runs of the paper profile are stored"),
        "{out}"
    );
    assert!(out.contains("  gamma-best "), "{out}");
    let (_, out, _) = call(made.path(), &["show", "dec", "--paper"]);
    assert!(
        out.contains("24 claims: not tested: no runs of the paper profile"),
        "{out}"
    );
    let value = json(made.path(), &["show", "desom", "--json"], 0);
    assert_eq!(value["claims"].as_array().unwrap().len(), 49);
    for (name, expected) in [
        ("gama-best", "gamma-best"),
        ("desom-gama", "desom-gamma"),
        ("??", "desom-gamma"),
    ] {
        let (code, _, err) = call(made.path(), &["show", name]);
        assert_eq!(code, 2);
        assert!(err.contains(expected), "{err}");
    }
}

#[test]
fn a_plan_says_what_it_can_decide() {
    let made = whole();
    let (code, out, _) = call(made.path(), &["plan", "desom-gamma", "--profile", "paper"]);
    assert_eq!(code, 0);
    assert!(
        out.contains("Chance that 10 seeds say \"reproduced\""),
        "{out}"
    );
    assert!(out.contains("  1.00  gamma-collapse-units"), "{out}");
    let (_, out, _) = call(
        made.path(),
        &["plan", "desom-gamma", "--profile", "paper", "--seeds", "3"],
    );
    assert!(out.contains("3 seeds decide no claim"), "{out}");
}

#[test]
fn the_state_of_a_sweep_is_read_from_the_store() {
    let made = Made::empty();
    for (place, identity) in made.identities(0).into_iter().enumerate().take(5) {
        made.write(identity, place, 0.0, |_| {});
    }
    let identities = made.identities(1);
    let progress = |iteration| Progress {
        iteration,
        iterations: 10_000,
        elapsed: Duration::from_mins(1),
        resumed: 1,
        curves: Curves::default(),
        diverged: None,
        wall: Duration::ZERO,
        makers: Vec::new(),
    };
    // One is running, one was cut short, one failed.
    let running = made.store.lock(&identities[0].key()).unwrap().unwrap();
    let weights = [("w".to_owned(), tch::Tensor::from_slice(&[1.0_f32]))];
    checkpoint::save(
        &made.store.checkpoint(&identities[0].key()),
        &weights,
        Some(&progress(2_500)),
    )
    .unwrap();
    drop(made.store.lock(&identities[1].key()).unwrap());
    checkpoint::save(
        &made.store.checkpoint(&identities[1].key()),
        &weights,
        Some(&progress(5_000)),
    )
    .unwrap();
    let failure = Failure {
        message: "no memory\nat all".into(),
        when: String::new(),
    };
    made.store
        .write_failure(&identities[2].key(), &failure)
        .unwrap();
    let arguments = [
        "status",
        "desom-gamma",
        "--profile",
        "paper",
        "--seeds",
        "2",
    ];
    // One of four that train together: a minute of it is four minutes of the clock. It was begun two hours ago, and
    // waited for the autoencoder that it begins with: that says nothing.
    let of_four = Progress {
        wall: Duration::from_mins(4),
        resumed: 0,
        ..progress(2_500)
    };
    let lock = made.store.folder(&identities[0].key()).join("lock");
    let lock = std::fs::File::options().write(true).open(lock).unwrap();
    let before = std::time::SystemTime::now() - Duration::from_hours(2);
    lock.set_modified(before).unwrap();
    let path = made.store.checkpoint(&identities[0].key());
    checkpoint::save(&path, &weights, Some(&of_four)).unwrap();
    let value = json(made.path(), &[&arguments[..], &["--json"]].concat(), 0);
    let mut states = value["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| &run["state"]);
    let state = states.find(|state| state["kind"] == "running").unwrap();
    assert_eq!(state["progress"]["seconds_left"], 720.0, "{value}");
    let count = |kind: &str| value[kind].as_u64().unwrap();
    let counts = ["done", "running", "interrupted", "failed", "waiting"].map(count);
    assert_eq!(counts, [5, 1, 1, 1, 8], "{value}");
    assert!(value["seconds_left"].as_f64().unwrap() > 180.0, "{value}");
    let (_, out, _) = call(made.path(), &arguments);
    for words in [
        "gamma=0.0001 seed 1      running  2500/10000 (25 %), saved",
        "failed  ",
        "no memory",
        "16 runs: 5 done, 1 running, 1 interrupted, 1 failed, 8 waiting; about",
    ] {
        assert!(out.contains(words), "{words}\n{out}");
    }
    // Looking has taken nothing away, and the lock was noticed.
    assert!(made.store.lock(&identities[0].key()).unwrap().is_none());
    drop(running);
    let (_, out, _) = call(made.path(), &arguments);
    assert!(
        out.contains("Nothing works on them: start replicate desom-gamma"),
        "{out}"
    );
    let (_, out, _) = call(made.path(), &["status"]);
    assert!(
        out.contains("desom-gamma, paper profile, 80 runs: 5 done"),
        "{out}"
    );
    let all = json(made.path(), &["status", "--json"], 0);
    assert_eq!(all[0]["done"], 5, "{all}");
    assert!(!made.path().join("data").exists());
}

/// Of the runs that came to their end and keep weights, as an exported store does not, the one with the lowest seed.
#[test]
fn the_run_that_is_drawn_is_nobodys_choice() {
    let made = Made::empty();
    let gamma = made.variants().swap_remove(0);
    let mut records = Vec::new();
    for seed in 0..4 {
        let identity = made.identities(seed).swap_remove(0);
        let key = identity.key();
        made.write(identity, 0, 0.0, |record| {
            if seed == 1 {
                record.outcome = Outcome::Diverged { iteration: 5 };
            }
        });
        records.extend(made.store.record(&key).unwrap());
    }
    let variant = VariantRecords {
        id: gamma.clone(),
        planned: 4,
        records,
    };
    let mut pictures = Pictures::default();
    let drawn = pictures.lowest_seed(&made.store, &variant).unwrap();
    assert!(drawn.is_none());
    assert_eq!(pictures.lacking, [format!("{gamma}, seed 0")]);
    for seed in [1, 3, 2] {
        let path = made.store.weights(&variant.records[seed].key);
        let weights = [("w".to_owned(), tch::Tensor::from_slice(&[seed as f32]))];
        checkpoint::save(&path, &weights, None).unwrap();
    }
    let mut pictures = Pictures::default();
    let drawn = pictures.lowest_seed(&made.store, &variant).unwrap();
    let (record, kept) = drawn.unwrap();
    assert_eq!(record.identity.seed.0, 2);
    assert_eq!(kept["w"].int64_value(&[0]), 2);
    assert!(pictures.lacking.is_empty());
}
