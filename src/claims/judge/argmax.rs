//! One variant is the best of several.
//!
//! For the claim speaks that it is above each of the others (paired tests, all of them) and the best in
//! at least 95 % of the resamples of seeds; against it that another one is above it by more than the
//! margin (Holm over the others).

use super::super::results::{Sample, common_seeds};
use super::super::verdict::Group;
use super::super::words::{list, number, p_value, signed};
use super::super::{Argmax, At};
use super::pairs::{Expected, Pairs};
use super::{Case, FOR, Finding, Verdict, decided, rank};
use crate::random::{Seed, stream};
use crate::statistics::bootstrap::best_shares;
use crate::statistics::holm;
use crate::statistics::power::Further;

/// One.
pub(super) fn findings(case: &Case, test: &Argmax) -> Vec<Finding> {
    vec![finding(case, test).unwrap_or_else(|stopped| *stopped)]
}

fn finding(case: &Case, test: &Argmax) -> Result<Finding, Box<Finding>> {
    let (metric, best) = (test.metric.as_str(), test.best.as_str());
    let label = format!("{metric}: {best} the highest of {}", test.among.len());
    let margin = test.margin.as_ref().map(|margin| *margin.size);
    let null = margin.unwrap_or(0.0);
    let samples = case.samples(&label, test.among.iter().map(|one| one.as_str()), metric)?;
    let others: Vec<&At<String>> = test.among.iter().filter(|one| **one != test.best).collect();
    let mut rivals = Vec::new();
    for other in &others {
        let pairs = Pairs::of(case, &label, (best, metric), (other.as_str(), metric))?;
        let p_for = pairs.p_greater(0.0);
        let p_against = pairs.p_less(-null);
        rivals.push((other.as_str(), pairs, p_for, p_against));
    }
    let p_against = holm(&rivals.iter().map(|rival| rival.3).collect::<Vec<_>>());
    let p_against = p_against.into_iter().fold(1.0, f64::min);
    let mut p_for = rivals.iter().map(|rival| rival.2).fold(0.0, f64::max);
    let (groups, shares) = shares(case, test, &samples);
    let place = test.among.iter().position(|one| *one == test.best);
    let share = place
        .and_then(|place| shares.get(place).copied())
        .unwrap_or(0.0);
    // Two tests have to agree: the resampling only ever weakens the others.
    if 1.0 - share > FOR {
        p_for = p_for.max(1.0 - share);
    }
    // Above all it has to be, below one is enough.
    let (in_favour, against) = case.levels();
    let mut leans_for = None;
    let verdict = decided(p_for, p_against, || {
        let moments = rivals.iter().map(|rival| rival.1.moments);
        let above = moments
            .clone()
            .map(|one| Expected::further(one, |expected| expected.p_greater(0.0) <= in_favour));
        let below =
            moments.map(|one| Expected::further(one, |expected| expected.p_less(-null) <= against));
        let above = above.max_by_key(|further| rank(*further));
        let below = below.min_by_key(|further| rank(*further));
        let [above, below] = [above, below].map(|side| side.unwrap_or(Further::OnEdge));
        let is_above = rank(above) <= rank(below);
        leans_for = (above != below || above != Further::OnEdge).then_some(is_above);
        if is_above { above } else { below }
    });
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by(|&a, &b| shares[b].total_cmp(&shares[a]));
    let leaders: Vec<String> = order
        .iter()
        .filter(|&&place| shares[place] >= 0.005)
        .map(|&place| format!("{} {:.0} %", groups[place].variant, 100.0 * shares[place]))
        .collect();
    let closest = rivals
        .iter()
        .min_by(|a, b| a.1.moments.mean.total_cmp(&b.1.moments.mean));
    let interval = |level| closest.map(|rival| rival.1.difference().interval(level));
    let (inner, outer) = (interval(0.9), interval(0.95));
    let pairs = closest.map(|rival| rival.1.differences.len());
    let closest = closest.map(|(name, pairs, ..)| {
        let mean = signed(pairs.moments.mean);
        format!("to its strongest rival, {name}, {mean} ({})", pairs.size())
    });
    let tail = match verdict {
        Verdict::Reproduced => format!("above all others (one-sided {})", p_value(p_for)),
        Verdict::NotReproduced => format!(
            "below another by more than {} (one-sided {})",
            number(null),
            p_value(p_against)
        ),
        _ => "undecided".to_owned(),
    };
    let words = format!(
        "{label}: mean difference {}: {tail}. The best in resamples of the seeds: {}.",
        closest.unwrap_or_default(),
        list(&leaders)
    );
    let difference = rivals
        .iter()
        .map(|rival| rival.1.moments.mean)
        .fold(f64::INFINITY, f64::min);
    let mut finding = Finding {
        ours: groups,
        difference: Some(difference),
        interval_90: inner,
        interval_95: outer,
        margin,
        p_for: Some(p_for),
        p_against: Some(p_against),
        leans_for,
        ..Finding::new(label, verdict, words)
    };
    let most = rivals.iter().map(|rival| rival.1.differences.len()).max();
    let numbers = [("pairs", pairs), ("pairs_most", most)];
    let numbers = numbers.map(|(name, number)| Some((name, number? as f64)));
    finding.numbers.extend(numbers.into_iter().flatten());
    finding.numbers.insert("share_best", share);
    Ok(finding)
}

/// How often each variant is the best when seeds are resampled.
fn shares(case: &Case, test: &Argmax, samples: &[Sample]) -> (Vec<Group>, Vec<f64>) {
    let metric = test.metric.as_str();
    let seeds = common_seeds(samples);
    let column = |sample: &Sample| seeds.iter().filter_map(|&seed| sample.at(seed)).collect();
    let columns: Vec<Vec<f64>> = samples.iter().map(column).collect();
    let mut rng = stream(Seed(0), &format!("claims/{}/best", *case.claim.id));
    let mut shares = best_shares(&columns, &mut rng);
    // No seed in common: nothing was resampled.
    shares.resize(samples.len(), 0.0);
    let groups = test.among.iter().zip(samples);
    let groups = groups
        .map(|(one, sample)| Group::of(one, metric, sample))
        .collect();
    (groups, shares)
}
