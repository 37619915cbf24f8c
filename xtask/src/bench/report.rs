//! A task's results as a table.

use super::contender::{Pairs, Round};
use super::statistics::{median, range, ratio};
use super::tasks::{Entrant, Part, Task};

/// What became of one entrant.
#[derive(Debug)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// What it said of itself.
    pub about: Pairs,
    /// Its measured rounds.
    pub rounds: Vec<Round>,
    /// The largest relative difference of its losses to the first contender's.
    pub difference: Option<f64>,
    /// Why it is out.
    pub fault: Option<String>,
    /// What it is to the task.
    pub part: Part,
}

impl Row {
    /// One that has started.
    pub fn new(entrant: &Entrant, about: Pairs) -> Self {
        Self {
            name: entrant.name.clone(),
            about,
            rounds: Vec::new(),
            difference: None,
            fault: None,
            part: entrant.part,
        }
    }

    /// One that has not.
    pub fn failed(entrant: &Entrant, fault: String) -> Self {
        Self {
            fault: Some(fault),
            ..Self::new(entrant, Pairs::new())
        }
    }

    /// The seconds of its rounds; none if it is out.
    pub fn seconds(&self) -> Vec<f64> {
        match self.fault {
            None => self.rounds.iter().map(|round| round.seconds).collect(),
            Some(_) => Vec::new(),
        }
    }

    /// A value it gave when it was ready.
    pub fn told(&self, key: &str) -> Option<&str> {
        value(&self.about, key)
    }

    fn numbers(&self, key: &str) -> Vec<f64> {
        let values = self.rounds.iter().map(|round| value(&round.more, key));
        values.map_while(|value| value?.parse().ok()).collect()
    }
}

fn value<'a>(pairs: &'a Pairs, key: &str) -> Option<&'a str> {
    let pair = pairs.iter().find(|(name, _)| name == key);
    pair.map(|(_, value)| value.as_str())
}

/// A task's results.
#[derive(Debug)]
pub struct Table {
    /// The task.
    pub id: &'static str,
    /// What a unit of its work is.
    pub title: String,
    /// Which data were used, `mnist` or `random`.
    pub data: String,
    /// One row for each entrant.
    pub rows: Vec<Row>,
    has_peak: bool,
}

impl Table {
    /// The table of `task`.
    pub fn new(task: &Task, data: &str, rows: Vec<Row>) -> Self {
        Self {
            id: task.id,
            title: task.title.clone(),
            data: data.to_owned(),
            rows,
            has_peak: task
                .entrants
                .iter()
                .any(|entrant| entrant.part == Part::Yardstick),
        }
    }

    /// The median over the rounds of a row's time in units of ours.
    pub fn ratio(&self, row: &Row) -> Option<f64> {
        let ours = self.rows.iter().find(|row| row.part == Part::Ours)?;
        if row.part == Part::Yardstick {
            return None;
        }
        ratio(&row.seconds(), &ours.seconds())
    }

    /// The median share of the machine's peak, as the first yardstick showed it in the same rounds.
    pub fn share(&self, row: &Row) -> Option<f64> {
        let flop: f64 = self
            .rows
            .iter()
            .find_map(|row| row.told("flop"))?
            .parse()
            .ok()?;
        let peak = self.rows.iter().find(|row| row.part == Part::Yardstick)?;
        let peaks = peak.numbers("gflops");
        let seconds = row.seconds();
        let pairs = seconds
            .iter()
            .zip(&peaks)
            .filter(|_| row.part != Part::Yardstick);
        median(pairs.map(|(seconds, peak)| flop / seconds / (peak * 1e9)))
    }

    /// Whether anyone has shown that it computes the same.
    fn is_checked(&self) -> bool {
        self.rows.iter().any(|row| row.difference.is_some())
    }

    /// The table for people, in Markdown.
    pub fn markdown(&self) -> String {
        let mut header = vec!["contender", "version", "median", "min to max", "of ours"];
        if self.has_peak {
            header.push("of peak");
        }
        if self.is_checked() {
            header.push("same losses");
        }
        header.push("last round");
        let mut lines: Vec<Vec<String>> =
            vec![header.iter().map(|&title| title.to_owned()).collect()];
        for row in self.rows.iter().filter(|row| row.fault.is_none()) {
            lines.push(self.line(row));
        }
        let rounds = self.rows.iter().map(|row| row.rounds.len()).max();
        let mut text = format!(
            "### {}\n\nTime of {}. Rounds: {}; data: {}.\n\n",
            self.id,
            self.title,
            rounds.unwrap_or(0),
            self.data
        );
        text += &aligned(&lines);
        for row in &self.rows {
            if let Some(fault) = &row.fault {
                text += &format!("\nNot measured: {}: {fault}\n", row.name);
            }
        }
        text
    }

    fn line(&self, row: &Row) -> Vec<String> {
        let seconds = row.seconds();
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let spread =
            range(&seconds).map(|(least, most)| format!("{} to {}", time(least), time(most)));
        let mut cells = vec![
            row.name.clone(),
            or_dash(row.told("version").map(str::to_owned)),
            or_dash(median(seconds.iter().copied()).map(time)),
            or_dash(spread),
            or_dash(self.ratio(row).map(|ratio| format!("{ratio:.2}"))),
        ];
        if self.has_peak {
            cells.push(or_dash(
                self.share(row)
                    .map(|share| format!("{:.0} %", 100.0 * share)),
            ));
        }
        if self.is_checked() {
            cells.push(or_dash(
                row.difference.map(|difference| format!("{difference:.0e}")),
            ));
        }
        let last = row.rounds.last().map(|round| {
            let pairs = round.more.iter();
            let words: Vec<_> = pairs.map(|(key, value)| format!("{key} {value}")).collect();
            words.join(", ")
        });
        cells.push(or_dash(last.filter(|last| !last.is_empty())));
        cells
    }
}

/// Seconds for people.
fn time(seconds: f64) -> String {
    if seconds < 1e-4 {
        format!("{:.2} us", seconds * 1e6)
    } else if seconds < 1.0 {
        format!("{:.2} ms", seconds * 1e3)
    } else {
        format!("{seconds:.2} s")
    }
}

/// Cells as a Markdown table whose columns line up; the first line is the header.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        lines
            .iter()
            .map(|line| line[column].len())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        for (cell, width) in line.iter().zip(&widths) {
            text += &format!("| {cell:<width$} ");
        }
        text += "|\n";
        if index == 0 {
            for width in &widths {
                text += &format!("|{}", "-".repeat(width + 2));
            }
            text += "|\n";
        }
    }
    text
}

#[cfg(test)]
pub mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn row(name: &str, seconds: &[f64], more: &[(&str, &str)], about: &[(&str, &str)]) -> Row {
        let owned = |pairs: &[(&str, &str)]| -> Pairs {
            let pairs = pairs.iter();
            pairs
                .map(|&(key, value)| (key.to_owned(), value.to_owned()))
                .collect()
        };
        Row {
            name: name.to_owned(),
            about: owned(about),
            rounds: seconds
                .iter()
                .map(|&seconds| Round {
                    seconds,
                    more: owned(more),
                })
                .collect(),
            difference: None,
            fault: None,
            part: Part::Peer,
        }
    }

    /// Ours, a peer of half its speed, one that failed, and the peak.
    pub fn table() -> Table {
        let mut failed = row("absent", &[0.1], &[], &[]);
        failed.fault = Some("no \"module\"".to_owned());
        let mut ours = row(
            "ours",
            &[0.010, 0.012, 0.011],
            &[],
            &[("version", "1"), ("flop", "3.3e9")],
        );
        ours.part = Part::Ours;
        let mut peak = row("peak", &[1.0, 1.0, 1.0], &[("gflops", "400")], &[]);
        peak.part = Part::Yardstick;
        Table {
            id: "iteration",
            title: "an iteration".to_owned(),
            data: "mnist".to_owned(),
            rows: vec![
                ours,
                row(
                    "peer",
                    &[0.020, 0.024, 0.022],
                    &[("note", "x")],
                    &[("version", "2")],
                ),
                failed,
                peak,
            ],
            has_peak: true,
        }
    }

    #[test]
    fn the_table_shows_medians_ratios_shares_and_faults() {
        let table = table();
        let close = |a: Option<f64>, b: f64| assert!((a.unwrap() - b).abs() < 1e-9, "{a:?} {b}");
        close(table.ratio(&table.rows[1]), 2.0);
        close(table.share(&table.rows[0]), 0.75);
        let text = table.markdown();
        for wanted in [
            "| 11.00 ms",
            "10.00 ms to 12.00 ms",
            "| 2.00 ",
            "75 %",
            "note x",
        ] {
            assert!(text.contains(wanted), "{wanted} in {text}");
        }
        assert!(
            text.contains("Not measured: absent: no \"module\""),
            "{text}"
        );
        // One that is out has no line among the others, whatever it measured before.
        assert!(!text.contains("| absent"), "{text}");
        assert_eq!(table.ratio(&table.rows[2]), None);
        assert_eq!(table.ratio(&table.rows[3]), None);
    }

    #[test]
    fn without_ours_nothing_is_in_units_of_ours() {
        let mut table = table();
        table.rows.remove(0);
        assert_eq!(table.ratio(&table.rows[0]), None);
    }

    #[test]
    fn times_read_well() {
        assert_eq!(time(0.01234), "12.34 ms");
        assert_eq!(time(0.000_012_34), "12.34 us");
        assert_eq!(time(12.345), "12.35 s");
    }
}
