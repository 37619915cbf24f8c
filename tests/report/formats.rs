//! What stands in each format, and that nothing gets out of its place.

use std::collections::BTreeSet;

use replicate::claims;
use replicate::replication::Profile;
use replicate::report::{html, json, latex, markdown, markers, results_csv};

use super::scripted::{HOSTILE, records, store};
use super::{between, formats, report, scripted};

#[test]
fn the_interval_of_an_argmax_is_drawn_beside_the_values() {
    let page = html::page(&scripted(Profile::Paper));
    let claim = between(&page, "id=\"claim:scripted:the-best\"", "</tbody>");
    assert_eq!(claim.len(), 1, "{page}");
    let drawn = between(claim[0], "the difference with its intervals.", "</svg>");
    assert_eq!(drawn.len(), 1, "{}", claim[0]);
    for class in ["outer", "inner", "mean", "zero"] {
        assert!(drawn[0].contains(&format!("class=\"{class}\"")), "{class}");
    }
}

#[test]
fn what_follows_from_the_values_is_a_table_in_every_format_that_has_tables() {
    let report = scripted(Profile::Paper);
    for (format, words) in [
        (
            "html",
            "<th scope=\"row\">x &lt; y &amp; z</th><td class=\"number\">\u{2212}0.125</td>",
        ),
        (
            "markdown",
            "| a \\| b | effect\\_1 |\n|---|--:|\n| x &lt; y &amp; z | -0.125 |",
        ),
        ("latex", "x \\textless{} y \\& z & "),
        ("json", "\"x < y & z\""),
    ] {
        let text = &formats(&report)
            .into_iter()
            .find(|one| one.0 == format)
            .unwrap()
            .1;
        let near = text
            .find("x &lt; y")
            .or(text.find("y \\& z"))
            .unwrap_or_default();
        let near: String = text
            .chars()
            .skip(text[..near].chars().count().saturating_sub(120))
            .take(300)
            .collect();
        assert!(text.contains(words), "{format}: {near}");
    }
}

#[test]
fn the_same_store_gives_the_same_bytes() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut all = records(Profile::Paper);
    let first = formats(&report(&store(one.path(), &all)));
    all.reverse();
    let second = formats(&report(&store(two.path(), &all)));
    for ((format, a), (_, b)) in first.iter().zip(&second) {
        assert!(a == b, "{format} differs");
        for secret in [one.path().to_str().unwrap(), "secret-host", "2026-11-23T"] {
            assert!(!a.contains(secret), "{format} holds {secret}");
        }
    }
}

#[test]
fn the_page_needs_nothing_else_and_lets_nothing_out() {
    let page = html::page(&scripted(Profile::Paper));
    for forbidden in [
        "<script",
        "<img",
        "<link",
        "<iframe",
        " src=\"",
        " onerror=alert(1)>",
        "@import",
        "url(http",
        "javascript:alert(1)\"",
        "<b>bold",
        "<Author>",
        "<2>",
        "<Zen",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert!(page.contains("&lt;script&gt;alert("));
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"));
    // Elements are closed: as many ends as beginnings.
    for element in [
        "table", "tbody", "tr", "section", "figure", "span", "svg", "g", "p", "a",
    ] {
        let begins = page.matches(&format!("<{element} ")).count()
            + page.matches(&format!("<{element}>")).count();
        let alone = between(&page, &format!("<{element} "), ">");
        let alone = alone.iter().filter(|tag| tag.ends_with('/')).count();
        assert_eq!(
            begins - alone,
            page.matches(&format!("</{element}>")).count(),
            "{element}"
        );
    }
}

#[test]
fn ids_are_unique_and_links_have_targets() {
    let page = html::page(&scripted(Profile::Paper));
    let ids = between(&page, " id=\"", "\"");
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), unique.len());
    let links = between(&page, "href=\"#", "\"");
    assert!(links.len() > 12, "{links:?}");
    for link in links {
        assert!(unique.contains(link), "{link}");
    }
}

#[test]
fn every_run_of_a_comparison_is_a_dot() {
    let page = html::page(&scripted(Profile::Paper));
    let row = |claim: &str| {
        let start = page
            .find(&format!("id=\"claim:scripted:{claim}\""))
            .unwrap();
        page[start..].split("</tbody>").next().unwrap()
    };
    for (claim, dots) in [
        ("holds", 10),
        ("too-few", 3),
        ("a-selection", 7),
        ("ordered", 20),
        ("the-best", 30),
    ] {
        assert_eq!(
            row(claim).matches("<circle cx=\"").count()
                - row(claim)
                    .matches("<circle cx=\"6\" cy=\"6\" r=\"6\"")
                    .count(),
            dots,
            "{claim}"
        );
    }
    // Whose table cannot be seen is told in words.
    assert!(row("holds").contains("role=\"img\" aria-label=\"purity of good: ours 0.800"));
}

#[test]
fn tables_have_headers_and_captions() {
    let page = html::page(&scripted(Profile::Paper));
    for table in between(&page, "<table", "</table>") {
        assert!(table.contains("<caption>"), "{table}");
        assert!(
            table.contains("<th scope=\"col\"") || table.contains("scope=\"col\""),
            "{table}"
        );
    }
    assert!(
        between(&page, "<th", ">")
            .iter()
            .all(|tag| tag.starts_with("ead") || tag.contains("scope="))
    );
}

#[test]
fn other_profiles_say_on_every_table_and_figure_that_they_give_no_verdict() {
    let note = "quick profile, shortened training: no verdict on the paper";
    let report = scripted(Profile::Quick);
    assert_eq!(report.counts().not_tested, 12);
    let page = html::page(&report);
    let experiment = &page[page.find("id=\"experiment:scripted\"").unwrap()..];
    let experiment = experiment
        .split("Claims without an experiment")
        .next()
        .unwrap();
    let captions = between(experiment, "<caption>", "</caption>");
    assert!(captions.len() >= 5);
    for caption in captions {
        assert!(
            caption.contains(note) || caption.contains("Nothing else is ever trained on"),
            "{caption}"
        );
    }
    for figure in between(experiment, "<figcaption>", "</figcaption>") {
        assert!(figure.contains(note), "{figure}");
    }
    for word in ["reproduced", "not reproduced"] {
        assert!(!experiment.contains(&format!("</svg>{word}<")), "{word}");
    }
    let markdown = markdown::document(&report);
    assert_eq!(markdown.matches(note).count(), 7);
    let tex = latex::tables(&report);
    assert_eq!(tex.matches(note).count(), tex.matches("\\caption{").count());
    let csv = results_csv::write(&report).unwrap();
    let csv = String::from_utf8(csv).unwrap();
    assert!(csv.lines().skip(1).all(|line| line.contains(note)));
}

#[test]
fn markdown_tables_keep_their_columns() {
    let document = markdown::document(&scripted(Profile::Paper));
    let mut columns = None;
    let mut tables = 0;
    for line in document.lines() {
        if !line.starts_with('|') {
            columns = None;
            continue;
        }
        let pipes = line.replace("\\|", "").matches('|').count();
        tables += usize::from(columns.is_none());
        assert_eq!(*columns.get_or_insert(pipes), pipes, "{line}");
    }
    assert_eq!(tables, 8);
    assert!(!document.contains("<script") && !document.contains("<img"));
    // What is written can be found again by the markers.
    let blocks = markdown::blocks(&scripted(Profile::Paper));
    assert_eq!(
        markers::fill(&document, &blocks, &["scripted".into()]).unwrap(),
        document
    );
}

#[test]
fn latex_is_balanced_and_escaped() {
    let tex = latex::tables(&scripted(Profile::Paper));
    let mut depth = 0_i32;
    let mut columns = 0;
    // Column types are not text.
    let is_text = |line: &&str| !line.starts_with('%') && !line.contains("\\begin{longtable}");
    for line in tex.lines().filter(is_text) {
        let mut letters = line.chars();
        let mut cells = 1;
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => {
                    letters.next();
                }
                '{' => depth += 1,
                '}' => depth -= 1,
                '&' => cells += 1,
                '%' | '#' | '_' | '^' | '|' | '<' => panic!("{letter} in {line}"),
                _ => {}
            }
            assert!(depth >= 0, "{line}");
        }
        if cells > 1 {
            columns += 1;
            assert!([2, 5, 6].contains(&cells), "{line}");
        }
    }
    assert_eq!(depth, 0);
    assert!(columns > 15);
    for rule in ["\\toprule", "\\midrule", "\\bottomrule"] {
        assert!(tex.contains(rule));
    }
}

#[test]
fn csv_and_json_hold_what_the_store_holds() {
    let all = records(Profile::Paper);
    let report = scripted(Profile::Paper);
    let csv = String::from_utf8(results_csv::write(&report).unwrap()).unwrap();
    // A row for each metric, and one for each run without any.
    let expected: usize = all.iter().map(|record| record.metrics.len().max(1)).sum();
    let mut reader = csv_rows(&csv);
    assert_eq!(reader.len(), expected);
    reader.retain(|row| row[4] == HOSTILE && row[6] == "purity");
    assert_eq!(reader.len(), 10);
    // The program's own reader of such tables takes it.
    let results = claims::Results::from_csv("results.csv", &csv).unwrap();
    assert_eq!(results.runs.len(), all.len());

    let value: serde_json::Value = serde_json::from_slice(&json::write(&report).unwrap()).unwrap();
    assert_eq!(value["schema"], json::SCHEMA);
    assert_eq!(value["counts"]["not_reproduced"], 2);
    let paper = &value["papers"][0];
    assert_eq!(
        paper["paper"]["title"],
        "On <b>bold</b> claims & a_b | 50 %"
    );
    let experiment = &paper["experiments"][0];
    assert_eq!(experiment["runs"].as_array().unwrap().len(), all.len());
    assert_eq!(experiment["claims"][0]["verdict"]["kind"], "reproduced");
    assert_eq!(
        experiment["claims"][0]["rows"][0]["lanes"][0]["seeds"]
            .as_array()
            .unwrap()
            .len(),
        10
    );
    assert_eq!(
        experiment["runs"][0]["metrics"]["undefined"],
        serde_json::Value::Null
    );
    assert_eq!(paper["without_experiment"][0]["claim"], "elsewhere");
}

#[test]
fn what_explains_a_result_stands_beside_it() {
    let report = scripted(Profile::Paper);
    let page = html::page(&report);
    assert!(page.contains("Its &lt;purity&gt; is of 64 units | not of ten."));
    let document = markdown::document(&report);
    let expected = "- fails: Its &lt;purity&gt; is of 64 units \\| not of ten.\n";
    assert!(document.contains(expected), "{document}");
    let value: serde_json::Value = serde_json::from_slice(&json::write(&report).unwrap()).unwrap();
    let claims = &value["papers"][0]["experiments"][0]["claims"];
    assert_eq!(claims[0]["verdict"]["kind"], "reproduced");
    assert!(claims[0].get("cause").is_none());
    assert!(!page.contains("since it holds"));
    let tex = latex::tables(&report);
    assert!(tex.contains("{What explains it: Its "), "{tex}");
    assert_eq!(tex.matches("What explains it").count(), 1);
    assert_eq!(
        claims[1]["cause"],
        "Its <purity> is of 64 units | not of ten."
    );
}

fn csv_rows(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows = reader
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect());
    rows.collect()
}
