//! What `shell` and `copy` need of an instance.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use limekiln_model::Name;

use crate::compose::App;
use crate::exit::{Exit, Failure};

/// The program, with what `SSH` says of it: Lima's variable, words of a shell.
///
/// # Errors
/// If its quotes do not match.
pub fn command() -> anyhow::Result<Command> {
    let text = std::env::var("SSH").unwrap_or_default();
    let words = shlex::split(&text).with_context(|| format!("SSH: cannot read `{text}`"))?;
    let mut words = words.into_iter();
    let mut command = Command::new(words.next().unwrap_or_else(|| "ssh".to_owned()));
    command.args(words);
    Ok(command)
}

/// How ssh reaches an instance.
pub struct Target {
    /// The instance.
    pub name: Name,
    /// The host name in the configuration.
    pub host: String,
    /// The configuration file.
    pub config: PathBuf,
}

/// The way to a running instance.
///
/// # Errors
/// If there is no such instance or it does not run.
pub fn target(app: &App, name: &str) -> anyhow::Result<Target> {
    let name = Name::new(name).map_err(|error| Failure::bad_input(error.to_string()))?;
    let dir = app.lima_home().join(name.as_str());
    if !dir.join("lima.yaml").exists() {
        let failure = Failure::bad_input(format!("there is no instance {name}"));
        return Err(failure.hint("`limekiln get instances` shows those that exist").into());
    }
    let config = dir.join("ssh.config");
    if !dir.join("ha.sock").exists() || !config.exists() {
        let failure = Failure::new(Exit::Failed, format!("instance/{name} does not run"));
        return Err(failure.hint(format!("start it: limekiln start {name}")).into());
    }
    Ok(Target { host: name.hostname(), name, config })
}
