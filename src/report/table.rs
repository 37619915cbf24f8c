//! A small table, printed, as CSV, or as JSON.

use std::fmt;

use serde::Serialize;

/// A table of text cells with a caption.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Table {
    /// What it shows, n, and what stands after the sign.
    pub caption: String,
    /// The columns' heads.
    pub head: Vec<String>,
    /// The rows, one cell for each column.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// As CSV, the head first.
    ///
    /// # Errors
    /// If a row has more or fewer cells than the head.
    pub fn to_csv(&self) -> Result<Vec<u8>, std::io::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.head)?;
        for row in &self.rows {
            writer.write_record(row)?;
        }
        writer.into_inner().map_err(csv::IntoInnerError::into_error)
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.head.iter().map(|cell| cell.chars().count()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        widths
    }
}

impl fmt::Display for Table {
    /// Columns aligned: the first to the left, the others to the right.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let line = |f: &mut fmt::Formatter<'_>, cells: &[String]| {
            for (index, (cell, &width)) in cells.iter().zip(&widths).enumerate() {
                match index {
                    0 => write!(f, "{cell:<width$}")?,
                    _ => write!(f, "  {cell:>width$}")?,
                }
            }
            writeln!(f)
        };
        line(f, &self.head)?;
        let rule: usize = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
        writeln!(f, "{}", "-".repeat(rule))?;
        for row in &self.rows {
            line(f, row)?;
        }
        writeln!(f, "{}", self.caption)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn table() -> Table {
        Table {
            caption: "n = 2".into(),
            head: vec!["variant".into(), "purity".into()],
            rows: vec![vec!["a, b".into(), "0.5 \u{b1} 0.1".into()]],
        }
    }

    #[test]
    fn columns_are_aligned_by_characters() {
        let expected = "variant     purity\n------------------\na, b     0.5 \u{b1} 0.1\nn = 2\n";
        assert_eq!(table().to_string(), expected);
    }

    #[test]
    fn csv_quotes_what_needs_it() {
        let text = String::from_utf8(table().to_csv().unwrap()).unwrap();
        assert_eq!(text, "variant,purity\n\"a, b\",0.5 \u{b1} 0.1\n");
    }
}
