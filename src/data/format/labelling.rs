//! Labels as a file has them.

use std::collections::BTreeMap;

/// One label for each row: numbers, or words that were given numbers.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Labelling {
    /// `[rows]`: the numbers in the file, or places in `names`.
    pub numbers: Vec<i64>,
    /// The words in the file, each once, sorted; empty where labels are numbers.
    pub names: Vec<String>,
}

impl Labelling {
    /// Words, numbered in their order.
    #[must_use]
    pub fn of_words(words: &[String]) -> Self {
        let mut places: BTreeMap<&str, i64> = words.iter().map(|word| (word.as_str(), 0)).collect();
        for (number, place) in (0..).zip(places.values_mut()) {
            *place = number;
        }
        Self {
            numbers: words.iter().map(|word| places[word.as_str()]).collect(),
            names: places.into_keys().map(str::to_owned).collect(),
        }
    }
}

impl From<Vec<i64>> for Labelling {
    fn from(numbers: Vec<i64>) -> Self {
        Self {
            numbers,
            names: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_numbered_in_their_order() {
        let words = ["cat", "ant", "cat", "dog"].map(str::to_owned);
        let labels = Labelling::of_words(&words);
        assert_eq!(labels.numbers, [1, 0, 1, 2]);
        assert_eq!(labels.names, ["ant", "cat", "dog"]);
        assert_eq!(Labelling::of_words(&[]), Labelling::default());
    }
}
