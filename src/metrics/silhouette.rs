//! Silhouette: are samples nearer to their own cluster than to the next one?

use std::num::NonZeroUsize;

use super::Error;
use crate::distances::{Estimate, Points, Sampling};

/// Mean silhouette of a clustering, -1 to 1, higher is better.
///
/// With `a` the mean distance of a sample to the others of its cluster and `b` the least mean distance
/// to the samples of another cluster, the silhouette of a sample is `(b - a) / max(a, b)`, and 0 for
/// the only sample of a cluster; Euclidean distances. It is undefined unless there are at least 2
/// clusters and fewer clusters than samples.
///
/// `data` holds `columns` finite numbers for each label, row by row. Time grows with the square of the
/// rows: see [`Sampling`]. 256 rows of 10 columns take about half a millisecond on one thread.
///
/// Reference: Rousseeuw, *Silhouettes* (Journal of Computational and Applied Mathematics 1987); as
/// scikit-learn computes it.
///
/// # Errors
/// [`Error::Empty`] without samples, [`Error::DataMismatch`] unless there is a row for each label.
pub fn silhouette(
    data: &[f32],
    columns: usize,
    labels: &[u32],
    sampling: &Sampling,
    threads: NonZeroUsize,
) -> Result<Estimate, Error> {
    if labels.is_empty() {
        return Err(Error::Empty);
    }
    if columns == 0 || data.len() != labels.len() * columns {
        return Err(Error::DataMismatch {
            values: data.len(),
            columns,
            labels: labels.len(),
        });
    }
    let chosen = sampling.rows(labels.len());
    let mut names: Vec<u32> = chosen.iter().map(|&row| labels[row]).collect();
    let (clusters, sizes) = numbered(&mut names);
    let rows = chosen.len();
    if sizes.len() < 2 || sizes.len() >= rows {
        return Ok(Estimate { value: None, rows });
    }
    let points = Points::new(data, columns, &chosen);
    let silhouettes = points.each(threads, |row, distances| {
        of_sample(clusters[row], &clusters, &sizes, distances)
    });
    Ok(Estimate {
        value: Some(silhouettes.iter().sum::<f64>() / rows as f64),
        rows,
    })
}

/// Labels renumbered without gaps, and how many samples each has.
fn numbered(labels: &mut [u32]) -> (Vec<usize>, Vec<usize>) {
    let original = labels.to_vec();
    labels.sort_unstable();
    let names: Vec<u32> = labels.chunk_by(|a, b| a == b).map(|same| same[0]).collect();
    let sizes = labels.chunk_by(|a, b| a == b).map(<[u32]>::len).collect();
    let number = |label: u32| names.partition_point(|&name| name < label);
    (original.into_iter().map(number).collect(), sizes)
}

/// The silhouette of a sample of cluster `own` at these distances from all samples (0 from itself).
fn of_sample(own: usize, clusters: &[usize], sizes: &[usize], distances: &[f64]) -> f64 {
    if sizes[own] == 1 {
        return 0.0;
    }
    let mut sums = vec![0.0; sizes.len()];
    for (&cluster, distance) in clusters.iter().zip(distances) {
        sums[cluster] += distance;
    }
    let within = sums[own] / (sizes[own] - 1) as f64;
    let others = sums.iter().zip(sizes).enumerate();
    let next = others
        .filter(|&(cluster, _)| cluster != own)
        .map(|(_, (sum, &size))| sum / size as f64)
        .fold(f64::INFINITY, f64::min);
    match within.max(next) {
        0.0 => 0.0,
        larger => (next - within) / larger,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;
    use crate::random::Seed;

    // Values of larger data are compared with scikit-learn's in som/quality/tests.rs.

    fn of(data: &[f32], labels: &[u32]) -> Estimate {
        let sampling = Sampling::default();
        silhouette(data, 1, labels, &sampling, NonZeroUsize::MIN).unwrap()
    }

    #[test]
    fn silhouettes_follow_their_definition() {
        // 0 is 1 from its own and 4 from the other, 1 is 1 and 3; 4 is alone.
        let expected = ((4.0 - 1.0) / 4.0 + (3.0 - 1.0) / 3.0 + 0.0) / 3.0;
        let found = of(&[0.0, 1.0, 4.0], &[7, 7, 2]);
        assert!((found.value.unwrap() - expected).abs() < 1e-15);
        assert_eq!(found.rows, 3);
    }

    #[test]
    fn it_is_undefined_without_two_clusters_or_with_one_per_sample() {
        assert_eq!(of(&[0.0, 1.0, 4.0], &[7, 7, 7]).value, None);
        assert_eq!(of(&[0.0, 1.0, 4.0], &[7, 8, 9]).value, None);
    }

    #[test]
    fn clusters_of_equal_points_are_neither_near_nor_far() {
        assert_eq!(of(&[1.0, 1.0, 1.0, 1.0], &[0, 0, 1, 1]).value, Some(0.0));
    }

    #[test]
    fn a_sample_says_how_large_it_is() {
        let data: Vec<f32> = (0..100_u8).map(f32::from).collect();
        let labels: Vec<u32> = (0..100).map(|i| i / 50).collect();
        let at_most = |limit| {
            let seed = Seed(4);
            let sampling = Sampling { limit, seed };
            silhouette(&data, 1, &labels, &sampling, NonZeroUsize::MIN).unwrap()
        };
        assert_eq!(at_most(100), of(&data, &labels));
        assert_eq!(at_most(40).rows, 40);
        let difference = at_most(40).value.unwrap() - at_most(100).value.unwrap();
        assert!(difference != 0.0 && difference.abs() < 0.1);
    }

    #[test]
    fn data_without_labels_are_refused() {
        let sampling = Sampling::default();
        let error = silhouette(&[0.0; 5], 2, &[0, 1], &sampling, NonZeroUsize::MIN).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("5 numbers are not 2 for each of 2")
        );
        let error = silhouette(&[], 2, &[], &sampling, NonZeroUsize::MIN).unwrap_err();
        assert_eq!(error, Error::Empty);
    }
}
