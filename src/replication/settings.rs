//! What users may change in an experiment, and what they changed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A setting of a replication that its users may change.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The option's name without dashes, e.g. `gammas`.
    pub name: &'static str,
    /// What stands for its value in the help, e.g. `LIST`.
    pub placeholder: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
    /// The values it can have, the protocol's own first; empty if they are checked elsewhere.
    pub choices: &'static [&'static str],
    /// What another value means for the results.
    pub effect: Effect,
}

/// What changing a setting means for the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Fewer or other variants, each as in the protocol.
    Selects,
    /// Another experiment: its results are kept apart, say what was changed, and allow no verdict.
    Alters,
}

/// The settings that the user has changed, as text by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Changes(BTreeMap<String, String>);

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--{name}{}{value}: {reason}", if .value.is_empty() { "" } else { " " })]
pub struct BadSetting {
    /// The option's name.
    pub name: String,
    /// What was given.
    pub value: String,
    /// What is wrong with it and what would be right.
    pub reason: String,
}

impl FromIterator<(String, String)> for Changes {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(pairs: T) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl Changes {
    /// The changes but for the one named.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let mut others = self.clone();
        others.0.remove(name);
        others
    }

    /// The changes of one effect, by name; a change to the protocol's own choice is none.
    #[must_use]
    pub fn with_effect(&self, effect: Effect, settings: &[Setting]) -> Vec<(String, String)> {
        let altering = settings.iter().filter(|setting| setting.effect == effect);
        altering
            .filter_map(|setting| {
                let value = self.text(setting.name)?;
                let same = setting.choices.first() == Some(&value);
                (!same).then(|| (setting.name.to_owned(), value.to_owned()))
            })
            .collect()
    }

    /// The text given for a setting.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A setting's value, parsed; `None` if the user left it alone.
    ///
    /// # Errors
    /// If the text is not a value of this kind; `expected` says what would be.
    pub fn parsed<T: std::str::FromStr>(
        &self,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, BadSetting> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let value = text
            .trim()
            .parse()
            .map_err(|_| BadSetting::new(name, text, expected));
        value.map(Some)
    }

    /// A setting's values, separated by commas.
    ///
    /// # Errors
    /// As [`Changes::parsed`], for each of them.
    pub fn list<T: std::str::FromStr>(
        &self,
        name: &str,
        expected: &str,
    ) -> Result<Option<Vec<T>>, BadSetting> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let values = text.split(',').map(|item| {
            item.trim()
                .parse()
                .map_err(|_| BadSetting::new(name, item, expected))
        });
        values.collect::<Result<_, _>>().map(Some)
    }

    /// A setting whose value is one of the names that `T` serialises to.
    ///
    /// # Errors
    /// If it is another one; the message lists them as serde does.
    pub fn choice<T: serde::de::DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<T>, BadSetting> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        serde_json::from_value(Value::from(text))
            .map(Some)
            .map_err(|error| BadSetting::new(name, text, &error.to_string()))
    }

    /// Sets `field` to the setting's value, one of the names that `T` serialises to; leaves it as it is if the
    /// user did.
    ///
    /// # Errors
    /// As [`Changes::choice`].
    pub fn choose<T: serde::de::DeserializeOwned>(
        &self,
        name: &str,
        field: &mut T,
    ) -> Result<(), BadSetting> {
        if let Some(choice) = self.choice(name)? {
            *field = choice;
        }
        Ok(())
    }

    /// A setting whose value is a whole number from 1 to `most`; `None` if the user left it alone.
    ///
    /// # Errors
    /// If it is none; the message names both bounds.
    pub fn count(&self, name: &str, most: u64) -> Result<Option<u64>, BadSetting> {
        let expected = format!("expected a whole number from 1 to {most}");
        match self.parsed::<u64>(name, &expected)? {
            Some(number) if !(1..=most).contains(&number) => {
                Err(BadSetting::new(name, &number.to_string(), &expected))
            }
            number => Ok(number),
        }
    }
}

impl BadSetting {
    /// A complaint about the value of the option `name`.
    #[must_use]
    pub fn new(name: &str, value: &str, reason: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: value.to_owned(),
            reason: reason.to_owned(),
        }
    }
}
