//! What a number of runs can decide: before they exist, and how many more would.
//!
//! Chances are integrals over our own spread, which is not known beforehand: the sample's follows
//! sigma * sqrt(chi-squared / df), and is taken at 400 equally likely values.

use serde::Serialize;

use super::closeness::Decision;
use super::distributions::{normal_cdf, spread_quantile, t_quantile};
use super::{Closeness, Difference, Moments};

const POINTS: u32 = 400;

/// The chance that [`Closeness`] says *within* if truth and spread are equal, from what a paper printed
/// and `n` runs of ours.
#[must_use]
pub fn chance_within(published: Moments, n: u32, margin: f64, coarseness: f64) -> f64 {
    let sd = published.sd.max(coarseness);
    if n < 2 || published.n < 2 {
        return 0.0;
    }
    if sd == 0.0 {
        return f64::from(u8::from(margin > coarseness));
    }
    let published = Moments {
        mean: 0.0,
        ..published
    };
    let error = sd * (1.0 / f64::from(n) + 1.0 / f64::from(published.n)).sqrt();
    over_spreads(n - 1, |ratio| {
        let ours = Moments {
            mean: 0.0,
            sd: sd * ratio,
            n,
        };
        let room = margin
            - Closeness::of(ours, published, coarseness)
                .interval(0.9)
                .reach();
        (2.0 * normal_cdf(room / error) - 1.0).max(0.0)
    })
}

/// The chance that a one-sided t test at 0.05 of `n` pairs finds a true mean difference whose pairs
/// spread with `sd`.
#[must_use]
pub fn chance_greater(difference: f64, sd: f64, n: u32) -> f64 {
    if n < 2 {
        return 0.0;
    }
    if sd == 0.0 {
        return f64::from(u8::from(difference > 0.0));
    }
    let root = f64::from(n).sqrt();
    let critical = t_quantile(0.95, f64::from(n) - 1.0);
    over_spreads(n - 1, |ratio| {
        normal_cdf(difference * root / sd - critical * ratio)
    })
}

/// The chance that a one-sided t test at 0.05 of `n` pairs finds a true mean difference whose pairs spread with `sd`,
/// and none at `against` finds it to be below `margin`.
#[must_use]
pub fn chance_above(difference: f64, sd: f64, n: u32, margin: f64, against: f64) -> f64 {
    if n < 2 {
        return 0.0;
    }
    if sd == 0.0 {
        return f64::from(u8::from(difference > 0.0 && difference >= margin));
    }
    let root = f64::from(n).sqrt();
    let df = f64::from(n) - 1.0;
    let [critical, outer] = [0.95, 1.0 - against].map(|level| t_quantile(level, df));
    over_spreads(n - 1, |ratio| {
        let least = (critical * ratio).max(margin * root / sd - outer * ratio);
        normal_cdf(difference * root / sd - least)
    })
}

/// The chance that two one-sided t tests at 0.05 of `n` pairs find a true mean difference whose pairs
/// spread with `sd` to be within `margin` either way.
#[must_use]
pub fn chance_between(difference: f64, sd: f64, n: u32, margin: f64) -> f64 {
    if n < 2 {
        return 0.0;
    }
    if sd == 0.0 {
        return f64::from(u8::from(difference.abs() < margin));
    }
    let root = f64::from(n).sqrt();
    let critical = t_quantile(0.95, f64::from(n) - 1.0);
    over_spreads(n - 1, |ratio| {
        let below = normal_cdf((margin - difference) * root / sd - critical * ratio);
        let above = normal_cdf((margin + difference) * root / sd - critical * ratio);
        (below + above - 1.0).max(0.0)
    })
}

fn over_spreads(df: u32, chance: impl Fn(f64) -> f64) -> f64 {
    let ratios = (0..POINTS).map(|point| {
        let p = (f64::from(point) + 0.5) / f64::from(POINTS);
        spread_quantile(p, f64::from(df))
    });
    ratios.map(chance).sum::<f64>() / f64::from(POINTS)
}

/// The largest number of further runs that is looked for.
pub const MOST_FURTHER: u32 = 1000;

/// How many more runs would decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Further {
    /// About so many, if mean and spread stay as they are.
    About(u32),
    /// So many before anything can be said at all.
    AtLeast(u32),
    /// More than [`MOST_FURTHER`].
    MoreThanMost,
    /// No number does if mean and spread stay exactly as they are: the difference is on the edge of what decides. They
    /// never do stay, so more runs may well decide.
    OnEdge,
    /// No number does: what was published is too uncertain for the margin, or there is nothing to be seen.
    Never,
}

/// The smallest number of further runs with which `decided` says yes; `None` stands for infinitely many.
#[must_use]
pub fn further(now: u32, decided: impl Fn(Option<u32>) -> bool) -> Further {
    if let Some(more) = (1..=MOST_FURTHER).find(|&more| decided(Some(now + more))) {
        Further::About(more)
    } else if decided(None) {
        Further::MoreThanMost
    } else {
        Further::OnEdge
    }
}

/// As [`further`], where more runs never undo a decision: in a dozen questions instead of a thousand.
#[must_use]
pub fn further_by_halving(now: u32, decided: impl Fn(u32) -> bool) -> Further {
    if !decided(PRACTICALLY_INFINITE) {
        return Further::Never;
    }
    let (mut too_few, mut enough) = (0, MOST_FURTHER);
    if !decided(now + enough) {
        return Further::MoreThanMost;
    }
    while enough - too_few > 1 {
        let middle = u32::midpoint(too_few, enough);
        if decided(now + middle) {
            enough = middle;
        } else {
            too_few = middle;
        }
    }
    Further::About(enough)
}

/// As many runs as stand for infinitely many.
pub const PRACTICALLY_INFINITE: u32 = 1_000_000_000;

/// How many more runs would let [`Closeness`] decide.
#[must_use]
pub fn further_for_closeness(
    ours: Moments,
    published: Moments,
    margin: f64,
    coarseness: f64,
) -> Further {
    let more = further(ours.n, |n| {
        let ours = Moments {
            n: n.unwrap_or(PRACTICALLY_INFINITE),
            ..ours
        };
        let decision = Closeness::of(ours, published, coarseness).decide(margin);
        decision != Decision::Undecided
    });
    match more {
        Further::OnEdge if is_too_wide(published, margin, coarseness) => Further::Never,
        more => more,
    }
}

/// Whether even infinitely many runs of ours, with the published mean and spread, could not be told to lie within
/// the margin.
#[must_use]
pub fn is_too_wide(published: Moments, margin: f64, coarseness: f64) -> bool {
    let ours = Moments {
        n: PRACTICALLY_INFINITE,
        ..published
    };
    Closeness::of(ours, published, coarseness).decide(margin) != Decision::Within
}

/// How many more runs would let `decided` say yes to the mean of one sample (pairs, or a bound).
#[must_use]
pub fn further_for_mean(sample: Moments, decided: impl Fn(Difference) -> bool) -> Further {
    further(sample.n, |n| {
        let n = n.unwrap_or(PRACTICALLY_INFINITE);
        decided(Difference::of_one(Moments { n, ..sample }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: Moments = Moments {
        mean: 0.75,
        sd: 0.04,
        n: 10,
    };

    // tests/golden/statistics.py, power(): four million draws of the whole rule, standard error 0.0002.
    #[test]
    fn chances_are_those_of_drawing() {
        let chance = chance_within(PUBLISHED, 10, 0.06, 0.0);
        assert!((chance - 0.889_29).abs() < 0.002, "{chance}");
        let chance = chance_within(PUBLISHED, 30, 0.04, 0.0);
        assert!((chance - 0.664_70).abs() < 0.002, "{chance}");
        assert!(chance_within(PUBLISHED, 1, 0.06, 0.0) < 1e-12);
    }

    // print(1 - scipy.stats.nct.cdf(scipy.stats.t.ppf(.95, 9), 9, .02/.03*10**.5))
    #[test]
    fn chances_of_a_t_test_are_scipys() {
        let chance = chance_greater(0.02, 0.03, 10);
        assert!((chance - 0.618_486).abs() < 5e-4, "{chance}");
        assert!((chance_greater(0.0, 0.03, 10) - 0.05).abs() < 5e-4);
    }

    // r = numpy.random.default_rng(0); x = r.normal(.02, .03, (4 * 10**6, 10)); e = x.std(1, ddof=1) / 10**.5
    // print(((x.mean(1) > e * scipy.stats.t.ppf(.95, 9)) & (x.mean(1) > .03 - e * scipy.stats.t.ppf(.975, 9))).mean())
    #[test]
    fn chances_of_an_order_with_a_margin_are_those_of_drawing() {
        let chance = chance_above(0.02, 0.03, 10, 0.03, 0.025);
        assert!((chance - ABOVE).abs() < 2e-3, "{chance}");
        let without = chance_greater(0.02, 0.03, 10);
        assert!((chance_above(0.02, 0.03, 10, 0.0, 0.025) - without).abs() < 1e-12);
        // Half the margin, and hardly any spread: it is above 0 and below the margin.
        assert!(chance_above(0.005, 0.002, 10, 0.01, 0.025) < 1e-3);
    }
    const ABOVE: f64 = 0.589_359;

    // r = numpy.random.default_rng(0); x = r.normal(.01, .03, (4 * 10**6, 10))
    // e = x.std(1, ddof=1) / 10**.5 * scipy.stats.t.ppf(.95, 9)
    // print(((x.mean(1) + e < .04) & (x.mean(1) - e > -.04)).mean())
    #[test]
    fn chances_of_two_tests_are_those_of_drawing() {
        let chance = chance_between(0.01, 0.03, 10, 0.04);
        assert!((chance - BETWEEN).abs() < 2e-3, "{chance}");
        assert!(chance_between(0.01, 0.03, 10, 0.005) < 0.02);
    }
    const BETWEEN: f64 = 0.89676;

    #[test]
    fn half_a_published_standard_deviation_is_never_reached() {
        // Ten published runs leave 1.83 * sd / sqrt(10) = 0.58 sd whatever we do.
        let ours = Moments { n: 10, ..PUBLISHED };
        let further = further_for_closeness(ours, PUBLISHED, 0.02, 0.0);
        assert_eq!(further, Further::Never);
        assert!(is_too_wide(PUBLISHED, 0.02, 0.0) && !is_too_wide(PUBLISHED, 0.03, 0.0));
        assert!(chance_within(PUBLISHED, 1_000_000, 0.02, 0.0) < 1e-9);
        assert!(matches!(
            further_for_closeness(ours, PUBLISHED, 0.03, 0.0),
            Further::About(1..60)
        ));
    }

    #[test]
    fn what_is_too_wide_to_be_within_may_still_be_refuted() {
        let of = |mean| {
            let published = Moments {
                mean: 0.85,
                sd: 0.05,
                n: 10,
            };
            let ours = Moments { mean, ..published };
            assert!(is_too_wide(published, 0.02, 0.0));
            further_for_closeness(ours, published, 0.02, 0.0)
        };
        assert!(matches!(of(0.79), Further::About(1..50)), "{:?}", of(0.79));
        assert_eq!(of(0.85), Further::Never);
    }

    #[test]
    fn further_runs_are_the_fewest_that_decide() {
        let pairs = Moments {
            mean: 0.01,
            sd: 0.03,
            n: 10,
        };
        let decided = |difference: Difference| difference.p_greater(0.0) <= 0.05;
        // n with t(.95, n - 1) / sqrt(n) <= 1/3: 27 (1.7056 / 5.196 = 0.328), not 26 (0.335).
        assert_eq!(further_for_mean(pairs, decided), Further::About(17));
        let tiny = Moments {
            mean: 0.0001,
            ..pairs
        };
        assert_eq!(further_for_mean(tiny, decided), Further::MoreThanMost);
        let none = Moments { mean: 0.0, ..pairs };
        assert_eq!(further_for_mean(none, decided), Further::OnEdge);
    }
}
