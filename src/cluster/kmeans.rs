//! K-means with greedy k-means++ starts and several restarts, on a CPU or a GPU.
//!
//! Semantics are those of scikit-learn's `KMeans(algorithm="lloyd")`, so that published values made
//! with it can be compared. What differs is the order of the work: all restarts advance together,
//! because then one matrix product per chunk of rows serves every restart and the data are read
//! once per iteration. Restarts that have converged leave the batch.
//!
//! Distances come from `|x|^2 - 2 x c + |c|^2` in f32 after the data were centred by their mean;
//! the inertia that ranks the restarts is computed in f64.

mod final_assignment;
mod lloyd;
mod nearest;
mod points;
mod seeding;

use std::ops::ControlFlow;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tch::Tensor;

use super::Error;
use final_assignment::settle;
use lloyd::{Stopping, lloyd};
use nearest::Nearest;
use points::{CHUNK, Points};

/// Columns of centres that one matrix product should have: enough to keep it busy, few enough for
/// its result to stay in cache. Restarts are batched up to this number.
const BATCHED_CENTRES: usize = 256;

/// K-means settings. [`KMeans::new`] gives scikit-learn's defaults of the papers' time.
///
/// Lloyd's algorithm alternates between assigning each point to its nearest centre and moving
/// each centre to the mean of its points (Lloyd, *Least squares quantization in PCM*, 1982). It
/// starts from greedy k-means++ (Arthur and Vassilvitskii, SODA 2007, with `2 + floor(ln k)`
/// trials per centre). A cluster that runs empty takes over the point farthest from its centre.
#[derive(Debug, Clone, PartialEq)]
pub struct KMeans {
    /// Clusters to form, `k`.
    pub clusters: usize,
    /// Independent starts, of which the one of lowest inertia is kept.
    pub restarts: usize,
    /// Lloyd iterations of one restart at most.
    pub max_iterations: usize,
    /// A restart has converged when no label changes, or when the squared distances that the
    /// centres moved add up to no more than this times the mean variance of the columns.
    pub tolerance: f64,
}

/// The best of the restarts.
#[derive(Debug)]
pub struct Fit {
    /// Cluster centres, `[clusters, columns]`, f32, on the device of the data.
    pub centres: Tensor,
    /// The nearest centre of each row.
    pub labels: Vec<u32>,
    /// Sum of squared distances of the rows to their centres.
    pub inertia: f64,
    /// Lloyd iterations of this restart.
    pub iterations: usize,
    /// Clusters that own a row. Fewer than asked for means fewer distinct rows than clusters: tell
    /// the user.
    pub distinct: usize,
}

/// Where a fit is, for a progress display.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// The restart, counted from 0. Restarts advance together.
    pub restart: usize,
    /// Lloyd iterations done, 0 while the starting centres are chosen.
    pub iteration: usize,
    /// Inertia at the start of this iteration; it never rises, but for f32 rounding.
    pub inertia: f64,
}

/// Called with each step of a fit; `Break` ends it with [`Error::Interrupted`].
type Hook<'a> = dyn FnMut(Progress) -> ControlFlow<()> + 'a;

impl KMeans {
    /// `clusters` clusters, 10 restarts, at most 300 iterations, tolerance 1e-4.
    #[must_use]
    pub fn new(clusters: usize) -> Self {
        Self {
            clusters,
            restarts: 10,
            max_iterations: 300,
            tolerance: 1e-4,
        }
    }

    /// Clusters `data`, `[rows, columns]`, f32.
    ///
    /// All randomness is drawn from `rng` on the CPU, so that devices differ by rounding only.
    /// Beside the data it needs a centred copy of them, and per row and restart about 30 bytes
    /// and 4 more per trial of the start.
    ///
    /// # Errors
    /// For settings out of range, more clusters than rows, data that are not a finite f32 matrix,
    /// and failures of libtorch.
    pub fn fit(&self, data: &Tensor, rng: &mut ChaCha8Rng) -> Result<Fit, Error> {
        self.fit_with(data, rng, &mut |_| ControlFlow::Continue(()))
    }

    /// [`fit`](Self::fit), with `hook` called for every restart in every iteration.
    ///
    /// # Errors
    /// Those of [`fit`](Self::fit), and [`Error::Interrupted`] if `hook` breaks.
    pub fn fit_with(
        &self,
        data: &Tensor,
        rng: &mut ChaCha8Rng,
        hook: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Fit, Error> {
        self.check()?;
        let _no_grad = tch::no_grad_guard();
        let points = Points::centred(data)?;
        if self.clusters as i64 > points.rows() {
            return Err(Error::TooManyClusters {
                clusters: self.clusters,
                rows: points.rows() as usize,
            });
        }
        let stopping = Stopping {
            max_iterations: self.max_iterations,
            squared_shift: self.tolerance * points.mean_variance(),
        };
        // A generator per restart: what a restart draws does not depend on the batch it is in.
        let mut generators: Vec<ChaCha8Rng> = (0..self.restarts)
            .map(|_| ChaCha8Rng::from_rng(rng))
            .collect();

        let mut best: Option<Fit> = None;
        let batch = (BATCHED_CENTRES / self.clusters).max(1);
        for (number, generators) in generators.chunks_mut(batch).enumerate() {
            let mut hook = |progress: Progress| {
                hook(Progress {
                    restart: number * batch + progress.restart,
                    ..progress
                })
            };
            let start = seeding::plus_plus(&points, self.clusters, generators, &mut hook)?;
            let (centres, iterations) = lloyd(&points, start, &stopping, &mut hook)?;
            let settled = settle(&points, &centres)?;
            let Some((winner, inertia)) = settled.best() else {
                continue;
            };
            if best.as_ref().is_none_or(|best| inertia < best.inertia) {
                best = Some(Fit {
                    centres: centres.f_get(winner as i64)?.f_add(&points.mean)?,
                    labels: settled.labels(winner)?,
                    inertia,
                    iterations: iterations[winner],
                    distinct: settled.distinct(winner),
                });
            }
        }
        best.ok_or(Error::Setting {
            name: "restarts",
            value: 0.0,
            allowed: "at least 1",
        })
    }

    /// Whether the settings are in range, which [`fit`](Self::fit) needs.
    ///
    /// # Errors
    /// [`Error::Setting`], with the name of the first that is not.
    pub fn check(&self) -> Result<(), Error> {
        let counts = [
            ("clusters", self.clusters),
            ("restarts", self.restarts),
            ("max_iterations", self.max_iterations),
        ];
        for (name, value) in counts {
            if value == 0 {
                return Err(Error::Setting {
                    name,
                    value: 0.0,
                    allowed: "at least 1",
                });
            }
        }
        if !(self.tolerance >= 0.0 && self.tolerance.is_finite()) {
            return Err(Error::Setting {
                name: "tolerance",
                value: self.tolerance,
                allowed: "a number of at least 0",
            });
        }
        Ok(())
    }
}

/// The nearest of `centres` `[clusters, columns]` for each row of `data` `[rows, columns]`, both
/// f32; of equally near ones the first. Works in chunks, without a copy of the data.
///
/// # Errors
/// For anything but finite f32 matrices with equally many columns, at least one centre, and
/// failures of libtorch.
pub fn assign(data: &Tensor, centres: &Tensor) -> Result<Vec<u32>, Error> {
    let _no_grad = tch::no_grad_guard();
    let (rows, columns) = points::matrix_size(data, "data")?;
    let (clusters, centre_columns) = points::matrix_size(centres, "centres")?;
    if columns != centre_columns {
        return Err(Error::ColumnMismatch {
            data: columns,
            centres: centre_columns,
        });
    }
    if clusters == 0 {
        return Err(Error::Setting {
            name: "clusters",
            value: 0.0,
            allowed: "at least 1",
        });
    }
    if let Some(row) = points::first_not_finite(&points::squared_norms(centres)?)? {
        return Err(Error::NotFinite {
            name: "centres",
            row,
        });
    }
    let (data, centres) = (data.detach(), centres.detach());
    // Distances to far-off centres would cancel in f32.
    let origin = centres.f_mean_dim(0_i64, false, None)?;
    let mut nearest = Nearest::new(clusters, 1, rows.min(CHUNK), data.device())?;
    nearest.set_centres(&centres.f_sub(&origin)?.f_unsqueeze(0)?)?;

    let mut labels = Vec::with_capacity(rows as usize);
    for (start, length) in points::chunks(rows) {
        let chunk = data.f_narrow(0, start, length)?.f_sub(&origin)?;
        if let Some(row) = points::first_not_finite(&points::squared_norms(&chunk)?)? {
            return Err(Error::NotFinite {
                name: "data",
                row: start as usize + row,
            });
        }
        let found = Vec::<i64>::try_from(nearest.search(&chunk)?.indices.f_view(-1)?)?;
        labels.extend(found.into_iter().map(|label| label as u32));
    }
    Ok(labels)
}

#[cfg(test)]
mod tests;
