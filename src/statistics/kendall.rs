//! Agreement of two orders.

/// Kendall's tau-b, -1 to 1: concordant minus discordant pairs over the geometric mean of the pairs
/// not tied in each (M. G. Kendall, "The treatment of ties in ranking problems", Biometrika 33, 1945).
/// `None` where one side is all ties or the lengths differ.
#[must_use]
pub fn kendall(x: &[f64], y: &[f64]) -> Option<f64> {
    if x.len() != y.len() {
        return None;
    }
    let (mut agreement, mut untied_x, mut untied_y) = (0_i64, 0_i64, 0_i64);
    for i in 0..x.len() {
        for j in 0..i {
            let sign = |values: &[f64]| {
                i64::from(values[i] > values[j]) - i64::from(values[i] < values[j])
            };
            let (in_x, in_y) = (sign(x), sign(y));
            agreement += in_x * in_y;
            untied_x += in_x.abs();
            untied_y += in_y.abs();
        }
    }
    let scale = (untied_x as f64 * untied_y as f64).sqrt();
    (scale > 0.0).then(|| agreement as f64 / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    // from scipy.stats import kendalltau
    // print(kendalltau([1, 2, 3, 4, 5], [.7, .75, .75, .3, .1]).statistic)
    #[test]
    fn ties_count_as_in_scipy() {
        let tau = kendall(&[1.0, 2.0, 3.0, 4.0, 5.0], &[0.7, 0.75, 0.75, 0.3, 0.1]);
        assert!(
            (tau.unwrap_or(9.0) + 0.527_046_276_694_729_8).abs() < 1e-15,
            "{tau:?}"
        );
        assert_eq!(kendall(&[1.0, 2.0], &[3.0, 3.0]), None);
        assert_eq!(kendall(&[1.0], &[3.0, 3.0]), None);
    }
}
