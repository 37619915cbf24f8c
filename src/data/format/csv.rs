//! Numbers separated by commas, semicolons or tabs, a row a line, with a header or without; labels may be words.
//!
//! The first line is a header if any of its fields is not a number. Where only its label is a word it may be a
//! row: it is one if that word is among the labels below, for names of columns are not.

use csv::{ByteRecord, Reader, ReaderBuilder, Trim};

use super::numbers::{Features, whole_number};
use super::unreadable::{Origin, Unreadable};
use super::{LABEL_NAMES, Labelling, Labels, there_are};

/// The column of `replicate predict` that says which group of prototypes a row belongs to.
const CLUSTER: &str = "cluster";

pub(super) fn parse(
    origin: Origin<'_>,
    bytes: &[u8],
    labels: &Labels,
    limit: u64,
) -> Result<(Features, Option<Labelling>), Unreadable> {
    let mut lines = Lines::open(origin, bytes)?;
    let label_column = lines.label_column(labels)?;
    let first = lines.first.clone();
    let columns = first.fields.len();
    let dims = columns - usize::from(label_column.is_some());
    if dims == 0 {
        return Err(origin.line(1, "there is no column but that of the labels".to_owned()));
    }
    let mut values = Vec::new();
    let mut found = Column::default();
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
                found.push(origin, line, column, field)?;
            } else {
                let value = number(field).ok_or_else(|| {
                    let wanted = format!("a finite number{}", first.way_on(column, field, labels));
                    wrong(origin, line, column, field, &wanted)
                });
                values.push(value?);
            }
        }
        origin.within(4 * values.len() as u64, limit, "its features")?;
    }
    if let Some((numbers, word)) = label_column.and_then(|label| first.as_row(label, &found)) {
        values.splice(0..0, numbers);
        found.put_first(word);
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
    Ok((features, label_column.map(|_| found.labelling())))
}

/// The labels in a file of their own: its one column, or the one called as labels are.
pub(super) fn labels(origin: Origin<'_>, bytes: &[u8]) -> Result<Labelling, Unreadable> {
    let mut lines = Lines::open(origin, bytes)?;
    let first = lines.first.clone();
    // What `replicate predict` writes is read too.
    let found = lines.label_column(&Labels::Found)?;
    let found = found.or_else(|| first.called(CLUSTER));
    let column = match (first.fields.len(), found) {
        (1, _) => 0,
        (_, Some(column)) => column,
        (count, None) => {
            let names = LABEL_NAMES.join(", ");
            return Err(origin.line(
                1,
                format!("{count} columns, none of which is called {names} or {CLUSTER}: which has the labels?"),
            ));
        }
    };
    let mut labels = Column::default();
    while let Some((line, record)) = lines.next()? {
        labels.push(origin, line, column, record.get(column).unwrap_or_default())?;
    }
    if let Some((_, word)) = first.as_row(column, &labels) {
        labels.put_first(word);
    }
    Ok(labels.labelling())
}

/// A column of labels: all of them numbers, or all of them words. One word among numbers is a slip.
#[derive(Default)]
enum Column {
    #[default]
    Empty,
    Numbers(Vec<i64>),
    Words(Vec<String>),
}

impl Column {
    fn push(
        &mut self,
        origin: Origin<'_>,
        line: u64,
        column: usize,
        field: &[u8],
    ) -> Result<(), Unreadable> {
        let refused = |wanted| Err(wrong(origin, line, column, field, wanted));
        let word = std::str::from_utf8(field).ok();
        let word = word.filter(|word| !word.is_empty() && !is_number(field));
        match (self, integer(field), word) {
            (Self::Words(_), _, None) => return refused("a word, as the labels before it are"),
            (Self::Words(words), _, Some(word)) => words.push(word.to_owned()),
            (Self::Numbers(numbers), Some(number), _) => numbers.push(number),
            (empty @ Self::Empty, Some(number), _) => *empty = Self::Numbers(vec![number]),
            (empty @ Self::Empty, None, Some(word)) => *empty = Self::Words(vec![word.to_owned()]),
            _ => return refused("an integer label"),
        }
        Ok(())
    }

    /// Whether it has this word.
    fn has(&self, word: &str) -> bool {
        matches!(self, Self::Words(words) if words.iter().any(|known| known == word))
    }

    fn put_first(&mut self, word: String) {
        if let Self::Words(words) = self {
            words.insert(0, word);
        }
    }

    fn labelling(self) -> Labelling {
        match self {
            Self::Empty => Labelling::default(),
            Self::Numbers(numbers) => numbers.into(),
            Self::Words(words) => Labelling::of_words(&words),
        }
    }
}

/// The first line of a file.
#[derive(Clone)]
struct First {
    fields: ByteRecord,
    /// A field is not a number, so that it is the header, or a row whose label is a word.
    has_word: bool,
}

impl First {
    fn new(fields: ByteRecord) -> Self {
        Self {
            has_word: !fields.iter().all(is_number),
            fields,
        }
    }

    /// Fields of all columns but one, as finite numbers; `None` if one is not.
    fn numbers_without(&self, column: usize) -> Option<Vec<f32>> {
        let others = self.fields.iter().enumerate();
        let others = others.filter(|&(other, _)| other != column);
        others.map(|(_, field)| number(field)).collect()
    }

    /// The column that is called so.
    fn called(&self, name: &str) -> Option<usize> {
        let mut fields = self.fields.iter();
        fields.position(|field| field == name.as_bytes())
    }

    /// The line as a row, if it is one: what is not in column `label`, and the word there, which is among
    /// the labels below.
    fn as_row(&self, label: usize, labels: &Column) -> Option<(Vec<f32>, String)> {
        let word = std::str::from_utf8(self.fields.get(label)?).ok()?;
        let is_row = self.has_word && labels.has(word);
        is_row.then(|| Some((self.numbers_without(label)?, word.to_owned())))?
    }

    /// What helps if a word in a column of features is the label, where nobody has said which column has them.
    fn way_on(&self, column: usize, field: &[u8], labels: &Labels) -> String {
        let is_last = column + 1 == self.fields.len();
        if *labels != Labels::Found || is_number(field) {
            return String::new();
        }
        let option = match self.fields.get(column) {
            Some(name) if self.numbers_without(column).is_none() => shortened(name),
            _ if is_last => "last".to_owned(),
            _ => return String::new(),
        };
        format!("; if it is the label, --labels {option} says so")
    }
}

struct Lines<'a> {
    origin: Origin<'a>,
    bytes: &'a [u8],
    reader: Reader<&'a [u8]>,
    first: First,
    /// The first line is still to be handed out.
    starts: bool,
    record: ByteRecord,
}

impl<'a> Lines<'a> {
    fn open(origin: Origin<'a>, bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let mut reader = ReaderBuilder::new()
            .delimiter(delimiter(bytes))
            .has_headers(false)
            .flexible(true)
            .trim(Trim::All)
            .from_reader(bytes);
        let mut first = ByteRecord::new();
        let more = reader.read_byte_record(&mut first);
        if !more.map_err(|error| origin.line(1, error.to_string()))? {
            return Err(origin.byte(0, "there is no line".to_owned()));
        }
        let first = First::new(first);
        Ok(Self {
            origin,
            bytes,
            reader,
            starts: !first.has_word,
            first,
            record: ByteRecord::new(),
        })
    }

    /// The next line of numbers, with its number.
    fn next(&mut self) -> Result<Option<(u64, &ByteRecord)>, Unreadable> {
        if std::mem::take(&mut self.starts) {
            let fields = &self.first.fields;
            return Ok(Some((line_of(self.bytes, fields), fields)));
        }
        let line = self.reader.position().line();
        let more = self.reader.read_byte_record(&mut self.record);
        let more = more.map_err(|error| self.origin.line(line, error.to_string()))?;
        Ok(more.then(|| (line_of(self.bytes, &self.record), &self.record)))
    }

    fn label_column(&self, labels: &Labels) -> Result<Option<usize>, Unreadable> {
        let find = |name: &str| self.first.called(name);
        match labels {
            Labels::Last => Ok(self.first.fields.len().checked_sub(1)),
            Labels::Found if self.first.has_word => {
                Ok(LABEL_NAMES.iter().find_map(|name| find(name)))
            }
            Labels::Found | Labels::Absent | Labels::File(_) => Ok(None),
            Labels::Named(name) if self.first.has_word => find(name).map(Some).ok_or_else(|| {
                let known: Vec<String> = self.first.fields.iter().map(shortened).collect();
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

/// What is between columns, by the first line that is not empty, outside of quotes: commas, or where it has none
/// semicolons or tabs.
fn delimiter(bytes: &[u8]) -> u8 {
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let line = lines.find(|line| !line.trim_ascii().is_empty());
    let line = line.unwrap_or_default();
    let has = |wanted: u8| {
        let outside = line.split(|&byte| byte == b'"').step_by(2);
        outside.into_iter().any(|part| part.contains(&wanted))
    };
    let others = [b';', b'\t'].into_iter().find(|&other| has(other));
    others.filter(|_| !has(b',')).unwrap_or(b',')
}

fn is_number(field: &[u8]) -> bool {
    field.is_empty() || parsed::<f64>(field).is_some()
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

fn number(field: &[u8]) -> Option<f32> {
    parsed::<f32>(field).filter(|value| value.is_finite())
}

/// Also as NumPy writes integers among floats: 3.000000000000000000e+00.
fn integer(field: &[u8]) -> Option<i64> {
    parsed::<i64>(field).or_else(|| whole_number(parsed::<f64>(field)?))
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
