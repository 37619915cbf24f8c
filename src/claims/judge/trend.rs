//! A metric falls or rises along a parameter.
//!
//! Of each seed the change over the whole range is taken, by least squares over the steps (values of
//! the parameter count as evenly spaced). For the claim speaks that its mean is in the claimed direction
//! (t and sign-flip test, both) and no step's is in the other; against it that it is below the margin, or that a single step goes the
//! other way by more than the margin (Holm over the steps).

use std::collections::BTreeMap;

use rand_chacha::rand_core::Rng;

use super::super::results::{Sample, common_seeds};
use super::super::verdict::Group;
use super::super::words::{count, interval, number, p_value, signed};
use super::super::{Change, Trend};
use super::pairs::Expected;
use super::{AGAINST, Case, FOR, Finding, Verdict, decided, too_small};
use crate::random::{Seed, stream};
use crate::statistics::bootstrap::percentile_interval;
use crate::statistics::closeness::MIN_RUNS;
use crate::statistics::paired::sign_flip;
use crate::statistics::power::Further;
use crate::statistics::{Difference, Interval, Moments, holm, kendall, minus};

/// One for each metric.
pub(super) fn findings(case: &Case, test: &Trend) -> Vec<Finding> {
    let metrics = test.metrics.iter();
    metrics
        .map(|metric| finding(case, test, metric).unwrap_or_else(|stopped| *stopped))
        .collect()
}

fn finding(case: &Case, test: &Trend, metric: &str) -> Result<Finding, Box<Finding>> {
    let (verb, sign) = match test.change {
        Change::Falls => ("falls", -1.0),
        Change::Rises => ("rises", 1.0),
    };
    let label = format!("{metric} {verb} along {}", test.along);
    let variants = test.variants.iter().map(|one| one.as_str());
    let samples: Vec<Sample> = case.samples(&label, variants, metric)?;
    let groups = test.variants.iter().zip(&samples);
    let groups: Vec<Group> = groups
        .map(|(one, sample)| Group::of(one, metric, sample))
        .collect();
    let seeds = common_seeds(&samples);
    // Upwards is as claimed from here on.
    let rows = by_seed(&samples, &seeds, sign);
    let changes: Vec<f64> = rows.iter().map(|row| change(row)).collect();
    let enough = changes.len() >= MIN_RUNS as usize;
    let Some(moments) = Moments::of(&changes).filter(|_| enough) else {
        return Err(Box::new(too_few(label, groups, seeds.len())));
    };
    let margin = test.margin.as_ref().map(|margin| *margin.size);
    let null = margin.unwrap_or(0.0);
    let whole = Tested::of(&changes, moments, case, metric);
    let p_for = whole.p_greater(0.0);
    let (of_steps, backwards) = steps(&rows, case, metric, null);
    let hypotheses: Vec<f64> = std::iter::once(whole.p_less(null))
        .chain(of_steps)
        .collect();
    let adjusted = holm(&hypotheses);
    // One step the wrong way refutes the claim whatever the whole change is.
    let steps = adjusted.iter().skip(1).copied().fold(1.0, f64::min);
    let reversed = steps <= AGAINST;
    let p_against = if reversed {
        steps
    } else {
        adjusted.iter().copied().fold(1.0, f64::min)
    };
    let p_whole = adjusted.first().copied().unwrap_or(1.0);
    let (in_favour, against) = case.levels();
    let speak = |expected: Expected| {
        [
            expected.p_greater(0.0) <= in_favour,
            expected.p_less(null) <= against,
        ]
    };
    let verdict = if reversed {
        Verdict::NotReproduced
    } else if p_for <= FOR && !backwards.is_empty() {
        // From the first to the last value is one thing, along all of them another.
        Verdict::Inconclusive {
            more_seeds: Further::OnEdge,
        }
    } else {
        decided(p_for, p_whole, || {
            Expected::further(moments, |expected| speak(expected).contains(&true))
        })
    };
    let leans_for = Expected::leaning(moments, &verdict, speak);
    let rng = &mut stream(
        Seed(0),
        &format!("claims/{}/trend/{metric}", *case.claim.id),
    );
    let tau = agreement(&rows, rng);
    let difference = Difference::of_one(moments);
    // As it is written: below 0 for a fall.
    let shown = |level| {
        let change = Difference {
            estimate: sign * difference.estimate,
            ..difference
        };
        change.interval(level)
    };
    let mut words = line(&label, sign * moments.mean, rows.len(), shown(0.95), p_for);
    if let Some((tau, around)) = tau {
        words += &format!(
            " Kendall's tau of the means with the claimed order: {} ({}).",
            number(tau),
            interval(around)
        );
    }
    words += &reversals(test, &backwards, &adjusted);
    if let (false, Some(margin)) = (reversed, margin) {
        words += &short_of(margin, p_for, p_whole);
    }
    let mut finding = Finding {
        ours: groups,
        difference: Some(sign * moments.mean),
        interval_90: Some(shown(0.9)),
        interval_95: Some(shown(0.95)),
        margin,
        p_for: Some(p_for),
        p_against: Some(p_against),
        leans_for,
        ..Finding::new(label, verdict, words)
    };
    finding.numbers.insert("seeds", rows.len() as f64);
    finding
        .numbers
        .extend(tau.map(|(tau, _)| ("kendall_tau", tau)));
    Ok(finding)
}

/// What the fitted line says.
fn line(label: &str, change: f64, seeds: usize, around: Interval, p_for: f64) -> String {
    format!(
        "{label}: the fitted line changes by {} over the whole range ({}), 95 % interval {}, one-sided {}.",
        signed(change),
        count(seeds, "seed"),
        interval(around),
        p_value(p_for)
    )
}

/// The values of each seed, times `sign`, in the order of the samples.
fn by_seed(samples: &[Sample], seeds: &[u64], sign: f64) -> Vec<Vec<f64>> {
    let of = |&seed: &u64| {
        let values = samples.iter().filter_map(|one| one.at(seed));
        values.map(|value| sign * value).collect()
    };
    seeds.iter().map(of).collect()
}

/// Of each step the p value of its going the claimed way, or the other way by no more than the margin; and the steps
/// that go the other way on average, with how far.
fn steps(rows: &[Vec<f64>], case: &Case, metric: &str, null: f64) -> (Vec<f64>, Vec<(usize, f64)>) {
    let (mut p_values, mut backwards) = (Vec::new(), Vec::new());
    for step in 1..rows.first().map_or(0, Vec::len) {
        let changes = rows.iter().map(|row| minus(row[step], row[step - 1]));
        let changes: Vec<f64> = changes.collect();
        if let Some(moments) = Moments::of(&changes) {
            p_values.push(Tested::of(&changes, moments, case, metric).p_less(-null));
            if moments.mean < 0.0 {
                backwards.push((step, moments.mean));
            }
        }
    }
    (p_values, backwards)
}

fn too_few(label: String, groups: Vec<Group>, seeds: usize) -> Finding {
    let words = format!(
        "{label}: {} with all variants; fewer than {MIN_RUNS} decide nothing.",
        count(seeds, "seed")
    );
    let more_seeds = Further::AtLeast(MIN_RUNS.saturating_sub(seeds as u32));
    Finding {
        ours: groups,
        numbers: BTreeMap::from([("seeds", seeds as f64)]),
        ..Finding::new(label, Verdict::Inconclusive { more_seeds }, words)
    }
}

/// What to say of a change that is below the margin.
fn short_of(margin: f64, p_for: f64, p_whole: f64) -> String {
    if p_whole > AGAINST {
        return String::new();
    }
    let but = if too_small(p_for, p_whole) {
        "It is in the claimed direction, but smaller than"
    } else {
        "It is below"
    };
    let (margin, p_value) = (number(margin), p_value(p_whole));
    format!(" {but} the margin of {margin} (one-sided {p_value}).")
}

/// Kendall's tau of the means with the claimed order, and its interval over resampled seeds.
fn agreement(rows: &[Vec<f64>], rng: &mut impl Rng) -> Option<(f64, Interval)> {
    let steps: Vec<f64> = (0..rows.first()?.len()).map(|step| step as f64).collect();
    let tau = |drawn: &[usize]| kendall(&steps, &means(rows, drawn));
    let all: Vec<usize> = (0..rows.len()).collect();
    Some((tau(&all)?, percentile_interval(rows.len(), 0.95, rng, tau)?))
}

/// Which steps go the other way.
fn reversals(test: &Trend, backwards: &[(usize, f64)], adjusted: &[f64]) -> String {
    let mut words = String::new();
    for &(step, mean) in backwards {
        words += &format!(
            " From {} to {} it goes the other way, by {}{}.",
            *test.variants[step - 1],
            *test.variants[step],
            number(-mean),
            if adjusted[step] <= AGAINST {
                ", beyond chance and margin"
            } else {
                ""
            }
        );
    }
    words
}

/// The least-squares line's rise from the first to the last value.
fn change(row: &[f64]) -> f64 {
    let middle = (row.len() as f64 - 1.0) / 2.0;
    let (mut products, mut squares) = (0.0, 0.0);
    for (step, value) in row.iter().enumerate() {
        let place = step as f64 - middle;
        // The places add up to 0: the first value may be taken off all.
        products += place * minus(*value, row[0]);
        squares += place * place;
    }
    products / squares * (row.len() as f64 - 1.0)
}

fn means(rows: &[Vec<f64>], drawn: &[usize]) -> Vec<f64> {
    let columns = rows.first().map_or(0, Vec::len);
    let sum = |column: usize| drawn.iter().map(|&row| rows[row][column]).sum::<f64>();
    (0..columns)
        .map(|column| sum(column) / drawn.len() as f64)
        .collect()
}

/// Numbers, one a seed, tested by t and by sign flips.
struct Tested<'a> {
    numbers: &'a [f64],
    difference: Difference,
    purpose: String,
}

impl<'a> Tested<'a> {
    fn of(numbers: &'a [f64], moments: Moments, case: &Case, metric: &str) -> Self {
        Self {
            numbers,
            difference: Difference::of_one(moments),
            purpose: format!("claims/{}/flips/{metric}", *case.claim.id),
        }
    }

    fn flip(&self, null: f64) -> crate::statistics::SignFlip {
        let shifted: Vec<f64> = self
            .numbers
            .iter()
            .map(|&value| minus(value, null))
            .collect();
        sign_flip(&shifted, &mut stream(Seed(0), &self.purpose))
    }

    fn p_greater(&self, null: f64) -> f64 {
        self.flip(null).greater.max(self.difference.p_greater(null))
    }

    fn p_less(&self, null: f64) -> f64 {
        self.flip(null).less.max(self.difference.p_less(null))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // print(3 * numpy.polyfit(range(4), [.75, .69, .63, .15], 1)[0])
    #[test]
    fn the_change_is_that_of_numpys_line() {
        assert!((change(&[0.75, 0.69, 0.63, 0.15]) + 0.558).abs() < 1e-12);
    }
}
