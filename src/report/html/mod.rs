//! A report as one HTML file that needs nothing else: no network, no script, no other file.
//!
//! Escaping is maud's, at every place where text enters the page; only the style sheet and the
//! figures' drawings, whose words [`plot`](crate::plot) escapes, are put in as they are.

mod claims;
mod marks;
mod strip;
mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::content::{Chapter, Counts, Experiment, LATE, Report, UNDATED, UNREFUTABLE};
use super::numbers::{count, duration};
use crate::claims::Judgement;
use crate::plot::page_fonts;
use marks::{anchor, class, icon, word};

const STYLE: &str = include_str!("style.css");

/// The page.
#[must_use]
pub fn page(report: &Report) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title(report)) }
                style { (PreEscaped(page_fonts())) (PreEscaped(STYLE)) }
            }
            body {
                (top(report))
                main {
                    @for chapter in &report.papers { (paper(chapter)) }
                }
                footer {
                    @if !report.unreadable.is_empty() {
                        p {
                            "Left out because they cannot be read: "
                            @for (place, record) in report.unreadable.iter().enumerate() {
                                @if place > 0 { ", " }
                                code { (record) }
                            }
                            "."
                        }
                    }
                    @if let Some(words) = report.left_out.words() {
                        p { "Stored as well, and no part of this report: " (words) "." }
                    }
                    p {
                        "Made by replicate " (env!("CARGO_PKG_VERSION"))
                        " from stored runs alone: the same store gives the same page."
                    }
                }
            }
        }
    };
    page.into_string()
}

fn title(report: &Report) -> String {
    let papers: Vec<&str> = report
        .papers
        .iter()
        .map(|chapter| chapter.paper.id.as_str())
        .collect();
    format!("Do the published results hold? {}", papers.join(", "))
}

/// What a table or figure says below its caption where there is no verdict.
fn note(experiment: &Experiment) -> Markup {
    html! {
        @if let Some(note) = &experiment.note { " " strong.warning { (note) "." } }
    }
}

fn top(report: &Report) -> Markup {
    let counts = report.counts();
    html! {
        header {
            p.kicker { "Report of replicate " (env!("CARGO_PKG_VERSION")) }
            h1 { "Do the published results hold?" }
            p.lead {
                (count(counts.total(), "claim")) " of " (count(report.papers.len(), "paper")) ", "
                (counts.total() - counts.not_tested) " of them tested:"
            }
            (bar(counts))
            ul.tally {
                @for (n, name) in counts.named() {
                    li { b { (n) } " " (word(name)) }
                }
            }
            (listed(LATE, &report.late_claims()))
            (listed(UNDATED, &report.undated_claims()))
            (listed(UNREFUTABLE, &report.unrefutable_claims()))
            nav aria-label="Contents" {
                ul {
                    @for chapter in &report.papers {
                        li {
                            a href={ "#" (anchor(&["paper", &chapter.paper.id])) } { (chapter.paper.title) }
                            @if !chapter.experiments.is_empty() {
                                ul {
                                    @for experiment in &chapter.experiments {
                                        li {
                                            a href={ "#" (anchor(&["experiment", &experiment.id])) } {
                                                (experiment.id)
                                            }
                                            " " span.small { (Counts::of(experiment.verdicts()).brief()) }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
            (reading())
        }
    }
}

/// Claims of which there is something to know, by experiment.
fn listed(what: &str, claims: &[(&str, &str)]) -> Markup {
    html! {
        @if !claims.is_empty() {
            p.small {
                (what) " "
                @for (n, (experiment, claim)) in claims.iter().enumerate() {
                    @if n > 0 { ", " }
                    a href={ "#" (anchor(&["claim", experiment, claim])) } { (claim) }
                }
                "."
            }
        }
    }
}

/// The verdicts' shares; the numbers stand beside it.
fn bar(counts: Counts) -> Markup {
    let scale = 1000.0 / counts.total().max(1) as f64;
    let mut before = 0;
    let parts = counts.named().into_iter().map(|(n, name)| {
        let start = before as f64 * scale;
        before += n;
        (n, name, start, (n as f64 * scale - 4.0).max(1.0))
    });
    html! {
        svg.bar viewBox="0 0 1000 12" preserveAspectRatio="none" aria-hidden="true" {
            @for (_, name, start, width) in parts.filter(|part| part.0 > 0) {
                rect class=(class(name)) x=(format!("{start:.1}")) y="0" width=(format!("{width:.1}"))
                    height="12" fill="currentColor" {}
            }
        }
    }
}

/// What the words and the drawings mean.
fn reading() -> Markup {
    let words = [
        (
            "reproduced",
            "holds, by the test and margin fixed before there were results",
        ),
        (
            "consistent",
            "ours is within the margin of a published mean without its spread, or keeps a bound, and nothing refutes \
             it: weaker than reproduced",
        ),
        ("not reproduced", "does not hold, by the same test"),
        (
            "inconsistent",
            "a published mean without its spread is beyond the margin from where our runs would put it, even if some \
             of the paper's runs failed",
        ),
        ("inconclusive", "the runs do not decide it"),
        ("not tested", "nothing was tested, for the reason given"),
    ];
    html! {
        section.guide {
            h2 { "How to read this" }
            (guide(&words))
        }
    }
}

fn guide(words: &[(&str, &str)]) -> Markup {
    html! {
        div.reading {
            @if let Some(drawn) = strip::example().svg() { (drawn) }
            p {
                "Every dot is a run. The diamond is the mean difference, the thick line its 90 % and the thin line \
                 its 95 % interval. The shaded range agrees with the claim. Of a published value and of \
                 likeness its dashed ends are the margin, the difference that would matter: reproduced, the thick \
                 line lies wholly within; not reproduced, the thin line lies wholly outside. Of an order and a trend \
                 it begins at 0: reproduced, the thick line lies wholly within; not reproduced, what is claimed is \
                 smaller than the margin or the other way round, which the sentence below says. Of runs in pairs a \
                 sign-flip test has to say the same, and Holm's correction to leave it standing: with few seeds they \
                 may not, wherever the lines lie."
            }
        }
        dl.words {
            @for (name, meaning) in words {
                dt { span class={ "verdict " (class(name)) } { (icon(name)) (name) } }
                dd { (meaning) }
            }
        }
        p.small {
            "Only the full protocol of a paper gives verdicts. The profiles quick and smoke do not, and every table \
             and figure made from their runs says so. A verdict on fewer seeds than the protocol has, or on more, \
             is provisional and says of how many it is. Runs that diverged or collapsed are counted and shown."
        }
    }
}

fn paper(chapter: &Chapter) -> Markup {
    let paper = &chapter.paper;
    html! {
        section id=(anchor(&["paper", &paper.id])) {
            h2 { (paper.title) }
            p.by {
                (paper.authors.join(", ")) ". " (paper.venue) ", " (paper.year) ". "
                (marks::web(&paper.url))
            }
            p { (Counts::of(chapter.verdicts()).brief()) "." }
            @for one in &chapter.experiments { (experiment(one)) }
            @if !chapter.without_experiment.is_empty() {
                h3 { "Claims without an experiment" }
                (untested(&chapter.without_experiment))
            }
        }
    }
}

fn experiment(experiment: &Experiment) -> Markup {
    let training: f64 = experiment
        .costs
        .iter()
        .map(|cost| cost.training_seconds)
        .sum();
    let has_runs = !experiment.runs.is_empty();
    html! {
        section id=(anchor(&["experiment", &experiment.id])) {
            h3 { (experiment.id) }
            p { (experiment.summary) @if !experiment.summary.ends_with('?') { "." } }
            @if let Some(note) = &experiment.note { p.warning { (note) "." } }
            dl.facts {
                dt { "Profile" } dd { (experiment.profile.name()) }
                dt { "Data" } dd { (experiment.data_titles()) }
                dt { "Runs" } dd { (experiment.state()) }
                @if has_runs { dt { "Training" } dd { (duration(training)) " in all" } }
                dt { "Claims" } dd { (Counts::of(experiment.verdicts()).brief()) }
            }
            @if !experiment.claims.is_empty() {
                h4 { "Claims" }
                (claims::table(experiment))
            }
            @if has_runs {
                h4 { "Our values beside the published ones" }
                (tables::values(experiment))
                (tables::further(experiment))
            }
            @if !experiment.figures.is_empty() {
                h4 { "Figures" }
                (tables::figures(experiment))
            }
            h4 { "Deviations from the paper" }
            (tables::deviations(experiment))
            h4 { "Data" }
            @for sheet in &experiment.data { (tables::data(sheet)) }
            @if has_runs {
                h4 { "Environments" }
                (tables::environments(experiment))
                h4 { "Cost" }
                (tables::costs(experiment))
                h4 { "Runs" }
                (tables::runs(experiment))
            }
        }
    }
}

fn untested(judgements: &[Judgement]) -> Markup {
    html! {
        div.scroll role="region" tabindex="0" aria-label="Claims without an experiment" {
            table {
                caption { "Not tested: there is no experiment for them yet." }
                thead {
                    tr {
                        th scope="col" { "Claim" }
                        th scope="col" { "What the paper says" }
                        th scope="col" { "Where" }
                        th scope="col" { "Verdict" }
                    }
                }
                tbody {
                    @for one in judgements {
                        tr {
                            th scope="row" { code { (one.claim) } }
                            td { (one.statement) }
                            td { (one.source) }
                            td { (word(one.verdict.word())) }
                        }
                    }
                }
            }
        }
    }
}
