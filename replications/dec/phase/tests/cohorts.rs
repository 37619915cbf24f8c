//! Runs of several seeds in one KL phase are what each is alone, also when they end at different refreshes.

use std::collections::BTreeSet;

use super::*;
use crate::runs::checkpoint;

const SEEDS: [u64; 3] = [4, 1, 7];

/// As elsewhere, at a rate that does not magnify what is rounded otherwise.
fn published() -> Descent {
    Descent {
        optimiser: Optimiser::Sgd(SgdOptions {
            bias_factor: 2.0,
            ..SgdOptions::constant(0.1, 0.9)
        }),
        ..super::published()
    }
}

fn keras() -> Descent {
    Descent {
        order: Order::File,
        restart: false,
        ..published()
    }
}

/// The rows of each run: the same memory, or some of its own.
fn rows(own: bool) -> [TrainingData; 3] {
    let shared = data();
    [0, 1, 2].map(|number| {
        let mut seen = shared.shallow_clone();
        if own {
            seen.features = seen.features.roll([number * 7], [0]) * (1.0 + 0.1 * number as f64);
        }
        seen
    })
}

fn of<'a>(chosen: &[usize], rows: &'a [TrainingData; 3]) -> Vec<(u64, &'a TrainingData)> {
    let chosen = chosen.iter();
    chosen.map(|&at| (SEEDS[at], &rows[at])).collect()
}

fn driven(phase: &mut Phase, seeds: &[u64]) -> Vec<Progress> {
    let folder = tempfile::tempdir().unwrap();
    let members = interruption::members(folder.path(), seeds);
    interruption::to_the_end(phase, &members)
}

fn alone(rule: Descent, at: usize, rows: &[TrainingData; 3]) -> (Phase, Progress) {
    let mut phase = cohort(rule, &of(&[at], rows));
    let progress = driven(&mut phase, &[SEEDS[at]]).remove(0);
    (phase, progress)
}

/// The same to rounding; ends, and when labels changed, exactly.
fn assert_alike(
    (found, run, of_found): (&Phase, usize, &Progress),
    (expected, of_expected): (&Phase, &Progress),
    what: &str,
) {
    assert_eq!(of_found.iteration, of_expected.iteration, "{what}");
    assert_eq!(of_found.curves.iteration, of_expected.curves.iteration);
    for (name, values) in &of_expected.curves.values {
        for (one, other) in values.iter().zip(&of_found.curves.values[name]) {
            let gap = (one.unwrap() - other.unwrap()).abs();
            assert!(gap < 1e-5, "{what}: {name} {gap}");
        }
    }
    let state = found.state(run).into_iter().zip(expected.state(0));
    for ((name, one), (_, other)) in state {
        let worst = (&one - &other).abs().max().double_value(&[]);
        let close = one.allclose(&other, 1e-3, 1e-5, false);
        assert!(close, "{what}: {name} of run {run} by {worst}");
    }
    for (one, other) in [
        (found.codes(run), expected.codes(0)),
        (found.centroids(run), expected.centroids(0)),
        (found.model(run).centroids(), expected.centroids(0)),
    ] {
        let worst = (&one - &other).abs().max().double_value(&[]);
        assert!(one.allclose(&other, 1e-3, 1e-5, false), "{what} by {worst}");
    }
}

fn rules() -> Vec<(&'static str, Descent)> {
    let moving = |moved, rule| Descent { moved, ..rule };
    let adam = Optimiser::Adam(AdamOptions::keras());
    vec![
        ("published", published()),
        ("DEC-keras", keras()),
        (
            "shuffled",
            Descent {
                order: Order::Shuffled,
                ..keras()
            },
        ),
        (
            "Adam, restarted",
            Descent {
                optimiser: adam,
                ..published()
            },
        ),
        ("IDEC", moving(Moved::Autoencoder(0.1), keras())),
        ("centroids alone", moving(Moved::Centroids, published())),
    ]
}

#[test]
fn runs_of_a_cohort_are_those_that_are_trained_alone() {
    for (what, rule) in rules() {
        for own in [false, true] {
            let rows = rows(own);
            let mut together = cohort(rule, &of(&[0, 1, 2], &rows));
            let of_together = driven(&mut together, &SEEDS);
            for (at, progress) in of_together.iter().enumerate() {
                let expected = alone(rule, at, &rows);
                assert_eq!(expected.1.iteration, 44);
                let found = (&together, at, progress);
                assert_alike(found, (&expected.0, &expected.1), what);
            }
        }
    }
}

/// A rule that ends the three runs on the way, at so many different refreshes at least.
fn ending(rule: Descent, refreshes: usize) -> Descent {
    let tolerances = (1..30).map(|share| f64::from(share) / 90.0 + 1e-6);
    let rates = [0.1, 0.2, 0.4].into_iter();
    let rules = rates.flat_map(|rate| tolerances.clone().map(move |tolerance| (rate, tolerance)));
    let rules = rules.map(|(rate, tolerance)| Descent {
        optimiser: Optimiser::Sgd(SgdOptions::constant(rate, 0.9)),
        tolerance,
        max_iterations: 400,
        ..rule
    });
    let rows = rows(false);
    let mut found = rules.filter(|&rule| {
        let ends = [0, 1, 2].map(|at| alone(rule, at, &rows).1.iteration);
        let different: BTreeSet<u64> = ends.into_iter().collect();
        different.len() >= refreshes && ends.iter().all(|&end| end < 400)
    });
    found.next().unwrap()
}

#[test]
fn each_run_ends_by_its_own_labels_at_its_own_refresh() {
    let moving = |moved, rule| Descent { moved, ..rule };
    for (what, rule, refreshes) in [
        ("published", published(), 3),
        ("DEC-keras", keras(), 3),
        ("IDEC", moving(Moved::Autoencoder(1.0), keras()), 2),
        ("centroids alone", moving(Moved::Centroids, keras()), 2),
    ] {
        let rule = ending(rule, refreshes);
        let rows = rows(false);
        let mut together = cohort(rule, &of(&[0, 1, 2], &rows));
        let of_together = driven(&mut together, &SEEDS);
        for (at, progress) in of_together.iter().enumerate() {
            assert!(together.has_ended(at));
            let expected = alone(rule, at, &rows);
            let found = (&together, at, progress);
            assert_alike(found, (&expected.0, &expected.1), what);
        }
    }
}

/// Before the first end, after it, after the second: taken up by the same cohort, by others, by runs alone.
/// A run that has ended has a checkpoint of its end.
#[test]
fn a_killed_cohort_is_resumed_in_any_grouping() {
    for rule in [ending(published(), 3), ending(keras(), 3)] {
        let rows = rows(false);
        let mut whole = cohort(rule, &of(&[0, 1, 2], &rows));
        let of_whole = driven(&mut whole, &SEEDS);
        let expected = [0, 1, 2].map(|at| alone(rule, at, &rows));
        let mut ends: Vec<u64> = of_whole.iter().map(|one| one.iteration).collect();
        ends.sort_unstable();
        for cut in [ends[0] - 4, ends[0] - 1, ends[0] + 2, ends[1] + 3] {
            for groups in [&[&[0, 1, 2][..]][..], &[&[2, 0], &[1]], &[&[0], &[1], &[2]]] {
                let folder = tempfile::tempdir().unwrap();
                let members = |seeds: &[u64]| interruption::members(folder.path(), seeds);
                let mut first = cohort(rule, &of(&[0, 1, 2], &rows));
                interruption::go_on_until(&mut first, cut, &members(&SEEDS));
                for (member, end) in members(&SEEDS).iter().zip(&of_whole) {
                    let at = checkpoint::progress(&member.checkpoint).unwrap().iteration;
                    assert_eq!(at, end.iteration.min(cut + 1));
                }
                for &group in groups {
                    let seeds: Vec<u64> = group.iter().map(|&at| SEEDS[at]).collect();
                    let mut resumed = cohort(rule, &of(group, &rows));
                    let progress = interruption::to_the_end(&mut resumed, &members(&seeds));
                    for (run, &at) in group.iter().enumerate() {
                        let what = format!("cut at {cut}, {groups:?}");
                        if group.len() == 3 {
                            assert_eq!(progress[run].curves, of_whole[at].curves, "{what}");
                            assert_eq!(resumed.state(run), whole.state(at), "{what}");
                        }
                        let found = (&resumed, run, &progress[run]);
                        assert_alike(found, (&expected[at].0, &expected[at].1), &what);
                    }
                }
            }
        }
    }
}

/// One that has ended is not touched by those that go on, to the last bit.
#[test]
fn a_run_that_has_ended_is_left_as_it_was() {
    for rule in [ending(published(), 3), ending(keras(), 3)] {
        let rows = rows(false);
        let mut together = cohort(rule, &of(&[0, 1, 2], &rows));
        let mut at_its_end: [Option<Vec<(String, Tensor)>>; 3] = [None, None, None];
        let mut iteration = 0;
        while !(0..3).all(|run| together.has_ended(run)) {
            together.step(iteration).unwrap();
            iteration += 1;
            for (run, kept) in at_its_end.iter_mut().enumerate() {
                if kept.is_none() && together.has_ended(run) {
                    *kept = Some(together.state(run));
                }
            }
        }
        for (run, kept) in at_its_end.into_iter().enumerate() {
            assert_eq!(kept.unwrap(), together.state(run));
        }
    }
}
