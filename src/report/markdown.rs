//! A report as Markdown tables (GitHub's dialect), block by block, for the places that
//! [`markers`] keep in a document.

use super::content::{
    Chapter, Counts, DataSheet, Entry, Experiment, LATE, Report, Row, UNDATED, UNREFUTABLE,
};
use super::numbers::{duration, n_of, number, origin, range, runs, signed, spread};
use super::{Comparison, markers};
use crate::claims::{Group, Verdict};

/// The block with the counts of all verdicts.
pub const SUMMARY: &str = "summary";

/// All blocks: [`SUMMARY`], then one for each experiment, by its name.
#[must_use]
pub fn blocks(report: &Report) -> Vec<(String, String)> {
    let mut blocks = vec![(SUMMARY.to_owned(), summary(report))];
    let experiments = report.experiments();
    blocks.extend(experiments.map(|one| (one.id.clone(), experiment(one))));
    blocks
}

/// A document of its own, with the markers of its blocks.
#[must_use]
pub fn document(report: &Report) -> String {
    let mut text = "# Do the published results hold?\n".to_owned();
    for (name, block) in blocks(report) {
        text += &format!(
            "\n{}\n\n{}\n\n{}\n",
            markers::begin(&name),
            block.trim(),
            markers::end(&name)
        );
    }
    text
}

/// A symbol for each word, told apart by shape alone.
fn symbol(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Reproduced => "\u{2713}",
        Verdict::Consistent => "\u{2248}",
        Verdict::NotReproduced => "\u{2717}",
        Verdict::Inconsistent => "\u{2260}",
        Verdict::Inconclusive { .. } => "?",
        Verdict::NotTested { .. } => "\u{2013}",
    }
}

fn summary(report: &Report) -> String {
    let mut text = format!("**{}.**\n", report.headline());
    if let Some(words) = report.left_out.words() {
        text += &format!("\nStored as well, and no part of this: {words}.\n");
    }
    let mut list = |what: &str, claims: Vec<(&str, &str)>| {
        let names: Vec<&str> = claims.into_iter().map(|(_, claim)| claim).collect();
        if !names.is_empty() {
            text += &format!("\n{what} {}.\n", names.join(", "));
        }
    };
    list(LATE, report.late_claims());
    list(UNDATED, report.undated_claims());
    list(UNREFUTABLE, report.unrefutable_claims());
    let row = |chapter: &Chapter, name: &str, counts: Counts| {
        vec![
            escaped(&chapter.paper.title),
            name.to_owned(),
            counts.total().to_string(),
            counts.brief(),
        ]
    };
    let mut rows = Vec::new();
    for chapter in &report.papers {
        for one in &chapter.experiments {
            rows.push(row(chapter, &escaped(&one.id), Counts::of(one.verdicts())));
        }
        let others = chapter.without_experiment.iter().map(|one| &one.verdict);
        let others = Counts::of(others);
        if others.total() > 0 {
            rows.push(row(chapter, "no experiment yet", others));
        }
    }
    text += &table(
        &["paper", "experiment", "claims", "verdicts"],
        "llrl",
        &rows,
    );
    text
}

fn experiment(experiment: &Experiment) -> String {
    let end = if experiment.summary.ends_with('?') {
        ""
    } else {
        "."
    };
    let mut text = format!(
        "**{}.** {}{end} Profile {}; {}; {}.\n",
        escaped(&experiment.id),
        escaped(&experiment.summary),
        experiment.profile.name(),
        escaped(&experiment.data_titles()),
        experiment.state(),
    );
    let note = experiment.note.as_ref();
    let note = note.map_or(String::new(), |note| format!("\n**{}.**\n", escaped(note)));
    let mut part = |title: &str, body: String| {
        text += &format!("{note}\n*{title}*\n{body}");
    };
    if !experiment.claims.is_empty() {
        part("Claims", claims(experiment));
    }
    if experiment.claims.iter().any(|entry| !entry.rows.is_empty()) {
        part("What they rest on", comparisons(experiment));
    }
    if experiment.causes().next().is_some() {
        part("What explains them", causes(experiment));
    }
    if !experiment.runs.is_empty() {
        part("Our values beside the published ones", values(experiment));
    }
    part("Deviations from the paper", deviations(experiment));
    part("Data", data(experiment));
    if !experiment.runs.is_empty() {
        part("Environments", environments(experiment));
        part("Cost", costs(experiment));
    }
    text
}

fn claims(experiment: &Experiment) -> String {
    let entries = experiment.claims.iter();
    let rows: Vec<_> = entries
        .map(|Entry { judgement, .. }| {
            vec![
                escaped(&judgement.claim),
                escaped(&judgement.statement),
                escaped(&judgement.source),
                format!(
                    "{} {}",
                    symbol(&judgement.verdict),
                    escaped(&judgement.headline())
                ),
            ]
        })
        .collect();
    table(
        &["claim", "what the paper says", "where", "verdict"],
        "llll",
        &rows,
    )
}

/// Row by row, the claim named where it changes.
fn comparisons(experiment: &Experiment) -> String {
    let mut rows = Vec::new();
    for entry in &experiment.claims {
        for (place, row) in entry.rows.iter().enumerate() {
            let mut cells = vec![if place == 0 {
                escaped(&entry.judgement.claim)
            } else {
                String::new()
            }];
            cells.extend(comparison(entry, row));
            rows.push(cells);
        }
    }
    let head = [
        "claim",
        "compared",
        "published",
        "ours",
        "difference",
        "95 % interval",
        "margin",
        "result",
    ];
    table(&head, "llllrlrl", &rows)
}

fn comparison(entry: &Entry, row: &Row) -> [String; 7] {
    let dash = || "-".to_owned();
    let finding = &row.finding;
    let published = finding.published.as_ref().map(|printed| {
        let value = spread(Some(printed.mean), printed.sd);
        format!("{value} ({})", escaped(&origin(printed)))
    });
    let several = finding.ours.len() > 1;
    let ours = |group: &Group| {
        let name = if several {
            format!("{}: ", escaped(&finding.name_of(group)))
        } else {
            String::new()
        };
        format!("{name}{} ({})", spread(group.mean, group.sd), runs(group))
    };
    let share = if finding.is_share() { "share " } else { "" };
    let ours: Vec<String> = finding.ours.iter().map(ours).collect();
    let is_difference = finding.difference.is_some();
    [
        escaped(&finding.label),
        published.unwrap_or_else(dash),
        if ours.is_empty() {
            dash()
        } else {
            ours.join("; ")
        },
        finding.difference.map_or_else(dash, |difference| {
            let of = finding.of_how_many();
            let of = of.map_or(String::new(), |of| format!(" ({of})"));
            format!("{}{of}", signed(difference))
        }),
        finding.interval_95.map_or_else(dash, |interval| {
            format!("{share}{}", range(interval, is_difference))
        }),
        finding.margin.map_or_else(dash, number),
        if row.judged {
            let alone = if entry.is_alone(finding) {
                " by itself, not beside the other claims (Holm)"
            } else {
                ""
            };
            let verdict = &finding.verdict;
            format!("{} {}{alone}", symbol(verdict), verdict.word())
        } else {
            "no verdict".to_owned()
        },
    ]
}

fn values(experiment: &Experiment) -> String {
    let row = |row: &Comparison| {
        let printed = row.published.as_ref();
        vec![
            escaped(&row.title),
            escaped(&row.variant),
            n_of(row.ours.values.len(), row.runs() - row.ours.values.len()),
            spread(row.ours.mean, row.ours.sd),
            printed.map_or_else(
                || "-".to_owned(),
                |value| spread(Some(value.mean), value.sample_sd()),
            ),
            row.difference().map_or_else(|| "-".to_owned(), signed),
            printed.map_or(String::new(), |value| escaped(&value.source)),
        ]
    };
    let rows: Vec<_> = experiment.values.iter().map(row).collect();
    let head = [
        "metric",
        "variant",
        "n",
        "ours",
        "published",
        "difference",
        "source",
    ];
    let lines: Vec<String> = experiment.caption.lines().map(escaped).collect();
    let mut text = format!("{}\n{}\n", table(&head, "llrrrrl", &rows), lines.join(" "));
    for one in &experiment.further {
        let head: Vec<String> = one.head.iter().map(|cell| escaped(cell)).collect();
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        let align = "l".to_owned() + &"r".repeat(head.len().saturating_sub(1));
        let cells = |row: &Vec<String>| row.iter().map(|cell| escaped(cell)).collect();
        let rows: Vec<Vec<String>> = one.rows.iter().map(cells).collect();
        text += &format!(
            "{}\n{}\n",
            table(&head, &align, &rows),
            escaped(&one.caption)
        );
    }
    text
}

fn causes(experiment: &Experiment) -> String {
    let mut text = "\n".to_owned();
    for (claim, cause) in experiment.causes() {
        text += &format!("- {}: {}\n", escaped(claim), escaped(cause));
    }
    text
}

fn deviations(experiment: &Experiment) -> String {
    let found = experiment.deviations();
    if found.is_empty() {
        return "\nNone noted.\n".to_owned();
    }
    let mut text = "\n".to_owned();
    for (deviation, claims) in found {
        let claims: Vec<String> = claims.into_iter().map(escaped).collect();
        text += &format!("- {} ({})\n", escaped(deviation), claims.join(", "));
    }
    text
}

fn data(experiment: &Experiment) -> String {
    experiment.data.iter().map(data_sheet).collect()
}

fn data_sheet(sheet: &DataSheet) -> String {
    let rows: Vec<_> = sheet
        .files
        .iter()
        .map(|file| {
            vec![
                escaped(&file.name),
                file.bytes
                    .map_or("not known".to_owned(), |bytes| bytes.to_string()),
                file.sha256.clone().unwrap_or("not known".to_owned()),
            ]
        })
        .collect();
    format!(
        "\n{} ({}). Licence: {}. {}\nSHA-256 of the whole: {}\n{}",
        escaped(&sheet.title),
        escaped(&sheet.id),
        escaped(&sheet.licence),
        escaped(&sheet.citation),
        sheet.sha256,
        table(&["file", "bytes", "SHA-256"], "lrl", &rows)
    )
}

fn environments(experiment: &Experiment) -> String {
    let environments = experiment.environments.iter();
    let rows: Vec<_> = environments
        .map(|one| {
            let mut cells = vec![one.runs.to_string()];
            cells.extend(
                [
                    &one.device_name,
                    &one.device,
                    &one.system,
                    &one.program,
                    &one.libtorch,
                    &one.matrix_kernels,
                    &one.products,
                ]
                .map(|text| escaped(text)),
            );
            cells.push(one.threads.to_string());
            cells
        })
        .collect();
    let head = [
        "runs",
        "processor or GPU",
        "device",
        "system",
        "replicate",
        "libtorch",
        "kernels",
        "products",
        "threads",
    ];
    table(&head, "rlllllllr", &rows)
}

fn costs(experiment: &Experiment) -> String {
    let costs = experiment.costs.iter();
    let rows: Vec<_> = costs
        .map(|cost| {
            vec![
                escaped(&cost.variant),
                escaped(&cost.device_name),
                cost.runs.to_string(),
                duration(cost.training_seconds),
                duration(cost.evaluation_seconds),
            ]
        })
        .collect();
    let head = [
        "variant",
        "processor or GPU",
        "runs",
        "training",
        "evaluation",
    ];
    table(&head, "llrrr", &rows)
}

/// A table with a line before and after it; `sides` holds `l` or `r` for each column.
fn table(head: &[&str], sides: &str, rows: &[Vec<String>]) -> String {
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = "|".to_owned();
        for cell in cells {
            line += &format!(" {cell} |");
        }
        line + "\n"
    };
    let rule = sides
        .chars()
        .map(|side| if side == 'r' { "--:" } else { "---" });
    let mut text = format!("\n{}|", line(&mut head.iter().copied()));
    for column in rule {
        text += &format!("{column}|");
    }
    text.push('\n');
    for row in rows {
        text += &line(&mut row.iter().map(String::as_str));
    }
    text
}

/// Text that Markdown shows as it is, in a table's cell too.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '#' | '@' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(
            escaped("<script>a|b</script> _x_ `c` & 5 %\n$y$"),
            "&lt;script&gt;a\\|b&lt;/script&gt; \\_x\\_ \\`c\\` &amp; 5 % \\$y\\$"
        );
        // Nothing that is written can end a block.
        assert!(!escaped(&markers::end("a")).contains("<!--"));
    }
}
