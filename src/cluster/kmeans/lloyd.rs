//! Lloyd's iterations for a batch of restarts.

use tch::{Kind, Tensor};

use super::points::{CHUNK, chunks};
use super::{Error, Hook, Nearest, Points, Progress};

/// When a restart ends.
pub(super) struct Stopping {
    pub max_iterations: usize,
    /// Sum of the centres' squared movements that counts as standing still.
    pub squared_shift: f64,
}

/// Moves `start` `[restarts, clusters, columns]` until each restart has converged. Returns the
/// centres in the same shape and order, and the iterations that each restart took.
pub(super) fn lloyd(
    points: &Points,
    start: Tensor,
    stopping: &Stopping,
    hook: &mut Hook,
) -> Result<(Tensor, Vec<usize>), Error> {
    let (restarts, clusters, _) = start.size3()?;
    let finished = start.f_zeros_like()?;
    let mut iterations = vec![0; restarts as usize];

    let chunk = points.rows().min(CHUNK);
    let mut nearest = Nearest::new(clusters, restarts, chunk, start.device())?;
    let mut running: Vec<usize> = (0..restarts as usize).collect();
    let mut partition = Partition::new(points, &start)?;
    let mut centres = start;
    for iteration in 1..=stopping.max_iterations {
        nearest.set_centres(&centres)?;
        let step = partition.update(points, &nearest)?;
        let moved = partition.means(points, &centres, &step.sizes)?;
        let shifts = moved.f_sub(&centres)?.f_square_()?.f_sum_dim_intlist(
            [1_i64, 2].as_slice(),
            false,
            Kind::Double,
        )?;
        let shifts = Vec::<f64>::try_from(shifts)?;

        let mut staying = Vec::new();
        for (position, &restart) in running.iter().enumerate() {
            let progress = Progress {
                restart,
                iteration,
                inertia: (points.spread + step.excess[position]).max(0.0),
            };
            if hook(progress).is_break() {
                return Err(Error::Interrupted);
            }
            iterations[restart] = iteration;
            if step.changed[position] == 0.0
                || shifts[position] <= stopping.squared_shift
                || iteration == stopping.max_iterations
            {
                finished
                    .f_get(restart as i64)?
                    .f_copy_(&moved.f_get(position as i64)?)?;
            } else {
                staying.push(position as i64);
            }
        }
        if staying.is_empty() {
            break;
        }
        centres = moved;
        if staying.len() < running.len() {
            let kept = Tensor::f_from_slice(&staying)?.f_to_device(centres.device())?;
            centres = centres.f_index_select(0, &kept)?;
            partition = partition.only(&kept)?;
            running = staying.iter().map(|&i| running[i as usize]).collect();
        }
    }
    Ok((finished, iterations))
}

/// Which point belongs to which cluster, and what that adds up to. From one iteration to the next
/// few points change cluster, so the sums follow the changes instead of being computed anew.
struct Partition {
    /// `[restarts, rows]`, i32; -1 before the first update.
    labels: Tensor,
    /// `[restarts, clusters, columns]`, f64: sum of the points of each cluster.
    sums: Tensor,
    /// `[restarts, clusters]`, f64: points of each cluster.
    sizes: Tensor,
}

/// What one update of a [`Partition`] found, per restart.
struct Step {
    /// Points of each cluster.
    sizes: Vec<Vec<f64>>,
    /// Points that changed cluster.
    changed: Vec<f64>,
    /// Inertia minus the points' spread.
    excess: Vec<f64>,
}

impl Partition {
    /// No point belongs to any of the clusters of `centres` yet.
    fn new(points: &Points, centres: &Tensor) -> Result<Self, Error> {
        let (restarts, clusters, columns) = centres.size3()?;
        let device = centres.device();
        let double = (Kind::Double, device);
        Ok(Self {
            labels: Tensor::f_full([restarts, points.rows()], -1, (Kind::Int, device))?,
            sums: Tensor::f_zeros([restarts, clusters, columns], double)?,
            sizes: Tensor::f_zeros([restarts, clusters], double)?,
        })
    }

    /// Moves every point to the nearest of the centres that `nearest` aims at.
    fn update(&mut self, points: &Points, nearest: &Nearest) -> Result<Step, Error> {
        let (restarts, clusters, columns) = self.sums.size3()?;
        // Changed labels and excess beside the sizes: one transfer from the device.
        let counters = Tensor::f_zeros([restarts, 2], (Kind::Double, self.sums.device()))?;
        let (mut changed, mut excess) = (counters.f_select(1, 0)?, counters.f_select(1, 1)?);
        for (start, length) in chunks(points.rows()) {
            let rows = points.values.f_narrow(0, start, length)?;
            let mut labels = self.labels.f_narrow(1, start, length)?;
            let found = nearest.search(&rows)?;
            let differs = found.indices.f_ne_tensor(&labels)?;
            let _ = changed.f_add_(&differs.f_sum_dim_intlist(1_i64, false, Kind::Int64)?)?;
            let _ =
                excess.f_add_(&found.excess.f_sum_dim_intlist(1_i64, false, Kind::Double)?)?;

            let movers = differs.f_any_dim(0, false)?.f_nonzero()?.f_view(-1)?;
            if movers.numel() == 0 {
                continue;
            }
            let after = found.indices.f_index_select(1, &movers)?;
            let before = labels.f_index_select(1, &movers)?;
            labels.f_copy_(&found.indices)?;
            let gains = nearest.gains(&before, &after)?;
            let rows = rows.f_index_select(0, &movers)?;
            let sums = gains.f_mm(&rows)?.f_view([restarts, clusters, columns])?;
            let _ = self.sums.f_add_(&sums)?;
            // A chunk is far below 2^24 rows: counts are exact in f32.
            let sizes = gains
                .f_sum_dim_intlist(1_i64, false, Kind::Float)?
                .f_view([restarts, clusters])?;
            let _ = self.sizes.f_add_(&sizes)?;
        }

        let counters = Vec::<Vec<f64>>::try_from(Tensor::f_cat(&[&self.sizes, &counters], 1)?)?;
        let clusters = clusters as usize;
        Ok(Step {
            sizes: counters
                .iter()
                .map(|row| row[..clusters].to_vec())
                .collect(),
            changed: counters.iter().map(|row| row[clusters]).collect(),
            excess: counters.iter().map(|row| row[clusters + 1]).collect(),
        })
    }

    /// The mean of each cluster, `[restarts, clusters, columns]`, f32, once each empty cluster was
    /// given a point of its own, see [`relocate_empty`]. A cluster that is
    /// still empty goes where the largest one is.
    fn means(
        &self,
        points: &Points,
        centres: &Tensor,
        sizes: &[Vec<f64>],
    ) -> Result<Tensor, Error> {
        if sizes.iter().flatten().all(|&size| size > 0.0) {
            let sizes = self.sizes.f_unsqueeze(2)?;
            return Ok(self.sums.f_div(&sizes)?.f_to_kind(Kind::Float)?);
        }
        // The points keep their labels, so the sums kept must not change.
        let mut sums = self.sums.f_empty_like()?;
        sums.f_copy_(&self.sums)?;
        let mut sizes = sizes.to_vec();
        for (position, sizes) in sizes.iter_mut().enumerate() {
            let position = position as i64;
            let labels = self.labels.f_get(position)?;
            let centres = centres.f_get(position)?;
            relocate_empty(points, &centres, &labels, &sums.f_get(position)?, sizes)?;
        }
        let flat: Vec<f64> = sizes.iter().flatten().copied().collect();
        let divisors = Tensor::f_from_slice(&flat)?
            .f_view_as(&self.sizes)?
            .f_unsqueeze(2)?
            .f_to_device(sums.device())?;
        let means = sums.f_div(&divisors)?.f_to_kind(Kind::Float)?;
        for (position, sizes) in sizes.iter().enumerate() {
            let means = means.f_get(position as i64)?;
            let biggest = means.f_get(largest(sizes) as i64)?;
            for (cluster, _) in sizes.iter().enumerate().filter(|&(_, &size)| size == 0.0) {
                means.f_get(cluster as i64)?.f_copy_(&biggest)?;
            }
        }
        Ok(means)
    }

    /// The restarts at these positions.
    fn only(&self, positions: &Tensor) -> Result<Self, Error> {
        Ok(Self {
            labels: self.labels.f_index_select(0, positions)?,
            sums: self.sums.f_index_select(0, positions)?,
            sizes: self.sizes.f_index_select(0, positions)?,
        })
    }
}

/// Gives each empty cluster of one restart a point of its own in `sums` `[clusters, columns]` and
/// `sizes`: the points farthest from their centres leave their clusters. Nothing happens when all
/// points lie on their centres, as there are fewer distinct points than clusters then.
fn relocate_empty(
    points: &Points,
    centres: &Tensor,
    labels: &Tensor,
    sums: &Tensor,
    sizes: &mut [f64],
) -> Result<(), Error> {
    let empty: Vec<usize> = (0..sizes.len())
        .filter(|&cluster| sizes[cluster] == 0.0)
        .collect();
    if empty.is_empty() {
        return Ok(());
    }
    let distances = exact_distances(points, centres, labels)?;
    let (distances, farthest) = distances.f_topk(empty.len() as i64, 0, true, true)?;
    if distances.f_double_value(&[0])? == 0.0 {
        return Ok(());
    }
    let farthest = Vec::<i64>::try_from(farthest)?;
    for (cluster, row) in empty.into_iter().zip(farthest) {
        let donor = labels.f_int64_value(&[row])?;
        let point = points.values.f_get(row)?;
        let _ = sums.f_get(donor)?.f_sub_(&point)?;
        sums.f_get(cluster as i64)?.f_copy_(&point)?;
        sizes[donor as usize] -= 1.0;
        sizes[cluster] = 1.0;
    }
    Ok(())
}

/// Position of the first largest size.
fn largest(sizes: &[f64]) -> usize {
    let mut largest = 0;
    for (position, &size) in sizes.iter().enumerate() {
        if size > sizes[largest] {
            largest = position;
        }
    }
    largest
}

/// Squared distances of all points from their centres by differences, `[rows]`: exactly 0 where a
/// point lies on its centre.
fn exact_distances(points: &Points, centres: &Tensor, labels: &Tensor) -> Result<Tensor, Error> {
    let distances = points.norms.f_empty_like()?;
    for (start, length) in chunks(points.rows()) {
        let own = centres.f_index_select(0, &labels.f_narrow(0, start, length)?)?;
        let rows = points.values.f_narrow(0, start, length)?;
        let squared =
            rows.f_sub(&own)?
                .f_square_()?
                .f_sum_dim_intlist(1_i64, false, Kind::Float)?;
        distances.f_narrow(0, start, length)?.f_copy_(&squared)?;
    }
    Ok(distances)
}
