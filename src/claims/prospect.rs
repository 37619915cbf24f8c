//! What planned runs can decide, from what was published: before a single one exists.

use serde::Serialize;

use super::words::list;
use super::{Claim, Printed, Published, Quantity, Test};
use crate::statistics::power::{chance_greater, chance_within};

/// The chance of "reproduced" with a number of seeds, if what the paper says is true.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prospect {
    /// The claim's id.
    pub claim: String,
    /// Of the comparison with the smallest chance; a claim of several has at most that.
    pub chance: f64,
    /// What was assumed, and what to know.
    pub words: String,
}

/// The prospect of a claim with `seeds` runs of each variant; `None` where the paper does not print what
/// it would take. Values: truth and spread equal to the published. Order and argmax: the published
/// difference, with independent runs of the published spread (two runs of one seed may well be more
/// alike, and the chance better).
#[must_use]
pub fn prospect(published: &Published, claim: &Claim, seeds: u32) -> Option<Prospect> {
    let printed = |variant: &str, metric: &str| {
        let quantity = Quantity {
            variant: variant.to_owned(),
            metric: metric.to_owned(),
            data: claim.data.clone(),
        };
        published.printed(&claim.replication, &quantity)
    };
    let (chances, assumed): (Vec<Option<f64>>, &str) = match &claim.test {
        Test::Value(test) => {
            let margin = *test.margin.size;
            let values = test.metrics.iter().flat_map(|metric| {
                let variants = test.variants.iter();
                variants.map(move |variant| printed(variant, metric))
            });
            let chance = |value: Option<Printed>| {
                let value = value?;
                Some(chance_within(
                    value.moments()?,
                    seeds,
                    margin,
                    value.coarseness,
                ))
            };
            (
                values.map(chance).collect(),
                "truth and spread equal to the published",
            )
        }
        Test::Order(test) => {
            let metrics: Vec<Option<&str>> = if test.metrics.is_empty() {
                vec![None]
            } else {
                test.metrics
                    .iter()
                    .map(|metric| Some(metric.as_str()))
                    .collect()
            };
            let pairs = metrics.iter().flat_map(|shared| {
                test.descending.windows(2).map(|pair| {
                    let [a, b] = [&pair[0], &pair[1]].map(|operand| {
                        let own = operand.metric.as_ref().map(|metric| metric.as_str());
                        printed(&operand.variant, own.or(*shared)?)
                    });
                    above(&a?, &b?, seeds)
                })
            });
            (
                pairs.collect(),
                "the published difference and spreads, runs independent",
            )
        }
        Test::Argmax(test) => {
            let best = printed(&test.best, &test.metric);
            let others = test.among.iter().filter(|one| **one != test.best);
            let chance = |other: &super::At<String>| {
                above(best.as_ref()?, &printed(other, &test.metric)?, seeds)
            };
            (
                others.map(chance).collect(),
                "the published differences and spreads, runs independent",
            )
        }
        _ => return None,
    };
    let known: Vec<f64> = chances.iter().flatten().copied().collect();
    if known.is_empty() || known.len() < chances.len() {
        return None;
    }
    let chance = known.iter().copied().fold(1.0, f64::min);
    let mut words = vec![format!(
        "{seeds} seeds say \"reproduced\" with probability {chance:.2}, assuming {assumed}"
    )];
    if known.len() > 1 {
        words.push(format!("the smallest of {} comparisons", known.len()));
    }
    if chance < 0.01 && matches!(claim.test, Test::Value(_)) {
        words.push("the paper's own runs leave too much open for the margin".to_owned());
    }
    Some(Prospect {
        claim: claim.id.to_string(),
        chance,
        words: list(&words),
    })
}

fn above(a: &Printed, b: &Printed, seeds: u32) -> Option<f64> {
    let sd = (a.sd?.powi(2) + b.sd?.powi(2)).sqrt();
    Some(chance_greater(a.mean - b.mean, sd, seeds))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn chances_come_from_what_was_published() {
        let value = |variant: &str, mean: f64| {
            format!(
                "[[value]]\nreplication = \"r\"\nvariant = \"{variant}\"\nmetric = \"m\"\nmean = {mean}\n\
                 sd = 0.04\nn = 10\nsource = \"s\"\n"
            )
        };
        let claim = |id: &str, test: &str| {
            format!(
                "[[claim]]\nid = \"{id}\"\nreplication = \"r\"\nsource = \"s\"\nstatement = \"s\"\n{test}\n"
            )
        };
        let of_value = |size: f64| {
            format!(
                "[claim.test.value]\nmetrics = [\"m\"]\nvariants = [\"a\"]\n\
                 margin = {{ size = {size}, reason = \"r\" }}"
            )
        };
        let text = "[paper]\nid = \"x\"\ntitle = \"X\"\nauthors = []\nvenue = \"\"\nyear = 2020\nurl = \"\"\n".to_owned()
            + &value("a", 0.75)
            + &value("b", 0.70)
            + &claim("narrow", &of_value(0.02))
            + &claim("wide", &of_value(0.06))
            + &claim("order", "[claim.test.order]\nmetrics = [\"m\"]\ndescending = [{ variant = \"a\" }, { variant = \"b\" }]")
            + &claim("look", "[claim.test.qualitative]\nlook = \"l\"");
        let published = Published::parse("x", &text).unwrap();
        let of = |id: &str| {
            let claim = published.claims.iter().find(|claim| *claim.id == id);
            prospect(&published, claim.unwrap(), 10)
        };
        let narrow = of("narrow").unwrap();
        assert!(
            narrow.chance < 1e-9 && narrow.words.contains("leave too much open"),
            "{narrow:?}"
        );
        assert!(of("wide").unwrap().chance > 0.8);
        assert!(of("order").unwrap().chance > 0.7);
        assert_eq!(of("look"), None);
    }
}
