//! DEC as a [`Method`]: a pretrained autoencoder, k-means on its codes, and what the rule says follows.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::explicit::Explicit;
use super::found::{Found, follow, picture};
use super::model::Model;
use super::moves::Moving;
use super::phase::{Clustering, Entrant, Phase};
use super::pretraining::time_of_whole;
use super::rows;
use super::settings::{Moved, Rule, Settings};
use crate::cluster::{KMeans, student};
use crate::nn::{Precision, state};
use crate::random::{self, Seed};
use crate::runs::Outcome;
use crate::runs::checkpoint::{Named, Progress};
use crate::train::{
    Context, Driven, Error, Event, Finished, Member, Method, Need, Runs, Stage, TrainingData,
    Trial, Work, drive, gather,
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
        // Seeds of one variant.
        let settings = Settings::read(settings)?;
        let together = settings.rule.trains_together();
        Ok(together.then(|| settings.to_value().to_string()))
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
            fixed: pass * 4 + Duration::from_secs_f64((clustering + picture) * trial.models as f64),
        })
    }

    fn run(&self, cohort: &[Member], context: &Context) -> Result<Option<Runs>, Error> {
        let mut runs = Runs::with_capacity(cohort.len());
        if let [first, _, ..] = cohort {
            let settings = Settings::read(&first.settings)?;
            if settings.rule.trains_together() {
                return train_and_evaluate(&settings, cohort, context);
            }
        }
        for member in cohort {
            let settings = Settings::read(&member.settings);
            let alone = std::slice::from_ref(member);
            match settings.and_then(|settings| train_and_evaluate(&settings, alone, context)) {
                Ok(Some(finished)) => runs.extend(finished),
                Ok(None) => return Ok(None),
                Err(error) => runs.push(Err(error)),
            }
        }
        Ok(Some(runs))
    }
}

fn tell(context: &Context, fraction: f64, detail: &str) {
    context.observer.notify(&Event::Advanced {
        worker: context.worker,
        fraction,
        detail,
    });
}

/// A run after k-means.
struct Begun<'a> {
    /// Its place in the cohort.
    at: usize,
    member: &'a Member,
    data: &'a TrainingData,
    found: Found,
    prepared: Duration,
}

/// Trains and evaluates runs that have the settings in common; `None` if interrupted.
fn train_and_evaluate(
    settings: &Settings,
    cohort: &[Member],
    context: &Context,
) -> Result<Option<Runs>, Error> {
    // By the papers' recipes, where a descent goes on to its last iteration: most end earlier.
    let share = match settings.rule {
        Rule::None => 0.98,
        Rule::Descent(_) => 0.85,
        Rule::Moves(_) => 0.6,
    };
    let Some(gathered) = gather(&settings.start.need(), cohort, share, context)? else {
        return Ok(None);
    };
    let stage = Stage::new(context.observer, gathered.behind, 1.0);
    let context = &Context {
        observer: &stage,
        ..*context
    };
    tell(context, 0.0, "k-means");
    let seeds: Vec<Seed> = cohort.iter().map(|member| member.seed).collect();
    let data = rows::rows_of_each(&settings.start, &seeds, context.data)?;
    let mut runs: Vec<Option<Result<Finished, Error>>> = Vec::new();
    let (mut begun, mut models) = (Vec::new(), Vec::new());
    let parts = gathered.parts.iter().zip(&data).zip(cohort).enumerate();
    for (at, ((part, data), member)) in parts {
        let mut run = None;
        if part.outcome == Outcome::Completed {
            let clock = Instant::now();
            match cluster(settings, member.seed, &part.weights, data) {
                Ok((model, found)) => {
                    models.push(model);
                    begun.push(Begun {
                        at,
                        member,
                        data,
                        found,
                        prepared: clock.elapsed(),
                    });
                }
                Err(error) => run = Some(Err(error)),
            }
        } else {
            run = Some(Ok(Finished::untrained()));
        }
        runs.push(run);
    }
    let finished = if settings.rule == Rule::None {
        finish_without(settings, &begun, &models, context)?
    } else {
        train(settings, &begun, models, context)?
    };
    let Some(finished) = finished else {
        return Ok(None);
    };
    for (one, finished) in begun.iter().zip(finished) {
        runs[one.at] = Some(finished);
    }
    Ok(Some(runs.into_iter().flatten().collect()))
}

/// K-means on the codes of a pretrained autoencoder: the model with its centroids, and what was found.
fn cluster(
    settings: &Settings,
    seed: Seed,
    weights: &Named,
    data: &TrainingData,
) -> Result<(Model, Found), Error> {
    let widths = settings.start.widths(data.dims());
    let model = Model::zeros(&widths, settings.clusters, 1, data.features.device());
    state::set_weights(&model.parameters, 0, weights).map_err(Error::Settings)?;
    let codes = model.encode(&data.features);
    let kmeans = KMeans {
        restarts: settings.restarts,
        ..KMeans::new(settings.clusters)
    };
    let mut stream = random::stream(seed, "k-means");
    let fit = kmeans
        .fit(&codes, &mut stream)
        .map_err(|error| Error::Clustering(error.to_string()))?;
    model.centroids().copy_(&fit.centres);
    let found = Found {
        codes,
        centroids: fit.centres,
        labels: fit.labels,
    };
    Ok((model, found))
}

/// What follows on k-means, to its end; `None` if interrupted.
fn train(
    settings: &Settings,
    begun: &[Begun],
    models: Vec<Model>,
    context: &Context,
) -> Result<Option<Runs>, Error> {
    if begun.is_empty() {
        return Ok(Some(Runs::new()));
    }
    let entrants = begun.iter().zip(models).map(|(one, model)| Entrant {
        model,
        data: one.data,
        labels: &one.found.labels,
        seed: one.member.seed,
    });
    let mut clustering = clustering(settings.rule, entrants.collect(), context.precision)?;
    let members: Vec<Member> = begun.iter().map(|one| one.member.clone()).collect();
    let Driven::Finished(progress) = drive(clustering.as_mut(), &members, context)? else {
        return Ok(None);
    };
    tell(context, 1.0, "evaluating");
    let mut runs = Runs::with_capacity(begun.len());
    for (index, (one, progress)) in begun.iter().zip(progress).enumerate() {
        match finish(
            settings,
            one,
            (clustering.as_ref(), index),
            progress,
            context,
        ) {
            Ok(Some(run)) => runs.push(Ok(run)),
            Ok(None) => return Ok(None),
            Err(error) => runs.push(Err(error)),
        }
    }
    Ok(Some(runs))
}

/// The rule at its beginning.
fn clustering(
    rule: Rule,
    mut entrants: Vec<Entrant>,
    precision: Precision,
) -> Result<Box<dyn Clustering>, Error> {
    let together = match rule {
        Rule::Descent(rule) if rule.moved != Moved::Codes => Some(rule),
        _ => None,
    };
    if let (Some(rule), [first, others @ ..]) = (together, entrants.as_slice()) {
        return Ok(Box::new(Phase::new(rule, first, others, precision)));
    }
    let (Some(one), None) = (entrants.pop(), entrants.pop()) else {
        return Err(Error::Settings("runs of this rule train alone".to_owned()));
    };
    let (model, data, labels) = (one.model, one.data, one.labels);
    match rule {
        Rule::Descent(rule) => Ok(Box::new(Explicit::new(rule, model, data, labels))),
        Rule::Moves(rule) => {
            let moving = Moving::new(rule, model, data, labels, one.seed, precision);
            Ok(Box::new(moving))
        }
        Rule::None => Err(Error::Settings("nothing follows on k-means".to_owned())),
    }
}

/// What a trained run came to; `None` if interrupted.
fn finish(
    settings: &Settings,
    begun: &Begun,
    (clustering, index): (&dyn Clustering, usize),
    progress: Progress,
    context: &Context,
) -> Result<Option<Finished>, Error> {
    let clock = Instant::now();
    let (data, before) = (begun.data, &begun.found);
    let (diverged, last) = (progress.diverged.is_some(), progress.iteration);
    let mut run = Finished::trained(progress, None, Duration::ZERO);
    run.training += begun.prepared;
    let mut after = Found {
        codes: clustering.codes(index),
        centroids: clustering.centroids(index),
        labels: Vec::new(),
    };
    if diverged || !after.is_finite() {
        return Ok(Some(run));
    }
    after.labels = student::hard_labels(&student::assignments(&after.codes, &after.centroids));
    run.outcome = Outcome::Completed;
    before.measure("initial.", data, &mut run.metrics)?;
    after.measure("", data, &mut run.metrics)?;
    let model = clustering.model(index);
    if let Rule::Moves(_) = settings.rule {
        // What the encoder makes of the data after its last fit.
        let codes = model.encode(&data.features);
        let encoded = Found {
            labels: student::hard_labels(&student::assignments(&codes, &after.centroids)),
            codes,
            centroids: after.centroids.shallow_clone(),
        };
        encoded.measure("encoded.", data, &mut run.metrics)?;
    }
    follow(&mut run, last);
    model.centroids().copy_(&after.centroids);
    run.weights = state::weights(&model.parameters, 0);
    let seed = begun.member.seed;
    if !picture(settings, seed, [before, &after], data, context, &mut run)? {
        return Ok(None);
    }
    run.evaluation = clock.elapsed();
    Ok(Some(run))
}

/// Runs that end with k-means on the codes; `None` if interrupted.
fn finish_without(
    settings: &Settings,
    begun: &[Begun],
    models: &[Model],
    context: &Context,
) -> Result<Option<Runs>, Error> {
    let mut runs = Runs::with_capacity(begun.len());
    for (one, model) in begun.iter().zip(models) {
        let clock = Instant::now();
        let found = &one.found;
        let mut run = Finished::untrained();
        run.outcome = Outcome::Completed;
        found.measure("", one.data, &mut run.metrics)?;
        run.weights = state::weights(&model.parameters, 0);
        let seed = one.member.seed;
        if !picture(settings, seed, [found, found], one.data, context, &mut run)? {
            return Ok(None);
        }
        run.evaluation = clock.elapsed();
        runs.push(Ok(run));
    }
    Ok(Some(runs))
}

#[cfg(test)]
mod tests;
