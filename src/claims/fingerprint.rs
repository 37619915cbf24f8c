//! What a claim was when runs were made. Every record holds the fingerprints of the claims of its
//! experiment; judging compares them with today's, so that a margin moved after the runs existed shows.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Claim, Published, Quantity, Test};
use crate::data::Digest;
use crate::runs::Record;

/// Hexadecimal digits of a fingerprint.
const DIGITS: usize = 16;
/// Keys that say why, and decide nothing.
const WORDS: [&str; 2] = ["reason", "look"];

/// Fingerprints by claim id.
pub type Fingerprints = BTreeMap<String, String>;

impl Published {
    /// The fingerprints of a replication's claims.
    #[must_use]
    pub fn fingerprints(&self, replication: &str) -> Fingerprints {
        let claims = self.claims_of(replication);
        claims
            .map(|claim| (claim.id.to_string(), self.fingerprint(claim)))
            .collect()
    }

    /// The first digits of the SHA-256 of everything that a claim's verdict depends on beside the runs:
    /// its test with all margins, and the published numbers that it compares with. Its wording and the
    /// reasons of its margins are no part of it.
    #[must_use]
    pub fn fingerprint(&self, claim: &Claim) -> String {
        let printed: Vec<_> = match &claim.test {
            Test::Value(test) => super::judge::each(&test.metrics, &test.variants)
                .map(|(metric, variant)| {
                    let quantity = Quantity {
                        variant: variant.to_owned(),
                        metric: metric.to_owned(),
                        data: claim.data.clone(),
                    };
                    self.printed(&claim.replication, &quantity)
                        .map(|one| (one.mean, one.sd, one.n, one.coarseness))
                })
                .collect(),
            _ => Vec::new(),
        };
        let definition = json!({
            "test": claim.test,
            "better": claim.better,
            "data": claim.data,
            "published": printed,
        });
        let digest = Digest::of(sorted(&definition).to_string().as_bytes()).to_string();
        digest.chars().take(DIGITS).collect()
    }
}

/// How many of the records were made when the claim was another, or did not exist yet. Records that say
/// nothing of the experiment's claims (older ones, and those of another experiment that share the run)
/// do not count.
#[must_use]
pub fn made_before<'a>(
    claim: &Claim,
    today: &str,
    known: &Fingerprints,
    records: impl IntoIterator<Item = &'a Record>,
) -> usize {
    let differs = |record: &&Record| {
        let then = &record.claims;
        let of_this = then.keys().any(|id| known.contains_key(id));
        of_this && then.get(claim.id.as_str()).map(String::as_str) != Some(today)
    };
    records.into_iter().filter(differs).count()
}

/// How many of the records say nothing of the experiment's claims: those made for another experiment that shares the
/// run, and those made before records said what claims were.
#[must_use]
pub fn undated<'a>(known: &Fingerprints, records: impl IntoIterator<Item = &'a Record>) -> usize {
    let silent = |record: &&Record| !record.claims.keys().any(|id| known.contains_key(id));
    records.into_iter().filter(silent).count()
}

/// The value without words, its keys in order whatever order the map type keeps.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.retain(|(key, _)| !WORDS.contains(&key.as_str()));
            fields.sort_by_key(|(key, _)| *key);
            let fields = fields.into_iter();
            Value::Object(
                fields
                    .map(|(key, value)| (key.clone(), sorted(value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn published(mean: f64, margin: &str, statement: &str) -> Published {
        let text = format!(
            "[paper]\nid = \"x\"\ntitle = \"X\"\nauthors = []\nvenue = \"\"\nyear = 2020\nurl = \"\"\n\
             [[value]]\nreplication = \"r\"\nvariant = \"v\"\nmetric = \"m\"\nmean = {mean}\nsource = \"s\"\n\
             [[claim]]\nid = \"c\"\nreplication = \"r\"\nsource = \"s\"\nstatement = \"{statement}\"\n\
             [claim.test.value]\nmetrics = [\"m\"]\nvariants = [\"v\"]\nmargin = {margin}\n"
        );
        Published::parse("x", &text).unwrap()
    }

    fn of(mean: f64, margin: &str, statement: &str) -> String {
        published(mean, margin, statement).fingerprints("r")["c"].clone()
    }

    #[test]
    fn margins_and_numbers_change_the_fingerprint_and_words_do_not() {
        let base = of(0.5, "{ size = 0.1, reason = \"r\" }", "says");
        assert_eq!(base.len(), DIGITS);
        let reworded = of(0.5, "{ size = 0.1, reason = \"because\" }", "says so");
        assert_eq!(base, reworded);
        assert_ne!(base, of(0.5, "{ size = 0.2, reason = \"r\" }", "says"));
        assert_ne!(base, of(0.6, "{ size = 0.1, reason = \"r\" }", "says"));
    }

    // printf '%s' '{"better":null,"data":null,"published":[[0.5,null,null,0.0005]],"test":{"value":
    // {"margin":{"size":0.1},"metrics":["m"],"variants":["v"]}}}' (on one line) | sha256sum
    #[test]
    fn the_fingerprint_is_the_hash_of_sorted_json() {
        let base = of(0.5, "{ size = 0.1, reason = \"r\" }", "says");
        assert_eq!(base, GOLDEN);
    }
    const GOLDEN: &str = "782349232bf7fa3c";
}
