//! Every paper's file parses, makes sense, names what there is, and has the claims it should.

#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;

use replicate::catalogue::{self, Known, REPLICATIONS};
use replicate::claims::{
    Conditions, Published, Results, Verdict, fewest_to_refute, fewest_to_reproduce, judge, prospect,
};
use replicate::replication::{Changes, Profile};

#[test]
fn papers_parse() {
    for (paper, claims) in [("desom", 49), ("dec", 24), ("dc-somrl", 12), ("soae", 17)] {
        let file = format!("replications/{paper}/paper.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let published = Published::parse(&file, &text).unwrap();
        assert_eq!(published.paper.id, paper);
        assert_eq!(published.claims.len(), claims, "{paper}");
        published.check_names(&file, &text, &Known).unwrap();
        // Without results nothing is judged, and nothing panics.
        let results = Results::default();
        for one in judge(
            &published,
            &published.claims,
            &results,
            &Conditions::paper(),
        ) {
            assert!(matches!(one.verdict, Verdict::NotTested { .. }), "{one:?}");
        }
        for claim in &published.claims {
            if let Some(prospect) = prospect(&published, claim, 10) {
                println!("{paper} {}: {}", prospect.claim, prospect.words);
                assert!((0.0..=1.0).contains(&prospect.chance), "{prospect:?}");
            }
        }
    }
}

/// `replicate show NAME` finds claims by their id alone. A paper and its main replication may share a
/// name: `show --paper` tells them apart.
#[test]
fn names_are_unique() {
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for published in catalogue::papers().unwrap() {
        if catalogue::find(&published.paper.id).is_none() {
            *names.entry(published.paper.id.clone()).or_default() += 1;
        }
        for claim in &published.claims {
            *names.entry(claim.id.to_string()).or_default() += 1;
        }
    }
    for replication in REPLICATIONS {
        *names.entry(replication.id().to_owned()).or_default() += 1;
    }
    let twice: Vec<_> = names.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

/// Most of an experiment's claims can be decided by its own number of seeds, if the paper is right.
#[test]
fn planned_seeds_can_decide_claims() {
    let mut chances = Vec::new();
    for published in catalogue::papers().unwrap() {
        for claim in published.claims_of("desom-gamma") {
            chances.extend(prospect(&published, claim, 10).map(|one| one.chance));
        }
    }
    assert!(chances.len() >= 12, "{chances:?}");
    let likely = chances.iter().filter(|chance| **chance >= 0.8).count();
    assert!(2 * likely > chances.len(), "{chances:?}");
}

/// With the seeds of the paper profile both words can be said of every claim in pairs.
#[test]
fn planned_seeds_can_reproduce_and_refute() {
    let mut too_few = Vec::new();
    for replication in REPLICATIONS {
        let published = replication.published().unwrap();
        let protocol = replication.protocol(Profile::Paper, &Changes::default());
        let seeds = protocol.unwrap().seeds as u32;
        for claim in published.claims_of(replication.id()) {
            let fewest = fewest_to_reproduce(&published, claim);
            assert!(
                fewest.is_none_or(|fewest| fewest <= seeds),
                "{}: {fewest:?}",
                *claim.id
            );
            let fewest = fewest_to_refute(&published, claim);
            if fewest.is_some_and(|fewest| fewest > seeds) {
                too_few.push(claim.id.to_string());
            }
        }
    }
    // The paper's own ten runs; `plan` says that eleven are needed.
    assert_eq!(too_few, ["gamma-falls"]);
}
