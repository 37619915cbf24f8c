//! Text between markers in a Markdown document, replaced by what is generated; nothing else is touched.
//!
//! ```text
//! <!-- replicate:begin desom-gamma -->
//! whatever was here goes
//! <!-- replicate:end desom-gamma -->
//! ```
//!
//! A marker stands alone on its line. Markers inside fenced code are text.

/// Markers that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No place for a block.
    #[error(
        "there is no place for {name}: put the lines\n    {}\n    {}\nwhere it should stand",
        begin(name),
        end(name)
    )]
    Missing {
        /// The block.
        name: String,
    },
    /// A block begins within another.
    #[error(
        "line {line}: {inner} begins within {outer}, which began in line {outer_line} and has not ended: blocks cannot be nested"
    )]
    Nested {
        /// Line, from 1.
        line: usize,
        /// The block that begins.
        inner: String,
        /// The one that is open.
        outer: String,
        /// Where that began.
        outer_line: usize,
    },
    /// A block without an end.
    #[error("line {line}: {name} begins and does not end: add {}", end(name))]
    Open {
        /// Line, from 1.
        line: usize,
        /// The block.
        name: String,
    },
    /// An end without a beginning.
    #[error("line {line}: {name} ends, but has not begun")]
    Stray {
        /// Line, from 1.
        line: usize,
        /// The block.
        name: String,
    },
    /// A block that stands there twice.
    #[error("line {line}: {name} is already in line {first}: keep one of them")]
    Twice {
        /// Line, from 1.
        line: usize,
        /// The block.
        name: String,
        /// Where it stands first.
        first: usize,
    },
    /// A block that nobody can fill.
    #[error("line {line}: there is nothing named {name}; there are: {known}")]
    Unknown {
        /// Line, from 1.
        line: usize,
        /// The block.
        name: String,
        /// The names there are.
        known: String,
    },
}

/// The line before a block.
#[must_use]
pub fn begin(name: &str) -> String {
    format!("<!-- replicate:begin {name} -->")
}

/// The line after it.
#[must_use]
pub fn end(name: &str) -> String {
    format!("<!-- replicate:end {name} -->")
}

enum Marker<'a> {
    Begin(&'a str),
    End(&'a str),
}

fn marker(line: &str) -> Option<Marker<'_>> {
    let inner = line
        .trim()
        .strip_prefix("<!--")?
        .strip_suffix("-->")?
        .trim();
    let named = |prefix| inner.strip_prefix(prefix).map(str::trim);
    let name = named("replicate:begin ").map(Marker::Begin);
    name.or_else(|| named("replicate:end ").map(Marker::End))
}

/// The blocks of a document: name, and the lines (from 0) of the two markers.
fn blocks(document: &str) -> Result<Vec<(&str, usize, usize)>, Error> {
    let mut found: Vec<(&str, usize, usize)> = Vec::new();
    let mut open: Option<(&str, usize)> = None;
    let mut fence: Option<&str> = None;
    for (place, text) in document.lines().enumerate() {
        let line = place + 1;
        let start = text.trim_start();
        // What stands in a block is generated or goes: only outside of one can code hide markers.
        if open.is_none() {
            let mark = ["```", "~~~"]
                .into_iter()
                .find(|mark| start.starts_with(mark));
            match (fence, mark) {
                (None, Some(_)) => fence = mark,
                (Some(known), Some(mark)) if known == mark => fence = None,
                _ => {}
            }
            if fence.is_some() {
                continue;
            }
        }
        match (marker(text), open) {
            (None, _) => {}
            (Some(Marker::Begin(name)), None) => {
                if let Some(first) = found.iter().find(|block| block.0 == name) {
                    return Err(Error::Twice {
                        line,
                        name: name.to_owned(),
                        first: first.1 + 1,
                    });
                }
                open = Some((name, place));
            }
            (Some(Marker::Begin(inner)), Some((outer, began))) => {
                return Err(Error::Nested {
                    line,
                    inner: inner.to_owned(),
                    outer: outer.to_owned(),
                    outer_line: began + 1,
                });
            }
            (Some(Marker::End(name)), Some((began_as, began))) if name == began_as => {
                found.push((name, began, place));
                open = None;
            }
            (Some(Marker::End(name)), _) => {
                return Err(Error::Stray {
                    line,
                    name: name.to_owned(),
                });
            }
        }
    }
    match open {
        None => Ok(found),
        Some((name, began)) => Err(Error::Open {
            line: began + 1,
            name: name.to_owned(),
        }),
    }
}

/// The document with every block filled by the text of its name. `needed` are the names that must have a
/// place; without any, at least one block must be there.
///
/// # Errors
/// If markers are missing, nested, not closed, twice, or of a name that is not among `texts`.
pub fn fill(
    document: &str,
    texts: &[(String, String)],
    needed: &[String],
) -> Result<String, Error> {
    let blocks = blocks(document)?;
    let missing = needed
        .iter()
        .find(|name| blocks.iter().all(|block| block.0 != name.as_str()));
    let none = texts
        .first()
        .filter(|_| blocks.is_empty())
        .map(|text| &text.0);
    if let Some(name) = missing.or(none) {
        return Err(Error::Missing { name: name.clone() });
    }
    let ending = if document.contains("\r\n") {
        "\r\n"
    } else {
        "\n"
    };
    let lines: Vec<&str> = document.split_inclusive('\n').collect();
    let mut filled = String::new();
    let mut copied = 0;
    for (name, began, ended) in blocks {
        let text = texts.iter().find(|(known, _)| known == name);
        let Some((_, text)) = text else {
            let known: Vec<&str> = texts.iter().map(|(name, _)| name.as_str()).collect();
            return Err(Error::Unknown {
                line: began + 1,
                name: name.to_owned(),
                known: known.join(", "),
            });
        };
        filled.extend(lines[copied..=began].iter().copied());
        filled += ending;
        for line in text.trim().lines() {
            filled += line;
            filled += ending;
        }
        filled += ending;
        copied = ended;
    }
    filled.extend(lines[copied..].iter().copied());
    Ok(filled)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn texts() -> Vec<(String, String)> {
        vec![
            ("a".into(), "| new |\n".into()),
            ("b".into(), "second".into()),
        ]
    }

    #[test]
    fn only_what_is_between_markers_changes() {
        let document = "before\n<!-- replicate:begin a -->\nold\n\nold\n  <!-- replicate:end a -->\nafter  \n\n\
                        <!-- other -->\n<!--replicate:begin b-->\n<!-- replicate:end b -->";
        let expected = "before\n<!-- replicate:begin a -->\n\n| new |\n\n  <!-- replicate:end a -->\nafter  \n\n\
                        <!-- other -->\n<!--replicate:begin b-->\n\nsecond\n\n<!-- replicate:end b -->";
        let filled = fill(document, &texts(), &["a".into()]).unwrap();
        assert_eq!(filled, expected);
        assert_eq!(fill(&filled, &texts(), &[]).unwrap(), filled);
    }

    #[test]
    fn line_ends_are_the_document_s() {
        let document = "x\r\n<!-- replicate:begin a -->\r\n<!-- replicate:end a -->\r\n";
        let filled = fill(document, &texts(), &[]).unwrap();
        assert_eq!(filled.matches('\n').count(), filled.matches("\r\n").count());
        assert!(filled.contains("| new |\r\n"));
    }

    #[test]
    fn markers_in_code_are_text() {
        let document = "```\n<!-- replicate:begin a -->\n```\n<!-- replicate:begin a -->\n<!-- replicate:end a -->\n";
        let filled = fill(document, &texts(), &[]).unwrap();
        assert!(
            filled.starts_with("```\n<!-- replicate:begin a -->\n```\n"),
            "{filled}"
        );
        assert_eq!(filled.matches("| new |").count(), 1);
    }

    #[test]
    fn mistakes_name_their_line_and_the_way_on() {
        let (begin_a, end_a) = (begin("a"), end("a"));
        let (begin_b, end_b) = (begin("b"), end("b"));
        for (document, needed, words) in [
            ("text\n".to_owned(), vec![], "no place for a: put the lines"),
            (
                format!("{begin_a}\n{end_a}\n"),
                vec!["b".to_owned()],
                "<!-- replicate:begin b -->",
            ),
            (
                format!("{begin_a}\n{begin_b}\n{end_b}\n{end_a}\n"),
                vec![],
                "line 2: b begins within a, which began in line 1",
            ),
            (
                format!("{begin_a}\n{end_b}\n"),
                vec![],
                "line 2: b ends, but has not begun",
            ),
            (
                format!("{begin_a}\ntext\n"),
                vec![],
                "line 1: a begins and does not end: add <!-- replicate:end a -->",
            ),
            (
                format!("{begin_a}\n{end_a}\n{begin_a}\n{end_a}\n"),
                vec![],
                "line 3: a is already in line 1",
            ),
            (
                format!("{}\n{}\n", begin("c"), end("c")),
                vec![],
                "line 1: there is nothing named c; there are: a, b",
            ),
        ] {
            let error = fill(&document, &texts(), &needed).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
