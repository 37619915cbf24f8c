//! What planned runs can decide, from what was published: before a single one exists.

use serde::Serialize;

use super::judge::{AGAINST, FOR, each};
use super::{
    Argmax, At, Change, Claim, Collapse, Equivalence, Order, Printed, Published, Quantity, Test,
    Trend, ValueTest, Wherein, fewest_to_reproduce,
};
use crate::statistics::closeness::MIN_RUNS;
use crate::statistics::p_share_greater;
use crate::statistics::power::{
    chance_above, chance_between, chance_greater, chance_within, is_too_wide,
};

/// The chance of "reproduced" with a number of seeds, if what the paper says is true.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prospect {
    /// The claim's id.
    pub claim: String,
    /// Of the comparison with the smallest chance; a claim of several has at most that.
    pub chance: f64,
    /// How many comparisons it has; with more than one `chance` is an upper limit.
    pub comparisons: usize,
    /// What was assumed, and what to know.
    pub words: String,
}

/// The prospect of a claim with `seeds` runs of each variant; `None` where the paper does not print
/// what it would take. Values: truth and spread equal to the published. Order, argmax, trend,
/// equivalence: the published differences, with independent runs of the published spread (two runs
/// of one seed may well be more alike, and the chance better), orders and trends not below their
/// margin; of the correction for several claims of order only that counts that too few seeds can
/// say nothing. Share: all runs show the effect.
#[must_use]
pub fn prospect(published: &Published, claim: &Claim, seeds: u32) -> Option<Prospect> {
    let paper = Paper {
        published,
        claim,
        seeds,
    };
    let (chances, assumed) = match &claim.test {
        Test::Value(test) => (
            paper.values(test)?,
            "truth and spread equal to the published",
        ),
        Test::Order(test) => (paper.order(test)?, INDEPENDENT),
        Test::Argmax(test) => (paper.argmax(test)?, INDEPENDENT),
        Test::Trend(test) => (paper.trend(test)?, INDEPENDENT),
        Test::Equivalence(test) => (paper.equivalence(test)?, INDEPENDENT),
        Test::Collapse(test) => (vec![paper.share(test)], "all runs showing it"),
        Test::Bound(_) | Test::Qualitative(_) => return None,
    };
    let mut chance = chances.iter().copied().reduce(f64::min)?;
    let fewest = fewest_to_reproduce(published, claim).filter(|&fewest| seeds < fewest);
    let too_few = seeds < MIN_RUNS;
    if fewest.is_some() || too_few {
        chance = 0.0;
    }
    let mut words = vec![format!(
        "{seeds} seeds say \"reproduced\" with probability {}{chance:.2}, assuming {assumed}",
        if chances.len() > 1 { "at most " } else { "" }
    )];
    if chances.len() > 1 {
        words.push(format!("the smallest of {} comparisons", chances.len()));
    }
    if let Some(fewest) = fewest {
        words.push(format!(
            "a sign-flip test of so few pairs cannot say it, corrected for the experiment's other claims of \
             order: at least {fewest} can"
        ));
    }
    if too_few {
        words.push(format!("fewer than {MIN_RUNS} decide nothing"));
    } else if chance < 0.01
        && let Test::Value(test) = &claim.test
    {
        words.push(if paper.is_too_wide(test) {
            "the paper's own runs leave too much open for the margin".to_owned()
        } else {
            "so few leave too much open for the margin, more would not".to_owned()
        });
    }
    Some(Prospect {
        claim: claim.id.to_string(),
        chance,
        comparisons: chances.len(),
        words: words.join("; "),
    })
}

const INDEPENDENT: &str = "the published differences and spreads, runs independent";

struct Paper<'a> {
    published: &'a Published,
    claim: &'a Claim,
    seeds: u32,
}

/// One chance for each comparison, or `None` if one of them lacks a published number.
type Chances = Option<Vec<f64>>;

impl Paper<'_> {
    fn printed(&self, variant: &str, metric: &str) -> Option<Printed> {
        let quantity = Quantity {
            variant: variant.to_owned(),
            metric: metric.to_owned(),
            data: self.claim.data.clone(),
        };
        self.published.printed(&self.claim.replication, &quantity)
    }

    fn values(&self, test: &ValueTest) -> Chances {
        let chance = |(metric, variant)| {
            let value = self.printed(variant, metric)?;
            let (moments, margin) = (value.moments()?, *test.margin.size);
            Some(chance_within(moments, self.seeds, margin, value.coarseness))
        };
        each(&test.metrics, &test.variants).map(chance).collect()
    }

    /// Whether no number of our runs would do for one of the values.
    fn is_too_wide(&self, test: &ValueTest) -> bool {
        each(&test.metrics, &test.variants).any(|(metric, variant)| {
            let Some(value) = self.printed(variant, metric) else {
                return false;
            };
            let moments = value.moments();
            moments.is_some_and(|moments| is_too_wide(moments, *test.margin.size, value.coarseness))
        })
    }

    fn order(&self, test: &Order) -> Chances {
        let margin = test.margin.as_ref().map_or(0.0, |margin| *margin.size);
        let metrics = test.metrics.iter().map(|metric| Some(metric.as_str()));
        let mut metrics: Vec<Option<&str>> = metrics.collect();
        if metrics.is_empty() {
            metrics.push(None);
        }
        let pairs = metrics.iter().flat_map(|shared| {
            test.descending.windows(2).map(|pair| {
                let [a, b] = [&pair[0], &pair[1]].map(|operand| {
                    let own = operand.metric.as_ref().map(|metric| metric.as_str());
                    self.printed(&operand.variant, own.or(*shared)?)
                });
                let (a, b) = (a?, b?);
                let (difference, sd) = (a.mean - b.mean, spread(&a, &b)?);
                Some(chance_above(difference, sd, self.seeds, margin, AGAINST))
            })
        });
        pairs.collect()
    }

    fn argmax(&self, test: &Argmax) -> Chances {
        let best = self.printed(&test.best, &test.metric)?;
        let others = test.among.iter().filter(|one| **one != test.best);
        let chance = |other: &At<String>| {
            let other = self.printed(other, &test.metric)?;
            let difference = best.mean - other.mean;
            Some(chance_greater(
                difference,
                spread(&best, &other)?,
                self.seeds,
            ))
        };
        others.map(chance).collect()
    }

    /// Of the least-squares change over the whole range.
    fn trend(&self, test: &Trend) -> Chances {
        let margin = test.margin.as_ref().map_or(0.0, |margin| *margin.size);
        let sign = match test.change {
            Change::Falls => -1.0,
            Change::Rises => 1.0,
        };
        let steps = test.variants.len() as f64;
        let middle = (steps - 1.0) / 2.0;
        let squares: f64 = (0..test.variants.len())
            .map(|step| (step as f64 - middle).powi(2))
            .sum();
        let chance = |metric: &At<String>| {
            let (mut change, mut variance) = (0.0, 0.0);
            for (step, variant) in test.variants.iter().enumerate() {
                let value = self.printed(variant, metric)?;
                let weight = (step as f64 - middle) / squares * (steps - 1.0);
                change += sign * weight * value.mean;
                variance += (weight * value.sd?).powi(2);
            }
            // The whole change is held against its margin beside every step (Holm).
            let against = AGAINST / steps;
            let sd = variance.sqrt();
            Some(chance_above(change, sd, self.seeds, margin, against))
        };
        test.metrics.iter().map(chance).collect()
    }

    fn equivalence(&self, test: &Equivalence) -> Chances {
        let margin = *test.margin.size;
        let chance = |(metric, variant)| {
            let a = self.printed(variant, metric)?;
            let b = self.printed(&test.reference, metric)?;
            let (difference, sd) = (a.mean - b.mean, spread(&a, &b)?);
            Some(match test.within {
                Wherein::BothSides => chance_between(difference, sd, self.seeds, margin),
                Wherein::NotAbove => chance_greater(margin - difference, sd, self.seeds),
                Wherein::NotBelow => chance_greater(margin + difference, sd, self.seeds),
            })
        };
        each(&test.metrics, &test.variants).map(chance).collect()
    }

    fn share(&self, test: &Collapse) -> f64 {
        let p = p_share_greater(self.seeds, self.seeds, *test.share);
        f64::from(u8::from(p <= FOR))
    }
}

/// Of a difference of independent runs.
fn spread(a: &Printed, b: &Printed) -> Option<f64> {
    Some((a.sd?.powi(2) + b.sd?.powi(2)).sqrt())
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
            + &value("c", 0.65)
            + &claim("narrow", &of_value(0.02))
            + &claim("wide", &of_value(0.06))
            + &claim("order", "[claim.test.order]\nmetrics = [\"m\"]\ndescending = [{ variant = \"a\" }, { variant = \"b\" }]")
            + &claim("by-more", "[claim.test.order]\nmetrics = [\"m\"]\ndescending = [{ variant = \"a\" }, { variant = \"b\" }]\nmargin = { size = 0.2, reason = \"r\" }")
            + &claim("falls", "[claim.test.trend]\nmetrics = [\"m\"]\nalong = \"x\"\nchange = \"falls\"\nvariants = [\"a\", \"b\", \"c\"]")
            + &claim("like", "[claim.test.equivalence]\nmetrics = [\"m\"]\nreference = \"a\"\nvariants = [\"b\"]\nmargin = { size = 0.1, reason = \"r\" }")
            + &claim("all", "[claim.test.share]\nmetric = \"m\"\nvariants = [\"a\"]\nat_most = 0.2\nshare = 0.7\nreason = \"r\"")
            + &claim("nearly-all", "[claim.test.share]\nmetric = \"m\"\nvariants = [\"a\"]\nat_most = 0.2\nshare = 0.75\nreason = \"r\"")
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
        // Published 0.05 apart, which is surely less than 0.2: both p values speak.
        assert!(of("by-more").unwrap().chance < 0.01);
        // The change is that from a to c: 0.1, its spread that of two runs (0.04 with divisor n).
        let falls = of("falls").unwrap().chance;
        let pair = chance_greater(0.1, 0.04 * (2.0_f64 * 10.0 / 9.0).sqrt(), 10);
        assert!((falls - pair).abs() < 1e-12, "{falls} {pair}");
        let like = of("like").unwrap().chance;
        assert!((0.7..0.95).contains(&like), "{like}");
        // 0.7^10 = 0.028, 0.75^10 = 0.056.
        assert!(of("all").unwrap().chance > 0.999);
        assert!(of("nearly-all").unwrap().chance < 1e-12);
        assert_eq!(of("look"), None);
    }
}
