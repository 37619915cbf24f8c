//! How a trained map is evaluated, the same for every method that has one: the labels of its units, and
//! of groups of its units.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::cluster::KMeans;
use crate::metrics::{evaluate_labels, reported};
use crate::random::{self, Seed};
use crate::som::nearest;
use crate::train::{Error, Labels};

/// How many groups the prototypes are clustered into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PostClusters {
    /// As many as classes, as the DESOM paper says.
    Classes,
    /// The largest label, one fewer than classes, as its authors' code has it.
    LargestLabel,
}

/// The metrics of a map on all rows of its data:
///
/// - `bmu.*`: labels are the best matching units;
/// - `clustered.*`: k-means groups the prototypes (the seed's stream `"post-clustering"`), and each row
///   takes the group whose centre is nearest to its code;
/// - `units_used`: prototypes that win at least one row;
/// - `groups_found`: groups of prototypes, fewer than asked for if fewer are distinct.
///
/// `codes` `[rows, dims]` are what the map was trained on, the data itself or its codes; `prototypes` are
/// `[units, dims]`. Without classes `bmu.*` is undefined; so are `clustered.*` and `groups_found`, because
/// the number of groups is that of the classes. `None` if distances are beyond 32-bit floats: there is
/// nothing to measure then.
///
/// # Errors
/// [`Error::Metrics`] and [`Error::Clustering`].
pub fn assess(
    codes: &Tensor,
    prototypes: &Tensor,
    labels: Option<&Labels>,
    post_clusters: PostClusters,
    seed: Seed,
) -> Result<Option<BTreeMap<String, f64>>, Error> {
    if !distances_are_finite(codes, prototypes) {
        return Ok(None);
    }
    let classes = labels.map(|labels| labels.values.as_slice());
    let mut metrics = BTreeMap::new();
    let mut score = |kind: &str, found: Option<&[u32]>| -> Result<(), Error> {
        let scores = match found {
            Some(found) => evaluate_labels(found, classes)
                .map_err(|error| Error::Metrics(error.to_string()))?,
            None => None,
        };
        for (metric, value) in reported(scores) {
            metrics.insert(format!("{kind}.{metric}"), value);
        }
        Ok(())
    };
    let units = nearest(codes, prototypes);
    score("bmu", Some(&units))?;

    let groups = match labels {
        Some(labels) => {
            let clusters = match post_clusters {
                PostClusters::Classes => labels.classes,
                PostClusters::LargestLabel => labels.classes.saturating_sub(1),
            };
            let mut stream = random::stream(seed, "post-clustering");
            let units = prototypes.size()[0] as usize;
            let groups = KMeans::new(clusters.min(units).max(1))
                .fit(&prototypes.contiguous(), &mut stream)
                .map_err(|error| Error::Clustering(error.to_string()))?;
            Some(groups)
        }
        None => None,
    };
    let clustered = groups
        .as_ref()
        .map(|groups| nearest(codes, &groups.centres));
    score("clustered", clustered.as_deref())?;
    let found = groups.map_or(f64::NAN, |groups| groups.distinct as f64);
    metrics.insert("groups_found".to_owned(), found);
    let used = units.iter().collect::<BTreeSet<_>>().len();
    metrics.insert("units_used".to_owned(), used as f64);
    Ok(Some(metrics))
}

/// Mean over the features of the standard deviation (divisor n) over the prototypes `[units, dims]`: 0
/// for a map collapsed to a point.
#[must_use]
pub fn spread(prototypes: &Tensor) -> f64 {
    let deviations = prototypes.std_dim(Some([0].as_slice()), false, false);
    deviations.mean(tch::Kind::Double).double_value(&[])
}

/// Whether every squared distance between codes `[rows, dims]` and prototypes `[units, dims]` is surely a
/// number as a 32-bit float.
fn distances_are_finite(codes: &Tensor, prototypes: &Tensor) -> bool {
    // NaN if any value is.
    let farthest = |tensor: &Tensor| tensor.abs().max().double_value(&[]);
    let most = farthest(codes) + farthest(prototypes);
    most * most * prototypes.size()[1] as f64 <= f64::from(f32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_beyond_floats_are_seen() {
        let near = Tensor::from_slice(&[1.0_f32, -2.0]).view([1, 2]);
        let of = |value: f32| Tensor::from_slice(&[0.0_f32, value]).view([1, 2]);
        assert!(distances_are_finite(&near, &near));
        assert!(distances_are_finite(&of(1e18), &near));
        for bad in [2e19, -2e19, f32::INFINITY, f32::NAN] {
            assert!(!distances_are_finite(&of(bad), &near), "{bad}");
            assert!(!distances_are_finite(&near, &of(bad)), "{bad}");
        }
    }
}
