//! `paper.toml`: who published what, value by value and claim by claim.

use serde::{Deserialize, Serialize};

use super::{At, Claim, Error, Quantity, Vocabulary, check};
use crate::statistics::Moments;

/// A paper.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paper {
    /// Short name, e.g. `desom`.
    pub id: String,
    /// Title.
    pub title: String,
    /// Authors, "First Last" each.
    pub authors: Vec<String>,
    /// Where it appeared.
    pub venue: String,
    /// When.
    pub year: u16,
    /// Where to find it.
    pub url: String,
}

/// One published number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Value {
    /// The replication that tests it.
    pub replication: String,
    /// The variant's id.
    pub variant: String,
    /// The metric's name in our records.
    pub metric: String,
    /// Mean over the paper's runs.
    pub mean: f64,
    /// Standard deviation over them, with divisor n (NumPy's default, as in the authors' code).
    pub sd: Option<f64>,
    /// Number of runs.
    pub n: Option<u32>,
    /// Figure or table, and whether it was printed or digitised.
    pub source: String,
}

impl Value {
    /// The published standard deviation with divisor n - 1, as ours have it.
    #[must_use]
    pub fn sample_sd(&self) -> Option<f64> {
        let n = self.n.filter(|&n| n > 1).map(f64::from)?;
        self.sd.map(|sd| sd * (n / (n - 1.0)).sqrt())
    }
}

/// A published number as a test takes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Printed {
    /// Mean over the paper's runs.
    pub mean: f64,
    /// Standard deviation over them (divisor n - 1).
    pub sd: Option<f64>,
    /// Number of runs.
    pub n: Option<u32>,
    /// How far the mean may be from what was printed or plotted.
    pub coarseness: f64,
    /// Figure or table.
    pub source: String,
}

impl Printed {
    /// Mean, spread and size, where the paper gives all three and at least two runs.
    #[must_use]
    pub fn moments(&self) -> Option<Moments> {
        Some(Moments {
            mean: self.mean,
            sd: self.sd?,
            n: self.n.filter(|&n| n > 1)?,
        })
    }
}

/// `[[value]]` as it stands in the file: a [`Value`] and how it was read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub(super) replication: At<String>,
    pub(super) variant: At<String>,
    pub(super) metric: At<String>,
    pub(super) mean: At<f64>,
    pub(super) sd: Option<At<f64>>,
    pub(super) n: Option<At<u32>>,
    pub(super) source: String,
    /// The data set, where the file has the same variant on several.
    pub(super) data: Option<String>,
    #[serde(default)]
    pub(super) read: Read,
}

/// How exactly a published number is known.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Read {
    /// Printed with so many decimals: half a unit of the last one.
    Printed(u8),
    /// Digitised from a figure, to so much either way.
    Digitised(f64),
}

impl Default for Read {
    fn default() -> Self {
        Self::Printed(3)
    }
}

impl Row {
    fn value(&self) -> Value {
        Value {
            replication: self.replication.to_string(),
            variant: self.variant.to_string(),
            metric: self.metric.to_string(),
            mean: *self.mean,
            sd: self.sd.map(|sd| *sd),
            n: self.n.map(|n| *n),
            source: self.source.clone(),
        }
    }

    pub(super) fn coarseness(&self) -> f64 {
        match self.read {
            Read::Printed(decimals) => 0.5 * 10.0_f64.powi(-i32::from(decimals)),
            Read::Digitised(either_way) => either_way,
        }
    }
}

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) paper: Paper,
    #[serde(rename = "value", default)]
    pub(super) rows: Vec<Row>,
    #[serde(rename = "claim", default)]
    pub(super) claims: Vec<Claim>,
}

/// The claims of a file as far as they can be read in any case.
#[derive(Deserialize)]
struct Loose {
    #[serde(rename = "claim", default)]
    claims: Vec<LooseClaim>,
}

#[derive(Deserialize)]
struct LooseClaim {
    id: At<String>,
    #[serde(default)]
    test: toml::Table,
}

/// What is wrong with a file that does not parse, if it is a claim with several tests or none: the
/// parser's words for it help nobody.
fn not_one_test(file: &str, text: &str) -> Option<Error> {
    let loose: Loose = toml::from_str(text).ok()?;
    let claim = loose.claims.into_iter().find(|one| one.test.len() != 1)?;
    let tests: Vec<&str> = claim.test.keys().map(String::as_str).collect();
    let reason = if tests.is_empty() {
        "it has no test; add one, e.g. [claim.test.value]".to_owned()
    } else {
        format!(
            "it has {} tests ({}); a claim has one: make a claim of each",
            tests.len(),
            tests.join(", ")
        )
    };
    Some(Error::Meaning {
        file: file.to_owned(),
        line: super::position::line(text, claim.id.offset()),
        reason: format!("claim {:?}: {reason}", *claim.id),
    })
}

/// The contents of a `paper.toml`.
#[derive(Debug, Clone)]
pub struct Published {
    /// The paper.
    pub paper: Paper,
    /// Its numbers.
    pub values: Vec<Value>,
    /// Its claims.
    pub claims: Vec<Claim>,
    rows: Vec<Row>,
}

impl Published {
    /// Reads the text of `file` and checks that its claims make sense in themselves.
    ///
    /// # Errors
    /// If it does not parse, or a claim makes no sense; the message names file, line and key.
    pub fn parse(file: &str, text: &str) -> Result<Self, Error> {
        let parsed: File = toml::from_str(text).map_err(|error| {
            not_one_test(file, text).unwrap_or_else(|| Error::Parse {
                file: file.to_owned(),
                reason: error.to_string(),
            })
        })?;
        check::meaning(file, text, &parsed)?;
        Ok(Self {
            paper: parsed.paper,
            values: parsed.rows.iter().map(Row::value).collect(),
            claims: parsed.claims,
            rows: parsed.rows,
        })
    }

    /// Checks the names of variants and metrics of experiments that exist. `text` is what was parsed.
    ///
    /// # Errors
    /// At the first unknown name, with its line and the names there are.
    pub fn check_names(
        &self,
        file: &str,
        text: &str,
        vocabulary: &dyn Vocabulary,
    ) -> Result<(), Error> {
        check::names(file, text, &self.rows, &self.claims, vocabulary)
    }

    /// The number published for a metric of a variant; where the file has it for several data sets,
    /// the first.
    #[must_use]
    pub fn value(&self, replication: &str, variant: &str, metric: &str) -> Option<&Value> {
        self.values.iter().find(|value| {
            value.replication == replication && value.variant == variant && value.metric == metric
        })
    }

    /// The claims that a replication tests, in the file's order.
    pub fn claims_of<'a>(&'a self, replication: &'a str) -> impl Iterator<Item = &'a Claim> {
        let claims = self.claims.iter();
        claims.filter(move |claim| *claim.replication == replication)
    }

    /// The number published for a quantity, as a test takes it.
    #[must_use]
    pub fn printed(&self, replication: &str, quantity: &Quantity) -> Option<Printed> {
        let row = self.rows.iter().find(|row| {
            *row.replication == replication
                && *row.variant == quantity.variant
                && *row.metric == quantity.metric
                && row.data == quantity.data
        })?;
        let value = row.value();
        Some(Printed {
            mean: value.mean,
            sd: value.sample_sd(),
            n: value.n,
            coarseness: row.coarseness(),
            source: value.source,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const PAPER: &str = r#"
        [paper]
        id = "x"
        title = "On X"
        authors = ["A. Author"]
        venue = "X"
        year = 2020
        url = "https://example.org"
    "#;

    #[test]
    fn mistakes_name_file_line_and_key() {
        let text = format!("{PAPER}\n[[value]]\nreplicaton = \"x\"\n");
        let message = Published::parse("replications/x/paper.toml", &text)
            .unwrap_err()
            .to_string();
        assert!(message.contains("replications/x/paper.toml"), "{message}");
        assert!(message.contains("line 11"), "{message}");
        assert!(message.contains("replicaton"), "{message}");
    }

    #[test]
    fn a_claim_has_one_test() {
        let claim =
            "[[claim]]\nid = \"c\"\nreplication = \"r\"\nsource = \"s\"\nstatement = \"s\"\n";
        let of = |tests: &str| {
            let text = format!("{PAPER}{claim}{tests}");
            let line = text[..text.find("id = \"c\"").unwrap()]
                .matches('\n')
                .count()
                + 1;
            let message = Published::parse("p.toml", &text).unwrap_err().to_string();
            assert!(
                message.starts_with(&format!("p.toml, line {line}: claim \"c\"")),
                "{message}"
            );
            message
        };
        let look = "[claim.test.qualitative]\nlook = \"l\"\n";
        let two = of(&format!("{look}[claim.test.value]\nmetrics = [\"m\"]\n"));
        assert!(two.contains("2 tests (qualitative, value)"), "{two}");
        assert!(of("").contains("no test"));
    }

    #[test]
    fn values_are_found() {
        let text = format!(
            "{PAPER}\n[[value]]\nreplication = \"r\"\nvariant = \"v\"\nmetric = \"m\"\nmean = 0.5\nsource = \"Fig. 1\"\n"
        );
        let published = Published::parse("x", &text).unwrap();
        let mean = published.value("r", "v", "m").unwrap().mean;
        assert!((mean - 0.5).abs() < 1e-12);
        assert!(published.value("r", "v", "other").is_none());
    }

    #[test]
    fn numbers_come_with_their_coarseness_and_our_divisor() {
        let text = format!(
            "{PAPER}\n[[value]]\nreplication = \"r\"\nvariant = \"v\"\nmetric = \"m\"\nmean = 0.5\n\
             sd = 0.3\nn = 10\nread = {{ digitised = 0.002 }}\nsource = \"Fig. 1\"\n\
             [[value]]\nreplication = \"r\"\nvariant = \"w\"\nmetric = \"m\"\nmean = 0.5834\n\
             read = {{ printed = 4 }}\nsource = \"Table 1\"\n"
        );
        let published = Published::parse("x", &text).unwrap();
        let printed = |variant: &str| {
            let quantity = Quantity {
                variant: variant.into(),
                metric: "m".into(),
                data: None,
            };
            published.printed("r", &quantity).unwrap()
        };
        let moments = printed("v").moments().unwrap();
        // 0.3 * sqrt(10 / 9)
        assert!((moments.sd - 0.316_227_766_016_837_94).abs() < 1e-15);
        assert!((printed("v").coarseness - 0.002).abs() < 1e-15);
        assert!((printed("w").coarseness - 0.00005).abs() < 1e-15);
        assert_eq!(printed("w").moments(), None);
    }
}
