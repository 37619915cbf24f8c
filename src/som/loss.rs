//! The SOM loss of DESOM and its gradients.
//!
//! For codes `z_i` and prototypes `m_k`: squared distances `d_ik = |z_i - m_k|^2`, best matching
//! unit `b_i = argmin_k d_ik` (the lowest index wins a tie), weights `w_ik = h(b_i, k)` held
//! constant during the step, loss `L = mean_i sum_k w_ik d_ik` (Forest et al. 2019). Gradients:
//!
//! ```text
//! dL/dz_i = 2/B sum_k w_ik (z_i - m_k)        dL/dm_k = -2/B sum_i w_ik (z_i - m_k)
//! ```
//!
//! Distances are sums of squared differences, not `|z|^2 + |m|^2 - 2 z m`: when a map collapses,
//! codes and prototypes differ by 1e-4 and less, and the shorter formula would lose the winner.
//!
//! There are two implementations: a plain loop over slices for the CPU, which stays in the first
//! cache levels, and tensor operations for a GPU. They are tested against each other.

use tch::{Device, Kind, Tensor};

use crate::nn::slices::{slice, slice_mut};

/// The SOM term of a cohort's loss: `gamma L`, with a gamma for each model.
#[derive(Debug)]
pub struct SomLoss {
    gammas: Vec<f32>,
    /// `[models, 1, 1]`, on the models' device.
    gamma_column: Tensor,
}

impl SomLoss {
    /// The term for models weighted by `gammas`.
    #[must_use]
    pub fn new(gammas: &[f64], device: Device) -> Self {
        let gammas: Vec<f32> = gammas.iter().map(|&gamma| gamma as f32).collect();
        let gamma_column = Tensor::from_slice(&gammas).to_device(device);
        Self {
            gamma_column: gamma_column.view([-1, 1, 1]),
            gammas,
        }
    }

    /// Adds `gamma dL/dz` to `code_delta` `[models, batch, latent]`, writes `gamma dL/dm` to
    /// `prototype_gradient` `[models, units, latent]`, and gives `L`, without gamma, `[models]`.
    ///
    /// `codes` and `prototypes` are shaped like their gradients; `weights` are the
    /// neighbourhood's, `[units, units]`, row `b` for the winner `b`.
    pub fn loss_and_gradients(
        &self,
        codes: &Tensor,
        prototypes: &Tensor,
        weights: &Tensor,
        code_delta: &Tensor,
        prototype_gradient: &Tensor,
    ) -> Tensor {
        if codes.device() != Device::Cpu {
            return self.loss_and_gradients_tensors(
                codes,
                prototypes,
                weights,
                code_delta,
                prototype_gradient,
            );
        }
        let weights = slice(weights);
        let mut losses = Vec::with_capacity(self.gammas.len());
        for (model, &gamma) in (0..).zip(&self.gammas) {
            losses.push(loss_and_gradients_slices(
                gamma,
                [codes, prototypes].map(|tensor| tensor.get(model)),
                weights,
                [code_delta, prototype_gradient].map(|tensor| tensor.get(model)),
            ));
        }
        Tensor::from_slice(&losses)
    }

    fn loss_and_gradients_tensors(
        &self,
        codes: &Tensor,
        prototypes: &Tensor,
        weights: &Tensor,
        code_delta: &Tensor,
        prototype_gradient: &Tensor,
    ) -> Tensor {
        let [models, batch, _] = sizes(codes);
        // [models, batch, units, latent]
        let difference = codes.unsqueeze(2) - prototypes.unsqueeze(1);
        let distances = difference.square().sum_dim_intlist(-1, false, Kind::Float);
        let winners = distances.argmin(-1, false);
        let weights = weights
            .index_select(0, &winners.view(-1))
            .view([models, batch, -1]);
        let losses = (&weights * &distances).sum_dim_intlist([1, 2].as_slice(), false, Kind::Float);
        let pull =
            difference * (weights * (&self.gamma_column * (2.0 / batch as f64))).unsqueeze(-1);
        let mut code_delta = code_delta.shallow_clone();
        let _ = code_delta.g_add_(&pull.sum_dim_intlist(2, false, Kind::Float));
        let mut prototype_gradient = prototype_gradient.shallow_clone();
        prototype_gradient.copy_(&pull.sum_dim_intlist(1, false, Kind::Float).neg());
        losses / batch as f64
    }
}

fn sizes(tensor: &Tensor) -> [i64; 3] {
    let size = tensor.size();
    [size[0], size[1], size[2]]
}

/// Floats handled together: units are padded to a multiple of this, so that the compiler can use
/// whole vector registers and the sums have a fixed order.
const LANES: usize = 16;

/// One model: codes `[batch, latent]` and prototypes `[units, latent]`; gradients alike.
fn loss_and_gradients_slices(
    gamma: f32,
    [codes, prototypes]: [Tensor; 2],
    weights: &[f32],
    [mut code_delta, mut prototype_gradient]: [Tensor; 2],
) -> f32 {
    let units = prototypes.size()[0] as usize;
    let latent = prototypes.size()[1] as usize;
    let batch = codes.size()[0] as usize;
    let padded = units.next_multiple_of(LANES);
    let (codes, code_delta) = (slice(&codes), slice_mut(&mut code_delta));
    // Latent feature by latent feature, so that the inner loops run over units.
    let mut columns = vec![0.0_f32; latent * padded];
    for (unit, prototype) in slice(&prototypes).chunks_exact(latent).enumerate() {
        for (feature, &value) in prototype.iter().enumerate() {
            columns[feature * padded + unit] = value;
        }
    }
    let mut pulls = vec![0.0_f32; latent * padded];
    let mut distances = vec![0.0_f32; padded];
    let mut row = vec![0.0_f32; padded];
    let scale = 2.0 * gamma / batch as f32;
    let mut loss = 0.0_f64;
    for (code, delta) in codes
        .chunks_exact(latent)
        .zip(code_delta.chunks_exact_mut(latent))
    {
        distances.fill(0.0);
        for (&z, column) in code.iter().zip(columns.chunks_exact(padded)) {
            for (distance, &m) in distances.iter_mut().zip(column) {
                let difference = z - m;
                *distance += difference * difference;
            }
        }
        let winner = lowest(&distances[..units]);
        row[..units].copy_from_slice(&weights[winner * units..(winner + 1) * units]);
        loss += f64::from(weighted_sum(&row, &distances));
        let features = code.iter().zip(delta).zip(columns.chunks_exact(padded));
        for (((&z, delta), column), pulls) in features.zip(pulls.chunks_exact_mut(padded)) {
            *delta += scale * pull(z, &row, column, pulls);
        }
    }
    let prototype_gradient = slice_mut(&mut prototype_gradient);
    for (unit, gradient) in prototype_gradient.chunks_exact_mut(latent).enumerate() {
        for (feature, value) in gradient.iter_mut().enumerate() {
            *value = -scale * pulls[feature * padded + unit];
        }
    }
    (loss / batch as f64) as f32
}

/// The index of the lowest value, the first of equal ones.
pub(super) fn lowest<T: PartialOrd + Copy>(values: &[T]) -> usize {
    let mut best = 0;
    for (index, &value) in values.iter().enumerate() {
        if value < values[best] {
            best = index;
        }
    }
    best
}

fn weighted_sum(weights: &[f32], values: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    for (weights, values) in weights.chunks_exact(LANES).zip(values.chunks_exact(LANES)) {
        for ((sum, weight), value) in sums.iter_mut().zip(weights).zip(values) {
            *sum += weight * value;
        }
    }
    sums.iter().sum()
}

/// `sum_k w_k (z - m_k)` for one feature; adds each term to `pulls`.
fn pull(z: f32, weights: &[f32], column: &[f32], pulls: &mut [f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let columns = column
        .chunks_exact(LANES)
        .zip(pulls.chunks_exact_mut(LANES));
    for (weights, (column, pulls)) in weights.chunks_exact(LANES).zip(columns) {
        for lane in 0..LANES {
            let term = weights[lane] * (z - column[lane]);
            sums[lane] += term;
            pulls[lane] += term;
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::uniform;
    use crate::som::{Grid, MapDistance, Neighbourhood};

    struct Case {
        codes: Tensor,
        prototypes: Tensor,
        weights: Tensor,
        gammas: [f64; 3],
    }

    fn case(rows: usize, columns: usize) -> Case {
        let units = (rows * columns) as i64;
        let grid = Grid { rows, columns };
        let squared = Tensor::from_slice(&grid.squared_distances(MapDistance::Manhattan));
        Case {
            codes: uniform(1, &[3, 21, 10]) - 0.5,
            prototypes: uniform(2, &[3, units, 10]) - 0.5,
            weights: Neighbourhood::Gaussian.weights(&squared.view([units, units]), 1.5),
            gammas: [0.001, 0.5, 10.0],
        }
    }

    fn run(case: &Case, tensors: bool) -> [Tensor; 3] {
        let loss = SomLoss::new(&case.gammas, Device::Cpu);
        let code_delta = case.codes.ones_like();
        let gradient = case.prototypes.zeros_like();
        let compute = if tensors {
            SomLoss::loss_and_gradients_tensors
        } else {
            SomLoss::loss_and_gradients
        };
        let value = compute(
            &loss,
            &case.codes,
            &case.prototypes,
            &case.weights,
            &code_delta,
            &gradient,
        );
        [value, code_delta, gradient]
    }

    #[test]
    fn slices_and_tensors_agree() {
        // 12 and 64 units: with and without padding.
        for case in [case(3, 4), case(8, 8)] {
            for (ours, other) in run(&case, false).iter().zip(run(&case, true)) {
                assert!(ours.allclose(&other, 1e-5, 1e-6, false));
            }
        }
    }

    #[test]
    fn gradients_agree_with_autograd() {
        let case = case(8, 8);
        let codes = case.codes.copy().set_requires_grad(true);
        let prototypes = case.prototypes.copy().set_requires_grad(true);
        let distances = (codes.unsqueeze(2) - prototypes.unsqueeze(1))
            .square()
            .sum_dim_intlist(-1, false, Kind::Float);
        let winners = distances.argmin(-1, false).view(-1);
        let weights = case.weights.index_select(0, &winners).view([3, 21, 64]);
        let losses = (weights * distances).sum_dim_intlist(-1, false, Kind::Float);
        let losses = losses.mean_dim(1, false, Kind::Float);
        let gammas = Tensor::from_slice(&case.gammas.map(|gamma| gamma as f32));
        (&losses * gammas).sum(Kind::Float).backward();
        let [value, code_delta, gradient] = run(&case, false);
        assert!(value.allclose(&losses, 1e-5, 0.0, false));
        assert!(code_delta.allclose(&(codes.grad() + 1.0), 1e-5, 1e-6, false));
        assert!(gradient.allclose(&prototypes.grad(), 1e-5, 1e-6, false));
    }

    #[test]
    fn ties_go_to_the_lowest_unit() {
        assert_eq!(lowest(&[2.0, 1.0, 1.0]), 1);
        assert_eq!(lowest(&[f32::NAN, f32::NAN]), 0);
    }
}
