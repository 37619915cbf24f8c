//! The table of an experiment's claims.

use maud::{Markup, html};

use super::marks::{anchor, judgement, minus, word};
use super::{note, strip};
use crate::claims::{Finding, Group, Verdict, more};
use crate::report::content::{Entry, Experiment, Row};
use crate::report::numbers::{n_of, number, origin, p_value, range, runs, signed, spread};
use crate::words::percent;

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
                    @for row in &entry.rows { (comparison(experiment, entry, row)) }
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

fn comparison(experiment: &Experiment, entry: &Entry, row: &Row) -> Markup {
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
                @for group in &finding.ours {
                    @if finding.ours.len() > 2 {
                        (one_of_many(experiment, group))
                    } @else {
                        (ours(experiment, finding, group))
                    }
                }
                @if finding.ours.is_empty() { "–" }
            }
            td.drawn role="cell" data-label="Difference" { (difference(entry, row)) }
            td role="cell" data-label="Result" {
                @if row.judged {
                    (word(finding.verdict.word()))
                    @match &finding.verdict {
                        Verdict::NotTested { reason } => { span.small { (reason) } }
                        Verdict::Inconclusive { more_seeds } => { span.small { (more(*more_seeds)) } }
                        _ => {}
                    }
                    @if entry.is_alone(finding) { span.small { "by itself, not beside the other claims (Holm)" } }
                    @if let Some(p) = p(row) { span.small { (p) } }
                } @else {
                    "no verdict"
                }
            }
        }
    }
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

fn ours(experiment: &Experiment, finding: &Finding, group: &Group) -> Markup {
    html! {
        div {
            span.nowrap { (minus(&spread(group.mean, group.sd))) }
            span.small {
                @if finding.ours.len() > 1 { (finding.name_of(group)) ": " }
                (link(experiment, &group.variant, &runs(group)))
            }
        }
    }
}

/// A line beside its lane; what befell lost runs is told below.
fn one_of_many(experiment: &Experiment, group: &Group) -> Markup {
    let n = n_of(group.n, group.diverged + group.undefined);
    html! {
        div.several {
            (group.variant) ": " span.nowrap { (minus(&spread(group.mean, group.sd))) } " ("
            (link(experiment, &group.variant, &n)) ")"
        }
    }
}

/// To the runs of a variant, where there are any.
fn link(experiment: &Experiment, variant: &str, text: &str) -> Markup {
    let is_known = experiment.runs.iter().any(|run| run.variant == variant);
    html! {
        @if is_known {
            a href={ "#" (anchor(&["runs", &experiment.id, variant])) } { (text) }
        } @else {
            (text)
        }
    }
}

/// The drawing, and its numbers.
fn difference(entry: &Entry, row: &Row) -> Markup {
    let finding = &row.finding;
    let share = finding.numbers.get("share_claimed");
    html! {
        @if let Some(drawn) = strip::of(row).svg() { (drawn) }
        @if let Some(drawn) = strip::apart(row).and_then(|strip| strip.svg()) { (drawn) }
        @if finding.difference.is_some() || finding.interval_95.is_some() {
            span.small {
                @if let Some(difference) = finding.difference {
                    @match entry.judgement.test {
                        "argmax" => { "ahead of the strongest rival by " }
                        "trend" => { "change over the whole range, by the fitted line " }
                        _ => {}
                    }
                    (minus(&signed(difference)))
                    @if let Some(of) = finding.of_how_many() { " (" (of) ")" }
                }
                @if let Some(interval) = finding.interval_95 {
                    @if finding.difference.is_some() { "; " }
                    @if let Some(share) = share {
                        "share of runs: 95 % interval " (percent(interval.low)) " to " (percent(interval.high))
                        ", claimed at least " (percent(*share))
                    } @else {
                        "95 % interval " (minus(&range(interval, finding.difference.is_some())))
                    }
                }
                @if let (Some(margin), true) = (finding.margin, finding.difference.is_some()) {
                    "; margin " (number(margin))
                }
            }
        } @else if row.lanes.is_empty() {
            "–"
        }
    }
}

fn remarks(entry: &Entry) -> Markup {
    let one = &entry.judgement;
    let said = |words: &str| one.findings.iter().any(|finding| finding.words == words);
    // With several lanes the sentence holds what the drawing cannot: shares and steps.
    let many = entry.rows.iter().filter(|row| row.finding.ours.len() > 2);
    let many = many.map(|row| row.finding.words.as_str());
    let notes = one.explanation.iter().map(String::as_str);
    let notes: Vec<&str> = many.chain(notes.filter(|words| !said(words))).collect();
    html! {
        @if !notes.is_empty() || entry.reason.is_some() || one.cause.is_some() {
            tr role="row" {
                td.remarks colspan="5" role="cell" {
                    @if let Some(cause) = &one.cause {
                        p.cause { strong { "What explains it. " } (cause) }
                    }
                    @for words in notes { p { (words) } }
                    @if let Some(reason) = &entry.reason { p { "Why these limits: " (reason) "." } }
                }
            }
        }
    }
}
