//! What `desom-pretrain` shows of its results: the comparison with Fig. 2, the figure, the losses at the
//! start of joint training, and what pretraining costs.

use std::collections::BTreeMap;

use super::gamma_shown::{DIGITISED, SHOWN, Shown};
use super::pretrain::{PLAIN, PRETRAINED};
use crate::claims::{Published, Value};
use crate::plot::{Bar, BarGroup, Bars, CurvePanel, Curves};
use crate::replication::{Profile, Results};
use crate::report::Comparison;
use crate::report::endings::told;
use crate::runs::{Outcome, Record};
use crate::words;

/// Metrics of the start of joint training: only runs that begin pretrained have them.
const START: [(&str, &str); 2] = [
    (
        "rise of the reconstruction loss",
        "joint_start.reconstruction_rise",
    ),
    (
        "fall from there to the end",
        "joint_start.reconstruction_fall",
    ),
];

/// Whether the published values stand beside ours: not for other data.
fn comparable(results: &Results) -> bool {
    results.profile != Profile::Smoke && !results.is_altered("validation")
}

fn title(variant: &str) -> &'static str {
    match variant {
        PRETRAINED => "pretrained",
        _ => "not pretrained",
    }
}

/// Metric by metric, variant by variant; then what happens at the start of joint training.
pub(super) fn comparisons(
    replication: &str,
    results: &Results,
    published: &Published,
) -> Vec<Comparison> {
    let mut rows = Vec::new();
    let mut row = |title: &str, metric: &str, variant: &str, value: Option<&Value>| {
        let Some(records) = results.variants.iter().find(|one| one.id == variant) else {
            return;
        };
        rows.push(Comparison::of(title, metric, records, value));
    };
    for Shown { title, metric, .. } in SHOWN {
        for variant in [PLAIN, PRETRAINED] {
            let value = published.value(replication, variant, metric);
            row(
                title,
                metric,
                variant,
                value.filter(|_| comparable(results)),
            );
        }
    }
    for variant in [PLAIN, PRETRAINED] {
        row("reconstruction loss", "reconstruction_loss", variant, None);
    }
    for (title, metric) in START {
        row(title, metric, PRETRAINED, None);
    }
    rows
}

/// Fig. 2 of the additional material, the published bars beside ours.
pub(super) fn bars(replication: &str, results: &Results, published: &Published) -> Bars {
    let variants = [PLAIN, PRETRAINED];
    let groups = SHOWN.iter().map(|shown| {
        let ours = variants.map(|variant| {
            let summary = results.summary(variant, shown.metric);
            Bar {
                mean: summary.mean.unwrap_or(f64::NAN),
                sd: summary.sd,
                n: summary.values.len(),
            }
        });
        let published = variants.map(|variant| {
            let value = published.value(replication, variant, shown.metric);
            value.filter(|_| comparable(results)).map(|value| Bar {
                mean: value.mean,
                sd: value.sample_sd(),
                n: value.n.unwrap_or(0) as usize,
            })
        });
        BarGroup {
            metric: shown.title.to_owned(),
            ours: ours.into(),
            published: published.into(),
        }
    });
    let after = if comparable(results) {
        "After Forest et al. (2019), additional material, Fig. 2. "
    } else {
        ""
    };
    Bars {
        title: format!(
            "DESOM on {}: with and without pretraining",
            results.data_title
        ),
        settings: variants.map(|variant| title(variant).to_owned()).into(),
        groups: groups.collect(),
        top: 1.0,
        caption: format!(
            "{after}Accuracy after k-means on the prototypes; purity, NMI (geometric) and ARI of the best \
             matching units{}",
            collapsed(results)
        ),
        note: results.note(),
    }
}

/// `. Collapsed onto a single unit, counted in the means: pretrained (1 of 3 runs)`, or nothing.
fn collapsed(results: &Results) -> String {
    let places = [PLAIN, PRETRAINED].into_iter().filter_map(|variant| {
        let records = results.records(variant);
        let count = records
            .iter()
            .filter(|record| record.is_collapsed())
            .count();
        let all = records.len();
        (count > 0).then(|| format!("{} ({count} of {all} runs)", title(variant)))
    });
    let places: Vec<String> = places.collect();
    if places.is_empty() {
        return String::new();
    }
    format!(
        ". Collapsed onto a single unit, counted in the means: {}",
        places.join("; ")
    )
}

/// The reconstruction loss of a run over the first iterations of joint training; `None` where it was not
/// followed.
fn start_of(record: &Record) -> Option<(&[u64], &[Option<f64>])> {
    let start = record.curves.start.as_deref()?;
    let losses = start.values.get("reconstruction")?;
    Some((&start.iteration, losses))
}

/// The reconstruction loss over the first iterations of joint training, the mean over runs; `None` if no
/// run was followed that closely.
pub(super) fn joint_start(results: &Results) -> Option<Curves> {
    let mut series = Vec::new();
    for variant in [PLAIN, PRETRAINED] {
        let records = results.records(variant);
        let starts: Vec<_> = records.iter().filter_map(start_of).collect();
        let Some(length) = starts.iter().map(|(iterations, _)| iterations.len()).min() else {
            continue;
        };
        let points = (0..length).map(|index| {
            let losses = starts
                .iter()
                .map(|(_, losses)| losses[index].unwrap_or(f64::NAN));
            let mean = losses.sum::<f64>() / starts.len() as f64;
            (starts[0].0[index] as f64, mean)
        });
        let name = format!(
            "{}, mean of {}",
            title(variant),
            words::count(starts.len(), "run")
        );
        series.push((name, points.collect()));
    }
    (!series.is_empty()).then(|| Curves {
        title: format!("DESOM on {}: the start of joint training", results.data_title),
        x_label: "iteration of joint training".to_owned(),
        panels: vec![CurvePanel {
            y_label: "reconstruction loss of the batch (mean squared error)".to_owned(),
            log_y: true,
            series,
        }],
        caption: format!(
            "The paper says that after pretraining \"the reconstruction loss quickly increases, before \
             decreasing again\". All runs see the same batches. {}",
            rise(results)
        ),
        note: results.note(),
    })
}

/// `Rise 1.5 (n = 3).`, in words; empty without runs.
fn rise(results: &Results) -> String {
    let [rise, fall] = START.map(|(_, metric)| results.summary(PRETRAINED, metric));
    match (rise.mean, fall.mean) {
        (Some(highest), Some(end)) => format!(
            "The highest mean over ten iterations of the pretrained runs is {highest:.2} times their first \
             loss, and the loss at the end {end:.2} times that highest one (means over n = {})",
            rise.values.len()
        ),
        _ => String::new(),
    }
}

/// What pretraining costs, from the records' parts.
fn cost(results: &Results) -> Option<String> {
    let records = results.records(PRETRAINED);
    let records: Vec<_> = records.iter().filter(|one| !one.parts.is_empty()).collect();
    let parts = records.iter().flat_map(|record| &record.parts);
    // One may be what several runs begin with.
    let before: BTreeMap<_, f64> = parts
        .map(|part| (part.key.as_str(), part.training_seconds))
        .collect();
    if before.is_empty() {
        return None;
    }
    let mean = |times: &[f64]| times.iter().sum::<f64>() / times.len() as f64;
    let joint = records.iter().map(|one| one.provenance.training_seconds);
    let (before, joint) = (
        before.into_values().collect::<Vec<_>>(),
        joint.collect::<Vec<_>>(),
    );
    let time = |seconds: f64| {
        words::duration(std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default())
    };
    Some(format!(
        "Pretraining took {} ({}), the joint training after it {} a run (mean of {}, each where it was \
         trained).",
        time(mean(&before)),
        match before.len() {
            1 if joint.len() > 1 => "once, for all runs".to_owned(),
            1 => "1 autoencoder".to_owned(),
            several => format!("mean of {several}"),
        },
        time(mean(&joint)),
        words::count(joint.len(), "run")
    ))
}

/// What to know when reading the table.
pub(super) fn caption(results: &Results) -> String {
    let mut lines = Vec::from_iter(cost(results));
    if comparable(results) {
        lines.push(DIGITISED.to_owned());
    }
    let not_followed = [PLAIN, PRETRAINED].map(|variant| {
        let records = results.records(variant).iter();
        records
            .filter(|record| record.outcome == Outcome::Completed && start_of(record).is_none())
            .count()
    });
    let not_followed: usize = not_followed.iter().sum();
    if not_followed > 0 {
        lines.push(format!(
            "{} made by an earlier version, which did not note every loss at the start.",
            words::count(not_followed, "run")
        ));
    }
    lines.extend(told(results, "Collapsed onto a single unit"));
    results.caption(
        "Accuracy (best one-to-one matching of clusters to classes) after k-means on the \
         prototypes;\npurity, NMI (geometric normalisation) and ARI of the best matching units.\n\
         Rise: highest mean over ten of the first 500 iterations over the loss at the start; fall: loss \
         at the end\nover that highest mean.",
        lines,
    )
}
