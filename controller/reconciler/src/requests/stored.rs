//! The file `requests.json`.

use std::collections::{BTreeMap, BTreeSet};

use limekiln_model::ObjectId;
use serde::{Deserialize, Serialize};

use super::{OfSource, Requests};

/// The version of the file that this program writes. Before 2, one set held what may be deleted
/// and where branches may be rewound to, and what was rolled back was so for every source. Before 3,
/// what may be deleted was so for ever.
const VERSION: u64 = 3;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    version: u64,
    suspended: BTreeSet<ObjectId>,
    #[serde(default, skip_serializing)]
    acknowledged: BTreeSet<String>,
    #[serde(default)]
    rewinds: BTreeSet<String>,
    #[serde(default)]
    deletions: BTreeSet<OfSource>,
    #[serde(default)]
    letting_go: BTreeMap<String, String>,
    #[serde(default)]
    pinned: BTreeMap<String, String>,
    #[serde(default)]
    released: BTreeMap<String, String>,
    #[serde(default)]
    rolled_back: BTreeSet<OfSource>,
}

/// What the bytes of the file ask for.
///
/// An acknowledgement of version 1 that is a commit id was given to follow a branch there, and
/// allows no deletion; what is none is the digest of files, and allows only that.
pub(super) fn parse(bytes: &[u8]) -> serde_json::Result<Requests> {
    let stored: Stored = serde_json::from_slice(bytes)?;
    if stored.version > VERSION {
        return Err(serde::de::Error::custom(format!("it has version {}", stored.version)));
    }
    let Stored {
        suspended,
        mut rewinds,
        mut deletions,
        letting_go,
        pinned,
        released,
        rolled_back,
        ..
    } = stored;
    let (commits, digests): (Vec<_>, Vec<_>) =
        stored.acknowledged.into_iter().partition(|revision| is_commit(revision));
    rewinds.extend(commits);
    deletions.extend(digests.into_iter().map(OfSource::any));
    Ok(Requests { suspended, rewinds, deletions, letting_go, pinned, released, rolled_back })
}

pub(super) fn bytes(requests: &Requests) -> serde_json::Result<Vec<u8>> {
    let Requests { suspended, rewinds, deletions, letting_go, pinned, released, rolled_back } =
        requests.clone();
    let acknowledged = BTreeSet::new();
    serde_json::to_vec(&Stored {
        version: VERSION,
        suspended,
        acknowledged,
        rewinds,
        deletions,
        letting_go,
        pinned,
        released,
        rolled_back,
    })
}

/// Whether a text is all of a commit id, as `git rev-parse` prints it. Its digits may be large.
pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
