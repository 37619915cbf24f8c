//! Judgements as table rows and as JSON.

use serde_json::{Value, json};

use super::words::{interval, number, p_value, signed};
use super::{Counts, Judgement};

/// Version of the JSON; a change that could break a reader gets a new number.
pub const SCHEMA: &str = "replicate-verdicts/1";

/// The columns of [`rows`].
#[must_use]
pub fn head() -> [&'static str; 8] {
    [
        "claim",
        "verdict",
        "compared",
        "published",
        "ours",
        "difference",
        "95 % interval",
        "p",
    ]
}

/// One row for each comparison of each claim; the claim and its verdict stand in the first. Where there is
/// nothing to show, a dash. p is for the claim where the comparison speaks for it or is undecided, against
/// it where it speaks against it.
#[must_use]
pub fn rows(judgements: &[Judgement]) -> Vec<Vec<String>> {
    let dash = || "-".to_owned();
    let mut rows = Vec::new();
    for judgement in judgements {
        let mut first = vec![judgement.claim.clone(), judgement.headline()];
        if judgement.findings.is_empty() {
            first.extend((0..6).map(|_| dash()));
            rows.push(first);
            continue;
        }
        for finding in &judgement.findings {
            let published = finding.published.as_ref().map(|printed| match printed.sd {
                Some(sd) => format!("{} \u{b1} {}", number(printed.mean), number(sd)),
                None => number(printed.mean),
            });
            let ours: Vec<String> = finding
                .ours
                .iter()
                .map(|group| match (group.mean, group.sd) {
                    (Some(mean), Some(sd)) => {
                        format!("{} \u{b1} {} ({})", number(mean), number(sd), group.n)
                    }
                    (Some(mean), None) => format!("{} (1)", number(mean)),
                    _ => dash(),
                })
                .collect();
            let p = if finding.verdict.is_against() {
                finding.p_against
            } else {
                finding.p_for
            };
            let mut row = std::mem::take(&mut first);
            row.resize(2, String::new());
            row.extend([
                finding.label.clone(),
                published.unwrap_or_else(dash),
                if ours.is_empty() {
                    dash()
                } else {
                    ours.join(" | ")
                },
                finding.difference.map_or_else(dash, signed),
                finding.interval_95.map_or_else(dash, interval),
                p.map_or_else(dash, p_value),
            ]);
            rows.push(row);
        }
    }
    rows
}

/// All judgements with their numbers, and how often each verdict was given.
#[must_use]
pub fn json(judgements: &[Judgement]) -> Value {
    let counts = Counts::of(judgements.iter().map(|one| &one.verdict));
    json!({
        "schema": SCHEMA,
        "counts": counts,
        "claims": judgements,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{Conditions, Published, Results, judge};
    use super::*;

    /// The pair of files that the documents show.
    fn example() -> Vec<Judgement> {
        let claims = include_str!("../../examples/claims.toml");
        let results = include_str!("../../examples/results.csv");
        let published = Published::parse("claims.toml", claims).unwrap();
        let results = Results::from_csv("results.csv", results).unwrap();
        judge(
            &published,
            &published.claims,
            &results,
            &Conditions::paper(),
        )
    }

    #[test]
    fn the_example_shows_every_verdict() {
        let judgements = example();
        let value = json(&judgements);
        assert_eq!(value["schema"], SCHEMA);
        for verdict in [
            "reproduced",
            "not_reproduced",
            "inconclusive",
            "consistent",
            "not_tested",
        ] {
            assert!(
                value["counts"][verdict].as_u64() > Some(0),
                "{verdict}: {}",
                value["counts"]
            );
        }
        assert_eq!(value["claims"][0]["verdict"]["kind"], "reproduced");
        assert!(value["claims"][0]["findings"][0]["interval_90"]["low"].is_f64());
    }

    #[test]
    fn rows_have_a_cell_for_each_column() {
        let rows = rows(&example());
        assert!(rows.iter().all(|row| row.len() == head().len()), "{rows:?}");
        assert!(
            rows.iter()
                .any(|row| row[0].is_empty() && !row[2].is_empty())
        );
    }
}
