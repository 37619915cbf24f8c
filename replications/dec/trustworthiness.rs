//! How far a picture can be trusted.
//!
//! All pairs of rows are looked at, so it is a part of the rows where there are many: about a second for
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
