//! What the result of a run depends on, and the key made from it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::data::Digest;
use crate::nn::Precision;
use crate::random::Seed;

/// The version of the record's format and of the meaning of its fields.
pub const SCHEMA: u32 = 1;

/// Everything that the result of a run depends on. Where and how fast it ran is not part of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Version of this format.
    pub schema: u32,
    /// The method's name, e.g. `desom`.
    pub method: String,
    /// The method's algorithm version, raised by hand whenever its results change.
    pub algorithm: u32,
    /// All settings, defaults included.
    pub settings: Value,
    /// The data set's id.
    pub data: String,
    /// SHA-256 of its decoded bytes.
    pub data_sha256: String,
    /// The seed.
    pub seed: Seed,
    /// How accurate its products are.
    pub precision: Precision,
}

/// The SHA-256 of an [`Identity`], in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(String);

impl Key {
    /// The key of what identifies something, whatever the order of its fields.
    pub(crate) fn of(identity: &Value) -> Self {
        Self(hash(identity))
    }

    /// All 64 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 16 digits, the name of the run's folder.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..16).unwrap_or(&self.0)
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.short())
    }
}

impl Identity {
    /// The run's key.
    #[must_use]
    pub fn key(&self) -> Key {
        Key::of(&self.to_value())
    }

    /// The same for all runs that differ at most in the data's bytes and the algorithm's version:
    /// tells a changed run from a new one.
    #[must_use]
    pub fn lineage(&self) -> String {
        let mut value = self.to_value();
        if let Some(fields) = value.as_object_mut() {
            fields.remove("data_sha256");
            fields.remove("algorithm");
        }
        hash(&value)
    }

    fn to_value(&self) -> Value {
        serde_json::json!({
            "schema": self.schema,
            "method": self.method,
            "algorithm": self.algorithm,
            "settings": self.settings,
            "data": self.data,
            "data_sha256": self.data_sha256,
            "seed": self.seed,
            "precision": self.precision,
        })
    }
}

fn hash(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    Digest::of(text.as_bytes()).to_string()
}

/// JSON without spaces and with sorted keys, whatever order the map type keeps: the same value has
/// one text only.
fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (index, (name, value)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_canonical(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn identity() -> Identity {
        Identity {
            schema: SCHEMA,
            method: "desom".into(),
            algorithm: 1,
            settings: json!({"gamma": 0.001, "map": [8, 8]}),
            data: "mnist".into(),
            data_sha256: "ab".into(),
            seed: Seed(3),
            precision: Precision::Exact,
        }
    }

    #[test]
    fn the_key_is_the_hash_of_sorted_json() {
        // printf '%s' '{"algorithm":1,"data":"mnist","data_sha256":"ab","method":"desom",
        // "precision":"exact","schema":1,"seed":3,"settings":{"gamma":0.001,"map":[8,8]}}'
        // (on one line) | sha256sum
        assert_eq!(identity().key().as_str(), GOLDEN_KEY);
        assert_eq!(identity().key().short(), &GOLDEN_KEY[..16]);
    }
    const GOLDEN_KEY: &str = "c148338596f26efa71eb96009e2a43bada2d8bf18089c557131e771f3d0c49e0";

    #[test]
    fn every_field_changes_the_key() {
        let changes: [fn(&mut Identity); 8] = [
            |i| i.schema += 1,
            |i| i.method.push('x'),
            |i| i.algorithm += 1,
            |i| i.settings = json!({"gamma": 0.01, "map": [8, 8]}),
            |i| i.data.push('x'),
            |i| i.data_sha256.push('x'),
            |i| i.seed = Seed(4),
            |i| i.precision = Precision::Fast,
        ];
        for change in changes {
            let mut other = identity();
            change(&mut other);
            assert_ne!(other.key(), identity().key());
        }
    }

    #[test]
    fn data_and_algorithm_keep_the_lineage() {
        let mut other = identity();
        other.algorithm = 2;
        other.data_sha256 = "cd".into();
        assert_eq!(other.lineage(), identity().lineage());
        other.seed = Seed(9);
        assert_ne!(other.lineage(), identity().lineage());
    }
}
