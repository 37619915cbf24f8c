//! What stands below the claims of an experiment: values, figures, deviations, data, environments,
//! costs, runs.

use std::collections::BTreeSet;

use maud::{Markup, PreEscaped, html};

use super::marks::{anchor, minus, web};
use super::note;
use crate::claims::Value;
use crate::plot::Figure;
use crate::report::Comparison;
use crate::report::content::{DataSheet, Experiment, RunLine};
use crate::report::numbers::{count, duration, n_of, number, signed, spread};

/// A table that may be wider than a phone: it scrolls by itself, with the keyboard too.
fn scrolling(label: &str, table: &Markup) -> Markup {
    html! { div.scroll role="region" tabindex="0" aria-label=(label) { (table) } }
}

/// Consecutive rows with the same title.
fn grouped(values: &[Comparison]) -> impl Iterator<Item = &[Comparison]> {
    values.chunk_by(|a, b| a.title == b.title)
}

pub(super) fn values(experiment: &Experiment) -> Markup {
    let published = experiment.values.iter().any(|row| row.published.is_some());
    let table = html! {
        table {
            caption {
                @for line in experiment.caption.lines() { (line) " " }
                (note(experiment))
            }
            thead {
                tr {
                    th scope="col" { "Metric" }
                    th scope="col" { "Variant" }
                    th.number scope="col" { "n" }
                    th.number scope="col" { "Ours" }
                    @if published {
                        th.number scope="col" { "Published" }
                        th.number scope="col" { "Difference" }
                        th scope="col" { "Source" }
                    }
                }
            }
            @for group in grouped(&experiment.values) {
                tbody {
                    @for (place, row) in group.iter().enumerate() {
                        tr {
                            @if place == 0 {
                                th scope="rowgroup" rowspan=(group.len()) { (row.title) }
                            }
                            th scope="row" { (row.variant) }
                            td.number { (n_of(row.ours.values.len(), row.runs() - row.ours.values.len())) }
                            td.number { (minus(&spread(row.ours.mean, row.ours.sd))) }
                            @if published { (of_paper(row)) }
                        }
                    }
                }
            }
        }
    };
    scrolling("Values", &table)
}

/// What follows from the values.
pub(super) fn further(experiment: &Experiment) -> Markup {
    html! {
        @for one in &experiment.further {
            (scrolling("Further values", &html! {
                table {
                    caption { (one.caption) (note(experiment)) }
                    thead {
                        tr {
                            @for (place, cell) in one.head.iter().enumerate() {
                                th.number[place > 0] scope="col" { (cell) }
                            }
                        }
                    }
                    tbody {
                        @for row in &one.rows {
                            tr {
                                @for (place, cell) in row.iter().enumerate() {
                                    @if place == 0 { th scope="row" { (cell) } }
                                    @else { td.number { (minus(cell)) } }
                                }
                            }
                        }
                    }
                }
            }))
        }
    }
}

fn of_paper(row: &Comparison) -> Markup {
    let printed = row.published.as_ref();
    html! {
        td.number {
            @match printed {
                Some(value) => { (minus(&spread(Some(value.mean), value.sample_sd()))) }
                None => { "–" }
            }
        }
        td.number {
            @match row.difference() {
                Some(difference) => { (minus(&signed(difference))) }
                None => { "–" }
            }
        }
        td { (printed.map_or("", |value: &Value| value.source.as_str())) }
    }
}

pub(super) fn figures(experiment: &Experiment) -> Markup {
    html! {
        @for pair in &experiment.figures {
            div.pair {
                (figure(experiment, &pair.name, true, &pair.ours))
                @if let Some(published) = &pair.published {
                    (figure(experiment, &pair.name, false, published))
                }
            }
        }
    }
}

fn figure(experiment: &Experiment, name: &str, is_ours: bool, figure: &Figure) -> Markup {
    html! {
        figure {
            div.sheet { (PreEscaped(figure.page_svg())) }
            figcaption {
                @if is_ours {
                    "Ours (" code { (name) } "), over what was published where it compares."
                } @else {
                    "The published numbers alone, redrawn."
                }
                (note(experiment))
            }
        }
    }
}

pub(super) fn deviations(experiment: &Experiment) -> Markup {
    let found = experiment.deviations();
    html! {
        @if found.is_empty() {
            p { "None noted." }
        } @else {
            ul {
                @for (deviation, claims) in found {
                    li {
                        (deviation)
                        span.small {
                            " Concerns "
                            @for (place, claim) in claims.iter().enumerate() {
                                @if place > 0 { ", " }
                                a href={ "#" (anchor(&["claim", &experiment.id, claim])) } { (claim) }
                            }
                            "."
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn data(sheet: &DataSheet) -> Markup {
    let files = html! {
        table.narrow {
            caption { "Files, decoded. Nothing else is ever trained on." }
            thead {
                tr {
                    th scope="col" { "File" }
                    th.number scope="col" { "Bytes" }
                    th scope="col" { "SHA-256" }
                }
            }
            tbody {
                @for file in &sheet.files {
                    tr {
                        th scope="row" { code { (file.name) } }
                        td.number { (file.bytes.map_or("not known".to_owned(), |bytes| bytes.to_string())) }
                        td { span.key.checksum { (file.sha256.as_deref().unwrap_or("not known")) } }
                    }
                }
            }
        }
    };
    html! {
        dl.facts {
            dt { "Data set" } dd { (sheet.title) " (" code { (sheet.id) } ")" }
            dt { "Licence" } dd { (sheet.licence) }
            dt { "Citation" } dd { (sheet.citation) }
            dt { "Described at" } dd { (web(&sheet.homepage)) }
            dt { "SHA-256 of the whole" } dd { span.key.checksum { (sheet.sha256) } }
        }
        (scrolling("Files of the data set", &files))
    }
}

pub(super) fn environments(experiment: &Experiment) -> Markup {
    let table = html! {
        table {
            caption { "What the runs were made with." (note(experiment)) }
            thead {
                tr {
                    @for head in ["Processor or GPU", "Device", "System", "replicate", "libtorch", "Kernels", "Products"] {
                        th scope="col" { (head) }
                    }
                    th.number scope="col" { "Threads" }
                    th.number scope="col" { "Runs" }
                }
            }
            tbody {
                @for one in &experiment.environments {
                    tr {
                        td { (one.device_name) }
                        td { (one.device) }
                        td { (one.system) }
                        td { (one.program) }
                        td { (one.libtorch) }
                        td { (one.matrix_kernels) }
                        td { (one.products) }
                        td.number { (one.threads) }
                        td.number { (one.runs) }
                    }
                }
            }
        }
    };
    scrolling("Environments", &table)
}

pub(super) fn costs(experiment: &Experiment) -> Markup {
    let each = |seconds: f64, runs: usize| duration(seconds / runs.max(1) as f64);
    let all: f64 = experiment
        .costs
        .iter()
        .map(|cost| cost.training_seconds)
        .sum();
    let evaluation = experiment.costs.iter().map(|cost| cost.evaluation_seconds);
    let evaluation: f64 = evaluation.sum();
    let table = html! {
        table {
            caption {
                "Time that runs took by the clock; runs that trained together share theirs equally."
                (note(experiment))
            }
            thead {
                tr {
                    th scope="col" { "Variant" }
                    th scope="col" { "Processor or GPU" }
                    @for head in ["Runs", "Training", "each", "Evaluation", "each"] {
                        th.number scope="col" { (head) }
                    }
                }
            }
            tbody {
                @for cost in &experiment.costs {
                    tr {
                        th scope="row" { (cost.variant) }
                        td { (cost.device_name) }
                        td.number { (cost.runs) }
                        td.number { (duration(cost.training_seconds)) }
                        td.number { (each(cost.training_seconds, cost.runs)) }
                        td.number { (duration(cost.evaluation_seconds)) }
                        td.number { (each(cost.evaluation_seconds, cost.runs)) }
                    }
                }
            }
            tbody {
                tr {
                    th scope="row" colspan="2" { "All" }
                    td.number { (experiment.coverage.stored) }
                    td.number { (duration(all)) }
                    td {}
                    td.number { (duration(evaluation)) }
                    td {}
                }
            }
        }
    };
    scrolling("Cost", &table)
}

pub(super) fn runs(experiment: &Experiment) -> Markup {
    let mut titles: Vec<&str> = Vec::new();
    for row in &experiment.values {
        if !titles.contains(&row.title.as_str()) {
            titles.push(&row.title);
        }
    }
    let folders: BTreeSet<&str> = experiment.runs.iter().map(RunLine::folder).collect();
    let table = html! {
        table id=(anchor(&["runs", &experiment.id])) {
            caption {
                (count(folders.len(), "run")) ". The record of a run is " code { "runs/<run>/record.json" }
                " in the store." (note(experiment))
            }
            thead {
                tr {
                    th scope="col" { "Variant" }
                    th.number scope="col" { "Seed" }
                    @for title in &titles { th.number scope="col" { (title) } }
                    th scope="col" { "Outcome" }
                    th.number scope="col" { "Training" }
                    th scope="col" { "Run" }
                }
            }
            @for group in experiment.runs.chunk_by(|a, b| a.variant == b.variant) {
                @let variant = group.first().map_or("", |run| run.variant.as_str());
                tbody id=(anchor(&["runs", &experiment.id, variant])) {
                    @for (place, run) in group.iter().enumerate() {
                        tr id=(anchor(&["run", &experiment.id, variant, run.folder()])) {
                            @if place == 0 {
                                th scope="rowgroup" rowspan=(group.len()) { (variant) }
                            }
                            td.number { (run.seed) }
                            @for title in &titles { td.number { (cell(experiment, run, title)) } }
                            td { (run.outcome) }
                            td.number { (duration(run.training_seconds)) }
                            td { span.key { (run.folder()) } }
                        }
                    }
                }
            }
        }
    };
    scrolling("Runs", &table)
}

/// The metric that the values show under a title for the run's variant.
fn cell(experiment: &Experiment, run: &RunLine, title: &str) -> String {
    let mut rows = experiment.values.iter();
    let row = rows.find(|row| row.title == title && row.variant == run.variant);
    let value = row.and_then(|row| run.metrics.get(&row.metric).copied().flatten());
    value.map_or_else(|| "–".to_owned(), |value| minus(&number(value)))
}
