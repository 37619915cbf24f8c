//! The protocol of `cargo xtask bench`: `ready key=value ...` once, then an answer for each line of
//! standard input. `round` is answered with the seconds of one unit of work and further key=value
//! pairs, `check` with the losses of a few steps from fixed weights.

use std::io::{BufRead, Write};

/// What a round came to.
pub struct Round {
    /// Seconds of one unit of the task.
    pub seconds: f64,
    /// `key=value` pairs to show beside them.
    pub more: String,
}

/// A contender that is ready.
pub trait Contender {
    /// One round of its task.
    fn round(&mut self) -> Round;

    /// The losses of a few steps from fixed weights, where the task has such a check.
    fn check(&mut self) -> Option<Vec<f64>> {
        None
    }
}

/// Answers until the end of standard input; `about` are `key=value` pairs.
pub fn compete(about: &str, contender: &mut dyn Contender) {
    say(&format!(
        "ready version={} {about}",
        env!("CARGO_PKG_VERSION")
    ));
    for line in std::io::stdin().lock().lines() {
        let answer = match line.unwrap().trim() {
            "round" => {
                let Round { seconds, more } = contender.round();
                format!("{seconds} {more}")
            }
            "check" => {
                let losses = contender.check().unwrap_or_default();
                let losses: Vec<String> = losses.iter().map(f64::to_string).collect();
                losses.join(" ")
            }
            request => panic!("cannot answer `{request}`"),
        };
        say(&answer);
    }
}

fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}").unwrap();
    output.flush().unwrap();
}

/// Processor time that this process has used so far, all threads together: what others leave of a
/// machine does not matter to it.
pub fn processor_seconds() -> f64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the structure is ours, and the clock is one that every Unix has.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(failed, 0, "there is no clock of this process");
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
