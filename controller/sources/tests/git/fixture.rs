//! A repository that tests push to, and a cache beside it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use limekiln_sources::Snapshot;
use limekiln_sources::git::{GitConfig, GitError, GitOptions, GitReference, GitSource};
use tempfile::TempDir;

pub const MANIFEST: &str = "apiVersion: lima-vm.io/v1alpha1\nkind: Disk\nmetadata: {name: data}\n";

/// A bare repository, a work tree that pushes to it, and a cache.
pub struct Fixture {
    dir: TempDir,
}

impl Fixture {
    /// An empty repository.
    pub fn empty() -> Self {
        let fixture = Self { dir: tempfile::tempdir().expect("dir") };
        git(fixture.dir.path(), &["init", "-q", "--bare", "-b", "main", "vms.git"]);
        git(&fixture.path("vms.git"), &["config", "receive.denyDeleteCurrent", "ignore"]);
        git(fixture.dir.path(), &["init", "-q", "-b", "main", "work"]);
        fixture.git(&["remote", "add", "origin", "../vms.git"]);
        fixture
    }

    /// A repository with one manifest.
    pub fn new() -> Self {
        let fixture = Self::empty();
        fixture.put("web.yaml", MANIFEST);
        fixture.push("first");
        fixture
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The bare repository.
    pub fn url(&self) -> String {
        self.path("vms.git").to_string_lossy().into_owned()
    }

    pub fn put(&self, name: &str, text: &str) {
        let path = self.path("work").join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("dirs");
        fs::write(path, text).expect("write");
    }

    pub fn link(&self, target: &str, name: &str) {
        let path = self.path("work").join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("dirs");
        std::os::unix::fs::symlink(target, path).expect("link");
    }

    /// Runs git in the work tree; what it prints.
    pub fn git(&self, args: &[&str]) -> String {
        git(&self.path("work"), args)
    }

    /// Commits everything and pushes; the commit.
    pub fn push(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["push", "-q", "--force", "origin", "HEAD:refs/heads/main"]);
        self.head()
    }

    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// An object from its bytes, as they are.
    pub fn object(&self, kind: &str, bytes: &[u8]) -> String {
        let mut child = command(&self.path("work"))
            .args(["hash-object", "-t", kind, "--literally", "-w", "--stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("git");
        child.stdin.take().expect("stdin").write_all(bytes).expect("write");
        said(&child.wait_with_output().expect("git"), "hash-object")
    }

    /// Makes a commit of a tree and pushes it.
    pub fn push_tree(&self, tree: &str) -> String {
        let commit = self.git(&["commit-tree", "-m", "made", tree]);
        self.git(&["push", "-q", "--force", "origin", &format!("{commit}:refs/heads/main")]);
        commit
    }

    pub fn config(&self) -> GitConfig {
        GitConfig::new(self.url(), GitReference::Branch("main".into()))
    }

    pub fn below(&self, directory: &str) -> GitConfig {
        GitConfig { subdirectory: Some(directory.into()), ..self.config() }
    }

    pub fn source(&self, config: &GitConfig) -> GitSource {
        self.source_with(config, &GitOptions::default())
    }

    pub fn source_with(&self, config: &GitConfig, options: &GitOptions) -> GitSource {
        GitSource::open("team", config, &self.path("cache"), options).expect("a source")
    }

    /// Fetches once, without a commit that was trusted before.
    pub fn fetch(&self, config: &GitConfig) -> Result<Snapshot, GitError> {
        self.source(config).fetch(None, None)
    }

    /// The repository in the cache.
    pub fn cached(&self) -> PathBuf {
        let entries = fs::read_dir(self.path("cache/team")).expect("cache").flatten();
        let mut dirs = entries.map(|entry| entry.path()).filter(|path| path.is_dir());
        let dir = dirs.next().expect("a repository");
        assert_eq!(dirs.next(), None, "there is one repository");
        dir
    }

    /// An executable shell script, for git to run in ssh's place.
    pub fn script(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, format!("#!/bin/sh\n{text}")).expect("write");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
        path.to_string_lossy().into_owned()
    }

    /// Options with a script in ssh's place, and a configuration that leads there.
    pub fn by_ssh(&self, script: &str) -> (GitConfig, GitOptions) {
        let config = GitConfig { url: format!("host:{}", self.url()), ..self.config() };
        let options = GitOptions { ssh: Some(self.script("remote", script)), ..Default::default() };
        (config, options)
    }
}

/// The names of a snapshot's files.
pub fn names(snapshot: &Snapshot) -> Vec<String> {
    snapshot.files.iter().map(|file| file.origin.to_string_lossy().into_owned()).collect()
}

/// Bytes that don't compress, the same each time.
pub fn noise(size: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[0]
    };
    (0..size).map(|_| next()).collect()
}

/// Git without this host's configuration.
pub fn command(dir: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(dir).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for role in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{role}_NAME"), "Ann")
            .env(format!("GIT_{role}_EMAIL"), "ann@a.example");
    }
    command
}

/// Runs git, which must succeed; what it prints.
pub fn git(dir: &Path, args: &[&str]) -> String {
    said(&command(dir).args(args).output().expect("git"), &args.join(" "))
}

fn said(output: &Output, what: &str) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {what}: {error}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
