//! Documents of RCV1-v2 (Lewis et al., JMLR 5, 2004) as weights of terms, the way deep-clustering papers
//! make REUTERS-10k of them.
//!
//! Documents with exactly one of the topics CCAT, GCAT, MCAT, ECAT (classes 0 to 3) are kept, in the order of
//! the token files. Terms are runs of two or more letters, digits and underscores, in lower case; the most
//! frequent ones over all kept documents count (ties: the first in alphabetical order), and they are the
//! features in alphabetical order. With `n` documents, `d` of which hold the term, a term that occurs `c`
//! times in a document weighs
//!
//! ```text
//! (1 + ln c) (1 + ln((1 + n) / (1 + d)))
//! ```
//!
//! The weights of a document are scaled to length 1 and multiplied by the root of the number of terms; the
//! first rows are kept and put in the order of NumPy's legacy `permutation` with seed 1234. This is what
//! scikit-learn's `CountVectorizer(max_features=2000)` and
//! `TfidfTransformer(sublinear_tf=True)` give in the data loaders of DEC-keras and DESOM; the tests compare.
//! One thing differs: those loaders forget the very last document of the last file.

mod permutation;

use std::collections::HashMap;

use super::error::Error;
use super::manifest::{Entry, Role};

/// The topics that are classes, in the order of their numbers.
const TOPICS: [&str; 4] = ["CCAT", "GCAT", "MCAT", "ECAT"];
/// The seed of the rows' order.
const SEED: u32 = 1234;

/// A text file in memory.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    /// Its name in errors.
    pub name: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// The data set of a manifest's entry: its token files, then its topics.
pub(super) fn parse(entry: &Entry, contents: &[Vec<u8>]) -> Result<(Vec<f32>, Vec<u8>), Error> {
    let names = entry.files.iter();
    let names: Vec<String> = names
        .map(|file| format!("{}/{}", entry.id, file.name))
        .collect();
    let (mut tokens, mut topics) = (Vec::new(), Vec::new());
    for ((file, name), bytes) in entry.files.iter().zip(&names).zip(contents) {
        let text = Text { name, bytes };
        match file.role {
            Role::Topics => topics.push(text),
            _ => tokens.push(text),
        }
    }
    weights(&tokens, &topics, entry.rows(), entry.dims())
}

/// The weights of the `terms` most frequent terms in the first `rows` documents, `[rows, terms]`, and the
/// documents' classes; see the module's description.
///
/// # Errors
/// [`Error::Format`] with the byte of the line that is not what it should be, or if there are too few
/// documents or terms.
pub fn weights(
    tokens: &[Text],
    topics: &[Text],
    rows: usize,
    terms: usize,
) -> Result<(Vec<f32>, Vec<u8>), Error> {
    let classes = classes(topics)?;
    let mut corpus = Corpus::default();
    for text in tokens {
        corpus.read(*text, &classes, rows)?;
    }
    let last = tokens.last().map_or("", |text| text.name);
    let wrong = |message: String| Error::Format {
        file: last.to_owned(),
        byte: tokens.last().map_or(0, |text| text.bytes.len()) as u64,
        message,
    };
    if corpus.rows.len() < rows {
        let (count, topics) = (corpus.rows.len(), TOPICS.join(", "));
        return Err(wrong(format!(
            "only {count} documents have exactly one of {topics}, {rows} are needed"
        )));
    }
    let columns = corpus.columns(terms);
    if columns.len() < terms {
        let count = columns.len();
        return Err(wrong(format!(
            "only {count} terms occur, {terms} are needed"
        )));
    }
    let order = permutation::permutation(SEED, rows);
    let (mut features, mut labels) = (vec![0.0; rows * terms], Vec::with_capacity(rows));
    for (row, &document) in features.chunks_exact_mut(terms).zip(&order) {
        let (class, counts) = &corpus.rows[document];
        labels.push(*class);
        corpus.weigh(counts, &columns, row);
    }
    Ok((features, labels))
}

/// The class of each document with exactly one of the topics.
fn classes(files: &[Text]) -> Result<HashMap<u64, u8>, Error> {
    let mut found: HashMap<u64, Option<u8>> = HashMap::new();
    for text in files {
        for (byte, line) in lines(*text)? {
            let mut fields = line.split_whitespace();
            let Some(topic) = fields.next() else {
                continue;
            };
            let document = fields.next().and_then(|field| field.parse().ok());
            let Some(document) = document else {
                return Err(Error::Format {
                    file: text.name.to_owned(),
                    byte,
                    message: format!("`{}`: expected a topic and a number", shortened(line)),
                });
            };
            if let Some(class) = TOPICS.iter().position(|known| *known == topic) {
                found
                    .entry(document)
                    .and_modify(|class| *class = None)
                    .or_insert(Some(class as u8));
            }
        }
    }
    let single = found
        .into_iter()
        .filter_map(|(document, class)| Some((document, class?)));
    Ok(single.collect())
}

/// What the kept documents hold.
#[derive(Default)]
struct Corpus {
    /// Numbers of terms, in the order in which they first come.
    numbers: HashMap<String, u32>,
    /// By number: how often the term occurs.
    totals: Vec<u64>,
    /// By number: how many documents hold it.
    holders: Vec<u32>,
    /// Kept documents.
    documents: u32,
    /// Classes of the first ones, and the terms in them with their counts.
    rows: Vec<(u8, Vec<(u32, u32)>)>,
}

impl Corpus {
    /// Adds a file's documents; the contents of the first `most` are kept.
    fn read(&mut self, text: Text, classes: &HashMap<u64, u8>, most: usize) -> Result<(), Error> {
        // The document that is being read, and its terms' counts by number.
        let mut class = None;
        let mut counts: HashMap<u32, u32> = HashMap::new();
        let mut is_begun = false;
        for (byte, line) in lines(text)? {
            if let Some(number) = line.strip_prefix(".I") {
                self.end(class.take(), &mut counts, most);
                is_begun = true;
                let number: Option<u64> = number.trim().parse().ok();
                let Some(number) = number else {
                    return Err(Error::Format {
                        file: text.name.to_owned(),
                        byte,
                        message: format!("`{}`: expected `.I` and a number", shortened(line)),
                    });
                };
                class = classes.get(&number).copied();
            } else if !is_begun && !line.trim().is_empty() {
                return Err(Error::Format {
                    file: text.name.to_owned(),
                    byte,
                    message: format!("`{}` comes before the first `.I`", shortened(line)),
                });
            } else if class.is_some() && !line.starts_with(".W") {
                self.count(line, &mut counts);
            }
        }
        self.end(class, &mut counts, most);
        Ok(())
    }

    fn count(&mut self, line: &str, counts: &mut HashMap<u32, u32>) {
        let is_part = |character: char| character.is_alphanumeric() || character == '_';
        let line = line.to_lowercase();
        for term in line.split(|character| !is_part(character)) {
            if term.chars().nth(1).is_none() {
                continue;
            }
            let number = if let Some(&number) = self.numbers.get(term) {
                number
            } else {
                let number = self.totals.len() as u32;
                self.numbers.insert(term.to_owned(), number);
                self.totals.push(0);
                self.holders.push(0);
                number
            };
            self.totals[number as usize] += 1;
            *counts.entry(number).or_default() += 1;
        }
    }

    fn end(&mut self, class: Option<u8>, counts: &mut HashMap<u32, u32>, most: usize) {
        let Some(class) = class else {
            return;
        };
        self.documents += 1;
        for &number in counts.keys() {
            self.holders[number as usize] += 1;
        }
        if self.rows.len() < most {
            self.rows.push((class, counts.drain().collect()));
        }
        counts.clear();
    }

    /// The columns of the most frequent terms, by number.
    fn columns(&self, most: usize) -> HashMap<u32, usize> {
        let mut terms: Vec<(&String, u32)> = self
            .numbers
            .iter()
            .map(|(term, &number)| (term, number))
            .collect();
        terms.sort_unstable();
        // Stable: of equally frequent terms the first in the alphabet stays the first.
        terms.sort_by_key(|(_, number)| std::cmp::Reverse(self.totals[*number as usize]));
        terms.truncate(most);
        terms.sort_unstable();
        let columns = terms.into_iter().enumerate();
        columns
            .map(|(column, (_, number))| (number, column))
            .collect()
    }

    /// The weights of one document.
    fn weigh(&self, counts: &[(u32, u32)], columns: &HashMap<u32, usize>, row: &mut [f32]) {
        let mut weights = Vec::with_capacity(counts.len());
        for (number, count) in counts {
            if let Some(&column) = columns.get(number) {
                let share =
                    f64::from(1 + self.documents) / f64::from(1 + self.holders[*number as usize]);
                weights.push((column, (1.0 + f64::from(*count).ln()) * (1.0 + share.ln())));
            }
        }
        // In the order of columns, so that the sum has the same bits every time.
        weights.sort_unstable_by_key(|(column, _)| *column);
        let length = weights
            .iter()
            .map(|(_, weight)| weight * weight)
            .sum::<f64>()
            .sqrt();
        let root = (row.len() as f64).sqrt() as f32;
        for (column, weight) in weights {
            row[column] = (weight / length) as f32 * root;
        }
    }
}

/// The lines of a text with the bytes where they begin.
fn lines(text: Text<'_>) -> Result<impl Iterator<Item = (u64, &str)>, Error> {
    let content = std::str::from_utf8(text.bytes).map_err(|error| Error::Format {
        file: text.name.to_owned(),
        byte: error.valid_up_to() as u64,
        message: "it is not text in UTF-8".to_owned(),
    })?;
    let mut byte = 0;
    Ok(content.split_inclusive('\n').map(move |line| {
        let start = byte;
        byte += line.len() as u64;
        (start, line.trim_end_matches(['\n', '\r']))
    }))
}

/// The start of a line, for errors.
fn shortened(line: &str) -> String {
    line.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const PARTS: [&str; 3] = [
        include_str!("../../tests/golden/rcv1/test.dat"),
        include_str!("../../tests/golden/rcv1/train.dat"),
        include_str!("../../tests/golden/rcv1/topics.qrels"),
    ];

    fn text<'a>(name: &'a str, content: &'a str) -> Text<'a> {
        let bytes = content.as_bytes();
        Text { name, bytes }
    }

    #[test]
    fn weights_are_those_of_scikit_learn() {
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/golden/rcv1/expected.json")).unwrap();
        let [test, train, topics] = PARTS;
        let tokens = [text("test", test), text("train", train)];
        let (features, labels) = weights(&tokens, &[text("topics", topics)], 40, 30).unwrap();
        let expected: Vec<u8> = serde_json::from_value(golden["labels"].clone()).unwrap();
        assert_eq!(labels, expected);
        let expected: Vec<f32> = serde_json::from_value(golden["features"].clone()).unwrap();
        assert_eq!(features.len(), expected.len());
        for (index, (ours, expected)) in features.iter().zip(&expected).enumerate() {
            assert!((ours - expected).abs() < 1e-5, "{index}: {ours} {expected}");
        }
    }

    fn refused(tokens: &str, topics: &str) -> String {
        let outcome = weights(&[text("tokens", tokens)], &[text("topics", topics)], 2, 2);
        outcome.unwrap_err().to_string()
    }

    #[test]
    fn errors_name_file_and_byte() {
        let (tokens, topics) = (
            ".I 1\n.W\nab cd\n\n.I 2\n.W\nab ef\n",
            "CCAT 1 1\nGCAT 2 1\n",
        );
        assert!(weights(&[text("t", tokens)], &[text("q", topics)], 2, 2).is_ok());
        for (tokens, topics, expected) in [
            (
                tokens,
                "CCAT 1 1\nGCAT x 1\n",
                "topics, byte 9: `GCAT x 1`: expected a topic",
            ),
            (
                ".I 1\n.W\nab\n.I z\n",
                topics,
                "tokens, byte 11: `.I z`: expected `.I` and a number",
            ),
            (
                "ab\n.I 1\n",
                topics,
                "tokens, byte 0: `ab` comes before the first `.I`",
            ),
            (
                tokens,
                "CCAT 1 1\n",
                "only 1 documents have exactly one of CCAT",
            ),
            // A second topic of the four makes a document belong to none; others do not count.
            (
                tokens,
                "CCAT 1 1\nGCAT 2 1\nMCAT 2 1\nC15 1 1\n",
                "only 1 documents",
            ),
            (".I 1\n.W\nab\n.I 2\n.W\na\n", topics, "only 1 terms occur"),
        ] {
            let message = refused(tokens, topics);
            assert!(message.contains(expected), "{message}");
        }
        let bytes = b".I 1\n\xff";
        let bad = Text { name: "t", bytes };
        let message = weights(&[bad], &[], 1, 1).unwrap_err().to_string();
        assert_eq!(message, "t, byte 5: it is not text in UTF-8");
    }
}
