//! Other processes.

use super::*;
use crate::runs::checkpoint::Progress;
use crate::runs::record::Maker;

/// Another process holds a run; while the rest is done it finishes, dies, or goes on.
#[test]
fn a_run_that_was_held_is_looked_at_again_in_the_end() {
    struct During<F: Fn() + Sync>(F);
    impl<F: Fn() + Sync> Observer for During<F> {
        fn notify(&self, event: &Event) {
            if let Event::Finished { .. } = event {
                (self.0)();
            }
        }
    }
    let sandbox = Sandbox::new();
    let store = &sandbox.store;
    let lock = store.lock(&sandbox.key(0)).unwrap().unwrap();
    let report = run(store);
    assert_eq!((report.finished, report.elsewhere), (1, 1));
    let holders: Vec<u32> = report.holders.iter().map(|holder| holder.pid).collect();
    assert_eq!(holders, [std::process::id()]);

    // Given back while the other run is done.
    let lock = Mutex::new(Some(lock));
    let release = During(|| drop(locked(&lock).take()));
    let tasks = vec![task(store, 0), task(store, 2)];
    let report = run_observed(store, tasks, Device::Cpu, &release);
    assert_eq!((report.finished, report.elsewhere), (2, 0));
}

/// What another process has brought further than was planned trains on its own.
#[test]
fn a_cohort_is_split_where_its_runs_have_come_differently_far() {
    let sandbox = Sandbox::new();
    let store = &sandbox.store;
    let tasks = vec![task(store, 0), task(store, 1)];
    let faults = Faults::under(sandbox.path());
    let end = format!("{}/checkpoint.safetensors", sandbox.key(0).short());
    faults.add(Fault::error(Step::Write, &end, libc::ENOSPC).after(3));
    run_tasks(store, vec![task(store, 0)], Device::Cpu);
    drop(faults);
    let report = run_tasks(store, tasks, Device::Cuda(0));
    assert_eq!(
        (report.finished, report.failures.len()),
        (2, 0),
        "{report:?}"
    );
    for (seed, resumed) in [(0, 1), (1, 0)] {
        let record = store.record(&sandbox.key(seed)).unwrap().unwrap();
        assert_eq!(record.provenance.resumed, resumed);
        assert_eq!(record.provenance.cohort, 1);
    }
}

/// A process that was stopped for so long that another one took its run over does not mix its
/// weights with the other's record.
#[test]
fn a_run_that_was_taken_over_is_not_kept() {
    struct Robber(std::path::PathBuf);
    impl Observer for Robber {
        fn notify(&self, event: &Event) {
            if let Event::Started { .. } = event {
                fs::write(self.0.join("lock.2"), "{\"taken\": true}").unwrap();
            }
        }
    }
    let sandbox = Sandbox::new();
    let store = &sandbox.store;
    let key = sandbox.key(0);
    let robber = Robber(store.folder(&key));
    let report = run_observed(store, vec![task(store, 0)], Device::Cpu, &robber);
    assert_eq!((report.finished, report.elsewhere), (0, 1));
    assert_eq!(store.record(&key).unwrap(), None);
    assert!(!store.weights(&key).exists());
}

/// Begun on another machine or by another version, and finished here: the record says so.
#[test]
fn what_earlier_attempts_were_made_with_is_recorded() {
    let here = Maker::here(Device::Cpu);
    let other = Maker {
        device_name: "another processor".to_owned(),
        ..here.clone()
    };
    let walk = Walk {
        seed: 0.0,
        at: Tensor::ones([100], (Kind::Float, Device::Cpu)),
    };
    for (makers, earlier) in [
        (vec![other.clone()], vec![other.clone()]),
        (vec![here.clone(), other.clone()], vec![other.clone()]),
        (vec![here], Vec::new()),
    ] {
        let sandbox = Sandbox::new();
        let (store, key) = (&sandbox.store, sandbox.key(0));
        fs::create_dir_all(store.folder(&key)).unwrap();
        let progress = Progress {
            iteration: 3,
            iterations: ITERATIONS,
            elapsed: Duration::ZERO,
            resumed: 0,
            curves: crate::runs::record::Curves::default(),
            diverged: None,
            wall: Duration::ZERO,
            makers,
        };
        checkpoint::save(&store.checkpoint(&key), &walk.state(0), Some(&progress)).unwrap();
        assert_eq!(run(store).finished, 2);
        let of = |seed| {
            store
                .record(&sandbox.key(seed))
                .unwrap()
                .unwrap()
                .provenance
        };
        assert_eq!((of(0).resumed, of(0).earlier), (1, earlier));
        // One that was made in one go says nothing of it.
        let plain = serde_json::to_string(&of(1)).unwrap();
        assert!(!plain.contains("earlier"), "{plain}");
    }
}
