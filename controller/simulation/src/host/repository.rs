//! A git repository that manifests are pushed to.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The branch that is followed.
pub(super) const BRANCH: &str = "main";

/// One without a work tree.
pub(super) struct Repository {
    dir: PathBuf,
}

impl Repository {
    /// The one in this directory.
    pub(super) fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Makes it, with nothing in it.
    pub(super) fn init(&self) -> io::Result<()> {
        self.run(&["init", "--quiet", "--bare", "--initial-branch", BRANCH], b"")
    }

    /// Pushes files as a commit on top of the last one, unless that holds the same.
    pub(super) fn push(&self, files: &[(&str, String)]) -> io::Result<()> {
        let commit = commit(files, self.tip().map(|_| "^0"));
        let last = self.dir.join("last");
        if fs::read(&last).is_ok_and(|last| last == commit) {
            return Ok(());
        }
        self.run(&["fast-import", "--quiet"], &commit)?;
        fs::write(last, commit)
    }

    /// Puts files in the place of the last commit, which is in no history any more.
    pub(super) fn force_push(&self, files: &[(&str, String)]) -> io::Result<()> {
        self.run(&["fast-import", "--quiet", "--force"], &commit(files, Some("~1")))
    }

    /// The commit that the branch leads to.
    pub(super) fn tip(&self) -> Option<String> {
        let reference = self.dir.join("refs/heads").join(BRANCH);
        Some(fs::read_to_string(reference).ok()?.trim().to_owned())
    }

    /// Whatever this user has configured does not count: equal seeds give equal commits.
    fn run(&self, words: &[&str], input: &[u8]) -> io::Result<()> {
        let mut git = Command::new("git");
        git.arg("--git-dir").arg(&self.dir).args(words);
        git.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        let mut child = git.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input)?;
        }
        let status = child.wait()?;
        let failed = || io::Error::other(format!("git {}: {status}", words[0]));
        status.success().then_some(()).ok_or_else(failed)
    }
}

/// For `git fast-import`. Which commit comes before is told relative to the branch.
fn commit(files: &[(&str, String)], parent: Option<&str>) -> Vec<u8> {
    let mut text = format!("commit refs/heads/{BRANCH}\n");
    text += "committer somebody <somebody@example.com> 1700000000 +0000\ndata 0\n";
    text += &parent.map(|parent| format!("from refs/heads/{BRANCH}{parent}\n")).unwrap_or_default();
    text += "deleteall\n";
    for (name, content) in files {
        text += &format!("M 100644 inline {name}\ndata {}\n{content}\n", content.len());
    }
    text.into_bytes()
}
