//! How well clusters are separated, and how far a picture can be trusted.
//!
//! Both look at all pairs of rows, so they take a part of the rows where there are many: about a second for
//! [`PAIRED_ROWS`].

use tch::{Device, Kind, Tensor};

use crate::random::{self, Seed};

/// Rows whose pairs are looked at.
pub(super) const PAIRED_ROWS: usize = 2000;

/// The rows to look at of `rows` there are, always the same.
pub(super) fn paired(rows: usize) -> Vec<usize> {
    if rows <= PAIRED_ROWS {
        return (0..rows).collect();
    }
    let mut stream = random::stream(Seed(0), "paired rows");
    random::distinct_indices(&mut stream, rows, PAIRED_ROWS)
}

/// Euclidean distances between all rows, `[rows * rows]`.
fn distances(points: &Tensor) -> Vec<f64> {
    let points = points.to_device(Device::Cpu).to_kind(Kind::Double);
    let rows = points.size()[0];
    let lines = (0..rows).map(|row| {
        let difference = &points - points.get(row);
        let squared = difference.square().sum_dim_intlist(-1, false, Kind::Double);
        Vec::<f64>::try_from(squared.sqrt()).unwrap_or_default()
    });
    lines.flatten().collect()
}

/// Mean silhouette of labelled `points` `[rows, columns]`, -1 to 1, higher is better (Rousseeuw 1987);
/// 0 for the only row of its cluster, NaN unless there are two clusters at least.
pub(super) fn silhouette(points: &Tensor, labels: &[u32]) -> f64 {
    let rows = labels.len();
    let clusters = labels
        .iter()
        .max()
        .map_or(0, |&largest| largest as usize + 1);
    let mut sizes = vec![0_usize; clusters];
    for &label in labels {
        sizes[label as usize] += 1;
    }
    if sizes.iter().filter(|&&size| size > 0).count() < 2 {
        return f64::NAN;
    }
    let mut sum = 0.0;
    for (line, &own) in distances(points).chunks_exact(rows.max(1)).zip(labels) {
        let own = own as usize;
        if sizes[own] < 2 {
            continue;
        }
        let mut sums = vec![0.0; clusters];
        for (&label, distance) in labels.iter().zip(line) {
            sums[label as usize] += distance;
        }
        let within = sums[own] / (sizes[own] - 1) as f64;
        let others = (0..clusters).filter(|&cluster| cluster != own && sizes[cluster] > 0);
        let means = others.map(|cluster| sums[cluster] / sizes[cluster] as f64);
        let next = means.fold(f64::INFINITY, f64::min);
        if within.max(next) > 0.0 {
            sum += (next - within) / within.max(next);
        }
    }
    sum / rows as f64
}

/// Trustworthiness of `picture` for the neighbourhoods of `k` rows of `points`, 0 to 1, higher is better:
/// 1 if no row is among the `k` nearest in the picture only (Venna & Kaski 2001). NaN unless `2 k` is below
/// the number of rows.
pub(super) fn trustworthiness(points: &Tensor, picture: &Tensor, k: usize) -> f64 {
    let rows = points.size()[0] as usize;
    if k == 0 || 2 * k >= rows {
        return f64::NAN;
    }
    let nearest = |line: &[f64], row: usize| {
        let mut others: Vec<usize> = (0..rows).filter(|&other| other != row).collect();
        others.sort_by(|&a, &b| line[a].total_cmp(&line[b]));
        others
    };
    let mut intruding = 0;
    let lines = distances(points);
    let lines = lines.chunks_exact(rows).zip(0..);
    let drawn = distances(picture);
    for ((line, row), drawn) in lines.zip(drawn.chunks_exact(rows)) {
        let mut ranks = vec![0; rows];
        for (rank, other) in nearest(line, row).into_iter().enumerate() {
            ranks[other] = rank + 1;
        }
        let near = nearest(drawn, row).into_iter().take(k);
        intruding += near
            .map(|other| ranks[other].saturating_sub(k))
            .sum::<usize>();
    }
    let most = rows as f64 * k as f64 * (2 * rows - 3 * k - 1) as f64 / 2.0;
    1.0 - intruding as f64 / most
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp)]
    use super::*;

    fn line(values: &[f64]) -> Tensor {
        Tensor::from_slice(values).view([-1, 1])
    }

    #[test]
    fn silhouettes_are_those_of_the_definition() {
        // Rows at 0, 1 and 5, 7: (5.5 - 1) / 6 ... by hand: a = 1, b = 6 and 5; a = 2, b = 4.5 and 6.5.
        let points = line(&[0.0, 1.0, 5.0, 7.0]);
        let expected = (5.0 / 6.0 + 4.0 / 5.0 + 2.5 / 4.5 + 4.5 / 6.5) / 4.0;
        assert!((silhouette(&points, &[0, 0, 1, 1]) - expected).abs() < 1e-12);
        // A number that no row has is no cluster.
        assert!((silhouette(&points, &[0, 0, 2, 2]) - expected).abs() < 1e-12);
        assert!(silhouette(&points, &[1, 1, 1, 1]).is_nan());
        assert_eq!(silhouette(&line(&[0.0, 1.0]), &[0, 1]), 0.0);
    }

    #[test]
    fn a_picture_that_keeps_the_order_is_trusted() {
        let points = line(&[0.0, 1.0, 2.1, 3.3, 4.6, 6.0]);
        assert_eq!(trustworthiness(&points, &(&points * 2.0), 2), 1.0);
        // Row 0 is drawn beside row 5. For k = 1: row 0's neighbour is 5 (rank 5), row 5's is 0 (rank 5),
        // row 1's is 2 (rank 2), the others keep theirs: 1 - 2 / (6 (12 - 3 - 1)) (4 + 4 + 1).
        let wrong = line(&[6.1, 1.0, 2.1, 3.3, 4.6, 6.0]);
        let expected = 1.0 - 2.0 / 48.0 * 9.0;
        assert!((trustworthiness(&points, &wrong, 1) - expected).abs() < 1e-12);
        assert!(trustworthiness(&points, &wrong, 3).is_nan());
    }
}
