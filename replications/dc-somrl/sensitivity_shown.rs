//! What `dc-somrl-sensitivity` shows: the search as a table and a figure, a figure for each parameter, and what other
//! readings of the paper change.

use super::Settings;
use super::sensitivity::{PARAMETERS, READINGS, UNCHANGED};
use crate::claims::Summary;
use crate::plot::{CurvePanel, Curves, Effects, Panel, Point, Scale, Sweep, sample_sizes};
use crate::replication::{Results, VariantRecords, drawn};
use crate::report::comparison::compared;
use crate::report::effects::{self, Effect};
use crate::report::{Comparison, Table};
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

/// Metric by metric, variant by variant, but for the draws, which [`search_table`] has. The paper has no numbers for
/// them.
pub(super) fn comparisons(results: &Results) -> Vec<Comparison> {
    let mut rows = compared(results, &SHOWN);
    rows.retain(|row| !is_draw(&row.variant));
    rows
}

fn is_draw(variant: &str) -> bool {
    variant.starts_with("search-")
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

/// The draws that have runs, the best first: those with fewer diverged runs, then those of the lower error. A draw
/// is not chosen by the runs that happened to survive.
fn ranked(results: &Results) -> Vec<&VariantRecords> {
    let draws = results.variants.iter();
    let mut draws: Vec<_> = draws
        .filter(|variant| is_draw(&variant.id) && !variant.records.is_empty())
        .collect();
    let lost = |variant: &VariantRecords| {
        let records = variant.records.iter();
        records
            .filter(|record| record.metric(CRITERION).is_none())
            .count()
    };
    let error = |variant: &VariantRecords| variant.summary(CRITERION).mean.unwrap_or(f64::INFINITY);
    draws.sort_by(|one, other| {
        let by_error = || error(one).total_cmp(&error(other));
        lost(one).cmp(&lost(other)).then_with(by_error)
    });
    draws
}

fn settings(variant: &VariantRecords) -> Option<Settings> {
    let record = variant.records.first()?;
    Settings::read(&record.identity.settings).ok()
}

/// The draws, the best first, and below them what nobody searched for, our defaults; means over their runs, written
/// by `number`.
pub(super) fn search_table(results: &Results, number: fn(f64) -> String) -> Table {
    let mut head = vec!["draw"];
    head.extend(PARAMETERS.iter().map(|parameter| parameter.name));
    head.push("runs");
    head.extend(SHOWN.iter().map(|(_, metric)| *metric));
    head.push("training_loss");
    let draws = ranked(results);
    let mut defaults = results.variants.iter().filter(|one| one.id == UNCHANGED);
    let defaults = if draws.is_empty() {
        None
    } else {
        defaults.next()
    };
    let rows = draws.into_iter().chain(defaults).filter_map(|draw| {
        let settings = settings(draw)?;
        let name = if is_draw(&draw.id) {
            &draw.id
        } else {
            "defaults, not drawn"
        };
        let mut row = vec![name.to_owned()];
        row.extend(PARAMETERS.iter().map(|one| one.of(&settings).to_string()));
        row.push(draw.records.len().to_string());
        row.extend(SHOWN.iter().map(|(_, metric)| {
            let mean = draw.summary(metric).mean;
            mean.map_or(String::new(), number)
        }));
        let losses = draw.records.iter().map(|run| training_loss(run, &settings));
        row.push(Summary::of(losses).mean.map_or(String::new(), number));
        Some(row)
    });
    Table {
        caption: "The draws of the search, chosen by their prototype error alone, the best first; means over their runs. \
                  training_loss: reconstruction and weighted map loss of the last batch."
            .to_owned(),
        head: head.into_iter().map(str::to_owned).collect(),
        rows: rows.collect(),
    }
}

/// What training lowers, at its end: reconstruction loss and weighted map loss. Draws are not chosen by it, see the
/// experiment's description.
fn training_loss(record: &Record, settings: &Settings) -> Option<f64> {
    if record.outcome != Outcome::Completed {
        return None;
    }
    let last = |name: &str| record.curves.values.get(name)?.last().copied().flatten();
    Some(last("reconstruction")? + settings.alpha * last("som")?)
}

/// What each other reading of the paper changes, paired by seed.
pub(super) fn effects(results: &Results) -> Vec<Effect> {
    let unchanged = results.records(UNCHANGED);
    let of_readings = READINGS.iter().flat_map(|reading| {
        let changed = results.records(reading.id);
        SHOWN.iter().filter_map(move |&(title, metric)| {
            Effect::of((reading.id, title), (unchanged, metric), (changed, metric))
        })
    });
    of_readings.collect()
}

/// The same as a figure: one row a reading, one panel a metric.
pub(super) fn readings(results: &Results, found: &[Effect]) -> Effects {
    let rows: Vec<&str> = READINGS.iter().map(|reading| reading.id).collect();
    Effects {
        title: format!(
            "DC-SOMRL on {}: other readings of the paper",
            results.data_title
        ),
        panels: effects::panels(&rows, &SHOWN.map(|(title, _)| title), found),
        rows: rows.iter().map(|row| (*row).to_owned()).collect(),
        caption: format!(
            "Changed minus unchanged, paired by seed, with 95 % t intervals; orange where 0 is outside; {}",
            effects::pairs(found)
        ),
        note: results.note(),
    }
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
        .chain(["nodes", "iterations"])
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
                    runs: variant
                        .records
                        .iter()
                        .map(|one| drawn(one, metric))
                        .collect(),
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::replication::{Changes, Profile, Replication};
    use crate::replications::dc_somrl::Sensitivity;

    /// A run of a variant of the paper's protocol with this prototype error; without, it diverged.
    fn record(settings: &serde_json::Value, seed: u64, error: Option<f64>) -> Record {
        let outcome = if error.is_some() {
            Outcome::Completed
        } else {
            Outcome::Diverged { iteration: 7 }
        };
        let metrics = error.map_or(json!({}), |error| {
            json!({ "prototype_error": error, "bmu.purity": 1.0 - 5.0 * error, "units_used": 64.0 })
        });
        let record = json!({
            "schema": 1,
            "key": "0123456789abcdef",
            "identity": {
                "schema": 1, "method": "dc-somrl", "algorithm": 1, "settings": settings, "data": "mnist",
                "data_sha256": "00", "seed": seed, "precision": "exact",
            },
            "variant": "any",
            "outcome": outcome,
            "metrics": metrics,
            "curves": {"iteration": [0, 999], "reconstruction": [0.1, 0.02], "som": [0.1, error.unwrap_or(9.0)]},
            "weights_sha256": null,
            "provenance": {
                "program": "0", "libtorch": "0", "device": "cpu", "device_name": "x", "matrix_kernels": "x",
                "products": "float32", "threads": 1, "cohort": 1, "host": "h", "system": "s",
                "started": "2026-11-23T10:00:00Z", "finished": "2026-11-23T10:05:00Z",
                "training_seconds": 1.0, "evaluation_seconds": 1.0, "resumed": 0,
            },
        });
        serde_json::from_value(record).unwrap()
    }

    fn results(errors: &[(&str, &[Option<f64>])]) -> Results {
        let protocol = Sensitivity.protocol(Profile::Paper, &Changes::default());
        let variants = protocol.unwrap().variants.into_iter();
        let variants = variants.map(|variant| {
            let known = errors.iter().find(|(id, _)| *id == variant.id);
            let runs = known.map_or(&[][..], |(_, runs)| runs).iter();
            VariantRecords {
                records: (0..)
                    .zip(runs)
                    .map(|(seed, &error)| record(&variant.settings, seed, error))
                    .collect(),
                id: variant.id,
                planned: 3,
            }
        });
        Results {
            profile: Profile::Paper,
            altered: Vec::new(),
            data_title: "MNIST".to_owned(),
            variants: variants.collect(),
        }
    }

    #[test]
    fn the_draw_of_the_lowest_error_is_chosen_unless_runs_of_it_were_lost() {
        let results = results(&[
            ("search-03", &[Some(0.05), Some(0.06)]),
            ("search-07", &[Some(0.01), None]),
            ("search-22", &[Some(0.04), Some(0.05)]),
            (UNCHANGED, &[Some(0.02)]),
        ]);
        let mut table = search_table(&results, |mean| format!("{mean:.3}"));
        let defaults = table.rows.pop().unwrap();
        assert_eq!(
            (defaults[0].as_str(), defaults[7].as_str()),
            ("defaults, not drawn", "0.020")
        );
        let first: Vec<&str> = table.rows.iter().map(|row| row[0].as_str()).collect();
        assert_eq!(first, ["search-22", "search-03", "search-07"]);
        // Draw, five parameters, runs, the error.
        assert_eq!(table.rows[0][6..8], ["2", "0.045"]);
        assert_eq!(table.head[1..6], ["a_t", "e_b", "beta", "s", "ld"]);
        // At the end, not at the beginning: 0.02 and a thousandth of 0.045, the mean of the map's loss.
        let losses = search_table(&results, |mean| format!("{mean:.6}"));
        assert_eq!(losses.head.last().unwrap(), "training_loss");
        assert_eq!(losses.rows[0].last().unwrap(), "0.020045");
        // A run that diverged has no end.
        assert_eq!(losses.rows[2].last().unwrap(), "0.020010");
        assert!(caption(&results).contains("The best draw: search-22 (a_t = 0.974, e_b = 0.0324"));
        assert!(search(&results).is_some());
    }

    #[test]
    fn readings_are_compared_with_runs_of_the_same_seed() {
        let results = results(&[
            (UNCHANGED, &[Some(0.04), Some(0.05), Some(0.03)]),
            ("map-loss=norm", &[Some(0.05), None, Some(0.05)]),
        ]);
        let found = effects(&results);
        let of_error: Vec<&Effect> = found
            .iter()
            .filter(|effect| effect.title == "prototype error")
            .collect();
        assert_eq!((of_error.len(), of_error[0].row), (1, "map-loss=norm"));
        assert_eq!(of_error[0].pairs(), 2);
        assert!((of_error[0].mean() - 0.015).abs() < 1e-12);
        let figure = readings(&results, &found);
        assert_eq!(figure.rows.len(), READINGS.len());
        assert!(figure.caption.contains("n = 2 pairs"), "{}", figure.caption);
    }

    #[test]
    fn without_runs_there_is_nothing_to_choose() {
        let results = results(&[]);
        assert!(
            search_table(&results, |mean| mean.to_string())
                .rows
                .is_empty()
        );
        assert!(effects(&results).is_empty() && search(&results).is_none());
        assert!(figures(&results).is_empty());
    }
}
