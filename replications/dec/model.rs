//! An autoencoder with centroids among its codes.

use tch::{Device, Tensor};

use crate::nn::{Autoencoder, Layout, Parameters, Segment, Slot};

/// Rows that are encoded at once: bounds the memory.
const CHUNK: i64 = 4096;

/// A cohort of models; most are of one.
#[derive(Debug)]
pub(super) struct Model {
    pub network: Autoencoder,
    pub parameters: Parameters,
    centroids: Slot,
    /// The centroids' place.
    pub map: Segment,
}

impl Model {
    /// All zeros, for so many models.
    pub(super) fn zeros(widths: &[i64], clusters: usize, models: usize, device: Device) -> Self {
        let mut layout = Layout::default();
        let network = Autoencoder::new(widths, &mut layout);
        let map = layout.segment();
        let latent = widths.last().copied().unwrap_or(1);
        let centroids = layout.add("dec.centroids", &[clusters as i64, latent]);
        Self {
            network,
            parameters: Parameters::zeros(layout, models as i64, device),
            centroids,
            map,
        }
    }

    /// A cohort of models of this shape: copies of those with these numbers in theirs.
    pub(super) fn cohort(&self, chosen: &[(&Self, i64)]) -> Self {
        let (layout, device) = (
            self.parameters.layout().clone(),
            self.parameters.values.device(),
        );
        let parameters = Parameters::zeros(layout, chosen.len() as i64, device);
        for (index, (from, model)) in (0..).zip(chosen) {
            let floats = from.parameters.model_of(&from.parameters.values, *model);
            parameters.set_model_of(&parameters.values, index, &floats);
        }
        Self {
            network: self.network.clone(),
            parameters,
            centroids: self.centroids,
            map: self.map,
        }
    }

    /// A copy of one of the models.
    pub(super) fn alone(&self, model: i64) -> Self {
        self.cohort(&[(self, model)])
    }

    /// The centroids of the first model, `[clusters, latent]`; writing to them changes it.
    pub(super) fn centroids(&self) -> Tensor {
        self.all_centroids().get(0)
    }

    /// The centroids of each model, `[models, clusters, latent]`; writing to them changes it.
    pub(super) fn all_centroids(&self) -> Tensor {
        self.parameters.value(self.centroids)
    }

    /// Codes of all rows of the first model, `[rows, latent]`.
    pub(super) fn encode(&self, features: &Tensor) -> Tensor {
        self.encode_to(self.network.depth(), 0, features)
    }

    /// What enters encoder layer `depth` of one model, for all rows.
    pub(super) fn encode_to(&self, depth: usize, model: i64, features: &Tensor) -> Tensor {
        let chunks = features.split(CHUNK, 0);
        let codes = chunks
            .iter()
            .map(|rows| self.network.encode_to(depth, &self.parameters, model, rows));
        Tensor::cat(&codes.collect::<Vec<_>>(), 0)
    }
}

/// Tensors of each model as those of a cohort, `[models, ..]`; without a copy for one.
pub(super) fn stack_models(each: &[Tensor]) -> Tensor {
    match each {
        [one] => one.unsqueeze(0),
        all => Tensor::stack(all, 0),
    }
}
