//! The models of a KL phase that are under way, trained together.

use std::collections::HashMap;

use tch::{Kind, Tensor};

use crate::cluster::student::KlGradient;
use crate::nn::{Pass, Precision, Segment};
use crate::random::Seed;
use crate::replications::dec::model::{self, Model};
use crate::replications::dec::optimiser::Descender;
use crate::replications::dec::phase::Entrant;
use crate::replications::dec::rows;
use crate::replications::dec::settings::{Descent, Moved};
use crate::train::Error;
use crate::train::batches::Batches;

/// Where the random orders come from.
const ORDER: &str = "order of phase, pass";

/// A cohort between two refreshes.
#[derive(Debug)]
pub(super) struct Live {
    rule: Descent,
    precision: Precision,
    /// Of each model.
    seeds: Vec<Seed>,
    pub model: Model,
    /// `[rows, D]` for all models or `[models, rows, D]`
    features: Tensor,
    /// Of each model, `[models, rows, clusters]`.
    pub p: Tensor,
    /// Codes of all rows, `[models, rows, latent]`, where the encoder is not moved.
    fixed: Option<Tensor>,
    pub descender: Descender,
    batches: Batches,
    /// By batch size.
    passes: HashMap<i64, Pass>,
    /// `[models, clusters, latent]`
    centroid_gradient: Tensor,
}

impl Live {
    /// Copies of the entrants' models. There is no P yet.
    pub(super) fn new(
        rule: Descent,
        first: &Entrant,
        others: &[Entrant],
        precision: Precision,
    ) -> Self {
        let entrants: Vec<&Entrant> = std::iter::once(first).chain(others).collect();
        let models: Vec<_> = entrants.iter().map(|entrant| (&entrant.model, 0)).collect();
        let model = first.model.cohort(&models);
        let seen: Vec<_> = entrants
            .iter()
            .map(|entrant| entrant.data.shallow_clone())
            .collect();
        let features = rows::features(&seen);
        let seeds: Vec<Seed> = entrants.iter().map(|entrant| entrant.seed).collect();
        let rows = rows::count(&features);
        Self {
            descender: Descender::new(rule.optimiser, 1.0, &model.parameters.values),
            batches: Batches::new(rows, rule.batch, rule.order, &seeds, ORDER),
            passes: HashMap::new(),
            centroid_gradient: model.all_centroids().zeros_like(),
            p: Tensor::zeros([0], (Kind::Float, features.device())),
            fixed: None,
            features,
            seeds,
            rule,
            precision,
            model,
        }
    }

    /// Some of the models, in this order, as they are. P is to be given anew.
    pub(super) fn only(&self, chosen: &[i64]) -> Self {
        let models: Vec<_> = chosen.iter().map(|&at| (&self.model, at)).collect();
        let model = self.model.cohort(&models);
        let seeds: Vec<Seed> = chosen.iter().map(|&at| self.seeds[at as usize]).collect();
        let numbers = Tensor::from_slice(chosen).to_device(self.features.device());
        let of_each = |tensor: &Tensor| tensor.index_select(0, &numbers);
        let features = match self.features.dim() {
            3 => of_each(&self.features),
            _ => self.features.shallow_clone(),
        };
        let (rule, rows) = (self.rule, rows::count(&features));
        let (from, into) = (&self.model.parameters, &model.parameters);
        Self {
            descender: self.descender.select_models(from, chosen, into),
            batches: Batches::new(rows, rule.batch, rule.order, &seeds, ORDER),
            passes: HashMap::new(),
            centroid_gradient: model.all_centroids().zeros_like(),
            p: self.p.shallow_clone(),
            fixed: self.fixed.as_ref().map(of_each),
            features,
            seeds,
            rule,
            precision: self.precision,
            model,
        }
    }

    /// The codes of all rows of one model, `[rows, latent]`.
    pub(super) fn codes(&self, at: i64) -> Tensor {
        if let Some(fixed) = &self.fixed {
            return fixed.get(at);
        }
        let rows = rows::rows_of(&self.features, at);
        self.model.encode_to(self.model.network.depth(), at, &rows)
    }

    /// Keeps the codes of each model, if they do not change until the next refresh.
    pub(super) fn keep_codes(&mut self, codes: &[Tensor]) {
        if self.rule.moved == Moved::Centroids {
            self.fixed = Some(model::stack_models(codes));
        }
    }

    /// To be computed anew: the encoders are others.
    pub(super) fn forget_codes(&mut self) {
        self.fixed = None;
    }

    /// Takes a step of all models.
    pub(super) fn step(&mut self, iteration: u64) -> Result<(), Error> {
        let batch = self.batches.at(iteration, &self.features);
        let models = self.model.parameters.models();
        let of_each = |tensor: &Tensor| batch.of(tensor).view([models, batch.len(), -1]);
        let p = of_each(&self.p);
        let mut kl = KlGradient {
            scale: 1.0 / batch.len() as f64,
        };
        if self.rule.moved == Moved::Centroids && self.fixed.is_none() {
            // Resumed between two refreshes: the encoder is what it was.
            let codes: Vec<Tensor> = (0..models).map(|at| self.codes(at)).collect();
            self.keep_codes(&codes);
        }
        self.descender.next_step();
        let (network, parameters) = (&self.model.network, &self.model.parameters);
        let (centroids, gradient) = (self.model.all_centroids(), &self.centroid_gradient);
        let descender = &self.descender;
        let mut update =
            |segment: Segment, gradient: &Tensor| descender.update(parameters, segment, gradient);
        if let Some(codes) = &self.fixed {
            let codes = of_each(codes);
            kl.compute(&codes, &centroids, &p, &codes.zeros_like(), gradient);
            update(self.model.map, &gradient.view([-1]))?;
            return Ok(());
        }
        let x = batch.of(&self.features);
        let precision = self.precision;
        let pass = self.passes.entry(batch.len());
        let pass = pass.or_insert_with(|| Pass::new(network, parameters, batch.len(), precision));
        pass.encode(&x);
        if let Moved::Autoencoder(weight) = self.rule.moved {
            kl.scale *= weight;
            pass.decode();
            pass.backward_decoder(&x, &mut update)?;
        } else {
            let _ = pass.code_delta().zero_();
        }
        kl.compute(&pass.code(), &centroids, &p, &pass.code_delta(), gradient);
        update(self.model.map, &gradient.view([-1]))?;
        pass.backward_encoder(&x, &mut update)?;
        Ok(())
    }
}
