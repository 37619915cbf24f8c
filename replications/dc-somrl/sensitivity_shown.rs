//! What `dc-somrl-sensitivity` shows: the search as a table and a figure, and a figure for each parameter.

use super::Settings;
use super::sensitivity::PARAMETERS;
use super::shown::is_collapsed;
use crate::plot::{CurvePanel, Curves, Panel, Point, Run, Scale, Sweep, sample_sizes};
use crate::replication::{Results, VariantRecords};
use crate::report::Comparison;
use crate::report::comparison::compared;
use crate::runs::{Outcome, Record};

/// What a draw is chosen by.
const CRITERION: &str = "prototype_error";
/// Titles and metrics, those that the search must not look at among them.
const SHOWN: [(&str, &str); 5] = [
    ("prototype error", CRITERION),
    ("reconstruction loss", "reconstruction_loss"),
    ("purity", "bmu.purity"),
    ("NMI (geometric)", "bmu.nmi_geometric"),
    ("nodes that win a row", "units_used"),
];

/// Metric by metric, variant by variant. The paper has no numbers for them.
pub(super) fn comparisons(results: &Results) -> Vec<Comparison> {
    compared(results, &SHOWN, is_collapsed)
}

pub(super) fn caption(results: &Results) -> String {
    let best = ranked(results).first().map(|best| {
        let settings = settings(best).map(|settings| {
            let words = PARAMETERS
                .iter()
                .map(|parameter| format!("{} = {}", parameter.name, parameter.of(&settings)));
            format!(" ({}).", words.collect::<Vec<_>>().join(", "))
        });
        format!("The best draw: {}{}", best.id, settings.unwrap_or_default())
    });
    results.caption(
        "Prototype error: mean squared error between each row and its winner, decoded; draws are chosen by it.",
        best,
    )
}

/// The draws that have runs, the best first.
fn ranked(results: &Results) -> Vec<&VariantRecords> {
    let draws = results.variants.iter();
    let mut draws: Vec<_> = draws
        .filter(|variant| variant.id.starts_with("search-") && !variant.records.is_empty())
        .collect();
    let error = |variant: &VariantRecords| variant.summary(CRITERION).mean.unwrap_or(f64::INFINITY);
    draws.sort_by(|one, other| error(one).total_cmp(&error(other)));
    draws
}

fn settings(variant: &VariantRecords) -> Option<Settings> {
    let record = variant.records.first()?;
    Settings::read(&record.identity.settings).ok()
}

/// The draws, the best first.
///
/// # Errors
/// If the writer fails, which it does not in memory.
pub(super) fn table(results: &Results) -> Result<Vec<u8>, std::io::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let mut head = vec!["draw"];
    head.extend(PARAMETERS.iter().map(|parameter| parameter.name));
    head.push("runs");
    head.extend(SHOWN.iter().map(|(_, metric)| *metric));
    table.write_record(&head)?;
    for draw in ranked(results) {
        let Some(settings) = settings(draw) else {
            continue;
        };
        let mut row = vec![draw.id.clone()];
        row.extend(PARAMETERS.iter().map(|one| one.of(&settings).to_string()));
        row.push(draw.records.len().to_string());
        row.extend(SHOWN.iter().map(|(_, metric)| {
            let mean = draw.summary(metric).mean;
            mean.map_or(String::new(), |mean| mean.to_string())
        }));
        table.write_record(&row)?;
    }
    table.into_inner().map_err(csv::IntoInnerError::into_error)
}

/// The draws in their order: whether what they are chosen by agrees with the classes.
pub(super) fn search(results: &Results) -> Option<Curves> {
    let draws = ranked(results);
    if draws.is_empty() {
        return None;
    }
    let panel = |title: &str, metric: &str| CurvePanel {
        y_label: title.to_owned(),
        log_y: false,
        series: vec![(
            title.to_owned(),
            draws
                .iter()
                .enumerate()
                .map(|(place, draw)| {
                    let mean = draw.summary(metric).mean;
                    ((place + 1) as f64, mean.unwrap_or(f64::NAN))
                })
                .collect(),
        )],
    };
    let runs = sample_sizes(draws.iter().map(|draw| draw.records.len()))?;
    Some(Curves {
        title: format!("DC-SOMRL on {}: search without labels", results.data_title),
        x_label: "place of the draw by its prototype error".to_owned(),
        panels: SHOWN
            .iter()
            .filter(|(_, metric)| *metric != "reconstruction_loss")
            .map(|(title, metric)| panel(title, metric))
            .collect(),
        caption: format!(
            "{} draws of a_t, e_b, beta, s and ld, {runs} each; the first is chosen. Purity and NMI are \
             not looked at",
            draws.len()
        ),
        note: results.note(),
    })
}

/// A figure for each parameter whose variants have runs.
pub(super) fn figures(results: &Results) -> Vec<(String, Sweep)> {
    let names = PARAMETERS.iter().map(|parameter| parameter.name);
    names
        .chain(["nodes"])
        .filter_map(|name| Some((format!("sensitivity-{name}"), figure(results, name)?)))
        .collect()
}

fn figure(results: &Results, parameter: &str) -> Option<Sweep> {
    let prefix = format!("{parameter}=");
    let variants: Vec<(&str, &VariantRecords)> = results
        .variants
        .iter()
        .filter(|variant| !variant.records.is_empty())
        .filter_map(|variant| Some((variant.id.strip_prefix(&prefix)?, variant)))
        .collect();
    if variants.is_empty() {
        return None;
    }
    let panel = |title: &str, metric: &str, better: bool, top: f64| Panel {
        metric: title.to_owned(),
        higher_is_better: better,
        range: (0.0, top),
        ours: variants
            .iter()
            .enumerate()
            .map(|(place, (_, variant))| {
                let values = variant.summary(metric);
                Point {
                    x: place as f64,
                    mean: values.mean.unwrap_or(f64::NAN),
                    sd: values.sd,
                    runs: variant.records.iter().map(|one| run(one, metric)).collect(),
                }
            })
            .collect(),
        published: Vec::new(),
        baselines: Vec::new(),
    };
    Some(Sweep {
        title: format!("DC-SOMRL on {}: {parameter}", results.data_title),
        parameter: parameter.to_owned(),
        scale: Scale::Category(
            variants
                .iter()
                .map(|(value, _)| (*value).to_owned())
                .collect(),
        ),
        panels: vec![
            panel("purity", "bmu.purity", true, 1.0),
            panel("NMI (geometric)", "bmu.nmi_geometric", true, 1.0),
            panel("prototype error", CRITERION, false, 0.1),
        ],
        caption: format!("{parameter} alone is changed"),
        note: results.note(),
    })
}

fn run(record: &Record, metric: &str) -> Run {
    match (record.outcome, record.metric(metric)) {
        (Outcome::Diverged { .. }, _) => Run::Diverged,
        (Outcome::Completed, None) => Run::Undefined,
        (Outcome::Completed, Some(value)) if is_collapsed(record) => Run::Collapsed(value),
        (Outcome::Completed, Some(value)) => Run::Value(value),
    }
}
