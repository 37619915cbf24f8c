//! The training loop: steps, losses, checkpoints, interruption.

use std::time::{Duration, Instant};

use tch::Tensor;

use super::{Context, Error, Event, Member};
use crate::device::TrainingProducts;
use crate::files::with_suffix;
use crate::runs::checkpoint::{self, Named, Progress};
use crate::runs::record::{Curves, Maker};

/// A curve has about this many points.
const CURVE_POINTS: u64 = 100;
/// At most 1/50 of the time is spent on saving.
const SAVING_SHARE: u32 = 50;
/// A model trained longer than this since its last checkpoint is also saved at the end.
const WORTH_SAVING: Duration = Duration::from_secs(10);
/// Observers hear of progress at most this often.
const NOTICE_INTERVAL: Duration = Duration::from_millis(100);

/// A cohort of models that a loop can train.
pub trait Trainable {
    /// Steps of a full training.
    fn iterations(&self) -> u64;

    /// Takes step `iteration`, from 0, for all models.
    ///
    /// # Errors
    /// Whatever libtorch says.
    fn step(&mut self, iteration: u64) -> Result<(), Error>;

    /// The fraction of all work that the first `done` steps are, 0 to 1.
    fn fraction_done(&self, done: u64) -> f64 {
        done as f64 / self.iterations().max(1) as f64
    }

    /// Whether the losses are noted after step `iteration`: about a hundred times unless the model
    /// has a rhythm of its own. It must not depend on anything but the settings.
    fn is_noted(&self, iteration: u64) -> bool {
        let iterations = self.iterations();
        let every = (iterations / CURVE_POINTS).max(1);
        iteration.is_multiple_of(every) || iteration + 1 == iterations
    }

    /// Whether the training of one model is over before its last iteration, because a rule of the
    /// model's own says so. The steps of the others do not change it any more.
    fn has_ended(&self, _model: usize) -> bool {
        false
    }

    /// The losses of the last step by name, one value for each model. Waits for the device.
    fn losses(&self) -> Vec<(&'static str, Vec<f64>)>;

    /// The losses of so many first steps are noted one by one besides, in [`Curves::start`].
    fn followed_closely(&self) -> u64 {
        0
    }

    /// Everything that the next step of one model depends on.
    fn state(&self, model: usize) -> Vec<(String, Tensor)>;

    /// Puts back what [`Trainable::state`] gave, after `iteration` steps.
    ///
    /// # Errors
    /// If a tensor is missing or has another shape; the message says which. Nothing has changed
    /// then.
    fn restore(&mut self, model: usize, iteration: u64, state: &Named) -> Result<(), String>;
}

/// How a training ended.
#[derive(Debug)]
pub enum Driven {
    /// All steps are done; one entry for each model.
    Finished(Vec<Progress>),
    /// The state is in the checkpoints.
    Interrupted,
}

/// Trains a cohort to its end, from its checkpoints if it has any.
///
/// Losses are looked at, and noted, at fixed iterations ([`Trainable::is_noted`]), so that the
/// curves of a resumed run are those of an uninterrupted one. A model whose loss is not finite
/// counts as diverged from there on; the others of its cohort are not touched by it. Nor are they
/// by one that has ended ([`Trainable::has_ended`]): its curves stop there, and its iteration is
/// that of its end, also in its checkpoint. When all have diverged or ended, so has the training.
///
/// Checkpoints are written every [`Context::checkpoint_interval`], when the program is to stop, and
/// at the end if the last is more than some seconds old, so that a run killed during evaluation
/// resumes there. Slow saves are spaced out to cost at most 2 % of the time.
///
/// # Errors
/// If a step fails or the disk refuses a checkpoint.
pub fn drive(
    model: &mut dyn Trainable,
    cohort: &[Member],
    context: &Context,
) -> Result<Driven, Error> {
    let _products = TrainingProducts::set(context.precision, context.device)?;
    let mut loop_ = Loop::start(model, cohort, context)?;
    let iterations = model.iterations();
    if loop_.iteration > 0 {
        context.observer.notify(&Event::Resumed {
            worker: context.worker,
            fraction: model.fraction_done(loop_.iteration),
        });
    }
    let mut saved = Instant::now();
    let mut pause = context.checkpoint_interval;
    let mut noticed = Instant::now();
    while loop_.iteration < iterations && !loop_.all_over() {
        if context.is_interrupted() {
            loop_.save(model, cohort)?;
            return Ok(Driven::Interrupted);
        }
        model.step(loop_.iteration)?;
        let done = loop_.iteration + 1;
        if loop_.iteration < model.followed_closely() {
            loop_.note_start(model);
        }
        if model.is_noted(loop_.iteration) {
            loop_.note_losses(model);
        }
        loop_.iteration = done;
        loop_.note_ends(model);
        if noticed.elapsed() >= NOTICE_INTERVAL || done == iterations {
            noticed = Instant::now();
            context.observer.notify(&Event::Advanced {
                worker: context.worker,
                fraction: model.fraction_done(done),
                detail: &loop_.detail(),
            });
        }
        if saved.elapsed() >= pause && done < iterations {
            let clock = Instant::now();
            loop_.save(model, cohort)?;
            pause = pause_after(context.checkpoint_interval, clock.elapsed());
            saved = Instant::now();
        }
    }
    // Evaluation may take minutes and writes no checkpoint, so save now, unless saving is slow
    // here.
    let long = if pause > context.checkpoint_interval {
        pause
    } else {
        pause.min(WORTH_SAVING.saturating_mul(cohort.len() as u32))
    };
    if saved.elapsed() >= long {
        loop_.save(model, cohort)?;
    }
    Ok(Driven::Finished(loop_.progress()))
}

/// How long a step of a model takes on this thread: measured in well under a second, on a model
/// that is of no use afterwards.
///
/// # Errors
/// If a step fails.
pub fn time_of_step(model: &mut dyn Trainable) -> Result<Duration, Error> {
    let wait = |model: &dyn Trainable| drop(model.losses());
    model.step(0)?;
    wait(model);
    // Long enough for a steady figure, short enough not to be noticed.
    let (mut steps, clock) = (0, Instant::now());
    while steps < 3 || (steps < 20 && clock.elapsed() < Duration::from_millis(250)) {
        model.step(0)?;
        steps += 1;
    }
    wait(model);
    Ok(clock.elapsed() / steps)
}

/// The time until the next checkpoint, when the last one took `cost`.
fn pause_after(interval: Duration, cost: Duration) -> Duration {
    // Whoever asks for less than a second wants checkpoints more than speed: the tests do.
    if interval < Duration::from_secs(1) {
        return interval;
    }
    interval.max(cost.saturating_mul(SAVING_SHARE))
}

struct Loop {
    iteration: u64,
    iterations: u64,
    started: Instant,
    members: Vec<Course>,
}

/// How the training of one model has gone.
#[derive(Default)]
struct Course {
    /// Time spent before it was resumed, its share and on the clock.
    earlier: Duration,
    earlier_wall: Duration,
    resumed: u32,
    curves: Curves,
    makers: Vec<Maker>,
    diverged: Option<u64>,
    /// The iterations done when a rule of its own ended it.
    ended: Option<u64>,
}

impl Course {
    fn is_over(&self) -> bool {
        self.diverged.is_some() || self.ended.is_some()
    }
}

impl Loop {
    fn start(
        model: &mut dyn Trainable,
        cohort: &[Member],
        context: &Context,
    ) -> Result<Self, Error> {
        let here = Maker::here(context.device);
        let mut this = Self {
            iteration: 0,
            iterations: model.iterations(),
            started: Instant::now(),
            members: Vec::new(),
        };
        let mut starts = Vec::new();
        for (index, member) in cohort.iter().enumerate() {
            let progress = restore(model, index, member)?;
            let start = progress.as_ref().map_or(0, |progress| progress.iteration);
            let mut course = progress.map_or_else(Course::default, |progress| Course {
                earlier: progress.elapsed,
                earlier_wall: progress.wall.max(progress.elapsed),
                resumed: progress.resumed + 1,
                curves: progress.curves,
                makers: progress.makers,
                diverged: progress.diverged,
                ended: None,
            });
            course.makers.retain(|maker| *maker != here);
            course.makers.push(here.clone());
            if model.has_ended(index) {
                course.ended = Some(start);
            } else {
                starts.push(start);
            }
            this.members.push(course);
        }
        this.iteration = starts.first().copied().unwrap_or(0);
        if starts.iter().any(|start| *start != this.iteration) {
            return Err(Error::Apart(starts));
        }
        Ok(this)
    }

    fn all_over(&self) -> bool {
        self.members.iter().all(Course::is_over)
    }

    /// Notes which models have just ended.
    fn note_ends(&mut self, model: &dyn Trainable) {
        for (index, course) in self.members.iter_mut().enumerate() {
            if course.ended.is_none() && model.has_ended(index) {
                course.ended = Some(self.iteration);
            }
        }
    }

    fn note_losses(&mut self, model: &dyn Trainable) {
        let losses = model.losses();
        for (index, course) in self.members.iter_mut().enumerate() {
            // What follows after a divergence or an end says nothing, and would depend on how long
            // the others of the cohort go on.
            if course.is_over() {
                continue;
            }
            course.curves.iteration.push(self.iteration);
            for (name, values) in &losses {
                let value = values[index];
                let finite = value.is_finite().then_some(value);
                if finite.is_none() {
                    course.diverged = Some(self.iteration);
                }
                course
                    .curves
                    .values
                    .entry((*name).to_owned())
                    .or_default()
                    .push(finite);
            }
        }
    }

    /// Notes the losses of one of the first steps. Whether a model has diverged is left to the main
    /// curve, so that it does not depend on what is followed closely.
    fn note_start(&mut self, model: &dyn Trainable) {
        let losses = model.losses();
        for (index, course) in self.members.iter_mut().enumerate() {
            if course.is_over() {
                continue;
            }
            let start = course.curves.start.get_or_insert_default();
            start.iteration.push(self.iteration);
            for (name, values) in &losses {
                let value = values[index];
                let values = start.values.entry((*name).to_owned()).or_default();
                values.push(value.is_finite().then_some(value));
            }
        }
    }

    fn detail(&self) -> String {
        let Some(first) = self.members.first() else {
            return String::new();
        };
        let mut text = format!("{}/{}", self.iteration, self.iterations);
        for (name, values) in &first.curves.values {
            if let Some(Some(last)) = values.last() {
                text += &format!("  {name} {last:.4}");
            }
        }
        text
    }

    fn progress(&self) -> Vec<Progress> {
        let share = self.started.elapsed() / self.members.len().max(1) as u32;
        let members = self.members.iter();
        members
            .map(|course| Progress {
                iteration: course.ended.unwrap_or(self.iteration),
                // What has ended by itself is at its end.
                iterations: course.ended.unwrap_or(self.iterations),
                elapsed: course.earlier + share,
                resumed: course.resumed,
                curves: course.curves.clone(),
                diverged: course.diverged,
                wall: course.earlier_wall + self.started.elapsed(),
                makers: course.makers.clone(),
            })
            .collect()
    }

    fn save(&self, model: &dyn Trainable, cohort: &[Member]) -> Result<(), Error> {
        for (index, (member, progress)) in cohort.iter().zip(self.progress()).enumerate() {
            if member.checkpoint.as_os_str().is_empty() {
                continue;
            }
            checkpoint::save(&member.checkpoint, &model.state(index), Some(&progress))?;
        }
        Ok(())
    }
}

/// Puts a model back to where its checkpoint has it; `None` if there is none. One that cannot be
/// used, because it is damaged or was written by another version, is set aside.
fn restore(
    model: &mut dyn Trainable,
    index: usize,
    member: &Member,
) -> Result<Option<Progress>, Error> {
    let path = &member.checkpoint;
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    match checkpoint::load(path) {
        Ok(None) => return Ok(None),
        Ok(Some((state, Some(progress))))
            if model.restore(index, progress.iteration, &state).is_ok() =>
        {
            return Ok(Some(progress));
        }
        Err(error @ crate::runs::Error::Io { .. }) => return Err(error.into()),
        Ok(_) | Err(_) => {}
    }
    let aside = with_suffix(path, ".unusable");
    std::fs::rename(path, &aside).map_err(crate::runs::Error::io("rename", path))?;
    Ok(None)
}

/// A model that asks for an interruption once a step is done, for tests of resuming. All else is the model's own.
#[cfg(test)]
pub(crate) struct StopAfter<'a> {
    pub model: &'a mut dyn Trainable,
    /// None: it goes on to its end.
    pub step: Option<u64>,
    pub stop: &'a std::sync::atomic::AtomicBool,
}

#[cfg(test)]
impl Trainable for StopAfter<'_> {
    fn iterations(&self) -> u64 {
        self.model.iterations()
    }

    fn step(&mut self, iteration: u64) -> Result<(), Error> {
        self.model.step(iteration)?;
        if self.step == Some(iteration) {
            self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        }
        Ok(())
    }

    fn fraction_done(&self, done: u64) -> f64 {
        self.model.fraction_done(done)
    }

    fn is_noted(&self, iteration: u64) -> bool {
        self.model.is_noted(iteration)
    }

    fn has_ended(&self, model: usize) -> bool {
        self.model.has_ended(model)
    }

    fn losses(&self) -> Vec<(&'static str, Vec<f64>)> {
        self.model.losses()
    }

    fn followed_closely(&self) -> u64 {
        self.model.followed_closely()
    }

    fn state(&self, model: usize) -> Vec<(String, Tensor)> {
        self.model.state(model)
    }

    fn restore(&mut self, model: usize, iteration: u64, state: &Named) -> Result<(), String> {
        self.model.restore(model, iteration, state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dear_checkpoints_are_made_less_often() {
        let [second, minute] = [Duration::from_secs(1), Duration::from_mins(1)];
        assert_eq!(pause_after(minute, second), minute);
        assert_eq!(pause_after(minute, 6 * second), 5 * minute);
        // A test asks for many, whatever they cost.
        let short = Duration::from_millis(5);
        assert_eq!(pause_after(short, second), short);
        assert_eq!(pause_after(Duration::MAX, Duration::MAX), Duration::MAX);
    }
}
