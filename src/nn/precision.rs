//! How accurate matrix products are: the user's choice between exactness and speed.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind};

/// The numbers that training multiplies; sums are of 32 bits with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Products {
    /// 32-bit floats.
    #[default]
    Float32,
    /// Rounded to 8 bits of mantissa, in memory too.
    Bfloat16,
    /// 32-bit floats that a GPU's matrix units round to 11 bits of mantissa.
    Tf32,
}

impl Products {
    /// As records have it, e.g. `float32`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Bfloat16 => "bfloat16",
            Self::Tf32 => "tf32",
        }
    }
}

/// The accuracy of the matrix products of training. Parameters, optimiser, losses and evaluation are
/// 32-bit floats in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32-bit floating point everywhere. Verdicts are made from these runs.
    #[default]
    Exact,
    /// Products of rounded numbers, added up in 32 bits: bfloat16 (8 bits of mantissa) on a processor
    /// that multiplies them natively, TF32 (11 bits) on a GPU; on other processors as `Exact`.
    Fast,
}

impl Precision {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Exact, Self::Fast];

    /// `exact` or `fast`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Fast => "fast",
        }
    }

    /// The numbers that training multiplies on `device`.
    #[must_use]
    pub fn products(self, device: Device) -> Products {
        match (self, device) {
            (Self::Fast, Device::Cpu) if multiplies_bfloat16() => Products::Bfloat16,
            (Self::Exact, _) | (Self::Fast, Device::Cpu) => Products::Float32,
            (Self::Fast, _) => Products::Tf32,
        }
    }

    /// The kind of the tensors that are multiplied on `device`. TF32 is a switch of the GPU's matrix
    /// library, not a kind.
    pub(super) fn kind(self, device: Device) -> Kind {
        match self.products(device) {
            Products::Bfloat16 => Kind::BFloat16,
            Products::Float32 | Products::Tf32 => Kind::Float,
        }
    }
}

/// Elsewhere libtorch emulates bfloat16, which is slower than 32 bits.
#[cfg(target_arch = "x86_64")]
fn multiplies_bfloat16() -> bool {
    std::arch::is_x86_feature_detected!("avx512bf16")
}

#[cfg(not(target_arch = "x86_64"))]
fn multiplies_bfloat16() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_is_32_bits_everywhere() {
        for device in [Device::Cpu, Device::Cuda(0)] {
            assert_eq!(Precision::Exact.products(device), Products::Float32);
            assert_eq!(Precision::Exact.kind(device), Kind::Float);
        }
        assert_eq!(Precision::default(), Precision::Exact);
    }

    #[test]
    fn a_gpu_keeps_32_bits_in_memory() {
        assert_eq!(Precision::Fast.products(Device::Cuda(1)), Products::Tf32);
        assert_eq!(Precision::Fast.kind(Device::Cuda(1)), Kind::Float);
    }
}
