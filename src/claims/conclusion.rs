//! What many verdicts come to, for whoever wants one answer: a script, an exit code.

use serde::Serialize;

use super::{Judgement, Verdict};

/// All verdicts in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conclusion {
    /// Every claim that can be tested holds. *Consistent* counts: where a paper prints a mean alone, nothing better
    /// can be said.
    Reproduced,
    /// At least one claim does not hold.
    NotReproduced,
    /// None is refuted, but at least one is undecided or lacks runs.
    Inconclusive,
    /// There is no claim that runs could decide.
    NothingJudged,
}

impl Conclusion {
    /// Of claims that were judged. Claims that nothing computes (pictures, other profiles, experiments
    /// that do not exist) say nothing; one whose runs are missing is undecided.
    #[must_use]
    pub fn of(judgements: &[Judgement]) -> Self {
        let undecided = |one: &Judgement| match one.verdict {
            Verdict::Inconclusive { .. } => true,
            Verdict::NotTested { .. } => !one.findings.is_empty(),
            _ => false,
        };
        if judgements.iter().all(|one| one.findings.is_empty()) {
            Self::NothingJudged
        } else if judgements.iter().any(|one| one.verdict.is_against()) {
            Self::NotReproduced
        } else if judgements.iter().any(undecided) {
            Self::Inconclusive
        } else {
            Self::Reproduced
        }
    }

    /// The exit code that says so: 0, 10 or 11.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Reproduced | Self::NothingJudged => 0,
            Self::NotReproduced => 10,
            Self::Inconclusive => 11,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{Conditions, Published, Results, judge, not_tested};
    use super::*;

    fn example() -> Vec<Judgement> {
        let published = Published::parse("c", include_str!("../../examples/claims.toml")).unwrap();
        let results = Results::from_csv("r", include_str!("../../examples/results.csv")).unwrap();
        judge(
            &published,
            &published.claims,
            &results,
            &Conditions::paper(),
        )
    }

    #[test]
    fn one_refuted_claim_decides() {
        let all = example();
        assert_eq!(Conclusion::of(&all), Conclusion::NotReproduced);
        let others: Vec<Judgement> = all
            .iter()
            .filter(|one| !one.verdict.is_against())
            .cloned()
            .collect();
        assert_eq!(Conclusion::of(&others), Conclusion::Inconclusive);
        let good: Vec<Judgement> = all.into_iter().filter(|one| one.verdict.is_for()).collect();
        assert!(!good.is_empty());
        assert_eq!(Conclusion::of(&good).exit_code(), 0);
    }

    #[test]
    fn missing_runs_are_undecided_and_pictures_are_not() {
        let published = Published::parse("c", include_str!("../../examples/claims.toml")).unwrap();
        let claims = &published.claims;
        let none = judge(
            &published,
            &claims[..1],
            &Results::default(),
            &Conditions::paper(),
        );
        assert_eq!(Conclusion::of(&none), Conclusion::Inconclusive);
        assert_eq!(
            Conclusion::of(&[not_tested(&claims[0], "no such experiment")]),
            Conclusion::NothingJudged
        );
    }
}
