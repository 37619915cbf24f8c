#![allow(clippy::unwrap_used)]

use std::sync::atomic::AtomicBool;

use super::*;
use crate::train::observer::Silent;
use crate::train::{Labels, NoParts};

/// A run of an older version is evaluated from its weights, and comes to what training it again would give.
#[test]
fn what_was_trained_is_evaluated_to_the_same_bits() {
    let labels = Labels {
        values: (0..60_u8).map(|row| row % 3).collect(),
        classes: 3,
    };
    let data = TrainingData::new(random::uniform(1, &[60, 9]), Some(labels)).unwrap();
    let interrupted = AtomicBool::new(false);
    let context = Context {
        data: &data,
        device: tch::Device::Cpu,
        precision: Precision::Exact,
        interrupted: &interrupted,
        checkpoint_interval: Duration::from_hours(1),
        observer: &Silent,
        parts: &NoParts,
        worker: 0,
    };
    let alternating = Training::Alternating {
        encoder_steps: 1,
        decoder_steps: 1,
        sigma: [0.8, 0.1],
        importance: false,
    };
    for (space, latent, training) in [
        (Space::Plane, 2, Training::Variational),
        (Space::Torus, 2, alternating),
        (Space::Sphere, 3, alternating),
    ] {
        let settings = Settings {
            space,
            latent,
            hidden: vec![12, 10],
            batch: 16,
            iterations: 8,
            training,
            held_out: 30,
            learning_rate: 0.001,
        };
        let member = Member {
            settings: settings.to_value(),
            seed: Seed(1),
            checkpoint: std::path::PathBuf::new(),
        };
        let mut runs = Soae
            .run(std::slice::from_ref(&member), &context)
            .unwrap()
            .unwrap();
        let run = runs.remove(0).unwrap();
        let weights = run.weights.iter();
        let kept = Kept {
            weights: weights
                .map(|(name, one)| (name.clone(), one.shallow_clone()))
                .collect(),
            curves: run.curves.clone(),
        };
        let again = Soae.evaluate(&member, &kept, &context).unwrap();
        assert_eq!((run.outcome, &run.curves), (again.outcome, &again.curves));
        assert_eq!(run.weights, again.weights);
        let bits = |run: &Finished| {
            let metrics = run.metrics.iter();
            metrics
                .map(|(name, one)| (name.clone(), one.to_bits()))
                .collect::<Vec<_>>()
        };
        assert_eq!(bits(&run), bits(&again), "{space:?}");
        assert!(run.metrics["label_agreement"].is_finite());
        assert_eq!(
            run.metrics.contains_key("pole_spread"),
            space == Space::Sphere
        );
        if training != alternating {
            continue;
        }
        // Where no unit of the decoder's last hidden layer is active, one image is made of all codes, and the
        // losses say so to the bit: `Record::is_collapsed` rests on that.
        let losses = |run: &Finished| ["wake_loss", "sleep_loss"].map(|name| run.metrics[name]);
        let [wake, sleep] = losses(&run);
        assert_ne!(wake.to_bits(), sleep.to_bits(), "{space:?}");
        let mut silent = kept;
        let biases = silent.weights["decoder.1.bias"].full_like(-1e6);
        silent.weights.insert("decoder.1.bias".to_owned(), biases);
        let silent = Soae.evaluate(&member, &silent, &context).unwrap();
        let [wake, sleep] = losses(&silent);
        assert_eq!(wake.to_bits(), sleep.to_bits(), "{space:?}");
        assert!(sleep > 0.0);
    }
}
