//! `github:ORG[/REPO[/PATH]][@REF]`.

use std::fmt;

use super::LocatorError;

/// A file in a repository on GitHub.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GithubLocator {
    /// The owner: an organisation or a user.
    pub org: String,
    /// The repository; the owner's own, of the same name, when none was written.
    pub repo: String,
    /// The path of the file, with an extension; `.lima.yaml` when none was written.
    pub path: String,
    /// Branch, tag or commit; the default branch when `None`.
    pub reference: Option<String>,
}

/// What a repository's file is called when no path is written.
const DEFAULT_FILE: &str = ".lima.yaml";

impl GithubLocator {
    /// Reads what follows `github:`.
    ///
    /// # Errors
    /// If there is no owner, or a part leaves its place.
    pub fn parse(text: &str) -> Result<Self, LocatorError> {
        let refuse = |why| LocatorError::Github { text: format!("github:{text}"), why };
        let (location, reference) = match text.rsplit_once('@') {
            Some((location, reference)) => (location, Some(reference)),
            None => (text, None),
        };
        let mut parts = location.trim_start_matches('/').splitn(3, '/');
        let org = parts.next().unwrap_or_default();
        let repo = parts.next().filter(|repo| !repo.is_empty()).unwrap_or(org);
        let path = parts.next().unwrap_or_default();
        let plain = |name: &str| {
            !name.is_empty()
                && name != ".."
                && name != "."
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        if !plain(org) || !plain(repo) {
            return Err(refuse("the owner or the repository is no name"));
        }
        if steps_out(path) || reference.is_some_and(steps_out) {
            return Err(refuse("`..` leaves the repository"));
        }
        if reference
            .is_some_and(|reference| reference.is_empty() || reference.contains([' ', '?', '#']))
        {
            return Err(refuse("what follows the @ is no branch, tag or commit"));
        }
        Ok(Self {
            org: org.to_owned(),
            repo: repo.to_owned(),
            path: file_path(path),
            reference: reference.map(str::to_owned),
        })
    }

    /// Another file in the same folder, at the same reference.
    #[must_use]
    pub fn beside(&self, relative: &str) -> Self {
        let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let path = match folder {
            "" => relative.to_owned(),
            folder => format!("{folder}/{relative}"),
        };
        Self { path: file_path(&path), ..self.clone() }
    }
}

fn steps_out(path: &str) -> bool {
    path.split(['/', '\\']).any(|step| step == "..")
}

/// The path with the parts that may be left out: a file in a folder, and an extension. The first
/// character of a file's name may be a dot without being one.
fn file_path(path: &str) -> String {
    let path = path.trim_start_matches("./");
    if path.is_empty() || path.ends_with('/') {
        return format!("{path}{DEFAULT_FILE}");
    }
    let file = path.rsplit('/').next().unwrap_or(path);
    let has_extension = file.char_indices().skip(1).any(|(_, c)| c == '.');
    if has_extension { path.to_owned() } else { format!("{path}.yaml") }
}

impl fmt::Display for GithubLocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "github:{}/{}/{}", self.org, self.repo, self.path)?;
        match &self.reference {
            Some(reference) => write!(f, "@{reference}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_may_be_left_out() {
        for (text, full) in [
            ("lima-vm", "github:lima-vm/lima-vm/.lima.yaml"),
            ("lima-vm/lima", "github:lima-vm/lima/.lima.yaml"),
            ("lima-vm//x", "github:lima-vm/lima-vm/x.yaml"),
            ("o/r/t/", "github:o/r/t/.lima.yaml"),
            ("o/r/t/x", "github:o/r/t/x.yaml"),
            ("o/r/t/.x@main", "github:o/r/t/.x.yaml@main"),
            ("o/r/t/x.sh@v1.2", "github:o/r/t/x.sh@v1.2"),
        ] {
            assert_eq!(GithubLocator::parse(text).expect(text).to_string(), full);
        }
    }

    #[test]
    fn nothing_leaves_the_repository() {
        for text in ["", "/", "o/..", "o/r/../x", "o/r/x@../main", "o r/x", "o/r/x@", "../r"] {
            GithubLocator::parse(text).expect_err(text);
        }
    }
}
