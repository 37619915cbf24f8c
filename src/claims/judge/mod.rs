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

use super::fewest::{comparisons, fewest};
use super::results::Sample;
use super::verdict::{Finding, Group, Judgement, Verdict};
use super::words::{count, list};
use super::{At, Better, Claim, Published, Quantity, Results, Test};
use crate::metrics::{self, Metric, described};
use crate::som::quality::{CLASS_SCATTER, MAP};
use crate::statistics::closeness::MIN_RUNS;
use crate::statistics::power::Further;
use crate::statistics::{holm, upper_share};
use together::{Corrections, demote, is_order};

/// A claim's opposite has to be at most this likely.
pub(super) const FOR: f64 = 0.05;
/// A claim has to be at most this likely to be refuted, on one side.
pub(super) const AGAINST: f64 = 0.025;
/// Squares of larger values, and their sums, are not finite.
const LARGEST: f64 = 1e150;
/// The largest share of runs without a value that a claim about values bears.
const WITHOUT_VALUE: f64 = 0.1;

/// What was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditions {
    /// The profile's name; only `paper` allows verdicts.
    pub profile: String,
    /// What was changed in the protocol, by name.
    pub altered: Vec<(String, String)>,
}

impl Conditions {
    /// The full protocol of the paper.
    #[must_use]
    pub fn paper() -> Self {
        Self {
            profile: "paper".to_owned(),
            altered: Vec::new(),
        }
    }

    /// Why there can be no verdict; `None` if there can.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        let precision = self.altered.iter().find(|(name, _)| name == "precision");
        if let (Some((_, precision)), 1) = (precision, self.altered.len()) {
            return Some(format!(
                "runs of {precision} precision are not used for verdicts; those of exact precision are"
            ));
        }
        if !self.altered.is_empty() {
            let changes = self.altered.iter();
            let changes: Vec<_> = changes
                .map(|(name, value)| format!("{name} = {value}"))
                .collect();
            return Some(format!(
                "with {} it is not the paper's protocol",
                list(&changes)
            ));
        }
        (self.profile != "paper").then(|| format!("the {} profile gives no verdict", self.profile))
    }
}

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
        refutable_from: None,
        provisional: None,
        explanation: Vec::new(),
        findings,
        deviations: claim.deviations.clone(),
        cause: None,
    }
}

/// What every test is given.
struct Case<'a> {
    claim: &'a Claim,
    published: &'a Published,
    results: &'a Results,
    /// How many more seeds would decide depends on them; the verdict is corrected afterwards.
    corrections: Corrections,
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
        Further::MoreThanMost => u32::MAX - 1,
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
    let smallest = groups.iter().map(|group| group.n).min();
    if let (true, true, true, Some(n)) = (verdict.is_for(), of_means, named.is_empty(), smallest) {
        notes.push(format!(
            "A rare collapse is not excluded: none in {} is still likely enough if up to {:.*} % of all \
             runs collapse.",
            count(n, "run"),
            usize::from(n > 100),
            100.0 * upper_share(n as u32)
        ));
    }
    notes
}

impl Case<'_> {
    /// What the p values for and against the claim are held against, when it is asked how many more seeds it takes:
    /// as Holm corrects the smallest of them.
    fn levels(&self) -> (f64, f64) {
        let comparisons = comparisons(&self.claim.test).max(1) as f64;
        let Corrections { in_favour, against } = self.corrections;
        (FOR / in_favour, AGAINST / against / comparisons)
    }

    fn quantity(&self, variant: &str, metric: &str) -> Quantity {
        Quantity {
            variant: variant.to_owned(),
            metric: metric.to_owned(),
            data: self.claim.data.clone(),
        }
    }

    /// The runs of a metric of a variant, if they allow a test of values.
    fn sample(&self, label: &str, variant: &str, metric: &str) -> Result<Sample, Box<Finding>> {
        let found = self.results.sample(&self.quantity(variant, metric));
        let impossible = |reason: String| {
            let words = format!("{label}: not tested, {reason}.");
            let verdict = Verdict::NotTested { reason };
            Box::new(Finding::new(label.to_owned(), verdict, words))
        };
        let sample = found.map_err(impossible)?;
        let is_large = |&(_, value): &(u64, f64)| value.abs() > LARGEST;
        if sample.values.iter().any(is_large) {
            return Err(impossible(format!(
                "{metric} of {variant} is beyond {LARGEST:e}, too large to be squared"
            )));
        }
        let short = |more_seeds, words: String| {
            let verdict = Verdict::Inconclusive { more_seeds };
            Box::new(Finding {
                ours: vec![Group::of(variant, metric, &sample)],
                ..Finding::new(label.to_owned(), verdict, words)
            })
        };
        let (lost, runs) = (sample.without_value(), sample.runs());
        let n = sample.values.len();
        if lost as f64 > WITHOUT_VALUE * runs as f64 {
            // If all that follow have a value; at the rate so far none would do.
            let needed = (lost as f64 / WITHOUT_VALUE).ceil() as usize;
            let left = if n == 0 {
                "nothing is left to test"
            } else {
                "what is left is a selection, and its mean is not the method's"
            };
            return Err(short(
                Further::AtLeast(needed.saturating_sub(runs).max(1) as u32),
                format!(
                    "{label}: {lost} of {} of {variant} have no value ({} diverged); {left}.",
                    count(runs, "run"),
                    sample.diverged
                ),
            ));
        }
        if n < MIN_RUNS as usize {
            return Err(short(
                Further::AtLeast(MIN_RUNS - n as u32),
                format!(
                    "{label}: {} of {variant}; fewer than {MIN_RUNS} decide nothing.",
                    count(n, "run")
                ),
            ));
        }
        Ok(sample)
    }

    /// What there is of each of these (variant, metric), whether or not it allows a test.
    fn groups(&self, compared: [(&str, &str); 2]) -> Vec<Group> {
        let groups = compared.into_iter().filter_map(|(variant, metric)| {
            let sample = self.results.sample(&self.quantity(variant, metric)).ok()?;
            Some(Group::of(variant, metric, &sample))
        });
        groups.collect()
    }

    /// The runs of a metric of several variants. A variant without any is named before one with too few:
    /// seeds do not mend that.
    fn samples<'s>(
        &self,
        label: &str,
        variants: impl IntoIterator<Item = &'s str>,
        metric: &str,
    ) -> Result<Vec<Sample>, Box<Finding>> {
        let (mut samples, mut stopped) = (Vec::new(), None::<Box<Finding>>);
        for variant in variants {
            match self.sample(label, variant, metric) {
                Ok(sample) => samples.push(sample),
                Err(finding) if matches!(finding.verdict, Verdict::NotTested { .. }) => {
                    return Err(finding);
                }
                Err(finding) => stopped = stopped.or(Some(finding)),
            }
        }
        stopped.map_or(Ok(samples), Err)
    }

    /// Which way a metric improves: as the claim says, or as its name does.
    fn better(&self, metric: &str) -> Option<Better> {
        self.claim.better.or_else(|| known_direction(metric))
    }
}

/// Which way a metric improves that is known by name, alone or after a prefix as in `bmu.purity`.
fn known_direction(metric: &str) -> Option<Better> {
    let name = metric.rsplit('.').next()?;
    let of_maps = || {
        let known = MAP.iter().map(|(of, _)| *of).chain([CLASS_SCATTER]);
        known.into_iter().find(|of| of.id == name)
    };
    match described(name).or_else(of_maps)?.better {
        metrics::Better::Higher => Some(Better::Higher),
        metrics::Better::Lower => Some(Better::Lower),
        metrics::Better::NearestZero | metrics::Better::NearestOne => None,
    }
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
