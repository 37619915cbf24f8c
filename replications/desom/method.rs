//! DESOM as a [`Method`]: train a cohort, evaluate each model as the paper does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;
use tch::{Kind, Tensor};

use super::{DesomCohort, PostClusters, Settings};
use crate::cluster::KMeans;
use crate::device::TrainingProducts;
use crate::metrics::{evaluate_labels, reported};
use crate::nn::slices::ordered_sum;
use crate::random::{self, Seed};
use crate::runs::Outcome;
use crate::runs::checkpoint::Progress;
use crate::som::nearest;
use crate::train::{
    Context, Driven, Error, Event, Finished, Member, Method, Runs, TrainingData, Trial, Work,
    drive, time_of_step,
};

/// Joint training of autoencoder and SOM.
#[derive(Debug)]
pub struct Desom;

/// Rows that are encoded at once during evaluation: bounds its memory.
const CHUNK: i64 = 4096;

impl Method for Desom {
    fn id(&self) -> &'static str {
        "desom"
    }

    fn version(&self) -> u32 {
        1
    }

    fn shape(&self, settings: &Value) -> Result<Option<String>, Error> {
        let settings = Settings {
            gamma: 0.0,
            ..Settings::read(settings)?
        };
        Ok(Some(settings.to_value().to_string()))
    }

    fn can_round(&self) -> bool {
        true
    }

    fn calibrate(&self, settings: &Value, trial: &Trial) -> Result<Work, Error> {
        let settings = Settings::read(settings)?;
        let units = settings.map.units() as i64;
        let sample = settings.batch.max(units).min(trial.rows);
        let data = Tensor::rand([sample, trial.dims], (Kind::Float, trial.device));
        let members = vec![(settings.gamma, Seed(0)); trial.models];
        let mut model =
            DesomCohort::new(&settings, &members, &data, trial.device, trial.precision)?;
        let _products = TrainingProducts::set(trial.precision, trial.device)?;
        let step = time_of_step(&mut model)?;
        // The evaluation is a forward pass over all rows: a third of a step.
        let per_row = step.as_secs_f64() / settings.batch as f64 / 3.0;
        Ok(Work {
            iterations: settings.iterations,
            per_iteration: step,
            fixed: Duration::from_secs_f64(per_row * trial.rows as f64 + 0.05),
        })
    }

    fn run(&self, cohort: &[Member], context: &Context) -> Result<Option<Runs>, Error> {
        let settings: Vec<Settings> = cohort
            .iter()
            .map(|member| Settings::read(&member.settings))
            .collect::<Result<_, _>>()?;
        let Some(first) = settings.first() else {
            return Ok(Some(Runs::new()));
        };
        let data = context.data;
        let members: Vec<(f64, Seed)> = settings
            .iter()
            .zip(cohort)
            .map(|(settings, member)| (settings.effective_gamma(data.dims()), member.seed))
            .collect();
        let mut models = DesomCohort::new(
            first,
            &members,
            &data.features,
            context.device,
            context.precision,
        )?;
        let Driven::Finished(progress) = drive(&mut models, cohort, context)? else {
            return Ok(None);
        };
        let mut runs = Runs::with_capacity(cohort.len());
        for (index, progress) in progress.into_iter().enumerate() {
            context.observer.notify(&Event::Advanced {
                worker: context.worker,
                fraction: 1.0,
                detail: "evaluating",
            });
            let seed = cohort[index].seed;
            runs.push(finish(&models, index as i64, first, seed, data, progress));
        }
        Ok(Some(runs))
    }
}

fn finish(
    models: &DesomCohort,
    model: i64,
    settings: &Settings,
    seed: Seed,
    data: &TrainingData,
    progress: Progress,
) -> Result<Finished, Error> {
    let clock = Instant::now();
    let mut run = Finished {
        outcome: Outcome::Completed,
        metrics: BTreeMap::new(),
        curves: progress.curves,
        weights: Vec::new(),
        training: progress.elapsed,
        evaluation: Duration::ZERO,
        resumed: progress.resumed,
    };
    // The last update of all is seen by no loss, but by what follows.
    let metrics = if progress.diverged.is_none() && models.is_finite(model) {
        assess(models, model, settings, seed, data)?
    } else {
        None
    };
    let Some(metrics) = metrics else {
        let iteration = progress.diverged.unwrap_or(progress.iteration);
        run.outcome = Outcome::Diverged { iteration };
        return Ok(run);
    };
    run.metrics = metrics;
    let parameters = models.parameters();
    let weights = parameters.layout().slots().map(|(name, slot)| {
        let value = parameters.value(slot).select(0, model);
        (name.to_owned(), value)
    });
    run.weights = weights.collect();
    run.evaluation = clock.elapsed();
    Ok(run)
}

/// All metrics of a trained model on all rows of the data:
///
/// - `bmu.*`: labels are the best matching units;
/// - `clustered.*`: k-means groups the prototypes, and each row takes the group whose centre is
///   nearest to its code;
/// - `reconstruction_loss`: mean squared error over rows and features;
/// - `prototype_spread`: mean over the features of the standard deviation over the decoded
///   prototypes, 0 for a map collapsed to a point;
/// - `units_used`: prototypes that win at least one row;
/// - `groups_found`: groups of prototypes, fewer than asked for if fewer are distinct.
///
/// Without classes `bmu.*` is undefined; so are `clustered.*` and `groups_found`, because the number
/// of groups is that of the classes. `None` if codes, reconstructions or distances are beyond 32-bit
/// floats: there is nothing to measure then.
fn assess(
    models: &DesomCohort,
    model: i64,
    settings: &Settings,
    seed: Seed,
    data: &TrainingData,
) -> Result<Option<BTreeMap<String, f64>>, Error> {
    let (network, parameters) = (models.network(), models.parameters());
    let mut codes = Vec::new();
    let mut squared_error = 0.0;
    for start in (0..data.rows()).step_by(CHUNK as usize) {
        let rows = CHUNK.min(data.rows() - start);
        let x = data.features.narrow(0, start, rows);
        let code = network.encode(parameters, model, &x);
        let error = (network.decode(parameters, model, &code) - x).square();
        squared_error += ordered_sum(&error.sum_dim_intlist(-1, false, Kind::Double));
        codes.push(code);
    }
    let codes = Tensor::cat(&codes, 0);
    let prototypes = models.prototypes(model);
    if !(squared_error.is_finite() && distances_are_finite(&codes, &prototypes)) {
        return Ok(None);
    }
    let mut metrics = BTreeMap::new();
    let mut score = |kind: &str, labels: Option<&[u32]>| -> Result<(), Error> {
        let scores = match labels {
            Some(labels) => evaluate_labels(labels, data.classes())
                .map_err(|error| Error::Metrics(error.to_string()))?,
            None => None,
        };
        for (metric, value) in reported(scores) {
            metrics.insert(format!("{kind}.{metric}"), value);
        }
        Ok(())
    };
    let units = nearest(&codes, &prototypes);
    score("bmu", Some(&units))?;

    let groups = match &data.labels {
        Some(labels) => {
            let clusters = match settings.post_clusters {
                PostClusters::Classes => labels.classes,
                PostClusters::LargestLabel => labels.classes.saturating_sub(1),
            };
            let mut stream = random::stream(seed, "post-clustering");
            let groups = KMeans::new(clusters.min(settings.map.units()).max(1))
                .fit(&prototypes.contiguous(), &mut stream)
                .map_err(|error| Error::Clustering(error.to_string()))?;
            Some(groups)
        }
        None => None,
    };
    let clustered = groups
        .as_ref()
        .map(|groups| nearest(&codes, &groups.centres));
    score("clustered", clustered.as_deref())?;
    let found = groups.map_or(f64::NAN, |groups| groups.distinct as f64);
    metrics.insert("groups_found".to_owned(), found);

    let decoded = network.decode(parameters, model, &prototypes);
    let spread = decoded
        .std_dim(Some([0].as_slice()), false, false)
        .mean(Kind::Double);
    metrics.insert("prototype_spread".to_owned(), spread.double_value(&[]));
    let used = units.iter().collect::<BTreeSet<_>>().len();
    metrics.insert("units_used".to_owned(), used as f64);
    let values = (data.rows() * data.dims()) as f64;
    metrics.insert("reconstruction_loss".to_owned(), squared_error / values);
    Ok(Some(metrics))
}

/// Whether every squared distance between codes `[rows, latent]` and prototypes `[units, latent]` is
/// surely a number as a 32-bit float.
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
