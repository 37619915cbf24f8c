//! Normalised mutual information, with the two normalisations found in the literature.

use super::Contingency;

/// What the mutual information is divided by. Papers before 2020 mostly use the geometric mean
/// (the default of scikit-learn until 0.21), later ones the arithmetic mean; the two differ by
/// some hundredths, so values are comparable only within one normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalisation {
    /// `sqrt(H(clusters) H(classes))`.
    Geometric,
    /// `(H(clusters) + H(classes)) / 2`; the result is also known as V-measure.
    Arithmetic,
}

/// Normalised mutual information, 0 to 1, higher is better.
///
/// `I / mean(H(clusters), H(classes))` with
/// `I = sum_{k,c} w(k,c)/n ln(n w(k,c) / (w(k) w(c)))` and natural logarithms. Two limits follow
/// scikit-learn: it is 1 if there is one cluster and one class, and 0 if the information vanishes
/// otherwise; negative rounding counts as zero information.
///
/// Reference: Strehl and Ghosh, *Cluster ensembles* (JMLR 2002), equation 3 (geometric); Rosenberg
/// and Hirschberg, *V-measure* (EMNLP 2007) (arithmetic).
#[must_use]
pub fn nmi(contingency: &Contingency, normalisation: Normalisation) -> f64 {
    if contingency.clusters().len() == 1 && contingency.classes().len() == 1 {
        return 1.0;
    }
    let information = mutual_information(contingency);
    if information == 0.0 {
        return 0.0;
    }
    let samples = contingency.samples() as f64;
    let clusters = entropy(contingency.cluster_sizes(), samples);
    let classes = entropy(contingency.class_sizes(), samples);
    let normaliser = match normalisation {
        Normalisation::Geometric => (clusters * classes).sqrt(),
        Normalisation::Arithmetic => f64::midpoint(clusters, classes),
    };
    // Equal partitions may exceed 1 by rounding.
    (information / normaliser).min(1.0)
}

/// Mutual information in nats. It is exactly 0 for independent labels, whose ratios are exactly 1.
pub(super) fn mutual_information(contingency: &Contingency) -> f64 {
    let samples = contingency.samples() as f64;
    let sum: f64 = contingency
        .cells()
        .iter()
        .map(|cell| {
            let count = cell.count as f64;
            let independent = contingency.cluster_sizes()[cell.cluster] as f64
                * contingency.class_sizes()[cell.class] as f64;
            count / samples * (samples * count / independent).ln()
        })
        .sum();
    sum.max(0.0)
}

/// Entropy in nats of a partition into parts of these sizes.
pub(super) fn entropy(sizes: &[u64], samples: f64) -> f64 {
    -sizes
        .iter()
        .map(|&size| {
            let share = size as f64 / samples;
            share * share.ln()
        })
        .sum::<f64>()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]

    use super::*;

    fn both(predictions: &[u32], classes: &[u32]) -> [f64; 2] {
        let table = Contingency::new(predictions, classes).unwrap();
        [
            nmi(&table, Normalisation::Geometric),
            nmi(&table, Normalisation::Arithmetic),
        ]
    }

    #[test]
    fn one_cluster_and_one_class_agree() {
        assert_eq!(both(&[4, 4, 4], &[7, 7, 7]), [1.0, 1.0]);
    }

    #[test]
    fn one_cluster_knows_nothing_of_two_classes() {
        assert_eq!(both(&[0, 0, 0], &[0, 1, 1]), [0.0, 0.0]);
        assert_eq!(both(&[0, 1, 1], &[0, 0, 0]), [0.0, 0.0]);
    }

    #[test]
    fn independent_labels_score_exactly_zero() {
        // Every pair occurs once.
        let clusters: Vec<u32> = (0..21).map(|i| i / 7).collect();
        let classes: Vec<u32> = (0..21).map(|i| i % 7).collect();
        assert_eq!(both(&clusters, &classes), [0.0, 0.0]);
    }

    #[test]
    fn unequal_entropies_separate_the_two_means() {
        // Classes are halves (ln 2 nats), clusters quarters (2 ln 2); the information is ln 2.
        let [geometric, arithmetic] = both(&[0, 1, 2, 3], &[0, 0, 1, 1]);
        assert!((geometric - 0.5_f64.sqrt()).abs() < 1e-15);
        assert!((arithmetic - 2.0 / 3.0).abs() < 1e-15);
    }
}
