//! `paper.toml`: who published what, value by value.

use serde::{Deserialize, Serialize};

use super::Error;

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

/// The contents of a `paper.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// The paper.
    pub paper: Paper,
    /// Its numbers.
    #[serde(rename = "value", default)]
    pub values: Vec<Value>,
}

impl Published {
    /// Reads the text of `file`.
    ///
    /// # Errors
    /// If it does not parse; the message names line and key.
    pub fn parse(file: &'static str, text: &str) -> Result<Self, Error> {
        toml::from_str(text).map_err(|error| Error::Parse {
            file,
            reason: error.to_string(),
        })
    }

    /// The number published for a metric of a variant.
    #[must_use]
    pub fn value(&self, replication: &str, variant: &str, metric: &str) -> Option<&Value> {
        self.values.iter().find(|value| {
            value.replication == replication && value.variant == variant && value.metric == metric
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
    fn values_are_found() {
        let text = format!(
            "{PAPER}\n[[value]]\nreplication = \"r\"\nvariant = \"v\"\nmetric = \"m\"\nmean = 0.5\nsource = \"Fig. 1\"\n"
        );
        let published = Published::parse("x", &text).unwrap();
        let mean = published.value("r", "v", "m").unwrap().mean;
        assert!((mean - 0.5).abs() < 1e-12);
        assert!(published.value("r", "v", "other").is_none());
    }
}
