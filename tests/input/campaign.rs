//! Many mutations of one kind of file, each given to its parser.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::Once;
use std::time::{Duration, Instant};

use crate::allocator::peak_of;
use crate::mutation::mutate;

/// One parser, and what is asked of it.
pub struct Campaign<'a> {
    /// Its name in failures.
    pub name: &'a str,
    /// Good files. The parser must take each of them.
    pub files: Vec<Vec<u8>>,
    /// Words of the format, if it is text.
    pub tokens: Option<&'a [&'a str]>,
    /// Last steps to the bytes that the parser gets, by the mutation's seed: puts right what would
    /// hide the changes, such as a checksum, or packs what was changed.
    pub prepare: fn(u64, Vec<u8>) -> Vec<u8>,
    /// What every error contains: the file's name.
    pub file: &'a str,
    /// One of these is in every error that is about a place.
    pub places: &'a [&'a str],
    /// Parts of errors that are about the whole file.
    pub placeless: &'a [&'a str],
    /// The most bytes that may be allocated for each byte of a file, and beside that.
    pub memory: (u64, u64),
}

/// A [`Campaign::prepare`] for files without checksums.
pub fn as_it_is(_: u64, bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Notes panics of threads that expect them, and prints those of others as ever.
fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if QUIET.get() {
                PANIC.with_borrow_mut(|text| *text = info.to_string());
            } else {
                usual(info);
            }
        }));
    });
}

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is `{text}`, not a number")),
    )
}

impl Campaign<'_> {
    /// Gives the parser its mutations; the parser's error is the text that a user would see.
    pub fn run(&self, parse: impl Fn(&[u8]) -> Result<(), String>) {
        note_panics();
        for (index, file) in self.files.iter().enumerate() {
            if let Err(error) = parse(&(self.prepare)(0, file.clone())) {
                panic!("{}: good file {index} is refused: {error}", self.name);
            }
        }
        let by_itself = if cfg!(debug_assertions) {
            10_000
        } else {
            100_000
        };
        let count = setting("REPLICATE_MUTATIONS").unwrap_or(by_itself);
        let seeds = match setting("REPLICATE_MUTATION_SEED") {
            Some(seed) => seed..seed + 1,
            None => 0..count,
        };
        let started = Instant::now();
        let (mut taken, mut most, mut longest) = (0, (0, 0), Duration::ZERO);
        for seed in seeds.clone() {
            let bytes = mutate(seed, &self.files, self.tokens);
            let bytes = (self.prepare)(seed, bytes);
            let clock = Instant::now();
            QUIET.set(true);
            let (result, peak) =
                peak_of(|| panic::catch_unwind(AssertUnwindSafe(|| parse(&bytes))));
            QUIET.set(false);
            longest = longest.max(clock.elapsed());
            most = most.max((peak, bytes.len()));
            let (multiple, constant) = self.memory;
            let allowed = multiple * bytes.len() as u64 + constant;
            if peak > allowed {
                self.fail(
                    seed,
                    &bytes,
                    &format!("{peak} bytes allocated, above {allowed}"),
                );
            }
            match result {
                Err(_) => self.fail(seed, &bytes, &PANIC.with_borrow(String::clone)),
                Ok(Ok(())) => taken += 1,
                Ok(Err(error)) => {
                    let has = |parts: &[&str]| parts.iter().any(|part| error.contains(part));
                    if !has(&[self.file]) || !(has(self.places) || has(self.placeless)) {
                        self.fail(
                            seed,
                            &bytes,
                            &format!("error without file or place: {error}"),
                        );
                    }
                }
            }
        }
        println!(
            "{}: {} inputs, {taken} taken, at most {} bytes (for {}) and {longest:?} for one, {:?} in all",
            self.name,
            seeds.end - seeds.start,
            most.0,
            most.1,
            started.elapsed()
        );
    }

    fn fail(&self, seed: u64, bytes: &[u8], what: &str) -> ! {
        let path: PathBuf = std::env::temp_dir().join(format!("replicate-{}-{seed}", self.name));
        std::fs::write(&path, bytes).unwrap();
        panic!(
            "{} of mutation {seed} (REPLICATE_MUTATION_SEED={seed}): {what}\nthe input is in {}",
            self.name,
            path.display()
        );
    }
}
