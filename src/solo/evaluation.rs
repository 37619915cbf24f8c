//! The evaluation of a trained model, and the groups of its prototypes.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use tch::{Device, Kind, Tensor};

use super::Error;
use super::request::ModelSettings;
use super::source::Image;
use super::trainee::Trainee;
use crate::cluster::KMeans;
use crate::distances::Sampling;
use crate::evaluation::{self, PostClusters};
use crate::nn::slices::slice;
use crate::random::{self, Seed};
use crate::som::quality::{self, MapView, Options, sharpness_ratio};
use crate::train::{self, TrainingData};

/// Pairs of samples are looked at among so many rows: in the space of images more would take minutes.
const PAIRED_ROWS: usize = 2000;

/// All metrics of a model on all rows of the data: those of [`evaluation::assess`],
/// `reconstruction_loss`, the quality of the map in the space of the data (`map.*`, with decoded
/// prototypes) and in that of the codes (`latent.*`), and `sharpness_ratio` where rows are grey images.
/// `None` if there is nothing to measure because numbers are beyond 32-bit floats.
///
/// # Errors
/// Those of clustering and metrics.
pub fn evaluate(
    trainee: &Trainee,
    settings: &ModelSettings,
    seed: Seed,
    data: &TrainingData,
    image: Option<Image>,
) -> Result<Option<BTreeMap<String, f64>>, Error> {
    let (codes, reconstruction) = trainee.encode_all(&data.features);
    if reconstruction.is_some_and(|loss| !loss.is_finite()) {
        return Ok(None);
    }
    let prototypes = trainee.prototypes();
    let groups = settings.post_clusters();
    let labels = data.labels.as_ref();
    let Some(mut metrics) = evaluation::assess(&codes, &prototypes, labels, groups, seed)? else {
        return Ok(None);
    };
    metrics.extend(reconstruction.map(|loss| ("reconstruction_loss".to_owned(), loss)));
    let decoded = on_cpu(&trainee.decoded_prototypes());
    metrics.insert("prototype_spread".to_owned(), evaluation::spread(&decoded));
    let features = on_cpu(&data.features);
    let mut look = |prefix: &str, data: &Tensor, prototypes: &Tensor| -> Result<(), Error> {
        // A map of one unit has no quality.
        if settings.map().units() < 2 {
            return Ok(());
        }
        let view = MapView::of_tensors(data, prototypes, settings.map(), threads())
            .map_err(|error| train::Error::Metrics(error.to_string()))?;
        let options = Options {
            sampling: Sampling {
                limit: PAIRED_ROWS,
                seed: Seed(0),
            },
            ..Options::default()
        };
        metrics.extend(quality::evaluate(&view, &options).prefixed(prefix));
        Ok(())
    };
    look("map", &features, &decoded)?;
    if let Trainee::Desom(_) = trainee {
        look("latent", &on_cpu(&codes), &on_cpu(&prototypes))?;
    }
    if let Some(Image {
        height,
        width,
        channels: 1,
    }) = image
    {
        let ratio = sharpness_ratio(slice(&features), slice(&decoded), [height, width]);
        let ratio = ratio.ok().flatten().unwrap_or(f64::NAN);
        metrics.insert("sharpness_ratio".to_owned(), ratio);
    }
    Ok(Some(metrics))
}

/// Centres of the groups that k-means finds in the prototypes, `[groups, latent]`: as many as asked
/// for, or as classes; `None` where neither is known. The same draw as in [`evaluation::assess`].
///
/// # Errors
/// If k-means refuses.
pub fn centres(
    prototypes: &Tensor,
    clusters: Option<usize>,
    classes: Option<usize>,
    groups: PostClusters,
    seed: Seed,
) -> Result<Option<Tensor>, Error> {
    let by_classes = classes.map(|classes| match groups {
        PostClusters::Classes => classes,
        PostClusters::LargestLabel => classes.saturating_sub(1),
    });
    let Some(wanted) = clusters.or(by_classes) else {
        return Ok(None);
    };
    let units = prototypes.size()[0] as usize;
    let mut stream = random::stream(seed, "post-clustering");
    let found = KMeans::new(wanted.clamp(1, units))
        .fit(&prototypes.contiguous(), &mut stream)
        .map_err(|error| train::Error::Clustering(error.to_string()))?;
    Ok(Some(found.centres))
}

fn on_cpu(tensor: &Tensor) -> Tensor {
    let tensor = tensor.to_device(Device::Cpu).to_kind(Kind::Float);
    tensor.contiguous()
}

fn threads() -> NonZeroUsize {
    NonZeroUsize::new(tch::get_num_threads().max(1) as usize).unwrap_or(NonZeroUsize::MIN)
}
