//! Adam (Kingma & Ba 2015, algorithm 1) over the flat buffer of a cohort.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::operators;

/// Steps that one optimiser can take: its kernel counts them in a 32-bit float, which holds every whole number up
/// to here but not the next.
pub const MAX_STEPS: u64 = 1 << 24;

/// Where the small constant of Adam's denominator is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EpsilonForm {
    /// To the root of the uncorrected second moment, as Keras does ("epsilon hat" in the paper).
    Keras,
    /// To the root of the bias-corrected second moment, as PyTorch does.
    Pytorch,
}

/// The settings of Adam.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamOptions {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// To which denominator.
    pub epsilon_form: EpsilonForm,
}

impl AdamOptions {
    /// Checks that every number is in range; the error says what is wrong, in words.
    ///
    /// # Errors
    /// If a number is out of its range.
    pub fn check(&self) -> Result<(), String> {
        for (name, value) in [
            ("the learning rate", self.learning_rate),
            ("Adam's epsilon", self.epsilon),
        ] {
            if !(value.is_finite() && value > 0.0) {
                return Err(format!("{name} must be a positive number, not {value}"));
            }
        }
        for (name, beta) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            if !(0.0..1.0).contains(&beta) {
                return Err(format!(
                    "Adam's {name} must be at least 0 and below 1, not {beta}"
                ));
            }
        }
        Ok(())
    }

    /// The same with PyTorch's epsilon, 1e-8 in its own form.
    #[must_use]
    pub fn with_pytorch_epsilon(self) -> Self {
        Self {
            epsilon: 1e-8,
            epsilon_form: EpsilonForm::Pytorch,
            ..self
        }
    }

    /// Keras' defaults: 0.001, 0.9, 0.999 and 1e-7 in Keras' form.
    #[must_use]
    pub fn keras() -> Self {
        Self {
            learning_rate: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-7,
            epsilon_form: EpsilonForm::Keras,
        }
    }
}

/// What the fused kernel gets for one step.
pub(super) struct AdamStep {
    pub learning_rate: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
}

impl AdamOptions {
    /// The kernel's constants for step `t` (1, 2, ..).
    ///
    /// The kernel works in PyTorch's form, `p -= lr / (1 - b1^t) * m / (sqrt(v / (1 - b2^t)) + e)`.
    /// Keras' form, `p -= lr * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + e)`, is the same with
    /// `e / sqrt(1 - b2^t)` for `e`.
    fn at(&self, t: u64) -> AdamStep {
        let correction = 1.0 - self.beta2.powf(t as f64);
        let epsilon = match self.epsilon_form {
            EpsilonForm::Keras => self.epsilon / correction.sqrt(),
            EpsilonForm::Pytorch => self.epsilon,
        };
        AdamStep {
            learning_rate: self.learning_rate,
            beta1: self.beta1,
            beta2: self.beta2,
            epsilon,
        }
    }
}

/// The optimiser's state for a cohort; both moments are laid out as its parameters are.
#[derive(Debug)]
pub struct Adam {
    options: AdamOptions,
    /// Running mean of the gradients.
    pub first: Tensor,
    /// Running mean of their squares.
    pub second: Tensor,
    /// Steps taken.
    pub steps: u64,
    counter: Tensor,
}

impl Adam {
    /// A fresh state for parameters like `values`.
    #[must_use]
    pub fn new(options: AdamOptions, values: &Tensor) -> Self {
        Self {
            options,
            first: values.zeros_like(),
            second: values.zeros_like(),
            steps: 0,
            counter: Tensor::zeros([], (Kind::Float, values.device())),
        }
    }

    /// The same after as many steps, with the moments of another cohort.
    #[must_use]
    pub fn with(&self, first: Tensor, second: Tensor) -> Self {
        Self {
            options: self.options,
            steps: self.steps,
            counter: self.counter.copy(),
            first,
            second,
        }
    }

    /// Another learning rate from the next step on.
    pub fn set_learning_rate(&mut self, rate: f64) {
        self.options.learning_rate = rate;
    }

    /// Begins the next step: all parameters are then to be updated once.
    pub fn next_step(&mut self) {
        self.steps += 1;
        let _ = self.counter.fill_(self.steps as f64);
    }

    /// Updates the `range` of `values` along its `gradient`.
    ///
    /// # Errors
    /// If the gradient does not fit the range, or whatever libtorch says.
    pub fn update(
        &self,
        values: &Tensor,
        range: Range<i64>,
        gradient: &Tensor,
    ) -> Result<(), tch::TchError> {
        let part = |tensor: &Tensor| tensor.narrow(0, range.start, range.end - range.start);
        operators::fused_adam(
            &mut part(values),
            gradient,
            [&mut part(&self.first), &mut part(&self.second)],
            &self.counter,
            &self.options.at(self.steps),
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, clippy::unwrap_used)]
    use super::*;

    /// The published algorithm in plain f64, in Keras' form.
    fn reference(options: &AdamOptions, gradients: &[f64]) -> f64 {
        let (mut p, mut m, mut v) = (0.5, 0.0, 0.0);
        for (index, g) in gradients.iter().enumerate() {
            let t = (index + 1) as i32;
            m = options.beta1 * m + (1.0 - options.beta1) * g;
            v = options.beta2 * v + (1.0 - options.beta2) * g * g;
            let (c1, c2) = (1.0 - options.beta1.powi(t), 1.0 - options.beta2.powi(t));
            p -= match options.epsilon_form {
                EpsilonForm::Keras => {
                    options.learning_rate * c2.sqrt() / c1 * m / (v.sqrt() + options.epsilon)
                }
                EpsilonForm::Pytorch => {
                    options.learning_rate / c1 * m / ((v / c2).sqrt() + options.epsilon)
                }
            };
        }
        p
    }

    #[test]
    fn both_forms_follow_the_published_update() {
        // Gradients as small as epsilon, so that its place matters.
        let gradients = [3e-7, -1e-7, 2e-6, 5e-8, 1e-7];
        let mut ends = Vec::new();
        for epsilon_form in [EpsilonForm::Keras, EpsilonForm::Pytorch] {
            let options = AdamOptions {
                epsilon_form,
                ..AdamOptions::keras()
            };
            let values = Tensor::full([32], 0.5, (Kind::Float, tch::Device::Cpu));
            let mut adam = Adam::new(options, &values);
            for gradient in gradients {
                let gradient = Tensor::full([16], gradient, (Kind::Float, tch::Device::Cpu));
                adam.next_step();
                adam.update(&values, 16..32, &gradient).unwrap();
            }
            assert_eq!(values.double_value(&[3]), 0.5, "outside the range");
            let end = values.double_value(&[17]);
            let expected = reference(&options, &gradients);
            assert!((end - expected).abs() < 2e-7, "{end} {expected}");
            ends.push(end);
        }
        assert!(
            (ends[0] - ends[1]).abs() > 1e-4,
            "the forms differ: {ends:?}"
        );
    }

    #[test]
    fn shapes_that_do_not_match_are_an_error() {
        let values = Tensor::zeros([32], (Kind::Float, tch::Device::Cpu));
        let adam = Adam::new(AdamOptions::keras(), &values);
        let gradient = Tensor::zeros([31], (Kind::Float, tch::Device::Cpu));
        assert!(adam.update(&values, 0..32, &gradient).is_err());
    }
}
