//! A report as LaTeX tables, for `\input` into a paper that loads `array`,
//! `booktabs` and `longtable`.
//!
//! Text is escaped; Greek letters and mathematical signs become commands. Other letters are left to the
//! engine: pdflatex knows Latin ones, lualatex and xelatex whatever the font has.

use super::Comparison;
use super::content::{Entry, Experiment, Report, Row};
use super::numbers::{n_of, number, range, runs, signed, spread};
use crate::claims::Group;

/// All tables: claims and values of each experiment.
#[must_use]
pub fn tables(report: &Report) -> String {
    let mut text =
        "% Needs \\usepackage[T1]{fontenc} and \\usepackage{array,booktabs,longtable}.\n"
            .to_owned();
    for experiment in report.experiments() {
        if !experiment.claims.is_empty() {
            text += &claims(experiment);
        }
        if !experiment.runs.is_empty() {
            text += &values(experiment);
            text += &further(experiment);
        }
    }
    text
}

/// What a caption says besides: where there is no verdict, why.
fn note(experiment: &Experiment) -> String {
    let note = experiment.note.as_ref();
    note.map_or(String::new(), |note| {
        format!(" \\textbf{{{}.}}", escaped(note))
    })
}

fn claims(experiment: &Experiment) -> String {
    let mut body = String::new();
    for (place, entry) in experiment.claims.iter().enumerate() {
        if place > 0 {
            body += "\\addlinespace\n";
        }
        body += &claim(entry);
    }
    let caption = format!(
        "Claims tested by {}: {}. Means $\\pm$ standard deviations; intervals are 95\\,\\% intervals of the \
         difference.{}",
        escaped(&experiment.id),
        escaped(&experiment.state()),
        note(experiment)
    );
    let head = ["Compared", "Published", "Ours", "Difference", "Result"];
    longtable(
        &format!("{}-claims", experiment.id),
        &caption,
        &[0.22, 0.15, 0.23, 0.18, 0.11]
            .map(|share| format!(">{{\\raggedright\\arraybackslash}}p{{{share}\\linewidth}}"))
            .concat(),
        &head,
        &body,
    )
}

fn claim(entry: &Entry) -> String {
    let one = &entry.judgement;
    let mut text = format!(
        "\\multicolumn{{5}}{{@{{}}p{{\\linewidth}}@{{}}}}{{\\textbf{{{}}} ({}). \\emph{{{}}}}} \\\\*\n",
        escaped(&one.statement),
        escaped(&one.source),
        escaped(&one.headline())
    );
    for row in &entry.rows {
        text += &line(&comparison(row));
    }
    if let Some(cause) = &one.cause {
        text += &format!(
            "\\multicolumn{{5}}{{@{{}}p{{\\linewidth}}@{{}}}}{{What explains it: {}}} \\\\\n",
            escaped(cause)
        );
    }
    text
}

fn comparison(row: &Row) -> [String; 5] {
    let finding = &row.finding;
    let dash = || "--".to_owned();
    let published = finding.published.as_ref();
    let groups = finding.ours.len();
    let ours = |group: &Group| {
        let value = escaped(&spread(group.mean, group.sd));
        let name = escaped(&finding.name_of(group));
        match groups {
            1 => format!("{value} ({})", escaped(&runs(group))),
            2 => format!("{name}: {value} ({})", escaped(&runs(group))),
            _ => format!(
                "{name}: {value} ({})",
                n_of(group.n, group.diverged + group.undefined)
            ),
        }
    };
    let ours: Vec<String> = finding.ours.iter().map(ours).collect();
    let interval = finding.interval_95;
    let share = if finding.is_share() { "share " } else { "" };
    let interval = interval.map(|interval| {
        let interval = range(interval, finding.difference.is_some());
        format!("{share}{interval}")
    });
    let of = finding
        .of_how_many()
        .map_or(String::new(), |of| format!(", {of}"));
    let interval = interval.map(|interval| interval + &of);
    let difference = match (finding.difference.map(signed), interval) {
        (Some(difference), Some(interval)) => escaped(&format!("{difference} ({interval})")),
        (Some(one), None) | (None, Some(one)) => escaped(&one),
        (None, None) => dash(),
    };
    let margin = finding.margin.filter(|_| finding.difference.is_some());
    let margin = margin.map_or(String::new(), |margin| {
        format!(", margin {}", number(margin))
    });
    [
        escaped(&finding.label),
        published.map_or_else(dash, |printed| {
            escaped(&spread(Some(printed.mean), printed.sd))
        }),
        if ours.is_empty() {
            dash()
        } else {
            ours.join("\\newline ")
        },
        difference + &margin,
        if row.judged {
            finding.verdict.word().to_owned()
        } else {
            "no verdict".to_owned()
        },
    ]
}

fn values(experiment: &Experiment) -> String {
    let mut body = String::new();
    for (place, group) in experiment
        .values
        .chunk_by(|a, b| a.title == b.title)
        .enumerate()
    {
        if place > 0 {
            body += "\\addlinespace\n";
        }
        for (place, row) in group.iter().enumerate() {
            body += &line(&value(row, place == 0));
        }
    }
    let caption = format!(
        "Values of {} ({}), mean $\\pm$ standard deviation over $n$ runs.{}",
        escaped(&experiment.id),
        escaped(&experiment.data_titles()),
        note(experiment)
    );
    let head = [
        "Metric",
        "Variant",
        "$n$",
        "Ours",
        "Published",
        "Difference",
    ];
    let label = format!("{}-values", experiment.id);
    longtable(&label, &caption, "llrrrr", &head, &body)
}

fn further(experiment: &Experiment) -> String {
    let tables = experiment.further.iter().enumerate();
    let tables = tables.map(|(place, one)| {
        let cells = |row: &[String]| row.iter().map(|cell| escaped(cell)).collect::<Vec<_>>();
        let body: String = one.rows.iter().map(|row| line(&cells(row))).collect();
        let head = cells(&one.head);
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        longtable(
            &format!("{}-further-{}", experiment.id, place + 1),
            &(escaped(&one.caption) + &note(experiment)),
            &("l".to_owned() + &"r".repeat(head.len().saturating_sub(1))),
            &head,
            &body,
        )
    });
    tables.collect()
}

fn value(row: &Comparison, is_first: bool) -> [String; 6] {
    let dash = || "--".to_owned();
    let printed = row.published.as_ref();
    [
        if is_first {
            escaped(&row.title)
        } else {
            String::new()
        },
        escaped(&row.variant),
        n_of(row.ours.values.len(), row.runs() - row.ours.values.len()),
        escaped(&spread(row.ours.mean, row.ours.sd)),
        printed.map_or_else(dash, |value| {
            escaped(&spread(Some(value.mean), value.sample_sd()))
        }),
        row.difference()
            .map_or_else(dash, |value| escaped(&signed(value))),
    ]
}

fn longtable(label: &str, caption: &str, columns: &str, head: &[&str], body: &str) -> String {
    // A label is a name: letters, digits and hyphens survive any package.
    let label: String = label
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '-'
            }
        })
        .collect();
    let head = head.join(" & ");
    format!(
        "\n{{\\footnotesize\n\\begin{{longtable}}{{@{{}}{columns}@{{}}}}\n\\caption{{{caption}}}\\label{{tab:{label}}}\\\\\n\
         \\toprule\n{head} \\\\\n\\midrule\n\\endfirsthead\n\\toprule\n{head} \\\\\n\\midrule\n\\endhead\n\
         \\bottomrule\n\\endlastfoot\n{body}\\end{{longtable}}}}\n"
    )
}

fn line(cells: &[String]) -> String {
    format!("{} \\\\\n", cells.join(" & "))
}

/// Text that LaTeX sets as it is.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    let mut last = ' ';
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '<' => escaped.push_str("\\textless{}"),
            '>' => escaped.push_str("\\textgreater{}"),
            '|' => escaped.push_str("\\textbar{}"),
            '"' => escaped.push_str("\\textquotedbl{}"),
            '\'' => escaped.push_str("\\textquotesingle{}"),
            '`' => escaped.push_str("\\textasciigrave{}"),
            '{' | '}' | '$' | '&' | '#' | '%' | '_' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            // A sign, not a hyphen, where a number follows and no word comes before.
            '-' | '\u{2212}'
                if !last.is_alphanumeric() && letters.peek().is_some_and(char::is_ascii_digit) =>
            {
                escaped.push_str("$-$");
            }
            // Two hyphens would become a dash.
            '-' if last == '-' => escaped.push_str("{}-"),
            letter if letter.is_control() => escaped.push(' '),
            letter => match command(letter) {
                Some(command) => escaped.push_str(&format!("$\\{command}$")),
                None => escaped.push(letter),
            },
        }
        last = letter;
    }
    // A mean and its spread stay on one line.
    escaped.replace(" $\\pm$ ", "~$\\pm$~")
}

/// What pdflatex's fonts do not have as a letter.
fn command(letter: char) -> Option<&'static str> {
    Some(match letter {
        '\u{b1}' => "pm",
        '\u{d7}' => "times",
        '\u{2264}' => "leq",
        '\u{2265}' => "geq",
        '\u{2248}' => "approx",
        '\u{2260}' => "neq",
        '\u{2212}' => "mathord{-}",
        '\u{3b1}' => "alpha",
        '\u{3b2}' => "beta",
        '\u{3b3}' => "gamma",
        '\u{3b4}' => "delta",
        '\u{3b5}' => "varepsilon",
        '\u{3b7}' => "eta",
        '\u{3b8}' => "theta",
        '\u{3ba}' => "kappa",
        '\u{3bb}' => "lambda",
        '\u{3bc}' | '\u{b5}' => "mu",
        '\u{3c0}' => "pi",
        '\u{3c3}' => "sigma",
        '\u{3c4}' => "tau",
        '\u{3c6}' => "varphi",
        '\u{3c7}' => "chi",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(
            escaped("50 % of a_b & $c$ {#} ~^\\ <x|y>"),
            "50 \\% of a\\_b \\& \\$c\\$ \\{\\#\\} \\textasciitilde{}\\textasciicircum{}\\textbackslash{} \
             \\textless{}x\\textbar{}y\\textgreater{}"
        );
        assert_eq!(
            escaped("\u{3b3} = 0.753 \u{b1} 0.041"),
            "$\\gamma$ = 0.753~$\\pm$~0.041"
        );
    }

    #[test]
    fn signs_are_told_from_hyphens() {
        assert_eq!(
            escaped("-0.040 to +0.017, k-means-64, a--b"),
            "$-$0.040 to +0.017, k-means-64, a-{}-b"
        );
    }
}
