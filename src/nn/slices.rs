//! Float slices over the memory of CPU tensors, for loops that beat a chain of tensor operations.

use tch::{Device, Kind, Tensor};

/// The values of a contiguous CPU tensor of floats.
///
/// # Panics
/// If the tensor lies elsewhere, has another kind, or has gaps: a bug of the caller.
pub(crate) fn slice(tensor: &Tensor) -> &[f32] {
    if tensor.numel() == 0 {
        // The memory of nothing may be nowhere.
        return &[];
    }
    // SAFETY: `checked` has made sure that the memory holds `numel` floats; it lives as long as the
    // tensor, which the result borrows.
    unsafe { std::slice::from_raw_parts(checked(tensor), tensor.numel()) }
}

/// The values of a contiguous CPU tensor of floats, to write to. Other views of the same memory
/// must not be read meanwhile.
///
/// # Panics
/// As [`slice`].
pub(crate) fn slice_mut(tensor: &mut Tensor) -> &mut [f32] {
    if tensor.numel() == 0 {
        return &mut [];
    }
    // SAFETY: as in `slice`; tensors may share memory, so exclusiveness is the caller's promise,
    // kept by using the slice within one function on views that do not overlap.
    unsafe { std::slice::from_raw_parts_mut(checked(tensor), tensor.numel()) }
}

/// The tensor as [`slice`] wants it; itself, if it is so already.
pub(crate) fn on_cpu(tensor: &Tensor) -> Tensor {
    let tensor = tensor.to_device(Device::Cpu).to_kind(Kind::Float);
    tensor.contiguous()
}

/// The sum of all values, added one after the other in double precision. libtorch's own sum of
/// everything depends on the number of threads: each adds up a part.
pub(crate) fn ordered_sum(tensor: &Tensor) -> f64 {
    let values = tensor.to_device(Device::Cpu).to_kind(Kind::Double);
    let values = Vec::<f64>::try_from(values.reshape([-1])).unwrap_or_default();
    values.into_iter().sum()
}

fn checked(tensor: &Tensor) -> *mut f32 {
    assert!(
        tensor.device() == Device::Cpu && tensor.kind() == Kind::Float && tensor.is_contiguous(),
        "a contiguous float tensor on the CPU was expected, got {tensor:?}"
    );
    tensor.data_ptr().cast()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp)]
    use super::*;

    #[test]
    fn slices_see_and_change_the_tensor() {
        let mut tensor = Tensor::from_slice(&[1.0_f32, 2.0, 3.0]);
        slice_mut(&mut tensor)[1] = 7.0;
        assert_eq!(slice(&tensor), [1.0, 7.0, 3.0]);
        assert_eq!(tensor.double_value(&[1]), 7.0);
    }

    #[test]
    #[should_panic(expected = "contiguous float tensor")]
    fn gaps_are_refused() {
        let tensor = Tensor::from_slice(&[1.0_f32, 2.0, 3.0, 4.0]).view([2, 2]);
        let _ = slice(&tensor.transpose(0, 1));
    }
}
