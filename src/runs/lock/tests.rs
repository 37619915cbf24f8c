#![allow(clippy::unwrap_used)]

use super::*;

const NO_FLOCK: fn(&File) -> io::Result<Flock> = |_| Ok(Flock::Unknown);

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn take_with(folder: &Path, flock: fn(&File) -> io::Result<Flock>) -> Option<RunLock> {
    take(folder, flock, Holder::this_process).unwrap()
}

/// Leaves behind what a process does that was killed.
fn leave(folder: &Path, holder: &Holder) {
    let text = serde_json::to_vec(holder).unwrap();
    fs::write(numbered(folder, 1), text).unwrap();
}

fn age(folder: &Path, age: Duration) {
    let file = File::options().write(true).open(numbered(folder, 1));
    let then = SystemTime::now() - age;
    file.unwrap().set_modified(then).unwrap();
}

/// A process of this machine that has ended.
fn ended() -> u32 {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    child.id()
}

fn elsewhere() -> Holder {
    Holder {
        host: "another".to_owned(),
        boot: "another".to_owned(),
        ..Holder::this_process(false)
    }
}

#[test]
fn a_run_is_held_by_one_until_it_is_given_back() {
    for flock in [flock, NO_FLOCK] {
        let folder = folder();
        let lock = take_with(folder.path(), flock).unwrap();
        assert!(take_with(folder.path(), flock).is_none());
        let holder = holder(folder.path()).unwrap();
        assert_eq!(holder.pid, std::process::id());
        assert_eq!(
            holder.to_string(),
            format!("{}, pid {}", device::host(), holder.pid)
        );
        assert!(!lock.is_lost());
        drop(lock);
        assert!(super::holder(folder.path()).is_none());
        assert!(take_with(folder.path(), flock).is_some());
    }
}

#[test]
fn a_finished_run_keeps_no_number() {
    let folder = folder();
    let lock = take_with(folder.path(), flock).unwrap();
    fs::write(folder.path().join("record.json"), "").unwrap();
    drop(lock);
    assert!(numbers(folder.path()).unwrap().is_empty());
}

#[test]
fn a_dead_process_of_this_machine_is_recognised_at_once() {
    let folder = folder();
    leave(
        folder.path(),
        &Holder {
            pid: ended(),
            ..Holder::this_process(false)
        },
    );
    let lock = take_with(folder.path(), NO_FLOCK).unwrap();
    assert_eq!(lock.number, 2);
    assert_eq!(numbers(folder.path()).unwrap(), [2]);
}

#[test]
fn a_child_that_nobody_has_waited_for_is_dead() {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let pid = child.id();
    let clock = std::time::Instant::now();
    while is_alive(pid, None) {
        assert!(clock.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait().unwrap();
}

#[test]
fn a_process_number_used_again_is_not_the_holder() {
    let folder = folder();
    let us = Holder::this_process(false);
    let earlier = us.start.map(|start| start - 1);
    leave(
        folder.path(),
        &Holder {
            start: earlier,
            ..us
        },
    );
    // Where the system tells no start times, nothing can be known.
    let known = earlier.is_some();
    assert_eq!(take_with(folder.path(), NO_FLOCK).is_some(), known);
}

#[test]
fn a_living_process_of_this_machine_is_not_robbed_however_long_it_is_silent() {
    let folder = folder();
    leave(folder.path(), &Holder::this_process(false));
    age(folder.path(), 100 * SILENCE);
    assert!(take_with(folder.path(), NO_FLOCK).is_none());
    // Not even by one that has the system's lock, which the holder could not have.
    assert!(take_with(folder.path(), flock).is_none());
}

#[test]
fn another_host_is_believed_while_it_is_heard_of() {
    for flock in [flock, NO_FLOCK] {
        for has_flock in [true, false] {
            let folder = folder();
            leave(
                folder.path(),
                &Holder {
                    flock: has_flock,
                    ..elsewhere()
                },
            );
            assert!(take_with(folder.path(), flock).is_none());
            age(folder.path(), SILENCE / 2);
            assert!(take_with(folder.path(), flock).is_none());
        }
    }
}

#[test]
fn another_host_that_is_silent_is_dead() {
    for flock in [flock, NO_FLOCK] {
        let folder = folder();
        leave(folder.path(), &elsewhere());
        age(folder.path(), SILENCE + HEARTBEAT);
        assert!(take_with(folder.path(), flock).is_some());
    }
}

/// A process of the same number on another machine, or in another container, says nothing.
#[test]
fn process_numbers_of_other_systems_are_not_looked_up() {
    let us = Holder::this_process(false);
    let other_boot = Holder {
        boot: "x".to_owned(),
        ..us.clone()
    };
    let other_container = Holder {
        namespace: "x".to_owned(),
        ..us.clone()
    };
    for other in [other_boot, other_container, elsewhere()] {
        let dead = Holder {
            pid: ended(),
            ..other
        };
        assert_eq!(dead.is_dead(&us), None, "{dead:?}");
    }
}

/// After a crash of the machine, or of a container that is now called otherwise, nobody waits.
#[test]
fn the_systems_lock_is_believed_on_one_machine() {
    let us = Holder::this_process(true);
    let rebooted = Holder {
        boot: "x".to_owned(),
        ..us.clone()
    };
    let renamed = Holder {
        host: "x".to_owned(),
        namespace: "x".to_owned(),
        ..us.clone()
    };
    for other in [rebooted, renamed, us.clone()] {
        assert_eq!(other.is_dead(&us), Some(true), "{other:?}");
    }
    let elsewhere = Holder {
        flock: true,
        ..elsewhere()
    };
    assert_eq!(elsewhere.is_dead(&us), None);
}

#[test]
fn a_garbage_lock_file_holds_until_it_is_old() {
    for text in ["", "garbage", "{\"host\": \"x\"", "[1]"] {
        let folder = folder();
        fs::write(numbered(folder.path(), 1), text).unwrap();
        assert!(take_with(folder.path(), NO_FLOCK).is_none(), "{text}");
        age(folder.path(), SILENCE + HEARTBEAT);
        assert!(take_with(folder.path(), NO_FLOCK).is_some(), "{text}");
    }
}

#[test]
fn an_empty_lock_file_of_an_older_version_is_no_holder() {
    for flock in [flock, NO_FLOCK] {
        let folder = folder();
        fs::write(folder.path().join("lock"), "").unwrap();
        assert!(take_with(folder.path(), flock).is_some());
    }
    // One that a process of an older version holds is.
    let folder = folder();
    let file = File::create(folder.path().join("lock")).unwrap();
    file.try_lock().unwrap();
    assert!(take_with(folder.path(), flock).is_none());
}

/// A clock that is put back leaves files of the future; nobody waits for that.
#[test]
fn times_to_come_are_no_reason_to_wait() {
    let folder = folder();
    leave(folder.path(), &elsewhere());
    let file = File::options().write(true).open(numbered(folder.path(), 1));
    let future = SystemTime::now() + Duration::from_hours(24);
    file.unwrap().set_modified(future).unwrap();
    assert!(take_with(folder.path(), NO_FLOCK).is_some());
}

#[test]
fn of_many_that_see_the_same_dead_holder_one_takes_over() {
    for _ in 0..20 {
        let folder = folder();
        leave(
            folder.path(),
            &Holder {
                pid: ended(),
                ..Holder::this_process(false)
            },
        );
        let start = std::sync::Barrier::new(8);
        let locks: Vec<RunLock> = std::thread::scope(|scope| {
            let takers: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        take_with(folder.path(), NO_FLOCK)
                    })
                })
                .collect();
            let taken = takers.into_iter().map(|taker| taker.join().unwrap());
            taken.flatten().collect()
        });
        assert_eq!(locks.len(), 1);
        assert_eq!(numbers(folder.path()).unwrap(), [locks[0].number]);
    }
}

/// One that saw the dead holder, slept, and wakes when others have taken over and died in turn: the
/// number that it goes for is free again.
#[test]
fn whoever_comes_late_leaves() {
    let folder = folder();
    let living = serde_json::to_vec(&elsewhere()).unwrap();
    fs::write(numbered(folder.path(), 3), living).unwrap();
    let late = claim(folder.path(), Some(1), &Holder::this_process(false));
    assert!(late.unwrap().is_none());
    assert_eq!(numbers(folder.path()).unwrap(), [3]);
}

#[test]
fn a_holder_that_was_thought_dead_finds_out() {
    let folder = folder();
    let lock = take_with(folder.path(), NO_FLOCK).unwrap();
    fs::write(numbered(folder.path(), 7), "{}").unwrap();
    assert!(lock.is_lost());
    // It takes nothing away from the new one.
    fs::write(folder.path().join("record.json"), "").unwrap();
    drop(lock);
    assert!(numbered(folder.path(), 7).exists());
}

#[test]
fn a_living_holder_is_heard_of() {
    let folder = folder();
    let _lock = take_with(folder.path(), NO_FLOCK).unwrap();
    age(folder.path(), 2 * SILENCE);
    beat();
    let touched = fs::metadata(numbered(folder.path(), 1)).unwrap();
    let age = time_of(folder.path()).unwrap();
    let age = age.duration_since(touched.modified().unwrap());
    assert!(age.unwrap_or_default() < HEARTBEAT);
}

#[test]
fn a_lock_that_cannot_be_written_is_an_error_that_names_it() {
    use crate::files::faults::{Fault, Faults};
    let folder = folder();
    for (end, code) in [
        ("lock", libc::EACCES),
        ("lock", libc::EROFS),
        ("lock.1", libc::ENOSPC),
    ] {
        let faults = Faults::under(folder.path());
        faults.add(Fault::any(end, code));
        let error = RunLock::take(folder.path()).unwrap_err().to_string();
        assert!(error.contains(end), "{error}");
        assert!(numbers(folder.path()).unwrap().is_empty());
    }
    let faults = Faults::under(folder.path());
    faults.add(Fault::short("lock.1"));
    assert!(RunLock::take(folder.path()).is_err());
    drop(faults);
    assert!(RunLock::take(folder.path()).unwrap().is_some());
}
