//! What a report counts: verdicts, runs that were lost, shared, left out or there beyond the plan, costs.

use std::collections::BTreeSet;
use std::fs;

use replicate::catalogue;
use replicate::claims::Verdict;
use replicate::data;
use replicate::nn::Precision;
use replicate::random::Seed;
use replicate::replication::{Changes, Profile, Replication, VariantRecords};
use replicate::report::content::Entry;
use replicate::report::{gather, html, markdown, runs_csv};
use replicate::runs::{PartUse, Record, Store, export};

use super::scripted::{Scripted, record, records, store};
use super::{formats, report, scripted};

#[test]
fn every_verdict_is_counted() {
    let report = scripted(Profile::Paper);
    let verdicts = report.papers[0].experiments[0].claims.iter();
    let verdicts: Vec<(&str, &str)> = verdicts
        .map(|entry| {
            (
                entry.judgement.claim.as_str(),
                entry.judgement.verdict.word(),
            )
        })
        .collect();
    assert_eq!(
        verdicts,
        [
            ("holds", "reproduced"),
            ("fails", "not reproduced"),
            ("too-few", "inconclusive"),
            ("a-selection", "inconclusive"),
            ("mean-only", "consistent"),
            ("ordered", "reproduced"),
            ("the-best", "not reproduced"),
            ("all-units", "reproduced"),
            ("no-such-metric", "not tested"),
            ("undefined-metric", "inconclusive"),
            ("to-look-at", "not tested"),
        ]
    );
    assert_eq!(
        report.headline(),
        "12 claims: 3 reproduced, 1 consistent, 2 not reproduced, 3 inconclusive, 3 not tested"
    );
    // Named replications are reported on alone.
    let folder = tempfile::tempdir().unwrap();
    let alone = gather(&[&Scripted], &[], None, &Store::new(folder.path())).unwrap();
    assert_eq!(alone.counts().total(), 11);
    assert_eq!(alone.counts().not_tested, 11);
}

#[test]
fn lost_runs_are_counted_everywhere() {
    let report = scripted(Profile::Paper);
    let experiment = &report.papers[0].experiments[0];
    assert_eq!(
        experiment.state(),
        "43 of 50 planned runs stored, 3 diverged, 1 collapsed"
    );
    for (format, text) in formats(&report) {
        let words = match format {
            "csv" => "lossy,0,,,diverged at 7,",
            "json" => "\"outcome\": \"diverged at 7\"",
            _ => "7 of 10 runs: 3 diverged, 1 collapsed",
        };
        assert!(text.contains(words), "{format} lacks {words}");
    }
}

#[test]
fn runs_beyond_the_plan_count_unless_seeds_were_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = records(Profile::Paper);
    let more = all[0].metrics.clone();
    for seed in [10, 11, 17] {
        all.push(record(&Scripted, Profile::Paper, "good", seed, &more));
    }
    let report = report(&store(folder.path(), &all));
    let experiment = &report.papers[0].experiments[0];
    assert_eq!(experiment.values[0].ours.values.len(), 12);
    assert!(
        experiment.state().contains("2 beyond the plan"),
        "{}",
        experiment.state()
    );
}

#[test]
fn runs_of_other_protocols_are_counted_and_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = records(Profile::Paper);
    assert_eq!(scripted(Profile::Paper).left_out.words(), None);
    let mut other = |change: &dyn Fn(&mut Record)| {
        let mut one = all[0].clone();
        change(&mut one);
        one.key = one.identity.key();
        all.push(one);
    };
    other(&|one| one.identity.precision = Precision::Fast);
    other(&|one| one.identity.algorithm += 1);
    other(&|one| one.identity.algorithm += 2);
    let report = report(&store(folder.path(), &all));
    assert_eq!((report.left_out.fast, report.left_out.other), (1, 2));
    assert_eq!(report.papers[0].experiments[0].runs.len(), 43);
    let words = "1 run of fast precision and 2 runs of changed protocols";
    for (format, text) in formats(&report) {
        match format {
            "html" | "markdown" => assert!(text.contains(words), "{format}"),
            "json" => assert!(text.contains("\"fast\": 1"), "{format}"),
            _ => {}
        }
    }
}

#[test]
fn claims_younger_than_their_runs_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = records(Profile::Paper);
    assert!(scripted(Profile::Paper).late_claims().is_empty());
    for record in &mut all {
        record.claims = Scripted.published().unwrap().fingerprints("scripted");
        record.claims.insert("ordered".to_owned(), "0".to_owned());
    }
    let report = report(&store(folder.path(), &all));
    assert_eq!(report.late_claims(), [("scripted", "ordered")]);
    let words = "runs behind their verdict were there: ordered.";
    assert!(markdown::document(&report).contains(words));
    let page = html::page(&report);
    assert!(page.contains(
        "runs behind their verdict were there: <a href=\"#claim:scripted:ordered\">ordered</a>."
    ));
    assert!(page.contains("id=\"claim:scripted:ordered\""));
}

/// Six pairs that all agree say "reproduced" beside another claim of order, and could not have said the opposite.
#[test]
fn claims_that_could_not_have_been_refuted_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut few = records(Profile::Paper);
    few.retain(|record| record.identity.seed.0 < 6);
    let report = report(&store(folder.path(), &few));
    let found = report.unrefutable_claims();
    assert!(found.contains(&("scripted", "ordered")), "{found:?}");
    for (format, text) in formats(&report) {
        if matches!(format, "html" | "markdown") {
            assert!(
                text.contains("could not have refuted it, whatever came out:"),
                "{format}"
            );
        }
    }
    assert!(scripted(Profile::Paper).unrefutable_claims().is_empty());
}

#[test]
fn comparisons_that_do_not_hold_beside_the_other_claims_say_so() {
    let mut report = scripted(Profile::Paper);
    let words = "by itself, not beside the other claims (Holm)";
    for (format, text) in formats(&report) {
        assert!(!text.contains(words), "{format}");
    }
    let claims = &mut report.papers[0].experiments[0].claims;
    let undecided = |entry: &&Entry| entry.judgement.claim == "too-few";
    let undecided = claims.iter().find(undecided).unwrap();
    let undecided = undecided.judgement.verdict.clone();
    let ordered = |entry: &&mut Entry| entry.judgement.claim == "ordered";
    let ordered = claims.iter_mut().find(ordered).unwrap();
    ordered.judgement.verdict = undecided;
    for (format, text) in formats(&report) {
        let has_results = matches!(format, "html" | "markdown");
        assert_eq!(text.contains(words), has_results, "{format}");
    }
    // The interval of a share is not one of the metric beside it.
    assert!(markdown::document(&report).contains("| share 0."));
}

#[test]
fn what_runs_begin_with_costs_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = records(Profile::Paper);
    let part = |key: &Record, training_seconds: f64| PartUse {
        part: "autoencoder".to_owned(),
        key: key.key.clone(),
        weights_sha256: None,
        training_seconds,
    };
    let (shared, own) = (part(&all[0], 60.0), part(&all[1], 30.0));
    all[0].parts = vec![shared.clone()];
    all[1].parts = vec![own];
    all[2].parts = vec![shared];
    let report = report(&store(folder.path(), &all));
    let cost = report.papers[0].experiments[0].costs.last().unwrap();
    assert_eq!(cost.variant, "(autoencoder that runs begin with)");
    assert_eq!(cost.runs, 2);
    assert!((cost.training_seconds - 90.0).abs() < 1e-9);
}

/// Variants of equal settings are one run: as many are left as there are keys.
#[test]
fn runs_with_several_names_are_one() {
    let mut repeated = 0;
    for replication in catalogue::REPLICATIONS {
        for profile in Profile::ALL {
            let protocol = replication.protocol(profile, &Changes::default()).unwrap();
            let keys = protocol.variants.iter().map(|variant| {
                let sha256 = data::dataset_sha256(variant.data).unwrap();
                variant.identity(&sha256, Seed(0), Precision::Exact).key()
            });
            let keys: BTreeSet<_> = keys.collect();
            let again = protocol.repeated();
            let own = again.iter().filter(|again| !**again).count();
            assert_eq!(own, keys.len(), "{} {profile:?}", replication.id());
            repeated += again.len() - own;
        }
    }
    assert!(repeated > 0);
}

#[test]
fn the_csv_of_an_experiment_says_which_runs_collapsed() {
    let all = records(Profile::Paper).into_iter();
    let lossy = VariantRecords {
        id: "lossy".to_owned(),
        planned: 10,
        records: all.filter(|record| record.variant == "lossy").collect(),
    };
    let csv = String::from_utf8(runs_csv::write(&[lossy]).unwrap()).unwrap();
    assert!(csv.contains(",collapsed,"), "{csv}");
    assert_eq!(csv.matches(",diverged at 7,").count(), 3, "{csv}");
}

#[test]
fn the_fullest_profile_with_runs_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = records(Profile::Smoke);
    all.truncate(12);
    let smoke = store(folder.path(), &all);
    assert_eq!(
        report(&smoke).papers[0].experiments[0].profile,
        Profile::Smoke
    );
    store(folder.path(), &records(Profile::Paper));
    assert_eq!(
        report(&smoke).papers[0].experiments[0].profile,
        Profile::Paper
    );
    let quick = gather(&[&Scripted], &[], Some(Profile::Quick), &smoke).unwrap();
    let quick = &quick.papers[0].experiments[0];
    assert!(quick.runs.is_empty());
    let Verdict::NotTested { reason } = &quick.claims[0].judgement.verdict else {
        panic!("{:?}", quick.claims[0].judgement.verdict);
    };
    assert!(
        reason.contains("replicate scripted --profile quick"),
        "{reason}"
    );
}

#[test]
fn a_damaged_record_is_named_and_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let all = records(Profile::Paper);
    let store = store(folder.path(), &all);
    let damaged = store.folder(&all[0].key).join("record.json");
    fs::write(&damaged, "{").unwrap();
    let report = report(&store);
    let name = format!("runs/{}/record.json", all[0].key.short());
    assert_eq!(report.unreadable, std::slice::from_ref(&name));
    assert_eq!(report.papers[0].experiments[0].coverage.missing, 8);
    assert!(html::page(&report).contains(&name));
}

/// Somebody else can check the verdicts from records alone.
#[test]
fn exported_records_give_the_same_report() {
    let [from, to] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let records = records(Profile::Paper);
    let whole = report(&store(from.path(), &records));
    let exported = export::export(&records, to.path()).unwrap();
    assert_eq!((exported.written, exported.unchanged), (records.len(), 0));
    assert_eq!(formats(&report(&Store::new(to.path()))), formats(&whole));
    // Made again, it was known before: what the claims were then stays.
    let mut again = records[0].clone();
    again
        .claims
        .insert("gamma-best".to_owned(), "changed".to_owned());
    let exported = export::export([&again], to.path()).unwrap();
    assert_eq!((exported.written, exported.unchanged), (0, 1));
    // What is there is not written again, what was altered is.
    let first = Store::new(to.path())
        .folder(&records[0].key)
        .join("record.json");
    fs::write(&first, "{}").unwrap();
    let exported = export::export(&records, to.path()).unwrap();
    assert_eq!(
        (exported.written, exported.unchanged),
        (1, records.len() - 1)
    );
    assert_eq!(formats(&report(&Store::new(to.path()))), formats(&whole));
}
