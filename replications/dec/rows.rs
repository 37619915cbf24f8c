//! The rows that runs see.

use rand_chacha::ChaCha8Rng;
use tch::Tensor;

use super::settings::Start;
use crate::random::{self, Seed};
use crate::train::{Error, TrainingData};

/// The rows that a run sees: some of each class, or all; scaled.
///
/// # Errors
/// If rows are to be drawn by class and there are none.
pub(super) fn rows(start: &Start, seed: Seed, data: &TrainingData) -> Result<TrainingData, Error> {
    let mut seen = data.shallow_clone();
    if let Some(per_class) = start.per_class {
        let Some(labels) = &data.labels else {
            return Err(Error::Settings(
                "rows can be drawn by class only where there are labels: leave out per_class"
                    .to_owned(),
            ));
        };
        let mut stream = random::stream(seed, "rows");
        let chosen = draw_per_class(&labels.values, labels.classes, per_class, &mut stream);
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
    Ok(seeds.iter().map(|_| same.shallow_clone()).collect())
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

/// `per_class` rows of each class, all mixed; fewer of a class that has fewer.
fn draw_per_class(
    labels: &[u8],
    classes: usize,
    per_class: usize,
    stream: &mut ChaCha8Rng,
) -> Vec<usize> {
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
        let chosen = draw_per_class(&labels, 2, 20, &mut stream(Seed(0), "rows"));
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
        assert_eq!(
            draw_per_class(&labels, 2, 50, &mut stream(Seed(0), "rows")).len(),
            75
        );
    }
}
