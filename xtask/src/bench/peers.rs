//! The Python packages that ours is measured against, in a folder of the cache.
//!
//! PyTorch's wheel for Linux wants gigabytes of CUDA libraries that a CPU never calls. They are left out, and small
//! stand-ins compiled in their place: see `benches/peers/no_cuda.c`.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::cache;
use crate::disk;
use crate::error::{Error, Result};
use crate::progress::{megabytes, say, since};
use crate::python::Python;
use crate::whole::Whole;

use super::contender::CommandLine;

/// Raise it when what is done to the installed packages changes.
const LAYOUT: u32 = 1;

/// Free room that is needed: the wheels beside what they unpack to.
const NEEDED: u64 = 5_000_000_000;

/// What is never used, relative to the folder.
const UNUSED: &[&str] = &[
    "torch/include",
    "torch/lib/libtorch_cuda.so",
    "torch/lib/libtorch_cuda_linalg.so",
    "torch/lib/libtorch_nvshmem.so",
    "tensorflow/include",
    "nvidia/cu13/include",
    "nvidia/cu13/lib/libcudadevrt.a",
    "nvidia/cu13/lib/libcudart_static.a",
    "nvidia/cu13/lib/libnvperf_host.so",
    "nvidia/cu13/lib/libnvperf_target.so",
];

/// The symbol that lets MKL use its fastest kernels, as a library to preload.
const MKL: &str = "mkl.so";

/// Installed peers.
#[derive(Debug)]
pub struct Peers {
    /// Where the packages are.
    folder: PathBuf,
    /// Where our scripts are.
    scripts: PathBuf,
    python: PathBuf,
}

impl Peers {
    /// Installs the packages where they are missing.
    pub fn ready(workspace: &Path) -> Result<Self> {
        let scripts = workspace.join("benches").join("peers");
        let cache = cache::folder(|name| env::var_os(name), env::consts::OS, workspace)?;
        fs::create_dir_all(&cache).map_err(Error::io("make", &cache))?;
        // A Python without pip lends itself to an environment, which has to last: the packages are for it.
        let python = Python::find(&cache.join("peers-python"))?;
        let stamp = stamp(&scripts, &version(python.program())?)?;
        let name = format!("peers-{:016x}", fingerprint(&stamp));
        let whole = Whole::new(&cache, name, stamp);
        let start = Instant::now();
        let is_complete = || whole.is_complete();
        if !is_complete() {
            let made = whole.make(NEEDED, is_complete, |scratch, new| {
                say("installing the peers of the benchmark with pip (0.8 GB to download)");
                python.install(&scripts.join("requirements.txt"), new, scratch)?;
                for unused in UNUSED {
                    remove(&new.join(unused));
                }
                compile(&scripts, new, scratch)
            })?;
            if made {
                say(&format!(
                    "the peers are ready after {}: {} ({})",
                    since(start),
                    whole.folder().display(),
                    megabytes(disk::size(&whole.folder()))
                ));
            }
        }
        Ok(Self {
            folder: whole.folder(),
            scripts,
            python: python.program().to_path_buf(),
        })
    }

    /// The command that runs one of our scripts with the packages; with `mkl`, PyTorch's MKL uses its fastest kernels.
    pub fn command(&self, script: &str, arguments: &[&OsStr], mkl: bool) -> CommandLine {
        let script = self.scripts.join(script);
        let mut words = vec![self.python.clone().into_os_string(), "-s".into()];
        words.push(script.into_os_string());
        words.extend(arguments.iter().map(|&argument| argument.to_owned()));
        let mut variables: Vec<(&'static str, OsString)> =
            vec![("PYTHONPATH", self.folder.clone().into_os_string())];
        if mkl {
            variables.push(("LD_PRELOAD", self.folder.join(MKL).into_os_string()));
        }
        CommandLine { words, variables }
    }
}

/// What the packages are made from.
fn stamp(scripts: &Path, python: &str) -> Result<String> {
    let mut stamp = format!("layout {LAYOUT}\n{python}\n");
    for name in ["requirements.txt", "no_cuda.c", "mkl.c"] {
        let path = scripts.join(name);
        stamp += &fs::read_to_string(&path).map_err(Error::io("read", &path))?;
    }
    Ok(stamp)
}

/// FNV-1a: names a folder, guards nothing.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// `cp311-x86_64`: packages for one Python are of no use to another.
fn version(python: &Path) -> Result<String> {
    let question =
        "import platform, sys; print('cp%d%d' % sys.version_info[:2], platform.machine(), sep='-')";
    let output = Command::new(python).args(["-c", question]).output();
    let output = output.map_err(|source| Error::Start {
        program: python.display().to_string(),
        source,
    })?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// What cannot be removed costs room, no more.
fn remove(path: &Path) {
    let _ = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
}

/// The libraries of our own: stand-ins for CUDA's, and MKL's symbol.
fn compile(scripts: &Path, new: &Path, scratch: &Path) -> Result<()> {
    let nothing = scratch.join("nothing.c");
    let versions = scratch.join("cudnn.map");
    fs::write(&nothing, "").map_err(Error::io("write", &nothing))?;
    fs::write(&versions, "libcudnn.so.9 { };\n").map_err(Error::io("write", &versions))?;
    let lib = new.join("torch").join("lib");
    let script = format!("-Wl,--version-script={}", versions.display());
    let libraries = [
        (
            scripts.join("no_cuda.c"),
            lib.join("libtorch_cuda.so"),
            None,
        ),
        (nothing.clone(), lib.join("libcufile.so.0"), None),
        (nothing, lib.join("libcudnn.so.9"), Some(script)),
        (scripts.join("mkl.c"), new.join(MKL), None),
    ];
    for (source, library, option) in libraries {
        let output = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()))
            .args(["-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .args(option)
            .output()
            .map_err(|source| Error::Start {
                program: "cc".to_owned(),
                source,
            })?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(Error::Peers(said));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn another_version_or_python_is_another_folder() {
        let scripts = tempfile::tempdir().unwrap();
        for name in ["requirements.txt", "no_cuda.c", "mkl.c"] {
            fs::write(scripts.path().join(name), name).unwrap();
        }
        let one = stamp(scripts.path(), "cp311-x86_64").unwrap();
        assert_ne!(one, stamp(scripts.path(), "cp312-x86_64").unwrap());
        fs::write(scripts.path().join("requirements.txt"), "torch==3").unwrap();
        let other = stamp(scripts.path(), "cp311-x86_64").unwrap();
        assert_ne!(fingerprint(&one), fingerprint(&other));
        // The published test value.
        assert_eq!(fingerprint("a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn scripts_see_the_packages_and_the_symbol() {
        let peers = Peers {
            folder: "/cache/peers".into(),
            scripts: "/checkout/benches/peers".into(),
            python: "python3".into(),
        };
        let plain = peers.command("pytorch.py", &["2".as_ref()], false);
        assert_eq!(plain.words[2], "/checkout/benches/peers/pytorch.py");
        assert_eq!(plain.words[3], "2");
        assert_eq!(plain.variables, [("PYTHONPATH", "/cache/peers".into())]);
        let fast = peers.command("pytorch.py", &[], true);
        assert_eq!(
            fast.variables[1],
            ("LD_PRELOAD", "/cache/peers/mkl.so".into())
        );
    }
}
