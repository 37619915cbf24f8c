//! A trained map and data in one space, with the best and second-best unit of every sample.

use std::borrow::Cow;
use std::num::NonZeroUsize;

use tch::{Device, Kind, Tensor};

use super::Error;
use crate::distances::product::{Matrix, multiply};
use crate::distances::{norm, squared};
use crate::nn::slices::slice;
use crate::shares::share;
use crate::som::{Grid, MapDistance};

/// What the metrics of a map look at: data and prototypes of the same space, be it that of the codes
/// or that of the data, and the units' grid. Distances on the grid are Manhattan distances.
///
/// The two nearest units of every sample are found once, when the view is made, by matrix products in
/// double precision; wherever rounding could decide, by sums of squared differences. So winners are
/// right on collapsed maps too; of equally near units the lowest comes first.
#[derive(Debug)]
pub struct MapView<'a> {
    data: Cow<'a, [f32]>,
    prototypes: Cow<'a, [f32]>,
    dims: usize,
    grid: Grid,
    threads: NonZeroUsize,
    matches: Vec<Match>,
}

/// The units nearest to a sample.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Match {
    /// The best matching unit.
    pub best: u32,
    /// The second best.
    pub second: u32,
    /// The distance of the sample and the best unit's prototype.
    pub distance: f64,
}

/// Samples worked on at a time.
const BLOCK: usize = 256;
/// Products of that many numbers may be wrong by this share of the lengths multiplied.
const ROUNDING: f64 = 1e-12;

impl<'a> MapView<'a> {
    /// `data` are rows of `dims` numbers; `prototypes` one such row for each unit of `grid`, row by row
    /// of the grid.
    ///
    /// # Errors
    /// [`Error::Map`] for fewer than two units, [`Error::Shape`] if sizes do not fit,
    /// [`Error::NotFinite`] for NaN and infinities.
    pub fn new(
        data: &'a [f32],
        prototypes: &'a [f32],
        dims: usize,
        grid: Grid,
        threads: NonZeroUsize,
    ) -> Result<Self, Error> {
        Self::of(data.into(), prototypes.into(), dims, grid, threads)
    }

    /// The same for matrices `[rows, dims]` and `[units, dims]`, which are copied unless they are
    /// contiguous 32-bit floats on the CPU.
    ///
    /// # Errors
    /// Those of [`new`](Self::new), and [`Error::NotAMatrix`].
    pub fn of_tensors(
        data: &'a Tensor,
        prototypes: &'a Tensor,
        grid: Grid,
        threads: NonZeroUsize,
    ) -> Result<Self, Error> {
        let (data, dims) = rows_of("data", data)?;
        let (prototypes, other) = rows_of("prototypes", prototypes)?;
        if dims != other {
            return Err(Error::Dims {
                data: dims,
                prototypes: other,
            });
        }
        Self::of(data, prototypes, dims, grid, threads)
    }

    fn of(
        data: Cow<'a, [f32]>,
        prototypes: Cow<'a, [f32]>,
        dims: usize,
        grid: Grid,
        threads: NonZeroUsize,
    ) -> Result<Self, Error> {
        let units = grid.rows.saturating_mul(grid.columns);
        if units < 2 {
            return Err(Error::Map(grid.rows, grid.columns));
        }
        let wrong = |name, length: usize| Error::Shape { name, length, dims };
        if dims == 0 || data.is_empty() || !data.len().is_multiple_of(dims) {
            return Err(wrong("data", data.len()));
        }
        if !prototypes.len().is_multiple_of(dims) {
            return Err(wrong("prototypes", prototypes.len()));
        }
        if prototypes.len() / dims != units {
            return Err(Error::Units {
                prototypes: prototypes.len() / dims,
                rows: grid.rows,
                columns: grid.columns,
                units,
            });
        }
        for (name, values) in [("data", &data), ("prototypes", &prototypes)] {
            if let Some(index) = values.iter().position(|value| !value.is_finite()) {
                let row = index / dims;
                return Err(Error::NotFinite { name, row });
            }
        }
        let matches = find(&data, &prototypes, dims, threads);
        Ok(Self {
            data,
            prototypes,
            dims,
            grid,
            threads,
            matches,
        })
    }

    /// The best matching unit of every sample.
    #[must_use]
    pub fn units(&self) -> Vec<u32> {
        self.matches.iter().map(|found| found.best).collect()
    }

    /// The grid of the units.
    #[must_use]
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// Number of samples, never 0.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.matches.len()
    }

    pub(super) fn matches(&self) -> &[Match] {
        &self.matches
    }

    pub(super) fn data(&self) -> &[f32] {
        &self.data
    }

    pub(super) fn dims(&self) -> usize {
        self.dims
    }

    pub(super) fn threads(&self) -> NonZeroUsize {
        self.threads
    }

    pub(super) fn prototype_values(&self) -> &[f32] {
        &self.prototypes
    }

    /// The prototypes in double precision.
    pub(super) fn prototypes(&self) -> Vec<f64> {
        self.prototypes.iter().copied().map(f64::from).collect()
    }

    /// The mean over all samples, added up in their order.
    pub(super) fn mean(&self, value: impl Fn(&Match) -> f64) -> f64 {
        self.matches.iter().map(value).sum::<f64>() / self.samples() as f64
    }

    /// The distance of two units on the map.
    pub(super) fn steps(&self, a: usize, b: usize) -> usize {
        self.grid.distance(MapDistance::Manhattan, a, b)
    }

    /// The distance of the two units that are farthest apart.
    pub(super) fn longest(&self) -> usize {
        self.grid.rows + self.grid.columns - 2
    }
}

fn rows_of<'a>(name: &'static str, tensor: &'a Tensor) -> Result<(Cow<'a, [f32]>, usize), Error> {
    let size = tensor.size();
    let &[_, dims] = size.as_slice() else {
        return Err(Error::NotAMatrix { name, shape: size });
    };
    let plain = tensor.device() == Device::Cpu && tensor.kind() == Kind::Float;
    let values = if plain && tensor.is_contiguous() {
        Cow::Borrowed(slice(tensor))
    } else {
        let copy = tensor.detach().to_device(Device::Cpu).to_kind(Kind::Float);
        Cow::Owned(slice(&copy.contiguous()).to_vec())
    };
    Ok((values, dims as usize))
}

/// The two nearest units of each row of `data`.
fn find(data: &[f32], prototypes: &[f32], dims: usize, threads: NonZeroUsize) -> Vec<Match> {
    let units = prototypes.len() / dims;
    let mut centre = vec![0.0; dims];
    for prototype in prototypes.chunks_exact(dims) {
        for (centre, &value) in centre.iter_mut().zip(prototype) {
            *centre += f64::from(value) / units as f64;
        }
    }
    // Around the prototypes' mean, what is subtracted is about as large as what matters.
    let centred = |rows: &[f32]| -> Vec<f64> {
        let columns = rows.iter().zip(centre.iter().cycle());
        columns.map(|(&v, c)| f64::from(v) - c).collect()
    };
    let map = centred(prototypes);
    let norms: Vec<f64> = map.chunks_exact(dims).map(norm).collect();
    let longest = norms.iter().copied().fold(0.0, f64::max);

    let mut matches = vec![Match::default(); data.len() / dims];
    share(threads, &mut matches, BLOCK, |first, part| {
        let mut products = vec![0.0; BLOCK.min(part.len()) * units];
        for (number, out) in part.chunks_mut(BLOCK).enumerate() {
            let start = (first + number) * BLOCK;
            let rows = centred(&data[start * dims..(start + out.len()) * dims]);
            let products = &mut products[..out.len() * units];
            let map_columns = Matrix::new(&map, dims).transposed();
            multiply(Matrix::new(&rows, dims), map_columns, products);
            let lines = products.chunks_exact_mut(units);
            for ((out, line), row) in out.iter_mut().zip(lines).zip(rows.chunks_exact(dims)) {
                for (value, norm) in line.iter_mut().zip(&norms) {
                    *value = norm - 2.0 * *value;
                }
                let margin = ROUNDING * (longest + 2.0 * (longest * norm(row)).sqrt());
                *out = nearest_two(line, margin, |unit| {
                    squared(row, &map[unit * dims..(unit + 1) * dims])
                });
            }
        }
    });
    matches
}

/// The two units of least `exact(unit)`, which `excess` gives up to a constant and within `margin`.
fn nearest_two(excess: &[f64], margin: f64, exact: impl Fn(usize) -> f64) -> Match {
    let (mut least, mut next) = (f64::INFINITY, f64::INFINITY);
    for &value in excess {
        if value < next {
            next = value.max(least);
            least = value.min(least);
        }
    }
    let (mut best, mut second) = ((f64::INFINITY, 0), (f64::INFINITY, 0));
    for (unit, &value) in excess.iter().enumerate() {
        if value <= next + margin {
            let found = (exact(unit), unit);
            if found.0 < best.0 {
                (best, second) = (found, best);
            } else if found.0 < second.0 {
                second = found;
            }
        }
    }
    Match {
        best: best.1 as u32,
        second: second.1 as u32,
        distance: best.0.sqrt(),
    }
}
