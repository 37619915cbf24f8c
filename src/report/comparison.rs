//! Our values beside the published ones: one metric of one variant a row, as a printed table, as CSV
//! to compute with, and as JSON.

use serde::Serialize;

use super::{Endings, Table};
use crate::claims::{Summary, Value};
use crate::replication::{Results, VariantRecords};

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
    /// How they ended.
    pub endings: Endings,
    /// What was printed, where it compares.
    pub published: Option<Value>,
}

impl Comparison {
    /// A metric of a variant's runs; `published` is what the paper has for it, where that compares.
    #[must_use]
    pub fn of(
        title: &str,
        metric: &str,
        variant: &VariantRecords,
        published: Option<&Value>,
    ) -> Self {
        Self {
            title: title.to_owned(),
            variant: variant.id.clone(),
            metric: metric.to_owned(),
            ours: variant.summary(metric),
            endings: Endings::of(variant),
            published: published.cloned(),
        }
    }

    /// Runs that there should be: those of the plan, or those that are stored if they are more.
    #[must_use]
    pub fn runs(&self) -> usize {
        let stored = self.ours.values.len() + self.ours.undefined;
        stored.max(self.endings.planned)
    }

    /// `2 diverged, 1 collapsed, 1 undefined, 3 missing`: what is to say of the runs; empty if all have
    /// an ordinary value.
    fn remarks(&self) -> String {
        let Endings {
            diverged,
            collapsed,
            ..
        } = self.endings;
        let undefined = self.ours.undefined;
        let missing = self.runs() - self.ours.values.len() - undefined;
        let remarks = [
            (diverged, "diverged"),
            (collapsed, "collapsed"),
            (undefined.saturating_sub(diverged), "undefined"),
            (missing, "missing"),
        ];
        let remarks = remarks.iter().filter(|(count, _)| *count > 0);
        let remarks: Vec<String> = remarks
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        remarks.join(", ")
    }

    /// Our mean minus the published one.
    #[must_use]
    pub fn difference(&self) -> Option<f64> {
        Some(self.ours.mean? - self.published.as_ref()?.mean)
    }
}

/// Metrics, by title and name in records, one after the other, variant by variant, where the paper has no values.
#[must_use]
pub fn compared(results: &Results, shown: &[(&str, &str)]) -> Vec<Comparison> {
    let pairs = shown.iter().flat_map(|&(title, metric)| {
        let variants = results.variants.iter();
        variants.map(move |variant| (title, metric, variant))
    });
    pairs
        .map(|(title, metric, variant)| Comparison::of(title, metric, variant, None))
        .collect()
}

/// The table: rows in the order given, the metric named where it changes. `n` is the number of values
/// behind a mean, and of how many runs where some have none. Columns of published values, and of
/// remarks on the runs, only if there are any.
#[must_use]
pub fn table(comparisons: &[Comparison], caption: String) -> Table {
    let published = comparisons.iter().any(|row| row.published.is_some());
    let mut head = vec!["metric", "variant", "n", "ours"];
    if published {
        head.extend(["published", "difference"]);
    }
    let remarked = comparisons.iter().any(|row| !row.remarks().is_empty());
    if remarked {
        head.push("of the runs");
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
        let n = match (ours.values.len(), comparison.runs()) {
            (valued, all) if valued == all => valued.to_string(),
            (valued, all) => format!("{valued} of {all}"),
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
        if remarked {
            row.push(comparison.remarks());
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
        "runs",
        "diverged",
        "collapsed",
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
            &row.runs().to_string(),
            &row.endings.diverged.to_string(),
            &row.endings.collapsed.to_string(),
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
            endings: Endings {
                planned: 3,
                diverged: 1,
                collapsed: usize::from(variant == "a"),
            },
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
                    "+0.000",
                    "1 diverged, 1 collapsed"
                ],
                ["", "b", "0 of 3", "-", "-", "-", "1 diverged, 2 missing"],
            ]
        );
        // Without anything published there are no columns for it.
        let head = super::table(&rows()[1..], String::new()).head;
        assert_eq!(head, ["metric", "variant", "n", "ours", "of the runs"]);
    }

    #[test]
    fn ordinary_runs_need_no_remarks() {
        let mut row = rows().remove(0);
        row.ours = Summary::of([Some(0.5); 3]);
        row.endings = Endings {
            planned: 3,
            ..Endings::default()
        };
        let table = super::table(std::slice::from_ref(&row), String::new());
        assert_eq!(table.head.len(), 6);
        assert_eq!(table.rows[0][2], "3");
        // A value that is undefined though the run did not diverge.
        row.ours = Summary::of([Some(0.5), None, None]);
        let table = super::table(&[row], String::new());
        assert_eq!(table.rows[0][2], "1 of 3");
        assert_eq!(table.rows[0][6], "2 undefined");
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
        assert!(lines[1].ends_with(",Fig. 1,3,1,1,no verdict"), "{text}");
        assert_eq!(lines[2], "b,m,0,,,,,,,3,1,0,no verdict");
    }
}
