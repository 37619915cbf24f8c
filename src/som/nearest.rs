//! The nearest prototype of each code.

use tch::{Device, Kind, Tensor};

use crate::nn::slices::slice;

/// The index of the prototype nearest to each code, the lowest of equal ones.
///
/// `codes` `[rows, dims]`, `prototypes` `[units, dims]`, both few-dimensional. Distances are sums
/// of squared differences: on a collapsed map, where everything lies within 1e-4, a formula with
/// matrix products would give arbitrary winners.
///
/// Distances must be finite: of codes that are NaN, or too far away for the square to be a 32-bit
/// float, no prototype is the nearest, and 0 stands for that here. Callers look out for them first.
#[must_use]
pub fn nearest(codes: &Tensor, prototypes: &Tensor) -> Vec<u32> {
    let on_cpu = |tensor: &Tensor| {
        tensor
            .to_device(Device::Cpu)
            .to_kind(Kind::Float)
            .contiguous()
    };
    let (codes, prototypes) = (on_cpu(codes), on_cpu(prototypes));
    let dims = codes.size()[1] as usize;
    let units = prototypes.size()[0] as usize;
    // Feature by feature, so that the inner loop runs over units.
    let columns = on_cpu(&prototypes.transpose(0, 1));
    let mut distances = vec![0.0_f32; units];
    let rows = slice(&codes).chunks_exact(dims);
    rows.map(|code| {
        distances.fill(0.0);
        for (&z, column) in code.iter().zip(slice(&columns).chunks_exact(units)) {
            for (distance, &m) in distances.iter_mut().zip(column) {
                *distance += (z - m) * (z - m);
            }
        }
        super::loss::lowest(&distances) as u32
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_prototypes_far_from_the_origin_are_told_apart() {
        // |z|^2 is 3e4 here: 32-bit floats that large are 2e-3 apart, the distances 1e-4 and less.
        let prototypes = Tensor::from_slice(&[100.0_f32, 100.0, 100.0, 100.01, 100.0, 100.0]);
        let codes = Tensor::from_slice(&[100.009_f32, 100.0, 100.0, 100.001, 100.0, 100.0]);
        let found = nearest(&codes.view([2, 3]), &prototypes.view([2, 3]));
        assert_eq!(found, [1, 0]);
    }
}
