//! The last look at converged restarts: labels that agree with the centres, and the exact inertia.

use crate::nn::slices::ordered_sum;
use tch::{Kind, Tensor};

use super::points::{CHUNK, chunks};
use super::{Error, Nearest, Points};

/// A batch of restarts with their final labels.
pub(super) struct Settled {
    /// `[restarts, rows]`, i32.
    labels: Tensor,
    /// Members of each cluster, per restart.
    sizes: Vec<Vec<f64>>,
    /// Per restart.
    pub inertia: Vec<f64>,
}

/// Assigns every point to the nearest of `centres` `[restarts, clusters, columns]`.
///
/// With the sums `s` and sizes `n` of the clusters, the inertia is
/// `sum_i |x_i|^2 - 2 sum_k s_k c_k + sum_k n_k |c_k|^2`: in f64 that is as exact as adding up
/// squared differences, and one pass serves all restarts.
pub(super) fn settle(points: &Points, centres: &Tensor) -> Result<Settled, Error> {
    let (restarts, clusters, columns) = centres.size3()?;
    let device = centres.device();
    let double = (Kind::Double, device);
    let mut nearest = Nearest::new(clusters, restarts, points.rows().min(CHUNK), device)?;
    nearest.set_centres(centres)?;

    let labels = Tensor::f_empty([restarts, points.rows()], (Kind::Int, device))?;
    let mut sums = Tensor::f_zeros([restarts * clusters, columns], double)?;
    let mut sizes = Tensor::f_zeros([restarts * clusters], double)?;
    let mut spread = 0.0;
    for (start, length) in chunks(points.rows()) {
        let rows = points.values.f_narrow(0, start, length)?;
        let found = nearest.search(&rows)?;
        labels.f_narrow(1, start, length)?.f_copy_(&found.indices)?;
        let members = nearest.one_hot(&found.indices)?.f_to_kind(Kind::Double)?;
        let rows = rows.f_to_kind(Kind::Double)?;
        let _ = sums.f_addmm_(&members, &rows)?;
        let _ = sizes.f_add_(&members.f_sum_dim_intlist(1_i64, false, None)?)?;
        spread += ordered_sum(&rows.f_square()?.f_sum_dim_intlist(1_i64, false, None)?);
    }

    let sums = sums.f_view([restarts, clusters, columns])?;
    let sizes = sizes.f_view([restarts, clusters])?;
    let centres = centres.f_to_kind(Kind::Double)?;
    let towards = sums
        .f_mul(&centres)?
        .f_sum_dim_intlist([1_i64, 2].as_slice(), false, None)?;
    let lengths = centres
        .f_square()?
        .f_sum_dim_intlist(2_i64, false, None)?
        .f_mul(&sizes)?
        .f_sum_dim_intlist(1_i64, false, None)?;
    // All points on their centres: rounding may go below zero.
    let inertia = lengths
        .f_sub(&towards.f_mul_scalar(2.0)?)?
        .f_add_scalar(spread)?
        .f_clamp_min(0.0)?;
    Ok(Settled {
        labels,
        sizes: Vec::try_from(sizes)?,
        inertia: Vec::try_from(inertia)?,
    })
}

impl Settled {
    /// The restart of lowest inertia (the first of equals) and its inertia.
    pub fn best(&self) -> Option<(usize, f64)> {
        self.inertia
            .iter()
            .copied()
            .enumerate()
            .min_by(|(_, left), (_, right)| left.total_cmp(right))
    }

    /// The cluster of each point in one restart.
    pub fn labels(&self, restart: usize) -> Result<Vec<u32>, Error> {
        let labels = Vec::<i32>::try_from(self.labels.f_get(restart as i64)?)?;
        Ok(labels.into_iter().map(|label| label as u32).collect())
    }

    /// Clusters of one restart that own a point.
    pub fn distinct(&self, restart: usize) -> usize {
        self.sizes[restart]
            .iter()
            .filter(|&&size| size > 0.0)
            .count()
    }
}
