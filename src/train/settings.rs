//! Reading a method's settings back from the JSON that a run's identity holds.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Error;

/// The settings in `value`; `method` names them in the error, e.g. `DESOM`.
///
/// NaN and infinity have no JSON form and arrive as `null`: they are refused here.
///
/// # Errors
/// If a field is missing, unknown or of another type; the message names it with its place, e.g.
/// `adam.learning_rate`.
pub fn read<T: DeserializeOwned>(method: &str, value: &Value) -> Result<T, Error> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let place = match error.path().to_string().as_str() {
            "." => String::new(),
            path => format!("{path}: "),
        };
        let reason = error.inner().to_string();
        let reason = match reason.strip_prefix("invalid type: null, expected f64") {
            Some(_) => "must be a finite number, not NaN or infinite".to_owned(),
            None => reason,
        };
        Error::Settings(format!("{method} settings: {place}{reason}"))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        inner: Inner,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        rate: f64,
    }

    #[test]
    fn fields_are_named_with_their_place() {
        let message = |value: &Value| read::<Outer>("X", value).unwrap_err().to_string();
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(
                message(&json!({ "inner": { "rate": number } })),
                "X settings: inner.rate: must be a finite number, not NaN or infinite"
            );
        }
        let text = message(&json!({ "inner": { "rate": "fast" } }));
        assert!(
            text.starts_with("X settings: inner.rate: invalid type"),
            "{text}"
        );
        let unknown = message(&json!({ "inner": { "rate": 1.0, "rat": 1.0 } }));
        assert!(unknown.contains("unknown field `rat`"), "{unknown}");
        let missing = message(&json!({ "inner": {} }));
        assert!(
            missing.contains("inner") && missing.contains("missing field `rate`"),
            "{missing}"
        );
        let read: Outer = read("X", &json!({ "inner": { "rate": 0.5 } })).unwrap();
        assert!((read.inner.rate - 0.5).abs() < 1e-15);
    }
}
