//! Names of the network's definition, in a file that may change while the daemon runs.
//!
//! It is looked at before each answer, so nobody has to say that it changed, and a daemon that was
//! killed and started again knows what the one before knew.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use serde::Deserialize;

use super::Target;

/// Longest file that is read: as many names as anybody writes by hand.
const LONGEST: u64 = 1 << 20;

/// What of a file tells one writing from the next: its inode, length, and time in nanoseconds.
type Stamp = (u64, u64, i64, i64);

/// The file and what it said last.
#[derive(Clone, Debug, Default)]
pub struct HostsFile {
    path: Option<PathBuf>,
    seen: Option<Stamp>,
    hosts: Vec<(String, Target)>,
}

/// The version of the file that is understood; one without is of the first.
const VERSION: u64 = 1;

/// What of the file counts; all else in it is somebody else's.
#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    version: u64,
    #[serde(default)]
    hosts: BTreeMap<String, String>,
}

impl HostsFile {
    /// At the path, if there is to be one.
    pub fn new(path: Option<PathBuf>) -> Self {
        Self { path, ..Self::default() }
    }

    /// Reads the file if it has changed. What cannot be read leaves the names from before, and is
    /// said in the log once; a file that is gone has none.
    pub fn refresh(&mut self) {
        if let Some(path) = &self.path {
            let stamp = fs::metadata(path).ok().map(|file| stamp(&file));
            if stamp != self.seen {
                self.seen = stamp;
                self.read();
            }
        }
    }

    /// The names, as they were when it was last looked at.
    pub fn hosts(&self) -> &[(String, Target)] {
        &self.hosts
    }

    fn read(&mut self) {
        let Some(path) = self.path.as_ref().filter(|_| self.seen.is_some()) else {
            return self.hosts.clear();
        };
        match content(path).and_then(|text| hosts(&text)) {
            Ok(hosts) => self.hosts = hosts,
            Err(error) => {
                tracing::warn!("the names in {} can't be read: {error}", path.display());
            }
        }
    }
}

/// What a file's bytes say.
///
/// # Errors
/// They are no such file, or a later release's.
pub fn hosts(text: &[u8]) -> io::Result<Vec<(String, Target)>> {
    let content: Content = serde_json::from_slice(text)?;
    if content.version > VERSION {
        return Err(io::Error::other("a later release wrote them"));
    }
    Ok(content.hosts.into_iter().map(|(name, target)| (name, Target::of(&target))).collect())
}

fn content(path: &std::path::Path) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.len() > LONGEST {
        return Err(io::Error::other(format!("it has more than {LONGEST} bytes")));
    }
    fs::read(path)
}

fn stamp(file: &Metadata) -> Stamp {
    (file.ino(), file.len(), file.mtime(), file.mtime_nsec())
}

#[cfg(test)]
mod tests {
    use super::*;

    impl HostsFile {
        fn now(&mut self) -> &[(String, Target)] {
            self.refresh();
            self.hosts()
        }
    }

    #[test]
    fn names_follow_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("definition.json");
        let mut file = HostsFile::new(Some(path.clone()));
        assert_eq!(file.now(), []);
        let write = |text: &str| {
            fs::write(dir.path().join("new"), text).unwrap();
            fs::rename(dir.path().join("new"), &path).unwrap();
        };
        write(r#"{"mode": "user-v2", "hosts": {"db.test": "10.0.0.9", "alias": "db.test"}}"#);
        let address = ("db.test".to_owned(), Target::Address([10, 0, 0, 9].into()));
        let alias = ("alias".to_owned(), Target::Name("db.test".to_owned()));
        assert_eq!(file.now(), [alias, address.clone()]);
        write(r#"{"hosts": {"#);
        assert_eq!(file.now().len(), 2, "what is damaged changes nothing");
        write(r#"{"version": 2, "hosts": {}}"#);
        assert_eq!(file.now().len(), 2, "nor what a later release wrote");
        write(r#"{"version": 1, "hosts": {"db.test": "10.0.0.9"}}"#);
        assert_eq!(file.now(), [address]);
        fs::remove_file(&path).unwrap();
        assert_eq!(file.now(), []);
    }
}
