//! The comparisons of a claim as rows: the numbers that judging gave, and the runs behind them.

use super::content::{AxisKind, Lane, Row};
use crate::claims::{
    Change, Claim, Finding, Group, Printed, Published, Quantity, Results, Summary, Test, Verdict,
    Wherein, each,
};

/// The rows of a claim. `findings` are those of its judgement; where there are none although the claim
/// is about published values, the rows show those and ours, unjudged.
pub(super) fn rows(
    published: &Published,
    claim: &Claim,
    findings: &[Finding],
    results: &Results,
) -> Vec<Row> {
    let case = Case {
        published,
        claim,
        results,
    };
    if let (Test::Value(test), true) = (&claim.test, findings.is_empty()) {
        return each(&test.metrics, &test.variants)
            .map(|(metric, variant)| case.unjudged(metric, variant))
            .collect();
    }
    let mut findings = findings.to_vec();
    if let Test::Value(test) = &claim.test {
        // A test that stopped early, for want of runs, names no number. One finding for each value.
        let values = each(&test.metrics, &test.variants);
        for (finding, (metric, variant)) in findings.iter_mut().zip(values) {
            if finding.published.is_none() {
                finding.published = case.printed(variant, metric);
            }
        }
    }
    findings
        .into_iter()
        .map(|finding| case.row(finding))
        .collect()
}

struct Case<'a> {
    published: &'a Published,
    claim: &'a Claim,
    results: &'a Results,
}

/// The part of the axis that agrees with a claim.
type Agrees = (Option<f64>, Option<f64>);

impl Case<'_> {
    fn row(&self, mut finding: Finding) -> Row {
        let (axis, lanes, (agrees_from, agrees_to)) = match &self.claim.test {
            Test::Value(test) => {
                let margin = *test.margin.size;
                finding.margin = Some(margin);
                self.against_published(&finding, margin)
            }
            Test::Equivalence(test) => {
                let margin = *test.margin.size;
                let agrees = match test.within {
                    Wherein::BothSides => (Some(-margin), Some(margin)),
                    Wherein::NotAbove => (None, Some(margin)),
                    Wherein::NotBelow => (Some(-margin), None),
                };
                (AxisKind::Difference, self.paired(&finding), agrees)
            }
            Test::Order(_) => (
                AxisKind::Difference,
                self.paired(&finding),
                (Some(0.0), None),
            ),
            Test::Bound(test) => {
                let bound = |bound: &Option<crate::claims::At<f64>>| bound.as_ref().map(|at| **at);
                let agrees = (bound(&test.at_least), bound(&test.at_most));
                (AxisKind::Value, self.each(&finding), agrees)
            }
            Test::Collapse(test) => {
                let bound = |bound: &Option<crate::claims::At<f64>>| bound.as_ref().map(|at| **at);
                let agrees = (bound(&test.at_least), bound(&test.at_most));
                (AxisKind::Value, self.each(&finding), agrees)
            }
            // Of the difference, which is drawn apart from the lanes.
            Test::Argmax(_) => (AxisKind::Value, self.each(&finding), (Some(0.0), None)),
            Test::Trend(test) => {
                let agrees = match test.change {
                    Change::Falls => (None, Some(0.0)),
                    Change::Rises => (Some(0.0), None),
                };
                (AxisKind::Value, self.each(&finding), agrees)
            }
            Test::Qualitative(_) => (AxisKind::Value, self.each(&finding), (None, None)),
        };
        Row {
            finding,
            judged: true,
            lanes,
            axis,
            agrees_from,
            agrees_to,
        }
    }

    fn against_published(&self, finding: &Finding, margin: f64) -> (AxisKind, Vec<Lane>, Agrees) {
        let mut lanes = self.each(finding);
        match &finding.published {
            Some(printed) => {
                for (_, value) in lanes.iter_mut().flat_map(|lane| &mut lane.seeds) {
                    *value -= printed.mean;
                }
                (AxisKind::Difference, lanes, (Some(-margin), Some(margin)))
            }
            None => (AxisKind::Value, lanes, (None, None)),
        }
    }

    /// A published value and ours, with the difference but no word about it.
    fn unjudged(&self, metric: &str, variant: &str) -> Row {
        let runs = self.runs(variant);
        let ours = Summary::of(runs.iter().map(|run| value(run, metric)));
        let diverged = runs
            .iter()
            .filter(|run| run.ending == crate::claims::Ending::Diverged)
            .count();
        let published = self.printed(variant, metric);
        let difference = ours.mean.zip(published.as_ref());
        let difference = difference.map(|(mean, printed)| mean - printed.mean);
        let group = Group {
            variant: variant.to_owned(),
            metric: metric.to_owned(),
            n: ours.values.len(),
            mean: ours.mean,
            sd: ours.sd,
            diverged,
            undefined: ours.undefined.saturating_sub(diverged),
            collapsed: runs
                .iter()
                .filter(|run| run.ending == crate::claims::Ending::Collapsed)
                .count(),
        };
        let finding = Finding {
            label: format!("{metric} of {variant}"),
            ours: vec![group],
            published,
            difference,
            interval_90: None,
            interval_95: None,
            margin: None,
            p_for: None,
            p_against: None,
            leans_for: None,
            numbers: std::collections::BTreeMap::new(),
            verdict: Verdict::NotTested {
                reason: String::new(),
            },
            better: false,
            words: String::new(),
        };
        Row {
            judged: false,
            ..self.row(finding)
        }
    }

    fn printed(&self, variant: &str, metric: &str) -> Option<Printed> {
        let quantity = Quantity {
            variant: variant.to_owned(),
            metric: metric.to_owned(),
            data: self.claim.data.clone(),
        };
        self.published.printed(&self.claim.replication, &quantity)
    }

    /// The runs of a variant, by seed.
    fn runs(&self, variant: &str) -> Vec<&crate::claims::Run> {
        let data = &self.claim.data;
        let runs = self
            .results
            .runs
            .iter()
            .filter(|run| run.variant == variant && (data.is_none() || run.data == *data));
        let mut runs: Vec<_> = runs.collect();
        runs.sort_by_key(|run| run.seed);
        runs
    }

    fn lane(&self, variant: &str, metric: &str) -> Lane {
        let runs = self.runs(variant).into_iter();
        Lane {
            variant: variant.to_owned(),
            seeds: runs
                .filter_map(|run| Some((run.seed, value(run, metric)?)))
                .collect(),
        }
    }

    /// A lane for each group.
    fn each(&self, finding: &Finding) -> Vec<Lane> {
        let groups = finding.ours.iter();
        groups
            .map(|group| self.lane(&group.variant, &group.metric))
            .collect()
    }

    /// First minus second, seed by seed; none unless the finding is about two groups.
    fn paired(&self, finding: &Finding) -> Vec<Lane> {
        let lanes = self.each(finding);
        let [first, second] = lanes.as_slice() else {
            return Vec::new();
        };
        let seeds = first.seeds.iter().filter_map(|(seed, value)| {
            let other = second.seeds.iter().find(|(other, _)| other == seed)?;
            Some((*seed, value - other.1))
        });
        vec![Lane {
            variant: format!("{} - {}", first.variant, second.variant),
            seeds: seeds.collect(),
        }]
    }
}

fn value(run: &crate::claims::Run, metric: &str) -> Option<f64> {
    let value = run.values.get(metric).copied().flatten();
    value.filter(|value| value.is_finite())
}
