//! Reports from stores of records that were written by hand: what they say, in each format; that nothing
//! gets out of its place; that the same store gives the same bytes.

#![allow(missing_docs, clippy::unwrap_used)]

mod program;
#[path = "report/scripted.rs"]
mod scripted;

use std::collections::BTreeSet;
use std::fs;

use program::run;
use replicate::catalogue;
use replicate::claims::{self, Verdict};
use replicate::data;
use replicate::nn::Precision;
use replicate::random::Seed;
use replicate::replication::{Changes, Profile, Replication, VariantRecords};
use replicate::report::content::Entry;
use replicate::report::{
    Report, gather, html, json, latex, markdown, markers, results_csv, runs_csv,
};
use replicate::runs::{PartUse, Record, Store, export};
use scripted::{HOSTILE, Scripted, record, records, store, values};

fn report(store: &Store) -> Report {
    let papers = [Scripted.published().unwrap()];
    gather(&[&Scripted], &papers, None, store).unwrap()
}

fn scripted(profile: Profile) -> Report {
    let folder = tempfile::tempdir().unwrap();
    report(&store(folder.path(), &records(profile)))
}

/// Every format, by name.
fn formats(report: &Report) -> Vec<(&'static str, String)> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    vec![
        ("html", html::page(report)),
        ("markdown", markdown::document(report)),
        ("json", text(json::write(report).unwrap())),
        ("csv", text(results_csv::write(report).unwrap())),
        ("latex", latex::tables(report)),
    ]
}

#[test]
fn every_verdict_is_counted() {
    let report = scripted(Profile::Paper);
    let verdicts = report.papers[0].experiments[0].claims.iter();
    let verdicts: Vec<(&str, &str)> = verdicts
        .map(|entry| {
            (
                entry.judgement.claim.as_str(),
                entry.judgement.verdict.word(),
            )
        })
        .collect();
    assert_eq!(
        verdicts,
        [
            ("holds", "reproduced"),
            ("fails", "not reproduced"),
            ("too-few", "inconclusive"),
            ("a-selection", "inconclusive"),
            ("mean-only", "consistent"),
            ("ordered", "reproduced"),
            ("the-best", "not reproduced"),
            ("all-units", "reproduced"),
            ("no-such-metric", "not tested"),
            ("undefined-metric", "inconclusive"),
            ("to-look-at", "not tested"),
        ]
    );
    assert_eq!(
        report.headline(),
        "12 claims: 3 reproduced, 1 consistent, 2 not reproduced, 3 inconclusive, 3 not tested"
    );
    // Named replications are reported on alone.
    let folder = tempfile::tempdir().unwrap();
    let alone = gather(&[&Scripted], &[], None, &Store::new(folder.path())).unwrap();
    assert_eq!(alone.counts().total(), 11);
    assert_eq!(alone.counts().not_tested, 11);
}

#[test]
fn lost_runs_are_counted_everywhere() {
    let report = scripted(Profile::Paper);
    let experiment = &report.papers[0].experiments[0];
    assert_eq!(
        experiment.state(),
        "43 of 50 planned runs stored, 3 diverged, 1 collapsed"
    );
    for (format, text) in formats(&report) {
        let words = match format {
            "csv" => "lossy,0,,,diverged at 7,",
            "json" => "\"outcome\": \"diverged at 7\"",
            _ => "7 of 10 runs: 3 diverged, 1 collapsed",
        };
        assert!(text.contains(words), "{format} lacks {words}");
    }
}

#[test]
fn runs_beyond_the_plan_count_unless_seeds_were_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = records(Profile::Paper);
    let more = all[0].metrics.clone();
    for seed in [10, 11, 17] {
        all.push(record(&Scripted, Profile::Paper, "good", seed, &more));
    }
    let report = report(&store(folder.path(), &all));
    let experiment = &report.papers[0].experiments[0];
    assert_eq!(experiment.values[0].ours.values.len(), 12);
    assert!(
        experiment.state().contains("2 beyond the plan"),
        "{}",
        experiment.state()
    );
}

#[test]
fn runs_of_other_protocols_are_counted_and_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = records(Profile::Paper);
    assert_eq!(scripted(Profile::Paper).left_out.words(), None);
    let mut other = |change: &dyn Fn(&mut Record)| {
        let mut one = all[0].clone();
        change(&mut one);
        one.key = one.identity.key();
        all.push(one);
    };
    other(&|one| one.identity.precision = Precision::Fast);
    other(&|one| one.identity.algorithm += 1);
    other(&|one| one.identity.algorithm += 2);
    let report = report(&store(folder.path(), &all));
    assert_eq!((report.left_out.fast, report.left_out.other), (1, 2));
    assert_eq!(report.papers[0].experiments[0].runs.len(), 43);
    let words = "1 run of fast precision and 2 runs of changed protocols";
    for (format, text) in formats(&report) {
        match format {
            "html" | "markdown" => assert!(text.contains(words), "{format}"),
            "json" => assert!(text.contains("\"fast\": 1"), "{format}"),
            _ => {}
        }
    }
}

#[test]
fn claims_younger_than_their_runs_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = records(Profile::Paper);
    assert!(scripted(Profile::Paper).late_claims().is_empty());
    for record in &mut all {
        record.claims = Scripted.published().unwrap().fingerprints("scripted");
        record.claims.insert("ordered".to_owned(), "0".to_owned());
    }
    let report = report(&store(folder.path(), &all));
    assert_eq!(report.late_claims(), ["ordered"]);
    let words = "runs behind their verdict were there: ordered.";
    assert!(markdown::document(&report).contains(words));
}

#[test]
fn comparisons_that_do_not_hold_beside_the_other_claims_say_so() {
    let mut report = scripted(Profile::Paper);
    let words = "by itself, not beside the other claims (Holm)";
    for (format, text) in formats(&report) {
        assert!(!text.contains(words), "{format}");
    }
    let claims = &mut report.papers[0].experiments[0].claims;
    let undecided = |entry: &&Entry| entry.judgement.claim == "too-few";
    let undecided = claims.iter().find(undecided).unwrap();
    let undecided = undecided.judgement.verdict.clone();
    let ordered = |entry: &&mut Entry| entry.judgement.claim == "ordered";
    let ordered = claims.iter_mut().find(ordered).unwrap();
    ordered.judgement.verdict = undecided;
    for (format, text) in formats(&report) {
        let has_results = matches!(format, "html" | "markdown");
        assert_eq!(text.contains(words), has_results, "{format}");
    }
    // The interval of a share is not one of the metric beside it.
    assert!(markdown::document(&report).contains("| share 0."));
}

#[test]
fn what_runs_begin_with_costs_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = records(Profile::Paper);
    let part = |key: &Record, training_seconds: f64| PartUse {
        part: "autoencoder".to_owned(),
        key: key.key.clone(),
        weights_sha256: None,
        training_seconds,
    };
    let (shared, own) = (part(&all[0], 60.0), part(&all[1], 30.0));
    all[0].parts = vec![shared.clone()];
    all[1].parts = vec![own];
    all[2].parts = vec![shared];
    let report = report(&store(folder.path(), &all));
    let cost = report.papers[0].experiments[0].costs.last().unwrap();
    assert_eq!(cost.variant, "(autoencoder that runs begin with)");
    assert_eq!(cost.runs, 2);
    assert!((cost.training_seconds - 90.0).abs() < 1e-9);
}

/// Variants of equal settings are one run: as many are left as there are keys.
#[test]
fn runs_with_several_names_are_one() {
    let mut repeated = 0;
    for replication in catalogue::REPLICATIONS {
        for profile in Profile::ALL {
            let protocol = replication.protocol(profile, &Changes::default()).unwrap();
            let keys = protocol.variants.iter().map(|variant| {
                let sha256 = data::dataset_sha256(variant.data).unwrap();
                variant.identity(&sha256, Seed(0), Precision::Exact).key()
            });
            let keys: BTreeSet<_> = keys.collect();
            let again = protocol.repeated();
            let own = again.iter().filter(|again| !**again).count();
            assert_eq!(own, keys.len(), "{} {profile:?}", replication.id());
            repeated += again.len() - own;
        }
    }
    assert!(repeated > 0);
}

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
fn the_csv_of_an_experiment_says_which_runs_collapsed() {
    let all = records(Profile::Paper).into_iter();
    let lossy = VariantRecords {
        id: "lossy".to_owned(),
        planned: 10,
        records: all.filter(|record| record.variant == "lossy").collect(),
    };
    let csv = String::from_utf8(runs_csv::write(&[lossy]).unwrap()).unwrap();
    assert!(csv.contains(",collapsed,"), "{csv}");
    assert_eq!(csv.matches(",diverged at 7,").count(), 3, "{csv}");
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

/// Somebody else can check the verdicts from records alone.
#[test]
fn exported_records_give_the_same_report() {
    let [from, to] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let records = records(Profile::Paper);
    let whole = report(&store(from.path(), &records));
    let exported = export::export(&records, to.path()).unwrap();
    assert_eq!((exported.written, exported.unchanged), (records.len(), 0));
    assert_eq!(formats(&report(&Store::new(to.path()))), formats(&whole));
    // What is there is not written again, what was altered is.
    let first = Store::new(to.path())
        .folder(&records[0].key)
        .join("record.json");
    fs::write(&first, "{}").unwrap();
    let exported = export::export(&records, to.path()).unwrap();
    assert_eq!(
        (exported.written, exported.unchanged),
        (1, records.len() - 1)
    );
    assert_eq!(formats(&report(&Store::new(to.path()))), formats(&whole));
}

/// What stands between `start` and `end`, each time.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    let parts = text.split(start).skip(1);
    parts.map(|part| part.split(end).next().unwrap()).collect()
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
fn the_fullest_profile_with_runs_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = records(Profile::Smoke);
    all.truncate(12);
    let smoke = store(folder.path(), &all);
    assert_eq!(
        report(&smoke).papers[0].experiments[0].profile,
        Profile::Smoke
    );
    store(folder.path(), &records(Profile::Paper));
    assert_eq!(
        report(&smoke).papers[0].experiments[0].profile,
        Profile::Paper
    );
    let quick = gather(&[&Scripted], &[], Some(Profile::Quick), &smoke).unwrap();
    let quick = &quick.papers[0].experiments[0];
    assert!(quick.runs.is_empty());
    let Verdict::NotTested { reason } = &quick.claims[0].judgement.verdict else {
        panic!("{:?}", quick.claims[0].judgement.verdict);
    };
    assert!(
        reason.contains("replicate scripted --profile quick"),
        "{reason}"
    );
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

/// No published statement is refuted in this repository without a word on why.
#[test]
fn every_refuted_claim_has_an_explanation() {
    let papers = catalogue::papers().unwrap();
    let store = Store::new("records");
    let report = gather(catalogue::REPLICATIONS, &papers, None, &store).unwrap();
    let entries = report
        .experiments()
        .flat_map(|experiment| &experiment.claims);
    let refuted = entries.filter(|entry| entry.judgement.verdict.is_against());
    let unexplained: Vec<&str> = refuted
        .filter(|entry| entry.judgement.cause.is_none())
        .map(|entry| entry.judgement.claim.as_str())
        .collect();
    assert_eq!(unexplained, Vec::<&str>::new());
}

fn csv_rows(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows = reader
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect());
    rows.collect()
}

#[test]
fn a_damaged_record_is_named_and_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let all = records(Profile::Paper);
    let store = store(folder.path(), &all);
    let damaged = store.folder(&all[0].key).join("record.json");
    fs::write(&damaged, "{").unwrap();
    let report = report(&store);
    let name = format!("runs/{}/record.json", all[0].key.short());
    assert_eq!(report.unreadable, std::slice::from_ref(&name));
    assert_eq!(report.papers[0].experiments[0].missing, 8);
    assert!(html::page(&report).contains(&name));
}

/// Plausible runs of `desom-gamma`: as published, but for the accuracy at one weight.
fn plausible(profile: Profile) -> Vec<replicate::runs::Record> {
    let gamma = catalogue::find("desom-gamma").unwrap();
    let published = gamma.published().unwrap();
    let protocol = gamma.protocol(profile, &Changes::default()).unwrap();
    let mut all = Vec::new();
    for variant in &protocol.variants {
        let mut runs = vec![std::collections::BTreeMap::new(); 10];
        let numbers = published
            .values
            .iter()
            .filter(|value| value.replication == "desom-gamma" && value.variant == variant.id);
        for number in numbers {
            let shift = if variant.id == "gamma=0.01" && number.metric == "clustered.accuracy" {
                -0.14
            } else {
                0.003
            };
            let sd = number.sd.unwrap_or(0.004).max(0.0005);
            for (seed, value) in values(number.mean + shift, sd) {
                runs[seed as usize].insert(number.metric.clone(), Some(value.max(0.0)));
            }
        }
        for (seed, mut metrics) in runs.into_iter().enumerate() {
            if variant.id == "gamma=10" {
                metrics.insert("units_used".to_owned(), Some(1.0));
                metrics.insert("prototype_spread".to_owned(), Some(0.00005));
            }
            if variant.id == "gamma=1" && seed == 6 {
                metrics.clear();
            }
            if seed < protocol.seeds as usize {
                all.push(record(gamma, profile, &variant.id, seed as u64, &metrics));
            }
        }
    }
    all
}

#[test]
fn the_command_writes_all_formats_and_fills_a_document() {
    let folder = tempfile::tempdir().unwrap();
    store(folder.path(), &plausible(Profile::Paper));
    let document = folder.path().join("REPRODUCE.md");
    let before = "# Mine\n\n<!-- replicate:begin desom-gamma -->\n<!-- replicate:end desom-gamma -->\n\nend\n";
    fs::write(&document, before).unwrap();
    let document = document.to_str().unwrap();
    let out = folder.path().join("out");
    let output = run(
        folder.path(),
        &[
            "report",
            "desom-gamma",
            "--out",
            out.to_str().unwrap(),
            "--update",
            document,
        ],
    );
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("desom-gamma: 80 of 80 planned runs stored, 1 diverged, 10 collapsed"),
        "{said}"
    );
    let mut names: Vec<_> = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "report.html",
            "report.json",
            "report.md",
            "results.csv",
            "tables.tex"
        ]
    );
    let filled = fs::read_to_string(document).unwrap();
    assert!(
        filled.starts_with("# Mine\n\n<!-- replicate:begin desom-gamma -->\n\n**desom-gamma.**"),
        "{filled}"
    );
    assert!(filled.ends_with("<!-- replicate:end desom-gamma -->\n\nend\n"));
    let page = fs::read(out.join("report.html")).unwrap();
    let again = run(
        folder.path(),
        &["report", "desom-gamma", "--json", "--update", document],
    );
    let again: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert!(
        again["counts"]["reproduced"].as_u64().unwrap() > 3,
        "{again}"
    );
    assert!(page == fs::read(folder.path().join("report/report.html")).unwrap());
    assert_eq!(fs::read_to_string(document).unwrap(), filled);
}

#[test]
fn a_document_without_places_is_an_error_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let document = folder.path().join("REPRODUCE.md");
    fs::write(&document, "nothing here\n").unwrap();
    let path = document.to_str().unwrap();
    for (arguments, words) in [
        (
            &["report", "--update", path][..],
            "<!-- replicate:begin summary -->",
        ),
        (
            &["report", "desom-gamma", "--update", path],
            "<!-- replicate:begin desom-gamma -->",
        ),
        (&["report", "desom-gama"], "there are: desom-gamma"),
    ] {
        let output = run(folder.path(), arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(words), "{message}");
    }
    assert_eq!(fs::read_to_string(document).unwrap(), "nothing here\n");
    assert!(!folder.path().join("report").exists());
}

/// An experiment without claims has no table of them: a head alone looks like something that failed.
#[test]
fn an_experiment_without_claims_has_no_empty_table() {
    let papers = catalogue::papers().unwrap();
    let heads = |id: &str| {
        let found = catalogue::find(id).unwrap();
        let report = gather(&[found], &papers, None, &Store::new("records")).unwrap();
        let experiment = report.experiments().next().unwrap();
        assert!(!experiment.runs.is_empty(), "{id}");
        let claims = ["*Claims*", ">Claims</h4>", &format!("{id}-claims")];
        let texts = formats(&report).into_iter();
        let with_head = texts.filter(|(_, text)| claims.iter().any(|head| text.contains(head)));
        with_head.map(|(format, _)| format).collect::<Vec<_>>()
    };
    // Those with claims have it: the words are those that are looked for.
    assert_eq!(heads("dc-somrl").len(), 3);
    assert!(heads("dc-somrl-sensitivity").is_empty());
}

/// A reader gets the committed values, tables and page, byte for byte, from the committed records.
#[test]
fn the_committed_report_is_what_the_committed_records_give() {
    let papers = catalogue::papers().unwrap();
    let store = Store::new("records");
    let report = gather(catalogue::REPLICATIONS, &papers, None, &store).unwrap();
    assert!(report.unreadable.is_empty(), "{:?}", report.unreadable);
    let [csv, page, document, readme] = [
        "records/report/results.csv",
        "records/report/report.html",
        "REPRODUCE.md",
        "README.md",
    ]
    .map(|path| fs::read_to_string(path).unwrap());
    let headline = report.headline();
    let made = String::from_utf8(results_csv::write(&report).unwrap()).unwrap();
    let filled = markers::fill(&document, &markdown::blocks(&report), &[]).unwrap();
    let stale: Vec<&str> = [
        ("records/report/results.csv", csv != made),
        ("records/report/report.html", page != html::page(&report)),
        ("REPRODUCE.md", document != filled),
        ("README.md, by hand", !readme.contains(&headline)),
    ]
    .into_iter()
    .filter_map(|(path, is_stale)| is_stale.then_some(path))
    .collect();
    // All at once: to find one after the other takes a build each.
    assert!(
        stale.is_empty(),
        "not up to date: {}\nreplicate --store records report --update REPRODUCE.md writes them; README.md has to \
         say \"{headline}\"",
        stale.join(", ")
    );
}
