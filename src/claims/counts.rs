//! How often each verdict was given.

use serde::Serialize;

use super::Verdict;

/// How often each verdict was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Claims that hold.
    pub reproduced: usize,
    /// Claims whose published mean lies where our runs would put it: weaker than reproduced.
    pub consistent: usize,
    /// Claims that do not hold.
    pub not_reproduced: usize,
    /// The weaker word against.
    pub inconsistent: usize,
    /// Claims that the runs do not decide.
    pub inconclusive: usize,
    /// Claims that were not tested.
    pub not_tested: usize,
}

impl Counts {
    /// Of verdicts.
    pub fn of<'a>(verdicts: impl Iterator<Item = &'a Verdict>) -> Self {
        let mut counts = Self::default();
        for verdict in verdicts {
            *match verdict {
                Verdict::Reproduced => &mut counts.reproduced,
                Verdict::Consistent => &mut counts.consistent,
                Verdict::NotReproduced => &mut counts.not_reproduced,
                Verdict::Inconsistent => &mut counts.inconsistent,
                Verdict::Inconclusive { .. } => &mut counts.inconclusive,
                Verdict::NotTested { .. } => &mut counts.not_tested,
            } += 1;
        }
        counts
    }

    /// Number and word, in the order of reading; the two weaker words only where they occur.
    #[must_use]
    pub fn named(&self) -> Vec<(usize, &'static str)> {
        let all = [
            (self.reproduced, "reproduced"),
            (self.consistent, "consistent"),
            (self.not_reproduced, "not reproduced"),
            (self.inconsistent, "inconsistent"),
            (self.inconclusive, "inconclusive"),
            (self.not_tested, "not tested"),
        ];
        let kept = all
            .into_iter()
            .filter(|(n, word)| *n > 0 || !word.starts_with("cons") && !word.starts_with("incons"));
        kept.collect()
    }

    /// `2 reproduced, 1 not reproduced, 0 inconclusive, 5 not tested`.
    #[must_use]
    pub fn words(&self) -> String {
        let parts: Vec<String> = self
            .named()
            .iter()
            .map(|(n, word)| format!("{n} {word}"))
            .collect();
        parts.join(", ")
    }

    /// `2 reproduced, 5 not tested`: those that occur, for lists; `no claims` where there are none.
    #[must_use]
    pub fn brief(&self) -> String {
        let named = self.named().into_iter().filter(|(n, _)| *n > 0);
        let parts: Vec<String> = named.map(|(n, word)| format!("{n} {word}")).collect();
        if parts.is_empty() {
            return "no claims".to_owned();
        }
        parts.join(", ")
    }

    /// All claims.
    #[must_use]
    pub fn total(&self) -> usize {
        self.reproduced
            + self.consistent
            + self.not_reproduced
            + self.inconsistent
            + self.inconclusive
            + self.not_tested
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_leave_out_what_does_not_occur() {
        let counts = Counts {
            reproduced: 1,
            not_tested: 2,
            ..Counts::default()
        };
        assert_eq!(counts.brief(), "1 reproduced, 2 not tested");
        assert_eq!(
            counts.words(),
            "1 reproduced, 0 not reproduced, 0 inconclusive, 2 not tested"
        );
        assert_eq!(Counts::default().brief(), "no claims");
    }
}
