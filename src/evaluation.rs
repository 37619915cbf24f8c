//! How a trained map is evaluated, the same for every method that has one: the labels of its units, and
//! of groups of its units, the quality of the map, and which classes its units win.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::cluster::{Fit, KMeans};
use crate::distances::Sampling;
use crate::metrics::{ClusterScores, evaluate_labels, reported};
use crate::nn::slices::{on_cpu, slice};
use crate::random::{self, Seed};
use crate::som::quality::{self, MapView, Options, sharpness_ratio};
use crate::som::{Grid, nearest};
use crate::train::{Error, Labels, TrainingData};

/// What [`class_counts`] is called among a run's weights.
pub const CLASS_COUNTS: &str = "map.class_counts";

/// Metrics over pairs of rows look at so many: in the space of images more would take minutes.
const PAIRED_ROWS: usize = 2000;

/// How many groups the prototypes are clustered into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PostClusters {
    /// As many as classes, as the DESOM paper says.
    Classes,
    /// The largest label, one fewer than classes, as its authors' code has it.
    LargestLabel,
}

impl PostClusters {
    fn of(self, classes: usize) -> usize {
        match self {
            Self::Classes => classes,
            Self::LargestLabel => classes.saturating_sub(1),
        }
    }
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
    let units = nearest(codes, prototypes);
    let mut metrics = named("bmu", scores(Some(&units), classes)?);
    let groups = labels
        .map(|labels| groups(prototypes, post_clusters.of(labels.classes), seed))
        .transpose()?;
    let clustered = groups
        .as_ref()
        .map(|groups| nearest(codes, &groups.centres));
    metrics.extend(named("clustered", scores(clustered.as_deref(), classes)?));
    let found = groups.map_or(f64::NAN, |groups| groups.distinct as f64);
    metrics.insert("groups_found".to_owned(), found);
    let used = units.iter().collect::<BTreeSet<_>>().len();
    metrics.insert("units_used".to_owned(), used as f64);
    Ok(Some(metrics))
}

/// k-means of rows, as many groups as there may be at most; drawn from the seed's stream
/// `"post-clustering"`.
fn groups(rows: &Tensor, clusters: usize, seed: Seed) -> Result<Fit, Error> {
    let mut stream = random::stream(seed, "post-clustering");
    let most = rows.size()[0] as usize;
    KMeans::new(clusters.min(most).max(1))
        .fit(&rows.contiguous(), &mut stream)
        .map_err(|error| Error::Clustering(error.to_string()))
}

fn scores(found: Option<&[u32]>, classes: Option<&[u8]>) -> Result<Option<ClusterScores>, Error> {
    let scores = found.map(|found| evaluate_labels(found, classes));
    let scores = scores.transpose();
    Ok(scores
        .map_err(|error| Error::Metrics(error.to_string()))?
        .flatten())
}

fn named(kind: &str, scores: Option<ClusterScores>) -> BTreeMap<String, f64> {
    reported(scores)
        .map(|(metric, value)| (format!("{kind}.{metric}"), value))
        .collect()
}

/// The other readings of "k-means, then accuracy", so that what they change can be seen on one run:
///
/// - `clustered_fewer.*`: as `clustered.*` of [`assess`], with one group fewer than classes
///   ([`PostClusters::LargestLabel`]);
/// - `clustered_codes.*`: k-means groups the codes, not the prototypes, as many as classes, and each row
///   has the group of its code.
///
/// `codes` `[rows, dims]`, `prototypes` `[units, dims]`, all finite. Both from the seed's stream
/// `"post-clustering"`.
///
/// # Errors
/// As [`assess`].
pub fn other_readings(
    codes: &Tensor,
    prototypes: &Tensor,
    labels: &Labels,
    seed: Seed,
) -> Result<BTreeMap<String, f64>, Error> {
    let classes = Some(labels.values.as_slice());
    let fewer = PostClusters::LargestLabel.of(labels.classes);
    let fewer = nearest(codes, &groups(prototypes, fewer, seed)?.centres);
    let mut metrics = named("clustered_fewer", scores(Some(&fewer), classes)?);
    let of_codes = groups(codes, labels.classes, seed)?;
    let of_codes = scores(Some(&of_codes.labels), classes)?;
    metrics.extend(named("clustered_codes", of_codes));
    Ok(metrics)
}

/// The quality of a map on all rows of its data, see [`quality::MAP`]: in the space of the data with
/// decoded prototypes (`map.*`), in that of the codes where there is one (`latent.*`), and
/// `sharpness_ratio` where rows are grey images.
///
/// Metrics over pairs of rows are those of 2000 rows, the same ones for every run on a data set; how many
/// stands beside them (`map.pair_samples`). A map of one unit has no quality, and neither has one whose
/// numbers are beyond 32-bit floats: nothing is given then for that space.
///
/// `decoded` `[units, D]`; `latent`, codes `[rows, dims]` and prototypes `[units, dims]`.
///
/// # Errors
/// [`Error::Metrics`] if shapes do not fit.
pub fn map_quality(
    grid: Grid,
    data: &TrainingData,
    decoded: &Tensor,
    latent: Option<(&Tensor, &Tensor)>,
) -> Result<BTreeMap<String, f64>, Error> {
    let (features, decoded) = (on_cpu(&data.features), on_cpu(decoded));
    let mut metrics = looked_at("map", grid, &features, &decoded)?;
    if let Some((codes, prototypes)) = latent {
        let (codes, prototypes) = (on_cpu(codes), on_cpu(prototypes));
        metrics.extend(looked_at("latent", grid, &codes, &prototypes)?);
    }
    if let Some((height, width)) = data.image {
        let ratio = sharpness_ratio(slice(&features), slice(&decoded), [height, width]);
        let ratio = ratio.map_err(|error| Error::Metrics(error.to_string()))?;
        metrics.insert("sharpness_ratio".to_owned(), ratio.unwrap_or(f64::NAN));
    }
    Ok(metrics)
}

fn looked_at(
    space: &str,
    grid: Grid,
    rows: &Tensor,
    prototypes: &Tensor,
) -> Result<BTreeMap<String, f64>, Error> {
    if grid.units() < 2 || prototypes.isfinite().all().int64_value(&[]) == 0 {
        return Ok(BTreeMap::new());
    }
    let threads = NonZeroUsize::new(tch::get_num_threads().max(1) as usize);
    let view = MapView::of_tensors(rows, prototypes, grid, threads.unwrap_or(NonZeroUsize::MIN))
        .map_err(|error| Error::Metrics(error.to_string()))?;
    let options = Options {
        sampling: Sampling {
            limit: PAIRED_ROWS,
            seed: Seed(0),
        },
        ..Options::default()
    };
    Ok(quality::evaluate(&view, &options).prefixed(space))
}

/// How many rows of each class each unit wins, `[units, classes]`, whole numbers: what a label map is
/// drawn from. Kept with a run's weights as [`CLASS_COUNTS`].
///
/// `codes` `[rows, dims]`, `prototypes` `[units, dims]`.
pub fn class_counts(codes: &Tensor, prototypes: &Tensor, labels: &Labels) -> Tensor {
    let (units, classes) = (prototypes.size()[0], labels.classes);
    let mut counts = vec![0.0_f32; units as usize * classes];
    for (unit, class) in nearest(codes, prototypes).into_iter().zip(&labels.values) {
        counts[unit as usize * classes + usize::from(*class)] += 1.0;
    }
    Tensor::from_slice(&counts).view([units, classes as i64])
}

/// Mean over the features of the standard deviation (divisor n) over the prototypes `[units, dims]`: 0
/// for a map collapsed to a point.
#[must_use]
pub fn spread(prototypes: &Tensor) -> f64 {
    let deviations = prototypes.std_dim(Some([0].as_slice()), false, false);
    deviations.mean(Kind::Double).double_value(&[])
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
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// 60 codes on a line in three classes, and a map of 2 x 3 units along it.
    fn line() -> (Tensor, Tensor, Labels) {
        let at = |row: usize| (row / 20) as f32 * 10.0 + (row % 20) as f32 * 0.1;
        let codes: Vec<f32> = (0..60).flat_map(|row| [at(row), 0.5]).collect();
        let units: Vec<f32> = (0..6).flat_map(|unit| [unit as f32 * 5.0, 0.5]).collect();
        let labels = Labels {
            values: (0..60).map(|row| (row / 20) as u8).collect(),
            classes: 3,
        };
        let codes = Tensor::from_slice(&codes).view([60, 2]);
        (codes, Tensor::from_slice(&units).view([6, 2]), labels)
    }

    const GRID: Grid = Grid {
        rows: 2,
        columns: 3,
    };

    #[test]
    fn one_group_fewer_is_what_the_setting_gives() {
        let (codes, units, labels) = line();
        let others = other_readings(&codes, &units, &labels, Seed(3)).unwrap();
        let fewer = PostClusters::LargestLabel;
        let set = assess(&codes, &units, Some(&labels), fewer, Seed(3));
        let set = set.unwrap().unwrap();
        for metric in [
            "accuracy",
            "purity",
            "nmi_geometric",
            "nmi_arithmetic",
            "ari",
        ] {
            let (one, other) = (
                format!("clustered.{metric}"),
                format!("clustered_fewer.{metric}"),
            );
            assert_eq!(set[&one].to_bits(), others[&other].to_bits(), "{metric}");
        }
        // Two groups of three classes match two of them; three groups of the codes are the classes.
        assert!((others["clustered_fewer.accuracy"] - 2.0 / 3.0).abs() < 1e-12);
        assert!((others["clustered_codes.accuracy"] - 1.0).abs() < 1e-12);
    }

    #[test]
    fn every_row_is_counted_in_its_unit_and_class() {
        let (codes, units, labels) = line();
        let counts = class_counts(&codes, &units, &labels);
        assert_eq!(counts.size(), [6, 3]);
        let by_class = Vec::<f32>::try_from(counts.sum_dim_intlist(0, false, Kind::Float));
        assert_eq!(by_class.unwrap(), [20.0; 3]);
        // Codes from 10 to 11.9 are those of the second class and belong to the unit at 10.
        assert_eq!(counts.double_value(&[2, 1]) as u32, 20);
    }

    #[test]
    fn quality_is_of_both_spaces_and_of_images() {
        let (codes, units, labels) = line();
        let pixels = |rows: &Tensor| rows.repeat([1, 2]);
        let data = TrainingData::new(pixels(&codes), Some(labels)).unwrap();
        let quality = |data: &TrainingData, grid, units: &Tensor| {
            map_quality(grid, data, &pixels(units), Some((&codes, units))).unwrap()
        };
        let plain = quality(&data, GRID, &units);
        assert!(!plain.contains_key("sharpness_ratio"));
        assert_eq!(plain["latent.pair_samples"] as usize, 60);
        // Twice the columns: distances are larger by the root of 2, order is the same.
        let [of_codes, of_data] =
            ["latent", "map"].map(|space| plain[&format!("{space}.quantization_error")]);
        assert!((of_data / of_codes - 2.0_f64.sqrt()).abs() < 1e-6);
        let error = plain["latent.topographic_error"];
        assert_eq!(error.to_bits(), plain["map.topographic_error"].to_bits());
        let images = data.shallow_clone().with_image(Some((2, 2)));
        assert!(quality(&images, GRID, &units)["sharpness_ratio"] > 0.0);
        // No quality: one unit, or numbers that are none.
        let one = Grid {
            rows: 1,
            columns: 1,
        };
        assert!(quality(&data, one, &units.narrow(0, 0, 1)).is_empty());
        assert!(quality(&data, GRID, &(units * f64::INFINITY)).is_empty());
    }

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
