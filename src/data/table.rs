//! Comma-separated tables, as of the optical digits: the values of a row, then its label.

use super::error::Error;

/// The values (row-major, `rows` x `dims`, none above `maximum`) and labels, each below `classes`,
/// of a table. `file` is its name in errors.
///
/// # Errors
/// [`Error::Format`] with the byte where the file is not what it should be.
pub fn parse(
    file: &str,
    bytes: &[u8],
    rows: usize,
    dims: usize,
    maximum: u8,
    classes: usize,
) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(bytes);
    let mut values = Vec::with_capacity(rows.saturating_mul(dims).min(bytes.len()));
    let mut labels = Vec::with_capacity(rows.min(bytes.len()));
    let mut record = csv::ByteRecord::new();
    loop {
        let byte = reader.position().byte();
        let row = labels.len();
        let wrong = |message: String| Error::Format {
            file: file.to_owned(),
            byte,
            message: format!("row {row}: {message}"),
        };
        let more = reader
            .read_byte_record(&mut record)
            .map_err(|error| wrong(error.to_string()))?;
        if !more {
            break;
        }
        if row == rows {
            return Err(wrong(format!("only {rows} rows were expected")));
        }
        if record.len() != dims + 1 {
            let count = record.len();
            return Err(wrong(format!("{count} columns, expected {}", dims + 1)));
        }
        for (column, field) in record.iter().enumerate() {
            let limit = if column < dims {
                maximum as usize
            } else {
                classes.saturating_sub(1)
            };
            let number = std::str::from_utf8(field)
                .ok()
                .and_then(|text| text.parse::<u8>().ok())
                .filter(|&number| number as usize <= limit)
                .ok_or_else(|| {
                    let text = String::from_utf8_lossy(field);
                    wrong(format!(
                        "column {column} is `{text}`, expected an integer from 0 to {limit}"
                    ))
                })?;
            if column < dims {
                values.push(number);
            } else {
                labels.push(number);
            }
        }
    }
    if labels.len() == rows {
        Ok((values, labels))
    } else {
        Err(Error::Format {
            file: file.to_owned(),
            byte: bytes.len() as u64,
            message: format!("{} rows, expected {rows}", labels.len()),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn parse_two(text: &str) -> Result<(Vec<u8>, Vec<u8>), Error> {
        parse("t", text.as_bytes(), 2, 3, 16, 10)
    }

    #[test]
    fn the_last_column_is_the_label() {
        let (values, labels) = parse_two("0,1,16,9\n2,3,4,0\n").unwrap();
        assert_eq!(values, [0, 1, 16, 2, 3, 4]);
        assert_eq!(labels, [9, 0]);
    }

    #[test]
    fn errors_name_byte_row_and_column() {
        for (text, expected) in [
            ("0,1,16,9\n", "t, byte 9: 1 rows, expected 2"),
            (
                "0,1,16,9\n0,1,17,9\n",
                "t, byte 9: row 1: column 2 is `17`, expected an integer from 0 to 16",
            ),
            (
                "0,1,16,10\n",
                "t, byte 0: row 0: column 3 is `10`, expected an integer from 0 to 9",
            ),
            (
                "0,x,16,9\n",
                "t, byte 0: row 0: column 1 is `x`, expected an integer from 0 to 16",
            ),
            ("0,1,9\n", "t, byte 0: row 0: 3 columns, expected 4"),
            (
                "0,1,2,3\n0,1,2,3\n0,1,2,3\n",
                "t, byte 16: row 2: only 2 rows were expected",
            ),
        ] {
            assert_eq!(parse_two(text).unwrap_err().to_string(), expected);
        }
        let ragged = parse_two("0,1,2,3\n0,1\n").unwrap_err().to_string();
        assert!(ragged.starts_with("t, byte 8: row 1: "), "{ragged}");
    }
}
