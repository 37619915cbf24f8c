//! The table of an experiment's claims.

use maud::{Markup, html};

use super::marks::{anchor, judgement, minus, word};
use super::{note, strip};
use crate::claims::{Group, Verdict};
use crate::report::content::{AxisKind, Entry, Experiment, Row};
use crate::report::numbers::{origin, p_value, range, runs, signed, spread};

/// One body of rows for each claim: its statement, then its comparisons, then what to know.
pub(super) fn table(experiment: &Experiment) -> Markup {
    html! {
        table.claims role="table" {
            caption {
                "Ours and published: mean ± standard deviation. Difference: ours minus published, or as the row \
                 says. The drawing is explained at the top."
                (note(experiment))
            }
            thead role="rowgroup" {
                tr role="row" {
                    @for head in ["Compared", "Published", "Ours", "Difference", "Result"] {
                        th scope="col" role="columnheader" { (head) }
                    }
                }
            }
            @for entry in &experiment.claims {
                tbody role="rowgroup" id=(anchor(&["claim", &experiment.id, &entry.judgement.claim])) {
                    (head(entry))
                    @for row in &entry.rows { (comparison(experiment, row)) }
                    (remarks(entry))
                }
            }
        }
    }
}

fn head(entry: &Entry) -> Markup {
    let one = &entry.judgement;
    html! {
        tr.claim role="row" {
            th scope="rowgroup" colspan="5" role="rowheader" {
                div.claim-head {
                    span.statement { (one.statement) }
                    (judgement(one))
                }
                span.meta { code { (one.claim) } " · " (one.source) }
            }
        }
    }
}

fn comparison(experiment: &Experiment, row: &Row) -> Markup {
    let finding = &row.finding;
    html! {
        tr.row role="row" {
            th.compared scope="row" role="rowheader" { (finding.label) }
            td.published role="cell" data-label="Published" {
                @match &finding.published {
                    Some(printed) => {
                        span.nowrap { (minus(&spread(Some(printed.mean), printed.sd))) }
                        span.small { (origin(printed)) }
                    }
                    None => { "–" }
                }
            }
            td.ours role="cell" data-label="Ours" {
                // Several variants have their lanes; one line each would only repeat them.
                @if row.lanes.len() > 2 {
                    (link(experiment, None, &format!("{} variants", row.lanes.len())))
                } @else {
                    @for group in &finding.ours { (ours(experiment, group, finding.ours.len() > 1)) }
                }
                @if finding.ours.is_empty() { "–" }
            }
            td role="cell" data-label="Difference" { (difference(row)) }
            td role="cell" data-label="Result" {
                @if row.judged {
                    (word(finding.verdict.word()))
                    @match &finding.verdict {
                        Verdict::NotTested { reason } => { span.small { (reason) } }
                        Verdict::Inconclusive { .. } => {
                            span.small { (parenthesis(&finding.verdict)) }
                        }
                        _ => {}
                    }
                    @if let Some(p) = p(row) { span.small { (p) } }
                } @else {
                    "no verdict"
                }
            }
        }
    }
}

/// `about 12 more seeds`.
fn parenthesis(verdict: &Verdict) -> String {
    let text = verdict.to_string();
    let inner = text.split_once('(').map_or("", |(_, rest)| rest);
    inner.trim_end_matches(')').to_owned()
}

/// For the claim, or against it where it speaks against it.
fn p(row: &Row) -> Option<String> {
    let finding = &row.finding;
    let p = if finding.verdict.is_against() {
        finding.p_against
    } else {
        finding.p_for
    };
    p.map(p_value)
}

fn ours(experiment: &Experiment, group: &Group, is_one_of_two: bool) -> Markup {
    html! {
        div {
            span.nowrap { (minus(&spread(group.mean, group.sd))) }
            span.small {
                @if is_one_of_two { (group.variant) ": " }
                (link(experiment, Some(&group.variant), &runs(group)))
            }
        }
    }
}

/// To the table of runs, where there are any of the variant.
fn link(experiment: &Experiment, variant: Option<&str>, text: &str) -> Markup {
    let is_known = |variant: &str| experiment.runs.iter().any(|run| run.variant == variant);
    let target = match variant {
        Some(variant) if is_known(variant) => anchor(&["runs", &experiment.id, variant]),
        None if !experiment.runs.is_empty() => anchor(&["runs", &experiment.id]),
        _ => return html! { (text) },
    };
    html! { a href={ "#" (target) } { (text) } }
}

fn difference(row: &Row) -> Markup {
    let finding = &row.finding;
    html! {
        @if let Some(drawn) = strip::of(row).svg() { (drawn) }
        span.small {
            @if let Some(difference) = finding.difference { (minus(&signed(difference))) }
            @if let Some(interval) = finding.interval_95 {
                @if finding.difference.is_some() { "; " }
                // A share's axis is not drawn: its interval stands alone.
                "95 % interval "
                (minus(&range(interval, finding.difference.is_some())))
            }
            @if let (Some(margin), AxisKind::Difference) = (finding.margin, row.axis) {
                @if finding.difference.is_some() { "; " }
                "margin " (crate::report::numbers::number(margin))
            }
        }
        @if row.lanes.is_empty() && finding.difference.is_none() && finding.interval_95.is_none() { "–" }
    }
}

fn remarks(entry: &Entry) -> Markup {
    let one = &entry.judgement;
    let said = |words: &str| one.findings.iter().any(|finding| finding.words == words);
    // With several lanes the sentence holds what the drawing cannot: shares and steps.
    let many = entry.rows.iter().filter(|row| row.lanes.len() > 2);
    let many = many.map(|row| row.finding.words.as_str());
    let notes = one.explanation.iter().map(String::as_str);
    let notes: Vec<&str> = many.chain(notes.filter(|words| !said(words))).collect();
    html! {
        @if !notes.is_empty() || entry.reason.is_some() {
            tr role="row" {
                td.remarks colspan="5" role="cell" {
                    @for words in notes { p { (words) } }
                    @if let Some(reason) = &entry.reason { p { "Why this margin: " (reason) "." } }
                }
            }
        }
    }
}
