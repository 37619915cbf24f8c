//! A thousand runs, or as many as `REPLICATE_SCALE` says: how long planning, submission and collection
//! take, and how many files there are. Records are scripted: nothing is trained.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use replicate::nn::Precision;
use replicate::runs::identity::SCHEMA;
use replicate::runs::record::{Curves, Provenance};
use replicate::runs::{Identity, Outcome, Record, Store};
use serde_json::Value;

use super::cluster;
use super::program::{json, text};
use super::site::{Site, name};

/// What each of the three may take for a thousand runs.
const LIMIT: Duration = Duration::from_secs(10);

fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .map(|path| if path.is_dir() { files(&path) } else { 1 })
        .sum()
}

fn timed<T>(what: &str, runs: usize, work: impl FnOnce() -> T) -> T {
    let clock = Instant::now();
    let done = work();
    let time = clock.elapsed();
    eprintln!("{what} of {runs} runs: {time:.1?}");
    let limit = LIMIT.mul_f64((runs as f64 / 1000.0).max(1.0));
    assert!(time < limit, "{what} took {time:.1?}, more than {limit:?}");
    done
}

/// Writes a record for a planned run.
fn script(store: &Store, planned: &Value) {
    let identity: Identity = serde_json::from_value(planned["identity"].clone()).unwrap();
    let value = (identity.seed.0 % 100) as f64 / 100.0;
    let metrics = [
        "bmu.purity",
        "bmu.nmi",
        "classes.accuracy",
        "classes.purity",
        "classes.nmi",
    ];
    let record = Record {
        schema: SCHEMA,
        key: identity.key(),
        variant: planned["variant"].as_str().unwrap().to_owned(),
        outcome: Outcome::Completed,
        metrics: metrics.map(|name| (name.to_owned(), Some(value))).into(),
        curves: Curves::default(),
        weights_sha256: None,
        claims: BTreeMap::new(),
        parts: Vec::new(),
        provenance: Provenance::here(tch::Device::Cpu, Precision::Exact, jiff::Timestamp::now()),
        identity,
    };
    let _lock = store.lock(&record.key).unwrap().unwrap();
    store.write_record(&record).unwrap();
}

#[test]
fn a_thousand_runs_take_seconds() {
    let Some(cluster) = cluster::start(1001) else {
        return;
    };
    let site: Site = cluster.site(&["--partition", "closed"]);
    let runs: usize = std::env::var("REPLICATE_SCALE").map_or(1000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    // Eight variants.
    let seeds = (runs / 8).to_string();
    let sweep = ["desom-gamma", "--profile", "smoke", "--seeds", &seeds];
    timed("planning", runs, || {
        let planned = site.json(store, &[&["submit"], &sweep[..], &["--dry-run"]].concat());
        assert_eq!(planned["runs"], runs);
    });
    let submitted = timed("submission", runs, || site.submit(store, &sweep, &[]));
    assert_eq!(submitted["tasks"], runs);
    let arrays = submitted["jobs"].as_array().unwrap().len();
    assert_eq!(arrays, runs.div_ceil(1001));
    let (launch, before) = (name(&submitted), files(store));
    timed("the state", runs, || {
        assert_eq!(site.status(store, &launch)["counts"]["waiting"], runs);
    });
    timed("cancelling", runs, || {
        let output = site.run(store, &["cancel", &launch]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    });
    let plan = json(
        store,
        &[&["plan"], &sweep[..], &["--threads", "1", "--json"]].concat(),
    );
    let scripted = Store::new(store);
    for planned in plan["runs"].as_array().unwrap() {
        script(&scripted, planned);
    }
    eprintln!(
        "{arrays} arrays, {before} files and {} bytes of plan before; {} files of a run",
        fs::metadata(submitted["plan"].as_str().unwrap())
            .unwrap()
            .len(),
        (files(store) - before) as f64 / runs as f64
    );
    let collected = timed("collection", runs, || {
        site.json(store, &["collect", &launch])
    });
    assert_eq!(collected["stored"], runs);
}
