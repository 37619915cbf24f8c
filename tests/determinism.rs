//! The same key gives the same bits; what else they may depend on is in the record; `rerun` and
//! `verify` notice when something is not as it was.

#![allow(missing_docs, clippy::unwrap_used)]

mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use program::{folders, json, record, replicate, results, run, text};
use replicate::catalogue::REPLICATIONS;
use replicate::data::{self, Access};
use replicate::nn::Precision;
use replicate::random::Seed;
use replicate::replication::{Changes, Profile};
use replicate::train::observer::Silent;
use replicate::train::{Context, Finished, Member, Method, TrainingData};
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
    TrainingData {
        features: Tensor::from_slice(&set.features).view([set.rows as i64, set.dims as i64]),
        labels: set.labels,
        classes: set.classes,
    }
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
        worker: 0,
    };
    let runs = method.run(&[member], &context).unwrap().unwrap();
    runs.into_iter().next().unwrap().unwrap()
}

/// Every method of every replication, with the settings of its smoke profile.
#[test]
fn the_same_run_twice_gives_the_same_bits_with_every_method() {
    let data = digits();
    let mut done: Vec<(&str, Precision)> = Vec::new();
    for replication in REPLICATIONS {
        let changes = [("iterations".to_owned(), "30".to_owned())];
        let changes: Changes = changes.into_iter().collect();
        let protocol = replication.protocol(Profile::Smoke, &changes).unwrap();
        for variant in protocol.variants {
            for precision in Precision::ALL {
                let method = variant.method;
                let known = precision == Precision::Exact || method.can_round();
                if !known || done.contains(&(method.id(), precision)) {
                    continue;
                }
                done.push((method.id(), precision));
                let [one, two] =
                    [(); 2].map(|()| alone(method, &variant.settings, precision, &data));
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

/// Changes one place of a record.
fn alter(folder: &Path, from: &str, to: &str) {
    let path = folder.join("record.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn a_rerun_gives_the_recorded_bits_or_says_what_differs() {
    let (store, desom, kmeans) = small_store();
    let files = |folder: &Path| -> Vec<(PathBuf, Vec<u8>)> {
        let entries = fs::read_dir(folder).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
            .into_iter()
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect()
    };
    let before = files(&desom);
    let key = desom.file_name().unwrap().to_str().unwrap();
    let (code, said, complaint) = answer(store.path(), &["rerun", &key[..8]]);
    assert_eq!(code, 0, "{said}{complaint}");
    assert!(
        said.contains("identical bits") && !said.contains("recorded"),
        "{said}"
    );
    assert!(files(&desom) == before, "the store was changed");

    // Other threads: the same bits, and a word on it. From a copy of the record alone.
    let copy = store.path().join("copy.json");
    fs::copy(kmeans.join("record.json"), &copy).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    for path in [&copy, &desom] {
        let path = path.to_str().unwrap();
        let (code, said, _) = answer(elsewhere.path(), &["rerun", path, "--threads", "2"]);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("threads: recorded 1, now 2"), "{said}");
    }
    assert!(!elsewhere.path().join("runs").exists());

    // Other kernels: other bits, and the reason.
    let mut command = replicate(store.path());
    let command = command
        .args(["rerun", key, "--json"])
        .env("MKL_CBWR", "COMPATIBLE");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(10), "{}", text(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["identical"], false);
    assert_eq!(told["weights_identical"], false);
    assert!(told["curves_differ_at"].is_u64());
    let names = told["circumstances"].as_array().unwrap().iter();
    let names: Vec<&Value> = names.map(|one| &one["name"]).collect();
    assert_eq!(names, ["matrix kernels"]);
}

#[test]
fn a_rerun_of_an_altered_record_says_so() {
    let (store, desom, _) = small_store();
    let path = desom.to_str().unwrap().to_owned();
    let whole = fs::read(desom.join("record.json")).unwrap();
    let rerun = || answer(store.path(), &["rerun", &path]);
    let purity = record(&desom)["metrics"]["bmu.purity"].to_string();

    // A metric, which no hash guards.
    alter(
        &desom,
        &format!("\"bmu.purity\": {purity}"),
        "\"bmu.purity\": 0.999",
    );
    let (code, said, complaint) = rerun();
    assert_eq!(code, 10, "{complaint}");
    assert!(
        said.contains("bmu.purity") && said.contains("0.999") && said.contains(&purity),
        "{said}"
    );
    assert!(
        said.contains("1 of ") && said.contains("weights: identical"),
        "{said}"
    );
    assert!(said.contains("the record was altered"), "{said}");

    for (from, to, code, expected) in [
        ("\"gamma\": 0.001", "\"gamma\": 0.002", 20, "it was altered"),
        ("\"schema\": 1", "\"schema\": 7", 20, "format 7"),
        ("{", "{{", 20, "record.json"),
        (
            "\"device\": \"cpu\"",
            "\"device\": \"abacus\"",
            2,
            "--device",
        ),
    ] {
        fs::write(desom.join("record.json"), &whole).unwrap();
        alter(&desom, from, to);
        let (found, _, complaint) = rerun();
        assert_eq!(found, code, "{complaint}");
        assert!(complaint.contains(expected), "{complaint}");
    }
    fs::write(desom.join("record.json"), &whole[..whole.len() / 2]).unwrap();
    assert_eq!(rerun().0, 20);
    fs::remove_file(desom.join("record.json")).unwrap();
    let (code, _, complaint) = rerun();
    assert!(
        code == 2 && complaint.contains("not complete"),
        "{complaint}"
    );
}

/// Records of what this program does not have: each with the key of its settings, as their own
/// program would have made them.
#[test]
fn records_of_other_programs_are_refused_with_the_reason() {
    use replicate::runs::Record;
    let (store, desom, _) = small_store();
    let text = fs::read(desom.join("record.json")).unwrap();
    let changes: [(fn(&mut Record), i32, &str); 4] = [
        (
            |record| record.identity.method = "esom".to_owned(),
            2,
            "it has desom, k-means",
        ),
        (|record| record.identity.algorithm = 99, 2, "version 99"),
        (
            |record| record.identity.data_sha256 = "0".repeat(64),
            20,
            "other bytes",
        ),
        (
            |record| record.identity.data = "minst".to_owned(),
            2,
            "minst",
        ),
    ];
    for (change, expected, word) in changes {
        let mut record: Record = serde_json::from_slice(&text).unwrap();
        change(&mut record);
        record.key = record.identity.key();
        let path = store.path().join("other.json");
        fs::write(&path, serde_json::to_vec(&record).unwrap()).unwrap();
        let (code, _, complaint) = answer(store.path(), &["rerun", path.to_str().unwrap()]);
        assert_eq!(code, expected, "{complaint}");
        assert!(complaint.contains(word), "{complaint}");
    }
}

#[test]
fn verify_names_what_is_damaged() {
    let (store, desom, kmeans) = small_store();
    let verify = || answer(store.path(), &["verify"]);
    let (code, said, complaint) = verify();
    assert_eq!((code, complaint.as_str()), (0, ""), "{said}");
    assert!(
        said.starts_with("3 runs in ") && said.contains("3 sound"),
        "{said}"
    );

    fs::write(desom.join("notes.txt"), "mine").unwrap();
    fs::write(desom.join("record.json.77.tmp"), "{").unwrap();
    let (code, said, _) = verify();
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("strange") && said.contains("notes.txt"),
        "{said}"
    );
    assert!(
        said.contains("left over") && said.contains("record.json.77.tmp"),
        "{said}"
    );

    let weights = desom.join("weights.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&weights, bytes).unwrap();
    let torn = fs::read(kmeans.join("record.json")).unwrap();
    fs::write(kmeans.join("record.json"), &torn[..100]).unwrap();
    let (code, said, complaint) = verify();
    assert_eq!(code, 20, "{said}");
    assert!(complaint.contains("2 of 3 runs are damaged"), "{complaint}");
    let damaged: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("damaged"))
        .collect();
    assert_eq!(damaged.len(), 2, "{said}");
    let folder = store.path().to_str().unwrap();
    let output = run(Path::new("elsewhere"), &["verify", folder, "--json"]);
    assert_eq!(output.status.code(), Some(20));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&told["audit"]["sound"], &told["audit"]["damaged"]),
        (&json!(1), &json!(2))
    );

    // What cannot be looked over.
    for (name, word) in [
        ("desom-gamma", "a replication"),
        ("no-such-folder", "there is no store"),
    ] {
        let (code, _, complaint) = answer(store.path(), &["verify", name]);
        assert!(code == 2 && complaint.contains(word), "{complaint}");
    }
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(
        json(empty.path(), &["verify", "--json"])["audit"]["findings"],
        json!([])
    );
}
