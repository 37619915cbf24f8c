//! One training step of a [`Graph`], by libtorch's autograd.
//!
//! The calls are those of [`super::Pass`]: forward, decoder backward, more gradient for the code,
//! encoder backward. Here the whole way back is done in the last of them, for the loss
//! `mean((y - x)^2) + sum(code * delta)` with the added gradient `delta` held constant; its gradient is
//! that of the reconstruction plus what was asked for.
//!
//! On a CPU a step is done by one thread, because libtorch adds up the gradients of convolutions (oneDNN)
//! and of batch normalisations thread by thread: results would depend on their number. Runs that are
//! done at the same time make up for it; a single one is slower than it could be.
//!
//! Every part of a model is a leaf that shares the flat buffer's memory: gradients with respect to
//! views of one large leaf would each be as large as the buffer.

use std::collections::HashMap;

use tch::{Device, Kind, Tensor};

use super::graph::{BatchStatistics, Graph, chain, update_running_statistics};
use super::parameters::{Parameters, Segment, Slot};
use super::pass::Update;
use super::slices::ordered_sum;

/// The leaves and buffers of one training step on batches of a fixed size.
#[derive(Debug)]
pub struct Tape {
    graph: Graph,
    models: Vec<Model>,
    /// Of all that is trained, in order.
    segments: Vec<(Segment, [Slot; 2])>,
    /// Holds one segment's gradient at a time.
    gradient: Tensor,
    /// `[models, batch, latent]`
    code: Tensor,
    /// `[models, batch, latent]`
    code_delta: Tensor,
    /// On a CPU: gradients of convolutions and of batch normalisations depend on the number of threads,
    /// so they are asked of one.
    one_thread: bool,
}

#[derive(Debug)]
struct Model {
    leaves: HashMap<Slot, Tensor>,
    /// Code and output of the last forward pass, with the way back.
    last: Option<[Tensor; 2]>,
}

impl Tape {
    /// Leaves and buffers for `graph` with `parameters` and batches of `batch` rows; `latent` is the
    /// width of the code.
    #[must_use]
    pub fn new(graph: &Graph, parameters: &Parameters, batch: i64, latent: i64) -> Self {
        let segments: Vec<_> = graph
            .modules()
            .filter_map(super::graph::Module::trained)
            .collect();
        let slots: Vec<Slot> = segments.iter().flat_map(|(_, slots)| *slots).collect();
        let leaf = |slot: Slot, model: i64| {
            let part = parameters.value(slot).select(0, model);
            // Not `detach`, which shares the count of changes too: the optimiser changes the map's
            // segment before the way back, and autograd would take that for a change of all.
            (slot, part.data().set_requires_grad(true))
        };
        let models = (0..parameters.models()).map(|model| Model {
            leaves: slots.iter().map(|&slot| leaf(slot, model)).collect(),
            last: None,
        });
        let device = parameters.values.device();
        let code = [parameters.models(), batch, latent];
        Self {
            models: models.collect(),
            gradient: Tensor::zeros([parameters.longest_segment()], (Kind::Float, device)),
            code: Tensor::zeros(code, (Kind::Float, device)),
            code_delta: Tensor::zeros(code, (Kind::Float, device)),
            one_thread: device == Device::Cpu,
            graph: graph.clone(),
            segments,
        }
    }

    /// The codes of the last [`Tape::forward`], `[models, batch, latent]`.
    pub fn code(&self) -> Tensor {
        self.code.shallow_clone()
    }

    /// Where more gradient with respect to the code is added, `[models, batch, latent]`; zero after
    /// [`Tape::forward`].
    pub fn code_delta(&self) -> Tensor {
        self.code_delta.shallow_clone()
    }

    /// Encodes and decodes `rows`, `[batch, D]` for all models or `[models, batch, D]`, each model's own, and
    /// moves the running statistics of `parameters`.
    pub fn forward(&mut self, parameters: &Parameters, rows: &Tensor) {
        let _threads = Threads::limit(self.one_thread);
        let _ = self.code_delta.zero_();
        for (index, model) in (0..).zip(&mut self.models) {
            let running = |slot: Slot| parameters.value(slot).select(0, index);
            let leaves = &model.leaves;
            let part = |slot: Slot| {
                leaves
                    .get(&slot)
                    .map_or_else(|| running(slot), Tensor::shallow_clone)
            };
            let mut noted: Vec<BatchStatistics> = Vec::new();
            let rows = &own(rows, index);
            // Sweeps train with gradients switched off, since nothing else needs a graph.
            let (code, output) = tch::with_grad(|| {
                let code = chain(&self.graph.encoder, &part, rows, Some(&mut noted));
                let output = chain(&self.graph.decoder, &part, &code, Some(&mut noted));
                (code, output)
            });
            update_running_statistics(parameters, index, &noted);
            self.code.get(index).copy_(&code.detach());
            model.last = Some([code, output]);
        }
    }

    /// Gradients of the mean squared error, mean over batch and features, and of what was added to
    /// [`Tape::code_delta`], for the `rows` of the last [`Tape::forward`].
    ///
    /// # Errors
    /// Those of `update`, and whatever libtorch says.
    pub fn backward(
        &mut self,
        parameters: &Parameters,
        rows: &Tensor,
        update: &mut Update,
    ) -> Result<(), tch::TchError> {
        let _threads = Threads::limit(self.one_thread);
        let slots: Vec<Slot> = self.segments.iter().flat_map(|(_, slots)| *slots).collect();
        let mut gradients = Vec::new();
        for (index, model) in (0..).zip(&self.models) {
            let Some([code, output]) = &model.last else {
                return Err(tch::TchError::Torch(
                    "no forward pass before this".to_owned(),
                ));
            };
            let leaves: Vec<&Tensor> = slots.iter().map(|slot| &model.leaves[slot]).collect();
            let found = tch::with_grad(|| {
                let reconstruction = (output - own(rows, index)).square().mean(Kind::Float);
                let pull = (code * self.code_delta.get(index)).sum(Kind::Float);
                Tensor::f_run_backward(&[reconstruction + pull], &leaves, false, false)
            });
            gradients.push(found?);
        }
        for (number, (segment, parts)) in self.segments.iter().enumerate() {
            let range = parameters.range(*segment);
            let buffer = self.gradient.narrow(0, 0, range.end - range.start);
            for (place, slot) in parts.iter().enumerate() {
                let part = parameters.part_of_segment(&buffer, *slot);
                for (index, gradients) in (0..).zip(&gradients) {
                    part.get(index).copy_(&gradients[2 * number + place]);
                }
            }
            update(*segment, &buffer)?;
        }
        Ok(())
    }

    /// Mean squared error of the last forward pass on `rows`, for each model.
    #[must_use]
    pub fn reconstruction_losses(&self, rows: &Tensor) -> Vec<f64> {
        let loss = |(index, model): (i64, &Model)| {
            let Some([_, output]) = &model.last else {
                return f64::NAN;
            };
            let rows = own(rows, index);
            let errors = (output.detach() - &rows).square();
            ordered_sum(&errors.sum_dim_intlist(-1, false, Kind::Double)) / rows.numel() as f64
        };
        (0..).zip(&self.models).map(loss).collect()
    }
}

/// The rows of one model, out of those of all or of each.
fn own(rows: &Tensor, model: i64) -> Tensor {
    if rows.dim() == 3 {
        rows.get(model)
    } else {
        rows.shallow_clone()
    }
}

/// One thread for libtorch's operators as long as this lives.
pub(crate) struct Threads(Option<i32>);

impl Threads {
    pub(crate) fn limit(to_one: bool) -> Self {
        let before = tch::get_num_threads();
        if !to_one || before == 1 {
            return Self(None);
        }
        tch::set_num_threads(1);
        Self(Some(before))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(before) = self.0 {
            tch::set_num_threads(before);
        }
    }
}
