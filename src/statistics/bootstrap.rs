//! Resampling whole runs: intervals for any statistic, and how often each variant is the best.
//!
//! B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap" (1993). Percentile intervals
//! of few runs are somewhat too narrow; verdicts therefore never rest on one alone.

use rand_chacha::rand_core::Rng;

use super::Interval;
use crate::random::index;

/// Resamples taken where nothing else is said.
pub const RESAMPLES: usize = 10_000;

/// Mean of the middle half: a quarter of the runs, rounded down, is cut at either end. R. Agarwal
/// et al., "Deep reinforcement learning at the edge of the statistical precipice", Advances in
/// Neural Information Processing Systems 34, 2021 (as `scipy`'s `trim_mean` with 0.25). `None`
/// without runs.
#[must_use]
pub fn interquartile_mean(sample: &[f64]) -> Option<f64> {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    let cut = sorted.len() / 4;
    let middle = &sorted[cut..sorted.len() - cut];
    (!middle.is_empty()).then(|| middle.iter().sum::<f64>() / middle.len() as f64)
}

/// The percentile interval of a statistic of `runs` runs, see [`resampled`]. `None` if it is
/// undefined in all resamples.
#[must_use]
pub fn percentile_interval(
    runs: usize,
    level: f64,
    rng: &mut impl Rng,
    statistic: impl FnMut(&[usize]) -> Option<f64>,
) -> Option<Interval> {
    let values = resampled(runs, rng, statistic);
    Some(Interval {
        low: quantile(&values, 0.5 - level / 2.0)?,
        high: quantile(&values, 0.5 + level / 2.0)?,
    })
}

/// A statistic's values in [`RESAMPLES`] resamples of `runs` runs, sorted. It is given the runs'
/// numbers of each resample, so that variants can be resampled jointly; where it is undefined
/// (`None` or not finite) the resample is left out.
#[must_use]
pub fn resampled(
    runs: usize,
    rng: &mut impl Rng,
    mut statistic: impl FnMut(&[usize]) -> Option<f64>,
) -> Vec<f64> {
    if runs == 0 {
        return Vec::new();
    }
    let mut drawn = vec![0; runs];
    let mut values = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        drawn.fill_with(|| index(rng, runs));
        values.extend(statistic(&drawn).filter(|value| value.is_finite()));
    }
    values.sort_by(f64::total_cmp);
    values
}

/// For each variant the share of resamples in which its mean is the highest; equal means share.
/// `variants[v][s]`: seed s of variant v, the same seeds for all, which are resampled jointly.
/// Empty where there is nothing to resample or lengths differ.
#[must_use]
pub fn best_shares(variants: &[Vec<f64>], rng: &mut impl Rng) -> Vec<f64> {
    let runs = variants.first().map_or(0, Vec::len);
    if runs == 0 || variants.iter().any(|variant| variant.len() != runs) {
        return Vec::new();
    }
    let mut shares = vec![0.0; variants.len()];
    let mut drawn = vec![0; runs];
    let mut sums = vec![0.0; variants.len()];
    for _ in 0..RESAMPLES {
        drawn.fill_with(|| index(rng, runs));
        for (sum, variant) in sums.iter_mut().zip(variants) {
            *sum = drawn.iter().map(|&run| variant[run]).sum::<f64>();
        }
        let best = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let winners = sums.iter().filter(|&&sum| sum >= best).count() as f64;
        for (share, &sum) in shares.iter_mut().zip(&sums) {
            if sum >= best {
                *share += 1.0 / winners;
            }
        }
    }
    for share in &mut shares {
        *share /= RESAMPLES as f64;
    }
    shares
}

/// The `p`-quantile of sorted values, interpolated linearly as NumPy does (type 7 of R. J. Hyndman
/// and Y. Fan, Am. Stat. 50, 1996). `None` of none.
#[must_use]
pub fn quantile(sorted: &[f64], p: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = p.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    Some(sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::random::{Seed, stream};

    const SAMPLE: [f64; 10] = [0.1, 0.7, 0.72, 0.74, 0.75, 0.76, 0.77, 0.78, 0.79, 0.95];

    // print(scipy.stats.trim_mean([.1, .7, .72, .74, .75, .76, .77, .78, .79, .95], .25))
    #[test]
    fn the_middle_half_is_scipys() {
        let mean = interquartile_mean(&SAMPLE).unwrap();
        assert!((mean - 0.753_333_333_333_333_3).abs() < 1e-15);
        assert_eq!(interquartile_mean(&[]), None);
        assert!((interquartile_mean(&[2.0]).unwrap() - 2.0).abs() < 1e-15);
    }

    // print(numpy.quantile([1., 2., 4., 8.], [0, .1, .5, 1]))
    #[test]
    fn quantiles_are_numpys() {
        for (p, expected) in [(0.0, 1.0), (0.1, 1.3), (0.5, 3.0), (1.0, 8.0)] {
            assert!((quantile(&[1.0, 2.0, 4.0, 8.0], p).unwrap() - expected).abs() < 1e-15);
        }
        assert_eq!(quantile(&[], 0.5), None);
    }

    // r = numpy.random.default_rng(0); x = numpy.array(SAMPLE)
    // m = x[r.integers(0, 10, (10**6, 10))].mean(1); print(numpy.quantile(m, [.025, .975]))
    #[test]
    fn intervals_agree_with_numpys() {
        let interval = percentile_interval(10, 0.95, &mut stream(Seed(0), "test"), |drawn| {
            Some(drawn.iter().map(|&run| SAMPLE[run]).sum::<f64>() / 10.0)
        });
        let interval = interval.unwrap();
        assert!((interval.low - 0.556).abs() < 0.004, "{interval:?}");
        assert!((interval.high - 0.807).abs() < 0.004, "{interval:?}");
        let none = percentile_interval(10, 0.95, &mut stream(Seed(0), "test"), |_| None);
        assert_eq!(none, None);
    }

    #[test]
    fn the_best_is_the_best_in_nearly_all_resamples() {
        let low: Vec<f64> = SAMPLE.iter().map(|value| value - 0.2).collect();
        let variants = [low, SAMPLE.to_vec(), SAMPLE.to_vec()];
        let shares = best_shares(&variants, &mut stream(Seed(0), "test"));
        // Paired by seed, the first is below in every resample; the other two always tie.
        assert!(
            shares[0] < 1e-12 && (shares[1] - 0.5).abs() < 1e-9,
            "{shares:?}"
        );
        assert!(best_shares(&[vec![1.0], vec![]], &mut stream(Seed(0), "test")).is_empty());
    }

    #[test]
    fn the_same_stream_gives_the_same_shares() {
        let variants = [SAMPLE.to_vec(), SAMPLE.iter().rev().copied().collect()];
        let draw = || best_shares(&variants, &mut stream(Seed(4), "best"));
        assert_eq!(draw(), draw());
    }
}
