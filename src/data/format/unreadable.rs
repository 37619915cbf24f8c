//! Why a file's content is of no use, and where in it that was seen.

use std::fmt;

/// A file that is not what it should be.
#[derive(Debug, thiserror::Error)]
#[error("{file}{}{}: {message}", in_part(part.as_deref()), at(*position))]
pub struct Unreadable {
    /// The file.
    pub file: String,
    /// The part of it: an array, or its decompressed bytes.
    pub part: Option<String>,
    /// Where in the file, or in the part of it.
    pub position: Option<Position>,
    /// What was expected there, what was found, and what to do.
    pub message: String,
}

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Offset from the start.
    Byte(u64),
    /// Line, counted from 1.
    Line(u64),
    /// Row, counted from 0.
    Row(u64),
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Byte(byte) => write!(f, "byte {byte}"),
            Self::Line(line) => write!(f, "line {line}"),
            Self::Row(row) => write!(f, "row {row}"),
        }
    }
}

fn in_part(part: Option<&str>) -> String {
    part.map(|part| format!(", {part}")).unwrap_or_default()
}

fn at(position: Option<Position>) -> String {
    position
        .map(|position| format!(", {position}"))
        .unwrap_or_default()
}

/// What bytes are part of: makes errors about them.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    file: &'a str,
    part: Option<&'a str>,
}

impl<'a> Origin<'a> {
    pub(super) fn new(file: &'a str) -> Self {
        Self { file, part: None }
    }

    pub(super) fn part(self, part: Option<&'a str>) -> Self {
        Self { part, ..self }
    }

    pub(super) fn byte(self, byte: usize, message: String) -> Unreadable {
        self.at(Some(Position::Byte(byte as u64)), message)
    }

    pub(super) fn line(self, line: u64, message: String) -> Unreadable {
        self.at(Some(Position::Line(line)), message)
    }

    pub(super) fn row(self, row: usize, message: String) -> Unreadable {
        self.at(Some(Position::Row(row as u64)), message)
    }

    pub(super) fn whole(self, message: String) -> Unreadable {
        self.at(None, message)
    }

    fn at(self, position: Option<Position>, message: String) -> Unreadable {
        Unreadable {
            file: self.file.to_owned(),
            part: self.part.map(str::to_owned),
            position,
            message,
        }
    }

    /// Refuses what is above the limit; `what` takes the bytes.
    pub(super) fn within(self, bytes: u64, limit: u64, what: &str) -> Result<(), Unreadable> {
        if bytes > limit {
            return Err(self.whole(format!(
                "{what} would take {bytes} bytes, but the limit is {limit}; raise it or give less"
            )));
        }
        Ok(())
    }
}
