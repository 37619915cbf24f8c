//! Which wheels and which of their files make a libtorch, for each machine that has one.

use crate::error::{Error, Result};

/// The version of libtorch that tch binds.
pub const VERSION: &str = "2.11.0";

/// The pinned wheels, as pip reads them.
pub const REQUIREMENTS: &str = include_str!("../libtorch-requirements.txt");

/// Raise it when the kept files or the written ones change, so that older installations are replaced.
const LAYOUT: u32 = 1;

/// The files that are kept, or written, on every machine, relative to the installation.
const FILES: &[&str] = &[
    "torch/lib/libtorch_cpu.so",
    "torch/lib/libc10.so",
    "torch/lib/libgomp.so.1",
    "nvidia/cu13/lib/libcudart.so.13",
    "nvidia/cu13/lib/libcupti.so.13",
];

/// Folders that are kept whole, as patterns.
const FOLDERS: &[&str] = &["torch/include/*", "*.dist-info/licenses/*"];

/// One kind of machine that libtorch can be installed on.
#[derive(Debug)]
pub struct Platform {
    /// The architecture in the names of Rust and of wheels.
    pub architecture: &'static str,
    /// Libraries besides [`FILES`] that libtorch needs here.
    libraries: &'static [&'static str],
    /// Size of the wheels, in bytes.
    pub download: u64,
}

static PLATFORMS: &[Platform] = &[
    Platform {
        architecture: "x86_64",
        libraries: &[],
        download: 543_563_777,
    },
    Platform {
        architecture: "aarch64",
        libraries: &[
            "torch/lib/libarm_compute.so",
            "torch/lib/libarm_compute_graph.so",
            "torch/lib/libgfortran.so.5",
            "torch/lib/libnvpl_blas_core.so.0",
            "torch/lib/libnvpl_blas_lp64_gomp.so.0",
            "torch/lib/libnvpl_lapack_core.so.0",
            "torch/lib/libnvpl_lapack_lp64_gomp.so.0",
        ],
        download: 432_290_065,
    },
];

impl Platform {
    /// The machine's platform; `libc` is Rust's `target_env`: the wheels are for glibc.
    pub fn find(os: &str, architecture: &str, libc: &str) -> Result<&'static Self> {
        PLATFORMS
            .iter()
            .find(|known| known.architecture == architecture)
            .filter(|_| os == "linux" && libc == "gnu")
            .ok_or_else(|| {
                let separator = if libc.is_empty() { "" } else { " " };
                Error::Platform(format!("{os} on {architecture}{separator}{libc}"))
            })
    }

    /// Name of the installation's folder.
    pub fn folder_name(&self) -> String {
        format!("libtorch-{VERSION}-cpu-{}", self.architecture)
    }

    /// The libraries that make up this installation, relative to it.
    pub fn files(&self) -> impl Iterator<Item = &'static str> {
        FILES.iter().chain(self.libraries).copied()
    }

    /// Patterns of everything to unpack from the wheels.
    pub fn patterns(&self) -> impl Iterator<Item = &'static str> {
        self.files().chain(FOLDERS.iter().copied())
    }

    /// Tags of the wheels, newest glibc first. pip takes a tag literally, so each wheel's own is there.
    pub fn tags(&self) -> impl Iterator<Item = String> {
        ["2_28", "2_25", "2_17"]
            .into_iter()
            .map(|glibc| format!("manylinux_{glibc}_{}", self.architecture))
    }
}

/// What stands in a complete installation's marker: the layout and the requirements without their comments.
pub fn stamp() -> String {
    let pins = REQUIREMENTS
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut stamp = format!("layout {LAYOUT}\n");
    for pin in pins {
        stamp.push_str(pin);
        stamp.push('\n');
    }
    stamp
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_wheel_has_a_hash_for_every_platform() {
        let stamp = stamp();
        let wheels = stamp.matches("==").count();
        assert_eq!(wheels, 3);
        assert_eq!(
            stamp.matches("--hash=sha256:").count(),
            wheels * PLATFORMS.len()
        );
        for hash in stamp.split("sha256:").skip(1) {
            let digits = hash.split_whitespace().next().unwrap();
            assert_eq!(digits.len(), 64, "{digits}");
            assert!(digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
        assert!(stamp.contains(&format!("torch=={VERSION} ")));
    }

    #[test]
    fn comments_do_not_change_the_stamp() {
        assert!(!stamp().contains('#'));
        assert!(stamp().starts_with("layout 1\ntorch=="));
    }

    #[test]
    fn machines_without_wheels_are_told_to_set_libtorch() {
        assert!(Platform::find("linux", "x86_64", "gnu").is_ok());
        for (os, architecture, libc) in [
            ("linux", "x86_64", "musl"),
            ("macos", "aarch64", ""),
            ("linux", "riscv64", "gnu"),
        ] {
            let error = Platform::find(os, architecture, libc).unwrap_err();
            assert!(error.to_string().contains("set LIBTORCH"), "{error}");
        }
    }

    #[test]
    fn the_folder_is_named_after_version_and_machine() {
        let platform = Platform::find("linux", "aarch64", "gnu").unwrap();
        assert_eq!(platform.folder_name(), "libtorch-2.11.0-cpu-aarch64");
        assert!(platform.tags().any(|tag| tag == "manylinux_2_28_aarch64"));
    }
}
