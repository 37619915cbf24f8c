//! An autoencoder with centroids among its codes, the rows it sees, and what moves its parameters.

use rand_chacha::ChaCha8Rng;
use tch::{Device, Tensor};

use super::settings::{Optimiser, Start};
use crate::nn::{Adam, Autoencoder, Layout, Parameters, Segment, Sgd, Slot};
use crate::random::{self, Seed};
use crate::runs::checkpoint::Named;
use crate::train::{Error, TrainingData};

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

/// The rows of one model, `[rows, D]`, out of those of all, or of each, `[models, rows, D]`.
pub(super) fn rows_of(features: &Tensor, model: i64) -> Tensor {
    if features.dim() == 3 {
        features.get(model)
    } else {
        features.shallow_clone()
    }
}

/// How many rows a model sees.
pub(super) fn count(features: &Tensor) -> i64 {
    features.size()[features.dim() - 2]
}

/// Tensors of each model as those of a cohort, `[models, ..]`; without a copy for one.
pub(super) fn together(each: &[Tensor]) -> Tensor {
    match each {
        [one] => one.unsqueeze(0),
        all => Tensor::stack(all, 0),
    }
}

/// An optimiser with its state.
#[derive(Debug)]
pub(super) enum Descender {
    Sgd(Sgd),
    Adam(Adam),
}

impl Descender {
    /// A fresh one; SGD's rate is multiplied by `factor`, which Adam would not notice.
    pub(super) fn new(optimiser: Optimiser, factor: f64, values: &Tensor) -> Self {
        match optimiser {
            Optimiser::Sgd(mut options) => {
                options.learning_rate *= factor;
                Self::Sgd(Sgd::new(options, values))
            }
            Optimiser::Adam(options) => Self::Adam(Adam::new(options, values)),
        }
    }

    pub(super) fn next_step(&mut self) {
        match self {
            Self::Sgd(sgd) => sgd.next_step(),
            Self::Adam(adam) => adam.next_step(),
        }
    }

    /// Begins anew: forgets where it was going and how many steps it took.
    pub(super) fn rest(&mut self) {
        match self {
            Self::Sgd(sgd) => {
                sgd.rest();
                sgd.steps = 0;
            }
            Self::Adam(adam) => {
                let _ = (adam.first.zero_(), adam.second.zero_());
                adam.steps = 0;
            }
        }
    }

    pub(super) fn update(
        &self,
        parameters: &Parameters,
        segment: Segment,
        gradient: &Tensor,
    ) -> Result<(), tch::TchError> {
        match self {
            Self::Sgd(sgd) => sgd.update(parameters, segment, gradient),
            Self::Adam(adam) => {
                adam.update(&parameters.values, parameters.range(segment), gradient)
            }
        }
    }

    /// The state of some models, in their order; laid out as `into` is.
    pub(super) fn only(&self, from: &Parameters, chosen: &[i64], into: &Parameters) -> Self {
        let buffer = |buffer: &Tensor| {
            let taken = into.values.zeros_like();
            for (index, model) in (0..).zip(chosen) {
                into.set_model_of(&taken, index, &from.model_of(buffer, *model));
            }
            taken
        };
        match self {
            Self::Sgd(sgd) => Self::Sgd(sgd.with(buffer(&sgd.velocity))),
            Self::Adam(adam) => Self::Adam(adam.with(buffer(&adam.first), buffer(&adam.second))),
        }
    }

    /// Its buffers by their names in a checkpoint.
    fn buffers(&self) -> Vec<(&'static str, &Tensor)> {
        match self {
            Self::Sgd(sgd) => vec![("sgd.velocity", &sgd.velocity)],
            Self::Adam(adam) => vec![("adam.first", &adam.first), ("adam.second", &adam.second)],
        }
    }

    /// Sets how many steps were taken.
    pub(super) fn set_steps(&mut self, steps: u64) {
        match self {
            Self::Sgd(sgd) => sgd.steps = steps,
            Self::Adam(adam) => adam.steps = steps,
        }
    }
}

/// Parameters and optimiser of one model by name, for a checkpoint.
pub(super) fn state(
    parameters: &Parameters,
    descender: &Descender,
    model: usize,
) -> Vec<(String, Tensor)> {
    let mut buffers = vec![("parameters", &parameters.values)];
    buffers.extend(descender.buffers());
    let alone = buffers.into_iter().map(|(name, buffer)| {
        let floats = parameters.alone(buffer, model as i64);
        (name.to_owned(), floats)
    });
    alone.collect()
}

/// Puts back what [`state`] gave.
///
/// # Errors
/// If a tensor is missing or has another shape; the message says which. Nothing has changed then.
pub(super) fn restore(
    parameters: &Parameters,
    descender: &Descender,
    model: usize,
    stored: &Named,
) -> Result<(), String> {
    let mut buffers = descender.buffers();
    buffers.push(("parameters", &parameters.values));
    let length = parameters.length_alone();
    let found = buffers
        .into_iter()
        .map(|(name, buffer)| Ok((buffer, fitting(name, &[length], stored)?)))
        .collect::<Result<Vec<_>, String>>()?;
    for (buffer, floats) in found {
        parameters.set_alone(buffer, model as i64, floats);
    }
    Ok(())
}

/// The stored tensor of that name and shape.
fn fitting<'a>(name: &str, shape: &[i64], stored: &'a Named) -> Result<&'a Tensor, String> {
    let tensor = stored
        .get(name)
        .ok_or_else(|| format!("{name} is missing"))?;
    if tensor.size() != shape {
        return Err(format!(
            "{name} has the shape {:?}, this model needs {shape:?}",
            tensor.size(),
        ));
    }
    Ok(tensor)
}

/// Whether [`fill`] would find everything: asked before something else is restored with it, so that either
/// both are or nothing is.
///
/// # Errors
/// As [`restore`].
pub(super) fn fits(buffers: &[(&str, &Tensor)], stored: &Named) -> Result<(), String> {
    let mut all = buffers.iter();
    all.try_for_each(|(name, buffer)| fitting(name, &buffer.size(), stored).map(drop))
}

/// Copies stored tensors into those of the same names.
///
/// # Errors
/// As [`restore`].
pub(super) fn fill(buffers: &[(&str, &Tensor)], stored: &Named) -> Result<(), String> {
    let mut found = Vec::new();
    for (name, buffer) in buffers {
        let tensor = fitting(name, &buffer.size(), stored)?;
        found.push((buffer.shallow_clone(), tensor));
    }
    for (mut buffer, tensor) in found {
        buffer.copy_(tensor);
    }
    Ok(())
}

/// The rows that a run sees: some of each class, or all; scaled.
///
/// # Errors
/// If rows are to be drawn by class and there are none.
pub(super) fn rows(start: &Start, seed: Seed, data: &TrainingData) -> Result<TrainingData, Error> {
    let mut seen = data.share();
    if let Some(per_class) = start.per_class {
        let Some(labels) = &data.labels else {
            return Err(Error::Settings(
                "rows can be drawn by class only where there are labels: leave out per_class"
                    .to_owned(),
            ));
        };
        let mut stream = random::stream(seed, "rows");
        let chosen = draw(&labels.values, labels.classes, per_class, &mut stream);
        let numbers: Vec<i64> = chosen.iter().map(|&row| row as i64).collect();
        let numbers = Tensor::from_slice(&numbers).to_device(data.features.device());
        seen.features = data.features.index_select(0, &numbers);
        if let Some(own) = &mut seen.labels {
            own.values = chosen.iter().map(|&row| labels.values[row]).collect();
        }
    }
    #[allow(clippy::float_cmp)] // A setting, not a result.
    if start.scale != 1.0 {
        seen.features = &seen.features * start.scale;
    }
    Ok(seen)
}

/// What runs of these seeds see, as [`rows`] does: in the same memory where it is the same.
///
/// # Errors
/// As [`rows`].
pub(super) fn rows_of_each(
    start: &Start,
    seeds: &[Seed],
    data: &TrainingData,
) -> Result<Vec<TrainingData>, Error> {
    let (None, Some(first)) = (start.per_class, seeds.first()) else {
        return seeds.iter().map(|&seed| rows(start, seed, data)).collect();
    };
    let same = rows(start, *first, data)?;
    Ok(seeds.iter().map(|_| same.share()).collect())
}

/// The features of each run: `[rows, D]` where they are the same for all, or `[models, rows, D]`.
pub(super) fn features(seen: &[TrainingData]) -> Tensor {
    let each: Vec<Tensor> = seen
        .iter()
        .map(|one| one.features.shallow_clone())
        .collect();
    let is_same = |pair: &[Tensor]| pair[0].data_ptr() == pair[1].data_ptr();
    match each.as_slice() {
        [first, ..] if each.windows(2).all(is_same) => first.shallow_clone(),
        all => Tensor::stack(all, 0),
    }
}

/// `per_class` rows of each class, all mixed; fewer of a class that has fewer.
fn draw(labels: &[u8], classes: usize, per_class: usize, stream: &mut ChaCha8Rng) -> Vec<usize> {
    let mut chosen = Vec::new();
    for class in 0..classes {
        let own = (0..labels.len()).filter(|&row| usize::from(labels[row]) == class);
        let own: Vec<usize> = own.collect();
        let places = random::distinct_indices(stream, own.len(), per_class);
        chosen.extend(places.into_iter().map(|place| own[place]));
    }
    let order = random::distinct_indices(stream, chosen.len(), chosen.len());
    order.into_iter().map(|place| chosen[place]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;

    #[test]
    fn rows_are_drawn_evenly_from_the_classes() {
        let labels: Vec<u8> = (0..100).map(|row| u8::from(row % 4 == 0)).collect();
        let chosen = draw(&labels, 2, 20, &mut stream(Seed(0), "rows"));
        assert_eq!(chosen.len(), 40);
        let ones = chosen.iter().filter(|&&row| labels[row] == 1).count();
        assert_eq!(ones, 20);
        let mut sorted = chosen.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), 40);
        // Mixed: a batch in file order is not of one class.
        assert!(chosen[..20].iter().any(|&row| labels[row] == 0));
        assert!(chosen[..20].iter().any(|&row| labels[row] == 1));
        // Of 25 ones and 75 zeros.
        assert_eq!(draw(&labels, 2, 50, &mut stream(Seed(0), "rows")).len(), 75);
    }
}
