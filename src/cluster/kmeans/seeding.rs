//! Greedy k-means++ starts for a batch of restarts.
//!
//! Each next centre is a row drawn with probability proportional to its squared distance from the
//! nearest centre so far; of `2 + floor(ln k)` draws the one that lowers the sum of these
//! distances most is kept (Arthur and Vassilvitskii, SODA 2007, section 2.2 and its remark on
//! several trials).

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tch::{Kind, Tensor};

use super::{Error, Hook, Points, Progress};

/// Starting centres, `[restarts, clusters, columns]`, for one generator per restart.
pub(super) fn plus_plus(
    points: &Points,
    clusters: usize,
    generators: &mut [ChaCha8Rng],
    hook: &mut Hook,
) -> Result<Tensor, Error> {
    let restarts = generators.len() as i64;
    let (rows, columns) = (points.rows(), points.columns());
    let trials = 2 + (clusters as f64).ln().floor() as i64;
    let device = points.values.device();

    let first: Vec<i64> = generators
        .iter_mut()
        .map(|generator| generator.random_range(0..rows))
        .collect();
    let draws = draws(generators, clusters - 1, trials as usize)?.f_to_device(device)?;

    let centres = Tensor::f_zeros([restarts, clusters as i64, columns], (Kind::Float, device))?;
    let chosen = points
        .values
        .f_index_select(0, &Tensor::f_from_slice(&first)?.f_to_device(device)?)?;
    centres.f_select(1, 0)?.f_copy_(&chosen)?;

    // Squared distances from the nearest centre so far, `[restarts, rows]`.
    let closest = Tensor::f_empty([restarts, rows], (Kind::Float, device))?;
    squared_distances(points, &chosen, &closest)?;
    report(
        &closest.f_sum_dim_intlist(1_i64, false, Kind::Double)?,
        hook,
    )?;

    let cumulative = Tensor::f_empty([restarts, rows], (Kind::Double, device))?;
    let trial_distances = Tensor::f_empty([restarts * trials, rows], (Kind::Float, device))?;
    let offsets = Tensor::f_arange(restarts, (Kind::Int64, device))?.f_mul_scalar(trials)?;
    for centre in 1..clusters as i64 {
        let _ = closest.f_cumsum_out(&cumulative, 1, Kind::Double)?;
        let total = cumulative.f_narrow(1, rows - 1, 1)?;
        // Draws lie in (0, 1]: a row at distance 0 is hit only when every row is.
        let targets = draws.f_get(centre - 1)?.f_mul(&total)?;
        let candidates = targets
            .f_searchsorted(&cumulative, false, false, "left", None::<Tensor>)?
            .f_clamp_max(rows - 1)?
            .f_view(-1)?;
        let values = points.values.f_index_select(0, &candidates)?;
        squared_distances(points, &values, &trial_distances)?;

        let reduced = trial_distances.f_view([restarts, trials, rows])?;
        let _ = reduced.f_minimum_out(&reduced, &closest.f_unsqueeze(1)?)?;
        let potentials = reduced.f_sum_dim_intlist(2_i64, false, Kind::Double)?;
        let (least, trial) = potentials.f_min_dim(1, false)?;
        let winners = trial.f_add(&offsets)?;
        let _ = trial_distances.f_index_select_out(&closest, 0, &winners)?;
        centres
            .f_select(1, centre)?
            .f_copy_(&values.f_index_select(0, &winners)?)?;
        report(&least, hook)?;
    }
    Ok(centres)
}

/// Numbers in (0, 1], `[steps, restarts, trials]`, f64.
fn draws(generators: &mut [ChaCha8Rng], steps: usize, trials: usize) -> Result<Tensor, Error> {
    let restarts = generators.len();
    let mut draws = Vec::with_capacity(steps * restarts * trials);
    for _ in 0..steps {
        for generator in generators.iter_mut() {
            draws.extend((0..trials).map(|_| 1.0 - generator.random::<f64>()));
        }
    }
    Ok(Tensor::f_from_slice(&draws)?.f_view([steps as i64, restarts as i64, trials as i64])?)
}

/// Writes the squared distances of all points from `centres` `[centres, columns]` to `out`
/// `[centres, rows]`.
fn squared_distances(points: &Points, centres: &Tensor, out: &Tensor) -> Result<(), Error> {
    let norms = centres
        .f_square()?
        .f_sum_dim_intlist(1_i64, true, Kind::Float)?;
    let _ = norms.f_addmm_out(out, &centres.f_mul_scalar(-2.0)?, &points.values.f_tr()?)?;
    let mut out = out.shallow_clone();
    // Rounding may leave a point slightly less than nothing away from itself.
    let _ = out.f_add_(&points.norms)?.f_clamp_min_(0.0)?;
    Ok(())
}

fn report(potentials: &Tensor, hook: &mut Hook) -> Result<(), Error> {
    for (restart, inertia) in Vec::<f64>::try_from(potentials)?.into_iter().enumerate() {
        let progress = Progress {
            restart,
            iteration: 0,
            inertia,
        };
        if hook(progress).is_break() {
            return Err(Error::Interrupted);
        }
    }
    Ok(())
}
