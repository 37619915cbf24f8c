//! Disks that refuse.

use super::*;

/// Every file of a run, and every way to fail.
#[test]
fn whatever_the_disk_refuses_costs_one_run_until_it_is_mended() {
    let whole = Sandbox::new();
    assert_eq!(run(&whole.store).finished, 2);
    let files = [
        ("", 0),
        ("/lock", 0),
        ("/lock.1", 0),
        ("/checkpoint.safetensors", 0),
        // Three are written, the fourth is not.
        ("/checkpoint.safetensors", 3),
        ("/weights.safetensors", 0),
        ("/record.json", 0),
    ];
    for (file, after) in files {
        for code in [
            Some(libc::ENOSPC),
            Some(libc::EACCES),
            Some(libc::EROFS),
            None,
        ] {
            if code.is_none() && ["", "/lock"].contains(&file) {
                // Nothing is written to them.
                continue;
            }
            let context = format!("{file} {after} {code:?}");
            let sandbox = Sandbox::new();
            let store = &sandbox.store;
            let key = sandbox.key(0);
            let end = format!("{}{file}", key.short());
            let fault = match (code, file) {
                (Some(code), "") => Fault::error(Step::CreateFolder, &end, code),
                (Some(code), "/lock") => Fault::error(Step::Create, &end, code),
                (Some(code), _) => Fault::error(Step::Write, &end, code),
                (None, _) => Fault::short(&end),
            };
            let faults = Faults::under(sandbox.path());
            faults.add(fault.after(after));
            let report = run(store);

            // It is told with its path and what to do, and the other run is not touched by it.
            assert_eq!(
                (report.finished, report.failures.len()),
                (1, 1),
                "{context}"
            );
            let (name, message) = &report.failures[0];
            assert_eq!(name, "walk seed 0");
            assert!(
                message.contains(&format!("{end}: ")),
                "{context}: {message}"
            );
            assert!(
                message.contains("same command again"),
                "{context}: {message}"
            );
            assert_eq!(outcome(store, 1), outcome(&whole.store, 1));
            // It does not count as done, and nothing half-written is in its folder.
            assert_eq!(store.record(&key).unwrap(), None, "{context}");
            if !file.is_empty() {
                let left = names(&store.folder(&key));
                assert!(
                    !left.iter().any(|name| files::is_temporary(name.as_ref())),
                    "{left:?}"
                );
            }
            let reason = task(store, 0).run.reason;
            let expected = match (file, after) {
                ("" | "/lock" | "/lock.1", _) | ("/checkpoint.safetensors", 0) => {
                    // The reason why is known but where there is no folder to write it into.
                    matches!(reason, Reason::FailedBefore { .. } | Reason::New)
                }
                ("/checkpoint.safetensors", _) => {
                    matches!(
                        reason,
                        Reason::Resume {
                            at: 3,
                            of: ITERATIONS
                        }
                    )
                }
                _ => matches!(reason, Reason::Resume { at, .. } if at == ITERATIONS),
            };
            assert!(expected, "{context}: {reason}");

            drop(faults);
            let report = run(store);
            assert_eq!(
                (report.finished, report.failures.len()),
                (1, 0),
                "{context}"
            );
            assert_eq!(outcome(store, 0), outcome(&whole.store, 0), "{context}");
            let left = names(&store.folder(&key));
            assert_eq!(
                left,
                ["lock", "record.json", "weights.safetensors"],
                "{context}"
            );
        }
    }
}

#[test]
fn a_failure_that_cannot_be_noted_is_told_all_the_same() {
    let sandbox = Sandbox::new();
    let key = sandbox.key(0);
    let faults = Faults::under(sandbox.path());
    for file in ["record.json", "failure.json"] {
        let end = format!("{}/{file}", key.short());
        faults.add(Fault::any(&end, libc::ENOSPC));
    }
    let report = run(&sandbox.store);
    assert_eq!((report.finished, report.failures.len()), (1, 1));
    assert!(report.failures[0].1.contains("record.json"));
    assert!(sandbox.store.failure(&key).is_none());
    drop(faults);
    assert_eq!(run(&sandbox.store).finished, 1);
}

#[test]
fn a_disk_that_refuses_everything_fails_every_run_and_loses_nothing() {
    for code in [libc::ENOSPC, libc::EACCES, libc::EROFS] {
        let sandbox = Sandbox::new();
        let faults = Faults::under(sandbox.path());
        faults.add(Fault::any("", code));
        assert!(
            sandbox
                .store
                .probe()
                .unwrap_err()
                .to_string()
                .contains("--store")
        );
        let report = run(&sandbox.store);
        assert_eq!((report.finished, report.failures.len()), (0, 2));
        drop(faults);
        assert_eq!(run(&sandbox.store).finished, 2);
    }
}

/// The record comes after the weights, and what is removed goes after the record: at any moment a
/// power cut leaves either a complete run or one that can be resumed.
#[test]
fn each_file_is_durable_before_the_next_and_before_anything_is_removed() {
    let sandbox = Sandbox::new();
    let key = sandbox.key(0);
    let faults = Faults::under(sandbox.path());
    let folder = format!("runs/{}", key.short());
    run(&sandbox.store);
    let log: Vec<String> = faults
        .log()
        .into_iter()
        .filter(|line| line.contains(&folder))
        .map(|line| line.replace(&folder, "RUN"))
        .collect();
    let whole = |file: &str| {
        ["create", "write", "flush", "rename"]
            .map(|step| format!("{step} RUN/{file}"))
            .into_iter()
            .chain(["flush-folder RUN".to_owned()])
    };
    let expected: Vec<String> = ["create-folder RUN", "create RUN/lock"]
        .into_iter()
        .chain(["create RUN/lock.1", "write RUN/lock.1", "flush RUN/lock.1"])
        .map(str::to_owned)
        .chain((1..=ITERATIONS).flat_map(|_| whole("checkpoint.safetensors")))
        .chain(whole("weights.safetensors"))
        .chain(whole("record.json"))
        .chain(["remove RUN/checkpoint.safetensors".to_owned()])
        .collect();
    assert_eq!(log, expected);
}

#[test]
fn a_record_that_may_not_be_durable_keeps_its_checkpoint() {
    let sandbox = Sandbox::new();
    let (store, key) = (&sandbox.store, sandbox.key(0));
    run(store);
    let record = store.record(&key).unwrap().unwrap();
    fs::write(store.checkpoint(&key), "x").unwrap();
    let faults = Faults::under(sandbox.path());
    faults.add(Fault::error(Step::FlushFolder, key.short(), libc::EIO));
    assert!(store.write_record(&record).is_err());
    assert!(store.checkpoint(&key).exists());
    drop(faults);
    store.write_record(&record).unwrap();
    assert!(!store.checkpoint(&key).exists());
}

#[test]
fn what_a_killed_process_was_writing_goes_when_the_run_is_complete() {
    let sandbox = Sandbox::new();
    let folder = sandbox.store.folder(&sandbox.key(0));
    fs::create_dir_all(&folder).unwrap();
    for name in [
        "checkpoint.safetensors.99-0.tmp",
        "weights.safetensors.99-1.tmp",
        "notes.txt",
    ] {
        fs::write(folder.join(name), "x").unwrap();
    }
    run(&sandbox.store);
    let left = names(&folder);
    assert_eq!(
        left,
        ["lock", "notes.txt", "record.json", "weights.safetensors"]
    );
}
