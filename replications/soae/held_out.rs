//! Training on all rows but the last ones, and measuring on those: what the methods here have in common.

use std::time::Instant;

use tch::Tensor;

use crate::random::Seed;
use crate::runs::checkpoint::Progress;
use crate::train::{
    Context, Driven, Error, Event, Finished, Measures, Member, Trainable, TrainingData, drive,
};

/// A single model that can be measured once it is trained.
pub(super) trait Measured: Trainable {
    /// Whether everything that was trained is.
    fn is_finite(&self) -> bool;

    /// What is kept of it, by name.
    fn weights(&self) -> Vec<(String, Tensor)>;

    /// What it is worth on held-out rows, and tensors that pictures need; `None` if values are beyond 32-bit floats.
    fn evaluate(&self, seed: Seed, held_out: &TrainingData) -> Result<Option<Measures>, Error>;
}

/// Trains what `new` makes of all rows but the last `held_out`, `[rows, D]` on the context's device, and measures it;
/// `None` if interrupted.
///
/// # Errors
/// [`Error::Settings`] if no row is left; what training and evaluation fail with.
pub(super) fn train<M: Measured>(
    member: &Member,
    context: &Context,
    held_out: i64,
    new: impl FnOnce(&Tensor) -> M,
) -> Result<Option<Finished>, Error> {
    let data = context.data;
    let trained_on = data.rows() - held_out;
    if trained_on < 1 {
        return Err(Error::Settings(format!(
            "held_out is {held_out} of {} rows, none is left to train on",
            data.rows()
        )));
    }
    let rows = data.features.narrow(0, 0, trained_on);
    let mut model = new(&rows.to_device(context.device));
    let driven = drive(&mut model, std::slice::from_ref(member), context)?;
    let Driven::Finished(progress) = driven else {
        return Ok(None);
    };
    let Some(progress) = progress.into_iter().next() else {
        return Ok(None);
    };
    context.observer.notify(&Event::Advanced {
        worker: context.worker,
        fraction: 1.0,
        detail: "evaluating",
    });
    finish(&model, held_out, member.seed, data, progress).map(Some)
}

/// What a model that is trained to its end came to, measured on the last `held_out` rows.
///
/// # Errors
/// What evaluation fails with.
pub(super) fn finish(
    model: &impl Measured,
    held_out: i64,
    seed: Seed,
    data: &TrainingData,
    progress: Progress,
) -> Result<Finished, Error> {
    let clock = Instant::now();
    let held_out = data.between(data.rows() - held_out, data.rows());
    let evaluated = if progress.diverged.is_none() && model.is_finite() {
        model.evaluate(seed, &held_out)?
    } else {
        None
    };
    let measured = evaluated.map(|(metrics, kept)| {
        let mut weights = model.weights();
        weights.extend(kept);
        (metrics, weights)
    });
    Ok(Finished::trained(progress, measured, clock.elapsed()))
}
