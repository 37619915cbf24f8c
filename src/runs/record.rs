//! What one run leaves behind.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use tch::Device;

use super::identity::{Identity, Key};
use super::part::PartUse;
use crate::device;
use crate::nn::{Precision, Products};

/// How a run ended. A diverged run is a result, not a failure: it is counted and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Outcome {
    /// Trained to the end and evaluated.
    Completed,
    /// A loss, or what was left after the last step, was not a finite number.
    Diverged {
        /// The iteration at which that was seen.
        iteration: u64,
    },
}

/// The losses of a run, followed through training.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Curves {
    /// The iterations at which the others were taken.
    pub iteration: Vec<u64>,
    /// The beginning, iteration by iteration, where it was followed so closely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Box<Curves>>,
    /// Values by name, one for each iteration; `None` where not finite.
    #[serde(flatten)]
    pub values: BTreeMap<String, Vec<Option<f64>>>,
}

/// Where, when and with what a run was done. Nothing here is part of its key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of this program.
    pub program: String,
    /// Version of libtorch.
    pub libtorch: String,
    /// `cpu` or `cuda:0`.
    pub device: String,
    /// The processor's or GPU's name.
    pub device_name: String,
    /// Which of MKL's kernels were asked for (`MKL_CBWR`): they decide the last bits on a CPU.
    pub matrix_kernels: String,
    /// The numbers that training multiplied. Records without it are of 32-bit floats.
    #[serde(default)]
    pub products: Products,
    /// Threads that this run's operations could use.
    pub threads: usize,
    /// Runs trained together with it, itself included.
    pub cohort: usize,
    /// The machine's name.
    pub host: String,
    /// Operating system and architecture.
    pub system: String,
    /// Start, RFC 3339.
    pub started: String,
    /// End, RFC 3339.
    pub finished: String,
    /// Seconds spent training, of all attempts; a cohort's time is shared equally.
    pub training_seconds: f64,
    /// Seconds spent on evaluation.
    pub evaluation_seconds: f64,
    /// How often the run was resumed from a checkpoint.
    pub resumed: u32,
    /// What earlier attempts at the training were made with, where that is not what stands here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Maker>,
    /// By what, where and when it was evaluated, where that was done anew after the training: the rest is
    /// about the training then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluated: Option<Box<Provenance>>,
}

impl Provenance {
    /// Work of this program on this machine from `started` until now, with the threads that this thread
    /// may use; the rest is to be filled in.
    #[must_use]
    pub fn here(on: Device, precision: Precision, started: jiff::Timestamp) -> Self {
        let Maker {
            program,
            libtorch,
            device_name,
            matrix_kernels,
        } = Maker::here(on);
        Self {
            program,
            libtorch,
            device: device::name(on),
            device_name,
            matrix_kernels,
            products: precision.products(on),
            threads: usize::try_from(tch::get_num_threads()).unwrap_or(1),
            cohort: 1,
            host: device::host(),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            started: started.to_string(),
            finished: jiff::Timestamp::now().to_string(),
            training_seconds: 0.0,
            evaluation_seconds: 0.0,
            resumed: 0,
            earlier: Vec::new(),
            evaluated: None,
        }
    }

    /// The same of a training that all these had a part in.
    #[must_use]
    pub fn after(mut self, makers: &[Maker]) -> Self {
        let last = Maker {
            program: self.program.clone(),
            libtorch: self.libtorch.clone(),
            device_name: self.device_name.clone(),
            matrix_kernels: self.matrix_kernels.clone(),
        };
        let others = makers.iter().filter(|maker| **maker != last);
        self.earlier = others.cloned().collect();
        self
    }
}

/// What an attempt at a training is made with. Which numbers it multiplies follows from the processor and the
/// run's precision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maker {
    /// Version of this program.
    pub program: String,
    /// Version of libtorch.
    pub libtorch: String,
    /// The processor's or GPU's name.
    pub device_name: String,
    /// Which of MKL's kernels were asked for.
    pub matrix_kernels: String,
}

impl Maker {
    /// This program on this machine.
    #[must_use]
    pub fn here(on: Device) -> Self {
        Self {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            libtorch: env!("REPLICATE_LIBTORCH_VERSION").to_owned(),
            device_name: device::hardware(on),
            matrix_kernels: device::matrix_kernels(),
        }
    }
}

impl fmt::Display for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            program,
            libtorch,
            device_name,
            matrix_kernels,
        } = self;
        write!(
            f,
            "program {program}, libtorch {libtorch}, {device_name}, matrix kernels {matrix_kernels}"
        )
    }
}

/// The record of one finished run, `record.json` in its folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this format.
    pub schema: u32,
    /// The run's key.
    pub key: Key,
    /// What the result depends on.
    pub identity: Identity,
    /// The variant's id when the run was made, e.g. `gamma=0.001`.
    pub variant: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Values by name; `None` where undefined.
    pub metrics: BTreeMap<String, Option<f64>>,
    /// Losses over training.
    pub curves: Curves,
    /// SHA-256 of `weights.safetensors`, where the run keeps its weights.
    pub weights_sha256: Option<String>,
    /// Fingerprints of the claims that the run was made for, by id: what they were then.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, String>,
    /// What it began with that other runs begin with too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartUse>,
    /// Where and when.
    pub provenance: Provenance,
}

impl Record {
    /// A metric's value, if it is defined.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics.get(name).copied().flatten()
    }

    /// Whether the model collapsed: one unit or cluster wins all rows, or (SOAE) the decoder ignores the code, so
    /// that `sleep_loss` and `wake_loss` are equal to the last bit. On a lattice only the units count: a narrow
    /// kernel gives equal losses there without a collapse.
    #[must_use]
    pub fn is_collapsed(&self) -> bool {
        is_degenerate(|name| self.metric(name))
    }
}

/// [`Record::is_collapsed`] of the values that metrics have.
fn is_degenerate(value: impl Fn(&str) -> Option<f64>) -> bool {
    let counts = [value("units_used"), value("clusters_found")];
    if counts.iter().any(Option::is_some) {
        return counts.contains(&Some(1.0));
    }
    let losses = value("wake_loss").zip(value("sleep_loss"));
    losses.is_some_and(|(wake, sleep)| wake.to_bits() == sleep.to_bits())
}

#[cfg(test)]
mod tests {
    use super::is_degenerate;

    #[test]
    fn one_unit_one_cluster_and_one_image_are_degenerate() {
        let of = |metrics: &[(&str, f64)]| {
            is_degenerate(|name| {
                let mut metrics = metrics.iter();
                metrics.find(|(one, _)| *one == name).map(|one| one.1)
            })
        };
        assert!(of(&[("units_used", 1.0)]));
        assert!(of(&[("units_used", 64.0), ("clusters_found", 1.0)]));
        assert!(!of(&[("units_used", 2.0), ("clusters_found", 10.0)]));
        assert!(of(&[("wake_loss", 0.0675), ("sleep_loss", 0.0675)]));
        assert!(!of(&[("wake_loss", 0.0675), ("sleep_loss", 0.067_499_999)]));
        // A lattice whose kernel has become narrower than the way to the next node.
        let narrow = [
            ("wake_loss", 0.03),
            ("sleep_loss", 0.03),
            ("units_used", 400.0),
        ];
        assert!(!of(&narrow));
        assert!(!of(&[]));
    }
}
