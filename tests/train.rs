//! `replicate train` and `replicate predict` as a user meets them, on the embedded digits.

#![allow(missing_docs, clippy::unwrap_used)]

mod program;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use program::{folders, replicate, run, text};
use serde_json::Value;

/// A small DESOM on the digits: a second or so.
const SMALL: [&str; 13] = [
    "train",
    "--dataset",
    "digits",
    "--hidden",
    "24,16",
    "--latent-dim",
    "4",
    "--map-size",
    "4x5",
    "--batch-size",
    "128",
    "--threads",
    "1",
];

/// Its call with more options, into `folder`.
fn train(store: &Path, folder: &Path, more: &[&str]) -> std::process::Output {
    let mut command = replicate(store);
    command.args(SMALL).arg("--save-dir").arg(folder).args(more);
    command.output().unwrap()
}

fn trained(store: &Path, folder: &Path, more: &[&str]) -> String {
    let output = train(store, folder, more);
    let message = text(&output.stderr);
    assert!(output.status.success(), "{message}");
    message
}

/// Exit code and message of a call that must fail without a panic.
fn refused(store: &Path, arguments: &[&str]) -> (i32, String) {
    let output = run(store, arguments);
    let message = text(&output.stderr);
    assert!(!message.contains("panicked"), "{message}");
    (output.status.code().unwrap(), message)
}

/// The lines of a CSV file, split.
fn csv(path: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines();
    lines
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect()
}

fn metric(folder: &Path, name: &str) -> f64 {
    let rows = csv(&folder.join("evaluation.csv"));
    let row = rows.iter().find(|row| row[0] == name);
    row.unwrap_or_else(|| panic!("{name}"))[1].parse().unwrap()
}

#[test]
fn a_training_leaves_everything_that_it_promises() {
    let store = tempfile::tempdir().unwrap();
    let folder = store.path().join("out");
    let more = [
        "--iterations",
        "130",
        "--eval_interval",
        "50",
        "--save_epochs",
        "4",
        "--validation=0.2",
        "--Tmax",
        "5",
        "--neighborhood",
        "gaussian",
        "--json",
    ];
    let output = train(store.path(), &folder, &more);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stderr);
    assert!(said.contains("divided by 16"), "{said}");
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    let summary = &value["summary"];
    assert_eq!(
        (
            summary["rows"].as_i64(),
            summary["validation_rows"].as_i64()
        ),
        (Some(1438), Some(359))
    );
    assert!(summary["log_share"].as_f64().unwrap() < 0.5, "{summary}");
    for name in summary["files"].as_array().unwrap() {
        assert!(folder.join(name.as_str().unwrap()).exists(), "{name}");
    }
    // 1438 rows in batches of 128: 12 steps a pass.
    for iteration in [0, 48, 96] {
        assert!(
            folder
                .join(format!("model-{iteration}.safetensors"))
                .exists()
        );
    }
    assert!(!folder.join("checkpoint.safetensors").exists());
    let log = csv(&folder.join("log.csv"));
    let iterations: Vec<&str> = log.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(iterations, ["iteration", "0", "50", "100", "129"]);
    let names = "iteration,T,L,Lr,Lsom,quantization_error,topographic_error,combined_error,silhouette,\
                 purity,nmi_geometric,nmi_arithmetic,ari,latent_quantization_error,\
                 latent_topographic_error,latent_combined_error,latent_silhouette,L_val,Lr_val,Lsom_val";
    assert!(log[0].join(",").starts_with(names), "{:?}", log[0]);
    let number = |row: usize, name: &str| -> f64 {
        let column = log[0].iter().position(|known| known == name).unwrap();
        log[row][column].parse().unwrap()
    };
    assert!((number(1, "T") - 5.0).abs() < 1e-12);
    assert!((number(4, "T") - 0.1).abs() < 1e-9);
    let whole = number(2, "Lr") + 0.001 * number(2, "Lsom");
    assert!((number(2, "L") - whole).abs() < 1e-9);
    assert!(number(4, "Lr") < number(1, "Lr"));
    assert!(metric(&folder, "reconstruction_loss") > 0.0);
    assert!(metric(&folder, "validation.bmu.purity") <= 1.0);
    assert!(metric(&folder, "latent.topographic_error") <= 1.0);

    // The same again is there already; another one is not mixed up with it.
    let again = train(store.path(), &folder, &more);
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(
        (again["cached"].as_bool(), &again["summary"]),
        (Some(true), summary)
    );
    let other = [&more[..11], &["--gamma", "0.5"]].concat();
    let output = train(store.path(), &folder, &other);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(
        message.contains("gamma is 0.001 there and 0.5 here"),
        "{message}"
    );
    trained(
        store.path(),
        &folder,
        &[&other[..], &["--overwrite"]].concat(),
    );
}

#[test]
fn a_diverged_training_leaves_its_losses_and_a_free_folder() {
    let store = tempfile::tempdir().unwrap();
    let folder = store.path().join("far");
    let far = [
        "--iterations",
        "50",
        "--eval-interval",
        "1",
        "--learning-rate",
        "1e6",
    ];
    for _ in 0..2 {
        let output = train(store.path(), &folder, &far);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(30), "{message}");
        assert!(message.contains("log-diverged.csv"), "{message}");
        let names = fs::read_dir(&folder).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        names.retain(|name| !name.to_string_lossy().starts_with("lock"));
        assert_eq!(names, ["log-diverged.csv"]);
    }
    trained(store.path(), &folder, &["--iterations", "10"]);
}

#[test]
fn files_that_are_no_training_s_are_left_alone() {
    let store = tempfile::tempdir().unwrap();
    let folder = store.path().join("mine");
    fs::create_dir(&folder).unwrap();
    let log = folder.join("log.csv");
    fs::write(&log, "my own").unwrap();
    fs::write(folder.join("map.svg"), "my own").unwrap();
    let few = ["--iterations", "10"];
    let output = train(store.path(), &folder, &few);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(
        message.contains("has log.csv, map.svg, of no training"),
        "{message}"
    );
    assert_eq!(fs::read_to_string(&log).unwrap(), "my own");
    trained(
        store.path(),
        &folder,
        &[&few[..], &["--overwrite"]].concat(),
    );
    assert_ne!(fs::read_to_string(&log).unwrap(), "my own");
}

#[test]
fn an_interrupted_training_goes_on_and_ends_the_same() {
    let store = tempfile::tempdir().unwrap();
    let [whole, cut] = ["whole", "cut"].map(|name| store.path().join(name));
    let more = [
        "--iterations",
        "3000",
        "--eval-interval",
        "500",
        "--save-epochs",
        "0",
        "--batchnorm",
        "--pretrain-epochs",
        "2",
    ];
    trained(store.path(), &whole, &more);
    // Also one that began by writing over another one.
    trained(store.path(), &cut, &["--iterations", "10"]);
    let more = [&more[..], &["--overwrite"]].concat();
    let mut command = replicate(store.path());
    command.args(SMALL).arg("--save-dir").arg(&cut).args(&more);
    let mut child = command
        .env("REPLICATE_CHECKPOINT_MS", "20")
        .spawn()
        .unwrap();
    let clock = Instant::now();
    while !cut.join("checkpoint.safetensors").exists() && child.try_wait().unwrap().is_none() {
        assert!(clock.elapsed() < Duration::from_mins(2), "no checkpoint");
        std::thread::sleep(Duration::from_millis(5));
    }
    let id = child.id().to_string();
    let _ = Command::new("kill").args(["-INT", &id]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{message}");
    assert!(
        message.contains("Start the same command again"),
        "{message}"
    );
    assert!(!cut.join("summary.json").exists());
    trained(store.path(), &cut, &more);
    for name in ["model.safetensors", "log.csv", "evaluation.csv", "map.svg"] {
        let bytes = [&whole, &cut].map(|folder| fs::read(folder.join(name)).unwrap());
        assert!(bytes[0] == bytes[1], "{name} differs");
    }
    let summary: Value =
        serde_json::from_slice(&fs::read(cut.join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["resumed"], 1);
}

#[test]
fn every_model_is_trained_and_applied() {
    let store = tempfile::tempdir().unwrap();
    for (name, more) in [
        (
            "desom",
            &[
                "--iterations",
                "40",
                "--som-init",
                "som",
                "--update-interval",
                "2",
            ][..],
        ),
        (
            "norm",
            &["--iterations", "40", "--batchnorm", "--gamma-scale", "sum"],
        ),
        ("clusters", &["--iterations", "40", "--clusters", "3"]),
    ] {
        let folder = store.path().join(name);
        trained(store.path(), &folder, more);
        let model = folder.join("model.safetensors");
        let model = model.to_str().unwrap();
        let output = run(
            store.path(),
            &[
                "predict",
                "--weights",
                model,
                "--dataset",
                "digits",
                "--json",
            ],
        );
        assert!(output.status.success(), "{}", text(&output.stderr));
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        let numbers = |name: &str| -> Vec<f64> {
            let all = value[name].as_array().unwrap();
            all.iter().map(|one| one.as_f64().unwrap()).collect()
        };
        assert_eq!(numbers("units").len(), 1797);
        assert!(numbers("units").iter().all(|&unit| unit < 20.0));
        assert!(numbers("distances").iter().all(|&distance| distance >= 0.0));
        let groups = if name == "clusters" { 3.0 } else { 10.0 };
        let most = numbers("clusters").into_iter().fold(0.0, f64::max);
        assert!(most < groups && most > 0.0, "{most}");
        // The mean distance is the quantization error of the evaluation.
        let mean = numbers("distances").iter().sum::<f64>() / 1797.0;
        let error = metric(&folder, "latent.quantization_error");
        assert!((mean - error).abs() < 1e-5 * error, "{mean} {error}");
    }
    let folder = store.path().join("som");
    let folder_text = folder.to_str().unwrap();
    let som = [
        "train",
        "--model",
        "som",
        "--dataset",
        "digits",
        "--map_size",
        "3",
        "3",
    ];
    let som = [&som[..], &["--iterations", "60", "--save_dir", folder_text]].concat();
    let output = run(store.path(), &som);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(metric(&folder, "map.quantization_error") > 0.0);
    let log = csv(&folder.join("log.csv"));
    assert!(
        !log[0]
            .iter()
            .any(|name| name == "Lr" || name.starts_with("latent"))
    );
}

#[test]
fn an_autoencoder_is_begun_with_from_a_file() {
    let store = tempfile::tempdir().unwrap();
    let [first, second, third] = ["a", "b", "c"].map(|name| store.path().join(name));
    trained(
        store.path(),
        &first,
        &["--iterations", "20", "--pretrain-epochs", "2"],
    );
    let weights = first.join("autoencoder.safetensors");
    let weights = weights.to_str().unwrap();
    trained(
        store.path(),
        &second,
        &["--iterations", "20", "--ae_weights", weights],
    );
    // The same start, the same end.
    let reconstruction = [&first, &second].map(|folder| metric(folder, "reconstruction_loss"));
    assert!((reconstruction[0] - reconstruction[1]).abs() < 1e-15);
    let model = first.join("model.safetensors");
    let model = model.to_str().unwrap();
    trained(
        store.path(),
        &third,
        &["--iterations", "20", "--ae-weights", model],
    );
    // What it begins with stays, for the same command to go on.
    let own = ["--ae-weights", model, "--overwrite"];
    let output = train(store.path(), &first, &own);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("copy it elsewhere"), "{message}");
    assert!(first.join("summary.json").exists());
    let output = train(
        store.path(),
        &store.path().join("d"),
        &["--ae-weights", model, "--batchnorm"],
    );
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(20), "{message}");
    assert!(message.contains("norm"), "{message}");
}

/// The digits as a user might have them: a CSV file of whole numbers and labels, and images.
fn own_data(folder: &Path) {
    use replicate::data::{self, Access, Silent};
    let access = Access::new(None, None, true).unwrap();
    let digits = data::load("digits", &access, &Silent).unwrap();
    let mut lines = String::new();
    for (row, label) in digits
        .features
        .chunks_exact(64)
        .zip(&digits.labels)
        .take(300)
    {
        let values: Vec<String> = row
            .iter()
            .map(|value| (value * 16.0).round().to_string())
            .collect();
        lines += &format!("{},{label}\n", values.join(","));
    }
    fs::write(folder.join("digits.csv"), lines).unwrap();
    for (index, (row, label)) in digits
        .features
        .chunks_exact(64)
        .zip(&digits.labels)
        .take(60)
        .enumerate()
    {
        let class = folder.join("images").join(format!("digit-{label}"));
        fs::create_dir_all(&class).unwrap();
        let pixels: Vec<u8> = row
            .iter()
            .map(|value| (value * 255.0).round() as u8)
            .collect();
        let image = image::GrayImage::from_raw(8, 8, pixels).unwrap();
        image.save(class.join(format!("{index:03}.png"))).unwrap();
    }
}

/// Trains a small map on own data and gives what was said.
fn trained_on(store: &Path, data: &[&str], folder: &str) -> String {
    let model = [
        "--hidden",
        "16",
        "--map-size",
        "3x3",
        "--iterations",
        "30",
        "--save-dir",
    ];
    let arguments = [&["train", "--data"], data, &model[..], &[folder]].concat();
    let output = run(store, &arguments);
    let message = text(&output.stderr);
    assert!(output.status.success(), "{message}");
    message
}

#[test]
fn own_data_are_scaled_as_said_and_predicted_alike() {
    let store = tempfile::tempdir().unwrap();
    own_data(store.path());
    let path = |name: &str| store.path().join(name).to_str().unwrap().to_owned();
    let (file, images, out) = (path("digits.csv"), path("images"), path("labels.csv"));
    let of = |data: &[&str], folder: &str| trained_on(store.path(), data, folder);
    // A file of numbers 0 to 16 is left as it is, unless one says otherwise.
    let said = of(&[&file, "--labels", "last"], &path("as-it-is"));
    assert!(said.contains("left as they are, 0 to 16"), "{said}");
    let said = of(
        &[&file, "--labels", "last", "--scale", "16"],
        &path("scaled"),
    );
    assert!(
        said.contains("divided by 16") && said.contains("10 classes"),
        "{said}"
    );
    let said = of(&[&images], &path("of-images"));
    assert!(
        said.contains("divided by 255") && said.contains("10 classes"),
        "{said}"
    );

    // The same rows from the catalogue and from the file: the same answers.
    let weights = path("scaled/model.safetensors");
    let predict = [
        "predict",
        "--weights",
        &weights,
        "--data",
        &file,
        "--labels",
        "last",
    ];
    let output = run(store.path(), &[&predict[..], &["--out", &out]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let ours = csv(Path::new(&out));
    assert_eq!(ours.len(), 301);
    assert_eq!(
        ours[0][..6].join(","),
        "row,unit,map_row,map_column,cluster,distance"
    );
    let output = run(
        store.path(),
        &["predict", "--weights", &weights, "--dataset", "digits"],
    );
    let theirs = text(&output.stdout);
    let theirs: Vec<&str> = theirs.lines().take(301).collect();
    let ours: Vec<String> = ours.iter().map(|row| row.join(",")).collect();
    assert!(ours == theirs);
    // Scaled before: the model's scale is not applied silently.
    let weights = path("of-images/model.safetensors");
    let (_, said) = refused(
        store.path(),
        &[
            "predict",
            "--weights",
            &weights,
            "--dataset",
            "digits",
            "--scale",
            "1",
        ],
    );
    assert!(!said.contains("error"), "{said}");
}

#[test]
fn a_folder_of_folders_is_shuffled_and_predicted_file_by_file() {
    let store = tempfile::tempdir().unwrap();
    own_data(store.path());
    let path = |name: &str| store.path().join(name).to_str().unwrap().to_owned();
    let images = path("images");
    let of = |data: &[&str], folder: &str| trained_on(store.path(), data, folder);
    // Rows kept out would be of the last classes only.
    let said = of(&[&images], &path("of-images"));
    assert!(said.contains("an order drawn from the seed"), "{said}");
    let in_order = of(&[&images, "--order", "file"], &path("in-order"));
    assert!(in_order.contains("--order shuffled"), "{in_order}");
    let bits = |folder: &str| fs::read(path(folder) + "/model.safetensors").unwrap();
    assert!(bits("of-images") != bits("in-order"));
    // Predictions come in the files' order, with their names.
    let weights = path("of-images/model.safetensors");
    let predict = ["predict", "--weights", &weights, "--data", &images];
    let output = run(store.path(), &predict);
    let table = text(&output.stdout);
    let mut lines = table.lines();
    assert!(lines.next().unwrap().starts_with("row,file,unit,map_row,"));
    let name = |line: &str| line.split(',').nth(1).unwrap().to_owned();
    let names: Vec<String> = lines.map(name).collect();
    assert_eq!(names.len(), 60);
    assert!(
        names.is_sorted() && names[0].starts_with("digit-0/"),
        "{}",
        names[0]
    );
    let output = run(store.path(), &[&predict[..], &["--json"]].concat());
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["files"][59], names[59]);
}

#[test]
fn labels_may_be_words() {
    let store = tempfile::tempdir().unwrap();
    own_data(store.path());
    let path = |name: &str| store.path().join(name).to_str().unwrap().to_owned();
    let digits = fs::read_to_string(path("digits.csv")).unwrap();
    let first = digits.lines().next().unwrap().split(',').count() - 1;
    let head: Vec<String> = (0..first).map(|place| format!("pixel{place}")).collect();
    let mut worded = head.join(",") + ",species\n";
    for line in digits.lines() {
        let (values, label) = line.rsplit_once(',').unwrap();
        worded += &format!("{values},digit {label}\n");
    }
    let words = path("words.csv");
    fs::write(&words, worded).unwrap();
    let (code, said) = refused(store.path(), &["train", "--data", &words]);
    assert!(
        code == 20 && said.contains("--labels species"),
        "{code} {said}"
    );
    let data = [&words, "--labels", "species", "--scale", "16"];
    let said = trained_on(store.path(), &data, &path("of-words"));
    assert!(said.contains("10 classes"), "{said}");
}

#[test]
fn a_stored_run_is_applied_by_its_key() {
    let store = tempfile::tempdir().unwrap();
    let gamma = [
        "desom-gamma",
        "--profile",
        "smoke",
        "--gammas",
        "0.001",
        "--seeds",
        "1",
    ];
    let output = run(
        store.path(),
        &[&gamma[..], &["--iterations", "20"]].concat(),
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
    let (mut applied, mut refused_others) = (0, 0);
    for folder in folders(store.path()) {
        let key = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let record = program::record(&folder);
        let predict = ["predict", "--run", &key, "--dataset", "digits", "--json"];
        let output = run(store.path(), &predict);
        let message = text(&output.stderr);
        if record["identity"]["method"] != "desom" {
            assert_eq!(output.status.code(), Some(2), "{message}");
            refused_others += 1;
            continue;
        }
        assert!(output.status.success(), "{message}");
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        // The groups are those that the run's accuracy was of.
        let clusters = value["clusters"].as_array().unwrap();
        let mut found: Vec<i64> = clusters.iter().map(|one| one.as_i64().unwrap()).collect();
        found.sort_unstable();
        found.dedup();
        let groups = record["metrics"]["groups_found"].as_f64().unwrap() as usize;
        assert!(found.len() <= groups && !found.is_empty());
        applied += 1;
    }
    assert!(applied == 1 && refused_others > 0);
}

#[test]
fn what_cannot_be_is_refused_with_a_reason() {
    let store = tempfile::tempdir().unwrap();
    let path = |name: &str| store.path().join(name).to_str().unwrap().to_owned();
    let digits = ["train", "--dataset", "digits", "--save-dir"];
    let out = path("out");
    for (more, code, expected) in [
        (&["--model", "convdesom"][..], 2, "28 x 28"),
        (&["--model", "som", "--batchnorm"], 2, "--batchnorm"),
        (&["--validation"], 2, "no test half"),
        (&["--validation=1.5"], 2, "between 0 and 1"),
        (&["--map-size", "50x50"], 2, "2500 units"),
        (&["--map-size", "3x3", "--clusters", "10"], 2, "9 groups"),
        (&["--map-size", "8"], 2, "20x20"),
        (&["--gamma", "-1"], 2, ""),
        (&["--gamma=-1"], 2, "gamma must be"),
        (&["--tmin", "0"], 2, "temperature"),
        (&["--iterations", "0"], 2, "--iterations"),
        (&["--scale", "0"], 2, "positive number"),
        (&["--labels", "last"], 2, "--data"),
        (
            &["--learning-rate", "1e30", "--iterations", "20"],
            30,
            "diverged",
        ),
        (&["--dataset", "minst"], 2, "mnist"),
        (&["--data", "digits"], 2, "--dataset digits"),
    ] {
        let mut arguments = [&digits[..], &[out.as_str()]].concat();
        if more
            .first()
            .is_some_and(|first| first.starts_with("--data"))
        {
            arguments = vec!["train", "--save-dir", &out];
        }
        let (found, message) = refused(store.path(), &[&arguments[..], more].concat());
        assert_eq!(found, code, "{more:?}: {message}");
        assert!(message.contains(expected), "{more:?}: {message}");
    }
    fs::write(path("noise.safetensors"), b"not a model at all").unwrap();
    let foreign = b"\x02\0\0\0\0\0\0\0{}";
    fs::write(path("foreign.safetensors"), foreign).unwrap();
    for (name, code, expected) in [
        ("nowhere.safetensors", 2, "No such file"),
        ("noise.safetensors", 20, "no safetensors file"),
        ("foreign.safetensors", 20, "--run"),
    ] {
        let weights = path(name);
        let predict = ["predict", "--weights", &weights, "--dataset", "digits"];
        let (found, message) = refused(store.path(), &predict);
        assert_eq!(found, code, "{name}: {message}");
        assert!(message.contains(expected), "{name}: {message}");
    }
    let (found, message) = refused(
        store.path(),
        &["predict", "--run", "abcd", "--dataset", "digits"],
    );
    assert!(found != 0 && message.contains("abcd"), "{message}");

    let folder = store.path().join("good");
    trained(store.path(), &folder, &["--iterations", "10"]);
    let weights = folder.join("model.safetensors");
    fs::write(path("wide.csv"), "1,2,3\n4,5,6\n").unwrap();
    let (wide, good) = (path("wide.csv"), weights.to_str().unwrap().to_owned());
    let predict = ["predict", "--weights", &good, "--data", &wide];
    let (found, message) = refused(store.path(), &predict);
    assert_eq!(found, 2, "{message}");
    assert!(
        message.contains("64 values (images of 8 x 8 pixels)"),
        "{message}"
    );
    assert!(message.contains("rows of 3"), "{message}");
    let out = path("labels.npy");
    let predict = [&predict[..3], &["--dataset", "digits", "--out", &out]].concat();
    let (found, message) = refused(store.path(), &predict);
    assert!(found == 2 && message.contains(".csv"), "{message}");
    // Into a pipe, which stays one.
    let predict = [&predict[..5], &["--out", "/dev/stdout"]].concat();
    let output = replicate(store.path()).args(&predict).output().unwrap();
    let rows = text(&output.stdout)
        .lines()
        .filter(|line| line.contains(','))
        .count();
    assert!(
        output.status.success() && rows > 1000,
        "{}",
        text(&output.stderr)
    );
    // Damaged: every cut is an error, none a panic.
    let whole = fs::read(&weights).unwrap();
    let cut = path("cut.safetensors");
    for length in [0, 7, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(&cut, &whole[..length]).unwrap();
        let (found, message) = refused(
            store.path(),
            &["predict", "--weights", &cut, "--dataset", "digits"],
        );
        assert_eq!(found, 20, "{length}: {message}");
    }
}
