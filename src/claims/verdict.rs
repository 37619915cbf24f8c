//! What comes out of judging: verdicts, and the numbers they rest on.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::Printed;
use super::results::Sample;
use super::words::count;
use crate::statistics::power::{Further, MOST_FURTHER};
use crate::statistics::{Interval, Moments};

/// How many more seeds would decide.
pub type MoreSeeds = Further;

/// What our runs say about a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Verdict {
    /// It holds, by the test and margin fixed beforehand.
    Reproduced,
    /// It does not.
    NotReproduced,
    /// The runs do not decide it.
    Inconclusive {
        /// How many more seeds might.
        more_seeds: MoreSeeds,
    },
    /// Ours is within the margin of a published mean without its spread, or a bound on a mean holds as far as can be
    /// seen: weaker than reproduced.
    Consistent,
    /// It is refuted, or the bound is: weaker than not reproduced.
    Inconsistent,
    /// Nothing was tested.
    NotTested {
        /// Why.
        reason: String,
    },
}

impl Verdict {
    /// `not reproduced` and the like.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Reproduced => "reproduced",
            Self::NotReproduced => "not reproduced",
            Self::Inconclusive { .. } => "inconclusive",
            Self::Consistent => "consistent",
            Self::Inconsistent => "inconsistent",
            Self::NotTested { .. } => "not tested",
        }
    }

    /// Whether the runs speak against the claim.
    #[must_use]
    pub fn is_against(&self) -> bool {
        matches!(self, Self::NotReproduced | Self::Inconsistent)
    }

    /// Whether they speak for it.
    #[must_use]
    pub fn is_for(&self) -> bool {
        matches!(self, Self::Reproduced | Self::Consistent)
    }
}

impl fmt::Display for Verdict {
    /// `inconclusive (about 12 more seeds)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            Self::Inconclusive { more_seeds } => write!(f, " ({})", more(*more_seeds)),
            Self::NotTested { reason } => write!(f, ": {reason}"),
            _ => Ok(()),
        }
    }
}

/// `about 12 more seeds`.
#[must_use]
pub fn more(seeds: MoreSeeds) -> String {
    match seeds {
        Further::About(1) => "about 1 more seed".to_owned(),
        Further::About(seeds) => format!("about {seeds} more seeds"),
        Further::AtLeast(1) => "at least 1 more seed".to_owned(),
        Further::AtLeast(seeds) => format!("at least {seeds} more seeds"),
        Further::MoreThanMost => format!("more than {MOST_FURTHER} more seeds"),
        Further::OnEdge => "more seeds decide only if mean or spread change".to_owned(),
        Further::Never => "more seeds alone would not decide".to_owned(),
    }
}

/// The runs of one quantity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// The variant's id.
    pub variant: String,
    /// The metric's name.
    pub metric: String,
    /// Runs with a value.
    pub n: usize,
    /// Their mean.
    pub mean: Option<f64>,
    /// Their standard deviation (divisor n - 1).
    pub sd: Option<f64>,
    /// Runs that diverged: they have no value.
    pub diverged: usize,
    /// Other runs for which the metric is undefined.
    pub undefined: usize,
    /// Runs marked as collapsed: they have one.
    pub collapsed: usize,
}

impl Group {
    pub(super) fn of(variant: &str, metric: &str, sample: &Sample) -> Self {
        let numbers = sample.numbers();
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        Self {
            variant: variant.to_owned(),
            metric: metric.to_owned(),
            n: numbers.len(),
            mean: (!numbers.is_empty()).then_some(mean),
            sd: Moments::of(&numbers).map(|moments| moments.sd),
            diverged: sample.diverged,
            undefined: sample.undefined,
            collapsed: sample.collapsed,
        }
    }
}

/// One comparison of a claim, with its numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// What is compared, e.g. `bmu.purity of gamma=0.001`.
    pub label: String,
    /// Our runs.
    pub ours: Vec<Group>,
    /// What was published.
    pub published: Option<Printed>,
    /// Ours minus published, or first minus second.
    pub difference: Option<f64>,
    /// The 90 % interval of the difference (of the mean, for a bound; of the share, for a share).
    pub interval_90: Option<Interval>,
    /// The 95 % interval.
    pub interval_95: Option<Interval>,
    /// The margin, if there is one.
    pub margin: Option<f64>,
    /// One-sided p value of the claim's opposite: at most 0.05 speaks for the claim.
    pub p_for: Option<f64>,
    /// One-sided p value of the claim: at most 0.025 speaks against it.
    pub p_against: Option<f64>,
    /// Whether it is for the claim that the further seeds would decide that an undecided comparison of pairs asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leans_for: Option<bool>,
    /// Effects and other numbers by name, e.g. `superiority`.
    pub numbers: BTreeMap<&'static str, f64>,
    /// What it comes to.
    pub verdict: Verdict,
    /// Whether ours is beyond the margin on the good side.
    pub better: bool,
    /// The numbers in a sentence or two.
    pub words: String,
}

impl Finding {
    /// Whether its intervals are of the share of runs that show something, not of a metric's mean.
    #[must_use]
    pub fn is_share(&self) -> bool {
        self.numbers.contains_key("share_claimed")
    }

    /// What tells a group from the others: its variant, or if they are of several metrics that too.
    #[must_use]
    pub fn name_of(&self, group: &Group) -> String {
        if self.ours.iter().all(|other| other.metric == group.metric) {
            group.variant.clone()
        } else {
            format!("{} of {}", group.metric, group.variant)
        }
    }

    /// What a difference is of, where that is not every run, so that it is not that of the means: `6 pairs`; of a
    /// trend `6 seeds`.
    #[must_use]
    pub fn of_how_many(&self) -> Option<String> {
        let (number, what) = self.in_common()?;
        let differ = self.ours.iter().any(|group| group.n != number as usize);
        differ.then(|| count(number as usize, what))
    }

    /// Pairs, or of a trend seeds that all its variants have.
    fn in_common(&self) -> Option<(u32, &'static str)> {
        let number = |name: &str| self.numbers.get(name).map(|&number| number as u32);
        let pairs = number("pairs").map(|pairs| (pairs, "pair"));
        pairs.or_else(|| Some((number("seeds")?, "seed")))
    }

    /// How many seeds it rests on: those in common where it is of pairs, else the runs of the smallest group.
    pub(super) fn seeds(&self) -> Option<u32> {
        let runs = self.ours.iter().map(|group| group.n as u32).min();
        self.in_common().map(|(number, _)| number).or(runs)
    }

    /// As [`seeds`](Self::seeds), of that of its tests which has the most: it is the first that can refute a claim.
    pub(super) fn most_seeds(&self) -> Option<u32> {
        let most = self.numbers.get("pairs_most").map(|&most| most as u32);
        most.or_else(|| self.seeds())
    }

    /// Whether it speaks for the claim, or would with the further seeds that it asks for; `None` if nothing is known.
    pub(super) fn points_for(&self) -> Option<bool> {
        match self.verdict {
            Verdict::Reproduced | Verdict::Consistent => Some(true),
            Verdict::NotReproduced | Verdict::Inconsistent => Some(false),
            Verdict::Inconclusive {
                more_seeds: Further::About(_) | Further::MoreThanMost,
            } if self.in_common().is_some() => self.leans_for,
            Verdict::Inconclusive {
                more_seeds: Further::About(_) | Further::MoreThanMost,
            } => Some(self.p_for? <= self.p_against?),
            Verdict::Inconclusive { .. } | Verdict::NotTested { .. } => None,
        }
    }

    /// Without numbers yet.
    pub(super) fn new(label: String, verdict: Verdict, words: String) -> Self {
        Self {
            label,
            ours: Vec::new(),
            published: None,
            difference: None,
            interval_90: None,
            interval_95: None,
            margin: None,
            p_for: None,
            p_against: None,
            leans_for: None,
            numbers: BTreeMap::new(),
            verdict,
            better: false,
            words,
        }
    }
}

/// Seeds of the variants that a claim is about: the fewest that are done or, beyond the plan, the most; and how many
/// it was to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Seeds {
    /// With a record.
    pub done: usize,
    /// Planned.
    pub planned: usize,
}

impl fmt::Display for Seeds {
    /// `5 of 10 seeds`, `13 seeds, 10 of them planned`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { done, planned } = self;
        if done > planned {
            return write!(f, "{done} seeds, {planned} of them planned");
        }
        write!(f, "{done} of {planned} seeds")
    }
}

/// A claim judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judgement {
    /// The claim's id.
    pub claim: String,
    /// The experiment.
    pub replication: String,
    /// What the paper says, in plain words.
    pub statement: String,
    /// Where it says so.
    pub source: String,
    /// The kind of test, e.g. `order`.
    pub test: &'static str,
    /// What it comes to.
    pub verdict: Verdict,
    /// Whether it is "not reproduced" only because ours is better.
    pub better_than_published: bool,
    /// Of our runs, those made when the claim was defined otherwise or did not exist.
    pub older_runs: usize,
    /// Whether it was added or changed when results were known.
    pub late: bool,
    /// The fewest seeds that could refute it, where no comparison of it has as many: nothing that these could show would
    /// have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refutable_from: Option<u32>,
    /// Of our runs, those whose records do not say what the claim was.
    pub undated_runs: usize,
    /// Seeds that are done and that were planned, where these are not as many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisional: Option<Seeds>,
    /// What all runs of a variant begin with, in a word, e.g. `autoencoder`: what another one would change is in no
    /// spread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given: Option<String>,
    /// Why, in plain words: one sentence or two each.
    pub explanation: Vec<String>,
    /// The comparisons it rests on.
    pub findings: Vec<Finding>,
    /// Where our experiment differs from the paper's.
    pub deviations: Vec<String>,
    /// What explains a result other than the published one, where there is one and somebody has looked into it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

impl Judgement {
    /// Notes that `older_runs` of the runs were made when the claim was another.
    #[must_use]
    pub fn with_older_runs(mut self, older_runs: usize) -> Self {
        if older_runs > 0 && !self.findings.is_empty() {
            self.older_runs = older_runs;
            self.late = true;
            self.explanation.push(format!(
                "The claim was changed afterwards: when {} made, its test, margin or published values \
                 were others, or it did not exist. A margin set after seeing results proves little.",
                match older_runs {
                    1 => "1 of the runs was".to_owned(),
                    runs => format!("{runs} of the runs were"),
                }
            ));
        }
        self
    }

    /// Notes that the claim was added or changed when results were known, as its paper's file says: records that
    /// have been made again since do not show it.
    #[must_use]
    pub fn with_known(mut self, known: Option<&str>) -> Self {
        if let Some(known) = known.filter(|_| !self.findings.is_empty()) {
            self.explanation
                .push(format!("Set when results were known: {known}"));
            self.late = true;
        }
        self
    }

    /// Notes that `undated_runs` of the runs do not say what the claims were.
    #[must_use]
    pub fn with_undated_runs(mut self, undated_runs: usize) -> Self {
        self.undated_runs = undated_runs;
        self
    }

    /// Notes that all runs of some variants begin with one and the same part.
    #[must_use]
    pub fn with_given(mut self, part: &str, variants: &[&str]) -> Self {
        if !variants.is_empty() && !self.findings.is_empty() {
            // Two variants need not begin with the same one.
            let of = if variants.len() > 1 { "each of " } else { "" };
            self.explanation.push(format!(
                "All runs of {of}{} begin with one {part}. What another {part} would change is in no interval and no \
                 p value here.",
                variants.join(", ")
            ));
            self.given = Some(part.to_owned());
        }
        self
    }

    /// Notes that a decision was not made on the seeds that were planned, if one was made.
    #[must_use]
    pub fn with_seeds(mut self, seeds: Seeds) -> Self {
        if seeds.done != seeds.planned && self.is_decided() {
            self.provisional = Some(seeds);
            let errs = if seeds.done < seeds.planned {
                "about twice as often between the fifth and the tenth"
            } else {
                "about three times as often between the tenth and the thirtieth"
            };
            let Seeds { done, planned } = seeds;
            let are_done = if done < planned {
                format!("{seeds} are done")
            } else {
                format!("{done} seeds are done, of which {planned} were planned")
            };
            self.explanation.push(format!(
                "Provisional: {are_done}. A test that is looked at again whenever a seed is added errs more \
                 often than its level says, {errs}."
            ));
        }
        self
    }

    /// Whether the runs speak for the claim or against it.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        self.verdict.is_for() || self.verdict.is_against()
    }

    /// What it takes to decide a claim that is undecided, and which way its runs point so far: `about 12 more seeds; so
    /// far for it`.
    #[must_use]
    pub fn what_it_takes(&self) -> Option<String> {
        let Verdict::Inconclusive { more_seeds } = self.verdict else {
            return None;
        };
        let leaning = match more_seeds {
            Further::About(_) | Further::MoreThanMost => self.leaning(),
            Further::AtLeast(_) | Further::OnEdge | Further::Never => None,
        };
        let leaning = leaning.map_or(String::new(), |leaning| format!("; {leaning}"));
        Some(format!("{}{leaning}", more(more_seeds)))
    }

    /// Against the claim if one of its comparisons points that way, for it if all point the other; `None` if some point
    /// nowhere.
    fn leaning(&self) -> Option<&'static str> {
        let directions = self.findings.iter().map(Finding::points_for);
        let directions: Vec<Option<bool>> = directions.collect();
        if directions.contains(&Some(false)) {
            return Some("so far against it");
        }
        let all = directions.iter().all(|one| *one == Some(true));
        all.then_some("so far for it")
    }

    /// The verdict in a few words: `not reproduced: better than published (5 of 10 seeds)`, `inconclusive (about 12
    /// more seeds; so far for it)`.
    #[must_use]
    pub fn headline(&self) -> String {
        let mut words = match self.what_it_takes() {
            Some(more) => format!("{} ({more})", self.verdict.word()),
            None => self.verdict.to_string(),
        };
        if self.better_than_published {
            words += ": better than published";
        }
        if let (true, Some(part)) = (self.is_decided(), &self.given) {
            words += &format!(", given one {part}");
        }
        if let Some(seeds) = self.provisional {
            words += &format!(" ({seeds})");
        }
        words
    }
}
