//! The table that all metrics are computed from: how many samples each cluster shares with each
//! class.

use std::collections::HashMap;

use super::Error;

/// One non-empty cell of a [`Contingency`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    /// Index into [`Contingency::clusters`].
    pub cluster: usize,
    /// Index into [`Contingency::classes`].
    pub class: usize,
    /// Samples in both.
    pub count: u64,
}

/// Counts of samples per cluster, per class and per pair of both.
///
/// Labels are names only: gaps between them are allowed and never become empty clusters. Only
/// pairs that occur are stored, so a clustering with as many clusters as samples needs no square
/// table. Cells are ordered by label, hence the order of the samples has no influence, not even on
/// rounding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contingency {
    clusters: Vec<u32>,
    classes: Vec<u32>,
    cells: Vec<Cell>,
    cluster_sizes: Vec<u64>,
    class_sizes: Vec<u64>,
    samples: u64,
}

impl Contingency {
    /// Counts `predictions[i]` (the cluster of sample `i`) against `classes[i]` in one pass.
    ///
    /// Fewer than 2^31 samples are supported, so that the metrics stay exact in integers.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] unless both have one label per sample, [`Error::Empty`] without
    /// samples.
    pub fn new<P, C>(predictions: &[P], classes: &[C]) -> Result<Self, Error>
    where
        P: Copy + Into<u32>,
        C: Copy + Into<u32>,
    {
        if predictions.len() != classes.len() {
            return Err(Error::LengthMismatch {
                predictions: predictions.len(),
                classes: classes.len(),
            });
        }
        if predictions.is_empty() {
            return Err(Error::Empty);
        }
        let mut counts: HashMap<(u32, u32), u64> = HashMap::new();
        for (&prediction, &class) in predictions.iter().zip(classes) {
            *counts.entry((prediction.into(), class.into())).or_default() += 1;
        }
        Ok(Self::from_counts(counts))
    }

    fn from_counts(counts: HashMap<(u32, u32), u64>) -> Self {
        let clusters = distinct(counts.keys().map(|&(cluster, _)| cluster));
        let classes = distinct(counts.keys().map(|&(_, class)| class));
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_unstable();

        let mut cluster_sizes = vec![0; clusters.len()];
        let mut class_sizes = vec![0; classes.len()];
        let cells: Vec<Cell> = counts
            .into_iter()
            .map(|((cluster, class), count)| {
                let cell = Cell {
                    cluster: clusters.partition_point(|&label| label < cluster),
                    class: classes.partition_point(|&label| label < class),
                    count,
                };
                cluster_sizes[cell.cluster] += count;
                class_sizes[cell.class] += count;
                cell
            })
            .collect();
        Self {
            samples: cluster_sizes.iter().sum(),
            clusters,
            classes,
            cells,
            cluster_sizes,
            class_sizes,
        }
    }

    /// The cluster labels that occur, ascending.
    #[must_use]
    pub fn clusters(&self) -> &[u32] {
        &self.clusters
    }

    /// The class labels that occur, ascending.
    #[must_use]
    pub fn classes(&self) -> &[u32] {
        &self.classes
    }

    /// Samples per cluster, in the order of [`clusters`](Self::clusters); none is zero.
    #[must_use]
    pub fn cluster_sizes(&self) -> &[u64] {
        &self.cluster_sizes
    }

    /// Samples per class, in the order of [`classes`](Self::classes); none is zero.
    #[must_use]
    pub fn class_sizes(&self) -> &[u64] {
        &self.class_sizes
    }

    /// Samples counted; never zero.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// The samples of the largest class of each cluster, in the order of [`clusters`](Self::clusters).
    pub(super) fn largest_classes(&self) -> Vec<u64> {
        let mut largest = vec![0; self.clusters.len()];
        for cell in &self.cells {
            largest[cell.cluster] = cell.count.max(largest[cell.cluster]);
        }
        largest
    }

    /// Non-empty cells, ordered by cluster, then class.
    pub(super) fn cells(&self) -> &[Cell] {
        &self.cells
    }
}

fn distinct(labels: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut labels: Vec<u32> = labels.collect();
    labels.sort_unstable();
    labels.dedup();
    labels
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn counts_pairs_and_keeps_labels_with_gaps() {
        let table = Contingency::new(&[9_u32, 2, 9, 9], &[1_u8, 200, 1, 200]).unwrap();
        assert_eq!(table.clusters(), [2, 9]);
        assert_eq!(table.classes(), [1, 200]);
        assert_eq!(table.cluster_sizes(), [1, 3]);
        assert_eq!(table.class_sizes(), [2, 2]);
        assert_eq!(table.samples(), 4);
        let cells: Vec<_> = table
            .cells()
            .iter()
            .map(|cell| (cell.cluster, cell.class, cell.count))
            .collect();
        assert_eq!(cells, [(0, 1, 1), (1, 0, 2), (1, 1, 1)]);
    }

    #[test]
    fn unequal_lengths_are_refused() {
        assert_eq!(
            Contingency::new(&[0_u32, 1], &[0_u8]),
            Err(Error::LengthMismatch {
                predictions: 2,
                classes: 1
            })
        );
    }

    #[test]
    fn empty_input_is_refused() {
        assert_eq!(Contingency::new::<u32, u8>(&[], &[]), Err(Error::Empty));
    }
}
