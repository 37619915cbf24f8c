//! An autoencoder to begin with, from a file.

use std::fs;
use std::path::Path;

use super::Error;
use super::request::ModelSettings;
use super::weights::Model;
use crate::data::Digest;
use crate::nn::Layout;
use crate::runs::checkpoint::{self, Named};

/// Weights of an autoencoder to begin with, by our own names, and the file's SHA-256: a model of
/// [`train`], or an autoencoder that it or a stored run has left.
///
/// # Errors
/// If the file cannot be read, or holds no autoencoder of these settings.
pub fn begin_with(
    path: &Path,
    settings: &ModelSettings,
    dims: i64,
) -> Result<(String, Named), Error> {
    let fail = |reason: String| Error::Weights {
        path: path.to_owned(),
        reason,
    };
    let ModelSettings::Desom(settings) = settings else {
        return Err(Error::Request(
            "--ae-weights: the model som has no autoencoder".to_owned(),
        ));
    };
    if settings.pretraining.is_some() {
        return Err(Error::Request(
            "--ae-weights and --pretrain-epochs: give one of them, weights are trained already"
                .to_owned(),
        ));
    }
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    let hash = Digest::of(&bytes).to_string();
    let weights = if let Ok(model) = Model::load(path) {
        model.weights()
    } else {
        let (mut weights, _) = checkpoint::decode(path, &bytes)?;
        weights.remove("som.prototypes");
        weights
    };
    let mut layout = Layout::default();
    let graph = settings.shape().graph(dims, &mut layout);
    graph.map_err(Error::Request)?;
    let wanted: Vec<&str> = layout.slots().map(|(name, _)| name).collect();
    if let Some(missing) = wanted.iter().find(|name| !weights.contains_key(**name)) {
        return Err(fail(format!(
            "it has no {missing}, so it is no autoencoder of these settings (--latent-dim, --hidden, \
             --batchnorm)"
        )));
    }
    Ok((hash, weights))
}
