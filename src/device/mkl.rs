//! Two settings of MKL, the matrix library inside libtorch's CPU build.

use std::ffi::c_int;

/// MKL asks this function whether it runs on a processor whose vector instructions it trusts; its
/// own answer is "no" on AMD, whatever they can do, and it then leaves AVX-512 unused. A definition
/// in the executable takes precedence. MKL still asks the processor which instructions it has.
#[unsafe(no_mangle)]
pub extern "C" fn mkl_serv_intel_cpu_true() -> c_int {
    1
}

/// Asks MKL for results that do not depend on the number of threads.
///
/// To be called first thing in `main`, before any thread or tensor exists: MKL reads its
/// environment once, at its first product. A value that the user has set wins.
pub fn prepare() {
    if std::env::var_os("MKL_CBWR").is_some() {
        return;
    }
    if let Some(branch) = branch() {
        // SAFETY: no other thread exists yet that could read the environment meanwhile.
        unsafe { std::env::set_var("MKL_CBWR", branch) };
    }
}

/// What was asked of MKL, for records.
#[must_use]
pub fn matrix_kernels() -> String {
    std::env::var("MKL_CBWR").unwrap_or_else(|_| "default".to_owned())
}

#[cfg(target_arch = "x86_64")]
fn branch() -> Option<&'static str> {
    if std::arch::is_x86_feature_detected!("avx512f") {
        Some("AVX512,STRICT")
    } else if std::arch::is_x86_feature_detected!("avx2") {
        Some("AVX2,STRICT")
    } else {
        None
    }
}

/// libtorch has no MKL on other processors.
#[cfg(not(target_arch = "x86_64"))]
fn branch() -> Option<&'static str> {
    None
}
