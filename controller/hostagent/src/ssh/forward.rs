//! Forwards over the control master.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::time::timeout;

use super::{Session, shell};

/// The master answers at once, the guest's server in a moment.
const DEADLINE: Duration = Duration::from_secs(10);

/// Who connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// The host, to the guest: `-L`.
    FromHost,
    /// The guest, to the host: `-R`.
    FromGuest,
}

impl Direction {
    fn option(self) -> &'static str {
        match self {
            Self::FromHost => "-L",
            Self::FromGuest => "-R",
        }
    }
}

/// An address as ssh reads it.
pub(crate) fn forward_end(address: SocketAddr) -> String {
    address.to_string()
}

/// A path as ssh reads it: a colon would end it, and `%` begins a token of ssh's own.
pub(crate) fn forward_path(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "\\\\").replace(':', "\\:");
    text.replace('%', "%%")
}

impl Session {
    /// Asks for a forward. It is there when this returns.
    ///
    /// # Errors
    /// There is no master, the place is taken, or the guest refuses.
    pub(crate) async fn forward(
        &self,
        direction: Direction,
        from: &str,
        to: &str,
    ) -> io::Result<()> {
        self.ask_master("forward", direction, from, to).await
    }

    /// Takes a forward away. That there is none is fine.
    pub(crate) async fn cancel_forward(&self, direction: Direction, from: &str, to: &str) {
        let _ = self.ask_master("cancel", direction, from, to).await;
    }

    async fn ask_master(
        &self,
        what: &str,
        direction: Direction,
        from: &str,
        to: &str,
    ) -> io::Result<()> {
        let mut ssh = self.ssh();
        ssh.args(["-O", what, direction.option()]).arg(format!("{from}:{to}")).arg("127.0.0.1");
        ssh.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let output = timeout(DEADLINE, ssh.output()).await;
        let output = output.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("ssh refused");
        Err(io::Error::other(last.trim().chars().take(200).collect::<String>()))
    }

    /// Removes a file in the guest, as its user.
    ///
    /// # Errors
    /// The guest can't be reached, or it may not be removed.
    pub(crate) async fn remove_file(&self, path: &Path) -> io::Result<()> {
        let command = format!("rm -f -- {}", shell::word(&path.to_string_lossy()));
        let output = timeout(DEADLINE, self.run(&command, "")).await;
        let output = output.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        match output.status.success() {
            true => Ok(()),
            false => {
                Err(io::Error::other(format!("cannot replace {} in the guest", path.display())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_what_ssh_reads() {
        assert_eq!(forward_end("[::1]:80".parse().unwrap()), "[::1]:80");
        assert_eq!(forward_path(Path::new("/a:b%c\\d")), "/a\\:b%%c\\\\d");
    }
}
