//! Stochastic gradient descent with momentum over the flat buffer of a cohort.
//!
//! The form is that of Caffe and Keras, with the rate inside the velocity:
//! `v = m v - rate g; p = p + v`. It differs from PyTorch's when the rate changes on the way. The fused
//! kernel knows PyTorch's form only; `u = -v / rate` brings one to the other, with the momentum
//! `m rate(t - 1) / rate(t)` in step `t`.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::operators;
use super::parameters::{Parameters, Segment};

/// The settings of gradient descent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SgdOptions {
    /// Step size at first.
    pub learning_rate: f64,
    /// The step size is divided by ten every so many steps; never if 0.
    pub tenth_every: u64,
    /// What is kept of the velocity from step to step.
    pub momentum: f64,
    /// The momentum grows in a straight line from 0 to its value over so many steps; it has it at once if
    /// 0.
    pub ramp: u64,
    /// The biases' step size in units of the weights'.
    pub bias_factor: f64,
}

impl SgdOptions {
    /// A constant rate for weights and biases, and a constant momentum.
    #[must_use]
    pub fn constant(learning_rate: f64, momentum: f64) -> Self {
        Self {
            learning_rate,
            tenth_every: 0,
            momentum,
            ramp: 0,
            bias_factor: 1.0,
        }
    }

    /// Step size of step `step`, from 0.
    #[must_use]
    pub fn rate(&self, step: u64) -> f64 {
        let times = step.checked_div(self.tenth_every).unwrap_or(0);
        self.learning_rate * 0.1_f64.powi(times.min(300) as i32)
    }

    /// Momentum of step `step`, from 0.
    #[must_use]
    pub fn momentum(&self, step: u64) -> f64 {
        if step < self.ramp {
            self.momentum * step as f64 / self.ramp as f64
        } else {
            self.momentum
        }
    }
}

/// The optimiser's state for a cohort; the velocity is laid out as its parameters are.
#[derive(Debug)]
pub struct Sgd {
    options: SgdOptions,
    /// In units of gradients: see the module's formula for `u`.
    pub velocity: Tensor,
    /// Steps taken.
    pub steps: u64,
}

impl Sgd {
    /// At rest, for parameters like `values`.
    #[must_use]
    pub fn new(options: SgdOptions, values: &Tensor) -> Self {
        Self {
            options,
            velocity: values.zeros_like(),
            steps: 0,
        }
    }

    /// The same after as many steps, with the velocity of another cohort.
    #[must_use]
    pub fn with(&self, velocity: Tensor) -> Self {
        Self { velocity, ..*self }
    }

    /// Begins the next step: all parameters are then to be updated once.
    pub fn next_step(&mut self) {
        self.steps += 1;
    }

    /// Forgets the velocity; rate and ramp go on.
    pub fn reset_velocity(&mut self) {
        let _ = self.velocity.zero_();
    }

    /// Updates a segment along its `gradient`. A part whose name ends in `bias` has the biases' rate.
    ///
    /// # Errors
    /// If the gradient does not fit the segment, or whatever libtorch says.
    pub fn update(
        &self,
        parameters: &Parameters,
        segment: Segment,
        gradient: &Tensor,
    ) -> Result<(), tch::TchError> {
        let whole = parameters.range(segment);
        #[allow(clippy::float_cmp)] // A setting, not a result.
        if self.options.bias_factor == 1.0 {
            return self.apply(&parameters.values, whole, gradient, 1.0);
        }
        for (name, range) in parameters.parts(segment) {
            let factor = if name.ends_with("bias") {
                self.options.bias_factor
            } else {
                1.0
            };
            let length = range.end - range.start;
            let gradient = gradient.f_narrow(0, range.start - whole.start, length)?;
            self.apply(&parameters.values, range, &gradient, factor)?;
        }
        Ok(())
    }

    fn apply(
        &self,
        values: &Tensor,
        range: std::ops::Range<i64>,
        gradient: &Tensor,
        factor: f64,
    ) -> Result<(), tch::TchError> {
        let step = self.steps.saturating_sub(1);
        let rate = self.options.rate(step);
        let before = self.options.rate(step.saturating_sub(1));
        let momentum = self.options.momentum(step) * before / rate;
        let part = |tensor: &Tensor| tensor.narrow(0, range.start, range.end - range.start);
        let (mut values, mut velocity) = (part(values), part(&self.velocity));
        if momentum > 0.0 {
            return operators::fused_sgd(
                &mut values,
                gradient,
                &mut velocity,
                rate * factor,
                momentum,
            );
        }
        // The kernel would not begin a velocity.
        velocity.f_copy_(gradient)?;
        let _ = values.f_sub_(&(gradient * (rate * factor)))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, clippy::unwrap_used)]
    use tch::{Device, Kind};

    use super::*;
    use crate::nn::Layout;

    /// Two models with a weight and a bias each, and another segment that nothing touches.
    fn parameters() -> (Parameters, Segment) {
        let mut layout = Layout::default();
        let other = layout.segment();
        layout.add("other.weight", &[20]);
        let segment = layout.segment();
        layout.add("layer.weight", &[4, 5]);
        layout.add("layer.bias", &[1, 5]);
        let mut parameters = Parameters::zeros(layout, 2, Device::Cpu);
        let _ = parameters.values.fill_(0.5);
        assert_eq!(parameters.range(other).start, 0);
        (parameters, segment)
    }

    /// Caffe's update in plain f64.
    fn reference(options: &SgdOptions, factor: f64, gradients: &[f64]) -> f64 {
        let (mut p, mut v) = (0.5, 0.0);
        for (step, gradient) in (0..).zip(gradients) {
            v = options.momentum(step) * v - options.rate(step) * factor * gradient;
            p += v;
        }
        p
    }

    #[test]
    fn updates_are_those_of_caffe_through_ramp_and_steps() {
        let gradients = [0.3, -0.1, 0.2, 0.05, 0.7, -0.4, 0.1];
        for options in [
            SgdOptions::constant(0.1, 0.9),
            SgdOptions::constant(0.1, 0.0),
            SgdOptions {
                tenth_every: 3,
                ramp: 4,
                bias_factor: 2.0,
                ..SgdOptions::constant(0.1, 0.9)
            },
        ] {
            let (parameters, segment) = parameters();
            let range = parameters.range(segment);
            let mut sgd = Sgd::new(options, &parameters.values);
            for gradient in gradients {
                let length = [range.end - range.start];
                let gradient = Tensor::full(length, gradient, (Kind::Float, Device::Cpu));
                sgd.next_step();
                sgd.update(&parameters, segment, &gradient).unwrap();
            }
            for (name, part) in parameters.parts(segment) {
                let factor = if name.ends_with("bias") {
                    options.bias_factor
                } else {
                    1.0
                };
                let expected = reference(&options, factor, &gradients);
                for place in [part.start, part.end - 1] {
                    let found = parameters.values.double_value(&[place]);
                    assert!((found - expected).abs() < 1e-6, "{name} {found} {expected}");
                }
            }
            assert_eq!(
                parameters.values.double_value(&[39]),
                0.5,
                "another segment"
            );
        }
    }

    #[test]
    fn rate_and_momentum_follow_their_schedules() {
        let options = SgdOptions {
            tenth_every: 20_000,
            ramp: 1000,
            ..SgdOptions::constant(0.1, 0.9)
        };
        for (step, rate) in [(0, 0.1), (19_999, 0.1), (20_000, 0.01), (99_999, 1e-5)] {
            assert!((options.rate(step) / rate - 1.0).abs() < 1e-9, "{step}");
        }
        for (step, momentum) in [(0, 0.0), (500, 0.45), (1000, 0.9), (50_000, 0.9)] {
            assert!((options.momentum(step) - momentum).abs() < 1e-12, "{step}");
        }
        assert_eq!(SgdOptions::constant(1.0, 0.9).rate(1_000_000), 1.0);
    }

    #[test]
    fn gradients_that_do_not_fit_are_an_error() {
        let (parameters, segment) = parameters();
        for bias_factor in [1.0, 2.0] {
            let options = SgdOptions {
                bias_factor,
                ..SgdOptions::constant(0.1, 0.9)
            };
            let mut sgd = Sgd::new(options, &parameters.values);
            sgd.next_step();
            let short = Tensor::zeros([49], (Kind::Float, Device::Cpu));
            assert!(sgd.update(&parameters, segment, &short).is_err());
        }
    }
}
