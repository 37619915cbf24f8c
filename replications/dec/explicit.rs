//! Descent on codes and centroids themselves: the encoder has no part in it.
//!
//! The report says that other implementations "update z and mu explicitly". Those that are public
//! back-propagate through the encoder. This is what the words would mean: all codes and all centroids
//! are variables, moved by one optimiser on the divergence of the whole data set.

use tch::Tensor;

use super::model::Model;
use super::optimiser::{self, Descender};
use super::phase::{Clustering, Targets};
use super::settings::Descent;
use super::watch::Watch;
use crate::cluster::student::KlGradient;
use crate::nn::{Layout, Parameters, Segment, Slot};
use crate::runs::checkpoint::Named;
use crate::train::{Error, Trainable, TrainingData};

/// Codes and centroids under way.
#[derive(Debug)]
pub(super) struct Explicit {
    rule: Descent,
    /// Where they come from; not moved.
    model: Model,
    variables: Parameters,
    slots: [Slot; 2],
    segments: [Segment; 2],
    /// Like codes and centroids.
    gradients: [Tensor; 2],
    descender: Descender,
    targets: Targets,
}

impl Explicit {
    /// From a pretrained model with its centroids in place.
    pub(super) fn new(rule: Descent, model: Model, data: &TrainingData, labels: &[u32]) -> Self {
        let start = [model.encode(&data.features), model.centroids()];
        let clusters = start[1].size()[0] as usize;
        let mut layout = Layout::default();
        let mut add = |name: &str, tensor: &Tensor| {
            let segment = layout.segment();
            (segment, layout.add(name, &tensor.size()))
        };
        let (codes, centroids) = (add("codes", &start[0]), add("centroids", &start[1]));
        let variables = Parameters::zeros(layout, 1, data.features.device());
        let slots = [codes.1, centroids.1];
        for (slot, start) in slots.into_iter().zip(&start) {
            variables.value(slot).get(0).copy_(start);
        }
        let watch = Watch::new(data, labels, clusters);
        Self {
            rule,
            slots,
            segments: [codes.0, centroids.0],
            gradients: start.map(|tensor| tensor.zeros_like()),
            descender: Descender::new(rule.optimiser, 1.0, &variables.values),
            targets: Targets::new(watch, data.rows(), clusters, rule.tolerance, &data.features),
            variables,
            model,
        }
    }
}

impl Clustering for Explicit {
    fn model(&self, _: usize) -> Model {
        self.model.alone(0)
    }

    fn codes(&self, _: usize) -> Tensor {
        self.variables.value(self.slots[0]).get(0)
    }

    fn centroids(&self, _: usize) -> Tensor {
        self.variables.value(self.slots[1]).get(0)
    }
}

impl Trainable for Explicit {
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
        let (codes, centroids) = (self.codes(0), self.centroids(0));
        if iteration.is_multiple_of(self.rule.update_interval) {
            self.targets.refresh(iteration, &codes, &centroids);
        }
        if self.targets.ended {
            return Ok(());
        }
        let [delta, gradient] = &self.gradients;
        let _ = delta.shallow_clone().zero_();
        // The published sum: Adam does not notice a factor.
        KlGradient { scale: 1.0 }.compute(&codes, &centroids, &self.targets.p, delta, gradient);
        self.descender.next_step();
        for (segment, gradient) in self.segments.into_iter().zip(&self.gradients) {
            self.descender
                .update(&self.variables, segment, &gradient.view([-1]))?;
        }
        Ok(())
    }

    fn losses(&self) -> Vec<(&'static str, Vec<f64>)> {
        self.targets.losses()
    }

    fn state(&self, _: usize) -> Vec<(String, Tensor)> {
        let mut state = optimiser::state(&self.variables, &self.descender, 0);
        state.extend(self.targets.state());
        state
    }

    fn restore(&mut self, _: usize, iteration: u64, stored: &Named) -> Result<(), String> {
        self.targets.fit(stored)?;
        optimiser::restore(&self.variables, &self.descender, 0, stored)?;
        self.targets.restore(stored)?;
        self.descender.set_steps(iteration);
        Ok(())
    }
}
