//! Matrix products into existing memory.
//!
//! libtorch's MKL does nearly all of the work; products with one narrow side, as those around a
//! 10-dimensional code, take it two to four times as long as the `gemm` crate when its results are
//! asked to be independent of threads (`src/device/mkl.rs`), and 7 % of a training iteration with that.

use tch::{Device, Kind, Tensor};

/// The longest side that counts as narrow.
const NARROW: i64 = 16;

/// `out = a b`: `[m, k]` times `[k, n]`, or the same for each model with a leading dimension. On a CPU
/// each model's product is the one that it would be alone, to the last bit; on a GPU they are one product.
///
/// # Panics
/// If shapes, kinds or devices do not fit: a bug of the caller.
pub fn multiply(out: &Tensor, a: &Tensor, b: &Tensor) {
    match out.dim() {
        2 if is_narrow(out, a, b) => multiply_narrow(out, a, b, false),
        2 => drop(a.mm_out(out, b)),
        _ if out.device() == Device::Cpu => {
            for model in 0..out.size()[0] {
                multiply(&out.get(model), &a.get(model), &b.get(model));
            }
        }
        _ => multiply_batched(out, a, b),
    }
}

/// `out += a b`, of matrices of floats on the CPU: `[m, k]` times `[k, n]`.
///
/// # Panics
/// As [`multiply`].
pub fn multiply_add(out: &mut Tensor, a: &Tensor, b: &Tensor) {
    if is_narrow(out, a, b) {
        multiply_narrow(out, a, b, true);
    } else {
        let _ = out.addmm_(a, b);
    }
}

/// Whether the `gemm` crate is the faster one for these matrices.
fn is_narrow(out: &Tensor, a: &Tensor, b: &Tensor) -> bool {
    let sides = [&a.size()[..], &b.size()[1..]].concat();
    let plain = out.device() == Device::Cpu && out.kind() == Kind::Float;
    plain && sides.into_iter().any(|side| side <= NARROW)
}

/// The products of all models as one.
fn multiply_batched(out: &Tensor, a: &Tensor, b: &Tensor) {
    let _ = a.bmm_out(out, b);
}

/// The product of two matrices, added to what is there if `add`, on this thread alone: the same bits whatever the
/// number of threads.
///
/// # Panics
/// If the shapes do not fit, or a tensor is not one of floats on the CPU: a bug of the caller.
fn multiply_narrow(out: &Tensor, a: &Tensor, b: &Tensor, add: bool) {
    let of = |tensor: &Tensor| -> ([usize; 2], [isize; 2]) {
        assert!(
            tensor.device() == Device::Cpu && tensor.kind() == Kind::Float && tensor.dim() == 2,
            "a float matrix on the CPU was expected, got {tensor:?}"
        );
        let (size, stride) = (tensor.size(), tensor.stride());
        let size = [size[0] as usize, size[1] as usize];
        (size, [stride[0] as isize, stride[1] as isize])
    };
    let ([m, n], [out_row, out_column]) = of(out);
    let ([a_rows, k], [a_row, a_column]) = of(a);
    let ([b_rows, b_columns], [b_row, b_column]) = of(b);
    assert!(
        a_rows == m && b_rows == k && b_columns == n,
        "[{a_rows}, {k}] times [{b_rows}, {b_columns}] does not give [{m}, {n}]"
    );
    // SAFETY: the sizes fit one another, and sizes and strides are those of tensors that live through
    // the call; `out` is memory of its own, as for libtorch's `mm_out`.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.data_ptr().cast::<f32>(),
            out_column,
            out_row,
            add,
            a.data_ptr().cast::<f32>(),
            a_column,
            a_row,
            b.data_ptr().cast::<f32>(),
            b_column,
            b_row,
            if add { 1.0 } else { 0.0 },
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::uniform;

    fn random(seed: u64, shape: &[i64]) -> Tensor {
        uniform(seed, shape) - 0.5
    }

    /// Narrow and wide, with and without a model dimension, transposed operands and a shared one.
    #[test]
    fn products_agree_with_double_precision() {
        for (m, k, n) in [(33, 40, 10), (10, 33, 40), (40, 10, 33), (33, 40, 50)] {
            let cases = [
                (random(1, &[m, k]), random(2, &[k, n])),
                (
                    random(3, &[k, m]).transpose(0, 1),
                    random(4, &[n, k]).transpose(0, 1),
                ),
                (random(5, &[3, m, k]), random(6, &[3, n, k]).transpose(1, 2)),
                (
                    random(7, &[m, k]).expand([3, m, k], false),
                    random(8, &[3, k, n]),
                ),
            ];
            for (a, b) in cases {
                let expected = a.to_kind(Kind::Double).matmul(&b.to_kind(Kind::Double));
                let out = Tensor::zeros(expected.size(), (Kind::Float, Device::Cpu));
                multiply(&out, &a, &b);
                assert!(
                    out.to_kind(Kind::Double)
                        .allclose(&expected, 1e-5, 1e-5, false),
                    "{m} {k} {n}"
                );
                if out.dim() == 2 {
                    let mut sum = Tensor::ones_like(&out);
                    multiply_add(&mut sum, &a, &b);
                    assert!((sum - &out - 1.0).abs().max().double_value(&[]) < 1e-4);
                }
                if out.dim() == 3 {
                    let batched = out.zeros_like();
                    multiply_batched(&batched, &a, &b);
                    assert!(batched.allclose(&out, 1e-5, 1e-5, false), "{m} {k} {n}");
                    let alone = out.get(1).zeros_like();
                    multiply(&alone, &a.get(1), &b.get(1));
                    assert_eq!(out.get(1), alone, "{m} {k} {n}");
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "does not give")]
    fn shapes_that_do_not_fit_are_refused() {
        multiply(
            &random(1, &[4, 3]),
            &random(2, &[4, 5]),
            &random(3, &[4, 3]),
        );
    }

    #[test]
    fn what_was_there_before_does_not_matter() {
        let out = random(1, &[20, 10]) * f64::NAN;
        multiply(&out, &random(2, &[20, 30]), &random(3, &[30, 10]));
        assert!(!bool::try_from(out.isnan().any()).unwrap_or(true));
    }
}
