//! Digests.

use std::io::{self, Read};

use limekiln_api::template::Locator;
use sha2::{Digest, Sha256};

/// `sha256:<hex>` of the bytes.
pub(super) fn of_bytes(bytes: &[u8]) -> String {
    text(&Sha256::digest(bytes))
}

/// `sha256:<hex>` of all that can be read.
pub(super) fn of_reader(mut reader: impl Read) -> io::Result<String> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(text(&digest.finalize())),
            count => digest.update(&buffer[..count]),
        }
    }
}

fn text(digest: &[u8]) -> String {
    format!("sha256:{}", hex(digest))
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether it is a digest as images may have: an algorithm and so many lower-case hex digits.
pub(super) fn is_digest(text: &str) -> bool {
    let known = [("sha256:", 64), ("sha384:", 96), ("sha512:", 128)];
    let hex = |rest: &str| rest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    known.into_iter().any(|(algorithm, length)| {
        text.strip_prefix(algorithm).is_some_and(|rest| rest.len() == length && hex(rest))
    })
}

/// Whether a lock speaks of what is there. Files lie beside the manifests.
pub(super) fn is_locked(locator: &Locator) -> bool {
    !matches!(locator, Locator::File(_) | Locator::FileUrl(_) | Locator::Stdin)
}
