//! How large a difference is, in words that do not depend on the metric's unit.

use std::cmp::Ordering;

use statrs::function::gamma::ln_gamma;

use super::Moments;

/// P(X > Y) + P(X = Y) / 2 over all pairs: the chance that a run of one beats a run of the other
/// ("probability of improvement" in R. Agarwal et al., "Deep reinforcement learning at the edge of
/// the statistical precipice", Advances in Neural Information Processing Systems 34, 2021; the
/// Mann-Whitney statistic over all pairs). `None` without runs.
#[must_use]
pub fn superiority(x: &[f64], y: &[f64]) -> Option<f64> {
    if x.is_empty() || y.is_empty() {
        return None;
    }
    let mut wins = 0.0;
    for a in x {
        for b in y {
            // -0 is as large as 0.
            wins += match a.partial_cmp(b) {
                Some(Ordering::Greater) => 1.0,
                Some(Ordering::Equal) => 0.5,
                Some(Ordering::Less) | None => 0.0,
            };
        }
    }
    Some(wins / (x.len() as f64 * y.len() as f64))
}

/// Cohen's d: the difference of the means in pooled standard deviations (J. Cohen, "Statistical
/// Power Analysis for the Behavioral Sciences", 1988). `None` where no run differs from another.
#[must_use]
pub fn cohens_d(a: Moments, b: Moments) -> Option<f64> {
    let (n_a, n_b) = (f64::from(a.n), f64::from(b.n));
    let variance = ((n_a - 1.0) * a.sd.powi(2) + (n_b - 1.0) * b.sd.powi(2)) / (n_a + n_b - 2.0);
    (variance > 0.0).then(|| (a.mean - b.mean) / variance.sqrt())
}

/// Hedges' g: Cohen's d without its bias for few runs, by the exact factor (L. V. Hedges,
/// "Distribution theory for Glass's estimator of effect size", J. Educ. Stat. 6, 1981).
#[must_use]
pub fn hedges_g(a: Moments, b: Moments) -> Option<f64> {
    let half = (f64::from(a.n) + f64::from(b.n) - 2.0) / 2.0;
    let factor = (ln_gamma(half) - ln_gamma(half - 0.5)).exp() / half.sqrt();
    cohens_d(a, b).map(|d| d * factor)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const X: [f64; 5] = [3.0, 1.0, 4.0, 1.0, 5.0];
    const Y: [f64; 4] = [2.0, 7.0, 1.0, 0.0];

    // x = [3., 1., 4., 1., 5.]; y = [2., 7., 1., 0.]
    // print(scipy.stats.mannwhitneyu(x, y).statistic / 20)
    // sp = ((4*numpy.var(x, ddof=1) + 3*numpy.var(y, ddof=1)) / 7)**.5
    // d = (numpy.mean(x) - numpy.mean(y)) / sp
    // print(d, d * math.exp(math.lgamma(3.5) - math.lgamma(3)) / 3.5**.5)
    #[test]
    fn effects_are_scipys() {
        assert!((superiority(&X, &Y).unwrap() - 0.6).abs() < 1e-15);
        let (x, y) = (Moments::of(&X).unwrap(), Moments::of(&Y).unwrap());
        assert!((cohens_d(x, y).unwrap() - 0.122_767_138_660_670_17).abs() < 1e-14);
        assert!((hedges_g(x, y).unwrap() - 0.109_042_129_525_071_07).abs() < 1e-13);
    }

    #[test]
    fn without_runs_or_spread_there_is_no_effect_size() {
        assert_eq!(superiority(&X, &[]), None);
        let same = Moments::of(&[1.0, 1.0]).unwrap();
        assert_eq!(cohens_d(same, same), None);
    }
}
