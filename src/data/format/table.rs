//! Rows of numbers, with labels or without.

use super::super::digest::Hasher;
use super::labelling::Labelling;
use super::numbers::Features;
use super::unreadable::{Origin, Unreadable};

/// A user's own data. All features are finite, and there is at least one row and one column.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// `[rows, dims]`, row-major, as in the file: nothing is scaled.
    pub features: Vec<f32>,
    /// `[rows]`, as in the file, or places in `classes`.
    pub labels: Option<Vec<i64>>,
    /// What labels stand for where the file has words, or the folder subfolders; otherwise empty.
    pub classes: Vec<String>,
    /// Number of rows.
    pub rows: usize,
    /// The shape of one row in the file, e.g. `[28, 28]`; its product is [`Self::dims`].
    pub row_shape: Vec<usize>,
}

impl Table {
    pub(super) fn new(
        file: &str,
        features: Features,
        labels: Option<Labelling>,
    ) -> Result<Self, Unreadable> {
        let Features {
            values,
            rows,
            row_shape,
        } = features;
        let (labels, classes) = match labels {
            None => (None, Vec::new()),
            Some(Labelling { numbers, .. }) if numbers.len() != rows => {
                return Err(Origin::new(file).whole(format!(
                    "{rows} rows of features, but {} labels",
                    numbers.len()
                )));
            }
            Some(Labelling { numbers, names }) => (Some(numbers), names),
        };
        Ok(Self {
            features: values,
            labels,
            classes,
            rows,
            row_shape,
        })
    }

    /// Values in a row.
    #[must_use]
    pub fn dims(&self) -> usize {
        self.row_shape.iter().product()
    }

    /// The SHA-256 that identifies the data whatever file they came in, in hexadecimal: of the
    /// numbers of rows and columns (64 bits each), the features' bits and the labels (64 bits each,
    /// if there are any), all little-endian.
    #[must_use]
    pub fn sha256(&self) -> String {
        let mut hasher = Hasher::default();
        let mut block = Vec::with_capacity(1 << 16);
        for size in [self.rows, self.dims()] {
            hasher.update(&(size as u64).to_le_bytes());
        }
        for values in self.features.chunks(1 << 14) {
            block.clear();
            block.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            hasher.update(&block);
        }
        for labels in self.labels.iter().flat_map(|labels| labels.chunks(1 << 13)) {
            block.clear();
            block.extend(labels.iter().flat_map(|label| label.to_le_bytes()));
            hasher.update(&block);
        }
        hasher.finish().to_string()
    }
}
