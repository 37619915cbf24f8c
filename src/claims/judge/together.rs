//! Claims that are tested beside each other: Holm's correction over the order claims of an experiment, over the
//! comparisons of one claim, and the seeds that it takes after either.
//!
//! The order claims of an experiment are one family whether or not there are runs of all: claims are written before
//! runs exist, and a verdict should not depend on which of the others have theirs. One that has none counts with a p
//! value of 1, so that its runs, when they come, weaken no verdict.

use super::super::words::p_value;
use super::{AGAINST, FOR, Finding, Judgement, Verdict};
use crate::statistics::distributions::normal_quantile;
use crate::statistics::holm;
use crate::statistics::power::{Further, MOST_FURTHER};

/// What a claim's p values are multiplied by for the claims that are tested beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Corrections {
    /// Of the p value of the claim's opposite.
    pub in_favour: f64,
    /// Of the claim's own.
    pub against: f64,
}

impl Corrections {
    pub const NONE: Self = Self {
        in_favour: 1.0,
        against: 1.0,
    };

    /// Those of a claim of order: how many of `all` the experiment's order claims have p values no smaller than its
    /// own, by which Holm's correction multiplies that. [`Self::NONE`] for other claims.
    pub fn of(one: &Judgement, all: &[Judgement]) -> Self {
        if !is_order(one) {
            return Self::NONE;
        }
        let orders = || {
            let others = all.iter();
            others.filter(|one| is_order(one) && !one.findings.is_empty())
        };
        let above = |p: fn(&Judgement) -> f64| {
            let above = orders().filter(|other| p(other) >= p(one));
            above.count().max(1) as f64
        };
        Self {
            in_favour: above(p_for),
            against: above(p_against),
        }
    }
}

/// Whether it is of those that are corrected with each other; see [`Test::is_order`].
pub(super) fn is_order(judgement: &Judgement) -> bool {
    matches!(judgement.test, "order" | "argmax" | "trend")
}

/// The p value of a claim's opposite: all its comparisons have to hold.
fn p_for(judgement: &Judgement) -> f64 {
    let findings = judgement.findings.iter();
    let p = findings.map(|finding| finding.p_for.unwrap_or(1.0));
    p.fold(0.0, f64::max)
}

/// The p value of a claim: any of its comparisons refutes it. Of a claim that is refuted only those count that do:
/// another one may be far below its margin and yet as claimed.
fn p_against(judgement: &Judgement) -> f64 {
    let findings = judgement.findings.iter();
    let p: Vec<f64> = findings
        .clone()
        .map(|one| one.p_against.unwrap_or(1.0))
        .collect();
    let refuted = judgement.verdict.is_against();
    let adjusted = holm(&p).into_iter().zip(findings);
    let counted = adjusted.filter(|(_, finding)| !refuted || finding.verdict.is_against());
    counted.map(|(p, _)| p).fold(1.0, f64::min)
}

/// How many of the order claims of the experiment are not refuted: by at least so many Holm's correction multiplies the
/// p value that refutes one more.
pub(super) fn open(judgements: &[Judgement]) -> usize {
    let orders = judgements
        .iter()
        .filter(|one| is_order(one) && !one.findings.is_empty());
    orders.filter(|one| !one.verdict.is_against()).count()
}

/// Holm over the order claims of the experiment.
pub(super) fn correct(judgements: &mut [Judgement]) {
    let mut orders: Vec<&mut Judgement> = judgements
        .iter_mut()
        .filter(|one| is_order(one) && !one.findings.is_empty())
        .collect();
    let speaks_for: Vec<f64> = orders.iter().map(|one| p_for(one)).collect();
    let speaks_against: Vec<f64> = orders.iter().map(|one| p_against(one)).collect();
    let adjusted = holm(&speaks_for).into_iter().zip(holm(&speaks_against));
    for (place, (judgement, (for_it, against))) in orders.iter_mut().zip(adjusted).enumerate() {
        let (p, level) = match judgement.verdict {
            Verdict::Reproduced if for_it > FOR => ([speaks_for[place], for_it], FOR),
            Verdict::NotReproduced if against > AGAINST => {
                ([speaks_against[place], against], AGAINST)
            }
            _ => continue,
        };
        let n = deciding(judgement).and_then(Finding::seeds);
        judgement.verdict = Verdict::Inconclusive {
            more_seeds: to_level(p, level, n.unwrap_or(0)),
        };
        judgement.better_than_published = false;
        judgement.explanation.push(format!(
            "Together with the experiment's other order claims {} (Holm), above {level}.",
            p_value(p[1])
        ));
    }
}

/// The comparison whose p value is the claim's: the smallest of those that refute it, or else the largest.
fn deciding(judgement: &Judgement) -> Option<&Finding> {
    let findings = || judgement.findings.iter();
    let refuting = findings().filter(|one| one.verdict.is_against());
    let p = |p: Option<f64>| p.unwrap_or(1.0);
    let smallest = refuting.min_by(|a, b| p(a.p_against).total_cmp(&p(b.p_against)));
    smallest.or_else(|| findings().max_by(|a, b| p(a.p_for).total_cmp(&p(b.p_for))))
}

/// Makes a refutation that did not survive its correction inconclusive.
pub(super) fn demote(finding: &mut Finding, adjusted: f64, level: f64) {
    let n = finding.seeds().unwrap_or(0);
    finding.verdict = Verdict::Inconclusive {
        more_seeds: to_level([finding.p_against.unwrap_or(adjusted), adjusted], level, n),
    };
    finding.better = false;
    finding.leans_for = Some(false);
    finding.words += &format!(
        " Among the claim's several comparisons that is {} (Holm), above {level}.",
        p_value(adjusted)
    );
}

/// Further runs that bring a p value, given as it is and corrected, down to a level. Where all of n pairs
/// agree, the sign-flip test gives 2^-n, whatever the differences, and each further pair halves that.
/// Otherwise as if the statistic were normal and grew with the root of the runs, and the correction stayed.
fn to_level([p, adjusted]: [f64; 2], level: f64, n: u32) -> Further {
    let more = if p <= 1.001 * 0.5_f64.powi(n as i32) {
        (adjusted / level).log2()
    } else {
        let (now, needed) = (
            normal_quantile(1.0 - p),
            normal_quantile(1.0 - level * p / adjusted),
        );
        if now.is_nan() || now <= 0.0 {
            return Further::Never;
        }
        f64::from(n) * ((needed / now).powi(2) - 1.0)
    };
    let more = more.ceil().max(1.0);
    if more > f64::from(MOST_FURTHER) {
        Further::MoreThanMost
    } else {
        Further::About(more as u32)
    }
}
