//! Does a parsed paper make sense? Every complaint names line, key, and what would be right.

use std::collections::HashMap;

use super::position::line;
use super::published::{File, Read, Row};
use super::{At, Better, Claim, Error, Margin, Order, Quantity, Test};
use crate::metrics::{impossible, too_wide};

/// Which names experiments have. The caller knows; a file judged alone has none to compare with.
pub trait Vocabulary {
    /// The ids of a replication's variants; `None` if there is no such replication (yet): its claims are
    /// then not tested.
    fn variants(&self, replication: &str) -> Option<Vec<String>>;

    /// The names of its metrics; `None` if any may be meant.
    fn metrics(&self, replication: &str) -> Option<Vec<String>>;
}

/// A vocabulary that knows no replication, so that no name is wrong.
#[derive(Debug, Clone, Copy)]
pub struct Anything;

impl Vocabulary for Anything {
    fn variants(&self, _: &str) -> Option<Vec<String>> {
        None
    }

    fn metrics(&self, _: &str) -> Option<Vec<String>> {
        None
    }
}

struct Checker<'a> {
    file: &'a str,
    text: &'a str,
}

type Checked = Result<(), Error>;

/// Claims and values in themselves.
pub(super) fn meaning(file: &str, text: &str, parsed: &File) -> Checked {
    let checker = Checker { file, text };
    checker.values(&parsed.rows)?;
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for claim in &parsed.claims {
        if let Some(first) = seen.insert(&claim.id, claim.id.offset()) {
            return checker.wrong(
                &claim.id,
                format!(
                    "id: there is another claim {:?} in line {}; give each its own",
                    *claim.id,
                    line(text, first)
                ),
            );
        }
        for (key, words) in [("statement", &claim.statement), ("source", &claim.source)] {
            checker.require(!words.trim().is_empty(), &claim.id, || {
                format!("{key}: empty; say what the paper says, and where")
            })?;
        }
        if let Some(cause) = &claim.cause {
            checker.require(!cause.trim().is_empty(), &claim.id, || {
                "cause: empty; say what explains the result, or leave it out".to_owned()
            })?;
        }
        checker.test(claim, &parsed.rows)?;
    }
    Ok(())
}

/// Names of variants and metrics.
pub(super) fn names(
    file: &str,
    text: &str,
    rows: &[Row],
    claims: &[Claim],
    vocabulary: &dyn Vocabulary,
) -> Checked {
    let checker = Checker { file, text };
    for row in rows {
        checker.known(
            vocabulary,
            &row.replication,
            &[&row.variant],
            &[&row.metric],
        )?;
    }
    for claim in claims {
        let (variants, metrics) = named(&claim.test);
        checker.known(vocabulary, &claim.replication, &variants, &metrics)?;
    }
    Ok(())
}

/// All variants and metrics that a test names.
pub(super) fn named(test: &Test) -> (Vec<&At<String>>, Vec<&At<String>>) {
    match test {
        Test::Value(test) => (
            test.variants.iter().collect(),
            test.metrics.iter().collect(),
        ),
        Test::Order(test) => {
            let operands = test.descending.iter();
            let own = operands
                .clone()
                .filter_map(|operand| operand.metric.as_ref());
            let metrics = own.chain(&test.metrics).collect();
            (operands.map(|operand| &operand.variant).collect(), metrics)
        }
        Test::Argmax(test) => (test.among.iter().collect(), vec![&test.metric]),
        Test::Trend(test) => (
            test.variants.iter().collect(),
            test.metrics.iter().collect(),
        ),
        Test::Equivalence(test) => {
            let variants = test.variants.iter().chain([&test.reference]);
            (variants.collect(), test.metrics.iter().collect())
        }
        Test::Bound(test) => (
            test.variants.iter().collect(),
            test.metrics.iter().collect(),
        ),
        Test::Collapse(test) => (test.variants.iter().collect(), vec![&test.metric]),
        Test::Qualitative(_) => (Vec::new(), Vec::new()),
    }
}

impl Checker<'_> {
    fn wrong<T>(&self, at: &At<T>, reason: String) -> Checked {
        Err(Error::Meaning {
            file: self.file.to_owned(),
            line: line(self.text, at.offset()),
            reason,
        })
    }

    fn require<T>(&self, holds: bool, at: &At<T>, reason: impl FnOnce() -> String) -> Checked {
        if holds {
            Ok(())
        } else {
            self.wrong(at, reason())
        }
    }

    fn values(&self, rows: &[Row]) -> Checked {
        let mut seen: HashMap<_, usize> = HashMap::new();
        for row in rows {
            self.require(row.mean.is_finite(), &row.mean, || {
                "mean: not a number".into()
            })?;
            if let Some(reason) = impossible(&row.metric, *row.mean) {
                return self.wrong(&row.mean, format!("mean: {reason}"));
            }
            if let Some(sd) = &row.sd {
                self.require(**sd >= 0.0 && sd.is_finite(), sd, || {
                    "sd: a standard deviation is 0 or more".into()
                })?;
                if let Some(reason) = too_wide(&row.metric, **sd) {
                    return self.wrong(sd, format!("sd: {reason}"));
                }
                self.require(row.n.is_some(), sd, || {
                    "sd: without n it says nothing of the mean's error; add n, the number of runs, or \
                     leave sd out"
                        .into()
                })?;
            }
            if let Some(n) = &row.n {
                let least = if row.sd.is_some() { 2 } else { 1 };
                self.require(**n >= least, n, || {
                    format!(
                        "n: {} runs; at least {least} are needed for what is given",
                        **n
                    )
                })?;
            }
            if let Read::Digitised(either_way) = row.read {
                self.require(
                    either_way > 0.0 && either_way.is_finite(),
                    &row.mean,
                    || {
                        "read: digitised to how much either way? A number above 0, e.g. 0.002"
                            .into()
                    },
                )?;
            }
            let key = (&*row.replication, &*row.variant, &*row.metric, &row.data);
            if let Some(first) = seen.insert(key, row.replication.offset()) {
                return self.wrong(
                    &row.replication,
                    format!(
                        "value: {} of {} is already in line {}",
                        *row.metric,
                        *row.variant,
                        line(self.text, first)
                    ),
                );
            }
        }
        Ok(())
    }

    fn test(&self, claim: &Claim, rows: &[Row]) -> Checked {
        match &claim.test {
            Test::Value(test) => {
                self.several("metrics", &test.metrics, 1, claim)?;
                self.several("variants", &test.variants, 1, claim)?;
                self.margin(&test.margin, &test.metrics)?;
                if let Some(worst) = &test.worst {
                    self.require(worst.is_finite(), worst, || {
                        format!("test.value.worst: {} is not the value of a run", **worst)
                    })?;
                    self.possible("test.value.worst", worst, &test.metrics)?;
                }
                for metric in &test.metrics {
                    for variant in &test.variants {
                        self.published(claim, variant, metric, rows, &test.margin)?;
                    }
                }
                Ok(())
            }
            Test::Order(test) => self.order(test, claim),
            Test::Argmax(test) => {
                self.several("among", &test.among, 2, claim)?;
                self.require(test.among.contains(&test.best), &test.best, || {
                    format!(
                        "test.argmax.best: {:?} is not in `among`; add it",
                        *test.best
                    )
                })?;
                self.require(claim.better != Some(Better::Lower), &claim.id, || {
                    "better: argmax asks for the highest value; for the lowest take `order`, with that variant last"
                        .into()
                })?;
                self.optional_margin(test.margin.as_ref(), std::slice::from_ref(&test.metric))
            }
            Test::Trend(test) => {
                self.several("metrics", &test.metrics, 1, claim)?;
                self.several("variants", &test.variants, 3, claim)?;
                self.optional_margin(test.margin.as_ref(), &test.metrics)
            }
            Test::Equivalence(test) => {
                self.several("metrics", &test.metrics, 1, claim)?;
                self.several("variants", &test.variants, 1, claim)?;
                self.require(!test.variants.contains(&test.reference), &test.reference, || {
                    "test.equivalence.reference: it is among `variants` too; a variant is always like \
                     itself"
                        .into()
                })?;
                self.margin(&test.margin, &test.metrics)
            }
            Test::Bound(test) => {
                self.several("metrics", &test.metrics, 1, claim)?;
                self.several("variants", &test.variants, 1, claim)?;
                self.reason(&test.reason, "test.bound.reason", claim)?;
                if let Some(meaning) = &test.undefined {
                    self.reason(meaning, "test.bound.undefined", claim)?;
                }
                let numbers = [&test.at_least, &test.at_most, &test.worst];
                for number in numbers.into_iter().flatten() {
                    self.require(number.is_finite(), number, || {
                        format!("test.bound: {} is not a number to compare with", **number)
                    })?;
                    self.possible("test.bound", number, &test.metrics)?;
                }
                match (&test.at_least, &test.at_most) {
                    (None, None) => self.wrong(
                        &claim.id,
                        "test.bound: no bound; give at_least, at_most, or both".into(),
                    ),
                    (Some(least), Some(most)) if **least >= **most => self.wrong(
                        least,
                        format!(
                            "test.bound.at_least: {} is not below at_most, {}",
                            **least, **most
                        ),
                    ),
                    _ => Ok(()),
                }
            }
            Test::Collapse(test) => {
                self.several("variants", &test.variants, 1, claim)?;
                self.reason(&test.reason, "test.share.reason", claim)?;
                self.require(
                    test.at_least.is_some() != test.at_most.is_some(),
                    &test.metric,
                    || "test.share: which runs count? Give at_most or at_least, one of them".into(),
                )?;
                for threshold in [&test.at_least, &test.at_most].into_iter().flatten() {
                    self.require(threshold.is_finite(), threshold, || {
                        format!("test.share: {} is no threshold", **threshold)
                    })?;
                    let metric = std::slice::from_ref(&test.metric);
                    self.possible("test.share", threshold, metric)?;
                }
                self.require(*test.share > 0.0 && *test.share < 1.0, &test.share, || {
                    "test.share.share: a share above 0 and below 1; no number of runs shows that \
                     all runs do something"
                        .into()
                })
            }
            Test::Qualitative(test) => self.reason(&test.look, "test.qualitative.look", claim),
        }
    }

    fn order(&self, test: &Order, claim: &Claim) -> Checked {
        self.require(test.descending.len() >= 2, &claim.id, || {
            format!(
                "test.order.descending: {} operand(s); an order needs at least 2, the largest \
                 first",
                test.descending.len()
            )
        })?;
        let without = test.descending.iter().find(|one| one.metric.is_none());
        if let (Some(operand), true) = (without, test.metrics.is_empty()) {
            return self.wrong(
                &operand.variant,
                "test.order: which metric? Give the test `metrics`, or each operand its \
                 `metric`"
                    .into(),
            );
        }
        if let (None, Some(metric)) = (without, test.metrics.first()) {
            return self.wrong(
                metric,
                "test.order.metrics: every operand has a metric of its own; leave one of \
                 them out"
                    .into(),
            );
        }
        let own = test.descending.iter();
        let own = own.filter_map(|operand| operand.metric.clone());
        let metrics: Vec<At<String>> = own.chain(test.metrics.iter().cloned()).collect();
        self.optional_margin(test.margin.as_ref(), &metrics)
    }

    fn published(
        &self,
        claim: &Claim,
        variant: &At<String>,
        metric: &At<String>,
        rows: &[Row],
        margin: &Margin,
    ) -> Checked {
        let quantity = Quantity {
            variant: variant.to_string(),
            metric: metric.to_string(),
            data: claim.data.clone(),
        };
        let row = rows.iter().find(|row| {
            row.replication == claim.replication
                && *row.variant == quantity.variant
                && *row.metric == quantity.metric
                && row.data == quantity.data
        });
        let Some(row) = row else {
            return self.wrong(
                variant,
                format!(
                    "test.value: there is no [[value]] of {} for variant {:?} of {:?}; add it, or name \
                     another",
                    **metric, **variant, *claim.replication
                ),
            );
        };
        self.require(*margin.size > row.coarseness(), &margin.size, || {
            format!(
                "test.value.margin.size: {} is not above {}, to which {} of {} is known; nothing \
                 could be within it",
                *margin.size,
                row.coarseness(),
                **metric,
                **variant
            )
        })
    }

    fn several(&self, key: &str, list: &[At<String>], least: usize, claim: &Claim) -> Checked {
        self.require(list.len() >= least, &claim.id, || {
            format!(
                "test.{}.{key}: {} given, at least {least} needed",
                claim.test.kind(),
                list.len()
            )
        })?;
        for (index, name) in list.iter().enumerate() {
            self.require(!list[..index].contains(name), name, || {
                format!("test.{}.{key}: {:?} twice", claim.test.kind(), **name)
            })?;
        }
        Ok(())
    }

    /// A number to compare runs with has to be one that a run can have.
    fn possible(&self, key: &str, number: &At<f64>, metrics: &[At<String>]) -> Checked {
        let mut reasons = metrics.iter().filter_map(|name| impossible(name, **number));
        reasons.next().map_or(Ok(()), |reason| {
            self.wrong(number, format!("{key}: {reason}"))
        })
    }

    fn optional_margin(&self, margin: Option<&Margin>, metrics: &[At<String>]) -> Checked {
        margin.map_or(Ok(()), |margin| self.margin(margin, metrics))
    }

    fn margin(&self, margin: &Margin, metrics: &[At<String>]) -> Checked {
        let mut wide = metrics
            .iter()
            .filter_map(|name| too_wide(name, *margin.size));
        if let Some(reason) = wide.next() {
            return self.wrong(&margin.size, format!("margin.size: {reason}"));
        }
        self.require(
            margin.size.is_finite() && *margin.size > 0.0,
            &margin.size,
            || format!("margin.size: {} is not above 0", *margin.size),
        )?;
        self.require(!margin.reason.trim().is_empty(), &margin.size, || {
            "margin.reason: empty; say why this and no other".into()
        })
    }

    fn reason(&self, words: &str, key: &str, claim: &Claim) -> Checked {
        self.require(!words.trim().is_empty(), &claim.id, || {
            format!("{key}: empty")
        })
    }

    fn known(
        &self,
        vocabulary: &dyn Vocabulary,
        replication: &str,
        variants: &[&At<String>],
        metrics: &[&At<String>],
    ) -> Checked {
        let Some(known) = vocabulary.variants(replication) else {
            return Ok(());
        };
        self.among("variant", replication, variants, &known)?;
        match vocabulary.metrics(replication) {
            Some(known) => self.among("metric", replication, metrics, &known),
            None => Ok(()),
        }
    }

    fn among(
        &self,
        what: &str,
        replication: &str,
        names: &[&At<String>],
        known: &[String],
    ) -> Checked {
        match names.iter().find(|name| !known.contains(name)) {
            None => Ok(()),
            Some(name) => self.wrong(
                name,
                format!(
                    "{what}: {replication} has no {:?}; it has {}",
                    ***name,
                    known.join(", ")
                ),
            ),
        }
    }
}

#[cfg(test)]
mod tests;
