//! Numbers that are none, maps and clusters that are empty, data too small or too plain: each is
//! recorded as what it is, shown, and stops nothing else.

#![allow(missing_docs, clippy::unwrap_used, clippy::float_cmp)]

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Once};
use std::time::Duration;

use replicate::baselines::{KMeansBaseline, KMeansSettings};
use replicate::data::{self, Access};
use replicate::evaluation::PostClusters;
use replicate::launch::{DataSets, Options, Report, Task, execute};
use replicate::metrics::Metric;
use replicate::nn::Precision;
use replicate::random::Seed;
use replicate::replication::{Presentation, Profile, Replication, Results, VariantRecords};
use replicate::replications::desom::{Desom, DesomCohort, Gamma, Settings};
use replicate::report::{comparison, runs_csv};
use replicate::runs::checkpoint::{Named, Progress};
use replicate::runs::identity::SCHEMA;
use replicate::runs::{Identity, Outcome, PlannedRun, Reason, Store};
use replicate::som::Grid;
use replicate::train::observer::Silent;
use replicate::train::{
    Context, Driven, Error, Finished, Labels, Member, Method, NoParts, Runs, Trainable,
    TrainingData, drive,
};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

fn prepare() {
    // As the program does first of all. Every test comes here first, and waits for the first one.
    static PREPARED: Once = Once::new();
    PREPARED.call_once(replicate::device::prepare);
}

/// The first 300 of the digits.
fn digits() -> TrainingData {
    prepare();
    let access = Access::new(None, None, true).unwrap();
    let set = data::load("digits", &access, &data::Silent).unwrap();
    let features = Tensor::from_slice(&set.features[..300 * set.dims]);
    let labels = Labels {
        values: set.labels[..300].to_vec(),
        classes: set.classes,
    };
    TrainingData::new(features.view([300, set.dims as i64]), Some(labels)).unwrap()
}

/// Rows that are all `value`, of one class.
fn constant(rows: i64, value: f64) -> TrainingData {
    prepare();
    let labels = Labels {
        values: vec![0; rows as usize],
        classes: 1,
    };
    let features = Tensor::full([rows, 5], value, (Kind::Float, Device::Cpu));
    TrainingData::new(features, Some(labels)).unwrap()
}

fn small() -> Settings {
    Settings {
        hidden: vec![24, 40],
        latent: 4,
        map: Grid {
            rows: 3,
            columns: 3,
        },
        batch: 128,
        iterations: 40,
        ..Settings::paper()
    }
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

fn member(settings: Value, seed: u64) -> Member {
    Member {
        settings,
        seed: Seed(seed),
        checkpoint: Path::new("/no/checkpoint").to_owned(),
    }
}

fn run_cohort(method: &dyn Method, members: &[Member], data: &TrainingData) -> Runs {
    let interrupted = AtomicBool::new(false);
    let runs = method.run(members, &context(data, &interrupted));
    runs.unwrap().unwrap()
}

fn run(method: &dyn Method, settings: Value, data: &TrainingData) -> Result<Finished, Error> {
    run_cohort(method, &[member(settings, 0)], data).remove(0)
}

/// Models that do nothing, and have the losses that a script says.
struct Scripted {
    iteration: u64,
    steps: u64,
    /// For each model: from which iteration on its loss is what.
    bad: Vec<Option<(u64, f64)>>,
}

impl Trainable for Scripted {
    fn iterations(&self) -> u64 {
        300
    }

    fn step(&mut self, iteration: u64) -> Result<(), Error> {
        self.iteration = iteration;
        self.steps += 1;
        Ok(())
    }

    fn losses(&self) -> Vec<(&'static str, Vec<f64>)> {
        let loss = |bad: &Option<(u64, f64)>| match bad {
            Some((from, value)) if self.iteration >= *from => *value,
            _ => 1.0,
        };
        let bad = self.bad.iter().map(loss).collect();
        vec![("good", vec![0.5; self.bad.len()]), ("bad", bad)]
    }

    fn state(&self, _: usize) -> Vec<(String, Tensor)> {
        Vec::new()
    }

    fn restore(&mut self, _: usize, _: u64, _: &Named) -> Result<(), String> {
        Ok(())
    }
}

fn drive_scripted(bad: &[Option<(u64, f64)>]) -> (Vec<Progress>, u64) {
    let data = constant(2, 0.0);
    let interrupted = AtomicBool::new(false);
    let members: Vec<Member> = bad.iter().map(|_| member(Value::Null, 0)).collect();
    let mut models = Scripted {
        iteration: 0,
        steps: 0,
        bad: bad.to_vec(),
    };
    let driven = drive(&mut models, &members, &context(&data, &interrupted)).unwrap();
    let Driven::Finished(progress) = driven else {
        panic!("nothing interrupts")
    };
    (progress, models.steps)
}

#[test]
fn a_loss_that_is_no_number_is_noted_where_it_is_first_seen() {
    // Losses are looked at every third iteration here.
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for (from, seen) in [(0, 0), (1, 3), (3, 3), (298, 299), (299, 299)] {
            let (progress, steps) = drive_scripted(&[None, Some((from, bad)), None]);
            let diverged: Vec<Option<u64>> = progress.iter().map(|one| one.diverged).collect();
            assert_eq!(diverged, [None, Some(seen), None]);
            assert_eq!(steps, 300, "the others go on");
            // The curve ends there, with a gap and no number for what is none.
            let curves = &progress[1].curves;
            assert_eq!(curves.iteration.last(), Some(&seen));
            assert_eq!(curves.values["bad"].last(), Some(&None));
            assert_eq!(curves.values["good"].last(), Some(&Some(0.5)));
            let finite = &curves.values["bad"][..curves.iteration.len() - 1];
            assert!(finite.iter().all(|loss| *loss == Some(1.0)));
            assert_eq!(progress[0].curves.iteration.len(), 101);
            assert_eq!(progress[0].curves, progress[2].curves);
        }
    }
}

#[test]
fn training_ends_when_all_have_diverged() {
    let (progress, steps) = drive_scripted(&[Some((0, f64::NAN)), Some((30, f64::INFINITY))]);
    assert_eq!(steps, 31);
    assert_eq!(
        (progress[0].diverged, progress[1].diverged),
        (Some(0), Some(30))
    );
}

/// A model whose parameters become NaN in the middle of training leaves no trace in the others.
#[test]
fn a_poisoned_model_of_a_cohort_leaves_the_others_bit_for_bit_alone() {
    let data = digits();
    let members = [(0.001, Seed(0)), (0.01, Seed(1)), (0.1, Seed(2))];
    for at in [0, 7] {
        let train = |poisoned: bool| {
            let mut models = DesomCohort::new(
                &small(),
                &members,
                &data.features,
                Device::Cpu,
                Precision::Exact,
            )
            .unwrap();
            for iteration in 0..20 {
                if poisoned && iteration == at {
                    let state: Named = models.state(1).into_iter().collect();
                    let _ = state["parameters"].shallow_clone().fill_(f64::NAN);
                    models.restore(1, iteration, &state).unwrap();
                }
                models.step(iteration).unwrap();
            }
            models
        };
        let (sound, poisoned) = (train(false), train(true));
        for model in [0, 2] {
            for ((name, one), (_, other)) in sound.state(model).iter().zip(poisoned.state(model)) {
                assert_eq!(*one, other, "{name} of model {model}");
            }
            for ((name, one), (_, other)) in sound.losses().iter().zip(poisoned.losses()) {
                assert_eq!(one[model], other[model], "{name} of model {model}");
            }
            assert!(poisoned.is_finite(model as i64));
        }
        assert!(poisoned.losses()[0].1[1].is_nan() && poisoned.losses()[1].1[1].is_nan());
        assert!(sound.is_finite(1) && !poisoned.is_finite(1));
    }
}

#[test]
fn one_member_of_a_cohort_diverges_and_the_others_are_evaluated() {
    let data = digits();
    let with = |gamma: f64| Settings { gamma, ..small() }.to_value();
    let cohort = |middle: f64| {
        let members = [(0.001, 0), (middle, 1), (0.1, 2)].map(|(g, seed)| member(with(g), seed));
        let runs = run_cohort(&Desom, &members, &data);
        runs.into_iter().map(Result::unwrap).collect::<Vec<_>>()
    };
    let (sound, bad) = (cohort(0.01), cohort(1e37));
    let Outcome::Diverged { iteration } = bad[1].outcome else {
        panic!("{:?}", bad[1].outcome)
    };
    assert!(iteration <= 40);
    assert!(bad[1].metrics.is_empty() && bad[1].weights.is_empty());
    assert!(sound.iter().all(|run| run.outcome == Outcome::Completed));
    for index in [0, 2] {
        // Bits, because an undefined metric is not equal to itself.
        let [ours, theirs] = [&sound[index], &bad[index]].map(|run| {
            let values = run.metrics.iter();
            values
                .map(|(name, value)| (name, value.to_bits()))
                .collect::<Vec<_>>()
        });
        assert_eq!(ours, theirs);
        assert_eq!(sound[index].curves, bad[index].curves);
        assert_eq!(sound[index].weights, bad[index].weights);
    }
}

#[test]
fn absurd_settings_diverge_or_end_in_numbers() {
    let data = digits();
    let outcomes = |change: &dyn Fn(&mut Settings)| {
        let mut settings = small();
        settings.iterations = 12;
        change(&mut settings);
        let finished = run(&Desom, settings.to_value(), &data).unwrap();
        for (metric, value) in &finished.metrics {
            // Undefined where one unit wins everything, and on maps of nine units or fewer.
            let undefined = ["kruskal_shepard_error", "topographic_function"];
            let may_be_none = undefined.iter().any(|name| metric.contains(name));
            let sound = value.is_finite() || may_be_none && value.is_nan();
            assert!(sound, "{metric} is {value}");
        }
        assert_eq!(
            finished.outcome == Outcome::Completed,
            !finished.metrics.is_empty()
        );
        finished.outcome
    };
    for rate in [1.0, 1e3, 1e6, 1e9, 1e12, 1e16, 1e20, 1e30, 1e38, 1e300] {
        let outcome = outcomes(&|settings| settings.adam.learning_rate = rate);
        if rate > 1e10 {
            assert!(
                matches!(outcome, Outcome::Diverged { .. }),
                "{rate:e}: {outcome:?}"
            );
        }
    }
    // The loss of the last step but one is still a number, that of the model left behind is not.
    for iterations in [1, 2] {
        let outcome = outcomes(&|settings| {
            settings.iterations = iterations;
            settings.adam.learning_rate = 1e12;
        });
        assert!(
            matches!(outcome, Outcome::Diverged { .. }),
            "{iterations} iterations"
        );
    }
    // Squares of such gradients are infinite: Adam would stand still for ever, with finite losses.
    for gamma in [1e25, 1e30, 3e38] {
        let outcome = outcomes(&|settings| settings.gamma = gamma);
        assert!(
            matches!(outcome, Outcome::Diverged { .. }),
            "{gamma:e}: {outcome:?}"
        );
    }
    for [start, end] in [
        [1e-300, 1e-300],
        [1e300, 1e300],
        [1e-30, 1e30],
        [10.0, 1e-200],
    ] {
        let outcome = outcomes(&|settings| {
            settings.temperature.start = start;
            settings.temperature.end = end;
        });
        assert_eq!(
            outcome,
            Outcome::Completed,
            "temperature from {start:e} to {end:e}"
        );
    }
}

#[test]
fn constant_data_collapse_onto_one_unit_and_one_cluster() {
    for value in [0.0, 0.3] {
        let data = constant(60, value);
        let finished = run(&Desom, small().to_value(), &data).unwrap();
        assert_eq!(finished.outcome, Outcome::Completed);
        let metric = |name: &str| finished.metrics[name];
        assert_eq!((metric("units_used"), metric("groups_found")), (1.0, 1.0));
        // All start in the same place; the one that wins moves more than its neighbours.
        assert!(metric("prototype_spread") < 0.1);
        // One class in one cluster: all agree, as in scikit-learn.
        for measure in Metric::ALL {
            assert_eq!(metric(&format!("bmu.{}", measure.id())), 1.0);
            assert_eq!(metric(&format!("clustered.{}", measure.id())), 1.0);
        }
        let settings = KMeansSettings::new(4);
        let finished = run(&KMeansBaseline, settings.to_value(), &data).unwrap();
        assert_eq!(finished.metrics["clusters_found"], 1.0);
        assert!(finished.metrics["inertia"] < 1e-9);
        assert!(finished.metrics.values().all(|value| value.is_finite()));
    }
}

#[test]
fn all_samples_in_one_unit_know_nothing_of_ten_classes() {
    let data = digits();
    let labels = data.labels.clone();
    let plain = TrainingData::new(data.features.zeros_like(), labels).unwrap();
    let finished = run(&Desom, small().to_value(), &plain).unwrap();
    assert_eq!(finished.metrics["units_used"], 1.0);
    for kind in ["bmu", "clustered"] {
        let metric = |name: &str| finished.metrics[&format!("{kind}.{name}")];
        let scores = ["nmi_geometric", "nmi_arithmetic", "ari"].map(metric);
        assert_eq!(scores, [0.0; 3]);
        // The largest class of the first 300 digits.
        assert_eq!(metric("purity"), metric("accuracy"));
        assert!((0.1..0.13).contains(&metric("purity")));
    }
}

#[test]
fn one_class_is_found_whatever_the_clusters() {
    let data = digits();
    let labels = Labels {
        values: vec![0; 300],
        classes: 1,
    };
    let data = TrainingData::new(data.features, Some(labels)).unwrap();
    for post_clusters in [PostClusters::Classes, PostClusters::LargestLabel] {
        let settings = Settings {
            post_clusters,
            ..small()
        };
        let finished = run(&Desom, settings.to_value(), &data).unwrap();
        assert!(finished.metrics["units_used"] > 1.0);
        assert_eq!(finished.metrics["bmu.purity"], 1.0);
        assert_eq!(finished.metrics["bmu.nmi_geometric"], 0.0);
        assert_eq!(finished.metrics["bmu.ari"], 0.0);
        // The prototypes form as many groups as there are classes: one.
        assert_eq!(finished.metrics["clustered.accuracy"], 1.0);
    }
}

#[test]
fn one_sample_is_enough_for_one_unit_and_one_cluster() {
    let data = constant(1, 0.7);
    let mut settings = small();
    settings.map = Grid {
        rows: 1,
        columns: 1,
    };
    let finished = run(&Desom, settings.to_value(), &data).unwrap();
    assert_eq!(finished.outcome, Outcome::Completed);
    assert!(finished.metrics.values().all(|value| value.is_finite()));
    assert_eq!(finished.metrics["bmu.ari"], 1.0);
    let finished = run(&KMeansBaseline, KMeansSettings::new(1).to_value(), &data).unwrap();
    assert_eq!(
        (finished.metrics["accuracy"], finished.metrics["inertia"]),
        (1.0, 0.0)
    );

    let interrupted = AtomicBool::new(false);
    let members = [member(small().to_value(), 0)];
    let error = Desom
        .run(&members, &context(&data, &interrupted))
        .unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("a map of 9 units needs at least as many rows"),
        "{message}"
    );
}

struct Sweep {
    folder: tempfile::TempDir,
    data: TrainingData,
    tasks: Vec<Task>,
}

impl Sweep {
    fn new(data: TrainingData) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            data,
            tasks: Vec::new(),
        }
    }

    fn store(&self) -> Store {
        Store::new(self.folder.path())
    }

    fn add(&mut self, variant: &str, method: &'static dyn Method, settings: Value, seed: u64) {
        let identity = Identity {
            schema: SCHEMA,
            method: method.id().to_owned(),
            algorithm: method.version(),
            settings,
            data: "digits".to_owned(),
            data_sha256: "0".to_owned(),
            seed: Seed(seed),
            precision: Precision::Exact,
        };
        self.tasks.push(Task {
            run: PlannedRun {
                key: identity.key(),
                variant: variant.to_owned(),
                identity,
                reason: Reason::New,
                estimate: None,
            },
            method,
            claims: Arc::default(),
        });
    }

    fn execute(&self) -> Report {
        let options = Options {
            device: Device::Cpu,
            threads: 2,
            workers: Some(1),
            checkpoint_interval: Duration::from_hours(1),
        };
        let (interrupted, headline) = (AtomicBool::new(false), |record: &_| Gamma.headline(record));
        let tasks = self.tasks.clone();
        let store = self.store();
        execute(
            &store,
            tasks,
            &DataSets::from([("digits".to_owned(), self.data.shallow_clone())]),
            options,
            &interrupted,
            &Silent,
            &headline,
        )
        .unwrap()
    }

    /// As the program has them, from what is stored.
    fn results(&self, profile: Profile) -> Results {
        let mut variants: Vec<VariantRecords> = Vec::new();
        for task in &self.tasks {
            let id = &task.run.variant;
            if variants.last().is_none_or(|last| last.id != *id) {
                variants.push(VariantRecords {
                    id: id.clone(),
                    planned: 0,
                    records: Vec::new(),
                });
            }
            let variant = variants.last_mut().unwrap();
            variant.planned += 1;
            variant
                .records
                .extend(self.store().record(&task.run.key).unwrap());
        }
        Results {
            profile,
            altered: Vec::new(),
            data_title: "300 digits".to_owned(),
            variants,
        }
    }
}

fn table(presentation: &Presentation) -> String {
    comparison::table(&presentation.comparisons, presentation.caption.clone()).to_string()
}

/// The line of a table that starts a metric, or the one of a variant below it.
fn line<'a>(table: &'a str, metric: &str, variant: &str) -> &'a str {
    let mut lines = table.lines().skip_while(|line| !line.starts_with(metric));
    let found = lines.find(|line| line.split_whitespace().any(|word| word == variant));
    found.unwrap_or_else(|| panic!("{variant} of {metric} in\n{table}"))
}

/// Runs that end well, that diverge, and that fail.
fn sweep_of_endings() -> Sweep {
    let mut sweep = Sweep::new(digits());
    let with = |gamma: f64, rate: f64| {
        let mut settings = Settings { gamma, ..small() };
        settings.adam.learning_rate = rate;
        settings.to_value()
    };
    for seed in 0..3 {
        sweep.add("gamma=0.001", &Desom, with(0.001, 0.001), seed);
    }
    for (seed, rate) in [(0, 0.001), (1, 1e30), (2, 1e12)] {
        sweep.add("gamma=0.1", &Desom, with(0.1, rate), seed);
    }
    for seed in 0..3 {
        sweep.add("gamma=1", &Desom, with(1.0, 0.001), seed);
    }
    for seed in 0..3 {
        sweep.add("gamma=10", &Desom, with(10.0, 1e30), seed);
    }
    let mut too_small = small();
    too_small.map = Grid {
        rows: 20,
        columns: 20,
    };
    sweep.add("gamma=0.01", &Desom, with(0.01, 0.001), 0);
    sweep.add("gamma=0.01", &Desom, too_small.to_value(), 1);
    for seed in 0..3 {
        sweep.add(
            "k-means-64",
            &KMeansBaseline,
            KMeansSettings::new(64).to_value(),
            seed,
        );
    }
    sweep.add(
        "k-means-classes",
        &KMeansBaseline,
        KMeansSettings::new(301).to_value(),
        0,
    );
    sweep
}

/// Good, diverged, collapsed and failed runs in one sweep, from training to figure.
#[test]
fn a_sweep_with_all_kinds_of_endings_goes_on_and_shows_them() {
    let sweep = sweep_of_endings();
    let report = sweep.execute();
    assert_eq!(report.finished, 16);
    let mut failures = report.failures;
    failures.sort();
    assert_eq!(failures.len(), 2, "{failures:?}");
    assert_eq!(failures[0].0, "gamma=0.01 seed 1");
    assert!(
        failures[0]
            .1
            .contains("a map of 400 units needs at least as many rows")
    );
    assert_eq!(failures[1].0, "k-means-classes seed 0");
    assert!(
        failures[1]
            .1
            .contains("cannot form 301 clusters of 300 rows: lower k")
    );

    let mut results = sweep.results(Profile::Quick);
    // No honest short training collapses for sure: these records say that they did.
    for record in &mut results.variants[2].records[1..] {
        for (name, value) in &mut record.metrics {
            *value = Some(match name.as_str() {
                "units_used" => 1.0,
                name if name.ends_with("ari") || name.contains("nmi") => 0.0,
                _ => 0.12,
            });
        }
        assert!(Gamma.headline(record).ends_with("collapsed"));
    }
    assert!(
        Gamma
            .headline(&results.variants[3].records[0])
            .starts_with("diverged at")
    );

    let presentation = Gamma.present(&results).unwrap();
    check_tables(&presentation, &results);
    let (_, figure) = &presentation.figures[0];
    for words in [
        "Diverged, no value (crosses): \u{3b3} = 0.1 (2 of 3 runs); \u{3b3} = 10 (3 of 3 runs).",
        "Collapsed, counted in the means (rings): ",
        "\u{3b3} = 1 (2 of 3 runs).",
        "Missing: 1 of 2 runs of gamma=0.01; 1 of 1 of k-means-classes.",
    ] {
        assert!(
            figure.caption().contains(words),
            "{words}\n{}",
            figure.caption()
        );
    }
    // To be looked at: target/tmp/numbers.png.
    figure
        .save(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("numbers"))
        .unwrap();
}

/// What the tables say of the sweep above.
fn check_tables(presentation: &Presentation, results: &Results) {
    let table = table(presentation);
    assert!(
        table.lines().next().unwrap().ends_with("of the runs"),
        "{table}"
    );
    for metric in ["accuracy", "purity", "NMI", "ARI"] {
        let good = line(&table, metric, "gamma=0.001");
        assert!(
            good.contains("  3  ") && !good.contains("diverged"),
            "{good}"
        );
        assert!(line(&table, metric, "gamma=0.1").contains("1 of 3"));
        assert!(line(&table, metric, "gamma=0.1").ends_with("2 diverged"));
        assert!(line(&table, metric, "gamma=1").ends_with("2 collapsed"));
        let none = line(&table, metric, "gamma=10");
        assert!(
            none.contains("0 of 3    -") || none.contains("0 of 3              -"),
            "{none}"
        );
        assert!(none.ends_with("3 diverged"), "{none}");
        assert!(line(&table, metric, "gamma=0.01").ends_with("1 missing"));
    }
    assert!(line(&table, "accuracy", "k-means-classes").contains("0 of 1"));
    // Others may have collapsed as well: the maps of this sweep are small.
    let mut lines = presentation.caption.lines();
    let collapsed =
        lines.find(|line| line.starts_with("Collapsed onto a single unit or cluster: "));
    let collapsed = collapsed.unwrap();
    assert!(
        collapsed.contains("2 of 3") && collapsed.ends_with(" of gamma=1."),
        "{collapsed}"
    );
    for sentence in [
        "Diverged, so without values: 2 of 3 runs of gamma=0.1; 3 of 3 of gamma=10.",
        "Missing, not done yet or failed: 1 of 2 runs of gamma=0.01; 1 of 1 of k-means-classes.",
    ] {
        assert!(
            presentation.caption.contains(sentence),
            "{}",
            presentation.caption
        );
    }

    let csv = comparison::write_csv(&presentation.comparisons, "").unwrap();
    let csv = String::from_utf8(csv).unwrap();
    assert!(csv.contains("gamma=10,bmu.purity,0,,,"), "{csv}");
    assert!(csv.contains(",3,3,0,\n"), "{csv}");
    assert!(!csv.contains("NaN") && !csv.contains("inf"));
    let csv = String::from_utf8(runs_csv::write(&results.variants).unwrap()).unwrap();
    assert_eq!(csv.matches("diverged at ").count(), 5);
}

#[test]
fn data_without_labels_have_unsupervised_metrics_only() {
    let data = TrainingData::new(digits().features, None).unwrap();
    let mut sweep = Sweep::new(data);
    for seed in 0..2 {
        sweep.add("gamma=0.001", &Desom, small().to_value(), seed);
    }
    let mut code = small();
    code.post_clusters = PostClusters::LargestLabel;
    sweep.add("gamma=0.1", &Desom, code.to_value(), 0);
    sweep.add(
        "k-means-64",
        &KMeansBaseline,
        KMeansSettings::new(9).to_value(),
        0,
    );
    let report = sweep.execute();
    assert_eq!(
        (report.finished, report.failures.len()),
        (4, 0),
        "{:?}",
        report.failures
    );

    let results = sweep.results(Profile::Smoke);
    let record = &results.variants[0].records[0];
    assert_eq!(record.outcome, Outcome::Completed);
    for metric in Metric::ALL {
        for kind in ["bmu", "clustered"] {
            assert_eq!(record.metrics[&format!("{kind}.{}", metric.id())], None);
        }
    }
    assert_eq!(record.metrics["groups_found"], None);
    for metric in ["reconstruction_loss", "prototype_spread", "units_used"] {
        assert!(record.metric(metric).is_some(), "{metric}");
    }
    let baseline = &results.variants[2].records[0];
    assert!(baseline.metric("inertia").unwrap() > 0.0);
    assert_eq!(baseline.metrics["purity"], None);

    let presentation = Gamma.present(&results).unwrap();
    let table = table(&presentation);
    let purity = line(&table, "purity", "gamma=0.001");
    assert!(
        purity.contains("0 of 2") && purity.ends_with("2 undefined"),
        "{purity}"
    );
    assert!(table.contains("Without labels accuracy, purity, NMI and ARI are undefined."));
    let (_, figure) = &presentation.figures[0];
    for words in [
        "The data has no labels to compare with.",
        "accuracy, purity, NMI, ARI at \u{3b3} = 0.001 (2 of 2 runs)",
        "purity, NMI, ARI of our k-means, k = 64",
    ] {
        assert!(
            figure.caption().contains(words),
            "{words}\n{}",
            figure.caption()
        );
    }
    figure
        .save(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("unlabelled"))
        .unwrap();
}
