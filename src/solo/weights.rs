//! A trained model as a file: all that is needed to use it, under PyTorch's names.
//!
//! The file is in the safetensors format. Tensors are those of `Graph::to_torch`, `som.prototypes`
//! `[units, latent]` and, where the prototypes were grouped, `clusters.centres` `[groups, latent]`. The
//! header's metadata hold a [`Description`] as JSON under `replicate`.

use std::collections::HashMap;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use super::Error;
use super::request::ModelSettings;
use super::source::Image;
use super::trainee::Trainee;
use crate::evaluation::CLASS_COUNTS;
use crate::files::write_whole;
use crate::nn::slices::{on_cpu, slice};
use crate::nn::{Architecture, Graph, Layout, Parameters, state};
use crate::random::Seed;
use crate::runs::checkpoint::{self, Named};

/// The metadata's field that holds the description.
const FIELD: &str = "replicate";
/// The format's name and version.
const SCHEMA: &str = "replicate-model/1";
const PROTOTYPES: &str = "som.prototypes";
const CENTRES: &str = "clusters.centres";
/// Wider layers and rows are damage: their products must be countable.
const WIDEST: i64 = 1 << 24;

/// What a model is, where it comes from, and what it expects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Version of this format.
    pub schema: String,
    /// The model and its training.
    #[serde(flatten)]
    pub settings: ModelSettings,
    /// Values of a row.
    pub dims: i64,
    /// What stored values are divided by before they are encoded.
    pub divisor: f64,
    /// Where a row is an image.
    pub image: Option<Image>,
    /// The data set trained on: its id, or a file's name.
    pub data: String,
    /// Its SHA-256.
    pub data_sha256: String,
    /// The seed.
    pub seed: Seed,
    /// Iterations trained.
    pub iteration: u64,
    /// Version of this program.
    pub program: String,
    /// The Python expression that makes the autoencoder with PyTorch's `nn`; set when saving.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub torch: Option<String>,
}

impl Description {
    /// The format's name, for [`Description::schema`].
    #[must_use]
    pub fn schema() -> String {
        SCHEMA.to_owned()
    }
}

/// A model that can be applied, on the CPU.
#[derive(Debug)]
pub struct Model {
    /// What it is.
    pub description: Description,
    /// The autoencoder; none where the map is on the data.
    network: Option<(Graph, Parameters)>,
    /// `[units, latent]`
    pub prototypes: Tensor,
    /// Centres of the groups of prototypes, `[groups, latent]`.
    pub centres: Option<Tensor>,
}

impl Model {
    /// The model that is being trained, as it is now.
    ///
    /// # Errors
    /// If the settings do not fit the data.
    pub(super) fn of(
        trainee: &Trainee,
        description: Description,
        centres: Option<&Tensor>,
    ) -> Result<Self, Error> {
        let mut network = empty(&description)?;
        if let (Trainee::Desom(cohort), Some((_, parameters))) = (trainee, &mut network) {
            let weights = state::weights(cohort.parameters(), 0);
            let own = weights.iter().filter(|(name, _)| name != PROTOTYPES);
            state::set_weights(parameters, 0, own.map(|(name, value)| (name, value)))
                .map_err(crate::train::Error::Settings)?;
        }
        Ok(Self {
            description,
            network,
            prototypes: on_cpu(&trainee.prototypes()),
            centres: centres.map(on_cpu),
        })
    }

    /// The model that a stored run has left, from its weights by our own names.
    ///
    /// # Errors
    /// [`Error::Weights`] if they do not fit the description.
    pub fn of_run(
        path: &Path,
        description: Description,
        weights: &Named,
        centres: Option<Tensor>,
    ) -> Result<Self, Error> {
        let network = empty(&description)?;
        let fail = |reason: String| Error::Weights {
            path: path.to_owned(),
            reason,
        };
        if let Some((_, parameters)) = &network {
            let others = [PROTOTYPES, CLASS_COUNTS];
            let own = weights
                .iter()
                .filter(|(name, _)| !others.contains(&name.as_str()));
            state::set_weights(parameters, 0, own).map_err(fail)?;
        }
        let prototypes = tensor(weights, PROTOTYPES, &description).map_err(fail)?;
        Ok(Self {
            description,
            network,
            prototypes,
            centres,
        })
    }

    /// Writes the file.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let mut tensors = Vec::new();
        if let Some((graph, parameters)) = &self.network {
            tensors = graph.to_torch(parameters, 0);
        }
        tensors.push((PROTOTYPES.to_owned(), self.prototypes.shallow_clone()));
        let centres = self.centres.as_ref();
        tensors.extend(centres.map(|centres| (CENTRES.to_owned(), centres.shallow_clone())));
        let bytes = self.encode(&tensors).map_err(|reason| Error::Weights {
            path: path.to_owned(),
            reason,
        })?;
        write_whole(path, &bytes).map_err(Error::io("write", path))
    }

    fn encode(&self, tensors: &[(String, Tensor)]) -> Result<Vec<u8>, String> {
        let values: Vec<(Vec<usize>, Vec<u8>)> = tensors
            .iter()
            .map(|(_, tensor)| {
                let shape = tensor.size().iter().map(|&size| size as usize).collect();
                let tensor = on_cpu(tensor);
                let bytes = slice(&tensor).iter().flat_map(|value| value.to_le_bytes());
                (shape, bytes.collect())
            })
            .collect();
        let mut views = Vec::new();
        for ((name, _), (shape, bytes)) in tensors.iter().zip(&values) {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
            views.push((name.as_str(), view.map_err(|error| error.to_string())?));
        }
        let network = self.network.as_ref();
        let description = Description {
            torch: network.map(|(graph, _)| graph.torch_expression()),
            ..self.description.clone()
        };
        let description = serde_json::to_string(&description).map_err(|error| error.to_string())?;
        // One field only: the crate writes several in any order, and the same model is to give the same
        // bytes.
        let metadata = HashMap::from([(FIELD.to_owned(), description)]);
        safetensors::serialize(views, Some(metadata)).map_err(|error| error.to_string())
    }

    /// Reads what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// [`Error::Weights`] if it is another kind of file, damaged, or its tensors are not those of its
    /// description; [`Error::Io`] if it cannot be read.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        let fail = |reason: String| Error::Weights {
            path: path.to_owned(),
            reason,
        };
        let header = SafeTensors::read_metadata(&bytes).map_err(|error| {
            fail(format!(
                "it is no safetensors file ({error}); give the model.safetensors of `replicate train`"
            ))
        })?;
        let fields = header.1.metadata().as_ref();
        let text = fields.and_then(|fields| fields.get(FIELD)).ok_or_else(|| {
            fail(
                "it is a safetensors file, but none of `replicate train`: it does not say which model \
                 it is of; the weights of stored runs are used with --run"
                    .to_owned(),
            )
        })?;
        let description: Description = serde_json::from_str(text)
            .map_err(|error| fail(format!("its description cannot be read: {error}")))?;
        if description.schema != SCHEMA {
            return Err(fail(format!(
                "it has format {}, this program reads {SCHEMA}",
                description.schema
            )));
        }
        let (tensors, _) = checkpoint::decode(path, &bytes)?;
        check(&description, bytes.len()).map_err(fail)?;
        let network = empty(&description)?;
        if let Some((graph, parameters)) = &network {
            graph.read_torch(parameters, 0, &tensors).map_err(fail)?;
        }
        let prototypes = tensor(&tensors, PROTOTYPES, &description).map_err(fail)?;
        let centres = tensors.get(CENTRES).map(on_cpu);
        let width = prototypes.size()[1];
        if let Some(centres) = &centres
            && (centres.size().len() != 2 || centres.size()[1] != width || centres.size()[0] < 1)
        {
            return Err(fail(format!(
                "{CENTRES} has the shape {:?}",
                centres.size()
            )));
        }
        Ok(Self {
            description,
            network,
            prototypes,
            centres,
        })
    }

    /// The autoencoder, where there is one.
    #[must_use]
    pub fn graph(&self) -> Option<&Graph> {
        self.network.as_ref().map(|(graph, _)| graph)
    }

    /// The autoencoder's weights by our own names; none where there is no autoencoder.
    #[must_use]
    pub fn weights(&self) -> Named {
        let weights = self.network.as_ref();
        let weights = weights.map(|(_, parameters)| state::weights(parameters, 0));
        weights.into_iter().flatten().collect()
    }

    /// Codes of scaled rows, `[rows, D]` to `[rows, latent]`.
    pub fn encode_rows(&self, rows: &Tensor) -> Tensor {
        match &self.network {
            Some((graph, parameters)) => graph.encode(parameters, 0, rows),
            None => rows.shallow_clone(),
        }
    }
}

/// The autoencoder that a description asks for, all zeros.
fn empty(description: &Description) -> Result<Option<(Graph, Parameters)>, Error> {
    let ModelSettings::Desom(settings) = &description.settings else {
        return Ok(None);
    };
    let mut layout = Layout::default();
    let graph = settings.shape().graph(description.dims, &mut layout);
    let graph = graph.map_err(crate::train::Error::Settings)?;
    let parameters = Parameters::zeros(layout, 1, Device::Cpu);
    Ok(Some((graph, parameters)))
}

/// Whether a description can be meant: sizes that can be counted, and a file as large as they are.
fn check(description: &Description, bytes: usize) -> Result<(), String> {
    let mut sizes = vec![description.dims];
    if let ModelSettings::Desom(settings) = &description.settings {
        sizes.extend(&settings.hidden);
        sizes.push(settings.latent);
    }
    let map = description.settings.map();
    sizes.extend([map.rows as i64, map.columns as i64]);
    if let Some(wrong) = sizes.iter().find(|size| !(1..=WIDEST).contains(*size)) {
        return Err(format!("its description has a size of {wrong}"));
    }
    if !(description.divisor.is_finite() && description.divisor > 0.0) {
        return Err(format!(
            "its description has the divisor {}",
            description.divisor
        ));
    }
    if let ModelSettings::Desom(settings) = &description.settings {
        let widths = settings.widths(description.dims);
        let largest = match settings.architecture {
            Architecture::Dense => widths.windows(2).map(|pair| pair[0] * pair[1]).max(),
            Architecture::Convolutional => settings
                .hidden
                .windows(2)
                .map(|pair| 9 * pair[0] * pair[1])
                .max(),
        };
        // Each of these floats is in the file.
        if largest.unwrap_or(0) > (bytes / size_of::<f32>()) as i64 {
            return Err("its description is of a larger model than its tensors are".to_owned());
        }
    }
    Ok(())
}

/// The prototypes among named tensors.
fn tensor(tensors: &Named, name: &str, description: &Description) -> Result<Tensor, String> {
    let found = tensors.get(name);
    let found = found.ok_or_else(|| format!("there is no tensor {name}"))?;
    let width = match &description.settings {
        ModelSettings::Desom(settings) => settings.latent,
        ModelSettings::Som(_) => description.dims,
    };
    let expected = [description.settings.map().units() as i64, width];
    if found.size() != expected {
        return Err(format!(
            "{name} has the shape {:?}, but the settings say {expected:?}",
            found.size()
        ));
    }
    Ok(on_cpu(found))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tch::Kind;

    use super::*;
    use crate::replications::desom::Settings;
    use crate::som::Grid;

    fn description() -> Description {
        let settings = Settings {
            hidden: vec![5],
            latent: 2,
            map: Grid {
                rows: 2,
                columns: 2,
            },
            ..Settings::paper()
        };
        Description {
            schema: Description::schema(),
            settings: ModelSettings::Desom(settings),
            dims: 3,
            divisor: 255.0,
            image: None,
            data: "own.csv".to_owned(),
            data_sha256: "ab".to_owned(),
            seed: Seed(4),
            iteration: 10,
            program: "1".to_owned(),
            torch: None,
        }
    }

    type Change = fn(&mut Description, &mut Settings);

    fn model(description: Description) -> Model {
        let network = empty(&description).unwrap();
        if let Some((_, parameters)) = &network {
            let _ = parameters.values.shallow_clone().uniform_(-1.0, 1.0);
        }
        Model {
            description,
            network,
            prototypes: Tensor::rand([4, 2], (Kind::Float, Device::Cpu)),
            centres: Some(Tensor::rand([3, 2], (Kind::Float, Device::Cpu))),
        }
    }

    #[test]
    fn a_model_is_saved_and_read_back_and_its_bytes_are_always_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let saved = model(description());
        saved.save(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let read = Model::load(&path).unwrap();
        assert!(
            read.description
                .torch
                .as_deref()
                .unwrap()
                .contains("nn.Linear(3, 5)")
        );
        let x = Tensor::rand([6, 3], (Kind::Float, Device::Cpu));
        assert_eq!(read.encode_rows(&x), saved.encode_rows(&x));
        assert_eq!(read.prototypes, saved.prototypes);
        assert_eq!(read.centres, saved.centres);
        read.save(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }

    #[test]
    fn descriptions_that_cannot_be_meant_are_refused_before_memory_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let good = model(description());
        let mut tensors = Vec::new();
        if let Some((graph, parameters)) = &good.network {
            tensors = graph.to_torch(parameters, 0);
        }
        tensors.push((PROTOTYPES.to_owned(), good.prototypes.shallow_clone()));
        let refusal = |change: Change| {
            let mut wrong = model(description());
            let ModelSettings::Desom(mut settings) = wrong.description.settings.clone() else {
                panic!("a DESOM");
            };
            change(&mut wrong.description, &mut settings);
            wrong.description.settings = ModelSettings::Desom(settings);
            std::fs::write(&path, wrong.encode(&tensors).unwrap()).unwrap();
            Model::load(&path).unwrap_err().to_string()
        };
        let cases: [(Change, &str); 7] = [
            (|d, _| d.dims = i64::MAX, "a size of"),
            (|_, s| s.hidden = vec![1 << 24, 1 << 24], "larger model"),
            (|_, s| s.hidden = vec![-1], "a size of -1"),
            (|_, s| s.hidden = vec![6], "encoder.0"),
            (|_, s| s.map.rows = 3, "som.prototypes"),
            (|d, _| d.divisor = 0.0, "divisor"),
            (|d, _| d.schema = "replicate-model/9".to_owned(), "format"),
        ];
        for (change, expected) in cases {
            let message = refusal(change);
            assert!(message.contains(expected), "{message}");
        }
    }
}
