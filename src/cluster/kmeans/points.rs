//! The data of one fit: centred, checked, with what every distance needs computed once.

use crate::nn::slices::ordered_sum;
use tch::{Kind, Tensor};

use super::Error;

/// Rows worked on at a time: large enough that libtorch's threads have something to share, small
/// enough that products with a batch of centres stay in cache.
pub(super) const CHUNK: i64 = 16_384;

/// Points around their mean.
pub(super) struct Points {
    /// `[rows, columns]`, the data minus their mean.
    pub values: Tensor,
    /// `[rows]`, squared distances from the mean.
    pub norms: Tensor,
    /// `[columns]`, the mean that was subtracted.
    pub mean: Tensor,
    /// The sum of `norms`: the inertia of one cluster.
    pub spread: f64,
}

impl Points {
    /// Centres a copy of `data`.
    pub fn centred(data: &Tensor) -> Result<Self, Error> {
        let (rows, columns) = matrix_size(data, "data")?;
        let data = data.detach();
        if rows == 0 {
            // Refused by the caller, who knows how many clusters were asked for.
            return Ok(Self {
                norms: Tensor::f_zeros([0], (Kind::Float, data.device()))?,
                mean: Tensor::f_zeros([columns], (Kind::Float, data.device()))?,
                values: data,
                spread: 0.0,
            });
        }
        let mean = data.f_mean_dim(0_i64, false, None)?;
        let values = data.f_sub(&mean)?;
        let norms = squared_norms(&values)?;
        let spread = ordered_sum(&norms);
        if !spread.is_finite() {
            // One bad value spoils the mean and with it every row: look for it in the original.
            let row = match first_not_finite(&squared_norms(&data)?)? {
                Some(row) => row,
                None => first_not_finite(&norms)?.unwrap_or(0),
            };
            return Err(Error::NotFinite { name: "data", row });
        }
        Ok(Self {
            values,
            norms,
            mean,
            spread,
        })
    }

    pub fn rows(&self) -> i64 {
        self.norms.numel() as i64
    }

    pub fn columns(&self) -> i64 {
        self.mean.numel() as i64
    }

    /// The mean of the columns' variances.
    pub fn mean_variance(&self) -> f64 {
        self.spread / (self.rows() * self.columns()) as f64
    }
}

/// Rows and columns of an f32 matrix with at least one column.
pub(super) fn matrix_size(tensor: &Tensor, name: &'static str) -> Result<(i64, i64), Error> {
    match (tensor.kind(), tensor.size().as_slice()) {
        (Kind::Float, &[rows, columns]) if columns > 0 => Ok((rows, columns)),
        (kind, shape) => Err(Error::NotAMatrix {
            name,
            kind,
            shape: shape.to_vec(),
        }),
    }
}

/// Start and length of each chunk of `rows` rows.
pub(super) fn chunks(rows: i64) -> impl Iterator<Item = (i64, i64)> {
    (0..rows)
        .step_by(CHUNK as usize)
        .map(move |start| (start, CHUNK.min(rows - start)))
}

/// `[rows]`, the squared length of each row.
pub(super) fn squared_norms(values: &Tensor) -> Result<Tensor, Error> {
    Ok(values
        .f_norm_scalaropt_dim(2.0, [1_i64], false)?
        .f_square_()?)
}

/// The first row whose squared length is not finite.
pub(super) fn first_not_finite(norms: &Tensor) -> Result<Option<usize>, Error> {
    if norms.f_sum(Kind::Double)?.f_double_value(&[])?.is_finite() {
        return Ok(None);
    }
    let bad = norms.f_isfinite()?.f_logical_not()?.f_nonzero()?;
    Ok(Some(bad.f_int64_value(&[0, 0])? as usize))
}
