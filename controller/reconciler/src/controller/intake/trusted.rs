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
                Ok(Self { path, commits })
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
        if self.commit(source) == Some(commit) {
            return Ok(());
        }
        self.commits.insert(source.to_owned(), commit.to_owned());
        let stored = Stored { version: VERSION, commits: self.commits.clone() };
        atomic::write(&self.path, &serde_json::to_vec(&stored)?)
    }
}
