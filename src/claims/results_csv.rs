//! Runs from a CSV file: what `runs.csv` of this program holds, or a table made by anything else.

use std::collections::BTreeMap;

use super::Error;
use super::position::line;
use super::results::{Ending, Results, Run};
use crate::metrics::impossible;

const NEEDED: [&str; 4] = ["variant", "seed", "metric", "value"];

impl Results {
    /// Reads the text of `file`: one row for each run and metric, columns `variant`, `seed`, `metric`,
    /// `value` and, where wanted, `data` and `outcome` (`completed`, `collapsed`, `diverged ..`), in any
    /// order; others are left alone. An empty value is undefined; a row without a metric says only that
    /// the run exists.
    ///
    /// # Errors
    /// If a column or cell is missing or cannot be read, or a value stands there twice, with its line.
    pub fn from_csv(file: &str, text: &str) -> Result<Self, Error> {
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let wrong = |line: usize, reason: String| Error::Meaning {
            file: file.to_owned(),
            line,
            reason,
        };
        let head = reader
            .headers()
            .map_err(|error| wrong(1, error.to_string()))?;
        let column = |name: &str| head.iter().position(|cell| cell == name);
        let mut needed = [0; 4];
        for (place, name) in needed.iter_mut().zip(NEEDED) {
            *place = column(name).ok_or_else(|| {
                wrong(
                    1,
                    format!(
                        "there is no column {name:?}; needed are {}, separated by commas; the line is {:?}",
                        NEEDED.join(", "),
                        text.lines().next().unwrap_or_default()
                    ),
                )
            })?;
        }
        let (data, outcome) = (column("data"), column("outcome"));
        let mut runs: BTreeMap<(Option<String>, String, u64), Run> = BTreeMap::new();
        let mut lines: BTreeMap<(Option<String>, String, u64, String), usize> = BTreeMap::new();
        for record in reader.records() {
            let record = record.map_err(|error| {
                let here = error
                    .position()
                    .map_or(0, |position| line_of(text, position));
                wrong(here, error.to_string())
            })?;
            let here = record
                .position()
                .map_or(0, |position| line_of(text, position));
            let cell = |place: usize| record.get(place).unwrap_or_default();
            let [variant, seed, metric, value] = needed.map(cell);
            if variant.is_empty() {
                return Err(wrong(here, "variant: empty".into()));
            }
            let seed: u64 = seed
                .parse()
                .map_err(|_| wrong(here, format!("seed: {seed:?} is not a whole number from 0")))?;
            let ending = ending(outcome.map_or("", cell)).map_err(|reason| wrong(here, reason))?;
            let data = data
                .map(cell)
                .filter(|data| !data.is_empty())
                .map(str::to_owned);
            let run = runs
                .entry((data.clone(), variant.to_owned(), seed))
                .or_insert_with(|| Run {
                    variant: variant.to_owned(),
                    seed,
                    data: data.clone(),
                    ending,
                    ..Run::default()
                });
            if run.ending != ending {
                return Err(wrong(
                    here,
                    format!("outcome: seed {seed} of {variant} has another one in a line above"),
                ));
            }
            if metric.is_empty() {
                if value.is_empty() {
                    continue;
                }
                return Err(wrong(here, "metric: empty, but there is a value".into()));
            }
            let key = (data, variant.to_owned(), seed, metric.to_owned());
            if let Some(first) = lines.insert(key, here) {
                return Err(wrong(
                    here,
                    format!("{metric} of {variant}, seed {seed}, is already in line {first}"),
                ));
            }
            let value = number(value).map_err(|reason| wrong(here, reason))?;
            if let Some(words) = value.and_then(|value| impossible(metric, value)) {
                let column = needed[3] + 1;
                return Err(wrong(here, format!("value (column {column}): {words}")));
            }
            run.values.insert(metric.to_owned(), value);
        }
        Ok(Self {
            runs: runs.into_values().collect(),
        })
    }
}

/// The line, from 1, on which a record begins. The reader counts empty lines before it as part of it.
fn line_of(text: &str, position: &csv::Position) -> usize {
    let start = (position.byte() as usize).min(text.len());
    let rest = &text.as_bytes()[start..];
    let empty = rest
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace())
        .count();
    line(text, start + empty)
}

fn number(cell: &str) -> Result<Option<f64>, String> {
    if cell.is_empty() {
        return Ok(None);
    }
    let value: f64 = cell
        .parse()
        .map_err(|_| format!("value: {cell:?} is not a number; leave it empty where undefined"))?;
    Ok(Some(value).filter(|value| value.is_finite()))
}

fn ending(cell: &str) -> Result<Ending, String> {
    match cell.split_whitespace().next() {
        None | Some("completed") => Ok(Ending::Completed),
        Some("collapsed") => Ok(Ending::Collapsed),
        Some("diverged") => Ok(Ending::Diverged),
        Some(_) => Err(format!(
            "outcome: {cell:?}; expected completed, collapsed, diverged, or nothing"
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn rows_become_runs() {
        let text = "seed,variant,metric,value,outcome,run\n\
                    0,a,purity,0.5,completed,x\n0,a,accuracy,,completed,x\n1,a,,,diverged at 7,y\n";
        let results = Results::from_csv("r.csv", text).unwrap();
        assert_eq!(results.runs.len(), 2);
        assert_eq!(results.runs[0].values["purity"], Some(0.5));
        assert_eq!(results.runs[0].values["accuracy"], None);
        assert_eq!(results.runs[1].ending, Ending::Diverged);
    }

    #[test]
    fn mistakes_name_their_line() {
        let head = "variant,seed,metric,value,outcome\n";
        for (text, line, words) in [
            ("variant,seed,metric\n".to_owned(), 1, "no column \"value\""),
            (format!("{head}a,0,m,1,\na,x,m,1,\n"), 3, "seed: \"x\""),
            (format!("{head}a,0,m,one,\n"), 2, "value: \"one\""),
            (
                format!("{head}a,0,m,1,\n\na,0,m,2,\n"),
                4,
                "already in line 2",
            ),
            (format!("{head}a,0,m,1,died\n"), 2, "outcome: \"died\""),
            (
                format!("{head}a,0,m,1,\na,0,k,1,collapsed\n"),
                3,
                "another one",
            ),
            (format!("{head},0,m,1,\n"), 2, "variant: empty"),
            (format!("{head}a,0,,1,\n"), 2, "metric: empty"),
            (format!("{head}a,0,m\n"), 2, "fields"),
            (
                format!("{head}a,0,m,75,\na,0,bmu.purity,75.3,\n"),
                3,
                "value (column 4): 75.3 is no value of bmu.purity, whose range is 0 to 1",
            ),
            (format!("{head}a,0,ari,-0.6,\n"), 2, "range is -0.5 to 1"),
        ] {
            let error = Results::from_csv("r.csv", &text).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("r.csv, line {line}: ")),
                "{error}"
            );
            assert!(error.contains(words), "{error}");
        }
    }
}
