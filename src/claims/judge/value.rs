//! Published values.

use super::super::words::{count, interval, number, p_value, signed};
use super::super::{Better, Printed, ValueTest};
use super::{Case, Finding, Group, Verdict, each};
use crate::statistics::closeness::{Side, beyond};
use crate::statistics::power::{Further, further_by_halving};
use crate::statistics::{
    Closeness, Decision, Interval, Moments, power, prediction, unseen_failures,
};

/// One for each published value.
pub(super) fn findings(case: &Case, test: &ValueTest) -> Vec<Finding> {
    let values = each(&test.metrics, &test.variants);
    values
        .map(|(metric, variant)| finding(case, test, metric, variant))
        .collect()
}

fn finding(case: &Case, test: &ValueTest, metric: &str, variant: &str) -> Finding {
    let label = format!("{metric} of {variant}");
    let sample = match case.sample(&label, variant, metric) {
        Ok(sample) => sample,
        Err(finding) => return *finding,
    };
    let printed = case
        .published
        .printed(&case.claim.replication, &case.quantity(variant, metric));
    let (Some(printed), Some(ours)) = (printed, Moments::of(&sample.numbers())) else {
        let reason = format!("{metric} of {variant} is not among the published values");
        return Finding::new(label, Verdict::NotTested { reason }, String::new());
    };
    let margin = *test.margin.size;
    let base = Finding {
        ours: vec![Group::of(variant, metric, &sample)],
        difference: Some(ours.mean - printed.mean),
        margin: Some(margin),
        published: Some(printed.clone()),
        ..Finding::new(label, Verdict::Consistent, String::new())
    };
    let finding = if let Some(published) = printed.moments() {
        with_spread(base, ours, published, &printed, margin)
    } else {
        let failure = Failure::of(case, test, metric, ours.mean);
        mean_only(base, ours, &printed, margin, &failure)
    };
    Finding {
        better: finding.verdict.is_against() && on_the_good_side(case, metric, &finding),
        ..finding
    }
}

fn on_the_good_side(case: &Case, metric: &str, finding: &Finding) -> bool {
    match case.better(metric) {
        Some(Better::Higher) => finding.difference > Some(0.0),
        Some(Better::Lower) => finding.difference < Some(0.0),
        None => false,
    }
}

/// Ours and theirs: `x: ours 0.741 +- 0.031 (10 runs), published 0.753 +- 0.041 (10 runs; Fig. 1)`.
fn opening(label: &str, ours: Moments, printed: &Printed) -> String {
    let theirs = match (printed.sd, printed.n) {
        (Some(sd), Some(n)) => format!(
            " \u{b1} {} ({}; {})",
            number(sd),
            count(n as usize, "run"),
            printed.source
        ),
        (_, Some(n)) => format!(
            " ({}, spread not given; {})",
            count(n as usize, "run"),
            printed.source
        ),
        _ => format!(" (spread and runs not given; {})", printed.source),
    };
    format!(
        "{label}: ours {} \u{b1} {} ({}), published {}{theirs}.",
        number(ours.mean),
        number(ours.sd),
        count(ours.n as usize, "run"),
        number(printed.mean)
    )
}

fn with_spread(
    base: Finding,
    ours: Moments,
    published: Moments,
    printed: &Printed,
    margin: f64,
) -> Finding {
    let close = Closeness::of(ours, published, printed.coarseness);
    let (inner, outer) = (close.interval(0.9), close.interval(0.95));
    let (p_for, p_against) = (close.p_within(margin), close.p_outside(margin));
    let opening = opening(&base.label, ours, printed);
    let difference = signed(close.estimate());
    let size = number(margin);
    let (verdict, tail) = match close.decide(margin) {
        Decision::Within => (
            Verdict::Reproduced,
            format!(
                "90 % interval {}, within the margin of \u{b1}{size} ({})",
                interval(inner),
                p_value(p_for)
            ),
        ),
        Decision::Outside(side) => (
            Verdict::NotReproduced,
            format!(
                "95 % interval {}, wholly {} the margin of \u{b1}{size} (one-sided {})",
                interval(outer),
                beside(side),
                p_value(p_against)
            ),
        ),
        Decision::Undecided => {
            let more_seeds =
                power::further_for_closeness(ours, published, margin, printed.coarseness);
            let why = match more_seeds {
                Further::Never => "; the paper's own runs leave too much open for this margin",
                Further::OnEdge => {
                    "; more runs with this mean and spread would leave it there, others may not"
                }
                _ => "",
            };
            (
                Verdict::Inconclusive { more_seeds },
                format!(
                    "90 % interval {}, neither within nor beyond the margin of \u{b1}{size}{why}",
                    interval(inner)
                ),
            )
        }
    };
    let welch = close.welch();
    let mut numbers = base.numbers.clone();
    numbers.insert("standard_error", welch.error);
    numbers.insert("degrees_of_freedom", welch.df);
    numbers.insert("p_no_difference", welch.p_two_sided());
    if let Some(g) = crate::statistics::effect::hedges_g(ours, published) {
        numbers.insert("hedges_g", g);
    }
    Finding {
        interval_90: Some(inner),
        interval_95: Some(outer),
        p_for: Some(p_for),
        p_against: Some(p_against),
        numbers,
        verdict,
        words: format!("{opening} Difference {difference}; {tail}."),
        ..base
    }
}

fn beside(side: Side) -> &'static str {
    match side {
        Side::Above => "above",
        Side::Below => "below",
    }
}

/// What a failed run among the paper's does to a published mean, as far as it is known.
struct Failure {
    /// The value of a run that fails altogether.
    worst: Option<f64>,
    /// Whether it lowers a mean; unknown without `worst` and without a direction of the metric.
    lowers: Option<bool>,
}

impl Failure {
    fn of(case: &Case, test: &ValueTest, metric: &str, ours: f64) -> Self {
        let worst = test.worst.as_ref().map(|worst| **worst);
        let worst = worst.or_else(|| super::failed(metric));
        Self {
            worst,
            lowers: match (worst, case.better(metric)) {
                (Some(worst), _) => Some(worst < ours),
                (None, better) => better.map(|better| better == Better::Higher),
            },
        }
    }

    /// Whether it can explain that our mean is on this side of the published one.
    fn explains(&self, side: Side) -> bool {
        self.lowers
            .is_none_or(|lowers| lowers == (side == Side::Above))
    }
}

/// How far failed runs of the paper's may have moved its mean without one showing among `n` of ours.
fn moved(ours: Moments, n: u32, printed: &Printed, worst: f64) -> (u32, f64) {
    let m = printed.n.unwrap_or(1);
    let failed = unseen_failures(n, m);
    (
        failed,
        (ours.mean - worst) * f64::from(failed) / f64::from(m),
    )
}

/// The 95 % prediction interval of the difference, and the same with failed runs on the paper's side.
fn predicted(ours: Moments, n: u32, printed: &Printed, worst: Option<f64>) -> [Interval; 2] {
    let like = prediction(Moments { n, ..ours }, printed.mean, printed.n);
    let plain = like.interval(0.95).widened(printed.coarseness);
    let by = worst.map_or(0.0, |worst| moved(ours, n, printed, worst).1);
    let with_failures = plain.hull(Interval {
        low: plain.low - by,
        high: plain.high - by,
    });
    [plain, with_failures]
}

/// The side on which a published mean without its spread is refuted by `n` runs like ours: the prediction interval is
/// wholly beyond the margin, and failed runs of the paper's do not explain it.
fn refuted(
    ours: Moments,
    n: u32,
    printed: &Printed,
    margin: f64,
    failure: &Failure,
) -> Option<Side> {
    let [plain, with_failures] = predicted(ours, n, printed, failure.worst);
    let side = beyond(plain, margin)?;
    let stands = !failure.explains(side)
        || failure.worst.is_some() && beyond(with_failures, margin) == Some(side);
    stands.then_some(side)
}

/// Without a published spread: the weaker words. Ours is consistent if its mean is within the margin, wherever
/// the published one was before it was rounded, and nothing refutes that: a spread that bears everything is no agreement. A mean that may hold failed runs of
/// which ours by luck show none is refuted only if such runs do not explain it, see
/// [`unseen_failures`](crate::statistics::unseen_failures).
fn mean_only(
    base: Finding,
    ours: Moments,
    printed: &Printed,
    margin: f64,
    failure: &Failure,
) -> Finding {
    let [plain, with_failures] = predicted(ours, ours.n, printed, failure.worst);
    let like = match printed.n {
        Some(n) => format!("a mean of {} like ours", count(n as usize, "run")),
        None => "a single run like ours".to_owned(),
    };
    let side = beyond(plain, margin);
    // Only failures on the paper's side that could explain it have a say.
    let worst = failure
        .worst
        .filter(|_| side.is_none_or(|side| failure.explains(side)));
    let shown = if side.is_some() && worst.is_some() {
        with_failures
    } else {
        plain
    };
    let against = refuted(ours, ours.n, printed, margin, failure);
    let more_seeds = || {
        further_by_halving(ours.n, |n| {
            refuted(ours, n, printed, margin, failure).is_some()
        })
    };
    let mut words = format!(
        "{} Difference {}; the 95 % prediction interval for {like} is {}, ",
        opening(&base.label, ours, printed),
        signed(ours.mean - printed.mean),
        interval(plain)
    );
    let size = number(margin);
    let is_within = (ours.mean - printed.mean).abs() + printed.coarseness <= margin;
    words += &match side {
        Some(side) => format!("wholly {} the margin of \u{b1}{size}.", beside(side)),
        None if is_within => format!("not beyond the margin of \u{b1}{size}."),
        None if (ours.mean - printed.mean).abs() <= margin => format!(
            "not beyond the margin of \u{b1}{size}, but the difference may be: the published mean is rounded."
        ),
        None => format!("not wholly beyond the margin of \u{b1}{size}, but the difference is."),
    };
    let verdict = match (side, against) {
        (None, _) if is_within => Verdict::Consistent,
        (None, _) => Verdict::Inconclusive {
            more_seeds: more_seeds(),
        },
        (Some(_), Some(_)) => Verdict::Inconsistent,
        (Some(_), None) => {
            words += &unseen(ours, printed, failure);
            Verdict::Inconclusive {
                more_seeds: more_seeds(),
            }
        }
    };
    let predicted = prediction(ours, printed.mean, printed.n);
    let apart = margin + printed.coarseness;
    let by = worst.map_or(0.0, |worst| moved(ours, ours.n, printed, worst).1);
    let above = predicted.p_greater(apart + by.max(0.0));
    let p_against = above.min(predicted.p_less(by.min(0.0) - apart));
    Finding {
        interval_95: Some(shown),
        p_against: (side.is_none() || against.is_some()).then_some(p_against),
        verdict,
        words,
        ..base
    }
}

/// Why a published mean that is far off is not refuted.
fn unseen(ours: Moments, printed: &Printed, failure: &Failure) -> String {
    let Some(worst) = failure.worst else {
        return " Runs that failed on the paper's side could explain it, and what such a run gives is not \
                known: name it as the test's `worst`."
            .to_owned();
    };
    let (failed, by) = moved(ours, ours.n, printed, worst);
    let of = match printed.n {
        Some(n) => format!("{failed} of the paper's {}", count(n as usize, "run")),
        None => "what may be the paper's single run".to_owned(),
    };
    format!(
        " But {of} may have failed altogether ({}) without one failing among {} of ours, which would move \
         its mean by {}: no further than that it is off.",
        number(worst),
        ours.n,
        number(by.abs())
    )
}
