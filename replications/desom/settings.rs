//! What can be set in a DESOM, with the values of the paper.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::evaluation::PostClusters;
use crate::nn::adam::AdamOptions;
use crate::nn::{Architecture, Shape};
use crate::pretraining::AutoencoderSettings;
use crate::random::Seed;
use crate::som::{Decay, Grid, Horizon, MapDistance, Neighbourhood, Temperature};
use crate::train::batches::Order;
use crate::train::{Error, settings};

/// What gamma multiplies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GammaScale {
    /// The SOM loss beside a reconstruction loss averaged over the features, as in the authors'
    /// code. All published results are on this scale.
    Mean,
    /// The SOM loss beside a reconstruction loss summed over the features, as the paper's equation
    /// has it: gamma counts for `gamma / D` on the other scale.
    Sum,
}

/// Training of the autoencoder alone before the joint one, end to end: 200 epochs in the paper's
/// ablation. Batch size and optimiser are those of the joint training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pretraining {
    /// Passes over the data.
    pub epochs: u64,
    /// The seed that the autoencoder is trained from, the same for all runs; each run's own if nothing is
    /// said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<Seed>,
}

/// Where the prototypes start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrototypeStart {
    /// The codes of distinct random rows.
    #[default]
    Sample,
    /// A classic online SOM trained from there on all codes, row after row, once; an option of later
    /// versions of the authors' code. Runs of `som` were computed one sample after another, which rounds
    /// otherwise: they have other keys.
    #[serde(rename = "som-in-blocks", alias = "som")]
    Som,
    /// Glorot-uniform values, as the weights of a layer, wherever the codes are: the main program of the
    /// authors' code of 2019 left them so, its benchmark script did not.
    Glorot,
}

impl PrototypeStart {
    // The signature is serde's.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// In which order the rows come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchOrder {
    /// That of the file, the same in every epoch, as in the authors' code.
    #[default]
    File,
    /// Another one in every epoch, from the seed's stream `"batch order p"` for epoch `p`. The paper
    /// does not say.
    Shuffled,
}

impl From<BatchOrder> for Order {
    fn from(order: BatchOrder) -> Self {
        match order {
            BatchOrder::File => Self::File,
            BatchOrder::Shuffled => Self::Shuffled,
        }
    }
}

impl BatchOrder {
    /// Where the orders of shuffled epochs come from: see [`Batches`](crate::train::batches::Batches).
    pub(crate) const PURPOSE: &str = "batch order";

    // The signature is serde's.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

fn one() -> u64 {
    1
}

// The signature is serde's.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_one(number: &u64) -> bool {
    *number == 1
}

/// All settings of a DESOM run. Those that came later are left out of the JSON where they have their
/// first value, so that the keys of older runs stay what they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Dense or convolutional.
    #[serde(default, skip_serializing_if = "Architecture::is_default")]
    pub architecture: Architecture,
    /// Batch normalisation after each hidden activation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub batch_norm: bool,
    /// Widths of the encoder's hidden layers, or filters of its three convolutions; the decoder
    /// mirrors them.
    pub hidden: Vec<i64>,
    /// Latent features.
    pub latent: i64,
    /// Rows and columns of the map.
    pub map: Grid,
    /// Weight of the SOM loss.
    pub gamma: f64,
    /// What it multiplies.
    pub gamma_scale: GammaScale,
    /// Rows of a batch; the last one of an epoch may be shorter.
    pub batch: i64,
    /// Optimisation steps.
    pub iterations: u64,
    /// The neighbourhood's radius over training.
    pub temperature: Temperature,
    /// The neighbourhood function.
    pub neighbourhood: Neighbourhood,
    /// How distances on the map are counted.
    pub map_distance: MapDistance,
    /// The optimiser.
    pub adam: AdamOptions,
    /// Clusters of the prototypes.
    pub post_clusters: PostClusters,
    /// Training of the autoencoder before; none for the main results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretraining: Option<Pretraining>,
    /// Where the prototypes start.
    #[serde(default, skip_serializing_if = "PrototypeStart::is_default")]
    pub prototype_start: PrototypeStart,
    /// The SOM's term is there in every so many-th step, from the first on. In between its neighbourhood
    /// is 0: only the reconstruction has a gradient, and Adam moves the prototypes on by their momentum.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub update_interval: u64,
    /// Only so many rows, the first ones, are trained on; metrics are then of these, and `validation.*`
    /// of the others. All rows if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training_rows: Option<i64>,
    /// In which order the rows come.
    #[serde(default, skip_serializing_if = "BatchOrder::is_default")]
    pub batch_order: BatchOrder,
}

impl Settings {
    /// The paper's settings for MNIST (section 3 of the ESANN paper and the authors' code).
    #[must_use]
    pub fn paper() -> Self {
        Self {
            architecture: Architecture::Dense,
            batch_norm: false,
            hidden: vec![500, 500, 2000],
            latent: 10,
            map: Grid {
                rows: 8,
                columns: 8,
            },
            gamma: 0.001,
            gamma_scale: GammaScale::Mean,
            batch: 256,
            iterations: 10_000,
            temperature: Temperature {
                start: 10.0,
                end: 0.1,
                decay: Decay::Exponential,
                horizon: Horizon::LastIteration,
            },
            neighbourhood: Neighbourhood::Gaussian,
            map_distance: MapDistance::Manhattan,
            adam: AdamOptions::keras(),
            post_clusters: PostClusters::Classes,
            pretraining: None,
            prototype_start: PrototypeStart::Sample,
            update_interval: 1,
            training_rows: None,
            batch_order: BatchOrder::File,
        }
    }

    /// The settings of `ConvDESOM` in the authors' code; everything else is as in [`Self::paper`].
    #[must_use]
    pub fn convolutional() -> Self {
        Self {
            architecture: Architecture::Convolutional,
            hidden: vec![32, 64, 64],
            ..Self::paper()
        }
    }

    /// The pretrained autoencoder that a run begins with, if it does.
    #[must_use]
    pub fn autoencoder(&self) -> Option<AutoencoderSettings> {
        self.pretraining.map(|pretraining| AutoencoderSettings {
            architecture: self.architecture,
            batch_norm: self.batch_norm,
            hidden: self.hidden.clone(),
            latent: self.latent,
            batch: self.batch,
            epochs: pretraining.epochs,
            adam: self.adam,
            rows: self.training_rows,
            seed: pretraining.seed,
        })
    }

    /// Reads and checks settings.
    ///
    /// # Errors
    /// If a field is missing, unknown or makes no sense; the message names it.
    pub fn read(value: &Value) -> Result<Self, Error> {
        let settings: Self = settings::read("DESOM", value)?;
        settings.check().map_err(Error::Settings)?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), String> {
        let widths = self.hidden.iter().chain([&self.latent, &self.batch]);
        if widths.copied().any(|width| width < 1) {
            return Err("layer widths and the batch size must be at least 1".to_owned());
        }
        if self.architecture == Architecture::Convolutional && self.hidden.len() != 3 {
            return Err(format!(
                "the convolutional architecture has three numbers of filters, e.g. 32, 64, 64, not {:?}",
                self.hidden
            ));
        }
        if self.map.units() == 0 {
            return Err("the map has no units: both sides must be at least 1".to_owned());
        }
        // Beyond a 32-bit float it would be infinite where it is used.
        if !(0.0..=f64::from(f32::MAX)).contains(&self.gamma) {
            return Err(format!(
                "gamma must be 0 or a positive number of at most 3.4e38, not {:e}",
                self.gamma
            ));
        }
        if self.iterations == 0 {
            return Err("at least one iteration is needed".to_owned());
        }
        if self.update_interval == 0 {
            return Err("the update interval must be at least 1, which is every step".to_owned());
        }
        if self
            .pretraining
            .is_some_and(|pretraining| pretraining.epochs == 0)
        {
            return Err(
                "pretraining needs at least one epoch; leave it out to have none".to_owned(),
            );
        }
        if self.training_rows.is_some_and(|rows| rows < 1) {
            return Err("at least one row must be trained on".to_owned());
        }
        self.temperature.check()?;
        self.adam.check()
    }

    /// The settings as a run's identity holds them.
    #[must_use]
    pub fn to_value(&self) -> Value {
        // A plain struct of numbers and names always has a JSON form.
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// What the autoencoder is built from.
    #[must_use]
    pub fn shape(&self) -> Shape<'_> {
        Shape {
            architecture: self.architecture,
            batch_norm: self.batch_norm,
            hidden: &self.hidden,
            latent: self.latent,
        }
    }

    /// The encoder's widths for data of `dims` features.
    #[must_use]
    pub fn widths(&self, dims: i64) -> Vec<i64> {
        let hidden = self.hidden.iter().copied();
        std::iter::once(dims)
            .chain(hidden)
            .chain([self.latent])
            .collect()
    }

    /// Gamma on the scale of a reconstruction loss averaged over `dims` features.
    #[must_use]
    pub fn effective_gamma(&self, dims: i64) -> f64 {
        match self.gamma_scale {
            GammaScale::Mean => self.gamma,
            GammaScale::Sum => self.gamma / dims as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn settings_survive_their_json_form() {
        let settings = Settings::paper();
        assert_eq!(Settings::read(&settings.to_value()).unwrap(), settings);
    }

    #[test]
    fn later_settings_leave_the_keys_of_older_runs_alone() {
        let value = Settings::paper().to_value();
        let fields = value.as_object().unwrap();
        for later in [
            "architecture",
            "batch_norm",
            "pretraining",
            "prototype_start",
            "update_interval",
            "training_rows",
            "batch_order",
        ] {
            assert!(!fields.contains_key(later), "{later}");
        }
        let changes: [fn(&mut Settings); 8] = [
            |s| {
                s.architecture = Architecture::Convolutional;
                s.hidden = vec![32, 64, 64];
            },
            |s| s.batch_norm = true,
            |s| {
                s.pretraining = Some(Pretraining {
                    epochs: 200,
                    seed: None,
                });
            },
            |s| s.prototype_start = PrototypeStart::Som,
            |s| s.prototype_start = PrototypeStart::Glorot,
            |s| s.update_interval = 10,
            |s| s.training_rows = Some(60_000),
            |s| s.batch_order = BatchOrder::Shuffled,
        ];
        for change in changes {
            let mut settings = Settings::paper();
            change(&mut settings);
            assert_ne!(settings.to_value(), value);
            assert_eq!(Settings::read(&settings.to_value()).unwrap(), settings);
        }
    }

    #[test]
    fn senseless_settings_are_named() {
        let wrong = |change: fn(&mut Settings)| {
            let mut settings = Settings::paper();
            change(&mut settings);
            Settings::read(&settings.to_value())
                .unwrap_err()
                .to_string()
        };
        assert!(wrong(|s| s.gamma = -1.0).contains("gamma"));
        assert!(wrong(|s| s.map.rows = 0).contains("map"));
        assert!(wrong(|s| s.batch = 0).contains("batch"));
        assert!(wrong(|s| s.iterations = 0).contains("iteration"));
        assert!(wrong(|s| s.update_interval = 0).contains("update interval"));
        assert!(wrong(|s| s.training_rows = Some(0)).contains("row"));
        let none = |s: &mut Settings| {
            s.pretraining = Some(Pretraining {
                epochs: 0,
                seed: None,
            });
        };
        assert!(wrong(none).contains("epoch"));
        assert!(wrong(|s| s.temperature.end = 0.0).contains("temperature"));
        assert!(wrong(|s| s.gamma = 1e300).contains("gamma must be 0 or"));
        assert!(wrong(|s| s.adam.learning_rate = -0.1).contains("learning rate"));
        assert!(wrong(|s| s.adam.epsilon = 0.0).contains("epsilon"));
        assert!(wrong(|s| s.adam.beta1 = 1.0).contains("beta1"));
        assert!(wrong(|s| s.adam.beta2 = -0.5).contains("beta2"));
        let mut value = Settings::paper().to_value();
        value["gama"] = 1.into();
        assert!(
            Settings::read(&value)
                .unwrap_err()
                .to_string()
                .contains("gama")
        );
    }

    #[test]
    fn numbers_that_are_none_are_refused_by_name() {
        type Change = fn(&mut Settings, f64);
        let changes: [(&str, Change); 7] = [
            ("gamma", |s, x| s.gamma = x),
            ("temperature.start", |s, x| s.temperature.start = x),
            ("temperature.end", |s, x| s.temperature.end = x),
            ("adam.learning_rate", |s, x| s.adam.learning_rate = x),
            ("adam.beta1", |s, x| s.adam.beta1 = x),
            ("adam.beta2", |s, x| s.adam.beta2 = x),
            ("adam.epsilon", |s, x| s.adam.epsilon = x),
        ];
        for (name, change) in changes {
            for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let mut settings = Settings::paper();
                change(&mut settings, number);
                let error = Settings::read(&settings.to_value()).unwrap_err();
                let message = error.to_string();
                assert!(
                    message.contains(&format!("{name}: must be a finite")),
                    "{message}"
                );
            }
        }
    }

    #[test]
    fn the_sum_scale_divides_gamma_by_the_features() {
        let mut settings = Settings::paper();
        settings.gamma = 0.784;
        settings.gamma_scale = GammaScale::Sum;
        assert!((settings.effective_gamma(784) - 0.001).abs() < 1e-12);
    }
}
