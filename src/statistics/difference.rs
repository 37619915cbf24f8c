//! A difference of means with its standard error and degrees of freedom: one sample (or pairs), two
//! samples of any variances (Welch), two samples of one variance (Student).

use super::{Interval, Moments, distributions::t_quantile, distributions::t_upper_tail, minus};

/// An estimate whose error follows Student's t.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The difference of the means.
    pub estimate: f64,
    /// Its standard error; 0 where all runs agree.
    pub error: f64,
    /// Degrees of freedom.
    pub df: f64,
}

impl Difference {
    /// The mean of one sample, e.g. of differences paired by seed.
    #[must_use]
    pub fn of_one(sample: Moments) -> Self {
        Self {
            estimate: sample.mean,
            error: sample.squared_error().sqrt(),
            df: f64::from(sample.n) - 1.0,
        }
    }

    /// `a` minus `b`, variances unequal. B. L. Welch, "The generalization of Student's problem when
    /// several different population variances are involved", Biometrika 34 (1947), with the degrees
    /// of freedom of Satterthwaite (1946).
    #[must_use]
    pub fn welch(a: Moments, b: Moments) -> Self {
        let (of_a, of_b) = (a.squared_error(), b.squared_error());
        let squared = of_a + of_b;
        let df = squared.powi(2)
            / (of_a.powi(2) / (f64::from(a.n) - 1.0) + of_b.powi(2) / (f64::from(b.n) - 1.0));
        Self {
            estimate: minus(a.mean, b.mean),
            error: squared.sqrt(),
            // Where no run differs from another the error is 0 whatever the degrees of freedom.
            df: if df.is_finite() {
                df
            } else {
                f64::from(a.n.min(b.n)) - 1.0
            },
        }
    }

    /// `a` minus `b`, one variance estimated from both (Student 1908).
    #[must_use]
    pub fn pooled(a: Moments, b: Moments) -> Self {
        let (n_a, n_b) = (f64::from(a.n), f64::from(b.n));
        let df = n_a + n_b - 2.0;
        let variance = ((n_a - 1.0) * a.sd.powi(2) + (n_b - 1.0) * b.sd.powi(2)) / df;
        Self {
            estimate: minus(a.mean, b.mean),
            error: (variance * (1.0 / n_a + 1.0 / n_b)).sqrt(),
            df,
        }
    }

    /// The two-sided interval of a level, e.g. 0.95.
    #[must_use]
    pub fn interval(&self, level: f64) -> Interval {
        let reach = if self.error > 0.0 {
            t_quantile(0.5 + level / 2.0, self.df) * self.error
        } else {
            0.0
        };
        Interval::around(self.estimate, reach)
    }

    /// One-sided p value of the hypothesis that the true difference is at most `null`.
    #[must_use]
    pub fn p_greater(&self, null: f64) -> f64 {
        let excess = minus(self.estimate, null);
        if self.error > 0.0 {
            t_upper_tail(excess / self.error, self.df)
        } else if excess > 0.0 {
            0.0
        } else {
            1.0
        }
    }

    /// One-sided p value of the hypothesis that the true difference is at least `null`.
    #[must_use]
    pub fn p_less(&self, null: f64) -> f64 {
        Self {
            estimate: -self.estimate,
            ..*self
        }
        .p_greater(-null)
    }

    /// Two-sided p value of the hypothesis that there is no difference.
    #[must_use]
    pub fn p_two_sided(&self) -> f64 {
        (2.0 * self.p_greater(0.0).min(self.p_less(0.0))).min(1.0)
    }

    /// p value of two one-sided tests: the hypothesis is that the true difference is `margin` or more
    /// in size. D. J. Schuirmann, "A comparison of the two one-sided tests procedure and the power
    /// approach", J. Pharmacokinet. Biopharm. 15 (1987). At most 0.05 exactly where the 90 % interval
    /// lies within the margin.
    #[must_use]
    pub fn p_equivalent(&self, margin: f64) -> f64 {
        self.p_less(margin).max(self.p_greater(-margin))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const A: [f64; 5] = [0.71, 0.78, 0.74, 0.69, 0.80];
    const B: [f64; 4] = [0.70, 0.72, 0.69, 0.75];

    #[track_caller]
    fn close(got: f64, expected: f64) {
        assert!((got - expected).abs() < 1e-12, "{got} not {expected}");
    }

    // from scipy import stats as s
    // from statsmodels.stats.weightstats import CompareMeans, DescrStatsW, ttost_ind
    // a = [.71, .78, .74, .69, .80]; b = [.70, .72, .69, .75]
    // c = CompareMeans(DescrStatsW(a), DescrStatsW(b))
    // print(c.dof_satt(), c.std_meandiff_separatevar)
    // print(c.tconfint_diff(.1, usevar="unequal"), c.tconfint_diff(.05, usevar="pooled"))
    // print(s.ttest_ind(a, b, equal_var=False).pvalue, s.ttest_ind(a, b).pvalue)
    // print(ttost_ind(a, b, -.08, .08, usevar="unequal")[0])
    #[test]
    fn two_samples_are_as_in_scipy_and_statsmodels() {
        let (a, b) = (Moments::of(&A).unwrap(), Moments::of(&B).unwrap());
        let welch = Difference::welch(a, b);
        close(welch.df, 6.499_070_364_417_149);
        close(welch.error, 0.024_515_301_344_262_55);
        let interval = welch.interval(0.9);
        close(interval.low, -0.017_990_457_228_117_47);
        close(interval.high, 0.075_990_457_228_117_52);
        let pooled = Difference::pooled(a, b);
        close(pooled.interval(0.95).low, -0.032_784_798_501_369_61);
        close(pooled.interval(0.95).high, 0.090_784_798_501_369_67);
        close(welch.p_two_sided(), 0.278_295_521_646_780_6);
        close(pooled.p_two_sided(), 0.303_714_671_707_351_84);
        close(welch.p_equivalent(0.08), 0.039_560_058_062_924_04);
    }

    // print(s.ttest_1samp(a, .72).pvalue, s.ttest_1samp(a, .72, alternative="greater").pvalue)
    #[test]
    fn one_sample_is_as_in_scipy() {
        let mut shifted = Moments::of(&A).unwrap();
        shifted.mean -= 0.72;
        let one = Difference::of_one(shifted);
        close(one.p_two_sided(), 0.309_552_399_594_952_45);
        close(one.p_greater(0.0), 0.154_776_199_797_476_23);
        close(one.p_less(0.0), 1.0 - 0.154_776_199_797_476_23);
    }

    #[test]
    fn runs_that_all_agree_leave_no_doubt() {
        let all = |value: f64| Moments::of(&[value; 3]).unwrap();
        let none = Difference::welch(all(0.5), all(0.5));
        close(none.p_two_sided(), 1.0);
        close(none.p_equivalent(0.01), 0.0);
        assert_eq!(none.interval(0.95), Interval::around(0.0, 0.0));
        let some = Difference::welch(all(0.75), all(0.5));
        close(some.p_two_sided(), 0.0);
        close(some.p_equivalent(0.2), 1.0);
    }

    #[test]
    fn the_spread_of_one_run_is_unknown() {
        assert_eq!(Moments::of(&[0.5]), None);
        assert_eq!(Moments::of(&[]), None);
    }
}
