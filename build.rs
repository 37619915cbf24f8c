//! Compiles the few libtorch operators that tch does not bind, and tells the linker where libtorch is.

use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=src/nn/operators.cpp");
    // torch-sys resolves LIBTORCH, LIBTORCH_USE_PYTORCH and the system folder: we follow what it found.
    let Some(lib) = std::env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else {
        panic!("torch-sys has not said where libtorch is");
    };
    let lib = lib.canonicalize().unwrap_or(lib);
    let include = lib.with_file_name("include");
    // The folder may be replaced under the same name: the path below must not be an old one.
    println!(
        "cargo:rerun-if-changed={}",
        include.join("torch/headeronly/version.h").display()
    );
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .warnings(false)
        .include(&include)
        .flag("-D_GLIBCXX_USE_CXX11_ABI=1")
        .file("src/nn/operators.cpp")
        .compile("replicate_operators");
    println!(
        "cargo:rustc-env=REPLICATE_LIBTORCH_VERSION={}",
        version(&include)
    );
    // RUNPATH, not RPATH: LD_LIBRARY_PATH still wins where a GPU machine brings its own PyTorch.
    println!(
        "cargo:rustc-link-arg=-Wl,--enable-new-dtags,-rpath,{}",
        lib.display()
    );
    // MKL asks this symbol whether it may use its fastest kernels: see src/device/mkl.rs.
    println!("cargo:rustc-link-arg=-Wl,--export-dynamic-symbol=mkl_serv_intel_cpu_true");
}

/// libtorch's version as its own header states it.
fn version(include: &Path) -> String {
    let header = include.join("torch/headeronly/version.h");
    let text = std::fs::read_to_string(header).unwrap_or_default();
    let part = |name: &str| {
        let define = format!("#define TORCH_VERSION_{name} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&define));
        value.map_or("?", str::trim).to_owned()
    };
    format!("{}.{}.{}", part("MAJOR"), part("MINOR"), part("PATCH"))
}
