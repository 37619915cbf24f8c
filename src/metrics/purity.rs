//! Purity: the share of samples that belong to the largest class of their cluster.

use super::Contingency;

/// Purity, 0 to 1, higher is better.
///
/// `sum_k max_c w(k, c) / n`, where `w(k, c)` samples of class `c` lie in cluster `k`. It grows
/// with the number of clusters and reaches 1 when each sample is its own cluster, so compare it
/// only between clusterings with equally many clusters.
///
/// Reference: Manning, Raghavan and Schuetze, *Introduction to Information Retrieval* (2008),
/// section 16.3.
#[must_use]
pub fn purity(contingency: &Contingency) -> f64 {
    contingency.largest_classes().iter().sum::<u64>() as f64 / contingency.samples() as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]

    use super::*;

    #[test]
    fn each_cluster_counts_its_largest_class() {
        // Cluster 0 holds classes 0, 0, 1; cluster 1 holds 1, 2: two and one samples count.
        let table = Contingency::new(&[0_u32, 0, 0, 1, 1], &[0_u8, 0, 1, 1, 2]).unwrap();
        assert_eq!(purity(&table), 3.0 / 5.0);
    }

    #[test]
    fn a_cluster_per_sample_is_pure() {
        let table = Contingency::new(&[0_u32, 1, 2, 3], &[0_u8, 0, 1, 1]).unwrap();
        assert_eq!(purity(&table), 1.0);
    }
}
