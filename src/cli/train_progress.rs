//! Progress of one training on standard error: a bar on a terminal, plain lines elsewhere.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::run::say;
use super::{draws_progress, words};
use crate::train::{Event, Observer};

/// Between two plain lines.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
/// The bar counts thousandths.
const STEPS: u64 = 1000;

/// Tells how far a training is and when it will be done.
pub struct TrainProgress {
    bar: Option<ProgressBar>,
    state: Mutex<State>,
}

struct State {
    started: Instant,
    /// The part that was done when this process began.
    from: Option<f64>,
    last: Instant,
}

impl TrainProgress {
    /// What suits standard error.
    #[must_use]
    pub fn new() -> Self {
        let bar = draws_progress().then(|| {
            let bar = ProgressBar::new(STEPS);
            // A template that does not parse costs the look only.
            if let Ok(style) = ProgressStyle::with_template("[{bar:30}] {msg}") {
                bar.set_style(style.progress_chars("=> "));
            }
            bar
        });
        Self {
            bar,
            state: Mutex::new(State {
                started: Instant::now(),
                from: None,
                last: Instant::now(),
            }),
        }
    }
}

impl Observer for TrainProgress {
    fn notify(&self, event: &Event) {
        let Event::Advanced {
            fraction, detail, ..
        } = event
        else {
            return;
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let from = *state.from.get_or_insert(*fraction);
        let (done, elapsed) = (fraction - from, state.started.elapsed().as_secs_f64());
        let left = (done > 0.005).then(|| {
            let seconds = elapsed * (1.0 - fraction) / done;
            format!(
                ", {} left",
                words::duration(Duration::from_secs_f64(seconds))
            )
        });
        let text = format!("{detail}{}", left.unwrap_or_default());
        match &self.bar {
            Some(bar) => {
                bar.set_position((fraction * STEPS as f64) as u64);
                bar.set_message(text);
            }
            None if state.last.elapsed() >= LINE_INTERVAL => {
                state.last = Instant::now();
                say(&format!("{:.0} %  {text}", 100.0 * fraction));
            }
            None => {}
        }
    }
}

impl Drop for TrainProgress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
