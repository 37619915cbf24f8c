//! `replicate predict`: a trained model applied to new data.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::out::stdout;
use super::own_data::{self, DataSource};
use super::run::say;
use super::{data_progress, print_json, rerun};
use crate::data::{self, Access};
use crate::files::write_out;
use crate::nn::slices::slice;
use crate::runs::{Record, Store, audit, checkpoint};
use crate::solo::{self, Description, Image, Model, ModelSettings, Prediction, Prepared, Scale};
use crate::{Error, runs};

/// Arguments of `replicate predict`.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct PredictArgs {
    /// The model.safetensors of `replicate train`
    #[arg(long, value_name = "FILE", required_unless_present = "run")]
    weights: Option<PathBuf>,
    /// A stored run instead: the first digits of its key
    #[arg(long, value_name = "KEY", conflicts_with = "weights")]
    run: Option<String>,
    #[command(flatten)]
    source: DataSource,
    /// What values are divided by first [default: as in training]
    #[arg(long, value_name = "NUMBER", value_parser = own_data::scale)]
    scale: Option<Scale>,
    /// File for the table [default: standard output]
    #[arg(long, value_name = "FILE.csv")]
    out: Option<PathBuf>,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

// Each paragraph is one line: clap breaks it where the terminal ends.
const AFTER_HELP: &str = "\
One line for each row of the data: row, file (of a folder of images), unit (the best matching one, numbered row by row of the map), its \
map_row and map_column, cluster (the group of prototypes nearest to the code; empty if the training knew \
no number of groups), distance (of code and prototype, Euclidean), code_0, code_1, .. All are counted \
from 0.

Everything else comes from the file: layers, map, scale. Labels in the new data are not looked at.

Example: replicate predict --weights results/photos/model.safetensors --data new/ --out labels.csv";

/// Applies a model and writes what it says.
///
/// # Errors
/// If the model or the data cannot be read, or do not go together.
pub fn run(args: &PredictArgs, store: &Path, access: &Access) -> Result<(), Error> {
    if let Some(path) = &args.out {
        let ending = path.extension().map(|ending| ending.to_string_lossy());
        if ending.is_some_and(|ending| !["csv", "txt"].contains(&ending.as_ref())) {
            return Err(Error::Usage(format!(
                "--out {}: what is written is CSV; give it a name that ends in .csv",
                path.display()
            )));
        }
    }
    let source = args.source.source(None)?;
    let model = match (&args.weights, &args.run) {
        (Some(path), _) => Model::load(path)?,
        (None, Some(key)) => of_run(key, &Store::new(store))?,
        (None, None) => {
            return Err(Error::Usage(
                "which model? Give --weights FILE, or --run KEY of a stored run".to_owned(),
            ));
        }
    };
    let progress = data_progress::on_stderr();
    let prepared = Prepared::load(&source, Scale::By(1.0), access, progress.as_ref())?;
    let divisor = divisor(args.scale, &model, &prepared)?;
    let prediction = solo::predict(&model, &prepared, divisor)?;
    let columns = model.description.settings.map().columns as u32;
    if let Some(path) = &args.out {
        let table = table(&prediction, prepared.files.as_deref(), columns)?;
        write_out(path, &table).map_err(|source| {
            Error::from(solo::Error::Io {
                action: "write",
                path: path.clone(),
                source,
            })
        })?;
        say(&format!(
            "{}: {} rows",
            path.display(),
            prediction.units.len()
        ));
    }
    if args.json {
        let files = prepared.files.as_deref();
        return print_json(&as_json(&model, &prediction, files, divisor));
    }
    if args.out.is_none() {
        let table = table(&prediction, prepared.files.as_deref(), columns)?;
        stdout().write_all(&table)?;
    }
    Ok(())
}

/// What values are divided by; says so where that is not obvious.
fn divisor(asked: Option<Scale>, model: &Model, data: &Prepared) -> Result<f64, Error> {
    let trained = model.description.divisor;
    match asked {
        Some(Scale::By(divisor)) => Ok(divisor),
        Some(Scale::Auto) => Err(Error::Usage(
            "--scale auto: the model knows what it was trained with; leave --scale out, or give a number"
                .to_owned(),
        )),
        None => {
            let most = data.data.features.max().double_value(&[]);
            let scaled_before = trained > 1.0 && most <= 1.0;
            say(&format!(
                "values are divided by {trained}, as in training{}",
                if scaled_before {
                    ", though none of them is above 1: if that was done before, add --scale 1"
                } else {
                    ""
                }
            ));
            Ok(trained)
        }
    }
}

/// One line for each row, as CSV; `files` are the rows' names where they have some.
fn table(
    prediction: &Prediction,
    files: Option<&[PathBuf]>,
    columns: u32,
) -> Result<Vec<u8>, std::io::Error> {
    let latent = prediction.codes.size()[1] as usize;
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut head = vec!["row".to_owned()];
    head.extend(files.map(|_| "file".to_owned()));
    head.extend(["unit", "map_row", "map_column", "cluster", "distance"].map(str::to_owned));
    head.extend((0..latent).map(|number| format!("code_{number}")));
    writer.write_record(&head)?;
    let codes = slice(&prediction.codes).chunks_exact(latent);
    let rows = prediction
        .units
        .iter()
        .zip(&prediction.distances)
        .zip(codes);
    for (row, ((unit, distance), code)) in rows.enumerate() {
        let clusters = prediction.clusters.as_ref();
        let cluster = clusters.map_or(String::new(), |clusters| clusters[row].to_string());
        let (map_row, map_column) = (unit / columns, unit % columns);
        writer.write_field(row.to_string())?;
        if let Some(files) = files {
            writer.write_field(files[row].to_string_lossy().as_ref())?;
        }
        for number in [*unit, map_row, map_column] {
            writer.write_field(number.to_string())?;
        }
        writer.write_field(cluster)?;
        writer.write_field(distance.to_string())?;
        writer.write_record(code.iter().map(ToString::to_string))?;
    }
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}

fn as_json(
    model: &Model,
    prediction: &Prediction,
    files: Option<&[PathBuf]>,
    divisor: f64,
) -> Value {
    let latent = prediction.codes.size()[1] as usize;
    let codes: Vec<&[f32]> = slice(&prediction.codes).chunks_exact(latent).collect();
    let mut value = json!({
        "model": model.description,
        "divisor": divisor,
        "units": prediction.units,
        "distances": prediction.distances,
        "clusters": prediction.clusters,
        "codes": codes,
    });
    if let Some(files) = files {
        let names = files.iter().map(|file| file.to_string_lossy());
        value["files"] = names.collect();
    }
    value
}

/// The model that a stored run has left.
fn of_run(key: &str, store: &Store) -> Result<Model, Error> {
    let record = audit::read(&rerun::find(key, store)?)?;
    let path = store.weights(&record.key);
    store.check_weights(&record)?;
    let stored = checkpoint::load(&path)?;
    let (weights, _) = stored.ok_or_else(|| {
        Error::Usage(format!(
            "the run {} has no weights here: it diverged, its method keeps none, or its record was exported without",
            record.key
        ))
    })?;
    let settings = settings_of(&record)?;
    let identity = &record.identity;
    let entry = data::catalogue()?.entry(&identity.data)?;
    let description = Description {
        schema: Description::schema(),
        iteration: settings.iterations(),
        dims: entry.dims() as i64,
        divisor: f64::from(entry.divisor),
        image: entry.image.map(|(height, width)| Image {
            height,
            width,
            channels: 1,
        }),
        data: identity.data.clone(),
        data_sha256: identity.data_sha256.clone(),
        seed: identity.seed,
        program: record.provenance.program.clone(),
        torch: None,
        settings,
    };
    let classes = Some(entry.classes);
    let prototypes = weights
        .get("som.prototypes")
        .ok_or_else(|| runs::Error::Tensors {
            path: path.clone(),
            reason: "there is no tensor som.prototypes".to_owned(),
        })?;
    let groups = description.settings.post_clusters();
    let centres = solo::centres(prototypes, None, classes, groups, identity.seed)?;
    Ok(Model::of_run(&path, description, &weights, centres)?)
}

fn settings_of(record: &Record) -> Result<ModelSettings, Error> {
    let value = &record.identity.settings;
    match record.identity.method.as_str() {
        "desom" => Ok(ModelSettings::Desom(
            crate::replications::desom::Settings::read(value)?,
        )),
        "kerasom" => Ok(ModelSettings::Som(crate::baselines::KerasomSettings::read(
            value,
        )?)),
        other => Err(Error::Usage(format!(
            "the run {} is of the method {other}; runs of desom and kerasom can be applied to new data",
            record.key
        ))),
    }
}
