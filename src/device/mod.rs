//! Which device computes, how many threads, and what has to be set before libtorch starts.

mod cuda;
mod mkl;

use std::str::FromStr;

pub use cuda::TrainingProducts;
pub use mkl::{matrix_kernels, prepare};
use tch::Device;

/// The user's wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// The first GPU if there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A GPU by number.
    Cuda(usize),
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            other => other
                .strip_prefix("cuda:")
                .and_then(|number| number.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| "expected auto, cpu, cuda or cuda:N".to_owned()),
        }
    }
}

/// Why a device cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No GPU can be used at all.
    #[error(
        "no CUDA device can be used: {0}\nPut the torch/lib folder of PyTorch 2.11 with CUDA on LD_LIBRARY_PATH, or train on the CPU with --device cpu."
    )]
    NoCuda(String),
    /// There are GPUs, but not this one.
    #[error("there is no device cuda:{wanted}: this machine has {count} (cuda:0 is the first)")]
    NoSuchDevice {
        /// The number asked for.
        wanted: usize,
        /// How many there are.
        count: usize,
    },
    /// The device is there but a first computation fails on it.
    #[error(
        "the device cuda:{index} does not work: {reason}\nAnother program may hold its memory. Train on the CPU with --device cpu."
    )]
    Broken {
        /// Its number.
        index: usize,
        /// What libtorch says.
        reason: String,
    },
}

impl std::fmt::Display for Choice {
    /// As it is parsed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl Choice {
    /// The device itself, tried out with a small computation if it is a GPU.
    ///
    /// # Errors
    /// If a GPU was asked for and cannot be used. `Auto` falls back to the CPU instead.
    pub fn resolve(self) -> Result<Device, Error> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(index) => cuda::usable(index),
            Self::Auto => Ok(cuda::usable(0).unwrap_or(Device::Cpu)),
        }
    }

    /// Why `auto` does without a GPU although libtorch's CUDA library is here; `None` where there is
    /// nothing to say.
    #[must_use]
    pub fn complaint(self) -> Option<Error> {
        let tried = (self == Self::Auto && cuda::is_loadable()).then(|| cuda::usable(0));
        tried.and_then(Result::err)
    }
}

/// `cpu` or `cuda:0`.
#[must_use]
pub fn name(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".to_owned(),
    }
}

/// The processor's name, for records.
#[must_use]
pub fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find(|line| line.starts_with("model name"));
    let name = model
        .and_then(|line| line.split_once(':'))
        .map(|(_, name)| name.trim());
    name.unwrap_or(std::env::consts::ARCH).to_owned()
}

/// What a device is, for records: the processor's name, or what the driver calls the GPU.
#[must_use]
pub fn hardware(device: Device) -> String {
    let Device::Cuda(index) = device else {
        return processor();
    };
    let folders = std::fs::read_dir("/proc/driver/nvidia/gpus")
        .into_iter()
        .flatten();
    let mut folders: Vec<_> = folders.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    let text = folders.get(index).map(|folder| folder.join("information"));
    let text = text
        .and_then(|path| std::fs::read_to_string(path).ok())
        .unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("Model:"));
    model.map_or_else(|| name(device), |model| model.trim().to_owned())
}

/// The name of the machine, for records.
#[must_use]
pub fn host() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match text.trim() {
        "" => "unknown".to_owned(),
        name => name.to_owned(),
    }
}

/// How many threads the machine offers to this process.
#[must_use]
pub fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn devices_are_parsed() {
        assert_eq!("auto".parse(), Ok(Choice::Auto));
        assert_eq!("cpu".parse(), Ok(Choice::Cpu));
        assert_eq!("cuda".parse(), Ok(Choice::Cuda(0)));
        assert_eq!("cuda:3".parse(), Ok(Choice::Cuda(3)));
        for text in ["auto", "cpu", "cuda:3"] {
            assert_eq!(text.parse::<Choice>().unwrap().to_string(), text);
        }
        for wrong in ["", "gpu", "cuda:", "cuda:x", "cuda:-1"] {
            assert!(wrong.parse::<Choice>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_gpu_that_is_not_there_is_a_clear_error() {
        let Err(error) = Choice::Cuda(0).resolve() else {
            eprintln!("skipped: this machine has a GPU");
            return;
        };
        let message = error.to_string();
        assert!(message.contains("--device cpu"), "{message}");
        assert_eq!(Choice::Auto.resolve().unwrap(), Device::Cpu);
    }
}
