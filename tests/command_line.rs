//! The program as a user meets it: arguments, output, exit codes, the smoke profile, bad input.

#![allow(missing_docs, clippy::unwrap_used)]

mod program;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use program::{call, json, replicate, run, text};

/// Exit code and standard error of a call that must fail without a panic.
fn failure(store: &Path, arguments: &[&str]) -> (i32, String) {
    let (code, _, message) = call(store, arguments);
    (code, message)
}

#[test]
fn wrong_arguments_are_explained_with_exit_code_2() {
    let store = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (&["desom-gama"][..], "desom-gamma"),
        (&["show", "nothing"], "desom-gamma"),
        (&["desom-gamma", "--gama", "1"], "--gamma"),
        (&["desom-gamma", "--gammas", "0.001,x"], "0.001,10"),
        (
            &["desom-gamma", "--gammas", "-1"],
            "expected positive numbers",
        ),
        (&["desom-gamma", "--gammas=-1"], "positive numbers"),
        (&["desom-gamma", "--gammas", "0"], "positive numbers"),
        (&["desom-gamma", "--gammas", "inf"], "positive numbers"),
        (&["desom-gamma", "--iterations", "0"], "from 1 to"),
        (
            &["plan", "desom-gamma", "--variants", "gamma=0.001,gama=*"],
            "in this profile there are gamma=0.0001, gamma=0.001, ",
        ),
        (&["plan", "soae", "--variants", "ae-2"], "did you mean "),
        (
            &["run", "desom-gamma", "--profile", "paper"],
            "a command of its own: replicate desom-gamma --profile paper",
        ),
        (&["verify", "desom-gama"], "did you mean desom-gamma"),
        (&["report", "desom-gama"], "did you mean desom-gamma"),
        (
            &["desom-gamma", "--variants", "gamma=1,"],
            "separated by commas",
        ),
        (
            &[
                "plan",
                "desom-gamma",
                "--iterations",
                "18446744073709551615",
            ],
            "from 1 to",
        ),
        (&["desom-gamma", "--gammas", "1e308"], "positive numbers"),
        (&["desom-gamma", "--seeds", "10001"], "seeds"),
        (&["desom-gamma", "--map-distance", "euclid"], "manhattan"),
        (
            &["desom-gamma", "--profile", "fast"],
            "smoke, quick or paper",
        ),
        (&["desom-gamma", "--seeds", "0"], "seeds"),
        (&["desom-gamma", "--threads", "0"], "threads"),
        (&["desom-gamma", "--device", "gpu"], "cuda:N"),
        (&["data", "fetch", "minst"], "mnist"),
    ] {
        let (code, message) = failure(store.path(), arguments);
        assert_eq!(code, 2, "{arguments:?}: {message}");
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
}

#[test]
fn a_store_without_runs_is_explained_with_exit_code_20() {
    let store = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (&["figures", "desom-gamma"][..], "replicate desom-gamma"),
        (&["figures"], "replicate list"),
        (&["verify", "desom-gamma"], "--profile paper first"),
    ] {
        let (code, message) = failure(store.path(), arguments);
        assert_eq!(code, 20, "{arguments:?}: {message}");
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
}

#[test]
fn a_gpu_that_cannot_be_used_is_an_error_with_a_way_on() {
    let store = tempfile::tempdir().unwrap();
    let (code, message) = failure(
        store.path(),
        &["plan", "desom-gamma", "--device", "cuda:99"],
    );
    assert_eq!(code, 2);
    assert!(
        message.contains("--device cpu") || message.contains("no device cuda:99"),
        "{message}"
    );
}

#[test]
fn replications_are_listed_and_shown() {
    let store = tempfile::tempdir().unwrap();
    let listed = json(store.path(), &["list", "--json"]);
    assert_eq!(listed[0]["id"], "desom-gamma");
    let shown = json(store.path(), &["show", "desom-gamma", "--json"]);
    assert_eq!(shown["published"].as_array().unwrap().len(), 27);
    assert_eq!(shown["profiles"]["paper"]["seeds"], 10);
    assert_eq!(
        shown["profiles"]["paper"]["data"],
        serde_json::json!(["mnist"])
    );
    let settings = &shown["profiles"]["paper"]["variants"][1]["settings"];
    assert_eq!(settings["iterations"], 10_000);
    assert_eq!(settings["hidden"], serde_json::json!([500, 500, 2000]));
    let words = text(&run(store.path(), &["show", "desom-gamma"]).stdout);
    assert!(words.contains("Deep Embedded SOM"), "{words}");
}

#[test]
fn data_that_cannot_be_had_is_explained_with_exit_code_20() {
    let store = tempfile::tempdir().unwrap();
    let arguments = [
        "desom-gamma",
        "--profile",
        "quick",
        "--offline",
        "--seeds",
        "1",
    ];
    let (code, message) = failure(store.path(), &arguments);
    assert_eq!(code, 20, "{message}");
    for way_on in ["data import", "--mirror", "--profile smoke"] {
        assert!(message.contains(way_on), "{message}");
    }
    // The plan says so beforehand, and that embedded data are not missing.
    let plan = |profile| {
        let planned = [
            "plan",
            "desom-gamma",
            "--offline",
            "--seeds",
            "1",
            "--profile",
            profile,
        ];
        let arguments = [&planned[..], &["--gammas", "10", "--json"]].concat();
        json(store.path(), &arguments)["data_to_fetch"].clone()
    };
    assert_eq!(plan("quick"), serde_json::json!(["mnist"]));
    assert_eq!(plan("smoke"), serde_json::json!([]));
}

#[test]
fn damaged_data_are_never_trained_on() {
    let store = tempfile::tempdir().unwrap();
    // Right name and size, wrong bytes.
    let folder = store.path().join("data/mnist");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("train-labels-idx1-ubyte"), vec![0; 60_008]).unwrap();
    let arguments = [
        "desom-gamma",
        "--profile",
        "quick",
        "--offline",
        "--seeds",
        "1",
    ];
    let (code, message) = failure(store.path(), &arguments);
    assert_eq!(code, 20, "{message}");
    assert!(!store.path().join("runs").exists());
}

#[test]
fn a_store_that_cannot_be_written_is_explained() {
    let store = tempfile::tempdir().unwrap();
    let file = store.path().join("file");
    fs::write(&file, "").unwrap();
    let arguments = [
        "desom-gamma",
        "--profile",
        "smoke",
        "--gammas",
        "10",
        "--iterations",
        "2",
    ];
    let output = replicate(&file)
        .args(arguments)
        .env("REPLICATE_DATA", store.path())
        .output();
    let output = output.unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("--store"), "{message}");
    assert!(!message.contains("panicked"), "{message}");
}

/// A full disk, made with a quota of the shell: files may grow to 64 KiB only.
#[test]
fn a_full_disk_fails_the_run_and_leaves_nothing_half_written() {
    let store = tempfile::tempdir().unwrap();
    let script = format!(
        "trap '' XFSZ; ulimit -f 64; exec {} desom-gamma --profile smoke --gammas 10 --seeds 1 --iterations 5",
        env!("CARGO_BIN_EXE_replicate")
    );
    let output = Command::new("sh")
        .args(["-c", &script])
        .env("REPLICATE_STORE", store.path())
        .env("REPLICATE_DATA", store.path().join("data"))
        .output()
        .unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(30), "{message}");
    assert!(message.contains("weights.safetensors"), "{message}");
    let mut left = Vec::new();
    for run in fs::read_dir(store.path().join("runs")).unwrap() {
        for file in fs::read_dir(run.unwrap().path()).unwrap() {
            let file = file.unwrap();
            let name = text(file.file_name().as_encoded_bytes());
            assert!(!name.contains(".tmp"), "{name}");
            left.push(name);
        }
    }
    // The k-means runs are small enough to be kept; DESOM's must not count as done.
    let plan = json(
        store.path(),
        &[
            "plan",
            "desom-gamma",
            "--profile",
            "smoke",
            "--gammas",
            "10",
            "--seeds",
            "1",
            "--iterations",
            "5",
            "--json",
        ],
    );
    let reasons: Vec<&str> = plan["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["reason"]["kind"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["failed-before", "cached", "cached"], "{left:?}");
}

#[test]
fn an_experiment_without_claims_says_so() {
    let store = tempfile::tempdir().unwrap();
    let told = |arguments: &[&str]| text(&run(store.path(), arguments).stdout);
    let shown = told(&["show", "dc-somrl-sensitivity"]);
    assert!(
        shown.ends_with("\nThis experiment has no claims.\n"),
        "{shown}"
    );
    let profile = [
        "--profile",
        "paper",
        "--variants",
        "nodes=64",
        "--seeds",
        "1",
    ];
    let planned = told(&[&["plan", "dc-somrl-sensitivity"][..], &profile].concat());
    let words = "No claim will be judged: this experiment has none.";
    assert!(planned.contains(words), "{planned}");
    assert!(told(&["show", "dc-somrl"]).contains("replicate show CLAIM explains one."));
}

/// Two variants may be one run: it is planned and done once, and counts for both.
#[test]
fn a_run_of_two_variants_is_done_once() {
    let store = tempfile::tempdir().unwrap();
    let arguments = [
        "dc-somrl-sensitivity",
        "--profile",
        "smoke",
        "--variants",
        "a_t=0.985,e_b=0.1",
        "--iterations",
        "3",
    ];
    let planned = json(
        store.path(),
        &[&["plan"][..], &arguments, &["--json"]].concat(),
    );
    let reasons: Vec<&Value> = planned["runs"].as_array().unwrap().iter().collect();
    assert_eq!(reasons[0]["reason"]["kind"], "new");
    let twin = serde_json::json!({"kind": "same-as", "variant": "a_t=0.985"});
    assert_eq!((reasons.len(), &reasons[1]["reason"]), (2, &twin));
    let output = run(store.path(), &arguments);
    let told = text(&output.stderr);
    assert!(
        output.status.success() && told.contains("1 new, 1 the same as another"),
        "{told}"
    );
    assert!(!told.contains("another process"), "{told}");
    let table = text(&output.stdout);
    assert!(
        table.contains("a_t=0.985") && table.contains("e_b=0.1"),
        "{table}"
    );
    let again = text(&run(store.path(), &arguments).stderr);
    assert!(again.contains("2 cached; nothing to do"), "{again}");
}

#[test]
fn the_smoke_profile_does_the_whole_experiment() {
    let store = tempfile::tempdir().unwrap();
    let clock = Instant::now();
    let arguments = ["desom-gamma", "--profile", "smoke", "--json"];
    let done = json(store.path(), &arguments);
    eprintln!("the smoke profile took {:.1?}", clock.elapsed());
    assert!(done["note"].as_str().unwrap().contains("no verdict"));
    assert!(done["caption"].as_str().unwrap().contains("no verdict"));
    let rows = done["results"].as_array().unwrap();
    // Four metrics of eight variants, but for the accuracy of 64 clusters.
    assert_eq!(rows.len(), 4 * 8 - 1);
    assert_eq!(
        (&done["planned"], &done["stored"]),
        (&24.into(), &24.into())
    );
    for file in done["files"].as_array().unwrap() {
        assert!(
            fs::metadata(file.as_str().unwrap()).unwrap().len() > 100,
            "{file}"
        );
    }
    // Even this small experiment shows the paper's main effect.
    let purity = |variant: &str| -> f64 {
        let row = rows
            .iter()
            .find(|row| row["variant"] == variant && row["title"] == "purity");
        row.unwrap()["ours"]["mean"].as_f64().unwrap()
    };
    assert!(purity("gamma=0.001") > 0.5, "{rows:?}");
    assert!(purity("gamma=10") < 0.3, "{rows:?}");

    // The same command again does nothing, and says the same.
    assert_eq!(json(store.path(), &arguments)["results"], done["results"]);
    let plan = json(
        store.path(),
        &["plan", "desom-gamma", "--profile", "smoke", "--json"],
    );
    assert_eq!(plan["pending"], 0);

    // Figures are redrawn to the byte, from the store alone.
    let figure = store.path().join("desom-gamma/smoke/fig1.svg");
    let first = fs::read(&figure).unwrap();
    let elsewhere = store.path().join("elsewhere");
    let out = elsewhere.to_str().unwrap();
    json(
        store.path(),
        &[
            "figures",
            "desom-gamma",
            "--profile",
            "smoke",
            "--out",
            out,
            "--json",
        ],
    );
    assert_eq!(fs::read(elsewhere.join("fig1.svg")).unwrap(), first);
    // Without a name, those of all replications that have runs.
    let all = json(store.path(), &["figures", "--out", out, "--json"]);
    assert_eq!(all.as_array().unwrap().len(), 7);
    // Some of the variants of the others are the same runs, with more seeds than these plan.
    for (index, replication, stored) in [
        (0, "desom-gamma", 24),
        (1, "desom-pretrain", 3),
        (2, "desom-benchmark", 6),
        (3, "desom-maps", 3),
        (4, "desom-audit", 3),
        (5, "dc-somrl", 3),
        (6, "soae", 3),
    ] {
        assert_eq!(
            (&all[index]["replication"], &all[index]["stored"]),
            (&replication.into(), &stored.into())
        );
    }
    let redrawn = elsewhere.join("desom-gamma/smoke/fig1.svg");
    assert_eq!(fs::read(redrawn).unwrap(), first);

    // One run per variant and seed, all values in one file.
    let runs = fs::read_to_string(store.path().join("desom-gamma/smoke/runs.csv")).unwrap();
    assert!(runs.lines().count() > 6 * 3 * 10);
    assert!(runs.starts_with("variant,seed,metric,value,outcome,run,training_seconds"));
}

/// The smallest sweep: one variant and its baselines, one seed.
const ONE_RUN: [&str; 7] = [
    "desom-gamma",
    "--profile",
    "smoke",
    "--gammas",
    "0.001",
    "--seeds",
    "1",
];

/// Results of a part have a folder of their own, and whoever carries its plan out elsewhere does that part.
#[test]
fn variants_can_be_run_alone() {
    let store = tempfile::tempdir().unwrap();
    let arguments = |variants: &'static str| {
        let smoke = ["desom-gamma", "--profile", "smoke", "--seeds", "1"];
        [&smoke[..], &["--variants", variants]].concat()
    };
    let output = run(store.path(), &arguments("k-means-*"));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    assert!(
        shown.contains("k-means-64") && !shown.contains("gamma=10"),
        "{shown}"
    );
    let folder = "desom-gamma/smoke+variants=k-means-~+seeds=1";
    assert!(store.path().join(folder).join("runs.csv").exists());

    let elsewhere = ["--launcher", "none", "--json"];
    let submit = [&["submit"], &arguments("gamma=10")[..], &elsewhere].concat();
    let plan = json(store.path(), &submit)["plan"].clone();
    let plan = plan.as_str().unwrap();
    assert_eq!(fs::read_to_string(plan).unwrap().lines().count(), 1);
    let output = run(store.path(), &["worker", plan, "0", "--threads", "1"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = json(
        store.path(),
        &[&["plan"], &arguments("gamma=10")[..], &["--json"]].concat(),
    );
    assert_eq!(shown["runs"][0]["reason"]["kind"], "cached", "{shown}");
}

/// Another experiment than the protocol's is kept apart, says so, and stands beside no published
/// value that means something else.
#[test]
fn changed_settings_are_named_and_kept_apart() {
    let store = tempfile::tempdir().unwrap();
    let changed = [
        "--iterations",
        "2",
        "--map-distance",
        "as-coded",
        "--decay",
        "exponential",
    ];
    let done = json(
        store.path(),
        &[&ONE_RUN[..], &changed, &["--json"]].concat(),
    );
    assert_eq!(
        done["changed"],
        serde_json::json!({"iterations": "2", "map-distance": "as-coded"})
    );
    let caption = done["caption"].as_str().unwrap();
    assert!(
        caption.contains("changed: iterations = 2, map-distance = as-coded"),
        "{caption}"
    );
    assert!(
        store
            .path()
            .join(
                "desom-gamma/smoke+gammas=0.001+seeds=1+iterations=2+map-distance=as-coded/fig1.png"
            )
            .exists()
    );
    assert!(!store.path().join("desom-gamma/smoke").exists());
}

/// Ctrl-C: exit code 130, a checkpoint, a word on how to go on; then the same command finishes and
/// gives the bits of an uninterrupted run.
#[test]
fn an_interrupted_sweep_is_resumed() {
    let arguments = [
        "desom-gamma",
        "--profile",
        "smoke",
        "--gammas",
        "0.001",
        "--seeds",
        "1",
        "--iterations",
        "3000",
        "--threads",
        "1",
    ];
    let store = tempfile::tempdir().unwrap();
    let child = replicate(store.path()).args(arguments).spawn().unwrap();
    // Until the run has begun: its folder holds its lock.
    let clock = Instant::now();
    while !store.path().join("runs").exists() {
        assert!(clock.elapsed() < Duration::from_mins(1));
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(700));
    Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{message}");
    assert!(message.contains("same command again"), "{message}");

    let plan_arguments = [&["plan"], &arguments[..], &["--json"]].concat();
    let plan = json(store.path(), &plan_arguments);
    assert_eq!(plan["runs"][0]["reason"]["kind"], "resume", "{plan}");
    let output = run(store.path(), &arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));

    let whole = tempfile::tempdir().unwrap();
    assert!(run(whole.path(), &arguments).status.success());
    let key = plan["runs"][0]["key"].as_str().unwrap()[..16].to_owned();
    let weights =
        |store: &Path| fs::read(store.join("runs").join(&key).join("weights.safetensors")).unwrap();
    assert!(
        weights(store.path()) == weights(whole.path()),
        "the weights differ"
    );
    let record = |store: &Path| -> Value {
        let path = store.join("runs").join(&key).join("record.json");
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    };
    let (resumed, uninterrupted) = (record(store.path()), record(whole.path()));
    for field in ["key", "outcome", "metrics", "curves", "weights_sha256"] {
        assert_eq!(resumed[field], uninterrupted[field], "{field}");
    }
    assert_eq!(resumed["provenance"]["resumed"], 1);
}

#[test]
fn fast_runs_are_kept_apart_and_say_so() {
    let store = tempfile::tempdir().unwrap();
    let exact = json(store.path(), &[&ONE_RUN[..], &["--json"]].concat());
    let fast = json(
        store.path(),
        &[&ONE_RUN[..], &["--json", "--precision", "fast"]].concat(),
    );
    assert_ne!(exact, fast);
    let mut products = Vec::new();
    for entry in fs::read_dir(store.path().join("runs")).unwrap() {
        let record = fs::read_to_string(entry.unwrap().path().join("record.json")).unwrap();
        let record: Value = serde_json::from_str(&record).unwrap();
        let of = |value: &Value| value.as_str().unwrap().to_owned();
        products.push((
            of(&record["identity"]["method"]),
            of(&record["identity"]["precision"]),
            of(&record["provenance"]["products"]),
        ));
    }
    products.sort();
    products.dedup();
    let rounded = replicate::nn::Precision::Fast.products(tch::Device::Cpu);
    let rounded = serde_json::to_value(rounded).unwrap();
    let rounded = rounded.as_str().unwrap();
    let expected = [
        ("desom", "exact", "float32"),
        ("desom", "fast", rounded),
        // k-means knows one precision, and is done once for both.
        ("k-means", "exact", "float32"),
    ];
    let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    assert_eq!(products, expected);
    let folder = store.path().join("desom-gamma");
    let names = fs::read_dir(folder).unwrap();
    let names: Vec<String> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        names.iter().any(|name| name.ends_with("+precision=fast")),
        "{names:?}"
    );
}
