//! Every paper's file parses, makes sense, and has the claims it should.

#![allow(clippy::unwrap_used)]

use replicate::claims::{Anything, Conditions, Published, Results, Verdict, judge, prospect};

#[test]
fn papers_parse() {
    for (paper, claims) in [("desom", 49), ("dec", 24), ("dc-somrl", 11), ("soae", 9)] {
        let file = format!("replications/{paper}/paper.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let published = Published::parse(&file, &text).unwrap();
        assert_eq!(published.paper.id, paper);
        assert_eq!(published.claims.len(), claims, "{paper}");
        published.check_names(&file, &text, &Anything).unwrap();
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
            }
        }
    }
}
