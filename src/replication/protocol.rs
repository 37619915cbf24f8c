//! What a profile of a replication comes to: variants, and how often each is run.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::nn::Precision;
use crate::random::Seed;
use crate::runs::Identity;
use crate::runs::identity::SCHEMA;
use crate::train::Method;

/// How much of a protocol is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Embedded data, under 20 seconds on two cores: does everything work?
    Smoke,
    /// The real data set, under 6 minutes on two cores: a first honest look.
    Quick,
    /// The full protocol of the paper.
    Paper,
}

impl Profile {
    /// All of them, the shortest first.
    pub const ALL: [Self; 3] = [Self::Smoke, Self::Quick, Self::Paper];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Quick => "quick",
            Self::Paper => "paper",
        }
    }

    /// What tables and figures made from its runs have to say; `None` for the full protocol.
    #[must_use]
    pub fn note(self) -> Option<String> {
        match self {
            Self::Paper => None,
            Self::Quick => {
                Some("quick profile, shortened training: no verdict on the paper".to_owned())
            }
            Self::Smoke => {
                Some("smoke profile, small network, other data: no verdict on the paper".to_owned())
            }
        }
    }
}

/// One setting of an experiment, to be run with several seeds.
#[derive(Clone)]
pub struct Variant {
    /// Its id within the replication, e.g. `gamma=0.001`.
    pub id: String,
    /// What does the work.
    pub method: &'static dyn Method,
    /// The method's settings, all of them.
    pub settings: Value,
    /// The id of the data set that it is trained on.
    pub data: &'static str,
}

impl Variant {
    /// What one run of it depends on, its data set's hash among it. Methods that know one precision only get the exact one.
    #[must_use]
    pub fn identity(&self, data_sha256: &str, seed: Seed, precision: Precision) -> Identity {
        Identity {
            schema: SCHEMA,
            method: self.method.id().to_owned(),
            algorithm: self.method.version(),
            settings: self.settings.clone(),
            data: self.data.to_owned(),
            data_sha256: data_sha256.to_owned(),
            seed,
            precision: if self.method.can_round() {
                precision
            } else {
                Precision::Exact
            },
        }
    }
}

/// What a profile of a replication comes to: variants, and the number of seeds.
#[derive(Clone)]
pub struct Protocol {
    /// The variants, baselines included.
    pub variants: Vec<Variant>,
    /// Seeds for each variant unless the user says otherwise: 0, 1, ..
    pub seeds: u64,
}

impl Protocol {
    /// For each variant whether it is the same run as one before it, whatever their ids.
    #[must_use]
    pub fn repeated(&self) -> Vec<bool> {
        let all = self.variants.iter().enumerate();
        let repeated = all.map(|(place, variant)| {
            let mut before = self.variants[..place].iter();
            before.any(|other| {
                let methods = (variant.method.id(), other.method.id());
                methods.0 == methods.1
                    && variant.data == other.data
                    && variant.settings == other.settings
            })
        });
        repeated.collect()
    }

    /// The ids of the variants' data sets, each once, in the order in which they come.
    #[must_use]
    pub fn data_sets(&self) -> Vec<&'static str> {
        let mut ids = Vec::new();
        for variant in &self.variants {
            if !ids.contains(&variant.data) {
                ids.push(variant.data);
            }
        }
        ids
    }

    /// The data sets' titles, separated by commas.
    ///
    /// # Errors
    /// If one is unknown.
    pub fn data_title(&self) -> Result<String, crate::data::Error> {
        let catalogue = crate::data::catalogue()?;
        let titles = self.data_sets().into_iter();
        let titles = titles.map(|id| Ok(catalogue.entry(id)?.title.as_str()));
        Ok(titles
            .collect::<Result<Vec<_>, crate::data::Error>>()?
            .join(", "))
    }
}
