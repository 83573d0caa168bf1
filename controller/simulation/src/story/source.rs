//! A directory or a repository of manifests.

/// The files of the second source are named so.
const SECOND: &str = "second/";

/// What may be deleted for a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Whether what is in no manifest any more, and came from here, is deleted.
    pub prune: bool,
    /// How much of that at once; `None` for the usual share.
    pub budget: Option<usize>,
    /// Whether it is a git repository.
    pub git: bool,
    /// Whether it is a directory that is read once a minute, as a repository is.
    pub slow: bool,
}

impl Source {
    /// Whether a file says what it may do. Without one a repository may do little.
    pub fn has_policy(&self) -> bool {
        self.git || self.budget.is_some()
    }

    /// The number of the source that a file belongs to.
    pub fn of(file: &str) -> usize {
        usize::from(file.starts_with(SECOND))
    }

    /// The file's name within its source.
    pub fn local(file: &str) -> &str {
        file.strip_prefix(SECOND).unwrap_or(file)
    }

    /// The name of a file in a source.
    pub fn file(source: usize, local: &str) -> String {
        if source == 0 { local.to_owned() } else { format!("{SECOND}{local}") }
    }
}
