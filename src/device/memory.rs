//! What the allocator does with memory that is freed.

/// Settings of glibc's allocator that users may have made.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const OF_USERS: [&str; 4] = [
    "MALLOC_ARENA_MAX",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
    "GLIBC_TUNABLES",
];

/// Has freed memory kept for the next step.
///
/// A step of autograd frees what it has computed with, and the next one asks for as much. Given back to the
/// system in between, every page is filled with zeros again: a fifth of the time of a step of SOM-VAE with its
/// convolutions. Threads share one arena, because what is free in others is given back in spite of the settings.
/// What the user has set wins; where the C library is another than glibc, nothing is changed.
///
/// To be called before any thread exists.
pub(super) fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        /// The most that glibc takes: what is larger is mapped for itself, and unmapped.
        const LARGEST: libc::c_int = 32 << 20;
        if OF_USERS.iter().any(|name| std::env::var_os(name).is_some()) {
            return;
        }
        // SAFETY: mallopt changes settings of the allocator and nothing else.
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, 1);
            libc::mallopt(libc::M_MMAP_THRESHOLD, LARGEST);
            libc::mallopt(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
        }
    }
}
