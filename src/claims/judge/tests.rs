#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use super::super::{Better, Ending, Run, Seeds};
use super::case::known_direction;
use super::*;

const PAPER: &str = r#"
[paper]
id = "x"
title = "On X"
authors = ["A. Author"]
venue = "X"
year = 2020
url = "https://example.org"

[[value]]
replication = "r"
variant = "a"
metric = "purity"
mean = 0.80
sd = 0.02
n = 10
read = { printed = 2 }
source = "Table 1"

[[value]]
replication = "r"
variant = "b"
metric = "purity"
mean = 0.70
n = 10
source = "Table 1"
"#;

/// One claim `c` with this test, judged.
pub(super) fn judged(test: &str, results: &Results) -> Judgement {
    judged_all(&[("c", test)], results, &Conditions::paper()).remove(0)
}

pub(super) fn judged_all(
    tests: &[(&str, &str)],
    results: &Results,
    conditions: &Conditions,
) -> Vec<Judgement> {
    let mut text = PAPER.to_owned();
    for (id, test) in tests {
        text += &format!(
            "\n[[claim]]\nid = \"{id}\"\nreplication = \"r\"\nsource = \"Table 1\"\n\
             statement = \"It is so.\"\n{test}\n"
        );
    }
    let published = Published::parse("paper.toml", &text).unwrap();
    judge(&published, published.claims_of("r"), results, conditions)
}

/// Ten numbers about 0 with standard deviation 0.02, the same for all.
const NOISE: [f64; 10] = [
    0.012, -0.021, 0.031, -0.008, 0.004, -0.033, 0.019, 0.007, -0.014, 0.003,
];

/// Runs of a variant: the mean plus noise, turned by `turn` so that variants are not alike seed by seed.
pub(super) fn runs(variant: &str, metric: &str, mean: f64, turn: usize, n: usize) -> Vec<Run> {
    let value = |seed: usize| Some(mean + NOISE[(seed * (2 * turn + 1) + turn) % 10]);
    (0..n)
        .map(|seed| Run {
            variant: variant.into(),
            seed: seed as u64,
            values: BTreeMap::from([(metric.to_owned(), value(seed))]),
            ..Run::default()
        })
        .collect()
}

pub(super) fn results(groups: &[(&str, f64)]) -> Results {
    let runs = groups.iter().enumerate();
    Results {
        runs: runs
            .flat_map(|(turn, (name, mean))| runs_of(name, *mean, turn))
            .collect(),
    }
}

pub(super) fn runs_of(name: &str, mean: f64, turn: usize) -> Vec<Run> {
    runs(name, "purity", mean, turn, 10)
}

pub(super) const VALUE: &str = "[claim.test.value]\nmetrics = [\"purity\"]\nvariants = [\"a\"]\n\
                     margin = { size = 0.03, reason = \"why\" }";

#[test]
fn values_are_reproduced_or_not_or_better() {
    let of = |mean| judged(VALUE, &results(&[("a", mean)]));
    let close = of(0.802);
    assert_eq!(close.verdict, Verdict::Reproduced);
    assert!(
        close.explanation[0].contains("within the margin of \u{b1}0.030"),
        "{close:?}"
    );
    assert!(close.explanation[1].contains("up to 26 %"), "{close:?}");
    let worse = of(0.72);
    assert_eq!(
        (worse.verdict.clone(), worse.better_than_published),
        (Verdict::NotReproduced, false)
    );
    let better = of(0.88);
    assert_eq!(better.headline(), "not reproduced: better than published");
    let unclear = of(0.825);
    assert!(
        matches!(unclear.verdict, Verdict::Inconclusive { .. }),
        "{unclear:?}"
    );
}

#[test]
fn a_decision_on_fewer_seeds_than_planned_says_so() {
    let of = |mean| {
        let seeds = Seeds {
            done: 10,
            planned: 12,
        };
        judged(VALUE, &results(&[("a", mean)])).with_seeds(seeds)
    };
    assert_eq!(of(0.802).headline(), "reproduced (10 of 12 seeds)");
    assert_eq!(
        of(0.88).headline(),
        "not reproduced: better than published (10 of 12 seeds)"
    );
    assert_eq!(of(0.825).provisional, None);
    let all = Seeds {
        done: 12,
        planned: 12,
    };
    let whole = judged(VALUE, &results(&[("a", 0.802)])).with_seeds(all);
    assert_eq!(whole.headline(), "reproduced");
    // More than planned were looked at more often too.
    let beyond = Seeds {
        done: 13,
        planned: 10,
    };
    let more = judged(VALUE, &results(&[("a", 0.802)])).with_seeds(beyond);
    assert_eq!(more.headline(), "reproduced (13 seeds, 10 of them planned)");
}

#[test]
fn what_all_runs_begin_with_is_said() {
    let of = |mean| judged(VALUE, &results(&[("a", mean)])).with_given("autoencoder", &["a"]);
    assert_eq!(of(0.802).headline(), "reproduced, given one autoencoder");
    let undecided = of(0.825);
    assert!(!undecided.headline().contains("autoencoder"));
    let said = undecided.explanation.last().unwrap();
    assert!(
        said.starts_with("All runs of a begin with one autoencoder."),
        "{said}"
    );
    let free = judged(VALUE, &results(&[("a", 0.802)])).with_given("autoencoder", &[]);
    assert_eq!((free.given, free.explanation.len()), (None, 2));
}

#[test]
fn a_claim_set_when_results_were_known_says_so() {
    let judgement = judged(VALUE, &results(&[("a", 0.802)])).with_known(Some("three runs."));
    assert!(judgement.late);
    let said = judgement.explanation.last().unwrap();
    assert_eq!(said, "Set when results were known: three runs.");
}

#[test]
fn rare_collapses_are_spoken_of_where_none_was_seen() {
    let test = "[claim.test.order]\nmetrics = [\"purity\"]\n\
                descending = [{ variant = \"a\" }, { variant = \"b\" }]";
    let mut results = results(&[("a", 0.9), ("b", 0.6)]);
    for run in results
        .runs
        .iter_mut()
        .filter(|run| run.variant == "b")
        .take(2)
    {
        run.ending = Ending::Collapsed;
    }
    let said = judged(test, &results).explanation;
    assert!(
        said.iter().any(|one| one == "b: 2 of 10 runs collapsed."),
        "{said:?}"
    );
    assert!(
        said.iter()
            .any(|one| one.starts_with("A rare collapse of the others is not excluded")),
        "{said:?}"
    );
}

#[test]
fn a_mean_alone_gets_the_weaker_words() {
    let test = VALUE.replace("\"a\"", "\"b\"");
    let of = |mean| judged(&test, &results(&[("b", mean)]));
    assert_eq!(of(0.71).verdict, Verdict::Consistent);
    // Beyond the margin, if not for certain: a spread that bears it is no agreement.
    let below = of(0.655);
    let is_decided_by_more = matches!(
        below.verdict,
        Verdict::Inconclusive {
            more_seeds: Further::About(1..1000)
        }
    );
    assert!(is_decided_by_more, "{below:?}");
    assert!(below.explanation[0].contains("but the difference is"));
    // Ours is better: a failed run of the paper's would explain it, however many seeds there are.
    let more_seeds = Further::Never;
    assert_eq!(of(0.745).verdict, Verdict::Inconclusive { more_seeds });
    let far = of(0.60);
    assert_eq!(far.verdict, Verdict::Inconsistent);
    assert!(!far.better_than_published);
    assert!(far.explanation[0].contains("spread not given"), "{far:?}");
}

#[test]
fn failed_runs_of_the_papers_may_explain_a_low_mean() {
    let test = VALUE.replace("\"a\"", "\"b\"");
    let of = |test: &str, mean| judged(test, &results(&[("b", mean)]));
    let near = of(&test, 0.95);
    // Three of ten: 0.285, and 0.25 is less. With so many seeds that fewer may be hidden, it is not.
    assert!(
        matches!(
            near.verdict,
            Verdict::Inconclusive {
                more_seeds: Further::About(1..100)
            }
        ),
        "{near:?}"
    );
    let words = "3 of the paper's 10 runs may have failed altogether (0.000)";
    assert!(near.explanation[0].contains(words), "{near:?}");
    // A claim may know better what a failed run gives.
    let known = of(&format!("{test}\nworst = 0.6"), 0.95);
    assert_eq!(known.headline(), "inconsistent: better than published");
}

#[test]
fn what_a_failed_run_gives_has_to_be_known() {
    let paper = PAPER.replace("purity", "spread");
    let of = |more: &str| {
        let text = format!(
            "{paper}\n[[claim]]\nid = \"c\"\nreplication = \"r\"\nsource = \"s\"\nstatement = \"s\"\n{more}"
        );
        let published = Published::parse("paper.toml", &text).unwrap();
        let ours = Results {
            runs: runs("b", "spread", 0.9, 0, 10),
        };
        judge(&published, &published.claims, &ours, &Conditions::paper()).remove(0)
    };
    let test = VALUE.replace("\"a\"", "\"b\"").replace("purity", "spread");
    let unknown = of(&test);
    let more_seeds = Further::Never;
    assert_eq!(unknown.verdict, Verdict::Inconclusive { more_seeds });
    assert!(
        unknown.explanation[0].contains("the test's `worst`"),
        "{unknown:?}"
    );
    // Lower is better: a failed run makes a published mean larger, not smaller.
    assert_eq!(
        of(&format!("better = \"lower\"\n{test}")).verdict,
        Verdict::Inconsistent
    );
    assert_eq!(
        of(&format!("{test}\nworst = 1.5")).verdict,
        Verdict::Inconsistent
    );
}

#[test]
fn other_conditions_give_no_verdict() {
    let results = results(&[("a", 0.8)]);
    let mut conditions = Conditions::paper();
    conditions.profile = "quick".into();
    let quick = judged_all(&[("c", VALUE)], &results, &conditions).remove(0);
    let reason = "the quick profile gives no verdict".to_owned();
    assert_eq!(quick.verdict, Verdict::NotTested { reason });
    let mut conditions = Conditions::paper();
    conditions.altered.push(("decay".into(), "linear".into()));
    let altered = judged_all(&[("c", VALUE)], &results, &conditions).remove(0);
    assert!(altered.headline().contains("decay = linear"), "{altered:?}");
    assert!(altered.findings.is_empty());
}

#[test]
fn missing_and_few_runs_decide_nothing() {
    let nothing = judged(VALUE, &results(&[("b", 0.8)]));
    assert!(
        nothing.headline().contains("there are no runs of a"),
        "{nothing:?}"
    );
    let few = Results {
        runs: runs("a", "purity", 0.8, 0, 3),
    };
    let verdict = judged(VALUE, &few).verdict;
    let more_seeds = Further::AtLeast(2);
    assert_eq!(verdict, Verdict::Inconclusive { more_seeds });
}

#[test]
fn diverged_runs_are_named_and_many_of_them_decide_nothing() {
    let mut results = results(&[("a", 0.802)]);
    let lose = |results: &mut Results, seed: usize| {
        results.runs[seed].ending = Ending::Diverged;
        results.runs[seed].values.clear();
    };
    lose(&mut results, 4);
    let one = judged(VALUE, &results);
    assert_eq!(one.verdict, Verdict::Reproduced);
    assert!(
        one.explanation
            .contains(&"a: 1 of 10 runs diverged.".to_owned()),
        "{one:?}"
    );
    lose(&mut results, 7);
    let two = judged(VALUE, &results);
    let more_seeds = Further::AtLeast(10);
    assert_eq!(two.verdict, Verdict::Inconclusive { more_seeds });
    assert_eq!(two.findings[0].ours[0].diverged, 2);
}

#[test]
fn collapsed_runs_count_like_any_other() {
    let mut results = results(&[("a", 0.802)]);
    results.runs[0].ending = Ending::Collapsed;
    results.runs[0].values.insert("purity".into(), Some(0.11));
    let judgement = judged(VALUE, &results);
    assert!(
        matches!(judgement.verdict, Verdict::Inconclusive { .. }),
        "{judgement:?}"
    );
    assert_eq!(judgement.findings[0].ours[0].n, 10);
    assert!(
        judgement
            .explanation
            .iter()
            .any(|words| words.contains("1 of 10 runs collapsed"))
    );
}

pub(super) const ORDER: &str = "[claim.test.order]\nmetrics = [\"purity\"]\n\
                     descending = [{ variant = \"a\" }, { variant = \"b\" }]";

#[test]
fn an_order_holds_is_reversed_or_open() {
    let of = |a, b| judged(ORDER, &results(&[("a", a), ("b", b)]));
    let holds = of(0.8, 0.7);
    assert_eq!(holds.verdict, Verdict::Reproduced);
    assert!(holds.findings[0].numbers["superiority"] > 0.95);
    assert!(holds.explanation[0].contains("10 pairs"), "{holds:?}");
    assert_eq!(of(0.7, 0.8).verdict, Verdict::NotReproduced);
    assert!(matches!(
        of(0.801, 0.8).verdict,
        Verdict::Inconclusive { .. }
    ));
    // With a margin, no difference that counts is enough to refute it.
    let test = format!("{ORDER}\nmargin = {{ size = 0.1, reason = \"why\" }}");
    let equal = judged(&test, &results(&[("a", 0.8), ("b", 0.8)]));
    assert_eq!(equal.verdict, Verdict::NotReproduced);
}

#[test]
fn runs_without_a_partner_are_not_used() {
    let mut results = results(&[("a", 0.8), ("b", 0.7)]);
    results
        .runs
        .retain(|run| run.variant == "a" || run.seed < 6);
    let judgement = judged(ORDER, &results);
    assert!(judgement.explanation[0].contains("6 pairs, 4 runs without a partner unused"));
    results
        .runs
        .retain(|run| run.variant == "a" || run.seed < 4);
    let verdict = judged(ORDER, &results).verdict;
    let more_seeds = Further::AtLeast(1);
    assert_eq!(verdict, Verdict::Inconclusive { more_seeds });
}

#[test]
fn order_claims_are_corrected_together() {
    // One alone: p = 0.03 or so. Six of them: not below 0.05 any more.
    let results = results(&[("a", 0.719), ("b", 0.7)]);
    let alone = judged(ORDER, &results);
    assert_eq!(alone.verdict, Verdict::Reproduced, "{alone:?}");
    let p = alone.findings[0].p_for.unwrap();
    assert!(p > 0.05 / 6.0 && p < 0.05, "{p}");
    let ids = ["c1", "c2", "c3", "c4", "c5", "c6"];
    let six = judged_all(&ids.map(|id| (id, ORDER)), &results, &Conditions::paper());
    assert!(
        matches!(six[0].verdict, Verdict::Inconclusive { .. }),
        "{:?}",
        six[0].verdict
    );
    assert!(six[0].explanation.last().unwrap().contains("Holm"));
}

#[test]
fn metrics_that_are_known_by_name_improve_one_way() {
    assert_eq!(known_direction("latent.silhouette"), Some(Better::Higher));
    assert_eq!(
        known_direction("map.quantization_error"),
        Some(Better::Lower)
    );
    assert_eq!(known_direction("map.topographic_product"), None);
    assert_eq!(known_direction("loss"), None);
}

/// What was done of the other side is named as well.
#[test]
fn both_sides_of_a_pair_are_shown_where_one_has_too_few_runs() {
    let mut results = results(&[("a", 0.8), ("b", 0.7)]);
    results
        .runs
        .retain(|run| run.variant == "a" || run.seed < 2);
    let judgement = judged(ORDER, &results);
    let groups = judgement.findings[0].ours.iter();
    let groups: Vec<(&str, usize)> = groups.map(|one| (one.variant.as_str(), one.n)).collect();
    assert_eq!(groups, [("a", 10), ("b", 2)]);
}

#[test]
fn the_best_of_several() {
    let test =
        "[claim.test.argmax]\nmetric = \"purity\"\nbest = \"a\"\namong = [\"a\", \"b\", \"d\"]";
    let of = |a, b, d| judged(test, &results(&[("a", a), ("b", b), ("d", d)]));
    let best = of(0.8, 0.7, 0.72);
    assert_eq!(best.verdict, Verdict::Reproduced);
    assert!(best.findings[0].numbers["share_best"] > 0.99);
    assert!(best.explanation[0].contains("a 100 %"), "{best:?}");
    assert_eq!(of(0.7, 0.8, 0.6).verdict, Verdict::NotReproduced);
    assert!(matches!(
        of(0.8, 0.799, 0.6).verdict,
        Verdict::Inconclusive { .. }
    ));
}

#[test]
fn a_trend_holds_or_turns() {
    let test = "[claim.test.trend]\nmetrics = [\"purity\"]\nalong = \"gamma\"\n\
                variants = [\"a\", \"b\", \"d\", \"e\"]\nchange = \"falls\"";
    let of = |m: [f64; 4]| {
        judged(
            test,
            &results(&[("a", m[0]), ("b", m[1]), ("d", m[2]), ("e", m[3])]),
        )
    };
    let falls = of([0.8, 0.75, 0.6, 0.3]);
    assert_eq!(falls.verdict, Verdict::Reproduced);
    assert!((falls.findings[0].numbers["kendall_tau"] - 1.0).abs() < 1e-12);
    assert!(falls.findings[0].difference.unwrap() < -0.4);
    assert_eq!(of([0.3, 0.6, 0.75, 0.8]).verdict, Verdict::NotReproduced);
    // Two steps up within the noise and a collapse: from first to last it falls, along the values it does not.
    let steps = of([0.750, 0.752, 0.754, 0.15]);
    let more_seeds = Further::OnEdge;
    assert_eq!(steps.verdict, Verdict::Inconclusive { more_seeds });
    // Down on the whole, but clearly up once.
    let turns = of([0.8, 0.5, 0.7, 0.3]);
    assert_eq!(turns.verdict, Verdict::NotReproduced);
    assert!(
        turns.explanation[0].contains("From b to d it goes the other way"),
        "{turns:?}"
    );
}

#[test]
fn equivalence_on_both_sides_or_one() {
    let test = |within: &str| {
        format!(
            "[claim.test.equivalence]\nmetrics = [\"purity\"]\nreference = \"b\"\nvariants = [\"a\"]\n\
             within = \"{within}\"\nmargin = {{ size = 0.03, reason = \"why\" }}"
        )
    };
    let of = |within: &str, a| judged(&test(within), &results(&[("a", a), ("b", 0.8)])).verdict;
    assert_eq!(of("both-sides", 0.801), Verdict::Reproduced);
    assert_eq!(of("both-sides", 0.7), Verdict::NotReproduced);
    assert_eq!(of("not-above", 0.7), Verdict::Reproduced);
    assert_eq!(of("not-below", 0.7), Verdict::NotReproduced);
    assert_eq!(of("not-above", 0.9), Verdict::NotReproduced);
    assert!(matches!(
        of("both-sides", 0.825),
        Verdict::Inconclusive { .. }
    ));
}

#[test]
fn bounds_on_the_mean_and_the_middle_half() {
    for (aggregate, yes, no) in [
        ("mean", Verdict::Consistent, Verdict::Inconsistent),
        ("iqm", Verdict::Reproduced, Verdict::NotReproduced),
    ] {
        let test = format!(
            "[claim.test.bound]\nmetrics = [\"purity\"]\nvariants = [\"a\"]\nat_least = 0.7\n\
             at_most = 0.8\nreason = \"why\"\naggregate = \"{aggregate}\""
        );
        let of = |mean| judged(&test, &results(&[("a", mean)]));
        assert_eq!(of(0.75).verdict, yes, "{aggregate}");
        assert_eq!(of(0.6).verdict, no, "{aggregate}");
        let above = of(0.9);
        assert_eq!(above.verdict, no, "{aggregate}");
        assert!(above.better_than_published);
        assert!(
            matches!(of(0.8).verdict, Verdict::Inconclusive { .. }),
            "{aggregate}"
        );
    }
}

#[test]
fn a_mean_is_reproduced_only_if_one_failed_run_would_not_matter() {
    let of = |bound: &str| {
        let test = format!(
            "[claim.test.bound]\nmetrics = [\"purity\"]\nvariants = [\"a\"]\n{bound}\nworst = 0\n\
             reason = \"why\""
        );
        judged(&test, &results(&[("a", 0.75)]))
    };
    assert_eq!(of("at_least = 0.5").verdict, Verdict::Reproduced);
    assert!(matches!(
        of("at_least = 0.7").verdict,
        Verdict::Inconclusive { .. }
    ));
    // A failure would only speak further against it.
    assert_eq!(of("at_least = 0.8").verdict, Verdict::NotReproduced);
    let words = of("at_least = 0.5").explanation[0].clone();
    assert!(words.contains("one failed run of 0.000"), "{words}");
}

#[test]
fn few_runs_have_no_middle_half() {
    let test = "[claim.test.bound]\nmetrics = [\"purity\"]\nvariants = [\"a\"]\nat_least = 0.7\n\
                reason = \"why\"\naggregate = \"iqm\"";
    let few = Results {
        runs: runs("a", "purity", 0.8, 0, 9),
    };
    assert_eq!(
        judged(test, &few).headline(),
        "inconclusive (at least 1 more seed)"
    );
}

#[test]
fn a_metric_that_no_run_can_have_is_undecidable_and_says_why() {
    let bound = "[claim.test.bound]\nmetrics = [\"purity\"]\nvariants = [\"a\"]\nat_least = 0.7\n\
                 reason = \"why\"";
    let test = format!("{bound}\nundefined = \"all are alike\"");
    let mut none = results(&[("a", 0.9)]);
    for run in &mut none.runs {
        run.values.insert("purity".to_owned(), None);
    }
    let judgement = judged(&test, &none);
    assert_eq!(
        judgement.headline(),
        "inconclusive (more seeds alone would not decide)"
    );
    assert_eq!(
        judgement.explanation[0],
        "purity of a at least 0.7: undecidable. None of 10 runs of a has a value: all are alike."
    );
    // Without a meaning, with a value, or after a divergence further seeds may decide.
    assert!(judged(bound, &none).headline().contains("more seeds"));
    let (mut one, mut lost) = (none.clone(), none);
    one.runs[0].values.insert("purity".to_owned(), Some(0.9));
    lost.runs[0].ending = Ending::Diverged;
    for results in [one, lost] {
        let headline = judged(&test, &results).headline();
        assert!(headline.contains("more seeds"), "{headline}");
    }
    assert_eq!(
        judged(&test, &results(&[("a", 0.9)])).verdict,
        Verdict::Consistent
    );
}

#[test]
fn shares_of_runs_are_exact() {
    let test = "[claim.test.collapse]\nmetric = \"purity\"\nvariants = [\"a\"]\nat_most = 0.2\n\
                share = 0.7\nreason = \"why\"";
    let all = judged(test, &results(&[("a", 0.11)]));
    assert_eq!(all.verdict, Verdict::Reproduced);
    assert!(
        all.explanation[0].contains("10 of 10 runs of a, 95 % interval 69 % to 100 %"),
        "{all:?}"
    );
    assert_eq!(
        judged(test, &results(&[("a", 0.5)])).verdict,
        Verdict::NotReproduced
    );
    // One diverged: 9 of 10 are not enough for 70 %, and it does not count as collapsed.
    let mut nine = results(&[("a", 0.11)]);
    nine.runs[0].ending = Ending::Diverged;
    nine.runs[0].values.clear();
    let nine = judged(test, &nine);
    assert!(
        matches!(
            nine.verdict,
            Verdict::Inconclusive {
                more_seeds: Further::About(_)
            }
        ),
        "{nine:?}"
    );
}

#[test]
fn looking_is_not_testing() {
    let judgement = judged(
        "[claim.test.qualitative]\nlook = \"the map\"",
        &results(&[]),
    );
    assert_eq!(judgement.headline(), "not tested: to be looked at: the map");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let test = "[claim.test.argmax]\nmetric = \"purity\"\nbest = \"a\"\namong = [\"a\", \"b\"]";
    let once = || {
        let judgements = judged_all(
            &[("c", test), ("d", VALUE)],
            &results(&[("a", 0.8), ("b", 0.79)]),
            &Conditions::paper(),
        );
        super::super::json(&judgements).to_string()
    };
    assert_eq!(once(), once());
}
