//! Soft assignment of points to centroids with Student's t distribution of one degree of freedom, the
//! target distribution made from it, and the gradients of the divergence between the two (van der
//! Maaten & Hinton 2008; Xie, Girshick & Farhadi 2016, eq. 1 to 5).
//!
//! For codes `z_i` and centroids `m_j`, with `k_ij = 1 / (1 + |z_i - m_j|^2)`:
//!
//! ```text
//! q_ij = k_ij / sum_j' k_ij'                 p_ij = (q_ij^2 / f_j) / sum_j' (q_ij'^2 / f_j'),  f_j = sum_i q_ij
//! KL(P|Q) = sum_ij p_ij ln(p_ij / q_ij)
//! dKL/dz_i = 2 sum_j k_ij (p_ij - q_ij) (z_i - m_j)      dKL/dm_j = -2 sum_i k_ij (p_ij - q_ij) (z_i - m_j)
//! ```
//!
//! with P held constant. `f_j` is over all rows there are: P of a part of the data is another
//! distribution. Descent *subtracts* these gradients.
//!
//! As for the SOM's loss there are two implementations, a loop over slices for the CPU and tensor
//! operations for a GPU, tested against each other, against autograd, and against numeric differences.
//! Shapes are `[rows, latent]` for codes, `[clusters, latent]` for centroids, `[rows, clusters]` for P and
//! Q; [`KlGradient`] takes those of a cohort as well, each with the models before.

use tch::{Device, Kind, Tensor};

use crate::nn::slices::{on_cpu, slice, slice_mut};

/// Floats handled together: clusters are padded to a multiple of this, so that the compiler can use
/// whole vector registers and the sums have a fixed order.
const LANES: usize = 16;

fn is_plain(tensor: &Tensor) -> bool {
    tensor.device() == Device::Cpu && tensor.kind() == Kind::Float
}

/// `Q`, each row summing to 1.
pub fn assignments(codes: &Tensor, centroids: &Tensor) -> Tensor {
    if !is_plain(codes) {
        return assignments_tensors(codes, centroids);
    }
    let (codes, centroids) = (codes.contiguous(), centroids.contiguous());
    let columns = Columns::new(&centroids);
    let shape = [codes.size()[0], centroids.size()[0]];
    let mut q = Tensor::zeros(shape, (Kind::Float, Device::Cpu));
    let mut kernel = vec![0.0; columns.padded];
    let rows = slice(&codes).chunks_exact(columns.latent);
    for (code, q) in rows.zip(slice_mut(&mut q).chunks_exact_mut(columns.clusters)) {
        let inverse = 1.0 / columns.kernel(code, &mut kernel);
        for (q, kernel) in q.iter_mut().zip(&kernel) {
            *q = kernel * inverse;
        }
    }
    q
}

/// `P` of all rows. The frequencies `f_j` are added up in double precision, row after row.
pub fn targets(q: &Tensor) -> Tensor {
    if !is_plain(q) {
        let q64 = q.to_kind(Kind::Double);
        let weights = q64.square() / q64.sum_dim_intlist(0, true, Kind::Double);
        let sums = weights.sum_dim_intlist(-1, true, Kind::Double);
        return (weights / sums).to_kind(q.kind());
    }
    let q = q.contiguous();
    let mut p = q.zeros_like();
    let clusters = q.size()[1] as usize;
    let rows = slice(&q).chunks_exact(clusters);
    let mut frequencies = vec![0.0_f64; clusters];
    for row in rows.clone() {
        for (sum, &q) in frequencies.iter_mut().zip(row) {
            *sum += f64::from(q);
        }
    }
    let inverse: Vec<f32> = frequencies.iter().map(|sum| (1.0 / sum) as f32).collect();
    for (p, q) in slice_mut(&mut p).chunks_exact_mut(clusters).zip(rows) {
        let mut sum = 0.0;
        for ((p, &q), inverse) in p.iter_mut().zip(q).zip(&inverse) {
            *p = q * q * inverse;
            sum += *p;
        }
        for p in p {
            *p /= sum;
        }
    }
    p
}

/// `KL(P|Q)`, the mean over rows, added up in double precision; never negative.
#[must_use]
pub fn divergence(p: &Tensor, q: &Tensor) -> f64 {
    let [p, q] = [p, q].map(on_cpu);
    let terms = slice(&p).iter().zip(slice(&q)).map(|(&p, &q)| term(p, q));
    terms.sum::<f64>() / p.size()[0] as f64
}

/// `p ln(p / q) - p + q`, whose sum is that of `p ln(p / q)` for distributions; NaN stays NaN. It is not
/// negative for any `p` and `q`, so that rounded ones, whose sums are not quite 1, do not hide a small
/// divergence.
fn term(p: f32, q: f32) -> f64 {
    let (p, q) = (f64::from(p), f64::from(q));
    if p == 0.0 {
        return q;
    }
    p * (p / q).ln() - p + q
}

/// The index of the largest value of each row, the first of equal ones, for `q` `[rows, clusters]`.
#[must_use]
pub fn hard_labels(q: &Tensor) -> Vec<u32> {
    let q = q.to_device(Device::Cpu).contiguous();
    let clusters = q.size()[1] as usize;
    let largest = |row: &[f32]| {
        let mut best = 0;
        for (index, &value) in row.iter().enumerate() {
            if value > row[best] {
                best = index;
            }
        }
        best as u32
    };
    slice(&q).chunks_exact(clusters).map(largest).collect()
}

/// Gradient of `KL(P|Q)` with respect to codes and centroids, P held constant, times `scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KlGradient {
    /// What both parts are multiplied by: `1 / rows` for the mean over a batch, 1 for the published sum.
    pub scale: f64,
}

impl KlGradient {
    /// Adds `scale dKL/dz` to `code_delta` and writes `scale dKL/dm` to `centroid_gradient`, shaped as codes
    /// and centroids are: for one model, or for each of a cohort, `[models, rows, latent]` and so on.
    pub fn compute(
        self,
        codes: &Tensor,
        centroids: &Tensor,
        targets: &Tensor,
        code_delta: &Tensor,
        centroid_gradient: &Tensor,
    ) {
        if !is_plain(codes) {
            return self.compute_tensors(codes, centroids, targets, code_delta, centroid_gradient);
        }
        if codes.dim() == 3 {
            for model in 0..codes.size()[0] {
                let [codes, centroids, targets, delta, gradient] =
                    [codes, centroids, targets, code_delta, centroid_gradient]
                        .map(|tensor| tensor.get(model));
                self.compute(&codes, &centroids, &targets, &delta, &gradient);
            }
            return;
        }
        let (mut code_delta, mut centroid_gradient) = (
            code_delta.shallow_clone(),
            centroid_gradient.shallow_clone(),
        );
        let columns = Columns::new(centroids);
        let (latent, clusters, padded) = (columns.latent, columns.clusters, columns.padded);
        let scale = self.scale as f32;
        let mut kernel = vec![0.0_f32; padded];
        let mut weights = vec![0.0_f32; padded];
        let mut pulls = vec![0.0_f32; latent * padded];
        let rows = slice(codes)
            .chunks_exact(latent)
            .zip(slice_mut(&mut code_delta).chunks_exact_mut(latent));
        for ((code, delta), p) in rows.zip(slice(targets).chunks_exact(clusters)) {
            let inverse = 1.0 / columns.kernel(code, &mut kernel);
            for ((weight, kernel), &p) in weights.iter_mut().zip(&kernel).zip(p) {
                let q = kernel * inverse;
                *weight = 2.0 * scale * kernel * (p - q);
            }
            let features = code
                .iter()
                .zip(delta)
                .zip(columns.values.chunks_exact(padded));
            for (((&z, delta), column), pulls) in features.zip(pulls.chunks_exact_mut(padded)) {
                let mut sums = [0.0_f32; LANES];
                let parts = column
                    .chunks_exact(LANES)
                    .zip(pulls.chunks_exact_mut(LANES));
                for (weights, (column, pulls)) in weights.chunks_exact(LANES).zip(parts) {
                    for lane in 0..LANES {
                        let pull = weights[lane] * (z - column[lane]);
                        sums[lane] += pull;
                        pulls[lane] += pull;
                    }
                }
                *delta += sums.iter().sum::<f32>();
            }
        }
        let gradient = slice_mut(&mut centroid_gradient);
        for (cluster, gradient) in gradient.chunks_exact_mut(latent).enumerate() {
            for (feature, value) in gradient.iter_mut().enumerate() {
                *value = -pulls[feature * padded + cluster];
            }
        }
    }

    fn compute_tensors(
        self,
        codes: &Tensor,
        centroids: &Tensor,
        targets: &Tensor,
        code_delta: &Tensor,
        centroid_gradient: &Tensor,
    ) {
        let (kernel, difference) = kernel_tensors(codes, centroids);
        let q = &kernel / kernel.sum_dim_intlist(-1, true, kernel.kind());
        let pulls = (kernel * (targets - &q) * (2.0 * self.scale)).unsqueeze(-1) * difference;
        let mut code_delta = code_delta.shallow_clone();
        let _ = code_delta.g_add_(&pulls.sum_dim_intlist(-2, false, codes.kind()));
        let mut centroid_gradient = centroid_gradient.shallow_clone();
        centroid_gradient.copy_(&pulls.sum_dim_intlist(-3, false, codes.kind()).neg());
    }
}

fn assignments_tensors(codes: &Tensor, centroids: &Tensor) -> Tensor {
    let (kernel, _) = kernel_tensors(codes, centroids);
    &kernel / kernel.sum_dim_intlist(-1, true, kernel.kind())
}

/// `k` `[rows, clusters]` and `z - m` `[rows, clusters, latent]`. Sums of squared
/// differences: the shorter `|z|^2 + |m|^2 - 2 z m` loses what tells codes of an untrained encoder apart.
fn kernel_tensors(codes: &Tensor, centroids: &Tensor) -> (Tensor, Tensor) {
    let difference = codes.unsqueeze(-2) - centroids.unsqueeze(-3);
    let squared = difference.square().sum_dim_intlist(-1, false, codes.kind());
    ((squared + 1.0).reciprocal(), difference)
}

/// Centroids feature by feature, so that inner loops run over clusters.
struct Columns {
    clusters: usize,
    padded: usize,
    latent: usize,
    /// `[latent, padded]`
    values: Vec<f32>,
}

impl Columns {
    fn new(centroids: &Tensor) -> Self {
        let [clusters, latent] = [0, 1].map(|side| centroids.size()[side] as usize);
        let padded = clusters.next_multiple_of(LANES);
        let mut values = vec![0.0; latent * padded];
        for (cluster, centroid) in slice(centroids).chunks_exact(latent).enumerate() {
            for (feature, &value) in centroid.iter().enumerate() {
                values[feature * padded + cluster] = value;
            }
        }
        Self {
            clusters,
            padded,
            latent,
            values,
        }
    }

    /// Writes `k` of one code to `kernel` `[padded]`, 0 where there is no cluster; gives its sum.
    fn kernel(&self, code: &[f32], kernel: &mut [f32]) -> f32 {
        kernel.fill(0.0);
        for (&z, column) in code.iter().zip(self.values.chunks_exact(self.padded)) {
            for (squared, &m) in kernel.iter_mut().zip(column) {
                let difference = z - m;
                *squared += difference * difference;
            }
        }
        let mut sum = 0.0;
        for (index, value) in kernel.iter_mut().enumerate() {
            *value = if index < self.clusters {
                1.0 / (1.0 + *value)
            } else {
                0.0
            };
            sum += *value;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp)]
    use super::*;
    use crate::random::{self, Seed};

    const MEAN: KlGradient = KlGradient { scale: 1.0 / 21.0 };

    /// Codes, centroids and targets of other codes: P must not belong to Q.
    fn case(clusters: i64, kind: Kind) -> [Tensor; 3] {
        // Not libtorch's generator: tests that run at the same time share that one.
        let mut stream = random::stream(Seed(11), "codes of a test");
        let mut random = |[rows, dims]: [i64; 2]| {
            let values = (0..rows * dims).map(|_| f64::from(random::unit(&mut stream)));
            let values: Vec<f64> = values.map(|u| (2.0 * u - 1.0) * 3.0_f64.sqrt()).collect();
            Tensor::from_slice(&values).view([rows, dims])
        };
        let (codes, centroids) = (random([21, 10]), random([clusters, 10]));
        let other = assignments_tensors(&random([21, 10]), &centroids);
        [codes, centroids, targets(&other)].map(|tensor| tensor.to_kind(kind))
    }

    type Compute = fn(KlGradient, &Tensor, &Tensor, &Tensor, &Tensor, &Tensor);

    fn run(compute: Compute, [codes, centroids, targets]: &[Tensor; 3]) -> [Tensor; 2] {
        let (delta, gradient) = (codes.ones_like(), centroids.ones_like());
        compute(MEAN, codes, centroids, targets, &delta, &gradient);
        [delta - 1.0, gradient]
    }

    fn loss_of(codes: &Tensor, centroids: &Tensor, targets: &Tensor) -> Tensor {
        let q = assignments_tensors(codes, centroids);
        (targets * (targets / q).log()).sum(codes.kind()) * MEAN.scale
    }

    fn worst(a: &Tensor, b: &Tensor) -> f64 {
        let difference = a.to_kind(Kind::Double) - b.to_kind(Kind::Double);
        difference.abs().max().double_value(&[])
    }

    #[test]
    fn gradients_agree_with_autograd() {
        for (clusters, compute, kind, bound) in [
            (10, KlGradient::compute as Compute, Kind::Float, 1e-6),
            (16, KlGradient::compute, Kind::Float, 1e-6),
            (33, KlGradient::compute, Kind::Float, 1e-6),
            (10, KlGradient::compute_tensors, Kind::Float, 1e-6),
            (10, KlGradient::compute_tensors, Kind::Double, 1e-12),
        ] {
            let ours = run(compute, &case(clusters, kind));
            let [codes, centroids, targets] = case(clusters, Kind::Double);
            let [codes, centroids] = [codes, centroids].map(|one| one.set_requires_grad(true));
            let loss = loss_of(&codes, &centroids, &targets);
            loss.backward();
            let [delta, gradient] = ours;
            assert!(delta.abs().max().double_value(&[]) > 1e-3);
            assert!(worst(&delta, &codes.grad()) < bound, "{clusters} {kind:?}");
            assert!(
                worst(&gradient, &centroids.grad()) < bound,
                "{clusters} {kind:?}"
            );
        }
    }

    #[test]
    fn a_cohort_s_gradients_are_those_of_its_models() {
        let one = case(10, Kind::Float);
        let other = [&one[0] * 0.5, &one[1] + 0.1, one[2].flip([0])];
        let pairs = [0, 1, 2].map(|index| Tensor::stack(&[&one[index], &other[index]], 0));
        for (compute, bound) in [
            (KlGradient::compute as Compute, 0.0),
            (KlGradient::compute_tensors, 1e-7),
        ] {
            let together = run(compute, &pairs);
            for (model, alone) in [(0, &one), (1, &other)] {
                for (found, expected) in together.iter().zip(run(compute, alone)) {
                    assert!(worst(&found.get(model), &expected) <= bound);
                }
            }
        }
    }

    #[test]
    fn gradients_agree_with_numeric_differences() {
        let [codes, centroids, targets] = case(10, Kind::Double);
        let [delta, gradient] = run(
            KlGradient::compute,
            &[&codes, &centroids, &targets].map(Tensor::shallow_clone),
        );
        let step = 1e-5;
        let value = |codes: &Tensor, centroids: &Tensor| {
            loss_of(codes, centroids, &targets).double_value(&[])
        };
        for place in [[0, 0], [7, 3], [9, 9]] {
            let moved = |tensor: &Tensor, by: f64| {
                let moved = tensor.copy();
                let _ = moved.get(place[0]).get(place[1]).g_add_scalar_(by);
                moved
            };
            let slope = |of: &dyn Fn(f64) -> f64| (of(step) - of(-step)) / (2.0 * step);
            let by_code = slope(&|by| value(&moved(&codes, by), &centroids));
            let by_centroid = slope(&|by| value(&codes, &moved(&centroids, by)));
            assert!((by_code - delta.double_value(&place)).abs() < 1e-9);
            assert!((by_centroid - gradient.double_value(&place)).abs() < 1e-9);
        }
    }

    /// One step of each sign from the same place: only descent comes nearer to a P held constant.
    #[test]
    fn descent_lowers_the_divergence_and_ascent_raises_it() {
        let case = case(10, Kind::Double);
        let [delta, gradient] = run(KlGradient::compute, &case);
        let [codes, centroids, targets] = &case;
        let after = |sign: f64| {
            let (codes, centroids) = (codes + &delta * sign, centroids + &gradient * sign);
            loss_of(&codes, &centroids, targets).double_value(&[])
        };
        let before = after(0.0);
        assert!(after(-0.1) < before && before < after(0.1));
    }

    #[test]
    fn assignments_and_targets_are_the_published_ones() {
        // from math import log
        // z, m = [[0, 0], [1, 0], [3, 4]], [[0, 0], [2, 0]]
        // k = [[1 / (1 + sum((a - b) ** 2 for a, b in zip(x, y))) for y in m] for x in z]
        // q = [[v / sum(r) for v in r] for r in k]
        // f = [sum(r[j] for r in q) for j in range(2)]
        // w = [[r[j] ** 2 / f[j] for j in range(2)] for r in q]
        // p = [[v / sum(r) for v in r] for r in w]
        // kl = sum(a * log(a / b) for x, y in zip(p, q) for a, b in zip(x, y)) / 3
        // print([r[0] for r in q], [r[0] for r in p], kl)
        let codes = Tensor::from_slice(&[0.0_f32, 0.0, 1.0, 0.0, 3.0, 4.0]).view([3, 2]);
        let centroids = Tensor::from_slice(&[0.0_f32, 0.0, 2.0, 0.0]).view([2, 2]);
        let expected = [GOLDEN_Q, GOLDEN_P];
        for kind in [Kind::Float, Kind::Double] {
            let q = assignments(&codes.to_kind(kind), &centroids.to_kind(kind));
            let p = targets(&q);
            for (found, expected) in [&q, &p].into_iter().zip(expected) {
                for (row, expected) in (0..).zip(expected) {
                    let found = found.double_value(&[row, 0]);
                    assert!((found - expected).abs() < 1e-6, "{found} {expected}");
                }
            }
            assert!((divergence(&p, &q) - GOLDEN_KL).abs() < 1e-6);
        }
        assert_eq!(hard_labels(&assignments(&codes, &centroids)), [0, 0, 1]);
    }
    const GOLDEN_Q: [f64; 3] = [0.833_333_333, 0.5, 0.409_090_909];
    const GOLDEN_P: [f64; 3] = [0.947_488_584, 0.419_191_919, 0.257_015_062];
    const GOLDEN_KL: f64 = 0.041_600_176;

    /// Codes as near to each other as those of an untrained encoder may be: 32 bits hold Q's rows to 1e-7, and
    /// the divergence is far below.
    #[test]
    fn a_divergence_is_not_lost_in_rounding() {
        let [codes, centroids, _] = case(10, Kind::Double);
        let of = |kind: Kind, width: f64| {
            let near = |tensor: &Tensor| (tensor * width).to_kind(kind);
            let q = assignments(&near(&codes), &near(&centroids));
            divergence(&targets(&q), &q)
        };
        let [single, double] = [Kind::Float, Kind::Double].map(|kind| of(kind, 0.03));
        assert!(
            double > 1e-8 && (single / double - 1.0).abs() < 1e-2,
            "{single} {double}"
        );
        let smallest = of(Kind::Float, 1e-4);
        assert!((0.0..1e-12).contains(&smallest), "{smallest}");
    }

    /// P of a part of the rows is another distribution: the frequencies are those of the part.
    #[test]
    fn targets_depend_on_all_rows() {
        let [codes, centroids, _] = case(10, Kind::Float);
        let q = assignments(&codes, &centroids);
        let whole = targets(&q).narrow(0, 0, 5);
        let part = targets(&q.narrow(0, 0, 5).contiguous());
        assert!(worst(&whole, &part) > 1e-2);
    }

    #[test]
    fn slices_and_tensors_agree_also_where_little_differs() {
        for spread in [1.0, 1e-4] {
            let [codes, centroids, _] = case(10, Kind::Float).map(|tensor| tensor * spread);
            let q = assignments(&codes, &centroids);
            assert!(worst(&q, &assignments_tensors(&codes, &centroids)) < 1e-6);
            let p = targets(&q);
            let double = targets(&q.to_kind(Kind::Double));
            assert!(worst(&p, &double) < 1e-6);
        }
    }

    #[test]
    fn a_diverged_model_stays_so() {
        let [codes, centroids, targets] = case(10, Kind::Float);
        let broken = &codes * f64::NAN;
        let q = assignments(&broken, &centroids);
        assert!(divergence(&targets, &q).is_nan());
        let [delta, _] = run(KlGradient::compute, &[broken, centroids, targets]);
        assert_eq!(delta.isnan().all().int64_value(&[]), 1);
    }
}
