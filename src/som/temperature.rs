//! The temperature T(t), the neighbourhood's radius over training.

use serde::{Deserialize, Serialize};

/// How the temperature falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decay {
    /// `start * (end / start)^s`
    Exponential,
    /// `start - (start - end) * s`
    Linear,
    /// `start`
    Constant,
}

/// What the iteration is divided by to give `s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Horizon {
    /// `s = t / (iterations - 1)`, t from 0: the last iteration is at the end temperature. As the
    /// DESOM authors' code has it.
    LastIteration,
    /// `s = t / iterations`, t from 1, as the DESOM paper writes it.
    Iterations,
}

/// The temperature's course.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Temperature {
    /// At the first iteration, in map distances.
    pub start: f64,
    /// At the last one.
    pub end: f64,
    /// In between.
    pub decay: Decay,
    /// See [`Horizon`].
    pub horizon: Horizon,
}

impl Temperature {
    /// Checks that every number is in range; the error says what is wrong, in words.
    ///
    /// # Errors
    /// If a temperature is not above 0.
    pub fn check(&self) -> Result<(), String> {
        for (name, value) in [("start", self.start), ("end", self.end)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(format!(
                    "the {name} temperature must be a positive number, not {value}"
                ));
            }
        }
        Ok(())
    }

    /// The temperature at iteration `t` (from 0) of `iterations`.
    #[must_use]
    pub fn at(&self, t: u64, iterations: u64) -> f64 {
        let s = match self.horizon {
            // A single iteration is at the start.
            Horizon::LastIteration => t as f64 / iterations.saturating_sub(1).max(1) as f64,
            Horizon::Iterations => (t + 1) as f64 / iterations.max(1) as f64,
        };
        match self.decay {
            Decay::Exponential => self.start * (self.end / self.start).powf(s),
            Decay::Linear => self.start - (self.start - self.end) * s,
            Decay::Constant => self.start,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(decay: Decay, horizon: Horizon) -> Temperature {
        Temperature {
            start: 10.0,
            end: 0.1,
            decay,
            horizon,
        }
    }

    #[test]
    fn the_course_starts_and_ends_where_it_should() {
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        let coded = course(Decay::Exponential, Horizon::LastIteration);
        close(coded.at(0, 101), 10.0);
        close(coded.at(50, 101), 1.0);
        close(coded.at(100, 101), 0.1);
        let written = course(Decay::Exponential, Horizon::Iterations);
        close(written.at(0, 100), 10.0 * 0.01_f64.powf(0.01));
        close(written.at(99, 100), 0.1);
        let linear = course(Decay::Linear, Horizon::LastIteration);
        close(linear.at(50, 101), 5.05);
        close(
            course(Decay::Constant, Horizon::Iterations).at(70, 100),
            10.0,
        );
        // One iteration divides by nothing.
        close(coded.at(0, 1), 10.0);
    }
}
