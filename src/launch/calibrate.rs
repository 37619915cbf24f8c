//! How long the pending runs will take here, and how many of them are best done at the same time: a
//! short measurement, made under the conditions of the work itself.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tch::Device;

use super::local::{Options, Team};
use super::{Error, Task};
use crate::runs::{Reason, plan};
use crate::train::{Trial, Work};

/// A team of fewer workers must be this much faster to be chosen: measurements are noisy, and workers
/// that share nothing are the more robust choice.
const CLEARLY: f64 = 0.95;

/// What runs that cost the same have in common: data set, method, and shape (or settings, for runs that
/// train alone).
type Alike = (String, &'static str, String);

/// What they cost.
type Known = HashMap<Alike, Option<Work>>;

/// Gives each pending task its estimate, and the team that does the work: the one that `options` ask
/// for, or else the fastest. As many threads measure at the same time as workers will compute,
/// because they share memory and caches. Tasks of equal shape are measured once. What cannot be
/// measured has no estimate: it will fail with its own message when it is run.
///
/// `shapes` has rows and dimensions of each data set by id. Tasks on another one have no estimate.
///
/// # Errors
/// If a thread cannot be started.
pub fn calibrate(
    tasks: &mut [Task],
    shapes: &BTreeMap<String, [i64; 2]>,
    options: Options,
) -> Result<Team, Error> {
    let pending = tasks.iter().filter(|task| task.run.reason.is_pending());
    let mut best: Option<(Team, Duration, Vec<Option<Duration>>)> = None;
    for team in candidates(&options, pending.count()) {
        let estimates = estimates(tasks, shapes, options, team)?;
        let total = estimates.iter().flatten().copied();
        let total = plan::makespan(total.collect(), team.workers);
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
    shapes: &BTreeMap<String, [i64; 2]>,
    options: Options,
    team: Team,
) -> Result<Vec<Option<Duration>>, Error> {
    let keys: Vec<_> = tasks.iter().map(key).collect();
    let mut known = Known::new();
    let mut estimates = Vec::with_capacity(tasks.len());
    for (task, key) in tasks.iter().zip(&keys) {
        let shape = shapes.get(&task.run.identity.data);
        let (Some((key, shared)), Some(&[rows, dims])) = (key, shape) else {
            estimates.push(None);
            continue;
        };
        let alike = keys.iter().flatten().filter(|(other, _)| other == key);
        let models = match options.device {
            Device::Cpu => 1,
            _ if *shared => alike.count(),
            _ => 1,
        };
        let work = if let Some(work) = known.get(key) {
            *work
        } else {
            let trial = Trial {
                rows,
                dims,
                models,
                device: options.device,
                precision: task.run.identity.precision,
            };
            let work = measure(task, trial, team)?;
            known.insert(key.clone(), work);
            work
        };
        let done = match task.run.reason {
            Reason::Resume { at, .. } => at,
            _ => 0,
        };
        estimates.push(work.map(|work| work.remaining(done) / models as u32));
    }
    Ok(estimates)
}

/// What tasks that cost the same have in common, and whether they can train as one cohort; `None` for
/// a task that is done, or whose settings cannot be read.
fn key(task: &Task) -> Option<(Alike, bool)> {
    if !task.run.reason.is_pending() {
        return None;
    }
    let settings = &task.run.identity.settings;
    let shape = task.method.shape(settings).ok()?;
    let shared = shape.is_some();
    let shape = shape.unwrap_or_else(|| settings.to_string());
    let data = task.run.identity.data.clone();
    Some(((data, task.method.id(), shape), shared))
}

/// The slowest of the workers' measurements.
fn measure(task: &Task, trial: Trial, team: Team) -> Result<Option<Work>, Error> {
    let one = || {
        tch::set_num_threads(team.threads_each.try_into().unwrap_or(1));
        let _no_graph = tch::no_grad_guard();
        let settings = &task.run.identity.settings;
        task.method.calibrate(settings, &trial).ok()
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
