//! The KL phase: descent on `KL(P|Q)` with P held constant between refreshes.
//!
//! Every `update_interval` steps P is computed from the codes of the *whole* data set. The first time but
//! for the very first that fewer labels have changed since the last refresh than the tolerance allows,
//! training ends before anything is moved. Gradients are means over a batch.
//!
//! Runs of several seeds are a cohort. Each has a P, a watch and an end of its own; one that has ended is
//! taken out of the cohort, which goes on without it.

mod live;

use live::Live;
use tch::{Kind, Tensor};

use super::model::{self, Model};
use super::optimiser;
use super::settings::Descent;
use super::watch::Watch;
use crate::cluster::student;
use crate::nn::{Parameters, Precision, state};
use crate::random::Seed;
use crate::runs::checkpoint::Named;
use crate::train::{Error, Trainable, TrainingData};

/// Something that ends with codes and centroids, those of each of its runs.
pub(super) trait Clustering: Trainable {
    /// The model of a run as it is now, in memory of its own.
    fn model(&self, run: usize) -> Model;

    /// The codes of all rows of a run as they are now, `[rows, latent]`.
    fn codes(&self, run: usize) -> Tensor;

    /// The centroids among them, `[clusters, latent]`.
    fn centroids(&self, run: usize) -> Tensor;
}

/// What a run enters with: a pretrained model with its centroids in place, which k-means has labelled the
/// rows by.
#[derive(Debug)]
pub(super) struct Entrant<'a> {
    pub model: Model,
    pub data: &'a TrainingData,
    pub labels: &'a [u32],
    pub seed: Seed,
}

/// P between two refreshes, and whether there will be another.
#[derive(Debug)]
pub(super) struct Targets {
    /// `[rows, clusters]`
    pub p: Tensor,
    watch: Watch,
    tolerance: f64,
    pub ended: bool,
}

impl Targets {
    pub(super) fn new(
        watch: Watch,
        rows: i64,
        clusters: usize,
        tolerance: f64,
        like: &Tensor,
    ) -> Self {
        Self {
            p: Tensor::zeros([rows, clusters as i64], (Kind::Float, like.device())),
            watch,
            tolerance,
            ended: false,
        }
    }

    /// P from codes and centroids; notes whether training has ended.
    pub(super) fn refresh(&mut self, iteration: u64, codes: &Tensor, centroids: &Tensor) {
        let q = student::assignments(codes, centroids);
        self.p = student::targets(&q);
        let changed = self.watch.look(iteration, &q, &self.p);
        self.ended = iteration > 0 && changed < self.tolerance;
    }

    pub(super) fn losses(&self) -> Vec<(&'static str, Vec<f64>)> {
        self.watch.losses()
    }

    pub(super) fn state(&self) -> Vec<(String, Tensor)> {
        let mut state = self.watch.state();
        state.push(("targets".to_owned(), self.p.copy()));
        let ended = f32::from(u8::from(self.ended));
        state.push(("ended".to_owned(), Tensor::from_slice(&[ended])));
        state
    }

    /// Whether [`Targets::restore`] would find everything.
    pub(super) fn fit(&self, stored: &Named) -> Result<(), String> {
        let ended = Tensor::zeros([1], (Kind::Float, tch::Device::Cpu));
        state::buffers_fit(&self.buffers(&ended), stored)
    }

    pub(super) fn restore(&mut self, stored: &Named) -> Result<(), String> {
        let ended = Tensor::zeros([1], (Kind::Float, tch::Device::Cpu));
        state::fill_buffers(&self.buffers(&ended), stored)?;
        self.ended = ended.double_value(&[0]) != 0.0;
        Ok(())
    }

    fn buffers<'a>(&'a self, ended: &'a Tensor) -> [(&'static str, &'a Tensor); 4] {
        let [labels, first] = self.watch.buffers();
        [labels, first, ("targets", &self.p), ("ended", ended)]
    }
}

/// DEC, IDEC, or DEC without back-propagation.
#[derive(Debug)]
pub(super) struct Phase {
    rule: Descent,
    /// What is trained.
    live: Live,
    runs: Vec<Run>,
}

#[derive(Debug)]
struct Run {
    targets: Targets,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// This model of the cohort. The last ones stay there when they have ended.
    Live(i64),
    /// Ended, while others go on.
    Ended(Box<Live>),
}

impl Phase {
    /// A cohort; all have the same number of rows.
    pub(super) fn new(
        rule: Descent,
        first: &Entrant,
        others: &[Entrant],
        precision: Precision,
    ) -> Self {
        let live = Live::new(rule, first, others, precision);
        let runs = (0..).zip(std::iter::once(first).chain(others));
        let runs = runs.map(|(at, entrant)| {
            let (data, clusters) = (entrant.data, entrant.model.centroids().size()[0] as usize);
            let watch = Watch::new(data, entrant.labels, clusters);
            let (rows, tolerance) = (data.rows(), rule.tolerance);
            Run {
                targets: Targets::new(watch, rows, clusters, tolerance, &data.features),
                place: Place::Live(at),
            }
        });
        Self {
            runs: runs.collect(),
            rule,
            live,
        }
    }

    /// Those of the models under way.
    pub(super) fn parameters(&self) -> &Parameters {
        &self.live.model.parameters
    }

    /// Where a run's model is, and which one it is there.
    fn seat(&self, run: usize) -> (&Live, i64) {
        match &self.runs[run].place {
            Place::Live(at) => (&self.live, *at),
            Place::Ended(alone) => (alone, 0),
        }
    }

    fn refresh(&mut self, iteration: u64) {
        let mut codes = Vec::with_capacity(self.runs.len());
        for run in &mut self.runs {
            let Place::Live(at) = run.place else {
                continue;
            };
            let own = self.live.codes(at);
            let centroids = self.live.model.all_centroids().get(at);
            run.targets.refresh(iteration, &own, &centroids);
            codes.push(own);
        }
        self.live.keep_codes(&codes);
        if self.rule.restart {
            self.live.descender.reset();
        }
        self.take_out_ended();
        self.hand_targets();
    }

    /// Takes those that have ended out of the cohort, unless that leaves nobody.
    fn take_out_ended(&mut self) {
        let live = |run: &Run| matches!(run.place, Place::Live(_));
        let all = self.runs.iter().filter(|run| live(run)).count();
        let going_on = |run: &&Run| live(run) && !run.targets.ended;
        let left = self.runs.iter().filter(going_on).count();
        if left == 0 || left == all {
            return;
        }
        let mut kept = Vec::with_capacity(left);
        for run in &mut self.runs {
            let Place::Live(at) = run.place else {
                continue;
            };
            if run.targets.ended {
                run.place = Place::Ended(Box::new(self.live.only(&[at])));
            } else {
                run.place = Place::Live(kept.len() as i64);
                kept.push(at);
            }
        }
        self.live = self.live.only(&kept);
    }

    /// Gives the cohort the P of its models.
    fn hand_targets(&mut self) {
        let live = self.runs.iter().filter_map(|run| match run.place {
            Place::Live(_) => Some(run.targets.p.shallow_clone()),
            Place::Ended(_) => None,
        });
        self.live.p = model::stack_models(&live.collect::<Vec<_>>());
    }
}

impl Clustering for Phase {
    fn model(&self, run: usize) -> Model {
        let (live, at) = self.seat(run);
        live.model.alone(at)
    }

    fn codes(&self, run: usize) -> Tensor {
        let (live, at) = self.seat(run);
        live.codes(at)
    }

    fn centroids(&self, run: usize) -> Tensor {
        let (live, at) = self.seat(run);
        live.model.all_centroids().get(at)
    }
}

impl Trainable for Phase {
    fn iterations(&self) -> u64 {
        self.rule.max_iterations
    }

    fn is_noted(&self, iteration: u64) -> bool {
        iteration.is_multiple_of(self.rule.update_interval)
    }

    fn has_ended(&self, run: usize) -> bool {
        self.runs[run].targets.ended
    }

    fn step(&mut self, iteration: u64) -> Result<(), Error> {
        if iteration.is_multiple_of(self.rule.update_interval) {
            self.refresh(iteration);
        }
        if self.runs.iter().all(|run| run.targets.ended) {
            return Ok(());
        }
        self.live.step(iteration)
    }

    fn losses(&self) -> Vec<(&'static str, Vec<f64>)> {
        let each: Vec<_> = self.runs.iter().map(|run| run.targets.losses()).collect();
        // One that had ended before the training was resumed has seen nothing since.
        let names = each.iter().max_by_key(|losses| losses.len());
        let names = names.into_iter().flatten().map(|(name, _)| *name);
        let of = |losses: &Vec<(&str, Vec<f64>)>, name: &str| {
            let mut losses = losses.iter();
            let found = losses.find(|(own, _)| *own == name);
            found.and_then(|(_, values)| values.first().copied())
        };
        names
            .map(|name| {
                let values = each.iter().map(|losses| of(losses, name));
                (
                    name,
                    values.map(|value| value.unwrap_or(f64::NAN)).collect(),
                )
            })
            .collect()
    }

    fn state(&self, run: usize) -> Vec<(String, Tensor)> {
        let (live, at) = self.seat(run);
        let mut state = optimiser::state(&live.model.parameters, &live.descender, at as usize);
        state.extend(self.runs[run].targets.state());
        state
    }

    fn restore(&mut self, run: usize, iteration: u64, stored: &Named) -> Result<(), String> {
        self.runs[run].targets.fit(stored)?;
        let (live, at) = self.seat(run);
        optimiser::restore(&live.model.parameters, &live.descender, at as usize, stored)?;
        self.runs[run].targets.restore(stored)?;
        if !self.runs[run].targets.ended {
            let steps = if self.rule.restart {
                iteration % self.rule.update_interval
            } else {
                iteration
            };
            self.live.descender.set_steps(steps);
        }
        self.live.forget_codes();
        self.take_out_ended();
        self.hand_targets();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
