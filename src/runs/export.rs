//! Records without weights: enough to judge and to report, small enough to publish.

use std::path::Path;

use super::Error;
use super::record::Record;
use super::store::{Store, read};
use crate::files::{create_folder, write_whole};

/// What became of the records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// Written, because they were not there or were others.
    pub written: usize,
    /// There already, with the same bytes.
    pub unchanged: usize,
}

/// Writes `records` to the store in the folder `to`, each on one line. What else is there is left alone. Of a run that
/// is there and was made again, the claims stay those of the first time: its result may have been known since then.
///
/// # Errors
/// If the disk refuses.
pub fn export<'a>(
    records: impl IntoIterator<Item = &'a Record>,
    to: &Path,
) -> Result<Exported, Error> {
    let store = Store::new(to);
    let mut exported = Exported::default();
    for record in records {
        let folder = store.folder(&record.key);
        let path = folder.join("record.json");
        let earlier = match store.record(&record.key) {
            Err(Error::Damaged { .. }) => None,
            earlier => earlier?,
        };
        let claims = earlier.map_or_else(|| record.claims.clone(), |earlier| earlier.claims);
        let record = Record {
            claims,
            ..record.clone()
        };
        let mut text =
            serde_json::to_vec(&record).map_err(|error| Error::io("write", &path)(error.into()))?;
        text.push(b'\n');
        if read(&path)?.as_ref() == Some(&text) {
            exported.unchanged += 1;
            continue;
        }
        create_folder(&folder).map_err(Error::io("create", &folder))?;
        write_whole(&path, &text).map_err(Error::io("write", &path))?;
        exported.written += 1;
    }
    Ok(exported)
}
