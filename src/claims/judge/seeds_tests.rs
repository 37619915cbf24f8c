//! How many seeds a claim takes, which way it points until then, and what so few could not have said.

#![allow(clippy::unwrap_used)]

use super::super::more;
use super::tests::{ORDER, judged, judged_all, results, runs};
use super::*;

/// Runs of a and b with these means, of as many seeds, the second's noise turned by `turn` against the first's.
fn of_pairs([a, b]: [f64; 2], turn: usize, seeds: usize) -> Results {
    let runs = [
        runs("a", "purity", a, 0, seeds),
        runs("b", "purity", b, turn, seeds),
    ];
    Results {
        runs: runs.concat(),
    }
}

/// Five pairs that all agree have p = 2^-5 however large the difference; seven claims ask for 0.05 / 7.
#[test]
fn pairs_that_all_agree_need_few_more() {
    let ids = ["c1", "c2", "c3", "c4", "c5", "c6", "c7"];
    let verdict = |seeds| {
        let results = of_pairs([0.9, 0.5], 1, seeds);
        let all = judged_all(&ids.map(|id| (id, ORDER)), &results, &Conditions::paper());
        all[0].verdict.clone()
    };
    let more_seeds = Further::About(3);
    assert_eq!(verdict(5), Verdict::Inconclusive { more_seeds });
    let more_seeds = Further::About(1);
    assert_eq!(verdict(7), Verdict::Inconclusive { more_seeds });
    assert_eq!(verdict(8), Verdict::Reproduced);
}

/// Differences of all pairs are -0.1: 2^-5 is above the level of a refutation, 2^-6 times seven claims too.
#[test]
fn what_a_sign_flip_test_cannot_say_yet_is_not_promised() {
    let ids = ["c1", "c2", "c3", "c4", "c5", "c6", "c7"];
    let of = |claims: usize, seeds| {
        let results = of_pairs([0.4, 0.5], 0, seeds);
        let claims: Vec<_> = ids[..claims].iter().map(|&id| (id, ORDER)).collect();
        judged_all(&claims, &results, &Conditions::paper()).remove(0)
    };
    let takes = |judgement: &Judgement| judgement.what_it_takes();
    let about = |words: &str| Some(format!("about {words}; so far against it"));
    assert_eq!(takes(&of(1, 5)), about("1 more seed"));
    assert_eq!(of(1, 6).verdict, Verdict::NotReproduced);
    // 7 / 512 is below 0.025, 7 / 256 is not.
    assert_eq!(takes(&of(7, 5)), about("4 more seeds"));
    assert_eq!(of(7, 5).refutable_from, Some(9));
    // Refuted by itself, not beside six others: that is against it too.
    assert_eq!(takes(&of(7, 6)), about("3 more seeds"));
    assert_eq!(of(7, 9).verdict, Verdict::NotReproduced);
}

/// Five pairs can say that it holds, and nothing else.
#[test]
fn a_claim_that_could_not_have_been_refuted_says_so() {
    let of = |seeds| {
        let results = of_pairs([0.9, 0.5], 1, seeds);
        judged(ORDER, &results)
    };
    let five = of(5);
    assert_eq!(
        (&five.verdict, five.refutable_from),
        (&Verdict::Reproduced, Some(6))
    );
    assert!(
        five.explanation
            .iter()
            .any(|words| words.contains("5 seeds could not refute it"))
    );
    assert_eq!(of(6).refutable_from, None);
}

/// Any one of its comparisons can refute a claim: that with ten pairs could have, whatever the other has.
#[test]
fn the_comparison_with_the_most_pairs_says_whether_a_claim_could_have_been_refuted() {
    let test = "[claim.test.equivalence]\nmetrics = [\"purity\"]\nreference = \"a\"\nvariants = [\"b\", \"c\"]\n\
                margin = { size = 0.1, reason = \"why\" }";
    let mut results = results(&[("a", 0.8), ("b", 0.8), ("c", 0.8)]);
    results
        .runs
        .retain(|run| run.variant != "b" || run.seed < 6);
    let judgement = judged(test, &results);
    assert_eq!(judgement.verdict, Verdict::Reproduced);
    assert_eq!(judgement.refutable_from, None);
    results.runs.retain(|run| run.seed < 6);
    assert_eq!(judged(test, &results).refutable_from, Some(7));
}

/// One comparison that turns out against a claim is enough: the number is of that one, and so is the direction.
#[test]
fn what_it_takes_is_of_the_comparison_that_decides() {
    let test = "[claim.test.order]\nmetrics = [\"purity\"]\n\
                descending = [{ variant = \"a\" }, { variant = \"b\" }, { variant = \"c\" }]";
    let of = |b: f64, c: f64| judged(test, &results(&[("a", 0.8), ("b", b), ("c", c)]));
    let takes = |judgement: &Judgement| -> (Vec<Further>, Option<String>) {
        let open = judgement
            .findings
            .iter()
            .filter_map(|one| undecided(&one.verdict));
        (open.collect(), judgement.what_it_takes())
    };
    // Both point the claimed way. (The noise of the third has a mean of 0.019.)
    let (open, words) = takes(&of(0.79, 0.765));
    let most = open.iter().copied().max_by_key(|one| rank(*one)).unwrap();
    assert_eq!(words, Some(format!("{}; so far for it", more(most))));
    // The second points the other way, and is decided before the first is.
    let (open, words) = takes(&of(0.797, 0.79));
    assert!(open.len() == 2 && rank(open[1]) < rank(open[0]), "{open:?}");
    assert_eq!(words, Some(format!("{}; so far against it", more(open[1]))));
}

/// Refuted by itself, not among two comparisons: it stays the one that points against the claim and is nearest to it.
#[test]
fn a_refutation_that_is_taken_back_still_points_against_the_claim() {
    let test = "[claim.test.equivalence]\nmetrics = [\"purity\"]\nreference = \"a\"\nvariants = [\"b\", \"c\"]\n\
                margin = { size = 0.05, reason = \"why\" }";
    // All six pairs of the first differ by 0.2: 2^-6 is below 0.025, twice that is not. The second is open.
    let constant = |variant: &str, value: f64| runs(variant, "purity", value, 0, 6);
    let open = runs("c", "purity", 0.745, 3, 6);
    let results = Results {
        runs: [constant("a", 0.8), constant("b", 0.6), open].concat(),
    };
    let judgement = judged(test, &results);
    let [taken_back, other] = &judgement.findings[..] else {
        panic!("{judgement:?}");
    };
    assert!(taken_back.words.contains("Holm"), "{}", taken_back.words);
    assert_eq!(taken_back.points_for(), Some(false));
    assert!(undecided(&other.verdict).is_some(), "{}", other.words);
    let of_first = undecided(&taken_back.verdict).unwrap();
    let words = judgement.what_it_takes();
    assert_eq!(
        words,
        Some(format!("{}; so far against it", more(of_first)))
    );
}
