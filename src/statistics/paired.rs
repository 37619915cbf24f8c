//! Differences paired by seed: the exact sign-flip permutation test.

use rand_chacha::rand_core::Rng;
use serde::Serialize;

/// Up to this many pairs all 2^n sign patterns are counted.
const MOST_EXACT: usize = 32;
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
/// the sum; ties count as extreme. Beyond 32 pairs patterns are drawn, and the observed one is added
/// to both counts so that no p value is 0 (B. Phipson and G. K. Smyth, Stat. Appl. Genet. Mol. Biol. 9,
/// 2010).
#[must_use]
pub fn sign_flip(differences: &[f64], rng: &mut impl Rng) -> SignFlip {
    let sizes: Vec<f64> = differences.iter().map(|value| value.abs()).collect();
    let observed: f64 = differences.iter().sum();
    // Sums of the same numbers in another order differ in their last bits: those are ties.
    let slack = 1e-12 * sizes.iter().sum::<f64>();
    let exact = sizes.len() <= MOST_EXACT;
    let sums = if exact {
        let (first, second) = sizes.split_at(sizes.len() / 2);
        Sums([first, second].map(signed_sums))
    } else {
        Sums([drawn_sums(&sizes, observed, rng), vec![0.0]])
    };
    let total = sums.total();
    let least = observed.abs() - slack;
    let extreme = if least > 0.0 {
        sums.reaching(|sum| sum >= least) + total - sums.reaching(|sum| sum > -least)
    } else {
        total
    };
    let share = |count: u64| count as f64 / total as f64;
    SignFlip {
        greater: share(sums.reaching(|sum| sum >= observed - slack)),
        less: share(total - sums.reaching(|sum| sum > observed + slack)),
        two_sided: share(extreme),
        exact,
    }
}

/// The sums of one number out of each list, both ascending: of the signed sums of two halves of the differences
/// these are the sums of all 2^n patterns, of which 2^(n/2) + 2^(n/2) numbers need to be looked at (E. Horowitz and
/// S. Sahni, Journal of the ACM 21, 1974).
struct Sums([Vec<f64>; 2]);

impl Sums {
    fn total(&self) -> u64 {
        let Self([first, second]) = self;
        first.len() as u64 * second.len() as u64
    }

    /// Counts the sums for which `is_far` holds; `is_far` must be monotone.
    fn reaching(&self, is_far: impl Fn(f64) -> bool) -> u64 {
        let Self([first, second]) = self;
        let (mut count, mut below) = (0, second.len());
        for one in first {
            while below > 0 && is_far(one + second[below - 1]) {
                below -= 1;
            }
            count += (second.len() - below) as u64;
        }
        count
    }
}

/// The sums of these numbers with all patterns of signs, ascending.
fn signed_sums(sizes: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0];
    for size in sizes {
        sums = sums
            .iter()
            .flat_map(|sum| [sum - size, sum + size])
            .collect();
    }
    sums.sort_unstable_by(f64::total_cmp);
    sums
}

/// Sums with patterns of signs drawn at random, and the observed one, ascending.
fn drawn_sums(sizes: &[f64], observed: f64, rng: &mut impl Rng) -> Vec<f64> {
    let mut sums = vec![observed];
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
        sums.push(sum);
    }
    sums.sort_unstable_by(f64::total_cmp);
    sums
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
        // A million patterns, and four billion.
        assert!((flip(&[0.1; 20]).greater - 0.5_f64.powi(20)).abs() < 1e-15);
        let most = flip(&[0.1; 32]);
        assert!(most.exact && (most.greater - 0.5_f64.powi(32)).abs() < 1e-18);
        // No difference at all: every pattern is as extreme.
        assert!((flip(&[0.0; 6]).two_sided - 1.0).abs() < 1e-15);
        assert!((flip(&[]).greater - 1.0).abs() < 1e-15);
    }

    #[test]
    fn drawn_patterns_agree_with_counted_ones() {
        // Differences of 0 change no sum: with 18 others 16 of them are beyond 32, and the exact answer is that of
        // the 18.
        let eighteen: Vec<f64> = (0..18).map(|i| f64::from(i) * 0.37 % 1.0 - 0.35).collect();
        let exact = flip(&eighteen);
        let drawn = flip(&[&eighteen[..], &[0.0; 16]].concat());
        assert!(exact.exact && !drawn.exact);
        assert_eq!(flip(&[&eighteen[..], &[0.0; 9]].concat()), exact);
        // Standard error of a share near 0.1 from 100 000 draws: 0.001.
        assert!(
            (exact.greater - drawn.greater).abs() < 0.006,
            "{exact:?} {drawn:?}"
        );
        assert!(exact.greater > 0.01 && exact.greater < 0.5);
        assert!(flip(&[1.0; 64]).greater > 0.0);
    }
}
