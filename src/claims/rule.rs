//! How each kind of claim is decided, in a sentence or two for readers.

use super::words::percent;
use super::{Aggregate, Bound, Claim, Collapse, Margin, Test, Wherein};

impl Test {
    /// The test, and what it takes for either verdict.
    #[must_use]
    pub fn rule(&self) -> String {
        match self {
            Self::Value(_) => {
                "Welch's and Student's intervals of the difference from the published mean, the wider \
                 of both: reproduced if the 90 % interval lies within the margin, not reproduced if the \
                 95 % interval lies wholly beyond it. Without a published spread: consistent if our \
                 mean is within the margin, which no error rate backs, inconsistent if the 95 % prediction interval lies \
                 wholly beyond it."
                    .to_owned()
            }
            Self::Order(_) => {
                "Differences paired by seed, t test and sign-flip test, both: reproduced if the mean \
                 difference is above 0 (one-sided 0.05), not reproduced if it is below the margin, or \
                 below 0 without one (one-sided 0.025), inconclusive if both. Corrected for the experiment's other order \
                 claims (Holm)."
                    .to_owned()
            }
            Self::Argmax(_) => {
                "Differences to every other variant, paired by seed, t test and sign-flip test, both, and \
                 resampled seeds: reproduced if it is above each of them (one-sided 0.05) and the best in \
                 95 % of the resamples, not reproduced if another is above it by more than the margin \
                 (one-sided 0.025, Holm)."
                    .to_owned()
            }
            Self::Trend(_) => {
                "The change over the whole range, seed by seed, by least squares over the steps; t test \
                 and sign-flip test, both: reproduced if its mean is as claimed (one-sided 0.05) and no step \
                 goes the other way on average, not reproduced if it is below the margin or one step goes the other way by more than the \
                 margin (one-sided 0.025, Holm), inconclusive if both."
                    .to_owned()
            }
            Self::Equivalence(test) => {
                let allowed = match test.within {
                    Wherein::BothSides => "either way",
                    Wherein::NotAbove => "upwards",
                    Wherein::NotBelow => "downwards",
                };
                format!(
                    "Differences to the reference, paired by seed, t test and sign-flip test, both: \
                     reproduced if the mean difference is within the margin {allowed} (one-sided 0.05), \
                     not reproduced if it is beyond it (one-sided 0.025)."
                )
            }
            Self::Bound(test) => match test.aggregate {
                Aggregate::Mean => {
                    let weaker = if test.worst.is_some() {
                        "One run that fails altogether is counted with ours: one too rare to be seen \
                         would move the mean without a trace."
                    } else {
                        "The weaker words, because failures too rare to be seen would move the mean \
                         without a trace."
                    };
                    format!(
                        "One-sided t tests of the mean against the bound: reproduced at 0.05, not \
                         reproduced at 0.025. {weaker}"
                    )
                }
                Aggregate::Iqm => {
                    "The mean of the middle half of the runs, by Tukey and McLaughlin's t test and by \
                     resampling, both, from ten runs on: reproduced at one-sided 0.05, not reproduced at \
                     0.025."
                        .to_owned()
                }
            },
            Self::Collapse(_) => {
                "Exact binomial tests of the share of runs beyond the threshold: reproduced if it is at \
                 least the claimed share (one-sided 0.05), not reproduced if it is less (one-sided 0.025)."
                    .to_owned()
            }
            Self::Qualitative(_) => "None: it is looked at.".to_owned(),
        }
    }
}

impl Claim {
    /// The difference that counts, where the test has one.
    #[must_use]
    pub fn margin(&self) -> Option<&Margin> {
        match &self.test {
            Test::Value(test) => Some(&test.margin),
            Test::Equivalence(test) => Some(&test.margin),
            Test::Order(test) => test.margin.as_ref(),
            Test::Argmax(test) => test.margin.as_ref(),
            Test::Trend(test) => test.margin.as_ref(),
            Test::Bound(_) | Test::Collapse(_) | Test::Qualitative(_) => None,
        }
    }

    /// The threshold of a bound or share, in words.
    #[must_use]
    pub fn threshold(&self) -> Option<String> {
        match &self.test {
            Test::Bound(test) => Some(test.range()),
            Test::Collapse(test) => Some(format!(
                "{}, in at least {} of the runs",
                test.beyond(),
                percent(*test.share)
            )),
            _ => None,
        }
    }

    /// Why the threshold of a bound or share is what it is.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match &self.test {
            Test::Bound(test) => Some(&test.reason),
            Test::Collapse(test) => Some(&test.reason),
            _ => self.margin().map(|margin| margin.reason.as_str()),
        }
    }
}

impl Bound {
    /// Between which numbers the mean has to be, e.g. `at least 0.6`.
    pub(super) fn range(&self) -> String {
        match (&self.at_least, &self.at_most) {
            (Some(least), Some(most)) => format!("from {} to {}", **least, **most),
            (Some(least), None) => format!("at least {}", **least),
            (None, Some(most)) => format!("at most {}", **most),
            (None, None) => String::new(),
        }
    }
}

impl Collapse {
    /// Beyond which number a run counts, e.g. `at most 0.115`.
    pub(super) fn beyond(&self) -> String {
        match (&self.at_most, &self.at_least) {
            (Some(most), _) => format!("at most {}", **most),
            (None, Some(least)) => format!("at least {}", **least),
            (None, None) => String::new(),
        }
    }
}
