//! The KL phase: descent on `KL(P|Q)` with P held constant between refreshes.
//!
//! Every `update_interval` steps P is computed from the codes of the *whole* data set. The first time but
//! for the very first that fewer labels have changed since the last refresh than the tolerance allows,
//! training ends before anything is moved. Gradients are means over a batch.

use std::collections::HashMap;

use tch::{Kind, Tensor};

use super::batches::Batches;
use super::model::{self, Descender, Model, fill};
use super::settings::{Descent, Moved};
use super::watch::Watch;
use crate::cluster::student::{self, Pull};
use crate::nn::{Parameters, Pass, Precision, Segment};
use crate::random::Seed;
use crate::runs::checkpoint::Named;
use crate::train::{Error, Trainable, TrainingData};

/// Something that ends with codes and centroids.
pub(super) trait Clustering: Trainable {
    /// The model as it is now.
    fn model(&self) -> &Model;

    /// The codes of all rows as they are now, `[rows, latent]`.
    fn codes(&self) -> Tensor;

    /// The centroids among them, `[clusters, latent]`.
    fn centroids(&self) -> Tensor;
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

    /// P from codes and centroids; whether training goes on.
    pub(super) fn refresh(&mut self, iteration: u64, codes: &Tensor, centroids: &Tensor) -> bool {
        let q = student::assignments(codes, centroids);
        self.p = student::targets(&q);
        let changed = self.watch.look(iteration, &q, &self.p);
        self.ended = iteration > 0 && changed < self.tolerance;
        !self.ended
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

    pub(super) fn restore(&mut self, stored: &Named) -> Result<(), String> {
        let ended = Tensor::zeros([1], (Kind::Float, tch::Device::Cpu));
        self.watch.restore(stored)?;
        fill(&[("targets", &self.p), ("ended", &ended)], stored)?;
        self.ended = ended.double_value(&[0]) != 0.0;
        Ok(())
    }
}

/// DEC, IDEC, or DEC without back-propagation.
#[derive(Debug)]
pub(super) struct Phase {
    rule: Descent,
    precision: Precision,
    model: Model,
    /// `[rows, D]`
    features: Tensor,
    targets: Targets,
    /// Codes of all rows, where the encoder is not moved.
    fixed: Option<Tensor>,
    descender: Descender,
    batches: Batches,
    /// By batch size.
    passes: HashMap<i64, Pass>,
    /// `[clusters, latent]`
    centroid_gradient: Tensor,
}

impl Phase {
    /// From a pretrained model with its centroids in place, which k-means has labelled the rows by.
    pub(super) fn new(
        rule: Descent,
        model: Model,
        data: &TrainingData,
        labels: &[u32],
        seed: Seed,
        precision: Precision,
    ) -> Self {
        let centroids = model.centroids();
        let clusters = centroids.size()[0] as usize;
        let watch = Watch::new(data, labels, clusters);
        let targets = Targets::new(watch, data.rows(), clusters, rule.tolerance, &data.features);
        Self {
            targets,
            fixed: None,
            descender: Descender::new(rule.optimiser, 1.0, &model.parameters.values),
            batches: Batches::new(
                data.rows(),
                rule.batch,
                rule.order,
                &[seed],
                "order of phase, pass",
            ),
            passes: HashMap::new(),
            centroid_gradient: centroids.zeros_like(),
            features: data.features.shallow_clone(),
            rule,
            precision,
            model,
        }
    }

    pub(super) fn parameters(&self) -> &Parameters {
        &self.model.parameters
    }

    fn refresh(&mut self, iteration: u64) -> bool {
        let codes = self.codes();
        let goes_on = self
            .targets
            .refresh(iteration, &codes, &self.model.centroids());
        if self.rule.moved == Moved::Centroids {
            self.fixed = Some(codes);
        }
        if self.rule.restart {
            self.descender.rest();
        }
        goes_on
    }
}

impl Clustering for Phase {
    fn model(&self) -> &Model {
        &self.model
    }

    fn codes(&self) -> Tensor {
        let fixed = self.fixed.as_ref().map(Tensor::shallow_clone);
        fixed.unwrap_or_else(|| self.model.encode(&self.features))
    }

    fn centroids(&self) -> Tensor {
        self.model.centroids()
    }
}

impl Trainable for Phase {
    fn iterations(&self) -> u64 {
        self.rule.max_iterations
    }

    fn is_noted(&self, iteration: u64) -> bool {
        iteration.is_multiple_of(self.rule.update_interval)
    }

    fn has_ended(&self, _: usize) -> bool {
        self.targets.ended
    }

    fn step(&mut self, iteration: u64) -> Result<(), Error> {
        if iteration.is_multiple_of(self.rule.update_interval) && !self.refresh(iteration) {
            return Ok(());
        }
        let batch = self.batches.at(iteration, &self.features);
        let (x, p) = (batch.of(&self.features), batch.of(&self.targets.p));
        let (network, parameters) = (&self.model.network, &self.model.parameters);
        let (centroids, gradient) = (self.model.centroids(), &self.centroid_gradient);
        let mut pull = Pull {
            scale: 1.0 / batch.len() as f64,
        };
        if self.rule.moved == Moved::Centroids && self.fixed.is_none() {
            // Resumed between two refreshes: the encoder is what it was.
            self.fixed = Some(self.model.encode(&self.features));
        }
        self.descender.next_step();
        let descender = &self.descender;
        let mut update =
            |segment: Segment, gradient: &Tensor| descender.update(parameters, segment, gradient);
        if let Some(codes) = &self.fixed {
            let codes = batch.of(codes);
            pull.step(&codes, &centroids, &p, &codes.zeros_like(), gradient);
            update(self.model.map, &gradient.view([-1]))?;
            return Ok(());
        }
        let precision = self.precision;
        let pass = self.passes.entry(batch.len());
        let pass = pass.or_insert_with(|| Pass::new(network, parameters, batch.len(), precision));
        pass.encode(&x);
        if let Moved::Autoencoder(weight) = self.rule.moved {
            pull.scale *= weight;
            pass.decode();
            pass.backward_decoder(&x, &mut update)?;
        } else {
            let _ = pass.code_delta().zero_();
        }
        let (code, delta) = (pass.code().get(0), pass.code_delta().get(0));
        pull.step(&code, &centroids, &p, &delta, gradient);
        update(self.model.map, &gradient.view([-1]))?;
        pass.backward_encoder(&x, &mut update)?;
        Ok(())
    }

    fn losses(&self) -> Vec<(&'static str, Vec<f64>)> {
        self.targets.losses()
    }

    fn state(&self, _: usize) -> Vec<(String, Tensor)> {
        let mut state = model::state(&self.model.parameters, &self.descender, 0);
        state.extend(self.targets.state());
        state
    }

    fn restore(&mut self, _: usize, iteration: u64, stored: &Named) -> Result<(), String> {
        self.targets.restore(stored)?;
        model::restore(&self.model.parameters, &self.descender, 0, stored)?;
        let steps = if self.rule.restart {
            iteration % self.rule.update_interval
        } else {
            iteration
        };
        self.descender.set_steps(steps);
        self.fixed = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
