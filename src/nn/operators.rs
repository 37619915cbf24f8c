//! Safe calls of the few libtorch operators that tch does not bind (`operators.cpp`).

use std::ffi::{CStr, c_char, c_double, c_int, c_void};

use tch::Tensor;

use super::adam::AdamStep;

const MESSAGE_BYTES: usize = 512;

unsafe extern "C" {
    fn replicate_fused_adam(
        parameters: *mut c_void,
        gradients: *mut c_void,
        first_moments: *mut c_void,
        second_moments: *mut c_void,
        step: *mut c_void,
        learning_rate: c_double,
        beta1: c_double,
        beta2: c_double,
        epsilon: c_double,
        error: *mut c_char,
        length: usize,
    ) -> c_int;
    fn replicate_fused_sgd(
        parameters: *mut c_void,
        gradients: *mut c_void,
        velocities: *mut c_void,
        rate: c_double,
        momentum: c_double,
        error: *mut c_char,
        length: usize,
    ) -> c_int;
    fn replicate_set_exact_matmul(exact: c_int, error: *mut c_char, length: usize) -> c_int;
}

/// Runs a guarded C++ function and turns its message into libtorch's own error type.
fn checked(call: impl FnOnce(*mut c_char, usize) -> c_int) -> Result<(), tch::TchError> {
    let mut message = [0; MESSAGE_BYTES];
    if call(message.as_mut_ptr(), MESSAGE_BYTES) == 0 {
        return Ok(());
    }
    // SAFETY: the C++ side writes with snprintf, which always ends the string within the buffer.
    let text = unsafe { CStr::from_ptr(message.as_ptr()) };
    Err(tch::TchError::Torch(text.to_string_lossy().into_owned()))
}

/// One Adam update of all parameters in a single pass over memory.
pub(super) fn fused_adam(
    parameters: &mut Tensor,
    gradients: &Tensor,
    [first, second]: [&mut Tensor; 2],
    step: &Tensor,
    options: &AdamStep,
) -> Result<(), tch::TchError> {
    alike("Adam", &[parameters, gradients, first, second])?;
    // SAFETY: tch's `as_ptr` is the address of an at::Tensor that lives as long as the borrow, and
    // the operator keeps none of them.
    checked(|error, length| unsafe {
        replicate_fused_adam(
            parameters.as_mut_ptr().cast(),
            gradients.as_ptr().cast_mut().cast(),
            first.as_mut_ptr().cast(),
            second.as_mut_ptr().cast(),
            step.as_ptr().cast_mut().cast(),
            options.learning_rate,
            options.beta1,
            options.beta2,
            options.epsilon,
            error,
            length,
        )
    })
}

/// One step of gradient descent with momentum in a single pass over memory:
/// `v = momentum v + g; p -= rate v`. A momentum of 0 leaves `v` as it was.
pub(super) fn fused_sgd(
    parameters: &mut Tensor,
    gradients: &Tensor,
    velocities: &mut Tensor,
    rate: f64,
    momentum: f64,
) -> Result<(), tch::TchError> {
    alike("SGD", &[parameters, gradients, velocities])?;
    // SAFETY: as for Adam.
    checked(|error, length| unsafe {
        replicate_fused_sgd(
            parameters.as_mut_ptr().cast(),
            gradients.as_ptr().cast_mut().cast(),
            velocities.as_mut_ptr().cast(),
            rate,
            momentum,
            error,
            length,
        )
    })
}

/// Refuses tensors that are not all of one shape, kind and device and without gaps: the fused kernels
/// check nothing and would read and write beyond a shorter buffer.
fn alike(optimiser: &str, tensors: &[&Tensor]) -> Result<(), tch::TchError> {
    let same = |tensor: &&Tensor| {
        tensor.size() == tensors[0].size()
            && tensor.kind() == tensors[0].kind()
            && tensor.device() == tensors[0].device()
            && tensor.is_contiguous()
    };
    if tensors.iter().all(same) {
        return Ok(());
    }
    let shapes: Vec<_> = tensors.iter().map(|tensor| tensor.size()).collect();
    Err(tch::TchError::Shape(format!(
        "{optimiser} needs parameters, gradients and state of one shape, got {shapes:?}"
    )))
}

/// Full fp32 in matrix products on a GPU (`exact`), or NVIDIA's 10-bit TF32 (`!exact`).
///
/// # Errors
/// Whatever libtorch says.
pub fn set_exact_matmul(exact: bool) -> Result<(), tch::TchError> {
    // SAFETY: plain values only.
    checked(|error, length| unsafe {
        replicate_set_exact_matmul(c_int::from(exact), error, length)
    })
}
