//! `cargo xtask setup`: sees to it that the build finds a libtorch.

use std::env;
use std::path::Path;
use std::time::Instant;

use crate::cache;
use crate::compiler;
use crate::disk;
use crate::error::Result;
use crate::installation::Installation;
use crate::libtorch::{self, LINK, Libtorch};
use crate::link;
use crate::platform::{Platform, VERSION};
use crate::progress::{megabytes, say, since};
use crate::python::Python;

/// Installs libtorch where it is missing and links it into `workspace`. Silent and instant when that is done.
pub fn ensure(workspace: &Path) -> Result<()> {
    let check_compiler = || compiler::require(env::var("CXX").ok().as_deref());
    match Libtorch::chosen(|name| env::var_os(name), workspace) {
        Libtorch::Installed => {}
        Libtorch::PyTorch => {
            say("skipped, LIBTORCH_USE_PYTORCH is set: building with the PyTorch of your Python");
            return check_compiler();
        }
        Libtorch::Folder(folder) => {
            libtorch::check_folder(&folder)?;
            say(&format!("skipped, LIBTORCH={}", folder.display()));
            return check_compiler();
        }
    }
    let libc = if cfg!(target_env = "gnu") {
        "gnu"
    } else if cfg!(target_env = "musl") {
        "musl"
    } else {
        ""
    };
    let platform = Platform::find(env::consts::OS, env::consts::ARCH, libc)?;
    let working = env::current_dir().unwrap_or_else(|_| workspace.to_path_buf());
    let cache = cache::folder(|name| env::var_os(name), env::consts::OS, &working)?;
    let installation = Installation::new(&cache, platform);
    let link = workspace.join(LINK);
    if installation.is_complete() && link::leads_to(&link, &installation.folder()) {
        return Ok(());
    }
    check_compiler()?;
    link::check(&link)?;
    install(&installation, platform)?;
    link::point(&link, &installation.folder())
}

fn install(installation: &Installation, platform: &'static Platform) -> Result<()> {
    let start = Instant::now();
    // pip copies a wheel before it gives it away; unpacked, it takes less than the copy.
    let needed = platform.download * 5 / 2;
    let installed = installation.install(needed, |scratch, new| {
        let python = Python::find(scratch)?;
        let wheels = scratch.join("wheels");
        say(&format!(
            "downloading libtorch {VERSION} with pip ({})",
            megabytes(platform.download)
        ));
        python.download(platform, &wheels, scratch)?;
        say(&format!("downloaded in {}, unpacking", since(start)));
        python.unpack(platform, &wheels, new)
    })?;
    if installed {
        let folder = installation.folder();
        say(&format!(
            "libtorch {VERSION} is ready after {}: {} ({})",
            since(start),
            folder.display(),
            megabytes(disk::size(&folder))
        ));
    }
    Ok(())
}
