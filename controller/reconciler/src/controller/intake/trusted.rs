//! Which commits were acted on: what comes next must descend from them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Home, atomic};

/// The version of the file that this program writes.
const VERSION: u64 = 1;

/// The file `sources.json`.
#[derive(Clone, Debug)]
pub(super) struct Trusted {
    path: PathBuf,
    commits: BTreeMap<String, String>,
    /// What could not be written is at the next look: after a restart a rewind would go unseen.
    is_written: bool,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u64,
    commits: BTreeMap<String, String>,
}

impl Trusted {
    /// Reads it. Without the file nothing was acted on.
    ///
    /// # Errors
    /// If the file is there and cannot be understood: a rewind would go unseen.
    pub(super) fn read(home: &Home) -> io::Result<Self> {
        let path = home.dir().join("sources.json");
        let stored = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
            Ok(bytes) => Some(serde_json::from_slice::<Stored>(&bytes).map_err(|error| {
                let way = "once you know that no branch was rewound meanwhile, remove it";
                io::Error::other(format!("{} is damaged: {error}; {way}", path.display()))
            })?),
        };
        match stored {
            Some(Stored { version, .. }) if version > VERSION => {
                Err(io::Error::other(format!("{} has version {version}", path.display())))
            }
            stored => {
                let commits = stored.map(|stored| stored.commits).unwrap_or_default();
                Ok(Self { path, commits, is_written: true })
            }
        }
    }

    /// The last commit of a source that was acted on.
    pub(super) fn commit(&self, source: &str) -> Option<&str> {
        self.commits.get(source).map(String::as_str)
    }

    /// Notes a commit.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn note(&mut self, source: &str, commit: &str) -> io::Result<()> {
        if self.is_written && self.commit(source) == Some(commit) {
            return Ok(());
        }
        // It counts at once, also where the disk is full.
        self.commits.insert(source.to_owned(), commit.to_owned());
        self.is_written = false;
        let stored = Stored { version: VERSION, commits: self.commits.clone() };
        atomic::write(&self.path, &serde_json::to_vec(&stored)?)?;
        self.is_written = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_written_is_written_at_the_next_look() {
        let dir = tempfile::tempdir().expect("dir");
        let home = Home::new(dir.path());
        let mut trusted = Trusted::read(&home).expect("none");
        // A file is where the directory would be.
        fs::write(home.dir(), "").expect("writable");
        trusted.note("team", "a1").expect_err("no directory");
        assert_eq!(trusted.commit("team"), Some("a1"), "what does not descend from it is refused");
        trusted.note("team", "a1").expect_err("still none, and it is not taken for written");
        fs::remove_file(home.dir()).expect("ours");
        home.prepare().expect("writable");
        trusted.note("team", "a1").expect("written");
        assert_eq!(Trusted::read(&home).expect("readable").commit("team"), Some("a1"));
    }
}
