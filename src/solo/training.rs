//! A training from beginning to end, or from where it was left.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::Tensor;

use super::Error;
use super::begin::begin_with;
use super::evaluation::{centres, class_counts, evaluate};
use super::folder::{self, AUTOENCODER, CHECKPOINT, PRETRAINING, SUMMARY, write_json};
use super::pictures;
use super::request::{ModelSettings, Request};
use super::source::Prepared;
use super::trainee::Trainee;
use super::watched::{Rhythm, Watched};
use super::weights::{Description, Model};
use crate::files::{create_folder, write_whole};
use crate::pretraining::AutoencoderPretraining;
use crate::runs::checkpoint::{self, Named, Progress};
use crate::runs::{Outcome, RunLock};
use crate::train::{
    self, Context, Driven, Event, Member, NoParts, Observer, Part, Stage, TrainingData, drive,
};

/// States of the weights that a training keeps at most: of few rows a pass is over in no time, and their states would
/// fill the disk.
const MOST_STATES: u64 = 20;

/// Iterations between two states of the weights: as many passes as asked for, or as keep to [`MOST_STATES`]; none for 0.
fn save_interval(passes: u64, steps_per_pass: u64, iterations: u64) -> Option<u64> {
    let fewest = iterations
        .div_ceil(MOST_STATES)
        .div_ceil(steps_per_pass.max(1));
    (passes > 0).then(|| passes.max(fewest) * steps_per_pass)
}

/// What a training came to: `summary.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// `desom`, `convdesom` or `som`.
    pub model: String,
    /// The data set's id or file name.
    pub data: String,
    /// Rows trained on.
    pub rows: i64,
    /// Rows kept out.
    pub validation_rows: i64,
    /// Values of a row.
    pub dims: i64,
    /// What stored values were divided by.
    pub divisor: f64,
    /// The seed.
    pub seed: u64,
    /// Optimisation steps.
    pub iterations: u64,
    /// Values by name; those on rows kept out begin with `validation.`. `None` where undefined.
    pub metrics: BTreeMap<String, Option<f64>>,
    /// Seconds of joint training, the log included, of all attempts.
    pub training_seconds: f64,
    /// The part of it that the log's metrics took, 0 to 1, of this attempt.
    pub log_share: Option<f64>,
    /// Seconds of evaluation and pictures.
    pub evaluation_seconds: f64,
    /// How often it was resumed.
    pub resumed: u32,
    /// What was written, by name in the folder.
    pub files: Vec<String>,
    /// What could not be drawn, and why.
    pub notes: Vec<String>,
}

/// Trains as asked, or says what came of it where that was done before (`true` then).
///
/// # Errors
/// [`Error::Occupied`], [`Error::Foreign`] and [`Error::Busy`]; [`Error::Interrupted`] and [`Error::Diverged`]; and if
/// settings and data do not go together, or the disk refuses.
pub fn train(
    request: &Request,
    prepared: &Prepared,
    interrupted: &AtomicBool,
    observer: &dyn Observer,
) -> Result<(Summary, bool), Error> {
    // Refused before anything is written.
    request.check(prepared.data.dims())?;
    let folder = &request.folder;
    create_folder(folder).map_err(Error::io("create", folder))?;
    let Some(_lock) = RunLock::take(folder)? else {
        return Err(Error::Busy(folder.clone()));
    };
    // What it begins with has to be there as well when the same command is given again.
    if let Some(path) = &request.autoencoder
        && folder::is_lost(folder, path)
    {
        return Err(Error::Request(format!(
            "{} would be written over by this training: copy it elsewhere first, or give another --save-dir",
            path.display()
        )));
    }
    let begun = request
        .autoencoder
        .as_deref()
        .map(|path| begin_with(path, &request.settings, prepared.data.dims()))
        .transpose()?;
    let hash = begun.as_ref().map(|(hash, _)| hash.as_str());
    let identity = request.identity(prepared, hash);
    if let Some(summary) = folder::take(folder, &identity, request.overwrite)? {
        return Ok((summary, true));
    }
    let mut job = Job {
        request,
        prepared,
        data: to_device(&prepared.data, request)?,
        interrupted,
        observer,
    };
    let pretrained = begun.map(|(_, weights)| weights);
    job.carry_out(pretrained).map(|summary| (summary, false))
}

fn to_device(data: &TrainingData, request: &Request) -> Result<TrainingData, Error> {
    let features = data.features.f_to_device(request.device);
    Ok(TrainingData {
        features: features.map_err(train::Error::Torch)?,
        labels: data.labels.clone(),
        image: data.image,
    })
}

struct Job<'a> {
    request: &'a Request,
    prepared: &'a Prepared,
    data: TrainingData,
    interrupted: &'a AtomicBool,
    observer: &'a dyn Observer,
}

impl Job<'_> {
    fn folder(&self) -> &Path {
        &self.request.folder
    }

    fn carry_out(&mut self, begun: Option<Named>) -> Result<Summary, Error> {
        let request = self.request;
        let (mut pretrained, mut behind) = (begun, 0.0);
        if let ModelSettings::Desom(settings) = &request.settings
            && let Some(autoencoder) = settings.autoencoder()
        {
            let steps = autoencoder.iterations(self.data.rows()) as f64;
            behind = steps / (steps + settings.iterations as f64);
            let need = autoencoder.need().settings;
            pretrained = Some(self.pretrain(need, behind)?);
        }
        let trained_rows = request.training_rows.unwrap_or(self.data.rows());
        let seen = self.data.between(0, trained_rows);
        let held_out = request
            .training_rows
            .map(|rows| self.data.between(rows, self.data.rows()));
        let settings = &request.settings;
        let trainee = Trainee::new(
            settings,
            request.seed,
            &seen.features,
            pretrained,
            request.device,
            request.precision,
        )?;
        let description = self.description();
        let rhythm = Rhythm {
            eval_interval: request.eval_interval,
            save_interval: save_interval(
                request.save_epochs,
                settings.steps_per_pass(trained_rows),
                settings.iterations(),
            ),
        };
        let mut watched = Watched::new(
            trainee,
            settings,
            (&seen, held_out.as_ref()),
            rhythm,
            self.folder().to_owned(),
            &description,
        );
        let stage = Stage::new(self.observer, behind, 1.0);
        let member = self.member(settings_value(settings), CHECKPOINT);
        let driven = drive(&mut watched, &[member], &self.context(&stage));
        if let Some(error) = watched.failed.take() {
            return Err(error);
        }
        let Driven::Finished(progress) = driven? else {
            return Err(Error::Interrupted(self.folder().to_owned()));
        };
        let (spent, trainee) = (watched.spent, watched.trainee);
        let progress = progress
            .into_iter()
            .next()
            .ok_or_else(|| Error::Request("the training has left nothing behind".to_owned()))?;
        self.finish(&trainee, &seen, held_out.as_ref(), &progress, spent)
    }

    /// Weights of an autoencoder trained alone, from an earlier start if it was finished there.
    fn pretrain(&self, settings: Value, share: f64) -> Result<Named, Error> {
        let kept = self.folder().join(AUTOENCODER);
        if let Ok(Some((weights, _))) = checkpoint::load(&kept) {
            return Ok(weights);
        }
        let stage = Stage::new(self.observer, 0.0, share).labelled("pretraining");
        let member = self.member(settings, PRETRAINING);
        let cohort = std::slice::from_ref(&member);
        let parts = AutoencoderPretraining.train(cohort, &self.context(&stage))?;
        let Some(part) = parts.and_then(|parts| parts.into_iter().next()) else {
            return Err(Error::Interrupted(self.folder().to_owned()));
        };
        if let Outcome::Diverged { iteration } = part.outcome {
            folder::clear(self.folder());
            return Err(Error::Diverged { iteration });
        }
        checkpoint::save(&kept, &part.weights, None)?;
        let _ = fs::remove_file(self.folder().join(PRETRAINING));
        let copies = part.weights.iter();
        Ok(copies
            .map(|(name, tensor)| (name.clone(), tensor.copy()))
            .collect())
    }

    fn member(&self, settings: Value, checkpoint: &str) -> Member {
        Member {
            settings,
            seed: self.request.seed,
            checkpoint: self.folder().join(checkpoint),
        }
    }

    fn context<'b>(&'b self, observer: &'b dyn Observer) -> Context<'b> {
        Context {
            data: &self.data,
            device: self.request.device,
            precision: self.request.precision,
            interrupted: self.interrupted,
            checkpoint_interval: self.request.checkpoint_interval,
            observer,
            parts: &NoParts,
            worker: 0,
        }
    }

    fn description(&self) -> Description {
        Description {
            schema: Description::schema(),
            settings: self.request.settings.clone(),
            dims: self.data.dims(),
            divisor: self.prepared.divisor,
            image: self.prepared.image,
            data: self.prepared.id.clone(),
            data_sha256: self.prepared.sha256.clone(),
            seed: self.request.seed,
            iteration: self.request.settings.iterations(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            torch: None,
        }
    }

    fn finish(
        &self,
        trainee: &Trainee,
        seen: &TrainingData,
        held_out: Option<&TrainingData>,
        progress: &Progress,
        spent: [Duration; 2],
    ) -> Result<Summary, Error> {
        let diverged = |iteration| {
            // Nothing is gained by going on from here.
            folder::clear(self.folder());
            Error::Diverged { iteration }
        };
        if let Some(iteration) = progress.diverged {
            return Err(diverged(iteration));
        }
        if !trainee.is_finite() {
            return Err(diverged(progress.iteration));
        }
        self.observer.notify(&Event::Advanced {
            worker: 0,
            fraction: 1.0,
            detail: "evaluating",
        });
        let clock = Instant::now();
        let (settings, seed) = (&self.request.settings, self.request.seed);
        let Some(mut metrics) = evaluate(trainee, settings, seed, seen)? else {
            return Err(diverged(progress.iteration));
        };
        if let Some(held_out) = held_out {
            let others = evaluate(trainee, settings, seed, held_out)?;
            // The map is the same: these do not depend on the rows.
            let of_rows = others
                .into_iter()
                .flatten()
                .filter(|(name, _)| !["prototype_spread", "groups_found"].contains(&name.as_str()));
            metrics.extend(of_rows.map(|(name, value)| (format!("validation.{name}"), value)));
        }
        let (files, notes) = self.write(trainee, &metrics, seen)?;
        let total = spent[1].as_secs_f64();
        let summary = Summary {
            model: settings.name().to_owned(),
            data: self.prepared.id.clone(),
            rows: seen.rows(),
            validation_rows: held_out.map_or(0, TrainingData::rows),
            dims: seen.dims(),
            divisor: self.prepared.divisor,
            seed: seed.0,
            iterations: settings.iterations(),
            metrics: metrics
                .into_iter()
                .map(|(name, value)| (name, value.is_finite().then_some(value)))
                .collect(),
            training_seconds: progress.elapsed.as_secs_f64(),
            log_share: (total > 0.0).then(|| spent[0].as_secs_f64() / total),
            evaluation_seconds: clock.elapsed().as_secs_f64(),
            resumed: progress.resumed,
            files,
            notes,
        };
        write_json(&self.folder().join(SUMMARY), &summary)?;
        let _ = fs::remove_file(self.folder().join(CHECKPOINT));
        Ok(summary)
    }

    /// Writes weights, evaluation and pictures; gives their names, and what could not be drawn.
    fn write(
        &self,
        trainee: &Trainee,
        metrics: &BTreeMap<String, f64>,
        seen: &TrainingData,
    ) -> Result<(Vec<String>, Vec<String>), Error> {
        let (request, prepared) = (self.request, self.prepared);
        let classes = prepared.data.labels.as_ref().map(|labels| labels.classes);
        let prototypes = trainee.prototypes();
        let groups = request.settings.post_clusters();
        let centres = centres(&prototypes, request.clusters, classes, groups, request.seed)?;
        let model = Model::of(trainee, self.description(), centres.as_ref())?;
        model.save(&self.folder().join("model.safetensors"))?;

        let mut table = "metric,value\n".to_owned();
        for (name, value) in metrics {
            let value = if value.is_finite() {
                value.to_string()
            } else {
                String::new()
            };
            table += &format!("{name},{value}\n");
        }
        let path = self.folder().join("evaluation.csv");
        write_whole(&path, table.as_bytes()).map_err(Error::io("write", &path))?;

        let mut names = [
            "log.csv",
            "tensorboard",
            "evaluation.csv",
            "model.safetensors",
        ]
        .map(str::to_owned)
        .to_vec();
        let mut notes = Vec::new();
        let settings = &request.settings;
        let drawn =
            pictures::architecture(settings, model.graph(), self.data.dims(), prepared.image);
        let title = format!("{} on {}", settings.title(), prepared.id);
        let map = prepared.image.map(|image| {
            let (grid, range) = (settings.map(), self.range());
            pictures::map(title, grid, image, &trainee.decoded_prototypes(), range)
        });
        if map.is_none() {
            notes.push("rows are no images, so no decoded prototypes were drawn".to_owned());
        }
        let units = pictures::units(
            format!(
                "{} on {}: U-matrix and labels",
                settings.title(),
                prepared.id
            ),
            settings.map(),
            &prototypes,
            class_counts(trainee, seen).as_ref(),
            &prepared.classes,
        );
        for (name, drawn) in [
            ("architecture", Some(drawn)),
            ("map", map),
            ("units", Some(units)),
        ] {
            match drawn {
                None => {}
                Some(Ok(figure)) => {
                    figure.save(&self.folder().join(name))?;
                    names.extend([format!("{name}.svg"), format!("{name}.png")]);
                }
                // The model is there whether or not it can be drawn.
                Some(Err(error)) => notes.push(format!("no picture {name}: {error}")),
            }
        }
        Ok((names, notes))
    }

    /// The smallest and the largest value of the data: black and white of the map's picture.
    fn range(&self) -> [f64; 2] {
        let features = &self.prepared.data.features;
        [features.min(), features.max()].map(|value: Tensor| value.double_value(&[]))
    }
}

fn settings_value(settings: &ModelSettings) -> Value {
    // A plain struct of numbers and names always has a JSON form.
    serde_json::to_value(settings).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_kept_every_so_many_passes_and_no_more_than_twenty() {
        // MNIST in batches of 256.
        assert_eq!(save_interval(5, 274, 10_000), Some(5 * 274));
        assert_eq!(save_interval(1, 274, 10_000), Some(2 * 274));
        // 300 rows.
        assert_eq!(save_interval(5, 2, 10_000), Some(500));
        assert_eq!(save_interval(0, 2, 10_000), None);
    }
}
