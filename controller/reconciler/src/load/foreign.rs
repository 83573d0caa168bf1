//! Disks and networks that a source describes, and that are somebody else's.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use limekiln_api::Kind;
use limekiln_model::{ObjectId, Owner};

/// Lima has these unless its `networks.yaml` says otherwise.
const LIMAS: [&str; 4] = ["bridged", "host", "shared", "user-v2"];

/// Whether an object that a source describes is there already, and not from that source. It is
/// not made anew then, and who uses it uses what is there. Errs on the side of yes.
pub(super) fn is_foreign(
    id: &ObjectId,
    source: &str,
    owners: &BTreeMap<ObjectId, Owner>,
    lima_home: &Path,
) -> bool {
    if let Some(owner) = owners.get(id) {
        return owner.origin.source != source;
    }
    match id.kind {
        Kind::Disk => {
            // A link to nothing is something, too.
            fs::symlink_metadata(lima_home.join("_disks").join(id.name.as_str())).is_ok()
        }
        Kind::Network => is_limas(id.name.as_str(), &lima_home.join("_config/networks.yaml")),
        Kind::Instance => false,
    }
}

/// By any key of that name, wherever it stands.
fn is_limas(name: &str, file: &Path) -> bool {
    let text = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let mut keys =
        text.split([':', '{', ',', '\n']).map(|key| key.trim().trim_matches(['"', '\'']));
    LIMAS.contains(&name) || keys.any(|key| key == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_foreign_unless_it_came_from_the_source() {
        let dir = tempfile::tempdir().expect("dir");
        let home = dir.path();
        let id = |text: &str| text.parse::<ObjectId>().expect("an id");
        let foreign = |text: &str| is_foreign(&id(text), "git:a", &BTreeMap::new(), home);
        for text in ["disk/data", "network/team"] {
            assert!(!foreign(text), "{text}");
        }
        assert!(foreign("network/bridged"));
        fs::create_dir_all(home.join("_disks/data")).expect("dir");
        fs::create_dir(home.join("_config")).expect("dir");
        fs::write(home.join("_config/networks.yaml"), "networks:\n  'team': {mode: user-v2}\n")
            .expect("write");
        assert!(foreign("disk/data") && foreign("network/team"));
    }
}
