//! Golden values from scikit-learn and scipy, and properties that hold for every metric.
// Golden values stand as Python prints them.
#![allow(clippy::unwrap_used, clippy::unreadable_literal)]

use super::*;

/// A linear congruential generator, the same few lines in the Python script below.
pub(super) struct Lcg(pub u64);

impl Lcg {
    /// A number below `n`.
    pub fn below(&mut self, n: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(n)) as u32
    }
}

/// Classes, and clusters that agree with them in about `agree` percent of the samples.
fn noisy(
    seed: u64,
    samples: usize,
    classes: u32,
    clusters: u32,
    agree: u32,
) -> (Vec<u32>, Vec<u32>) {
    let mut random = Lcg(seed);
    (0..samples)
        .map(|_| {
            let class = random.below(classes);
            let cluster = if random.below(100) >= agree {
                random.below(clusters)
            } else {
                (class + classes * random.below((clusters / classes).max(1))) % clusters
            };
            (class, cluster)
        })
        .unzip()
}

fn scores(classes: &[u32], predictions: &[u32]) -> ClusterScores {
    evaluate(&Contingency::new(predictions, classes).unwrap())
}

/// `golden` in the order of [`Metric::ALL`].
fn assert_scores(case: &str, classes: &[u32], predictions: &[u32], golden: [f64; 5]) {
    for ((metric, value), golden) in scores(classes, predictions).iter().zip(golden) {
        assert!(
            (value - golden).abs() < 1e-12,
            "{case}: {} is {value}, scikit-learn says {golden}",
            metric.id()
        );
    }
}

// scikit-learn 1.9.1, scipy 1.17.1:
//
// from math import fsum
// import numpy as np
// from scipy.optimize import linear_sum_assignment
// from sklearn.metrics import adjusted_rand_score as ari, normalized_mutual_info_score as nmi
// from sklearn.metrics.cluster import contingency_matrix
//
// def golden(name, y, p):
//     w = contingency_matrix(y, p)
//     rows, columns = linear_sum_assignment(w, maximize=True)
//     print(name, [float(v) for v in (
//         w[rows, columns].sum() / len(y), w.max(axis=0).sum() / len(y),
//         nmi(y, p, average_method="geometric"), nmi(y, p, average_method="arithmetic"),
//         ari(y, p))])
//
// class Lcg:
//     def __init__(self, state): self.state = state
//     def below(self, n):
//         self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
//         return (self.state >> 33) % n
//
// def noisy(seed, n, classes, clusters, agree):
//     r, y, p = Lcg(seed), [], []
//     for _ in range(n):
//         c = r.below(classes)
//         y.append(c)
//         p.append(r.below(clusters) if r.below(100) >= agree else
//                  (c + classes * r.below(max(1, clusters // classes))) % clusters)
//     return y, p
//
// golden("balanced", [0,0,0,1,1,1,2,2,2], [0,0,1,1,1,2,2,2,0])
// golden("unbalanced", [0]*12 + [1]*3 + [2], [0]*9 + [1]*5 + [2]*2)
// golden("more clusters", *noisy(1, 200, 4, 12, 70))
// golden("more classes", *noisy(2, 200, 9, 3, 70))
// golden("one cluster", [0,0,1,2,2,2], [5]*6)
// golden("one class", [3]*6, [0,0,1,2,2,2])
// golden("gaps", [10,10,70,70,200,200,200], [9,9,9,4000,4000,17,17])
// golden("large", *noisy(3, 70_000, 10, 64, 60))
#[test]
fn scores_agree_with_scikit_learn() {
    let (classes, predictions) = (
        vec![0, 0, 0, 1, 1, 1, 2, 2, 2],
        vec![0, 0, 1, 1, 1, 2, 2, 2, 0],
    );
    assert_scores(
        "balanced",
        &classes,
        &predictions,
        [
            0.6666666666666666,
            0.6666666666666666,
            0.42061983571430506,
            0.42061983571430506,
            0.1111111111111111,
        ],
    );
    let (classes, predictions) = (
        [[0; 12].as_slice(), &[1; 3], &[2]].concat(),
        [[0; 9].as_slice(), &[1; 5], &[2; 2]].concat(),
    );
    assert_scores(
        "unbalanced",
        &classes,
        &predictions,
        [
            0.75,
            0.8125,
            0.497555892978977,
            0.49207911730601955,
            0.4188861985472155,
        ],
    );
    let (classes, predictions) = noisy(1, 200, 4, 12, 70);
    assert_scores(
        "more clusters",
        &classes,
        &predictions,
        [
            0.335,
            0.785,
            0.3847825131475887,
            0.369064883123021,
            0.21478577865345364,
        ],
    );
    let (classes, predictions) = noisy(2, 200, 9, 3, 70);
    assert_scores(
        "more classes",
        &classes,
        &predictions,
        [
            0.315,
            0.315,
            0.3733020599529181,
            0.3519573886826612,
            0.21739639214101397,
        ],
    );
    let (classes, predictions) = (vec![0, 0, 1, 2, 2, 2], vec![5; 6]);
    assert_scores(
        "one cluster",
        &classes,
        &predictions,
        [0.5, 0.5, 0.0, 0.0, 0.0],
    );
    let (classes, predictions) = (vec![3; 6], vec![0, 0, 1, 2, 2, 2]);
    assert_scores(
        "one class",
        &classes,
        &predictions,
        [0.5, 1.0, 0.0, 0.0, 0.0],
    );
    let (classes, predictions) = (
        vec![10, 10, 70, 70, 200, 200, 200],
        vec![9, 9, 9, 4000, 4000, 17, 17],
    );
    assert_scores(
        "gaps",
        &classes,
        &predictions,
        [
            0.7142857142857143,
            0.7142857142857143,
            0.5636355530993447,
            0.5636355530993447,
            0.2125,
        ],
    );
}

// With `golden` from above:
//
// one, six, halves = [5] * 6, list(range(6)), [0, 0, 0, 1, 1, 1]
// golden("one sample", [3], [7])
// golden("one class, one cluster", one, one)
// golden("one class, halves", one, halves)
// golden("one class, a cluster each", one, six)
// golden("halves, one cluster", halves, one)
// golden("halves, a cluster each", halves, six)
// golden("a class each, one cluster", six, one)
// golden("a class each, a cluster each", six, six[::-1])
// golden("two samples, together and apart", [0, 0], [4, 9])
// golden("two samples, apart and together", [0, 1], [4, 4])
// golden("all but one, missed", [0] * 99 + [1], [5] * 100)
// golden("all but one, mistaken", [0] * 99 + [1], [6] + [5] * 99)
#[test]
fn degenerate_partitions_score_as_in_scikit_learn() {
    type Case<'a> = (&'a str, &'a [u32], &'a [u32], [f64; 5]);
    let (one, six): ([u32; 6], [u32; 6]) = ([5; 6], [0, 1, 2, 3, 4, 5]);
    let (halves, reversed): ([u32; 6], [u32; 6]) = ([0, 0, 0, 1, 1, 1], [5, 4, 3, 2, 1, 0]);
    let (sixth, third) = (0.16666666666666666, 0.3333333333333333);
    let rare = [[0; 99].as_slice(), &[1]].concat();
    let mistaken = [[6].as_slice(), &[5; 99]].concat();
    let cases: [Case; 12] = [
        ("one sample", &[3], &[7], [1.0; 5]),
        ("one class, one cluster", &one, &one, [1.0; 5]),
        (
            "one class, halves",
            &one,
            &halves,
            [0.5, 1.0, 0.0, 0.0, 0.0],
        ),
        (
            "one class, a cluster each",
            &one,
            &six,
            [sixth, 1.0, 0.0, 0.0, 0.0],
        ),
        (
            "halves, one cluster",
            &halves,
            &one,
            [0.5, 0.5, 0.0, 0.0, 0.0],
        ),
        (
            "halves, a cluster each",
            &halves,
            &six,
            [third, 1.0, 0.6219749249242618, 0.5578858913022593, 0.0],
        ),
        (
            "a class each, one cluster",
            &six,
            &one,
            [sixth, sixth, 0.0, 0.0, 0.0],
        ),
        ("a class each, a cluster each", &six, &reversed, [1.0; 5]),
        (
            "two samples, together and apart",
            &[0, 0],
            &[4, 9],
            [0.5, 1.0, 0.0, 0.0, 0.0],
        ),
        (
            "two samples, apart and together",
            &[0, 1],
            &[4, 4],
            [0.5, 0.5, 0.0, 0.0, 0.0],
        ),
        (
            "all but one, missed",
            &rare,
            &[5; 100],
            [0.99, 0.99, 0.0, 0.0, 0.0],
        ),
        (
            "all but one, mistaken",
            &rare,
            &mistaken,
            [
                0.98,
                0.99,
                0.0018037330571129162,
                0.0018037330571129162,
                -0.010101010101010102,
            ],
        ),
    ];
    for (case, classes, predictions, golden) in cases {
        assert_scores(case, classes, predictions, golden);
    }
}

#[test]
fn without_classes_every_metric_is_undefined() {
    let scores = evaluate_labels::<u32, u8>(&[0, 0, 1], None).unwrap();
    assert_eq!(scores, None);
    let reported: Vec<(&str, f64)> = reported(scores).collect();
    assert_eq!(reported.len(), Metric::ALL.len());
    assert!(reported.iter().all(|(_, value)| value.is_nan()));
    let scores = evaluate_labels(&[0_u32, 0, 1], Some(&[1_u8, 1, 0])).unwrap();
    assert!(super::reported(scores).all(|(_, value)| (value - 1.0).abs() < 1e-15));
    let error = evaluate_labels(&[0_u32, 0, 1], Some(&[1_u8])).unwrap_err();
    assert!(matches!(error, Error::LengthMismatch { .. }));
}

#[test]
fn scores_of_many_samples_agree_with_scikit_learn() {
    let (classes, predictions) = noisy(3, 70_000, 10, 64, 60);
    assert_scores(
        "large",
        &classes,
        &predictions,
        [
            0.1109,
            0.6389285714285714,
            0.283219432865183,
            0.2714181513260799,
            0.09519814974843763,
        ],
    );
}

#[test]
fn names_of_clusters_do_not_matter() {
    let (classes, predictions) = noisy(4, 500, 5, 7, 60);
    // 3 is coprime to 7: a permutation, then gaps.
    let renamed: Vec<u32> = predictions.iter().map(|&k| (k * 3 + 2) % 7 * 11).collect();
    assert_close(&scores(&classes, &predictions), &scores(&classes, &renamed));
    let renamed: Vec<u32> = classes.iter().map(|&c| (c * 2 + 1) % 5 * 13).collect();
    assert_close(
        &scores(&classes, &predictions),
        &scores(&renamed, &predictions),
    );
}

fn assert_close(left: &ClusterScores, right: &ClusterScores) {
    for ((metric, left), (_, right)) in left.iter().zip(right.iter()) {
        assert!(
            (left - right).abs() < 1e-14,
            "{metric:?}: {left} and {right}"
        );
    }
}

#[test]
fn order_of_samples_does_not_change_a_bit() {
    let (mut classes, mut predictions) = noisy(5, 500, 5, 7, 60);
    let before = scores(&classes, &predictions);
    classes.rotate_left(123);
    predictions.rotate_left(123);
    classes.reverse();
    predictions.reverse();
    assert_eq!(before, scores(&classes, &predictions));
}

#[test]
fn a_perfect_clustering_scores_one() {
    let (classes, _) = noisy(6, 300, 6, 6, 100);
    let renamed: Vec<u32> = classes.iter().map(|&c| 5 - c).collect();
    let perfect = ClusterScores {
        accuracy: 1.0,
        purity: 1.0,
        nmi_geometric: 1.0,
        nmi_arithmetic: 1.0,
        ari: 1.0,
    };
    assert_close(&scores(&classes, &renamed), &perfect);
}

#[test]
fn ids_name_the_fields_of_a_record() {
    let scores = scores(&[0, 1, 1], &[0, 0, 1]);
    let record = serde_json::to_value(scores).unwrap();
    assert_eq!(record.as_object().unwrap().len(), Metric::ALL.len());
    for (metric, value) in scores.iter() {
        assert_eq!(record[metric.id()], value);
        assert_eq!(serde_json::to_value(metric).unwrap(), metric.id());
        assert_eq!(Metric::from_id(metric.id()), Some(metric));
    }
    assert_eq!(
        serde_json::from_value::<ClusterScores>(record).unwrap(),
        scores
    );
    assert_eq!(Metric::from_id("nmi"), None);
}

#[test]
fn a_record_with_a_missing_metric_is_refused() {
    let record = serde_json::json!({ "accuracy": 0.5, "purity": 0.5 });
    assert!(serde_json::from_value::<ClusterScores>(record).is_err());
}

#[derive(serde::Deserialize)]
struct LabelCase {
    seed: u64,
    samples: usize,
    classes: u32,
    clusters: u32,
    agree: u32,
    ami: f64,
    homogeneity: f64,
    completeness: f64,
    entropy: f64,
    minor_class: f64,
}

#[derive(serde::Deserialize)]
struct Golden {
    labels: Vec<LabelCase>,
}

// tests/golden/metrics.py made these values.
#[test]
fn the_other_scores_agree_with_scikit_learn() {
    let golden: Golden =
        serde_json::from_str(include_str!("../../tests/golden/metrics.json")).unwrap();
    for case in golden.labels {
        let (classes, predictions) = noisy(
            case.seed,
            case.samples,
            case.classes,
            case.clusters,
            case.agree,
        );
        let table = Contingency::new(&predictions, &classes).unwrap();
        for (name, ours, golden) in [
            ("AMI", ami(&table), case.ami),
            ("homogeneity", homogeneity(&table), case.homogeneity),
            ("completeness", completeness(&table), case.completeness),
            ("entropy", unit_entropy(&table), case.entropy),
            (
                "minor class",
                minor_class_occurrence(&table),
                case.minor_class,
            ),
        ] {
            let scale = golden.abs().max(1.0);
            assert!(
                (ours - golden).abs() < 1e-11 * scale,
                "case {}: {name} is {ours}, should be {golden}",
                case.seed
            );
        }
    }
}

#[test]
fn the_list_of_all_metrics_has_those_of_runs_with_equal_values() {
    let (classes, predictions) = noisy(8, 300, 4, 9, 60);
    let table = Contingency::new(&predictions, &classes).unwrap();
    for (metric, value) in evaluate(&table).iter() {
        let listed = AGREEMENT.iter().find(|(of, _)| of.id == metric.id());
        let (description, compute) = listed.unwrap();
        assert_eq!(compute(&table).to_bits(), value.to_bits());
        assert_eq!(description.name, metric.name());
    }
    let mut ids: Vec<&str> = AGREEMENT.iter().map(|(of, _)| of.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), AGREEMENT.len());
}
