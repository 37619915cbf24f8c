//! DESOM as a [`Method`]: train a cohort, evaluate each model as the paper does.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use tch::{Kind, Tensor};

use super::{BatchOrder, DesomCohort, Settings};
use crate::device::TrainingProducts;
use crate::evaluation;
use crate::nn::slices::ordered_sum;
use crate::nn::state;
use crate::pretraining::AutoencoderSettings;
use crate::random::Seed;
use crate::runs::Outcome;
use crate::runs::checkpoint::{Named, Progress};
use crate::runs::record::Curves;
use crate::train::{
    Context, Driven, Error, Event, Finished, Kept, Member, Method, Need, Runs, Stage, Trained,
    TrainingData, Trial, Work, drive, gather, time_of_step,
};

/// Joint training of autoencoder and SOM.
#[derive(Debug)]
pub struct Desom;

/// Iterations over which losses at the start of joint training are averaged.
const SMOOTHED: usize = 10;

impl Method for Desom {
    fn id(&self) -> &'static str {
        "desom"
    }

    fn version(&self) -> u32 {
        // 2: the quality of the map, other readings of the clustering, and classes by unit.
        2
    }

    fn trained_since(&self) -> u32 {
        1
    }

    fn shape(&self, settings: &Value) -> Result<Option<String>, Error> {
        let settings = Settings {
            gamma: 0.0,
            ..Settings::read(settings)?
        };
        // Models of one cohort see the same batches; shuffled ones are each run's own.
        Ok((settings.batch_order == BatchOrder::File).then(|| settings.to_value().to_string()))
    }

    fn can_round(&self) -> bool {
        true
    }

    fn needs(&self, settings: &Value) -> Result<Vec<Need>, Error> {
        let autoencoder = Settings::read(settings)?.autoencoder();
        Ok(autoencoder.iter().map(AutoencoderSettings::need).collect())
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
        if let Some(rows) = first.training_rows
            && rows >= context.data.rows()
        {
            return Err(Error::Settings(format!(
                "with {rows} of {} rows to train on, none is left for validation",
                context.data.rows()
            )));
        }
        let Some((begun, behind)) = pretrained(first, cohort, context)? else {
            return Ok(None);
        };
        // What begins with a diverged autoencoder has diverged before its first step.
        let sound = |index: &usize| {
            let part: Option<&Trained> = begun.get(*index);
            part.is_none_or(|part| part.outcome == Outcome::Completed)
        };
        let sound: Vec<usize> = (0..cohort.len()).filter(sound).collect();
        let stage = Stage::new(context.observer, behind, 1.0);
        let context = Context {
            observer: &stage,
            ..*context
        };
        let members: Vec<Member> = sound.iter().map(|&index| cohort[index].clone()).collect();
        let gammas = sound.iter().map(|&index| &settings[index]);
        let dims = context.data.dims();
        let gammas: Vec<f64> = gammas.map(|one| one.effective_gamma(dims)).collect();
        let weights = begun
            .into_iter()
            .filter(|part| part.outcome == Outcome::Completed);
        let weights: Vec<Named> = weights.map(|part| part.weights).collect();
        let Some(trained) = train(first, &members, &gammas, &weights, &context)? else {
            return Ok(None);
        };
        let mut runs: Runs = (0..cohort.len())
            .map(|_| Ok(Finished::untrained()))
            .collect();
        for (index, run) in sound.into_iter().zip(trained) {
            runs[index] = run;
        }
        Ok(Some(runs))
    }

    fn evaluate(
        &self,
        member: &Member,
        trained: &Kept,
        context: &Context,
    ) -> Result<Finished, Error> {
        let settings = Settings::read(&member.settings)?;
        let gamma = settings.effective_gamma(context.data.dims());
        let (data, device) = (&context.data.features, context.device);
        let members = [(gamma, member.seed)];
        let models = DesomCohort::new(&settings, &members, data, device, context.precision)?;
        models.set_weights(0, &trained.weights)?;
        let progress = Progress {
            iteration: settings.iterations,
            iterations: settings.iterations,
            elapsed: Duration::ZERO,
            resumed: 0,
            curves: trained.curves.clone(),
            diverged: None,
            wall: Duration::ZERO,
            makers: Vec::new(),
        };
        finish(&models, 0, &settings, member.seed, context.data, progress)
    }
}

/// The autoencoders that the members begin with, none if they begin untrained, and the part of their
/// progress that is behind them then; `None` if interrupted.
fn pretrained(
    settings: &Settings,
    cohort: &[Member],
    context: &Context,
) -> Result<Option<(Vec<Trained>, f64)>, Error> {
    let Some(autoencoder) = settings.autoencoder() else {
        return Ok(Some((Vec::new(), 0.0)));
    };
    let steps = autoencoder.iterations(context.data.rows()) as f64;
    let share = steps / (steps + settings.iterations as f64);
    let gathered = gather(&autoencoder.need(), cohort, share, context)?;
    Ok(gathered.map(|gathered| (gathered.parts, gathered.behind)))
}

/// Trains and evaluates members with these weights of the SOM loss; `None` if interrupted.
fn train(
    settings: &Settings,
    members: &[Member],
    gammas: &[f64],
    pretrained: &[Named],
    context: &Context,
) -> Result<Option<Runs>, Error> {
    if members.is_empty() {
        return Ok(Some(Runs::new()));
    }
    let seeds = members.iter().map(|member| member.seed);
    let models: Vec<(f64, Seed)> = gammas.iter().copied().zip(seeds).collect();
    let mut models = DesomCohort::begin(
        settings,
        &models,
        pretrained,
        &context.data.features,
        context.device,
        context.precision,
    )?;
    let Driven::Finished(progress) = drive(&mut models, members, context)? else {
        return Ok(None);
    };
    let mut runs = Runs::with_capacity(members.len());
    for (index, progress) in progress.into_iter().enumerate() {
        context.observer.notify(&Event::Advanced {
            worker: context.worker,
            fraction: 1.0,
            detail: "evaluating",
        });
        let seed = members[index].seed;
        let (model, data) = (index as i64, context.data);
        runs.push(finish(&models, model, settings, seed, data, progress));
    }
    Ok(Some(runs))
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
    // The last update of all is seen by no loss, but by what follows.
    let assessed = if progress.diverged.is_none() && models.is_finite(model) {
        assess_all(models, model, settings, seed, data)?
    } else {
        None
    };
    let measured = assessed.map(|assessed| {
        let mut metrics = assessed.by_name;
        if settings.pretraining.is_some() {
            let last = metrics["reconstruction_loss"];
            metrics.extend(joint_start(&progress.curves, last));
        }
        let mut weights = state::weights(models.parameters(), model);
        let counts = assessed.class_counts.into_iter();
        weights.extend(counts.map(|counts| (evaluation::CLASS_COUNTS.to_owned(), counts)));
        (metrics, weights)
    });
    Ok(Finished::trained(progress, measured, clock.elapsed()))
}

/// The metrics of a trained model: on the rows it was trained on, and on the others, if there are any,
/// the same with `validation.` before their names. `None` as in [`assess`].
fn assess_all(
    models: &DesomCohort,
    model: i64,
    settings: &Settings,
    seed: Seed,
    data: &TrainingData,
) -> Result<Option<Assessed>, Error> {
    let Some(rows) = settings.training_rows else {
        return assess(models, model, settings, seed, data);
    };
    let trained = data.between(0, rows);
    let Some(mut assessed) = assess(models, model, settings, seed, &trained)? else {
        return Ok(None);
    };
    let others = data.between(rows, data.rows());
    let Some(validation) = assess(models, model, settings, seed, &others)? else {
        return Ok(None);
    };
    // The map is the same: these two do not depend on the rows.
    let of_rows = validation
        .by_name
        .into_iter()
        .filter(|(name, _)| !["prototype_spread", "groups_found"].contains(&name.as_str()));
    let of_rows = of_rows.map(|(name, value)| (format!("validation.{name}"), value));
    assessed.by_name.extend(of_rows);
    Ok(Some(assessed))
}

/// What there is to say of a trained model.
struct Assessed {
    by_name: BTreeMap<String, f64>,
    /// See [`evaluation::class_counts`]; none without classes.
    class_counts: Option<Tensor>,
}

/// What joint training does to a pretrained autoencoder: its reconstruction loss over the first 500
/// iterations, smoothed by a mean over ten (one batch differs from the next by some percent).
///
/// - `joint_start.reconstruction_rise`: the highest of these means over the loss at the start, which is
///   that of the pretrained autoencoder on the first batch;
/// - `joint_start.reconstruction_fall`: the loss at the end, on all rows, over that highest mean.
///
/// Not finite if the losses were not.
fn joint_start(curves: &Curves, at_end: f64) -> [(String, f64); 2] {
    let start = curves.start.as_deref();
    let losses = start.and_then(|start| start.values.get("reconstruction"));
    let losses: Vec<f64> = losses
        .into_iter()
        .flatten()
        .map(|loss| loss.unwrap_or(f64::NAN))
        .collect();
    let means = losses
        .windows(SMOOTHED.min(losses.len()).max(1))
        .map(|window| window.iter().sum::<f64>() / window.len() as f64);
    // NaN stays, and is what there is of nothing.
    let highest = means.reduce(|highest, mean| {
        if mean > highest || mean.is_nan() {
            mean
        } else {
            highest
        }
    });
    let highest = highest.unwrap_or(f64::NAN);
    let first = losses.first().copied().unwrap_or(f64::NAN);
    [
        (
            "joint_start.reconstruction_rise".to_owned(),
            highest / first,
        ),
        (
            "joint_start.reconstruction_fall".to_owned(),
            at_end / highest,
        ),
    ]
}

/// All metrics of a trained model on all rows of the data: those of its map, see [`evaluation::assess`],
/// [`evaluation::other_readings`] and [`evaluation::map_quality`], and
///
/// - `reconstruction_loss`: mean squared error over rows and features;
/// - `prototype_spread`: mean over the features of the standard deviation over the decoded
///   prototypes, 0 for a map collapsed to a point.
///
/// `None` if codes, reconstructions or distances are beyond 32-bit floats: there is nothing to measure
/// then.
fn assess(
    models: &DesomCohort,
    model: i64,
    settings: &Settings,
    seed: Seed,
    data: &TrainingData,
) -> Result<Option<Assessed>, Error> {
    let (network, parameters) = (models.network(), models.parameters());
    let mut codes = Vec::new();
    let mut squared_error = 0.0;
    let at_once = network.rows_at_once();
    for start in (0..data.rows()).step_by(at_once as usize) {
        let rows = at_once.min(data.rows() - start);
        let x = data.features.narrow(0, start, rows);
        let code = network.encode(parameters, model, &x);
        let error = (network.decode(parameters, model, &code) - x).square();
        squared_error += ordered_sum(&error.sum_dim_intlist(-1, false, Kind::Double));
        codes.push(code);
    }
    if !squared_error.is_finite() {
        return Ok(None);
    }
    let codes = Tensor::cat(&codes, 0);
    let prototypes = models.prototypes(model);
    let (labels, groups) = (data.labels.as_ref(), settings.post_clusters);
    let Some(mut metrics) = evaluation::assess(&codes, &prototypes, labels, groups, seed)? else {
        return Ok(None);
    };
    let decoded = network.decode(parameters, model, &prototypes);
    let spread = evaluation::spread(&decoded);
    metrics.insert("prototype_spread".to_owned(), spread);
    let values = (data.rows() * data.dims()) as f64;
    metrics.insert("reconstruction_loss".to_owned(), squared_error / values);
    let latent = Some((&codes, &prototypes));
    metrics.extend(evaluation::map_quality(
        settings.map,
        data,
        &decoded,
        latent,
    )?);
    let mut class_counts = None;
    if let Some(labels) = labels {
        let others = evaluation::other_readings(&codes, &prototypes, labels, seed)?;
        metrics.extend(others);
        class_counts = Some(evaluation::class_counts(&codes, &prototypes, labels));
    }
    Ok(Some(Assessed {
        by_name: metrics,
        class_counts,
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn rise_and_fall(losses: &[f64], at_end: f64) -> [f64; 2] {
        let mut start = Curves::default();
        let values = losses.iter().map(|&loss| loss.is_finite().then_some(loss));
        start
            .values
            .insert("reconstruction".to_owned(), values.collect());
        let curves = Curves {
            start: Some(Box::new(start)),
            ..Curves::default()
        };
        joint_start(&curves, at_end).map(|(_, value)| value)
    }

    #[test]
    fn a_rise_is_of_ten_iterations_over_the_first() {
        // One batch alone is not seen, ten are.
        let mut losses = vec![0.5; 500];
        losses[100] = 1.5;
        let [rise, fall] = rise_and_fall(&losses, 0.3);
        assert!(
            (rise - 1.2).abs() < 1e-12 && (fall - 0.5).abs() < 1e-12,
            "{rise} {fall}"
        );
        for loss in &mut losses[40..50] {
            *loss = 2.0;
        }
        let [rise, fall] = rise_and_fall(&losses, 0.5);
        assert!(
            (rise - 4.0).abs() < 1e-12 && (fall - 0.25).abs() < 1e-12,
            "{rise} {fall}"
        );
        // What only falls begins with its highest mean.
        let falling: Vec<f64> = (0..500).map(|step| 1.0 / f64::from(step + 1)).collect();
        assert!(rise_and_fall(&falling, 0.001)[0] < 1.0);
        // Short trainings have what they have.
        assert!((rise_and_fall(&[1.0, 3.0], 1.0)[0] - 2.0).abs() < 1e-12);
        losses[7] = f64::NAN;
        assert!(rise_and_fall(&losses, 0.5)[0].is_nan());
        assert!(rise_and_fall(&[], 0.5).iter().all(|one| one.is_nan()));
    }
}
