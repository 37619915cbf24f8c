//! What those who wait are told while runs are under way.

use std::time::Duration;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event<'a> {
    /// A worker takes up runs.
    Started {
        /// Which worker, from 0.
        worker: usize,
        /// The runs' names, e.g. `gamma=0.001 seed 3`.
        names: &'a [String],
        /// Expected time, if calibrated.
        estimate: Option<Duration>,
    },
    /// A worker's runs go on from their checkpoints, or a part that they begin with is being done by another process:
    /// what is done so far took no time of this one.
    Resumed {
        /// Which worker.
        worker: usize,
        /// Part of the work that is done already, 0 to 1.
        fraction: f64,
    },
    /// A worker's runs have come so far.
    Advanced {
        /// Which worker.
        worker: usize,
        /// Part of the work done, 0 to 1.
        fraction: f64,
        /// What is being done or the losses, in a few words.
        detail: &'a str,
    },
    /// A run is complete.
    Finished {
        /// Which worker.
        worker: usize,
        /// The run's name.
        name: &'a str,
        /// Its main result in a few words.
        summary: &'a str,
        /// How long it took.
        elapsed: Duration,
    },
    /// A run failed; the others go on.
    Failed {
        /// Which worker.
        worker: usize,
        /// The run's name.
        name: &'a str,
        /// The error.
        message: &'a str,
    },
    /// A worker has put its runs down.
    Stopped {
        /// Which worker.
        worker: usize,
    },
}

/// Told of every [`Event`], from several threads.
pub trait Observer: Sync {
    /// Called for each event; should return at once.
    fn notify(&self, event: &Event);
}

/// One of several things that make up the progress of a run: what it tells as 0 to 1 is passed on as a
/// part of the whole.
pub struct Stage<'a> {
    observer: &'a dyn Observer,
    start: f64,
    end: f64,
    label: &'a str,
}

impl<'a> Stage<'a> {
    /// What goes from `start` to `end` of the whole.
    #[must_use]
    pub fn new(observer: &'a dyn Observer, start: f64, end: f64) -> Self {
        Self {
            observer,
            start,
            end,
            label: "",
        }
    }

    /// The same, with what is being done before every detail.
    #[must_use]
    pub fn labelled(self, label: &'a str) -> Self {
        Self { label, ..self }
    }
}

impl Observer for Stage<'_> {
    fn notify(&self, event: &Event) {
        let of_whole = |fraction: f64| self.start + (self.end - self.start) * fraction;
        match *event {
            Event::Resumed { worker, fraction } => self.observer.notify(&Event::Resumed {
                worker,
                fraction: of_whole(fraction),
            }),
            Event::Advanced {
                worker,
                fraction,
                detail,
            } => {
                let text;
                let detail = if self.label.is_empty() {
                    detail
                } else {
                    text = format!("{} {detail}", self.label);
                    &text
                };
                self.observer.notify(&Event::Advanced {
                    worker,
                    fraction: of_whole(fraction),
                    detail,
                });
            }
            _ => self.observer.notify(event),
        }
    }
}

/// An observer that does nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn notify(&self, _event: &Event) {}
}
