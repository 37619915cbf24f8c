//! SOAE and the autoencoders beside it as a method: training one model and evaluating it on held-out rows.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tch::{Device, Kind, Tensor};

use super::held_out::{self, Measured};
use super::latent;
use super::model::{Model, normal};
use super::{Settings, Space, Training, controls};
use crate::device::TrainingProducts;
use crate::nn::Precision;
use crate::nn::slices::{on_cpu, ordered_sum};
use crate::random::{self, Seed};
use crate::runs::checkpoint::Progress;
use crate::train::{
    Context, Error, Finished, Kept, Measures, Member, Method, Runs, TrainingData, Trial, Work,
    one_by_one, time_of_step,
};

/// Images drawn from each model's latent space.
const SAMPLES: i64 = 1000;

/// The names under which codes and classes of held-out rows are kept.
pub(super) const CODES: &str = "held_out.codes";
pub(super) const CLASSES: &str = "held_out.classes";

/// SOAE, autoencoder, variational autoencoder: [`Training`] says which.
#[derive(Debug)]
pub struct Soae;

impl Method for Soae {
    fn id(&self) -> &'static str {
        "soae"
    }

    fn version(&self) -> u32 {
        // 2: agreement of labels, and the spread of images around the poles.
        2
    }

    fn trained_since(&self) -> u32 {
        1
    }

    fn shape(&self, settings: &Value) -> Result<Option<String>, Error> {
        // One model at a time: encoder and decoder have batches of their own.
        Settings::read(settings).map(|_| None)
    }

    fn can_round(&self) -> bool {
        false
    }

    fn calibrate(&self, settings: &Value, trial: &Trial) -> Result<Work, Error> {
        let settings = Settings::read(settings)?;
        let rows = settings.batch.min(trial.rows);
        let data = Tensor::rand([rows, trial.dims], (Kind::Float, trial.device));
        let mut model = Model::new(&settings, Seed(0), &data);
        let _products = TrainingProducts::set(Precision::Exact, trial.device)?;
        let step = time_of_step(&mut model)?;
        // Held-out rows are encoded and decoded twice, then compared with one another.
        let per_row = step.as_secs_f64() / settings.batch as f64;
        let ranked = settings.held_out.min(latent::SAMPLING.limit as i64) as f64;
        Ok(Work {
            iterations: settings.iterations,
            per_iteration: step,
            fixed: Duration::from_secs_f64(
                per_row * settings.held_out as f64 + ranked * ranked * 5e-7 + 0.1,
            ),
        })
    }

    fn run(&self, cohort: &[Member], context: &Context) -> Result<Option<Runs>, Error> {
        one_by_one(cohort, |member| train(member, context))
    }

    fn evaluate(
        &self,
        member: &Member,
        trained: &Kept,
        context: &Context,
    ) -> Result<Finished, Error> {
        let settings = Settings::read(&member.settings)?;
        let place = (context.data.dims(), context.device);
        let model = Model::stored(&settings, member.seed, place, &trained.weights);
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
        let model = model.map_err(Error::Settings)?;
        let held_out = settings.held_out;
        held_out::finish(&model, held_out, member.seed, context.data, progress)
    }
}

fn train(member: &Member, context: &Context) -> Result<Option<Finished>, Error> {
    let settings = Settings::read(&member.settings)?;
    held_out::train(member, context, settings.held_out, |rows| {
        Model::new(&settings, member.seed, rows)
    })
}

impl Measured for Model {
    fn is_finite(&self) -> bool {
        Model::is_finite(self)
    }

    fn weights(&self) -> Vec<(String, Tensor)> {
        Model::weights(self)
    }

    fn evaluate(&self, seed: Seed, held_out: &TrainingData) -> Result<Option<Measures>, Error> {
        evaluate(self, seed, held_out)
    }
}

/// What a trained model is worth on held-out rows. Metrics:
///
/// - `reconstruction_error`, also called `sleep_loss` of a SOAE: mean squared error over rows and features;
/// - `wake_loss`: the same of what is decoded at neighbours of the codes, at the kernel's last width;
/// - `reconstruction_sharpness`, `sample_sharpness`: see [`latent::sharpness`]; samples are drawn from the whole
///   torus or sphere, a standard normal (VAE), or near codes of held-out rows (SOAE in the plane);
/// - `norm_mean`, `norm_sd`, `norm_cv`: norms of embedded codes; `raw_norm_*`: of raw codes;
/// - `seam_ratio` (two numbers; plane, torus), `pole_spread` (sphere in three dimensions) and `occupancy` (two
///   angles; sphere in three dimensions);
/// - what [`latent::measures`] gives of codes.
///
/// With them what pictures need: codes of a sample and their classes. `None` if codes are beyond 32-bit
/// floats.
fn evaluate(model: &Model, seed: Seed, held_out: &TrainingData) -> Result<Option<Measures>, Error> {
    let (settings, space) = (&model.settings, model.settings.space);
    let rows = &held_out.features;
    let codes = on_cpu(&model.codes(rows));
    let images = on_cpu(&model.decode(&codes));
    let error = mean_squared_error(&images, rows);
    if !error.is_finite() {
        return Ok(None);
    }
    let mut metrics = BTreeMap::new();
    let mut note = |name: &str, value: f64| {
        metrics.insert(name.to_owned(), value);
    };
    note("reconstruction_error", error);
    if let Training::Alternating { sigma, .. } = settings.training {
        let mut rng = random::stream(seed, "held-out neighbours");
        let near = model.neighbours(&codes, sigma[1], &mut rng);
        note("sleep_loss", error);
        // Where the other was computed: whether they are equal is looked at.
        let images = on_cpu(&model.decode(&near));
        note("wake_loss", mean_squared_error(&images, rows));
    }
    if let Some(sharpness) = latent::sharpness(rows, &images)? {
        note("reconstruction_sharpness", sharpness);
    }
    if let Some(drawn) = draw(model, seed, &codes, SAMPLES)
        && let Some(sharpness) = latent::sharpness(rows, &model.decode(&drawn))?
    {
        note("sample_sharpness", sharpness);
    }
    for (name, of) in [("norm", &space.embed(&codes)), ("raw_norm", &codes)] {
        let [mean, sd, cv] = controls::norms(of);
        note(&format!("{name}_mean"), mean);
        note(&format!("{name}_sd"), sd);
        note(&format!("{name}_cv"), cv);
    }
    if settings.latent == 2 && space != Space::Sphere {
        note("seam_ratio", controls::seam_ratio(model, &codes));
    }
    if settings.latent == 3 && space == Space::Sphere {
        note("pole_spread", controls::pole_spread(model));
    }
    if let Some(occupancy) = controls::occupancy(space, &codes) {
        note("occupancy", occupancy);
    }
    metrics.extend(latent::measures(held_out, &codes, space, seed)?);
    let sampled = latent::sampled(rows.size()[0] as usize);
    let mut kept = vec![(CODES.to_owned(), codes.index_select(0, &sampled))];
    if let Some(labels) = &held_out.labels {
        let classes = labels.values.iter();
        let classes: Vec<f32> = classes.map(|&class| f32::from(class)).collect();
        let classes = Tensor::from_slice(&classes).index_select(0, &sampled);
        kept.push((CLASSES.to_owned(), classes));
    }
    Ok(Some((metrics, kept)))
}

/// The mean over rows and features.
pub(super) fn mean_squared_error(images: &Tensor, rows: &Tensor) -> f64 {
    let squares = (images - rows.to_device(images.device())).square();
    ordered_sum(&squares.sum_dim_intlist(1, false, Kind::Double)) / rows.numel() as f64
}

/// Raw codes to decode into new images, in the plane near some of `codes`; `None` for a plain autoencoder,
/// which has no distribution to draw from.
pub(super) fn draw(model: &Model, seed: Seed, codes: &Tensor, count: i64) -> Option<Tensor> {
    let settings = &model.settings;
    let mut rng = random::stream(seed, "samples");
    match (settings.training, settings.space) {
        (Training::Autoencoder, _) => None,
        (Training::Alternating { .. }, Space::Torus) => {
            let turns = (0..count * settings.latent).map(|_| random::unit(&mut rng));
            let angles: Vec<f32> = turns.map(|turn| std::f32::consts::TAU * turn).collect();
            Some(Tensor::from_slice(&angles).view([count, settings.latent]))
        }
        (Training::Alternating { sigma, .. }, Space::Plane) => {
            let limit = codes.size()[0] as usize;
            let rows = (0..count).map(|_| random::index(&mut rng, limit) as i64);
            let rows = Tensor::from_slice(&rows.collect::<Vec<_>>());
            let near = codes.index_select(0, &rows);
            Some(model.neighbours(&near, sigma[1], &mut rng))
        }
        // On the sphere only directions count, and those of normal numbers are uniform.
        (Training::Variational, _) | (Training::Alternating { .. }, Space::Sphere) => {
            Some(normal(&mut rng, [count, settings.latent], Device::Cpu))
        }
    }
}

#[cfg(test)]
#[path = "method_tests.rs"]
mod tests;
