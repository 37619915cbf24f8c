//! How long the pending runs will take here, and how many of them are best done at the same time: a
//! short measurement, made under the conditions of the work itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use tch::Device;

use super::local::{Options, Team};
use super::{Error, Task};
use crate::runs::part::PartFolder;
use crate::runs::schedule::{self, Estimate, PendingPart};
use crate::runs::{Key, Reason, Store};
use crate::train::{Need, Trial, Work, stored_parts};

/// A team of fewer workers must be this much faster to be chosen: measurements are noisy, and workers
/// that share nothing are the more robust choice.
const CLEARLY: f64 = 0.95;

/// What runs that are alike have in common: data set, method, and what their settings come to.
type Alike = (String, &'static str, String);

/// What a pending run is like.
#[derive(Debug)]
struct Likeness {
    /// Runs with the same train as one cohort where `is_shared`: data set, method and shape (or settings, for runs
    /// that train alone).
    cohort: Alike,
    is_shared: bool,
    /// See [`crate::train::Method::cost`].
    cost: String,
}

/// What has been found out so far.
struct Known<'a> {
    store: &'a Store,
    team: Team,
    /// What runs cost without their parts, and what parts do; `None` if it cannot be measured.
    works: HashMap<Alike, Option<Work>>,
    /// What is left of the training of each part that an earlier run begins with.
    counted: HashMap<Key, Duration>,
}

/// Gives each pending task its estimate, and the team that does the work: the one that `options` ask
/// for, or else the fastest. As many threads measure at the same time as workers will compute,
/// because they share memory and caches. Tasks of equal cost are measured once. What cannot be
/// measured has no estimate: it will fail with its own message when it is run.
///
/// `shapes` has rows and dimensions of each data set by id. Tasks on another one have no estimate.
///
/// What is not in `store` yet of what runs begin with (see [`crate::train::part`]) is in the time of
/// the first run that needs it, and in no other's: its share of the time of those that are trained with it.
///
/// # Errors
/// If a thread cannot be started.
pub fn calibrate(
    tasks: &mut [Task],
    store: &Store,
    shapes: &BTreeMap<String, [i64; 2]>,
    options: Options,
) -> Result<Team, Error> {
    let pending = tasks.iter().filter(|task| task.run.reason.is_pending());
    let mut best: Option<(Team, Duration, Vec<Option<Estimate>>)> = None;
    for team in candidates(&options, pending.count()) {
        let estimates = estimates(tasks, store, shapes, options, team)?;
        let known = estimates.iter().flatten().cloned();
        let total = schedule::makespan(known.collect(), team.workers);
        let least = best.as_ref().map(|(_, least, _)| least.mul_f64(CLEARLY));
        if least.is_none_or(|least| total < least) {
            best = Some((team, total, estimates));
        }
    }
    let Some((team, _, estimates)) = best else {
        return Ok(Team::new(&options, 0));
    };
    for (task, estimate) in tasks.iter_mut().zip(estimates) {
        task.run.estimate = estimate;
    }
    Ok(team)
}

/// The teams to choose from: as many workers as threads or runs, and half as many again and again.
fn candidates(options: &Options, pending: usize) -> Vec<Team> {
    let most = Team::new(options, pending);
    if options.workers.is_some() || options.device != Device::Cpu || pending == 0 {
        return vec![most];
    }
    let halves = std::iter::successors(Some(most.workers), |workers| {
        (*workers > 1).then_some(workers / 2)
    });
    let teams = halves.map(|workers| {
        let options = Options {
            workers: Some(workers),
            ..*options
        };
        Team::new(&options, pending)
    });
    teams.collect()
}

/// What each task will take with `team`; `None` for those that are done or cannot be measured.
fn estimates(
    tasks: &[Task],
    store: &Store,
    shapes: &BTreeMap<String, [i64; 2]>,
    options: Options,
    team: Team,
) -> Result<Vec<Option<Estimate>>, Error> {
    let all: Vec<_> = tasks.iter().map(Likeness::of).collect();
    let mut known = Known {
        store,
        team,
        works: HashMap::new(),
        counted: HashMap::new(),
    };
    let mut estimates = Vec::with_capacity(tasks.len());
    for (task, likeness) in tasks.iter().zip(&all) {
        let shape = shapes.get(&task.run.identity.data);
        let (Some(likeness), Some(&[rows, dims])) = (likeness, shape) else {
            estimates.push(None);
            continue;
        };
        let is_alike = |other: &&Likeness| other.cohort == likeness.cohort;
        let models = match options.device {
            Device::Cpu => 1,
            _ if likeness.is_shared => all.iter().flatten().filter(is_alike).count(),
            _ => 1,
        };
        let trial = Trial {
            rows,
            dims,
            models,
            device: options.device,
            precision: task.run.identity.precision,
        };
        let settings = &task.run.identity.settings;
        let (data, method, _) = &likeness.cohort;
        let alike = (data.clone(), *method, format!("{models} {}", likeness.cost));
        let work = known.work(&alike, || task.method.calibrate(settings, &trial).ok())?;
        let parts = if let Reason::EvaluationChanged { .. } = task.run.reason {
            // What is trained already needs none.
            Some(Vec::new())
        } else {
            // Runs of one seed begin with one part.
            let alike = tasks.iter().zip(&all);
            let alike = alike.filter(|(_, other)| {
                likeness.is_shared && other.as_ref().is_some_and(|other| is_alike(&other))
            });
            let seeds: BTreeSet<_> = alike.map(|(task, _)| task.run.identity.seed).collect();
            let models = seeds.len().clamp(1, models);
            known.parts(task, Trial { models, ..trial })?
        };
        let done = match task.run.reason {
            Reason::Resume { at, .. } => at,
            _ => 0,
        };
        let own = work.map(|work| match task.run.reason {
            Reason::EvaluationChanged { .. } => work.fixed,
            Reason::Resume { at, of } if at >= of => work.fixed,
            _ => work.remaining(done) / models as u32,
        });
        let estimate = own.zip(parts);
        estimates.push(estimate.map(|(own, parts)| Estimate::new(own, parts)));
    }
    Ok(estimates)
}

impl Likeness {
    /// `None` for a task that is done, or whose settings cannot be read.
    fn of(task: &Task) -> Option<Self> {
        if !task.run.reason.is_pending() {
            return None;
        }
        let settings = &task.run.identity.settings;
        let shape = task.method.shape(settings).ok()?;
        let is_shared = shape.is_some();
        let shape = shape.unwrap_or_else(|| settings.to_string());
        let data = task.run.identity.data.clone();
        Some(Self {
            cohort: (data, task.method.id(), shape),
            is_shared,
            cost: task.method.cost(settings).ok()?,
        })
    }
}

impl Known<'_> {
    /// What something costs, by what is alike: measured when it is asked for the first time.
    fn work(
        &mut self,
        alike: &Alike,
        one: impl Fn() -> Option<Work> + Sync,
    ) -> Result<Option<Work>, Error> {
        if let Some(work) = self.works.get(alike) {
            return Ok(*work);
        }
        let work = measure(self.team, one)?;
        self.works.insert(alike.clone(), work);
        Ok(work)
    }

    /// What a run begins with and is not in the store; `None` if it cannot be measured.
    fn parts(&mut self, task: &Task, trial: Trial) -> Result<Option<Vec<PendingPart>>, Error> {
        let run = &task.run.identity;
        let Ok(needs) = task.method.needs(&run.settings) else {
            return Ok(None);
        };
        let mut pending = Vec::new();
        for need in &needs {
            let Need { part, settings, .. } = need;
            // One that all runs begin with is trained alone.
            let trial = Trial {
                models: need.seed.map_or(trial.models, |_| 1),
                ..trial
            };
            let place = PartFolder::new(self.store, stored_parts::identity(need, run));
            if matches!(place.record(), Ok(Some(_))) {
                continue;
            }
            let key = place.key().clone();
            if let Some(&time) = self.counted.get(&key) {
                pending.push(PendingPart {
                    key,
                    time,
                    is_counted: false,
                });
                continue;
            }
            let alike = (
                run.data.clone(),
                part.id(),
                format!("{} {} {settings}", trial.models, run.precision.name()),
            );
            let Some(work) = self.work(&alike, || part.calibrate(settings, &trial).ok())? else {
                return Ok(None);
            };
            let done = place.progress().map_or(0, |progress| progress.iteration);
            let time = work.remaining(done) / trial.models as u32;
            self.counted.insert(key.clone(), time);
            pending.push(PendingPart {
                key,
                time,
                is_counted: true,
            });
        }
        Ok(Some(pending))
    }
}

/// The slowest of the workers' measurements.
fn measure(team: Team, one: impl Fn() -> Option<Work> + Sync) -> Result<Option<Work>, Error> {
    let one = &|| {
        tch::set_num_threads(team.threads_each.try_into().unwrap_or(1));
        let _no_graph = tch::no_grad_guard();
        one()
    };
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for _ in 0..team.workers {
            let thread = std::thread::Builder::new()
                .name(super::WORKER.to_owned())
                .spawn_scoped(scope, one);
            threads.push(thread.map_err(Error::Thread)?);
        }
        let works = threads
            .into_iter()
            .map(|thread| thread.join().ok().flatten());
        let works: Option<Vec<Work>> = works.collect();
        Ok(works.and_then(|works| {
            works
                .into_iter()
                .max_by_key(|work| work.remaining(0).max(Duration::from_nanos(1)))
        }))
    })
}
