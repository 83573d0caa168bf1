//! The user's git, on one repository of ours.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::failure::{detail, is_damage};
use super::ssh::never_asking;
use super::url::Url;
use super::{GitError, GitOptions, Stopper};
use crate::process::{self, Bounds, Ended};

/// The most that is kept of what git prints, in bytes. 10,000 commit ids are less.
const MAX_OUTPUT: usize = 1 << 20;

/// Variables of the user that stay; all others that begin with `GIT_` would lead git to other
/// repositories, objects and settings than those that were checked.
const KEPT: &[&str] = &[
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_SYSTEM",
    "GIT_EXEC_PATH",
    "GIT_SSH",
    "GIT_SSH_VARIANT",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "GIT_SSL_CERT",
    "GIT_SSL_KEY",
];

/// Settings that hold whatever the user's configuration says.
const SETTINGS: &[&str] = &[
    // Nothing of a repository runs.
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.askPass=",
    "credential.interactive=false",
    // Objects are checked when they come, always into a pack, and on disk before a name has them.
    "fetch.fsckObjects=true",
    "transfer.fsckObjects=true",
    "fetch.unpackLimit=1",
    "transfer.unpackLimit=1",
    "core.fsync=all",
    // Nothing else is fetched, and nothing goes on in the background.
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
    "transfer.bundleURI=false",
    "fetch.writeCommitGraph=false",
    "maintenance.auto=false",
    // What a name led to before is not kept for that.
    "core.logAllRefUpdates=false",
    "gc.auto=0",
    // Defaults of later versions.
    "init.defaultRefFormat=files",
    "protocol.version=2",
    // A connection that has died ends also when nobody is left to kill git.
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
];

/// Runs git on one bare repository, with one deadline for all that it is asked.
#[derive(Clone, Copy)]
pub(super) struct Git<'a> {
    pub(super) options: &'a GitOptions,
    pub(super) url: &'a Url,
    pub(super) dir: &'a Path,
    /// Standard input of each git: a git that outlives us keeps the lock.
    pub(super) lock: &'a File,
    pub(super) stopper: &'a Stopper,
    pub(super) deadline: Instant,
    /// True if the repository has only what this fetch brought: what is broken came like that.
    pub(super) fresh: bool,
}

/// What an ended git left.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) status: ExitStatus,
    pub(super) out: String,
    pub(super) err: String,
}

impl Git<'_> {
    /// Runs git in the repository, however it ends.
    ///
    /// # Errors
    /// It can't be started, is stopped or too slow.
    pub(super) fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Output, GitError> {
        self.run_with(&mut self.command(args), &mut || true)
    }

    /// Runs git, which must succeed; what it prints.
    ///
    /// # Errors
    /// As [`Git::run`], and if it fails: what it reads is our own repository.
    pub(super) fn print<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<String, GitError> {
        let output = self.run(args)?;
        if output.status.success() { Ok(output.out) } else { Err(self.damaged(&output.err)) }
    }

    /// Runs a command as [`Git::run`] does; `go_on` is asked again and again whether it may.
    pub(super) fn run_with(
        &self,
        command: &mut Command,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Output, GitError> {
        let timeout = self.deadline.saturating_duration_since(Instant::now());
        let bounds = Bounds { timeout, out: MAX_OUTPUT, err: 64 << 10 };
        let mut go_on = || !self.stopper.is_stopped() && go_on();
        let url = || self.url.shown.clone();
        match process::run(command, bounds, &mut go_on) {
            Ok(Ended::Exited { status, out, err }) => {
                Ok(Output { status, out, err: self.url.hide(err) })
            }
            Ok(Ended::TooSlow) => {
                Err(GitError::TooSlow { url: url(), seconds: self.options.timeout.as_secs() })
            }
            Ok(Ended::Stopped) => Err(GitError::Stopped { url: url() }),
            Err(error) => Err(failed_start(Path::new(command.get_program()), error)),
        }
    }

    /// A command on the repository.
    pub(super) fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = self.plain();
        command.arg("--git-dir").arg(self.dir).args(args);
        command
    }

    /// A command on no repository yet.
    pub(super) fn plain(&self) -> Command {
        let mut command = Command::new(&self.options.git);
        command.env_clear().envs(environment(env::vars_os()));
        command.arg("--no-pager");
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        match self.lock.try_clone() {
            Ok(lock) => command.stdin(lock),
            Err(_) => command.stdin(Stdio::null()),
        };
        command
    }

    /// Lets ssh of this command never ask.
    pub(super) fn set_ssh(&self, command: &mut Command) -> Result<(), GitError> {
        if self.url.local.is_some() || self.url.given.starts_with("https:") {
            return Ok(());
        }
        let set = self.options.ssh.clone().or_else(|| env::var("GIT_SSH_COMMAND").ok());
        let set = match set {
            Some(set) => set,
            None => self.run(&["config", "--get", "core.sshCommand"])?.out.trim().to_owned(),
        };
        if !set.is_empty() {
            command.env("GIT_SSH_COMMAND", never_asking(&set));
        } else if env::var_os("GIT_SSH").is_none() {
            command.env("GIT_SSH_COMMAND", never_asking("ssh"));
        }
        Ok(())
    }

    /// The error for a git that failed on our own repository.
    pub(super) fn damaged(&self, err: &str) -> GitError {
        GitError::Damaged { cache: self.dir.to_owned(), detail: detail(err) }
    }

    /// Whether that is why it failed.
    pub(super) fn is_damage(&self, err: &str) -> bool {
        !self.fresh && is_damage(err, &self.dir.to_string_lossy())
    }

    /// The same with a deadline that begins now.
    pub(super) fn renewed(self) -> Self {
        Self { deadline: Instant::now() + self.options.timeout, ..self }
    }

    /// How long all may still take.
    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// A program that can't be started.
pub(super) fn failed_start(program: &Path, error: io::Error) -> GitError {
    if error.kind() == io::ErrorKind::NotFound {
        GitError::NoProgram { program: program.to_owned() }
    } else {
        GitError::io(program, error)
    }
}

/// The user's environment without what could lead git astray or let it ask.
fn environment(all: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    let stays = |name: &str| !name.starts_with("GIT_") || KEPT.contains(&name);
    let mut kept: Vec<_> = all
        .filter(|(name, _)| name.to_str().is_some_and(stays))
        .filter(|(name, _)| name != "LANGUAGE" && name != "SSH_ASKPASS")
        .collect();
    for (name, value) in [
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_ASKPASS", ""),
        ("GCM_INTERACTIVE", "never"),
        ("GIT_ALLOW_PROTOCOL", "file:https:ssh"),
        ("GIT_NO_REPLACE_OBJECTS", "1"),
        ("GIT_NO_LAZY_FETCH", "1"),
        // A delta that would need more than this is a bomb: git makes none for larger files.
        ("GIT_ALLOC_LIMIT", "1g"),
        // Messages are read.
        ("LC_ALL", "C"),
    ] {
        kept.push((name.into(), value.into()));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_leads_git_nowhere_else() {
        let own = [("GIT_DIR", "/x"), ("GIT_CONFIG_COUNT", "1"), ("HOME", "/h"), ("GIT_SSH", "s")];
        let own = own.into_iter().map(|(name, value)| (name.into(), value.into()));
        let kept: Vec<String> = environment(own)
            .into_iter()
            .map(|(name, _)| name.to_string_lossy().into_owned())
            .collect();
        assert_eq!(kept[..2], ["HOME", "GIT_SSH"]);
        assert!(!kept.iter().any(|name| name == "GIT_DIR" || name == "GIT_CONFIG_COUNT"));
    }
}
