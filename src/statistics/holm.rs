//! Several tests at once.

/// p values adjusted so that the chance of any false rejection stays below the level: multiplied by
/// the number of hypotheses still open, made monotone, at most 1. In the order given.
/// S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6 (1979).
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (rank, index) in order.into_iter().enumerate() {
        let open = (p_values.len() - rank) as f64;
        largest = largest.max((p_values[index] * open).min(1.0));
        adjusted[index] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    // from statsmodels.stats.multitest import multipletests
    // print(multipletests([.03, .001, .04, .5, .012], method="holm")[1])
    #[test]
    fn adjusted_as_by_statsmodels() {
        let adjusted = holm(&[0.03, 0.001, 0.04, 0.5, 0.012]);
        for (got, expected) in adjusted.iter().zip([0.09, 0.005, 0.09, 0.5, 0.048]) {
            assert!((got - expected).abs() < 1e-12, "{adjusted:?}");
        }
        assert!(holm(&[]).is_empty());
    }
}
