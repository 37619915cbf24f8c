//! What the experiments show: a table, the kernel's width as a sweep, losses.

use super::experiments::MIDDLE;
use crate::plot::{CurvePanel, Curves, Figure, Panel, Point, Scale, Sweep};
use crate::replication::{Results, VariantRecords, drawn};
use crate::report::Comparison;
use crate::report::endings::told;
use crate::runs::{Outcome, Record};

/// Titles of metrics, and their names in records.
const SHOWN: [(&str, &str); 19] = [
    ("reconstruction error", "reconstruction_error"),
    ("wake loss", "wake_loss"),
    ("sharpness, reconstructions", "reconstruction_sharpness"),
    ("sharpness, samples", "sample_sharpness"),
    ("norm of codes", "norm_mean"),
    ("sd of norms", "norm_sd"),
    ("sd / mean of norms", "norm_cv"),
    ("trustworthiness", "trustworthiness"),
    ("continuity", "continuity"),
    ("label agreement", "label_agreement"),
    ("accuracy", "accuracy"),
    ("NMI", "nmi_geometric"),
    ("purity", "purity"),
    ("accuracy, grouped units", "clustered.accuracy"),
    ("NMI, grouped units", "clustered.nmi_geometric"),
    ("purity, grouped units", "clustered.purity"),
    ("seam ratio", "seam_ratio"),
    ("spread at the poles", "pole_spread"),
    ("occupancy", "occupancy"),
];

/// The main result of one run in a few words.
pub(super) fn headline(record: &Record) -> String {
    if let Outcome::Diverged { iteration } = record.outcome {
        return format!("diverged at iteration {iteration}");
    }
    let names = [
        ("error", "reconstruction_error"),
        ("trustworthiness", "trustworthiness"),
        ("accuracy", "accuracy"),
    ];
    let words = names.iter().filter_map(|(word, metric)| {
        let value = record.metric(metric)?;
        Some(format!("{word} {value:.4}"))
    });
    words.collect::<Vec<_>>().join("  ")
}

/// Metric by metric, variant by variant.
pub(super) fn comparisons(results: &Results) -> Vec<Comparison> {
    measured(results, &SHOWN)
}

/// Metrics, by title and name in records, one after the other, variant by variant; what none of a variant's runs
/// has is left out.
pub(super) fn measured(results: &Results, shown: &[(&str, &str)]) -> Vec<Comparison> {
    let mut rows = Vec::new();
    for &(title, metric) in shown {
        for variant in &results.variants {
            let mut runs = variant.records.iter();
            if !runs.any(|run| run.metrics.contains_key(metric)) {
                continue;
            }
            rows.push(Comparison::of(title, metric, variant, None));
        }
    }
    rows
}

/// What to know when reading the table.
pub(super) fn caption(results: &Results) -> String {
    results.caption(
        "The draft has no numbers. Held-out rows; errors are mean squares. Sharpness: 1 is that of the data.\n\
         Trustworthiness and continuity of the 12 nearest, label agreement of the 10 nearest among 2000 rows\n\
         (or all there are), with the distance of the latent space; the map's codes are places on its lattice.\n\
         Accuracy, NMI (geometric) and purity of k-means on embedded codes; k-means on pixels sees all rows.",
        told(results, "Collapsed into a single image, or onto a single node"),
    )
}

/// The kernel's final width of a variant of the sweep; SOAE in the plane itself is one of its points.
fn final_width(id: &str, variants: &[VariantRecords]) -> Option<f64> {
    let (set, name) = id.split_once('/')?;
    if name == "soae-r2" {
        let sweep = format!("{set}/sigma=");
        let mut all = variants.iter();
        return all.any(|one| one.id.starts_with(&sweep)).then_some(MIDDLE);
    }
    name.strip_prefix("sigma=")?.parse().ok()
}

/// Sharpness and trustworthiness against the kernel's final width, where there are such runs.
///
/// # Errors
/// If the figure cannot be drawn.
pub(super) fn sensitivity(results: &Results) -> Result<Vec<(String, Figure)>, crate::Error> {
    let metrics = [
        (
            "sharpness of reconstructions",
            "reconstruction_sharpness",
            true,
        ),
        ("trustworthiness", "trustworthiness", true),
    ];
    let panels = metrics.map(|(title, metric, higher_is_better)| {
        let points = results.variants.iter().filter_map(|variant| {
            let x = final_width(&variant.id, &results.variants)?;
            let values = variant.summary(metric);
            (!variant.records.is_empty()).then(|| Point {
                x,
                mean: values.mean.unwrap_or(f64::NAN),
                sd: values.sd,
                runs: variant
                    .records
                    .iter()
                    .map(|record| drawn(record, metric))
                    .collect(),
            })
        });
        Panel {
            metric: title.to_owned(),
            higher_is_better,
            range: (0.5, 1.0),
            ours: points.collect(),
            published: Vec::new(),
            baselines: Vec::new(),
        }
    });
    if panels.iter().all(|panel| panel.ours.is_empty()) {
        return Ok(Vec::new());
    }
    let figure = Sweep {
        title: "SOAE in the plane: the kernel's final width".to_owned(),
        parameter: "\u{3c3} at the end".to_owned(),
        scale: Scale::Log,
        panels: panels.into(),
        caption: "Codes of two numbers, held-out rows. Sharpness 1 is that of the data.".to_owned(),
        note: results.note(),
    };
    Ok(vec![("sigma".to_owned(), figure.draw()?)])
}

/// `seed 0`; if runs of the variant collapsed, `seed 5, which did not collapse (4 of 6 runs did)`.
pub(super) fn named(variant: &VariantRecords, record: &Record) -> String {
    let collapsed = variant.records.iter().filter(|one| one.is_collapsed());
    let ended = ended(
        record.is_collapsed(),
        collapsed.count(),
        variant.records.len(),
    );
    format!("seed {}{ended}", record.identity.seed)
}

/// How the run that is drawn ended, where some of the variant's runs collapsed.
fn ended(collapsed: bool, of_all: usize, runs: usize) -> String {
    match (collapsed, of_all) {
        (_, 0) => String::new(),
        (true, 1) if runs == 1 => ", which collapsed".to_owned(),
        (true, _) => format!(", which collapsed ({of_all} of {runs} runs did)"),
        (false, _) => format!(", which did not collapse ({of_all} of {runs} runs did)"),
    }
}

/// The variants of each data set, in their order.
pub(super) fn data_sets(results: &Results) -> Vec<(&str, Vec<&VariantRecords>)> {
    let mut sets: Vec<(&str, Vec<&VariantRecords>)> = Vec::new();
    for variant in &results.variants {
        let set = variant.id.split('/').next().unwrap_or_default();
        match sets.iter_mut().find(|(known, _)| *known == set) {
            Some((_, variants)) => variants.push(variant),
            None => sets.push((set, vec![variant])),
        }
    }
    sets
}

/// A curve of a record as points; those that are not numbers break it.
pub(super) fn line(record: &Record, name: &str) -> Option<Vec<(f64, f64)>> {
    let values = record.curves.values.get(name)?;
    let points = record.curves.iteration.iter().zip(values);
    let points = points.map(|(&x, &y)| (x as f64, y.unwrap_or(f64::NAN)));
    Some(points.collect())
}

/// The losses of both passes and the kernel's width, a figure for each SOAE.
///
/// # Errors
/// If a figure cannot be drawn.
pub(super) fn losses(results: &Results) -> Result<Vec<(String, Figure)>, crate::Error> {
    let mut figures = Vec::new();
    for variant in &results.variants {
        let Some(record) = variant.completed().next() else {
            continue;
        };
        let line = |name: &str| line(record, name);
        let (Some(wake), Some(sleep), Some(sigma)) = (line("wake"), line("sleep"), line("sigma"))
        else {
            continue;
        };
        let panel = |y_label: &str, series| CurvePanel {
            y_label: y_label.to_owned(),
            log_y: true,
            series,
        };
        let figure = Curves {
            title: format!("{}: both passes and the kernel", variant.id),
            x_label: "iteration".to_owned(),
            panels: vec![
                panel(
                    "mean squared error of a batch",
                    vec![
                        ("wake: G at neighbours".to_owned(), wake),
                        ("sleep: C".to_owned(), sleep),
                    ],
                ),
                panel("\u{3c3}", vec![("\u{3c3}(t)".to_owned(), sigma)]),
            ],
            caption: format!("One run, {}.", named(variant, record)),
            note: results.note(),
        };
        figures.push((
            format!("losses-{}", variant.id.replace('/', "-")),
            figure.draw()?,
        ));
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soae_in_the_plane_is_the_sweep_s_middle_where_there_is_a_sweep() {
        let ids = ["mnist/soae-r2", "mnist/sigma=0.4", "fashion-mnist/soae-r2"];
        let variants = ids.map(|id| VariantRecords {
            id: id.to_owned(),
            planned: 1,
            records: Vec::new(),
        });
        let widths = ids.map(|id| final_width(id, &variants));
        assert_eq!(widths, [Some(MIDDLE), Some(0.4), None]);
        assert_eq!(final_width("mnist/ae-2", &variants), None);
    }

    #[test]
    fn captions_say_how_often_a_variant_collapsed() {
        assert_eq!(ended(false, 0, 3), "");
        assert_eq!(ended(true, 1, 1), ", which collapsed");
        assert_eq!(ended(true, 2, 3), ", which collapsed (2 of 3 runs did)");
        assert_eq!(
            ended(false, 2, 3),
            ", which did not collapse (2 of 3 runs did)"
        );
    }
}
