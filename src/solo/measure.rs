//! What a row of the log holds: losses, and the quality of the map on one batch.

use std::num::NonZeroUsize;

use tch::{Kind, Tensor};

use super::request::ModelSettings;
use super::trainee::Trainee;
use crate::distances::Sampling;
use crate::metrics::{self, ClusterScores};
use crate::som::quality::{MapView, combined_error, quantization_error, topographic_error};
use crate::som::{SomLoss, nearest};

/// The names of a row's values and the values, NaN where undefined.
pub type Row = Vec<(String, f64)>;

/// A batch of data, with the classes of its rows where they are known.
pub struct Batch<'a> {
    /// `[rows, D]`
    pub rows: Tensor,
    /// One for each row.
    pub classes: Option<&'a [u8]>,
}

/// The loss of a step, as the optimiser saw it.
pub fn losses(trainee: &Trainee, settings: &ModelSettings, dims: i64, iteration: u64) -> Row {
    use crate::train::Trainable as _;
    let all = trainee.losses();
    let loss = |wanted: &str| {
        let found = all.iter().find(|(name, _)| *name == wanted);
        found.and_then(|(_, values)| values.first().copied())
    };
    let (reconstruction, som) = (loss("reconstruction"), loss("som").unwrap_or(f64::NAN));
    let whole = reconstruction.unwrap_or(0.0) + settings.gamma(dims) * som;
    let mut row = named("", &[("T", settings.temperature(iteration)), ("L", whole)]);
    if let Some(reconstruction) = reconstruction {
        row.push(("Lr".to_owned(), reconstruction));
    }
    row.push(("Lsom".to_owned(), som));
    row
}

/// The same losses on rows that are not trained on, at the present weights.
pub fn held_out_losses(
    trainee: &Trainee,
    settings: &ModelSettings,
    batch: &Batch,
    iteration: u64,
) -> Row {
    let (codes, reconstruction) = trainee.encode_all(&batch.rows);
    let (neighbourhood, distance) = settings.neighbourhood();
    let units = settings.map().units() as i64;
    let squared = Tensor::from_slice(&settings.map().squared_distances(distance));
    let squared = squared.view([units, units]).to_device(codes.device());
    let weights = neighbourhood.weights(&squared, settings.temperature(iteration));
    let prototypes = trainee.prototypes();
    let [codes, prototypes] = [&codes, &prototypes].map(|tensor| tensor.contiguous().unsqueeze(0));
    let term = SomLoss::new(&[0.0], codes.device());
    // The gradients are of no interest here.
    let (delta, gradient) = (codes.zeros_like(), prototypes.zeros_like());
    let som = term.loss_and_gradients(&codes, &prototypes, &weights, &delta, &gradient);
    let som = som.double_value(&[0]);
    let whole = reconstruction.unwrap_or(0.0) + settings.gamma(batch.rows.size()[1]) * som;
    let mut row = named("", &[("L", whole)]);
    row.extend(reconstruction.map(|value| ("Lr".to_owned(), value)));
    row.push(("Lsom".to_owned(), som));
    row
}

/// Quality of the map on a batch, in the space of the data (with decoded prototypes) and, where there
/// is an autoencoder, in that of the codes (`latent_..`); agreement of the best matching units with
/// the classes.
pub fn quality(trainee: &Trainee, settings: &ModelSettings, batch: &Batch) -> Row {
    let codes = trainee.encode(&batch.rows);
    let prototypes = trainee.prototypes();
    let units = nearest(&codes, &prototypes);
    let mut row = Row::new();
    let decoded = trainee.decoded_prototypes();
    row.extend(map_errors("", settings, &batch.rows, &decoded, &units));
    let scores = metrics::evaluate_labels(&units, batch.classes);
    row.extend(agreement(scores.ok().flatten()));
    if let Trainee::Desom(_) = trainee {
        row.extend(map_errors("latent_", settings, &codes, &prototypes, &units));
    }
    row
}

fn agreement(scores: Option<ClusterScores>) -> Row {
    let of = |value: fn(&ClusterScores) -> f64| scores.as_ref().map_or(f64::NAN, value);
    named(
        "",
        &[
            ("purity", of(|scores| scores.purity)),
            ("nmi_geometric", of(|scores| scores.nmi_geometric)),
            ("nmi_arithmetic", of(|scores| scores.nmi_arithmetic)),
            ("ari", of(|scores| scores.ari)),
        ],
    )
}

/// Errors of a map in one space; `units` are the labels that the silhouette is of.
fn map_errors(
    prefix: &str,
    settings: &ModelSettings,
    data: &Tensor,
    prototypes: &Tensor,
    units: &[u32],
) -> Row {
    let [data, prototypes] = [data, prototypes].map(|tensor| {
        let tensor = tensor.to_device(tch::Device::Cpu).to_kind(Kind::Float);
        tensor.contiguous()
    });
    // A training that has gone astray has no map to measure: undefined, as its losses will be.
    let view = MapView::of_tensors(&data, &prototypes, settings.map(), threads()).ok();
    let of = |value: fn(&MapView) -> f64| view.as_ref().map_or(f64::NAN, value);
    let columns = data.size()[1] as usize;
    let values = crate::nn::slices::slice(&data);
    let silhouette = view.as_ref().and_then(|_| {
        let sampling = Sampling::default();
        metrics::silhouette(values, columns, units, &sampling, threads())
            .ok()
            .and_then(|estimate| estimate.value)
    });
    named(
        prefix,
        &[
            ("quantization_error", of(quantization_error)),
            ("topographic_error", of(topographic_error)),
            ("combined_error", of(combined_error)),
            ("silhouette", silhouette.unwrap_or(f64::NAN)),
        ],
    )
}

fn threads() -> NonZeroUsize {
    NonZeroUsize::new(tch::get_num_threads().max(1) as usize).unwrap_or(NonZeroUsize::MIN)
}

fn named(prefix: &str, values: &[(&str, f64)]) -> Row {
    let values = values.iter();
    values
        .map(|(name, value)| (format!("{prefix}{name}"), *value))
        .collect()
}
