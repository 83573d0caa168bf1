//! What is known about this host, in `$LIMA_HOME/_limekiln/host.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Accelerator;
use crate::{Error, atomic};

/// An accelerator that does not work on this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remembered {
    /// The kernel that it was found under; another one gets another chance.
    pub kernel: String,
    /// What was seen.
    pub reason: String,
    /// When.
    pub since: Timestamp,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HostFile {
    #[serde(default)]
    broken_accelerators: BTreeMap<String, Remembered>,
    /// What other versions wrote.
    #[serde(flatten)]
    others: serde_json::Map<String, serde_json::Value>,
}

fn path(lima_home: &Path) -> PathBuf {
    lima_home.join("_limekiln/host.json")
}

/// The running kernel.
pub(super) fn kernel() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

/// What is known to be wrong with the accelerator under the running kernel. A file that can't be
/// read says nothing: the worst that follows is that it is found out again.
pub(crate) fn recall(lima_home: &Path, accelerator: Accelerator) -> Option<Remembered> {
    let mut file = read(lima_home);
    file.broken_accelerators
        .remove(accelerator.word())
        .filter(|remembered| remembered.kernel == kernel())
}

/// Keeps what was found out.
pub(crate) fn remember(
    lima_home: &Path,
    accelerator: Accelerator,
    reason: &str,
) -> Result<(), Error> {
    let path = path(lima_home);
    let dir = lima_home.join("_limekiln");
    fs::create_dir_all(&dir).map_err(Error::file("create", &dir))?;
    let mut file = read(lima_home);
    let remembered =
        Remembered { kernel: kernel(), reason: reason.to_owned(), since: Timestamp::now() };
    file.broken_accelerators.insert(accelerator.word().to_owned(), remembered);
    let text = serde_json::to_vec_pretty(&file)
        .map_err(|error| Error::file("write", &path)(error.into()))?;
    atomic::write(&path, &text, 0o644)
}

fn read(lima_home: &Path) -> HostFile {
    let text = fs::read(path(lima_home)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Accelerator, recall, remember};

    #[test]
    fn another_kernel_gets_another_chance() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("_limekiln/host.json");
        assert_eq!(recall(home.path(), Accelerator::Kvm), None);
        remember(home.path(), Accelerator::Kvm, "hangs").unwrap();
        assert_eq!(recall(home.path(), Accelerator::Kvm).unwrap().reason, "hangs");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace(&super::kernel(), "1.0")).unwrap();
        assert_eq!(recall(home.path(), Accelerator::Kvm), None);
    }

    #[test]
    fn a_torn_file_is_like_none_and_other_keys_stay() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("_limekiln/host.json");
        std::fs::create_dir(home.path().join("_limekiln")).unwrap();
        std::fs::write(&file, "{\"broken_acc").unwrap();
        assert_eq!(recall(home.path(), Accelerator::Kvm), None);
        std::fs::write(&file, "{\"later\": 1}").unwrap();
        remember(home.path(), Accelerator::Kvm, "hangs").unwrap();
        assert!(std::fs::read_to_string(&file).unwrap().contains("\"later\": 1"));
    }
}
