//! Progress on standard error: a bar on a terminal, a plain line now and then elsewhere.

use std::io::{self, IsTerminal as _, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::data::Progress;

/// Between two plain lines of one step.
const INTERVAL: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(120);
const WITH_TOTAL: &str = "{msg} [{bar:24}] {bytes}/{total_bytes} {bytes_per_sec}, {eta} left";
const WITHOUT_TOTAL: &str = "{spinner} {msg} {elapsed}";

/// Bars if standard error is a terminal, plain lines if not.
#[must_use]
pub fn on_stderr() -> Box<dyn Progress> {
    if io::stderr().is_terminal() {
        Box::new(Bars::default())
    } else {
        Box::new(Lines::new(io::stderr(), INTERVAL))
    }
}

/// A bar with bytes, speed and remaining time.
#[derive(Debug, Default)]
pub struct Bars {
    bar: Mutex<Option<ProgressBar>>,
}

/// A panic elsewhere is no reason to lose the display.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Progress for Bars {
    fn start(&self, what: &str, bytes: Option<u64>) {
        let (bar, template) = match bytes {
            Some(bytes) => (ProgressBar::new(bytes), WITH_TOTAL),
            None => (ProgressBar::new_spinner(), WITHOUT_TOTAL),
        };
        // A template that does not parse costs the look only.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(TICK);
        *lock(&self.bar) = Some(bar);
    }

    fn advance(&self, bytes: u64) {
        if let Some(bar) = &*lock(&self.bar) {
            bar.inc(bytes);
        }
    }

    fn note(&self, line: &str) {
        match &*lock(&self.bar) {
            Some(bar) => bar.suspend(|| drop(writeln!(io::stderr(), "{line}"))),
            None => drop(writeln!(io::stderr(), "{line}")),
        }
    }

    fn finish(&self) {
        if let Some(bar) = lock(&self.bar).take() {
            bar.finish_and_clear();
        }
    }
}

/// Plain lines: one at the start of a step, then at most one in each interval.
#[derive(Debug)]
pub struct Lines<W> {
    state: Mutex<LineState<W>>,
    interval: Duration,
}

#[derive(Debug)]
struct LineState<W> {
    out: W,
    step: Option<Step>,
}

#[derive(Debug)]
struct Step {
    total: Option<u64>,
    done: u64,
    started: Instant,
    last_line: Instant,
}

impl<W: Write> Lines<W> {
    /// Lines to `out`.
    pub fn new(out: W, interval: Duration) -> Self {
        let state = Mutex::new(LineState { out, step: None });
        Self { state, interval }
    }
}

impl<W: Write> Progress for Lines<W> {
    fn start(&self, what: &str, bytes: Option<u64>) {
        let mut state = lock(&self.state);
        let size = bytes.map_or_else(String::new, |bytes| format!(" ({})", Megabytes(bytes)));
        // There is nowhere left to say that standard error fails.
        let _ = writeln!(state.out, "{what}{size}");
        let now = Instant::now();
        state.step = Some(Step {
            total: bytes,
            done: 0,
            started: now,
            last_line: now,
        });
    }

    fn advance(&self, bytes: u64) {
        let LineState { out, step } = &mut *lock(&self.state);
        let Some(step) = step else { return };
        step.done += bytes;
        if step.last_line.elapsed() < self.interval {
            return;
        }
        step.last_line = Instant::now();
        let rate = step.done as f64 / step.started.elapsed().as_secs_f64().max(1e-3);
        let rest = match step.total {
            Some(total) if rate > 0.0 => {
                let left = total.saturating_sub(step.done) as f64 / rate;
                format!(" of {}, {left:.0} s left", Megabytes(total))
            }
            _ => String::new(),
        };
        let (done, rate) = (Megabytes(step.done), Megabytes(rate as u64));
        let _ = writeln!(out, "  {done}{rest} ({rate}/s)");
    }

    fn note(&self, line: &str) {
        let _ = writeln!(lock(&self.state).out, "{line}");
    }

    fn finish(&self) {
        lock(&self.state).step = None;
    }
}

struct Megabytes(u64);

impl std::fmt::Display for Megabytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 < 100_000 {
            write!(f, "{:.1} kB", self.0 as f64 / 1e3)
        } else {
            write!(f, "{:.1} MB", self.0 as f64 / 1e6)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn lines_are_few_and_say_how_far() {
        let lines = Lines::new(Vec::new(), Duration::from_hours(1));
        lines.start("file", Some(2_000_000));
        for _ in 0..1000 {
            lines.advance(1000);
        }
        lines.finish();
        lines.note("done");
        let text = String::from_utf8(lines.state.into_inner().unwrap().out).unwrap();
        assert_eq!(text, "file (2.0 MB)\ndone\n");

        let lines = Lines::new(Vec::new(), Duration::ZERO);
        lines.start("file", Some(2_000_000));
        lines.advance(1_000_000);
        let text = String::from_utf8(lines.state.into_inner().unwrap().out).unwrap();
        assert!(text.contains("  1.0 MB of 2.0 MB, "), "{text}");
    }
}
