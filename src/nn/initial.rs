//! Initial weights.

use tch::Tensor;

use crate::random;
use rand_chacha::ChaCha8Rng;

/// Weights `[inputs, outputs]` drawn uniformly from `+-sqrt(6 / (inputs + outputs))`
/// (Glorot & Bengio 2010, eq. 16), the default of Keras' dense layers. On the CPU.
pub fn glorot_uniform(rng: &mut ChaCha8Rng, inputs: i64, outputs: i64) -> Tensor {
    glorot_uniform_of(rng, [inputs, outputs], &[inputs, outputs])
}

/// As [`glorot_uniform`], for weights of any shape: `fans` are the numbers of values that each output
/// is made from and that each input goes into.
pub fn glorot_uniform_of(rng: &mut ChaCha8Rng, fans: [i64; 2], shape: &[i64]) -> Tensor {
    let limit = (6.0 / (fans[0] + fans[1]) as f32).sqrt();
    let draw = |_| (2.0 * random::unit(rng) - 1.0) * limit;
    let values: Vec<f32> = (0..shape.iter().product()).map(draw).collect();
    Tensor::from_slice(&values).view(shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Seed, stream};
    use tch::Kind;

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
