//! Stores in which something is not what this program has written.

use super::*;

/// Puts something in a file's place.
type Put = fn(&Path);
/// What the message says, the file, and what becomes of its bytes.
type Damage = (&'static str, &'static str, fn(Vec<u8>) -> Vec<u8>);

fn edit(bytes: &[u8], edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(bytes).unwrap();
    edit(&mut value);
    value.to_string().into_bytes()
}

const DAMAGES: [Damage; 8] = [
    ("it is empty", "record.json", |_| Vec::new()),
    ("EOF", "record.json", |mut bytes| {
        bytes.truncate(bytes.len() / 2);
        bytes
    }),
    ("expected value", "record.json", |_| vec![0; 4096]),
    ("not that of its settings", "record.json", |bytes| {
        edit(&bytes, |record| {
            record["identity"]["settings"]["gamma"] = 7.into();
        })
    }),
    ("not that of its settings", "record.json", |bytes| {
        edit(&bytes, |record| record["key"] = "00".into())
    }),
    // All of another run's, as after a folder was copied.
    ("it belongs to the run", "record.json", |bytes| {
        let mut record: Record = serde_json::from_slice(&bytes).unwrap();
        record.identity.seed = Seed(1);
        record.key = record.identity.key();
        serde_json::to_vec(&record).unwrap()
    }),
    ("missing field", "record.json", |bytes| {
        edit(&bytes, |record| {
            record.as_object_mut().unwrap().remove("metrics");
        })
    }),
    ("SHA-256", "weights.safetensors", |mut bytes| {
        *bytes.last_mut().unwrap() ^= 1;
        bytes
    }),
];

/// Damage of every kind: told in the plan, done again, and what was damaged is kept.
#[test]
fn damaged_runs_are_done_again_and_kept() {
    let whole = Sandbox::new();
    run(&whole.store);
    for (expected, file, damage) in DAMAGES {
        let sandbox = Sandbox::new();
        let (store, key) = (&sandbox.store, sandbox.key(0));
        run(store);
        let path = store.folder(&key).join(file);
        let damaged = damage(fs::read(&path).unwrap());
        fs::write(&path, &damaged).unwrap();

        let reason = task(store, 0).run.reason;
        let text = reason.to_string();
        assert!(
            matches!(reason, Reason::Damaged { .. }),
            "{expected}: {text}"
        );
        assert!(text.contains(expected) && text.contains(file), "{text}");

        let report = run(store);
        assert_eq!(
            (report.finished, report.failures.len()),
            (1, 0),
            "{expected}"
        );
        let aside = store.folder(&key).join(format!("{file}.unreadable-1"));
        assert!(
            report.kept_aside.contains(&aside),
            "{:?}",
            report.kept_aside
        );
        assert_eq!(fs::read(aside).unwrap(), damaged, "{expected}");
        assert_eq!(outcome(store, 0), outcome(&whole.store, 0), "{expected}");
        assert_eq!(task(store, 0).run.reason, Reason::Cached);
    }
}

#[test]
fn a_damaged_record_that_cannot_be_kept_is_not_written_over() {
    let sandbox = Sandbox::new();
    let (store, key) = (&sandbox.store, sandbox.key(0));
    run(store);
    let path = store.folder(&key).join("record.json");
    fs::write(&path, "damaged").unwrap();
    let faults = Faults::under(sandbox.path());
    faults.add(Fault::any("unreadable-1", libc::EROFS));
    let report = run(store);
    assert_eq!((report.finished, report.failures.len()), (0, 1));
    assert_eq!(fs::read_to_string(path).unwrap(), "damaged");
}

/// Nothing is known of these but that they are not ours to move.
#[test]
fn what_cannot_be_read_is_told_and_left_alone() {
    let put: [(&str, Put); 4] = [
        ("older format", |path| {
            fs::write(path, "{\"schema\": 0}").unwrap();
        }),
        ("newer format", |path| {
            fs::write(path, "{\"schema\": 2}").unwrap();
        }),
        ("folder", |path| fs::create_dir(path).unwrap()),
        ("link to itself", |path| {
            std::os::unix::fs::symlink("record.json", path).unwrap();
        }),
    ];
    for (kind, put) in put {
        let sandbox = Sandbox::new();
        let (store, key) = (&sandbox.store, sandbox.key(0));
        fs::create_dir_all(store.folder(&key)).unwrap();
        put(&store.folder(&key).join("record.json"));
        let reason = task(store, 0).run.reason;
        let Reason::Unreadable { message } = &reason else {
            panic!("{kind}: {reason}");
        };
        assert!(
            message.contains("record.json") && message.contains("move"),
            "{kind}: {message}"
        );
        let report = run(store);
        assert_eq!((report.finished, report.failures.len()), (1, 0), "{kind}");
        assert_eq!(names(&store.folder(&key)), ["record.json"], "{kind}");
    }
}

/// Other files that have something else in their place fail their own run, with the path, and are
/// still there.
#[test]
fn a_folder_or_a_link_in_place_of_a_file_fails_one_run() {
    for file in ["lock", "checkpoint.safetensors", "weights.safetensors"] {
        let put: [Put; 2] = [
            |path| fs::create_dir(path).unwrap(),
            |path| std::os::unix::fs::symlink(path.file_name().unwrap(), path).unwrap(),
        ];
        for (index, put) in put.into_iter().enumerate() {
            let sandbox = Sandbox::new();
            let (store, key) = (&sandbox.store, sandbox.key(0));
            fs::create_dir_all(store.folder(&key)).unwrap();
            let path = store.folder(&key).join(file);
            put(&path);
            let report = run(store);
            if index == 1 && file == "weights.safetensors" {
                // A link is replaced by the file that belongs there.
                assert_eq!(report.finished, 2);
                continue;
            }
            assert_eq!(
                (report.finished, report.failures.len()),
                (1, 1),
                "{file} {index}"
            );
            let message = &report.failures[0].1;
            assert!(
                message.contains(file) && message.contains("move it away"),
                "{message}"
            );
            assert!(fs::symlink_metadata(path).is_ok());
        }
    }
    // The run's own folder.
    let sandbox = Sandbox::new();
    let folder = sandbox.store.folder(&sandbox.key(0));
    fs::create_dir_all(folder.parent().unwrap()).unwrap();
    fs::write(&folder, "mine").unwrap();
    let report = run(&sandbox.store);
    assert_eq!((report.finished, report.failures.len()), (1, 0));
    let reason = task(&sandbox.store, 0).run.reason;
    assert!(matches!(&reason, Reason::Unreadable { message } if message.contains("move it away")));
    assert_eq!(fs::read_to_string(folder).unwrap(), "mine");
}

#[test]
fn names_that_are_not_text_do_no_harm() {
    use std::os::unix::ffi::OsStrExt;
    let strange = std::ffi::OsStr::from_bytes(b"lock.\xff\xfe");
    let sandbox = Sandbox::new();
    let folder = sandbox.store.folder(&sandbox.key(0));
    for place in [
        sandbox.path().join("runs").join(strange),
        folder.join(strange),
    ] {
        fs::create_dir_all(place).unwrap();
    }
    assert_eq!(run(&sandbox.store).finished, 2);
    assert!(folder.join(strange).exists());
}
