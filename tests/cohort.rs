//! Training on the embedded data: cohorts, threads, resume.

#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use replicate::baselines::{
    KMeansBaseline, KMeansSettings, MiniSom, MiniSomSettings, SomVaeMethod, SomVaeSettings,
};
use replicate::data::{self, Access};
use replicate::evaluation::PostClusters;
use replicate::nn::Precision;
use replicate::random::Seed;
use replicate::replications::desom::{Desom, DesomCohort, Settings};
use replicate::replications::soae::{
    self, Kernel, LatticeSettings, LatticeSom, Learning, Nodes, Soae, Space,
};
use replicate::runs::Outcome;
use replicate::runs::checkpoint::{self, Named};
use replicate::som::online::{Lengths, Order, Spread};
use replicate::som::{Grid, OnlineSom};
use replicate::train::observer::Silent;
use replicate::train::{
    Context, Driven, Error, Finished, Kept, Labels, Member, Method, NoParts, Trainable,
    TrainingData, drive,
};
use tch::{Device, Kind, Tensor};

fn digits() -> TrainingData {
    // As the program does first of all. Every test comes here first, and waits for the first one.
    static PREPARED: Once = Once::new();
    PREPARED.call_once(replicate::device::prepare);
    let access = Access::new(None, None, true).unwrap();
    let set = data::load("digits", &access, &data::Silent).unwrap();
    TrainingData {
        features: Tensor::from_slice(&set.features).view([set.rows as i64, set.dims as i64]),
        labels: Some(Labels {
            values: set.labels,
            classes: set.classes,
        }),
        image: None,
    }
}

fn small() -> Settings {
    Settings {
        hidden: vec![40, 40, 100],
        batch: 256,
        iterations: 60,
        ..Settings::paper()
    }
}

fn normalised() -> Settings {
    Settings {
        batch_norm: true,
        ..small()
    }
}

/// Images of 28 x 28 pixels: the digits, each pixel three times as wide and high, in a frame of two.
fn images(data: &TrainingData) -> TrainingData {
    let digits = data.features.narrow(0, 0, 300).view([-1, 1, 8, 8]);
    let large = digits.upsample_nearest2d([24, 24], None, None);
    let framed = large.constant_pad_nd([2, 2, 2, 2]);
    TrainingData::new(framed.view([-1, 784]), None).unwrap()
}

fn convolutional(batch_norm: bool) -> Settings {
    Settings {
        hidden: vec![4, 6, 8],
        batch: 64,
        iterations: 12,
        batch_norm,
        ..Settings::convolutional()
    }
}

/// Wide enough that libtorch shares its work among threads.
fn self_organising(space: Space, training: soae::Training) -> serde_json::Value {
    let settings = soae::Settings {
        space,
        latent: 3,
        hidden: vec![200, 300],
        batch: 256,
        iterations: 20,
        training,
        held_out: 297,
        learning_rate: 0.001,
    };
    settings.to_value()
}

fn on_a_lattice(learning: Learning) -> serde_json::Value {
    let settings = LatticeSettings {
        map: replicate::som::Grid {
            rows: 20,
            columns: 20,
        },
        batch: 256,
        iterations: 10,
        sigma: [5.0, 0.5],
        learning,
        held_out: 297,
    };
    settings.to_value()
}

fn alone(data: &TrainingData, gamma: f64, seed: u64) -> DesomCohort {
    DesomCohort::new(
        &small(),
        &[(gamma, Seed(seed))],
        &data.features,
        Device::Cpu,
        Precision::Exact,
    )
    .unwrap()
}

fn context<'a>(data: &'a TrainingData, interrupted: &'a AtomicBool) -> Context<'a> {
    Context {
        data,
        device: Device::Cpu,
        precision: Precision::Exact,
        interrupted,
        checkpoint_interval: Duration::from_hours(1),
        observer: &Silent,
        parts: &NoParts,
        worker: 0,
    }
}

/// The largest difference of two models' parameters, relative to the largest parameter.
fn difference(a: &DesomCohort, model_a: i64, b: &DesomCohort, model_b: i64) -> f64 {
    let (a, b) = (
        a.parameters().model_of(&a.parameters().values, model_a),
        b.parameters().model_of(&b.parameters().values, model_b),
    );
    let worst = (&a - &b).abs().max().double_value(&[]);
    worst / a.abs().max().double_value(&[])
}

#[test]
fn a_model_of_a_cohort_equals_the_same_model_alone() {
    let data = digits();
    let members = [(0.0001, Seed(0)), (0.001, Seed(1)), (10.0, Seed(0))];
    let train = |members: &[(f64, Seed)]| {
        let mut models = DesomCohort::new(
            &small(),
            members,
            &data.features,
            Device::Cpu,
            Precision::Exact,
        )
        .unwrap();
        // 1797 rows: the eighth batch of a pass has 5 rows only.
        for iteration in 0..20 {
            models.step(iteration).unwrap();
        }
        models
    };
    let together = train(&members);
    for (index, member) in (0..).zip(members) {
        let alone = train(&[member]);
        let worst = difference(&together, index, &alone, 0);
        // Sums in another order, twenty steps on: float accuracy, not bits.
        assert!(worst < 1e-4, "model {index}: {worst}");
        let losses = |models: &DesomCohort, model: usize| {
            models
                .losses()
                .into_iter()
                .map(|(_, values)| values[model])
                .collect::<Vec<_>>()
        };
        for (a, b) in losses(&together, index as usize)
            .iter()
            .zip(losses(&alone, 0))
        {
            assert!((a - b).abs() <= 1e-4 * b.abs(), "{a} {b}");
        }
    }
    // The test could not fail if all models were alike.
    assert!(difference(&together, 0, &together, 1) > 0.01);
    assert!(difference(&together, 0, &together, 2) > 0.001);
}

#[test]
fn two_cohorts_of_the_same_seeds_are_bit_identical() {
    let data = digits();
    let train = || {
        let mut models = DesomCohort::new(
            &small(),
            &[(0.001, Seed(3))],
            &data.features,
            Device::Cpu,
            Precision::Exact,
        )
        .unwrap();
        for iteration in 0..10 {
            models.step(iteration).unwrap();
        }
        models.parameters().values.copy()
    };
    assert_eq!(train(), train());
}

/// A new metric must not change what is already known of a run.
#[test]
fn evaluated_from_its_weights_a_run_is_what_training_it_gave() {
    let (data, interrupted) = (digits(), AtomicBool::new(false));
    let context = context(&data, &interrupted);
    let member = Member {
        settings: small().to_value(),
        seed: Seed(4),
        checkpoint: std::path::PathBuf::new(),
    };
    let runs = Desom.run(std::slice::from_ref(&member), &context);
    let trained = runs.unwrap().unwrap().remove(0).unwrap();
    let named = |run: &Finished| -> Named {
        let weights = run.weights.iter();
        weights
            .map(|(name, value)| (name.clone(), value.copy()))
            .collect()
    };
    let mut kept = Kept {
        weights: named(&trained),
        curves: trained.curves.clone(),
    };
    let again = Desom.evaluate(&member, &kept, &context).unwrap();
    assert_eq!(again.outcome, Outcome::Completed);
    let bits = |run: &Finished| -> Vec<(String, u64)> {
        let values = run.metrics.iter();
        values
            .map(|(name, value)| (name.clone(), value.to_bits()))
            .collect()
    };
    assert!(bits(&trained).len() > 20);
    assert_eq!(bits(&again), bits(&trained));
    assert_eq!(again.curves, trained.curves);
    assert_eq!(named(&again), named(&trained));
    // Of another model's weights nothing is said.
    kept.weights.remove("som.prototypes");
    let refused = Desom.evaluate(&member, &kept, &context).unwrap_err();
    assert!(
        refused.to_string().contains("no som.prototypes"),
        "{refused}"
    );
}

/// A model that asks for an end when it has come to a certain step: no matter of time.
struct Stopping<'a> {
    model: DesomCohort,
    at: u64,
    interrupted: &'a AtomicBool,
}

impl Trainable for Stopping<'_> {
    fn iterations(&self) -> u64 {
        self.model.iterations()
    }

    fn step(&mut self, iteration: u64) -> Result<(), Error> {
        if iteration == self.at {
            self.interrupted.store(true, Ordering::Relaxed);
        }
        self.model.step(iteration)
    }

    fn fraction_done(&self, done: u64) -> f64 {
        self.model.fraction_done(done)
    }

    fn is_noted(&self, iteration: u64) -> bool {
        self.model.is_noted(iteration)
    }

    fn has_ended(&self, model: usize) -> bool {
        self.model.has_ended(model)
    }

    fn losses(&self) -> Vec<(&'static str, Vec<f64>)> {
        self.model.losses()
    }

    fn followed_closely(&self) -> u64 {
        self.model.followed_closely()
    }

    fn state(&self, model: usize) -> Vec<(String, Tensor)> {
        self.model.state(model)
    }

    fn restore(&mut self, model: usize, iteration: u64, state: &Named) -> Result<(), String> {
        self.model.restore(model, iteration, state)
    }
}

#[test]
fn an_interrupted_run_ends_as_an_uninterrupted_one_does() {
    let data = digits();
    let folder = tempfile::tempdir().unwrap();
    let train = |name: &str, stop_at: u64, settings: &Settings| -> (Driven, Tensor) {
        let interrupted = AtomicBool::new(false);
        let context = context(&data, &interrupted);
        let member = Member {
            settings: settings.to_value(),
            seed: Seed(5),
            checkpoint: folder.path().join(name),
        };
        let members = [(0.001, Seed(5))];
        let (features, precision) = (&data.features, Precision::Exact);
        let model = DesomCohort::new(settings, &members, features, Device::Cpu, precision);
        let mut model = Stopping {
            model: model.unwrap(),
            at: stop_at,
            interrupted: &interrupted,
        };
        let driven = drive(&mut model, &[member], &context).unwrap();
        (driven, model.model.parameters().values.copy())
    };
    for settings in [small(), normalised()] {
        let name = |name: &str| format!("{name}-{}", settings.batch_norm);
        let [whole, cut] = ["whole", "cut"].map(name);
        let (Driven::Finished(whole), weights) = train(&whole, 1000, &settings) else {
            panic!("not interrupted");
        };
        assert!(matches!(train(&cut, 23, &settings).0, Driven::Interrupted));
        let at = checkpoint::progress(&folder.path().join(&cut)).unwrap();
        assert_eq!((at.iteration, at.iterations), (24, 60));
        let (Driven::Finished(resumed), weights_resumed) = train(&cut, 1000, &settings) else {
            panic!("not interrupted");
        };
        assert_eq!((whole[0].resumed, resumed[0].resumed), (0, 1));
        assert_eq!(whole[0].curves, resumed[0].curves);
        assert_eq!(weights, weights_resumed);
    }
}

#[test]
fn an_unusable_checkpoint_is_set_aside_and_the_run_starts_afresh() {
    let data = digits();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let interrupted = AtomicBool::new(false);
    let member = Member {
        settings: small().to_value(),
        seed: Seed(5),
        checkpoint: path.clone(),
    };
    for (name, bytes) in [("noise", &b"not a checkpoint"[..]), ("nothing", b"")] {
        std::fs::write(&path, bytes).unwrap();
        let mut model = alone(&data, 0.001, 5);
        let driven = drive(
            &mut model,
            std::slice::from_ref(&member),
            &context(&data, &interrupted),
        );
        assert!(matches!(driven, Ok(Driven::Finished(_))), "{name}");
        assert_eq!(
            std::fs::read(folder.path().join("checkpoint.unusable")).unwrap(),
            bytes
        );
    }
}

/// Evaluating may take minutes: whoever is killed meanwhile does not train again.
#[test]
fn the_end_of_a_training_is_saved() {
    let data = digits();
    let folder = tempfile::tempdir().unwrap();
    let interrupted = AtomicBool::new(false);
    let context = Context {
        checkpoint_interval: std::time::Duration::ZERO,
        ..context(&data, &interrupted)
    };
    let member = Member {
        settings: small().to_value(),
        seed: Seed(0),
        checkpoint: folder.path().join("checkpoint"),
    };
    let train = || {
        let mut model = alone(&data, 0.001, 0);
        let driven = drive(&mut model, std::slice::from_ref(&member), &context).unwrap();
        let Driven::Finished(progress) = driven else {
            panic!("not interrupted");
        };
        (progress, model.parameters().values.copy())
    };
    let (first, weights) = train();
    let at = checkpoint::progress(&member.checkpoint).unwrap();
    assert_eq!((at.iteration, at.iterations), (60, 60));
    let (again, same) = train();
    assert_eq!((first[0].resumed, again[0].resumed), (0, 1));
    assert_eq!(first[0].curves, again[0].curves);
    assert_eq!(weights, same);
}

#[test]
fn members_that_have_come_unequally_far_do_not_train_together() {
    let data = digits();
    let folder = tempfile::tempdir().unwrap();
    let interrupted = AtomicBool::new(false);
    let members = [0, 1].map(|seed| Member {
        settings: small().to_value(),
        seed: Seed(seed),
        checkpoint: folder.path().join(seed.to_string()),
    });
    let mut first = Stopping {
        model: alone(&data, 0.001, 0),
        at: 9,
        interrupted: &interrupted,
    };
    drive(&mut first, &members[..1], &context(&data, &interrupted)).unwrap();
    interrupted.store(false, Ordering::Relaxed);
    let both = [(0.001, Seed(0)), (0.001, Seed(1))];
    let mut both = DesomCohort::new(
        &small(),
        &both,
        &data.features,
        Device::Cpu,
        Precision::Exact,
    )
    .unwrap();
    let error = drive(&mut both, &members, &context(&data, &interrupted)).unwrap_err();
    assert!(error.to_string().contains("[10, 0]"), "{error}");
}

/// A map of 20 x 20 units on images: sums over it are large enough for several threads.
fn online(lengths: Lengths) -> MiniSomSettings {
    let map = Grid {
        rows: 20,
        columns: 20,
    };
    MiniSomSettings {
        som: OnlineSom {
            map,
            updates: 300,
            learning_rate: 0.5,
            sigma: 2.0,
            spread: Spread::Two,
            lengths,
            order: Order::Random,
            ends: None,
        },
        post_clusters: PostClusters::Classes,
        encoder: None,
    }
}

fn som_vae() -> SomVaeSettings {
    SomVaeSettings {
        // As in earnest: what sums are made of depends on the widths of products.
        filters: 256,
        iterations: 6,
        training_rows: Some(200),
        validation_rows: Some(100),
        ..SomVaeSettings::paper()
    }
}

/// Losses, weights and metrics of a DESOM (exact and fast), labels of a k-means, and all of a SOAE, of online
/// maps and of a SOM-VAE with convolutions, with one thread and with two.
#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let data = digits();
    let folder = tempfile::tempdir().unwrap();
    let interrupted = AtomicBool::new(false);
    let images = images(&data);
    let run = |method: &dyn Method, settings: serde_json::Value, precision, threads: i32| {
        tch::set_num_threads(threads);
        let of_images = settings.get("architecture").is_some() || method.id() == "minisom";
        let context = Context {
            precision,
            ..context(if of_images { &images } else { &data }, &interrupted)
        };
        let member = Member {
            settings,
            seed: Seed(1),
            checkpoint: folder.path().join("none"),
        };
        let runs = method.run(&[member], &context).unwrap().unwrap();
        runs.into_iter().next().unwrap().unwrap()
    };
    let kmeans = KMeansSettings::new(64).to_value();
    let variational = self_organising(Space::Plane, soae::Training::Variational);
    let [torus, sphere] =
        [(Space::Torus, true), (Space::Sphere, false)].map(|(space, importance)| {
            let training = soae::Training::Alternating {
                encoder_steps: 1,
                decoder_steps: 2,
                sigma: [1.0, 0.05],
                importance,
            };
            self_organising(space, training)
        });
    let map = on_a_lattice(Learning::Table {
        rate: [0.5, 0.01],
        kernel: Kernel::Normalised,
        nodes: Nodes::Drawn,
    });
    let network = on_a_lattice(Learning::Network {
        hidden: vec![300, 200],
    });
    let [free, unit] = [Lengths::Free, Lengths::Unit].map(|lengths| online(lengths).to_value());
    for (method, settings, precision) in [
        (&Desom as &dyn Method, small().to_value(), Precision::Exact),
        (&Desom, small().to_value(), Precision::Fast),
        (&Desom, normalised().to_value(), Precision::Exact),
        (&Desom, convolutional(false).to_value(), Precision::Exact),
        (&Desom, convolutional(true).to_value(), Precision::Exact),
        (&KMeansBaseline, kmeans, Precision::Exact),
        (&Soae, variational, Precision::Exact),
        (&Soae, torus, Precision::Exact),
        (&Soae, sphere, Precision::Exact),
        (&LatticeSom, map, Precision::Exact),
        (&LatticeSom, network, Precision::Exact),
        (&MiniSom::ON_FEATURES, free, Precision::Exact),
        (&MiniSom::ON_FEATURES, unit, Precision::Exact),
        (&SomVaeMethod, som_vae().to_value(), Precision::Exact),
    ] {
        let one = run(method, settings.clone(), precision, 1);
        let two = run(method, settings, precision, 2);
        // Undefined values are no numbers, and so not equal to themselves.
        let defined = |run: &Finished| {
            let metrics = run.metrics.iter().filter(|(_, value)| value.is_finite());
            metrics
                .map(|(name, value)| (name.clone(), *value))
                .collect::<Vec<_>>()
        };
        assert_eq!(defined(&one), defined(&two));
        assert_eq!(one.curves, two.curves);
        assert_eq!(one.weights, two.weights);
        assert!(!one.metrics.is_empty());
    }
}

#[test]
fn convolutions_are_for_images_of_their_size() {
    let data = digits();
    let members = [(0.001, Seed(0))];
    let settings = convolutional(false);
    let precision = Precision::Exact;
    let refused = DesomCohort::new(&settings, &members, &data.features, Device::Cpu, precision);
    let message = refused.unwrap_err().to_string();
    assert!(
        message.contains("28 x 28") && message.contains("64"),
        "{message}"
    );
}

#[test]
fn convolutions_learn_and_what_is_encoded_is_decoded() {
    // As in a sweep.
    let _no_graph = tch::no_grad_guard();
    let images = images(&digits());
    for batch_norm in [false, true] {
        let settings = Settings {
            iterations: 60,
            ..convolutional(batch_norm)
        };
        let (members, precision) = ([(0.001, Seed(0)), (0.1, Seed(1))], Precision::Exact);
        let models = DesomCohort::new(
            &settings,
            &members,
            &images.features,
            Device::Cpu,
            precision,
        );
        let mut models = models.unwrap();
        let reconstruction = |models: &DesomCohort| models.losses()[0].1.clone();
        models.step(0).unwrap();
        let before = reconstruction(&models);
        for iteration in 1..60 {
            models.step(iteration).unwrap();
        }
        for (before, after) in before.iter().zip(reconstruction(&models)) {
            assert!(after < 0.8 * before, "{after} {before}");
        }
    }
}

#[test]
fn a_checkpoint_of_another_shape_is_refused_by_name() {
    let data = digits();
    let folder = tempfile::tempdir().unwrap();
    let mut models = DesomCohort::new(
        &small(),
        &[(0.001, Seed(0))],
        &data.features,
        Device::Cpu,
        Precision::Exact,
    )
    .unwrap();
    let path = folder.path().join("checkpoint");
    checkpoint::save(
        &path,
        &[(
            "parameters".to_owned(),
            Tensor::zeros([3], (Kind::Float, Device::Cpu)),
        )],
        None,
    )
    .unwrap();
    let (state, _) = checkpoint::load(&path).unwrap().unwrap();
    let message = models.restore(0, 5, &state).unwrap_err();
    assert!(
        message.contains("parameters") && message.contains("[3]"),
        "{message}"
    );
    let message = models
        .restore(0, 5, &std::collections::HashMap::new())
        .unwrap_err();
    assert!(message.contains("missing"), "{message}");
}

#[test]
fn senseless_weights_diverge_and_are_recorded_as_such() {
    let data = digits();
    let folder = tempfile::tempdir().unwrap();
    let mut settings = small();
    settings.adam.learning_rate = 1e30;
    let interrupted = AtomicBool::new(false);
    let member = Member {
        settings: settings.to_value(),
        seed: Seed(0),
        checkpoint: folder.path().join("checkpoint"),
    };
    let runs = Desom
        .run(&[member], &context(&data, &interrupted))
        .unwrap()
        .unwrap();
    let run = runs.into_iter().next().unwrap().unwrap();
    assert!(matches!(run.outcome, Outcome::Diverged { .. }));
    assert!(run.metrics.is_empty() && run.weights.is_empty());
}
