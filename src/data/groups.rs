//! HDF5 files with a train and a test half, as USPS comes: groups `train` and `test`, each with `data` and
//! `target`.

use std::path::Path;

use super::error::Error;
use super::format::{self, Labels, Options};
use super::manifest::Entry;

/// Features, row-major, and labels of both halves, the train half first.
///
/// # Errors
/// [`Error::Unreadable`] if the file is not what it should be; [`Error::Format`] if its shape is not the one
/// in the manifest, or a label is beyond the classes.
pub(super) fn parse(entry: &Entry, contents: Vec<Vec<u8>>) -> Result<(Vec<f32>, Vec<u8>), Error> {
    let (mut features, mut labels) = (Vec::new(), Vec::new());
    for (file, bytes) in entry.files.iter().zip(contents) {
        let name = format!("{}/{}", entry.id, file.name);
        for (group, rows) in [("train", entry.train_rows), ("test", entry.test_rows)] {
            let wrong = |message: String| Error::Format {
                file: format!("{name}, group {group}"),
                byte: 0,
                message,
            };
            let options = Options {
                features: Some(format!("{group}/data")),
                labels: Labels::Named(format!("{group}/target")),
                ..Options::default()
            };
            let half = format::parse(Path::new(&name), bytes.clone(), &options)?;
            if (half.rows, half.dims()) != (rows, entry.dims()) {
                let (own, dims) = (half.rows, half.dims());
                let expected = entry.dims();
                return Err(wrong(format!(
                    "{own} rows of {dims} values, expected {rows} of {expected}"
                )));
            }
            for (row, label) in half.labels.iter().flatten().enumerate() {
                let known = u8::try_from(*label).ok();
                let Some(label) = known.filter(|label| usize::from(*label) < entry.classes) else {
                    let last = entry.classes.saturating_sub(1);
                    return Err(wrong(format!(
                        "row {row} has label {label}, but the last class is {last}"
                    )));
                };
                labels.push(label);
            }
            let divisor = f32::from(entry.divisor);
            features.extend(half.features.iter().map(|value| value / divisor));
        }
    }
    Ok((features, labels))
}
