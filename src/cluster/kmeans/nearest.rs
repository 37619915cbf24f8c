//! The nearest centre of each row, for several groups of centres at once, in reused buffers.

use tch::{Device, Kind, Tensor};

use super::Error;

/// Groups of centres to search, and the buffers that the search writes to.
pub(super) struct Nearest {
    groups: i64,
    clusters: i64,
    /// `[groups * clusters, columns]`.
    minus_twice: Tensor,
    /// `[groups * clusters, 1]`.
    norms: Tensor,
    /// `[1, clusters, 1]`: 0, 1, 2, ...
    numbers: Tensor,
    products: Tensor,
    least: Tensor,
    indices: Tensor,
}

/// What a search found for a chunk of rows, valid until the next search.
pub(super) struct Found {
    /// `[groups, rows]`, i64: the nearest centre, of equally near ones the first.
    pub indices: Tensor,
    /// `[groups, rows]`: its squared distance minus the squared length of the row.
    pub excess: Tensor,
}

impl Nearest {
    /// Buffers for `groups` groups of `clusters` centres and chunks of `rows` rows at most.
    pub fn new(clusters: i64, groups: i64, rows: i64, device: Device) -> Result<Self, Error> {
        let float = (Kind::Float, device);
        Ok(Self {
            groups: 0,
            clusters,
            minus_twice: Tensor::f_empty([0], float)?,
            norms: Tensor::f_empty([0], float)?,
            numbers: Tensor::f_arange(clusters, (Kind::Int64, device))?.f_view([1, clusters, 1])?,
            products: Tensor::f_empty([groups * clusters * rows], float)?,
            least: Tensor::f_empty([groups * rows], float)?,
            indices: Tensor::f_empty([groups * rows], (Kind::Int64, device))?,
        })
    }

    /// Sets the centres to search, `[groups, clusters, columns]`.
    pub fn set_centres(&mut self, centres: &Tensor) -> Result<(), Error> {
        let (groups, clusters, columns) = centres.size3()?;
        let flat = centres.f_reshape([groups * clusters, columns])?;
        self.groups = groups;
        self.norms = flat
            .f_square()?
            .f_sum_dim_intlist(1_i64, true, Kind::Float)?;
        self.minus_twice = flat.f_mul_scalar(-2.0)?;
        Ok(())
    }

    /// Finds the nearest centre of each of `rows` `[length, columns]` in each group.
    ///
    /// The products are `[centres, rows]`, not the other way round: the minimum over the centres
    /// then runs along contiguous rows, and [`one_hot`](Self::one_hot) has the same layout.
    pub fn search(&self, rows: &Tensor) -> Result<Found, Error> {
        let length = rows.size()[0];
        let products = self.products(length)?;
        let _ = self
            .norms
            .f_addmm_out(&products, &self.minus_twice, &rows.f_tr()?)?;
        let found = Found {
            indices: matrix(&self.indices, self.groups, length)?,
            excess: matrix(&self.least, self.groups, length)?,
        };
        let _ = products
            .f_view([self.groups, self.clusters, length])?
            .f_min_dim_min(&found.excess, &found.indices, 1, false)?;
        Ok(found)
    }

    /// Membership as 0 and 1, `[groups * clusters, length]`, for labels `[groups, length]`. It
    /// overwrites the products of the search.
    pub fn one_hot(&self, labels: &Tensor) -> Result<Tensor, Error> {
        let length = labels.size()[1];
        let members = self.products(length)?;
        let _ = labels.f_unsqueeze(1)?.f_eq_tensor_out(
            &members.f_view([self.groups, self.clusters, length])?,
            &self.numbers,
        )?;
        Ok(members)
    }

    /// 1 where a cluster gains a point between two labellings `[groups, length]`, -1 where it
    /// loses one, else 0; in the shape and place of [`one_hot`](Self::one_hot).
    pub fn gains(&self, before: &Tensor, after: &Tensor) -> Result<Tensor, Error> {
        let members = self.one_hot(after)?;
        let left = before.f_unsqueeze(1)?.f_eq_tensor(&self.numbers)?;
        let _ = members
            .f_view([self.groups, self.clusters, before.size()[1]])?
            .f_sub_(&left.f_to_kind(Kind::Float)?)?;
        Ok(members)
    }

    fn products(&self, length: i64) -> Result<Tensor, Error> {
        matrix(&self.products, self.groups * self.clusters, length)
    }
}

/// The start of a flat buffer as a contiguous matrix.
fn matrix(buffer: &Tensor, rows: i64, columns: i64) -> Result<Tensor, Error> {
    Ok(buffer
        .f_narrow(0, 0, rows * columns)?
        .f_view([rows, columns])?)
}
