//! Verdicts on stored runs: `replicate verify`, and the whole command with nothing left to do.

use std::fs;

use replicate::runs::PartUse;
use serde_json::Value;

use super::made::{Made, whole};
use super::{call, json};

#[test]
fn stored_runs_are_judged_without_training() {
    let made = whole();
    let value = json(made.path(), &["verify", "desom-gamma", "--json"], 11);
    assert_eq!(
        (&value["planned"], &value["stored"]),
        (&80.into(), &80.into())
    );
    assert_eq!(value["counts"]["not_reproduced"], 0, "{value}");
    assert!(
        value["counts"]["reproduced"].as_u64().unwrap() >= 10,
        "{value}"
    );
    let (_, out, _) = call(made.path(), &["verify", "desom-gamma"]);
    assert!(
        out.starts_with("desom-gamma, paper profile: 80 of 80 planned runs stored."),
        "{out}"
    );
    assert!(
        out.contains("  reproduced      gamma-collapse-units"),
        "{out}"
    );
    // As the options of other commands have it; other profiles have no verdicts.
    let paper = ["verify", "desom-gamma", "--profile", "paper"];
    assert_eq!(call(made.path(), &paper).1, out);
    let quick = ["verify", "desom-gamma", "--profile", "quick"];
    let (code, _, err) = call(made.path(), &quick);
    assert_eq!(code, 2);
    assert!(err.contains("leave --profile out"), "{err}");
    let (code, _, err) = call(made.path(), &["verify", "--profile", "paper"]);
    assert_eq!(code, 2);
    assert!(err.contains("goes with a replication"), "{err}");
    // The whole command finds everything done, and says the same.
    let done = json(
        made.path(),
        &["desom-gamma", "--profile", "paper", "--json"],
        11,
    );
    assert_eq!(done["verdicts"]["claims"], value["claims"]);
    let (code, out, _) = call(made.path(), &["desom-gamma", "--profile", "paper"]);
    assert_eq!(code, 11);
    assert!(out.contains("19 claims: "), "{out}");
    // The same commands give the same verdicts again.
    assert_eq!(
        json(made.path(), &["verify", "desom-gamma", "--json"], 11),
        value
    );
}

#[test]
fn runs_that_differ_are_not_reproduced() {
    let made = Made::whole(-0.2);
    let (code, out, _) = call(made.path(), &["verify", "desom-gamma"]);
    assert_eq!(code, 10, "{out}");
    assert!(out.contains("  not reproduced  fig1-accuracy "), "{out}");
}

#[test]
fn nothing_stored_or_damaged_records_are_errors_of_their_own() {
    let made = Made::empty();
    let (code, _, err) = call(made.path(), &["verify", "desom-gamma"]);
    assert_eq!(code, 20);
    assert!(
        err.contains("run replicate desom-gamma --profile paper"),
        "{err}"
    );
    let (code, _, err) = call(made.path(), &["verify", "desom-gama"]);
    assert_eq!(code, 2);
    assert!(err.contains("desom-gamma"), "{err}");
    let made = Made::whole(0.0);
    let key = made.identities(0)[0].key();
    fs::write(made.store.folder(&key).join("record.json"), "{").unwrap();
    let (code, out, err) = call(made.path(), &["verify", "desom-gamma"]);
    assert_eq!(code, 20, "{err}");
    assert!(
        out.contains("79 of 80 planned runs stored") && err.contains("record.json"),
        "{out}{err}"
    );
}

#[test]
fn missing_variants_leave_claims_undecided() {
    let made = Made::empty();
    for seed in 0..10 {
        made.write(made.identities(seed).swap_remove(5), 5, 0.0, |_| {});
    }
    let value = json(made.path(), &["verify", "desom-gamma", "--json"], 11);
    let of = |id: &str| {
        let claims = value["claims"].as_array().unwrap();
        claims.iter().find(|one| one["claim"] == id).unwrap()["verdict"].clone()
    };
    assert_eq!(of("gamma-collapse-units")["kind"], "reproduced");
    assert_eq!(of("gamma-best")["kind"], "not-tested");
    assert!(
        of("gamma-best")["reason"]
            .as_str()
            .unwrap()
            .contains("no runs of")
    );
}

#[test]
fn what_was_left_out_is_not_said_to_have_no_runs() {
    let made = whole();
    let paper = ["desom-gamma", "--profile", "paper", "--json"];
    for part in [["--variants", "gamma=0.001"], ["--gammas", "0.001"]] {
        // Claims that need the others too are undecided: no claim of this part is all there is to say.
        let value = json(made.path(), &[&paper[..], &part].concat(), 11);
        let claims = value["verdicts"]["claims"].as_array().unwrap();
        let reason = |id: &str| {
            let claim = claims.iter().find(|claim| claim["claim"] == id).unwrap();
            claim["verdict"]["reason"].as_str().map(str::to_owned)
        };
        assert_eq!(
            reason("gamma-collapse-units").as_deref(),
            Some("gamma=10 was left out")
        );
        let reason = reason("gamma-best").unwrap();
        assert!(reason.ends_with(" was left out"), "{reason}");
    }
}

#[test]
fn further_seeds_count_and_short_profiles_do_not() {
    let made = Made::whole(0.0);
    for (place, identity) in made.identities(10).into_iter().enumerate() {
        made.write(identity, place, 0.0, |_| {});
    }
    let value = json(made.path(), &["verify", "desom-gamma", "--json"], 11);
    assert_eq!(value["stored"], 88);
    // One variant, one thread: planning measures how long a step takes.
    let plan = |more: &[&str]| {
        let arguments = [
            &[
                "plan",
                "desom-gamma",
                "--json",
                "--seeds",
                "1",
                "--device",
                "cpu",
                "--gammas",
                "10",
                "--threads",
                "1",
            ],
            more,
        ]
        .concat();
        json(made.path(), &arguments, 0)["no_verdict"].clone()
    };
    assert_eq!(
        plan(&["--profile", "quick"]),
        "the quick profile gives no verdict"
    );
    let altered = plan(&["--profile", "paper", "--decay", "linear"]);
    assert!(
        altered.as_str().unwrap().contains("decay = linear"),
        "{altered}"
    );
    let fast = plan(&["--profile", "paper", "--precision", "fast"]);
    assert!(fast.as_str().unwrap().contains("fast precision"), "{fast}");
    assert_eq!(plan(&["--profile", "paper"]), Value::Null);
}

/// Of all variants that a claim is about the one with the fewest seeds counts, beside those of the protocol, whatever
/// number the user asks for.
#[test]
fn decisions_on_fewer_seeds_than_the_protocol_has_are_provisional() {
    let made = Made::whole(0.0);
    let place = made.variants().iter().position(|one| one == "gamma=0.1");
    for seed in 7..10 {
        let key = made.identities(seed).swap_remove(place.unwrap()).key();
        fs::remove_dir_all(made.store.folder(&key)).unwrap();
    }
    let provisional = |value: &Value, id: &str| {
        let claims = value["claims"].as_array().unwrap();
        let claim = claims.iter().find(|claim| claim["claim"] == id).unwrap();
        assert_eq!(claim["verdict"]["kind"], "reproduced", "{claim}");
        claim.get("provisional").cloned()
    };
    let value = json(made.path(), &["verify", "desom-gamma", "--json"], 11);
    let seven = serde_json::json!({"done": 7, "planned": 10});
    assert_eq!(provisional(&value, "gamma-falls"), Some(seven));
    assert_eq!(provisional(&value, "fig1-purity-nmi"), None);
    let (_, out, _) = call(made.path(), &["verify", "desom-gamma"]);
    assert!(out.contains("(7 of 10 seeds)"), "{out}");

    let arguments = [
        "desom-gamma",
        "--profile",
        "paper",
        "--seeds",
        "6",
        "--json",
    ];
    let done = json(whole().path(), &arguments, 11);
    let six = serde_json::json!({"done": 6, "planned": 10});
    assert_eq!(provisional(&done["verdicts"], "gamma-falls"), Some(six));
}

#[test]
fn margins_changed_after_the_runs_are_said() {
    let made = Made::whole(0.0);
    let identity = made.identities(3).swap_remove(1);
    made.write(identity, 1, 0.0, |record| {
        record.claims.insert("gamma-best".into(), "0".into());
    });
    let identity = made.identities(4).swap_remove(1);
    made.write(identity, 1, 0.0, |record| record.claims.clear());
    let value = json(made.path(), &["verify", "desom-gamma", "--json"], 11);
    let claims = value["claims"].as_array().unwrap();
    let older: Vec<_> = claims.iter().filter(|one| one["older_runs"] != 0).collect();
    assert_eq!(older.len(), 1, "{older:?}");
    assert_eq!(
        (&older[0]["claim"], &older[0]["older_runs"]),
        (&"gamma-best".into(), &1.into())
    );
    let (_, out, _) = call(made.path(), &["show", "gamma-best"]);
    assert!(out.contains("The claim was changed afterwards"), "{out}");
}

#[test]
fn seeds_beyond_the_plan_count_up_to_the_first_gap_of_their_variant() {
    let made = Made::whole(0.0);
    let place = |variant: &str| made.variants().iter().position(|one| one == variant);
    for (variant, seed) in [("gamma=0.1", 10), ("gamma=0.1", 11), ("gamma=0.01", 11)] {
        let place = place(variant).unwrap();
        let identity = made.identities(seed).swap_remove(place);
        made.write(identity, place, 0.0, |_| {});
    }
    let value = json(made.path(), &["verify", "desom-gamma", "--json"], 11);
    let claims = value["claims"].as_array().unwrap();
    let falls = claims.iter().find(|one| one["claim"] == "gamma-falls");
    let falls = falls.unwrap();
    let beyond = serde_json::json!({"done": 12, "planned": 10});
    assert_eq!(falls["provisional"], beyond);
    let groups = falls["findings"][0]["ours"].as_array().unwrap();
    let runs = |variant: &str| {
        let group = groups.iter().find(|one| one["variant"] == variant);
        group.unwrap()["n"].clone()
    };
    assert_eq!(
        (runs("gamma=0.1"), runs("gamma=0.01")),
        (12.into(), 10.into())
    );
}

#[test]
fn a_verdict_on_runs_that_begin_with_one_part_says_so() {
    let made = Made::whole(0.0);
    let place = made.variants().iter().position(|one| one == "gamma=0.001");
    let place = place.unwrap();
    let write = |seed: u64, part: u64| {
        let identity = made.identities(seed).swap_remove(place);
        let key = made.identities(part).swap_remove(place).key();
        made.write(identity, place, 0.0, |record| {
            record.parts = vec![PartUse {
                part: "autoencoder".to_owned(),
                key,
                weights_sha256: None,
                training_seconds: 1.0,
            }];
        });
    };
    let said = || call(made.path(), &["verify", "desom-gamma"]).1;
    (0..10).for_each(|seed| write(seed, 0));
    assert!(said().contains("(given one autoencoder)"), "{}", said());
    // Of two, the spread is what it seems.
    write(9, 1);
    assert!(!said().contains("autoencoder)"), "{}", said());
}
