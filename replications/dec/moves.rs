//! The procedure of the report's code: once an epoch all codes and centroids are moved by their gradients
//! times a rate, then the encoder is fitted to the moved codes.
//!
//! In this order: Q and P of all rows; `z = z + g`; the encoder is fitted, by Adam on the mean squared
//! error; `m = m + g`, with the moved codes and the old P and Q in its gradient; the labels are those of
//! the moved codes. The code *adds* the gradients, which is ascent; [`Sign::Corrected`] subtracts them
//! and changes nothing else. There is no stopping rule.

use std::collections::HashMap;

use tch::{Kind, Tensor};

use super::model::Model;
use super::optimiser::{self, Descender};
use super::phase::Clustering;
use super::settings::{Moves, Optimiser, Order, Sign};
use super::watch::Watch;
use crate::cluster::student::{self, KlGradient};
use crate::nn::elementwise::scaled_error;
use crate::nn::{Pass, Precision, Segment, state};
use crate::random::Seed;
use crate::runs::checkpoint::Named;
use crate::train::batches::Batches;
use crate::train::{Error, Trainable, TrainingData};

/// The report's training under way.
#[derive(Debug)]
pub(super) struct Moving {
    rule: Moves,
    precision: Precision,
    model: Model,
    /// `[rows, D]`
    features: Tensor,
    /// The moved codes, which the encoder is fitted to, `[rows, latent]`.
    moved: Tensor,
    watch: Watch,
    descender: Descender,
    batches: Batches,
    /// By batch size.
    passes: HashMap<i64, Pass>,
}

impl Moving {
    /// From a pretrained model with its centroids in place, which k-means has labelled the rows by.
    pub(super) fn new(
        rule: Moves,
        model: Model,
        data: &TrainingData,
        labels: &[u32],
        seed: Seed,
        precision: Precision,
    ) -> Self {
        let clusters = model.centroids().size()[0] as usize;
        Self {
            rule,
            precision,
            features: data.features.shallow_clone(),
            moved: model.encode(&data.features),
            watch: Watch::new(data, labels, clusters),
            descender: Descender::new(Optimiser::Adam(rule.adam), 1.0, &model.parameters.values),
            batches: Batches::new(
                data.rows(),
                rule.batch,
                Order::Shuffled,
                &[seed],
                "order of fits, pass",
            ),
            passes: HashMap::new(),
            model,
        }
    }

    /// Steps from move to move.
    fn interval(&self) -> u64 {
        let rows = self.features.size()[0];
        let batch = self.rule.batch.min(rows) as u64;
        self.rule.fits * (rows as u64).div_ceil(batch)
    }

    fn move_all(&mut self, iteration: u64) {
        let codes = self.model.encode(&self.features);
        let mut centroids = self.model.centroids();
        let q = student::assignments(&codes, &centroids);
        let p = student::targets(&q);
        let sign = match self.rule.sign {
            Sign::AsCoded => 1.0,
            Sign::Corrected => -1.0,
        };
        let delta = codes.zeros_like();
        let kl = KlGradient { scale: 1.0 };
        kl.compute(&codes, &centroids, &p, &delta, &centroids.zeros_like());
        self.moved.copy_(&(codes + delta * (sign * self.rule.rate)));
        let gradient = centroid_gradient(&self.moved, &centroids, &(&p - &q));
        let _ = centroids.g_add_(&(gradient * (sign * self.rule.centroid_rate)));
        // The divergence from before the move, the labels from after it: so the report.
        let after = student::assignments(&self.moved, &centroids);
        self.watch.look_across(iteration, &q, &p, &after);
    }
}

/// `-2 sum_i k_ij (p_ij - q_ij) (z_i - m_j)` with `k` of the codes given and P - Q of others.
fn centroid_gradient(codes: &Tensor, centroids: &Tensor, excess: &Tensor) -> Tensor {
    let difference = codes.unsqueeze(1) - centroids.unsqueeze(0);
    let squared = difference.square().sum_dim_intlist(-1, false, Kind::Float);
    let weights = excess * (squared + 1.0).reciprocal();
    let terms = difference * weights.unsqueeze(-1);
    // Row after row in double precision: the same bits whatever the number of threads.
    let terms = terms.to_kind(Kind::Double);
    terms
        .sum_dim_intlist(0, false, Kind::Double)
        .to_kind(Kind::Float)
        * -2.0
}

impl Clustering for Moving {
    fn model(&self, _: usize) -> Model {
        self.model.alone(0)
    }

    fn codes(&self, _: usize) -> Tensor {
        self.moved.shallow_clone()
    }

    fn centroids(&self, _: usize) -> Tensor {
        self.model.centroids()
    }
}

impl Trainable for Moving {
    fn iterations(&self) -> u64 {
        self.rule.epochs * self.interval()
    }

    fn is_noted(&self, iteration: u64) -> bool {
        iteration.is_multiple_of(self.interval())
    }

    fn step(&mut self, iteration: u64) -> Result<(), Error> {
        if iteration.is_multiple_of(self.interval()) {
            self.move_all(iteration);
        }
        let batch = self.batches.at(iteration, &self.features);
        let (x, wanted) = (batch.of(&self.features), batch.of(&self.moved));
        let (network, parameters) = (&self.model.network, &self.model.parameters);
        let precision = self.precision;
        let pass = self.passes.entry(batch.len());
        let pass = pass.or_insert_with(|| Pass::new(network, parameters, batch.len(), precision));
        self.descender.next_step();
        let descender = &self.descender;
        let mut update =
            |segment: Segment, gradient: &Tensor| descender.update(parameters, segment, gradient);
        pass.encode(&x);
        let scale = 2.0 / wanted.numel() as f64;
        scaled_error(
            &pass.code_delta().get(0),
            &pass.code().get(0),
            &wanted,
            scale,
        );
        pass.backward_encoder(&x, &mut update)?;
        Ok(())
    }

    fn losses(&self) -> Vec<(&'static str, Vec<f64>)> {
        self.watch.losses()
    }

    fn state(&self, _: usize) -> Vec<(String, Tensor)> {
        let mut state = optimiser::state(&self.model.parameters, &self.descender, 0);
        state.extend(self.watch.state());
        state.push(("moved".to_owned(), self.moved.copy()));
        state
    }

    fn restore(&mut self, _: usize, iteration: u64, stored: &Named) -> Result<(), String> {
        let [labels, first] = self.watch.buffers();
        let buffers = [labels, first, ("moved", &self.moved)];
        state::buffers_fit(&buffers, stored)?;
        optimiser::restore(&self.model.parameters, &self.descender, 0, stored)?;
        state::fill_buffers(&buffers, stored)?;
        self.descender.set_steps(iteration);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::uniform;

    /// With the codes that P and Q belong to it is the published gradient.
    #[test]
    fn the_centroids_gradient_is_the_published_one() {
        let (codes, centroids) = (uniform(1, &[30, 10]) - 0.5, uniform(2, &[4, 10]) - 0.5);
        let q = student::assignments(&codes, &centroids);
        let p = student::targets(&q);
        let published = centroids.zeros_like();
        KlGradient { scale: 1.0 }.compute(&codes, &centroids, &p, &codes.zeros_like(), &published);
        let ours = centroid_gradient(&codes, &centroids, &(p - q));
        assert!(ours.allclose(&published, 1e-5, 1e-5, false));
    }
}
