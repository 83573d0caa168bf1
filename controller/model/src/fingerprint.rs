//! Short digests of data, to tell whether it is still the same.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The SHA-256 of a value's JSON, in lower-case hex, its first 16 digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

/// The fingerprint of anything that serialises. Equal values have equal fingerprints as long as
/// their maps are ordered.
pub fn fingerprint<T: Serialize>(value: &T) -> Fingerprint {
    let json =
        serde_json::to_vec(value).expect("model types have string keys and no failing impls");
    let digest = Sha256::digest(&json);
    Fingerprint(digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}
