//! One SFTP connection: ssh with sshfs at its far end, and a server at its near one.
//!
//! The two are joined directly, so no byte of a file passes through the host agent, and a mount
//! goes on when the host agent is gone.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::confine::{self, Bounds};
use super::error::MountError;
use super::words::{self, Words};
use super::{guest, sftp_server};
use crate::process::Process;
use crate::spec::{MountKind, MountSpec};
use crate::ssh::Session;

/// How long the guest may take to mount; it may have to install sshfs first.
const DEADLINE: Duration = Duration::from_secs(120);

/// A running connection.
#[derive(Debug)]
pub(super) struct Link {
    ssh: Process,
    sftp: Process,
    words: Option<watch::Receiver<Words>>,
}

/// The processes of a link, by which another host agent finds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LinkRecord {
    /// Pid and start time of ssh.
    ssh: (u32, u64),
    /// Pid and start time of the server.
    sftp: (u32, u64),
}

impl Link {
    /// Mounts; returns when the mount is in place. A link that is dropped before is cut.
    pub(super) async fn open(session: &Session, mount: &MountSpec) -> Result<Self, MountError> {
        sftp_server::prepare(&mount.location)?;
        let link = Cut(Some(Self::start(session, mount)?));
        link.wait_until_mounted().await?;
        link.keep()
    }

    /// Takes over a link that another host agent opened; `None` if it is not whole any more.
    pub(super) fn adopt(record: LinkRecord) -> Option<Self> {
        let ssh = Process::foreign(record.ssh.0, record.ssh.1);
        let sftp = Process::foreign(record.sftp.0, record.sftp.1);
        if let (Some(ssh), Some(sftp)) = (&ssh, &sftp) {
            let _ = (ssh, sftp);
        } else {
            [&ssh, &sftp].into_iter().flatten().for_each(Process::kill);
        }
        Some(Self { ssh: ssh?, sftp: sftp?, words: None })
    }

    pub(super) fn record(&self) -> LinkRecord {
        let of = |process: &Process| (process.pid(), process.start_time());
        LinkRecord { ssh: of(&self.ssh), sftp: of(&self.sftp) }
    }

    fn start(session: &Session, mount: &MountSpec) -> Result<Self, MountError> {
        let failed = |program| move |source| MountError::Program { program, source };
        let program = sftp_server::find()?;
        let (near, far) = UnixStream::pair().map_err(failed("a connection"))?;
        let (reader, writer) = std::io::pipe().map_err(failed("a pipe"))?;
        let words = words::listen(reader.into()).map_err(failed("a pipe"))?;
        let both = |end: UnixStream| {
            let other = end.try_clone().map_err(failed("a connection"))?;
            Ok((Stdio::from(OwnedFd::from(end)), Stdio::from(OwnedFd::from(other))))
        };
        let mut server = sftp_server::command(&program, mount);
        let (stdin, stdout) = both(near)?;
        server.stdin(stdin).stdout(stdout);
        server.stderr(writer.try_clone().map_err(failed("a pipe"))?);
        own_group(&mut server);
        let server = match &mount.kind {
            // Links may lead anywhere, which is what was asked for.
            MountKind::ReverseSshfs { follow_symlinks: true, .. } => server.spawn(),
            _ => confine::spawn(server, bounds(&program, mount)),
        };
        let sftp = server.and_then(Process::child).map_err(failed("sftp-server"))?;
        let mut ssh = session.command(&guest::mount_command(mount));
        let (stdin, stdout) = both(far)?;
        ssh.stdin(stdin).stdout(stdout).stderr(writer);
        match ssh.spawn().and_then(Process::child) {
            Ok(ssh) => Ok(Self { ssh, sftp, words: Some(words) }),
            // The server ends by itself: nobody has its other end any more.
            Err(source) => Err(failed("ssh")(source)),
        }
    }

    async fn wait_until_mounted(&self) -> Result<(), MountError> {
        let Some(mut words) = self.words.clone() else { return Ok(()) };
        let mounted = async {
            if words.wait_for(|words| words.mounted).await.is_err() {
                // Both ends are closed; how it ended tells more.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            () = mounted => Ok(()),
            why = self.ended() => Err(MountError::Guest(why)),
            () = tokio::time::sleep(DEADLINE) => Err(MountError::Deadline(DEADLINE.as_secs())),
        }
    }

    /// Waits until the connection has ended; returns why.
    pub(super) async fn ended(&self) -> String {
        let server = tokio::select! {
            () = self.ssh.exited() => false,
            () = self.sftp.exited() => true,
        };
        let said = self.last_words().await;
        match (server, said) {
            // Then the connection ends, too, and what it says of that is not the cause.
            (true, _) => "the host's SFTP server ended".to_owned(),
            (false, Some(said)) => said,
            (false, None) => "sshfs in the guest, or the connection to it, ended".to_owned(),
        }
    }

    async fn last_words(&self) -> Option<String> {
        words::last(self.words.clone()?).await
    }

    /// Ends both processes.
    pub(super) async fn cut(mut self) {
        self.kill();
        self.ssh.exited().await;
        self.sftp.exited().await;
        self.ssh.reap();
        self.sftp.reap();
    }

    fn kill(&self) {
        self.ssh.kill();
        self.sftp.kill();
    }
}

/// A link that is not in place yet.
struct Cut(Option<Link>);

impl Cut {
    fn keep(mut self) -> Result<Link, MountError> {
        self.0.take().ok_or_else(|| MountError::Guest("the connection was lost".to_owned()))
    }

    async fn wait_until_mounted(&self) -> Result<(), MountError> {
        match &self.0 {
            Some(link) => link.wait_until_mounted().await,
            None => Ok(()),
        }
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        if let Some(link) = self.0.take() {
            // Reaped where there is somebody to wait.
            tokio::spawn(link.cut());
        }
    }
}

fn bounds(program: &std::path::Path, mount: &MountSpec) -> Bounds {
    Bounds {
        directory: mount.location.clone(),
        writable: mount.writable,
        program: program.to_owned(),
    }
}

/// A signal for the host agent's group must not reach the files' server.
fn own_group(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}
