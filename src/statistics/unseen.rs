//! How many runs of another sample may have failed although none of ours did.

use super::p_share_greater;

/// The chance of being wrong that is spent on it: one side's share of 5 %.
const LEVEL: f64 = 0.025;
/// Steps of the search for the least favourable share; each leaves two thirds of the range.
const STEPS: u32 = 60;

/// The smallest number k, at least 1, for which "none of `n` runs fails, more than k of `m` others do" has
/// a chance of at most 2.5 %, whatever share of all runs fails: the greatest value over shares p of
/// (1 - p)^n P(Bin(m, p) > k), an unconditional exact test in the manner of G. A. Barnard ("Significance
/// tests for 2 x 2 tables", Biometrika 34, 1947). One is always allowed for: where ours did
/// fail now and then, none would be too few, and which of ours have failed is not for a table of values
/// to say.
#[must_use]
pub fn unseen_failures(n: u32, m: u32) -> u32 {
    let allowed = (1..m).find(|&k| greatest(n, m, k) <= LEVEL);
    allowed.unwrap_or(m)
}

/// The chance at the least favourable share. It is a product of log-concave functions of the share, so it
/// has one peak.
fn greatest(n: u32, m: u32, k: u32) -> f64 {
    let chance = |share: f64| (1.0 - share).powi(n as i32) * p_share_greater(k + 1, m, share);
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..STEPS {
        let (left, right) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        if chance(left) < chance(right) {
            low = left;
        } else {
            high = right;
        }
    }
    chance(f64::midpoint(low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    // p = numpy.linspace(.0005, .9995, 2000)
    // def f(n, m): return next(k for k in range(1, m + 1)
    //     if max((1 - p)**n * scipy.stats.binom.sf(k, m, p)) <= .025)
    // print([[f(n, m) for m in (1, 2, 3, 5, 10, 20)] for n in (5, 10, 20, 50, 100)])
    #[test]
    fn failures_are_scipys() {
        for (n, expected) in [
            (5, [1, 1, 2, 3, 5, 9]),
            (10, [1, 1, 1, 2, 3, 5]),
            (20, [1, 1, 1, 1, 2, 3]),
            (50, [1, 1, 1, 1, 1, 2]),
            (100, [1, 1, 1, 1, 1, 1]),
        ] {
            assert_eq!(
                [1, 2, 3, 5, 10, 20].map(|m| unseen_failures(n, m)),
                expected
            );
        }
    }

    // p = numpy.linspace(.0005, .9995, 2000001)
    // print(max((1 - p)**10 * scipy.stats.binom.sf(2, 10, p)))
    #[test]
    fn the_least_favourable_share_is_found() {
        assert!((greatest(10, 10, 2) - 0.036_327_808_214).abs() < 1e-9);
    }
}
