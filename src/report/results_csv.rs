//! Every value of every run of a report: one CSV row for each run and metric.

use super::content::Report;

/// Columns `paper, replication, profile, note, variant, seed, metric, value, outcome, run, data,
/// data_sha256, precision, device, program, training_seconds, evaluation_seconds`. An undefined value is an empty cell; a run without any
/// value, a diverged one, has one row with neither metric nor value.
///
/// # Errors
/// If the writer fails, which it does not in memory.
pub fn write(report: &Report) -> Result<Vec<u8>, std::io::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "paper",
        "replication",
        "profile",
        "note",
        "variant",
        "seed",
        "metric",
        "value",
        "outcome",
        "run",
        "data",
        "data_sha256",
        "precision",
        "device",
        "program",
        "training_seconds",
        "evaluation_seconds",
    ])?;
    for chapter in &report.papers {
        for experiment in &chapter.experiments {
            for run in &experiment.runs {
                let mut row = |metric: &str, value: Option<f64>| {
                    writer.write_record([
                        chapter.paper.id.as_str(),
                        &experiment.id,
                        experiment.profile.name(),
                        experiment.note.as_deref().unwrap_or_default(),
                        &run.variant,
                        &run.seed.to_string(),
                        metric,
                        &value.map(|value| value.to_string()).unwrap_or_default(),
                        &run.outcome,
                        &run.key,
                        &run.data,
                        &run.data_sha256,
                        run.precision.name(),
                        &run.device,
                        &run.program,
                        &run.training_seconds.to_string(),
                        &run.evaluation_seconds.to_string(),
                    ])
                };
                if run.metrics.is_empty() {
                    row("", None)?;
                }
                for (metric, value) in &run.metrics {
                    row(metric, *value)?;
                }
            }
        }
    }
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}
