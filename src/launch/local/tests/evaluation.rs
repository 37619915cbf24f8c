//! What an older version has trained is evaluated anew, and only that.

use super::*;
use crate::train::Kept;

/// Walks whose place is now given in another unit.
struct Rescaled;

impl Method for Rescaled {
    fn id(&self) -> &'static str {
        "walks"
    }

    fn version(&self) -> u32 {
        2
    }

    fn trained_since(&self) -> u32 {
        1
    }

    fn shape(&self, settings: &Value) -> Result<Option<String>, train::Error> {
        Walks.shape(settings)
    }

    fn can_round(&self) -> bool {
        false
    }

    fn calibrate(&self, settings: &Value, trial: &Trial) -> Result<Work, train::Error> {
        Walks.calibrate(settings, trial)
    }

    fn run(&self, cohort: &[Member], context: &Context) -> Result<Option<Runs>, train::Error> {
        let Some(runs) = Walks.run(cohort, context)? else {
            return Ok(None);
        };
        let runs = runs.into_iter().map(|run| {
            run.map(|mut run| {
                run.metrics = metrics(&run.weights[0].1);
                run
            })
        });
        Ok(Some(runs.collect()))
    }

    fn evaluate(&self, _: &Member, kept: &Kept, _: &Context) -> Result<Finished, train::Error> {
        Ok(Finished {
            outcome: Outcome::Completed,
            metrics: metrics(&kept.weights["at"]),
            curves: kept.curves.clone(),
            weights: vec![("at".to_owned(), kept.weights["at"].copy())],
            training: Duration::ZERO,
            evaluation: Duration::from_secs(2),
            resumed: 0,
            makers: Vec::new(),
        })
    }
}

fn metrics(at: &Tensor) -> BTreeMap<String, f64> {
    BTreeMap::from([("at".to_owned(), f64::from(slice(at)[0]) * 100.0)])
}

fn rescaled(store: &Store, seed: u64) -> Task {
    let older = task(store, seed);
    let identity = Identity {
        algorithm: 2,
        ..older.run.identity
    };
    let lineages = store.by_lineage().unwrap();
    Task {
        run: PlannedRun {
            key: identity.key(),
            reason: store.reason(&identity, &lineages, 1).unwrap(),
            identity,
            ..older.run
        },
        method: &Rescaled,
        ..older
    }
}

#[test]
fn only_what_cannot_be_evaluated_anew_is_trained_again() {
    let anew = Sandbox::new();
    // Claims have changed between the two.
    let with = |claim: &str, task: Task| Task {
        claims: Arc::new([("holds".to_owned(), claim.to_owned())].into()),
        ..task
    };
    let older = [0, 1].map(|seed| with("then", task(&anew.store, seed)));
    run_tasks(&anew.store, older.into(), Device::Cpu);
    let changed = Reason::EvaluationChanged { from: 1, to: 2 };
    // Seed 0's weights are altered, as seen at once; seed 1's are whole.
    let weights = anew.store.weights(&anew.key(0));
    fs::write(&weights, b"altered").unwrap();
    let tasks = [0, 1].map(|seed| with("now", rescaled(&anew.store, seed)));
    assert_eq!(
        tasks[0].run.reason,
        Reason::AlgorithmChanged { from: 1, to: 2 }
    );
    assert_eq!(tasks[1].run.reason, changed);
    // A worker asks for these alone, by their keys.
    let identity = &tasks[1].run.identity;
    let older = anew.store.older(identity, 1);
    assert_eq!(
        older,
        anew.store
            .by_lineage()
            .unwrap()
            .into_iter()
            .filter(|(lineage, _)| *lineage == identity.lineage())
            .collect()
    );
    assert_eq!((older.len(), anew.store.older(identity, 2).len()), (1, 0));
    let keys = [0, 1].map(|at: usize| tasks[at].run.key.clone());
    let report = run_tasks(&anew.store, tasks.to_vec(), Device::Cpu);
    assert_eq!((report.finished, report.failures.len()), (2, 0));

    // As if it had been trained by the new version; but the record says how it came about.
    let trained = Sandbox::new();
    let both = [0, 1].map(|seed| rescaled(&trained.store, seed));
    run_tasks(&trained.store, both.to_vec(), Device::Cpu);
    let older = anew.store.record(&anew.key(1)).unwrap().unwrap();
    for key in &keys {
        let [ours, theirs] =
            [&anew.store, &trained.store].map(|store| store.intact(key).unwrap().unwrap());
        assert_eq!(ours.metrics, theirs.metrics);
        assert_eq!(ours.curves, theirs.curves);
        assert_eq!(ours.weights_sha256, theirs.weights_sha256);
        assert!(theirs.provenance.evaluated.is_none());
    }
    let retrained = anew.store.record(&keys[0]).unwrap().unwrap();
    assert!(retrained.provenance.evaluated.is_none());
    assert_eq!(retrained.claims["holds"], "now");
    let record = anew.store.record(&keys[1]).unwrap().unwrap();
    let from = &record.provenance;
    assert_eq!(from.started, older.provenance.started);
    assert!((from.training_seconds - older.provenance.training_seconds).abs() < f64::EPSILON);
    assert!((from.evaluation_seconds - 2.0).abs() < f64::EPSILON);
    assert!(from.evaluated.is_some());
    // Its numbers were known when the claim was changed.
    assert_eq!(record.claims["holds"], "then");
    // The older run is left as it was.
    assert_eq!(anew.store.record(&anew.key(1)).unwrap(), Some(older));
}

#[test]
fn an_evaluation_that_failed_is_tried_again() {
    let sandbox = Sandbox::new();
    run(&sandbox.store);
    let key = rescaled(&sandbox.store, 0).run.key;
    let failure = crate::runs::store::Failure {
        message: "no space left".to_owned(),
        when: String::new(),
    };
    sandbox.store.write_failure(&key, &failure).unwrap();
    let task = rescaled(&sandbox.store, 0);
    let changed = Reason::EvaluationChanged { from: 1, to: 2 };
    assert_eq!(task.run.reason, changed);
    let report = run_tasks(&sandbox.store, vec![task], Device::Cpu);
    assert_eq!((report.finished, report.failures.len()), (1, 0));
    let record = sandbox.store.record(&key).unwrap().unwrap();
    assert!(record.provenance.evaluated.is_some());
}

#[test]
fn weights_that_go_after_planning_are_trained_again() {
    let sandbox = Sandbox::new();
    run(&sandbox.store);
    let planned = rescaled(&sandbox.store, 0);
    fs::remove_file(sandbox.store.weights(&sandbox.key(0))).unwrap();
    let report = run_tasks(&sandbox.store, vec![planned.clone()], Device::Cpu);
    assert_eq!((report.finished, report.failures.len()), (1, 0));
    let record = sandbox.store.record(&planned.run.key).unwrap().unwrap();
    assert!(record.provenance.evaluated.is_none());
}

#[test]
fn other_data_are_never_evaluated_with_old_weights() {
    let sandbox = Sandbox::new();
    run(&sandbox.store);
    let mut identity = rescaled(&sandbox.store, 0).run.identity;
    identity.data_sha256 = "1".to_owned();
    let lineages = sandbox.store.by_lineage().unwrap();
    let reason = sandbox.store.reason(&identity, &lineages, 1).unwrap();
    assert_eq!(reason, Reason::AlgorithmChanged { from: 1, to: 2 });
}
