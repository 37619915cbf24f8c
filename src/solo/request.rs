//! What a user asks for when training one model.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tch::Device;

use super::{Error, Prepared};
use crate::baselines::kerasom::KerasomSettings;
use crate::evaluation::PostClusters;
use crate::nn::{Architecture, Layout, Precision};
use crate::random::Seed;
use crate::replications::desom;
use crate::som::{Grid, MapDistance, Neighbourhood, Temperature};

/// A model and all its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", content = "settings", rename_all = "kebab-case")]
pub enum ModelSettings {
    /// Autoencoder and map, trained together (DESOM and `ConvDESOM`).
    Desom(desom::Settings),
    /// The map alone, on the data.
    Som(KerasomSettings),
}

impl ModelSettings {
    /// `desom`, `convdesom` or `som`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Desom(settings) => match settings.architecture {
                Architecture::Dense => "desom",
                Architecture::Convolutional => "convdesom",
            },
            Self::Som(_) => "som",
        }
    }

    /// As the model is called in titles.
    #[must_use]
    pub fn title(&self) -> &'static str {
        match self.name() {
            "desom" => "DESOM",
            "convdesom" => "ConvDESOM",
            _ => "SOM",
        }
    }

    /// Rows and columns of the map.
    #[must_use]
    pub fn map(&self) -> Grid {
        match self {
            Self::Desom(settings) => settings.map,
            Self::Som(settings) => settings.map,
        }
    }

    /// Groups of the prototypes, where there are classes.
    #[must_use]
    pub fn post_clusters(&self) -> PostClusters {
        match self {
            Self::Desom(settings) => settings.post_clusters,
            Self::Som(settings) => settings.post_clusters,
        }
    }

    /// Optimisation steps.
    #[must_use]
    pub fn iterations(&self) -> u64 {
        match self {
            Self::Desom(settings) => settings.iterations,
            Self::Som(settings) => settings.iterations,
        }
    }

    pub(super) fn batch(&self) -> i64 {
        match self {
            Self::Desom(settings) => settings.batch,
            Self::Som(settings) => settings.batch,
        }
    }

    pub(super) fn temperature(&self, iteration: u64) -> f64 {
        let temperature: &Temperature = match self {
            Self::Desom(settings) => &settings.temperature,
            Self::Som(settings) => &settings.temperature,
        };
        temperature.at(iteration, self.iterations())
    }

    pub(super) fn neighbourhood(&self) -> (Neighbourhood, MapDistance) {
        match self {
            Self::Desom(settings) => (settings.neighbourhood, settings.map_distance),
            Self::Som(settings) => (settings.neighbourhood, settings.map_distance),
        }
    }

    /// The weight of the SOM loss beside a reconstruction loss averaged over `dims` features.
    pub(super) fn gamma(&self, dims: i64) -> f64 {
        match self {
            Self::Desom(settings) => settings.effective_gamma(dims),
            Self::Som(_) => 1.0,
        }
    }

    /// Passes over `rows` rows in so many iterations.
    pub(super) fn steps_per_pass(&self, rows: i64) -> u64 {
        let batch = self.batch().min(rows).max(1);
        (rows as u64).div_ceil(batch as u64)
    }
}

/// One training: everything that its result depends on, and where it goes.
#[derive(Debug, Clone)]
pub struct Request {
    /// The model and its training.
    pub settings: ModelSettings,
    /// The seed.
    pub seed: Seed,
    /// Only so many rows, the first ones, are trained on; the others are looked at beside it.
    pub training_rows: Option<i64>,
    /// A file with weights of an autoencoder to begin with.
    pub autoencoder: Option<PathBuf>,
    /// Groups of the prototypes; as many as classes if nobody has said.
    pub clusters: Option<usize>,
    /// Iterations between two rows of the log; not 0.
    pub eval_interval: u64,
    /// Passes over the data between two kept states of the weights; 0 for none.
    pub save_epochs: u64,
    /// Where everything is written.
    pub folder: PathBuf,
    /// Whether another training there may be done away with.
    pub overwrite: bool,
    /// Where to compute.
    pub device: Device,
    /// How accurate the products of training are.
    pub precision: Precision,
    /// Between two checkpoints.
    pub checkpoint_interval: Duration,
}

impl Request {
    /// Whether the model can be trained on rows of `dims` features, on this device and with this
    /// precision.
    ///
    /// # Errors
    /// [`Error::Request`] if not.
    pub(super) fn check(&self, dims: i64) -> Result<(), Error> {
        let ModelSettings::Desom(settings) = &self.settings else {
            return Ok(());
        };
        let network = settings.shape().network(dims, &mut Layout::default());
        let checked = network.and_then(|network| network.check(self.precision, self.device));
        checked.map_err(Error::Request)
    }

    /// What `training.json` says: two trainings of the same text are the same. `autoencoder` is the
    /// SHA-256 of the weights begun with.
    #[must_use]
    pub fn identity(&self, data: &Prepared, autoencoder: Option<&str>) -> Value {
        let mut identity = json!({
            "schema": "replicate-training/1",
            "model": self.settings,
            "data": { "id": data.id, "sha256": data.sha256, "divisor": data.divisor },
            "seed": self.seed,
            "precision": self.precision,
            "training_rows": self.training_rows,
            "autoencoder": autoencoder,
            "clusters": self.clusters,
            "eval_interval": self.eval_interval,
            "save_epochs": self.save_epochs,
        });
        // Said only where it is so: trainings from before there was a choice go on.
        if data.shuffled {
            identity["data"]["shuffled"] = true.into();
        }
        identity
    }
}
