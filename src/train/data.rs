//! What methods train on.

use tch::{Kind, Tensor};

use super::Error;

/// A data set on the device that trains on it.
#[derive(Debug)]
pub struct TrainingData {
    /// `[rows, dims]`, floats.
    pub features: Tensor,
    /// The classes, where they are known; without them metrics that compare with classes are
    /// undefined.
    pub labels: Option<Labels>,
    /// Height and width, where a row is a grey image, line by line.
    pub image: Option<(usize, usize)>,
}

/// The classes of all rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// The class of each row.
    pub values: Vec<u8>,
    /// Number of classes.
    pub classes: usize,
}

impl TrainingData {
    /// Data that can be trained on: looks at every value once.
    ///
    /// # Errors
    /// [`Error::Data`] if the features are no float matrix with at least one row and one column, if a
    /// value is NaN or infinite (the message has its row and column, from 0), or if the labels do not
    /// fit.
    pub fn new(features: Tensor, labels: Option<Labels>) -> Result<Self, Error> {
        let (kind, size) = (features.kind(), features.size());
        let &[rows, columns] = size.as_slice() else {
            return Err(Error::Data(format!(
                "features must be a matrix, not {size:?}"
            )));
        };
        if kind != Kind::Float || rows == 0 || columns == 0 {
            return Err(Error::Data(format!(
                "features must be 32-bit floats with at least one row and one column, not {kind:?} \
                 {size:?}"
            )));
        }
        // A sum in 64 bits of 32-bit floats is finite unless one of them is not.
        let sum = features.f_sum(Kind::Double)?.f_double_value(&[])?;
        if !sum.is_finite() {
            let bad = features.f_isfinite()?.f_logical_not()?.f_nonzero()?;
            let place = [bad.f_int64_value(&[0, 0])?, bad.f_int64_value(&[0, 1])?];
            let value = features.f_double_value(&place)?;
            return Err(Error::Data(format!(
                "row {}, column {} is {value}: every value must be a finite number; fill in or drop \
                 what is missing before training ({} such values in all)",
                place[0],
                place[1],
                bad.size()[0]
            )));
        }
        if let Some(labels) = &labels {
            let count = labels.values.len();
            if count as i64 != rows {
                return Err(Error::Data(format!(
                    "{count} labels for {rows} rows: give one for each, or none at all"
                )));
            }
            let beyond = |label: &u8| usize::from(*label) >= labels.classes;
            if let Some(row) = labels.values.iter().position(beyond) {
                return Err(Error::Data(format!(
                    "row {row} has the label {}, but labels of {} classes are below {}",
                    labels.values[row], labels.classes, labels.classes
                )));
            }
        }
        Ok(Self {
            features,
            labels,
            image: None,
        })
    }

    /// The same, its rows known to be images of this height and width, if any.
    #[must_use]
    pub fn with_image(self, image: Option<(usize, usize)>) -> Self {
        Self { image, ..self }
    }

    /// The class of each row, where known.
    #[must_use]
    pub fn classes(&self) -> Option<&[u8]> {
        self.labels.as_ref().map(|labels| labels.values.as_slice())
    }

    /// Another handle to the same memory, e.g. for another thread.
    #[must_use]
    pub fn shallow_clone(&self) -> Self {
        Self {
            features: self.features.shallow_clone(),
            labels: self.labels.clone(),
            image: self.image,
        }
    }

    /// The rows from `start` to before `end`, in the same memory.
    #[must_use]
    pub fn between(&self, start: i64, end: i64) -> Self {
        let labels = self.labels.as_ref().map(|labels| Labels {
            values: labels.values[start as usize..end as usize].to_vec(),
            classes: labels.classes,
        });
        Self {
            features: self.features.narrow(0, start, end - start),
            labels,
            image: self.image,
        }
    }

    /// These rows, in this order, in memory of their own.
    ///
    /// # Panics
    /// If one is not there.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let labels = self.labels.as_ref().map(|labels| Labels {
            values: rows.iter().map(|&row| labels.values[row]).collect(),
            classes: labels.classes,
        });
        let numbers: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
        let numbers = Tensor::from_slice(&numbers).to_device(self.features.device());
        Self {
            features: self.features.index_select(0, &numbers),
            labels,
            image: self.image,
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> i64 {
        self.features.size()[0]
    }

    /// Number of features of a row.
    #[must_use]
    pub fn dims(&self) -> i64 {
        self.features.size()[1]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tch::Device;

    use super::*;

    fn features() -> Tensor {
        Tensor::arange(12, (Kind::Float, Device::Cpu)).view([4, 3])
    }

    fn labels(values: &[u8]) -> Labels {
        let values = values.to_vec();
        Labels { values, classes: 2 }
    }

    fn refused(features: Tensor, labels: Option<Labels>) -> String {
        TrainingData::new(features, labels).unwrap_err().to_string()
    }

    #[test]
    fn values_that_are_not_finite_are_named_by_row_and_column() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let features = features();
            let _ = features.get(2).get(1).fill_(f64::from(bad));
            let message = refused(features, None);
            assert!(message.contains("row 2, column 1 is"), "{message}");
            assert!(message.contains("(1 such values in all)"), "{message}");
        }
        // Infinities of both signs: their sum is NaN.
        let both = features();
        let _ = both.get(1).get(2).fill_(f64::INFINITY);
        let _ = both.get(3).get(0).fill_(f64::NEG_INFINITY);
        assert!(refused(both, None).contains("row 1, column 2 is inf"));
        // The largest floats are numbers like others.
        let _ = TrainingData::new(features() + f64::from(f32::MAX), None).unwrap();
    }

    #[test]
    fn labels_have_to_fit_or_to_be_absent() {
        let data = TrainingData::new(features(), None).unwrap();
        assert_eq!((data.classes(), data.rows(), data.dims()), (None, 4, 3));
        let data = TrainingData::new(features(), Some(labels(&[0, 1, 1, 0]))).unwrap();
        assert_eq!(
            data.shallow_clone().classes(),
            Some([0, 1, 1, 0].as_slice())
        );
        assert!(refused(features(), Some(labels(&[0, 1]))).contains("2 labels for 4 rows"));
        let message = refused(features(), Some(labels(&[0, 1, 2, 0])));
        assert!(message.contains("row 2 has the label 2"), "{message}");
    }

    #[test]
    fn what_is_no_matrix_of_floats_is_refused() {
        for wrong in [
            features().view([12]),
            features().to_kind(Kind::Double),
            features().narrow(0, 0, 0),
            features().narrow(1, 0, 0),
        ] {
            assert!(refused(wrong, None).contains("features must be"));
        }
    }
}
