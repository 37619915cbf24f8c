//! What a cohort of runs lacks: trained together, kept one by one.

use super::*;

/// What a part's record says of how it was trained: with how many, and how often resumed.
fn made(store: &Store, start: &Value, seed: u64) -> (usize, u32) {
    let record = place(store, start, seed).record().unwrap().unwrap();
    assert_eq!(record.curves.iteration, [0, 1, 2, 3, 4, 5]);
    (record.provenance.cohort, record.provenance.resumed)
}

/// The bytes of the weights of three seeds, each trained alone.
fn alone(start: &Value) -> [Vec<u8>; 3] {
    [0, 1, 2].map(|seed| {
        let sandbox = Sandbox::new();
        let task = end(&sandbox.store, start, 0, seed);
        run_tasks(&sandbox.store, vec![task], Device::Cpu);
        fs::read(place(&sandbox.store, start, seed).weights()).unwrap()
    })
}

fn weights(store: &Store, start: &Value) -> [Vec<u8>; 3] {
    [0, 1, 2].map(|seed| fs::read(place(store, start, seed).weights()).unwrap())
}

fn three(store: &Store, start: &Value) -> Vec<Task> {
    [0, 1, 2].map(|seed| end(store, start, 0, seed)).into()
}

#[test]
fn what_a_cohort_lacks_is_trained_together() {
    let start = json!({"name": "together"});
    let expected = alone(&start);
    // All of it, all but what is there already, and all but one seed that two runs share.
    for there in [None, Some(1)] {
        let sandbox = Sandbox::new();
        let store = &sandbox.store;
        if let Some(seed) = there {
            run_tasks(store, vec![end(store, &start, 5, seed)], Device::Cpu);
        }
        let trained = times_trained("together");
        let mut tasks = three(store, &start);
        tasks.push(end(store, &start, 1, 2));
        let report = run_tasks(store, tasks.clone(), Device::Cuda(0));
        assert_eq!((report.finished, report.failures.len()), (4, 0));
        let lacked = if there.is_some() { 2 } else { 3 };
        assert_eq!(times_trained("together"), trained + lacked);
        for seed in [0, 1, 2] {
            let together = if there == Some(seed) { 1 } else { lacked };
            assert_eq!(made(store, &start, seed), (together, 0), "{seed} {there:?}");
        }
        assert_eq!(weights(store, &start), expected);
        for task in &tasks {
            let record = store.record(&task.run.key).unwrap().unwrap();
            let part = place(store, &start, task.run.identity.seed.0);
            assert_eq!(record.parts, [part.record().unwrap().unwrap().to_use()]);
        }
    }
}

/// Called when somebody is told to wait for seed 0.
struct Release<'a>(&'a (dyn Fn() + Sync));
impl Observer for Release<'_> {
    fn notify(&self, event: &Event) {
        if let Event::Advanced { detail, .. } = event
            && detail.contains("of seed 0: waiting")
        {
            (self.0)();
        }
    }
}

#[test]
fn what_another_one_trains_is_waited_for_while_the_rest_is_trained() {
    let sandbox = Sandbox::new();
    let store = &sandbox.store;
    let start = json!({"name": "rest"});
    let lock = Mutex::new(Some(place(store, &start, 0).lock().unwrap().unwrap()));
    let release = || {
        assert!(place(store, &start, 2).record().unwrap().is_some());
        drop(locked(&lock).take());
    };
    let tasks = three(store, &start);
    let report = run_observed(store, tasks, Device::Cuda(0), &Release(&release));
    assert_eq!((report.finished, report.failures.len()), (3, 0));
    assert_eq!(
        [0, 1, 2].map(|seed| made(store, &start, seed)),
        [(1, 0), (2, 0), (2, 0)]
    );
    assert_eq!(weights(store, &start), alone(&start));
}

#[test]
fn a_cohort_cut_short_is_resumed_in_any_grouping() {
    let start = json!({"name": "regrouped", "pause": 110});
    let expected = alone(&json!({"name": "regrouped"}));
    for alone_first in [None, Some(1)] {
        let sandbox = Sandbox::new();
        let store = &sandbox.store;
        let stop = AtomicBool::new(false);
        let observer = StopAt("starting 3/6", &stop);
        let tasks = three(store, &start);
        let report = run_with(store, tasks.clone(), Device::Cuda(0), &observer, 1, &stop);
        assert!(report.interrupted && report.finished == 0);
        for seed in [0, 1, 2] {
            let at = place(store, &start, seed).progress().unwrap().iteration;
            assert!((3..6).contains(&at), "{at}");
        }
        if let Some(seed) = alone_first {
            run_tasks(store, vec![tasks[seed].clone()], Device::Cpu);
        }
        let rest: Vec<Task> = (0..3)
            .filter(|seed| alone_first != Some(*seed))
            .map(|seed| tasks[seed].clone())
            .collect();
        let together = rest.len();
        assert!(run_tasks(store, rest, Device::Cuda(0)).failures.is_empty());
        for seed in [0, 1, 2] {
            let size = if alone_first == Some(seed as usize) {
                1
            } else {
                together
            };
            assert_eq!(made(store, &start, seed), (size, 1), "{seed}");
        }
        assert_eq!(weights(store, &start), expected);
    }
}

/// One was brought further alone: it goes on alone, the others together.
#[test]
fn parts_that_have_come_differently_far_are_not_mixed() {
    let sandbox = Sandbox::new();
    let store = &sandbox.store;
    let start = json!({"name": "further", "pause": 110});
    let stop = AtomicBool::new(false);
    let observer = StopAt("starting 3/6", &stop);
    let tasks = three(store, &start);
    run_with(
        store,
        vec![tasks[1].clone()],
        Device::Cpu,
        &observer,
        1,
        &stop,
    );
    let report = run_tasks(store, tasks, Device::Cuda(0));
    assert_eq!((report.finished, report.failures.len()), (3, 0));
    assert_eq!(
        [0, 1, 2].map(|seed| made(store, &start, seed)),
        [(2, 0), (1, 1), (2, 0)]
    );
    assert_eq!(weights(store, &start), alone(&json!({"name": "further"})));
}

#[test]
fn what_the_disk_refuses_of_one_does_not_cost_the_others() {
    let sandbox = Sandbox::new();
    let store = &sandbox.store;
    let start = json!({"name": "one refused"});
    let tasks = three(store, &start);
    let file = format!("parts/{}/part.json", place(store, &start, 0).key().short());
    let faults = Faults::under(sandbox.path());
    faults.add(Fault::error(Step::Write, &file, libc::ENOSPC));
    let report = run_tasks(store, tasks.clone(), Device::Cuda(0));
    assert_eq!((report.finished, report.failures.len()), (0, 3));
    assert!(report.failures[0].1.contains("disk is full"), "{report:?}");
    let there = |seed| place(store, &start, seed).record().unwrap().is_some();
    assert_eq!([0, 1, 2].map(there), [false, true, true]);
    drop(faults);
    assert_eq!(run_tasks(store, tasks, Device::Cuda(0)).finished, 3);
    assert_eq!(
        weights(store, &start),
        alone(&json!({"name": "one refused"}))
    );
}

/// It looks whole until it is read: found out when the cohort begins, and begun anew without the others.
#[test]
fn a_damaged_checkpoint_costs_nobody_else_anything() {
    let sandbox = Sandbox::new();
    let store = &sandbox.store;
    let start = json!({"name": "one damaged", "pause": 110});
    let stop = AtomicBool::new(false);
    let observer = StopAt("starting 3/6", &stop);
    let tasks = three(store, &start);
    run_with(store, tasks.clone(), Device::Cuda(0), &observer, 1, &stop);
    let path = place(store, &start, 1).checkpoint();
    let mut bytes = fs::read(&path).unwrap();
    let kind = bytes
        .windows(5)
        .position(|five| five == b"\"F32\"")
        .unwrap();
    bytes[kind + 1] = b'I';
    fs::write(&path, bytes).unwrap();
    assert!(place(store, &start, 1).progress().unwrap().iteration >= 3);

    let report = run_tasks(store, tasks, Device::Cuda(0));
    assert_eq!(
        (report.finished, report.failures.len()),
        (3, 0),
        "{report:?}"
    );
    assert_eq!(
        [0, 1, 2].map(|seed| made(store, &start, seed)),
        [(2, 1), (1, 0), (2, 1)]
    );
    assert_eq!(weights(store, &start), alone(&start));
}
