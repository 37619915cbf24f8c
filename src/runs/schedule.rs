//! How long workers need for a number of runs: what the launcher does, in numbers.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use super::identity::Key;

/// How long one worker needs for a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Estimate {
    /// What is left of it, with those of its parts that are counted in it.
    pub time: Duration,
    /// What it begins with and is not there yet.
    pub parts: Vec<PendingPart>,
}

/// A part that is to be trained before a run can begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingPart {
    /// Its key.
    pub key: Key,
    /// What is left of its training.
    pub time: Duration,
    /// Whether that is in the run's time: it is in one run's, of all that begin with the part.
    pub is_counted: bool,
}

impl From<Duration> for Estimate {
    /// Of a run for which everything is there.
    fn from(time: Duration) -> Self {
        Self {
            time,
            parts: Vec::new(),
        }
    }
}

impl Estimate {
    /// Of a run that takes `own` by itself.
    #[must_use]
    pub fn new(own: Duration, parts: Vec<PendingPart>) -> Self {
        let time = own.saturating_add(counted(&parts));
        Self { time, parts }
    }

    /// The time of the run itself.
    #[must_use]
    pub fn own(&self) -> Duration {
        self.time.saturating_sub(counted(&self.parts))
    }
}

/// What is left of the parts that a run's time holds.
fn counted(parts: &[PendingPart]) -> Duration {
    let counted = parts.iter().filter(|part| part.is_counted);
    let times = counted.map(|part| part.time);
    times.fold(Duration::ZERO, Duration::saturating_add)
}

/// How long `workers` take for runs of which nothing has begun.
#[must_use]
pub fn makespan(runs: Vec<Estimate>, workers: usize) -> Duration {
    let free = vec![Duration::ZERO; workers.max(1)];
    Schedule {
        free,
        ready: BTreeMap::new(),
    }
    .end(runs)
}

/// When workers and parts will be ready for more, from now.
#[derive(Debug, Default)]
pub struct Schedule {
    /// When each worker has nothing left to do.
    pub free: Vec<Duration>,
    /// When each part is there of those whose training has begun.
    pub ready: BTreeMap<Key, Duration>,
}

impl Schedule {
    /// When the last of `runs` is done. As the launcher does it, the worker that is free first takes the longest run
    /// that need not wait for a part in another's hands, or the longest of all where each would have to.
    #[must_use]
    pub fn end(mut self, mut runs: Vec<Estimate>) -> Duration {
        runs.sort_by_key(|run| Reverse(run.time));
        while !runs.is_empty()
            && let Some(worker) = (0..self.free.len()).min_by_key(|&worker| self.free[worker])
        {
            let now = self.free[worker];
            let next = runs.iter().position(|run| !self.has_to_wait(run, now));
            let run = runs.remove(next.unwrap_or(0));
            let begun = self.begin(&run, now);
            self.free[worker] = begun.saturating_add(run.own());
        }
        self.free.into_iter().max().unwrap_or_default()
    }

    /// Whether all that a run lacks is being trained by others.
    fn has_to_wait(&self, run: &Estimate, now: Duration) -> bool {
        let times = run.parts.iter().map(|part| self.ready.get(&part.key));
        let mut missing = times.filter(|ready| ready.is_none_or(|&ready| ready > now));
        let first = missing.next();
        first.is_some_and(|first| first.is_some() && missing.all(|ready| ready.is_some()))
    }

    /// Trains, or awaits, what a run begins with, from `now`; when that is done.
    fn begin(&mut self, run: &Estimate, now: Duration) -> Duration {
        run.parts.iter().fold(now, |at, part| {
            let ready = self.ready.entry(part.key.clone());
            at.max(*ready.or_insert(at.saturating_add(part.time)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn runs(times: &[u64]) -> Vec<Estimate> {
        times.iter().map(|&time| seconds(time).into()).collect()
    }

    /// Runs of `own` seconds that begin with one part of `part` seconds.
    fn sharing(part: u64, own: u64, count: usize) -> Vec<Estimate> {
        let key = Key::of(&serde_json::json!({"part": part}));
        let run = |index: usize| Estimate {
            time: seconds(if index == 0 { part + own } else { own }),
            parts: vec![PendingPart {
                key: key.clone(),
                time: seconds(part),
                is_counted: index == 0,
            }],
        };
        (0..count).map(run).collect()
    }

    #[test]
    fn workers_take_the_longest_run_first() {
        assert_eq!(makespan(runs(&[1, 5, 2, 3]), 2), seconds(6));
        assert_eq!(makespan(runs(&[1, 5, 2, 3]), 1), seconds(11));
        assert_eq!(makespan(runs(&[2]), 4), seconds(2));
        assert_eq!(makespan(Vec::new(), 2), Duration::ZERO);
        let busy = Schedule {
            free: vec![seconds(4), seconds(1)],
            ..Schedule::default()
        };
        assert_eq!(busy.end(runs(&[2, 3])), seconds(6));
    }

    #[test]
    fn what_begins_alike_waits_for_what_it_begins_with() {
        // One worker does one after the other; of two, one has nothing to do for the first minute.
        assert_eq!(makespan(sharing(60, 10, 4), 1), seconds(100));
        assert_eq!(makespan(sharing(60, 10, 4), 2), seconds(80));
        assert_eq!(makespan(sharing(60, 10, 4), 4), seconds(70));
    }

    #[test]
    fn nobody_waits_while_there_is_something_else_to_do() {
        // 60 s of the part, then its four runs; seven others of 9 s in the other worker's first 63 s.
        let all = [sharing(60, 10, 4), runs(&[9; 7])].concat();
        assert_eq!(makespan(all, 2), seconds(83));
    }

    #[test]
    fn what_has_begun_is_not_trained_again() {
        let mut waiting = sharing(60, 10, 3);
        let first = waiting.remove(0);
        let schedule = Schedule {
            free: vec![seconds(35), seconds(0)],
            ready: BTreeMap::from([(first.parts[0].key.clone(), seconds(25))]),
        };
        assert_eq!(schedule.end(waiting), seconds(45));
    }
}
