//! Comma-separated numbers, a row a line, with a header or without.
//!
//! The first line is a header if any of its fields is not a number.

use csv::{ByteRecord, Reader, ReaderBuilder, Trim};

use super::numbers::{Features, whole_number};
use super::unreadable::{Origin, Unreadable};
use super::{LABEL_NAMES, Labels, there_are};

pub(super) fn parse(
    origin: Origin<'_>,
    bytes: &[u8],
    labels: &Labels,
    limit: u64,
) -> Result<(Features, Option<Vec<i64>>), Unreadable> {
    let mut lines = Lines::open(origin, bytes)?;
    let label_column = lines.label_column(labels)?;
    let columns = lines.first.len();
    let dims = columns - usize::from(label_column.is_some());
    if dims == 0 {
        return Err(origin.line(1, "there is no column but that of the labels".to_owned()));
    }
    let mut values = Vec::new();
    let mut classes = Vec::new();
    while let Some((line, record)) = lines.next()? {
        if record.len() != columns {
            let count = record.len();
            return Err(origin.line(
                line,
                format!("{count} columns, but the first line has {columns}"),
            ));
        }
        for (column, field) in record.iter().enumerate() {
            if Some(column) == label_column {
                classes.push(integer(origin, line, column, field)?);
            } else {
                values.push(number(origin, line, column, field)?);
            }
        }
        origin.within(4 * values.len() as u64, limit, "its features")?;
    }
    let rows = values.len() / dims;
    if rows == 0 {
        return Err(origin.line(1, "there is no row of numbers".to_owned()));
    }
    let features = Features {
        values,
        rows,
        row_shape: vec![dims],
    };
    Ok((features, label_column.map(|_| classes)))
}

/// The labels in a file of their own: its one column, or the one called as labels are.
pub(super) fn labels(origin: Origin<'_>, bytes: &[u8]) -> Result<Vec<i64>, Unreadable> {
    let mut lines = Lines::open(origin, bytes)?;
    let column = match (lines.first.len(), lines.label_column(&Labels::Found)?) {
        (1, _) => 0,
        (_, Some(column)) => column,
        (count, None) => {
            return Err(origin.line(1, format!("{count} columns; which has the labels?")));
        }
    };
    let mut labels = Vec::new();
    while let Some((line, record)) = lines.next()? {
        labels.push(integer(
            origin,
            line,
            column,
            record.get(column).unwrap_or_default(),
        )?);
    }
    Ok(labels)
}

struct Lines<'a> {
    origin: Origin<'a>,
    bytes: &'a [u8],
    reader: Reader<&'a [u8]>,
    /// The first line, which may be the header.
    first: ByteRecord,
    has_header: bool,
    /// The first line is still to be handed out.
    starts: bool,
    record: ByteRecord,
}

impl<'a> Lines<'a> {
    fn open(origin: Origin<'a>, bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(Trim::All)
            .from_reader(bytes);
        let mut first = ByteRecord::new();
        let more = reader.read_byte_record(&mut first);
        if !more.map_err(|error| origin.line(1, error.to_string()))? {
            return Err(origin.byte(0, "there is no line".to_owned()));
        }
        let is_number = |field: &[u8]| field.is_empty() || parsed::<f64>(field).is_some();
        let has_header = !first.iter().all(is_number);
        Ok(Self {
            origin,
            bytes,
            reader,
            first,
            has_header,
            starts: !has_header,
            record: ByteRecord::new(),
        })
    }

    /// The next line of numbers, with its number.
    fn next(&mut self) -> Result<Option<(u64, &ByteRecord)>, Unreadable> {
        if std::mem::take(&mut self.starts) {
            return Ok(Some((line_of(self.bytes, &self.first), &self.first)));
        }
        let line = self.reader.position().line();
        let more = self.reader.read_byte_record(&mut self.record);
        let more = more.map_err(|error| self.origin.line(line, error.to_string()))?;
        Ok(more.then(|| (line_of(self.bytes, &self.record), &self.record)))
    }

    fn label_column(&self, labels: &Labels) -> Result<Option<usize>, Unreadable> {
        let find = |name: &str| self.first.iter().position(|field| field == name.as_bytes());
        match labels {
            Labels::Last => Ok(self.first.len().checked_sub(1)),
            Labels::Found if self.has_header => Ok(LABEL_NAMES.iter().find_map(|name| find(name))),
            Labels::Found | Labels::Absent | Labels::File(_) => Ok(None),
            Labels::Named(name) if self.has_header => find(name).map(Some).ok_or_else(|| {
                let known: Vec<String> = self.first.iter().map(shortened).collect();
                let known = there_are(&known);
                self.origin
                    .line(1, format!("no column is called `{name}`; {known}"))
            }),
            Labels::Named(name) => Err(self.origin.line(
                1,
                format!(
                    "there is no header, so no column is called `{name}`; ask for the last one"
                ),
            )),
        }
    }
}

/// The line on which a record starts. The reader has it start before the empty lines that it skips.
fn line_of(bytes: &[u8], record: &ByteRecord) -> u64 {
    let Some(position) = record.position() else {
        return 1;
    };
    let rest = bytes.get(position.byte() as usize..).unwrap_or_default();
    let ends = rest.iter().take_while(|byte| b"\r\n".contains(byte));
    position.line() + ends.filter(|&&byte| byte == b'\n').count() as u64
}

fn parsed<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

fn number(origin: Origin<'_>, line: u64, column: usize, field: &[u8]) -> Result<f32, Unreadable> {
    let value = parsed::<f32>(field).filter(|value| value.is_finite());
    value.ok_or_else(|| wrong(origin, line, column, field, "a finite number"))
}

fn integer(origin: Origin<'_>, line: u64, column: usize, field: &[u8]) -> Result<i64, Unreadable> {
    // As NumPy writes integers among floats: 3.000000000000000000e+00.
    let whole = || whole_number(parsed::<f64>(field)?);
    let value = parsed::<i64>(field).or_else(whole);
    value.ok_or_else(|| wrong(origin, line, column, field, "an integer label"))
}

fn wrong(origin: Origin<'_>, line: u64, column: usize, field: &[u8], wanted: &str) -> Unreadable {
    let (column, field) = (column + 1, shortened(field));
    origin.line(
        line,
        format!("column {column} is `{field}`, expected {wanted}"),
    )
}

/// A field as it is shown in errors.
fn shortened(field: &[u8]) -> String {
    let text = String::from_utf8_lossy(field);
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text.into_owned(),
    }
}
