//! Two quantities paired by seed.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;

use super::super::results::{Sample, common_seeds};
use super::super::verdict::Group;
use super::super::words::count;
use super::{Case, Finding, Verdict};
use crate::random::{Seed, stream};
use crate::statistics::closeness::MIN_RUNS;
use crate::statistics::paired::sign_flip;
use crate::statistics::power::{Further, PRACTICALLY_INFINITE, further_for_mean};
use crate::statistics::{Difference, Moments, effect, minus};

/// The p values that pairs may have that do not exist yet, if mean and spread stay as they are: those of the t test,
/// but none smaller than a sign-flip test of so many pairs has when all of them agree.
pub(super) struct Expected(Difference);

impl Expected {
    /// How many more pairs let `decided` say yes.
    pub(super) fn further(now: Moments, decided: impl Fn(Self) -> bool) -> Further {
        further_for_mean(now, |difference| decided(Self(difference)))
    }

    /// Whether it is for the claim that the pairs would decide that `verdict` asks for; `None` where it asks for none,
    /// no number is known, or they would speak both for and against, as `speak` says.
    pub(super) fn leaning(
        now: Moments,
        verdict: &Verdict,
        speak: impl Fn(Self) -> [bool; 2],
    ) -> Option<bool> {
        let Verdict::Inconclusive { more_seeds } = verdict else {
            return None;
        };
        let n = match more_seeds {
            Further::About(more) => now.n + more,
            Further::MoreThanMost => PRACTICALLY_INFINITE,
            Further::AtLeast(_) | Further::OnEdge | Further::Never => return None,
        };
        match speak(Self(Difference::of_one(Moments { n, ..now }))) {
            [true, false] => Some(true),
            [false, true] => Some(false),
            _ => None,
        }
    }

    fn smallest(&self) -> f64 {
        0.5_f64.powf(self.0.df + 1.0)
    }

    /// As [`Pairs::p_greater`].
    pub(super) fn p_greater(&self, null: f64) -> f64 {
        self.0.p_greater(null).max(self.smallest())
    }

    /// As [`Pairs::p_less`].
    pub(super) fn p_less(&self, null: f64) -> f64 {
        self.0.p_less(null).max(self.smallest())
    }
}

/// First minus second, seed by seed.
pub(super) struct Pairs {
    pub(super) differences: Vec<f64>,
    pub(super) moments: Moments,
    groups: [Group; 2],
    effects: BTreeMap<&'static str, f64>,
    alone: usize,
    purpose: String,
}

impl Pairs {
    /// Of two (variant, metric).
    pub(super) fn of(
        case: &Case,
        label: &str,
        first: (&str, &str),
        second: (&str, &str),
    ) -> Result<Self, Box<Finding>> {
        let samples = match (
            case.sample(label, first.0, first.1),
            case.sample(label, second.0, second.1),
        ) {
            (Ok(first), Ok(second)) => [first, second],
            // What is not there at all is told before what is too little.
            (Err(_), Err(stopped)) if matches!(stopped.verdict, Verdict::NotTested { .. }) => {
                return Err(stopped);
            }
            (Err(mut stopped), _) | (_, Err(mut stopped)) => {
                let groups = case.groups([first, second]);
                if groups.len() == 2 {
                    stopped.ours = groups;
                }
                return Err(stopped);
            }
        };
        let groups = [
            Group::of(first.0, first.1, &samples[0]),
            Group::of(second.0, second.1, &samples[1]),
        ];
        let seeds = common_seeds(&samples);
        let column = |sample: &Sample| -> Vec<f64> {
            seeds.iter().filter_map(|&seed| sample.at(seed)).collect()
        };
        let (a, b) = (column(&samples[0]), column(&samples[1]));
        let differences: Vec<f64> = a.iter().zip(&b).map(|(&a, &b)| minus(a, b)).collect();
        let enough = differences.len() >= MIN_RUNS as usize;
        let Some(moments) = Moments::of(&differences).filter(|_| enough) else {
            let words = format!(
                "{label}: {} with both; fewer than {MIN_RUNS} decide nothing.",
                count(differences.len(), "seed")
            );
            let more_seeds = Further::AtLeast(MIN_RUNS.saturating_sub(differences.len() as u32));
            let verdict = Verdict::Inconclusive { more_seeds };
            return Err(Box::new(Finding {
                ours: groups.to_vec(),
                numbers: BTreeMap::from([("pairs", differences.len() as f64)]),
                ..Finding::new(label.to_owned(), verdict, words)
            }));
        };
        let mut effects = BTreeMap::new();
        let (all_a, all_b) = (samples[0].numbers(), samples[1].numbers());
        effects.extend(effect::superiority(&all_a, &all_b).map(|share| ("superiority", share)));
        if let (Some(a), Some(b)) = (Moments::of(&all_a), Moments::of(&all_b)) {
            effects.extend(effect::hedges_g(a, b).map(|g| ("hedges_g", g)));
        }
        Ok(Self {
            alone: all_a.len() + all_b.len() - 2 * differences.len(),
            purpose: format!("claims/{}/{label}", *case.claim.id),
            differences,
            moments,
            groups,
            effects,
        })
    }

    /// The mean difference.
    pub(super) fn difference(&self) -> Difference {
        Difference::of_one(self.moments)
    }

    fn rng(&self) -> ChaCha8Rng {
        stream(Seed(0), &self.purpose)
    }

    fn shifted(&self, null: f64) -> Vec<f64> {
        let differences = self.differences.iter();
        differences.map(|&value| minus(value, null)).collect()
    }

    /// One-sided p value of "not above `null`": the larger of t test and sign-flip test.
    pub(super) fn p_greater(&self, null: f64) -> f64 {
        let flip = sign_flip(&self.shifted(null), &mut self.rng());
        flip.greater.max(self.difference().p_greater(null))
    }

    /// One-sided p value of "not below `null`": the larger of t test and sign-flip test.
    pub(super) fn p_less(&self, null: f64) -> f64 {
        let flip = sign_flip(&self.shifted(null), &mut self.rng());
        flip.less.max(self.difference().p_less(null))
    }

    /// A finding with everything but its verdict and words.
    pub(super) fn finding(&self, label: String) -> Finding {
        let difference = self.difference();
        let flip = sign_flip(&self.differences, &mut self.rng());
        let mut numbers = self.effects.clone();
        numbers.insert("pairs", self.differences.len() as f64);
        numbers.insert("p_t_two_sided", difference.p_two_sided());
        numbers.insert("p_sign_flip_two_sided", flip.two_sided);
        Finding {
            ours: self.groups.to_vec(),
            difference: Some(difference.estimate),
            interval_90: Some(difference.interval(0.9)),
            interval_95: Some(difference.interval(0.95)),
            numbers,
            ..Finding::new(label, Verdict::Reproduced, String::new())
        }
    }

    /// `10 pairs`, and how many runs have no partner.
    pub(super) fn size(&self) -> String {
        let pairs = count(self.differences.len(), "pair");
        match self.alone {
            0 => pairs,
            alone => format!("{pairs}, {} without a partner unused", count(alone, "run")),
        }
    }
}
