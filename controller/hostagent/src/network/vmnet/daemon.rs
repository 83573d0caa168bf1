//! Starting and stopping socket_vmnet through sudo.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{Instant, sleep};

use super::VmnetNetwork;
use crate::network::NetworkError;
use crate::network::lock::Lock;
use crate::{pidfile, process};

/// As long as Lima waits for the pid file.
const START: Duration = Duration::from_secs(30);
/// For its end.
const STOP: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);
/// One that ends at once is started again after these pauses: vmnet may be busy with the last.
const PAUSES: [u64; 5] = [0, 1, 2, 4, 8];

/// socket_vmnet for one network.
#[derive(Clone, Copy, Debug)]
pub struct VmnetDaemon<'a> {
    network: VmnetNetwork<'a>,
    lima_home: &'a Path,
    sudo: &'a Path,
}

impl<'a> VmnetDaemon<'a> {
    /// Started by `sudo`, with its logs below the home.
    pub fn new(network: VmnetNetwork<'a>, lima_home: &'a Path, sudo: &'a Path) -> Self {
        Self { network, lima_home, sudo }
    }

    /// Whether it lives.
    pub fn serves(&self) -> bool {
        let pid = pidfile::read(&self.network.pidfile());
        pid.is_some_and(process::exists) && self.network.socket().exists()
    }

    /// Makes sure that it runs.
    ///
    /// # Errors
    /// sudo refuses, or the daemon does not start.
    pub async fn ensure(&self) -> Result<(), NetworkError> {
        let logs = self.lima_home.join("_networks");
        let _lock = Lock::take(&logs).await?;
        if self.serves() {
            return Ok(());
        }
        self.run(&VmnetNetwork::mkdir(self.network.config)).await?;
        let mut last = String::new();
        for pause in PAUSES {
            sleep(Duration::from_secs(pause)).await;
            match self.start(&logs).await {
                Ok(()) => return Ok(()),
                Err(NetworkError::Start { reason, .. }) => last = reason,
                Err(error) => return Err(error),
            }
        }
        Err(self.failed(last))
    }

    /// Stops it.
    ///
    /// # Errors
    /// sudo refuses.
    pub async fn stop(&self) -> Result<(), NetworkError> {
        let _lock = Lock::take(&self.lima_home.join("_networks")).await?;
        let Some(pid) = pidfile::read(&self.network.pidfile()).filter(|pid| process::exists(*pid))
        else {
            return Ok(());
        };
        self.run(&self.network.stop()).await?;
        let begun = Instant::now();
        while process::exists(pid) && begun.elapsed() < STOP {
            sleep(LOOK).await;
        }
        Ok(())
    }

    async fn start(&self, logs: &Path) -> Result<(), NetworkError> {
        let log = |kind: &str| -> Result<(PathBuf, File), NetworkError> {
            let path = logs.join(format!("{}_socket_vmnet.{kind}.log", self.network.name));
            let file = File::create(&path).map_err(NetworkError::file("write", &path))?;
            Ok((path, file))
        };
        let ((_, out), (errors, err)) = (log("stdout")?, log("stderr")?);
        let mut command = self.sudo(&self.network.start());
        command.stdout(out).stderr(err).process_group(0);
        let mut child = command.spawn().map_err(|error| self.failed(error.to_string()))?;
        let begun = Instant::now();
        while begun.elapsed() < START {
            if self.serves() {
                return Ok(());
            }
            if let Ok(Some(status)) = child.try_wait() {
                let said = fs::read_to_string(&errors).unwrap_or_default();
                let said = said.lines().last().map(str::to_owned);
                return Err(self.failed(said.unwrap_or_else(|| status.to_string())));
            }
            sleep(LOOK).await;
        }
        Err(self.failed(format!("it has no pid file after {} s", START.as_secs())))
    }

    async fn run(&self, line: &str) -> Result<(), NetworkError> {
        let output = self.sudo(line).output().await;
        let output = output.map_err(|error| self.failed(error.to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(NetworkError::Host {
            what: format!("sudo refuses `{line}`: {}", said.lines().last().unwrap_or_default()),
            hint: "limekiln sudoers | sudo tee /private/etc/sudoers.d/lima".to_owned(),
        })
    }

    fn sudo(&self, line: &str) -> Command {
        let mut command = Command::new(self.sudo);
        command.args(["--user", "root", "--group", "wheel", "--non-interactive"]);
        // As in the sudoers file: no word holds a blank.
        command.args(line.split(' ')).stdin(Stdio::null());
        command
    }

    fn failed(&self, reason: String) -> NetworkError {
        NetworkError::Start { network: self.network.name.to_string(), reason }
    }
}

/// Whether sudo asks for no password at all: then no sudoers file is needed.
pub async fn sudo_works(sudo: &Path) -> bool {
    let mut forget = Command::new(sudo);
    // Otherwise a password that was typed a minute ago would count.
    let _ = forget.arg("-k").stdin(Stdio::null()).status().await;
    let mut command = Command::new(sudo);
    command.args(["--user", "root", "--group", "wheel", "--non-interactive", "true"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().await.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use limekiln_api::networks_yaml::NetworksConfig;

    use super::*;

    /// sudo without rights, and a daemon that makes the files that socket_vmnet makes.
    #[tokio::test]
    async fn it_starts_once_and_stops() {
        let home = tempfile::tempdir().unwrap();
        let program = |name: &str, text: &str| {
            let path = home.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let sudo = program(
            "sudo",
            "#!/bin/sh\nshift 5\n[ \"$1\" = /usr/bin/pkill ] && { read -r pid <\"$3\"; kill \"$pid\"; rm \"$3\"; exit; }\nexec \"$@\"\n",
        );
        let daemon = "#!/bin/sh\nfor word; do case $word in --pidfile=*) echo $$ >\"${word#*=}\";; esac; done\n: >\"$word\"\nexec sleep 60\n";
        let mut config = NetworksConfig::default();
        config.paths.socket_vmnet = program("socket_vmnet", daemon);
        config.paths.var_run = home.path().join("run");
        let shared = VmnetNetwork::all(&config).find(|it| it.name.as_str() == "shared").unwrap();
        let daemon = VmnetDaemon::new(shared, home.path(), &sudo);
        assert!(!daemon.serves());
        daemon.ensure().await.unwrap();
        let pid = pidfile::read(&shared.pidfile()).unwrap();
        daemon.ensure().await.unwrap();
        assert_eq!(pidfile::read(&shared.pidfile()), Some(pid), "once");
        daemon.stop().await.unwrap();
        assert!(!daemon.serves() && !process::exists(pid));
        daemon.stop().await.unwrap();
        assert!(sudo_works(&program("yes", "#!/bin/sh\nexit 0\n")).await);
    }
}
