//! What pip's failures mean, and what to do about them.

/// Words of pip, any of which gives the cause away, and the advice that follows. The first match counts: pip ends
/// with "No matching distribution" after a lost network too.
const CAUSES: &[(&[&str], &str)] = &[
    (
        &[
            "DO NOT MATCH THE HASHES",
            "do not match the hashes",
            "doesn't match the hash",
        ],
        "A downloaded file does not have the SHA-256 in xtask/libtorch-requirements.txt and was thrown away. \
         Try again; if it stays so, your package index or mirror changes files: use another.",
    ),
    (
        &["No space left on device", "Disk quota exceeded"],
        "The disk or your quota is full. Make room, or set REPLICATE_CACHE to a folder on another disk.",
    ),
    (
        &[
            "ProxyError",
            "Cannot connect to proxy",
            "Tunnel connection failed",
            "Proxy Authentication Required",
        ],
        "pip cannot get through the proxy. Check HTTPS_PROXY and `python3 -m pip config list`, then try again; \
         without a network, set LIBTORCH to a libtorch 2.11.0 of your own.",
    ),
    (
        &["CERTIFICATE_VERIFY_FAILED", "SSLError"],
        "pip does not trust the server's certificate. Set PIP_CERT to your site's certificates, then try again.",
    ),
    (
        &[
            "NewConnectionError",
            "NameResolutionError",
            "ConnectTimeout",
            "ReadTimeout",
            "Read timed out",
            "Connection refused",
            "Connection reset",
            "Network is unreachable",
            "name resolution",
            "Connection broken",
            "Max retries exceeded",
        ],
        "pip cannot reach its package index. Check the network; behind a proxy set HTTPS_PROXY, for a mirror \
         PIP_INDEX_URL, then try again; without a network, set LIBTORCH to a libtorch 2.11.0 of your own.",
    ),
    (
        &["No matching distribution found"],
        "pip found no wheels of xtask/libtorch-requirements.txt. Check the network, and `python3 -m pip config list` \
         for a mirror that lacks them or `no-index`; without a network, set LIBTORCH to a libtorch 2.11.0 of your \
         own.",
    ),
];

/// The advice for what pip wrote to stderr.
pub fn advice(said: &str) -> &'static str {
    CAUSES
        .iter()
        .find(|(signs, _)| signs.iter().any(|sign| said.contains(sign)))
        .map_or(
            "pip could not download libtorch. Try again, or set LIBTORCH to a libtorch 2.11.0 of your own.",
            |(_, advice)| advice,
        )
}

/// The part of pip's words worth repeating: from its first error on, or its last lines when it named none.
pub fn gist(said: &str) -> String {
    let lines: Vec<_> = said
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let first_error = lines.iter().position(|line| line.starts_with("ERROR"));
    let start = first_error.unwrap_or(lines.len().saturating_sub(5));
    lines[start..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_proxy_is_not_taken_for_a_missing_wheel() {
        let said = "WARNING: Retrying (Retry(total=0)) after connection broken by 'ProxyError('Cannot connect to \
                    proxy.', NewConnectionError(...))': /simple/torch/\n\
                    ERROR: Could not find a version that satisfies the requirement torch==2.11.0 (from versions: \
                    none)\n\
                    ERROR: No matching distribution found for torch==2.11.0\n";
        assert!(advice(said).contains("HTTPS_PROXY"));
        assert!(advice(said).contains("through the proxy"));
        assert_eq!(gist(said).lines().count(), 2);
        assert!(
            advice("ERROR: No matching distribution found for torch").contains("pip config list")
        );
    }

    #[test]
    fn changed_files_and_full_disks_are_recognised() {
        let hashes = "WARNING: slow\nERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n\
                      \x20   torch==2.11.0:\n        Expected sha256 aa\n             Got        bb\n";
        assert!(advice(hashes).contains("SHA-256"));
        assert!(gist(hashes).starts_with("ERROR"));
        assert!(gist(hashes).ends_with("Got        bb"));
        let disk = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device";
        assert!(advice(disk).contains("REPLICATE_CACHE"));
    }

    #[test]
    fn unknown_failures_keep_the_last_lines() {
        let said = "Traceback\n1\n2\n\n3\n4\nKeyError: 'x'\n";
        assert_eq!(gist(said), "1\n2\n3\n4\nKeyError: 'x'");
        assert!(advice(said).contains("could not download"));
        assert_eq!(gist(""), "");
    }
}
