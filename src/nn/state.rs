//! What the next step of training depends on: parameters and the optimiser's moments, model by model.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::BuildHasher;

use tch::Tensor;

use super::{Adam, Parameters};

/// All that changes from step to step, by its name in a checkpoint.
fn buffers<'a>(parameters: &'a Parameters, adam: &'a Adam) -> [(&'static str, &'a Tensor); 3] {
    [
        ("parameters", &parameters.values),
        ("adam.first", &adam.first),
        ("adam.second", &adam.second),
    ]
}

/// The state of one model, by name.
#[must_use]
pub fn state(parameters: &Parameters, adam: &Adam, model: usize) -> Vec<(String, Tensor)> {
    let state = buffers(parameters, adam).into_iter();
    state
        .map(|(name, buffer)| {
            let floats = parameters.model_of(buffer, model as i64);
            (name.to_owned(), floats)
        })
        .collect()
}

/// The stored tensor of that name and shape.
///
/// # Errors
/// If it is missing or has another shape; the message says which.
pub fn fitting<'a, S: BuildHasher>(
    name: &str,
    shape: &[i64],
    stored: &'a HashMap<String, Tensor, S>,
) -> Result<&'a Tensor, String> {
    let tensor = stored
        .get(name)
        .ok_or_else(|| format!("{name} is missing"))?;
    check_shape(name, tensor, shape)?;
    Ok(tensor)
}

fn check_shape(name: &str, stored: &Tensor, shape: &[i64]) -> Result<(), String> {
    if stored.size() != shape {
        return Err(format!(
            "{name} has the shape {:?}, this model needs {shape:?}",
            stored.size()
        ));
    }
    Ok(())
}

/// Each of the named buffers with what is stored for it.
fn found<'a, T: Borrow<Tensor>, S: BuildHasher>(
    buffers: &'a [(&str, T)],
    stored: &'a HashMap<String, Tensor, S>,
) -> Result<Vec<(&'a Tensor, &'a Tensor)>, String> {
    let mut found = Vec::with_capacity(buffers.len());
    for (name, buffer) in buffers {
        let buffer: &Tensor = buffer.borrow();
        found.push((buffer, fitting(name, &buffer.size(), stored)?));
    }
    Ok(found)
}

/// Whether [`fill_buffers`] would find everything: asked before something else is restored with it, so that
/// either both are or nothing is.
///
/// # Errors
/// As [`fill_buffers`].
pub fn buffers_fit<T: Borrow<Tensor>, S: BuildHasher>(
    buffers: &[(&str, T)],
    stored: &HashMap<String, Tensor, S>,
) -> Result<(), String> {
    found(buffers, stored).map(drop)
}

/// Copies stored tensors into those of the same names.
///
/// # Errors
/// If a tensor is missing or has another shape; the message says which. Nothing has changed then.
pub fn fill_buffers<T: Borrow<Tensor>, S: BuildHasher>(
    buffers: &[(&str, T)],
    stored: &HashMap<String, Tensor, S>,
) -> Result<(), String> {
    for (buffer, tensor) in found(buffers, stored)? {
        buffer.shallow_clone().copy_(tensor);
    }
    Ok(())
}

/// The buffers of a cohort, each with what is stored for one of its models.
fn found_of_model<'a, S: BuildHasher>(
    parameters: &'a Parameters,
    adam: &'a Adam,
    state: &'a HashMap<String, Tensor, S>,
) -> Result<Vec<(&'a Tensor, &'a Tensor)>, String> {
    let shape = [parameters.layout().floats_per_model()];
    let mut found = Vec::new();
    for (name, buffer) in buffers(parameters, adam) {
        found.push((buffer, fitting(name, &shape, state)?));
    }
    Ok(found)
}

/// Whether [`restore`] would find everything: asked where several are restored, so that either all are or
/// none is.
///
/// # Errors
/// As [`restore`].
pub fn fits<S: BuildHasher>(
    parameters: &Parameters,
    adam: &Adam,
    state: &HashMap<String, Tensor, S>,
) -> Result<(), String> {
    found_of_model(parameters, adam, state).map(drop)
}

/// Puts back what [`state`] gave after so many steps.
///
/// # Errors
/// If a tensor is missing or has another shape; the message says which. Nothing has changed then.
pub fn restore<S: BuildHasher>(
    parameters: &Parameters,
    adam: &mut Adam,
    model: usize,
    steps: u64,
    state: &HashMap<String, Tensor, S>,
) -> Result<(), String> {
    for (buffer, stored) in found_of_model(parameters, adam, state)? {
        parameters.set_model_of(buffer, model as i64, stored);
    }
    adam.steps = steps;
    Ok(())
}

/// Whether all that changes from step to step is finite in one model. Parameters can be while the
/// optimiser's second moment is not: then nothing moves any more, and no loss shows it.
#[must_use]
pub fn is_finite(parameters: &Parameters, adam: &Adam, model: i64) -> bool {
    buffers(parameters, adam).into_iter().all(|(_, buffer)| {
        let floats = parameters.model_of(buffer, model);
        floats.isfinite().all().int64_value(&[]) != 0
    })
}

/// The parameters of one model by name, e.g. to keep them.
#[must_use]
pub fn weights(parameters: &Parameters, model: i64) -> Vec<(String, Tensor)> {
    let slots = parameters.layout().slots();
    slots
        .map(|(name, slot)| {
            let value = parameters.value(slot).select(0, model);
            (name.to_owned(), value)
        })
        .collect()
}

/// Puts weights by name into one model; its other parameters stay as they are.
///
/// # Errors
/// If the model has no parameter of one of the names, or one of another shape; the message says which.
/// Nothing has changed then.
pub fn set_weights<'a>(
    parameters: &Parameters,
    model: i64,
    weights: impl IntoIterator<Item = (&'a String, &'a Tensor)>,
) -> Result<(), String> {
    let mut found = Vec::new();
    for (name, stored) in weights {
        let mut slots = parameters.layout().slots();
        let slot = slots.find(|(known, _)| known == name);
        let (_, slot) = slot.ok_or_else(|| format!("the model has no {name}"))?;
        let value = parameters.value(slot).select(0, model);
        check_shape(name, stored, &value.size())?;
        found.push((value, stored));
    }
    for (mut value, stored) in found {
        value.copy_(stored);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tch::{Device, Kind};

    use super::*;
    use crate::nn::Layout;
    use crate::nn::adam::AdamOptions;

    fn parameters(models: i64) -> Parameters {
        let mut layout = Layout::default();
        layout.segment();
        layout.add("a", &[2, 3]);
        layout.add("b", &[1, 3]);
        let parameters = Parameters::zeros(layout, models, Device::Cpu);
        let count = parameters.values.numel() as i64;
        let mut values = parameters.values.shallow_clone();
        values.copy_(&Tensor::arange(count, (Kind::Float, Device::Cpu)));
        parameters
    }

    #[test]
    fn a_state_goes_from_one_cohort_into_another() {
        let from = parameters(2);
        let adam = Adam::new(AdamOptions::keras(), &from.values);
        let into = parameters(1);
        let mut other = Adam::new(AdamOptions::keras(), &into.values);
        let stored: HashMap<_, _> = state(&from, &adam, 1).into_iter().collect();
        restore(&into, &mut other, 0, 7, &stored).unwrap();
        assert_eq!(other.steps, 7);
        let floats = from.model_of(&from.values, 1);
        assert_eq!(into.model_of(&into.values, 0), floats);

        let before = into.values.copy();
        let mut lacking = stored;
        lacking.insert(
            "adam.second".into(),
            Tensor::zeros([2], (Kind::Float, Device::Cpu)),
        );
        let message = restore(&into, &mut other, 0, 8, &lacking).unwrap_err();
        assert!(
            message.starts_with("adam.second has the shape [2]"),
            "{message}"
        );
        lacking.remove("adam.first");
        let message = restore(&into, &mut other, 0, 8, &lacking).unwrap_err();
        assert_eq!(message, "adam.first is missing");
        assert_eq!((into.values.copy(), other.steps), (before, 7));
    }

    #[test]
    fn moments_that_are_not_finite_are_seen() {
        let parameters = parameters(2);
        let adam = Adam::new(AdamOptions::keras(), &parameters.values);
        assert!(is_finite(&parameters, &adam, 0) && is_finite(&parameters, &adam, 1));
        let floats = Tensor::full([9], f64::INFINITY, (Kind::Float, Device::Cpu));
        parameters.set_model_of(&adam.second, 1, &floats);
        assert!(is_finite(&parameters, &adam, 0) && !is_finite(&parameters, &adam, 1));
    }

    #[test]
    fn weights_are_taken_by_name_and_put_back() {
        let (from, into) = (parameters(2), parameters(1));
        let taken: HashMap<_, _> = weights(&from, 1).into_iter().collect();
        set_weights(&into, 0, [(&"b".to_owned(), &taken["b"])]).unwrap();
        let names: HashMap<_, _> = weights(&into, 0).into_iter().collect();
        assert_eq!(names["b"], taken["b"]);
        assert_ne!(names["a"], taken["a"]);
        let message = set_weights(&into, 0, [(&"c".to_owned(), &taken["b"])]).unwrap_err();
        assert_eq!(message, "the model has no c");
        let message = set_weights(&into, 0, [(&"a".to_owned(), &taken["b"])]).unwrap_err();
        assert!(message.starts_with("a has the shape [1, 3]"), "{message}");
    }
}
