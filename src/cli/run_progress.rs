//! Progress of runs on standard error: bars on a terminal, plain lines elsewhere.

mod forecast;

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use forecast::Forecast;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{draws_progress, words};
use crate::launch::Task;
use crate::train::{Event, Observer};

/// Between two plain status lines.
const STATUS_INTERVAL: Duration = Duration::from_secs(30);
/// The overall bar counts thousandths of the expected time.
const STEPS: u64 = 1000;

/// What suits standard error, for these runs.
#[must_use]
pub fn observer(pending: &[Task]) -> Box<dyn Observer> {
    let forecast = Forecast::new(pending);
    if draws_progress() {
        Box::new(Bars::new(forecast))
    } else {
        Box::new(Lines {
            state: Mutex::new(LineState {
                forecast,
                last: Instant::now(),
            }),
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn line(event: &Event) -> Option<String> {
    match event {
        Event::Finished {
            name,
            summary,
            elapsed,
            ..
        } => Some(format!("{name}: {summary} ({})", words::duration(*elapsed))),
        Event::Failed { name, message, .. } => Some(format!("{name}: FAILED: {message}")),
        _ => None,
    }
}

/// A bar for everything and one for each worker.
struct Bars {
    all: MultiProgress,
    overall: ProgressBar,
    workers: Mutex<Vec<ProgressBar>>,
    forecast: Mutex<Forecast>,
}

impl Bars {
    fn new(forecast: Forecast) -> Self {
        let all = MultiProgress::new();
        let overall = all.add(ProgressBar::new(STEPS));
        // A template that does not parse costs the look only.
        if let Ok(style) = ProgressStyle::with_template("[{bar:40}] {msg}") {
            overall.set_style(style.progress_chars("=> "));
        }
        overall.enable_steady_tick(Duration::from_millis(250));
        Self {
            all,
            overall,
            workers: Mutex::default(),
            forecast: Mutex::new(forecast),
        }
    }

    fn worker(&self, worker: usize) -> ProgressBar {
        let mut workers = lock(&self.workers);
        while workers.len() <= worker {
            let bar = self.all.add(ProgressBar::new(STEPS));
            if let Ok(style) = ProgressStyle::with_template("  {prefix} [{bar:20}] {msg}") {
                bar.set_style(style.progress_chars("=> "));
            }
            workers.push(bar);
        }
        workers[worker].clone()
    }
}

impl Observer for Bars {
    fn notify(&self, event: &Event) {
        let mut forecast = lock(&self.forecast);
        forecast.notify(event);
        match event {
            Event::Started { worker, names, .. } => {
                let bar = self.worker(*worker);
                bar.set_prefix(match names {
                    [name] => name.clone(),
                    names => words::count(names.len(), "run"),
                });
                bar.set_position(0);
            }
            Event::Advanced {
                worker,
                fraction,
                detail,
            } => {
                let bar = self.worker(*worker);
                bar.set_position((fraction * STEPS as f64) as u64);
                bar.set_message((*detail).to_owned());
            }
            Event::Finished { .. } | Event::Failed { .. } => {
                if let Some(line) = line(event) {
                    self.all
                        .suspend(|| drop(writeln!(std::io::stderr(), "{line}")));
                }
            }
            Event::Resumed { worker, fraction } => {
                let bar = self.worker(*worker);
                bar.set_position((fraction * STEPS as f64) as u64);
            }
            Event::Stopped { worker } => self.worker(*worker).set_message(""),
        }
        self.overall
            .set_position((forecast.fraction() * STEPS as f64) as u64);
        let left = forecast.left().map_or("..".to_owned(), words::duration);
        self.overall.set_message(format!(
            "{}/{} runs, {left} left",
            forecast.finished, forecast.runs
        ));
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        for bar in lock(&self.workers).drain(..) {
            bar.finish_and_clear();
        }
        self.overall.finish_and_clear();
        // Nothing of a bar that was being redrawn stays behind.
        let _ = self.all.clear();
    }
}

/// One line for each finished run, and a status line now and then.
struct Lines {
    state: Mutex<LineState>,
}

struct LineState {
    forecast: Forecast,
    last: Instant,
}

impl Observer for Lines {
    fn notify(&self, event: &Event) {
        let mut state = lock(&self.state);
        state.forecast.notify(event);
        let text = match line(event) {
            Some(line) => line,
            None if state.last.elapsed() >= STATUS_INTERVAL => {
                format!("{:.0} % done", 100.0 * state.forecast.fraction())
            }
            None => return,
        };
        state.last = Instant::now();
        let forecast = &state.forecast;
        let left = match forecast.left() {
            Some(left) if forecast.finished < forecast.runs => {
                format!(", {} left", words::duration(left))
            }
            _ => String::new(),
        };
        // There is nowhere left to say that standard error fails.
        let _ = writeln!(
            std::io::stderr(),
            "[{}/{}{left}] {text}",
            forecast.finished,
            forecast.runs
        );
    }
}
