//! One virtiofsd: started before QEMU, which connects to it, and watched until it ends.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::error::MountError;
use super::sftp_server::prepare;
use super::virtiofsd::{Sandbox, Virtiofsd};
use super::words::{self, Words};
use crate::process::Process;
use crate::spec::MountSpec;

/// How long it may take to listen.
const LISTENS: Duration = Duration::from_secs(5);
/// Between two looks, for which every start waits.
const LOOK: Duration = Duration::from_millis(2);

/// A virtiofsd that runs.
#[derive(Debug)]
pub(super) struct Daemon {
    process: Process,
    words: Option<watch::Receiver<Words>>,
}

/// By what another host agent finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DaemonRecord {
    pid: u32,
    start_time: u64,
}

impl Daemon {
    /// Starts one; returns when it listens on `socket`.
    ///
    /// A host may forbid users namespaces of their own. Then it runs without, and that is logged.
    pub(super) async fn start(
        virtiofsd: &Virtiofsd,
        mount: &MountSpec,
        socket: &Path,
    ) -> Result<Self, MountError> {
        prepare(&mount.location)?;
        match Self::try_start(virtiofsd, mount, socket, Sandbox::Namespace).await {
            Err(error) if !rustix::process::geteuid().is_root() => {
                tracing::warn!(
                    "virtiofsd does not start in a sandbox, and runs without one: {error}"
                );
                Self::try_start(virtiofsd, mount, socket, Sandbox::None).await
            }
            outcome => outcome,
        }
    }

    async fn try_start(
        virtiofsd: &Virtiofsd,
        mount: &MountSpec,
        socket: &Path,
        sandbox: Sandbox,
    ) -> Result<Self, MountError> {
        remove(socket)?;
        let failed = |source| MountError::Program { program: "virtiofsd", source };
        let daemon = Self::spawn(virtiofsd.command(mount, socket, sandbox)).map_err(failed)?;
        let deadline = Instant::now() + LISTENS;
        while !socket.exists() {
            tokio::select! {
                why = daemon.ended() => return Err(MountError::Daemon(why)),
                () = sleep(LOOK) => {}
            }
            if Instant::now() > deadline {
                daemon.process.kill();
                let why = format!("it did not listen within {} s", LISTENS.as_secs());
                return Err(MountError::Daemon(why));
            }
        }
        Ok(daemon)
    }

    fn spawn(mut command: Command) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let words = words::listen(reader.into())?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(writer);
        // A signal for the host agent's group must not reach the files' server.
        command.process_group(0);
        Ok(Self { process: Process::child(command.spawn()?)?, words: Some(words) })
    }

    /// Takes over one that another host agent started; `None` if it is gone.
    pub(super) fn adopt(record: DaemonRecord) -> Option<Self> {
        let process = Process::foreign(record.pid, record.start_time)?;
        Some(Self { process, words: None })
    }

    pub(super) fn record(&self) -> DaemonRecord {
        DaemonRecord { pid: self.process.pid(), start_time: self.process.start_time() }
    }

    /// Waits until it has ended; returns why, as far as it said so.
    pub(super) async fn ended(&self) -> String {
        self.process.exited().await;
        let said = match self.words.clone() {
            Some(words) => words::last(words).await,
            None => None,
        };
        said.unwrap_or_else(|| "it ended".to_owned())
    }

    /// Ends it.
    pub(super) fn kill(&self) {
        self.process.kill();
    }

    pub(super) fn reap(&mut self) {
        self.process.reap();
    }
}

fn remove(socket: &Path) -> Result<(), MountError> {
    match fs::remove_file(socket) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(MountError::Location { path: socket.to_owned(), source })
        }
        _ => Ok(()),
    }
}
