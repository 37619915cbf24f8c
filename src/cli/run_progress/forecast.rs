//! What is done of a sweep and when the rest will be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::launch::Task;
use crate::runs::Key;
use crate::runs::schedule::{Estimate, Schedule};
use crate::train::Event;

/// How much is done and when the rest will be, from the runs' estimates and what has happened.
#[derive(Debug)]
pub(super) struct Forecast {
    pub(super) runs: usize,
    /// Those that have finished or failed.
    pub(super) finished: usize,
    started: Instant,
    /// Expected seconds of all runs, one worker's time.
    total: f64,
    /// Whether these are seconds: where the speed was not measured, `total` counts runs.
    is_measured: bool,
    /// The runs that no worker has taken up, by name.
    waiting: BTreeMap<String, Estimate>,
    /// Parts whose training was begun here.
    begun: BTreeSet<Key>,
    done: f64,
    /// Time that workers have spent on what they are not at any more.
    spent: Duration,
    current: Vec<Current>,
}

/// What a worker is at.
#[derive(Debug, Clone, Default)]
struct Current {
    /// Expected seconds of what there was to do when it was taken up.
    expected: f64,
    /// When that was, from the start.
    since: Duration,
    runs: usize,
    /// Those of the runs that have neither finished nor failed.
    open: Vec<String>,
    /// Parts that it begins with training, and expected seconds until each is there.
    trains: Vec<(Key, f64)>,
    /// Parts that another worker had begun to train.
    awaits: Vec<Key>,
    /// The part of its runs that had been done before.
    before: f64,
    /// The part that is done now.
    fraction: f64,
}

impl Current {
    /// Expected seconds of what this process has done of it.
    fn done(&self) -> f64 {
        let ahead = (1.0 - self.before).max(f64::EPSILON);
        self.expected * ((self.fraction - self.before) / ahead).clamp(0.0, 1.0)
    }

    /// Expected seconds of one of its runs.
    fn each(&self) -> f64 {
        self.expected / self.runs.max(1) as f64
    }
}

impl Forecast {
    pub(super) fn new(pending: &[Task]) -> Self {
        let runs = pending
            .iter()
            .map(|task| (task.name(), task.run.estimate.clone()));
        Self::of(&runs.collect::<Vec<_>>())
    }

    /// Of runs with their names and estimates.
    fn of(runs: &[(String, Option<Estimate>)]) -> Self {
        let unknown = || Estimate::from(Duration::from_secs(1));
        let waiting: BTreeMap<String, Estimate> = runs
            .iter()
            .map(|(name, estimate)| (name.clone(), estimate.clone().unwrap_or_else(unknown)))
            .collect();
        let times = waiting.values().map(|run| run.time.as_secs_f64());
        Self {
            runs: runs.len(),
            finished: 0,
            started: Instant::now(),
            is_measured: runs.iter().all(|(_, estimate)| estimate.is_some()),
            total: times.sum::<f64>().max(1e-9),
            waiting,
            begun: BTreeSet::new(),
            done: 0.0,
            spent: Duration::ZERO,
            current: Vec::new(),
        }
    }

    fn worker(&mut self, worker: usize) -> &mut Current {
        if self.current.len() <= worker {
            self.current.resize(worker + 1, Current::default());
        }
        &mut self.current[worker]
    }

    pub(super) fn notify(&mut self, event: &Event) {
        self.notify_at(event, self.started.elapsed());
    }

    fn notify_at(&mut self, event: &Event, now: Duration) {
        match event {
            Event::Started {
                worker,
                estimate,
                names,
                ..
            } => {
                self.put_down(*worker, now);
                *self.worker(*worker) = Current {
                    expected: estimate.map_or(names.len() as f64, |time| time.as_secs_f64()),
                    since: now,
                    runs: names.len(),
                    open: names.to_vec(),
                    ..self.take_up(names)
                };
            }
            Event::Resumed { worker, fraction } => {
                let current = self.worker(*worker);
                // Once this process has done something, its time counts; that of waiting for another does not.
                if current.fraction <= current.before {
                    (current.before, current.fraction) = (*fraction, *fraction);
                    current.since = now;
                }
            }
            Event::Advanced {
                worker, fraction, ..
            } => self.worker(*worker).fraction = *fraction,
            Event::Finished { worker, name, .. } | Event::Failed { worker, name, .. } => {
                self.finished += 1;
                self.worker(*worker).open.retain(|open| open != name);
                // Some fail that were never taken up.
                let waiting = self.waiting.remove(*name);
                self.done += waiting.map_or(0.0, |run| run.time.as_secs_f64());
            }
            Event::Stopped { worker } => self.put_down(*worker, now),
        }
    }

    /// A worker is done with what it was at: what has ended counts, what has not is taken up again later.
    fn put_down(&mut self, worker: usize, now: Duration) {
        let current = std::mem::take(self.worker(worker));
        let ended = current.runs - current.open.len().min(current.runs);
        self.done += current.each() * ended as f64;
        if current.runs > 0 {
            self.spent += now.saturating_sub(current.since);
        }
        let each = current.each();
        let open = current.open.into_iter();
        let each = Estimate::from(time(each));
        self.waiting.extend(open.map(|name| (name, each.clone())));
    }

    /// Runs wait no longer; gives what becomes of the parts that they begin with.
    fn take_up(&mut self, names: &[String]) -> Current {
        let mut current = Current::default();
        let mut until = 0.0;
        for run in names.iter().filter_map(|name| self.waiting.remove(name)) {
            for part in run.parts {
                if self.begun.insert(part.key.clone()) {
                    until += part.time.as_secs_f64();
                    current.trains.push((part.key, until));
                } else if !current.trains.iter().any(|(key, _)| *key == part.key) {
                    current.awaits.push(part.key);
                }
            }
        }
        current
    }

    /// Expected seconds of what is done.
    fn behind(&self) -> f64 {
        self.done + self.current.iter().map(Current::done).sum::<f64>()
    }

    /// The part of the work that is done, 0 to 1.
    pub(super) fn fraction(&self) -> f64 {
        (self.behind() / self.total).min(1.0)
    }

    /// The time that is left: as was expected at first, then at the pace so far. `None` before there is
    /// anything to judge by.
    pub(super) fn left(&self) -> Option<Duration> {
        self.left_after(self.started.elapsed())
    }

    fn left_after(&self, elapsed: Duration) -> Option<Duration> {
        // Time that a second of the estimate takes; that of workers with nothing to do does not count.
        let pace = if self.fraction() > 0.01 {
            let working = self.current.iter().filter(|current| current.runs > 0);
            let spent = working.map(|current| elapsed.saturating_sub(current.since));
            (self.spent + spent.sum::<Duration>()).as_secs_f64() / self.behind()
        } else if self.is_measured && !self.current.is_empty() {
            1.0
        } else {
            return None;
        };
        let mut schedule = Schedule::default();
        // Those of what was put down count as there.
        let begun = self.begun.iter().cloned();
        schedule
            .ready
            .extend(begun.map(|key| (key, Duration::ZERO)));
        for current in &self.current {
            let done = current.done();
            let trains = current.trains.iter();
            let trains = trains.map(|(key, until)| (key.clone(), time((until - done).max(0.0))));
            schedule.ready.extend(trains);
        }
        for current in &self.current {
            let ready = current.awaits.iter().map(|key| schedule.ready.get(key));
            let begins = ready.flatten().max().copied().unwrap_or_default();
            let own = time(current.expected - current.done());
            schedule.free.push(begins.saturating_add(own));
        }
        let ahead = schedule.end(self.waiting.values().cloned().collect());
        Some(time(ahead.as_secs_f64() * pace))
    }
}

fn time(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::schedule::PendingPart;

    const HOUR: Duration = Duration::from_hours(1);

    /// A worker takes up as many runs as there are names.
    fn started(names: &[String], estimate: Duration) -> Event<'_> {
        Event::Started {
            worker: 0,
            names,
            estimate: Some(estimate),
        }
    }

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|run| format!("run {run}")).collect()
    }

    /// Of runs with these estimates.
    fn forecast(estimates: &[Option<Duration>]) -> Forecast {
        let estimates = estimates.iter().map(|time| time.map(Estimate::from));
        of(estimates.collect())
    }

    fn of(estimates: Vec<Option<Estimate>>) -> Forecast {
        let names = names(estimates.len()).into_iter();
        Forecast::of(&names.zip(estimates).collect::<Vec<_>>())
    }

    fn finished(name: &str) -> Event<'_> {
        Event::Finished {
            worker: 0,
            name,
            summary: "",
            elapsed: Duration::ZERO,
        }
    }

    fn advanced(fraction: f64) -> Event<'static> {
        Event::Advanced {
            worker: 0,
            fraction,
            detail: "",
        }
    }

    #[test]
    fn what_was_done_before_says_nothing_of_the_pace() {
        // Three quarters lie in the checkpoint, and the last quarter is to take an hour.
        let mut forecast = forecast(&[Some(HOUR)]);
        forecast.notify_at(&started(&names(1), HOUR), Duration::ZERO);
        let resumed = Event::Resumed {
            worker: 0,
            fraction: 0.75,
        };
        forecast.notify_at(&resumed, Duration::ZERO);
        assert!(forecast.fraction().abs() < 1e-12);
        assert_eq!(forecast.left_after(Duration::from_secs(1)), Some(HOUR));
        // Half of the rest took half an hour.
        forecast.notify(&advanced(0.875));
        assert!((forecast.fraction() - 0.5).abs() < 1e-12);
        assert_eq!(forecast.left_after(HOUR / 2), Some(HOUR / 2));
    }

    #[test]
    fn parts_of_one_run_resume_one_after_the_other() {
        let mut forecast = forecast(&[Some(HOUR)]);
        forecast.notify(&started(&names(1), HOUR));
        forecast.notify(&Event::Resumed {
            worker: 0,
            fraction: 0.2,
        });
        forecast.notify(&advanced(0.6));
        // What this process has done is not taken for done before.
        forecast.notify(&Event::Resumed {
            worker: 0,
            fraction: 0.6,
        });
        assert!((forecast.fraction() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_stopped_run_is_done_and_a_fresh_one_begins_at_nothing() {
        let mut forecast = forecast(&[Some(HOUR), Some(HOUR)]);
        forecast.notify(&started(&names(1), HOUR));
        forecast.notify(&Event::Resumed {
            worker: 0,
            fraction: 0.9,
        });
        forecast.notify(&finished("run 0"));
        forecast.notify(&Event::Stopped { worker: 0 });
        assert!((forecast.fraction() - 0.5).abs() < 1e-12);
        forecast.notify(&started(&names(2)[1..], HOUR));
        forecast.notify(&advanced(0.5));
        assert!((forecast.fraction() - 0.75).abs() < 1e-12);
    }

    #[test]
    fn what_is_put_down_unfinished_is_not_done() {
        // A cohort that does not fit is put down, and taken up again in halves.
        let mut forecast = forecast(&[Some(HOUR), Some(HOUR)]);
        forecast.notify(&started(&names(2), 2 * HOUR));
        forecast.notify(&advanced(0.25));
        forecast.notify(&Event::Stopped { worker: 0 });
        assert!(forecast.fraction().abs() < 1e-12);
        forecast.notify(&started(&names(1), HOUR));
        forecast.notify(&finished("run 0"));
        // The other half is taken up without a stop between.
        forecast.notify(&started(&names(2)[1..], HOUR));
        assert!((forecast.fraction() - 0.5).abs() < 1e-12);
    }

    fn taken_up(worker: usize, names: &[String], estimate: Duration) -> Event<'_> {
        Event::Started {
            worker,
            names,
            estimate: Some(estimate),
        }
    }

    #[test]
    fn a_worker_without_a_run_shortens_nothing() {
        // Three runs of an hour on two workers take two, however busy both are in the first.
        let mut forecast = forecast(&[Some(HOUR); 3]);
        let names = names(3);
        for (worker, name) in names.chunks(1).take(2).enumerate() {
            forecast.notify_at(&taken_up(worker, name, HOUR), Duration::ZERO);
        }
        assert_eq!(forecast.left_after(Duration::ZERO), Some(2 * HOUR));
        for worker in 0..2 {
            forecast.notify(&Event::Advanced {
                worker,
                fraction: 0.5,
                detail: "",
            });
        }
        // At half the speed that was expected.
        assert_eq!(forecast.left_after(HOUR), Some(3 * HOUR));
    }

    /// Runs of an hour that begin with one part of four hours.
    fn beginning_alike(runs: usize) -> Forecast {
        let part = |is_counted: bool| PendingPart {
            key: Key::of(&serde_json::json!("part")),
            time: 4 * HOUR,
            is_counted,
        };
        let run = |index: usize| Some(Estimate::new(HOUR, vec![part(index == 0)]));
        of((0..runs).map(run).collect())
    }

    #[test]
    fn what_begins_alike_is_waited_for() {
        let mut forecast = beginning_alike(3);
        let names = names(3);
        forecast.notify_at(&taken_up(0, &names[..1], 5 * HOUR), Duration::ZERO);
        forecast.notify_at(&taken_up(1, &names[1..2], HOUR), Duration::ZERO);
        assert_eq!(forecast.left_after(Duration::ZERO), Some(6 * HOUR));
        // Whoever waits is told how far it has come, and has done nothing.
        let waits = |fraction: f64| Event::Resumed {
            worker: 1,
            fraction,
        };
        forecast.notify_at(&waits(0.5), 3 * HOUR);
        forecast.notify(&advanced(0.6));
        assert_eq!(forecast.left_after(3 * HOUR), Some(3 * HOUR));
        // Once it is there, both workers have something to do.
        forecast.notify_at(&waits(0.7), 4 * HOUR);
        forecast.notify(&advanced(0.8));
        assert_eq!(forecast.left_after(4 * HOUR), Some(2 * HOUR));
    }

    #[test]
    fn a_cohort_does_not_wait_for_what_it_trains_itself() {
        let mut forecast = beginning_alike(2);
        forecast.notify_at(&taken_up(0, &names(2), 6 * HOUR), Duration::ZERO);
        assert_eq!(forecast.left_after(Duration::ZERO), Some(6 * HOUR));
    }

    #[test]
    fn a_worker_without_a_run_is_not_slow() {
        let mut forecast = forecast(&[Some(10 * HOUR), Some(HOUR)]);
        let names = names(2);
        forecast.notify_at(&taken_up(1, &names[1..], HOUR), Duration::ZERO);
        forecast.notify_at(&taken_up(0, &names[..1], 10 * HOUR), Duration::ZERO);
        forecast.notify_at(
            &Event::Finished {
                worker: 1,
                name: "run 1",
                summary: "",
                elapsed: HOUR,
            },
            HOUR,
        );
        forecast.notify_at(&Event::Stopped { worker: 1 }, HOUR);
        forecast.notify_at(&advanced(0.5), 5 * HOUR);
        assert_eq!(forecast.left_after(5 * HOUR), Some(5 * HOUR));
    }

    #[test]
    fn one_that_fails_before_it_is_taken_up_is_not_waited_for() {
        let mut forecast = forecast(&[Some(HOUR), Some(HOUR)]);
        forecast.notify_at(&started(&names(1), HOUR), Duration::ZERO);
        forecast.notify(&Event::Failed {
            worker: 0,
            name: "run 1",
            message: "",
        });
        assert!((forecast.fraction() - 0.5).abs() < 1e-12);
        assert!(forecast.waiting.is_empty());
    }

    #[test]
    fn before_anything_is_done_the_estimate_counts() {
        let mut forecast = forecast(&[Some(HOUR), Some(HOUR)]);
        assert_eq!(forecast.left_after(Duration::ZERO), None);
        forecast.notify(&started(&names(1), HOUR));
        forecast.notify(&taken_up(1, &names(2)[1..], HOUR));
        assert_eq!(forecast.left_after(Duration::ZERO), Some(HOUR));
        // Without measured speed there is none.
        let mut forecast = super::tests::forecast(&[None]);
        forecast.notify(&started(&names(1), HOUR));
        assert_eq!(forecast.left_after(Duration::ZERO), None);
    }
}
