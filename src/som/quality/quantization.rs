//! Quantization error: how far samples lie from their units.

use super::MapView;

/// Quantization error, 0 and up, lower is better: `mean_i d(x_i, m_{b_i})`, the mean Euclidean distance
/// of samples and their best matching units.
///
/// Some authors, and the DESOM code of 2019, take the mean of *squared* distances.
///
/// Reference: Kohonen, *Self-Organizing Maps* (3rd edition, Springer 2001).
#[must_use]
pub fn quantization_error(map: &MapView) -> f64 {
    map.mean(|found| found.distance)
}
