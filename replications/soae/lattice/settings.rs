//! The settings of a SOM, and of SOAE on a lattice.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::som::Grid;
use crate::som::OnlineSom;
use crate::som::online::{Ends, Lengths, Order, Spread};
use crate::train::{Error, settings};

/// The neighbourhood function over the nodes of a lattice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kernel {
    /// `exp(-|z' - z|^2 / 2 sigma^2)`, 1 at the winner (equation 3).
    Plain,
    /// The same over its sum: 1 in all, seen from any node (equation 6). At the lattice's border a node's own
    /// share is larger than inside.
    Normalised,
}

/// Which nodes a step of a table moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nodes {
    /// All, by their weight in the kernel (equations 4 and 7).
    All,
    /// One, drawn from the kernel (equation 9), which has to be normalised for that.
    Drawn,
}

/// What is trained, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Learning {
    /// Algorithm 1, the classic online SOM.
    Som {
        /// `alpha_t` at the first update and at the last, geometric between.
        rate: [f64; 2],
    },
    /// SOAE whose G is a table, an image for each node; one row a step of plain gradient descent on half the
    /// squared error.
    Table {
        /// The step's size at the first update and at the last, geometric between.
        rate: [f64; 2],
        /// See [`Kernel`].
        kernel: Kernel,
        /// See [`Nodes`].
        nodes: Nodes,
    },
    /// SOAE whose G is a network of a node's coordinates, scaled to -1 to 1. A step is one of Adam on the mean
    /// squared error of a batch, at nodes drawn from the normalised kernel.
    Network {
        /// Widths of its hidden layers.
        hidden: Vec<i64>,
    },
}

/// All that a run depends on beside data and seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatticeSettings {
    /// Rows and columns of nodes.
    pub map: Grid,
    /// Rows shown in an iteration, drawn with replacement: one after the other, or as a batch.
    pub batch: u64,
    /// Iterations.
    pub iterations: u64,
    /// Width of the kernel in steps of the lattice, at first and at last; geometric between.
    pub sigma: [f64; 2],
    /// See [`Learning`].
    pub learning: Learning,
    /// The last rows of the data, never trained on: what is evaluated.
    pub held_out: i64,
}

impl LatticeSettings {
    /// The settings as a run's identity holds them.
    #[must_use]
    pub fn to_value(&self) -> Value {
        // A plain struct of numbers and names always has a JSON form.
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// Reads and checks settings.
    ///
    /// # Errors
    /// If a field is missing, unknown or makes no sense; the message names it.
    pub fn read(value: &Value) -> Result<Self, Error> {
        let settings: Self = settings::read("lattice", value)?;
        settings
            .check()
            .map_err(|reason| Error::Settings(format!("lattice settings: {reason}")))?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), String> {
        if self.map.rows < 2 || self.map.columns < 2 {
            return Err("map must have at least two rows and two columns".to_owned());
        }
        if self.batch == 0 || self.iterations == 0 || self.held_out < 1 {
            return Err("batch, iterations and held_out must be at least 1".to_owned());
        }
        let falls =
            |[first, last]: [f64; 2], most: f64| last > 0.0 && last <= first && first <= most;
        if !falls(self.sigma, 1e3) {
            return Err(format!(
                "sigma must be two numbers above 0 and at most 1000 that do not rise, not {:?}",
                self.sigma
            ));
        }
        match &self.learning {
            Learning::Som { rate } | Learning::Table { rate, .. } if !falls(*rate, 1.0) => {
                Err(format!(
                    "rate must be two numbers above 0 and at most 1 that do not rise, not {rate:?}"
                ))
            }
            Learning::Table {
                kernel: Kernel::Plain,
                nodes: Nodes::Drawn,
                ..
            } => Err("nodes are drawn from a normalised kernel only".to_owned()),
            Learning::Network { hidden } if hidden.iter().any(|&width| width < 1) => {
                Err("widths must be at least 1".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Rows shown in all.
    pub(super) fn updates(&self) -> u64 {
        self.iterations.saturating_mul(self.batch)
    }

    /// Algorithm 1 with these settings, for rows that are drawn elsewhere.
    pub(super) fn online(&self, rate: [f64; 2]) -> OnlineSom {
        OnlineSom {
            map: self.map,
            updates: self.updates(),
            learning_rate: rate[0],
            sigma: self.sigma[0],
            spread: Spread::Two,
            lengths: Lengths::Free,
            order: Order::Random,
            ends: Some(Ends {
                learning_rate: rate[1],
                sigma: self.sigma[1],
            }),
        }
    }
}
