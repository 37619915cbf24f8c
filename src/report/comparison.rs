//! Our values beside the published ones: one metric of one variant a row, as a printed table, as CSV
//! to compute with, and as JSON.

use serde::Serialize;

use super::Table;
use crate::claims::{Summary, Value};

/// One metric of one variant.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// The metric's title, e.g. `purity`.
    pub title: String,
    /// The variant's id.
    pub variant: String,
    /// The metric's name in the records, e.g. `bmu.purity`.
    pub metric: String,
    /// Our runs; those for which the metric is undefined are counted in it.
    pub ours: Summary,
    /// What was printed, where it compares.
    pub published: Option<Value>,
}

impl Comparison {
    /// Our mean minus the published one.
    #[must_use]
    pub fn difference(&self) -> Option<f64> {
        Some(self.ours.mean? - self.published.as_ref()?.mean)
    }
}

/// The table: rows in the order given, the metric named where it changes. Columns of published
/// values only if there are any.
#[must_use]
pub fn table(comparisons: &[Comparison], caption: String) -> Table {
    let published = comparisons.iter().any(|row| row.published.is_some());
    let mut head = vec!["metric", "variant", "n", "ours"];
    if published {
        head.extend(["published", "difference"]);
    }
    let mut rows = Vec::new();
    let mut last = "";
    for comparison in comparisons {
        let title = if comparison.title == last {
            ""
        } else {
            &comparison.title
        };
        last = &comparison.title;
        let ours = &comparison.ours;
        let n = match ours.undefined {
            0 => ours.values.len().to_string(),
            undefined => format!("{} of {}", ours.values.len(), ours.values.len() + undefined),
        };
        let mut row = vec![
            title.to_owned(),
            comparison.variant.clone(),
            n,
            ours.to_string(),
        ];
        if published {
            row.push(
                comparison
                    .published
                    .as_ref()
                    .map_or("-".to_owned(), |value| match value.sample_sd() {
                        Some(sd) => format!("{:.3} \u{b1} {sd:.3}", value.mean),
                        None => format!("{:.3}", value.mean),
                    }),
            );
            let difference = comparison.difference();
            row.push(difference.map_or("-".to_owned(), |value| format!("{value:+.3}")));
        }
        rows.push(row);
    }
    Table {
        caption,
        head: head.into_iter().map(str::to_owned).collect(),
        rows,
    }
}

/// The same as CSV, all digits, an empty cell where there is no value; `note` stands in every row.
///
/// # Errors
/// If the writer fails, which it does not in memory.
pub fn write_csv(comparisons: &[Comparison], note: &str) -> Result<Vec<u8>, std::io::Error> {
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "variant",
        "metric",
        "n",
        "mean",
        "sd",
        "published_mean",
        "published_sd",
        "published_n",
        "published_source",
        "note",
    ])?;
    for row in comparisons {
        let published = row.published.as_ref();
        let n = published.and_then(|value| value.n);
        writer.write_record([
            row.variant.as_str(),
            &row.metric,
            &row.ours.values.len().to_string(),
            &number(row.ours.mean),
            &number(row.ours.sd),
            &number(published.map(|value| value.mean)),
            &number(published.and_then(Value::sample_sd)),
            &n.map(|n| n.to_string()).unwrap_or_default(),
            published.map_or("", |value| value.source.as_str()),
            note,
        ])?;
    }
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn rows() -> Vec<Comparison> {
        let published = Value {
            replication: "r".into(),
            variant: "a".into(),
            metric: "m".into(),
            mean: 0.5,
            sd: Some(0.3),
            n: Some(10),
            source: "Fig. 1".into(),
        };
        let row = |variant: &str, ours: Summary, published| Comparison {
            title: "metric".into(),
            variant: variant.into(),
            metric: "m".into(),
            ours,
            published,
        };
        vec![
            row(
                "a",
                Summary::of([Some(0.25), Some(0.75), None]),
                Some(published),
            ),
            row("b", Summary::of([None]), None),
        ]
    }

    #[test]
    fn the_table_says_what_is_undefined_and_how_far_off_we_are() {
        let table = table(&rows(), "caption".into());
        assert_eq!(
            table.rows,
            [
                [
                    "metric",
                    "a",
                    "2 of 3",
                    "0.500 \u{b1} 0.354",
                    "0.500 \u{b1} 0.316",
                    "+0.000"
                ],
                ["", "b", "0 of 1", "-", "-", "-"],
            ]
        );
        // Without anything published there are no columns for it.
        assert_eq!(super::table(&rows()[1..], String::new()).head.len(), 4);
    }

    #[test]
    fn the_csv_holds_numbers() {
        let text = String::from_utf8(write_csv(&rows(), "no verdict").unwrap()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        // 0.3 * sqrt(10 / 9) = 0.316227766..
        assert!(
            lines[1].starts_with("a,m,2,0.5,0.3535533905932738,0.5,0.31622776601"),
            "{text}"
        );
        assert_eq!(lines[2], "b,m,0,,,,,,,no verdict");
    }
}
