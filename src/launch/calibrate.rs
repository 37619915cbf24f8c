//! How long the pending runs will take here: a short measurement, made under the conditions of the
//! work itself.

use std::collections::HashMap;
use std::time::Duration;

use super::local::{Options, Team};
use super::{Error, Task};
use crate::runs::Reason;
use crate::train::Work;

/// Gives each pending task its estimate. As many threads measure at the same time as workers will
/// compute, because they share memory and caches. Tasks of equal shape are measured once. What
/// cannot be measured has no estimate: it will fail with its own message when it is run.
///
/// `rows` and `dims` describe the data set.
///
/// # Errors
/// If a thread cannot be started.
pub fn calibrate(tasks: &mut [Task], rows: i64, dims: i64, options: Options) -> Result<(), Error> {
    let pending = tasks.iter().filter(|task| task.run.reason.is_pending());
    let team = Team::new(&options, pending.count());
    let mut known: HashMap<(&'static str, String), Option<Work>> = HashMap::new();
    for task in tasks {
        if !task.run.reason.is_pending() {
            continue;
        }
        let settings = &task.run.identity.settings;
        let Ok(shape) = task.method.shape(settings) else {
            continue;
        };
        // Runs that train alone still cost the same if their settings are the same.
        let key = (
            task.method.id(),
            shape.unwrap_or_else(|| settings.to_string()),
        );
        let work = if let Some(work) = known.get(&key) {
            *work
        } else {
            let work = measure(task, rows, dims, options, team)?;
            known.insert(key, work);
            work
        };
        let done = match task.run.reason {
            Reason::Resume { at, .. } => at,
            _ => 0,
        };
        task.run.estimate = work.map(|work| work.remaining(done));
    }
    Ok(())
}

/// The slowest of the workers' measurements.
fn measure(
    task: &Task,
    rows: i64,
    dims: i64,
    options: Options,
    team: Team,
) -> Result<Option<Work>, Error> {
    let one = || {
        tch::set_num_threads(team.threads_each.try_into().unwrap_or(1));
        let _no_graph = tch::no_grad_guard();
        let settings = &task.run.identity.settings;
        task.method
            .calibrate(settings, rows, dims, options.device)
            .ok()
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
