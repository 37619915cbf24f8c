//! The report that is committed, and what the repository asks of its claims.

use std::fs;

use replicate::catalogue;
use replicate::report::{gather, html, markdown, markers, results_csv};
use replicate::runs::Store;

use super::formats;

/// No published statement is refuted in this repository without a word on why.
#[test]
fn every_refuted_claim_has_an_explanation() {
    let papers = catalogue::papers().unwrap();
    let store = Store::new("records");
    let report = gather(catalogue::REPLICATIONS, &papers, None, &store).unwrap();
    let entries = report
        .experiments()
        .flat_map(|experiment| &experiment.claims);
    let refuted = entries.filter(|entry| entry.judgement.verdict.is_against());
    let unexplained: Vec<&str> = refuted
        .filter(|entry| entry.judgement.cause.is_none())
        .map(|entry| entry.judgement.claim.as_str())
        .collect();
    assert_eq!(unexplained, Vec::<&str>::new());
}

/// An experiment without claims has no table of them: a head alone looks like something that failed.
#[test]
fn an_experiment_without_claims_has_no_empty_table() {
    let papers = catalogue::papers().unwrap();
    let heads = |id: &str| {
        let found = catalogue::find(id).unwrap();
        let report = gather(&[found], &papers, None, &Store::new("records")).unwrap();
        let experiment = report.experiments().next().unwrap();
        assert!(!experiment.runs.is_empty(), "{id}");
        let claims = ["*Claims*", ">Claims</h4>", &format!("{id}-claims")];
        let texts = formats(&report).into_iter();
        let with_head = texts.filter(|(_, text)| claims.iter().any(|head| text.contains(head)));
        with_head.map(|(format, _)| format).collect::<Vec<_>>()
    };
    // Those with claims have it: the words are those that are looked for.
    assert_eq!(heads("dc-somrl").len(), 3);
    assert!(heads("dc-somrl-sensitivity").is_empty());
}

/// A run of several variants is one in the tables of costs and environments, too.
#[test]
fn every_run_costs_once() {
    let papers = catalogue::papers().unwrap();
    let store = Store::new("records");
    let report = gather(catalogue::REPLICATIONS, &papers, None, &store).unwrap();
    for experiment in report.experiments() {
        let stored = experiment.coverage.stored;
        let costs = experiment.costs.iter();
        let of_runs = costs.filter(|cost| !cost.variant.starts_with('('));
        let counted: usize = of_runs.map(|cost| cost.runs).sum();
        assert_eq!(counted, stored, "{}", experiment.id);
        let environments = experiment.environments.iter();
        let counted: usize = environments.map(|one| one.runs).sum();
        assert_eq!(counted, stored, "{}", experiment.id);
    }
    // The committed records have such runs.
    let mut experiments = report.experiments();
    assert!(experiments.any(|one| one.coverage.stored < one.runs.len()));
}

/// A reader gets the committed values, tables and page, byte for byte, from the committed records.
#[test]
fn the_committed_report_is_what_the_committed_records_give() {
    let papers = catalogue::papers().unwrap();
    let store = Store::new("records");
    let report = gather(catalogue::REPLICATIONS, &papers, None, &store).unwrap();
    assert!(report.unreadable.is_empty(), "{:?}", report.unreadable);
    let [csv, page, document, readme] = [
        "records/report/results.csv",
        "records/report/report.html",
        "REPRODUCE.md",
        "README.md",
    ]
    .map(|path| fs::read_to_string(path).unwrap());
    let headline = report.headline();
    let made = String::from_utf8(results_csv::write(&report).unwrap()).unwrap();
    let filled = markers::fill(&document, &markdown::blocks(&report), &[]).unwrap();
    let stale: Vec<&str> = [
        ("records/report/results.csv", csv != made),
        ("records/report/report.html", page != html::page(&report)),
        ("REPRODUCE.md", document != filled),
        ("README.md, by hand", !readme.contains(&headline)),
    ]
    .into_iter()
    .filter_map(|(path, is_stale)| is_stale.then_some(path))
    .collect();
    // All at once: to find one after the other takes a build each.
    assert!(
        stale.is_empty(),
        "not up to date: {}\nreplicate --store records report --update REPRODUCE.md writes them; README.md has to \
         say \"{headline}\"",
        stale.join(", ")
    );
}
