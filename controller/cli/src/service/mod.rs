//! The controller as a service of the user's session.

mod launchd;
mod program;
mod systemd;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use crate::exit::{Exit, Failure};

pub use program::program;

/// A controller that has not looked for so long is started anew, where the manager can tell.
pub const WATCHDOG: Duration = Duration::from_secs(120);

/// How the service is started: this program, `run`, and more words.
pub struct Start {
    /// All words, the program's path first.
    pub words: Vec<String>,
    /// Where relative paths are relative to.
    pub folder: PathBuf,
    /// `LIMA_HOME`, where it is not the usual one.
    pub lima_home: Option<String>,
    /// `PATH` of who installs it, for a manager whose own one does not lead to QEMU.
    pub path: Option<String>,
}

/// A service manager.
pub struct Manager {
    /// What it is called.
    pub name: &'static str,
    /// The file that describes the service.
    pub file: PathBuf,
    /// Its text, with where the log goes.
    text: fn(&Start, Option<&Path>) -> String,
    /// Where what it prints goes, if its manager does not see to that.
    pub log: Option<PathBuf>,
    /// What stops one that is known already: fails if none is.
    unload: fn(&Path) -> Vec<Vec<String>>,
    /// What makes it known and starts it, what stops it and forgets it, and what tells about it.
    start: fn(&Path) -> Vec<Vec<String>>,
    stop: fn(&Path) -> Vec<Vec<String>>,
    show: fn(&Path) -> Vec<String>,
}

impl Manager {
    /// The one of this system.
    ///
    /// # Errors
    /// If there is no home directory.
    pub fn here() -> anyhow::Result<Self> {
        if cfg!(target_os = "macos") { launchd::manager() } else { systemd::manager() }
    }

    /// Writes the file and starts the service; one that runs is started anew.
    ///
    /// # Errors
    /// If the file cannot be written, or the manager refuses.
    pub fn install(&self, start: &Start) -> anyhow::Result<()> {
        for file in [Some(&self.file), self.log.as_ref()].into_iter().flatten() {
            let folder = file.parent().context("a file has a folder")?;
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        fs::write(&self.file, self.text(start))
            .with_context(|| format!("cannot write {}", self.file.display()))?;
        for words in (self.unload)(&self.file) {
            // On the first time there is none.
            let _ = self.command(&words).output();
        }
        (self.start)(&self.file).iter().try_for_each(|words| self.call(words))
    }

    /// What the file says.
    pub fn text(&self, start: &Start) -> String {
        (self.text)(start, self.log.as_deref())
    }

    /// Stops the service and removes the file. VMs go on.
    ///
    /// # Errors
    /// If the file cannot be removed, or the manager refuses.
    pub fn uninstall(&self) -> anyhow::Result<bool> {
        if !self.file.exists() {
            return Ok(false);
        }
        for words in (self.stop)(&self.file) {
            self.call(&words)?;
        }
        fs::remove_file(&self.file)
            .with_context(|| format!("cannot remove {}", self.file.display()))?;
        Ok(true)
    }

    /// Has the manager tell about the service.
    ///
    /// # Errors
    /// If the manager is not there.
    pub fn status(&self) -> anyhow::Result<Exit> {
        if !self.file.exists() {
            outln!("not installed: there is no {}", self.file.display());
            return Ok(Exit::Failed);
        }
        let words = (self.show)(&self.file);
        let status = self.command(&words).status().map_err(|error| self.absent(&error))?;
        Ok(if status.success() { Exit::Done } else { Exit::Failed })
    }

    fn command(&self, words: &[String]) -> Command {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command
    }

    fn call(&self, words: &[String]) -> anyhow::Result<()> {
        let output = self.command(words).output().map_err(|error| self.absent(&error))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let message = format!("`{}` failed: {}", words.join(" "), said.trim());
        let hint =
            format!("the file is {}; {} has to run for this user", self.file.display(), self.name);
        Err(Failure::new(Exit::Failed, message).hint(hint).into())
    }

    fn absent(&self, error: &std::io::Error) -> anyhow::Error {
        let why =
            if error.kind() == ErrorKind::NotFound { "is not here" } else { "cannot be asked" };
        let hint = format!(
            "start `limekiln run` by what this system has; --print shows {}'s file",
            self.name
        );
        Failure::new(Exit::Failed, format!("{} {why}", self.name)).hint(hint).into()
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}
