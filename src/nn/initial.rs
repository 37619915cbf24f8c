//! Initial weights.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::random;

/// What initial weights are drawn from; biases begin at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Initial {
    /// [`glorot_uniform`].
    #[default]
    Glorot,
    /// Uniform in `+-1 / sqrt(inputs)`, Keras' `VarianceScaling(1/3, "fan_in", "uniform")`, which
    /// DEC-keras uses.
    FanIn,
    /// Normal with standard deviation 0.01 (Xie et al. 2016).
    Normal,
}

impl Initial {
    /// Weights `[inputs, outputs]`, on the CPU.
    pub fn draw(self, rng: &mut ChaCha8Rng, inputs: i64, outputs: i64) -> Tensor {
        match self {
            Self::Glorot => glorot_uniform(rng, inputs, outputs),
            Self::FanIn => uniform(rng, 1.0 / (inputs as f32).sqrt(), &[inputs, outputs]),
            Self::Normal => normal(rng, inputs, outputs, 0.01),
        }
    }
}

/// Weights `[inputs, outputs]` drawn uniformly from `+-sqrt(6 / (inputs + outputs))`
/// (Glorot & Bengio 2010, eq. 16), the default of Keras' dense layers. On the CPU.
pub fn glorot_uniform(rng: &mut ChaCha8Rng, inputs: i64, outputs: i64) -> Tensor {
    glorot_uniform_of(rng, [inputs, outputs], &[inputs, outputs])
}

/// As [`glorot_uniform`], for weights of any shape: `fans` are the numbers of values that each output
/// is made from and that each input goes into.
pub fn glorot_uniform_of(rng: &mut ChaCha8Rng, fans: [i64; 2], shape: &[i64]) -> Tensor {
    uniform(rng, (6.0 / (fans[0] + fans[1]) as f32).sqrt(), shape)
}

fn uniform(rng: &mut ChaCha8Rng, limit: f32, shape: &[i64]) -> Tensor {
    let draw = |_| (2.0 * random::unit(rng) - 1.0) * limit;
    let values: Vec<f32> = (0..shape.iter().product()).map(draw).collect();
    Tensor::from_slice(&values).view(shape)
}

/// Weights of a normal distribution around 0 with the standard deviation `sd`; what lies beyond two of
/// them is drawn again, as TensorFlow's `truncated_normal` does.
pub fn truncated_normal(rng: &mut ChaCha8Rng, sd: f32, shape: &[i64]) -> Tensor {
    let count = shape.iter().product::<i64>() as usize;
    let mut values: Vec<f32> = Vec::with_capacity(count);
    while values.len() < count {
        let draws = normals(rng, count - values.len(), sd).into_iter();
        values.extend(draws.filter(|value| value.abs() <= 2.0 * sd));
    }
    Tensor::from_slice(&values).view(shape)
}

fn normal(rng: &mut ChaCha8Rng, inputs: i64, outputs: i64, sd: f32) -> Tensor {
    Tensor::from_slice(&normals(rng, (inputs * outputs) as usize, sd)).view([inputs, outputs])
}

/// Drawn two at a time.
fn normals(rng: &mut ChaCha8Rng, count: usize, sd: f32) -> Vec<f32> {
    let mut values = Vec::with_capacity(count + 1);
    while values.len() < count {
        let (first, second) = (1.0 - random::unit(rng), random::unit(rng));
        values.extend(random::box_muller_f32(first, second, sd));
    }
    values.truncate(count);
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Seed, stream};
    use tch::Kind;

    #[test]
    fn each_distribution_has_its_spread() {
        for (initial, sd) in [
            (Initial::Glorot, (2.0_f64 / 800.0).sqrt()),
            (Initial::FanIn, (1.0_f64 / 900.0).sqrt()),
            (Initial::Normal, 0.01),
        ] {
            let weights = initial.draw(&mut stream(Seed(0), "weights"), 300, 500);
            assert_eq!(weights.size(), [300, 500]);
            let weights = weights.to_kind(Kind::Double);
            let (mean, found) = (weights.mean(Kind::Double), weights.std(true));
            assert!(mean.double_value(&[]).abs() < 0.02 * sd, "{initial:?}");
            assert!(
                (found.double_value(&[]) / sd - 1.0).abs() < 0.01,
                "{initial:?}"
            );
        }
        // Beyond four standard deviations: 6.3e-5 of the draws of a normal distribution, none of the others'.
        let weights = Initial::Normal.draw(&mut stream(Seed(1), "weights"), 301, 501);
        let far = weights.abs().gt(0.04).sum(Kind::Int64).int64_value(&[]);
        assert!((1..30).contains(&far), "{far}");
    }

    #[test]
    fn truncated_weights_end_at_two_standard_deviations() {
        let mut rng = stream(Seed(0), "weights");
        let weights = truncated_normal(&mut rng, 0.1, &[300, 500]).to_kind(Kind::Double);
        let most = weights.abs().max().double_value(&[]);
        assert!((0.199..=0.2 + 1e-7).contains(&most), "{most}");
        // The standard deviation of N(0, 1) cut off at +-2.
        // python3 -c "from math import *; print(sqrt(1 - 4*exp(-2)/sqrt(2*pi)/erf(sqrt(2))))"
        let sd = weights.std(true).double_value(&[]) / 0.1;
        assert!((sd - 0.879_625_661).abs() < 0.005, "{sd}");
    }

    #[test]
    fn glorot_weights_have_the_published_range_and_spread() {
        let weights = glorot_uniform(&mut stream(Seed(0), "weights"), 300, 500);
        let limit = (6.0_f64 / 800.0).sqrt();
        assert!(weights.abs().max().double_value(&[]) <= limit);
        // The standard deviation of a uniform distribution on +-a is a / sqrt(3).
        let sd = weights.to_kind(Kind::Double).std(true).double_value(&[]);
        assert!((sd / (limit / 3_f64.sqrt()) - 1.0).abs() < 0.01, "{sd}");
    }
}
