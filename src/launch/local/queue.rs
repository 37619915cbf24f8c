//! What the workers do next.
//!
//! Where runs begin with a part that another worker, or another process, is training, a worker does others first: it
//! waits only when nothing else is left.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use tch::Device;

use super::{Task, alike};
use crate::runs::part::PartFolder;
use crate::runs::{Key, Reason, Store};
use crate::train::stored_parts;

/// Runs to be trained together.
pub(super) struct Cohort {
    pub(super) tasks: Vec<Task>,
    /// Whether another process held them when they were first looked at.
    pub(super) second_look: bool,
}

impl From<Vec<Task>> for Cohort {
    fn from(tasks: Vec<Task>) -> Self {
        Self {
            tasks,
            second_look: false,
        }
    }
}

/// What is still to do.
pub(super) struct Queue {
    cohorts: VecDeque<Cohort>,
    /// What other processes held.
    put_off: Vec<Task>,
    /// The parts that workers lacked for what they are at, each once for each of them.
    in_hand: Vec<Key>,
}

/// What a worker is to do, and which parts it lacks for that.
pub(super) struct Next {
    pub(super) cohort: Cohort,
    pub(super) lacks: Vec<Key>,
}

impl Queue {
    /// Single runs on a CPU, runs of equal shape and progress together on a GPU; the longest first, so that no
    /// worker is left with a long one at the end.
    pub(super) fn new(mut tasks: Vec<Task>, device: Device) -> Self {
        tasks.sort_by_key(|task| Reverse(task.run.time()));
        let cohorts = if device == Device::Cpu {
            tasks.into_iter().map(|task| vec![task].into()).collect()
        } else {
            groups(tasks).into_iter().map(Cohort::from).collect()
        };
        Self {
            cohorts,
            put_off: Vec::new(),
            in_hand: Vec::new(),
        }
    }

    /// The first that lacks nothing, or lacks something that it can train; else the first of all. Once nothing else
    /// is queued, what was put off comes again.
    pub(super) fn next(&mut self, store: &Store) -> Option<Next> {
        if self.cohorts.is_empty() {
            let again = std::mem::take(&mut self.put_off);
            self.cohorts.extend(again.into_iter().map(|task| Cohort {
                tasks: vec![task],
                second_look: true,
            }));
        }
        let mut first = None;
        for (index, cohort) in self.cohorts.iter().enumerate() {
            let lacks = lacks(store, cohort);
            let keys: Vec<Key> = lacks.iter().map(|place| place.key().clone()).collect();
            if lacks.is_empty() || !lacks.iter().all(|place| self.is_in_hand(place)) {
                first = Some((index, keys));
                break;
            }
            first.get_or_insert((index, keys));
        }
        let (index, lacks) = first?;
        let cohort = self.cohorts.remove(index)?;
        self.in_hand.extend(lacks.iter().cloned());
        Some(Next { cohort, lacks })
    }

    /// Whether somebody trains a part, or is about to.
    fn is_in_hand(&self, place: &PartFolder) -> bool {
        self.in_hand.contains(place.key()) || place.worker().is_some()
    }

    /// A worker is done with what it had taken.
    pub(super) fn give_back(&mut self, lacks: &[Key]) {
        for key in lacks {
            if let Some(index) = self.in_hand.iter().position(|one| one == key) {
                self.in_hand.swap_remove(index);
            }
        }
    }

    /// Does cohorts after all others.
    pub(super) fn add(&mut self, cohorts: impl IntoIterator<Item = Cohort>) {
        self.cohorts.extend(cohorts);
    }

    /// Looks once more at a run that another process holds, when nothing else is left.
    pub(super) fn put_off(&mut self, task: Task) {
        self.put_off.push(task);
    }
}

/// Runs that may train as one cohort.
fn groups(tasks: Vec<Task>) -> Vec<Vec<Task>> {
    let mut groups: BTreeMap<_, Vec<Task>> = BTreeMap::new();
    for task in tasks {
        let at = match task.run.reason {
            Reason::Resume { at, .. } => at,
            _ => 0,
        };
        groups.entry((alike(&task), at)).or_default().push(task);
    }
    // The largest first: what their runs begin with is then trained together, also for those that train
    // alone.
    let mut groups: Vec<Vec<Task>> = groups.into_values().collect();
    groups.sort_by_key(|tasks| Reverse(tasks.len()));
    groups
}

/// The parts that runs begin with and that are not in the store, each once.
fn lacks(store: &Store, cohort: &Cohort) -> Vec<PartFolder> {
    let mut lacks: Vec<PartFolder> = Vec::new();
    for task in &cohort.tasks {
        // What is only evaluated anew needs none.
        if let Reason::EvaluationChanged { .. } = task.run.reason {
            continue;
        }
        let run = &task.run.identity;
        // What cannot be read fails later, with its own message.
        let needs = task.method.needs(&run.settings).unwrap_or_default();
        for need in &needs {
            let place = PartFolder::new(store, stored_parts::identity(need, run));
            let is_known = lacks.iter().any(|other| other.key() == place.key());
            if !is_known && !matches!(place.record(), Ok(Some(_))) {
                lacks.push(place);
            }
        }
    }
    lacks
}
