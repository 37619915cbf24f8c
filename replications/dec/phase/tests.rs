//! A training that is killed and resumed ends with the bits of one that was not, whatever the rule.

#![allow(clippy::unwrap_used)]

use tch::Device;

use super::*;
use crate::nn::Initial;
use crate::nn::adam::AdamOptions;
use crate::nn::sgd::SgdOptions;
use crate::random;
use crate::replications::dec::explicit::Explicit;
use crate::replications::dec::interruption;
use crate::replications::dec::moves::Moving;
use crate::replications::dec::settings::{Moved, Moves, Optimiser, Order, Rule, Sign};
use crate::runs::checkpoint::Progress;
use crate::train::Labels;

const INTERVAL: u64 = 8;

fn data() -> TrainingData {
    let mut stream = random::stream(Seed(2), "rows of a test");
    let values: Vec<f32> = (0..90 * 12).map(|_| random::unit(&mut stream)).collect();
    TrainingData {
        features: Tensor::from_slice(&values).view([90, 12]),
        labels: Some(Labels {
            values: (0..90).map(|row| row % 3).collect(),
            classes: 3,
        }),
        image: None,
    }
}

/// A rule at its beginning, on codes of an encoder with random weights.
fn begin(rule: Rule) -> Box<dyn Clustering> {
    let data = data();
    let (model, labels) = clustered(1, &data);
    let (seed, exact) = (Seed(1), Precision::Exact);
    match rule {
        Rule::Descent(rule) if rule.moved == Moved::Codes => {
            Box::new(Explicit::new(rule, model, &data, &labels))
        }
        Rule::Descent(rule) => Box::new(cohort(rule, &[(1, &data)])),
        Rule::Moves(rule) => Box::new(Moving::new(rule, model, &data, &labels, seed, exact)),
        Rule::None => panic!("nothing to resume"),
    }
}

/// An encoder with the random weights of a seed, with its first codes as centroids, and the labels.
fn clustered(seed: u64, data: &TrainingData) -> (Model, Vec<u32>) {
    let model = Model::zeros(&[12, 16, 3], 3, 1, Device::Cpu);
    let mut weights = random::stream(Seed(seed), "weights");
    let (network, parameters) = (&model.network, &model.parameters);
    network.initialise_as(Initial::Glorot, parameters, 0, &mut weights);
    let codes = model.encode(&data.features);
    model.centroids().copy_(&codes.narrow(0, 0, 3));
    let labels = student::hard_labels(&student::assignments(&codes, &model.centroids()));
    (model, labels)
}

/// Runs of these seeds on these rows, at the beginning of their phase.
fn cohort(rule: Descent, runs: &[(u64, &TrainingData)]) -> Phase {
    let clustered: Vec<_> = runs
        .iter()
        .map(|(seed, data)| clustered(*seed, data))
        .collect();
    let entrants = runs.iter().zip(&clustered);
    let entrants = entrants.map(|((seed, data), (model, labels))| Entrant {
        model: model.alone(0),
        data,
        labels,
        seed: Seed(*seed),
    });
    let entrants: Vec<Entrant> = entrants.collect();
    Phase::new(rule, &entrants[0], &entrants[1..], Precision::Exact)
}

/// The paper's rule, with a rate at which these few steps move something.
fn published() -> Descent {
    Descent {
        optimiser: Optimiser::Sgd(SgdOptions {
            bias_factor: 2.0,
            ..SgdOptions::constant(0.5, 0.9)
        }),
        batch: 32,
        update_interval: INTERVAL,
        tolerance: 0.0,
        max_iterations: 44,
        ..Descent::published()
    }
}

fn keras() -> Descent {
    Descent {
        order: Order::File,
        restart: false,
        ..published()
    }
}

fn train(rule: Rule, cuts: &[u64]) -> (Box<dyn Clustering>, Progress) {
    interruption::train(&|| begin(rule), |model| model.as_mut(), cuts)
}

/// All that a run takes from a training, to the last bit.
fn assert_same(
    (one, of_one): &(Box<dyn Clustering>, Progress),
    (two, of_two): &(Box<dyn Clustering>, Progress),
    what: &str,
) {
    assert_eq!(of_one.iteration, of_two.iteration, "{what}");
    assert_eq!(of_one.curves, of_two.curves, "{what}");
    for ((name, one), (other, two)) in one.state(0).iter().zip(&two.state(0)) {
        assert_eq!((name, one), (other, two), "{what}");
    }
    assert_eq!(one.codes(0), two.codes(0), "{what}");
    assert_eq!(one.centroids(0), two.centroids(0), "{what}");
}

#[test]
fn a_killed_and_resumed_training_ends_with_the_same_bits() {
    let adam = Optimiser::Adam(AdamOptions::keras());
    let ramped = Optimiser::Sgd(SgdOptions {
        tenth_every: 5,
        ramp: 6,
        ..SgdOptions::constant(0.5, 0.9)
    });
    let with = |optimiser, rule: Descent| Rule::Descent(Descent { optimiser, ..rule });
    let moving = |moved, rule: Descent| Rule::Descent(Descent { moved, ..rule });
    let report = |sign| {
        Rule::Moves(Moves {
            sign,
            rate: 1.0,
            centroid_rate: 0.1,
            epochs: 8,
            fits: 2,
            batch: 32,
            adam: AdamOptions::keras(),
        })
    };
    let shuffled = Descent {
        order: Order::Shuffled,
        ..keras()
    };
    for (what, rule) in [
        ("published", Rule::Descent(published())),
        ("DEC-keras", Rule::Descent(keras())),
        ("shuffled", Rule::Descent(shuffled)),
        ("Adam, restarted", with(adam, published())),
        ("a ramp, restarted", with(ramped, published())),
        ("a ramp", with(ramped, keras())),
        ("IDEC", moving(Moved::Autoencoder(0.1), keras())),
        ("centroids alone", moving(Moved::Centroids, published())),
        ("explicit", moving(Moved::Codes, published())),
        ("the report's", report(Sign::AsCoded)),
        ("corrected", report(Sign::Corrected)),
    ] {
        let whole = train(rule, &[]);
        let begun = begin(rule);
        assert_ne!(whole.0.centroids(0), begun.centroids(0), "{what}");
        // Before a refresh, after one, between two, and again and again.
        for cuts in [&[7][..], &[8], &[12], &[2, 3, 23, 24, 40]] {
            assert_same(&whole, &train(rule, cuts), &format!("{what}, {cuts:?}"));
        }
    }
}

/// The share of changed labels is that since the last refresh, which may be before the kill.
#[test]
fn labels_change_between_refreshes() {
    let (_, progress) = train(Rule::Descent(published()), &[12]);
    let changed = &progress.curves.values["changed"];
    assert_eq!(changed.len(), 6);
    assert!(changed[1..].iter().flatten().any(|&share| share > 0.0));
    assert!(changed.iter().flatten().all(|&share| share < 1.0));
}

#[test]
fn the_rule_that_ends_a_training_is_not_forgotten() {
    // Any change is below it, so the second refresh ends the training, which has moved nothing since.
    let rule = Descent {
        tolerance: 1.0,
        ..published()
    };
    let whole = train(Rule::Descent(rule), &[]);
    assert_eq!(whole.1.iteration, INTERVAL + 1);
    assert_eq!(whole.1.curves.iteration, [0, INTERVAL]);
    let until_then = Descent {
        max_iterations: INTERVAL,
        ..published()
    };
    let (until_then, _) = train(Rule::Descent(until_then), &[]);
    assert_eq!(whole.0.codes(0), until_then.codes(0));
    assert_eq!(whole.0.centroids(0), until_then.centroids(0));
    for cuts in [&[3][..], &[7], &[0, 5]] {
        let resumed = train(Rule::Descent(rule), cuts);
        assert!(resumed.0.has_ended(0));
        assert_same(&whole, &resumed, &format!("{cuts:?}"));
    }
    // A checkpoint of the end itself: there is nothing left to do.
    let stored: Named = whole.0.state(0).into_iter().collect();
    let mut again = begin(Rule::Descent(rule));
    again.restore(0, whole.1.iteration, &stored).unwrap();
    assert!(again.has_ended(0));
}

#[test]
fn a_checkpoint_of_another_shape_is_refused() {
    let mut stored: Named = begin(Rule::Descent(keras())).state(0).into_iter().collect();
    // It says that training has ended, which is believed of none that is refused.
    stored.insert("ended".to_owned(), Tensor::from_slice(&[1_f32]));
    let refused = |stored: &Named| {
        let mut phase = begin(Rule::Descent(keras()));
        let before = (phase.codes(0), phase.centroids(0));
        let message = phase.restore(0, 12, stored).unwrap_err();
        assert!(!phase.has_ended(0));
        assert_eq!((phase.codes(0), phase.centroids(0)), before);
        message
    };
    let parameters = stored.remove("parameters").unwrap();
    assert_eq!(refused(&stored), "parameters is missing");
    stored.insert("parameters".to_owned(), parameters);
    let targets = stored.remove("targets").unwrap();
    assert_eq!(refused(&stored), "targets is missing");
    stored.insert("targets".to_owned(), targets.narrow(0, 0, 89));
    assert!(refused(&stored).starts_with("targets has the shape [89, 3]"));
}

mod cohorts;
