//! What a run has found: measured, followed on the way, and kept for figures.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use tch::{Device, Kind, Tensor};

use super::pictures::{self, AFTER, BEFORE, Moment, TOP_ROWS};
use super::settings::Settings;
use super::trustworthiness::PAIRED_ROWS;
use crate::cluster::student;
use crate::distances::Sampling;
use crate::metrics::{evaluate_labels, reported, silhouette};
use crate::random::Seed;
use crate::train::{Context, Error, Finished, TrainingData};

/// Codes, centroids and labels at one time.
pub(super) struct Found {
    pub codes: Tensor,
    pub centroids: Tensor,
    pub labels: Vec<u32>,
}

impl Found {
    pub(super) fn is_finite(&self) -> bool {
        let all = |tensor: &Tensor| tensor.isfinite().all().int64_value(&[]) != 0;
        all(&self.codes) && all(&self.centroids)
    }

    /// The metrics of the labels, each with `prefix` before its name, `latent.silhouette` among them, and
    /// how many clusters have a row.
    pub(super) fn measure(
        &self,
        prefix: &str,
        data: &TrainingData,
        metrics: &mut BTreeMap<String, f64>,
    ) -> Result<(), Error> {
        let scores = evaluate_labels(&self.labels, data.classes())
            .map_err(|error| Error::Metrics(error.to_string()))?;
        for (metric, value) in reported(scores) {
            metrics.insert(format!("{prefix}{metric}"), value);
        }
        let codes = self.codes.to_device(Device::Cpu).to_kind(Kind::Float);
        let latent = codes.size()[1] as usize;
        let codes = Vec::<f32>::try_from(codes.reshape([-1]))?;
        let sampling = Sampling {
            limit: PAIRED_ROWS,
            ..Sampling::default()
        };
        let one = NonZeroUsize::MIN;
        let estimate = silhouette(&codes, latent, &self.labels, &sampling, one)
            .map_err(|error| Error::Metrics(error.to_string()))?;
        // Undefined for a single cluster.
        let value = estimate.value.unwrap_or(f64::NAN);
        metrics.insert(format!("{prefix}latent.silhouette"), value);
        let used = self.labels.iter().collect::<BTreeSet<_>>().len();
        metrics.insert(format!("{prefix}clusters_found"), used as f64);
        Ok(())
    }

    fn at(&self, name: &'static str, word: &'static str) -> Moment {
        Moment {
            name,
            word,
            codes: self.codes.shallow_clone(),
            centroids: self.centroids.shallow_clone(),
        }
    }
}

/// What became of divergence and accuracy on the way:
///
/// - `accuracy_gain`: accuracy at the end less that of k-means;
/// - `kl_first`, `kl_last`, `kl_ratio`: mean divergence per row at the first and the last refresh, each
///   with its own P, and the second over the first; `kl_to_first_ratio`: the same with the first P;
/// - `refreshes`, `iterations`: how many there were, the one among them at which the tolerance ended
///   training, which moves nothing.
pub(super) fn follow(run: &mut Finished, iterations: u64) {
    let ends = |name: &str| {
        let values = run.curves.values.get(name);
        let end = |value: Option<&Option<f64>>| value.copied().flatten().unwrap_or(f64::NAN);
        [
            end(values.and_then(|values| values.first())),
            end(values.and_then(|values| values.last())),
        ]
    };
    let [first, last] = ends("kl");
    let [frozen, frozen_last] = ends("kl_to_first");
    let of = |name: &str| run.metrics.get(name).copied().unwrap_or(f64::NAN);
    let gain = of("accuracy") - of("initial.accuracy");
    let refreshes = run.curves.iteration.len();
    for (name, value) in [
        ("accuracy_gain", gain),
        ("kl_first", first),
        ("kl_last", last),
        ("kl_ratio", last / first),
        ("kl_to_first_ratio", frozen_last / frozen),
        ("refreshes", refreshes as f64),
        ("iterations", iterations as f64),
    ] {
        run.metrics.insert(name.to_owned(), value);
    }
}

/// Adds what figures need, where that is wanted; whether it was not interrupted.
pub(super) fn picture(
    settings: &Settings,
    seed: Seed,
    [before, after]: [&Found; 2],
    data: &TrainingData,
    context: &Context,
    run: &mut Finished,
) -> Result<bool, Error> {
    if settings.pictured == 0 || seed != Seed(0) {
        return Ok(true);
    }
    let mut moments = vec![before.at(BEFORE, "before")];
    if !std::ptr::eq(before, after) {
        moments.push(after.at(AFTER, "after"));
    }
    let Some(pictures) = pictures::take(&moments, settings.pictured, data, context)? else {
        return Ok(false);
    };
    run.weights.extend(pictures.tensors);
    run.metrics.extend(pictures.metrics);
    let q = student::assignments(&after.codes, &after.centroids);
    let features = data.features.to_kind(Kind::Float);
    let top = pictures::top_rows(&q, &features) / settings.start.scale;
    run.weights.push((TOP_ROWS.to_owned(), top));
    Ok(true)
}
