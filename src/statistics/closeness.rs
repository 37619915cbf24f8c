//! Is our mean close to a published one? The decision behind "reproduced" and "not reproduced" for
//! published values with a standard deviation and a number of runs.
//!
//! **The rule.** With a margin fixed beforehand: *within* if the 90 % interval of the difference lies
//! inside -margin .. +margin (two one-sided tests, Schuirmann 1987), *outside* if the 95 % interval
//! lies wholly beyond it, else undecided. An interval is the wider of Welch's and Student's (pooled)
//! one, moved outwards by how coarsely the published mean can be read.
//!
//! **Why the wider of two.** Welch's alone is right for normal samples. Runs that now and then
//! collapse are a mixture: a sample without a collapsed run has a tiny spread, and Welch's interval
//! believes it. In simulations with ten published runs it alone said "outside" in 23 % of cases where the
//! truth lay at the margin (a tenth of the runs collapsed on both sides, ours 50), and in up to 17 % where
//! truths were equal (half of the runs collapsed, ours 3). The pooled interval lets the sample that saw a
//! collapse speak for both: all such rates fall below 5 %. For normal samples of equal size nothing
//! changes.
//!
//! **What it promises.** False "outside" and false "within" each at most 5 % when the two samples come
//! from one distribution, shifted or not: normal, skewed (lognormal), or with collapsed runs; from
//! [`MIN_RUNS`] runs on. `simulation` checks that.
//!
//! **What nothing can promise.** A collapse too rare to be seen moves the true mean without a trace in
//! the sample: no test of means without assumptions can exclude it (R. R. Bahadur and L. J. Savage,
//! "The nonexistence of certain statistical procedures in nonparametric problems", Ann. Math. Statist.
//! 27, 1956). If only our runs collapse, in a tenth of cases, ten runs show none with probability
//! 0.35, and "within" is then the answer. [`upper_share`](super::upper_share) says how much can hide.

use serde::Serialize;

use super::{Difference, Interval, Moments};

/// Fewer runs decide nothing: a spread from four is too uncertain, and a sign-flip test of four pairs
/// cannot reach 0.05 (1/16).
pub const MIN_RUNS: u32 = 5;

/// Which side of the margin a difference is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Ours is higher.
    Above,
    /// Ours is lower.
    Below,
}

/// What an interval and a margin decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The 90 % interval lies within the margin.
    Within,
    /// The 95 % interval lies wholly beyond it.
    Outside(Side),
    /// Neither.
    Undecided,
}

/// A difference of two means seen with both variance models.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Closeness {
    welch: Difference,
    pooled: Difference,
    coarseness: f64,
}

impl Closeness {
    /// Of ours to the published. `coarseness`: how far the published mean may be from what was
    /// printed, e.g. half a unit of the last digit; its standard deviation may be larger by as much.
    #[must_use]
    pub fn of(ours: Moments, published: Moments, coarseness: f64) -> Self {
        let published = Moments {
            sd: published.sd + coarseness,
            ..published
        };
        Self {
            welch: Difference::welch(ours, published),
            pooled: Difference::pooled(ours, published),
            coarseness,
        }
    }

    /// Ours minus published.
    #[must_use]
    pub fn estimate(&self) -> f64 {
        self.welch.estimate
    }

    /// Welch's standard error and degrees of freedom.
    #[must_use]
    pub fn welch(&self) -> Difference {
        self.welch
    }

    /// The wider of both intervals, moved outwards by the coarseness.
    #[must_use]
    pub fn interval(&self, level: f64) -> Interval {
        self.welch
            .interval(level)
            .hull(self.pooled.interval(level))
            .widened(self.coarseness)
    }

    /// p value of "the difference is as large as the margin": small speaks for closeness.
    #[must_use]
    pub fn p_within(&self, margin: f64) -> f64 {
        let margin = margin - self.coarseness;
        let welch = self.welch.p_equivalent(margin);
        welch.max(self.pooled.p_equivalent(margin))
    }

    /// One-sided p value of "the difference is no larger than the margin": small speaks against
    /// closeness; at most 0.025 where the 95 % interval lies beyond the margin.
    #[must_use]
    pub fn p_outside(&self, margin: f64) -> f64 {
        let margin = margin + self.coarseness;
        let of = |difference: Difference| {
            let above = difference.p_greater(margin);
            above.min(difference.p_less(-margin))
        };
        of(self.welch).max(of(self.pooled))
    }

    /// The decision.
    #[must_use]
    pub fn decide(&self, margin: f64) -> Decision {
        if self.interval(0.9).within(margin) {
            return Decision::Within;
        }
        beyond(self.interval(0.95), margin).map_or(Decision::Undecided, Decision::Outside)
    }
}

/// The side on which an interval lies wholly beyond a margin, if it does.
#[must_use]
pub fn beyond(interval: Interval, margin: f64) -> Option<Side> {
    if interval.low > margin {
        Some(Side::Above)
    } else if interval.high < -margin {
        Some(Side::Below)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(mean: f64, sd: f64, n: u32) -> Moments {
        Moments { mean, sd, n }
    }

    #[test]
    fn the_three_decisions() {
        let published = moments(0.75, 0.03, 10);
        let decide = |mean| Closeness::of(moments(mean, 0.03, 10), published, 0.0).decide(0.04);
        assert_eq!(decide(0.755), Decision::Within);
        assert_eq!(decide(0.73), Decision::Undecided);
        assert_eq!(decide(0.67), Decision::Outside(Side::Below));
        assert_eq!(decide(0.83), Decision::Outside(Side::Above));
    }

    #[test]
    fn decisions_agree_with_p_values() {
        let published = moments(0.5, 0.02, 10);
        for step in 0..200 {
            let mean = 0.4 + 0.001 * f64::from(step);
            let close = Closeness::of(moments(mean, 0.05, 7), published, 0.002);
            let decision = close.decide(0.045);
            assert_eq!(decision == Decision::Within, close.p_within(0.045) < 0.05);
            let outside = matches!(decision, Decision::Outside(_));
            assert_eq!(outside, close.p_outside(0.045) < 0.025);
        }
    }

    #[test]
    fn a_sample_that_saw_no_collapse_does_not_speak_for_both() {
        // Ours 50 runs, 5 of them collapsed; the published ten had none by luck.
        let (ours, published) = (moments(0.686, 0.193, 50), moments(0.75, 0.02, 10));
        let close = Closeness::of(ours, published, 0.0);
        assert_eq!(
            beyond(close.welch().interval(0.95), 0.005),
            Some(Side::Below)
        );
        assert_eq!(close.decide(0.005), Decision::Undecided);
    }

    #[test]
    fn what_was_printed_is_known_to_half_a_digit() {
        // All runs collapsed on both sides: 0.1125 here, "0.113 +- 0.000" there.
        let (ours, published) = (moments(0.1125, 0.0, 10), moments(0.113, 0.0, 10));
        assert_eq!(
            Closeness::of(ours, published, 0.0).decide(0.0004),
            Decision::Outside(Side::Below)
        );
        assert_eq!(
            Closeness::of(ours, published, 0.0005).decide(0.005),
            Decision::Within
        );
    }
}
