//! Claims set against runs.
//!
//! **For a claim** speaks a one-sided p value of its opposite of at most 0.05 (for values: the 90 %
//! interval within the margin), **against** it one of the claim of at most 0.025 (the 95 % interval
//! wholly beyond). A claim of several comparisons holds if each of them does, which needs no
//! correction (an intersection-union test: R. L. Berger, Technometrics 24, 1982); it fails if any
//! does, so those p values are Holm-adjusted. Order claims (order, argmax, trend) of one experiment
//! are Holm-adjusted together.
//!
//! **Runs that diverged** have no value. They are counted and named; where more than one run in ten
//! has none, a claim about values is inconclusive, because those that are left are a selection. For
//! shares of runs they count as runs that do not show the effect. **Runs that collapsed** have values
//! like any other.
//!
//! **Fewer than five runs** (or pairs) decide nothing, and neither does anything but the paper's own
//! protocol: see [`Conditions`].

mod argmax;
mod bound;
mod case;
mod conditions;
#[cfg(test)]
mod edge_tests;
mod equivalence;
mod order;
mod pairs;
#[cfg(test)]
mod seeds_tests;
mod share;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
mod together;
mod trend;
mod value;

use super::fewest::fewest;
use super::verdict::{Finding, Group, Judgement, Verdict};
use super::words::count;
use super::{At, Claim, Published, Results, Test};
use crate::metrics::Metric;
use crate::statistics::closeness::MIN_RUNS;
use crate::statistics::power::Further;
use crate::statistics::{holm, upper_share};
use case::Case;
pub use conditions::Conditions;
use together::{Corrections, demote, is_order};

/// A claim's opposite has to be at most this likely.
pub(super) const FOR: f64 = 0.05;
/// A claim has to be at most this likely to be refuted, on one side.
pub(super) const AGAINST: f64 = 0.025;

/// Judges claims of one experiment, in the order given.
#[must_use]
pub fn judge<'a>(
    published: &Published,
    claims: impl IntoIterator<Item = &'a Claim>,
    results: &Results,
    conditions: &Conditions,
) -> Vec<Judgement> {
    let refusal = conditions.refusal();
    let claims: Vec<&Claim> = claims.into_iter().collect();
    let judged = claims.iter().map(|claim| match &refusal {
        Some(reason) => not_tested(claim, reason),
        None => judge_one(published, claim, results),
    });
    let mut judgements: Vec<Judgement> = judged.collect();
    // The seeds that an undecided order claim needs, once it is known how the others stand.
    for place in 0..judgements.len() {
        let corrections = Corrections::of(&judgements[place], &judgements);
        let undecided = matches!(judgements[place].verdict, Verdict::Inconclusive { .. });
        if undecided && corrections != Corrections::NONE {
            judgements[place] = judge_beside(published, claims[place], results, corrections);
        }
    }
    together::correct(&mut judgements);
    let open = together::open(&judgements);
    for (judgement, claim) in judgements.iter_mut().zip(&claims) {
        note_too_few(judgement, fewest(claim, open));
        // Written for a result that differs: of any other it would explain what is not there.
        if judgement.verdict.is_against() {
            judgement.cause.clone_from(&claim.cause);
        }
    }
    judgements
}

/// Says of a claim in pairs that is not refuted if so few seeds could not have refuted it.
fn note_too_few(judgement: &mut Judgement, fewest: Option<u32>) {
    let others = if is_order(judgement) {
        " and the experiment's other order claims"
    } else {
        ""
    };
    // Any one of its comparisons can.
    let seeds = judgement
        .findings
        .iter()
        .filter_map(Finding::most_seeds)
        .max();
    let (Some(fewest), Some(seeds)) = (fewest, seeds) else {
        return;
    };
    let is_open =
        matches!(judgement.verdict, Verdict::Inconclusive { .. }) || judgement.verdict.is_for();
    if seeds >= fewest || seeds < MIN_RUNS || !is_open {
        return;
    }
    judgement.refutable_from = Some(fewest);
    judgement.explanation.push(format!(
        "{} could not refute it, whatever came out: with its comparisons{others} corrected for (Holm), a \
         sign-flip test needs at least {fewest}.",
        count(seeds as usize, "seed")
    ));
    let Verdict::Inconclusive { more_seeds } = &mut judgement.verdict else {
        return;
    };
    // Decided by the correction alone, it takes no fewer than that to refute it.
    let against = judgement
        .findings
        .iter()
        .any(|one| one.verdict.is_against());
    if let (true, Further::About(more)) = (against, &mut *more_seeds) {
        *more = (*more).max(fewest - seeds);
    }
}

/// The judgement of a claim that cannot be tested, e.g. because its experiment does not exist.
#[must_use]
pub fn not_tested(claim: &Claim, reason: &str) -> Judgement {
    let verdict = Verdict::NotTested {
        reason: reason.to_owned(),
    };
    Judgement {
        explanation: vec![format!("Not tested: {reason}.")],
        ..judgement(claim, verdict, Vec::new())
    }
}

fn judgement(claim: &Claim, verdict: Verdict, findings: Vec<Finding>) -> Judgement {
    Judgement {
        claim: claim.id.to_string(),
        replication: claim.replication.to_string(),
        statement: claim.statement.clone(),
        source: claim.source.clone(),
        test: claim.test.kind(),
        verdict,
        better_than_published: false,
        older_runs: 0,
        late: false,
        undated_runs: 0,
        given: None,
        refutable_from: None,
        provisional: None,
        explanation: Vec::new(),
        findings,
        deviations: claim.deviations.clone(),
        cause: None,
    }
}

/// A claim by itself.
fn judge_one(published: &Published, claim: &Claim, results: &Results) -> Judgement {
    judge_beside(published, claim, results, Corrections::NONE)
}

fn judge_beside(
    published: &Published,
    claim: &Claim,
    results: &Results,
    corrections: Corrections,
) -> Judgement {
    let case = Case {
        claim,
        published,
        results,
        corrections,
    };
    let findings = match &claim.test {
        Test::Value(test) => value::findings(&case, test),
        Test::Order(test) => order::findings(&case, test),
        Test::Argmax(test) => argmax::findings(&case, test),
        Test::Trend(test) => trend::findings(&case, test),
        Test::Equivalence(test) => equivalence::findings(&case, test),
        Test::Bound(test) => bound::findings(&case, test),
        Test::Collapse(test) => share::findings(&case, test),
        Test::Qualitative(test) => {
            return not_tested(claim, &format!("to be looked at: {}", test.look));
        }
    };
    combine(claim, findings)
}

/// One verdict from those of the comparisons.
fn combine(claim: &Claim, mut findings: Vec<Finding>) -> Judgement {
    let against: Vec<f64> = findings
        .iter()
        .map(|one| one.p_against.unwrap_or(1.0))
        .collect();
    for (finding, adjusted) in findings.iter_mut().zip(holm(&against)) {
        if finding.verdict.is_against() && adjusted > AGAINST {
            demote(finding, adjusted, AGAINST);
        }
    }
    let verdicts = || findings.iter().map(|finding| &finding.verdict);
    let verdict = if let Some(against) = verdicts().find(|one| **one == Verdict::NotReproduced) {
        against.clone()
    } else if let Some(against) = verdicts().find(|one| one.is_against()) {
        against.clone()
    } else if let Some(missing) = verdicts().find(|one| matches!(one, Verdict::NotTested { .. })) {
        missing.clone()
    } else if let Some(more_seeds) = it_takes(&findings) {
        Verdict::Inconclusive { more_seeds }
    } else if let Some(weaker) = verdicts().find(|one| **one == Verdict::Consistent) {
        weaker.clone()
    } else {
        Verdict::Reproduced
    };
    let mut explanation: Vec<String> = findings.iter().map(|one| one.words.clone()).collect();
    explanation.extend(notes(&findings, &verdict, &claim.test));
    let mut against = findings
        .iter()
        .filter(|finding| finding.verdict.is_against());
    let better = verdict.is_against() && against.all(|finding| finding.better);
    Judgement {
        better_than_published: better,
        explanation,
        ..judgement(claim, verdict, findings)
    }
}

/// How many more seeds an undecided claim takes: one comparison that turns out against it is enough, in favour all have
/// to be decided.
fn it_takes(findings: &[Finding]) -> Option<Further> {
    let of = |is_against: bool| {
        let open = findings.iter().filter_map(move |one| {
            let further = undecided(&one.verdict)?;
            let against = one.points_for() == Some(false);
            (against == is_against).then_some(further)
        });
        open.collect::<Vec<_>>()
    };
    let first = of(true).into_iter().min_by_key(|one| rank(*one));
    first.or_else(|| of(false).into_iter().max_by_key(|one| rank(*one)))
}

fn undecided(verdict: &Verdict) -> Option<Further> {
    match verdict {
        Verdict::Inconclusive { more_seeds } => Some(*more_seeds),
        _ => None,
    }
}

fn rank(further: Further) -> u32 {
    match further {
        Further::About(seeds) => seeds,
        // Nothing is known beyond that: more than any estimate.
        Further::AtLeast(seeds) => u32::MAX / 2 + seeds,
        Further::MoreThanMost => u32::MAX - 2,
        Further::OnEdge => u32::MAX - 1,
        Further::Never => u32::MAX,
    }
}

/// What readers have to know beside the numbers.
fn notes(findings: &[Finding], verdict: &Verdict, test: &Test) -> Vec<String> {
    let mut notes = Vec::new();
    let groups: Vec<&Group> = findings.iter().flat_map(|finding| &finding.ours).collect();
    let mut named: Vec<(&str, usize, &str)> = Vec::new();
    for group in &groups {
        let marks = [
            (group.diverged, "diverged"),
            (group.collapsed, "collapsed"),
            (group.undefined, "without a value"),
        ];
        for (runs, what) in marks {
            if runs > 0 && !named.contains(&(&group.variant, runs, what)) {
                named.push((&group.variant, runs, what));
                let all = group.n + group.diverged + group.undefined;
                notes.push(format!(
                    "{}: {runs} of {} {what}.",
                    group.variant,
                    count(all, "run")
                ));
            }
        }
    }
    let of_means = !matches!(test, Test::Collapse(_));
    let is_named = |group: &Group| named.iter().any(|(variant, ..)| *variant == group.variant);
    let unmarked = groups.iter().filter(|group| !is_named(group));
    let smallest = unmarked.map(|group| group.n).min();
    if let (true, true, Some(n)) = (verdict.is_for(), of_means, smallest) {
        let of_which = if named.is_empty() {
            ""
        } else {
            " of the others"
        };
        notes.push(format!(
            "A rare collapse{of_which} is not excluded: none in {} is still likely enough if up to {:.*} % of all \
             runs collapse.",
            count(n, "run"),
            usize::from(n > 100),
            100.0 * upper_share(n as u32)
        ));
    }
    notes
}

/// What a run gives that fails altogether, for metrics known by name: a lower limit of one cluster or chance.
fn failed(metric: &str) -> Option<f64> {
    let name = metric.rsplit('.').next().unwrap_or(metric);
    Metric::from_id(name).map(|metric| match metric {
        Metric::Accuracy
        | Metric::Purity
        | Metric::NmiGeometric
        | Metric::NmiArithmetic
        | Metric::Ari => 0.0,
    })
}

/// The verdict of two p values. Both speak where an order or a trend is there but smaller than its
/// margin: neither word is then true, and more seeds do not change that.
fn decided(p_for: f64, p_against: f64, more: impl FnOnce() -> Further) -> Verdict {
    match (p_for <= FOR, p_against <= AGAINST) {
        (true, false) => Verdict::Reproduced,
        (false, true) => Verdict::NotReproduced,
        (true, true) => Verdict::Inconclusive {
            more_seeds: Further::Never,
        },
        (false, false) => Verdict::Inconclusive { more_seeds: more() },
    }
}

/// Whether a difference has the claimed sign and is yet below the margin.
fn too_small(p_for: f64, p_against: f64) -> bool {
    p_for <= FOR && p_against <= AGAINST
}

/// Each metric with each variant.
pub(crate) fn each<'a>(
    metrics: &'a [At<String>],
    variants: &'a [At<String>],
) -> impl Iterator<Item = (&'a str, &'a str)> {
    metrics.iter().flat_map(move |metric| {
        let pairs = variants.iter();
        pairs.map(move |variant| (metric.as_str(), variant.as_str()))
    })
}
