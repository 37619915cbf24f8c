//! What a trained map is worth on held-out rows, measured as the autoencoders beside it are.

use tch::Tensor;

use super::LatticeSettings;
use super::kernel::draw;
use super::model::Map;
use crate::evaluation::{self, PostClusters};
use crate::nn::slices::on_cpu;
use crate::random::{self, Seed};
use crate::replications::soae::held_out::Measured;
use crate::replications::soae::latent;
use crate::replications::soae::method::mean_squared_error;
use crate::replications::soae::{Space, controls};
use crate::som::{Grid, nearest};
use crate::train::{Error, Measures, TrainingData};

impl Measured for Map {
    fn is_finite(&self) -> bool {
        Map::is_finite(self)
    }

    fn weights(&self) -> Vec<(String, Tensor)> {
        Map::weights(self)
    }

    fn evaluate(&self, seed: Seed, held_out: &TrainingData) -> Result<Option<Measures>, Error> {
        evaluate(&self.settings, &self.prototypes(), seed, held_out)
    }
}

/// Metrics of a map whose nodes decode into `prototypes` `[nodes, D]`:
///
/// - those of [`evaluation::assess`] and [`evaluation::map_quality`], and `prototype_spread`;
/// - as of a SOAE whose code is the place of the best matching node on the lattice, in steps:
///   `reconstruction_error`, also called `sleep_loss`; `wake_loss`, at nodes drawn from the normalised kernel at
///   its last width; `reconstruction_sharpness`; `sample_sharpness`, of all nodes alike; `seam_ratio` of the
///   lattice; `occupancy` of its nodes; and what [`latent::measures`] gives.
///
/// With them the rows of each class that each node wins. `None` if distances are beyond 32-bit floats.
///
/// # Errors
/// [`Error::Metrics`] and [`Error::Clustering`].
pub(super) fn evaluate(
    settings: &LatticeSettings,
    prototypes: &Tensor,
    seed: Seed,
    held_out: &TrainingData,
) -> Result<Option<Measures>, Error> {
    let (map, labels) = (settings.map, held_out.labels.as_ref());
    let rows = on_cpu(&held_out.features);
    let groups = PostClusters::Classes;
    let Some(assessed) = evaluation::assess(&rows, prototypes, labels, groups, seed)? else {
        return Ok(None);
    };
    let winners = nearest(&rows, prototypes);
    let at = |nodes: &[i64]| prototypes.index_select(0, &Tensor::from_slice(nodes));
    let images = at(&winners.iter().copied().map(i64::from).collect::<Vec<_>>());
    let codes = places(map, &winners);
    let mut metrics = latent::measures(held_out, &codes, Space::Plane, seed)?;
    metrics.extend(assessed);
    metrics.extend(evaluation::map_quality(map, held_out, prototypes, None)?);
    let mut note = |name: &str, value: f64| {
        metrics.insert(name.to_owned(), value);
    };
    note("prototype_spread", evaluation::spread(prototypes));
    let error = mean_squared_error(&images, &rows);
    note("reconstruction_error", error);
    note("sleep_loss", error);
    let mut rng = random::stream(seed, "held-out neighbours");
    let near = winners.iter();
    let near = near.map(|&winner| draw(map, winner as usize, settings.sigma[1], &mut rng) as i64);
    let near = at(&near.collect::<Vec<_>>());
    note("wake_loss", mean_squared_error(&near, &rows));
    for (name, images) in [
        ("reconstruction_sharpness", &images),
        ("sample_sharpness", prototypes),
    ] {
        if let Some(sharpness) = latent::sharpness(&rows, images)? {
            note(name, sharpness);
        }
    }
    let grid = prototypes.view([map.rows as i64, map.columns as i64, -1]);
    note("seam_ratio", controls::seam(&grid));
    let mut counts = vec![0_u32; map.units()];
    for &winner in &winners {
        counts[winner as usize] += 1;
    }
    note("occupancy", controls::evenness(&counts));
    let counts = labels.map(|labels| {
        let counts = evaluation::class_counts(&rows, prototypes, labels);
        (evaluation::CLASS_COUNTS.to_owned(), counts)
    });
    Ok(Some((metrics, counts.into_iter().collect())))
}

/// Row and column of each node, `[n, 2]`.
fn places(map: Grid, nodes: &[u32]) -> Tensor {
    let places = nodes.iter().flat_map(|&node| {
        let node = node as usize;
        [node / map.columns, node % map.columns].map(|place| place as f32)
    });
    Tensor::from_slice(&places.collect::<Vec<_>>()).view([-1, 2])
}
