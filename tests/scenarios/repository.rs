//! The manifests as a work tree, and a bare repository beside them. Commits have fixed names and
//! times, so that their ids are the same everywhere.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A repository that a controller follows.
pub struct Repository {
    work: PathBuf,
    bare: PathBuf,
}

impl Repository {
    /// The one of these manifests, made at the first use.
    pub fn of(work: PathBuf, bare: PathBuf) -> Self {
        if !bare.exists() {
            git(&work, &["init", "--quiet", "--bare", "-b", "main", &bare.display().to_string()]);
            git(&work, &["init", "--quiet", "-b", "main"]);
        }
        Self { work, bare }
    }

    /// Where it can be fetched from.
    pub fn url(&self) -> String {
        self.bare.display().to_string()
    }

    /// Commits all manifests as they are, and pushes. With `replacing`, the commit stands in place
    /// of the last one: history is rewritten. The id of the commit.
    pub fn commit(&self, message: &str, replacing: bool) -> String {
        // Files that are written in one second look the same to an index that knows them.
        git(&self.work, &["read-tree", "--empty"]);
        git(&self.work, &["add", "--all"]);
        let amend: &[&str] = if replacing { &["--amend"] } else { &[] };
        git(&self.work, &[&["commit", "--quiet", "--message", message], amend].concat());
        git(&self.work, &["push", "--quiet", "--force", &self.url(), "HEAD:refs/heads/main"]);
        git(&self.work, &["rev-parse", "HEAD"])
    }
}

/// Runs git without anybody's configuration; what it prints.
fn git(dir: &Path, words: &[&str]) -> String {
    let mut command = Command::new("git");
    for role in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{role}_NAME"), "Ada")
            .env(format!("GIT_{role}_EMAIL"), "ada@example.com")
            .env(format!("GIT_{role}_DATE"), "2026-01-01T00:00:00Z");
    }
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(name);
    }
    let output = command
        .current_dir(dir)
        .args(["-c", "commit.gpgsign=false", "-c", "init.defaultObjectFormat=sha1"])
        .args(words)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .expect("git is installed");
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}
