//! DEC as a [`Method`]: a pretrained autoencoder, k-means on its codes, and what the rule says follows.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use serde_json::Value;
use tch::{Device, Kind, Tensor};

use super::explicit::Explicit;
use super::model::{self, Model};
use super::moves::Moving;
use super::phase::{Clustering, Phase};
use super::pictures::{self, AFTER, BEFORE, Moment, TOP_ROWS};
use super::pretraining::time_of_whole;
use super::settings::{Descent, Moved, Rule, Settings};
use super::trust::PAIRED_ROWS;
use crate::cluster::{KMeans, student};
use crate::distances::Sampling;
use crate::metrics::{evaluate_labels, reported, silhouette};
use crate::nn::state;
use crate::random::{self, Seed};
use crate::runs::Outcome;
use crate::runs::record::Curves;
use crate::train::part::gather;
use crate::train::{
    Context, Driven, Error, Event, Finished, Member, Method, Need, Runs, Stage, TrainingData,
    Trial, Work, drive,
};

/// Deep embedded clustering.
#[derive(Debug)]
pub struct Dec;

impl Method for Dec {
    fn id(&self) -> &'static str {
        "dec"
    }

    fn version(&self) -> u32 {
        // 2: silhouettes are of other rows.
        2
    }

    fn shape(&self, settings: &Value) -> Result<Option<String>, Error> {
        // Each run ends by a rule of its own and may see rows of its own.
        Settings::read(settings).map(|_| None)
    }

    fn can_round(&self) -> bool {
        true
    }

    fn needs(&self, settings: &Value) -> Result<Vec<Need>, Error> {
        Ok(vec![Settings::read(settings)?.start.need()])
    }

    fn calibrate(&self, settings: &Value, trial: &Trial) -> Result<Work, Error> {
        let settings = Settings::read(settings)?;
        let rows = settings.start.rows(trial.rows);
        // One pass of the encoder is a third of its step, which is half the autoencoder's.
        let whole = |batch: i64| time_of_whole(&settings.start, batch.min(rows), trial);
        let (iterations, per_iteration, pass) = match &settings.rule {
            Rule::None => {
                let step = whole(256)?;
                (1, Duration::ZERO, step.mul_f64(rows as f64 / 256.0 / 6.0))
            }
            Rule::Descent(rule) => {
                let step = whole(rule.batch)?;
                let pass = step.mul_f64(rows as f64 / rule.batch as f64 / 6.0);
                let (own, refresh) = match rule.moved {
                    Moved::Encoder => (step / 2, pass),
                    Moved::Autoencoder(_) => (step, pass),
                    Moved::Centroids => (Duration::from_micros(100), pass),
                    Moved::Codes => (
                        Duration::from_nanos(20 * (rows * settings.start.latent) as u64),
                        Duration::ZERO,
                    ),
                };
                let refresh = refresh.div_f64(rule.update_interval as f64);
                (rule.max_iterations, own + refresh, pass)
            }
            Rule::Moves(rule) => {
                let step = whole(rule.batch)?;
                let batches = (rows as u64).div_ceil(rule.batch.min(rows) as u64);
                let pass = step.mul_f64(rows as f64 / rule.batch as f64 / 6.0);
                (rule.epochs * rule.fits * batches, step / 2, pass)
            }
        };
        // k-means on codes: about thirty iterations of each start, and a few operations per value.
        let values = rows * settings.start.latent * settings.clusters as i64;
        let clustering = 30.0 * settings.restarts as f64 * values as f64 / 1e9;
        let picture = 2e-3 * settings.pictured as f64;
        Ok(Work {
            iterations,
            per_iteration,
            fixed: pass * 4 + Duration::from_secs_f64(clustering + picture),
        })
    }

    fn run(&self, cohort: &[Member], context: &Context) -> Result<Option<Runs>, Error> {
        let mut runs = Runs::with_capacity(cohort.len());
        for member in cohort {
            match one(member, context) {
                Ok(Some(finished)) => runs.push(Ok(finished)),
                Ok(None) => return Ok(None),
                Err(error) => runs.push(Err(error)),
            }
        }
        Ok(Some(runs))
    }
}

/// A run that has come to nothing.
fn diverged(iteration: u64) -> Finished {
    Finished {
        outcome: Outcome::Diverged { iteration },
        metrics: BTreeMap::new(),
        curves: Curves::default(),
        weights: Vec::new(),
        training: Duration::ZERO,
        evaluation: Duration::ZERO,
        resumed: 0,
    }
}

fn one(member: &Member, context: &Context) -> Result<Option<Finished>, Error> {
    let settings = Settings::read(&member.settings)?;
    let members = std::slice::from_ref(member);
    let share = if settings.rule == Rule::None {
        0.9
    } else {
        0.6
    };
    let need = settings.start.need();
    let Some(gathered) = gather(&need, members, share, context)? else {
        return Ok(None);
    };
    let Some(part) = gathered.parts.first() else {
        return Ok(None);
    };
    if part.outcome != Outcome::Completed {
        return Ok(Some(diverged(0)));
    }
    let stage = Stage::new(context.observer, gathered.behind, 1.0);
    let context = &Context {
        observer: &stage,
        ..*context
    };
    let clock = Instant::now();
    tell(context, 0.0, "k-means");
    let data = model::rows(&settings.start, member.seed, context.data)?;
    let widths = settings.start.widths(data.dims());
    let model = Model::zeros(&widths, settings.clusters, 1, context.device);
    state::set_weights(&model.parameters, 0, &part.weights).map_err(Error::Settings)?;
    let codes = model.encode(&data.features);
    let kmeans = KMeans {
        restarts: settings.restarts,
        ..KMeans::new(settings.clusters)
    };
    let mut stream = random::stream(member.seed, "k-means");
    let fit = kmeans
        .fit(&codes, &mut stream)
        .map_err(|error| Error::Clustering(error.to_string()))?;
    model.centroids().copy_(&fit.centres);
    let before = Found {
        codes: codes.shallow_clone(),
        centroids: fit.centres,
        labels: fit.labels,
    };
    let prepared = clock.elapsed();

    if settings.rule == Rule::None {
        return finish_without(&settings, member, &model, &before, &data, context);
    }
    let mut clustering = clustering(settings.rule, model, &data, &before, member.seed, context);
    let Driven::Finished(progress) = drive(clustering.as_mut(), members, context)? else {
        return Ok(None);
    };
    let Some(progress) = progress.into_iter().next() else {
        return Ok(None);
    };
    tell(context, 1.0, "evaluating");
    let clock = Instant::now();
    let mut run = diverged(progress.diverged.unwrap_or(progress.iteration));
    run.training = progress.elapsed + prepared;
    run.resumed = progress.resumed;
    run.curves = progress.curves;
    let (codes, centroids) = (clustering.codes(), clustering.centroids());
    if progress.diverged.is_some() || !are_finite([&codes, &centroids]) {
        return Ok(Some(run));
    }
    let q = student::assignments(&codes, &centroids);
    let after = Found {
        labels: student::labels(&q),
        codes,
        centroids,
    };
    run.outcome = Outcome::Completed;
    before.measure("initial.", &data, &mut run.metrics)?;
    after.measure("", &data, &mut run.metrics)?;
    if let Rule::Moves(_) = settings.rule {
        // What the encoder makes of the data after its last fit.
        let codes = clustering.model().encode(&data.features);
        let encoded = Found {
            labels: student::labels(&student::assignments(&codes, &after.centroids)),
            codes,
            centroids: after.centroids.shallow_clone(),
        };
        encoded.measure("encoded.", &data, &mut run.metrics)?;
    }
    follow(&mut run, progress.iteration);
    let model = clustering.model();
    model.centroids().copy_(&after.centroids);
    run.weights = state::weights(&model.parameters, 0);
    if !picture(
        &settings,
        member.seed,
        [&before, &after],
        &data,
        context,
        &mut run,
    )? {
        return Ok(None);
    }
    run.evaluation = clock.elapsed();
    Ok(Some(run))
}

fn are_finite(tensors: [&Tensor; 2]) -> bool {
    let all = |tensor: &Tensor| tensor.isfinite().all().int64_value(&[]) != 0;
    tensors.into_iter().all(all)
}

/// What follows on k-means, at its beginning.
fn clustering(
    rule: Rule,
    model: Model,
    data: &TrainingData,
    before: &Found,
    seed: Seed,
    context: &Context,
) -> Box<dyn Clustering> {
    let (labels, precision) = (&before.labels, context.precision);
    match rule {
        Rule::Descent(rule) if rule.moved == Moved::Codes => {
            Box::new(Explicit::new(rule, model, data, labels))
        }
        Rule::Descent(rule) => Box::new(Phase::new(rule, model, data, labels, seed, precision)),
        Rule::Moves(rule) => Box::new(Moving::new(rule, model, data, labels, seed, precision)),
        // Nothing is moved.
        Rule::None => Box::new(Phase::new(
            Descent {
                max_iterations: 0,
                ..Descent::published()
            },
            model,
            data,
            labels,
            seed,
            precision,
        )),
    }
}

/// A run that ends with k-means on the codes.
fn finish_without(
    settings: &Settings,
    member: &Member,
    model: &Model,
    found: &Found,
    data: &TrainingData,
    context: &Context,
) -> Result<Option<Finished>, Error> {
    let clock = Instant::now();
    let mut run = diverged(0);
    run.outcome = Outcome::Completed;
    found.measure("", data, &mut run.metrics)?;
    run.weights = state::weights(&model.parameters, 0);
    if !picture(
        settings,
        member.seed,
        [found, found],
        data,
        context,
        &mut run,
    )? {
        return Ok(None);
    }
    run.evaluation = clock.elapsed();
    Ok(Some(run))
}

fn tell(context: &Context, fraction: f64, detail: &str) {
    context.observer.notify(&Event::Advanced {
        worker: context.worker,
        fraction,
        detail,
    });
}

/// Codes, centroids and labels at one time.
struct Found {
    codes: Tensor,
    centroids: Tensor,
    labels: Vec<u32>,
}

impl Found {
    /// The metrics of the labels, each with `prefix` before its name, `latent.silhouette` among them, and
    /// how many clusters have a row.
    fn measure(
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
/// - `refreshes`, `iterations`: how many there were.
fn follow(run: &mut Finished, iterations: u64) {
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
fn picture(
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
