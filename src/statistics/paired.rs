//! Differences paired by seed: the exact sign-flip permutation test.

use rand_chacha::rand_core::Rng;
use serde::Serialize;

/// Up to this many pairs all 2^n sign patterns are counted.
const MOST_EXACT: usize = 20;
/// Patterns drawn beyond that.
const DRAWN: u64 = 100_000;

/// p values of a sign-flip test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SignFlip {
    /// Of the hypothesis that differences are not shifted upwards.
    pub greater: f64,
    /// Of the hypothesis that they are not shifted downwards.
    pub less: f64,
    /// Of the hypothesis that they are symmetric about 0.
    pub two_sided: f64,
    /// Whether every pattern was counted; otherwise 100 000 were drawn.
    pub exact: bool,
}

/// Flips the signs of the differences in all ways: if the two variants are exchangeable, every pattern
/// is equally likely (R. A. Fisher, "The Design of Experiments", 1935, section 21). The statistic is
/// the sum; ties count as extreme. Beyond 20 pairs patterns are drawn, and the observed one is added
/// to both counts so that no p value is 0 (B. Phipson and G. K. Smyth, Stat. Appl. Genet. Mol. Biol. 9,
/// 2010).
#[must_use]
pub fn sign_flip(differences: &[f64], rng: &mut impl Rng) -> SignFlip {
    let sizes: Vec<f64> = differences.iter().map(|value| value.abs()).collect();
    let observed: f64 = differences.iter().sum();
    // Sums of the same numbers in another order differ in their last bits: those are ties.
    let slack = 1e-12 * sizes.iter().sum::<f64>();
    let mut counts = Counts::default();
    let mut see = |sum: f64| {
        counts.total += 1;
        counts.greater += u64::from(sum >= observed - slack);
        counts.less += u64::from(sum <= observed + slack);
        counts.extreme += u64::from(sum.abs() >= observed.abs() - slack);
    };
    let exact = sizes.len() <= MOST_EXACT;
    if exact {
        // In Gray code's order consecutive patterns differ in one sign.
        let mut signs = vec![-1.0; sizes.len()];
        let mut sum = -sizes.iter().sum::<f64>();
        see(sum);
        for pattern in 1..(1_u64 << sizes.len()) {
            let place = pattern.trailing_zeros() as usize;
            signs[place] = -signs[place];
            sum += 2.0 * signs[place] * sizes[place];
            see(sum);
        }
    } else {
        see(observed);
        for _ in 0..DRAWN {
            let mut sum = 0.0;
            let mut bits = 0;
            for (place, size) in sizes.iter().enumerate() {
                if place % 64 == 0 {
                    bits = rng.next_u64();
                }
                sum += if bits & 1 == 1 { *size } else { -size };
                bits >>= 1;
            }
            see(sum);
        }
    }
    let share = |count: u64| count as f64 / counts.total as f64;
    SignFlip {
        greater: share(counts.greater),
        less: share(counts.less),
        two_sided: share(counts.extreme),
        exact,
    }
}

#[derive(Default)]
struct Counts {
    total: u64,
    greater: u64,
    less: u64,
    extreme: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Seed, stream};

    fn flip(differences: &[f64]) -> SignFlip {
        sign_flip(differences, &mut stream(Seed(0), "sign-flip"))
    }

    // d = [.02, -.01, .03, .015, .04, -.005, .02]
    // for a in "greater", "less", "two-sided":
    //     print(scipy.stats.permutation_test((d,), lambda x, axis: x.mean(axis=axis), vectorized=True,
    //         permutation_type="samples", alternative=a, n_resamples=10**6).pvalue)
    #[test]
    fn exact_p_values_are_scipys() {
        let p = flip(&[0.02, -0.01, 0.03, 0.015, 0.04, -0.005, 0.02]);
        assert!((p.greater - 0.039_062_5).abs() < 1e-15, "{p:?}");
        assert!((p.less - 0.976_562_5).abs() < 1e-15, "{p:?}");
        assert!((p.two_sided - 0.078_125).abs() < 1e-15, "{p:?}");
        assert!(p.exact);
    }

    #[test]
    fn all_in_one_direction_is_one_pattern_of_all() {
        assert!((flip(&[0.1; 10]).greater - 1.0 / 1024.0).abs() < 1e-15);
        // Twenty pairs: a million patterns.
        assert!((flip(&[0.1; 20]).greater - 0.5_f64.powi(20)).abs() < 1e-15);
        // No difference at all: every pattern is as extreme.
        assert!((flip(&[0.0; 6]).two_sided - 1.0).abs() < 1e-15);
        assert!((flip(&[]).greater - 1.0).abs() < 1e-15);
    }

    #[test]
    fn drawn_patterns_agree_with_counted_ones() {
        // Four differences of 0 change no sum: with 18 others they are beyond 20, and the exact
        // answer is that of the 18.
        let eighteen: Vec<f64> = (0..18).map(|i| f64::from(i) * 0.37 % 1.0 - 0.35).collect();
        let exact = flip(&eighteen);
        let drawn = flip(&[&eighteen[..], &[0.0; 4]].concat());
        assert!(exact.exact && !drawn.exact);
        // Standard error of a share near 0.1 from 100 000 draws: 0.001.
        assert!(
            (exact.greater - drawn.greater).abs() < 0.006,
            "{exact:?} {drawn:?}"
        );
        assert!(exact.greater > 0.01 && exact.greater < 0.5);
        assert!(flip(&[1.0; 64]).greater > 0.0);
    }
}
