//! Shares of runs.

use super::{Interval, distributions::beta_cdf, distributions::beta_quantile};

/// The exact two-sided interval for a share of which `count` in `n` runs were seen. C. J. Clopper and
/// E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
/// Biometrika 26 (1934). Without runs it is 0 to 1.
#[must_use]
pub fn clopper_pearson(count: u32, n: u32, level: f64) -> Interval {
    let tail = (1.0 - level) / 2.0;
    let (count, n) = (f64::from(count), f64::from(n));
    Interval {
        low: if count > 0.0 {
            beta_quantile(tail, count, n - count + 1.0)
        } else {
            0.0
        },
        high: if count < n {
            beta_quantile(1.0 - tail, count + 1.0, n - count)
        } else {
            1.0
        },
    }
}

/// P(K >= count) for K runs out of `n` when each counts with probability `share`: the exact one-sided
/// p value of "the share is at most that".
#[must_use]
pub fn p_share_greater(count: u32, n: u32, share: f64) -> f64 {
    if count == 0 {
        return 1.0;
    }
    beta_cdf(share, f64::from(count), f64::from(n - count.min(n)) + 1.0)
}

/// P(K <= count): the exact one-sided p value of "the share is at least that".
#[must_use]
pub fn p_share_less(count: u32, n: u32, share: f64) -> f64 {
    if count >= n {
        return 1.0;
    }
    1.0 - beta_cdf(share, f64::from(count) + 1.0, f64::from(n - count))
}

/// The largest share of which none in `n` runs is still seen in one case out of twenty: what can have
/// stayed hidden. `1 - 0.05^(1/n)`: 26 % for ten runs, about 3/n for many.
#[must_use]
pub fn upper_share(n: u32) -> f64 {
    1.0 - 0.05_f64.powf(1.0 / f64::from(n.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    // from statsmodels.stats.proportion import proportion_confint
    // for k, n, a in [(3, 10, .05), (0, 10, .05), (10, 10, .1)]:
    //     print(proportion_confint(k, n, a, method="beta"))
    #[test]
    fn exact_intervals_are_statsmodels() {
        for (count, n, level, low, high) in [
            (
                3,
                10,
                0.95,
                0.066_739_511_177_734_47,
                0.652_452_850_059_997_3,
            ),
            (0, 10, 0.95, 0.0, 0.308_497_107_818_760_83),
            (10, 10, 0.9, 0.741_134_449_106_947_7, 1.0),
        ] {
            let interval = clopper_pearson(count, n, level);
            assert!((interval.low - low).abs() < 1e-11, "{interval:?}");
            assert!((interval.high - high).abs() < 1e-11, "{interval:?}");
        }
        assert_eq!(
            clopper_pearson(0, 0, 0.95),
            Interval {
                low: 0.0,
                high: 1.0
            }
        );
    }

    // from scipy.stats import binom
    // print(binom.sf(8, 10, .7), binom.cdf(4, 10, .7), binom.sf(9, 10, .7))
    #[test]
    fn tails_are_scipys_binomial() {
        assert!((p_share_greater(9, 10, 0.7) - 0.149_308_345_899_999_9).abs() < 1e-11);
        assert!((p_share_less(4, 10, 0.7) - 0.047_348_987_4).abs() < 1e-11);
        assert!((p_share_greater(10, 10, 0.7) - 0.7_f64.powi(10)).abs() < 1e-12);
        assert!((p_share_greater(0, 10, 0.7) - 1.0).abs() < 1e-15);
        assert!((p_share_less(10, 10, 0.7) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn ten_runs_hide_a_quarter() {
        assert!((upper_share(10) - 0.258_865_550_893_052_3).abs() < 1e-12);
        assert!((upper_share(10) - clopper_pearson(0, 10, 0.9).high).abs() < 1e-12);
    }
}
