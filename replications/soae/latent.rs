//! What codes are worth, whatever made them: neighbourhoods, agreement of labels, k-means. One way of measuring
//! for autoencoders and maps.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use tch::Tensor;

use super::{Space, agreement, neighbours};
use crate::cluster::KMeans;
use crate::distances::Sampling;
use crate::metrics::{evaluate_labels, reported};
use crate::nn::slices::{on_cpu, slice};
use crate::random::{self, Seed};
use crate::som::quality::sharpness_ratio;
use crate::train::{Error, TrainingData};

/// Neighbours of trustworthiness and continuity.
const NEIGHBOURS: usize = 12;
/// Neighbours whose labels are compared.
const LABELLED: usize = 10;

/// The rows that neighbourhoods are of, the same for all seeds and methods.
pub(super) const SAMPLING: Sampling = Sampling {
    limit: 2000,
    seed: Seed(0),
};

/// The numbers of those rows among so many.
pub(super) fn sampled(rows: usize) -> Tensor {
    let rows = SAMPLING.rows(rows).into_iter();
    Tensor::from_slice(&rows.map(|row| row as i64).collect::<Vec<_>>())
}

/// Metrics of codes `[rows, m]` of `held_out`, with the distance of their space:
///
/// - `trustworthiness`, `continuity` of the 12 nearest among `ranked_rows` rows;
/// - `label_agreement` of the 10 nearest among these rows;
/// - all three of shuffled codes, `shuffled.*`;
/// - `accuracy`, `nmi_geometric`, `purity` and the other agreements of k-means on embedded codes, as many
///   clusters as classes.
///
/// # Errors
/// [`Error::Metrics`] and [`Error::Clustering`].
pub(super) fn measures(
    held_out: &TrainingData,
    codes: &Tensor,
    space: Space,
    seed: Seed,
) -> Result<BTreeMap<String, f64>, Error> {
    let mut metrics = BTreeMap::new();
    let data = on_cpu(&held_out.features);
    let [count, columns] = [data.size()[0] as usize, data.size()[1] as usize];
    let m = codes.size()[1] as usize;
    let order = random::distinct_indices(&mut random::stream(seed, "shuffled codes"), count, count);
    let order: Vec<i64> = order.into_iter().map(|row| row as i64).collect();
    let shuffled = codes.index_select(0, &Tensor::from_slice(&order));
    for (prefix, codes) in [("", codes), ("shuffled.", &shuffled)] {
        let mut note = |name: &str, value: f64| metrics.insert(format!("{prefix}{name}"), value);
        let found = neighbours::neighbourhoods(
            (slice(&data), columns),
            (slice(codes), m),
            space,
            NEIGHBOURS,
            &SAMPLING,
            NonZeroUsize::MIN,
        );
        let [trust, continuity, ranked] = found.map_or([f64::NAN; 3], |found| {
            [found.trustworthiness, found.continuity, found.rows as f64]
        });
        note("trustworthiness", trust);
        note("continuity", continuity);
        if prefix.is_empty() {
            note("ranked_rows", ranked);
        }
        if let Some(labels) = held_out.classes() {
            let agreement =
                agreement::label_agreement((slice(codes), m), labels, space, LABELLED, &SAMPLING);
            note("label_agreement", agreement.unwrap_or(f64::NAN));
        }
    }
    if let Some(labels) = &held_out.labels {
        let embedded = on_cpu(&space.embed(codes));
        let fitted = KMeans::new(labels.classes)
            .fit(&embedded, &mut random::stream(seed, "k-means on codes"))
            .map_err(|error| Error::Clustering(error.to_string()))?;
        let scores = evaluate_labels(&fitted.labels, held_out.classes())
            .map_err(|error| Error::Metrics(error.to_string()))?;
        metrics.extend(reported(scores).map(|(name, value)| (name.to_owned(), value)));
    }
    Ok(metrics)
}

/// How sharp images `[n, D]` are beside the rows of the data, see [`sharpness_ratio`]; `None` where rows are not
/// square.
///
/// # Errors
/// [`Error::Metrics`].
pub(super) fn sharpness(data: &Tensor, images: &Tensor) -> Result<Option<f64>, Error> {
    let side = (data.size()[1] as f64).sqrt() as usize;
    if side * side != data.size()[1] as usize {
        return Ok(None);
    }
    let (data, images) = (on_cpu(data), on_cpu(images));
    let ratio = sharpness_ratio(slice(&data), slice(&images), [side, side]);
    let ratio = ratio.map_err(|error| Error::Metrics(error.to_string()))?;
    Ok(Some(ratio.unwrap_or(f64::NAN)))
}
