//! The fixed weights and data of the check, the same as in benches/peers/desom.py, for all tasks that have one.

use replicate::nn::{Parameters, Precision};
use replicate::random::Seed;
use replicate::replications::desom::{DesomCohort, Settings};
use tch::{Device, Tensor};

/// Steps of the check: a whole, short training.
pub const STEPS: u64 = 8;
/// A weight at which the prototypes matter.
const GAMMA: f64 = 0.1;
const ROWS: i64 = 8 * 256;

/// Floats in [-1, 1) that look random and are the same in any language.
fn scrambled(index: u64, count: usize) -> impl Iterator<Item = f64> {
    const MASK: u64 = 0xFFFF_FFFF;
    (0..count as u64).map(move |n| {
        let mut bits = (n + index * 0x9E37_79B9) & MASK;
        for (shift, factor) in [(16, 0x85EB_CA6B), (13, 0xC2B2_AE35)] {
            bits = ((bits ^ (bits >> shift)) * factor) & MASK;
        }
        bits ^= bits >> 16;
        bits as f64 / 2_f64.powi(31) - 1.0
    })
}

/// Eight batches, `[2048, 784]`.
pub fn rows() -> Tensor {
    let values = scrambled(100, (ROWS * 784) as usize).map(|value| value.max(0.0) as f32);
    Tensor::from_slice(&values.collect::<Vec<_>>()).view([ROWS, 784])
}

/// The paper's model with fixed weights, biases and prototypes.
pub fn model() -> DesomCohort {
    let settings = Settings {
        iterations: STEPS,
        ..Settings::paper()
    };
    let members = [(GAMMA, Seed(0))];
    let model =
        DesomCohort::new(&settings, &members, &rows(), Device::Cpu, Precision::Exact).unwrap();
    set(model.parameters());
    model
}

/// Sets weights, biases and what else there is of the one model of `parameters`.
pub fn set(parameters: &Parameters) {
    for (index, (name, slot)) in parameters.layout().slots().enumerate() {
        let mut part = parameters.value(slot).get(0);
        let scale = match name.rsplit('.').next().unwrap() {
            "weight" => (6.0 / part.size().iter().sum::<i64>() as f64).sqrt(),
            "bias" => 0.01,
            _ => 0.5,
        };
        let values = scrambled(index as u64, part.numel()).map(|value| (scale * value) as f32);
        let values = Tensor::from_slice(&values.collect::<Vec<_>>());
        part.copy_(&values.view_as(&part));
    }
}
