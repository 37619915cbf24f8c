//! The log of a training: one row for each look at it, as CSV and for `TensorBoard`.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Error, EventFile};
use crate::files::write_whole;

/// `log.csv` in a training's folder, and event files in its `tensorboard`.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    events: PathBuf,
    /// Where the training goes on from.
    start: u64,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    events: EventFile,
}

impl Log {
    /// The log in `folder`; nothing is touched before the first row.
    pub fn new(folder: &Path) -> Self {
        Self {
            path: folder.join("log.csv"),
            events: folder.join("tensorboard"),
            start: 0,
            open: None,
        }
    }

    /// Says that the training goes on from `iteration`: rows before it are kept, later ones go.
    pub fn continue_at(&mut self, iteration: u64) {
        self.start = iteration;
    }

    /// Adds a row; values that are not finite are left empty. All rows have the same columns.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn push(&mut self, iteration: u64, row: &[(String, f64)]) -> Result<(), Error> {
        let fail = Error::io("write", &self.path);
        if self.open.is_none() {
            self.open = Some(self.open(row)?);
        }
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let mut line = iteration.to_string();
        for (_, value) in row {
            line.push(',');
            if value.is_finite() {
                line += &value.to_string();
            }
        }
        line.push('\n');
        open.file.write_all(line.as_bytes()).map_err(fail)?;
        let values = row.iter().map(|(name, value)| (name.as_str(), *value));
        let fail = Error::io("write", &self.events);
        open.events.scalars(iteration, values).map_err(fail)
    }

    /// Rewrites the file with the rows that stay, and opens it for more.
    fn open(&self, row: &[(String, f64)]) -> Result<Open, Error> {
        let mut text = "iteration".to_owned();
        for (name, _) in row {
            text += &format!(",{name}");
        }
        text.push('\n');
        if self.start > 0 {
            // A log that is gone is no reason not to go on.
            let old = fs::read_to_string(&self.path).unwrap_or_default();
            for line in old.lines().skip(1) {
                let number = line.split(',').next().and_then(|text| text.parse().ok());
                if number.is_some_and(|number: u64| number < self.start) {
                    text += line;
                    text.push('\n');
                }
            }
        }
        write_whole(&self.path, text.as_bytes()).map_err(Error::io("write", &self.path))?;
        let file = File::options().append(true).open(&self.path);
        let events = EventFile::begin(&self.events, self.start);
        Ok(Open {
            file: file.map_err(Error::io("write", &self.path))?,
            events: events.map_err(Error::io("write", &self.events))?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn row(value: f64) -> Vec<(String, f64)> {
        vec![("L".to_owned(), value), ("silhouette".to_owned(), f64::NAN)]
    }

    #[test]
    fn a_log_goes_on_where_the_training_does() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::new(folder.path());
        for iteration in [0, 10, 20] {
            log.push(iteration, &row(0.5)).unwrap();
        }
        drop(log);
        // Resumed after 15 steps: the row of iteration 20 will be written again.
        let mut log = Log::new(folder.path());
        log.continue_at(15);
        log.push(20, &row(0.25)).unwrap();
        let text = fs::read_to_string(folder.path().join("log.csv")).unwrap();
        assert_eq!(text, "iteration,L,silhouette\n0,0.5,\n10,0.5,\n20,0.25,\n");
        // Begun anew: nothing of it stays.
        Log::new(folder.path()).push(0, &row(1.0)).unwrap();
        let text = fs::read_to_string(folder.path().join("log.csv")).unwrap();
        assert_eq!(text, "iteration,L,silhouette\n0,1,\n");
    }
}
