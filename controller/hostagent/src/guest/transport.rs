//! The two ways to the guest agent.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;
use tokio::time::sleep;

use crate::forwards;
use crate::ssh::{Direction, Session, forward_path};

/// Where Lima's agent and ours listen in the guest.
const IN_GUEST: &str = "/run/lima-guestagent.sock";

/// Over what the guest agent is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// The machine's virtio-serial port: quick, and there before SSH. Only our agent serves it.
    VirtioSerial,
    /// The agent's socket, forwarded by SSH: what Lima does.
    Ssh,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::VirtioSerial => "its virtio-serial port",
            Self::Ssh => "SSH",
        })
    }
}

/// Where the host's ends of both are.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    /// The hypervisor's socket of the port.
    pub(super) port: PathBuf,
    /// Lima's `ga.sock`, made by SSH.
    pub(super) socket: PathBuf,
}

/// Opens the port. Whether anybody listens to it in the guest shows when somebody answers.
pub(super) async fn open_port(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(path).await
}

/// Has SSH forward the agent's socket, and connects.
pub(super) async fn open_ssh(session: &Session, socket: &Path) -> io::Result<UnixStream> {
    let (from, to) = (forward_path(socket), forward_path(Path::new(IN_GUEST)));
    // One that an earlier connection left would be in the way.
    session.cancel_forward(Direction::FromHost, &from, &to).await;
    // The folder is the instance's: nobody else has it.
    forwards::replace_socket(socket)?;
    session.forward(Direction::FromHost, &from, &to).await?;
    UnixStream::connect(socket).await
}

/// Takes the forward away.
pub(super) async fn close_ssh(session: &Session, socket: &Path) {
    let (from, to) = (forward_path(socket), forward_path(Path::new(IN_GUEST)));
    session.cancel_forward(Direction::FromHost, &from, &to).await;
    // What is no socket is not touched.
    let _ = forwards::replace_socket(socket);
}

/// Waits until there is a control master to ask.
pub(super) async fn master(session: &Session) {
    while !session.socket().exists() {
        sleep(Duration::from_millis(250)).await;
    }
}
