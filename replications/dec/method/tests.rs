//! Runs of several seeds as a cohort, from pretraining to evaluation.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use tch::{Device, Tensor};

use super::*;
use crate::nn::Initial;
use crate::nn::sgd::SgdOptions;
use crate::replications::dec::settings::{Descent, Length, Optimiser};
use crate::train::observer::Silent;
use crate::train::{InMemory, Labels};

/// Three clouds, well apart: no label hangs on what is rounded.
fn data() -> TrainingData {
    let mut stream = random::stream(Seed(2), "rows of a test");
    let values = (0..120 * 12).map(|place| {
        let (row, column) = (place / 12, place % 12);
        let centre = if row % 3 == column / 4 { 0.8 } else { 0.2 };
        centre + 0.2 * random::unit(&mut stream)
    });
    TrainingData {
        features: Tensor::from_slice(&values.collect::<Vec<f32>>()).view([120, 12]),
        labels: Some(Labels {
            values: (0..120).map(|row| row % 3).collect(),
            classes: 3,
        }),
        image: None,
    }
}

fn settings(rule: Rule) -> Settings {
    let mut settings = Settings::published();
    settings.start.hidden = vec![20, 16];
    settings.start.latent = 3;
    settings.start.scale = 1.0;
    let pretraining = &mut settings.start.pretraining;
    pretraining.initial = Initial::Glorot;
    // Not Adam, which magnifies what is rounded.
    pretraining.optimiser = Optimiser::Sgd(SgdOptions::constant(0.3, 0.9));
    pretraining.batch = 32;
    pretraining.whole = Length::Iterations(200);
    if let Some(layers) = &mut pretraining.layer_wise {
        layers.length = Length::Iterations(40);
    }
    settings.clusters = 3;
    settings.restarts = 2;
    settings.rule = rule;
    settings
}

fn run(settings: &[Settings], seeds: &[u64]) -> (Runs, usize) {
    let (data, go_on, parts) = (data(), AtomicBool::new(false), InMemory::default());
    let context = Context {
        data: &data,
        device: Device::Cpu,
        precision: Precision::Exact,
        interrupted: &go_on,
        checkpoint_interval: Duration::MAX,
        observer: &Silent,
        parts: &parts,
        worker: 0,
    };
    let members = settings.iter().zip(seeds).map(|(settings, seed)| Member {
        settings: settings.to_value(),
        seed: Seed(*seed),
        checkpoint: PathBuf::new(),
    });
    let members: Vec<Member> = members.collect();
    let runs = Dec.run(&members, &context).unwrap().unwrap();
    (runs, parts.count())
}

fn descent(per_class: bool) -> Settings {
    let mut settings = settings(Rule::Descent(Descent {
        batch: 32,
        update_interval: 10,
        tolerance: 0.02,
        max_iterations: 120,
        ..Descent::published()
    }));
    if per_class {
        settings.start.per_class = Some(30);
    }
    settings
}

#[test]
fn a_cohort_comes_to_what_its_runs_come_to_alone() {
    for settings in [descent(false), descent(true), settings(Rule::None)] {
        let seeds = [3, 0, 5];
        let (together, parts) = run(&[0; 3].map(|_| settings.clone()), &seeds);
        assert_eq!(parts, 3);
        for (found, seed) in together.into_iter().zip(seeds) {
            let found = found.unwrap();
            let expected = run(std::slice::from_ref(&settings), &[seed])
                .0
                .remove(0)
                .unwrap();
            assert_eq!(
                (found.outcome, expected.outcome),
                (Outcome::Completed, Outcome::Completed)
            );
            let names: Vec<&String> = found.metrics.keys().collect();
            assert_eq!(names, expected.metrics.keys().collect::<Vec<_>>());
            for (name, value) in &expected.metrics {
                let other = found.metrics[name];
                // Ratios of divergences magnify what is rounded.
                let bound = if name.contains("ratio") { 1e-2 } else { 1e-3 };
                let same = (value - other).abs() <= bound * value.abs().max(1e-3);
                assert!(
                    same || value.is_nan() && other.is_nan(),
                    "{name}: {value} {other}"
                );
            }
            assert_eq!(found.curves.iteration, expected.curves.iteration);
            for ((name, found), (_, expected)) in found.weights.iter().zip(&expected.weights) {
                // Clusters have no order of their own: rounding may have k-means number them otherwise.
                let found = if name == "dec.centroids" {
                    let distances = Tensor::cdist(expected, found, 2.0, None::<i64>);
                    let order = distances.argmin(1, false);
                    let mut numbers: Vec<i64> = Vec::try_from(&order).unwrap();
                    numbers.sort_unstable();
                    assert!(numbers.iter().copied().eq(0..numbers.len() as i64));
                    found.index_select(0, &order)
                } else {
                    found.shallow_clone()
                };
                let apart = (&found - expected).abs().max().double_value(&[]);
                let size = expected.abs().max().double_value(&[]);
                assert!(
                    found.allclose(expected, 1e-3, 1e-4, false),
                    "{name} of {seed}: {apart} apart, up to {size}; {:?}",
                    settings.rule
                );
            }
        }
    }
}

#[test]
fn only_seeds_of_one_variant_train_together() {
    let shape = |settings: &Settings| Dec.shape(&settings.to_value()).unwrap();
    let one = descent(false);
    assert!(shape(&one).is_some());
    assert_eq!(shape(&one), shape(&descent(false)));
    assert_ne!(shape(&one), shape(&descent(true)));
    assert!(shape(&settings(Rule::None)).is_some());
    assert_eq!(shape(&Settings::report()), None);
    let explicit = Rule::Descent(Descent::explicit());
    assert_eq!(shape(&settings(explicit)), None);
}

#[test]
fn one_whose_pretraining_diverged_costs_the_others_nothing() {
    struct Known(InMemory);
    impl crate::train::Parts for Known {
        fn get(
            &self,
            need: &Need,
            seeds: &[Seed],
            context: &Context,
        ) -> Result<Option<Vec<crate::train::Trained>>, Error> {
            let mut parts = self.0.get(need, seeds, context)?;
            for (part, seed) in parts.iter_mut().flatten().zip(seeds) {
                if *seed == Seed(0) {
                    part.outcome = Outcome::Diverged { iteration: 9 };
                    part.weights.clear();
                }
            }
            Ok(parts)
        }
    }
    let (data, go_on, parts) = (data(), AtomicBool::new(false), Known(InMemory::default()));
    let context = Context {
        data: &data,
        device: Device::Cpu,
        precision: Precision::Exact,
        interrupted: &go_on,
        checkpoint_interval: Duration::MAX,
        observer: &Silent,
        parts: &parts,
        worker: 0,
    };
    let members = [3, 0, 5].map(|seed| Member {
        settings: descent(false).to_value(),
        seed: Seed(seed),
        checkpoint: PathBuf::new(),
    });
    let runs = Dec.run(&members, &context).unwrap().unwrap();
    let outcomes: Vec<Outcome> = runs.into_iter().map(|run| run.unwrap().outcome).collect();
    let diverged = Outcome::Diverged { iteration: 0 };
    assert_eq!(outcomes, [Outcome::Completed, diverged, Outcome::Completed]);
}
