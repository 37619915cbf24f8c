//! Results in files: `benches/RESULTS.md` for people, JSON for programs.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result};

use super::options::Options;
use super::report::{Row, Table};
use super::statistics::{median, range};

const BEGIN: &str = "<!-- begin: written by cargo xtask bench --write -->";
const END: &str = "<!-- end -->";

const HEADER: &str = "\
# Measurements

Ours and its peers, measured in turns in one run on one machine by `cargo xtask bench`. Ratios are medians over rounds
of the time in units of ours in the same round; `of peak` is the share of what large matrix products reach on this
machine in the same rounds, counting the products of an iteration alone; `same losses` is the largest relative
difference of the losses of a few steps from equal weights.

";

/// Puts the tables between the markers of the file, which is made if it is missing. What is around them stays.
pub fn write(path: &Path, tables: &[Table], options: &Options, threads: usize) -> Result<()> {
    let old = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            format!("{HEADER}{BEGIN}\n{END}\n")
        }
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    let body = body(tables, options, threads);
    let Some(new) = replaced(&old, &body) else {
        return Err(Error::Bench(format!(
            "{} has no line `{BEGIN}` followed by `{END}`: put them where the tables belong, or remove the file",
            path.display()
        )));
    };
    fs::write(path, new).map_err(Error::io("write", path))
}

fn replaced(old: &str, body: &str) -> Option<String> {
    let (before, rest) = old.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{body}{END}{after}"))
}

fn body(tables: &[Table], options: &Options, threads: usize) -> String {
    let mut command = "cargo xtask bench --write".to_owned();
    for task in &options.only {
        command += &format!(" --only {task}");
    }
    if !options.peers {
        command += " --no-peers";
    }
    command += &format!(" --rounds {} --threads {threads}", options.rounds);
    let mut text = format!(
        "{}, {}, {threads} threads: `{command}`\n\n",
        today(),
        processor()
    );
    for table in tables {
        text += &table.markdown();
        text.push('\n');
    }
    text
}

/// Every number, one object for each task.
pub fn json(tables: &[Table], threads: usize) -> String {
    let tasks: Vec<String> = tables.iter().map(task).collect();
    format!(
        "{{\"date\":{},\"processor\":{},\"threads\":{threads},\"tasks\":[{}]}}\n",
        quoted(&today()),
        quoted(&processor()),
        tasks.join(",")
    )
}

fn task(table: &Table) -> String {
    let rows: Vec<String> = table.rows.iter().map(|row| contender(table, row)).collect();
    format!(
        "{{\"id\":{},\"unit\":{},\"data\":{},\"contenders\":[{}]}}",
        quoted(table.id),
        quoted(&table.title),
        quoted(&table.data),
        rows.join(",")
    )
}

fn contender(table: &Table, row: &Row) -> String {
    let number =
        |value: Option<f64>| value.map_or_else(|| "null".to_owned(), |value| value.to_string());
    let pairs = |pairs: &[(String, String)]| {
        let fields = pairs
            .iter()
            .map(|(key, value)| format!("{}:{}", quoted(key), quoted(value)));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    };
    let seconds = row.seconds();
    let each: Vec<String> = seconds.iter().map(f64::to_string).collect();
    let rounds: Vec<String> = row.rounds.iter().map(|round| pairs(&round.more)).collect();
    let (least, most) = range(&seconds).unzip();
    format!(
        "{{\"name\":{},\"about\":{},\"seconds\":[{}],\"rounds\":[{}],\"median\":{},\"min\":{},\"max\":{},\
         \"ratio\":{},\"share_of_peak\":{},\"loss_difference\":{},\"fault\":{}}}",
        quoted(&row.name),
        pairs(&row.about),
        each.join(","),
        rounds.join(","),
        number(median(seconds.iter().copied())),
        number(least),
        number(most),
        number(table.ratio(row)),
        number(table.share(row)),
        number(row.difference),
        row.fault
            .as_deref()
            .map_or_else(|| "null".to_owned(), quoted),
    )
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            control if control < ' ' => quoted += &format!("\\u{:04x}", u32::from(control)),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// The processor's name.
fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| line.split_once(':'));
    name.map_or(std::env::consts::ARCH, |(_, name)| name.trim())
        .to_owned()
}

/// Today in UTC, `2026-01-31`.
fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    date(since.map_or(0, |since| since.as_secs() / 86_400))
}

/// The date of a day counted from 1970-01-01.
fn date(mut days: u64) -> String {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::report;
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // date -u -d @$((86400 * DAYS)) +%F
        for (days, expected) in [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (20_453, "2025-12-31"),
            (20_780, "2026-11-23"),
        ] {
            assert_eq!(date(days), expected);
        }
    }

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let old = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let new = replaced(&old, "new\n").unwrap();
        assert_eq!(new, format!("before\n{BEGIN}\n\nnew\n{END}\nafter\n"));
        assert_eq!(replaced("no markers", "new"), None);
    }

    #[test]
    fn the_file_is_made_and_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("RESULTS.md");
        let options = Options::parse(&[]).unwrap();
        let tables = [report::tests::table()];
        write(&path, &tables, &options, 2).unwrap();
        let first = fs::read_to_string(&path).unwrap();
        assert!(first.contains("# Measurements") && first.contains("| ours"));
        write(&path, &tables, &options, 2).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
        fs::write(&path, "mine").unwrap();
        assert!(write(&path, &tables, &options, 2).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }

    #[test]
    fn json_is_escaped_and_says_what_is_missing() {
        let text = json(&[report::tests::table()], 2);
        assert!(text.contains(r#""fault":"no \"module\"""#), "{text}");
        assert!(
            text.contains(r#""name":"ours""#) && text.contains(r#""seconds":[0.01,0.012,0.011]"#)
        );
        assert!(text.contains("\"share_of_peak\":null"), "{text}");
        assert_eq!(quoted("a\n\\"), r#""a\u000a\\""#);
    }
}
