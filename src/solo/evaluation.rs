//! The evaluation of a trained model, and the groups of its prototypes.

use std::collections::BTreeMap;

use tch::Tensor;

use super::Error;
use super::request::ModelSettings;
use super::trainee::Trainee;
use crate::cluster::KMeans;
use crate::evaluation::{self, PostClusters};
use crate::random::{self, Seed};
use crate::train::{self, TrainingData};

/// All metrics of a model on all rows of the data: those of [`evaluation::assess`],
/// `reconstruction_loss`, and those of [`evaluation::map_quality`].
/// `None` if there is nothing to measure because numbers are beyond 32-bit floats.
///
/// # Errors
/// Those of clustering and metrics.
pub fn evaluate(
    trainee: &Trainee,
    settings: &ModelSettings,
    seed: Seed,
    data: &TrainingData,
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
    let decoded = trainee.decoded_prototypes();
    metrics.insert("prototype_spread".to_owned(), evaluation::spread(&decoded));
    let latent = matches!(trainee, Trainee::Desom(_)).then_some((&codes, &prototypes));
    let quality = evaluation::map_quality(settings.map(), data, &decoded, latent)?;
    metrics.extend(quality);
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

/// How many rows of each class each unit wins, `[units, classes]`; `None` without classes.
pub fn class_counts(trainee: &Trainee, data: &TrainingData) -> Option<Tensor> {
    let labels = data.labels.as_ref()?;
    let (codes, _) = trainee.encode_all(&data.features);
    Some(evaluation::class_counts(
        &codes,
        &trainee.prototypes(),
        labels,
    ))
}
