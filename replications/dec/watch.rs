//! What is measured whenever P is refreshed, and when a training ends.

use tch::{Device, Kind, Tensor};

use crate::cluster::student;
use crate::metrics::{Contingency, accuracy};
use crate::train::{Labels, TrainingData};

/// Follows the labels of all rows from refresh to refresh.
#[derive(Debug)]
pub(super) struct Watch {
    classes: Option<Labels>,
    /// Of the last refresh, as floats: `[rows]`.
    labels: Tensor,
    /// P of the first refresh, `[rows, clusters]`.
    first: Tensor,
    last: Option<Measured>,
}

/// What was found at a refresh.
#[derive(Debug, Clone, Copy)]
struct Measured {
    /// `KL(P|Q)`, the mean over rows, with the new P.
    divergence: f64,
    /// The same with the P of the first refresh.
    from_first: f64,
    accuracy: Option<f64>,
    /// The share of labels that are others than at the last refresh.
    changed: f64,
}

impl Watch {
    /// For `clusters` clusters of all rows, which k-means has labelled.
    pub(super) fn new(data: &TrainingData, labels: &[u32], clusters: usize) -> Self {
        let shape = [data.rows(), clusters as i64];
        Self {
            classes: data.labels.clone(),
            labels: as_floats(labels),
            first: Tensor::zeros(shape, (Kind::Float, data.features.device())),
            last: None,
        }
    }

    /// Looks at Q and the new P of step `iteration`; gives the share of the labels that have changed.
    pub(super) fn look(&mut self, iteration: u64, q: &Tensor, p: &Tensor) -> f64 {
        self.look_across(iteration, q, p, q)
    }

    /// As [`Watch::look`], with the labels from another Q.
    pub(super) fn look_across(
        &mut self,
        iteration: u64,
        q: &Tensor,
        p: &Tensor,
        labelling: &Tensor,
    ) -> f64 {
        if iteration == 0 {
            self.first.copy_(p);
        }
        let labels = student::hard_labels(labelling);
        let agrees = |classes: &Labels| {
            let table = Contingency::new(&labels, &classes.values).ok()?;
            Some(accuracy(&table))
        };
        let now = as_floats(&labels);
        let changed = now.ne_tensor(&self.labels).sum(Kind::Int64);
        let changed = changed.int64_value(&[]) as f64 / labels.len() as f64;
        self.last = Some(Measured {
            divergence: student::divergence(p, q),
            from_first: student::divergence(&self.first, q),
            accuracy: self.classes.as_ref().and_then(agrees),
            changed,
        });
        self.labels = now;
        changed
    }

    /// What was measured at the last refresh, as a run's curves name it.
    pub(super) fn losses(&self) -> Vec<(&'static str, Vec<f64>)> {
        let Some(last) = self.last else {
            return Vec::new();
        };
        let mut losses = vec![
            ("kl", vec![last.divergence]),
            ("kl_to_first", vec![last.from_first]),
            ("changed", vec![last.changed]),
        ];
        losses.extend(last.accuracy.map(|value| ("accuracy", vec![value])));
        losses
    }

    /// What the next look depends on.
    pub(super) fn state(&self) -> Vec<(String, Tensor)> {
        let buffers = self.buffers().into_iter();
        buffers
            .map(|(name, tensor)| (name.to_owned(), tensor.copy()))
            .collect()
    }

    /// What [`Watch::state`] gave goes back into these.
    pub(super) fn buffers(&self) -> [(&'static str, &Tensor); 2] {
        [("watch.labels", &self.labels), ("watch.first", &self.first)]
    }
}

/// Labels are few: floats hold them exactly, and checkpoints hold floats.
fn as_floats(labels: &[u32]) -> Tensor {
    let labels: Vec<f32> = labels.iter().map(|&label| label as f32).collect();
    Tensor::from_slice(&labels).to_device(Device::Cpu)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp)]
    use super::*;
    use crate::nn::state::fill_buffers;
    use crate::runs::checkpoint::Named;

    #[test]
    fn changes_are_counted_from_look_to_look() {
        let data = TrainingData {
            features: Tensor::zeros([4, 2], (Kind::Float, Device::Cpu)),
            labels: Some(Labels {
                values: vec![0, 0, 1, 1],
                classes: 2,
            }),
            image: None,
        };
        let q = |first: [f32; 4]| {
            let values: Vec<f32> = first.iter().flat_map(|&one| [one, 1.0 - one]).collect();
            Tensor::from_slice(&values).view([4, 2])
        };
        let mut watch = Watch::new(&data, &[0, 0, 0, 1], 2);
        let before = q([0.9, 0.8, 0.3, 0.2]);
        assert_eq!(watch.look(0, &before, &student::targets(&before)), 0.25);
        let value = |watch: &Watch, name: &str| {
            let losses = watch.losses();
            losses
                .into_iter()
                .find(|(own, _)| *own == name)
                .map(|(_, values)| values[0])
        };
        assert_eq!(value(&watch, "accuracy"), Some(1.0));
        assert_eq!(value(&watch, "kl"), value(&watch, "kl_to_first"));
        let after = q([0.9, 0.1, 0.3, 0.2]);
        assert_eq!(watch.look(160, &after, &student::targets(&after)), 0.25);
        assert_eq!(value(&watch, "accuracy"), Some(0.75));
        assert_ne!(value(&watch, "kl"), value(&watch, "kl_to_first"));

        let stored: Named = watch.state().into_iter().collect();
        let other = Watch::new(&data, &[0; 4], 2);
        assert!(fill_buffers(&other.buffers(), &stored).is_ok());
        assert_eq!((&other.labels, &other.first), (&watch.labels, &watch.first));
    }
}
