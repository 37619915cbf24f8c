//! Every value of every run: one CSV row for each run and metric.

use crate::replication::VariantRecords;

/// The columns `variant, seed, metric, value, outcome, run, training_seconds`; an undefined value is
/// an empty cell, and a run without any, a diverged one, has one row with neither.
///
/// # Errors
/// If the writer fails, which it does not in memory.
pub fn write(variants: &[VariantRecords]) -> Result<Vec<u8>, std::io::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "variant",
        "seed",
        "metric",
        "value",
        "outcome",
        "run",
        "training_seconds",
    ])?;
    for variant in variants {
        for record in &variant.records {
            let outcome = super::gather::outcome(&variant.id, record);
            let mut row = |metric: &str, value: Option<f64>| {
                writer.write_record([
                    &variant.id,
                    &record.identity.seed.to_string(),
                    metric,
                    &value.map(|value| value.to_string()).unwrap_or_default(),
                    &outcome,
                    record.key.as_str(),
                    &format!("{:.3}", record.provenance.training_seconds),
                ])
            };
            if record.metrics.is_empty() {
                row("", None)?;
            }
            for (metric, value) in &record.metrics {
                row(metric, *value)?;
            }
        }
    }
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}
