//! Verdicts as users meet them: their own numbers, stored runs, single claims, the power of a plan, and
//! how far a sweep is. Runs are made up and written into a store; nothing is trained.

#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use replicate::catalogue;
use replicate::claims::Published;
use replicate::data;
use replicate::nn::{Precision, Products};
use replicate::random::Seed;
use replicate::replication::{Changes, Profile, Replication};
use replicate::runs::checkpoint::{self, Progress};
use replicate::runs::identity::SCHEMA;
use replicate::runs::record::{Curves, Provenance};
use replicate::runs::store::Failure;
use replicate::runs::{Identity, Outcome, Record, Store};
use serde_json::Value;

fn run(store: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_replicate"))
        .args(arguments)
        .env("REPLICATE_STORE", store)
        .env("REPLICATE_DATA", store.join("data"))
        .env_remove("REPLICATE_MIRROR")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Exit code, standard output and standard error.
fn call(store: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = run(store, arguments);
    let [out, err] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8(bytes.clone()).unwrap());
    assert!(!err.contains("panicked"), "{err}");
    (output.status.code().unwrap(), out, err)
}

fn json(store: &Path, arguments: &[&str], code: i32) -> Value {
    let (got, out, err) = call(store, arguments);
    assert_eq!(got, code, "{err}");
    serde_json::from_str(&out).unwrap()
}

/// A made-up experiment in a folder of its own.
struct Files(tempfile::TempDir);

impl Files {
    fn of(claims: &str, results: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("c.toml"), claims).unwrap();
        fs::write(folder.path().join("r.csv"), results).unwrap();
        Self(folder)
    }

    fn example() -> Self {
        Self::of(
            include_str!("../examples/claims.toml"),
            include_str!("../examples/results.csv"),
        )
    }

    fn judge(&self, more: &[&str]) -> (i32, String, String) {
        let [claims, results] = ["c.toml", "r.csv"].map(|name| self.0.path().join(name));
        let files = [
            "judge",
            "--claims",
            claims.to_str().unwrap(),
            "--results",
            results.to_str().unwrap(),
        ];
        call(self.0.path(), &[&files[..], more].concat())
    }
}

#[test]
fn anybodys_numbers_are_judged() {
    let files = Files::example();
    let (code, out, _) = files.judge(&[]);
    assert_eq!(code, 10, "{out}");
    for words in [
        "5 claims: 1 reproduced, 1 consistent, 1 not reproduced, 1 inconclusive, 1 not tested.",
        "  reproduced      purity ",
        "(to be looked at: ",
        "ours 0.898 \u{b1} 0.008 (10 runs), published 0.902",
    ] {
        assert!(out.contains(words), "{words}\n{out}");
    }
    let (code, out, _) = files.judge(&["--json"]);
    assert_eq!(code, 10);
    let value: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["schema"], "replicate-verdicts/1");
    assert_eq!(value["conclusion"], "not-reproduced");
    assert_eq!(value["counts"]["reproduced"], 1);
}

#[test]
fn the_exit_code_does_not_depend_on_who_reads() {
    let files = Files::example();
    let [claims, results] = ["c.toml", "r.csv"].map(|name| files.0.path().join(name));
    let mut child = Command::new(env!("CARGO_BIN_EXE_replicate"))
        .arg("judge")
        .arg("--claims")
        .arg(claims)
        .arg("--results")
        .arg(results)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // As `| head -0` does, before there is anything to read.
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.as_str()), (Some(10), ""));
}

/// The example's claims up to and with the first, about purity.
fn purity_alone() -> String {
    let all = include_str!("../examples/claims.toml");
    let second = all.match_indices("[[claim]]").nth(1).unwrap().0;
    all[..second].to_owned()
}

#[test]
fn the_exit_code_says_what_the_verdicts_come_to() {
    let results = include_str!("../examples/results.csv");
    assert_eq!(Files::of(&purity_alone(), results).judge(&[]).0, 0);
    let few: String = results
        .lines()
        .take(13)
        .fold(String::new(), |text, line| text + line + "\n");
    let (code, out, _) = Files::of(&purity_alone(), &few).judge(&[]);
    assert_eq!(code, 11, "{out}");
    assert!(out.contains("fewer than 5 decide nothing"), "{out}");
}

#[test]
fn mistakes_in_files_name_file_line_and_key() {
    let claims = purity_alone();
    let results = include_str!("../examples/results.csv");
    let head = "variant,seed,metric,value,outcome\n";
    let line_of = |key: &str| 1 + claims[..claims.find(key).unwrap()].matches('\n').count();
    let margin = line_of("margin = ");
    for (claims, results, expected) in [
        // What is not TOML, or not a key.
        (
            claims.replace("[claim.test.value]", "[claim.test.vale]"),
            results,
            vec!["c.toml", "vale"],
        ),
        (
            claims.replace("margin =", "margn ="),
            results,
            vec!["c.toml", "margn", "line"],
        ),
        (
            claims.replace("mean = 0.902", "mean ="),
            results,
            vec!["c.toml", "line"],
        ),
        // What parses and makes no sense.
        (
            claims.replace("size = 0.02", "size = 0"),
            results,
            vec!["c.toml", &format!("line {margin}"), "margin.size"],
        ),
        (
            claims.replace("metrics = [\"purity\"]", "metrics = [\"purty\"]"),
            results,
            vec!["c.toml", "no [[value]] of purty"],
        ),
        (
            claims[..claims.find("[[claim]]").unwrap()].to_owned(),
            results,
            vec!["no [[claim]]"],
        ),
        (claims.clone(), "", vec!["r.csv, line 1", "variant"]),
        (claims.clone(), head, vec!["r.csv", "no runs"]),
        (
            claims.clone(),
            "variant,seed,metric\ndeep,0,purity\n",
            vec!["r.csv, line 1", "value"],
        ),
        (
            claims.clone(),
            "variant,seed,metric,value\ndeep,0,purity,high\n",
            vec!["r.csv, line 2", "high"],
        ),
    ] {
        let (code, out, err) = Files::of(&claims, results).judge(&[]);
        assert_eq!(code, 2, "{out}{err}");
        for words in expected {
            assert!(err.contains(words), "{words}\n{err}");
        }
    }
    let (code, _, err) = call(
        Path::new("."),
        &["judge", "--claims", "nowhere.toml", "--results", "r.csv"],
    );
    assert_eq!(code, 2);
    assert!(err.contains("cannot read nowhere.toml"), "{err}");
}

#[test]
fn unknown_metrics_and_undefined_values_are_said() {
    let results = include_str!("../examples/results.csv");
    let renamed = results.replace(",purity,", ",pureness,");
    let (code, out, _) = Files::of(&purity_alone(), &renamed).judge(&[]);
    assert_eq!(code, 11, "{out}");
    assert!(
        out.contains("no run of deep has the metric purity; they have accuracy and pureness"),
        "{out}"
    );
    let undefined = results.replace("deep,0,purity,0.8882", "deep,0,purity,NaN");
    let (_, out, _) = Files::of(&purity_alone(), &undefined).judge(&[]);
    assert!(out.contains("1 of 10 runs without a value"), "{out}");
}

#[test]
fn of_several_experiments_one_is_chosen() {
    let claims = include_str!("../replications/desom/paper.toml");
    let files = Files::of(
        claims,
        "variant,seed,metric,value\ngamma=10,0,bmu.purity,0.1125\n",
    );
    let (code, _, err) = files.judge(&[]);
    assert_eq!(code, 2);
    assert!(err.contains("--replication: desom-gamma, "), "{err}");
    let (code, _, err) = files.judge(&["--replication", "desom-gama"]);
    assert_eq!(code, 2);
    assert!(err.contains("\"desom-gama\""), "{err}");
    let (code, out, _) = files.judge(&["--replication", "desom-gamma", "--json"]);
    assert_eq!(code, 11);
    let value: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["claims"].as_array().unwrap().len(), 19);
}

/// Ten numbers with mean 0 and standard deviation 1 (divisor n).
const NOISE: [f64; 10] = [-1.5, 0.4, 1.2, -0.7, 0.9, -1.1, 1.6, -0.3, 0.2, -0.7];

struct Made {
    folder: PathBuf,
    /// Removes the folder in the end.
    _guard: Option<tempfile::TempDir>,
    store: Store,
    replication: &'static dyn Replication,
    published: Published,
}

impl Made {
    fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::at(folder.path().to_owned(), Some(folder))
    }

    fn at(folder: PathBuf, guard: Option<tempfile::TempDir>) -> Self {
        let replication = catalogue::find("desom-gamma").unwrap();
        Self {
            store: Store::new(&folder),
            folder,
            _guard: guard,
            replication,
            published: replication.published().unwrap(),
        }
    }

    /// All runs of the paper profile, with the published means and spreads, moved by `shift`.
    fn whole(shift: f64) -> Self {
        let made = Self::empty();
        made.fill(shift);
        made
    }

    fn fill(&self, shift: f64) {
        for seed in 0..10 {
            for (place, identity) in self.identities(seed).into_iter().enumerate() {
                self.write(identity, place, shift, |_| {});
            }
        }
    }

    fn variants(&self) -> Vec<String> {
        let protocol = self
            .replication
            .protocol(Profile::Paper, &Changes::default());
        protocol
            .unwrap()
            .variants
            .into_iter()
            .map(|one| one.id)
            .collect()
    }

    fn identities(&self, seed: u64) -> Vec<Identity> {
        let protocol = self
            .replication
            .protocol(Profile::Paper, &Changes::default())
            .unwrap();
        let sha = data::dataset_sha256("mnist").unwrap();
        let variants = protocol.variants.iter();
        variants
            .map(|one| one.identity(&sha, Seed(seed), Precision::Exact))
            .collect()
    }

    fn write(
        &self,
        identity: Identity,
        place: usize,
        shift: f64,
        change: impl FnOnce(&mut Record),
    ) {
        let variant = self.variants()[place].clone();
        let seed = identity.seed.0 as usize;
        let noise = NOISE[(seed + 3 * place) % 10];
        let values = self.published.values.iter();
        let mut metrics: BTreeMap<String, Option<f64>> = values
            .filter(|one| one.replication == "desom-gamma" && one.variant == variant)
            .map(|one| {
                let value = one.mean + noise * one.sd.unwrap_or(0.002) + shift;
                (one.metric.clone(), Some(value))
            })
            .collect();
        let collapsed = variant == "gamma=10";
        if collapsed {
            metrics.insert("clustered.accuracy".into(), Some(0.1125));
        }
        metrics.insert(
            "prototype_spread".into(),
            Some(if collapsed { 4e-5 } else { 0.15 }),
        );
        let mut record = Record {
            schema: SCHEMA,
            key: identity.key(),
            variant,
            outcome: Outcome::Completed,
            metrics,
            curves: Curves::default(),
            weights_sha256: None,
            parts: Vec::new(),
            claims: self.published.fingerprints("desom-gamma"),
            provenance: Provenance {
                program: "0".into(),
                libtorch: "0".into(),
                device: "cpu".into(),
                device_name: "none".into(),
                matrix_kernels: "none".into(),
                products: Products::Float32,
                threads: 1,
                cohort: 1,
                host: "none".into(),
                system: "none".into(),
                started: "2026-01-01T00:00:00Z".into(),
                finished: "2026-01-01T00:01:00Z".into(),
                training_seconds: 100.0,
                evaluation_seconds: 20.0,
                resumed: 0,
                evaluated: None,
            },
            identity,
        };
        change(&mut record);
        self.store.write_record(&record).unwrap();
    }

    fn path(&self) -> &Path {
        &self.folder
    }
}

/// The published numbers themselves as runs: for tests that change nothing.
fn whole() -> &'static Made {
    static WHOLE: OnceLock<Made> = OnceLock::new();
    WHOLE.get_or_init(|| {
        // Statics are never dropped: this folder stays, within the target folder.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("verdicts");
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        let made = Made::at(folder, None);
        made.fill(0.0);
        made
    })
}

#[test]
fn stored_runs_are_judged_without_training() {
    let made = whole();
    let value = json(made.path(), &["verify", "desom-gamma", "--json"], 11);
    assert_eq!(
        (&value["planned"], &value["stored"]),
        (&80.into(), &80.into())
    );
    assert_eq!(value["counts"]["not_reproduced"], 0, "{value}");
    assert!(
        value["counts"]["reproduced"].as_u64().unwrap() >= 10,
        "{value}"
    );
    let (_, out, _) = call(made.path(), &["verify", "desom-gamma"]);
    assert!(
        out.starts_with("desom-gamma, paper profile: 80 runs stored, 80 planned."),
        "{out}"
    );
    assert!(
        out.contains("  reproduced      gamma-collapse-units"),
        "{out}"
    );
    // The whole command finds everything done, and says the same.
    let done = json(
        made.path(),
        &["desom-gamma", "--profile", "paper", "--json"],
        11,
    );
    assert_eq!(done["verdicts"]["claims"], value["claims"]);
    let (code, out, _) = call(made.path(), &["desom-gamma", "--profile", "paper"]);
    assert_eq!(code, 11);
    assert!(out.contains("19 claims: "), "{out}");
    // The same commands give the same verdicts again.
    assert_eq!(
        json(made.path(), &["verify", "desom-gamma", "--json"], 11),
        value
    );
}

#[test]
fn runs_that_differ_are_not_reproduced() {
    let made = Made::whole(-0.2);
    let (code, out, _) = call(made.path(), &["verify", "desom-gamma"]);
    assert_eq!(code, 10, "{out}");
    assert!(out.contains("  not reproduced  fig1-accuracy "), "{out}");
}

#[test]
fn nothing_stored_or_damaged_records_are_errors_of_their_own() {
    let made = Made::empty();
    let (code, _, err) = call(made.path(), &["verify", "desom-gamma"]);
    assert_eq!(code, 2);
    assert!(
        err.contains("run replicate desom-gamma --profile paper"),
        "{err}"
    );
    let (code, _, err) = call(made.path(), &["verify", "desom-gama"]);
    assert_eq!(code, 2);
    assert!(err.contains("desom-gamma"), "{err}");
    let made = Made::whole(0.0);
    let key = made.identities(0)[0].key();
    fs::write(made.store.folder(&key).join("record.json"), "{").unwrap();
    let (code, out, err) = call(made.path(), &["verify", "desom-gamma"]);
    assert_eq!(code, 20, "{err}");
    assert!(
        out.contains("79 runs stored") && err.contains("record.json"),
        "{out}{err}"
    );
}

#[test]
fn missing_variants_leave_claims_undecided() {
    let made = Made::empty();
    for seed in 0..10 {
        made.write(made.identities(seed).swap_remove(5), 5, 0.0, |_| {});
    }
    let value = json(made.path(), &["verify", "desom-gamma", "--json"], 11);
    let of = |id: &str| {
        let claims = value["claims"].as_array().unwrap();
        claims.iter().find(|one| one["claim"] == id).unwrap()["verdict"].clone()
    };
    assert_eq!(of("gamma-collapse-units")["kind"], "reproduced");
    assert_eq!(of("gamma-best")["kind"], "not-tested");
    assert!(
        of("gamma-best")["reason"]
            .as_str()
            .unwrap()
            .contains("no runs of")
    );
}

#[test]
fn what_was_left_out_is_not_said_to_have_no_runs() {
    let made = whole();
    let paper = ["desom-gamma", "--profile", "paper", "--json"];
    for part in [["--variants", "gamma=0.001"], ["--gammas", "0.001"]] {
        // Claims that need the others too are undecided: no claim of this part is all there is to say.
        let value = json(made.path(), &[&paper[..], &part].concat(), 11);
        let claims = value["verdicts"]["claims"].as_array().unwrap();
        let reason = |id: &str| {
            let claim = claims.iter().find(|claim| claim["claim"] == id).unwrap();
            claim["verdict"]["reason"].as_str().map(str::to_owned)
        };
        assert_eq!(
            reason("gamma-collapse-units").as_deref(),
            Some("gamma=10 was left out")
        );
        let reason = reason("gamma-best").unwrap();
        assert!(reason.ends_with(" was left out"), "{reason}");
    }
}

#[test]
fn further_seeds_count_and_short_profiles_do_not() {
    let made = Made::whole(0.0);
    for (place, identity) in made.identities(10).into_iter().enumerate() {
        made.write(identity, place, 0.0, |_| {});
    }
    let value = json(made.path(), &["verify", "desom-gamma", "--json"], 11);
    assert_eq!(value["stored"], 88);
    // One variant, one thread: planning measures how long a step takes.
    let plan = |more: &[&str]| {
        let arguments = [
            &[
                "plan",
                "desom-gamma",
                "--json",
                "--seeds",
                "1",
                "--device",
                "cpu",
                "--gammas",
                "10",
                "--threads",
                "1",
            ],
            more,
        ]
        .concat();
        json(made.path(), &arguments, 0)["no_verdict"].clone()
    };
    assert_eq!(
        plan(&["--profile", "quick"]),
        "the quick profile gives no verdict"
    );
    let altered = plan(&["--profile", "paper", "--decay", "linear"]);
    assert!(
        altered.as_str().unwrap().contains("decay = linear"),
        "{altered}"
    );
    let fast = plan(&["--profile", "paper", "--precision", "fast"]);
    assert!(fast.as_str().unwrap().contains("fast precision"), "{fast}");
    assert_eq!(plan(&["--profile", "paper"]), Value::Null);
}

/// Of all variants that a claim is about the one with the fewest seeds counts, beside those of the protocol, whatever
/// number the user asks for.
#[test]
fn decisions_on_fewer_seeds_than_the_protocol_has_are_provisional() {
    let made = Made::whole(0.0);
    let place = made.variants().iter().position(|one| one == "gamma=0.1");
    for seed in 7..10 {
        let key = made.identities(seed).swap_remove(place.unwrap()).key();
        fs::remove_dir_all(made.store.folder(&key)).unwrap();
    }
    let provisional = |value: &Value, id: &str| {
        let claims = value["claims"].as_array().unwrap();
        let claim = claims.iter().find(|claim| claim["claim"] == id).unwrap();
        assert_eq!(claim["verdict"]["kind"], "reproduced", "{claim}");
        claim.get("provisional").cloned()
    };
    let value = json(made.path(), &["verify", "desom-gamma", "--json"], 11);
    let seven = serde_json::json!({"done": 7, "planned": 10});
    assert_eq!(provisional(&value, "gamma-falls"), Some(seven));
    assert_eq!(provisional(&value, "fig1-purity-nmi"), None);
    let (_, out, _) = call(made.path(), &["verify", "desom-gamma"]);
    assert!(out.contains("(7 of 10 seeds)"), "{out}");

    let arguments = [
        "desom-gamma",
        "--profile",
        "paper",
        "--seeds",
        "6",
        "--json",
    ];
    let done = json(whole().path(), &arguments, 11);
    let six = serde_json::json!({"done": 6, "planned": 10});
    assert_eq!(provisional(&done["verdicts"], "gamma-falls"), Some(six));
}

#[test]
fn margins_changed_after_the_runs_are_said() {
    let made = Made::whole(0.0);
    let identity = made.identities(3).swap_remove(1);
    made.write(identity, 1, 0.0, |record| {
        record.claims.insert("gamma-best".into(), "0".into());
    });
    let identity = made.identities(4).swap_remove(1);
    made.write(identity, 1, 0.0, |record| record.claims.clear());
    let value = json(made.path(), &["verify", "desom-gamma", "--json"], 11);
    let claims = value["claims"].as_array().unwrap();
    let older: Vec<_> = claims.iter().filter(|one| one["older_runs"] != 0).collect();
    assert_eq!(older.len(), 1, "{older:?}");
    assert_eq!(
        (&older[0]["claim"], &older[0]["older_runs"]),
        (&"gamma-best".into(), &1.into())
    );
    let (_, out, _) = call(made.path(), &["show", "gamma-best"]);
    assert!(out.contains("The claim was changed afterwards"), "{out}");
}

#[test]
fn a_claim_is_explained_with_its_numbers() {
    let made = whole();
    let (code, out, _) = call(made.path(), &["show", "fig1-gamma-1"]);
    assert_eq!(code, 0);
    assert!(out.lines().all(|line| line.chars().count() <= 100), "{out}");
    let out = out.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "Claim Accuracy and NMI",
        "80 runs stored, 80 planned",
        "Welch's and Student's",
        "Margin 0.2: a third",
        "published 0.151 \u{b1} 0.121 (10 runs; Fig. 1, digitised)",
        "90 % interval",
        "Beforehand",
    ] {
        assert!(out.contains(words), "{words}\n{out}");
    }
    for (claim, words) in [
        ("edges-sensible", "Threshold at least 0.6: clearly above"),
        (
            "gamma-collapse-prototypes",
            "Threshold at most 0.001, in at least 70 % of the runs: spread over",
        ),
    ] {
        let (_, out, _) = call(made.path(), &["show", claim]);
        let out = out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(out.contains(words), "{words}\n{out}");
    }
    let value = json(made.path(), &["show", "fig1-gamma-1", "--json"], 0);
    assert_eq!(value["definition"]["id"], "fig1-gamma-1");
    assert_eq!(value["fingerprint"].as_str().unwrap().len(), 16);
    assert!(value["prospect"]["chance"].is_f64());
    // A claim whose experiment has no runs.
    let (code, out, _) = call(made.path(), &["show", "torus-seam"]);
    assert_eq!(code, 0);
    assert!(
        out.contains("not tested: ") && out.contains("no runs"),
        "{out}"
    );
}

#[test]
fn replications_and_papers_list_their_claims() {
    let made = Made::empty();
    let (_, out, _) = call(made.path(), &["show", "desom-gamma"]);
    assert!(
        out.contains("19 claims: not tested: no runs of the paper profile are stored"),
        "{out}"
    );
    assert!(out.contains("  gamma-best "), "{out}");
    let (_, out, _) = call(made.path(), &["show", "dec", "--paper"]);
    assert!(
        out.contains("24 claims: not tested: no runs of the paper profile"),
        "{out}"
    );
    let value = json(made.path(), &["show", "desom", "--json"], 0);
    assert_eq!(value["claims"].as_array().unwrap().len(), 49);
    for (name, expected) in [
        ("gama-best", "gamma-best"),
        ("desom-gama", "desom-gamma"),
        ("??", "desom-gamma"),
    ] {
        let (code, _, err) = call(made.path(), &["show", name]);
        assert_eq!(code, 2);
        assert!(err.contains(expected), "{err}");
    }
}

#[test]
fn a_plan_says_what_it_can_decide() {
    let made = whole();
    let (code, out, _) = call(made.path(), &["plan", "desom-gamma", "--profile", "paper"]);
    assert_eq!(code, 0);
    assert!(
        out.contains("Chance that 10 seeds say \"reproduced\""),
        "{out}"
    );
    assert!(out.contains("  1.00  gamma-collapse-units"), "{out}");
    let (_, out, _) = call(
        made.path(),
        &["plan", "desom-gamma", "--profile", "paper", "--seeds", "3"],
    );
    assert!(out.contains("3 seeds decide no claim"), "{out}");
}

#[test]
fn the_state_of_a_sweep_is_read_from_the_store() {
    let made = Made::empty();
    for (place, identity) in made.identities(0).into_iter().enumerate().take(5) {
        made.write(identity, place, 0.0, |_| {});
    }
    let identities = made.identities(1);
    let progress = |iteration| Progress {
        iteration,
        iterations: 10_000,
        elapsed: Duration::from_mins(1),
        resumed: 1,
        curves: Curves::default(),
        diverged: None,
        wall: Duration::ZERO,
    };
    // One is running, one was cut short, one failed.
    let running = made.store.lock(&identities[0].key()).unwrap().unwrap();
    let weights = [("w".to_owned(), tch::Tensor::from_slice(&[1.0_f32]))];
    checkpoint::save(
        &made.store.checkpoint(&identities[0].key()),
        &weights,
        Some(&progress(2_500)),
    )
    .unwrap();
    drop(made.store.lock(&identities[1].key()).unwrap());
    checkpoint::save(
        &made.store.checkpoint(&identities[1].key()),
        &weights,
        Some(&progress(5_000)),
    )
    .unwrap();
    let failure = Failure {
        message: "no memory\nat all".into(),
        when: String::new(),
    };
    made.store
        .write_failure(&identities[2].key(), &failure)
        .unwrap();
    let arguments = [
        "status",
        "desom-gamma",
        "--profile",
        "paper",
        "--seeds",
        "2",
    ];
    // One of four that train together: a minute of it is four minutes of the clock. It was begun two hours ago, and
    // waited for the autoencoder that it begins with: that says nothing.
    let of_four = Progress {
        wall: Duration::from_mins(4),
        resumed: 0,
        ..progress(2_500)
    };
    let lock = made.store.folder(&identities[0].key()).join("lock");
    let lock = std::fs::File::options().write(true).open(lock).unwrap();
    let before = std::time::SystemTime::now() - Duration::from_hours(2);
    lock.set_modified(before).unwrap();
    let path = made.store.checkpoint(&identities[0].key());
    checkpoint::save(&path, &weights, Some(&of_four)).unwrap();
    let value = json(made.path(), &[&arguments[..], &["--json"]].concat(), 0);
    let mut states = value["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| &run["state"]);
    let state = states.find(|state| state["kind"] == "running").unwrap();
    assert_eq!(state["progress"]["seconds_left"], 720.0, "{value}");
    let count = |kind: &str| value[kind].as_u64().unwrap();
    let counts = ["done", "running", "interrupted", "failed", "waiting"].map(count);
    assert_eq!(counts, [5, 1, 1, 1, 8], "{value}");
    assert!(value["seconds_left"].as_f64().unwrap() > 180.0, "{value}");
    let (_, out, _) = call(made.path(), &arguments);
    for words in [
        "gamma=0.0001 seed 1      running  2500/10000 (25 %), saved",
        "failed  ",
        "no memory",
        "16 runs: 5 done, 1 running, 1 interrupted, 1 failed, 8 waiting; about",
    ] {
        assert!(out.contains(words), "{words}\n{out}");
    }
    // Looking has taken nothing away, and the lock was noticed.
    assert!(made.store.lock(&identities[0].key()).unwrap().is_none());
    drop(running);
    let (_, out, _) = call(made.path(), &arguments);
    assert!(
        out.contains("Nothing works on them: start replicate desom-gamma"),
        "{out}"
    );
    let (_, out, _) = call(made.path(), &["status"]);
    assert!(
        out.contains("desom-gamma, paper profile, 80 runs: 5 done"),
        "{out}"
    );
    let all = json(made.path(), &["status", "--json"], 0);
    assert_eq!(all[0]["done"], 5, "{all}");
    assert!(!made.path().join("data").exists());
}
