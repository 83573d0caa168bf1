//! Rules about files that are fetched.

use super::findings::Findings;
use crate::Arch;

/// Checks location and digest of the file at `path`.
pub(super) fn check(path: &str, location: &str, digest: Option<&str>, findings: &mut Findings) {
    let field = format!("{path}.location");
    if location.is_empty() {
        findings.error(field, "cannot be empty", "write a URL or a path");
    } else if location.starts_with('~') && location != "~" && !location.starts_with("~/") {
        let hint = "write an absolute path, or `~/` for your own home directory";
        findings.error(field, "another user's home directory cannot be expanded", hint);
    } else if let Some((scheme, _)) = location.split_once("://")
        && !matches!(scheme, "http" | "https" | "file")
    {
        let hint = "use http, https or file, or a path";
        findings.error(field, format!("`{scheme}://` cannot be fetched"), hint);
    }
    if let Some(problem) = digest.filter(|digest| !digest.is_empty()).and_then(digest_problem) {
        let hint = "write `sha256:` and what `sha256sum` prints";
        findings.error(format!("{path}.digest"), problem, hint);
    }
}

/// A kernel and its RAM disk must be for the image's architecture.
pub(super) fn same_arch(
    path: &str,
    arch: Option<Arch>,
    image: Option<Arch>,
    findings: &mut Findings,
) {
    if arch.is_some() && arch != image {
        let hint = "leave it out, it follows the image";
        findings.error(format!("{path}.arch"), "must be the image's architecture", hint);
    }
}

fn digest_problem(digest: &str) -> Option<String> {
    let (algorithm, hex) = digest.split_once(':').unwrap_or((digest, ""));
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return Some(format!("{algorithm:?} is none of sha256, sha384 and sha512")),
    };
    let lower_hex = hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let good = hex.len() == length && lower_hex;
    (!good).then(|| {
        format!(
            "{algorithm} is followed by {length} lower-case hexadecimal digits, not {}",
            hex.len()
        )
    })
}
