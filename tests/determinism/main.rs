//! The same key gives the same bits; what else they may depend on is in the record; `rerun` and
//! `verify` notice when something is not as it was.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../program/mod.rs"]
mod program;
mod rerun;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use program::{folders, record, replicate, results, run, text};
use replicate::catalogue::REPLICATIONS;
use replicate::data::{self, Access};
use replicate::nn::Precision;
use replicate::random::Seed;
use replicate::replication::{Changes, Profile};
use replicate::train::observer::Silent;
use replicate::train::{Context, Finished, InMemory, Labels, Member, Method, TrainingData};
use serde_json::{Value, json};
use tch::{Device, Tensor};

/// One DESOM and two k-means runs, in a second or so.
const SMALL: [&str; 9] = [
    "desom-gamma",
    "--profile",
    "smoke",
    "--gammas",
    "0.001",
    "--seeds",
    "1",
    "--iterations",
    "40",
];

fn digits() -> TrainingData {
    // As the program does first of all. Every test that computes comes here first, and waits for
    // the first one.
    static PREPARED: Once = Once::new();
    PREPARED.call_once(replicate::device::prepare);
    let access = Access::new(None, None, true).unwrap();
    let set = data::load("digits", &access, &data::Silent).unwrap();
    let features = Tensor::from_slice(&set.features).view([set.rows as i64, set.dims as i64]);
    let labels = Labels {
        values: set.labels,
        classes: set.classes,
    };
    TrainingData::new(features, Some(labels)).unwrap()
}

fn alone(
    method: &dyn Method,
    settings: &Value,
    precision: Precision,
    data: &TrainingData,
) -> Finished {
    let member = Member {
        settings: settings.clone(),
        seed: Seed(4),
        checkpoint: PathBuf::new(),
    };
    let context = Context {
        data,
        device: Device::Cpu,
        precision,
        interrupted: &AtomicBool::new(false),
        checkpoint_interval: Duration::MAX,
        observer: &Silent,
        parts: &InMemory::default(),
        worker: 0,
    };
    let runs = method.run(&[member], &context).unwrap().unwrap();
    runs.into_iter().next().unwrap().unwrap()
}

/// Every method of every replication, with the settings of its smoke profile, twice.
#[test]
fn one_thread_and_two_give_the_same_bits_with_every_method() {
    let data = digits();
    let mut done: Vec<(&str, Precision)> = Vec::new();
    for replication in REPLICATIONS {
        // A replication passes over what it does not know.
        let short = [
            ("iterations", "30"),
            ("pretrain-epochs", "1"),
            ("minisom-updates", "500"),
        ];
        let short = short.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let changes: Changes = short.into_iter().collect();
        let protocol = replication.protocol(Profile::Smoke, &changes).unwrap();
        for variant in protocol.variants {
            for precision in Precision::ALL {
                let method = variant.method;
                let known = precision == Precision::Exact || method.can_round();
                if !known || done.contains(&(method.id(), precision)) {
                    continue;
                }
                done.push((method.id(), precision));
                let [one, two] = [1, 2].map(|threads| {
                    tch::set_num_threads(threads);
                    alone(method, &variant.settings, precision, &data)
                });
                assert!(!one.metrics.is_empty() && !one.weights.is_empty());
                let bits = |run: &Finished| -> Vec<(String, u64)> {
                    let metrics = run.metrics.iter();
                    metrics
                        .map(|(name, value)| (name.clone(), value.to_bits()))
                        .collect()
                };
                assert_eq!(bits(&one), bits(&two), "{}", method.id());
                assert_eq!(one.curves, two.curves, "{}", method.id());
                assert_eq!(one.outcome, two.outcome);
                assert!(
                    one.weights == two.weights,
                    "{}: the weights differ",
                    method.id()
                );
            }
        }
    }
    for method in ["desom", "k-means"] {
        assert!(done.contains(&(method, Precision::Exact)), "{done:?}");
    }
}

/// A run does not depend on which others there are: variants, seeds, workers, threads.
#[test]
fn a_part_of_a_sweep_gives_the_runs_of_the_whole() {
    let sweep = ["desom-gamma", "--profile", "smoke", "--iterations", "25"];
    let [whole, part] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let others = ["--gammas", "0.01,7", "--seeds", "1,2", "--threads", "1"];
    for (store, arguments) in [
        (&whole, &sweep[..]),
        (&part, &[&sweep[..], &others].concat()),
    ] {
        let output = run(store.path(), arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    let name = |folder: &PathBuf| folder.file_name().unwrap().to_owned();
    let all: Vec<_> = folders(whole.path()).iter().map(name).collect();
    let (common, new): (Vec<_>, Vec<_>) = folders(part.path())
        .into_iter()
        .partition(|folder| all.contains(&name(folder)));
    // gamma = 0.01 and two k-means; gamma = 7 is not in the protocol. Two seeds each.
    assert_eq!((all.len(), common.len(), new.len()), (24, 6, 2));
    for folder in common {
        let of_whole = results(&whole.path().join("runs").join(name(&folder)));
        assert!(of_whole == results(&folder), "{}", folder.display());
    }
}

/// What the evaluation draws comes from streams of its own: another evaluation leaves training, and
/// all metrics that are not part of it, as they were.
#[test]
fn another_evaluation_changes_no_other_number() {
    let store = tempfile::tempdir().unwrap();
    for extra in [&[][..], &["--post-clusters", "largest-label"]] {
        assert!(
            run(store.path(), &[&SMALL[..], extra].concat())
                .status
                .success()
        );
    }
    let records = folders(store.path())
        .into_iter()
        .map(|folder| record(&folder));
    let desom: Vec<Value> = records
        .filter(|record| record["identity"]["method"] == "desom")
        .collect();
    let [one, two] = &desom[..] else {
        panic!("{} records", desom.len());
    };
    assert_ne!(one["key"], two["key"]);
    assert_ne!(
        one["metrics"]["groups_found"],
        two["metrics"]["groups_found"]
    );
    for field in ["weights_sha256", "curves", "outcome"] {
        assert_eq!(one[field], two[field], "{field}");
    }
    let mut compared = 0;
    for (name, value) in one["metrics"].as_object().unwrap() {
        if !name.starts_with("clustered.") && name != "groups_found" {
            assert_eq!(*value, two["metrics"][name], "{name}");
            compared += 1;
        }
    }
    assert!(compared >= 6, "{one}");
}

/// Threads, device, precision, products, libtorch, matrix kernels: the record has what the bits may
/// depend on, as it was.
#[test]
fn what_can_change_bits_is_in_the_record() {
    for (threads, kernels) in [(1, "AVX2,STRICT"), (2, "COMPATIBLE")] {
        let store = tempfile::tempdir().unwrap();
        let mut command = replicate(store.path());
        let number = threads.to_string();
        let own = [
            "--workers",
            "1",
            "--threads",
            &number,
            "--precision",
            "fast",
            "--device",
            "cpu",
        ];
        let command = command.args(SMALL).args(own).env("MKL_CBWR", kernels);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        for folder in folders(store.path()) {
            let record = record(&folder);
            let (identity, made) = (&record["identity"], &record["provenance"]);
            let precision = match identity["method"].as_str().unwrap() {
                "desom" => Precision::Fast,
                _ => Precision::Exact,
            };
            assert_eq!(identity["precision"], json!(precision));
            assert_eq!(made["products"], json!(precision.products(Device::Cpu)));
            assert_eq!(made["threads"], threads);
            assert_eq!(made["cohort"], 1);
            assert_eq!(made["device"], "cpu");
            assert_eq!(made["device_name"], json!(replicate::device::processor()));
            assert_eq!(made["matrix_kernels"], kernels);
            assert_eq!(made["program"], env!("CARGO_PKG_VERSION"));
            assert!(
                made["libtorch"].as_str().unwrap().starts_with("2."),
                "{made}"
            );
            for field in ["host", "system", "started", "finished"] {
                assert!(!made[field].as_str().unwrap().is_empty(), "{field}");
            }
            for field in [
                "method",
                "algorithm",
                "settings",
                "data",
                "data_sha256",
                "seed",
            ] {
                assert!(!identity[field].is_null(), "{field}");
            }
        }
    }
}

/// A store with [`SMALL`]'s runs, and the folders of its DESOM and of a k-means.
fn small_store() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let store = tempfile::tempdir().unwrap();
    let output = run(store.path(), &[&SMALL[..], &["--threads", "1"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let of = |method: &str| {
        let mut all = folders(store.path()).into_iter();
        all.find(|folder| record(folder)["identity"]["method"] == method)
            .unwrap()
    };
    let (desom, kmeans) = (of("desom"), of("k-means"));
    (store, desom, kmeans)
}

/// Exit code and the two outputs.
fn answer(store: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = run(store, arguments);
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert!(!complained.contains("panicked"), "{complained}");
    (output.status.code().unwrap(), said, complained)
}
