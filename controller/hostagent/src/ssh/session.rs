//! Commands in the guest, over the control master.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::SshOption;
use super::options::quoted;

/// How long the control master may take to end.
const EXIT_DEADLINE: Duration = Duration::from_secs(2);

/// Between two looks whether one that was told to is gone.
const GOING: Duration = Duration::from_millis(5);

/// So much of what a guest prints is kept; it may print without end.
const KEPT: u64 = 1 << 16;

/// How to run commands in one guest.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    options: Vec<SshOption>,
    socket: PathBuf,
    port: u16,
}

impl Session {
    pub(crate) fn new(options: Vec<SshOption>, socket: PathBuf, port: u16) -> Self {
        Self { options, socket, port }
    }

    /// Runs a command, given as one text to the user's shell in the guest, with `input`. The
    /// first one opens the control master. Ends with this future. Of the output, the beginning is
    /// returned.
    pub(crate) async fn run(&self, command: &str, input: &str) -> io::Result<Output> {
        let mut ssh = self.ssh();
        // Also bounds the wait for the server's first words, which never come from a guest that
        // is not up.
        ssh.args(["-o", "ConnectTimeout=30", "127.0.0.1", "--", command]);
        ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = ssh.kill_on_drop(true).spawn()?;
        let (stdin, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let write = async {
            if let Some(mut stdin) = stdin {
                // A command that does not read its input is not an error.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
        };
        let ((), stdout, stderr, status) =
            tokio::join!(write, beginning(out), beginning(err), child.wait());
        Ok(Output { status: status?, stdout: stdout?, stderr: stderr? })
    }

    /// A connection of its own, which ends when no one else does, over another control master.
    pub(crate) fn apart(&self, socket: PathBuf) -> Self {
        let mut options = self.options.clone();
        for option in options.iter_mut().filter(|option| option.key == "ControlPath") {
            option.value = quoted(&socket);
        }
        // What else goes through a connection is not for this one.
        options.retain(|option| !option.key.starts_with("Forward"));
        // A guest that was reset says nothing, and a connection on which nothing is sent lives on.
        // One that is only slow gets a minute.
        for (key, value) in [("ServerAliveInterval", "5"), ("ServerAliveCountMax", "12")] {
            options.push(SshOption { key, value: value.to_owned() });
        }
        Self { options, socket, port: self.port }
    }

    /// Whether there is a control master. One that was killed leaves its socket behind; the next
    /// command finds out.
    pub(crate) fn is_connected(&self) -> bool {
        self.socket.exists()
    }

    /// The program that runs a command in the guest; what it reads and writes is the caller's.
    pub(crate) fn command(&self, command: &str) -> std::process::Command {
        let mut ssh = self.ssh();
        ssh.args(["-o", "ConnectTimeout=30", "127.0.0.1", "--", command]);
        ssh.into_std()
    }

    /// Ends the control master.
    pub(crate) async fn exit(&self) {
        if !self.socket.exists() {
            return;
        }
        let mut ssh = self.ssh();
        ssh.args(["-O", "exit", "127.0.0.1"]);
        ssh.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let ended = async {
            // It answers first, and takes its socket away last: by then it could be that of another
            // master.
            if ssh.kill_on_drop(true).status().await.is_ok_and(|status| status.success()) {
                while self.socket.exists() {
                    tokio::time::sleep(GOING).await;
                }
            }
        };
        // A master that does not end loses its connection in a moment, with the VM.
        let _ = tokio::time::timeout(EXIT_DEADLINE, ended).await;
        let _ = std::fs::remove_file(&self.socket);
    }

    /// The control master's socket.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// `ssh` with its options, for this guest.
    pub(super) fn ssh(&self) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "/dev/null"]);
        for SshOption { key, value } in &self.options {
            ssh.arg("-o").arg(format!("{key}={value}"));
        }
        ssh.arg("-p").arg(self.port.to_string());
        // A signal for the host agent's group must not cut the connection before the VM stops.
        ssh.process_group(0);
        ssh
    }
}

/// Reads to the end, and keeps the beginning.
async fn beginning(stream: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    let Some(mut stream) = stream else { return Ok(kept) };
    (&mut stream).take(KEPT).read_to_end(&mut kept).await?;
    // Unread, the rest would keep the command from ending.
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn an_endless_talker_is_cut_short() {
        use tokio::io::AsyncReadExt;
        let talk = tokio::io::repeat(b'x').take(10 << 20);
        let kept = super::beginning(Some(talk)).await.unwrap();
        assert_eq!(kept.len() as u64, super::KEPT);
    }
}
