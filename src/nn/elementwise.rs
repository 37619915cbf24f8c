//! The steps of a dense layer around its matrix products, each in one pass over memory.
//!
//! On a CPU these are loops over slices: what a chain of tensor operations would read and write
//! several times is touched once, while it is still in the cache. On a GPU, and for rounded numbers,
//! they are tensor operations. Shapes are `[models, rows, columns]`, or `[rows, columns]` for a cohort of
//! one; biases have a single row. CPU tensors of floats must be contiguous: gaps are a bug of the caller
//! and panic.

use tch::{Device, Kind, Tensor};

use super::slices::{slice, slice_mut};

/// Whether the loops over slices can do it: floats in the processor's memory.
fn is_plain(tensor: &Tensor) -> bool {
    tensor.device() == Device::Cpu && tensor.kind() == Kind::Float
}

/// `output = relu(output + bias)`, or without the activation for linear layers.
pub fn add_bias(output: &Tensor, bias: &Tensor, relu: bool) {
    if !is_plain(output) {
        return add_bias_tensors(output, bias, relu);
    }
    for [mut output, bias] in models([output, bias]) {
        let bias = slice(&bias);
        for row in slice_mut(&mut output).chunks_exact_mut(bias.len()) {
            if relu {
                for (value, bias) in row.iter_mut().zip(bias) {
                    // Written so that NaN stays NaN: a diverged model must be seen to diverge.
                    let sum = *value + bias;
                    *value = if sum < 0.0 { 0.0 } else { sum };
                }
            } else {
                for (value, bias) in row.iter_mut().zip(bias) {
                    *value += bias;
                }
            }
        }
    }
}

/// The way back through [`add_bias`]: sets `delta` to 0 where the activation did, and the bias'
/// gradient to the sum of the rows of `delta`.
pub fn back_through_bias(delta: &Tensor, output: &Tensor, relu: bool, bias_gradient: &Tensor) {
    if !is_plain(delta) {
        return back_through_bias_tensors(delta, output, relu, bias_gradient);
    }
    for [mut delta, output, mut gradient] in models([delta, output, bias_gradient]) {
        let gradient = slice_mut(&mut gradient);
        let columns = gradient.len();
        gradient.fill(0.0);
        let rows = slice_mut(&mut delta).chunks_exact_mut(columns);
        for (delta, output) in rows.zip(slice(&output).chunks_exact(columns)) {
            if relu {
                for (delta, &output) in delta.iter_mut().zip(output) {
                    *delta = if output <= 0.0 { 0.0 } else { *delta };
                }
            }
            for (sum, &delta) in gradient.iter_mut().zip(&*delta) {
                *sum += delta;
            }
        }
    }
}

/// `delta = scale (output - rows)`, with the same `rows` `[rows, columns]` for all models or with each
/// model's own.
pub fn scaled_error(delta: &Tensor, output: &Tensor, rows: &Tensor, scale: f64) {
    if !is_plain(delta) {
        return scaled_error_tensors(delta, output, rows, scale);
    }
    let rows = rows.expand_as(output);
    for [mut delta, output, rows] in models([delta, output, &rows]) {
        let values = slice(&output).iter().zip(slice(&rows));
        for (delta, (output, target)) in slice_mut(&mut delta).iter_mut().zip(values) {
            *delta = scale as f32 * (output - target);
        }
    }
}

fn add_bias_tensors(output: &Tensor, bias: &Tensor, relu: bool) {
    let mut output = output.shallow_clone();
    let _ = output.g_add_(bias);
    if relu {
        let _ = output.relu_();
    }
}

fn back_through_bias_tensors(delta: &Tensor, output: &Tensor, relu: bool, bias_gradient: &Tensor) {
    if relu {
        let _ = output.threshold_backward_grad_input(delta, delta, 0.0);
    }
    let _ = delta.sum_intlist_out(bias_gradient, [-2].as_slice(), true, Kind::Float);
}

fn scaled_error_tensors(delta: &Tensor, output: &Tensor, rows: &Tensor, scale: f64) {
    let mut delta = output.sub_out(delta, rows);
    let _ = delta.g_mul_scalar_(scale);
}

/// The tensors of each model in turn.
fn models<const N: usize>(tensors: [&Tensor; N]) -> Vec<[Tensor; N]> {
    match tensors[0].dim() {
        2 => vec![tensors.map(Tensor::shallow_clone)],
        _ => (0..tensors[0].size()[0])
            .map(|model| tensors.map(|tensor| tensor.get(model)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp)]
    use super::*;
    use crate::random::uniform;

    fn random(seed: u64, shape: &[i64]) -> Tensor {
        uniform(seed, shape) - 0.5
    }

    #[test]
    fn bias_and_activation_there_and_back() {
        for relu in [true, false] {
            let (output, bias) = (random(1, &[2, 6, 5]), random(2, &[2, 1, 5]));
            let sum = &output + &bias;
            let expected = if relu { sum.relu() } else { sum };
            add_bias(&output, &bias, relu);
            assert_eq!(output, expected);

            let (delta, gradient) = (random(3, &[2, 6, 5]), random(4, &[2, 1, 5]));
            let passed = if relu {
                &delta * output.gt(0.0).to_kind(Kind::Float)
            } else {
                delta.copy()
            };
            back_through_bias(&delta, &output, relu, &gradient);
            assert_eq!(delta, passed);
            let sums = passed.sum_dim_intlist(1, true, Kind::Float);
            assert!(gradient.allclose(&sums, 1e-5, 1e-6, false));
        }
    }

    /// What a GPU does, on the CPU: the same as the loops do.
    #[test]
    fn tensors_and_slices_agree() {
        for relu in [true, false] {
            let (output, bias) = (random(1, &[2, 6, 5]), random(2, &[2, 1, 5]));
            let same = output.copy();
            add_bias(&output, &bias, relu);
            add_bias_tensors(&same, &bias, relu);
            assert_eq!(output, same);

            let (delta, gradient) = (random(3, &[2, 6, 5]), random(4, &[2, 1, 5]));
            let (same_delta, same_gradient) = (delta.copy(), gradient.copy());
            back_through_bias(&delta, &output, relu, &gradient);
            back_through_bias_tensors(&same_delta, &output, relu, &same_gradient);
            assert_eq!(delta, same_delta);
            assert!(gradient.allclose(&same_gradient, 1e-5, 1e-6, false));

            let rows = random(5, &[6, 5]);
            scaled_error(&delta, &output, &rows, 0.25);
            scaled_error_tensors(&same_delta, &output, &rows, 0.25);
            assert!(delta.allclose(&same_delta, 1e-6, 1e-7, false));
        }
    }

    #[test]
    fn a_diverged_model_stays_so() {
        let output = Tensor::from_slice(&[f32::NAN, -1.0]).view([1, 2]);
        add_bias(
            &output,
            &Tensor::zeros([1, 2], (Kind::Float, Device::Cpu)),
            true,
        );
        assert!(output.double_value(&[0, 0]).is_nan());
        assert_eq!(output.double_value(&[0, 1]), 0.0);
    }

    #[test]
    fn the_error_is_scaled_for_each_model() {
        let (output, rows) = (random(1, &[3, 4, 2]), random(2, &[4, 2]));
        let delta = output.zeros_like();
        scaled_error(&delta, &output, &rows, 0.5);
        assert!(delta.allclose(&((&output - &rows) * 0.5), 1e-6, 1e-7, false));
        // The same rows once more, and others for each model.
        let same = delta.zeros_like();
        scaled_error(&same, &output, &rows.repeat([3, 1, 1]), 0.5);
        assert_eq!(same, delta);
        let own = random(3, &[3, 4, 2]);
        scaled_error(&delta, &output, &own, 0.5);
        assert!(delta.allclose(&((&output - &own) * 0.5), 1e-6, 1e-7, false));
        scaled_error_tensors(&same, &output, &own, 0.5);
        assert!(delta.allclose(&same, 1e-6, 1e-7, false));
    }
}
