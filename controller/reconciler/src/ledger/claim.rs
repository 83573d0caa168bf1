//! One entry, and how it is written.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use limekiln_model::{Fingerprint, ObjectId, Owner, fingerprint};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the files.
const VERSION: u64 = 1;

/// That an object is ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// Which object.
    pub id: ObjectId,
    /// From which manifest.
    pub owner: Owner,
    /// The configuration that was last stored by us; what differs from it was changed by others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<Fingerprint>,
    /// The configuration that is being stored: noted before, so that a crash in the middle does
    /// not make ours look like somebody else's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applying: Option<Fingerprint>,
    /// Whether we stopped it, or took it away, in order to start it again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restarting: bool,
}

impl Claim {
    /// A claim on an object whose configuration was not stored by us.
    pub(crate) fn new(id: ObjectId, owner: Owner) -> Self {
        Self { id, owner, applied: None, applying: None, restarting: false }
    }

    /// Whether the configuration is one that we stored.
    pub(crate) fn stored(&self, config: &Fingerprint) -> bool {
        self.applied.as_ref() == Some(config) || self.applying.as_ref() == Some(config)
    }
}

/// What a ledger holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claims {
    /// The claims by object.
    pub by_id: BTreeMap<ObjectId, Arc<Claim>>,
    /// Files that cannot be read. Their objects are not ours.
    pub damaged: Vec<PathBuf>,
}

/// The file: the claim, and a sum that tells a changed byte from a written one.
#[derive(Serialize, Deserialize)]
struct Envelope {
    version: u64,
    sum: Fingerprint,
    claim: Claim,
}

/// What a file turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reading {
    Claim(Claim),
    Damaged,
    Newer(u64),
}

impl Claim {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let envelope = Envelope { version: VERSION, sum: fingerprint(self), claim: self.clone() };
        let mut bytes = serde_json::to_vec_pretty(&envelope)
            .expect("claims have string keys and no failing impls");
        bytes.push(b'\n');
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Reading {
        // Nearly every file is whole and ours.
        if let Ok(Envelope { version: VERSION, sum, claim }) = serde_json::from_slice(bytes)
            && sum == fingerprint(&claim)
        {
            return Reading::Claim(claim);
        }
        let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return Reading::Damaged };
        match value.get("version").and_then(Value::as_u64) {
            Some(version) if version > VERSION => return Reading::Newer(version),
            Some(VERSION) => {}
            _ => return Reading::Damaged,
        }
        match serde_json::from_value::<Envelope>(value) {
            Ok(Envelope { sum, claim, .. }) if sum == fingerprint(&claim) => Reading::Claim(claim),
            _ => Reading::Damaged,
        }
    }
}

#[cfg(test)]
mod tests {
    use limekiln_api::DeletionPolicy;
    use limekiln_model::Origin;

    use super::*;

    fn claim() -> Claim {
        let origin = Origin { source: "/m".into(), file: "/m/web.yaml".into(), line: 3 };
        Claim {
            id: "instance/web".parse().expect("an id"),
            owner: Owner { origin, deletion_policy: DeletionPolicy::Delete },
            applied: Some(Fingerprint("0123456789abcdef".into())),
            applying: None,
            restarting: false,
        }
    }

    #[test]
    fn a_claim_comes_back() {
        assert_eq!(Claim::from_bytes(&claim().to_bytes()), Reading::Claim(claim()));
    }

    #[test]
    fn cut_anywhere_it_is_damaged() {
        let bytes = claim().to_bytes();
        // The last two bytes are the closing brace and the newline, which may be missing.
        for cut in 0..bytes.len() - 2 {
            assert_eq!(Claim::from_bytes(&bytes[..cut]), Reading::Damaged, "cut at {cut}");
        }
    }

    #[test]
    fn with_any_bit_flipped_it_never_says_anything_else() {
        let bytes = claim().to_bytes();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                match Claim::from_bytes(&flipped) {
                    Reading::Claim(read) => assert_eq!(read, claim(), "byte {at}, bit {bit}"),
                    Reading::Damaged | Reading::Newer(_) => {}
                }
            }
        }
    }

    #[test]
    fn a_newer_version_is_recognised_whatever_it_holds() {
        assert_eq!(Claim::from_bytes(br#"{"version": 7, "x": []}"#), Reading::Newer(7));
    }
}
