//! What a verdict needs of the runs it is about.

use super::super::words::list;

/// What was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditions {
    /// The profile's name; only `paper` allows verdicts.
    pub profile: String,
    /// What was changed in the protocol, by name.
    pub altered: Vec<(String, String)>,
}

impl Conditions {
    /// The full protocol of the paper.
    #[must_use]
    pub fn paper() -> Self {
        Self {
            profile: "paper".to_owned(),
            altered: Vec::new(),
        }
    }

    /// Why there can be no verdict; `None` if there can.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        let precision = self.altered.iter().find(|(name, _)| name == "precision");
        if let (Some((_, precision)), 1) = (precision, self.altered.len()) {
            return Some(format!(
                "runs of {precision} precision are not used for verdicts; those of exact precision are"
            ));
        }
        if !self.altered.is_empty() {
            let changes = self.altered.iter();
            let changes: Vec<_> = changes
                .map(|(name, value)| format!("{name} = {value}"))
                .collect();
            return Some(format!(
                "with {} it is not the paper's protocol",
                list(&changes)
            ));
        }
        (self.profile != "paper").then(|| format!("the {} profile gives no verdict", self.profile))
    }
}
