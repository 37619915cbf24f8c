//! What moves the parameters of a cohort, and its state in checkpoints.

use tch::Tensor;

use super::settings::Optimiser;
use crate::nn::{Adam, Parameters, Segment, Sgd, state};
use crate::runs::checkpoint::Named;

/// An optimiser with its state.
#[derive(Debug)]
pub(super) enum Descender {
    Sgd(Sgd),
    Adam(Adam),
}

impl Descender {
    /// A fresh one; SGD's rate is multiplied by `factor`, which Adam would not notice.
    pub(super) fn new(optimiser: Optimiser, factor: f64, values: &Tensor) -> Self {
        match optimiser {
            Optimiser::Sgd(mut options) => {
                options.learning_rate *= factor;
                Self::Sgd(Sgd::new(options, values))
            }
            Optimiser::Adam(options) => Self::Adam(Adam::new(options, values)),
        }
    }

    pub(super) fn next_step(&mut self) {
        match self {
            Self::Sgd(sgd) => sgd.next_step(),
            Self::Adam(adam) => adam.next_step(),
        }
    }

    /// Begins anew: forgets where it was going and how many steps it took.
    pub(super) fn reset(&mut self) {
        match self {
            Self::Sgd(sgd) => {
                sgd.reset_velocity();
                sgd.steps = 0;
            }
            Self::Adam(adam) => {
                let _ = (adam.first.zero_(), adam.second.zero_());
                adam.steps = 0;
            }
        }
    }

    pub(super) fn update(
        &self,
        parameters: &Parameters,
        segment: Segment,
        gradient: &Tensor,
    ) -> Result<(), tch::TchError> {
        match self {
            Self::Sgd(sgd) => sgd.update(parameters, segment, gradient),
            Self::Adam(adam) => {
                adam.update(&parameters.values, parameters.range(segment), gradient)
            }
        }
    }

    /// The state of some models, in their order; laid out as `into` is.
    pub(super) fn select_models(
        &self,
        from: &Parameters,
        chosen: &[i64],
        into: &Parameters,
    ) -> Self {
        let buffer = |buffer: &Tensor| {
            let taken = into.values.zeros_like();
            for (index, model) in (0..).zip(chosen) {
                into.set_model_of(&taken, index, &from.model_of(buffer, *model));
            }
            taken
        };
        match self {
            Self::Sgd(sgd) => Self::Sgd(sgd.with(buffer(&sgd.velocity))),
            Self::Adam(adam) => Self::Adam(adam.with(buffer(&adam.first), buffer(&adam.second))),
        }
    }

    /// Its buffers by their names in a checkpoint.
    fn buffers(&self) -> Vec<(&'static str, &Tensor)> {
        match self {
            Self::Sgd(sgd) => vec![("sgd.velocity", &sgd.velocity)],
            Self::Adam(adam) => vec![("adam.first", &adam.first), ("adam.second", &adam.second)],
        }
    }

    /// Sets how many steps were taken.
    pub(super) fn set_steps(&mut self, steps: u64) {
        match self {
            Self::Sgd(sgd) => sgd.steps = steps,
            Self::Adam(adam) => adam.steps = steps,
        }
    }
}

/// Parameters and optimiser of one model by name, for a checkpoint.
pub(super) fn state(
    parameters: &Parameters,
    descender: &Descender,
    model: usize,
) -> Vec<(String, Tensor)> {
    let mut buffers = vec![("parameters", &parameters.values)];
    buffers.extend(descender.buffers());
    let alone = buffers.into_iter().map(|(name, buffer)| {
        let floats = parameters.alone(buffer, model as i64);
        (name.to_owned(), floats)
    });
    alone.collect()
}

/// Puts back what [`state()`] gave.
///
/// # Errors
/// If a tensor is missing or has another shape; the message says which. Nothing has changed then.
pub(super) fn restore(
    parameters: &Parameters,
    descender: &Descender,
    model: usize,
    stored: &Named,
) -> Result<(), String> {
    let mut buffers = descender.buffers();
    buffers.push(("parameters", &parameters.values));
    let length = parameters.length_alone();
    let found = buffers
        .into_iter()
        .map(|(name, buffer)| Ok((buffer, state::fitting(name, &[length], stored)?)))
        .collect::<Result<Vec<_>, String>>()?;
    for (buffer, floats) in found {
        parameters.set_alone(buffer, model as i64, floats);
    }
    Ok(())
}
